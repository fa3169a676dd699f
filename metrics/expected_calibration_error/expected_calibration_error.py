"""Expected calibration error of many conditions, for the Hugging Face `evaluate` library.

`evaluate.load("metrics/expected_calibration_error")` in a clone of the repository, or the path of a copy of this
folder where `modeling-supreme` is installed. The loader copies this file alone and reads its import lines literally:
one module per line, and after `From:` what `pip` installs.
"""

from collections.abc import Sequence
from typing import Any

import datasets
import numpy as np

import evaluate
from evaluation_scripts.decision_figures.calibration import multilabel_calibration  # From: modeling-supreme


_DESCRIPTION = """
Whether scores are probabilities: per condition the mean distance between score and share of positives over bins of
equal width, each bin counted by its records, and the mean over conditions.
"""

_INPUTS_DESCRIPTION = """
Args:
    predictions (sequences of floats, one per record): Probability of every condition.
    references (sequences of floats, one per record): 1 positive, 0 negative, NaN unknown, in the same order.
    label_names (sequence of strings, optional): Names of the conditions. Defaults to their positions.
    num_bins (int): Bins of equal width between 0 and 1.
Returns:
    ece_macro, ece_<label name>, num_records, num_conditions. A figure that is not defined is None.
Examples:
    >>> metric = evaluate.load("metrics/expected_calibration_error")  # doctest: +SKIP
    >>> metric.compute(predictions=[[0.75], [0.75]], references=[[1], [0]])["ece_macro"]  # doctest: +SKIP
    0.25
"""

_CITATION = """
@inproceedings{guo2017calibration,
  title = {On calibration of modern neural networks},
  author = {Guo, Chuan and Pleiss, Geoff and Sun, Yu and Weinberger, Kilian Q.},
  booktitle = {International Conference on Machine Learning}, year = {2017}
}
"""


class ExpectedCalibrationError(evaluate.Metric):  # pyright: ignore[reportAttributeAccessIssue] - sees our script
    """The figures of [`multilabel_calibration`] as a metric of the `evaluate` library."""

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
        return multilabel_calibration(np.array(predictions), np.array(references), **options)
