"""Thresholds: the highest F1 of validation, and what they decide elsewhere."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, recall_score

from evaluation_scripts.decision_figures.thresholds import apply_thresholds, choose_thresholds


def make_scores(seed, num_records=300):
    generator = np.random.default_rng(seed)
    labels = (generator.random((num_records, 3)) < [0.5, 0.2, 0.05]).astype(float)
    return labels + generator.normal(size=labels.shape), labels


def test_no_other_threshold_has_a_higher_f1():
    scores, labels = make_scores(0)

    thresholds = choose_thresholds(scores, labels)

    for column, chosen in enumerate(thresholds):
        best = max(f1_score(labels[:, column], scores[:, column] >= value) for value in scores[:, column])
        assert f1_score(labels[:, column], scores[:, column] >= chosen) == pytest.approx(best)


def test_decisions_are_those_of_scikit_learn():
    scores, labels = make_scores(1)
    thresholds = np.array([0.5, 0.7, 1.0])

    decided = apply_thresholds(
        scores, labels, thresholds, patient_ids=list(range(300)), num_bootstrap_samples=0
    ).figures

    called = scores >= thresholds
    assert decided["f1"] == pytest.approx([f1_score(labels[:, c], called[:, c]) for c in range(3)])
    assert decided["sensitivity"] == pytest.approx([recall_score(labels[:, c], called[:, c]) for c in range(3)])
    assert decided["specificity"] == pytest.approx([recall_score(1 - labels[:, c], ~called[:, c]) for c in range(3)])


def test_resamples_lie_around_the_figure():
    scores, labels = make_scores(2)

    decided = apply_thresholds(
        scores, labels, np.full(3, 0.5), patient_ids=list(range(300)), num_bootstrap_samples=200, seed=1
    )

    assert decided.resamples["f1"].shape == (200, 3)
    assert decided.resamples["sensitivity"].mean(axis=0) == pytest.approx(decided.figures["sensitivity"], abs=0.03)


def test_a_condition_that_validation_lacks_has_no_threshold_and_no_decision():
    scores, labels = make_scores(3)
    labels[:, 1] = 0.0

    thresholds = choose_thresholds(scores, labels)
    decided = apply_thresholds(scores, labels, thresholds, patient_ids=list(range(300)), num_bootstrap_samples=3)

    assert np.isnan(thresholds).tolist() == [False, True, False]
    assert np.isnan(decided.figures["f1"]).tolist() == [False, True, False]
    assert np.isnan(decided.resamples["specificity"][:, 1]).all()


def test_no_record_of_validation_chooses_nothing():
    assert np.isnan(choose_thresholds(np.empty((0, 2)), np.empty((0, 2)))).all()
