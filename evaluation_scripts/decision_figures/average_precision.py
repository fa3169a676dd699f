"""Average precision with bootstrap intervals: one sort per condition serves all resamples."""

from collections.abc import Hashable, Sequence

import numpy as np
from scipy.sparse import coo_array, csr_array
from sklearn.metrics import average_precision_score, roc_auc_score

from evaluation_scripts.metrics import RESAMPLES_PER_CHUNK, draw_resamples


def weighted_average_precision(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Average precision of one condition under several weightings of the records.

    Equals `sklearn.metrics.average_precision_score(labels, scores, sample_weight=weights[:, i])` for every `i`.

    Args:
        scores (`np.ndarray` of shape `(num_records,)`):
            Higher means more likely present.
        labels (`np.ndarray` of shape `(num_records,)`):
            1 positive, 0 negative, NaN unknown.
        weights (`np.ndarray` of shape `(num_records, num_weightings)`):
            Non-negative weight of every record in every weighting.

    Returns:
        `np.ndarray` of shape `(num_weightings,)`: NaN where the positives or the negatives weigh nothing.

    Example:
        >>> weights = np.array([[1.0, 1.0], [1.0, 0.0], [1.0, 3.0], [1.0, 1.0]])
        >>> weighted_average_precision(np.array([0.1, 0.9, 0.5, 0.4]), np.array([0, 0, 1, 0]), weights)
        array([0.5, 1. ])
    """
    return PrecisionRanking(scores, labels).average_precision(weights)


class PrecisionRanking:
    """Order of the records of one condition, from the highest score down, cut below every score of a positive.

    Args:
        scores (`np.ndarray` of shape `(num_records,)`):
            Higher means more likely present.
        labels (`np.ndarray` of shape `(num_records,)`):
            1 positive, 0 negative, NaN unknown.
    """

    def __init__(self, scores: np.ndarray, labels: np.ndarray) -> None:
        known, positive = np.flatnonzero(~np.isnan(labels)), np.flatnonzero(labels == 1)
        cuts = np.unique(scores[positive])[::-1]  # scores at which the recall grows, from the highest
        # Place of the first cut that a record is not below; those below the last belong to none
        place = np.searchsorted(-cuts, -scores[known], side="left")
        reached = place < len(cuts)
        shape = (len(cuts), len(scores))
        self._records = coo_array((np.ones(reached.sum()), (place[reached], known[reached])), shape=shape).tocsr()
        rows = np.searchsorted(-cuts, -scores[positive], side="left")
        self._positives = coo_array((np.ones(len(positive)), (rows, positive)), shape=shape).tocsr()
        self._negatives = csr_array((labels == 0).astype(np.float64)[None])

    def average_precision(self, weights: np.ndarray) -> np.ndarray:
        """Average precision under weights of shape `(num_records, num_weightings)`."""
        gained = self._positives @ weights  # (num_cuts, num_weightings)
        reached = np.cumsum(self._records @ weights, axis=0)
        precision = np.divide(np.cumsum(gained, axis=0), reached, out=np.zeros_like(reached), where=reached > 0)
        total = gained.sum(axis=0)
        is_defined = (total > 0) & ((self._negatives @ weights)[0] > 0)
        area = np.einsum("cw,cw->w", gained, precision)
        return np.divide(area, total, out=np.full(weights.shape[1], np.nan), where=is_defined)


def bootstrap_average_precision(
    scores: np.ndarray,
    labels: np.ndarray,
    *,
    patient_ids: Sequence[Hashable],
    num_bootstrap_samples: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """Average precision of every condition in the resamples of patients that [`bootstrap_auroc`] draws.

    Args:
        scores (`np.ndarray` of shape `(num_records, num_conditions)`):
            Higher means more likely present.
        labels (`np.ndarray` of shape `(num_records, num_conditions)`):
            1 positive, 0 negative, NaN unknown.
        patient_ids (`Sequence`, one per record):
            Patient of every record.
        num_bootstrap_samples (`int`, *optional*):
            Number of resamples.
        seed (`int`, *optional*):
            Seed of the resamples.

    Returns:
        `np.ndarray` of shape `(num_resamples, num_conditions)`: NaN where a resample lacks positives or negatives; no
        row where there is one patient.
    """
    draws = draw_resamples(patient_ids, num_bootstrap_samples=num_bootstrap_samples, seed=seed)
    rankings = [PrecisionRanking(*condition) for condition in zip(scores.T, labels.T, strict=True)]
    resamples = np.full((len(draws), len(rankings)), np.nan)
    for start in range(0, len(draws), RESAMPLES_PER_CHUNK):
        chunk = slice(start, start + RESAMPLES_PER_CHUNK)
        weights = draws[chunk].T.astype(np.float64, order="C")
        for column, ranking in enumerate(rankings):
            resamples[chunk, column] = ranking.average_precision(weights)
    return resamples


def pool_conditions(scores: np.ndarray, labels: np.ndarray) -> dict[str, float | None]:
    """AUROC and average precision of all conditions in one: every pair of a record and a condition counts once.

    Args:
        scores (`np.ndarray` of shape `(num_records, num_conditions)`):
            On one scale for all conditions.
        labels (`np.ndarray` of shape `(num_records, num_conditions)`):
            1 positive, 0 negative, NaN unknown.

    Returns:
        `dict`: `auroc_micro` and `auprc_micro`, each `None` where it is not defined.

    Example:
        >>> pool_conditions(np.array([[0.9, 0.2], [0.1, 0.8]]), np.array([[1.0, 0.0], [0.0, 1.0]]))
        {'auroc_micro': 1.0, 'auprc_micro': 1.0}
    """
    known = ~np.isnan(labels)
    truth, pooled = labels[known], scores[known]
    if not 0 < truth.sum() < len(truth):
        return {"auroc_micro": None, "auprc_micro": None}
    return {
        "auroc_micro": float(roc_auc_score(truth, pooled)),
        "auprc_micro": float(average_precision_score(truth, pooled)),
    }
