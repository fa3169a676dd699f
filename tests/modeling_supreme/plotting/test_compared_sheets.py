"""Two recordings on a page: one gain for both, each lead below itself, and the scores of both side by side."""

import numpy as np
import pytest

from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.plotting import plot_comparison
from modeling_supreme.recordings import EcgRecording


MM_PER_INCH = 25.4


def make_recording(height_mv=1.0, leads=STANDARD_LEADS):
    """Leads at 0 mV with a spike of one sample in every half second."""
    strip = np.zeros((len(leads), 5000), np.float32)
    strip[:, 100::250] = height_mv
    return EcgRecording(sampling_rate=500, leads=leads, strip_mv=strip)


def find_traces(figure, lead):
    """Heights of the traces of a lead in mm, of the first recording before those of the second."""
    return [line.get_xydata() for line in figure.axes[0].lines if line.get_gid() == f"trace {lead}"]


def test_each_lead_stands_below_itself():
    figure = plot_comparison(make_recording(), make_recording())

    first, second = find_traces(figure, "V1")
    np.testing.assert_array_equal(first[:, 0], second[:, 0])
    assert first[:, 1].min() > second[:, 1].max()


def test_a_wave_that_is_twice_as_high_looks_so():
    figure = plot_comparison(make_recording(2.0), make_recording(4.0))

    first, second = (np.ptp(trace[:, 1]) for trace in find_traces(figure, "V1"))
    assert (first, second) == pytest.approx((10, 20))  # both at half gain, for the sake of the second


def test_a_lead_that_one_of_them_lacks_is_named_there():
    figure = plot_comparison(make_recording(), make_recording(leads=("I", "II")))

    assert len(find_traces(figure, "V1")) == 1
    assert [text.get_text() for text in figure.axes[0].texts].count("not recorded") == 6


def test_scores_are_paired_by_label_with_their_difference():
    first = [{"label": "a", "score": 0.75}, {"label": "b", "score": 0.5}]
    second = [{"label": "b", "score": 0.25}, {"label": "a", "score": 1.0}]

    figure = plot_comparison(make_recording(), make_recording(), scores=[first, second])

    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts[-8:] == ["a", "0.75", "1.00", "+0.25", "b", "0.50", "0.25", "-0.25"]


def test_one_unit_is_a_millimetre():
    figure = plot_comparison(make_recording(), make_recording(), layout="1x1", lead="V5", mm_per_s=50)

    width_mm, height_mm = figure.get_size_inches() * MM_PER_INCH
    assert figure.axes[0].get_xlim() == pytest.approx((0, width_mm))
    assert figure.axes[0].get_ylim() == pytest.approx((0, height_mm))


def test_a_label_of_one_recording_alone_is_refused():
    with pytest.raises(ValueError, match=r"'b' was asked of one of the two recordings only. Ask both for the same"):
        plot_comparison(
            make_recording(),
            make_recording(),
            scores=[[{"label": "a", "score": 0.5}, {"label": "b", "score": 0.5}], [{"label": "a", "score": 0.5}]],
        )
