"""Calibration: bins as scikit-learn makes them, and an error of 0 for a score that is right."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from evaluation_scripts.decision_figures.calibration import expected_calibration_error, reliability_bins


def test_the_bins_are_those_of_scikit_learn():
    generator = np.random.default_rng(0)
    scores = generator.random(500)
    labels = (generator.random(500) < scores**2).astype(float)

    bins = reliability_bins(scores, labels, num_bins=15)

    shares, means = calibration_curve(labels, scores, n_bins=15)
    assert [own["share_positive"] for own in bins] == pytest.approx(shares.tolist())
    assert [own["mean_score"] for own in bins] == pytest.approx(means.tolist())
    counts = np.array([own["num_records"] for own in bins])
    assert expected_calibration_error(scores, labels) == pytest.approx((counts * np.abs(shares - means)).sum() / 500)


@pytest.mark.parametrize(
    ("scores", "labels", "error"),
    [([1.0, 0.0], [1, 0], 0.0), ([0.5, 0.5], [1, 0], 0.0), ([1.0, 1.0], [0, 0], 1.0), ([0.8, 0.8], [1, 0], 0.3)],
    ids=["perfect", "undecided", "always wrong", "overconfident"],
)
def test_the_error_is_the_distance_from_the_share_of_positives(scores, labels, error):
    assert expected_calibration_error(np.array(scores), np.array(labels, dtype=float)) == pytest.approx(error)


def test_unknown_labels_are_left_out_and_nothing_known_has_no_error():
    assert expected_calibration_error(np.array([0.9, 0.1]), np.array([np.nan, 0.0])) == pytest.approx(0.1)
    assert expected_calibration_error(np.array([0.9]), np.array([np.nan])) is None


def test_a_score_that_is_no_probability_is_refused():
    with pytest.raises(ValueError, match=r"score 1\.5 is no probability\. Give values between 0 and 1"):
        expected_calibration_error(np.array([0.1, 1.5]), np.array([0.0, 1.0]))
