"""`explain=True`: each result says what carries it, in the pipeline as in the room that explains."""

import json
import sys

import pytest
from helpers.scores import TASK, make_strip
from helpers.tiny_models import TINY_MEASUREMENTS, settle_measurements
from transformers import pipeline

from modeling_supreme import STANDARD_LEADS


STRIP = {"array": make_strip(), "sampling_rate": 500, "leads": STANDARD_LEADS}
LABELS = ["normal ecg", "QRS > 120 ms", "gout"]


@pytest.fixture(scope="module")
def measuring(make_tiny_model, tiny_processor):
    """A pipeline whose model measures."""
    keys = list(TINY_MEASUREMENTS)
    model = settle_measurements(make_tiny_model("hybrid", trained_queries=["normal ecg"], measurements=keys)).eval()
    parts = {"feature_extractor": tiny_processor.feature_extractor, "tokenizer": tiny_processor.tokenizer}
    return pipeline(TASK, model=model, **parts)


@pytest.fixture(scope="module")
def explained(measuring):
    """Evidence by label."""
    return {each["label"]: each for each in measuring(STRIP, candidate_labels=LABELS, explain=True)}


def test_scores_are_those_without_an_explanation(measuring, explained):
    plain = measuring(STRIP, candidate_labels=LABELS)

    assert all("evidence" not in each for each in plain)
    assert {each["label"]: each["score"] for each in plain} == {
        label: each["score"] for label, each in explained.items()
    }


def test_a_measured_label_has_its_number_as_measure_gives_it(measuring, explained):
    (statement,) = explained["QRS > 120 ms"]["evidence"]["statements"]

    number = measuring.measure(STRIP)["qrs_ms"]
    assert statement["value"] == pytest.approx(number["value"], abs=1e-3)
    assert statement["sd"] == pytest.approx(number["sd"], rel=1e-4)
    assert statement["probability"] == pytest.approx(explained["QRS > 120 ms"]["score"], abs=1e-5)


def test_a_name_that_nobody_defined_has_maps_alone(explained):
    evidence = explained["gout"]["evidence"]

    assert evidence["statements"] == []
    assert set(evidence["faithful"]) == {"leads", "time", "attention"}


def test_an_unfaithful_map_is_shown_on_request_only(measuring, explained):
    everything = measuring(STRIP, candidate_labels=LABELS, explain="all")

    for each in everything:
        flags, shown = each["evidence"]["faithful"], explained[each["label"]]["evidence"]
        assert flags == shown["faithful"]
        assert (shown["occlusion"]["time"] is not None) == flags["time"]
        assert each["evidence"]["occlusion"]["time"]["faithful"] == flags["time"]


def test_evidence_can_be_written_as_json(explained):
    written = json.loads(json.dumps(list(explained.values()), allow_nan=False))

    assert written[0]["evidence"]["marks"].keys() >= {"beat_s", "qrs_onset_s"}


def test_several_recordings_in_batches_are_explained_each_for_itself(measuring, paths):
    one_by_one = [measuring(path, candidate_labels=["normal ecg"], explain=True) for path in paths[:3]]

    batched = measuring(paths[:3], candidate_labels=["normal ecg"], explain=True, batch_size=2)

    for alone, together in zip(one_by_one, batched, strict=True):
        assert together[0]["evidence"]["marks"] == alone[0]["evidence"]["marks"]
        assert together[0]["evidence"]["faithful"].keys() == alone[0]["evidence"]["faithful"].keys()


def test_a_skipped_recording_has_none(measuring, paths):
    results = measuring(
        [paths[0], "none.hea"], candidate_labels=["normal ecg"], explain=True, on_error="skip", batch_size=2
    )

    assert results[1] is None
    assert "evidence" in results[0][0]


def test_another_word_than_yes_no_or_all_is_refused(measuring):
    with pytest.raises(ValueError, match=r"`explain` is 'maybe'\. Pass True, False or \"all\""):
        measuring(STRIP, candidate_labels=LABELS, explain="maybe")


def test_where_only_a_checkpoint_is_at_hand_it_is_said_what_is_missing(measuring, monkeypatch):
    monkeypatch.setattr(measuring, "_explainer", None)
    monkeypatch.setitem(sys.modules, "modeling_supreme.evidence", None)

    with pytest.raises(
        ImportError, match=r"`explain=True` takes the package `modeling_supreme`.*Install it, or leave"
    ):
        measuring(STRIP, candidate_labels=LABELS, explain=True)
