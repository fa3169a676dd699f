"""How well scores rank records: AUROC and AUPRC per condition, their macro averages, and bootstrap intervals.

Point estimates come from scikit-learn. Intervals are percentile bootstraps that draw patients with replacement (or
records, where no patients are given). A resample is a whole weight per record, its sums are exact, and one sort per
condition serves all resamples.

A condition can be scored where it has both positive and negative records; the others are named in
`skipped_conditions` and stay out of the macro average. Inside a resample a condition may still lose all of its
positives or all of its negatives: it then leaves the average of that resample, not the resample.

The same figures as a metric of the Hugging Face `evaluate` library: `evaluate.load("metrics/multilabel_auroc")`.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np


if TYPE_CHECKING:
    from scipy.sparse import csr_array


CONFIDENCE_LEVEL = 0.95
RESAMPLES_PER_CHUNK = 128  # keeps the weights of one chunk near the size of a CPU cache
CONDITIONS_PER_BATCH = 64  # bounds the memory of the orders, and spreads the cost of the weights over conditions


@dataclass(frozen=True)
class ConditionMetrics:
    """How well scores rank the records of each condition.

    Args:
        auroc (`np.ndarray` of shape `(num_conditions,)`):
            Area under the ROC curve; NaN where a condition lacks positives or negatives.
        auprc (`np.ndarray` of shape `(num_conditions,)`):
            Average precision; NaN where a condition lacks positives or negatives.
        auroc_resamples (`np.ndarray` of shape `(num_bootstrap_samples, num_conditions)`):
            AUROC in every bootstrap resample; NaN where the resample lacks positives or negatives.
        num_positives (`np.ndarray` of shape `(num_conditions,)`):
            Positive records.
        num_records (`np.ndarray` of shape `(num_conditions,)`):
            Records whose label is known.
    """

    auroc: np.ndarray
    auprc: np.ndarray
    auroc_resamples: np.ndarray
    num_positives: np.ndarray
    num_records: np.ndarray

    def interval(self, condition: int) -> list[float] | None:
        """95 % interval `[low, high]` of the AUROC of one condition; `None` where it is not defined."""
        return percentile_interval(self.auroc_resamples[:, condition])

    def macro(self, included: np.ndarray) -> dict[str, object]:
        """Macro averages over some conditions.

        Args:
            included (`np.ndarray` of shape `(num_conditions,)`, boolean):
                Conditions to average over. One without an AUROC is left out all the same.

        Returns:
            `dict`: `auroc_macro`, `auroc_macro_ci95` and `auprc_macro`, each `None` where it is not defined.
        """
        included = included & ~np.isnan(self.auroc)
        return {
            "auroc_macro": mean_or_none(self.auroc[included]),
            "auroc_macro_ci95": percentile_interval(nanmean_of_rows(self.auroc_resamples[:, included])),
            "auprc_macro": mean_or_none(self.auprc[included]),
        }


def average_draws(draws: Sequence[ConditionMetrics]) -> ConditionMetrics:
    """Mean figures of several draws of random scores for the same conditions and records."""
    return ConditionMetrics(
        auroc=np.mean([draw.auroc for draw in draws], axis=0),
        auprc=np.mean([draw.auprc for draw in draws], axis=0),
        auroc_resamples=np.mean([draw.auroc_resamples for draw in draws], axis=0),
        num_positives=draws[0].num_positives,
        num_records=draws[0].num_records,
    )


def label_matrix(
    positives: Sequence[Sequence[int]], num_labels: int, *, label_masks: Sequence[Sequence[bool]] | None = None
) -> np.ndarray:
    """Turn lists of positive labels into a matrix of 1 (positive), 0 (negative) and NaN (unknown).

    Args:
        positives (`Sequence[Sequence[int]]`, one per record):
            Indices of the positive labels.
        num_labels (`int`):
            Number of labels of the corpus.
        label_masks (`Sequence[Sequence[bool]]`, one per record, *optional*):
            True where a label is known. Defaults to all known.

    Returns:
        `np.ndarray` of shape `(num_records, num_labels)`, float64.

    Raises:
        ValueError: If an index is not one of the labels, or a mask does not have one value per label.

    Example:
        >>> label_matrix([[0, 2], []], 3, label_masks=[[True, True, True], [True, True, False]])
        array([[ 1.,  0.,  1.],
               [ 0.,  0., nan]])
    """
    labels = np.zeros((len(positives), num_labels))
    for row, indices in enumerate(positives):
        wrong = [int(index) for index in indices if not 0 <= index < num_labels]
        if wrong:
            raise ValueError(
                f"Label index {wrong[0]} in row {row} is not one of the {num_labels} labels of the corpus."
                " Build the corpus again with the configuration its labels were written for."
            )
        labels[row, list(indices)] = 1.0
    if label_masks is not None:
        known = np.asarray(label_masks, dtype=bool).reshape(len(positives), -1)
        if known.shape != labels.shape:
            raise ValueError(
                f"`label_mask` has {known.shape[1]} values per record, but there are {num_labels} labels."
                " Give one value per label."
            )
        labels[~known] = np.nan
    return labels


def score_conditions(
    scores: np.ndarray,
    labels: np.ndarray,
    *,
    patient_ids: Sequence[Hashable] | None = None,
    num_bootstrap_samples: int = 1000,
    seed: int = 0,
) -> ConditionMetrics:
    """AUROC, AUPRC and bootstrap of every condition.

    Args:
        scores (`np.ndarray` of shape `(num_records, num_conditions)`):
            Higher means more likely present; only the order of the records counts.
        labels (`np.ndarray` of shape `(num_records, num_conditions)`):
            1 positive, 0 negative, NaN unknown. A record of unknown label is left out for that condition.
        patient_ids (`Sequence`, one per record, *optional*):
            Patient of every record. Defaults to one patient per record.
        num_bootstrap_samples (`int`, *optional*):
            Number of resamples; 0 for none.
        seed (`int`, *optional*):
            Seed of the resamples. The same seed draws the same patients whatever the scores.

    Returns:
        [`ConditionMetrics`]

    Raises:
        ValueError: If shapes differ, a score is not a number, or a label is none of 0, 1 and NaN.
    """
    # Imported here: training needs this module for its validations, and need not wait for scikit-learn to start
    from sklearn.metrics import average_precision_score, roc_auc_score

    scores, labels = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    _check_scores_and_labels(scores, labels)
    known = ~np.isnan(labels)
    num_positives, num_records = (labels == 1).sum(axis=0), known.sum(axis=0)
    auroc, auprc = np.full(labels.shape[1], np.nan), np.full(labels.shape[1], np.nan)
    for condition in np.flatnonzero((num_positives > 0) & (num_positives < num_records)):
        rows = known[:, condition]
        auroc[condition] = roc_auc_score(labels[rows, condition], scores[rows, condition])
        auprc[condition] = average_precision_score(labels[rows, condition], scores[rows, condition])
    resamples = bootstrap_auroc(
        scores, labels, patient_ids=patient_ids, num_bootstrap_samples=num_bootstrap_samples, seed=seed
    )
    return ConditionMetrics(auroc, auprc, resamples, num_positives, num_records)


def bootstrap_auroc(
    scores: np.ndarray,
    labels: np.ndarray,
    *,
    patient_ids: Sequence[Hashable] | None = None,
    num_bootstrap_samples: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """AUROC of every condition in bootstrap resamples of the patients.

    Args:
        scores (`np.ndarray` of shape `(num_records, num_conditions)`):
            Higher means more likely present.
        labels (`np.ndarray` of shape `(num_records, num_conditions)`):
            1 positive, 0 negative, NaN unknown.
        patient_ids (`Sequence`, one per record, *optional*):
            Patient of every record. Defaults to one patient per record.
        num_bootstrap_samples (`int`, *optional*):
            Number of resamples.
        seed (`int`, *optional*):
            Seed of the resamples.

    Returns:
        `np.ndarray` of shape `(num_bootstrap_samples, num_conditions)`: NaN where a resample holds no positive or no
        negative record of a condition, and everywhere where there is only one patient.

    Raises:
        ValueError: If there is not one patient id per record.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13 (percentile interval).
    """
    num_records, num_conditions = labels.shape
    if patient_ids is not None and len(patient_ids) != num_records:
        raise ValueError(
            f"There are {len(patient_ids)} patient ids for {num_records} records. Give one patient id per record."
        )
    patients = np.arange(num_records) if patient_ids is None else _positions_of(patient_ids)
    num_patients = int(patients.max()) + 1 if num_records else 0
    # Every draw of one patient is that patient: an interval of width zero would claim certainty
    if num_patients < 2 or not num_bootstrap_samples:
        return np.full((num_bootstrap_samples, num_conditions), np.nan)
    counts = _draw_patients(num_patients, num_bootstrap_samples, seed)
    batches = (slice(start, start + CONDITIONS_PER_BATCH) for start in range(0, num_conditions, CONDITIONS_PER_BATCH))
    resamples = [_resample_batch(scores[:, batch], labels[:, batch], patients, counts) for batch in batches]
    return np.concatenate([np.empty((num_bootstrap_samples, 0)), *resamples], axis=1)


def draw_resamples(patient_ids: Sequence[Hashable], *, num_bootstrap_samples: int, seed: int) -> np.ndarray:
    """How often every bootstrap resample holds every record, the patients being drawn with replacement.

    Args:
        patient_ids (`Sequence`, one per record):
            Patient of every record.
        num_bootstrap_samples (`int`):
            Number of resamples.
        seed (`int`):
            Seed of the resamples: [`bootstrap_auroc`] draws the same patients.

    Returns:
        `np.ndarray` of shape `(num_bootstrap_samples, num_records)`, a byte each: Of no resample where there is only
        one patient, whose every draw is the same.
    """
    patients = _positions_of(patient_ids)
    num_patients = int(patients.max()) + 1 if len(patients) else 0
    if num_patients < 2:
        return np.empty((0, len(patients)), dtype=np.uint8)
    return _draw_patients(num_patients, num_bootstrap_samples, seed)[:, patients]


@dataclass(frozen=True)
class Ranking:
    """Order of the records of one condition, from which the AUROC follows under any weighting without another sort.

    Sorted by score, the negatives are cut where a positive stands: before the negatives that tie with it and behind
    them, which is one place where none does. The weights between two cuts are added up first; everything after that
    deals with as many rows as there are cuts, and positives without a negative between them share theirs.

    Args:
        negatives (`scipy.sparse.csr_array` of shape `(num_cuts + 1, num_records)`):
            1 for the negatives from one cut to the next, from the lowest to the highest.
        positives (`scipy.sparse.csr_array` of shape `(num_cuts, num_records)`):
            How many of the two cuts of a positive (before and behind its ties) are this one.

    Source: Hanley and McNeil, Radiology 143:29 (1982): the area is the probability that a positive record scores above
    a negative one, ties counting one half.
    """

    negatives: "csr_array"
    positives: "csr_array"

    @classmethod
    def of(cls, scores: np.ndarray, labels: np.ndarray, *, records: np.ndarray | None = None) -> "Ranking":
        """Sort the records of one condition, or the pairs of record and condition of several.

        Args:
            scores (`np.ndarray` of shape `(num_pairs,)`):
                Higher means more likely present.
            labels (`np.ndarray` of shape `(num_pairs,)`):
                1 positive, 0 negative, NaN unknown.
            records (`np.ndarray` of shape `(num_pairs,)`, *optional*):
                Place of the record of each pair, whose weight it has; by default every pair is a record.

        Returns:
            [`Ranking`]
        """
        # Imported here, as scikit-learn above
        from scipy.sparse import coo_array, csr_array

        positive, negative = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
        negative = negative[np.argsort(scores[negative])]
        sides = [np.searchsorted(scores[negative], scores[positive], side=side) for side in ("left", "right")]
        cuts, cut_of = np.unique(np.concatenate(sides), return_inverse=True)
        bounds = np.concatenate([[0], cuts, [len(negative)]])
        places = np.arange(len(scores)) if records is None else records
        num_records = int(places.max(initial=-1)) + 1
        rows = places[np.tile(positive, 2)]
        return cls(
            negatives=csr_array(
                (np.ones(len(negative)), places[negative], bounds), shape=(len(cuts) + 1, num_records)
            ),
            positives=coo_array((np.ones(len(cut_of)), (cut_of, rows)), shape=(len(cuts), num_records)).tocsr(),
        )

    def auroc(self, weights: np.ndarray) -> np.ndarray:
        """AUROC under several weightings of the records, ties counting one half.

        Args:
            weights (`np.ndarray` of shape `(num_records, num_weightings)`):
                Non-negative weight of every record in every weighting.

        Returns:
            `np.ndarray` of shape `(num_weightings,)`: NaN where the positives or the negatives weigh nothing.
        """
        below = np.cumsum(self.negatives @ weights, axis=0)  # (num_cuts + 1, num_weightings); the last is all of them
        positives = self.positives @ weights
        beaten, pairs = np.einsum("cw,cw->w", positives, below[:-1]), positives.sum(axis=0) * below[-1]  # both doubled
        return np.divide(beaten, pairs, out=np.full(weights.shape[1], np.nan), where=pairs > 0)


def weighted_auroc(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """AUROC of one condition under several weightings of the records, ties counting one half.

    Equals `sklearn.metrics.roc_auc_score(labels, scores, sample_weight=weights[:, i])` for every `i`, with one sort of
    the scores instead of one per weighting.

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
        >>> weighted_auroc(np.array([0.1, 0.9, 0.5, 0.5]), np.array([0, 0, 1, 0]), weights)
        array([0.5 , 0.75])
    """
    return Ranking.of(scores, labels).auroc(weights)


def skipped_conditions(labels: np.ndarray, label_names: Sequence[str], *, min_positives: int = 1) -> dict[str, str]:
    """Conditions that stay out of the macro average, each with the reason.

    Args:
        labels (`np.ndarray` of shape `(num_records, num_conditions)`):
            1 positive, 0 negative, NaN unknown.
        label_names (`Sequence[str]`):
            Names of the conditions.
        min_positives (`int`, *optional*):
            Fewest positive records of a condition that is averaged.

    Example:
        >>> skipped_conditions(np.array([[1.0, 0.0], [0.0, 0.0]]), ["AFIB", "PACE"])
        {'PACE': 'no positive record'}
    """
    reasons = {}
    for name, column in zip(label_names, labels.T, strict=True):
        num_positives, num_negatives = int((column == 1).sum()), int((column == 0).sum())
        if num_positives == 0:
            reasons[name] = "no positive record"
        elif num_negatives == 0:
            reasons[name] = "no negative record"
        elif num_positives < min_positives:
            reasons[name] = f"{num_positives} positive record{'s' * (num_positives > 1)}, fewer than {min_positives}"
    return reasons


def zero_shot_metrics(
    scores: np.ndarray,
    labels: np.ndarray,
    *,
    label_names: Sequence[str] | None = None,
    patient_ids: Sequence[Hashable] | None = None,
    min_positives: int = 1,
    num_bootstrap_samples: int = 1000,
    seed: int = 0,
) -> dict[str, object]:
    """Flat table of the metrics of one label set, ready for a JSON file.

    Args:
        scores (`np.ndarray` of shape `(num_records, num_conditions)`):
            Higher means more likely present.
        labels (`np.ndarray` of shape `(num_records, num_conditions)`):
            1 positive, 0 negative, NaN unknown.
        label_names (`Sequence[str]`, *optional*):
            Names of the conditions. Defaults to their positions.
        patient_ids (`Sequence`, one per record, *optional*):
            Patient of every record. Defaults to one patient per record.
        min_positives (`int`, *optional*):
            Conditions with fewer positive records are listed in `skipped_conditions`, not averaged.
        num_bootstrap_samples (`int`, *optional*):
            Resamples of the interval; 0 for no interval.
        seed (`int`, *optional*):
            Seed of the resamples.

    Returns:
        `dict`: `auroc_macro`, `auroc_macro_ci95`, `auprc_macro`, `num_records`, `num_conditions` (those averaged),
        `skipped_conditions` and one `auroc_<label name>` per condition. A figure that is not defined is `None`.

    Raises:
        ValueError: If shapes differ, a score is not a number, or a label is none of 0, 1 and NaN.

    Example:
        >>> scores, labels = np.array([[0.2], [0.9], [0.6], [0.4]]), np.array([[0], [1], [0], [1]])
        >>> zero_shot_metrics(scores, labels, label_names=["AFIB"], num_bootstrap_samples=0)["auroc_AFIB"]
        0.75
    """
    labels = np.asarray(labels, dtype=np.float64)
    figures = score_conditions(
        scores, labels, patient_ids=patient_ids, num_bootstrap_samples=num_bootstrap_samples, seed=seed
    )
    names = [str(index) for index in range(labels.shape[1])] if label_names is None else list(label_names)
    if len(names) != labels.shape[1]:
        raise ValueError(f"There are {len(names)} label names for {labels.shape[1]} labels. Give one name per label.")
    skipped = skipped_conditions(labels, names, min_positives=min_positives)
    return {"num_records": len(labels), **summarize_conditions(figures, names, skipped)}


def summarize_conditions(
    figures: ConditionMetrics, label_names: Sequence[str], skipped: dict[str, str]
) -> dict[str, object]:
    """Flat table of metrics already computed: the keys of [`zero_shot_metrics`] but for `num_records`.

    Args:
        figures ([`ConditionMetrics`]):
            AUROC and AUPRC of every condition.
        label_names (`Sequence[str]`):
            Names of the conditions.
        skipped (`dict[str, str]`):
            Conditions that are not averaged, as [`skipped_conditions`] lists them.

    Returns:
        `dict`: `auroc_macro`, `auroc_macro_ci95`, `auprc_macro`, `num_conditions`, `skipped_conditions` and one
        `auroc_<label name>` per condition.
    """
    included = np.array([name not in skipped for name in label_names], dtype=bool)
    return {
        **figures.macro(included),
        "num_conditions": int(included.sum()),
        "skipped_conditions": skipped,
        **{f"auroc_{name}": number_or_none(auroc) for name, auroc in zip(label_names, figures.auroc, strict=True)},
    }


def format_figure(value: float | None, *, missing: str = "-") -> str:
    """Three decimals, or a word where a figure is not defined.

    Example:
        >>> format_figure(0.8763), format_figure(None), format_figure(None, missing="undefined")
        ('0.876', '-', 'undefined')
    """
    return missing if value is None or np.isnan(value) else f"{value:.3f}"


def percentile_interval(resamples: np.ndarray) -> list[float] | None:
    """95 % interval `[low, high]` of resampled figures, those that are NaN left out; `None` if none is left.

    Example:
        >>> percentile_interval(np.linspace(0.0, 1.0, 101))
        [0.025, 0.975]
    """
    resamples = resamples[~np.isnan(resamples)]
    if not len(resamples):
        return None
    tail = (1 - CONFIDENCE_LEVEL) / 2
    return [float(np.round(bound, 6)) for bound in np.quantile(resamples, [tail, 1 - tail])]


def nanmean_of_rows(values: np.ndarray) -> np.ndarray:
    """Mean of every row over its numbers, NaN for a row that has none.

    Example:
        >>> nanmean_of_rows(np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan]]))
        array([ 2., nan])
    """
    counts = (~np.isnan(values)).sum(axis=1)
    return np.divide(np.nansum(values, axis=1), counts, out=np.full(len(values), np.nan), where=counts > 0)


def mean_or_none(values: np.ndarray) -> float | None:
    """Mean of the numbers, or `None` where there is none: JSON knows no NaN."""
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else None


def number_or_none(value: float) -> float | None:
    """The number, or `None` for NaN: JSON knows no NaN."""
    return None if np.isnan(value) else float(value)


def _positions_of(patient_ids: Sequence[Hashable]) -> np.ndarray:
    """Number of the patient of every record, in order of first appearance."""
    positions: dict[Hashable, int] = {}
    return np.array([positions.setdefault(patient_id, len(positions)) for patient_id in patient_ids], dtype=np.int64)


def _draw_patients(num_patients: int, num_bootstrap_samples: int, seed: int) -> np.ndarray:
    """How often each resample drew each patient, `(num_bootstrap_samples, num_patients)`, a byte each.

    Each is drawn once on average: that one is drawn 256 times does not happen (probability below 1e-500).
    """
    generator = np.random.default_rng(seed)
    chances = np.full(num_patients, 1 / num_patients)
    counts = np.empty((num_bootstrap_samples, num_patients), dtype=np.uint8)
    for start in range(0, num_bootstrap_samples, RESAMPLES_PER_CHUNK):
        chunk = counts[start : start + RESAMPLES_PER_CHUNK]
        chunk[:] = generator.multinomial(num_patients, chances, size=len(chunk))
    return counts


def _resample_batch(scores: np.ndarray, labels: np.ndarray, patients: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """AUROC of a few conditions in every resample, `(num_bootstrap_samples, num_conditions)`."""
    rankings = [Ranking.of(*condition) for condition in zip(scores.T, labels.T, strict=True)]
    resamples = np.empty((len(counts), len(rankings)))
    for start in range(0, len(counts), RESAMPLES_PER_CHUNK):
        chunk = slice(start, start + RESAMPLES_PER_CHUNK)
        weights = counts[chunk].T[patients].astype(np.float64, order="C")  # (num_records, size of the chunk)
        resamples[chunk] = np.stack([ranking.auroc(weights) for ranking in rankings], axis=1)
    return resamples


def _check_scores_and_labels(scores: np.ndarray, labels: np.ndarray) -> None:
    """Refuse what cannot be ranked."""
    if scores.ndim != 2 or scores.shape != labels.shape:
        raise ValueError(
            f"Scores of shape {scores.shape} do not match labels of shape {labels.shape}."
            " Give both as `(num_records, num_conditions)`."
        )
    if np.isnan(scores).any():
        record, condition = np.argwhere(np.isnan(scores))[0]
        raise ValueError(
            f"The score of record {record} for condition {condition} is not a number."
            " Check the weights of the model and the voltages of that record."
        )
    strange = labels[~np.isnan(labels) & (labels != 0) & (labels != 1)]
    if strange.size:
        raise ValueError(
            f"Labels hold the value {strange[0]:g}. Give 1 for positive, 0 for negative and NaN for unknown;"
            " round soft labels first."
        )
