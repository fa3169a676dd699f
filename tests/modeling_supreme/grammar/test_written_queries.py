"""What cardiologists type is read as written down here, and prints in one way that parses to the same."""

import csv
from pathlib import Path

import pytest

from modeling_supreme.query_grammar import parse_query


TABLE = Path(__file__).with_name("written_queries.csv").read_text(encoding="utf-8")
WRITTEN = list(csv.reader(TABLE.splitlines()))[1:]


def test_there_are_three_hundred_of_them_and_each_is_there_once():
    texts = [text.lower() for text, _ in WRITTEN]

    assert len(texts) >= 300
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(("text", "canonical"), WRITTEN, ids=[text for text, _ in WRITTEN])
def test_a_written_query_means_its_canonical_form(text, canonical):
    assert str(parse_query(text)) == canonical
    assert parse_query(canonical) == parse_query(text)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("QRS \u2265 120\u00a0ms", "QRS >= 120 ms"),
        ("QRS \u2264 120 ms", "QRS <= 120 ms"),
        ("axis \u221230\u2013\u221290\u00b0", "axis -30 to -90 degrees"),
        ("T inversion in V1\u2013V3", "T inversion in V1-V3"),
        ("rsR\u2019 in V1", "rsr' in v1"),
        ("0.0166 \u00d7 qrs_ms > 2", "0.0166 * qrs_ms > 2"),
        ("\u201csinus rhythm\u201d and HR > 90", '"sinus rhythm" and HR > 90'),
        ("ST-elevation in\tlead   V2\n", "st elevation in lead V2"),
        ("R > 500 \u00b5V in V1", "R > 0.5 mV in V1"),
    ],
)
def test_signs_of_word_processors_are_those_of_keyboards(text, plain):
    assert parse_query(text) == parse_query(plain)
