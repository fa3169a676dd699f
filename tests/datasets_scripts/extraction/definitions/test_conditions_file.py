"""`read_conditions`: names of conditions in four formats, each once; what is no name is told with its line."""

import json

import pytest

from datasets_scripts.extraction.definitions.conditions_file import read_conditions


NAMES = ("left bundle branch block", "Wellens' sign", "ST depression, inferior")


def write(path, content):
    """A file with this content, text or bytes."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "\n".join(NAMES)),
        ("a.txt", "\ufeff" + "\r\n\r\n".join(f"  {name} " for name in NAMES) + "\r\n"),
        ("a.csv", f'condition\n{NAMES[0]}\n{NAMES[1]}\n"{NAMES[2]}"\n'),
        ("a.csv", f'{NAMES[0]}\n{NAMES[1]}\n\n"{NAMES[2]}"\n'),
        ("a.CSV", f'code,Condition\n1,{NAMES[0]}\n2,{NAMES[1]}\n3,"{NAMES[2]}"\n'),
        ("a.jsonl", "\n".join(json.dumps(name) for name in NAMES)),
        ("a.jsonl", "\n".join(json.dumps({"condition": name, "source": "x"}) for name in NAMES)),
        ("a.yaml", "\n".join(f"- {json.dumps(name)}" for name in NAMES)),
        ("a.yml", "\n".join(f"- condition: {json.dumps(name)}\n  expression: qrs_ms > 120" for name in NAMES)),
    ],
    ids=["text", "text of Windows", "column", "no header", "columns", "texts", "objects", "list", "definitions"],
)
def test_every_format_gives_the_names_in_order(tmp_path, name, content):
    assert read_conditions(write(tmp_path / name, content)).names == NAMES


def test_spellings_and_synonyms_of_one_condition_are_one_and_named(tmp_path):
    path = write(tmp_path / "a.txt", "Pulsus alternans\nLVH\npulsus-alternans\nLeft ventricular hypertrophy\n")

    found = read_conditions(path)

    assert found.names == ("Pulsus alternans", "LVH")
    assert found.repeated == (
        "'pulsus-alternans' in line 3 is 'Pulsus alternans' of line 1",
        "'Left ventricular hypertrophy' in line 4 is 'LVH' of line 2",
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "", r"a\.txt names no condition\. Write one a line"),
        ("a.txt", "LVH\n---\n", r"line 2 holds no name of a condition\. Write a text"),
        ("a.txt", "LVH\n" + "x" * 201, r"line 2 is longer than 200 characters.*Write the name of one condition"),
        ("a.txt", b"LVH\n\xff", r"byte 4, is not UTF-8\. Save the file in UTF-8"),
        ("a.csv", "LVH,RVH\n", r"2 columns, of which 0 are called 'condition'\. Give that name to the one"),
        ("a.csv", "code,condition\n1\n", r"line 2 holds no name"),
        ("a.jsonl", '"LVH"\n{"name": "x"}\n', r"line 2 holds no name of a condition.*the key 'condition'"),
        ("a.jsonl", '"LVH"\n"', r"line 2, is no JSON .*Correct the line"),
        ("a.yaml", "condition: LVH", r"a\.yaml is no list\. Write each condition behind a dash"),
        ("a.yaml", "- [", r"a\.yaml is no YAML"),
        ("a.yaml", "- LVH\n- 7", r"entry 2 holds no name"),
        ("a.docx", "LVH", r"'\.docx' is no known format\. Give a file in \.txt, \.csv, \.jsonl, \.yaml, \.yml"),
    ],
)
def test_what_holds_no_names_is_refused_with_its_place(tmp_path, name, content, message):
    with pytest.raises(ValueError, match=message):
        read_conditions(write(tmp_path / name, content))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no file .*none\.txt.*--conditions"):
        read_conditions(tmp_path / "none.txt")
