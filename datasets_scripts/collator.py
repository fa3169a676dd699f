"""Rows of a corpus as batches of the model's inputs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from datasets import Dataset

from modeling_supreme.recordings import recording_from_row


class StripCollator:
    """Turns rows of a corpus into a batch of the model's inputs.

    Args:
        feature_extractor (`SupremeEcgFeatureExtractor`):
            The checkpoint's own: it knows lead order, sampling rate, length and scaling.
    """

    columns = ("record_id", "signal", "lead_mask", "num_samples")

    def __init__(self, feature_extractor: Any) -> None:
        self.feature_extractor = feature_extractor

    def select(self, dataset: Dataset) -> Dataset:
        """The columns of a corpus that a batch is made from, as arrays; `int16` microvolts stay what they are."""
        return dataset.select_columns(list(self.columns)).with_format("numpy", dtype=np.int16)

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Return `signal`, `lead_mask` and `sample_mask`, each with one row per record."""
        recordings = [recording_from_row(row) for row in rows]  # what was not recorded is not handed on
        # Rows of the same leads, as nearly all are, go through together: no copy of the batch is made.
        is_uniform = len({recording.leads for recording in recordings}) == 1
        groups = [range(len(rows))] if is_uniform else [[place] for place in range(len(rows))]
        features = [
            self.feature_extractor(
                [recordings[place].strip_mv for place in group],
                sampling_rate=recordings[group[0]].sampling_rate,
                leads=recordings[group[0]].leads,
                record_id=[str(rows[place]["record_id"]) for place in group],
                return_tensors="np",
            )
            for group in groups
        ]
        if is_uniform:
            return {name: torch.from_numpy(value) for name, value in features[0].items()}
        return {name: torch.from_numpy(np.concatenate([part[name] for part in features])) for name in features[0]}
