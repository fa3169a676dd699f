"""Two systems or more on the same records: paired differences per set, and over all sets."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evaluation_scripts.decision_figures.paired import compare_systems, summarize_gains
from evaluation_scripts.metrics import format_figure, mean_or_none, skipped_conditions

from .overall import SetScores, resample_macros
from .score_file import LABEL, SCORE


PREDICTIONS_FILENAME, RESULTS_FILENAME = "predictions.parquet", "eval_results.json"
DEFAULT_MIN_POSITIVES = 1


@dataclass(frozen=True)
class System:
    """What an evaluation left.

    Args:
        name (`str`):
            The path it was given by.
        table (`pd.DataFrame`):
            predictions.parquet.
        protocol (`dict`):
            Of eval_results.json; empty where there is none beside the predictions.
    """

    name: str
    table: pd.DataFrame
    protocol: dict[str, Any]


def read_system(path: str | Path) -> System:
    """Read the folder of an evaluation, or its predictions.parquet.

    Raises:
        FileNotFoundError: If there are no predictions.
        ValueError: If the file has no scores beside labels.
    """
    place = Path(path)
    predictions = place / PREDICTIONS_FILENAME if place.is_dir() else place
    if not predictions.is_file():
        raise FileNotFoundError(
            f"{predictions} does not exist. Let `--compare` name folders that `evaluate.py` wrote, or their"
            f" {PREDICTIONS_FILENAME}."
        )
    table = pd.read_parquet(predictions)
    if not any(column.startswith(SCORE) for column in table) or not any(column.startswith(LABEL) for column in table):
        raise ValueError(
            f"{predictions} has no columns {SCORE}<condition> beside {LABEL}<condition>. Score it first:"
            f" `evaluate.py --predictions {predictions} --suite supreme6 --output_dir FOLDER`."
        )
    results = predictions.with_name(RESULTS_FILENAME)
    protocol = json.loads(results.read_text(encoding="utf-8"))["protocol"] if results.is_file() else {}
    return System(str(path), table, protocol)


def compare_all(
    paths: Sequence[str | Path],
    *,
    splits: Sequence[str] = ("test",),
    min_positives: int = DEFAULT_MIN_POSITIVES,
    num_bootstrap_samples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Every system less the first, per set and over all sets.

    Args:
        paths (`Sequence[str]`):
            Two evaluations or more.
        splits (`Sequence[str]`, *optional*):
            Splits whose records are compared.
        min_positives (`int`, *optional*):
            Conditions with fewer positive records are not averaged; the protocol of the first system may ask for more.
        num_bootstrap_samples (`int`, *optional*):
            Resamples of the intervals.
        seed (`int`, *optional*):
            Seed of the resamples: the same patients are drawn for both.

    Returns:
        `dict`: `reference` (the first path), `protocol`, and `systems`, one entry per other system with `system`,
        `sets` (by "corpus/configuration": `auroc_macro` of both, `difference`, `difference_ci95`,
        `share_of_resamples_above`, `num_conditions`, `num_records`, `label_names`, `differences`, `differences_ci95`)
        and `overall`, the mean over sets.

    Raises:
        FileNotFoundError: If there are no predictions.
        ValueError: If the systems were evaluated under different protocols, or share no record and condition, or
            disagree about what is true of one.
    """
    reference, *others = map(read_system, paths)
    fewest = max(min_positives, reference.protocol.get("min_positives", DEFAULT_MIN_POSITIVES))
    options = {"num_bootstrap_samples": num_bootstrap_samples, "seed": seed}
    return {
        "reference": reference.name,
        "protocol": reference.protocol.get("name"),
        "systems": [
            {"system": other.name, **_compare_two(reference, other, splits=splits, fewest=fewest, **options)}
            for other in others
        ],
    }


