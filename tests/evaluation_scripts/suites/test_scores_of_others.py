"""`--predictions`: scores of any system under a published protocol, with nothing assumed and everything named."""

import logging

import numpy as np
import pandas as pd
import pytest
from helpers.records.suite_records import SETS, write_merl_tables
from helpers.score_files import read_truth, replace_scores, score_suite, script
from sklearn.metrics import roc_auc_score

from evaluation_scripts.decision_figures.thresholds import choose_thresholds
from evaluation_scripts.protocols.merl import read_merl_table
from evaluation_scripts.suites.score_file import match_columns, read_score_file


ALL = ("--split", "train+validation+test")


@pytest.fixture(scope="module")
def truth(split_dir):
    return read_truth(split_dir)


@pytest.mark.parametrize(
    ("make", "expected"),
    [(lambda labels: labels, 1.0), (lambda labels: np.full_like(labels, 0.3), 0.5)],
    ids=["perfect", "constant"],
)
def test_a_perfect_and_a_constant_predictor_through_the_whole_path(truth, split_dir, tmp_path, make, expected):
    scores = replace_scores(truth, lambda labels: np.where(np.isnan(labels), 0.0, make(labels)))

    results, _ = score_suite(scores, split_dir, tmp_path, *ALL)

    assert results["overall"]["auroc_macro"] == pytest.approx(expected)
    assert results["overall"]["auroc_macro_ci95"] == pytest.approx([expected, expected])
    assert results["overall"]["num_sets"] == 6


def test_a_random_predictor_is_at_one_half_within_its_interval(tmp_path):
    generator = np.random.default_rng(0)
    rows = [
        {"record_id": str(number), "patient_id": number, "split": "test", "positives": ["MI"] * (number % 3 == 0)}
        for number in range(1, 601)
    ]
    write_merl_tables(tmp_path / "tables", SETS["ptb_xl/superclass"], rows)
    scores = pd.DataFrame({"record_id": range(1, 601), "myocardial infarction": generator.random(600)})

    results, _ = score_suite(scores, tmp_path / "tables", tmp_path)

    low, high = results["overall"]["auroc_macro_ci95"]
    assert low < 0.5 < high < low + 0.15
    assert results["missing"].keys() == set(SETS) - {"ptb_xl/superclass"}


def test_the_figures_are_those_of_scikit_learn(truth, split_dir, tmp_path):
    generator = np.random.default_rng(1)
    scores = replace_scores(truth, lambda labels: generator.random(labels.shape))

    results, table = score_suite(scores, split_dir, tmp_path, *ALL)

    own = table[table["config"] == "rhythm"]
    expected = roc_auc_score(own["label_AFIB"].astype(int), own["score_AFIB"])
    assert results["results"]["ptb_xl/rhythm/train+validation+test"]["auroc_AFIB"] == pytest.approx(expected)
    assert results["protocol"]["name"] == "merl"


def test_thresholds_never_see_the_labels_of_the_test_split(tmp_path):
    generator = np.random.default_rng(2)
    rows = [
        {
            "record_id": str(number),
            "patient_id": number,
            "split": "validation" if number % 2 else "test",
            "positives": ["MI"] * int(generator.integers(2)),
        }
        for number in range(1, 201)
    ]
    scores = pd.DataFrame({"record_id": range(1, 201), "MI": generator.random(200)})
    found = []
    for name, positives in {"as it is": None, "the other way round": ["MI"]}.items():
        turned = [
            {**row, "positives": [label for label in positives if label not in row["positives"]]}
            if positives and row["split"] == "test"
            else row
            for row in rows
        ]
        write_merl_tables(tmp_path / name, SETS["ptb_xl/superclass"], turned)
        entries = score_suite(scores, tmp_path / name, tmp_path)[0]["results"]["ptb_xl/superclass/test"]["conditions"]
        found.append(entries[0])

    validation = [row for row in rows if row["split"] == "validation"]
    own = scores.set_index("record_id")["MI"][[int(row["record_id"]) for row in validation]].to_numpy()
    labels = np.array([[float("MI" in row["positives"])] for row in validation])
    assert found[0]["threshold"] == found[1]["threshold"]
    assert found[0]["threshold"] == pytest.approx(choose_thresholds(own[:, None], labels)[0])
    assert found[0]["f1"] != found[1]["f1"]


def test_columns_are_found_by_name_or_code_through_the_terminology(split_dir):
    table = read_merl_table(SETS["cpsc2018/default"], split_dir)
    columns = [
        "atrial fibrillation",
        "score_VPC",
        "LBBB",
        "complete right bundle branch block",
        "270492004",
        "mystery",
    ]

    matched = match_columns(table, columns, source="scores.csv")

    assert matched == {
        "AFIB": "atrial fibrillation",
        "VPC": "score_VPC",
        "1AVB": "270492004",
        "CRBBB": "complete right bundle branch block",
        "CLBBB": "LBBB",
    }


def test_the_name_of_a_set_goes_before_the_label_and_the_label_before_the_finding(split_dir):
    table = read_merl_table(SETS["ptb_xl/subclass"], split_dir)

    assert match_columns(table, ["NORM", "subclass:NORM", "normal ecg"], source="")["NORM"] == "subclass:NORM"
    assert match_columns(table, ["NORM", "normal ecg"], source="")["NORM"] == "NORM"


def test_two_columns_for_one_condition_are_refused(split_dir):
    table = read_merl_table(SETS["cpsc2018/default"], split_dir)

    with pytest.raises(ValueError, match=r"a\.csv: columns PVC and score_PVC both stand for VPC.*default:VPC"):
        match_columns(table, ["PVC", "score_PVC"], source="a.csv")


