"""`compare_labels`: the errors of the published labels, found and counted."""

import json

import pytest

from evaluation_scripts.compare_labels import CompareArguments, compare_labels, main


# Class -> positives of all splits in truth and by the table, and of the test split. Source: counted by splitting the
# column `diagnose` at its commas.
SUBSTRING_ERRORS = {
    "AF": (3340, 4753, 690, 987),
    "ST": (5154, 6338, 1030, 1281),
    "VB": (3, 916, 0, 169),
    "AVB": (176, 913, 39, 169),
    "SA": (2107, 2828, 395, 536),
    "CR": (75, 216, 12, 50),
    "2AVB": (22, 38, 3, 4),
}


@pytest.mark.data
def test_the_substring_errors_of_the_full_tables_are_those_of_the_literature(data_dir):
    report = compare_labels(CompareArguments(str(data_dir / "merl_splits")))

    found = {
        row["label"]: (row["num_true"], row["num_table"], row["num_true_test"], row["num_table_test"])
        for row in report["labels"]
    }
    assert found == SUBSTRING_ERRORS
    assert {row["num_lost"] for row in report["labels"]} == {0}


def test_an_error_is_explained_by_the_acronyms_that_hold_the_class(split_dir):
    rows = compare_labels(CompareArguments(str(split_dir)))["labels"]

    assert {row["label"]: row["reason"] for row in rows} == {"AF": "AF stands in AFIB", "ST": "ST stands in STDD"}


def test_the_codes_of_the_records_at_hand_are_compared_too(split_dir, suite_root):
    report = compare_labels(CompareArguments(str(split_dir), data_root=str(suite_root)))

    chapman = {
        row["label"]: row for row in report["labels"] if row["against"] == "corpus" and row["set"][:7] == "chapman"
    }
    assert (chapman["AF"]["num_true"], chapman["AF"]["num_table"], chapman["AF"]["num_added"]) == (1, 3, 2)
    assert report["records"]["cpsc2018/default"]["shared"] == 3


def test_the_crop_and_the_swapped_leads_are_counted(split_dir):
    signals = compare_labels(CompareArguments(str(split_dir)))["signals"]

    assert [(note["set"], note["num_records"], note["num_test_records"]) for note in signals] == [
        ("cpsc2018/default", 3, 2),
        ("all sets", 20 + 3 + 5, 2 + 2 + 3),
    ]
    assert "first 5 s" in signals[0]["what"]
    assert "aVL and aVF change places" in signals[1]["what"]


def test_the_command_prints_a_table_and_writes_it(split_dir, tmp_path, capsys):
    main(["--split_dir", str(split_dir), "--output_file", str(tmp_path / "differences.json")])

    assert "AF stands in AFIB" in capsys.readouterr().out
    assert json.loads((tmp_path / "differences.json").read_text())["labels"][0]["label"] == "AF"


def test_a_folder_without_tables_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"ptbxl_super_class_train\.csv does not exist\. Let `--split_dir`"):
        compare_labels(CompareArguments(str(tmp_path)))
