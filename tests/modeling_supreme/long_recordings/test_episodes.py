"""Episodes: windows at or above a threshold, joined where less than a window lies between."""

from math import nan

import pytest

from modeling_supreme.long_recordings.episodes import find_episodes


def find(scores, *, threshold=0.5, window_s=10, stride_s=10):
    """Episodes as (start, end, highest score)."""
    starts_s = [place * stride_s for place in range(len(scores))]
    stops_s = [start_s + window_s for start_s in starts_s]
    found = find_episodes(scores, starts_s, stops_s, threshold=threshold, window_s=window_s)
    return [(each["start_s"], each["end_s"], each["max_score"]) for each in found]


def test_an_episode_lasts_from_its_first_window_to_its_last():
    assert find([0.1, 0.6, 0.9, 0.7, 0.2]) == [(10, 40, 0.9)]


def test_one_window_is_the_shortest():
    assert find([0.1, 0.8, 0.1]) == [(10, 20, 0.8)]


@pytest.mark.parametrize("scores", [[0.1, 0.2], [nan, nan], []])
def test_there_may_be_none(scores):
    assert find(scores) == []


def test_a_score_at_the_threshold_counts():
    assert find([0.5, 0.4999]) == [(0, 10, 0.5)]


def test_a_whole_window_between_two_parts_them():
    assert find([0.9, 0.1, 0.8]) == [(0, 10, 0.9), (20, 30, 0.8)]


def test_less_than_a_window_between_two_joins_them():
    # Windows of 10 s every 5 s: from 0 to 10 and from 15 to 25, with 5 s between
    assert find([0.9, 0.1, 0.1, 0.8], stride_s=5) == [(0, 25, 0.9)]


def test_with_short_strides_a_window_between_parts_them_too():
    # From 0 to 10 and from 20 to 30
    assert find([0.9, 0.1, 0.1, 0.1, 0.8], stride_s=5) == [(0, 10, 0.9), (20, 30, 0.8)]


def test_what_was_not_recorded_shows_nothing():
    assert find([0.9, nan, 0.8]) == [(0, 10, 0.9), (20, 30, 0.8)]


def test_the_last_window_may_overlap():
    (episode,) = find_episodes([0.9, 0.8, 0.7], [0, 10, 13], [10, 20, 23], threshold=0.5, window_s=10)

    assert episode == {"start_s": 0, "end_s": 23, "max_score": 0.9}


def test_with_time_between_windows_each_is_an_episode():
    assert find([0.9, 0.8], stride_s=60) == [(0, 10, 0.9), (60, 70, 0.8)]
