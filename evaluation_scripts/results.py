"""From scores to what `eval_results.json` says of seen and unseen conditions, and the writer of both result files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from . import metrics
from .conditions import Condition
from .controls import Comparison, find_non_normal
from .prediction_table import Predictions


# What of a result is no figure of its own
GROUPS = (
    *("conditions", "seen", "unseen", "understood", "reliability", "robustness", "measurements", "explanations"),
    *("protocol", "columns", "missing_conditions", "baselines", "probe"),
)
# Of eval_results.json (docs/evaluation.md): raise it when a key changes its meaning or goes
SCHEMA_VERSION = 2


def compile_result(
    predictions: Predictions,
    conditions: Sequence[Condition],
    *,
    min_positives: int = 1,
    num_bootstrap_samples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """All figures of one label set, ready for a JSON file.

    Args:
        predictions ([`Predictions`]):
            Scores and labels of all records.
        conditions (`Sequence[Condition]`):
            The columns of `predictions`.
        min_positives (`int`, *optional*):
            Conditions with fewer positive records are listed, not averaged.
        num_bootstrap_samples (`int`, *optional*):
            Resamples of the intervals; 0 for none.
        seed (`int`, *optional*):
            Seed of the resamples: the same patients are drawn for a condition and for its controls.

    Returns:
        `dict`: `auroc_macro`, `auroc_macro_ci95`, `auprc_macro`, `num_records`, `num_patients`, `num_conditions`,
        `skipped_conditions`, `auroc_<label>`; the groups `seen` and `unseen`, `None` where the checkpoint does not say
        what it was trained on; and `conditions`, one entry per label. Conditions that are not known to be seen and
        the group `unseen` carry `controls` and `among_non_normal`, the latter `None` where no label is the normal ECG;
        there stand `best_control`, `margin`, `margin_ci95` and `understood` too. `understood` counts these conditions.

    Raises:
        ValueError: If a score is not a number, or a label is none of 0, 1 and NaN.
    """
    measure = partial(metrics.score_conditions, num_bootstrap_samples=num_bootstrap_samples, seed=seed)
    names = [condition.label for condition in conditions]
    skipped = metrics.skipped_conditions(predictions.labels, names, min_positives=min_positives)
    included = np.array([name not in skipped for name in names], dtype=bool)
    not_seen = np.array([condition.seen is not True for condition in conditions], dtype=bool)
    patient_ids = predictions.records["patient_id"].tolist()
    figures = measure(predictions.scores, predictions.labels, patient_ids=patient_ids)
    everybody = np.ones(len(patient_ids), dtype=bool)
    unnamed = Comparison.of(predictions, everybody, not_seen, measure=measure)
    specific = Comparison.of(predictions, find_non_normal(predictions, conditions), not_seen, measure=measure)
    entries = [_describe_figures(condition, figures, included, i) for i, condition in enumerate(conditions)]
    for index in np.flatnonzero(not_seen).tolist():
        entries[index]["controls"] = unnamed.condition(index)["controls"] if unnamed else None
        entries[index]["among_non_normal"] = specific and {**specific.condition(index), **specific.understand(index)}
    return {
        "num_records": len(patient_ids),
        "num_patients": len(set(patient_ids)),
        **metrics.summarize_conditions(figures, names, skipped),
        **group_conditions(conditions, included, figures, unnamed=unnamed, specific=specific),
        "understood": count_understood(entries),
        "conditions": entries,
    }


def count_understood(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Of how many conditions that are not known to be seen the query beat every control.

    Args:
        entries (`Sequence[Mapping]`):
            The `conditions` of a result.

    Returns:
        `dict`: `num_understood`, `num_conditions` (averaged ones for which it can be said) and `labels`, those
        understood; `None` where it can be said of none.
    """
    verdicts = {
        entry["label"]: entry["among_non_normal"]["understood"]
        for entry in entries
        if entry["is_averaged"] and entry.get("among_non_normal")
    }
    known = {label: verdict for label, verdict in verdicts.items() if verdict is not None}
    if not known:
        return None
    labels = [label for label, verdict in known.items() if verdict]
    return {"num_understood": len(labels), "num_conditions": len(known), "labels": labels}


