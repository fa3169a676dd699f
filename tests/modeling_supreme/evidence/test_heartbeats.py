"""Marks of waves come from the beats of the strip and the intervals that were measured."""

import pytest
import torch
from helpers.explained_models import RATE, make_beats_strip

from modeling_supreme.evidence.heartbeats import find_heartbeats


MEASURED = {"qrs_ms": (80.0, 1.0), "pr_ms": (160.0, 1.0), "qt_ms": (400.0, 1.0), "p_ms": (100.0, 1.0)}


def find(strip=None, measured=None):
    strip = make_beats_strip() if strip is None else strip
    recorded = torch.ones(strip.shape[1], dtype=torch.bool)
    return find_heartbeats(strip, recorded, RATE, MEASURED if measured is None else measured)


class TestSpans:
    def test_qrs_lies_about_the_middle_of_every_beat_for_as_long_as_was_measured(self):
        spans = find().spans("qrs")

        assert len(spans) == 10
        assert [first for first, _ in spans] == pytest.approx([0.46 + beat for beat in range(10)], abs=0.015)
        assert all(last - first == pytest.approx(0.08) for first, last in spans)

    @pytest.mark.parametrize(
        ("part", "from_onset", "to_onset"),
        [("p", -0.16, -0.06), ("pr", -0.16, 0.0), ("st", 0.08, 0.16), ("t", 0.16, 0.4), ("qt", 0.0, 0.4)],
    )
    def test_other_waves_are_placed_by_measured_intervals(self, part, from_onset, to_onset):
        beats = find()
        onset = beats.spans("qrs")[3][0]

        span = beats.spans(part)[3]

        assert span == pytest.approx((onset + from_onset, onset + to_onset))

    def test_what_reaches_beyond_the_strip_is_left_out(self):
        assert len(find(measured={**MEASURED, "pr_ms": (480.0, 1.0)}).spans("pr")) == 9

    def test_without_a_measured_qrs_nothing_but_the_strip_has_a_place(self):
        beats = find(measured={"qrs_ms": (80.0, 0.2)})

        assert beats.spans("qrs") == []
        assert beats.spans("strip") == [(0.0, 10.0)]

    def test_without_p_waves_there_are_no_p_marks(self):
        marks = find(measured={**MEASURED, "pr_ms": (160.0, 0.1)}).to_dict()

        assert marks["p_onset_s"] == []
        assert len(marks["qrs_onset_s"]) == len(marks["t_end_s"]) == 10


class TestRhythm:
    def test_a_beat_between_two_others_is_early_and_the_next_is_not(self):
        beats = find(make_beats_strip(early_s=[4.1]))

        early = [middle for middle, is_early in zip(beats.middles_s, beats.is_early, strict=True) if is_early]
        assert early == pytest.approx([4.1], abs=0.02)
        assert len(beats.spans("qrs")) == 10
        assert beats.spans("early") == [pytest.approx((4.02, 4.18), abs=0.02)]

    def test_the_longest_pause_is_from_beat_to_beat(self):
        strip = make_beats_strip()
        strip[:, 400:500] = 0.0

        (pause,) = find(strip).spans("pause")

        assert pause == pytest.approx((3.5, 5.5), abs=0.02)

    def test_a_strip_without_beats_has_no_pause(self):
        assert find(torch.zeros(12, 1000)).spans("pause") == []
