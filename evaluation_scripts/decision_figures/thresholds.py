"""Decisions: thresholds that the validation split alone chooses, and what they do on the test split."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import precision_recall_curve

from evaluation_scripts.metrics import RESAMPLES_PER_CHUNK, draw_resamples


DECISIONS = ("f1", "sensitivity", "specificity")


def choose_thresholds(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The threshold of every condition with the highest F1 on the records given, which are those of validation.

    Args:
        scores (`np.ndarray` of shape `(num_records, num_conditions)`):
            Higher means more likely present.
        labels (`np.ndarray` of shape `(num_records, num_conditions)`):
            1 positive, 0 negative, NaN unknown.

    Returns:
        `np.ndarray` of shape `(num_conditions,)`: A record is called positive from this score on. Of equally good ones
        the lowest; NaN where a condition lacks positives or negatives.

    Example:
        >>> choose_thresholds(np.array([[0.1], [0.4], [0.8]]), np.array([[0.0], [1.0], [1.0]]))
        array([0.4])
    """
    thresholds = np.full(labels.shape[1], np.nan)
    for column in range(labels.shape[1]):
        known = ~np.isnan(labels[:, column])
        truth, own = labels[known, column], scores[known, column]
        if 0 < truth.sum() < len(truth):
            precision, recall, candidates = precision_recall_curve(truth, own)
            total = precision + recall
            f1 = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)[:-1]
            thresholds[column] = candidates[np.argmax(f1)]
    return thresholds


@dataclass(frozen=True)
class Decisions:
    """What thresholds do, in all records and in resamples of patients.

    Args:
        figures (`dict[str, np.ndarray]`, each of shape `(num_conditions,)`):
            `DECISIONS`; NaN where there is no threshold, or nothing to count.
        resamples (`dict[str, np.ndarray]`, each of shape `(num_resamples, num_conditions)`):
            The same in every resample.
    """

    figures: dict[str, np.ndarray]
    resamples: dict[str, np.ndarray]


def apply_thresholds(
    scores: np.ndarray,
    labels: np.ndarray,
    thresholds: np.ndarray,
    *,
    patient_ids: Sequence[Hashable],
    num_bootstrap_samples: int = 1000,
    seed: int = 0,
) -> Decisions:
    """F1, sensitivity and specificity of every condition at its threshold.

    Args:
        scores (`np.ndarray` of shape `(num_records, num_conditions)`):
            Of the test split.
        labels (`np.ndarray` of shape `(num_records, num_conditions)`):
            1 positive, 0 negative, NaN unknown.
        thresholds (`np.ndarray` of shape `(num_conditions,)`):
            What [`choose_thresholds`] found on other records.
        patient_ids (`Sequence`, one per record):
            Patient of every record.
        num_bootstrap_samples (`int`, *optional*):
            Resamples of the intervals; 0 for none.
        seed (`int`, *optional*):
            Seed of the resamples.

    Returns:
        [`Decisions`]
    """
    called = scores >= thresholds  # nothing is called positive where the threshold is NaN
    cells = {
        "hits": called & (labels == 1),
        "misses": ~called & (labels == 1),
        "alarms": called & (labels == 0),
        "rejections": ~called & (labels == 0),
    }
    cells = {name: cell.astype(np.float64) for name, cell in cells.items()}
    everybody = np.ones((1, len(labels)), dtype=np.uint8)
    draws = draw_resamples(patient_ids, num_bootstrap_samples=num_bootstrap_samples, seed=seed)
    figures = {name: values[0] for name, values in _count(cells, everybody, thresholds).items()}
    chunks = [
        _count(cells, draws[start : start + RESAMPLES_PER_CHUNK], thresholds)
        for start in range(0, len(draws), RESAMPLES_PER_CHUNK)
    ]
    nothing = np.empty((0, labels.shape[1]))
    resamples = {name: np.concatenate([nothing, *(chunk[name] for chunk in chunks)]) for name in DECISIONS}
    return Decisions(figures, resamples)


def _count(cells: dict[str, np.ndarray], weights: np.ndarray, thresholds: np.ndarray) -> dict[str, np.ndarray]:
    """`DECISIONS` under weights of shape `(num_weightings, num_records)`."""
    counts = {name: weights.astype(np.float64) @ cell for name, cell in cells.items()}
    hits, alarms = counts["hits"], counts["alarms"]
    positives, negatives = hits + counts["misses"], alarms + counts["rejections"]
    figures = {
        "f1": _divide(2 * hits, positives + hits + alarms, where=positives > 0),
        "sensitivity": _divide(hits, positives),
        "specificity": _divide(counts["rejections"], negatives),
    }
    return {name: np.where(np.isnan(thresholds), np.nan, values) for name, values in figures.items()}


def _divide(above: np.ndarray, below: np.ndarray, *, where: np.ndarray | None = None) -> np.ndarray:
    """A quotient, NaN where it is not defined."""
    is_defined = below > 0 if where is None else where & (below > 0)
    return np.divide(above, below, out=np.full(below.shape, np.nan), where=is_defined)
