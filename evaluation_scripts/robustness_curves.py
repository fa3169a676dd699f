"""What a checkpoint loses under each disturbance: a curve per condition."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from datasets_scripts.collator import StripCollator
from evaluation_scripts.robustness.disturbances import FAMILIES, Disturbance
from modeling_supreme.recordings import recording_from_row

from .metrics import mean_or_none, number_or_none, score_conditions
from .prediction_table import Predictions


class DisturbedCollator(StripCollator):
    """Batches of recordings that something is wrong with.

    Args:
        feature_extractor (`SupremeEcgFeatureExtractor`):
            The checkpoint's own.
        disturb (`Callable`):
            Makes the disturbed recording of an undisturbed one.
    """

    def __init__(self, feature_extractor: Any, disturb: Disturbance) -> None:
        super().__init__(feature_extractor)
        self.disturb = disturb

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """As [`StripCollator`], of disturbed recordings."""
        recordings = [self.disturb(recording_from_row(row)) for row in rows]
        places = [f"Record {row['record_id']}" for row in rows]
        features = self.feature_extractor.prepare(recordings, places=places, return_tensors="np")
        return {name: torch.from_numpy(value) for name, value in features.items()}


def choose_families(names: Sequence[str]) -> list[str]:
    """The families that `--robustness` names; `all` stands for all of them.

    Raises:
        ValueError: If one is none.
    """
    if "all" in names:
        return list(FAMILIES)
    unknown = [name for name in names if name not in FAMILIES]
    if unknown:
        raise ValueError(f"--robustness knows no {unknown[0]}. Choose among all, {', '.join(FAMILIES)}.")
    return list(names)


def trace_curves(
    names: Sequence[str],
    predict: Callable[[Disturbance], Predictions | None],
    *,
    entries: Sequence[Mapping[str, Any]],
) -> dict[str, list[dict[str, Any]]]:
    """AUROC of every condition at every level of some families.

    Args:
        names (`Sequence[str]`):
            Families.
        predict (`Callable`):
            Scores of the records tested under a disturbance; `None` in a process that compiles nothing.
        entries (`Sequence[Mapping]`):
            The `conditions` of the undisturbed result, of which some are averaged; none in such a process.

    Returns:
        `dict[str, list[dict]]`: By family, from the mildest level to the worst: `level`, `auroc_macro`, and `auroc` by
        condition.
    """
    curves: dict[str, list[dict[str, Any]]] = {}
    labels = [entry["label"] for entry in entries]
    included = np.array([entry["is_averaged"] for entry in entries], dtype=bool)
    for name in names:
        for level in FAMILIES[name]:
            predictions = predict(level.disturb)
            if predictions is None:
                continue
            auroc = score_conditions(predictions.scores, predictions.labels, num_bootstrap_samples=0).auroc
            figures = {label: number_or_none(own) for label, own in zip(labels, auroc, strict=True)}
            entry = {"level": level.name, "auroc_macro": mean_or_none(auroc[included]), "auroc": figures}
            curves.setdefault(name, []).append(entry)
    return curves
