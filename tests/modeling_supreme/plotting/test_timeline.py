"""The timeline of a long recording: a row per label, its threshold and episodes, and what was not recorded."""

import numpy as np
import pytest
from matplotlib.image import imread

from modeling_supreme.plotting import plot_timeline


def make_answer(timeline, *, label="atrial fibrillation", episodes=(), stride_s=10.0, threshold=0.5):
    """What the pipeline returns of a label for windows of 10 s."""
    return {
        "label": label,
        "score": max(score for score in timeline if score is not None),
        "timeline": list(timeline),
        "start_s": [place * stride_s for place in range(len(timeline))],
        "window_s": 10.0,
        "stride_s": stride_s,
        "threshold": threshold,
        "episodes": [{"start_s": start, "end_s": end, "max_score": 0.9} for start, end in episodes],
    }


def make_rate(values, *, measurable=0.9):
    """The heart rate of windows of 10 s."""
    return {
        "timeline": list(values),
        "timeline_sd": [2.0] * len(values),
        "timeline_measurable": [measurable] * len(values),
    }


def find(axes, gid):
    """What of a kind is drawn in a panel."""
    return [each for each in axes.get_children() if each.get_gid() == gid]


def gaps_of(axes):
    """Hatched stretches, as (start, stop)."""
    return [(each.get_x(), each.get_x() + each.get_width()) for each in find(axes, "gap")]


def bars_of(axes):
    """Episodes, as (start, stop)."""
    extents = [path.get_extents() for each in find(axes, "episode") for path in each.get_paths()]
    return [(extent.x0, extent.x1) for extent in extents]


def texts_of(axes):
    return [each.get_text() for each in axes.texts]


class TestRows:
    def test_there_is_one_for_each_label_and_one_for_the_heart_rate(self):
        answers = [make_answer([0.1, 0.2], label=label) for label in ("a", "b", "c")]

        assert len(plot_timeline(answers).axes) == 3
        assert len(plot_timeline(answers, rate=make_rate([70, 80])).axes) == 4

    def test_it_shows_the_scores_where_the_windows_are(self):
        (axes,) = plot_timeline([make_answer([0.1, 0.8, 0.3])]).axes

        (steps,) = find(axes, "score")
        values, edges, _ = steps.get_data()
        assert (values.tolist(), edges.tolist()) == ([0.1, 0.8, 0.3], [0, 10, 20, 30])

    def test_it_shows_the_threshold_and_the_episodes(self):
        (axes,) = plot_timeline([make_answer([0.1, 0.8, 0.9], episodes=[(10, 30)], threshold=0.4)]).axes

        assert find(axes, "threshold")[0].get_ydata() == [0.4, 0.4]
        assert bars_of(axes) == [(10, 30)]
        assert texts_of(axes) == ["atrial fibrillation", "max 0.90\n1 episode"]

    def test_an_episode_of_a_day_can_be_seen(self):
        (axes,) = plot_timeline([make_answer([0.1] * 8640, episodes=[(36_000, 36_010)])]).axes

        ((start, stop),) = bars_of(axes)
        assert start == pytest.approx(10.0)  # hours
        assert stop - start == pytest.approx(24 / 400)

    def test_a_long_label_takes_two_lines_and_no_formula(self):
        (axes,) = plot_timeline([make_answer([0.1], label="$x$ " + "very " * 30)]).axes

        assert texts_of(axes)[0].startswith("$x$ very")
        assert texts_of(axes)[0].count("\n") == 1


class TestTime:
    @pytest.mark.parametrize(
        ("num_windows", "unit", "end"), [(12, "seconds", 120), (180, "minutes", 30), (8640, "hours", 24)]
    )
    def test_it_is_in_a_unit_that_fits(self, num_windows, unit, end):
        (axes,) = plot_timeline([make_answer([0.1] * num_windows)]).axes

        assert axes.get_xlabel() == f"{unit} from the beginning of the recording"
        assert axes.get_xlim() == pytest.approx((0, end))

    def test_of_very_many_windows_the_line_is_the_mean_and_the_highest_is_kept(self):
        timeline = [0.1] * 8640
        timeline[4000] = 0.9

        (axes,) = plot_timeline([make_answer(timeline)]).axes

        means, edges, _ = find(axes, "score")[0].get_data()
        highest, _, _ = find(axes, "highest")[0].get_data()
        assert len(means) == len(edges) - 1 == 1080  # eight windows each
        assert (means[500], highest[500]) == pytest.approx(((7 * 0.1 + 0.9) / 8, 0.9))


class TestGaps:
    def test_windows_without_a_score_are_hatched_in_every_row(self):
        answers = [make_answer([0.1, None, None, 0.2], label=label) for label in ("a", "b")]

        figure = plot_timeline(answers, rate=make_rate([70, None, None, 75]))

        assert [gaps_of(axes) for axes in figure.axes] == [[(10, 30)]] * 3

    def test_what_a_window_beside_it_covers_is_no_gap(self):
        (axes,) = plot_timeline([make_answer([0.1, None, 0.2], stride_s=8.0)]).axes

        assert gaps_of(axes) == [(10, 16)]

    def test_with_short_strides_no_gap_may_be_left(self):
        (axes,) = plot_timeline([make_answer([0.1, None, 0.2], stride_s=5.0)]).axes

        assert gaps_of(axes) == []


class TestRate:
    def test_it_is_drawn_in_the_middle_of_windows(self):
        axes, _ = plot_timeline([make_answer([0.1, 0.2])], rate=make_rate([70.0, 80.0])).axes

        (line,) = find(axes, "rate")
        assert line.get_xydata().tolist() == [[5, 70], [15, 80]]
        assert texts_of(axes) == ["heart rate\nper minute", "median 75"]

    def test_what_is_not_measurable_is_not_drawn(self):
        axes, _ = plot_timeline([make_answer([0.1, 0.2])], rate=make_rate([70.0, 80.0], measurable=0.2)).axes

        assert np.isnan(find(axes, "rate")[0].get_ydata()).all()
        assert texts_of(axes)[1] == "not measurable"


def test_it_is_saved(tmp_path):
    plot_timeline([make_answer([0.1, 0.2])], title="holter $1$", path=tmp_path / "timeline.png")

    assert imread(tmp_path / "timeline.png").shape[1] > 1000


@pytest.mark.parametrize(
    ("answers", "message"),
    [([], "no answer to draw"), ([{"label": "gout", "score": 0.1}], r"answer to 'gout' is no timeline.*aggregate=")],
)
def test_what_is_no_timeline_is_refused(answers, message):
    with pytest.raises(ValueError, match=message):
        plot_timeline(answers)
