"""The ECG sheet is true to scale: one data unit of the page is a millimetre, 25 mm are a second, 10 mm a millivolt."""

import numpy as np
import pytest
import wfdb
from matplotlib.image import imread

from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.plotting import plot_strip


MM_PER_INCH = 25.4
SCORES = [{"label": "sinus rhythm", "score": 0.9}, {"label": "atrial fibrillation", "score": 0.25}]


def make_strip(num_samples=5000, height_mv=1.0, num_leads=12):
    """Leads at 0 mV with a spike of one sample in every half second; lead `n` has a spike of `height_mv * n / 12`."""
    strip = np.zeros((num_leads, num_samples))
    strip[:, 100::250] = height_mv * np.arange(1, num_leads + 1)[:, None] / 12
    return strip


def draw(strip=None, leads=STANDARD_LEADS, **keywords):
    """A sheet of a strip at 500 Hz."""
    return plot_strip(make_strip() if strip is None else strip, sampling_rate=500, leads=leads, **keywords)


def find_lines(figure, gid):
    """Coordinates in mm of the lines of one kind, each `(num_points, 2)`, top to bottom and left to right."""
    lines = [line.get_xydata() for line in figure.axes[0].lines if line.get_gid() == gid]
    return sorted(lines, key=lambda line: (-round(line[0, 1]), line[0, 0]))


def find_texts(figure):
    """Everything printed on the sheet."""
    return [text.get_text() for text in figure.axes[0].texts]


def find_bars(figure):
    """Bars of the score panel, as `(left, bottom, width, height)` in mm, in the order drawn."""
    return [bar.get_bbox().bounds for bar in figure.axes[0].patches if bar.get_gid() == "bar"]


def find_paper(figure):
    """The millimetre paper, as `(left, bottom, width, height)` in mm."""
    return figure.axes[0].patches[0].get_bbox().bounds


class TestScale:
    @pytest.mark.parametrize("keywords", [{}, {"title": "Record s0001"}, {"scores": SCORES}])
    def test_one_data_unit_is_one_millimetre(self, keywords):
        figure = draw(**keywords)

        width_mm, height_mm = figure.get_size_inches() * MM_PER_INCH
        assert figure.axes[0].get_position().bounds == (0, 0, 1, 1)
        assert figure.axes[0].get_xlim() == pytest.approx((0, width_mm))
        assert figure.axes[0].get_ylim() == pytest.approx((0, height_mm))

    def test_a_titled_sheet_with_fifteen_scores_fits_on_a4(self):
        figure = draw(title="Record s0001", scores=SCORES[:1] * 15)

        width_mm, height_mm = figure.get_size_inches() * MM_PER_INCH
        assert width_mm == pytest.approx(297)
        assert height_mm <= 210.5

    def test_ten_seconds_are_250_mm(self):
        rhythm = find_lines(draw(), "trace II")[-1]

        assert np.ptp(rhythm[:, 0]) == pytest.approx(250 * 4999 / 5000)

    def test_a_millivolt_is_ten_millimetres(self):
        (trace,) = find_lines(draw(), "trace V6")

        assert np.ptp(trace[:, 1]) == pytest.approx(10)

    def test_the_calibration_pulse_is_one_millivolt_for_200_ms_before_each_row(self):
        pulses = find_lines(draw(), "pulse")

        assert len(pulses) == 4
        np.testing.assert_allclose([np.ptp(pulse[:, 1]) for pulse in pulses], 10)
        np.testing.assert_allclose([pulse[3, 0] - pulse[2, 0] for pulse in pulses], 5)

    def test_pulses_end_before_the_trace_starts(self):
        figure = draw()

        assert find_lines(figure, "pulse")[0][:, 0].max() < find_lines(figure, "trace I")[0][:, 0].min()

    def test_the_paper_has_a_line_every_millimetre_and_a_coarse_one_every_five(self):
        fine, coarse = (np.array(lines.get_segments()) for lines in draw().axes[0].collections)

        for_steps = [np.diff(np.unique(lines[:, 0, 0])) for lines in (fine, coarse)]
        np.testing.assert_allclose(for_steps[0], 1)
        np.testing.assert_allclose(for_steps[1], 5)

    def test_the_footer_names_the_scales(self):
        assert "25 mm/s    10 mm/mV    500 Hz" in find_texts(draw())


