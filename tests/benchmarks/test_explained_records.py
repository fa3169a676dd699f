"""Which records are explained: by a rule that nobody can bend, the wrong ones included."""

import numpy as np
import pytest
from datasets import Dataset
from PIL import Image

from benchmarks.drawing.explained_records import (
    CONDITIONS,
    CORPORA,
    PICTURE_WIDTH,
    Labelled,
    choose_contradictions,
    choose_first,
    format_rows,
    stack_pictures,
)


UNKNOWN = float("nan")


def make_labelled(labels):
    """Records of one corpus: all of `CONDITIONS`, with the same labels for each."""
    findings = [finding for _, finding in CONDITIONS]
    rows = Dataset.from_dict({"record_id": [f"r{place}" for place in range(len(labels))]})
    return Labelled(rows, findings, np.array(labels, dtype=float)[:, None].repeat(len(findings), axis=1))


class TestFirstRecords:
    def test_the_first_positive_record_of_each_condition_is_asked(self):
        questions = choose_first(dict.fromkeys(CORPORA, make_labelled([0, UNKNOWN, 1, 1])))

        assert {question.title.split()[1] for question in questions} == {"r2"}
        assert [question.asked for question in questions] == [finding for _, finding in CONDITIONS]

    def test_a_folder_without_such_a_record_is_refused(self):
        with pytest.raises(SystemExit, match=r"ptb_xl: no record has atrial fibrillation\. .*--data_root"):
            choose_first(dict.fromkeys(CORPORA, make_labelled([0, UNKNOWN])))


class TestContradictions:
    def test_false_alarms_and_misses_take_turns_the_surest_first(self):
        scores = np.array([[0.9, 0.1, 0.6], [0.8, 0.2, 0.3], [0.7, 0.1, 0.05]])
        present = np.array([[1, 0, 1], [1, 0, 0], [1, 0, 0]])
        labels = np.array([[0, 0, 0], [1, 1, 0], [0, 0, 1]])

        # alarms .9 (0, 0), .7 (2, 0), .6 (0, 2); misses .05 (2, 2), .2 (1, 1)
        assert choose_contradictions(scores, present, labels) == [(0, 0), (2, 2), (1, 1)]

    def test_what_is_undecided_or_unknown_contradicts_nothing(self):
        scores = np.array([[0.9, 0.1]])

        assert choose_contradictions(scores, np.array([[UNKNOWN, 0]]), np.array([[0, UNKNOWN]])) == []


def test_a_row_says_what_was_asked_answered_and_read():
    statements = [{"probability": 0.98, "statement": "p waves absent"}]
    answer = {"label": "atrial fibrillation", "score": 0.9123, "present": True, "evidence": {"statements": statements}}

    *_, row = format_rows([{"strip": "ptb_xl 17", "labels": ["atrial flutter"], **answer}])

    assert row == "| ptb_xl 17 | atrial flutter | atrial fibrillation | 0.912 | True | 0.98 p waves absent |"


def test_sheets_stand_below_each_other(tmp_path):
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path, height in zip(paths, (100, 300), strict=True):
        Image.new("RGB", (2 * PICTURE_WIDTH, height), "white").save(path)

    stack_pictures(paths, tmp_path / "both.png")

    with Image.open(tmp_path / "both.png") as both:
        assert both.size == (PICTURE_WIDTH, 50 + 150)
