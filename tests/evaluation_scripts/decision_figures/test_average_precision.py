"""Average precision: equal to scikit-learn under any weights, ties and degenerate labels included."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from evaluation_scripts.decision_figures.average_precision import (
    bootstrap_average_precision,
    pool_conditions,
    weighted_average_precision,
)
from evaluation_scripts.metrics import draw_resamples


@pytest.mark.parametrize("decimals", [0, 1, 8], ids=["mostly ties", "some ties", "no ties"])
def test_it_equals_scikit_learn_under_every_weighting(decimals):
    generator = np.random.default_rng(decimals)
    labels = (generator.random(200) < 0.3).astype(float)
    scores = np.round(labels + generator.normal(size=200), decimals)
    weights = generator.integers(0, 4, (200, 6)).astype(float)

    figures = weighted_average_precision(scores, labels, weights)

    expected = [average_precision_score(labels, scores, sample_weight=own) for own in weights.T]
    assert figures == pytest.approx(expected, abs=1e-12)


def test_unknown_labels_are_left_out():
    labels, scores = np.array([1.0, np.nan, 0.0, 1.0]), np.array([0.9, 0.8, 0.7, 0.1])

    figures = weighted_average_precision(scores, labels, np.ones((4, 1)))

    assert figures == pytest.approx([average_precision_score([1, 0, 1], [0.9, 0.7, 0.1])])


@pytest.mark.parametrize("label", [0.0, 1.0], ids=["no positive", "no negative"])
def test_it_is_not_defined_without_positives_or_negatives(label):
    assert np.isnan(weighted_average_precision(np.arange(3.0), np.full(3, label), np.ones((3, 2)))).all()


def test_resamples_draw_the_patients_that_other_figures_draw():
    generator = np.random.default_rng(0)
    labels, scores = (generator.random((60, 2)) < 0.4).astype(float), generator.random((60, 2))
    patients = [f"p{index // 2}" for index in range(60)]

    resamples = bootstrap_average_precision(scores, labels, patient_ids=patients, num_bootstrap_samples=5, seed=3)

    draws = draw_resamples(patients, num_bootstrap_samples=5, seed=3)
    expected = [
        [average_precision_score(labels[:, c], scores[:, c], sample_weight=own) for c in (0, 1)] for own in draws
    ]
    assert resamples == pytest.approx(np.array(expected))


def test_pooled_conditions_count_every_known_pair():
    scores = np.array([[0.9, 0.2], [0.1, 0.8], [0.5, 0.5]])
    labels = np.array([[1.0, 0.0], [0.0, 1.0], [np.nan, 1.0]])

    assert pool_conditions(scores, labels) == {
        "auroc_micro": 1.0,
        "auprc_micro": pytest.approx(1.0),
        "auroc_micro_ci95": None,
        "auprc_micro_ci95": None,
    }
    assert set(pool_conditions(scores, labels * 0).values()) == {None}


def test_a_patient_is_drawn_with_all_pairs_of_a_record_and_a_condition():
    generator = np.random.default_rng(4)
    labels, scores = (generator.random((40, 3)) < 0.4).astype(float), np.round(generator.random((40, 3)), 1)
    labels[generator.random((40, 3)) < 0.1] = np.nan
    labels[38:] = np.nan  # nothing is known of the last two records
    patients = [f"p{index // 2}" for index in range(40)]

    figures = pool_conditions(scores, labels, patient_ids=patients, num_bootstrap_samples=30, seed=3)

    known = ~np.isnan(labels)
    draws = draw_resamples(patients, num_bootstrap_samples=30, seed=3)
    weights = [np.repeat(own, 3).reshape(40, 3)[known] for own in draws]
    for name, measure in {"auroc_micro": roc_auc_score, "auprc_micro": average_precision_score}.items():
        expected = [measure(labels[known], scores[known], sample_weight=own) for own in weights]
        assert figures[f"{name}_ci95"] == pytest.approx(np.quantile(expected, [0.025, 0.975]), abs=1e-6)
