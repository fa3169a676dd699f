"""Whether scores are probabilities: reliability and the expected calibration error.

Source: Guo et al., On Calibration of Modern Neural Networks (ICML 2017), section 2, with 15 bins of equal width.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from evaluation_scripts.metrics import mean_or_none


NUM_BINS = 15


def reliability_bins(scores: np.ndarray, labels: np.ndarray, *, num_bins: int = NUM_BINS) -> list[dict[str, Any]]:
    """Mean score and share of positives of the records in each bin of the scores.

    Args:
        scores (`np.ndarray` of shape `(num_records,)`):
            Probabilities of presence.
        labels (`np.ndarray` of shape `(num_records,)`):
            1 positive, 0 negative, NaN unknown.
        num_bins (`int`, *optional*):
            Bins of equal width between 0 and 1.

    Returns:
        `list[dict]`: `mean_score`, `share_positive` and `num_records` of every bin that holds a record, from the
        lowest; a score on the border of two bins counts to the lower one, as in `sklearn.calibration`.

    Raises:
        ValueError: If a score is no probability.

    Example:
        >>> reliability_bins(np.array([0.2, 0.9, 0.8]), np.array([0.0, 1.0, 0.0]), num_bins=2)[1]["share_positive"]
        0.5
    """
    known = ~np.isnan(labels)
    scores, labels = scores[known], labels[known]
    if len(scores) and not (scores.min() >= 0 and scores.max() <= 1):
        wrong = scores[(scores < 0) | (scores > 1)][0]
        raise ValueError(f"The score {wrong:g} is no probability. Give values between 0 and 1 to measure calibration.")
    place = np.searchsorted(np.linspace(0, 1, num_bins + 1)[1:-1], scores)
    counts = np.bincount(place, minlength=num_bins)
    sums = [np.bincount(place, weights=values, minlength=num_bins) for values in (scores, labels)]
    return [
        {
            "mean_score": float(sums[0][index] / counts[index]),
            "share_positive": float(sums[1][index] / counts[index]),
            "num_records": int(counts[index]),
        }
        for index in np.flatnonzero(counts).tolist()
    ]


def expected_calibration_error(scores: np.ndarray, labels: np.ndarray, *, num_bins: int = NUM_BINS) -> float | None:
    """Mean distance between score and share of positives over the bins, each counted by its records.

    Args:
        scores (`np.ndarray` of shape `(num_records,)`):
            Probabilities of presence.
        labels (`np.ndarray` of shape `(num_records,)`):
            1 positive, 0 negative, NaN unknown.
        num_bins (`int`, *optional*):
            Bins of equal width between 0 and 1.

    Returns:
        `float`: Between 0 and 1; `None` where no label is known.

    Raises:
        ValueError: If a score is no probability.

    Example:
        >>> expected_calibration_error(np.array([0.75, 0.75]), np.array([1.0, 0.0]))
        0.25
    """
    bins = reliability_bins(scores, labels, num_bins=num_bins)
    total = sum(own["num_records"] for own in bins)
    if not total:
        return None
    return sum(own["num_records"] * abs(own["mean_score"] - own["share_positive"]) for own in bins) / total


def multilabel_calibration(
    scores: np.ndarray,
    labels: np.ndarray,
    *,
    label_names: Sequence[str] | None = None,
    num_bins: int = NUM_BINS,
) -> dict[str, object]:
    """Flat table of the calibration errors of one label set, ready for a JSON file.

    Args:
        scores (`np.ndarray` of shape `(num_records, num_conditions)`):
            Probabilities of presence.
        labels (`np.ndarray` of shape `(num_records, num_conditions)`):
            1 positive, 0 negative, NaN unknown.
        label_names (`Sequence[str]`, *optional*):
            Names of the conditions. Defaults to their positions.
        num_bins (`int`, *optional*):
            Bins of equal width between 0 and 1.

    Returns:
        `dict`: `ece_macro`, `num_records`, `num_conditions` (those averaged) and one `ece_<label name>` per condition.

    Raises:
        ValueError: If a score is no probability.

    Example:
        >>> multilabel_calibration(np.array([[0.75], [0.25]]), np.array([[1.0], [0.0]]))["ece_macro"]
        0.25
    """
    pairs = zip(scores.T, np.asarray(labels, dtype=np.float64).T, strict=True)
    errors = [expected_calibration_error(*pair, num_bins=num_bins) for pair in pairs]
    names = [str(index) for index in range(len(errors))] if label_names is None else list(label_names)
    known = np.array([np.nan if error is None else error for error in errors])
    return {
        "ece_macro": mean_or_none(known),
        "num_records": len(labels),
        "num_conditions": int((~np.isnan(known)).sum()),
        **{f"ece_{name}": error for name, error in zip(names, errors, strict=True)},
    }
