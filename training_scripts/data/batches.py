"""Batches of training and validation records, of one corpus or a mixture, made ahead of the model by workers."""

import signal
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from typing import Any, cast

import numpy as np
import torch
from accelerate import Accelerator
from datasets import Dataset
from threadpoolctl import threadpool_limits
from torch.utils.data import DataLoader

from datasets_scripts.collator import StripCollator, choose_columns
from training_scripts.arguments import TrainArguments
from training_scripts.steps import RowCollator, TrainingBatch

from .label import MixedLabels
from .measure import MEASUREMENTS_COLUMN, MeasurementTargets
from .record_order import ProcessBatches, RecordOrder, split_step
from .records import Records
from .simulated_records import SimulatedRecords
from .streaming import RecordShards, RecordStream


@dataclass(frozen=True)
class LoaderSettings:
    """How batches are made, and which process of how many makes them."""

    batch_size: int
    eval_batch_size: int
    num_accumulated: int = 1
    num_processes: int = 1
    process_index: int = 0
    num_workers: int = 0
    prefetch_factor: int = 2
    do_pin_memory: bool = False
    shuffle_buffer_size: int = 2048
    seed: int = 0

    @classmethod
    def of_run(cls, arguments: TrainArguments, accelerator: Accelerator) -> "LoaderSettings":
        """What the arguments and the processes of a run make of them."""
        return cls(
            batch_size=arguments.per_device_train_batch_size,
            eval_batch_size=arguments.per_device_eval_batch_size,
            num_accumulated=arguments.gradient_accumulation_steps,
            num_processes=accelerator.num_processes,
            process_index=accelerator.process_index,
            num_workers=arguments.dataloader_num_workers,
            prefetch_factor=arguments.dataloader_prefetch_factor,
            do_pin_memory=accelerator.device.type == "cuda",
            shuffle_buffer_size=arguments.shuffle_buffer_size,
            seed=arguments.seed,
        )

    @property
    def step_size(self) -> int:
        """Records of a step, those of all processes together."""
        return self.batch_size * self.num_processes * self.num_accumulated

    def loader_options(self) -> dict[str, Any]:
        """Keywords of a `DataLoader`."""
        # Its own source: a loader draws a number, which must not shift the dropout of a resumed run.
        generator = torch.Generator().manual_seed(self.seed)
        options = {"num_workers": self.num_workers, "pin_memory": self.do_pin_memory, "generator": generator}
        if self.num_workers:
            options |= {"prefetch_factor": self.prefetch_factor, "worker_init_fn": start_loader}
        return options


