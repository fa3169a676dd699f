"""Training records read from Parquet shards as they are needed: from a disk, `hf://`, `s3://` or any other of fsspec.

The order of an epoch is decided from row counts alone, before anything is read: row groups in random order, records
shuffled within windows of `shuffle_buffer_size`. Each process, and each of its workers, reads its own stretch of that
order, and a resumed run enters it at the next record.

The streams of `datasets` resume too, but not their shuffle buffer: broken off halfway through 20,000 records with a
buffer of 2,048, one skipped 1,143 records and repeated 119 (benchmarks/resume_streaming.py), and a resumed run would
not end with the weights of an unbroken one. A loader that saves the states of its workers, such as torchdata's, asks
the stream for them.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features
from fsspec.core import url_to_fs
from torch.utils.data import IterableDataset, get_worker_info

from datasets_scripts import BUILDERS
from datasets_scripts.schema import NUM_SAMPLES
from modeling_supreme.leads import STANDARD_LEADS


logger = logging.getLogger(__name__)

OPEN_FILES = 16  # reading the ends of many remote files is waiting, not work


@dataclass(frozen=True)
class ParquetShard:
    """A Parquet file, its footer, which says where the row groups are, and its columns."""

    url: str
    footer: pq.FileMetaData
    features: Features

    @classmethod
    def open(cls, url: str) -> ParquetShard:
        """Read the footer of a file.

        Raises:
            ValueError: If the file is not Parquet.
        """
        fs, path = url_to_fs(url)
        try:
            with fs.open(path, "rb", cache_type="none") as file:
                parquet = pq.ParquetFile(file)
                return cls(url, parquet.metadata, Features.from_arrow_schema(parquet.schema_arrow))
        except pa.ArrowInvalid as error:
            raise ValueError(f"{url}: the shard is not Parquet ({error}). Write or download it again.") from error

    def read(self, row_group: int, columns: Sequence[str]) -> dict[str, Any]:
        """Some columns of a row group, each an array or a list with one entry per row; reads nothing else."""
        # Each process opens the file itself: connections do not survive a fork.
        fs, path = url_to_fs(self.url)
        # Without read-ahead, which would fetch the signals between two columns of labels.
        with fs.open(path, "rb", cache_type="none") as file:
            parquet = pq.ParquetFile(file, metadata=self.footer, pre_buffer=True)
            table = parquet.read_row_group(row_group, columns=list(columns))
        return {name: self._to_numpy(name, table[name].combine_chunks()) for name in columns}

    def _to_numpy(self, name: str, column: Any) -> Any:
        """Values of a column as they are stored: no `int16` becomes an `int64`."""
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks)
        if isinstance(column, pa.ExtensionArray):
            column = column.storage
        if name == "signal":
            values = column.flatten().flatten().to_numpy()
            shape = (len(column), len(STANDARD_LEADS), NUM_SAMPLES)
            if values.dtype != np.int16 or values.size != np.prod(shape):
                raise ValueError(
                    f"{self.url}: `signal` is {column.type} with {values.size} values for {len(column)} records, not"
                    " (12, 5000) int16 each. Write the shard with `python -m datasets_scripts.prepare`."
                )
            return values.reshape(shape)
        if pa.types.is_fixed_size_list(column.type):
            return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)
        if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
            offsets = column.offsets.to_numpy()
            return np.split(column.flatten().to_numpy(zero_copy_only=False), offsets[1:-1] - offsets[0])
        return column.to_numpy(zero_copy_only=False)


@dataclass(frozen=True)
class RecordShards:
    """The records of a split, of which only the places are known.

    Attributes:
        shards (`tuple[ParquetShard, ...]`):
            Files, in order.
        features (`Features`):
            Columns, with the names of the labels.
        groups (`np.ndarray` of shape `(num_groups, 2)`):
            Shard and number within it of every row group.
        starts (`np.ndarray` of shape `(num_groups + 1,)`):
            First row of every row group, counted through all shards, and the number of rows.
        rows (`np.ndarray` of shape `(num_records,)`):
            Rows that are records of the split, ascending.
    """

    shards: tuple[ParquetShard, ...]
    features: Features
    groups: np.ndarray
    starts: np.ndarray
    rows: np.ndarray

    @classmethod
    def from_urls(cls, urls: Sequence[str]) -> RecordShards:
        """Read the footers of shards.

        Raises:
            ValueError: If a shard is not Parquet, or has other columns than the first.
        """
        with ThreadPoolExecutor(OPEN_FILES) as pool:
            shards = tuple(pool.map(ParquetShard.open, urls))
        features = [shard.features for shard in shards] or [Features()]
        for shard, found in zip(shards, features, strict=False):
            if found != features[0]:
                raise ValueError(
                    f"{shard.url} has other columns or labels than {shards[0].url}. Give the shards of one corpus and"
                    " configuration only."
                )
        groups = [
            (number, group) for number, shard in enumerate(shards) for group in range(shard.footer.num_row_groups)
        ]
        sizes = [shards[number].footer.row_group(group).num_rows for number, group in groups]
        starts = np.cumsum([0, *sizes])
        return cls(shards, features[0], np.array(groups, dtype=int).reshape(-1, 2), starts, np.arange(starts[-1]))

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, indices: Sequence[int] | np.ndarray | range) -> RecordShards:
        """Some of the records, given by ascending indices."""
        return replace(self, rows=self.rows[np.asarray(indices, dtype=int)])

    def check_columns(self, columns: Sequence[str]) -> None:
        """Refuse shards that lack a column."""
        missing = [name for name in columns if name not in self.features]
        if self.shards and missing:
            raise ValueError(
                f"{self.shards[0].url} has no column {', '.join(missing)}; it has {', '.join(self.features)}. Write"
                " shards with `python -m datasets_scripts.prepare`, or give labels with `--report_labels`."
            )
        if (
            self.shards
            and "labels" in columns
            and not hasattr(getattr(self.features["labels"], "feature", None), "names")
        ):
            raise ValueError(
                f"{self.shards[0].url} has labels without names. Write shards with"
                " `python -m datasets_scripts.prepare`, or give labels with `--report_labels`."
            )

    def iter_columns(self, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Some columns of all records, one row group after the other; meant for columns that are small."""
        self.check_columns(columns)
        for positions, group in self._read_ahead(self.rows, columns, num_ahead=OPEN_FILES):
            yield {name: _take(values, positions) for name, values in group.items()}

    def iter_rows(self, rows: np.ndarray, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Records, given by rows of which those of a row group follow one another."""
        for positions, group in self._read_ahead(rows, columns, num_ahead=1):
            for position in positions:
                # A copy, so that a record which waits for its turn does not hold its whole row group.
                yield {name: _copy(values[position]) for name, values in group.items()}

    def shuffled_rows(self, seed: Sequence[int]) -> np.ndarray:
        """Rows of all records, row groups in random order."""
        edges = np.searchsorted(self.rows, self.starts)
        order = np.random.default_rng(seed).permutation(len(self.groups))
        return np.concatenate([self.rows[edges[group] : edges[group + 1]] for group in order], dtype=int)

    def _read_ahead(
        self, rows: np.ndarray, columns: Sequence[str], *, num_ahead: int
    ) -> Iterator[tuple[np.ndarray, dict[str, Any]]]:
        """Row groups and the wanted positions in them; the next ones are read while one is used."""
        parts = list(self._split_by_group(rows))
        with ThreadPoolExecutor(num_ahead) as pool:
            pending = deque(pool.submit(self._read_group, group, columns) for group, _ in parts[:num_ahead])
            for index, (_, positions) in enumerate(parts):
                group = pending.popleft().result()
                pending.extend(
                    pool.submit(self._read_group, number, columns)
                    for number, _ in parts[index + num_ahead : index + num_ahead + 1]
                )
                yield positions, group

    def _split_by_group(self, rows: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Neighbours of the same row group, as positions within it."""
        groups = np.searchsorted(self.starts, rows, side="right") - 1
        for part in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(groups)) + 1):
            if len(part):
                yield int(groups[part[0]]), rows[part] - self.starts[groups[part[0]]]

    def _read_group(self, group: int, columns: Sequence[str]) -> dict[str, Any]:
        """Some columns of a row group."""
        shard, number = self.groups[group]
        return self.shards[shard].read(int(number), columns)