def _describe_figures(
    condition: Condition, figures: metrics.ConditionMetrics, included: np.ndarray, index: int
) -> dict[str, Any]:
    """A condition with its figures, before the controls."""
    return {
        **asdict(condition),
        "auroc": metrics.number_or_none(figures.auroc[index]),
        "auroc_ci95": figures.interval(index),
        "auprc": metrics.number_or_none(figures.auprc[index]),
        "num_positives": int(figures.num_positives[index]),
        "num_records": int(figures.num_records[index]),
        "is_averaged": bool(included[index]),
    }


def group_conditions(
    conditions: Sequence[Condition],
    included: np.ndarray,
    figures: metrics.ConditionMetrics,
    *,
    unnamed: Comparison | None,
    specific: Comparison | None,
) -> dict[str, Any]:
    """Macro averages of seen and of unseen conditions, the latter beside their controls.

    Args:
        conditions (`Sequence[Condition]`):
            All conditions.
        included (`np.ndarray` of shape `(num_conditions,)`, boolean):
            Conditions that are averaged.
        figures ([`ConditionMetrics`]):
            Figures of all conditions.
        unnamed ([`Comparison`], *optional*):
            The unseen conditions beside their controls, among all records.
        specific ([`Comparison`], *optional*):
            The same among the records that are not normal.

    Returns:
        `dict`: `seen` and `unseen`, both `None` where the checkpoint does not say what it was trained on.
    """
    if any(condition.seen is None for condition in conditions):
        return {"seen": None, "unseen": None}
    seen = np.array([condition.seen for condition in conditions], dtype=bool)
    groups: dict[str, Any] = {
        name: {"num_conditions": int((members & included).sum()), **figures.macro(members & included)}
        for name, members in {"seen": seen, "unseen": ~seen}.items()
    }
    groups["unseen"]["controls"] = unnamed.macro(included)["controls"] if unnamed else None
    groups["unseen"]["null"] = unnamed.null_line(included) if unnamed else None
    groups["unseen"]["among_non_normal"] = specific.macro(included) if specific else None
    return groups


def write_results(
    output_dir: str | Path,
    *,
    model: str,
    protocol: Mapping[str, Any],
    results: Mapping[str, dict[str, Any]],
    tables: Sequence[pd.DataFrame],
    further: Mapping[str, Any] | None = None,
) -> tuple[Path, Path]:
    """Write eval_results.json and predictions.parquet, whatever kind of model was evaluated.

    Args:
        output_dir (`str` or `Path`):
            Folder that receives both files; it is made where it is missing.
        model (`str`):
            Name of the checkpoint.
        protocol (`dict`):
            What the figures depend on, with a `description` for people to read.
        results (`dict`):
            What [`compile_result`] gives, by "corpus/configuration/split".
        tables (`Sequence[pd.DataFrame]`, one per result):
            What [`tabulate_predictions`] gives; they are written one below the other.
        further (`dict`, *optional*):
            What else eval_results.json says, such as the mean over the sets of a suite.

    Returns:
        `tuple[Path, Path]`: The files written.

    Raises:
        ValueError: If a figure is not a number: JSON knows no NaN, and a figure that is not defined is null.
    """
    report = {"schema_version": SCHEMA_VERSION, "model": model, "protocol": protocol, **(further or {})}
    report["results"] = results
    if len(results) == 1:
        (result,) = results.values()
        report |= {key: value for key, value in result.items() if key not in GROUPS}
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    results_path, predictions_path = folder / "eval_results.json", folder / "predictions.parquet"
    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
    results_path.write_text(text + "\n", encoding="utf-8")
    pd.concat(tables, ignore_index=True).to_parquet(predictions_path, index=False)
    return results_path, predictions_path
