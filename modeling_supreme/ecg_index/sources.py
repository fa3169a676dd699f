"""Where records come from: ECG files, a folder of them, or the Parquet files of a prepared corpus."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from ..ecg_files import find_recordings
from ..leads import STANDARD_LEADS


ROW_COLUMNS = ("record_id", "signal", "lead_mask", "num_samples", "not_recorded", "patient_id", "window_start_s")
NEEDED_COLUMNS = frozenset(("record_id", "signal", "lead_mask", "num_samples"))
ROWS_AT_ONCE = 64
SIGNAL_SUFFIXES = (".dat", ".mat")  # of the files that a WFDB header describes


class SourceRecord(NamedTuple):
    """One record of a source.

    Attributes:
        recording (`Path` or `dict`):
            What the pipeline takes.
        record_id (`str`):
            Its name: that of the row, or of the file within the folder.
        file (`str`):
            Where it lies, within the folder.
        patient_id (`str`, *optional*):
            Whose it is, where the source says so.
        start_s (`float`):
            Where in the original recording it begins, in seconds.
    """

    recording: Any
    record_id: str
    file: str
    patient_id: str | None = None
    start_s: float = 0.0


class RecordSource(Protocol):
    """Records in a fixed order, any stretch of which can be read alone."""

    @property
    def num_records(self) -> int:
        """How many there are."""
        ...

    def read(self, start: int, stop: int) -> Iterator[SourceRecord]:
        """The records from `start` on, before `stop`."""
        ...

    def fingerprint(self) -> str:
        """Changes with the records: their names, and size and time of their files."""
        ...

    def find(self, record_id: str) -> SourceRecord | None:
        """The record of a name, if there is one."""
        ...


@dataclass(frozen=True)
class FileSource:
    """ECG files.

    Attributes:
        root (`Path`):
            Folder that their names are relative to.
        names (`tuple[str, ...]`):
            Their paths within it.
    """

    root: Path
    names: tuple[str, ...]

    @property
    def num_records(self) -> int:
        """How many there are."""
        return len(self.names)

    def read(self, start: int, stop: int) -> Iterator[SourceRecord]:
        """The records from `start` on, before `stop`."""
        for name in self.names[start:stop]:
            yield SourceRecord(self.root / name, name.removesuffix(".hea"), name)

    def find(self, record_id: str) -> SourceRecord | None:
        """The record of a name, if there is one."""
        return next((each for each in self.read(0, self.num_records) if each.record_id == record_id), None)

    def fingerprint(self) -> str:
        """Changes with the files."""
        paths = (self.root / name for name in self.names)
        return _fingerprint(each for path in paths for each in _with_signals(path))


@dataclass(frozen=True)
class CorpusSource:
    """Rows of a prepared corpus.

    Attributes:
        root (`Path`):
            Its folder.
        names (`tuple[str, ...]`):
            Parquet files.
        num_rows (`tuple[int, ...]`):
            Of each.
    """

    root: Path
    names: tuple[str, ...]
    num_rows: tuple[int, ...] = field(repr=False)

    @property
    def num_records(self) -> int:
        """How many there are."""
        return sum(self.num_rows)

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *np.cumsum(self.num_rows).tolist()]

    def read(self, start: int, stop: int) -> Iterator[SourceRecord]:
        """The records from `start` on, before `stop`; of a file only the row groups that hold them."""
        for name, first, end in zip(self.names, self._starts[:-1], self._starts[1:], strict=True):
            if first < stop and start < end:
                yield from _read_rows(self.root / name, name, max(start - first, 0), min(stop, end) - first)

    def fingerprint(self) -> str:
        """Changes with the files."""
        return _fingerprint(self.root / name for name in self.names)

    def find(self, record_id: str) -> SourceRecord | None:
        """The record of a name, if there is one; signals of others are not read."""
        for name, start in zip(self.names, self._starts[:-1], strict=True):
            names = pq.read_table(self.root / name, columns=["record_id"]).column(0).cast(pa.string())
            place = names.index(record_id).as_py()
            if place >= 0:
                return next(self.read(start + place, start + place + 1))
        return None


def open_source(paths: Sequence[str | Path]) -> RecordSource:
    """The records that a command line names.

    Args:
        paths (`Sequence[str]`):
            One folder, of ECG files or of a prepared corpus, or any number of files.

    Returns:
        `RecordSource`: In the order of the paths within a folder, of a corpus in that of its files, or as given.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If a folder holds no record, or is named among files.
    """
    given = [Path(path) for path in paths]
    folders = [path for path in given if path.is_dir()]
    if folders and len(given) > 1:
        raise ValueError(f"{folders[0]} is a folder, given beside other paths. Give one folder, or files alone.")
    if not folders:
        parquet = [path for path in given if path.suffix == ".parquet"]
        if parquet and len(parquet) == len(given):
            return _open_corpus(Path(), [str(path) for path in given])
        return FileSource(Path(), tuple(str(path) for path in given))
    (folder,) = folders
    names = sorted(path.name for path in folder.glob("*.parquet"))
    if names:
        return _open_corpus(folder, names)
    names = [path.relative_to(folder).as_posix() for path in find_recordings(folder)]
    if not names:
        raise ValueError(
            f"{folder} holds no ECG file of a known kind and no Parquet file of a prepared corpus. Give the folder of"
            " your recordings, or what `python -m datasets_scripts.prepare` wrote."
        )
    return FileSource(folder, tuple(names))


def _open_corpus(root: Path, names: Sequence[str]) -> CorpusSource:
    """Parquet files whose columns are those of a corpus."""
    num_rows = []
    for name in names:
        try:
            metadata = pq.read_metadata(root / name)
        except pa.ArrowException as error:
            raise ValueError(
                f"{root / name} is no Parquet file, or is damaged ({error}). Prepare the corpus again."
            ) from error
        missing = NEEDED_COLUMNS - set(metadata.schema.to_arrow_schema().names)
        if missing:
            raise ValueError(
                f"{root / name} has no column {min(missing)}: it holds no rows of a corpus. Give a folder that `python"
                " -m datasets_scripts.prepare` wrote."
            )
        num_rows.append(metadata.num_rows)
    return CorpusSource(root, tuple(names), tuple(num_rows))


def _read_rows(path: Path, name: str, start: int, stop: int) -> Iterator[SourceRecord]:
    """Rows of one Parquet file."""
    with pq.ParquetFile(path) as file:
        columns = [column for column in ROW_COLUMNS if column in file.schema_arrow.names]
        first = 0
        for group in range(file.num_row_groups):
            end = first + file.metadata.row_group(group).num_rows
            if first < stop and start < end:
                place = first
                for batch in file.iter_batches(ROWS_AT_ONCE, row_groups=[group], columns=columns):
                    wanted = range(max(start - place, 0), min(stop - place, batch.num_rows))
                    yield from _to_records(batch, wanted, name)
                    place += batch.num_rows
            first = end


def _to_records(batch: pa.RecordBatch, wanted: range, name: str) -> Iterator[SourceRecord]:
    """Rows of a batch."""
    if not len(wanted):
        return
    part = batch.slice(wanted.start, len(wanted))
    voltages = part.column("signal")
    # `datasets` registers a type for signals; without it Arrow sees the lists within
    voltages = voltages.storage if isinstance(voltages, pa.ExtensionArray) else voltages
    signals = voltages.flatten().flatten().to_numpy(zero_copy_only=False)
    signals = signals.reshape(len(wanted), len(STANDARD_LEADS), -1)
    others = part.drop_columns("signal").to_pylist()
    for row, signal in zip(others, signals, strict=True):
        patient_id, start_s = row.pop("patient_id", None), row.pop("window_start_s", None)
        yield SourceRecord(
            row | {"signal": signal},
            record_id=str(row["record_id"]),
            file=name,
            patient_id=None if patient_id is None else str(patient_id),
            start_s=start_s or 0.0,
        )


def _with_signals(path: Path) -> list[Path]:
    """A file, and the signals that belong to it if it is the header of a WFDB record."""
    signals = [path.with_suffix(suffix) for suffix in SIGNAL_SUFFIXES] if path.suffix == ".hea" else []
    return [path, *(each for each in signals if each.is_file())]


def _fingerprint(paths: Iterator[Path]) -> str:
    """Of the names, sizes and times of files."""
    digest = xxhash.xxh3_128()
    for path in paths:
        state = path.stat() if path.is_file() else None
        sizes = None if state is None else [state.st_size, state.st_mtime_ns]
        digest.update(json.dumps([path.name, sizes]).encode())
    return digest.hexdigest()
