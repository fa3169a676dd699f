"""Decisions: a line on the logit of a score, two thresholds, and what is left open, with a reason."""

import re
from types import SimpleNamespace

import pytest
import torch
from helpers.decisions import make_decision, set_threshold
from huggingface_hub.errors import StrictDataclassClassValidationError

from modeling_supreme import SupremeConfig
from modeling_supreme.composition import Composition
from modeling_supreme.decisions import can_measure, has_leads, parse_decisions, read_need
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.query_grammar import parse_query


FLUTTER = {
    "condition": "atrial flutter",
    "names": ["AFLT"],
    "expression": '"fast"',
    "source": "Textbook 1999",
    "is_reviewed": True,
}


def compose(labels, decisions, composed="auto", *, definitions=(FLUTTER,)):
    return Composition(
        labels,
        composed,
        trained_queries=["fast", "normal ecg"],
        definitions=definitions,
        measurements=["qrs_ms", "st_mv_V2", "axis_deg"],
        decisions=decisions,
    )


def account_of(*leads, derived=(), **unusable):
    return SimpleNamespace(leads_used=(*leads, *derived), leads_derived=derived, unusable=unusable)


def decide(label, decisions, score=0.5, account=None, operating_point="youden", **options):
    """What is decided about one label; the strip has lead II where no other is given."""
    (decided,) = compose([label], decisions, **options).decide([score], account or account_of("II"), operating_point)
    return decided


class TestCalibration:
    def test_it_is_a_line_on_the_logit(self):
        composition = compose(["fast"], {"fast": make_decision(slope=2.0, offset=-1.0)})

        scores = composition.evaluate(torch.tensor([[0.5], [0.75]], dtype=torch.float64))

        # logit(.5) = 0 becomes -1; logit(.75) = log 3 becomes 2 log 3 - 1, whose odds are 9 / e
        odds = torch.tensor([[1.0], [9.0]], dtype=torch.float64) / torch.e
        torch.testing.assert_close(scores, odds / (1 + odds))

    def test_certainty_stays_certainty(self):
        composition = compose(["fast"], {"fast": make_decision(slope=0.3, offset=2.0)})

        assert composition.evaluate(torch.tensor([[0.0], [1.0]])).flatten().tolist() == [0.0, 1.0]

    def test_no_two_records_change_places(self):
        composition = compose(["fast"], {"fast": make_decision(slope=0.4, offset=-3.0)})
        scores = torch.linspace(1e-6, 1 - 1e-6, 1001)[:, None]

        assert composition.evaluate(scores).diff(dim=0).min() > 0

    def test_the_precision_of_the_scores_is_kept(self):
        composition = compose(["fast"], {"fast": make_decision(slope=1.5)})

        assert composition.evaluate(torch.tensor([[0.3]])).dtype == torch.float32

    def test_what_a_definition_is_made_of_enters_it_uncalibrated(self):
        decisions = {"fast": make_decision(offset=5.0)}

        scores = compose(["atrial flutter"], decisions).evaluate(torch.tensor([[0.25]]))

        assert scores.tolist() == [[0.25]]

    def test_the_answer_of_a_definition_is_calibrated(self):
        decisions = {"atrial flutter": make_decision(offset=-20.0, answered_by='composed: "fast"')}

        assert compose(["atrial flutter"], decisions).evaluate(torch.tensor([[0.5]])).item() < 1e-8


class TestWhichEntry:
    DECISIONS = {"atrial flutter": make_decision(answered_by='composed: "fast"')}

    @pytest.mark.parametrize("label", ["atrial flutter", "Atrial-Flutter", "AFLT", "aflt"])
    def test_a_synonym_is_decided_as_its_condition(self, label):
        assert decide(label, self.DECISIONS) == {"present": True}

    def test_an_entry_counts_only_for_what_it_was_fitted_on(self):
        own = {**FLUTTER, "expression": 'not "fast"'}

        assert "no threshold was fitted" in decide("atrial flutter", self.DECISIONS, definitions=[own])["reason"]

    def test_the_own_query_of_a_defined_condition_has_another_scale(self):
        assert decide("atrial flutter", self.DECISIONS, composed=False)["present"] is None

    def test_without_entries_there_is_nothing_to_say(self):
        assert decide("fast", {}) == {}


