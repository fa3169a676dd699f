"""The mean over the sets of a suite, with intervals that draw a patient into all sets of a corpus at once."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation_scripts.metrics import (
    RESAMPLES_PER_CHUNK,
    Ranking,
    draw_resamples,
    mean_or_none,
    nanmean_of_rows,
    percentile_interval,
)


@dataclass(frozen=True)
class SetScores:
    """What of a set the mean over sets needs.

    Args:
        corpus (`str`):
            Corpus of the set: sets of one corpus share patients.
        patient_ids (`Sequence`, one per record):
            Patient of every record.
        scores (`np.ndarray` of shape `(num_records, num_conditions)`):
            Of the conditions that are averaged.
        labels (`np.ndarray` of shape `(num_records, num_conditions)`):
            1 positive, 0 negative, NaN unknown.
    """

    corpus: str
    patient_ids: Sequence[Hashable]
    scores: np.ndarray
    labels: np.ndarray


def resample_macros(sets: Sequence[SetScores], *, num_bootstrap_samples: int, seed: int) -> np.ndarray:
    """Macro AUROC of every set in resamples of the patients of each corpus.

    Args:
        sets (`Sequence[SetScores]`):
            The sets of a suite.
        num_bootstrap_samples (`int`):
            Number of resamples.
        seed (`int`):
            Seed of the resamples.

    Returns:
        `np.ndarray` of shape `(num_bootstrap_samples, num_sets)`: NaN for a set that has no figure in a resample, and
        for all sets of a corpus that has one patient.
    """
    macros = np.full((num_bootstrap_samples, len(sets)), np.nan)
    for corpus in dict.fromkeys(own.corpus for own in sets):
        columns = [column for column, own in enumerate(sets) if own.corpus == corpus]
        patients = list(dict.fromkeys(patient for column in columns for patient in sets[column].patient_ids))
        draws = draw_resamples(patients, num_bootstrap_samples=num_bootstrap_samples, seed=seed)
        place_of = {patient: place for place, patient in enumerate(patients)}
        for column in columns:
            own = sets[column]
            if own.scores.shape[1] and len(draws):
                places = np.array([place_of[patient] for patient in own.patient_ids])
                macros[:, column] = _macro_under(own, draws, places)
    return macros


def _macro_under(own: SetScores, draws: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Macro AUROC of one set in every resample."""
    rankings = [Ranking.of(*condition) for condition in zip(own.scores.T, own.labels.T, strict=True)]
    macros = np.empty(len(draws))
    for start in range(0, len(draws), RESAMPLES_PER_CHUNK):
        chunk = slice(start, start + RESAMPLES_PER_CHUNK)
        weights = draws[chunk].T[places].astype(np.float64, order="C")
        aurocs = np.stack([ranking.auroc(weights) for ranking in rankings], axis=1)
        macros[chunk] = nanmean_of_rows(aurocs)
    return macros


def average_sets(
    results: Mapping[str, Mapping[str, Any]],
    sets: Sequence[SetScores],
    *,
    num_bootstrap_samples: int,
    seed: int,
) -> dict[str, Any]:
    """The mean over sets, each of which counts the same.

    Args:
        results (`Mapping[str, Mapping]`):
            What [`compile_set`] gives for each set.
        sets (`Sequence[SetScores]`, one per result):
            Their scores.
        num_bootstrap_samples (`int`):
            Resamples of the interval; 0 for none.
        seed (`int`):
            Seed of the resamples.

    Returns:
        `dict`: `auroc_macro` (mean over sets of the mean over conditions), `auroc_macro_ci95`, `num_sets` (those that
        have a figure), `num_conditions` (those averaged), and `understood`, `None` where it can be said of none.
    """
    has_figure = [result["auroc_macro"] is not None for result in results.values()]
    figures = [result["auroc_macro"] for result in results.values() if result["auroc_macro"] is not None]
    macros = resample_macros(sets, num_bootstrap_samples=num_bootstrap_samples, seed=seed)[:, has_figure]
    verdicts = [result["understood"] for result in results.values() if result["understood"]]
    understood = {name: sum(verdict[name] for verdict in verdicts) for name in ("num_understood", "num_conditions")}
    return {
        "auroc_macro": mean_or_none(np.array(figures, dtype=np.float64)),
        "auroc_macro_ci95": percentile_interval(macros.mean(axis=1)) if figures else None,
        "num_sets": len(figures),
        "num_conditions": sum(result["num_conditions"] for result in results.values()),
        "understood": understood if verdicts else None,
    }
