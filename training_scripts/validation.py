"""The figures of a validation, and which of two is better."""

from collections.abc import Sequence
from typing import Any

import torch

from evaluation_scripts import metrics
from modeling_supreme.losses import multilabel_loss


def score_validation(logits: torch.Tensor, targets: torch.Tensor, findings: Sequence[str]) -> dict[str, Any]:
    """Loss, macro AUROC, and the AUROC of every finding that has records of both kinds."""
    # Uncertain findings are neither positive nor negative: they take no part in the AUROC.
    certain = torch.where((targets == 0) | (targets == 1), targets, torch.nan)
    scores = metrics.score_conditions(logits.double().numpy(), certain.numpy(), num_bootstrap_samples=0)
    return {
        "validation_loss": multilabel_loss(logits, targets).item(),
        "validation_auroc_macro": metrics.mean_or_none(scores.auroc),
        "auroc": {
            finding: float(auroc) for finding, auroc in zip(findings, scores.auroc, strict=True) if auroc == auroc
        },
    }


def summarize_validation(figures: dict[str, Any]) -> dict[str, Any]:
    """The figures of a validation without those of single findings."""
    summary = {name: value for name, value in figures.items() if name != "auroc"}
    return {**summary, "num_validated_findings": len(figures["auroc"])}


def is_better(value: float | None, best: float | None, name: str) -> bool:
    """Whether a figure is better than the best so far; a loss is better if it is lower."""
    if value is None or best is None:
        return value is not None
    return value < best if name == "validation_loss" else value > best


def format_figure(value: float | None) -> str:
    """Three decimals, or "undefined" where there is no figure."""
    return metrics.format_figure(value, missing="undefined")
