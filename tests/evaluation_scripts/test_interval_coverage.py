"""The intervals cover the truth as often as they say, give or take what 500 repetitions can tell."""

import numpy as np
import pytest
from scipy.stats import norm

from evaluation_scripts.metrics import bootstrap_auroc, percentile_interval


@pytest.mark.slow
def test_intervals_cover_the_true_auroc_in_at_least_93_percent_of_500_repetitions():
    generator, distance, num_records = np.random.default_rng(0), 1.0, 300
    truth = norm.cdf(distance / np.sqrt(2))  # of two normal distributions this far apart
    covered = []
    for seed in range(500):
        labels = (generator.random((num_records, 1)) < 0.3).astype(float)
        scores = distance * labels + generator.normal(size=labels.shape)
        low, high = percentile_interval(bootstrap_auroc(scores, labels, num_bootstrap_samples=200, seed=seed)[:, 0])
        covered.append(low <= truth <= high)

    assert np.mean(covered) >= 0.93
