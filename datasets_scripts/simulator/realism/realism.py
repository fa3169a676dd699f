"""How far simulated strips are from real ones: pairs of a real and a simulated strip with the same main finding.

Each record of PTB-XL is paired with a simulated one that must show the rarest of its findings that the simulator
knows, and of several such the one whose other findings agree best. Both sides then have the same conditions nearly
equally often, and differ in what the simulator gets wrong.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import numpy as np
from datasets import Dataset, DatasetDict, concatenate_datasets

from datasets_scripts import load_corpus
from datasets_scripts.schema import MICROVOLTS_PER_MILLIVOLT, SAMPLING_RATE
from datasets_scripts.simulator.priors import RECORDS_PER_PATIENT
from datasets_scripts.simulator.record import SIMULATOR_VERSION, SimulatedRecord, SimulatorSettings, simulate_record
from datasets_scripts.simulator.truth.conditions import CONDITIONS
from datasets_scripts.terminology.findings import load_terminology
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.plotting import plot_strip

from .realism_page import strip_file_name, write_realism_page
from .strip_features import REAL, SIDES, SIMULATED, MeasuredStrip, Pair, measure_strip
from .two_sample import compare_samples, separate_by_each


PAGE_FILENAME, FIGURES_FILENAME = "realism.html", "realism.json"
NORMAL = "normal ecg"
STRIP_DPI = 75
NUM_CANDIDATES = 8
MIN_PAIRS_OF_MEAN = 3  # a mean beat of fewer records shows the patients, not the condition


def compare_with_ptb_xl(
    data_dir: str | Path,
    output_dir: str | Path,
    *,
    seed: int = 0,
    num_records: int = 500,
    cache_dir: str | Path | None = None,
) -> dict[str, Any]:
    """Write the realism page.

    Args:
        data_dir (`str` or `Path`):
            Folder of PTB-XL.
        output_dir (`str` or `Path`):
            Receives realism.html, realism.json and the strips as PNG files.
        seed (`int`):
            Seed of the simulated corpus.
        num_records (`int`):
            Real records to compare with, at most.
        cache_dir (`str` or `Path`, *optional*):
            Where the rows of PTB-XL are kept, instead of the cache of `datasets`.

    Returns:
        `dict`: What realism.json holds.

    Raises:
        ValueError: If no record could be compared.
    """
    output_dir = Path(output_dir)
    corpus = cast(DatasetDict, load_corpus("ptb_xl", "all", data_dir=data_dir, cache_dir=cache_dir))
    rows = concatenate_datasets([cast(Dataset, part) for part in corpus.values()])
    rows = rows.select(range(min(num_records, len(rows))))
    pairs = list(_measure_pairs(rows, output_dir / "strips", seed=seed))
    if not pairs:
        raise ValueError(
            f"{data_dir}: no record could be compared. Pass the folder of PTB-XL with its 500 Hz records."
        )
    figures = summarize(pairs, seed=seed)
    figures |= {"simulator_version": SIMULATOR_VERSION, "seed": seed, "num_left_out": len(rows) - len(pairs)}
    (output_dir / FIGURES_FILENAME).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    write_realism_page(output_dir / PAGE_FILENAME, figures, pairs, strips_dir=output_dir / "strips")
    return figures


def findings_of_rows(rows: Dataset) -> list[set[str]]:
    """Findings of each row of PTB-XL that the simulator can show, closed upward."""
    terminology = load_terminology()
    names = rows.features["labels"].feature.names
    findings = [terminology.find_label(name, config_name="all").name for name in names]
    return [
        terminology.close_upward(findings[index] for index in labels) & set(CONDITIONS) for labels in rows["labels"]
    ]


def choose_main_findings(findings: Sequence[set[str]]) -> list[str | None]:
    """The rarest finding of each record, `None` where it has none; of equally rare ones the first by name.

    Example:
        >>> choose_main_findings([{"sinus rhythm"}, {"sinus rhythm", "st depression"}, set()])
        ['sinus rhythm', 'st depression', None]
    """
    counts = Counter(name for names in findings for name in names)
    return [min(names, key=lambda name: (counts[name], name), default=None) for names in findings]


def simulate_counterpart(index: int, condition: str, findings: set[str], *, seed: int) -> SimulatedRecord | None:
    """Simulate a record with a condition and, of a few such, the one whose findings agree best with those given.

    Args:
        index (`int`):
            Number of the pair: every pair has simulated patients of its own.
        condition (`str`):
            What the record must show.
        findings (`set[str]`):
            All findings of the real record.
        seed (`int`):
            Seed of the simulated corpus.

    Returns:
        `SimulatedRecord` or `None`: `None` if no patient of the pair can have the condition.
    """
    candidates = []
    for number in range(NUM_CANDIDATES):
        settings = SimulatorSettings(has_comorbidity=number % 2 == 1)
        record_index = (index * NUM_CANDIDATES + number) * RECORDS_PER_PATIENT
        with suppress(ValueError):  # not every patient can have every condition
            candidates.append(simulate_record(record_index, seed=seed, condition=condition, settings=settings))
    shown = [record.conditions & set(CONDITIONS) for record in candidates]
    agreements = [len(names & findings) / len(names | findings) for names in shown]
    return candidates[int(np.argmax(agreements))] if candidates else None


def _measure_pairs(rows: Dataset, strips_dir: Path, *, seed: int) -> Iterator[Pair]:
    """Measure both sides of every pair, and draw the first pair of each condition."""
    strips_dir.mkdir(parents=True, exist_ok=True)
    drawn: set[str] = set()
    findings = findings_of_rows(rows)
    for index, condition in enumerate(choose_main_findings(findings)):
        if condition is None:
            continue
        row: Mapping[str, Any] = rows.with_format("numpy")[index]
        record = simulate_counterpart(index, condition, findings[index], seed=seed)
        if record is None:
            continue
        strips = {REAL: np.asarray(row["signal"], np.float32) / MICROVOLTS_PER_MILLIVOLT, SIMULATED: record.strip}
        features = {side: measure_strip(strip) for side, strip in strips.items()}
        real, simulated = features[REAL], features[SIMULATED]
        if real is None or simulated is None:
            continue
        if condition not in drawn:
            drawn.add(condition)
            titles = {REAL: f"PTB-XL {row['record_id']}: {_short(row['report'])}", SIMULATED: "; ".join(record.report)}
            for side, strip in strips.items():
                _draw(strip, titles[side], strips_dir / strip_file_name(condition, side))
        yield Pair(
            condition,
            MeasuredStrip(str(row["record_id"]), f"ptb-xl {row['patient_id']}", real),
            MeasuredStrip(record.record_id, record.patient_id, simulated),
        )


def _short(report: Any) -> str:
    return " ".join(str(report or "").split())


def _draw(strip: np.ndarray, title: str, path: Path) -> None:
    figure = plot_strip(strip, sampling_rate=SAMPLING_RATE, leads=STANDARD_LEADS, title=title)
    figure.savefig(path, dpi=STRIP_DPI)


def summarize(pairs: Sequence[Pair], *, seed: int) -> dict[str, Any]:
    """The figures of the page: two-sample tests, distributions and the mean beats of each condition."""
    strips = [pair.real for pair in pairs] + [pair.simulated for pair in pairs]
    is_simulated = np.repeat([False, True], len(pairs))
    patient_ids = np.array([strip.patient_id for strip in strips])
    measured = np.array([list(strip.features.figures.values()) for strip in strips])
    spectra = np.array([strip.features.spectrum.ravel() for strip in strips])
    names = list(strips[0].features.figures)
    aurocs = separate_by_each(measured, is_simulated)
    is_normal = np.tile([pair.condition == NORMAL for pair in pairs], 2)
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
