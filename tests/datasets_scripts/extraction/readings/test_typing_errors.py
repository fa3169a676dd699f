"""`WordList`: an unknown word is taken for the one word that it differs from by a letter, or for none."""

import pytest

from datasets_scripts.extraction.readings.rules import read_statement
from datasets_scripts.extraction.readings.typing_errors import WordList


WORDS = WordList(["fibrillation", "hyperkalemia", "hypercalcemia", "anterior", "inferior", "sinus"])


@pytest.mark.parametrize(
    "word", ["fibrilation", "fibrilllation", "fibrillatian", "fibrillatoin", "fibrillation"], ids=str
)
def test_a_letter_missing_added_wrong_or_exchanged_is_forgiven(word):
    assert WORDS.find_meant(word) == "fibrillation"


@pytest.mark.parametrize(
    "word",
    ["fibrlation", "hypercalemia", "interior", "eibrillation", "sinos", "fibrillati0n", "fibrillation" * 400],
    ids=["two letters", "two words meant", "another two", "first letter", "short", "no word", "very long"],
)
def test_what_may_mean_two_words_or_none_is_left_alone(word):
    assert WORDS.find_meant(word) is None


@pytest.mark.parametrize(
    ("statement", "findings"),
    [
        ("atrial fibrilation with slow ventricular responce", ["atrial fibrillation", "slow ventricular response"]),
        ("Sinus rythm, left ventricular hypertropy", ["sinus rhythm", "left ventricular hypertrophy"]),
        ("possibel pericardtis", ["?pericarditis"]),
        ("normokardes voehofflimmern", ["atrial fibrillation"]),
    ],
)
def test_statements_with_typing_errors_are_read(statement, findings):
    reading = read_statement(statement)

    assert [
        ("?" if entity.certainty == "uncertain" else "") + entity.entity for entity in reading.entities
    ] == findings
    assert reading.is_read


def test_a_name_of_a_drug_is_no_typing_error():
    assert not read_statement("sinus rhythm under cordichin").is_read
