"""`supreme classify --list`: the conditions of published test sets, under the names of the terminology."""

import pytest

from datasets_scripts.chapman_shaoxing_ningbo import LABEL_NAMES
from datasets_scripts.terminology.findings import load_terminology
from modeling_supreme.command_line import CommandLineError
from modeling_supreme.supreme_command.lists import load_lists, read_list


class TestPublishedLists:
    def test_the_six_sets_have_106_conditions(self):
        # Liu et al. 2024 (MERL), table 1: 5 + 23 + 19 + 12 of PTB-XL, 9 of CPSC2018, 38 of CSN
        sizes = {name: len(conditions) for name, conditions in load_lists().items() if name != "ptb_xl"}

        assert sizes == {
            "ptb_xl_superclass": 5,
            "ptb_xl_subclass": 23,
            "ptb_xl_form": 19,
            "ptb_xl_rhythm": 12,
            "cpsc2018": 9,
            "csn": 38,
        }

    def test_every_condition_is_a_finding_by_its_own_name(self):
        terminology = load_terminology()

        names = {name for conditions in load_lists().values() for name in conditions}
        assert [name for name in names if name not in terminology or terminology.find(name).name != name] == []

    def test_those_of_csn_are_the_labels_of_its_builder(self):
        terminology = load_terminology()

        assert read_list("csn") == [
            terminology.find_label(label, config_name="merl").name for label in LABEL_NAMES["merl"]
        ]

    def test_no_list_names_a_condition_twice(self):
        assert all(len(set(conditions)) == len(conditions) for conditions in load_lists().values())


class TestReadList:
    def test_a_file_holds_a_condition_a_line(self, tmp_path):
        path = tmp_path / "mine.txt"
        path.write_text("# rhythm\natrial fibrillation\n\nqrs > 120 ms\n")

        assert read_list(str(path)) == ["atrial fibrillation", "qrs > 120 ms"]

    def test_a_file_without_conditions_is_refused(self, tmp_path):
        path = tmp_path / "mine.txt"
        path.write_text("# nothing yet\n")

        with pytest.raises(ValueError, match=r"mine\.txt names no condition\. Write one a line"):
            read_list(str(path))

    def test_a_mistyped_name_is_answered_with_the_nearest(self):
        with pytest.raises(CommandLineError, match=r"ptb_xl_rythm.*ptb_xl_rhythm"):
            read_list("ptb_xl_rythm")
