"""Parts of a strip are left out without leaving a trace: leads as not recorded, time as a straight line."""

import itertools

import torch
from helpers.explained_models import RATE, make_beats_strip, make_inputs

from modeling_supreme.evidence.occlusion import Occluder


def occlude(strip):
    return Occluder(make_inputs(strip), RATE)


class TestWindows:
    def test_they_are_about_half_a_second_and_cover_the_strip(self):
        windows = occlude(make_beats_strip()).windows_s

        assert len(windows) == 20
        assert (windows[0][0], windows[-1][1]) == (0.0, 10.0)
        assert all(first[1] == second[0] for first, second in itertools.pairwise(windows))
        assert all(0.25 <= last - first <= 0.75 for first, last in windows)

    def test_none_ends_within_a_qrs_complex(self):
        edges = [last for _, last in occlude(make_beats_strip()).windows_s[:-1]]

        assert all(abs(edge % 1.0 - 0.5) > 0.05 for edge in edges)

    def test_padding_has_none(self):
        inputs = make_inputs(make_beats_strip())
        inputs["sample_mask"][:, 600:] = False

        assert Occluder(inputs, RATE).windows_s[-1][1] == 6.0

    def test_a_window_becomes_a_straight_line_and_nothing_else_changes(self):
        strip = make_beats_strip() + 0.3
        occluder = occlude(strip)
        place = next(number for number, (first, last) in enumerate(occluder.windows_s) if first < 4.5 < last)
        start, end = occluder.edges[place], occluder.edges[place + 1]

        occluded = occluder.without_windows([[place]])["signal"][0]

        torch.testing.assert_close(occluded[:, start:end], torch.full((12, end - start), 0.3))
        torch.testing.assert_close(occluded[:, :start], strip[:, :start])
        torch.testing.assert_close(occluded[:, end:], strip[:, end:])

    def test_the_line_leads_from_the_level_before_to_the_level_after(self):
        ramp = torch.arange(1000.0).expand(12, -1) / 100
        occluder = occlude(ramp)

        occluded = occluder.without_windows([[4, 5]])["signal"][0]

        torch.testing.assert_close(occluded, ramp, atol=0.02, rtol=0)

    def test_what_was_not_recorded_stays_zero(self):
        inputs = make_inputs(make_beats_strip() + 1)
        inputs["recorded_mask"][0, 3, :500] = False
        inputs["signal"][0, 3, :500] = 0.0

        occluded = Occluder(inputs, RATE).without_windows([[2]])["signal"][0]

        assert not occluded[3, :500].any()


class TestLeads:
    def test_a_lead_is_not_recorded_and_the_signal_is_left_alone(self):
        strip = make_beats_strip()

        inputs = occlude(strip).without_leads([[6], [0, 1]])

        assert (~inputs["lead_mask"]).nonzero().tolist() == [[0, 6], [1, 0], [1, 1]]
        assert not inputs["recorded_mask"][0, 6].any()
        assert torch.equal(inputs["signal"][0], strip)

    def test_leads_count_among_those_recorded(self):
        inputs = make_inputs(make_beats_strip())
        inputs["lead_mask"][0, :6] = False

        occluder = Occluder(inputs, RATE)

        assert occluder.leads == [6, 7, 8, 9, 10, 11]
        assert not occluder.without_leads([[0]])["lead_mask"][0, 6]