def test_what_is_missing_and_what_is_unknown_is_named(split_dir, tmp_path, caplog):
    scores = pd.DataFrame({"record_id": ["A0002", "A0003"], "AFIB": [0.1, 0.2], "VPC": [0.1, 0.9], "mystery": [1, 2]})

    with caplog.at_level(logging.WARNING):
        results, _ = score_suite(scores, split_dir, tmp_path)

    result = results["results"]["cpsc2018/default/test"]
    assert result["columns"] == {"AFIB": "AFIB", "VPC": "VPC"}
    assert result["missing_conditions"] == ["NORM", "1AVB", "CRBBB", "STE", "PAC", "CLBBB", "STD"]
    assert results["protocol"]["unknown_columns"] == ["mystery"]
    assert "no condition answers to the columns mystery" in caplog.text
    assert "no column stands for NORM, 1AVB" in caplog.text


def test_records_without_a_row_are_counted_and_the_first_is_named(split_dir, tmp_path, caplog):
    scores = pd.DataFrame({"record_id": ["A0003"], "PVC": [0.9]})

    with caplog.at_level(logging.WARNING):
        results, table = score_suite(scores, split_dir, tmp_path)

    assert results["results"]["cpsc2018/default/test"]["num_missing_records"] == 1
    assert "1 records have no row, first A0002" in caplog.text
    assert table["record_id"].tolist() == ["A0003"]


def test_controls_are_the_columns_that_the_user_names(tmp_path):
    generator = np.random.default_rng(4)
    rows = [
        {
            "record_id": str(number),
            "patient_id": number,
            "split": "test",
            "positives": ["NORM"] if number % 2 else ["MI"] * int(generator.integers(2)),
        }
        for number in range(1, 401)
    ]
    write_merl_tables(tmp_path / "tables", SETS["ptb_xl/superclass"], rows)
    is_infarction = np.array(["MI" in row["positives"] for row in rows], dtype=float)
    is_normal = np.array(["NORM" in row["positives"] for row in rows], dtype=float)
    scores = pd.DataFrame(
        {
            "record_id": range(1, 401),
            "MI": is_infarction + generator.normal(size=400),
            "normal ecg": is_normal + generator.normal(size=400),
            "noise": generator.normal(size=400),
        }
    )

    results, _ = score_suite(scores, tmp_path / "tables", tmp_path, "--control_columns", "normal ecg", "noise")

    result = results["results"]["ptb_xl/superclass/test"]
    entry = next(entry for entry in result["conditions"] if entry["label"] == "MI")
    assert entry["controls"]["normal ecg"] == pytest.approx(roc_auc_score(is_infarction, -scores["normal ecg"]))
    assert entry["among_non_normal"]["controls"]["noise"] == pytest.approx(
        roc_auc_score(is_infarction[is_normal == 0], scores["noise"][is_normal == 0])
    )
    assert result["understood"] == {"num_understood": 1, "num_conditions": 1, "labels": ["MI"]}


def test_paths_and_numbers_of_records_are_understood(split_dir, tmp_path):
    names = ["records500/00000/00010_hr", "20.0"]
    scores = pd.DataFrame({"record_id": names, "SR": [0.9, 0.1]})

    results, table = score_suite(scores, split_dir, tmp_path)

    assert table.loc[table["config"] == "rhythm", "record_id"].tolist() == ["10", "20"]
    assert results["results"]["ptb_xl/rhythm/test"]["auroc_SR"] == 1.0


def test_our_own_predictions_are_scored_without_any_corpus(truth, split_dir, tmp_path):
    generator = np.random.default_rng(5)
    scores = replace_scores(truth, lambda labels: generator.random(labels.shape))
    first, _ = score_suite(scores, split_dir, tmp_path / "first", *ALL)

    again = tmp_path / "again"
    path = tmp_path / "first" / "predictions.parquet"
    script.main(["--predictions", str(path), "--output_dir", str(again), "--num_bootstrap_samples", "20", *ALL])

    text = (again / "eval_results.json").read_text()
    assert f'"auroc_macro": {first["overall"]["auroc_macro"]}' in text


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"name": ["1"], "MI": [0.1]}, r"has no column record_id: it has name, MI\. Write one row per record"),
        ({"record_id": ["1"], "split": ["test"]}, r"has no column of scores\. Write one column per condition"),
        ({"record_id": ["1"], "MI": ["high"]}, r"column MI: it holds 'high'\. Scores are numbers"),
    ],
    ids=["no record_id", "no scores", "words"],
)
def test_files_that_are_no_scores_are_refused(tmp_path, table, message):
    pd.DataFrame(table).to_csv(tmp_path / "scores.csv", index=False)

    with pytest.raises(ValueError, match=message):
        read_score_file(tmp_path / "scores.csv")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"record_id": ["A0002", "A0002"], "PVC": [0.1, 0.2]}, r"lists record A0002 twice\. Write one row per record"),
        ({"record_id": ["A0002", "A0003"], "PVC": [0.1, None]}, r"record A0003 has no score in column PVC.*Fill it"),
        ({"record_id": ["X1"], "PVC": [0.1]}, r"no column and record belongs to what is tested.*by the name or code"),
    ],
    ids=["twice", "no score", "other records"],
)
def test_rows_that_cannot_be_meant_are_refused(split_dir, tmp_path, table, message):
    with pytest.raises(ValueError, match=message):
        score_suite(pd.DataFrame(table), split_dir, tmp_path)
