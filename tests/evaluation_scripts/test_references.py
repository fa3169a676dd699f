"""References of measurements: the column of the corpus, or annotations beside its records."""

import numpy as np
import pytest
import wfdb
from datasets import Dataset
from helpers.records.ptb_xl_records import make_microvolts, write_ptb_xl_record

from evaluation_scripts.arguments import EvaluationArguments
from evaluation_scripts.load import LabelledRecords, load_records
from evaluation_scripts.references import read_references


def make_records(**columns):
    rows = Dataset.from_dict({"record_id": ["a", "b", "c"], **columns})
    return LabelledRecords(rows, ["test"] * 3, corpus="own", config_name="default", split="test")


@pytest.fixture
def annotated_dir(tmp_path):
    """Two records, of which the second is annotated: QRS complexes of 100 ms, 800 ms apart."""
    for name in ("r1", "r2"):
        write_ptb_xl_record(tmp_path / name, make_microvolts(1), sampling_rate=500)
    starts = np.arange(100, 4500, 400)
    samples = np.stack([starts, starts + 20, starts + 50], axis=1).ravel()
    wfdb.wrann("r2", "atr", samples, ["(", "N", ")"] * len(starts), fs=500, write_dir=str(tmp_path))
    return tmp_path


def load_folder(folder):
    return load_records(
        EvaluationArguments("unused", "ecg_folder", "unused", data_dir=str(folder), split="train+validation+test"),
        None,
    )


def test_the_column_is_read_under_the_names_of_the_model():
    stated = [
        {"qrs_ms": 90.0, "axis_deg": None},
        {"qrs_ms": None, "axis_deg": 30.0},
        {"qrs_ms": 100.0, "axis_deg": 5.0},
    ]

    reference = read_references(make_records(measurements=stated), ["axis_deg", "pr_ms", "qrs_ms"])

    unknown = np.nan
    expected = [[unknown, unknown, 90], [30, unknown, unknown], [5, unknown, 100]]
    np.testing.assert_array_equal(reference, expected)


def test_a_count_of_nothing_has_no_size():
    stated = [{"num_early_wide": 0.0, "st_mv_V2": 0.0}, {"num_early_wide": 2.0, "st_mv_V2": 0.1}] * 2

    reference = read_references(make_records(measurements=stated[:3]), ["num_early_wide", "st_mv_V2"])

    np.testing.assert_array_equal(reference, [[np.nan, 0], [2, 0.1], [np.nan, 0]])


def test_a_corpus_without_the_column_is_refused_with_a_remedy():
    with pytest.raises(ValueError, match=r"own has no column `measurements`.*`--annotation_extensions`"):
        read_references(make_records(), ["qrs_ms"])


def test_numbers_that_the_checkpoint_does_not_measure_are_no_reference():
    with pytest.raises(ValueError, match=r"own/default/test: the column `measurements` of no record .*Choose another"):
        read_references(make_records(measurements=[{"qt_ms": 400.0}] * 3), ["qrs_ms"])


def test_annotations_beside_the_records_are_read(annotated_dir):
    records = load_folder(annotated_dir)

    reference = read_references(
        records, ["qrs_ms", "rate_per_min", "pr_ms"], data_dir=str(annotated_dir), annotation_extensions=["atr"]
    )

    by_record = dict(zip(records.rows["record_id"], reference.tolist(), strict=True))
    np.testing.assert_allclose(by_record["r2"], [100, 75, np.nan])
    assert np.isnan(by_record["r1"]).all()


def test_absent_annotations_are_named(annotated_dir):
    with pytest.raises(ValueError, match=r"the annotations \.q1c, \.q2c of no record has a number"):
        read_references(
            load_folder(annotated_dir),
            ["qrs_ms"],
            data_dir=str(annotated_dir),
            annotation_extensions=["q1c", "q2c"],
        )


def test_a_corpus_that_does_not_say_where_its_records_lie_has_no_annotations():
    with pytest.raises(ValueError, match=r"own does not say where its records lie.*`--dataset_name ecg_folder"):
        read_references(make_records(), ["qrs_ms"], annotation_extensions=["atr"])
