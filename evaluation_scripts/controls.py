"""What scores reach that do not know the name of a condition: the controls beside every figure that is not seen.

A condition that training never named can be ranked well without understanding its name: whatever is abnormal differs
from whatever is normal. Its figures therefore stand beside those of two controls that do not know the name, and all of
them are repeated among the records that are not labelled normal.
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


def find_non_normal(labels: np.ndarray, conditions: Sequence[Condition]) -> np.ndarray | None:
    """Records that are known not to be normal.

    Args:
        labels (`np.ndarray` of shape `(num_records, num_conditions)`):
            1 positive, 0 negative, NaN unknown.
        conditions (`Sequence[Condition]`):
            The columns of `labels`.

    Returns:
        `np.ndarray` of shape `(num_records,)`, boolean; `None` if no label asks for the normal ECG.
    """
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
        """Macro AUROC of the conditions compared, and of their controls, with intervals.

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
        }