class TestLayout:
    @pytest.mark.parametrize(
        ("column", "leads"),
        [(0, ("I", "II", "III")), (1, ("aVR", "aVL", "aVF")), (2, ("V1", "V2", "V3")), (3, ("V4", "V5", "V6"))],
    )
    def test_columns_follow_each_other_by_two_and_a_half_seconds(self, column, leads):
        figure = draw()

        starts = [find_lines(figure, f"trace {lead}")[0][0, 0] for lead in leads]
        first_start = find_lines(figure, "trace I")[0][0, 0]
        assert starts == [first_start + column * 62.5] * 3

    def test_each_column_shows_its_own_time_in_line_with_the_rhythm_strip(self):
        strip = make_strip()
        strip[:, 3500] = 1.5  # at 7.0 s, so 2.0 s into the third column

        figure = draw(strip)

        v1, rhythm = find_lines(figure, "trace V1")[0], find_lines(figure, "trace II")[-1]
        assert v1[v1[:, 1].argmax(), 0] == pytest.approx(rhythm[rhythm[:, 1].argmax(), 0])

    def test_rows_are_found_by_name(self):
        standard = draw()
        reversed_leads = draw(make_strip()[::-1], STANDARD_LEADS[::-1])

        np.testing.assert_array_equal(find_lines(standard, "trace V3")[0], find_lines(reversed_leads, "trace V3")[0])

    def test_every_lead_is_named_and_the_rhythm_strip_too(self):
        texts = find_texts(draw())

        assert sorted(texts[:13]) == sorted([*STANDARD_LEADS, "II"])

    def test_columns_are_separated(self):
        separators = find_lines(draw(), "separator")

        starts = find_lines(draw(), "trace aVR")[0][0, 0] + 62.5 * np.arange(3)
        assert {float(line[0, 0]) for line in separators} == set(starts)

    def test_the_title_stands_above_the_paper(self):
        figure = draw(title="Record  s0001\nfemale")

        title = next(text for text in figure.axes[0].texts if text.get_text() == "Record s0001 female")
        _, bottom, _, height = find_paper(figure)
        assert title.get_position()[1] > bottom + height

    def test_a_title_is_no_formula(self):
        figure = draw(title="a_1$ and $b^")

        figure.savefig("/dev/null", format="png")
        assert "a_1$ and $b^" in find_texts(figure)


class TestMissingLeads:
    def test_masked_leads_are_named_but_not_drawn(self):
        mask = np.ones(12, dtype=bool)
        mask[[7, 8]] = False

        figure = draw(lead_mask=mask)

        assert not find_lines(figure, "trace V2")
        assert find_texts(figure).count("not recorded") == 2

    def test_limb_leads_are_computed_from_two(self):
        strip = make_strip(num_leads=2)  # spikes of 1/12 mV in I and 2/12 mV in II, so aVF = II - I / 2 = 1.5/12 mV

        figure = draw(strip, ["I", "II"])

        (trace,) = find_lines(figure, "trace aVF")
        assert np.ptp(trace[:, 1]) == pytest.approx(1.25)
        assert find_texts(figure).count("not recorded") == 6

    def test_a_masked_limb_lead_is_not_computed(self):
        figure = draw(lead_mask=[lead != "aVF" for lead in STANDARD_LEADS])

        assert not find_lines(figure, "trace aVF")

    def test_without_lead_ii_another_lead_shows_the_rhythm(self):
        figure = draw(make_strip(num_leads=2), ["V6", "V1"])

        assert len(find_lines(figure, "trace V1")) == 2

    def test_a_sheet_without_any_lead_is_still_a_sheet(self):
        figure = draw(lead_mask=np.zeros(12))

        assert find_texts(figure).count("not recorded") == 13

    def test_missing_samples_leave_a_gap(self):
        strip = make_strip()
        strip[0, 500:600] = np.nan

        (trace,) = find_lines(draw(strip), "trace I")

        assert np.flatnonzero(np.isnan(trace[:, 1])).tolist() == list(range(500, 600))

    def test_a_lead_of_missing_samples_is_not_recorded(self):
        strip = make_strip()
        strip[6] = np.nan

        assert find_texts(draw(strip)).count("not recorded") == 1


