"""How far measurements are from a reference, and whether their uncertainty is what they say.

Every figure is over the records whose reference is known. Errors of angles are the shorter way round the circle.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np

from modeling_supreme.modeling_supreme import LOGISTIC_SD
from modeling_supreme.query_grammar import find_measurement

from .metrics import RESAMPLES_PER_CHUNK, draw_resamples, number_or_none, percentile_interval


COVERAGE = 0.8
# Half of an interval that holds this share of a logistic distribution, in its standard deviations
HALF_WIDTH = log((1 + COVERAGE) / (1 - COVERAGE)) / LOGISTIC_SD
MEASURABLE_FROM = 0.5
CIRCLE_DEG = 360.0
FIGURES = ("mean_absolute_error", "bias", "rank_correlation", "coverage_80")


@dataclass(frozen=True)
class MeasurementPairs:
    """What a model measured, beside a reference.

    Args:
        keys (`list[str]`):
            Names of the measurements, such as `"qrs_ms"` and `"st_mv_V2"`.
        value, sd (`np.ndarray` of shape `(num_records, num_measurements)`):
            Location and standard deviation of the logistic distribution that the model predicts, in the unit of each.
        measurable (`np.ndarray` of shape `(num_records, num_measurements)`):
            Probability that there is something to measure.
        reference (`np.ndarray` of shape `(num_records, num_measurements)`):
            What somebody else measured; NaN where nobody did.
    """

    keys: list[str]
    value: np.ndarray
    sd: np.ndarray
    measurable: np.ndarray
    reference: np.ndarray


def compare_measurements(
    measured: MeasurementPairs,
    patient_ids: Sequence[Hashable],
    *,
    num_bootstrap_samples: int = 1000,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Compare each measurement with its reference.

    Args:
        measured ([`MeasurementPairs`]):
            Measurements and references of all records.
        patient_ids (`Sequence`, one per record):
            Patient of every record, who are what the intervals draw.
        num_bootstrap_samples (`int`, *optional*):
            Resamples of the intervals; 0 for none.
        seed (`int`, *optional*):
            Seed of the resamples.

    Returns:
        `list[dict]`: One entry per measurement with a reference: `measurement`, `unit`, `num_records`,
        `mean_absolute_error`, `bias` (the model's value less the reference), `rank_correlation` (Spearman's),
        `coverage_80` (share of the references within the predicted 80 % interval), each with its 95 % interval as
        `..._ci95`; `mean_absolute_error_of_constant`, which the median of the references alone reaches; and
        `share_measurable`, the share of the records in which the model sees something to measure.
    """
    draws = draw_resamples(patient_ids, num_bootstrap_samples=num_bootstrap_samples, seed=seed)
    entries = []
    for column, key in enumerate(measured.keys):
        known = ~np.isnan(measured.reference[:, column])
        if known.any():
            own = [array[known, column] for array in (measured.value, measured.sd, measured.reference)]
            entry = _compare_one(key, *own, draws=draws[:, known])
            is_seen = measured.measurable[known, column] >= MEASURABLE_FROM
            entries.append({**entry, "share_measurable": float(is_seen.mean())})
    return entries


def _compare_one(
    key: str, value: np.ndarray, sd: np.ndarray, reference: np.ndarray, *, draws: np.ndarray
) -> dict[str, Any]:
    """Figures of one measurement over the records of shape `(num_records,)` whose reference is known."""
    found = find_measurement(key)
    unit = found.unit if found else ""
    error = find_errors(value, reference, unit)
    everybody = np.ones((1, len(error)))
    figures = {name: values[0] for name, values in _measure(error, sd, reference, everybody).items()}
    starts = range(0, len(draws), RESAMPLES_PER_CHUNK)
    chunks = [_measure(error, sd, reference, draws[at : at + RESAMPLES_PER_CHUNK]) for at in starts]
    entry: dict[str, Any] = {"measurement": key, "unit": unit, "num_records": len(error)}
    for name in FIGURES:
        resamples = np.concatenate([np.empty(0), *(chunk[name] for chunk in chunks)])
        entry[name] = number_or_none(figures[name])
        entry[f"{name}_ci95"] = percentile_interval(resamples)
    return {**entry, "mean_absolute_error_of_constant": _error_of_constant(reference, unit)}


def find_errors(value: np.ndarray, reference: np.ndarray, unit: str) -> np.ndarray:
    """What values are too high by, in their unit; of angles the shorter way round the circle.

    Example:
        >>> find_errors(np.array([179.0, 30.0]), np.array([-179.0, 20.0]), "deg")
        array([-2., 10.])
    """
    return _wrap(value - reference) if unit == "deg" else value - reference


def _measure(error: np.ndarray, sd: np.ndarray, reference: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """`FIGURES`, each of shape `(num_weightings,)`, under weights of shape `(num_weightings, num_records)`."""
    weights = weights.astype(np.float64)
    return {
        "mean_absolute_error": _mean(np.abs(error), weights),
        "bias": _mean(error, weights),
        "rank_correlation": rank_correlation(reference + error, reference, weights),
        "coverage_80": _mean((np.abs(error) <= HALF_WIDTH * sd).astype(np.float64), weights),
    }


def rank_correlation(first: np.ndarray, second: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of records that count as often as their weights say.

    Args:
        first (`np.ndarray` of shape `(num_records,)`):
            What is ranked.
        second (`np.ndarray` of shape `(num_records,)`):
            What it is compared with.
        weights (`np.ndarray` of shape `(num_weightings, num_records)`):
            How often each record counts.

    Returns:
        `np.ndarray` of shape `(num_weightings,)`: NaN where one of the two is the same for all that count.

    Example:
        >>> rank_correlation(np.array([1.0, 2.0, 9.0]), np.array([3.0, 5.0, 4.0]), np.array([[1.0, 1.0, 1.0]]))
        array([0.5])
    """
    ranks = [_ranks(values, weights) for values in (first, second)]
    total = weights.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        centred = [rank - (weights * rank).sum(axis=1, keepdims=True) / total for rank in ranks]
        products = [(weights * centred[i] * centred[j]).sum(axis=1) for i, j in ((0, 1), (0, 0), (1, 1))]
        return np.where(products[1] * products[2] > 0, products[0] / np.sqrt(products[1] * products[2]), np.nan)


def _ranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Middle of the places that each record takes among all that count; shape of `weights`."""
    _, group = np.unique(values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(group.max() + 1))
    totals = np.add.reduceat(weights[:, order], starts, axis=1)  # (num_weightings, number of different values)
    return (np.cumsum(totals, axis=1) - totals / 2)[:, group]


def _mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean of values of shape `(num_records,)` under each weighting; NaN where nothing counts."""
    total = weights.sum(axis=1)
    return np.divide(weights @ values, total, out=np.full(len(total), np.nan), where=total > 0)


def _error_of_constant(reference: np.ndarray, unit: str) -> float:
    """Mean absolute error of the median of the references; of angles, of their mean direction."""
    if unit != "deg":
        return float(np.abs(reference - np.median(reference)).mean())
    radians = np.deg2rad(reference)
    middle: Any = np.rad2deg(np.arctan2(np.sin(radians).sum(), np.cos(radians).sum()))
    return float(np.abs(find_errors(reference, middle, unit)).mean())


def _wrap(angles: np.ndarray) -> np.ndarray:
    """The same angles above -180 and up to 180 degrees."""
    return CIRCLE_DEG / 2 - (CIRCLE_DEG / 2 - angles) % CIRCLE_DEG
