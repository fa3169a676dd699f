"""AUROC and AUPRC of many conditions with a bootstrap interval, for the Hugging Face `evaluate` library.

`evaluate.load("metrics/multilabel_auroc")` in a clone of the repository, or the path of a copy of this folder where
`modeling-supreme` is installed. The loader copies this file alone and reads its import lines literally: one module
per line, and after `From:` what `pip` installs.
"""

from collections.abc import Sequence
from typing import Any

import datasets
import numpy as np

import evaluate
from evaluation_scripts.metrics import zero_shot_metrics  # From: modeling-supreme


_DESCRIPTION = """
Ranks records per condition: AUROC and AUPRC of every condition, their macro averages over the conditions that have
both positive and negative records, and a 95 % bootstrap interval of the macro AUROC.
"""

_INPUTS_DESCRIPTION = """
Args:
    predictions (sequences of floats, one per record): Score of every condition; only the order of records counts.
    references (sequences of floats, one per record): 1 positive, 0 negative, NaN unknown, in the same order.
    label_names (sequence of strings, optional): Names of the conditions. Defaults to their positions.
    patient_ids (sequence, optional): Patient of every record; the bootstrap draws patients. Defaults to records.
    min_positives (int): Conditions with fewer positive records are listed, not averaged.
    num_bootstrap_samples (int): Resamples of the interval; 0 for no interval.
    seed (int): Seed of the resamples.
Returns:
    auroc_macro, auroc_macro_ci95 ([low, high]), auprc_macro, auroc_<label name>, num_records, num_conditions,
    skipped_conditions (name: reason). A figure that is not defined is None.
Examples:
    >>> metric = evaluate.load("metrics/multilabel_auroc")  # doctest: +SKIP
    >>> metric.compute(predictions=[[0.1], [0.8], [0.4]], references=[[0], [1], [0]])["auroc_macro"]  # doctest: +SKIP
    1.0
"""

_CITATION = """
@article{hanley1982meaning,
  title = {The meaning and use of the area under a receiver operating characteristic ({ROC}) curve},
  author = {Hanley, James A. and McNeil, Barbara J.},
  journal = {Radiology}, volume = {143}, number = {1}, pages = {29--36}, year = {1982}
}
"""


class MultilabelAuroc(evaluate.Metric):  # pyright: ignore[reportAttributeAccessIssue] - it sees the script evaluate.py
    """The figures of [`zero_shot_metrics`] as a metric of the `evaluate` library."""

    def _info(self) -> Any:
        row = datasets.Sequence(datasets.Value("float64"))
        return evaluate.MetricInfo(  # pyright: ignore[reportAttributeAccessIssue]
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_INPUTS_DESCRIPTION,
            features=datasets.Features({"predictions": row, "references": row}),
        )

    def _compute(
        self, *, predictions: Sequence[Sequence[float]], references: Sequence[Sequence[float]], **options: Any
    ) -> dict[str, object]:
        return zero_shot_metrics(np.array(predictions), np.array(references), **options)
