"""Held-out findings leave no positive behind, and findings with too few records are not learnt."""

import pytest

from training_scripts.data.filter import hold_out_findings, is_hidden, trainable_findings


class TestHoldingOut:
    def test_synonyms_and_spellings_name_the_finding(self):
        assert hold_out_findings(["LBBB", "Atrial-Flutter", "early repolarization"]) == (
            "left bundle branch block",
            "atrial flutter",
            "early repolarization",
        )

    def test_an_unknown_name_is_an_error(self):
        with pytest.raises(ValueError, match=r"`--held_out_findings` names 'vapours'.*name or synonym"):
            hold_out_findings(["early repolarization", "vapours"])

    @pytest.mark.parametrize(
        ("finding", "hidden"),
        [
            ("myocardial infarction", True),
            ("inferolateral myocardial infarction", True),
            ("myocardial ischemia", False),
            ("a finding of its own", False),
        ],
    )
    def test_a_kind_of_a_held_out_finding_is_hidden(self, finding, hidden):
        assert is_hidden(finding, ["myocardial infarction"]) is hidden

    def test_the_parent_of_a_held_out_finding_is_not_hidden(self):
        assert not is_hidden("myocardial infarction", ["inferior myocardial infarction"])


class TestTrainableFindings:
    counts = {"early repolarization": 1, "q waves": 2, "sinus rhythm": 3}

    @pytest.mark.parametrize(
        ("min_positives", "expected"),
        [
            (0, ("early repolarization", "q waves", "sinus rhythm")),
            (1, ("early repolarization", "q waves", "sinus rhythm")),
            (2, ("q waves", "sinus rhythm")),
        ],
    )
    def test_positive_and_uncertain_records_count(self, min_positives, expected):
        assert trainable_findings(self.counts, min_positives=min_positives) == expected

    def test_held_out_findings_are_left_out_however_common(self):
        kept = trainable_findings(self.counts, min_positives=1, held_out=["sinus rhythm"])

        assert kept == ("early repolarization", "q waves")

    def test_nothing_left_is_an_error(self):
        with pytest.raises(
            ValueError, match=r"None of 3 findings has 4 positive or uncertain training records\. Lower"
        ):
            trainable_findings(self.counts, min_positives=4)
