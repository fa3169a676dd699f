"""Formats of a sheet: every lead once, rows and columns as cardiographs have them, true to scale at both speeds."""

import numpy as np
import pytest

from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.plotting import plot_evidence, plot_strip


MM_PER_INCH = 25.4
GRID_LEFT = 16


def make_strip():
    """Leads at 0 mV with a spike of one sample of 1 mV in every half second."""
    strip = np.zeros((12, 5000))
    strip[:, 100::250] = 1.0
    return strip


def draw(**keywords):
    return plot_strip(make_strip(), sampling_rate=500, leads=STANDARD_LEADS, **keywords)


def find_traces(figure):
    """Coordinates of every trace in mm, by lead, the rhythm strip last."""
    found = {}
    for line in figure.axes[0].lines:
        kind, _, lead = (line.get_gid() or "").partition(" ")
        if kind == "trace":
            found.setdefault(lead, []).append(line.get_xydata())
    return found


def find_paper(figure):
    """`(left, bottom, width, height)` of the paper, in mm."""
    return next(patch.get_bbox().bounds for patch in figure.axes[0].patches if patch.get_gid() == "paper")


class TestFormats:
    @pytest.mark.parametrize(("layout", "seconds", "num_twice"), [("3x4", 2.5, 1), ("6x2", 5.0, 1), ("12x1", 10.0, 0)])
    def test_every_lead_is_there_for_its_time_and_one_once_more(self, layout, seconds, num_twice):
        traces = find_traces(draw(layout=layout))

        assert set(traces) == set(STANDARD_LEADS)
        assert sum(len(lines) == 2 for lines in traces.values()) == num_twice
        widths = {float(round(np.ptp(lines[0][:, 0]), 3)) for lines in traces.values()}
        assert widths == {round((seconds - 1 / 500) * 25, 3)}

    def test_two_columns_have_limb_leads_beside_chest_leads(self):
        traces = find_traces(draw(layout="6x2"))

        heights = [traces[lead][0][0, 1] for lead in ("I", "II", "III", "aVR", "aVL", "aVF")]
        assert heights == [traces[lead][0][0, 1] for lead in ("V1", "V2", "V3", "V4", "V5", "V6")]
        assert traces["V1"][0][0, 0] - traces["I"][0][0, 0] == 5 * 25

    @pytest.mark.parametrize(("lead", "drawn"), [(None, "II"), ("V3", "V3"), ("avf", "aVF")])
    def test_one_lead_is_that_which_was_named_else_the_one_for_rhythms(self, lead, drawn):
        assert list(find_traces(draw(layout="1x1", lead=lead))) == [drawn]

    @pytest.mark.parametrize("layout", ["3x4", "6x2", "12x1"])
    def test_with_a_title_a_sheet_fits_on_a4(self, layout):
        width_mm, height_mm = draw(layout=layout, title="Record").get_size_inches() * MM_PER_INCH

        assert width_mm == pytest.approx(297)
        assert height_mm <= 210

    @pytest.mark.parametrize("layout", ["3x4", "6x2", "12x1", "1x1"])
    def test_no_trace_leaves_the_paper_however_high(self, layout):
        strip = 40 * make_strip() * np.where(np.arange(12) % 2, 1, -1)[:, None]

        figure = plot_strip(strip, sampling_rate=500, leads=STANDARD_LEADS, layout=layout)

        heights = np.concatenate([line[:, 1] for lines in find_traces(figure).values() for line in lines])
        _, bottom, _, height = find_paper(figure)
        assert bottom <= heights.min()
        assert heights.max() <= bottom + height


class TestSpeed:
    @pytest.mark.parametrize("speed", [25, 50])
    @pytest.mark.parametrize("layout", ["3x4", "12x1", "1x1"])
    def test_a_second_is_as_long_as_the_speed_says(self, layout, speed):
        traces = find_traces(draw(layout=layout, mm_per_s=speed))

        (*_, line) = traces["II"]
        spikes = line[line[:, 1] > line[:, 1].min() + 1, 0]
        assert np.diff(spikes) == pytest.approx(speed / 2)

    def test_fast_paper_is_wider_and_says_its_speed(self):
        figure = draw(mm_per_s=50)

        left, _, width, _ = find_paper(figure)
        assert (left, width) == (GRID_LEFT, 500 + 20)
        assert any(text.get_text().startswith("50 mm/s    10 mm/mV") for text in figure.axes[0].texts)

    def test_the_calibration_pulse_is_200_ms_at_either_speed(self):
        pulses = {
            speed: next(line for line in draw(mm_per_s=speed).axes[0].lines if line.get_gid() == "pulse").get_xdata()
            for speed in (25, 50)
        }

        assert pulses[25][3] - pulses[25][2] == pytest.approx(5)
        assert pulses[50][3] - pulses[50][2] == pytest.approx(10)

    def test_pulses_end_before_the_trace_starts(self):
        figure = draw(mm_per_s=50)

        pulse = next(line for line in figure.axes[0].lines if line.get_gid() == "pulse")
        assert pulse.get_xdata().max() < find_traces(figure)["I"][0][0, 0]


class TestRefusals:
    def test_another_format_is_refused(self):
        with pytest.raises(ValueError, match=r"no layout '4x3'. Choose one of 3x4, 6x2, 12x1, 1x1"):
            draw(layout="4x3")

    def test_a_lead_for_a_format_of_twelve_is_refused(self):
        with pytest.raises(ValueError, match=r"`lead` is 'V1', and the layout 3x4 shows all.*Choose the layout 1x1"):
            draw(lead="V1")

    def test_another_speed_is_refused(self):
        with pytest.raises(ValueError, match=r"`mm_per_s` is 30. ECG paper runs at 25 or 50 mm/s"):
            draw(mm_per_s=30)

    def test_evidence_takes_a_rhythm_strip(self):
        with pytest.raises(ValueError, match=r"The layout 12x1 has no rhythm strip.*Choose 3x4 or 6x2"):
            plot_evidence(make_strip(), sampling_rate=500, leads=STANDARD_LEADS, results=[], layout="12x1")
