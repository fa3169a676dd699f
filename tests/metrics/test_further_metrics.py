"""AUPRC, calibration error and paired bootstrap as metrics: the arithmetic of the evaluation, and scikit-learn's."""

import numpy as np
import pytest
from helpers.repository import ROOT
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, roc_auc_score


def make_inputs(seed=0, num_records=80):
    """Probabilities, those of another system, and labels of three conditions, of which the last has no positive."""
    generator = np.random.default_rng(seed)
    labels = (generator.random((num_records, 3)) < [0.5, 0.2, 0.0]).astype(float)
    first, second = (1 / (1 + np.exp(-labels - generator.normal(size=labels.shape))) for _ in range(2))
    return np.round(first, 2), np.round(second, 2), labels


@pytest.fixture
def compute(load_metric):
    """A function that loads a metric of the repository and computes it."""
    return lambda name, **inputs: load_metric(ROOT / "metrics" / name).compute(**inputs)


def test_auprc_is_that_of_scikit_learn(compute):
    scores, _, labels = make_inputs()

    result = compute("multilabel_auprc", predictions=scores, references=labels, label_names=["a", "b", "c"])

    expected = [average_precision_score(labels[:, c], scores[:, c]) for c in (0, 1)]
    assert [result["auprc_a"], result["auprc_b"], result["auprc_c"]] == [*map(pytest.approx, expected), None]
    assert result["auprc_macro"] == pytest.approx(np.mean(expected))
    assert result["auprc_macro_ci95"][0] < result["auprc_macro"] < result["auprc_macro_ci95"][1]
    assert result["prevalence_macro"] == pytest.approx(labels[:, :2].mean())


def test_calibration_error_is_that_of_scikit_learns_curve(compute):
    scores, _, labels = make_inputs()

    result = compute("expected_calibration_error", predictions=scores, references=labels, num_bins=10)

    shares, means = calibration_curve(labels[:, 0], scores[:, 0], n_bins=10)
    _, counts = np.unique(np.searchsorted(np.linspace(0, 1, 11)[1:-1], scores[:, 0]), return_counts=True)
    assert result["ece_0"] == pytest.approx((counts * np.abs(shares - means)).sum() / 80)
    assert result["ece_2"] == pytest.approx(scores[:, 2].mean())  # nothing is positive: every score is too high
    assert result["ece_macro"] == pytest.approx(np.mean([result[f"ece_{c}"] for c in range(3)]))


def test_paired_differences_are_those_of_the_figures(compute):
    first, second, labels = make_inputs()

    result = compute(
        "paired_bootstrap", predictions=second, baselines=first, references=labels, num_bootstrap_samples=50
    )

    aurocs = [[roc_auc_score(labels[:, c], scores[:, c]) for c in (0, 1)] for scores in (first, second)]
    assert result["difference"] == pytest.approx(np.mean(aurocs[1]) - np.mean(aurocs[0]))
    assert result["num_conditions"] == 2
    assert result["difference_ci95"][0] <= result["difference"] <= result["difference_ci95"][1]


@pytest.mark.parametrize(
    ("name", "key", "expected"),
    [
        ("multilabel_auprc", "auprc_macro", None),
        ("expected_calibration_error", "ece_macro", 0.0),
        ("paired_bootstrap", "difference", None),
    ],
)
def test_what_is_not_defined_is_none(compute, name, key, expected):
    scores = np.zeros((4, 1))
    more = {"baselines": scores} if name == "paired_bootstrap" else {}

    assert compute(name, predictions=scores, references=np.zeros((4, 1)), **more)[key] == expected
