"""From scores to what `eval_results.json` and the printed tables say: seen and unseen conditions, and controls.

A condition that training never named can be ranked well without understanding its name: whatever is abnormal differs
from whatever is normal. Its figures therefore stand beside those of two controls that do not know the name, and all of
them are repeated among the records that are not labelled normal.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from . import metrics


NORMAL_FINDING = "normal ecg"
CONTROLS = ("normal_ecg", "random_queries")


@dataclass(frozen=True)
class Condition:
    """A label of a corpus and how the model is asked for it.

    Args:
        label (`str`):
            Name of the label in the corpus.
        finding (`str`, *optional*):
            Name of its finding in the terminology; `None` if the terminology does not know the label.
        query (`str`):
            Text of the query, before the template.
        seen (`bool`, *optional*):
            Whether training asked for the same finding; `None` if the checkpoint does not say.
    """

    label: str
    finding: str | None
    query: str
    seen: bool | None


@dataclass(frozen=True)
class Predictions:
    """Scores of one pass over a corpus, beside what is true.

    Args:
        records (`pd.DataFrame` of `num_records` rows):
            `record_id`, `patient_id`, `corpus`, `config` and `split`.
        labels (`np.ndarray` of shape `(num_records, num_conditions)`):
            1 positive, 0 negative, NaN unknown.
        scores (`np.ndarray` of shape `(num_records, num_conditions)`):
            Probability of presence.
        controls (`dict[str, np.ndarray]`):
            Scores that know nothing of the condition's name, by the names of `CONTROLS`: of the same shape, or
            several draws of it, `(num_draws, num_records, num_conditions)`, whose figures are averaged.
    """

    records: pd.DataFrame
    labels: np.ndarray
    scores: np.ndarray
    controls: dict[str, np.ndarray]


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
        the group `unseen` carry `controls` and `among_non_normal`, the latter `None` where no label is the normal ECG.
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
    specific = Comparison.of(predictions, find_non_normal(predictions.labels, conditions), not_seen, measure=measure)
    entries = [_describe_figures(condition, figures, included, i) for i, condition in enumerate(conditions)]
    for index in np.flatnonzero(not_seen).tolist():
        entries[index]["controls"] = unnamed.condition(index)["controls"] if unnamed else None
        entries[index]["among_non_normal"] = specific.condition(index) if specific else None
    return {
        "num_records": len(patient_ids),
        "num_patients": len(set(patient_ids)),
        **metrics.summarize_conditions(figures, names, skipped),
        **group_conditions(conditions, included, figures, unnamed=unnamed, specific=specific),
        "conditions": entries,
    }


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
    """Macro averages of seen and of unseen conditions, the latter beside their controls."""
    if any(condition.seen is None for condition in conditions):
        return {"seen": None, "unseen": None}
    seen = np.array([condition.seen for condition in conditions], dtype=bool)
    groups: dict[str, Any] = {
        name: {"num_conditions": int((members & included).sum()), **figures.macro(members & included)}
        for name, members in {"seen": seen, "unseen": ~seen}.items()
    }
    groups["unseen"]["controls"] = unnamed.macro(included)["controls"] if unnamed else None
    groups["unseen"]["among_non_normal"] = specific.macro(included) if specific else None
    return groups


def find_non_normal(labels: np.ndarray, conditions: Sequence[Condition]) -> np.ndarray | None:
    """True for records that are known not to carry the label "normal ecg"; `None` if no label says so."""
    normal = [index for index, condition in enumerate(conditions) if condition.finding == NORMAL_FINDING]
    return (labels[:, normal] == 0).all(axis=1) if normal else None


@dataclass(frozen=True)
class Comparison:
    """The scores of conditions beside their controls, among some records.

    Args:
        num_records (`int`):
            Records compared.
        named ([`ConditionMetrics`]):
            What the queries reach.
        controls (`dict[str, ConditionMetrics]`):
            What scores reach that do not know the condition's name.
    """

    num_records: int
    named: metrics.ConditionMetrics
    controls: dict[str, metrics.ConditionMetrics]

    @classmethod
    def of(
        cls,
        predictions: Predictions,
        records: np.ndarray | None,
        members: np.ndarray,
        *,
        measure: Callable[..., metrics.ConditionMetrics],
    ) -> Comparison | None:
        """Compare some conditions among some records; `None` if there are none of either."""
        if records is None or not records.any() or not members.any():
            return None
        labels = np.where(members, predictions.labels, np.nan)[records]  # what is unknown costs no time
        patient_ids = predictions.records["patient_id"][records].tolist()
        named = measure(predictions.scores[records], labels, patient_ids=patient_ids)
        controls = {}
        for name in CONTROLS:
            draws = predictions.controls[name].reshape(-1, *predictions.scores.shape)
            figures = [measure(scores[records], labels, patient_ids=patient_ids) for scores in draws]
            controls[name] = metrics.average_draws(figures)
        return cls(int(records.sum()), named, controls)

    def condition(self, index: int) -> dict[str, Any]:
        """AUROC of one condition and of its controls."""
        return {
            "auroc": metrics.number_or_none(self.named.auroc[index]),
            "num_positives": int(self.named.num_positives[index]),
            "num_records": int(self.named.num_records[index]),
            "controls": {
                name: metrics.number_or_none(figures.auroc[index]) for name, figures in self.controls.items()
            },
        }

    def macro(self, included: np.ndarray) -> dict[str, Any]:
        """Macro AUROC of the conditions compared, and of their controls, with intervals."""
        rows = {"named": self.named, **self.controls}
        macros = {name: figures.macro(included) for name, figures in rows.items()}
        for macro in macros.values():
            macro.pop("auprc_macro")
        return {
            "num_records": self.num_records,
            "num_conditions": int((included & ~np.isnan(self.named.auroc)).sum()),
            **macros.pop("named"),
            "controls": macros,
        }


def format_result(name: str, result: dict[str, Any]) -> str:
    """A table of the conditions for people to read, best read in a wide terminal."""
    entries = result["conditions"]
    with_controls = [entry for entry in entries if "controls" in entry]
    header = ["condition", "query", "training", "AUROC", "95 % interval", "AUPRC", "positives"]
    if with_controls:
        header += ["normal", "random", "AUROC*", "normal*", "random*"]
    rows = [header, *(_format_condition(entry, len(header)) for entry in entries)]
    rows += [_format_macro("mean of all", result["num_conditions"], result, len(header))]
    rows += [
        _format_macro(f"mean of {group}", result[group]["num_conditions"], result[group], len(header))
        for group in ("seen", "unseen")
        if result[group] and result[group]["num_conditions"]
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    title = f"{name}: {result['num_records']} records of {result['num_patients']} patients"
    lines = [title, *lines[: len(entries) + 1], "-" * max(map(len, lines)), *lines[len(entries) + 1 :]]
    if result["skipped_conditions"]:
        reasons = "; ".join(f"{label} ({reason})" for label, reason in result["skipped_conditions"].items())
        lines.append(f"Not averaged: {reasons}.")
    return "\n".join([*lines, *(_EXPLANATION if with_controls else ())]) + "\n"


_EXPLANATION = (
    "Two controls do not know the name of the condition: `normal` ranks records by how little they look like a",
    "normal ECG, `random` by query vectors without meaning. * = among the records that are not labelled normal.",
    "A condition that training never named is recognised by its name only where its AUROC beats both controls,",
    "above all under *.",
)


def _format_condition(entry: dict[str, Any], num_cells: int) -> list[str]:
    """The cells of one condition."""
    training = {True: "seen", False: "UNSEEN", None: "unknown"}[entry["seen"]]
    query = "" if entry["query"] == entry["label"] else entry["query"]
    cells = [entry["label"], query, training, *_format_figures(entry, "auroc", "auprc")]
    cells.append(f"{entry['num_positives']}{'' if entry['is_averaged'] else ' (not averaged)'}")
    if "controls" in entry:
        cells += _format_controls(entry, "auroc", lambda figure: figure)
    return cells + [""] * (num_cells - len(cells))


def _format_macro(title: str, num_conditions: int, figures: dict[str, Any], num_cells: int) -> list[str]:
    """The cells of an average."""
    cells = [
        title,
        f"{num_conditions} condition{'s' * (num_conditions != 1)}",
        "",
        *_format_figures(figures, "auroc_macro", "auprc_macro"),
        "",
    ]
    if "controls" in figures:
        cells += _format_controls(figures, "auroc_macro", lambda macro: macro["auroc_macro"])
    return cells + [""] * (num_cells - len(cells))


def _format_figures(figures: dict[str, Any], auroc: str, auprc: str) -> list[str]:
    """AUROC, its interval and AUPRC."""
    interval = figures[f"{auroc}_ci95"]
    return [
        _format_number(figures[auroc]),
        f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else "-",
        _format_number(figures[auprc]),
    ]


def _format_controls(figures: dict[str, Any], auroc: str, get: Callable[[Any], float | None]) -> list[str]:
    """The controls, then AUROC and controls among records that are not normal."""
    controls, specific = figures["controls"] or {}, figures["among_non_normal"] or {}
    specific_controls = specific.get("controls", {})
    return [
        *(_format_number(get(controls[name])) if controls else "-" for name in CONTROLS),
        _format_number(specific.get(auroc)),
        *(_format_number(get(specific_controls[name])) if specific_controls else "-" for name in CONTROLS),
    ]


def _format_number(value: float | None) -> str:
    """Three decimals, or a dash."""
    return "-" if value is None else f"{value:.3f}"


def tabulate_predictions(predictions: Predictions, conditions: Sequence[Condition]) -> pd.DataFrame:
    """One row per record: where it comes from, and per label `score_<label>` and `label_<label>`."""
    columns = {}
    for index, condition in enumerate(conditions):
        columns[f"score_{condition.label}"] = predictions.scores[:, index]
        columns[f"label_{condition.label}"] = pd.array(predictions.labels[:, index], dtype="Int8")
    return pd.concat([predictions.records, pd.DataFrame(columns)], axis=1)


def write_results(
    output_dir: Path,
    *,
    model: str,
    protocol: dict[str, Any],
    results: dict[str, dict[str, Any]],
    tables: Sequence[pd.DataFrame],
) -> None:
    """Write `eval_results.json` and `predictions.parquet`."""
    report = {"model": model, "protocol": protocol, "results": results}
    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
    (output_dir / "eval_results.json").write_text(text + "\n", encoding="utf-8")
    pd.concat(tables, ignore_index=True).to_parquet(output_dir / "predictions.parquet", index=False)
