"""Anybody's folds: names of splits or numbers, and no patient on two sides."""

import pytest
from helpers.records.suite_records import SETS

from evaluation_scripts.protocols.folds import apply_folds, read_fold_table
from evaluation_scripts.protocols.merl import read_merl_table


def write_folds(path, rows):
    path.write_text("record_id,fold\n" + "".join(f"{record_id},{fold}\n" for record_id, fold in rows))
    return path


def test_the_last_number_tests_and_the_last_but_one_validates(tmp_path):
    path = write_folds(tmp_path / "folds.csv", [("a", 2), ("b", 10), ("c", 9), ("d", "1.0")])

    assert read_fold_table(path) == {"a": "train", "b": "test", "c": "validation", "d": "train"}


def test_a_fold_may_be_the_name_of_a_split(tmp_path):
    path = write_folds(tmp_path / "folds.csv", [("a", "Train"), ("b", "test"), ("c", "val")])

    assert read_fold_table(path) == {"a": "train", "b": "test", "c": "validation"}


def test_a_fold_that_is_neither_is_refused(tmp_path):
    path = write_folds(tmp_path / "folds.csv", [("a", "train"), ("b", "holdout")])

    with pytest.raises(
        ValueError, match=r"folds\.csv: the fold 'holdout' is no split\. Write train, validation or test"
    ):
        read_fold_table(path)


def test_only_the_records_that_the_folds_list_are_tested(split_dir):
    table = read_merl_table(SETS["cpsc2018/default"], split_dir)

    own = apply_folds(table, {"A0001": "test", "A0003": "train"}, source="folds.csv")

    assert own.records.set_index("record_id")["split"].to_dict() == {"A0003": "train", "A0001": "test"}
    assert own.labels[1].tolist() == table.labels[table.records["record_id"].tolist().index("A0001")].tolist()


def test_folds_that_share_a_patient_are_refused_by_name(split_dir):
    table = read_merl_table(SETS["ptb_xl/rhythm"], split_dir)
    table.records.loc[table.records["record_id"].isin(["3", "4"]), "patient_id"] = "7"

    with pytest.raises(ValueError, match=r"folds\.csv: patient 7 is in train and test \(records 3, 4\)"):
        apply_folds(table, {"3": "train", "4": "test"}, source="folds.csv")
