"""`load_corrections`: what a person exported from the audit page holds before anything else reads the statement."""

import json

import pandas as pd
import pytest

from datasets_scripts.extraction.__main__ import main
from datasets_scripts.extraction.corrections_file import load_corrections


def write_corrections(tmp_path, *lines):
    path = tmp_path / "corrections.jsonl"
    path.write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


def correction(statement, *entities, verdict="corrected"):
    """A line as the page exports it; entities are pairs of name and certainty."""
    named = [{"entity": name, "certainty": certainty} for name, certainty in entities]
    return {"statement": statement, "verdict": verdict, "entities": named}


def test_a_correction_is_found_by_any_spelling_and_the_last_one_counts(tmp_path):
    path = write_corrections(
        tmp_path,
        correction("LBBB.", ("left bundle branch block", "positive")),
        correction("lbbb", ("LBBB", "negative")),
    )

    (reading,) = load_corrections(path).values()

    assert [entity[:2] for entity in reading.entities] == [("lbbb", "negative")]
    assert (reading.backend, reading.is_read) == ("person", True)


def test_what_is_only_marked_is_left_as_it_was_read(tmp_path):
    assert load_corrections(write_corrections(tmp_path, correction("LBBB", verdict="marked"))) == {}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("patient seen\n", r"line 2: it is no JSON\. Export"),
        ({"entities": []}, r"line 2: it has no `statement`"),
        ({"statement": "patient seen"}, r"line 2: it has no list of `entities`"),
        (correction("patient seen", ("lbbb", "sure")), r"line 2: a `certainty` is none of positive, uncertain"),
        (correction("patient seen", (" ", "positive")), r"line 2: an entity has no name"),
        (correction("patient seen", verdict="wrong"), r"line 2: `verdict` is none of confirmed, corrected, marked"),
    ],
)
def test_a_line_of_another_form_is_named_and_not_quoted(tmp_path, line, reason):
    path = write_corrections(tmp_path, correction("LBBB"), line)

    with pytest.raises(ValueError, match=reason) as refusal:
        load_corrections(path)

    assert "patient" not in str(refusal.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*nothing\.jsonl.*--corrections"):
        load_corrections(tmp_path / "nothing.jsonl")


def test_the_command_reads_a_corrected_statement_as_the_person_did(tmp_path):
    reports = tmp_path / "reports.csv"
    reports.write_text("record_id,report\n1,gremlins\n2,LBBB\n", encoding="utf-8")
    corrections = write_corrections(tmp_path, correction("gremlins", ("LVH", "uncertain"), ("elf waves", "positive")))

    flags = ["--reports", str(reports), "--output_dir", str(tmp_path / "labels"), "--corrections", str(corrections)]
    main(flags)

    labels = pd.read_parquet(tmp_path / "labels" / "labels.parquet").set_index("record_id")
    assert "left ventricular hypertrophy" in labels.loc["1", "uncertain"]
    assert list(labels.loc["1", "positive"]) == ["elf waves"]
    assert "left bundle branch block" in labels.loc["2", "positive"]