class TestLength:
    def test_the_last_columns_of_a_short_strip_show_its_end(self):
        strip = make_strip(num_samples=3500)
        strip[:, -1] = 2.0

        figure = draw(strip)

        assert [len(find_lines(figure, f"trace {lead}")[0]) for lead in ("I", "aVR", "V1", "V4")] == [1250] * 4
        assert np.ptp(find_lines(figure, "trace V6")[0][:, 1]) == pytest.approx(20)
        assert "7 s recorded, columns start at 0, 2.5, 4.5, 4.5 s" in find_texts(figure)

    def test_a_strip_shorter_than_a_column_is_shown_whole_in_each(self):
        figure = draw(make_strip(num_samples=800))

        assert [len(find_lines(figure, f"trace {lead}")[0]) for lead in ("I", "aVR", "V1", "V4")] == [800] * 4

    def test_a_long_strip_shows_its_first_ten_seconds(self):
        figure = draw(make_strip(num_samples=30_000))

        assert len(find_lines(figure, "trace II")[-1]) == 5000
        assert "first 10 s of 60 s" in find_texts(figure)

    @pytest.mark.parametrize("num_samples", [4999, 5000, 5001])
    def test_a_strip_of_ten_seconds_needs_no_remark(self, num_samples):
        assert not any("recorded" in text or "first" in text for text in find_texts(draw(make_strip(num_samples))))


class TestLargeVoltages:
    def test_an_offset_is_not_shown(self):
        np.testing.assert_allclose(
            find_lines(draw(make_strip() + 80), "trace V5")[0], find_lines(draw(), "trace V5")[0], atol=1e-3
        )

    def test_high_voltages_halve_the_gain_and_the_sheet_says_so(self):
        figure = draw(make_strip(height_mv=4.0))

        assert "25 mm/s    5 mm/mV    500 Hz" in find_texts(figure)
        assert np.ptp(find_lines(figure, "trace V6")[0][:, 1]) == pytest.approx(20)
        assert np.ptp(find_lines(figure, "pulse")[0][:, 1]) == pytest.approx(5)

    def test_a_defective_lead_does_not_shrink_the_others_and_is_cut_off(self):
        strip = make_strip()
        strip[10, 4000::500] = 30.0

        figure = draw(strip)

        assert np.ptp(find_lines(figure, "trace V6")[0][:, 1]) == pytest.approx(10)
        assert np.ptp(find_lines(figure, "trace V5")[0][:, 1]) == pytest.approx(30)
        assert "V5 cut off at ±3 mV" in find_texts(figure)

    def test_no_trace_leaves_the_paper(self):
        figure = draw(30 * make_strip() * np.where(np.arange(12) % 2, 1, -1)[:, None])

        heights = np.concatenate([line.get_ydata() for line in figure.axes[0].lines])
        _, bottom, _, height = find_paper(figure)
        assert bottom <= heights.min()
        assert heights.max() <= bottom + height


