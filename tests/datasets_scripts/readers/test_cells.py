"""Cells of labels: `none` is no label, `unknown` and nothing are not known, in every spelling and every corpus."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets_scripts.readers.cells import (
    LabelCell,
    find_separator,
    is_unknown,
    parse_flag,
    parse_labels,
    parse_whole,
)


CODES = st.from_regex(r"[A-Z0-9]{2,6}", fullmatch=True).filter(lambda name: not is_unknown(name))


class TestLabels:
    @pytest.mark.parametrize("cell", ["none", "None", "NONE", " none ", "No_Label", "keine", "[]", "[ ]", "none;none"])
    def test_none_says_that_the_record_has_no_label(self, cell):
        assert parse_labels(cell) == LabelCell((), is_known=True)

    @pytest.mark.parametrize(
        "cell", [None, "", "  ", "NaN", "nan", "NA", "n/a", "NULL", "Unknown", "not known", "?", "-", ";", "<NA>"]
    )
    def test_unknown_and_nothing_say_that_nobody_knows(self, cell):
        assert parse_labels(cell) == LabelCell((), is_known=False)

    @pytest.mark.parametrize(
        ("cell", "names"),
        [
            ("AF", ("AF",)),
            ("AF; LBBB ;;AF", ("AF", "LBBB")),
            ("AF;none", ("AF",)),
            ("['AF', 'LBBB']", ("AF", "LBBB")),
            ('["AF"]', ("AF",)),
            ("[AF, LBBB]", ("AF", "LBBB")),
        ],
    )
    def test_names_stand_between_separators_or_in_a_list(self, cell, names):
        assert parse_labels(cell) == LabelCell(names, is_known=True)

    def test_beside_an_unknown_one_only_the_stated_labels_are_known(self):
        cell = parse_labels("AF;unknown")

        assert (cell.names, cell.mask(["AF", "LBBB"])) == (("AF",), [True, False])

    @given(
        st.lists(st.from_regex(r"[A-Z0-9]{2,6}", fullmatch=True).filter(lambda name: not is_unknown(name)), min_size=1)
    )
    def test_every_list_of_codes_is_read_with_every_separator(self, names):
        expected = tuple(dict.fromkeys(names))

        assert {parse_labels(separator.join(names), separator=separator).names for separator in ";|,"} == {expected}


class TestSeparator:
    @pytest.mark.parametrize(
        ("cells", "separator"),
        [
            (["AF;LBBB", "SR, old"], ";"),
            (["AF|LBBB", "SR"], "|"),
            (["AF,LBBB", "SR"], ","),
            (["426783006, 164889003"], ","),
            (["sinus rhythm, old infarction", "old infarction", "sinus rhythm"], ","),
            (["infarction, old", "normal"], None),
            (["Infarction, Old"], None),
            (["AF", None, ""], None),
            (["['AF', 'LBBB']"], None),
        ],
    )
    def test_it_is_told_from_all_cells_and_a_comma_may_be_part_of_a_name(self, cells, separator):
        assert find_separator(cells) == separator


@pytest.mark.parametrize(("cell", "number"), [("7", 7), ("15709.0", 15709), ("3,", 3), (" -1 ", -1), (12, 12)])
def test_a_whole_number_may_have_a_decimal_point(cell, number):
    assert parse_whole(cell) == number


@pytest.mark.parametrize("cell", ["1.5", "x", "1e3", "nan", "9" * 30])
def test_what_is_no_whole_number_is_refused(cell):
    with pytest.raises(ValueError, match="is no whole number"):
        parse_whole(cell)


@pytest.mark.parametrize("cell", [None, "", "  "])
def test_nothing_is_no_whole_number(cell):
    with pytest.raises(ValueError, match="it is empty"):
        parse_whole(cell)


@pytest.mark.parametrize(
    ("cell", "flag"), [("True", True), ("1.0", True), ("yes", True), ("FALSE", False), ("0", False), ("", None)]
)
def test_a_flag_is_true_false_or_not_known(cell, flag):
    assert parse_flag(cell) is flag


def test_what_is_no_flag_is_refused():
    with pytest.raises(ValueError, match=r"'2' is neither True nor False"):
        parse_flag("2")
