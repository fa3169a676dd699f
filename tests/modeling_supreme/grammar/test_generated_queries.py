"""`str` of any expression parses to that expression."""

import random

import pytest
from helpers.drawn_expressions import draw_expression

from datasets_scripts.terminology.exact_truth import is_true
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.query_grammar import (
    AllOf,
    AnyOf,
    AtLeast,
    Comparison,
    Finding,
    InLeads,
    Not,
    Present,
    Term,
    expand,
    findings_of,
    keys_of,
    parse_query,
)


WIDE, LEFT = Comparison((Term("qrs_ms"),), above=120), Comparison((Term("axis_deg"),), -90, -30)
RAISED = Comparison((Term("st_mv"),), above=0.1)


@pytest.mark.parametrize("seed", range(10))
def test_a_thousand_expressions_print_and_parse_back(seed):
    rng = random.Random(seed)
    expressions = [draw_expression(rng) for _ in range(1000)]

    assert [parse_query(str(expression)) for expression in expressions] == expressions


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (WIDE, "qrs_ms > 120"),
        (LEFT, "axis_deg between -90 and -30"),
        (Comparison((Term("s_mv_V1"), Term("r_mv_V5", -0.5)), below=3.5), "s_mv_V1 - 0.5 * r_mv_V5 < 3.5"),
        (Present("num_p_waves"), "num_p_waves present"),
        (Finding("Lao/LAE"), '"lao/lae"'),
        (Not(WIDE), "not qrs_ms > 120"),
        (
            AllOf((WIDE, Not(AnyOf((LEFT, Finding("x")))))),
            'qrs_ms > 120 and not (axis_deg between -90 and -30 or "x")',
        ),
        (AnyOf((AllOf((WIDE, WIDE)), Not(WIDE))), "(qrs_ms > 120 and qrs_ms > 120) or (not qrs_ms > 120)"),
        (AtLeast(1, (WIDE, LEFT)), "at least 1 of (qrs_ms > 120, axis_deg between -90 and -30)"),
        (InLeads(RAISED, ("II", "aVF"), 1), "st_mv > 0.1 in at least 1 of II, aVF"),
        (InLeads(RAISED, STANDARD_LEADS, 2, True), "st_mv > 0.1 in at least 2 contiguous of 12 leads"),
    ],
    ids=str,
)
def test_the_canonical_form(expression, text):
    assert str(expression) == text
    assert parse_query(text) == expression


def raised_in(*leads):
    return tuple(Comparison((Term(f"st_mv_{lead}"),), above=0.1) for lead in leads)


@pytest.mark.parametrize(
    ("in_leads", "expanded"),
    [
        (InLeads(RAISED, ("II", "III", "aVF"), 2), AtLeast(2, raised_in("II", "III", "aVF"))),
        (InLeads(RAISED, ("I", "aVL"), 2), AllOf(raised_in("I", "aVL"))),
        (InLeads(RAISED, ("I", "aVL"), 1), AnyOf(raised_in("I", "aVL"))),
        (InLeads(RAISED, ("V2",), 1), raised_in("V2")[0]),
        (
            InLeads(RAISED, ("I", "II", "III", "aVR", "aVL", "aVF"), 2, are_contiguous=True),
            AnyOf((AllOf(raised_in("aVL", "I")), AllOf(raised_in("II", "aVF")), AllOf(raised_in("aVF", "III")))),
        ),
        (InLeads(RAISED, ("V1", "V2", "V3"), 3, are_contiguous=True), AllOf(raised_in("V1", "V2", "V3"))),
    ],
    ids=["some", "all", "any", "one", "contiguous limb leads", "a row of three"],
)
def test_leads_become_logic_of_keys(in_leads, expanded):
    assert expand(Not(in_leads)) == Not(expanded)


def test_an_expanded_expression_is_true_where_the_expression_was():
    rng = random.Random(0)
    expression = parse_query("(t < -0.1 mV and not r > 1 mV) in two of II, III and aVF or ST elevation > 1 mm")
    strips = [{key: rng.gauss(0, 0.2) for key in keys_of(expression)} for _ in range(300)]
    answers = [is_true(expand(expression), strip) for strip in strips]

    assert answers == [is_true(expression, strip) for strip in strips]
    assert 0 < sum(answers) < 300


def test_keys_and_findings_are_listed_once_in_their_order():
    expression = parse_query(
        '("b" or t_mv_V2 > 1) and not (st elevation > 1 mm in V2 or V1 and "b" and "A") or t_mv_V2 < 0'
    )

    assert keys_of(expression) == ("t_mv_V2", "st_mv_V2", "st_mv_V1")
    assert findings_of(expression) == ("b", "a")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Comparison((), above=1), "no measurement or no limit"),
        (lambda: Comparison((Term("qrs_ms"),)), "no measurement or no limit"),
        (lambda: Comparison((Term("qrs_ms"),), 120, 100), "above 120 and below 100"),
        (lambda: AllOf((WIDE,)), "there are 1 statements, not 2"),
        (lambda: AtLeast(3, (WIDE, LEFT)), "there are 2 statements, not 3"),
        (lambda: InLeads(RAISED, ("V1",), 2), "there are no 2 such leads among V1"),
        (lambda: InLeads(RAISED, ("I", "II"), 2, True), "there are no 2 such leads among I, II"),
    ],
)
def test_an_expression_that_says_nothing_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
