"""Rows of a corpus as batches of the model's inputs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from datasets import Dataset

from modeling_supreme.ecg_files import recording_from_row

from .training_labels import LabelSource


SIGNAL_COLUMNS = ("record_id", "signal", "lead_mask", "num_samples")


class StripCollator:
    """Turns rows of a corpus into a batch of the model's inputs.

    Args:
        feature_extractor (`SupremeEcgFeatureExtractor`):
            The checkpoint's own: it knows lead order, sampling rate, length and scaling.
        labels (`LabelSource`, *optional*):
            Where `labels`, `(batch_size, num_findings)`, come from; left out where there is none.
    """

    def __init__(self, feature_extractor: Any, labels: LabelSource | None = None) -> None:
        self.feature_extractor = feature_extractor
        self.labels = labels

    @property
    def columns(self) -> list[str]:
        """Columns of the corpus that a batch is made from."""
        return list(dict.fromkeys([*SIGNAL_COLUMNS, *(self.labels.columns if self.labels else ())]))

    def select(self, dataset: Dataset) -> Dataset:
        """The columns of a corpus that a batch is made from, as arrays; `int16` microvolts stay what they are."""
        return dataset.select_columns(self.columns).with_format("numpy", dtype=np.int16)

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Return `signal`, `lead_mask`, `sample_mask` and perhaps `labels`, each with one row per record."""
        features = [self._extract(row) for row in rows]
        batch = {name: torch.from_numpy(np.concatenate([part[name] for part in features])) for name in features[0]}
        if self.labels is not None:
            columns = {name: [row[name] for row in rows] for name in self.labels.columns}
            batch["labels"] = torch.from_numpy(self.labels.targets(columns))
        return batch

    def _extract(self, row: dict[str, Any]) -> Any:
        """One record: what was not recorded, in leads or in time, is not handed on."""
        recording = recording_from_row(row)
        return self.feature_extractor(
            recording.strip,
            sampling_rate=recording.sampling_rate,
            leads=recording.leads,
            record_id=str(row["record_id"]),
            return_tensors="np",
        )
