"""Training targets: 1 present, 0 absent, NaN unknown; held-out findings leave no word and no positive behind."""

import numpy as np
import pandas as pd
import pytest
from conftest import write_report_labels
from datasets import Dataset

from datasets_scripts.schema import corpus_features
from datasets_scripts.terminology.findings import load_terminology, normalize_name
from training_scripts.data.labels import (
    CorpusLabels,
    ReportLabels,
    hold_out_findings,
    is_hidden,
    query_wordings,
    trainable_findings,
)


UNKNOWN = float("nan")


def targets_of(source, *rows, num_labels):
    """Targets of rows given as the sets of their positive and of their unknown labels."""
    return source.targets(
        {
            "labels": [sorted(positive) for positive, _ in rows],
            "label_mask": [[label not in unknown for label in range(num_labels)] for _, unknown in rows],
        }
    )


def make_empty_corpus(label_names):
    """A corpus of no records."""
    features = corpus_features(label_names)
    return Dataset.from_dict({name: [] for name in features}, features=features)


class TestCorpusLabels:
    """Four labels, of which the second and the third ask for the same finding."""

    source = CorpusLabels(
        ["normal ecg", "left bundle branch block", "left bundle branch block", "atrial flutter"],
        ["normal ecg", "left bundle branch block", "atrial flutter"],
    )

    @pytest.mark.parametrize(
        ("positive", "unknown", "expected"),
        [
            (set(), set(), [0, 0, 0]),
            ({0, 3}, set(), [1, 0, 1]),
            ({1}, set(), [0, 1, 0]),
            ({2}, set(), [0, 1, 0]),
            ({1, 2}, set(), [0, 1, 0]),
            (set(), {3}, [0, 0, UNKNOWN]),
            (set(), {2}, [0, UNKNOWN, 0]),
            ({1}, {2}, [0, 1, 0]),
            (set(), {0, 1, 2, 3}, [UNKNOWN, UNKNOWN, UNKNOWN]),
        ],
        ids=[
            "no label",
            "two labels",
            "one of a pair",
            "other of a pair",
            "both of a pair",
            "unknown label",
            "half of a pair unknown",
            "present settles what is half unknown",
            "nothing known",
        ],
    )
    def test_labels_become_targets(self, positive, unknown, expected):
        targets = targets_of(self.source, (positive, unknown), num_labels=4)

        np.testing.assert_array_equal(targets, [expected])
        assert targets.dtype == np.float32

    def test_rows_keep_their_order(self):
        targets = targets_of(self.source, ({0}, set()), ({3}, set()), num_labels=4)

        np.testing.assert_array_equal(targets, [[1, 0, 0], [0, 0, 1]])

    def test_a_selection_keeps_its_order_and_its_targets(self):
        selected = self.source.select(["atrial flutter", "normal ecg"])

        assert selected.findings == ("normal ecg", "atrial flutter")
        np.testing.assert_array_equal(targets_of(selected, ({1, 3}, {0}), num_labels=4), [[UNKNOWN, 1]])

    @pytest.mark.parametrize(
        ("config_name", "finding"),
        [("superclass", "st-t changes"), ("subclass", "nondiagnostic st-t changes")],
    )
    def test_the_configuration_tells_what_a_label_stands_for(self, config_name, finding):
        dataset = make_empty_corpus(["NORM", "STTC"])

        labels = CorpusLabels.from_dataset(dataset, config_name=config_name)

        assert labels.findings == ("normal ecg", finding)

    def test_labels_of_one_finding_are_united(self):
        # a form statement and a subclass of its own, which both are non-specific ST changes
        dataset = make_empty_corpus(["NST_", "subclass:NST_", "SR"])

        labels = CorpusLabels.from_dataset(dataset, config_name="hierarchy")

        assert labels.findings == ("st changes", "sinus rhythm")
        np.testing.assert_array_equal(targets_of(labels, ({1}, set()), num_labels=3), [[1, 0]])

    def test_a_label_the_terminology_does_not_know_is_an_error(self):
        dataset = make_empty_corpus(["VAPOURS"])

        with pytest.raises(ValueError, match=r"No finding answers to the label 'VAPOURS'.*terminology\.csv"):
            CorpusLabels.from_dataset(dataset)


