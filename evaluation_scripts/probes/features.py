"""What a probe or a baseline sees of a record: numbers of a fixed length, computed once and kept."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from accelerate import Accelerator
from datasets import Dataset

from datasets_scripts.collator import StripCollator
from evaluation_scripts.arguments import EvaluationArguments
from evaluation_scripts.passes.kept_shards import hash_weights
from evaluation_scripts.passes.records_pass import pass_over
from evaluation_scripts.suites.records import SuiteRecords

from .arguments import DEMOGRAPHICS, INTERVALS, RANDOM
from .intervals import IntervalCollator


PROBE = "probe"  # features of the encoder of the checkpoint
SEXES = ("male", "female")
FEATURES = "features"


@dataclass
class FeatureReader:
    """Reads features of records, each record once for all sets of a corpus.

    Args:
        model (`QueriedModel`), processor (`SupremeProcessor`):
            Whose encoder is probed, and the strips that it reads.
        arguments ([`EvaluationArguments`]):
            Batch size, processes and seed.
        accelerator (`Accelerator`):
            Shares the records among processes.
        kept_dir (`Path`, *optional*):
            Where finished shards are kept.
    """

    model: Any
    processor: Any
    arguments: EvaluationArguments
    accelerator: Accelerator
    kept_dir: Path | None = None
    _known: dict[tuple[str, str], dict[tuple[str, float], np.ndarray]] = field(default_factory=dict)

    def read(self, source: str, records: SuiteRecords) -> np.ndarray:
        """Features of every record, `(num_records, num_features)`, in the order in which the records come first.

        Args:
            source (`str`):
                `"probe"`, `"random"`, `"demographics"` or `"intervals"`.
            records ([`SuiteRecords`]):
                The records; of a long one, the features of its windows are averaged. NaN is what is not known.
        """
        columns = records.rows.select_columns(["record_id", "window_start_s"])[:]
        keys = list(zip(columns["record_id"], columns["window_start_s"], strict=True))
        known = self._known.setdefault((source, records.corpus), {})
        missing = [place for place, key in enumerate(keys) if key not in known]
        if missing:
            values = self._compute(source, records.rows.select(missing), f"{source} of {records.corpus}")
            known |= {keys[place]: own for place, own in zip(missing, values, strict=True)}
        table = pd.DataFrame(np.stack([known[key] for key in keys]))
        return table.groupby(columns["record_id"], sort=False).mean().to_numpy(dtype=np.float64)

    def _compute(self, source: str, rows: Dataset, description: str) -> np.ndarray:
        """Features of every row."""
        if source == DEMOGRAPHICS:
            return read_demographics(rows)
        if source == INTERVALS:
            return self._pass(rows, lambda batch: batch, IntervalCollator(), source, description)
        encoder = self.model.ecg_model if source == PROBE else make_random_encoder(self.model, self.arguments.seed)
        encoder = encoder.to(self.accelerator.device).eval()

        def encode(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            return {FEATURES: encoder(**batch).pooler_output}

        collator = StripCollator(self.processor.feature_extractor)
        return self._pass(rows, encode, collator, hash_weights(encoder), description)

    def _pass(
        self,
        rows: Dataset,
        compute: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]],
        collator: StripCollator,
        depends_on: str,
        description: str,
    ) -> np.ndarray:
        """Features by a pass over the records."""
        return pass_over(
            rows,
            compute,
            collator=collator,
            accelerator=self.accelerator,
            batch_size=self.arguments.per_device_eval_batch_size,
            num_workers=self.arguments.dataloader_num_workers,
            description=description,
            kept_dir=self.kept_dir,
            depends_on=depends_on,
        )[FEATURES]


def make_random_encoder(model: Any, seed: int) -> torch.nn.Module:
    """An encoder like that of a model, with the random weights that a training begins with."""
    encoder_class: Any = type(model.ecg_model)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return encoder_class._from_config(model.config.ecg_config)


def read_demographics(rows: Dataset) -> np.ndarray:
    """Age in years and one column per sex, `(num_rows, 3)`; NaN where the age is not known."""
    columns = rows.select_columns(["age", "sex"])[:]
    age = np.array([np.nan if value is None else value for value in columns["age"]], dtype=np.float64)
    sexes = np.array([[float(value == sex) for sex in SEXES] for value in columns["sex"]]).reshape(-1, len(SEXES))
    return np.column_stack([age, sexes]).astype(np.float32)


SOURCES = {
    PROBE: "linear probe of the checkpoint's encoder",
    RANDOM: "linear probe of the same encoder with random weights",
    DEMOGRAPHICS: "age and sex",
    INTERVALS: "heart rate and intervals by neurokit2",
}
