"""How far simulated strips are from real ones: the figures and the page over all pairs of strips."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from datasets_scripts.simulator.simulated_record import SIMULATOR_VERSION
from datasets_scripts.terminology.findings import NORMAL_FINDING
from modeling_supreme.leads import STANDARD_LEADS

from .pairs import REAL, SIDES, SIMULATED, Pair, measure_pairs
from .realism_page import write_realism_page
from .two_sample import compare_samples, separate_by_each


PAGE_FILENAME, FIGURES_FILENAME = "realism.html", "realism.json"
MIN_PAIRS_OF_MEAN = 3  # a mean beat of fewer records shows the patients, not the condition


def compare_with_real(rows: Dataset, output_dir: str | Path, *, seed: int = 0) -> dict[str, Any]:
    """Write the realism page.

    Args:
        rows (`Dataset`):
            Real records: rows of PTB-XL in the configuration `all`.
        output_dir (`str` or `Path`):
            Receives realism.html, realism.json and the strips as PNG files.
        seed (`int`):
            Seed of the simulated corpus.

    Returns:
        `dict`: What realism.json holds.

    Raises:
        ValueError: If no record could be compared.
    """
    output_dir = Path(output_dir)
    pairs = list(measure_pairs(rows, output_dir / "strips", seed=seed))
    if not pairs:
        raise ValueError(
            f"Of {len(rows)} real records no record could be compared. Pass the folder of PTB-XL with its 500 Hz"
            " records, and at least one of them."
        )
    figures = summarize(pairs, seed=seed)
    figures |= {"simulator_version": SIMULATOR_VERSION, "seed": seed, "num_left_out": len(rows) - len(pairs)}
    (output_dir / FIGURES_FILENAME).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    write_realism_page(output_dir / PAGE_FILENAME, figures, pairs, strips_dir=output_dir / "strips")
    return figures


def summarize(pairs: Sequence[Pair], *, seed: int) -> dict[str, Any]:
    """The figures of the page: two-sample tests, distributions and the mean beats of each condition."""
    strips = [pair.real for pair in pairs] + [pair.simulated for pair in pairs]
    is_simulated = np.repeat([False, True], len(pairs))
    patient_ids = np.array([strip.patient_id for strip in strips])
    measured = np.array([list(strip.features.figures.values()) for strip in strips])
    spectra = np.array([strip.features.spectrum.ravel() for strip in strips])
    names = list(strips[0].features.figures)
    aurocs = separate_by_each(measured, is_simulated)
    is_normal = np.tile([pair.condition == NORMAL_FINDING for pair in pairs], 2)
    tests = {
        "measurements": (measured, slice(None), False),
        "measurements, linear": (measured, slice(None), True),
        "measurements, normal ECGs only": (measured, is_normal, False),
        "spectra": (spectra, slice(None), True),
    }
    return {
        "num_pairs": len(pairs),
        "two_sample_auroc": {
            name: compare_samples(
                features[chosen], is_simulated[chosen], patient_ids[chosen], is_linear=is_linear, seed=seed
            )
            for name, (features, chosen, is_linear) in tests.items()
        },
        "measurements": {
            name: {"auroc": float(auroc), **_quantiles(column, is_simulated)}
            for name, auroc, column in zip(names, aurocs, measured.T, strict=True)
        },
        "conditions": _summarize_conditions(pairs),
    }


def _quantiles(column: np.ndarray, is_simulated: np.ndarray) -> dict[str, list[float]]:
    """5th percentile, median and 95th percentile of both sides."""
    sides = {REAL: column[~is_simulated], SIMULATED: column[is_simulated]}
    return {side: np.quantile(values, [0.05, 0.5, 0.95]).round(4).tolist() for side, values in sides.items()}


def _summarize_conditions(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Number of pairs of each condition, and how far apart its mean beats are."""
    figures = {}
    for condition, count in Counter(pair.condition for pair in pairs).most_common():
        real, simulated = mean_beats(pairs, condition)
        distance = np.sqrt(((real - simulated) ** 2).mean(axis=1))
        is_enough = count >= MIN_PAIRS_OF_MEAN
        figures[condition] = {
            "num_pairs": count,
            "mean_beat_difference_mv": float(distance.mean()) if is_enough else None,
            "largest_in_lead": STANDARD_LEADS[int(distance.argmax())] if is_enough else None,
        }
    return figures


def mean_beats(pairs: Sequence[Pair], condition: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the median beats of a condition, real and simulated; each of shape `(12, 400)`, in millivolts."""
    chosen = [pair for pair in pairs if pair.condition == condition]
    real, simulated = ([getattr(pair, side).features.beat for pair in chosen] for side in SIDES)
    return np.mean(real, axis=0), np.mean(simulated, axis=0)
