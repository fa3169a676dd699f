"""The lexicon: each wording means one thing, and inflected words meet their stems."""

import csv
from collections import defaultdict

import pytest

from datasets_scripts.extraction.readings.lexicon import (
    WORDINGS_PATH,
    expand_wording,
    load_lexicon,
    located_stems,
    singular,
    split_words,
)
from datasets_scripts.terminology.findings import load_terminology


@pytest.fixture(scope="module")
def rows():
    with WORDINGS_PATH.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_no_wording_of_the_table_means_two_things(rows):
    meanings = defaultdict(set)
    for row in rows:
        for text in expand_wording(row["wording"]):
            meanings[" ".join(split_words(text))].add((row["kind"], row["value"]))

    assert {text: found for text, found in meanings.items() if len(found) > 1} == {}


def test_every_finding_of_the_table_is_one_of_the_terminology(rows):
    names = {name for row in rows if row["kind"] == "finding" for name in row["value"].split(",")}

    assert [name for name in sorted(names) if name not in load_terminology()] == []


def test_every_territory_of_the_table_may_precede_an_infarct(rows):
    territories = {row["value"] for row in rows if row["kind"] == "territory"}

    assert [name for name in territories if f"{name} myocardial infarction" not in load_terminology()] == []
    assert "myocardial infarction" in located_stems()


@pytest.mark.parametrize(
    ("word", "stem"),
    [
        ("complexes", "complex"),
        ("abnormalities", "abnormality"),
        ("sinus", "sinus"),
        ("extrasystolen", "extrasystole"),
        ("senkungen", "senkung"),
        ("anteroseptaler", "anteroseptal"),
        ("ventrikulaere", "ventrikulaer"),
        ("ischem", "ischem"),
    ],
)
def test_inflected_words_meet_their_stems(word, stem):
    assert singular(word) == stem


def test_the_longest_wording_wins():
    tokens = load_lexicon().tokenize("left bundle branch block")

    assert [(token.kind, token.value) for token in tokens] == [("finding", "left bundle branch block")]
