"""`bridge_gaps`: short gaps become straight lines, longer ones cost the lead, nothing else changes."""

import numpy as np
import pytest

from datasets_scripts.readers.gaps import bridge_gaps, longest_run


LOST = -32768


def bridge(*leads, max_gap=2):
    values, num_filled = bridge_gaps(np.array(leads, dtype=np.int16), missing_value=LOST, max_gap=max_gap)
    return values.tolist(), num_filled


@pytest.mark.parametrize(
    ("lead", "filled", "num_filled"),
    [
        ([0, LOST, LOST, 30, 7], [0, 10, 20, 30, 7], 2),
        ([0, LOST, 2, LOST, 5], [0, 1, 2, 4, 5], 2),  # 3.5 is rounded to the even number
        ([LOST, LOST, 4, 5, 6], [4, 4, 4, 5, 6], 2),
        ([1, 2, 3, 4, LOST], [1, 2, 3, 4, 4], 1),
        ([-32767, LOST, 32767, 0, 0], [-32767, 0, 32767, 0, 0], 1),
        ([0, LOST, LOST, LOST, 8], [LOST] * 5, 0),
        ([LOST] * 5, [LOST] * 5, 0),
    ],
    ids=["line", "two gaps", "begin", "end", "widest step", "too long", "nothing recorded"],
)
def test_a_gap_is_bridged_or_its_lead_given_up(lead, filled, num_filled):
    other = [1, 2, 3, 4, 5]

    assert bridge(lead, other) == ([filled, other], num_filled)


def test_what_no_lead_has_at_either_end_is_cut_off():
    assert bridge([LOST, LOST, LOST, 1, LOST, LOST], [LOST, LOST, LOST, LOST, 2, LOST]) == ([[1, 1], [2, 2]], 2)


def test_a_gap_of_all_leads_within_the_recording_is_bridged_in_each():
    assert bridge([0, LOST, 2], [4, LOST, 8]) == ([[0, 1, 2], [4, 6, 8]], 2)


def test_nothing_at_all_stays_nothing():
    assert bridge([LOST, LOST], [LOST, LOST]) == ([[], []], 0)


def test_a_whole_recording_is_handed_on_as_it_is():
    values = np.arange(6, dtype=np.int16).reshape(2, 3)

    assert bridge_gaps(values, missing_value=LOST, max_gap=1)[0] is values


def test_the_stored_recording_is_not_changed():
    values = np.array([[0, LOST, 2]], dtype=np.int16)

    bridge_gaps(values, missing_value=LOST, max_gap=1)

    assert values.tolist() == [[0, LOST, 2]]


@pytest.mark.parametrize(
    ("flags", "length"), [("", 0), ("000", 0), ("111", 3), ("0110111", 3), ("1101", 2)], ids=lambda value: str(value)
)
def test_the_longest_run_is_counted_wherever_it_lies(flags, length):
    assert longest_run(np.array([flag == "1" for flag in flags], dtype=bool)) == length
