"""The desk answers as the pipeline does, for one visitor at a time, within limits, and without naming its folders."""

import json
import threading

import numpy as np
import pytest
from helpers.strips import spike_train
from transformers import pipeline

from modeling_supreme.browser_app.desk import Desk, Limits, take_leads
from modeling_supreme.browser_app.page import EXAMPLES_DIR, list_examples
from modeling_supreme.recordings import EcgRecording


LABELS = ["normal ecg", "atrial fibrillation", "gout"]


@pytest.fixture(scope="module")
def classify(deciding_dir):
    return pipeline("zero-shot-ecg-classification", model=str(deciding_dir), device="cpu")


@pytest.fixture
def case(desk, tmp_path):
    np.savez(tmp_path / "strip.npz", signal=make_strip(), fs=500, leads=np.array(STANDARD), unit="mV")
    return desk.read(tmp_path / "strip.npz", "strip")


def make_strip():
    """Beats of 0.5 to 1.6 mV, `(12, 5000)` at 500 Hz."""
    return (0.5 + np.arange(12)[:, None] / 10).astype(np.float32) * spike_train()


STANDARD = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


def make_recording(leads=("I", "II", "V1")):
    strip = np.arange(len(leads))[:, None] * np.ones((1, 1000), np.float32)
    return EcgRecording(sampling_rate=500, leads=leads, strip_mv=strip)


class TestQuestions:
    def test_lines_and_commas_part_conditions(self, desk):
        assert desk.read_labels("normal ecg\n\n a , b,\nqrs > 120 ms") == ["normal ecg", "a", "b", "qrs > 120 ms"]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (" \n,", "There are no `candidate_labels`"),
            ("a\na", "'a' is given more than once"),
            ("x" * 301, "has 301 characters, more than 300. Write one condition a line"),
            (",".join(map(str, range(21))), "21 conditions are asked for, more than the 20.*--most_labels"),
        ],
        ids=["none", "twice", "long", "many"],
    )
    def test_what_cannot_be_asked_is_refused(self, desk, text, message):
        with pytest.raises(ValueError, match=message):
            desk.read_labels(text)


class TestAnswers:
    def test_scores_are_those_of_the_pipeline_with_thresholds_beside_them(self, desk, case, classify):
        reply = desk.answer(case, LABELS)

        expected = {each["label"]: each for each in classify(case.path, candidate_labels=LABELS)}
        found = {each["label"]: each for each in reply.findings}
        assert {label: each["score"] for label, each in found.items()} == pytest.approx(
            {label: each["score"] for label, each in expected.items()}
        )
        assert {label: each["present"] for label, each in found.items()} == {
            label: each["present"] for label, each in expected.items()
        }
        assert {label: each["threshold"] for label, each in found.items()} == {
            "normal ecg": 0.0,
            "atrial fibrillation": 1.0,
            "gout": None,
        }

    def test_fewer_leads_are_a_recording_of_these_leads(self, desk, case, classify):
        reply = desk.answer(case, LABELS, leads=["II"])

        rows = make_strip()[1:2]
        expected = classify(rows, candidate_labels=LABELS, sampling_rate=500, leads=["II"])
        assert [each["score"] for each in reply.findings] == pytest.approx(
            [each["score"] for each in expected], abs=1e-5
        )
        (normal,) = (each for each in reply.findings if each["label"] == "normal ecg")
        assert normal["present"] is None
        assert "this recording has II." in normal["reason"]

    def test_an_answer_is_json_without_the_folder_of_the_server(self, desk, case, tmp_path):
        told = json.dumps(desk.answer(case, LABELS).to_dict())

        assert str(tmp_path) not in told
        assert json.loads(told)["record"] == "strip"

    def test_side_by_side_answers_are_those_of_one_after_the_other(self, desk, case):
        questions = [LABELS, LABELS[:1], LABELS[1:], ["qrs > 100 ms"]] * 3
        expected = [desk.answer(case, labels).findings for labels in questions]
        found = [None] * len(questions)

        def work(place):
            found[place] = desk.answer(case, questions[place]).findings

        threads = [threading.Thread(target=work, args=(place,)) for place in range(len(questions))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert found == expected

    def test_an_explanation_has_its_evidence(self, desk, case):
        recording, finding = desk.explain(case, "qrs > 100 ms", leads=["I", "II"])

        assert recording.leads == ("I", "II")
        assert [each["asked"] for each in finding["evidence"]["statements"]] == ["qrs_ms > 100"]


class TestLongRecordings:
    @pytest.fixture
    def holter(self, desk, tmp_path):
        np.savez(
            tmp_path / "holter.npz",
            signal=np.tile(make_strip()[:2], 3),
            fs=500,
            leads=np.array(["I", "II"]),
            unit="mV",
        )
        return desk.read(tmp_path / "holter.npz", "holter")

    def test_windows_are_answered_and_counted(self, desk, holter):
        progress = []

        reply = desk.follow(holter, ["normal ecg"], follow=lambda done, count: progress.append((done, count)))

        assert holter.is_long
        assert reply.is_timeline
        assert len(reply.findings[0]["timeline"]) == 3
        assert progress[-1] == (3, 3)

    def test_some_leads_of_it_are_windows_of_these_leads(self, desk, holter):
        reply = desk.follow(holter, ["normal ecg"], leads=["II"])

        assert reply.account.leads_used == ("II",)

    def test_what_takes_too_long_ends_with_a_way_out(self, deciding_dir, holter, monkeypatch):
        desk = Desk(str(deciding_dir), device="cpu", limits=Limits(answer_s=1e-9))
        monkeypatch.setattr("modeling_supreme.long_recordings.answers.BATCH_SIZE", 1)

        with pytest.raises(ValueError, match=r"holter: 1 of 3 windows were scored in 1e-09 s.*--answer_s"):
            desk.follow(holter, ["normal ecg"])


class TestFiles:
    def test_a_refusal_calls_the_file_by_its_name(self, desk, tmp_path):
        (tmp_path / "broken.edf").write_bytes(b"0       " + b"x" * 300)

        with pytest.raises(ValueError, match=r"broken.edf") as refused:
            desk.read(tmp_path / "broken.edf", "broken")
        assert str(tmp_path) not in str(refused.value)

    @pytest.mark.parametrize("name", list_examples())
    def test_examples_are_read_whole(self, desk, name):
        case = desk.read(EXAMPLES_DIR / f"{name}.npz", name)

        assert case.account.unit == "uV"
        assert case.is_long == (name == "two_minutes_in_three_leads")

    def test_leads_are_taken_in_the_order_of_the_recording(self):
        kept = take_leads(make_recording(), ["V1", "I"], "strip")

        assert kept.leads == ("I", "V1")
        assert kept.strip_mv[:, 0].tolist() == [0, 2]

    def test_leads_that_it_lacks_are_refused(self):
        with pytest.raises(ValueError, match=r"strip has none of the leads V6: it has I, II, V1. Choose from these"):
            take_leads(make_recording(), ["V6"], "strip")