def start_loader(worker_id: int) -> None:
    """Leave it to the run, which saves its state first, to end its workers: a SIGTERM often goes to all processes.

    A worker computes on one core, as PyTorch sees to for itself: the threads of BLAS would only wait, and wait busily.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threadpool_limits(1, user_api="blas")


class LabelledStrips:
    """The inputs of objectives that learn findings of strips.

    Args:
        feature_extractor (`SupremeEcgFeatureExtractor`):
            The checkpoint's own.
        labels (`MixedLabels`):
            Targets of the rows of every corpus.
        measurements (`MeasurementTargets`, *optional*):
            Numbers of the rows of every corpus, where they are learnt.
    """

    def __init__(
        self, feature_extractor: Any, labels: MixedLabels, measurements: MeasurementTargets | None = None
    ) -> None:
        self.strips = StripCollator(feature_extractor)
        self.labels, self.measurements = labels, measurements

    def columns(self, corpus: int) -> list[str]:
        """Columns of a corpus that a batch is made from."""
        measured = self.measurements.columns(corpus) if self.measurements else ()
        return list(dict.fromkeys([*self.strips.columns, *self.labels.sources[corpus].columns, *measured]))

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """What [`StripCollator`] returns, and one row per record of what is learnt.

        These are `labels (num_rows, num_findings)` and, where numbers are learnt, `measurements` and `measurable`,
        both `(num_rows, num_measurements)`.
        """
        corpora = [row.get("corpus", 0) for row in rows]
        inputs = {**self.strips(rows), "labels": torch.from_numpy(self.labels.targets(rows, corpora))}
        if self.measurements:
            targets = self.measurements.targets(rows, corpora)
            inputs |= {name: torch.from_numpy(values) for name, values in targets._asdict().items()}
        return inputs


@dataclass(frozen=True)
class BatchMaker:
    """Rows of a loader as a batch, in a worker."""

    collator: RowCollator

    def __call__(self, rows: Sequence[dict[str, Any]]) -> TrainingBatch:
        """A batch of the rows, in their order."""
        record_ids = tuple(str(row["record_id"]) for row in rows)
        return TrainingBatch(self.collator(rows), record_ids, positions=torch.arange(len(rows)))


class MixedRecords:
    """Rows of several corpora, each asked for by the number of its corpus and its index there."""

    def __init__(self, corpora: Sequence[Dataset | SimulatedRecords]) -> None:
        self.corpora = list(corpora)

    def __getitems__(self, keys: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = [{}] * len(keys)
        for corpus in sorted({corpus for corpus, _ in keys}):
            places = [place for place, (other, _) in enumerate(keys) if other == corpus]
            found = cast(Any, self.corpora[corpus]).__getitems__([keys[place][1] for place in places])
            for place, row in zip(places, found, strict=True):
                rows[place] = {**row, "corpus": corpus}
        return rows


class MappedSteps:
    """Steps over corpora that give a record by its index.

    Args:
        train, validation (`Sequence[Records]` of length `num_corpora`):
            Records of each corpus.
        collator (`RowCollator`):
            What the objective makes of their rows.
        settings (`LoaderSettings`):
            How batches are made.
        weights (`Sequence[float]`, *optional*):
            Share of each corpus in a step.
    """

    def __init__(
        self,
        train: Sequence[Records],
        validation: Sequence[Records],
        collator: RowCollator,
        settings: LoaderSettings,
        *,
        weights: Sequence[float] | None = None,
    ) -> None:
        self.settings, self.collator = settings, collator
        self.order = RecordOrder(
            [len(records) for records in train],
            step_size=settings.step_size,
            weights=weights,
            is_endless=[isinstance(records, SimulatedRecords) for records in train],
            seed=settings.seed,
        )
        self._train, self._validation = list(train), list(validation)

    @property
    def steps_per_epoch(self) -> int:
        """Steps that learn from as many records as all corpora have."""
        return self.order.steps_per_epoch

    @property
    def step_size(self) -> int:
        """Most strips of a step."""
        return self.settings.step_size

    @property
    def num_validation_records(self) -> int:
        """Validation records of all corpora."""
        return sum(map(len, self._validation))

    def state_dict(self) -> dict[str, Any]:
        """What the order of the records depends on."""
        return self.order.state_dict()

    def steps(self, first_step: int) -> Generator[list[TrainingBatch], None, None]:
        """The batches of every step from a step on, without end: workers never pause between epochs."""
        settings = self.settings
        sampler = ProcessBatches(
            self.order,
            first_step,
            batch_size=settings.batch_size,
            num_processes=settings.num_processes,
            process_index=settings.process_index,
        )
        with closing(load_batches(self._train, sampler, self.collator, settings)) as batches:
            for step in count(first_step):
                yield [place_batch(next(batches), positions) for positions in sampler.positions(step)]

    def validation_batches(self) -> Iterator[TrainingBatch]:
        """Every validation record once, in order; each process has as many batches."""
        return pass_once(self._validation, self.collator, self.settings)


class StreamedSteps:
    """Steps over Parquet shards that are read as they are needed.

    Each process reads a stretch of its own: another number of processes gives other steps.

    Args:
        train, validation (`RecordShards`):
            Records of one corpus.
        collator (`RowCollator`):
            What the objective makes of its rows.
        settings (`LoaderSettings`):
            How batches are made.
    """

    def __init__(
        self, train: RecordShards, validation: RecordShards, collator: RowCollator, settings: LoaderSettings
    ) -> None:
        self.settings, self.collator = settings, collator
        self._train = self._stream(train, settings.batch_size, settings.shuffle_buffer_size)
        self._validation = self._stream(validation, settings.eval_batch_size, None)

    @property
    def steps_per_epoch(self) -> int:
        """Steps of a pass over all records."""
        return -(-len(self._train) // self.settings.num_accumulated)

    @property
    def step_size(self) -> int:
        """Most strips of a step."""
        return self.settings.step_size

    @property
    def num_validation_records(self) -> int:
        """Validation records of all processes."""
        return len(self._validation.records)

    def state_dict(self) -> dict[str, Any]:
        """What the order of the records depends on."""
        return {**self._train.state_dict(), "num_accumulated": self.settings.num_accumulated}

    def steps(self, first_step: int) -> Generator[list[TrainingBatch], None, None]:
        """The batches of every step from a step on, without end."""
        num_accumulated = self.settings.num_accumulated
        epoch, step = divmod(first_step, self.steps_per_epoch)
        while True:
            self._train.start_at(epoch=epoch, batch=step * num_accumulated)
            with closing(self._load(self._train)) as batches:
                for first in range(step * num_accumulated, len(self._train), num_accumulated):
                    numbers = range(min(num_accumulated, len(self._train) - first))
                    yield [self._place(next(batches), number) for number in numbers]
            epoch, step = epoch + 1, 0

    def validation_batches(self) -> Iterator[TrainingBatch]:
        """Every validation record once."""
        self._validation.start_at(epoch=0, batch=0)
        return self._load(self._validation)

    def _place(self, batch: TrainingBatch, number: int) -> TrainingBatch:
        """Positions no other batch of the step has."""
        settings = self.settings
        first = (number * settings.num_processes + settings.process_index) * settings.batch_size
        return batch._replace(positions=first + torch.arange(len(batch.record_ids)))

    def _stream(self, records: Any, batch_size: int, shuffle_buffer_size: int | None) -> RecordStream:
        """This process' share of a split."""
        return RecordStream(
            records,
            choose_columns(self.collator.columns(0), records.features),
            batch_size=batch_size,
            num_processes=self.settings.num_processes,
            process_index=self.settings.process_index,
            num_workers=self.settings.num_workers,
            seed=self.settings.seed,
            shuffle_buffer_size=shuffle_buffer_size,
        )

    def _load(self, stream: RecordStream) -> Generator[TrainingBatch, None, None]:
        """The batches of a stream; workers start anew with every pass: only so do they learn where it begins."""
        options = {**self.settings.loader_options(), "collate_fn": BatchMaker(self.collator)}
        return read_loader(DataLoader(stream, batch_size=None, **options))


