"""Two systems on the same records: differences of macro AUROC, with the same patients drawn for both."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from evaluation_scripts.metrics import mean_or_none, nanmean_of_rows, percentile_interval, score_conditions


def compare_systems(
    first: np.ndarray,
    second: np.ndarray,
    labels: np.ndarray,
    *,
    patient_ids: Sequence[Hashable] | None = None,
    included: np.ndarray | None = None,
    num_bootstrap_samples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """By how much the second system ranks better than the first.

    Args:
        first (`np.ndarray` of shape `(num_records, num_conditions)`):
            Scores of the system that is compared with.
        second (`np.ndarray` of shape `(num_records, num_conditions)`):
            Scores of the other, for the same records and conditions.
        labels (`np.ndarray` of shape `(num_records, num_conditions)`):
            1 positive, 0 negative, NaN unknown.
        patient_ids (`Sequence`, one per record, *optional*):
            Patient of every record. Defaults to one patient per record.
        included (`np.ndarray` of shape `(num_conditions,)`, boolean, *optional*):
            Conditions to average over; by default all that can be scored.
        num_bootstrap_samples (`int`, *optional*):
            Resamples of the intervals; 0 for none.
        seed (`int`, *optional*):
            Seed of the resamples.

    Returns:
        `dict`: `auroc_macro` of both (a list), `difference` (the second less the first), `difference_ci95`,
        `share_of_resamples_above` (in which the second is better), `num_conditions`, and for each condition
        `differences` and `differences_ci95`. What is not defined is `None`.

    Raises:
        ValueError: If shapes differ, a score is not a number, or a label is none of 0, 1 and NaN.

    Example:
        >>> labels = np.array([[0.0], [1.0], [0.0], [1.0]])
        >>> compare_systems(labels * 0, labels, labels, num_bootstrap_samples=0)["difference"]
        0.5
    """
    figures = [
        score_conditions(
            scores, labels, patient_ids=patient_ids, num_bootstrap_samples=num_bootstrap_samples, seed=seed
        )
        for scores in (first, second)
    ]
    gains = figures[1].auroc - figures[0].auroc
    resamples = figures[1].auroc_resamples - figures[0].auroc_resamples
    averaged = ~np.isnan(gains) if included is None else included & ~np.isnan(gains)
    return {
        "auroc_macro": [mean_or_none(system.auroc[averaged]) for system in figures],
        **summarize_gains(mean_or_none(gains[averaged]), nanmean_of_rows(resamples[:, averaged])),
        "num_conditions": int(averaged.sum()),
        "differences": [None if np.isnan(gain) else float(gain) for gain in gains],
        "differences_ci95": [percentile_interval(column) for column in resamples.T],
    }


def summarize_gains(gain: float | None, resamples: np.ndarray) -> dict[str, Any]:
    """A difference with its interval and the share of resamples above 0, of which ties count one half.

    Example:
        >>> summarize_gains(0.5, np.array([0.0, 1.0]))["share_of_resamples_above"]
        0.75
    """
    known = resamples[~np.isnan(resamples)]
    return {
        "difference": gain,
        "difference_ci95": percentile_interval(known),
        "share_of_resamples_above": float(((known > 0) + 0.5 * (known == 0)).mean()) if len(known) else None,
    }