def _take(values: Any, positions: np.ndarray) -> Any:
    """Entries of a column."""
    return values[positions] if isinstance(values, np.ndarray) else [values[position] for position in positions]


def _copy(value: Any) -> Any:
    """An array that shares no memory, or the value itself."""
    return value.copy() if isinstance(value, np.ndarray) else value


class RecordStream(IterableDataset):
    """Batches of rows for one process of a run, as lists; `start_at` says where the next pass begins.

    Every record is in one batch of one process in every epoch, and all processes have the same number of batches. To
    make that possible, sizes of batches differ by one where the number of records is no multiple of the batch size.
    A process reads a stretch of the epoch's order, each worker a part of it; only the row groups in which two
    stretches meet are read twice, so that shards may be fewer than workers.

    Args:
        records (`RecordShards`):
            What to read.
        columns (`Sequence[str]`):
            Columns of a row.
        batch_size (`int`):
            Rows of a batch.
        num_processes (`int`, defaults to 1):
            Processes that share the records.
        process_index (`int`, defaults to 0):
            Which of them this is.
        num_workers (`int`, defaults to 0):
            Workers of the loader of each process.
        seed (`int`, defaults to 0):
            Seed of the order, together with the epoch.
        shuffle_buffer_size (`int`, *optional*):
            Records that a worker holds and shuffles; without it, records come in the order of the shards.

    Raises:
        ValueError: If a column is missing, or there are fewer records than processes.
    """

    def __init__(
        self,
        records: RecordShards,
        columns: Sequence[str],
        *,
        batch_size: int,
        num_processes: int = 1,
        process_index: int = 0,
        num_workers: int = 0,
        seed: int = 0,
        shuffle_buffer_size: int | None = None,
    ) -> None:
        records.check_columns(columns)
        if 0 < len(records) < num_processes:
            raise ValueError(
                f"{len(records)} records of {records.shards[0].url} are too few for {num_processes} processes."
                " Lower `--num_processes` of `accelerate launch`, or give more records."
            )
        self.records, self.columns, self.seed = records, tuple(columns), seed
        self.batch_size, self.shuffle_buffer_size = batch_size, shuffle_buffer_size
        self.num_processes, self.process_index, self.num_workers = num_processes, process_index, num_workers
        self.start_at(epoch=0, batch=0)

    def __len__(self) -> int:
        """Batches of each process in an epoch."""
        num_records = -(-len(self.records) // self.num_processes)
        return min(-(-num_records // self.batch_size), len(self.records) // self.num_processes)

    def start_at(self, *, epoch: int, batch: int) -> None:
        """Begin the next pass at a batch of an epoch; it is the batch that an unbroken pass would have there."""
        self._epoch, self._batch = epoch, batch

    def state_dict(self) -> dict[str, int | None]:
        """What the order depends on; how far a run has come is saved with the run."""
        names = ("num_processes", "num_workers", "batch_size", "seed", "shuffle_buffer_size")
        return {"num_records": len(self.records), **{name: getattr(self, name) for name in names}}

    def __iter__(self) -> Iterator[list[dict[str, Any]]]:
        num_streams = max(1, self.num_workers)
        worker = get_worker_info()
        # The loader takes a batch from each worker in turn, from the first one on; so the first one must have the
        # next batch, whoever had it when the pass was broken off.
        stream = (self._batch + (worker.id if worker else 0)) % num_streams
        edges = [int(edge) for edge in self._batch_edges(stream, num_streams)]
        num_done = len(range(stream, self._batch, num_streams))
        rows = self._iter_rows(edges[0], edges[-1], position=edges[num_done])
        for start, end in pairwise(edges[num_done:]):
            yield list(islice(rows, end - start))

    def _batch_edges(self, stream: int, num_streams: int) -> np.ndarray:
        """Where the batches of a worker begin, in the order of the epoch, and where the last one ends."""
        first, end = (len(self.records) * (self.process_index + side) // self.num_processes for side in (0, 1))
        counts = [len(range(number, len(self), num_streams)) for number in range(num_streams)]
        batches = np.arange(sum(counts[:stream]), sum(counts[: stream + 1]) + 1)
        return first + batches * (end - first) // max(1, len(self))

    def _iter_rows(self, first: int, end: int, *, position: int) -> Iterator[dict[str, Any]]:
        """Records of a stretch of the epoch's order, from a position on, shuffled window by window."""
        size = self.shuffle_buffer_size
        if size is None:
            yield from self.records.iter_rows(self.records.rows[position:end], self.columns)
            return
        seed = (self.seed, self._epoch)
        starts = range(position - (position - first) % size, end, size)
        rows = self.records.iter_rows(self.records.shuffled_rows(seed)[starts.start : end], self.columns)
        for start in starts:
            window: list[Any] = list(islice(rows, size))
            permutation = np.random.default_rng((*seed, start)).permutation(len(window))
            for index in permutation[max(0, position - start) :]:
                yield window[index]
                window[index] = None  # its memory is free as soon as the batch is made


def load_shards(source: str) -> dict[str, RecordShards]:
    """Find the training and validation shards of a prepared corpus and read their footers.

    Args:
        source (`str`):
            A folder written by `python -m datasets_scripts.prepare`, local or as a URL, a dataset of the Hub
            (owner/dataset), or a pattern of training shards such as `s3://bucket/train-*.parquet`. Validation shards
            have `validation` in their names where those for training have `train`.

    Returns:
        `dict[str, RecordShards]`: `train`, and `validation`, which may be empty.

    Raises:
        FileNotFoundError: If there is no training shard.
        ValueError: If the source is a corpus that is not prepared, or a shard is unfit.
    """
    if source in BUILDERS:
        raise ValueError(
            f"`--streaming` reads Parquet shards, which the corpus {source} does not have yet. Write them with"
            f" `python -m datasets_scripts.prepare {source} --output_dir D` and pass `--dataset_name D`."
        )
    urls = {split: find_shards(source, split) for split in ("train", "validation")}
    if not urls["train"]:
        raise FileNotFoundError(
            f"No training shard matches {' or '.join(split_patterns(source, 'train'))}. Give `--dataset_name` a folder"
            " written by `python -m datasets_scripts.prepare`, or a pattern such as s3://bucket/train-*.parquet. A"
            " private dataset of the Hub needs `hf auth login`."
        )
    if not urls["validation"]:
        logger.warning(f"No validation shard matches {' or '.join(split_patterns(source, 'validation'))}.")
    return {split: RecordShards.from_urls(found) for split, found in urls.items()}


def find_shards(source: str, split: str) -> list[str]:
    """URLs of the shards of a split, in the order of their names."""
    for pattern in split_patterns(source, split):
        fs, path = url_to_fs(pattern)
        try:
            found = sorted(str(name) for name in fs.glob(path))
        except FileNotFoundError:  # what the Hub says of a folder, or a dataset, that it does not have
            continue
        if found:
            return [fs.unstrip_protocol(name) for name in found]
    return []


def split_patterns(source: str, split: str) -> list[str]:
    """Patterns under which the shards of a split may be found.

    Example:
        >>> split_patterns("s3://bucket/train-*.parquet", "validation")
        ['s3://bucket/validation-*.parquet']
        >>> split_patterns("owner/dataset", "train")
        ['hf://datasets/owner/dataset/train-*.parquet', 'hf://datasets/owner/dataset/data/train-*.parquet']
    """
    if source.endswith(".parquet"):
        folder, slash, name = source.rpartition("/")
        if split != "train" and "train" not in name:
            return []
        return [f"{folder}{slash}{name.replace('train', split)}"]
    if (
        "://" not in source
        and source.count("/") == 1
        and not source.startswith((".", "~"))
        and not Path(source).is_dir()
    ):
        source = f"hf://datasets/{source}"
    return [f"{source.rstrip('/')}/{folder}{split}-*.parquet" for folder in ("", "data/")]
