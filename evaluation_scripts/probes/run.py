"""Probes and baselines of a suite beside the system: same records, same splits, same figures."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from accelerate.logging import get_logger

from evaluation_scripts.conditions import Condition
from evaluation_scripts.decision_figures.paired import compare_systems
from evaluation_scripts.prediction_table import Predictions
from evaluation_scripts.protocols.label_table import SPLITS
from evaluation_scripts.protocols.read import SuiteTables
from evaluation_scripts.suites.evaluated import EvaluatedSets
from evaluation_scripts.suites.run import load_set

from .arguments import INTERVALS, RANDOM, ProbeArguments
from .features import PROBE, SOURCES, FeatureReader
from .fitted import ProbedSet
from .regression import Probe
from .transfer import transfer


logger = get_logger(__name__)

FOLDERS = {PROBE: "probe"}  # of the baselines, below `baselines`


@dataclass
class Probed:
    """What was fitted beside a system.

    Args:
        systems (`dict[str, EvaluatedSets]`):
            A whole evaluation of each probe and baseline, by source.
        transferred (`list[dict]`):
            What [`transfer`] gives.
    """

    systems: dict[str, EvaluatedSets] = field(default_factory=dict)
    transferred: list[dict[str, Any]] = field(default_factory=list)

    def write(self, output_dir: str | Path, *, model: str, protocol: Mapping[str, Any]) -> list[Path]:
        """Write an evaluation of each probe and baseline, for `--compare` and the leaderboard; returns the folders."""
        folders = []
        for source, sets in self.systems.items():
            folder = Path(output_dir) / FOLDERS.get(source, f"baselines/{source}")
            name = f"{Path(model).name}: {SOURCES[source]}" if source in (PROBE, RANDOM) else SOURCES[source]
            sets.write(folder, model=name, protocol={**protocol, "fitted_on": "train"})
            folders.append(folder)
        return folders


def probe_suite(
    reader: FeatureReader,
    sets: EvaluatedSets,
    read: SuiteTables,
    *,
    asked: ProbeArguments,
) -> Probed:
    """Fit what is asked for on every set that was evaluated, and say in its result what that reaches.

    Args:
        reader ([`FeatureReader`]):
            Reads features; of several processes, all take part.
        sets ([`EvaluatedSets`]):
            The figures of the system. Each result receives `baselines` and `probe`, and each entry of its
            `conditions` a dictionary `baselines` of AUROC by source.
        read (`SuiteTables`):
            What [`read_tables`] gives.
        asked ([`ProbeArguments`]):
            What to fit.

    Returns:
        [`Probed`]: Empty in all processes but the main one.
    """
    sources = [*([PROBE] if asked.probe or asked.transfer else []), *(asked.baselines or [])]
    probed, found, unfitted = Probed(), [], {}
    for table in read.tables if asked.is_asked_for else ():
        name = table.label_set.name
        if name in sets.missing:
            continue
        records, _ = load_set(table, SPLITS, read, arguments=reader.arguments, accelerator=reader.accelerator)
        if records is None or "train" not in records.row_splits:
            unfitted[name] = "no training record is at hand"
            logger.warning(f"{name}: {unfitted[name]}, so that nothing is fitted on it.")
            continue
        features = {source: reader.read(source, records) for source in sources}
        if reader.accelerator.is_main_process:
            key = f"{name}/{'+'.join(sets.splits)}"
            included = np.array([entry["is_averaged"] for entry in sets.results[key]["conditions"]], dtype=bool)
            own = ProbedSet.of(key, records, features, splits=sets.splits, included=included)
            probes = {source: own.fit(source) for source in sources}
            for source, probe in probes.items():
                _add(probed, sets, own, source, probe, asked=asked)
            found.append((own, probes))
    for system in probed.systems.values():
        system.missing |= unfitted
    if asked.transfer:
        pairs = [(own, probes[PROBE]) for own, probes in found]
        options = {"num_bootstrap_samples": sets.num_bootstrap_samples, "seed": sets.seed}
        probed.transferred = transfer(pairs, PROBE, **options)
    return probed


def _add(
    probed: Probed, sets: EvaluatedSets, own: ProbedSet, source: str, probe: Probe, *, asked: ProbeArguments
) -> None:
    """Evaluate one probe or baseline on one set, and put its figures beside those of the system."""
    result, (conditions, _) = sets.results[own.key], sets.predictions[own.key]
    predictions = own.predict(source, probe)
    empty = {"results": {}, "predictions": {}, "recordings": {}, "missing": dict(sets.missing)}
    system = probed.systems.setdefault(source, replace(sets, **empty))
    system.add(own.table.label_set.name, [_forget(condition) for condition in conditions], predictions)
    figures = system.results[own.key]
    entry = {
        "description": SOURCES[source],
        **{name: figures[name] for name in ("auroc_macro", "auroc_macro_ci95", "auprc_macro")},
        **_compare(sets.tested(own.key), system.tested(own.key), own.included, sets),
        "num_train_records": probe.num_train_records,
        "strength": probe.strength,
        "unlearnt_conditions": probe.name_unlearnt(own.table.label_names),
    }
    if source == INTERVALS:
        entry["num_unmeasured_records"] = _count_unmeasured(own)
    if asked.probe and source in (PROBE, RANDOM):
        entry["curve"] = own.trace_curve(source, probe, asked.probe, num_seeds=asked.probe_seeds, seed=sets.seed)
    if source == PROBE:
        result["probe"] = entry
    else:
        result.setdefault("baselines", {})[source] = entry
    for mine, other in zip(result["conditions"], figures["conditions"], strict=True):
        mine.setdefault("baselines", {})[source] = other["auroc"]


def _count_unmeasured(own: ProbedSet) -> int:
    """Records of which no interval is known; they are said."""
    features = own.features[INTERVALS]
    num_unmeasured = int(np.isnan(features).all(axis=1).sum())
    if num_unmeasured:
        logger.warning(
            f"{own.table.label_set.name}: neurokit2 measures nothing in {num_unmeasured} of {len(features)} records,"
            " for which the means of the others stand."
        )
    return num_unmeasured


def _forget(condition: Condition) -> Condition:
    """A condition as a fitted system knows it, for which names mean nothing."""
    return replace(condition, query=condition.finding or condition.label, seen=None, seen_ancestor=None)


def _compare(system: Predictions, other: Predictions, included: np.ndarray, sets: EvaluatedSets) -> dict[str, Any]:
    """By how much the system ranks better than what was fitted, on the records tested."""
    order = pd.Index(other.records["record_id"]).get_indexer(pd.Index(system.records["record_id"]))
    compared = compare_systems(
        other.scores[order],
        system.scores,
        system.labels,
        patient_ids=system.records["patient_id"].tolist(),
        included=included,
        num_bootstrap_samples=sets.num_bootstrap_samples,
        seed=sets.seed,
    )
    return {
        "system_less_this": compared["difference"],
        "system_less_this_ci95": compared["difference_ci95"],
    }
