"""`normalize_name`: spellings of a name compare equal, wherever the name is met."""

import pytest

from datasets_scripts.extraction.readings.rules import read_statement
from datasets_scripts.extraction.readings.statements import normalize_statement, statement_key
from datasets_scripts.terminology.findings import load_terminology
from modeling_supreme.definitions import parse_definitions
from modeling_supreme.query_grammar import normalize_name


PLAIN, TYPOGRAPHIC = "rsr' pattern", "rsr\N{RIGHT SINGLE QUOTATION MARK} pattern"


SPELLINGS = ["RSR' Pattern", TYPOGRAPHIC, "rsr'-pattern", " rsr'_pattern", "rsr'\t\n pattern", "RSR'--PATTERN "]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_case_blanks_hyphens_underscores_and_apostrophes_are_folded(spelling):
    assert normalize_name(spelling) == PLAIN


def test_other_marks_stay():
    assert normalize_name("2:1 AV block, 3rd-degree (?)") == "2:1 av block, 3rd degree (?)"


@pytest.mark.parametrize("fold", [normalize_name, statement_key, normalize_statement])
def test_both_apostrophes_are_one_in_names_and_in_statements(fold):
    assert fold(TYPOGRAPHIC) == fold(PLAIN)


def test_both_apostrophes_find_a_finding_in_the_terminology_and_in_a_report():
    terminology = load_terminology()
    synonyms = [text for finding in terminology for text in finding.synonyms if "'" in text]
    spellings = [text.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}") for text in synonyms]

    assert synonyms
    assert [load_terminology().find(text) for text in spellings] == [
        load_terminology().find(text) for text in synonyms
    ]
    assert [read_statement(text) for text in spellings] == [read_statement(text) for text in synonyms]


def test_both_apostrophes_find_a_definition():
    definitions = parse_definitions([{"condition": TYPOGRAPHIC, "expression": "QRS > 120 ms", "source": "Own choice"}])

    assert list(definitions) == [PLAIN]
