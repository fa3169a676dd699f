"""All figures of one set: ranking and controls, and what needs a validation split or probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from evaluation_scripts.conditions import Condition
from evaluation_scripts.decision_figures.average_precision import bootstrap_average_precision, pool_conditions
from evaluation_scripts.decision_figures.calibration import expected_calibration_error, reliability_bins
from evaluation_scripts.decision_figures.thresholds import DECISIONS, Decisions, apply_thresholds, choose_thresholds
from evaluation_scripts.metrics import mean_or_none, nanmean_of_rows, number_or_none, percentile_interval
from evaluation_scripts.prediction_table import Predictions
from evaluation_scripts.results import compile_result


def select_records(predictions: Predictions, rows: np.ndarray) -> Predictions:
    """The records at some places; `rows` is a mask of shape `(num_records,)`."""
    return replace(
        predictions,
        records=predictions.records[rows].reset_index(drop=True),
        labels=predictions.labels[rows],
        scores=predictions.scores[rows],
        controls={name: control[..., rows, :] for name, control in predictions.controls.items()},
        measured={},
    )


def compile_set(
    predictions: Predictions,
    conditions: Sequence[Condition],
    *,
    splits: Sequence[str],
    protocol: str,
    min_positives: int = 1,
    num_bootstrap_samples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """All figures of one set, ready for a JSON file.

    Args:
        predictions ([`Predictions`]):
            Scores and labels of the records tested, and of those of validation if there are any.
        conditions (`Sequence[Condition]`):
            The columns of `predictions`.
        splits (`Sequence[str]`):
            The splits that are tested. Records of validation choose the thresholds unless they are tested themselves.
        protocol (`str`):
            Name of the protocol.
        min_positives (`int`, *optional*):
            Conditions with fewer positive records are listed, not averaged.
        num_bootstrap_samples (`int`, *optional*):
            Resamples of the intervals; 0 for none.
        seed (`int`, *optional*):
            Seed of the resamples.

    Returns:
        `dict`: What [`compile_result`] gives; `protocol`; `num_validation_records`; `auroc_micro`, `auprc_micro` (each
        with `..._ci95`); over the averaged conditions `auprc_macro_ci95`, `f1_macro`, `sensitivity_macro` and
        `specificity_macro` (each with `..._ci95`) and `ece_macro`; `reliability`, of all conditions together; and in
        each entry of `conditions` `auprc_ci95`, `threshold`, `f1`, `sensitivity`, `specificity` (each with
        `..._ci95`) and `ece`.
    """
    split_of = predictions.records["split"]
    tested = select_records(predictions, split_of.isin(splits).to_numpy())
    is_validation = (split_of == "validation").to_numpy() & ("validation" not in splits)
    validation = select_records(predictions, is_validation)
    options: dict[str, Any] = {"num_bootstrap_samples": num_bootstrap_samples, "seed": seed}
    result = compile_result(tested, conditions, min_positives=min_positives, **options)
    entries = result.pop("conditions")
    patients = tested.records["patient_id"].tolist()
    thresholds = choose_thresholds(validation.scores, validation.labels)
    decisions = apply_thresholds(tested.scores, tested.labels, thresholds, patient_ids=patients, **options)
    precision = bootstrap_average_precision(tested.scores, tested.labels, patient_ids=patients, **options)
    errors = _calibrate(tested)
    for index, entry in enumerate(entries):
        entry["auprc_ci95"] = percentile_interval(precision[:, index])
        entry["threshold"] = number_or_none(thresholds[index])
        for name in DECISIONS:
            entry[name] = number_or_none(decisions.figures[name][index])
            entry[f"{name}_ci95"] = percentile_interval(decisions.resamples[name][:, index])
        entry["ece"] = errors[index]
    included = np.array([entry["is_averaged"] for entry in entries], dtype=bool)
    return {
        "protocol": protocol,
        **result,
        "num_validation_records": int(is_validation.sum()),
        "auprc_macro_ci95": percentile_interval(nanmean_of_rows(precision[:, included])),
        **pool_conditions(tested.scores[:, included], tested.labels[:, included], patient_ids=patients, **options),
        **_average_decisions(decisions, included),
        "ece_macro": _mean([error for error, counts in zip(errors, included, strict=True) if counts]),
        "reliability": _pool_reliability(tested, included),
        "conditions": entries,
    }


def are_probabilities(scores: np.ndarray) -> bool:
    """Whether all scores lie between 0 and 1."""
    return bool(scores.size) and bool((scores >= 0).all() and (scores <= 1).all())


def _calibrate(tested: Predictions) -> list[float | None]:
    """Expected calibration error of every condition; none of scores that are no probabilities."""
    pairs = zip(tested.scores.T, tested.labels.T, strict=True)
    return [expected_calibration_error(*pair) if are_probabilities(pair[0]) else None for pair in pairs]


def _pool_reliability(tested: Predictions, included: np.ndarray) -> list[dict[str, Any]] | None:
    """Reliability of all averaged conditions together; `None` for scores that are no probabilities."""
    scores = tested.scores[:, included]
    return reliability_bins(scores.ravel(), tested.labels[:, included].ravel()) if are_probabilities(scores) else None


def _average_decisions(decisions: Decisions, included: np.ndarray) -> dict[str, Any]:
    """Means of the decisions over the averaged conditions that have a threshold."""
    averages: dict[str, Any] = {}
    for name in DECISIONS:
        averages[f"{name}_macro"] = mean_or_none(decisions.figures[name][included])
        averages[f"{name}_macro_ci95"] = percentile_interval(nanmean_of_rows(decisions.resamples[name][:, included]))
    return averages


def _mean(values: Sequence[float | None]) -> float | None:
    """Mean of what is known."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def flatten_conditions(results: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row per condition of all sets, without nested figures: the table conditions.csv.

    Args:
        results (`Mapping[str, Mapping]`):
            What [`compile_set`] gives, by "corpus/configuration/split".
    """
    rows = []
    for name, result in results.items():
        for entry in result["conditions"]:
            row = {"set": name, "protocol": result.get("protocol")}
            for key, value in entry.items():
                if key == "controls":
                    row |= {f"control_{control}": figure for control, figure in (value or {}).items()}
                elif key == "baselines":
                    row |= {f"auroc_of_{baseline}": figure for baseline, figure in value.items()}
                elif key == "wordings":
                    row |= {f"auroc_by_{wording}": figure for wording, figure in value.items()}
                elif key == "among_non_normal":
                    row |= _flatten_non_normal(value or {})
                elif isinstance(value, list):
                    row |= {f"{key}_low": value[0], f"{key}_high": value[1]}
                else:
                    row[key] = value
            rows.append(row)
    return rows


def _flatten_non_normal(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures among non-normal records, under names of their own."""
    row = {f"non_normal_{key}": figures.get(key) for key in ("auroc", "num_positives", "num_records", "margin")}
    low, high = figures.get("margin_ci95") or (None, None)
    return {**row, "margin_low": low, "margin_high": high, "understood": figures.get("understood")}
