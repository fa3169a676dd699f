"""The corrected protocol: the corpus' own codes, and no signal is read for them."""

import pytest
from helpers.records.suite_records import CHAPMAN, CPSC2018, SETS

from evaluation_scripts.protocols.corrected import read_corrected_table
from evaluation_scripts.protocols.label_sets import CORRECTED, MERL, SUPREME6
from evaluation_scripts.protocols.read import find_corpus, read_suite


def test_labels_are_the_codes_of_the_corpus(suite_root):
    table = read_corrected_table(CHAPMAN, suite_root / "ecg-arrhythmia")

    positives = table.count_positives()
    assert {name: count for name, count in positives.items() if count} == {"AFIB": 2, "SR": 2, "AFL": 1, "STDD": 1}


def test_a_record_is_normal_where_the_corpus_says_so(suite_root, ptb_xl_dir):
    rhythm = read_corrected_table(SETS["ptb_xl/rhythm"], ptb_xl_dir).records
    cpsc2018 = read_corrected_table(CPSC2018, suite_root / "CPSC_2018").records
    chapman = read_corrected_table(CHAPMAN, suite_root / "ecg-arrhythmia").records

    assert set(rhythm.loc[rhythm["is_normal"], "record_id"]) == {"1", "11", "10", "20"}
    assert set(cpsc2018.loc[cpsc2018["is_normal"], "record_id"]) == {"A0002"}
    assert set(chapman.loc[chapman["is_normal"], "record_id"]) == {"JS00002", "JS00004"}


def test_splits_of_ptb_xl_are_its_folds(ptb_xl_dir):
    table = read_corrected_table(SETS["ptb_xl/superclass"], ptb_xl_dir)

    assert set(table.of_splits(["test"]).records["record_id"]) == {"10", "20"}


@pytest.mark.parametrize(
    ("corpus", "folder"),
    [("ptb_xl", "ptb-xl/1.0.3"), ("cpsc2018", "CPSC_2018"), ("chapman_shaoxing_ningbo", "ecg-arrhythmia")],
)
def test_corpora_are_found_under_the_names_that_people_give_them(suite_root, corpus, folder):
    assert find_corpus(corpus, suite_root) == suite_root / folder
    assert find_corpus(corpus, suite_root / folder.split("/")[0]) == suite_root / folder


def test_what_is_missing_is_named_and_the_rest_is_read(tmp_path, ptb_xl_dir):
    (tmp_path / "ptb-xl").symlink_to(ptb_xl_dir, target_is_directory=True)

    suite = read_suite(SUPREME6, CORRECTED, data_root=tmp_path)

    assert [table.label_set.name for table in suite.tables] == [f"ptb_xl/{name}" for name in PTB_XL_SETS]
    assert list(suite.missing) == ["cpsc2018/default", "chapman_shaoxing_ningbo/merl"]
    assert suite.missing["cpsc2018/default"] == f"no folder of cpsc2018 (such as cpsc2018 or cpsc) is below {tmp_path}"


PTB_XL_SETS = ("superclass", "subclass", "form", "rhythm")


def test_labels_of_the_published_protocol_need_no_corpus(split_dir):
    suite = read_suite(SUPREME6, MERL, split_dir=split_dir, needs_signals=False)

    assert len(suite.tables) == 6
    assert suite.missing == {}
