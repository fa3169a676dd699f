"""Shards of a corpus: each is read and written on its own, and is finished as soon as its folder has its name."""

import hashlib
import json
import os
import shutil
import socket
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast
from zipfile import BadZipFile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import DatasetBuilder, DownloadManager, Features
from datasets.arrow_writer import TypedSequence

from datasets_scripts.corpus_builder import ACCOUNTS_FILENAME, SKIPPED_FILENAME, is_unchanged

from .quality import measure_quality, stack_measurements
from .sources import SOURCES_FILENAME, list_sources, look_at, read_states


ROWS_FILENAME = "rows.parquet"
QUALITY_FILENAME = "quality.npz"
SUMMARY_FILENAME = "shard.json"
UNFINISHED = ".unfinished"

SIGNAL_VALUES = "signal.list.element.list.element"  # Parquet's name for the samples within the nested lists
ROWS_PER_GROUP = 128  # 15 MB of samples, the least that a reader has in memory at once


@dataclass(frozen=True)
class Shard:
    """A part of a split.

    Attributes:
        split (`str`):
            Name of the split.
        folder (`Path`):
            Where the shard lies once it is finished.
        gen_kwargs (`dict`):
            What the builder's generator needs to make these rows and no others.
        num_records (`int`):
            Records to read.
    """

    split: str
    folder: Path
    gen_kwargs: dict[str, Any]
    num_records: int

    @property
    def summary(self) -> dict[str, Any]:
        """What is known of a finished shard: numbers of records, rows and bytes, seconds, and `sha256` of its rows."""
        return json.loads((self.folder / SUMMARY_FILENAME).read_text(encoding="utf-8"))

    @property
    def skipped_records(self) -> list[dict[str, Any]]:
        """The records that were left out, as a `CorpusBuilder` lists them."""
        path = self.folder / SKIPPED_FILENAME
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []

    @property
    def accounts(self) -> list[dict[str, Any]]:
        """The accounts of records of which not all was used, as a `CorpusBuilder` lists them."""
        path = self.folder / ACCOUNTS_FILENAME
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []

    @property
    def quality(self) -> dict[str, np.ndarray]:
        """The measurements of `signal_quality`, one row per row of the shard."""
        # Opened here: of a file that is cut, `np.load` would leave it open
        with (self.folder / QUALITY_FILENAME).open("rb") as file, np.load(file) as arrays:
            return dict(arrays)

    def is_finished(self, *, on_error: str) -> bool:
        """Whether a run that treats broken records in this way can take the shard as it is."""
        if not (self.folder / SUMMARY_FILENAME).is_file():
            return False
        try:
            rows, summary, skipped = self.folder / ROWS_FILENAME, self.summary, self.skipped_records
            num_rows = {pq.read_metadata(rows).num_rows, *map(len, self.quality.values()), summary["num_rows"]}
            is_whole = len(num_rows) == 1 and rows.stat().st_size == summary["file_size"] and "sha256" in summary
            read_states(self.folder / SOURCES_FILENAME)
        # A machine that stopped, other than a run that was killed, leaves files cut or empty
        except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile, pa.ArrowException):
            return False
        return is_whole and (not skipped or (on_error == "skip" and all(map(is_unchanged, skipped))))


def plan_shards(builder: DatasetBuilder, folder: Path, *, records_per_shard: int) -> dict[str, list[Shard]]:
    """Cut each split of a corpus into shards that do not depend on who will write them.

    Returns:
        `dict[str, list[Shard]]`: The shards of every split, in order. A split may have none.

    Raises:
        ValueError: If a record occurs twice in a split.
    """
    plan: dict[str, list[Shard]] = {}
    for generator in builder._split_generators(DownloadManager(dataset_name=builder.dataset_name)):  # pyright: ignore[reportAttributeAccessIssue]
        split, gen_kwargs = str(generator.name), generator.gen_kwargs
        num_records = max((len(value) for value in gen_kwargs.values() if isinstance(value, list)), default=1)
        _check_ids(gen_kwargs, corpus=builder.dataset_name, split=split)
        plan[split] = [
            Shard(
                split=split,
                folder=folder / f"{split}-{start // records_per_shard:05d}",
                gen_kwargs={
                    name: value[start : start + records_per_shard] if isinstance(value, list) else value
                    for name, value in gen_kwargs.items()
                },
                num_records=min(records_per_shard, num_records - start),
            )
            for start in range(0, num_records, records_per_shard)
        ]
    return plan