def pass_once(records: Sequence[Records], collator: RowCollator, settings: LoaderSettings) -> Iterator[TrainingBatch]:
    """Every record of a split, given by corpus, once and in order.

    Each process of the settings has as many batches, perhaps one that counts for nothing.
    """
    keys = [(corpus, index) for corpus, split in enumerate(records) for index in range(len(split))]
    shares = [
        share[settings.process_index]
        for share in split_step(len(keys), batch_size=settings.eval_batch_size, num_processes=settings.num_processes)
    ]
    sampler = [[keys[place] for place in (share if len(share) else [0])] for share in shares]
    for batch, share in zip(load_batches(records, sampler, collator, settings), shares, strict=True):
        yield place_batch(batch, share)


def load_batches(
    records: Sequence[Records], sampler: Any, collator: RowCollator, settings: LoaderSettings
) -> Generator[TrainingBatch, None, None]:
    """Batches of the records that a sampler names by corpus and index."""
    columns = [
        select_arrays(split, choose_columns(collator.columns(corpus), split.column_names))
        if isinstance(split, Dataset)
        else split
        for corpus, split in enumerate(records)
    ]
    options = {**settings.loader_options(), "collate_fn": BatchMaker(collator)}
    return read_loader(DataLoader(cast(Any, MixedRecords(cast(Any, columns))), batch_sampler=sampler, **options))


def read_loader(loader: DataLoader) -> Generator[TrainingBatch, None, None]:
    """The batches of a loader, whose workers end with it, also where an error or a signal ends the run.

    Python ends what an error left over at exit by SIGTERM, which workers do not hear: it would wait for them for ever.
    """
    batches = iter(loader)
    try:
        yield from batches
    finally:
        if loader.num_workers:
            cast(Any, batches)._shutdown_workers()  # torch has no public name for it


def select_arrays(records: Dataset, columns: Sequence[str]) -> Dataset:
    """The columns that batches are made from: `int16` microvolts as they are, other whole numbers as such, too.

    A number that was measured is none: it stays a float.
    """
    whole = [name for name in columns if name != MEASUREMENTS_COLUMN]
    return records.select_columns(list(columns)).with_format(
        "numpy", columns=whole, dtype=np.int16, output_all_columns=len(whole) < len(columns)
    )


def place_batch(batch: TrainingBatch, positions: np.ndarray) -> TrainingBatch:
    """Say where in its step a batch belongs; one without a place of its own counts for nothing.

    Example:
        >>> batch = TrainingBatch({"labels": torch.ones(1, 2)}, ("a",), torch.zeros(1))
        >>> place_batch(batch, np.array([], dtype=int)).record_ids
        ()
    """
    if not len(positions):
        return batch._replace(record_ids=(), positions=torch.zeros(1, dtype=torch.long))
    return batch._replace(positions=torch.from_numpy(positions))


def make_steps(
    train: Sequence[Records],
    validation: Sequence[Records],
    collator: RowCollator,
    settings: LoaderSettings,
    *,
    weights: Sequence[float] | None = None,
) -> MappedSteps | StreamedSteps:
    """Last stop of a training row: steps of batches over the records of each corpus, streamed if they are shards.

    Args:
        train (`Sequence[Records]` of length `num_corpora`):
            Training records of each corpus.
        validation (`Sequence[Records]` of length `num_corpora`):
            Validation records of each corpus.
        collator (`RowCollator`):
            What the objective makes of their rows.
        settings (`LoaderSettings`):
            How batches are made.
        weights (`Sequence[float]` of length `num_corpora`, *optional*):
            Share of each corpus in a step; by default as many as it has records.
    """
    if isinstance(train[0], RecordShards):
        return StreamedSteps(train[0], cast(RecordShards, validation[0]), collator, settings)
    return MappedSteps(train, validation, collator, settings, weights=weights)
