"""Expressions on trial: counts of simulated records on which they are true, and those that tell them apart."""

import pytest

from datasets_scripts.extraction.definitions.trial import NUM_SHOWING, SimulatedRecords, simulate_showing
from modeling_supreme.query_grammar import parse_query


RECORDS = SimulatedRecords(60)
FAST, SLOW = parse_query("rate_per_min > 100"), parse_query("rate_per_min < 100")


def count(is_met):
    """Records as they come whose heart rate is as said."""
    return sum(is_met(record.measurements["rate_per_min"]) for record in RECORDS.records)


def test_truths_are_counted():
    trial = RECORDS.try_expressions([FAST], "no condition of the simulator")

    assert (trial.num_records, trial.num_true) == (60, (count(lambda rate: rate > 100),))
    assert (trial.num_showing, trial.num_true_showing, trial.differences) == (0, (0,), ())


def test_an_expression_agrees_with_itself():
    trial = RECORDS.try_expressions([FAST, parse_query("HR > 100 bpm")], "sinus tachycardia")

    assert trial.is_equal
    assert trial.is_ever_true
    assert trial.num_true_showing == (NUM_SHOWING, NUM_SHOWING)


def test_the_share_on_which_both_are_equally_true_is_counted():
    faster = parse_query("rate_per_min > 120")

    trial = RECORDS.try_expressions([FAST, faster], "none")

    assert trial.num_equal == 60 - count(lambda rate: 100 < rate <= 120)
    assert trial.is_equal == (trial.num_equal == 60)


def test_records_that_tell_expressions_apart_are_shown_with_the_numbers_that_decide():
    trial = RECORDS.try_expressions([FAST, SLOW], "none")

    assert len(trial.differences) == 3
    first = trial.differences[0]
    assert first["is_true"] == [
        first["measurements"]["rate_per_min"] > 100,
        first["measurements"]["rate_per_min"] < 100,
    ]
    assert list(first["measurements"]) == ["rate_per_min"]


@pytest.mark.parametrize("name", ["left bundle branch block", "LBBB", "Left Bundle-Branch Block"])
def test_records_of_a_known_condition_show_it_under_any_of_its_names(name):
    assert all("left bundle branch block" in record.labels for record in simulate_showing(name))
    assert len(simulate_showing(name)) >= NUM_SHOWING - 2


def test_what_the_simulator_does_not_know_is_shown_by_no_record():
    assert simulate_showing("takotsubo syndrome") == ()


def test_an_expression_that_no_record_meets_is_never_true():
    trial = RECORDS.try_expressions([parse_query("t_mv > 9 in at least 4 of V1, V2, V3, V4")], "none")

    assert not trial.is_ever_true
