"""Paired differences: the same patients for both systems."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from evaluation_scripts.decision_figures.paired import compare_systems


def make_systems(noise, num_records=400):
    generator = np.random.default_rng(0)
    labels = (generator.random((num_records, 4)) < 0.3).astype(float)
    first = labels + generator.normal(size=labels.shape)
    return first, labels + noise * generator.normal(size=labels.shape), labels


def test_the_difference_is_that_of_the_means():
    first, second, labels = make_systems(0.7)

    compared = compare_systems(first, second, labels, num_bootstrap_samples=100)

    means = [np.mean([roc_auc_score(labels[:, c], scores[:, c]) for c in range(4)]) for scores in (first, second)]
    assert compared["auroc_macro"] == pytest.approx(means)
    assert compared["difference"] == pytest.approx(means[1] - means[0])
    assert 0 < compared["difference_ci95"][0] < compared["difference"] < compared["difference_ci95"][1]
    assert compared["share_of_resamples_above"] == 1.0


def test_a_system_is_exactly_as_good_as_itself():
    first, _, labels = make_systems(1.0)

    compared = compare_systems(first, first * 2 - 1, labels, num_bootstrap_samples=50)

    assert compared["difference_ci95"] == [0.0, 0.0]
    assert compared["share_of_resamples_above"] == 0.5


def test_the_paired_interval_is_narrower_than_that_of_two_systems_apart():
    first, _, labels = make_systems(1.0)
    second = first + 0.2 * np.random.default_rng(1).normal(size=first.shape)

    low, high = compare_systems(first, second, labels, num_bootstrap_samples=200)["difference_ci95"]

    apart = compare_systems(labels * 0, second, labels, num_bootstrap_samples=200)["difference_ci95"]
    assert high - low < (apart[1] - apart[0]) / 2


def test_conditions_that_cannot_be_scored_are_left_out():
    first, second, labels = make_systems(0.7)
    labels[:, 2] = 0.0

    compared = compare_systems(first, second, labels, num_bootstrap_samples=10)

    assert compared["num_conditions"] == 3
    assert compared["differences"][2] is None
    assert compared["differences_ci95"][2] is None