def write_labels(folder, **records):
    """labels.parquet from `record_id=(positive, uncertain)`; every report denies atrial flutter."""
    stated = {name: (*findings, ["atrial flutter"]) for name, findings in records.items()}
    return write_report_labels(folder / "labels.parquet", stated)


class TestReportLabels:
    def test_mentioned_findings_are_present_uncertain_or_absent(self, tmp_path):
        path = write_labels(tmp_path, a=(["sinus rhythm"], ["q waves"]), b=(["early repolarization"], []))

        labels = ReportLabels.from_parquet(path, uncertain_label=0.25)

        assert labels.findings == ("early repolarization", "q waves", "sinus rhythm")
        np.testing.assert_array_equal(labels.targets({"record_id": ["a", "b"]}), [[0, 0.25, 1], [1, 0, 0]])

    def test_a_finding_makes_its_ancestors_as_sure_as_itself(self, tmp_path):
        path = write_labels(
            tmp_path, a=(["inferior myocardial infarction"], []), b=([], ["inferior myocardial infarction"])
        )

        labels = ReportLabels.from_parquet(path)

        assert labels.findings == ("inferior myocardial infarction", "myocardial infarction")
        np.testing.assert_array_equal(labels.targets({"record_id": ["a", "b"]}), [[1, 1], [0.5, 0.5]])

    def test_what_is_present_and_uncertain_is_present(self, tmp_path):
        path = write_labels(
            tmp_path,
            a=(["anterior myocardial infarction"], ["inferior myocardial infarction", "myocardial infarction"]),
        )

        labels = ReportLabels.from_parquet(path)

        assert labels.findings == (
            "anterior myocardial infarction",
            "inferior myocardial infarction",
            "myocardial infarction",
        )
        np.testing.assert_array_equal(labels.targets({"record_id": ["a"]}), [[1, 0.5, 1]])

    def test_a_record_without_labels_is_unknown(self, tmp_path):
        labels = ReportLabels.from_parquet(write_labels(tmp_path, a=(["early repolarization"], [])))

        np.testing.assert_array_equal(labels.targets({"record_id": ["b", "a"]}), [[UNKNOWN], [1]])

    def test_a_record_whose_report_says_nothing_has_nothing(self, tmp_path):
        labels = ReportLabels.from_parquet(write_labels(tmp_path, a=(["early repolarization"], []), b=([], [])))

        np.testing.assert_array_equal(labels.targets({"record_id": ["b"]}), [[0]])

    def test_what_a_report_does_not_mention_may_be_unknown(self, tmp_path):
        path = write_labels(tmp_path, a=(["sinus rhythm"], ["q waves"]), b=(["early repolarization"], []))

        labels = ReportLabels.from_parquet(path, unmentioned="unknown").select(["q waves", "sinus rhythm"])

        np.testing.assert_array_equal(
            labels.targets({"record_id": ["a", "b", "c"]}), [[0.5, 1], [UNKNOWN] * 2, [UNKNOWN] * 2]
        )

    def test_what_a_report_denies_is_absent_even_where_the_unmentioned_is_unknown(self, tmp_path):
        path = write_labels(tmp_path, a=(["early repolarization"], []), b=(["atrial flutter"], []))

        labels = ReportLabels.from_parquet(path, unmentioned="unknown")

        # Both reports deny atrial flutter, a supraventricular arrhythmia, but the second one affirms it too.
        np.testing.assert_array_equal(labels.targets({"record_id": ["a", "b"]}), [[0, 1, UNKNOWN], [1, UNKNOWN, 1]])

    def test_a_negated_finding_is_not_asked_for(self, tmp_path):
        labels = ReportLabels.from_parquet(write_labels(tmp_path, a=(["early repolarization"], [])))

        assert "atrial flutter" not in labels.findings

    def test_a_finding_the_terminology_does_not_know_is_kept(self, tmp_path):
        labels = ReportLabels.from_parquet(write_labels(tmp_path, a=(["electrical alternans of the soul"], [])))

        np.testing.assert_array_equal(labels.targets({"record_id": ["a"]}), [[1]])

    def test_record_ids_may_be_numbers(self, tmp_path):
        path = tmp_path / "labels.parquet"
        pd.DataFrame(
            {"record_id": [15709], "positive": [["early repolarization"]], "uncertain": [[]], "negative": [[]]}
        ).to_parquet(path)

        np.testing.assert_array_equal(ReportLabels.from_parquet(path).targets({"record_id": ["15709"]}), [[1]])

    def test_a_selection_keeps_its_targets(self, tmp_path):
        labels = ReportLabels.from_parquet(
            write_labels(tmp_path, a=(["early repolarization"], ["q waves"]), b=(["sinus rhythm"], [])),
            uncertain_label=0.25,
        )

        selected = labels.select(["q waves", "sinus rhythm"])

        np.testing.assert_array_equal(selected.targets({"record_id": ["a", "b"]}), [[0.25, 0], [0, 1]])

    def test_a_missing_file_is_named_with_the_command_that_writes_it(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"no labels at .*none\.parquet.*datasets_scripts\.extraction"):
            ReportLabels.from_parquet(tmp_path / "none.parquet")

    def test_a_missing_column_is_named(self, tmp_path):
        path = tmp_path / "labels.parquet"
        pd.DataFrame({"record_id": ["a"], "positive": [["early repolarization"]]}).to_parquet(path)

        with pytest.raises(ValueError, match=r"labels\.parquet has no column uncertain, negative\. Write it with"):
            ReportLabels.from_parquet(path)


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


