"""Answers of a long run: written down as they come, so that a run that was killed goes on, and then as a table."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..output_files.atomic_files import replace_when_complete
from ..output_files.disk import told_when_refused


ROWS_AT_ONCE = 10_000
Entry = Mapping[str, Any]


class Journal:
    """One line for each recording that is done, in a file beside the one that is to be written.

    Args:
        path (`Path`):
            The table that is to be written in the end: `.csv` or `.parquet`.
        asked (`Mapping`):
            What decides about the answers; a journal that was begun with something else is refused.

    Raises:
        ValueError: If there is a journal of other questions, or one that is none.
    """

    def __init__(self, path: Path, asked: Mapping[str, Any]) -> None:
        self.path = path
        self._journal = path.with_name(f".{path.name}.journal")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._open(json.dumps({"asked": asked}, sort_keys=True, ensure_ascii=False))
        self.done = {entry["record"] for entry in self.entries()}

    def _open(self, heading: str) -> None:
        """Go on behind the last whole line."""
        if not self._journal.is_file():
            self._journal.write_text(f"{heading}\n", encoding="utf-8")
        with self._journal.open("r+b") as file:
            if file.readline().decode(errors="replace").strip() != heading:
                raise ValueError(
                    f"{self._journal} is of an interrupted run that asked something else, of other recordings or"
                    f" another checkpoint. Delete it to begin {self.path} anew, or repeat that command."
                )
            end = file.tell()
            for line in file:
                end += len(line) if line.endswith(b"\n") else 0
            file.truncate(end)

    def add(self, entry: Entry) -> None:
        """Write down what is known of one recording, under the key `record`."""
        with (
            told_when_refused("Answers", self.path.parent, "Make room, and repeat the command: it goes on."),
            self._journal.open("a", encoding="utf-8") as file,
        ):
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def entries(self) -> Iterator[dict[str, Any]]:
        """What was written down, in order."""
        with self._journal.open(encoding="utf-8") as file:
            next(file)
            for line in file:
                yield json.loads(line)

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
            told_when_refused("The table", self.path.parent, "Make room, and repeat the command: it goes on."),
            replace_when_complete(self.path) as temporary,
        ):
            num_rows = write(temporary, rows, schema)
        self._journal.unlink()
        return num_rows


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
