"""Passes over records that are told apart by their voltages, without a model."""

import numpy as np
import torch
from accelerate import Accelerator
from datasets import Dataset

from datasets_scripts.collator import StripCollator
from evaluation_scripts.passes.records_pass import pass_over


class Means(StripCollator):
    """Batches of the mean voltage of each row."""

    columns = ("record_id", "signal")

    def __init__(self):
        super().__init__(feature_extractor=None)

    def __call__(self, rows):
        return {"mean": torch.tensor([[float(row["signal"].mean())] for row in rows])}


def make_rows(num_records=10, num_samples=2):
    """Records whose voltages are their number."""
    signals = [np.full((12, num_samples), number, dtype=np.int16) for number in range(num_records)]
    return Dataset.from_dict({"record_id": [f"r{number}" for number in range(num_records)], "signal": signals})


def double(batch):
    """What a pass computes of a batch."""
    return {"doubled": 2 * batch["mean"]}


def run(rows, compute=double, *, kept_dir=None, depends_on="weights", batch_size=3):
    """A pass in batches of three; returns what it computed."""
    return pass_over(
        rows,
        compute,
        collator=Means(),
        accelerator=Accelerator(cpu=True),
        batch_size=batch_size,
        kept_dir=kept_dir,
        depends_on=depends_on,
    )