class TestPresent:
    @pytest.mark.parametrize(
        ("score", "operating_point", "present"),
        [
            (0.4, "youden", True),
            (0.39, "youden", False),
            (0.5, "specificity_90", False),
            (0.6, "specificity_90", True),
        ],
    )
    def test_it_begins_at_the_threshold(self, score, operating_point, present):
        decided = decide("fast", {"fast": make_decision()}, score, operating_point=operating_point)

        assert decided == {"present": present}

    @pytest.mark.parametrize(("score", "present"), [(0.5, True), (0.49, False)])
    def test_of_numbers_it_begins_at_one_half(self, score, present):
        assert decide("QRS > 120 ms", {"fast": make_decision()}, score) == {"present": present}


class TestQuestionsAboutFindings:
    """What is asked about a decided finding in other words is decided as the finding itself."""

    DECISIONS = {"fast": make_decision(offset=-2.0)}

    def test_a_name_in_quotes_is_the_name(self):
        quoted, plain = (compose([label], self.DECISIONS) for label in ('"fast"', "fast"))

        assert quoted.evaluate(torch.tensor([[0.5]])).tolist() == plain.evaluate(torch.tensor([[0.5]])).tolist()
        assert (quoted.sources, quoted.seen) == (["query: fast"], [True])
        assert decide('"fast"', self.DECISIONS) == decide("fast", self.DECISIONS)

    @pytest.mark.parametrize("label", ["no fast", "not fast", "without fast", 'not "fast"'])
    def test_its_absence_is_what_its_probability_leaves(self, label):
        composition = compose([label, "fast"], self.DECISIONS)

        absent, present = composition.evaluate(torch.tensor([[0.5, 0.5]], dtype=torch.float64))[0].tolist()

        assert absent == pytest.approx(1 - present)

    @pytest.mark.parametrize(
        ("score", "operating_point"), [(0.4, "youden"), (0.39, "youden"), (0.6, "specificity_90")]
    )
    def test_either_it_or_its_absence_is_present(self, score, operating_point):
        decided = [
            decide(label, self.DECISIONS, own, operating_point=operating_point)["present"]
            for label, own in (("fast", score), ("no fast", 1 - score))
        ]

        assert sorted(decided) == [False, True]


class TestLeftOpen:
    DECISIONS = {
        "fast": make_decision(),
        "normal ecg": make_decision(leads=["two limb leads", "V1 or V2"], leads_reason="it has many directions"),
    }

    @pytest.mark.parametrize(
        ("label", "reason"),
        [
            ("gout", r"^not understood: the checkpoint was not trained on 'gout', has no definition of it"),
            (
                "PR 210 ms",
                r"its score is a guess from the wording\. Read as a query: at character 7, no measured number",
            ),
            ("atrial flutter", r"^no threshold was fitted for what answers it: too few records"),
            ("normal ecg", r"^it takes two limb leads and V1 or V2: it has many directions; this recording has II\.$"),
            ("ST > 0.1 mV in V2", r"^it is measured in leads that the strip does not show: this recording has II\.$"),
            ("axis > 90 degrees", r"^it is measured in leads that the strip does not show"),
            ("normal ecg and QRS > 120 ms", r"^it is measured in leads"),
        ],
    )
    def test_it_says_why(self, label, reason):
        decided = decide(label, self.DECISIONS)

        assert decided["present"] is None
        assert re.search(reason, decided["reason"])

    def test_of_a_label_of_a_megabyte_the_reason_has_the_beginning(self):
        reason = decide("gout " * 200_000, self.DECISIONS)["reason"]

        assert "'gout gout " in reason
        assert len(reason) < 1000

    def test_a_poor_signal_shows_nothing(self):
        decided = decide("fast", self.DECISIONS, account=account_of("II", II="covered by noise"))

        assert decided == {
            "present": None,
            "reason": "the signal is too poor: this recording has no lead (II is covered by noise).",
        }

    def test_a_poor_lead_is_none(self):
        account = account_of("I", "II", "V1", V1="flat")

        assert decide("normal ecg", self.DECISIONS, account=account)["reason"].endswith(
            "this recording has I, II (V1 is flat)."
        )

    def test_what_was_computed_from_a_poor_lead_is_poor(self):
        account = account_of("I", "II", "V1", derived=("III", "aVR", "aVL", "aVF"), I="flat")

        decided = decide("normal ecg", self.DECISIONS, account=account)

        assert "this recording has II, V1 (I is flat, III is computed from I, which is flat" in decided["reason"]

    def test_computed_leads_are_leads(self):
        account = account_of("I", "II", "V2", derived=("III", "aVR", "aVL", "aVF"))

        assert decide("normal ecg", self.DECISIONS, account=account) == {"present": True}