class TestScores:
    def test_bars_are_as_long_as_their_scores(self):
        (_, _, full, _), (_, _, nine_tenths, _), _, (_, _, quarter, _) = find_bars(draw(scores=SCORES))

        assert nine_tenths == pytest.approx(0.9 * full)
        assert quarter == pytest.approx(0.25 * full)

    def test_labels_and_probabilities_are_printed(self):
        texts = find_texts(draw(scores=SCORES))

        assert texts[-4:] == ["sinus rhythm", "0.90", "atrial fibrillation", "0.25"]

    @pytest.mark.parametrize("num_scores", [1, 4, 15, 40])
    def test_scores_lie_on_the_page_below_the_paper(self, num_scores):
        figure = draw(scores=SCORES[:1] * num_scores)

        bars = np.array(find_bars(figure))
        assert bars[:, 1].min() > 0
        assert (bars[:, 1] + bars[:, 3]).max() < find_paper(figure)[1] - 5
        assert (bars[:, 0] + bars[:, 2]).max() < 297

    def test_no_two_texts_of_the_panel_overlap(self):
        figure = draw(scores=[{"label": "incomplete right bundle branch block", "score": 1.0}] * 15)

        figure.canvas.draw()
        boxes = [text.get_window_extent() for text in figure.axes[0].texts[-30:]]
        assert not any(box.overlaps(other) for box in boxes for other in boxes if other is not box)

    def test_a_long_label_ends_with_an_ellipsis(self):
        figure = draw(scores=[{"label": "myocardial infarction of the inferolateral wall", "score": 0.5}])

        assert "myocardial infarction of the in…" in find_texts(figure)

    def test_without_scores_the_page_is_shorter(self):
        assert draw().get_size_inches()[1] < draw(scores=SCORES).get_size_inches()[1]

    @pytest.mark.parametrize("score", [-0.1, 1.2, float("nan")])
    def test_a_score_that_is_no_probability_is_refused(self, score):
        with pytest.raises(ValueError, match=r"score of 'asystole' is .*, not a probability.*after the sigmoid"):
            draw(scores=[{"label": "asystole", "score": score}])


class TestFiles:
    @pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")])
    def test_the_suffix_chooses_the_format(self, tmp_path, suffix, start):
        draw(title="Record s0001", scores=SCORES, path=tmp_path / f"strip{suffix}")

        content = (tmp_path / f"strip{suffix}").read_bytes()
        assert content.startswith(start)
        assert len(content) > 10_000

    def test_a_saved_image_has_the_size_of_the_page(self, tmp_path):
        figure = draw(path=tmp_path / "strip.png")

        height, width, _ = imread(tmp_path / "strip.png").shape
        np.testing.assert_allclose([width, height], figure.get_size_inches() * 150, atol=1)

    @pytest.mark.data
    @pytest.mark.parametrize("name", ["00001_hr", "00008_hr", "00039_hr"])
    def test_real_records_are_drawn_without_a_warning(self, data_dir, tmp_path, name):
        record = wfdb.rdrecord(str(data_dir / "ptb-xl" / "records500" / "00000" / name))

        figure = draw(record.p_signal.T, record.sig_name, title=name, scores=SCORES, path=tmp_path / "strip.png")

        assert "25 mm/s    10 mm/mV    500 Hz" in find_texts(figure)


class TestWrongInput:
    def test_a_transposed_strip_is_refused(self):
        with pytest.raises(ValueError, match=r"The strip to plot: .*\(5000, 12\).*transposed: pass `strip.T`"):
            draw(make_strip().T)

    def test_microvolts_are_refused(self):
        with pytest.raises(TypeError, match=r"The strip to plot: samples are int16.*`strip / 1000` for microvolts"):
            draw((make_strip() * 1000).astype(np.int16))

    def test_an_impossible_rate_is_refused(self):
        with pytest.raises(ValueError, match=r"`sampling_rate` is 0.5 Hz, outside 50 to 20000 Hz.*not kHz"):
            plot_strip(make_strip(), sampling_rate=0.5, leads=STANDARD_LEADS)

    def test_a_mask_of_another_length_is_refused(self):
        with pytest.raises(ValueError, match=r"`lead_mask` has shape \(3,\), but the strip has 12 leads. Give one"):
            draw(lead_mask=[True] * 3)

    def test_an_unknown_lead_is_refused(self):
        with pytest.raises(ValueError, match=r"Unknown lead 'vx'.*Leave the row out"):
            draw(make_strip(num_leads=1), ["vx"])
