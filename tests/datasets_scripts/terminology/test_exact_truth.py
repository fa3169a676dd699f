"""`is_true`: an expression of exact numbers is true or not, whatever could not be measured."""

import math

import numpy as np
import pytest

from datasets_scripts.simulator.simulated_record import simulate_record
from datasets_scripts.terminology.exact_truth import is_true
from datasets_scripts.terminology.measured_findings import load_measured_findings
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
    parse_query,
)


WIDE = {"qrs_ms": 148.0}
INFERIOR = ("II", "III", "aVF")
YES, NO = Comparison((Term("qrs_ms"),), above=120), Comparison((Term("qrs_ms"),), below=120)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("qrs_ms > 120", True),
        ("qrs_ms > 148", False),  # limits are exclusive
        ("qrs_ms < 148", False),
        ("qrs_ms between 120 and 150", True),
        ("qrs_ms between 100 and 120", False),
        ("not qrs_ms > 120", False),
    ],
)
def test_a_number_lies_between_its_limits_or_does_not(text, expected):
    assert is_true(parse_query(text), WIDE) is expected


@pytest.mark.parametrize("measurements", [{}, {"pr_ms": math.nan}, {"pr_ms": None}], ids=["absent", "nan", "null"])
def test_what_cannot_be_measured_lies_within_no_limits(measurements):
    assert not is_true(parse_query("pr_ms > 200"), measurements)
    assert not is_true(parse_query("pr_ms < 200"), measurements)
    assert is_true(parse_query("not pr_ms > 200"), measurements)
    assert not is_true(Present("pr_ms"), measurements)


@pytest.mark.parametrize("measurements", [{}, {"num_p_waves": 0.0}, {"num_p_waves": math.nan}])
def test_a_count_of_nothing_is_zero_and_not_there(measurements):
    assert is_true(Comparison((Term("num_p_waves"),), below=1), measurements)
    assert not is_true(Comparison((Term("num_p_waves"),), above=0), measurements)
    assert not is_true(Present("num_p_waves"), measurements)


def test_the_answer_is_plain_whatever_the_numbers_are_made_of():
    assert is_true(parse_query("qrs_ms > 120"), {"qrs_ms": np.float32(148)}) is True


def test_there_is_something_to_measure():
    assert is_true(Present("num_p_waves"), {"num_p_waves": 11.0})
    assert is_true(Present("st_mv_V2"), {"st_mv_V2": 0.0})


def test_a_sum_weighs_its_terms():
    voltages = {"s_mv_V1": 1.5, "r_mv_V5": 2.25}  # 3.75 mV, and .75 mV

    assert is_true(parse_query("s_mv_V1 + r_mv_V5 > 3.5"), voltages)
    assert not is_true(parse_query("s_mv_V1 + r_mv_V5 > 3.75"), voltages)
    assert is_true(Comparison((Term("r_mv_V5"), Term("s_mv_V1", -1.0)), above=0.7, below=0.8), voltages)
    assert is_true(Comparison((Term("r_mv_V5", 2.0), Term("s_mv_V1", -3.0)), above=-0.1, below=0.1), voltages)


def test_a_sum_lacks_a_measurement_and_not_a_count():
    narrow = {"num_early_narrow": 3.0}  # beats that are early and wide were not counted

    assert is_true(parse_query("num_early_wide + num_early_narrow > 2"), narrow)
    assert not is_true(parse_query("s_mv_V1 + r_mv_V5 > 1"), {"r_mv_V5": 2.0})


@pytest.mark.parametrize(
    ("axis_deg", "above", "below", "expected"),
    [
        (100.0, 90, 180, True),
        (-150.0, 90, 180, False),
        (-150.0, 90, 270, True),  # 210 degrees
        (-60.0, 90, 270, False),
        (-60.0, -90, -30, True),
        (170.0, -270, -90, True),  # -190 degrees
        (0.0, -180, 180, True),
        (90.0, 90, 180, False),
    ],
)
def test_an_angle_is_met_on_the_way_from_the_first_limit_to_the_second(axis_deg, above, below, expected):
    question = Comparison((Term("axis_deg"),), above=above, below=below)

    assert is_true(question, {"axis_deg": axis_deg}) is expected


@pytest.mark.parametrize(
    ("count", "are_contiguous", "expected"), [(1, False, True), (2, False, True), (3, False, False), (2, True, False)]
)
def test_leads_are_counted_and_those_side_by_side_told_apart(count, are_contiguous, expected):
    strip = {"st_mv_II": 0.2, "st_mv_aVF": 0.05, "st_mv_III": 0.3}  # aVF lies between II and III
    raised = Comparison((Term("st_mv"),), above=0.1)

    assert is_true(InLeads(raised, INFERIOR, count, are_contiguous), strip) is expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (AllOf((YES, YES)), True),
        (AllOf((YES, NO)), False),
        (AnyOf((NO, YES)), True),
        (AnyOf((NO, NO)), False),
        (Not(NO), True),
        (AtLeast(2, (YES, NO, YES)), True),
        (AtLeast(3, (YES, NO, YES)), False),
    ],
)
def test_logic_is_that_of_the_parts(expression, expected):
    assert is_true(expression, WIDE) is expected


def test_findings_go_by_their_folded_names():
    assert is_true(Finding("paced rhythm"), {}, ["Paced  Rhythm"])
    assert not is_true(Finding("paced rhythm"), {}, ["sinus rhythm"])


@pytest.mark.parametrize("key", ["qrs", "st_mv", "qrs_ms_V2", "st_mv_V9"])
def test_a_key_that_is_no_measurement_is_refused(key):
    with pytest.raises(ValueError, match=rf"'{key}' is no measurement.*Take a key of `MEASUREMENTS`"):
        is_true(Present(key), {})


@pytest.fixture(scope="module")
def records():
    """Simulated records as they come."""
    return [simulate_record(number, seed=5) for number in range(40)]


@pytest.mark.parametrize("name", load_measured_findings())
def test_the_measured_findings_are_as_true_as_the_simulator_says(name, records):
    finding = load_measured_findings()[name]
    parts = tuple(Comparison((Term(key),), above=finding.above, below=finding.below) for key in finding.keys)

    said = [is_true(AtLeast(finding.min_keys, parts), record.measurements) for record in records]

    assert said == [name in record.findings for record in records]
