"""Windows begin with every stride and reach the end; what makes no windows is refused."""

import pytest

from modeling_supreme.long_recordings.windows import Plan, lay_windows, make_plan


def starts_s(seconds, *, window_s=10.0, stride_s=10.0, rate=100):
    """When windows begin, in seconds."""
    windows = lay_windows(round(seconds * rate), rate, Plan("max", window_s, stride_s))
    assert all(window.num_samples == round(window_s * rate) for window in windows)
    return [window.first / rate for window in windows]


class TestWindows:
    @pytest.mark.parametrize(
        ("seconds", "expected"),
        [
            (10, [0]),
            (20, [0, 10]),
            (30, [0, 10, 20]),
            (23, [0, 10, 13]),  # the last one is moved back
            (12, [0, 2]),
        ],
    )
    def test_they_cover_the_recording_side_by_side(self, seconds, expected):
        assert starts_s(seconds) == expected

    def test_they_overlap_where_the_stride_is_shorter(self):
        assert starts_s(23, stride_s=5) == [0, 5, 10, 13]

    def test_they_leave_time_between_where_it_is_longer(self):
        assert starts_s(125, stride_s=60) == [0, 60, 115]

    def test_shorter_ones_are_more(self):
        assert starts_s(10, window_s=4, stride_s=3) == [0, 3, 6]

    def test_a_recording_shorter_than_a_window_is_one(self):
        assert lay_windows(640, 100, Plan("max", 10, 10)) == [(0, 640)]

    @pytest.mark.parametrize(("num_samples", "last"), [(1995, (1000, 995)), (2005, (1000, 1000))])
    def test_a_few_samples_more_or_less_make_no_window(self, num_samples, last):
        windows = lay_windows(num_samples, 100, Plan("max", 10, 10))

        assert windows == [(0, 1000), last]

    @pytest.mark.parametrize(("rate", "firsts"), [(128, [0, 1280, 2560]), (249.89, [0, 2499, 4998])])
    def test_they_begin_with_the_nearest_sample_at_any_rate(self, rate, firsts):
        assert [window.first for window in lay_windows(round(30 * rate), rate, Plan("max", 10, 10))] == firsts

    def test_a_day_has_8640(self):
        assert len(lay_windows(86_400 * 250, 250, Plan("max", 10, 10))) == 8640


class TestPlan:
    def test_by_default_a_window_is_a_strip_and_follows_the_other(self):
        assert make_plan("max", None, None, strip_s=10.0) == Plan("max", 10.0, 10.0)

    def test_the_stride_is_the_length_that_was_given(self):
        assert make_plan("mean", 5, None, strip_s=10.0) == Plan("mean", 5.0, 5.0)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (("sum", None, None), r"`aggregate` is 'sum'\. Pass \"max\", \"mean\" or \"timeline\""),
            ((None, 10, None), r"Pass `aggregate=\"max\"`"),
            (("max", 10, 0), r"`stride_s` is 0\. Choose 0\.1 s or more"),
            (("max", 10, -5), r"`stride_s` is -5"),
            (("max", 30, None), r"`window_s` is 30, and this model reads strips of 10 s"),
            (("max", 0.5, None), r"`window_s` is 0\.5, and a strip lasts at least 1 s"),
            (("max", float("nan"), None), r"`window_s` is nan\. Give a time in seconds"),
            (("max", 10, float("inf")), r"`stride_s` is inf"),
        ],
    )
    def test_what_makes_no_windows_is_refused(self, options, message):
        with pytest.raises(ValueError, match=message):
            make_plan(*options, strip_s=10.0)

    @pytest.mark.parametrize("value", ["10", True, [10]])
    def test_a_time_is_a_number(self, value):
        with pytest.raises(TypeError, match=r"`window_s` is .*not a number"):
            make_plan("max", value, None, strip_s=10.0)

    @pytest.mark.parametrize("aggregate", ["max", "mean"])
    def test_numbers_are_followed_over_time(self, aggregate):
        with pytest.raises(ValueError, match=r"numbers are followed over time\. Pass \"timeline\""):
            make_plan(aggregate, None, None, strip_s=10.0, is_measuring=True)
