"""Scores of every record beside what is true, as a checkpoint left them and as `predictions.parquet` holds them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from .conditions import Condition
from .measurement_errors import MeasurementPairs


# What a model says of a measurement: the tensors of `SupremeMeasurements`
MEASURED = ("value", "sd", "measurable")


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
        measured (`dict[str, np.ndarray]`, each of shape `(num_records, num_measurements)`):
            `MEASURED` of every measurement of the model; empty where it makes none.
    """

    records: pd.DataFrame
    labels: np.ndarray
    scores: np.ndarray
    controls: dict[str, np.ndarray]
    measured: dict[str, np.ndarray] = field(default_factory=dict)


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


def tabulate_predictions(
    predictions: Predictions, conditions: Sequence[Condition], measured: MeasurementPairs | None = None
) -> pd.DataFrame:
    """One row per record: where it comes from, per label `score_<label>` and `label_<label>`, and what was measured.

    Args:
        predictions ([`Predictions`]):
            Scores and labels of all records.
        conditions (`Sequence[Condition]`):
            The columns of `predictions`.
        measured ([`MeasurementPairs`], *optional*):
            Measurements beside their reference, which become `value_<key>`, `sd_<key>`, `measurable_<key>` and
            `reference_<key>` of each measurement that has a reference.

    Returns:
        `pd.DataFrame` of `num_records` rows.
    """
    columns = {}
    for index, condition in enumerate(conditions):
        columns[f"score_{condition.label}"] = predictions.scores[:, index]
        columns[f"label_{condition.label}"] = pd.array(predictions.labels[:, index], dtype="Int8")
    if measured is not None:
        for column in np.flatnonzero(~np.isnan(measured.reference).all(axis=0)).tolist():
            for name in (*MEASURED, "reference"):
                columns[f"{name}_{measured.keys[column]}"] = getattr(measured, name)[:, column]
    return pd.concat([predictions.records, pd.DataFrame(columns)], axis=1)
