"""`choose_corpora`: each corpus of a mixture gets its own part of the lists in the arguments."""

from training_scripts.arguments import DataArguments
from training_scripts.data.choose import choose_corpora


def choose(**arguments):
    return choose_corpora(DataArguments(["simulated", "ptb_xl"], **arguments))


def test_what_is_said_of_several_corpora_is_told_apart_by_its_place():
    simulated, ptb_xl = choose(dataset_config_name=["none", "all"], on_the_fly=True, data_dir=["d"])

    assert (simulated.name, simulated.config_name, simulated.is_on_the_fly) == ("simulated", None, True)
    assert (ptb_xl.name, ptb_xl.config_name, ptb_xl.is_on_the_fly) == ("ptb_xl", "all", False)


def test_one_folder_is_for_all_corpora_that_read_files():
    assert [corpus.data_dir for corpus in choose(data_dir=["d"])] == [None, "d"]


def test_labels_from_reports_may_be_for_one_of_them():
    assert [corpus.report_labels for corpus in choose(report_labels=["none", "labels.parquet"])] == [
        None,
        "labels.parquet",
    ]
