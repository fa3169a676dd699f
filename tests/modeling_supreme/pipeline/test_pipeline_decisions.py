"""What the pipeline calls present: only where a checkpoint keeps decisions, and only what the recording can show."""

import re

import numpy as np
import pytest
from helpers.decisions import make_decision, set_threshold
from helpers.scores import TASK, approx
from helpers.tiny_models import TINY_MEASUREMENTS, settle_measurements
from scipy.special import expit, logit
from transformers import pipeline

from datasets_scripts.simulator import simulate_record
from modeling_supreme import STANDARD_LEADS


DECISIONS = {
    "normal ecg": make_decision(slope=2.0, offset=-1.0, **set_threshold(0.0)),
    "atrial fibrillation": make_decision(**set_threshold(1.0)),
    "inferior myocardial infarction": make_decision(
        **set_threshold(0.0), leads=["two inferior leads"], leads_reason="the wall is seen there"
    ),
}
TRAINED = [*DECISIONS, "sinus rhythm"]
STRIP = simulate_record(3).strip


@pytest.fixture(scope="module")
def make_pipeline(make_tiny_model, tiny_processor):
    """A function that makes a pipeline around a measuring model with the decisions given."""

    def make(decisions):
        keys = list(TINY_MEASUREMENTS)
        model = make_tiny_model("hybrid", trained_queries=TRAINED, measurements=keys, decisions=decisions)
        parts = {"feature_extractor": tiny_processor.feature_extractor, "tokenizer": tiny_processor.tokenizer}
        return pipeline(TASK, model=settle_measurements(model).eval(), **parts)

    return make


@pytest.fixture(scope="module")
def decide(make_pipeline):
    """A pipeline with decisions."""
    return make_pipeline(DECISIONS)


@pytest.fixture(scope="module")
def score(make_pipeline):
    """The same one without."""
    return make_pipeline({})


def recording(strip=STRIP, leads=STANDARD_LEADS, sampling_rate=500):
    rows = [STANDARD_LEADS.index(lead) for lead in leads]
    return {"array": strip[rows], "sampling_rate": sampling_rate, "leads": leads}


def answer(classify, label, entry=None, **options):
    """The answer to one label."""
    (found,) = classify(recording() if entry is None else entry, candidate_labels=[label], **options)
    return found


class TestScores:
    def test_they_are_calibrated(self, decide, score):
        before, after = (answer(classify, "normal ecg")["score"] for classify in (score, decide))

        assert after == approx(expit(2 * logit(before) - 1))

    @pytest.mark.parametrize("label", ["sinus rhythm", "gout", "QRS > 120 ms"])
    def test_others_stay_as_they_are(self, decide, score, label):
        assert answer(decide, label)["score"] == answer(score, label)["score"]


class TestKeys:
    def test_without_decisions_nothing_is_called_present(self, score):
        assert list(answer(score, "normal ecg")) == ["label", "score", "seen", "source"]

    def test_with_them_it_is_said(self, decide):
        assert list(answer(decide, "normal ecg")) == ["label", "score", "seen", "source", "present"]

    def test_what_is_left_open_has_a_reason_and_a_score(self, decide):
        found = answer(decide, "gout")

        assert (found["present"], 0 <= found["score"] <= 1) == (None, True)
        assert found["reason"].startswith("not understood: ")

    @pytest.mark.parametrize(("label", "present"), [("normal ecg", True), ("atrial fibrillation", False)])
    def test_it_is_whether_the_score_reaches_the_threshold(self, decide, label, present):
        assert answer(decide, label)["present"] is present

    def test_a_question_of_numbers_is_likely_or_not(self, decide):
        found = answer(decide, "QRS > 120 ms")

        assert found["present"] is (found["score"] >= 0.5)

    def test_batches_decide_as_single_recordings(self, decide):
        entries = [recording(), recording(leads=("II",))]

        labels = ["inferior myocardial infarction"]
        together = decide(entries, candidate_labels=labels, batch_size=2)

        assert [found["present"] for (found,) in together] == [True, None]


class TestOperatingPoint:
    def test_the_other_one_has_its_own_threshold(self, make_pipeline):
        entry = make_decision(**set_threshold(0.0))
        entry["specificity_90"] = {**entry["specificity_90"], "threshold": 1.0}
        classify = make_pipeline({"normal ecg": entry})

        assert answer(classify, "normal ecg")["present"]
        assert not answer(classify, "normal ecg", operating_point="specificity_90")["present"]

    def test_there_are_two(self, decide):
        with pytest.raises(ValueError, match=r"`operating_point` is 'best'. Pass \"youden\" or \"specificity_90\""):
            answer(decide, "normal ecg", operating_point="best")

    def test_measuring_has_none(self, decide):
        with pytest.raises(TypeError, match="`measure` has no option `operating_point`"):
            decide.measure(recording(), operating_point="youden")


class TestWhatARecordingShows:
    label = "inferior myocardial infarction"

    @pytest.mark.parametrize("leads", [STANDARD_LEADS, ("I", "II"), ("II", "aVF", "V2")])
    def test_enough_leads_decide(self, decide, leads):
        assert answer(decide, self.label, recording(leads=leads))["present"]

    @pytest.mark.parametrize("leads", [("II",), ("I", "V1", "V6")])
    def test_too_few_leave_it_open(self, decide, leads):
        found = answer(decide, self.label, recording(leads=leads))

        assert found["present"] is None
        assert found["reason"] == (
            f"it takes two inferior leads: the wall is seen there; this recording has {', '.join(leads)}."
        )

    def test_a_rhythm_is_decided_from_one_lead(self, decide):
        assert answer(decide, "atrial fibrillation", recording(leads=("V5",)))["present"] is False

    def test_a_lead_that_is_off_is_none(self, decide):
        strip = STRIP[:3].copy()
        strip[1] = 0.0
        entry = {"array": strip, "sampling_rate": 500, "leads": ["I", "II", "V1"]}

        reason = answer(decide, self.label, entry)["reason"]

        assert reason.endswith("this recording has I, V1 (II is flat or not recorded).")

    def test_noise_shows_nothing(self, decide):
        noise = np.random.default_rng(0).normal(0, 0.3, (12, 5000))

        found = answer(decide, "normal ecg", {"array": noise, "sampling_rate": 500, "leads": STANDARD_LEADS})

        assert found["present"] is None
        assert re.match(r"the signal is too poor: this recording has no lead \(I is covered by noise", found["reason"])

    def test_a_second_and_a_half_shows_nothing(self, decide):
        found = answer(decide, "normal ecg", recording(STRIP[:, :750]))

        assert "I is too short: 1.5 s were recorded, and it takes 2 s" in found["reason"]

    def test_the_account_says_which_leads_are_poor(self, decide):
        strip = STRIP.copy()
        strip[6] = np.random.default_rng(0).normal(0, 0.3, 5000)

        account = answer(decide, "normal ecg", recording(strip), return_details=True)["account"]

        assert list(account["unusable"]) == ["V1"]
