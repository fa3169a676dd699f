"""The classifier two-sample test: half for samples that are alike, one for samples that are not."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from datasets_scripts.simulator.realism.two_sample import auroc_interval, compare_samples, separate_by_each


IS_SIMULATED = np.repeat([False, True], 150)
PATIENTS = np.array([f"p{number}" for number in range(300)])


def draw_features(shift):
    features = np.random.default_rng(1).normal(size=(300, 4))
    features[IS_SIMULATED, 2] += shift
    return features


@pytest.mark.parametrize("is_linear", [True, False])
def test_samples_of_one_distribution_are_not_told_apart(is_linear):
    test = compare_samples(draw_features(0), IS_SIMULATED, PATIENTS, is_linear=is_linear)

    assert test["auroc"] == pytest.approx(0.5, abs=0.1)
    assert test["auroc_ci95"][0] < test["auroc"] < test["auroc_ci95"][1]


@pytest.mark.parametrize("is_linear", [True, False])
def test_samples_of_two_distributions_are_told_apart(is_linear):
    test = compare_samples(draw_features(3), IS_SIMULATED, PATIENTS, is_linear=is_linear)

    # Two normal distributions three standard deviations apart: Phi(3 / sqrt(2)) = 0.983.
    assert test["auroc"] == pytest.approx(0.983, abs=0.02)


def test_records_of_one_patient_do_not_help_to_recognise_each_other():
    features = np.repeat(np.random.default_rng(2).normal(size=(30, 5)), 10, axis=0)
    patients = np.repeat([f"p{number}" for number in range(30)], 10)

    assert compare_samples(features, IS_SIMULATED, patients, is_linear=False)["auroc"] < 0.8


def test_too_few_patients_give_no_figure():
    chosen = np.r_[0:4, 150:154]

    test = compare_samples(draw_features(0)[chosen], IS_SIMULATED[chosen], PATIENTS[chosen], is_linear=True)

    assert test == {"auroc": None, "auroc_ci95": None}


def test_the_interval_is_that_of_scikit_learns_auroc_in_draws_of_patients():
    rng = np.random.default_rng(3)
    scores = IS_SIMULATED + rng.normal(size=300).round(1)  # with ties
    patients = np.arange(300) // 3
    draws = np.random.default_rng(5).multinomial(100, np.full(100, 0.01), size=1000)[:, patients]
    expected = [roc_auc_score(IS_SIMULATED, scores, sample_weight=weights) for weights in draws]

    interval = auroc_interval(scores, IS_SIMULATED, patients, seed=5)

    assert interval == pytest.approx(np.quantile(expected, [0.025, 0.975]), abs=1e-6)


def test_each_feature_has_its_own_figure():
    assert np.abs(separate_by_each(draw_features(3), IS_SIMULATED) - 0.5).argmax() == 2
