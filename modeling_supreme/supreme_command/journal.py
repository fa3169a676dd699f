"""Answers of a long run: written down part by part, so that a run that was killed goes on, and then as a table."""

import csv
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet as pq

from ..output_files.atomic_files import replace_when_complete, write_text
from ..output_files.disk import told_when_refused
from ..output_files.folder_lock import FolderLock


ROWS_AT_ONCE = 10_000
ASKED_FILENAME = "asked.json"
GOES_ON = "Make room, and repeat the command: it goes on."
Entry = Mapping[str, Any]


class Part(NamedTuple):
    """A stretch of the recordings.

    Attributes:
        start, stop (`int`):
            First recording, and the first that is not its own.
        path (`Path`):
            Where its answers are written, one line of JSON a recording.
    """

    start: int
    stop: int
    path: Path


class Journal:
    """A folder beside the table that is to be written, with a file for each part of the recordings that is done.

    Parts do not depend on who writes them: the same run may go on with another number of processes.

    Args:
        path (`Path`):
            The table that is to be written in the end: `.csv` or `.parquet`.
        asked (`Mapping`):
            What decides about the answers; a journal that was begun with something else is refused.
        num_records (`int`):
            Recordings in all.
        records_per_part (`int`):
            Recordings of one part.

    Raises:
        ValueError: On entering, if there is a journal of other questions, or one that is none.
        FolderInUseError: On entering, if another run writes the same table.
    """

    def __init__(self, path: Path, asked: Mapping[str, Any], *, num_records: int, records_per_part: int) -> None:
        self.path = path
        self.folder = path.with_name(f".{path.name}.journal")
        asked = {"asked": asked, "records_per_part": records_per_part}
        self._heading = json.dumps(asked, sort_keys=True, ensure_ascii=False)
        self._lock = FolderLock(self.folder, f"supreme, for {path.name}", flag=f"--{path.suffix[1:].lower()}")
        starts = range(0, num_records, records_per_part)
        self._parts = [
            Part(start, min(start + records_per_part, num_records), self.folder / f"{start:09d}.jsonl")
            for start in starts
        ]

    def __enter__(self) -> Self:
        if self.folder.is_file():
            raise self._refusal()
        self._lock.__enter__()
        try:
            heading = self.folder / ASKED_FILENAME
            if not heading.is_file():
                with told_when_refused("Answers", self.path.parent, GOES_ON):
                    write_text(heading, self._heading)
            if heading.read_text(encoding="utf-8", errors="replace") != self._heading:
                raise self._refusal()
        except BaseException:
            self._lock.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Keep what is done for the next run; where nothing is, it may ask something else."""
        if not any(self.folder.glob("*.jsonl")):
            shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.__exit__(kind, error, traceback)

    def _refusal(self) -> ValueError:
        """Of answers to something else."""
        return ValueError(
            f"{self.folder} is of an interrupted run that asked something else, of other recordings or another"
            f" checkpoint. Delete it to begin {self.path} anew, or repeat that command."
        )

    def find_missing(self) -> list[Part]:
        """Parts that are not there whole."""
        return [part for part in self._parts if not _is_whole(part)]

    def entries(self) -> Iterator[dict[str, Any]]:
        """What was written down, in the order of the recordings."""
        for part in self._parts:
            with part.path.open(encoding="utf-8") as file:
                yield from map(json.loads, file)

    def finish(self, to_rows: Callable[[Entry], list[dict[str, Any]]], schema: pa.Schema) -> int:
        """Write the table, whole or not at all, and forget the journal.

        Args:
            to_rows (`Callable`):
                Rows of one entry.
            schema (`pa.Schema`):
                Their columns.

        Returns:
            `int`: Rows written.
        """
        rows = (row for entry in self.entries() for row in to_rows(entry))
        write = write_parquet if self.path.suffix == ".parquet" else write_csv
        with (
            told_when_refused("The table", self.path.parent, GOES_ON),
            replace_when_complete(self.path) as temporary,
        ):
            num_rows = write(temporary, rows, schema)
        shutil.rmtree(self.folder, ignore_errors=True)  # a worker of a run that was killed may still write there
        return num_rows


def _is_whole(part: Part) -> bool:
    """Whether a part has a line for each of its recordings: a machine that lost power may have kept less."""
    try:
        with part.path.open("rb") as file:
            return sum(line.endswith(b"\n") for line in file) == part.stop - part.start
    except FileNotFoundError:
        return False


def write_csv(path: Path, rows: Iterator[dict[str, Any]], schema: pa.Schema) -> int:
    """Write rows as a table of text; returns their number."""
    num_rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, schema.names, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow(row)
            num_rows += 1
    return num_rows


def write_parquet(path: Path, rows: Iterator[dict[str, Any]], schema: pa.Schema) -> int:
    """Write rows as Parquet, some at a time; returns their number."""
    num_rows = 0
    with pq.ParquetWriter(path, schema) as writer:
        while group := list(islice(rows, ROWS_AT_ONCE)):
            writer.write_table(pa.Table.from_pylist(group, schema))
            num_rows += len(group)
    return num_rows