class TestQueryWordings:
    def test_the_name_comes_first(self):
        assert query_wordings("atrial flutter")[0] == "atrial flutter"

    def test_synonyms_description_and_sentences_follow(self):
        finding = load_terminology()["atrial flutter"]

        wordings = query_wordings("atrial flutter")

        assert {*finding.synonyms, finding.description, "an ECG showing atrial flutter"} <= set(wordings)

    @pytest.mark.parametrize("finding", [finding.name for finding in load_terminology()][:60])
    def test_no_wording_is_given_twice(self, finding):
        wordings = query_wordings(finding)

        assert len(wordings) == len(set(wordings))

    def test_a_wording_that_names_a_held_out_finding_is_left_out(self):
        # "left bundle branch block pattern with a qrs complex under 120 ms" describes the incomplete block
        description = load_terminology()["incomplete left bundle branch block"].description

        wordings = query_wordings("incomplete left bundle branch block", held_out=["left bundle branch block"])

        assert description in query_wordings("incomplete left bundle branch block")
        assert description not in wordings

    def test_a_synonym_inside_another_word_hides_nothing(self):
        # the synonym "MI" of myocardial infarction is not in "minimal"
        assert query_wordings("low r waves", held_out=["myocardial infarction"]) == query_wordings("low r waves")

    @pytest.mark.parametrize("held_out", ["atrial fibrillation", "left ventricular hypertrophy", "sinus tachycardia"])
    def test_no_other_finding_is_described_in_the_words_of_a_held_out_one(self, held_out):
        hidden = load_terminology()[held_out]
        phrases = [f" {normalize_name(text)} " for text in (hidden.name, *hidden.synonyms)]
        # names are kept: a finding cannot be asked for without its own
        others = [other.name for other in load_terminology() if not is_hidden(other.name, [held_out])]

        leaks = [
            wording
            for name in others
            for wording in query_wordings(name, held_out=[held_out])
            if name not in wording and any(phrase in f" {normalize_name(wording)} " for phrase in phrases)
        ]

        assert leaks == []

    def test_a_finding_the_terminology_does_not_know_is_asked_for_by_its_name(self):
        assert query_wordings("vapours") == (
            "vapours",
            "an ECG showing vapours",
            "this ECG shows vapours",
            "electrocardiogram with vapours",
        )


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
