"""Tables that people bring: any separator and encoding, every row with its line, and what is wrong with its place."""

import bz2
import codecs
import csv
import gzip
import io
import logging
import lzma
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import IO, Any, TypeVar

import pandas as pd
import pyarrow as pa

from modeling_supreme.recordings import DamagedFileError, library_call

from .cells import shorten


logger = logging.getLogger(__name__)

Value = TypeVar("Value")

EXCEL_SUFFIXES = (".xlsx", ".xls")
OPENERS: Mapping[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
COMPRESSED_BY_ARROW = (".zst", ".lz4")
SEPARATORS = (",", ";", "\t", "|")
# With these two bytes, or four, a text of 16 or 32 bits a letter begins.
MARKS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# What Excel and R write on Windows where nobody asked for UTF-8: ISO 8859-1 with letters in place of control codes.
FALLBACK_ENCODINGS = ("cp1252", "latin-1")
BYTES_PER_CHUNK = 1 << 20
MAX_NAMES_IN_MESSAGE = 20


class Row:
    """A row of a table.

    Args:
        table ([`TableFile`]):
            Where it stands.
        line (`int`):
            The line of the file on which it begins, counted from 1; of an Excel sheet, its row.
        cells (`Sequence[str]`):
            As they stand there, one for each column.
        problem (`str`, *optional*):
            Why the row cannot be read.
    """

    __slots__ = ("cells", "line", "problem", "table")

    def __init__(self, table: "TableFile", line: int, cells: Sequence[str], problem: str | None = None) -> None:
        self.table, self.line, self.cells, self.problem = table, line, cells, problem

    def __getitem__(self, column: str) -> str | None:
        """A cell without blanks around it; `None` where it is empty or the table lacks the column."""
        place = self.table.places.get(column)
        return None if place is None else self.cells[place].strip() or None

    def require(self, column: str) -> str:
        """A cell that must be filled.

        Raises:
            ValueError: If it is empty.
        """
        cell = self[column]
        if cell is None:
            raise self.error(f"the cell of {column} is empty. Fill it, or delete the line.")
        return cell

    def read(self, column: str, parse: Callable[[Any], Value], *, remedy: str = "Correct the cell.") -> Value:
        """What a cell means.

        Args:
            column (`str`):
                Its column.
            parse (`Callable`):
                Given the cell, or `None` where it is empty; raises `ValueError` where it cannot be right.
            remedy (`str`, defaults to `"Correct the cell."`):
                What to do then.

        Raises:
            ValueError: If the cell cannot be right, naming file, line, column and value.
        """
        try:
            return parse(self[column])
        except ValueError as error:
            raise self.error(f"column {column}: {error}. {remedy}") from error

    def error(self, problem: str) -> ValueError:
        """An error that names the file and the line."""
        return ValueError(f"{self.table.path}, line {self.line}: {problem}")

    def check(self) -> None:
        """Refuse a row that cannot be read.

        Raises:
            ValueError: If it has a problem.
        """
        if self.problem is not None:
            raise self.error(self.problem)


class TableFile:
    """A table in a text file or an Excel sheet; rows are read whenever it is gone through, one after the other.

    The first line that is neither empty nor a comment (`#`) names the columns. Small and capital letters, blanks,
    hyphens and underscores in the names make no difference. What stands between the cells is told from that line. A
    file that is no UTF-8, UTF-16 or UTF-32 is read as Windows-1252, which is said in `remarks`.

    A row that is no row, such as one with a quote that is never closed, has a `problem`, and the next line begins the
    next row: it takes none with it.

    Args:
        path (`Path`):
            The file; `.gz`, `.bz2`, `.xz`, `.zst` and `.lz4` are read through.
        required (`Sequence[str]`):
            Columns that must be there.
        optional (`Sequence[str]`, defaults to `()`):
            Columns that may be.
        id_column (`str`, *optional*):
            The column whose cells must be filled, and differ from each other unless `may_repeat`.
        may_repeat (`bool`, defaults to `False`):
            Whether several rows may have one identifier.
        remedy (`str`):
            What to do about a file that is no such table.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If the file is an Excel sheet and `openpyxl` is not installed.
        PermissionError: If this user may not read the file.
        ValueError: If the file is empty or no text, or lacks a column.
    """

    def __init__(
        self,
        path: Path,
        *,
        required: Sequence[str] = (),
        optional: Sequence[str] = (),
        id_column: str | None = None,
        may_repeat: bool = False,
        remedy: str = "Correct its first line.",
    ) -> None:
        self.path = path
        self.id_column = id_column
        self._may_repeat = may_repeat
        self._remedy = remedy
        self.remarks: list[str] = []
        known = {_key(name): name for name in (*required, *optional)}
        self._is_sheet = path.suffix.lower() in EXCEL_SUFFIXES
        self._encoding = "" if self._is_sheet else self._find_encoding()
        self._separator, self._header_line, header = self._find_header(known)
        names = [known.get(_key(name), name.strip()) for name in header]
        self.columns = names
        self.places = {name: place for place, name in reversed(list(enumerate(names))) if name or "" in required}
        missing = [name for name in required if name not in self.places]
        if missing:
            raise ValueError(f"{path} has no column {', '.join(missing)}{self._describe_columns(missing)}. {remedy}")
        repeated = sorted({name for name in known.values() if names.count(name) > 1})
        if repeated:
            raise ValueError(f"{path}, line {self._header_line}: two columns are named {repeated[0]}. Rename one.")
        self.unused = [name for name in names if name and known and name not in known.values()]

    def __iter__(self) -> Iterator[Row]:
        """The rows in their order; empty lines are passed over."""
        seen: dict[str, int] = {}
        for line, cells, problem in self._read_sheet() if self._is_sheet else self._read_text():
            if line <= self._header_line or (problem is None and not any(map(str.strip, cells))):
                continue
            row = self._make_row(line, cells, problem)
            if row.problem is None and self.id_column is not None:
                row = self._check_id(row, seen)
            yield row

    def _make_row(self, line: int, cells: Sequence[str], problem: str | None) -> Row:
        """A row with as many cells as there are columns: programs leave out empty ones at the end."""
        num_columns = len(self.columns)
        if len(cells) == num_columns:
            return Row(self, line, cells, problem)
        if any(cell.strip() for cell in cells[num_columns:]):
            problem = problem or (
                f"it has {len(cells)} cells, but the table has {num_columns} columns. Put texts that hold a"
                f" {self._separator!r} between quotes."
            )
        return Row(self, line, [*cells[:num_columns], *[""] * (num_columns - len(cells))], problem)

    def _check_id(self, row: Row, seen: dict[str, int]) -> Row:
        """The row, with a problem where its identifier is empty or stands in an earlier line."""
        name = str(self.id_column)
        record_id = row[name]
        if record_id is None:
            problem = f"the cell of {name} is empty. Fill it, or delete the line."
        elif record_id in seen:
            problem = f"{name} {shorten(record_id)} stands in line {seen[record_id]} already. Keep one of the lines."
        else:
            if not self._may_repeat:
                seen[record_id] = row.line
            return row
        return Row(self, row.line, row.cells, problem)

    def _read_text(self) -> Iterator[tuple[int, list[str], str | None]]:
        """Line, cells and problem of each row of a text file."""
        with self._open() as file:
            lines = _Lines(file)
            for _ in range(self._header_line - 1):
                next(lines, None)
            lines.accept()
            while True:
                try:
                    for cells in csv.reader(lines, delimiter=self._separator, skipinitialspace=True, strict=True):
                        if self._has_swallowed(lines.taken):
                            problem = "a quote that opens here is closed only behind other rows. Close it."
                            yield lines.give_back(), [], problem
                            break
                        yield lines.accept(), cells, None
                    else:
                        return
                except csv.Error as error:
                    yield lines.give_back(), [], _explain(error)

    def _has_swallowed(self, lines: Sequence[str]) -> bool:
        """Whether the later lines of a row are rows themselves: as many cells, and an identifier like its own."""
        if len(lines) < 2:
            return False
        place = self.places.get(self.id_column or "", 0)
        first, *others = ([cell.strip() for cell in line.split(self._separator)] for line in lines)
        if place >= len(first):
            return False
        shape = _shape(first[place])
        is_telling = bool(shape) and ("9" in shape or len(self.columns) > 2)
        return is_telling and any(
            len(cells) == len(self.columns) and _shape(cells[place]) == shape for cells in others
        )

    def _read_sheet(self) -> Iterator[tuple[int, list[str], str | None]]:
        """Row, cells and no problem of each row of an Excel sheet."""
        try:
            sheet = pd.read_excel(self.path, dtype=str, header=None, keep_default_na=False, na_filter=False)
        except ImportError as error:
            raise ImportError(
                f"Reading {self.path} needs the package openpyxl: `pip install openpyxl`, or save the sheet as CSV."
            ) from error
        except (ValueError, OSError, KeyError) as error:
            raise ValueError(f"{self.path} is no readable Excel sheet ({error}). Save it again, or as CSV.") from error
        for line, cells in enumerate(sheet.itertuples(index=False), start=1):
            yield line, ["" if cell is None else str(cell) for cell in cells], None

    def _find_header(self, known: Mapping[str, str]) -> tuple[str, int, list[str]]:
        """What stands between cells, the line that names the columns, and the names."""
        if self._is_sheet:
            for line, cells, _ in self._read_sheet():
                if any(map(str.strip, cells)):
                    return ",", line, cells
            raise self._empty()
        with self._open() as file:
            separators: Sequence[str] = SEPARATORS
            for line, text in enumerate(file, start=1):
                stated = re.fullmatch(r"sep=(.)\s*", text)  # Excel's own first line
                if stated:
                    separators = (stated[1],)
                elif text.strip():
                    separator, names = _split_header(text, separators, known)
                    is_comment = text.startswith("#") and not any(_key(name) in known for name in names)
                    if not is_comment:
                        return separator, line, names
        raise self._empty()

    def _empty(self) -> ValueError:
        """The error for a table without any line."""
        return ValueError(f"{self.path} is empty. {self._remedy}")

    def _find_encoding(self) -> str:
        """The encoding of the file; what is none of Unicode's is noted in `remarks`."""
        try:
            with library_call(self.path, lzma.LZMAError):
                encodings = self._guess_encodings()
                failures = {encoding: self._find_failure(encoding) for encoding in encodings[:1]}
                for encoding in encodings[1:]:
                    if failures[encodings[0]] is not None and None not in failures.values():
                        failures[encoding] = self._find_failure(encoding)
        except DamagedFileError as error:
            raise ValueError(f"{self.path} cannot be read ({error}). Copy it again.") from error
        found = next((encoding for encoding, line in failures.items() if line is None), None)
        if found is None:
            raise ValueError(f"{self.path} is no text (line {failures[encodings[0]]}). Save it as CSV in UTF-8.")
        if found in FALLBACK_ENCODINGS:
            self.remarks.append(
                f"{self.path} is not in UTF-8 (line {failures[encodings[0]]}) and was read as Windows-1252 (Latin-1)."
                " If letters are wrong, save it as UTF-8."
            )
        return found

    def _guess_encodings(self) -> list[str]:
        """The encodings that the first bytes allow, the most likely one first."""
        with self._open_bytes() as file:
            head = file.read(1024)
        marked = [encoding for mark, encoding in MARKS.items() if head.startswith(mark)]
        if marked:
            return marked[:1]
        if b"\0" in head:
            return ["utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"]
        return ["utf-8-sig", *FALLBACK_ENCODINGS]

    def _find_failure(self, encoding: str) -> int | None:
        """The first line that is not in an encoding; `None` where all are."""
        decoder = codecs.getincrementaldecoder(encoding)()
        line, chunk = 1, b""
        with self._open_bytes() as file:
            while True:
                line += chunk.count(b"\n")
                chunk = file.read(BYTES_PER_CHUNK)
                try:
                    decoder.decode(chunk, final=not chunk)
                except UnicodeDecodeError as error:
                    return line + error.object[: error.start].count(b"\n")
                if not chunk:
                    return None

    def _open(self) -> IO[str]:
        """The file as text with the ends of its lines."""
        return io.TextIOWrapper(self._open_bytes(), encoding=self._encoding, newline="")

    def _open_bytes(self) -> Any:
        """The file as it is, or what is compressed in it."""
        suffix = self.path.suffix.lower()
        if suffix in COMPRESSED_BY_ARROW:
            return pa.input_stream(str(self.path), compression="detect")
        return OPENERS.get(suffix, open)(self.path, "rb")

    def _describe_columns(self, missing: Sequence[str]) -> str:
        """The columns that there are, and the one that may be meant."""
        names = [name for name in self.columns if name]
        close = get_close_matches(missing[0], names, n=1)
        listed = ", ".join(map(shorten, names[:MAX_NAMES_IN_MESSAGE])) or "none"
        return f" (its columns are {listed}{f'; is {close[0]} meant?' if close else ''})"


# Of what stands for a row that cannot be right: why.
REFUSED = "refused"


def make_rows(table: TableFile, make_row: Callable[[Row], Any], *, on_error: str = "raise") -> list[Any]:
    """Make something of each row of a table.

    Args:
        table (`TableFile`):
            The table; its remarks are logged.
        make_row (`Callable`):
            Makes it, or `None` of a row that is to be passed over; raises `ValueError` where a cell cannot be right.
        on_error (`str`, defaults to `"raise"`):
            `"raise"` stops at the first row that cannot be right. `"skip"` puts a dictionary in its place:
            `record_id`, or else the line, `path` of the table, and the reason as `REFUSED`.

    Raises:
        ValueError: If a row cannot be right, naming its line.
    """
    for remark in table.remarks:
        logger.warning(remark)
    rows = []
    for entry in table:
        try:
            entry.check()
            row = make_row(entry)
        except ValueError as error:
            if on_error == "raise":
                raise ValueError(
                    f'{error} To leave such rows out, pass `on_error="skip"` (`--on_error skip`).'
                ) from error
            record_id = entry[table.id_column] if table.id_column and entry.problem is None else None
            place = f"{table.path.name}, line {entry.line}"
            row = {"record_id": record_id or place, "path": str(table.path), REFUSED: str(error)}
        if row is not None:
            rows.append(row)
    return rows


def is_refused(row: object) -> bool:
    """Whether what [`make_rows`] made stands for a row that cannot be right."""
    return isinstance(row, dict) and REFUSED in row


class _Lines(Iterator[str]):
    """Lines of a file that can be given back: those that a row took which is none."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._given_back: list[str] = []
        self._number = 0
        self.taken: list[str] = []

    def __next__(self) -> str:
        text = self._given_back.pop() if self._given_back else next(self._lines)
        self.taken.append(text)
        self._number += 1
        return text

    def accept(self) -> int:
        """Let the lines of a row go; returns its first line."""
        first = self._number - len(self.taken) + 1
        self.taken.clear()
        return first

    def give_back(self) -> int:
        """Let the first line of a row go and take the others back; returns its first line."""
        self._given_back.extend(reversed(self.taken[1:]))
        self._number -= len(self.taken) - 1
        self.taken.clear()
        return self._number


def _split_header(text: str, separators: Sequence[str], known: Mapping[str, str]) -> tuple[str, list[str]]:
    """The separator that gives the most known names, or else the most names; and these."""
    found = {}
    for separator in separators:
        names = next(csv.reader([text.lstrip("#")], delimiter=separator, skipinitialspace=True), [])
        found[separator] = [name.strip() for name in names]
    best = max(
        found, key=lambda separator: (sum(_key(name) in known for name in found[separator]), len(found[separator]))
    )
    return best, found[best]


def _explain(error: csv.Error) -> str:
    """What is wrong with a row, without quoting it."""
    if "limit" in str(error):
        return "it has a cell of more than 131,072 letters, so a quote is not closed. Close it."
    if "unexpected end" in str(error):
        return "a quote that opens here is never closed. Close it."
    return "a quote opens here and ends within a cell, so one is missing or too many. Correct the quotes of the row."


def _key(name: str) -> str:
    """A name of a column by which spellings are compared."""
    return re.sub(r"[\s_-]", "", name.strip().lstrip("\ufeff")).casefold()


def _shape(text: str) -> str:
    """Which kinds of letters a text has: "JS00012" and "JS7" are alike."""
    text = re.sub(r"[^\W\d_]+", "a", text.strip(" \"'"))
    return re.sub(r"\d+", "9", text)
