"""Average precision of many conditions with a bootstrap interval, for the Hugging Face `evaluate` library.

`evaluate.load("metrics/multilabel_auprc")` in a clone of the repository, or the path of a copy of this folder where
`modeling-supreme` is installed. The loader copies this file alone and reads its import lines literally: one module
per line, and after `From:` what `pip` installs.
"""

from collections.abc import Sequence
from typing import Any

import datasets
import numpy as np

import evaluate
from evaluation_scripts.decision_figures.average_precision import multilabel_auprc  # From: modeling-supreme


_DESCRIPTION = """
How precise scores are at every recall: average precision of every condition, its mean over the conditions that have
both positive and negative records with a 95 % bootstrap interval, and the share of positives, which chance reaches.
"""

_INPUTS_DESCRIPTION = """
Args:
    predictions (sequences of floats, one per record): Score of every condition; only the order of records counts.
    references (sequences of floats, one per record): 1 positive, 0 negative, NaN unknown, in the same order.
    label_names (sequence of strings, optional): Names of the conditions. Defaults to their positions.
    patient_ids (sequence, optional): Patient of every record; the bootstrap draws patients. Defaults to records.
    num_bootstrap_samples (int): Resamples of the interval; 0 for no interval.
    seed (int): Seed of the resamples.
Returns:
    auprc_macro, auprc_macro_ci95 ([low, high]), prevalence_macro, auprc_<label name>, num_records, num_conditions. A
    figure that is not defined is None.
Examples:
    >>> metric = evaluate.load("metrics/multilabel_auprc")  # doctest: +SKIP
    >>> metric.compute(predictions=[[0.1], [0.8], [0.4]], references=[[0], [1], [0]])["auprc_macro"]  # doctest: +SKIP
    1.0
"""

_CITATION = """
@article{saito2015precision,
  title = {The precision-recall plot is more informative than the {ROC} plot when evaluating binary classifiers on
           imbalanced datasets},
  author = {Saito, Takaya and Rehmsmeier, Marc},
  journal = {PLOS ONE}, volume = {10}, number = {3}, pages = {e0118432}, year = {2015}
}
"""


class MultilabelAuprc(evaluate.Metric):  # pyright: ignore[reportAttributeAccessIssue] - it sees the script evaluate.py
    """The figures of [`multilabel_auprc`] as a metric of the `evaluate` library."""

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
        return multilabel_auprc(np.array(predictions), np.array(references), **options)
