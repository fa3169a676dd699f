"""Rows of a corpus as batches of the model's inputs."""

from collections.abc import Container, Sequence
from typing import Any

import numpy as np
import torch
from datasets import Dataset

from modeling_supreme.recordings import recording_from_row


# Corpora that were prepared by earlier versions lack it.
OPTIONAL_COLUMNS = ("not_recorded",)


def choose_columns(wanted: Sequence[str], present: Container[str]) -> list[str]:
    """The columns to read: those wanted, without the optional ones that a corpus lacks.

    Example:
        >>> choose_columns(["signal", "not_recorded"], {"signal", "age"})
        ['signal']
    """
    return [name for name in wanted if name not in OPTIONAL_COLUMNS or name in present]


class StripCollator:
    """Turns rows of a corpus into a batch of the model's inputs.

    Args:
        feature_extractor (`SupremeEcgFeatureExtractor`):
            The checkpoint's own: it knows lead order, sampling rate, length and scaling.
    """

    columns = ("record_id", "signal", "lead_mask", "num_samples", "not_recorded")

    def __init__(self, feature_extractor: Any) -> None:
        self.feature_extractor = feature_extractor

    def select(self, dataset: Dataset) -> Dataset:
        """The columns of a corpus that a batch is made from, as arrays; `int16` microvolts stay what they are."""
        columns = choose_columns(self.columns, dataset.column_names)
        return dataset.select_columns(columns).with_format("numpy", dtype=np.int16)

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Return `signal`, `lead_mask`, `sample_mask` and `recorded_mask`, each with one row per record."""
        recordings = [recording_from_row(row) for row in rows]  # what was not recorded is not handed on
        places = [f"Record {row['record_id']}" for row in rows]
        features = self.feature_extractor.prepare(recordings, places=places, return_tensors="np")
        return {name: torch.from_numpy(value) for name, value in features.items()}
