"""The page of an evaluation: everything in one file, the protocol in every table, errors where they are made."""

import json
import re

import numpy as np
import pytest
from helpers.made_predictions import CONDITIONS, make_predictions
from helpers.records.suite_records import CPSC2018

from evaluation_scripts.conditions import Condition
from evaluation_scripts.page.page import write_page
from evaluation_scripts.page.plots import count_errors
from evaluation_scripts.page.worst import Mistake, draw_mistake, find_worst
from evaluation_scripts.protocols.corrected import read_corrected_table
from evaluation_scripts.suites.evaluated import EvaluatedSets
from evaluation_scripts.suites.published import read_published
from evaluation_scripts.suites.records import load_suite_records


def make_sets(conditions=CONDITIONS):
    sets = EvaluatedSets(protocol="merl", splits=["test"], min_positives=1, num_bootstrap_samples=10, seed=0)
    predictions = make_predictions()
    predictions.records.loc[40:, "split"] = "validation"
    sets.add("simulated/default", conditions, predictions)
    sets.missing["cpsc2018/default"] = "R holds no folder of cpsc2018"
    return sets


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    sets, folder = make_sets(), tmp_path_factory.mktemp("page")
    protocol = {"name": "merl", "description": "MERL's own <tables>.", "split": "test"}
    paths, _ = sets.write(folder, model="runs/demo", protocol=protocol, published=read_published())
    report = json.loads(paths[0].read_text())
    write_page(folder / "page.html", report, sets, differences={"labels": [], "signals": []})
    return (folder / "page.html").read_text(encoding="utf-8")


def test_the_page_asks_nobody_for_anything(page):
    assert re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', page) == []
    assert "@import" not in page
    assert "<script" not in page


def test_every_table_of_figures_says_its_protocol(page):
    assert "protocol merl" in page
    assert "simulated/default/test · protocol merl" in page
    assert "Quoted, not measured here" in page


def test_what_is_missing_is_named_and_text_is_escaped(page):
    assert "Not tested: cpsc2018/default: R holds no folder of cpsc2018." in page
    assert "MERL&#x27;s own &lt;tables&gt;." in page


def test_it_has_forest_curves_reliability_and_errors(page):
    captions = ("AUROC of each condition", "ROC curves", "Precision and recall", "Reliability of all", "called though")
    assert all(caption in page for caption in captions)
    assert page.count("<svg") == 5


def test_names_of_conditions_cannot_break_the_page(tmp_path):
    conditions = [*CONDITIONS[:3], Condition("<b>W&W</b>", None, "<i>", seen=False)]
    sets = make_sets(conditions)
    protocol = {"name": "corpus", "description": "", "split": "test"}
    paths, _ = sets.write(tmp_path, model="m", protocol=protocol)

    write_page(tmp_path / "page.html", json.loads(paths[0].read_text()), sets)

    assert "<b>W" not in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_errors_that_occur_together_are_counted_by_the_condition_that_is_present():
    labels = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    scores = np.array([[0.9, 0.9], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9]])

    names, shares = count_errors(scores, labels, np.array([0.5, 0.5]), ["a", "b"])

    assert names == ["a", "b"]
    assert shares.tolist() == [[0.0, 0.5], [0.0, 0.0]]


def test_without_thresholds_no_errors_are_counted():
    assert count_errors(np.zeros((3, 2)), np.eye(3)[:, :2], np.full(2, np.nan), ["a", "b"]) is None


def test_the_worst_error_is_the_record_ranked_furthest_from_where_it_belongs():
    sets = make_sets()
    predictions = sets.predictions["simulated/default/test"][1]
    column = 1
    row = int(np.flatnonzero(predictions.labels[:40, column] == 1)[0])
    predictions.scores[row, column] = -5.0

    worst = find_worst(sets)

    found = {(mistake.record_id, mistake.label, mistake.is_present) for mistake in worst}
    assert (f"r{row}", "CLBBB", True) in found
    assert len({mistake.record_id for mistake in worst}) == len(worst)


def test_the_strip_of_an_error_is_drawn_where_its_recording_is_at_hand(suite_root):
    table = read_corrected_table(CPSC2018, suite_root / "CPSC_2018")
    records, _ = load_suite_records(table, ["train", "validation", "test"], data_dir=suite_root / "CPSC_2018")
    mistake = Mistake("cpsc2018/default/test", "A0003", "PVC", 0.1, True, 0.9)

    image = draw_mistake(mistake, {"cpsc2018/default/test": records})

    assert image.startswith("iVBORw0KGgo")  # the signature of a PNG
    assert draw_mistake(mistake, {}) is None