def _check_ids(gen_kwargs: dict[str, Any], *, corpus: str, split: str) -> None:
    """Refuse a record that is listed twice."""
    seen: set[str] = set()
    for row in (row for value in gen_kwargs.values() if isinstance(value, list) for row in value):
        record_id = row.get("record_id") if isinstance(row, dict) else None
        if record_id in seen:
            raise ValueError(
                f"Record {record_id} occurs more than once in split {split} of {corpus}. Correct its table, or give"
                " the files of a folder different names."
            )
        if record_id is not None:
            seen.add(record_id)


def write_shard(builder: DatasetBuilder, shard: Shard) -> int:
    """Read the records of a shard and write rows, measurements and summary; returns the number of records.

    The shard's folder appears in one step when all is written: a run that is killed leaves a finished shard or none.
    """
    began = time.perf_counter()
    worker = f"{socket.gethostname()}-{os.getpid()}"
    unfinished = shard.folder.with_name(f"{shard.folder.name}.{worker}{UNFINISHED}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    builder._output_dir = str(unfinished)  # where a `CorpusBuilder` lists the records it leaves out
    sources = look_at(list_sources(builder, shard.gen_kwargs), are_hashed=True)  # before they are read
    try:
        examples = builder._generate_examples(**shard.gen_kwargs)  # pyright: ignore[reportAttributeAccessIssue]
        summary = _write_rows((row for _, row in examples), unfinished, features=cast(Features, builder.info.features))
        summary |= {"num_records": shard.num_records, "seconds": round(time.perf_counter() - began, 6)}
        sources.save(unfinished / SOURCES_FILENAME)
        (unfinished / SUMMARY_FILENAME).write_text(json.dumps(summary), encoding="utf-8")
        shutil.rmtree(shard.folder, ignore_errors=True)  # one that cannot be taken as it is
        unfinished.rename(shard.folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return shard.num_records


def _write_rows(rows: Iterator[dict[str, Any]], folder: Path, *, features: Features) -> dict[str, Any]:
    """Write rows as Parquet, a group at a time, and what was measured on them.

    Neighbouring samples differ by little: coding the differences makes files 40 % smaller than the way `datasets`
    writes them, in half the time.
    """
    schema = features.arrow_schema
    measurements = []
    num_bytes = 0
    with pq.ParquetWriter(
        folder / ROWS_FILENAME,
        schema,
        compression="zstd",
        use_dictionary=False,
        column_encoding={SIGNAL_VALUES: "DELTA_BINARY_PACKED"},
    ) as writer:
        for group in _groups(rows):
            measurements += [
                measure_quality(
                    np.asarray(row["signal"]),
                    lead_mask=np.asarray(row["lead_mask"], dtype=bool),
                    num_samples=row["num_samples"],
                    not_recorded=row.get("not_recorded", ()),
                )
                for row in group
            ]
            table = _to_table(group, features=features, schema=schema)
            num_bytes += table.nbytes
            writer.write_table(table, row_group_size=ROWS_PER_GROUP)
    np.savez(folder / QUALITY_FILENAME, **stack_measurements(measurements))
    return {
        "num_rows": len(measurements),
        "num_bytes": num_bytes,
        "file_size": (folder / ROWS_FILENAME).stat().st_size,
        "sha256": checksum_of(folder / ROWS_FILENAME),
    }


def checksum_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _groups(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Lists of as many rows as are written at once."""
    iterator = iter(rows)
    while group := list(islice(iterator, ROWS_PER_GROUP)):
        yield group


def _to_table(rows: list[dict[str, Any]], *, features: Features, schema: pa.Schema) -> pa.Table:
    """Rows as Arrow; `Dataset.from_list` does the same, but spends as long again on a fingerprint of the samples."""
    encoded: list[dict[str, Any]] = [features.encode_example(row) for row in rows]  # pyright: ignore[reportAssignmentType]
    columns = [pa.array(TypedSequence([row[name] for row in encoded], type=features[name])) for name in features]
    return pa.Table.from_arrays(columns, schema=schema)
