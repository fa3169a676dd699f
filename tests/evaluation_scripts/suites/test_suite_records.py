"""Recordings of a set: what of them a protocol keeps, and one answer per record however long it is."""

import numpy as np
import pandas as pd
import pytest
from helpers.records.suite_records import CPSC2018, SETS

from evaluation_scripts.conditions import Condition
from evaluation_scripts.prediction_table import Predictions
from evaluation_scripts.protocols.corrected import read_corrected_table
from evaluation_scripts.protocols.merl import read_merl_table
from evaluation_scripts.suites.records import load_suite_records, merge_windows


SPLITS = ["train", "validation", "test"]


def load_cpsc2018(table, suite_root):
    records, missing = load_suite_records(table, SPLITS, data_dir=suite_root / "CPSC_2018")
    assert missing["num_missing"] == 0
    return dict(zip(records.rows["record_id"], records.rows["num_samples"], strict=True)), records


def test_the_published_protocol_keeps_five_seconds_of_cpsc2018(suite_root, split_dir):
    num_samples, records = load_cpsc2018(read_merl_table(CPSC2018, split_dir), suite_root)

    assert num_samples == {"A0001": 2500, "A0002": 2500, "A0003": 2500}
    assert records.label_names[1] == "VPC"
    assert records.corpus_labels[1] == "PVC"


def test_the_corrected_protocol_keeps_the_whole_recording(suite_root):
    _, records = load_cpsc2018(read_corrected_table(CPSC2018, suite_root / "CPSC_2018"), suite_root)

    lengths = pd.Series(records.rows["num_samples"]).groupby(pd.Series(records.rows["record_id"])).sum() / 500
    assert lengths.to_dict() == {"A0001": 10, "A0002": 10, "A0003": 25}  # 2 s at the end are no row
    assert len(records.read_labels()) == len(records.rows)


def test_labels_stand_beside_their_record(suite_root, split_dir):
    table = read_merl_table(SETS["ptb_xl/rhythm"], split_dir)

    records, _ = load_suite_records(table, ["validation", "test"], data_dir=suite_root / "ptb-xl" / "1.0.3")

    located = records.locate()
    assert located["record_id"].tolist() == records.rows["record_id"][:]
    assert located["split"].tolist() == ["validation", "validation", "test", "test"]
    assert records.read_labels()[:, records.label_names.index("SR")].tolist() == [1.0, 0.0, 1.0, 0.0]


def test_records_that_are_not_there_are_counted(suite_root, split_dir):
    table = read_merl_table(CPSC2018, split_dir)
    table.records.loc[table.records["record_id"] == "A0001", "record_id"] = "A9999"

    _, missing = load_suite_records(table, SPLITS, data_dir=suite_root / "CPSC_2018")

    assert missing == {"num_missing": 1, "first_missing": "A9999"}


def test_a_finding_is_there_if_it_is_in_any_window_and_a_record_is_normal_if_all_are():
    conditions = [Condition("Normal", "normal ecg", "normal ecg", None), Condition("PVC", "pvc", "pvc", None)]
    records = pd.DataFrame({"record_id": ["a", "b", "a"], "patient_id": ["a", "b", "a"]})
    scores = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.7]])
    controls = {"normal_ecg": 1 - scores, "random_queries": np.stack([scores, -scores])}

    merged = merge_windows(Predictions(records, scores * 0, scores, controls), conditions)

    assert merged.records["record_id"].tolist() == ["a", "b"]
    assert merged.scores == pytest.approx(np.array([[0.2, 0.7], [0.5, 0.5]]))
    assert merged.controls["normal_ecg"] == pytest.approx(np.array([[0.8, 0.9], [0.5, 0.5]]))
    assert merged.controls["random_queries"][1] == pytest.approx(np.array([[-0.2, -0.1], [-0.5, -0.5]]))
