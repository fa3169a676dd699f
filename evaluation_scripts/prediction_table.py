"""Scores of every record beside what is true, as a checkpoint left them and as `predictions.parquet` holds them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .conditions import Condition


@dataclass(frozen=True)
class Predictions:
    """Scores of one pass over a corpus, beside what is true.

    Args:
        records (`pd.DataFrame` of `num_records` rows):
            `record_id`, `patient_id`, `corpus`, `config` and `split`.
        labels (`np.ndarray` of shape `(num_records, num_conditions)`):
            1 positive, 0 negative, NaN unknown.
        scores (`np.ndarray` of shape `(num_records, num_conditions)`):
            Probability of presence.
        controls (`dict[str, np.ndarray]`):
            Scores that know nothing of the condition's name, by the names of `CONTROLS`: of the same shape, or
            several draws of it, `(num_draws, num_records, num_conditions)`, whose figures are averaged.
    """

    records: pd.DataFrame
    labels: np.ndarray
    scores: np.ndarray
    controls: dict[str, np.ndarray]


def locate_records(
    records: pd.DataFrame, *, corpus: str, config_name: str, split: str | Sequence[str]
) -> pd.DataFrame:
    """Say of every record where it comes from; a record whose patient is not known is a patient of its own.

    Args:
        records (`pd.DataFrame` of `num_records` rows):
            `record_id` and `patient_id`, the latter missing where the corpus does not know it.
        corpus (`str`):
            Name of the corpus.
        config_name (`str`):
            Its configuration.
        split (`str` or `Sequence[str]`, one per record):
            The split of all records, or of each.

    Returns:
        `pd.DataFrame` of `num_records` rows: The `records` of [`Predictions`].
    """
    patient_ids = records["patient_id"].fillna("record " + records["record_id"])
    return records.assign(patient_id=patient_ids, corpus=corpus, config=config_name, split=split)


def tabulate_predictions(predictions: Predictions, conditions: Sequence[Condition]) -> pd.DataFrame:
    """One row per record: where it comes from, and per label `score_<label>` and `label_<label>`."""
    columns = {}
    for index, condition in enumerate(conditions):
        columns[f"score_{condition.label}"] = predictions.scores[:, index]
        columns[f"label_{condition.label}"] = pd.array(predictions.labels[:, index], dtype="Int8")
    return pd.concat([predictions.records, pd.DataFrame(columns)], axis=1)
