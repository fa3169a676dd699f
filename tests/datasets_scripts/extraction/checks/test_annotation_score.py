"""The score of a reading counts entities over all statements, and certainty over the entities that both name."""

import pytest
from helpers.annotated_statements import ANNOTATIONS, write_lines

from datasets_scripts.extraction.checks.annotation_score import load_readings, score_statements


def test_entities_are_counted_over_all_statements():
    scores = score_statements(ANNOTATIONS)

    assert scores["precision"] == pytest.approx(2 / 3)
    assert scores["recall"] == 1.0
    assert scores["f1"] == pytest.approx(0.8)
    assert scores["certainty_accuracy"] == 0.5
    assert [error["statement"] for error in scores["errors"]] == ["Possible LVH with PVCs"]


def test_each_group_has_figures_of_its_own():
    groups = score_statements(ANNOTATIONS)["groups"]

    assert groups["uncertain"]["precision"] == 0.5
    assert groups["single"]["f1"] == 1.0


def test_the_confusion_says_what_each_certainty_was_read_as():
    confusion = score_statements(ANNOTATIONS)["certainty_confusion"]

    assert confusion["positive"] == {"positive": 1, "uncertain": 1, "negative": 0}
    assert confusion["negative"] == {"positive": 0, "uncertain": 0, "negative": 0}


def test_a_figure_without_counts_is_left_open():
    scores = score_statements([{"statement": "Baseline wander", "entities": []}])

    assert scores["f1"] is None
    assert scores["certainty_accuracy"] is None


def test_the_readings_of_any_backend_can_be_scored(tmp_path):
    entities = [{"entity": "sinus rhythm", "certainty": "uncertain", "snomed_ct": "", "scp_code": ""}]
    path = write_lines(tmp_path / "statements.jsonl", [{"statement": "SINUS RHYTHM.", "entities": entities}])

    scores = score_statements(ANNOTATIONS[1:], load_readings(path))

    assert scores["f1"] == 1.0
    assert scores["certainty_accuracy"] == 0.0


def test_a_statement_that_was_not_read_is_refused(tmp_path):
    path = write_lines(tmp_path / "statements.jsonl", [{"statement": "LVH", "entities": []}])

    with pytest.raises(ValueError, match=r"statements\.jsonl lacks an annotated statement.*Run the extraction"):
        score_statements(ANNOTATIONS, load_readings(path))


def test_missing_readings_are_reported_with_their_path(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*none\.jsonl.*--readings"):
        load_readings(tmp_path / "none.jsonl")
