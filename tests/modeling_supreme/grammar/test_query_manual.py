"""`docs/queries.md` is true: its examples are read as it says, and its tables are those of the code."""

import re

import pytest
from import_graph import ROOT

from modeling_supreme.leads import LEAD_GROUPS
from modeling_supreme.query_grammar import GRAMMAR_VERSION, MAX_CHARACTERS, MAX_DEPTH, QuerySyntaxError, parse_query
from modeling_supreme.query_words import MEASUREMENTS, UNITS, WORDINGS


MANUAL = (ROOT / "docs" / "queries.md").read_text(encoding="utf-8")


def rows_of(title):
    """Cells of the table below a heading."""
    section = MANUAL.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip("` |") for cell in row] for row in rows[1:]]


@pytest.mark.parametrize(("query", "canonical"), rows_of("Examples"))
def test_an_example_is_read_as_it_says(query, canonical):
    assert str(parse_query(query)) == canonical


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("at least 3 early wide beats", "num_early_wide > 2.5"),
        ("T inversion > 3 mm in V2", "t_mv_V2 < -0.3"),
        ("T deeper than 3 mm in V2", "t_mv_V2 < -0.3"),
        ("T < 3 mm in V2", "t_mv_V2 < 0.3"),
        ("axis between 150 and -150", "axis_deg > 150 or axis_deg < -150"),
        ("wide QRS < 140 ms", "qrs_ms between 120 and 140"),
        ("no Q waves in V5 and V6", "not (q_excess > 1 in at least 1 of V5, V6)"),
    ],
)
def test_the_rules_are_followed(text, same):
    assert parse_query(text) == parse_query(same)


def test_the_program_prints_what_is_written_beside_it():
    text, printed = re.search(r'parse_query\("(.+)"\)\)  # (.+)', MANUAL).groups()

    assert str(parse_query(text)) == printed


def test_the_version_and_the_bounds_are_those_of_the_code():
    assert f"version {GRAMMAR_VERSION} of the grammar" in MANUAL
    assert f"more than {MAX_CHARACTERS} characters and brackets more than {MAX_DEPTH} deep" in MANUAL


def phrases(joined):
    return ", ".join(joined.split("|"))


def test_the_table_of_units():
    assert rows_of("Units") == [
        [", ".join(f"{factor:g} {kind}" for kind, factor in of.items()), phrases(units)] for units, of in UNITS.items()
    ]


def test_the_table_of_groups_of_leads():
    assert rows_of("Groups of leads") == [[phrases(names), " ".join(leads)] for names, leads in LEAD_GROUPS.items()]


def test_the_table_of_measurements():
    assert [(key, unit, words) for key, unit, *_, words in rows_of("Measurements")] == [
        (name, measurement.unit, phrases(measurement.wordings)) for name, measurement in MEASUREMENTS.items()
    ]


def test_the_table_of_wordings_with_a_limit():
    assert rows_of("Wordings with a limit") == [
        [
            ", ".join(wording.phrases),
            f"{wording.meaning}` [{wording.measure}]" if wording.measure else wording.meaning,
            wording.source,
        ]
        for wording in WORDINGS
    ]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("ST > 1 mm", "in at least 2 contiguous of 12 leads"),
        ("J point > 1 mm", "in at least 2 contiguous of 12 leads"),
        ("T inversion", "in at least 2 contiguous of 12 leads"),
        ("Q > 40 ms", "in at least 2 contiguous of 12 leads"),
        ("P > 2.5 mm", "_II > 0.25"),
        ("p terminal force > 4 mV ms", "_V1 > 4"),
        ("second R wave", "in at least 1 of V1, V2"),
        ("late R wave > 1 mm", "in at least 1 of V1, V2"),
        ("U waves", "in at least 1 of V2, V3, V4"),
    ],
)
def test_statements_without_leads_are_looked_at_where_the_manual_says(text, where):
    assert str(parse_query(text)).endswith(where)


@pytest.mark.parametrize("text", ["R > 1 mV", "S > 1 mV", "R/S > 1", "broad R"])
def test_an_amplitude_without_its_lead_is_refused(text):
    with pytest.raises(QuerySyntaxError, match=r"at character 0, the leads are missing\. Say in which"):
        parse_query(text)