def _compare_two(
    first: System, second: System, *, splits: Sequence[str], fewest: int, num_bootstrap_samples: int, seed: int
) -> dict[str, Any]:
    """One system less another."""
    names = [system.protocol.get("name") for system in (first, second)]
    if None not in names and names[0] != names[1]:
        raise ValueError(
            f"{first.name} was evaluated under the protocol {names[0]} and {second.name} under {names[1]}. Evaluate"
            " both under one."
        )
    options: dict[str, Any] = {"num_bootstrap_samples": num_bootstrap_samples, "seed": seed}
    sets: dict[str, dict[str, Any]] = {}
    pairs: list[list[SetScores]] = []
    for key in _shared_sets(first.table, second.table):
        pair = _align(first, second, key, splits)
        if pair is None:
            continue
        labels, scores, patients, label_names = pair
        included = np.array(
            [name not in skipped_conditions(labels, label_names, min_positives=fewest) for name in label_names]
        )
        own = compare_systems(scores[0], scores[1], labels, patient_ids=patients, included=included, **options)
        sets["/".join(key)] = {"num_records": len(labels), "label_names": label_names, **own}
        pairs.append([SetScores(key[0], patients, one[:, included], labels[:, included]) for one in scores])
    if not sets:
        raise ValueError(
            f"{first.name} and {second.name} share no record and condition of the split {'+'.join(splits)}. Evaluate"
            " both on the same sets, or choose another `--split`."
        )
    resampled = [resample_macros([pair[side] for pair in pairs], **options) for side in (0, 1)]
    gains = (resampled[1] - resampled[0])[:, [own["difference"] is not None for own in sets.values()]]
    known = np.array([own["difference"] for own in sets.values() if own["difference"] is not None], dtype=np.float64)
    overall = summarize_gains(mean_or_none(known), gains.mean(axis=1) if len(known) else np.empty(0))
    return {"sets": sets, "overall": {**overall, "num_sets": len(known)}}


def _shared_sets(first: pd.DataFrame, second: pd.DataFrame) -> list[tuple[str, str]]:
    """Corpus and configuration of the sets in both tables, in the order of the first."""
    own, other = (dict.fromkeys(zip(table["corpus"], table["config"], strict=True)) for table in (first, second))
    return [key for key in own if key in other]


def _align(
    first: System, second: System, key: tuple[str, str], splits: Sequence[str]
) -> tuple[np.ndarray, list[np.ndarray], list[str], list[str]] | None:
    """Labels, both scores, patients and names of the conditions that both systems scored of one set."""
    tables = []
    for system in (first, second):
        is_own = (system.table["corpus"] == key[0]) & (system.table["config"] == key[1])
        rows = system.table[is_own & system.table["split"].isin(splits)].set_index("record_id")
        tables.append(rows.dropna(axis=1, how="all"))
    records = [record_id for record_id in tables[0].index if record_id in tables[1].index]
    names = [
        column.removeprefix(SCORE)
        for column in tables[0]
        if column.startswith(SCORE) and column in tables[1] and LABEL + column.removeprefix(SCORE) in tables[0]
    ]
    if not records or not names:
        return None
    own, other = (table.loc[records] for table in tables)
    labels = [
        table.reindex(columns=[LABEL + name for name in names]).astype("Float64").to_numpy(float, na_value=np.nan)
        for table in (own, other)
    ]
    differing = np.argwhere((labels[0] != labels[1]) & ~(np.isnan(labels[0]) | np.isnan(labels[1])))
    if len(differing):
        record, condition = differing[0]
        raise ValueError(
            f"{'/'.join(key)}: {first.name} and {second.name} disagree whether {names[condition]} is true of record"
            f" {records[record]}. Evaluate both under one protocol."
        )
    scores = [table[[SCORE + name for name in names]].to_numpy(dtype=np.float64) for table in (own, other)]
    return labels[0], scores, own["patient_id"].tolist(), names


def format_comparison(report: dict[str, Any]) -> str:
    """The differences for people.

    Args:
        report (`dict`):
            What [`compare_all`] gives.

    Returns:
        `str`: Lines that end in a line break.
    """
    protocol = report["protocol"] or "not stated"
    lines = [f"Macro AUROC less that of {report['reference']} (protocol: {protocol}), same patients drawn for both"]
    for system in report["systems"]:
        rows = [["set", "records", "conditions", "reference", "system", "difference", "95 % interval", "above in"]]
        for name, own in system["sets"].items():
            both = [format_figure(figure) for figure in own["auroc_macro"]]
            rows.append([name, str(own["num_records"]), str(own["num_conditions"]), *both, *_format_gain(own)])
        overall = system["overall"]
        rows.append([f"mean of {overall['num_sets']} sets", "", "", "", "", *_format_gain(overall)])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines.append(f"{system['system']}:")
        lines += [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        ]
    return "\n".join(lines) + "\n"


def _format_gain(own: dict[str, Any]) -> list[str]:
    """Difference, interval, and share of the resamples in which the system is better."""
    difference, interval, share = (own[name] for name in ("difference", "difference_ci95", "share_of_resamples_above"))
    return [
        "-" if difference is None else f"{difference:+.3f}",
        " to ".join(f"{bound:+.3f}" for bound in interval) if interval else "-",
        "-" if share is None else f"{100 * share:.0f} %",
    ]
