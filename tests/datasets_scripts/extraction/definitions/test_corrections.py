"""`read_corrections`: what a person exported is checked by the grammar, and a mistake told with line and position."""

import json

import pytest

from datasets_scripts.extraction.definitions.corrections import Correction, read_corrections


LINE = {"condition": "Q waves", "expression": "wide QRS > 120 ms", "source": "Chou", "is_confirmed": True}


def write(path, *lines):
    """A file of these lines, as objects or as text."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def test_an_expression_becomes_canonical_and_the_name_a_key(tmp_path):
    found = read_corrections(write(tmp_path / "c.jsonl", LINE, "", {**LINE, "condition": "b", "note": "kept"}))

    assert found["q waves"] == Correction("Q waves", "qrs_ms > 120", "Chou", True)
    assert list(found) == ["q waves", "b"]


def test_a_person_may_say_that_there_is_no_definition(tmp_path):
    found = read_corrections(write(tmp_path / "c.jsonl", {**LINE, "expression": "", "source": ""}))

    assert found["q waves"].expression == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"expression": "qrs_ms > 120 and wobbly"}, r"'Q waves' cannot be taken.*at character 17, 'wobbly'"),
        (
            {"expression": '"q waves"'},
            r"cannot be taken.*At character 1, 'q waves' is what is to be defined",
        ),
        ({"expression": 7}, r"'expression' is no printable text of at most 1000 characters\. Correct it"),
        ({"source": ""}, r"'Q waves' has no source\. Name one, or write: own choice"),
        ({"condition": " "}, r"names no condition\. Write its name"),
        ({"is_confirmed": "yes"}, r"'is_confirmed' is 'yes'\. Write true or false"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path, change, message):
    path = write(tmp_path / "c.jsonl", {**LINE, "condition": "other"}, {**LINE, **change})

    with pytest.raises(ValueError, match=rf"c\.jsonl, line 2.*{message}"):
        read_corrections(path)


@pytest.mark.parametrize("line", ["{", "[]", '{"condition": "x"}', '"x"'])
def test_a_line_of_another_form_is_refused(tmp_path, line):
    with pytest.raises(ValueError, match=r"c\.jsonl, line 1, (is no JSON|lacks one of condition).*Export the page"):
        read_corrections(write(tmp_path / "c.jsonl", line))


def test_two_corrections_of_one_condition_are_refused(tmp_path):
    path = write(tmp_path / "c.jsonl", LINE, {**LINE, "condition": "q-waves"})

    with pytest.raises(ValueError, match=r"line 2: 'q-waves' stands in line 1 already\. Keep one of the two"):
        read_corrections(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no file .*none\.jsonl.*--corrections"):
        read_corrections(tmp_path / "none.jsonl")
