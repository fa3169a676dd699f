"""Difference in macro AUROC of two systems with a paired bootstrap, for the Hugging Face `evaluate` library.

`evaluate.load("metrics/paired_bootstrap")` in a clone of the repository, or the path of a copy of this folder where
`modeling-supreme` is installed. The loader copies this file alone and reads its import lines literally: one module
per line, and after `From:` what `pip` installs.
"""

from collections.abc import Sequence
from typing import Any

import datasets
import numpy as np

import evaluate
from evaluation_scripts.decision_figures.paired import compare_systems  # From: modeling-supreme


_DESCRIPTION = """
By how much one system ranks records better than another: the difference of their macro AUROC with a 95 % interval, for
which the same patients are drawn for both.
"""

_INPUTS_DESCRIPTION = """
Args:
    predictions (sequences of floats, one per record): Score of every condition by the system in question.
    baselines (sequences of floats, one per record): The same by the system that it is compared with.
    references (sequences of floats, one per record): 1 positive, 0 negative, NaN unknown, in the same order.
    patient_ids (sequence, optional): Patient of every record; the bootstrap draws patients. Defaults to records.
    num_bootstrap_samples (int): Resamples of the intervals; 0 for none.
    seed (int): Seed of the resamples.
Returns:
    auroc_macro ([baseline, system]), difference, difference_ci95 ([low, high]), share_of_resamples_above,
    num_conditions, and per condition differences and differences_ci95. A figure that is not defined is None.
Examples:
    >>> metric = evaluate.load("metrics/paired_bootstrap")  # doctest: +SKIP
    >>> scores = [[0.1], [0.8], [0.4]]
    >>> metric.compute(predictions=scores, baselines=[[0.5]] * 3, references=[[0], [1], [0]])  # doctest: +SKIP
    {"auroc_macro": [0.5, 1.0], "difference": 0.5, ...}
"""

_CITATION = """
@book{efron1993bootstrap,
  title = {An introduction to the bootstrap}, author = {Efron, Bradley and Tibshirani, Robert J.},
  publisher = {Chapman and Hall}, year = {1993}
}
"""


class PairedBootstrap(evaluate.Metric):  # pyright: ignore[reportAttributeAccessIssue] - it sees the script evaluate.py
    """The figures of [`compare_systems`] as a metric of the `evaluate` library."""

    def _info(self) -> Any:
        row = datasets.Sequence(datasets.Value("float64"))
        return evaluate.MetricInfo(  # pyright: ignore[reportAttributeAccessIssue]
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_INPUTS_DESCRIPTION,
            features=datasets.Features({"predictions": row, "baselines": row, "references": row}),
        )

    def _compute(
        self,
        *,
        predictions: Sequence[Sequence[float]],
        baselines: Sequence[Sequence[float]],
        references: Sequence[Sequence[float]],
        **options: Any,
    ) -> dict[str, object]:
        return compare_systems(np.array(baselines), np.array(predictions), np.array(references), **options)
