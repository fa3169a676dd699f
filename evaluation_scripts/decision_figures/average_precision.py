"""Average precision with bootstrap intervals: one sort per condition serves all resamples."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array
from sklearn.metrics import average_precision_score, roc_auc_score

from evaluation_scripts.metrics import (
    RESAMPLES_PER_CHUNK,
    Ranking,
    draw_resamples,
    mean_or_none,
    nanmean_of_rows,
    number_or_none,
    percentile_interval,
)


MAX_CELLS = 2**24  # of cuts between scores and resamples at once, where conditions are pooled: 128 MB


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
        records (`np.ndarray` of shape `(num_records,)`, *optional*):
            Of pairs of a record and a condition, the place of the record, whose weight a pair has.
    """

    def __init__(self, scores: np.ndarray, labels: np.ndarray, *, records: np.ndarray | None = None) -> None:
        places = np.arange(len(scores)) if records is None else records
        known, positive = np.flatnonzero(~np.isnan(labels)), np.flatnonzero(labels == 1)
        cuts = np.unique(scores[positive])[::-1]  # scores at which the recall grows, from the highest
        # Place of the first cut that a record is not below; those below the last belong to none
        place = np.searchsorted(-cuts, -scores[known], side="left")
        reached = place < len(cuts)
        shape = (len(cuts), int(places.max(initial=-1)) + 1)
        own = places[known[reached]]
        self._records = coo_array((np.ones(reached.sum()), (place[reached], own)), shape=shape).tocsr()
        rows = np.searchsorted(-cuts, -scores[positive], side="left")
        self._positives = coo_array((np.ones(len(positive)), (rows, places[positive])), shape=shape).tocsr()
        self._negatives = csr_array(np.bincount(places[labels == 0], minlength=shape[1]).astype(np.float64)[None])

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


def pool_conditions(
    scores: np.ndarray,
    labels: np.ndarray,
    *,
    patient_ids: Sequence[Hashable] | None = None,
    num_bootstrap_samples: int = 0,
    seed: int = 0,
) -> dict[str, Any]:
    """AUROC and average precision of all conditions in one: every pair of a record and a condition counts once.

    Args:
        scores (`np.ndarray` of shape `(num_records, num_conditions)`):
            On one scale for all conditions.
        labels (`np.ndarray` of shape `(num_records, num_conditions)`):
            1 positive, 0 negative, NaN unknown.
        patient_ids (`Sequence`, one per record, *optional*):
            Patient of every record, who is drawn with all pairs. Defaults to one patient per record.
        num_bootstrap_samples (`int`, *optional*):
            Resamples of the intervals; 0 for none.
        seed (`int`, *optional*):
            Seed of the resamples.

    Returns:
        `dict`: `auroc_micro` and `auprc_micro`, and their intervals `..._ci95`, each `None` where it is not defined.

    Example:
        >>> pool_conditions(np.array([[0.9, 0.2], [0.1, 0.8]]), np.array([[1.0, 0.0], [0.0, 1.0]]))["auroc_micro"]
        1.0
    """
    known = ~np.isnan(labels)
    truth, pooled, records = labels[known], scores[known], np.nonzero(known)[0]
    if not 0 < truth.sum() < len(truth):
        return dict.fromkeys(("auroc_micro", "auroc_micro_ci95", "auprc_micro", "auprc_micro_ci95"))
    rankings = {
        "auroc_micro": Ranking.of(pooled, truth, records=records).auroc,
        "auprc_micro": PrecisionRanking(pooled, truth, records=records).average_precision,
    }
    figures: dict[str, Any] = {
        "auroc_micro": float(roc_auc_score(truth, pooled)),
        "auprc_micro": float(average_precision_score(truth, pooled)),
    }
    ids = list(range(len(labels))) if patient_ids is None else patient_ids
    draws = draw_resamples(ids, num_bootstrap_samples=num_bootstrap_samples, seed=seed)[:, : records.max() + 1]
    size = min(RESAMPLES_PER_CHUNK, 1 + MAX_CELLS // (2 * int(truth.sum())))
    for name, rank in rankings.items():
        chunks = (draws[start : start + size] for start in range(0, len(draws), size))
        resamples = [rank(chunk.T.astype(np.float64, order="C")) for chunk in chunks]
        figures[f"{name}_ci95"] = percentile_interval(np.concatenate([np.empty(0), *resamples]))
    return figures


def multilabel_auprc(
    scores: np.ndarray,
    labels: np.ndarray,
    *,
    label_names: Sequence[str] | None = None,
    patient_ids: Sequence[Hashable] | None = None,
    num_bootstrap_samples: int = 1000,
    seed: int = 0,
) -> dict[str, object]:
    """Flat table of the average precision of one label set, ready for a JSON file.

    Args:
        scores (`np.ndarray` of shape `(num_records, num_conditions)`):
            Higher means more likely present.
        labels (`np.ndarray` of shape `(num_records, num_conditions)`):
            1 positive, 0 negative, NaN unknown.
        label_names (`Sequence[str]`, *optional*):
            Names of the conditions. Defaults to their positions.
        patient_ids (`Sequence`, one per record, *optional*):
            Patient of every record. Defaults to one patient per record.
        num_bootstrap_samples (`int`, *optional*):
            Resamples of the interval; 0 for none.
        seed (`int`, *optional*):
            Seed of the resamples.

    Returns:
        `dict`: `auprc_macro`, `auprc_macro_ci95`, `prevalence_macro` (the share of positives, which chance reaches),
        `num_records`, `num_conditions` (those averaged) and one `auprc_<label name>` per condition.

    Example:
        >>> scores, labels = np.array([[0.2], [0.9], [0.6]]), np.array([[0.0], [1.0], [0.0]])
        >>> multilabel_auprc(scores, labels, num_bootstrap_samples=0)["auprc_macro"]
        1.0
    """
    labels = np.asarray(labels, dtype=np.float64)
    everybody = np.ones((len(labels), 1))
    columns = list(zip(scores.T, labels.T, strict=True))
    figures = np.array([weighted_average_precision(*column, everybody)[0] for column in columns])
    resamples = bootstrap_average_precision(
        scores,
        labels,
        patient_ids=list(range(len(labels))) if patient_ids is None else patient_ids,
        num_bootstrap_samples=num_bootstrap_samples,
        seed=seed,
    )
    averaged = ~np.isnan(figures)
    names = [str(index) for index in range(len(columns))] if label_names is None else list(label_names)
    shares = np.array([np.mean(own[~np.isnan(own)]) for own in labels.T[averaged]])
    return {
        "auprc_macro": mean_or_none(figures),
        "auprc_macro_ci95": percentile_interval(nanmean_of_rows(resamples[:, averaged])),
        "prevalence_macro": mean_or_none(shares),
        "num_records": len(labels),
        "num_conditions": int(averaged.sum()),
        **{f"auprc_{name}": number_or_none(figure) for name, figure in zip(names, figures, strict=True)},
    }