class TestLeads:
    @pytest.mark.parametrize(
        ("need", "leads", "count"),
        [
            ("two inferior leads", ("II", "III", "aVF"), 2),
            ("V1 or V6", ("V1", "V6"), 1),
            ("aVL", ("aVL",), 1),
            ("2 of I, aVL, V5 and V6", ("I", "aVL", "V5", "V6"), 2),
            ("limb leads", STANDARD_LEADS[:6], 6),
        ],
    )
    def test_a_sentence_names_them(self, need, leads, count):
        assert read_need(need)[:2] == (leads, count)

    @pytest.mark.parametrize("need", ["", "V7", "V1 and gout", 3, None])
    def test_what_names_none_is_refused(self, need):
        with pytest.raises(ValueError, match=r"names no leads. Write such as 'two inferior leads'"):
            read_need(need)

    def test_so_many_must_be_there(self):
        assert has_leads("two inferior leads", ["II", "aVF"])
        assert not has_leads("two inferior leads", ["II", "V1"])

    @pytest.mark.parametrize(
        ("question", "leads", "can_be_seen"),
        [
            ("QRS > 120 ms", ["V5"], True),
            ("ST > 0.1 mV in V2", ["V2"], True),
            ("ST > 0.1 mV in V2 or V3", ["V3"], True),
            ("ST > 0.1 mV in V2 and V3", ["V3"], False),
            ("ST elevation in two contiguous leads", ["II"], False),
            ("ST elevation in two contiguous leads", ["II", "aVF"], True),
            ("not (ST > 0.1 mV in V2)", ["II"], False),
            ("axis > 90 degrees", ["I", "II"], True),
            ("sokolow > 3.5 mV", ["V1", "V6"], True),
            ("sokolow > 3.5 mV", ["V1", "V2"], False),
        ],
    )
    def test_a_question_takes_those_of_its_numbers(self, question, leads, can_be_seen):
        assert can_measure(parse_query(question), leads, lambda name: ()) == can_be_seen


class TestConfiguration:
    def test_old_ones_have_none(self):
        assert SupremeConfig().decisions == {}

    def test_they_are_saved_and_read_again(self, tmp_path):
        decisions = {"fast": make_decision(slope=1.25, leads=["V1"], leads_reason="it is there")}

        SupremeConfig(decisions=decisions).save_pretrained(tmp_path)

        assert SupremeConfig.from_pretrained(tmp_path).decisions == decisions

    def test_an_entry_is_written_as_it_was_read(self):
        decisions = {"fast": make_decision(slope=1.25, leads=["V1"], leads_reason="it is there")}

        assert parse_decisions(decisions)["fast"].to_dict() == decisions["fast"]

    @pytest.mark.parametrize(
        ("entry", "problem"),
        [
            ([], "the entry is .*, no mapping"),
            (make_decision(slope=-1.0), "`slope` is -1.0, no number from 0 to 1000"),
            (make_decision(slope=0.0), "`slope` is 0.0, not above 0"),
            (make_decision(slope=float("inf")), "`slope` is inf"),
            (make_decision(slope=float("nan")), "`slope` is nan"),
            (make_decision(slope=True), "`slope` is True"),
            (make_decision(offset=float("nan")), "`offset` is nan"),
            (make_decision(offset="0"), "`offset` is '0'"),
            (make_decision(answered_by=""), "`answered_by` is '', no text"),
            (make_decision(records="invented"), "`records` is 'invented', none of real, simulated"),
            (make_decision(num_positives=-1), "`num_positives` is -1, no number of records"),
            (make_decision(num_positives=1001), "there are more positives than records"),
            (make_decision(num_records=1.5), "`num_records` is 1.5"),
            (make_decision(youden=None), "`youden` is None, no mapping with `threshold`"),
            (make_decision(**set_threshold(1.5)), "`youden`: `threshold` is 1.5, no number from 0 to 1"),
            (make_decision(leads="V1"), "`leads` is 'V1', no list of leads"),
            (make_decision(leads=["V7"]), "'V7' names no leads"),
            (make_decision(leads=["V1"]), "`leads_reason` is '', no text"),
        ],
    )
    def test_nonsense_is_refused_by_the_name_of_the_condition(self, entry, problem):
        with pytest.raises(StrictDataclassClassValidationError, match=f"'fast'.*{problem}.*Fit the decisions anew"):
            SupremeConfig(decisions={"fast": entry})

    def test_a_condition_is_named_once(self):
        with pytest.raises(StrictDataclassClassValidationError, match="'FAST', which is named twice"):
            SupremeConfig(decisions={"fast": make_decision(), "FAST": make_decision()})
