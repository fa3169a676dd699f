"""Pairs of a real and a simulated strip with the same main finding.

Each real record is paired with a simulated one that must show the rarest of its findings that the simulator knows, and
of several such the one whose other findings agree best. Both sides then have the same conditions nearly equally often,
and differ in what the simulator gets wrong.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from datasets import Dataset
from tqdm import tqdm

from datasets_scripts.schema import MICROVOLTS_PER_MILLIVOLT, SAMPLING_RATE
from datasets_scripts.simulator.population.folds import RECORDS_PER_PATIENT
from datasets_scripts.simulator.simulated_record import SimulatedRecord, SimulatorSettings, simulate_record
from datasets_scripts.simulator.truth.catalogue import CONDITIONS
from datasets_scripts.terminology.findings import load_terminology
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.plotting import plot_strip

from .strip_features import StripFeatures, measure_strip


REAL, SIMULATED = "real", "simulated"
SIDES = (REAL, SIMULATED)  # of a pair
STRIP_DPI = 75
NUM_CANDIDATES = 8


class MeasuredStrip(NamedTuple):
    """One side of a pair: whose strip it is, and what was measured on it."""

    record_id: str
    patient_id: str
    features: StripFeatures


class Pair(NamedTuple):
    """A real and a simulated strip with the same main finding."""

    condition: str
    real: MeasuredStrip
    simulated: MeasuredStrip


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


def measure_pairs(rows: Dataset, strips_dir: Path, *, seed: int) -> Iterator[Pair]:
    """Measure both sides of every pair, and draw the first pair of each condition."""
    strips_dir.mkdir(parents=True, exist_ok=True)
    drawn: set[str] = set()
    findings = findings_of_rows(rows)
    conditions = choose_main_findings(findings)
    for index, condition in enumerate(tqdm(conditions, desc="Comparing", unit=" records")):
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


def strip_file_name(condition: str, side: str) -> str:
    """Name of the drawing of one side of the first pair of a condition."""
    return f"{condition.replace(' ', '_').replace('/', '_')}_{side}.png"
