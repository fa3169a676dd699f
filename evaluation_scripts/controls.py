"""What scores reach that do not know the name of a condition: the controls beside every figure that is not seen.

A condition that training never named can be ranked well without understanding its name: whatever is abnormal differs
from whatever is normal. Its figures therefore stand beside those of two controls that do not know the name, and all of
them are repeated among the records that are not labelled normal. The best control of a condition is its null line:
what no language is needed for. A condition counts as understood where its query beats that line among the non-normal
records by more than the resampling of patients explains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from datasets_scripts.terminology.findings import NORMAL_FINDING

from . import metrics
from .conditions import Condition
from .prediction_table import Predictions


CONTROLS = ("normal_ecg", "random_queries")
IS_NORMAL = "is_normal"  # a column of records: whether the corpus calls the whole record normal
NUM_RANDOM_DRAWS = 8  # one draw of a random query is a matter of luck; their mean is a control


def random_queries(query_embeds: torch.Tensor, num_queries: int, *, seed: int) -> torch.Tensor:
    """Vectors without meaning that look like queries: normal, with the mean and spread of each dimension.

    Args:
        query_embeds (`torch.Tensor` of shape `(num_text_queries, text_hidden_size)`):
            Embedded queries to look like.
        num_queries (`int`):
            Number of vectors.
        seed (`int`):
            Seed of the vectors, which are the same on every device.

    Returns:
        `torch.Tensor` of shape `(num_queries, text_hidden_size)`.
    """
    noise = torch.randn(num_queries, query_embeds.shape[1], generator=torch.Generator().manual_seed(seed))
    spread = query_embeds.std(dim=0, correction=0)
    return query_embeds.mean(dim=0) + noise.to(query_embeds) * spread


def find_non_normal(predictions: Predictions, conditions: Sequence[Condition]) -> np.ndarray | None:
    """Records that are known not to be normal.

    Args:
        predictions ([`Predictions`]):
            Labels; a column `is_normal` of its records goes before them, for sets that do not ask for the normal ECG.
        conditions (`Sequence[Condition]`):
            The columns of the labels.

    Returns:
        `np.ndarray` of shape `(num_records,)`, boolean; `None` if nothing says which records are normal.
    """
    if IS_NORMAL in predictions.records:
        return ~predictions.records[IS_NORMAL].to_numpy(dtype=bool)
    normal = [index for index, condition in enumerate(conditions) if condition.finding == NORMAL_FINDING]
    return (predictions.labels[:, normal] == 0).all(axis=1) if normal else None


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
        """Compare some conditions among some records.

        Args:
            predictions ([`Predictions`]):
                Scores, controls and labels of all records.
            records (`np.ndarray` of shape `(num_records,)`, boolean, *optional*):
                The records to compare among.
            members (`np.ndarray` of shape `(num_conditions,)`, boolean):
                The conditions to compare; the others have no figures.
            measure (`Callable`):
                [`score_conditions`] with the options of the bootstrap.

        Returns:
            [`Comparison`], or `None` if there are no records or no conditions.
        """
        if records is None or not records.any() or not members.any():
            return None
        labels = np.where(members, predictions.labels, np.nan)[records]  # what is unknown costs no time
        patient_ids = predictions.records["patient_id"][records].tolist()
        named = measure(predictions.scores[records], labels, patient_ids=patient_ids)
        controls = {}
        for name, control in predictions.controls.items():
            draws = control.reshape(-1, *predictions.scores.shape)
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

    def understand(self, index: int) -> dict[str, Any]:
        """Whether the query of a condition beats its best control by more than chance.

        Args:
            index (`int`):
                Position of the condition.

        Returns:
            `dict`: `best_control`, the control with the highest AUROC; `margin`, the AUROC of the query less that of
            this control; `margin_ci95`, by the same patients for both; and `understood`, whether its lower bound is
            above 0. All are `None` where they are not defined.
        """
        best = self._best_control(index)
        if best is None:
            return dict.fromkeys(("best_control", "margin", "margin_ci95", "understood"))
        control = self.controls[best]
        interval = metrics.percentile_interval(
            self.named.auroc_resamples[:, index] - control.auroc_resamples[:, index]
        )
        return {
            "best_control": best,
            "margin": metrics.number_or_none(self.named.auroc[index] - control.auroc[index]),
            "margin_ci95": interval,
            "understood": None if interval is None else interval[0] > 0,
        }

    def _best_control(self, index: int) -> str | None:
        """Name of the control that ranks a condition best; `None` where the condition has no AUROC, or no control."""
        if np.isnan(self.named.auroc[index]) or not self.controls:
            return None
        return max(self.controls, key=lambda name: self.controls[name].auroc[index])

    def null_line(self, included: np.ndarray) -> dict[str, Any]:
        """Macro AUROC of the best control of each condition, with its interval: what no language is needed for."""
        best = {index: self._best_control(index) for index in np.flatnonzero(included).tolist()}
        rows = [(index, self.controls[name]) for index, name in best.items() if name is not None]
        if not rows:
            return {"auroc_macro": None, "auroc_macro_ci95": None}
        resamples = np.stack([control.auroc_resamples[:, index] for index, control in rows], axis=1)
        return {
            "auroc_macro": metrics.mean_or_none(np.array([control.auroc[index] for index, control in rows])),
            "auroc_macro_ci95": metrics.percentile_interval(metrics.nanmean_of_rows(resamples)),
        }

    def macro(self, included: np.ndarray) -> dict[str, Any]:
        """Macro AUROC of the conditions compared, of their controls and of the null line, with intervals.

        Args:
            included (`np.ndarray` of shape `(num_conditions,)`, boolean):
                Conditions that are averaged where they were compared.
        """
        rows = {"named": self.named, **self.controls}
        macros = {name: figures.macro(included) for name, figures in rows.items()}
        for macro in macros.values():
            macro.pop("auprc_macro")
        return {
            "num_records": self.num_records,
            "num_conditions": int((included & ~np.isnan(self.named.auroc)).sum()),
            **macros.pop("named"),
            "controls": macros,
            "null": self.null_line(included),
        }
