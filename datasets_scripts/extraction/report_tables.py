"""Reports of a corpus, wherever they lie, as records with statements; read in batches, so that memory stays flat."""

import logging
import re
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.dataset

from datasets_scripts.extraction.readings.statements import split_report
from datasets_scripts.readers.tables import Row, TableFile

from .report_files import (
    JSON_LINES_SUFFIXES,
    is_text_folder,
    read_json_lines,
    read_single_column,
    read_text_folder,
)


logger = logging.getLogger(__name__)


RECORD_ID_COLUMNS = ("record_id", "study_id", "ecg_id")
REPORT_COLUMNS = ("statements", "report")
MIMIC_REPORT_COLUMN = re.compile(r"report_\d+")
TEXT_SUFFIXES = {".csv", ".tsv", ".txt", ".xlsx"}
MAX_NUMBERED = 18  # report_0 to report_17
ROWS_PER_BATCH = 10_000
SEEN_REPORTS = 20_000  # remembered before those that are equal are forgotten
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def iterate_reports(
    path: Path | str,
    *,
    record_id_column: str | None = None,
    report_column: str | None = None,
    split: str | None = None,
    config_name: str | None = None,
) -> Iterator[tuple[str, list[str]]]:
    """Records of a table with the statements of their reports.

    Args:
        path (`Path` or `str`):
            MIMIC-IV-ECG's `machine_measurements.csv`, PTB-XL's `ptbxl_database.csv`, any CSV, Excel, Parquet or JSONL
            file with a column `report` or `statements`, a folder of text files with a report each, a folder written
            by `datasets_scripts.prepare`, or a data set for `datasets.load_dataset`: its name on the Hub, or with
            `split` its folder. Where a table has no other column, its rows are numbered from 1.
        record_id_column (`str`, *optional*):
            Column with the identifier of a record, if it is none of `RECORD_ID_COLUMNS`.
        report_column (`str`, *optional*):
            Column with the report, if it is none of `report_0` to `report_17`, `statements` and `report`.
        split (`str`, *optional*):
            Split of the data set, such as `"train"`; without it, a data set of the Hub is read whole.
        config_name (`str`, *optional*):
            Configuration of the data set.

    Yields:
        `tuple[str, list[str]]`: Identifier and statements of a record. A cell of `report_0`, `report_1`, ... is one
        statement; a free text is cut at line breaks and full stops.

    Raises:
        FileNotFoundError: If there is no such file, folder or data set, or no Parquet file in the folder.
        ValueError: If a column is missing, a record has no identifier or two reports, there is no row, or the format
            is unknown or broken. Rows of text files are named by their line, and never quoted.
    """
    num_records = 0
    for record in _iterate_records(Path(path), record_id_column, report_column, split, config_name):
        num_records += 1
        yield record
    if not num_records and Path(path).is_file():
        raise ValueError(f"{path} holds no report: nothing stands below the names of its columns. Fill it.")


def _iterate_records(
    path: Path, record_id_column: str | None, report_column: str | None, split: str | None, config_name: str | None
) -> Iterator[tuple[str, list[str]]]:
    """The records of a source of any kind."""
    if split is None and is_text_folder(path):
        yield from read_text_folder(path)
        return
    if path.suffix.lower() in JSON_LINES_SUFFIXES and path.is_file():
        report_columns = [report_column] if report_column else [*REPORT_COLUMNS]
        id_columns = [record_id_column] if record_id_column else [*RECORD_ID_COLUMNS]
        yield from read_json_lines(path, id_columns=id_columns, report_columns=report_columns)
        return
    batches, columns = _open_table(path, split, config_name)
    if isinstance(batches, TableFile):
        _choose_report_columns(path, columns, report_column)
        yield from read_single_column(batches)
        return
    id_column = _choose_id_column(path, columns, record_id_column)
    report_columns = _choose_report_columns(path, columns, report_column)
    is_split = all(MIMIC_REPORT_COLUMN.fullmatch(column.lower()) for column in report_columns)
    for batch in batches(list(dict.fromkeys([id_column, *report_columns]))):
        ids = _read_ids(path, batch, id_column)
        yield from zip(ids, _read_statements(batch, report_columns, is_split=is_split), strict=True)


def _read_ids(path: Path | str, batch: pa.RecordBatch, column: str) -> list[str]:
    """Identifiers of a batch, as text; refuses missing ones."""
    ids = pyarrow.compute.cast(batch.column(column), pa.string()).to_pylist()
    num_missing = sum(not record_id for record_id in ids)
    if num_missing:
        raise ValueError(
            f"{path}: {num_missing} rows have no value in column {column!r}."
            " Fill it, or name another column with `--record_id_column`."
        )
    return ids


def _read_statements(batch: pa.RecordBatch, columns: Sequence[str], *, is_split: bool) -> Iterator[list[str]]:
    """Statements of each row of a batch. Most cells are empty and most texts repeat: each is looked at once."""
    if _is_list(batch.schema.field(columns[0]).type):
        for texts in batch.column(columns[0]).to_pylist():
            yield [text.strip() for text in texts or () if text and text.strip()]
        return
    cells: list[list[str]] = [[]]
    codes = np.stack([_encode_cells(batch.column(column), cells, is_split=is_split) for column in columns], axis=1)
    filled = codes > 0  # (num_rows, num_columns)
    flat = codes[filled].tolist()
    start = 0
    for end in filled.sum(axis=1).cumsum().tolist():
        yield [statement for code in flat[start:end] for statement in cells[code]]
        start = end


def _encode_cells(column: pa.Array, cells: list[list[str]], *, is_split: bool) -> np.ndarray:
    """Position in `cells` of the statements of each cell, 0 for empty cells; new texts are appended to `cells`."""
    encoded = column.cast(pa.string()).dictionary_encode(null_encoding="encode")
    positions = []
    for text in encoded.dictionary.to_pylist():
        statements = [text.strip()] if is_split and text else split_report(text or "")
        if not any(statements):
            positions.append(0)
        else:
            positions.append(len(cells))
            cells.append(statements)
    return np.asarray(positions, dtype=np.int64)[encoded.indices.to_numpy()]


def _is_list(kind: pa.DataType) -> bool:
    """Whether a column holds a list of statements per record."""
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)


def _open_table(path: Path, split: str | None, config_name: str | None) -> tuple[Any, list[str]]:
    """A function that yields batches of wanted columns, and the names of all columns."""
    if split or (not path.exists() and _HUB_NAME.fullmatch(path.as_posix())):
        return _open_data_set(path.as_posix(), split, config_name)
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {path}. Check the path given with `--reports`.")
    if path.is_dir() or path.suffix == ".parquet":
        return _open_parquet(path)
    if {suffix.lower() for suffix in path.suffixes} & TEXT_SUFFIXES:
        return _open_text(path)
    raise ValueError(
        f"{path}: {path.suffix!r} is no known format. Pass a CSV, Excel, Parquet or JSONL file, or a folder of Parquet"
        " or text files."
    )


def _open_parquet(path: Path) -> tuple[Any, list[str]]:
    """All Parquet files of a folder, or one file."""
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise FileNotFoundError(
            f"{path} holds no Parquet file. Pass a folder written by `python -m datasets_scripts.prepare`, or a file."
        )
    table = pyarrow.dataset.dataset([str(file) for file in files], format="parquet")

    def batches(columns: list[str]) -> Iterator[pa.RecordBatch]:
        # Almost without read-ahead, which would hold many row groups in memory and gain nothing.
        yield from table.to_batches(
            columns=columns, batch_size=ROWS_PER_BATCH, batch_readahead=1, fragment_readahead=1, use_threads=False
        )

    return batches, table.schema.names


def _open_text(path: Path) -> tuple[Any, list[str]]:
    """A CSV file of any dialect, compressed or not, or an Excel sheet; every cell is text.

    A table of one column stands for itself in place of the function.
    """
    table = TableFile(
        path,
        optional=(*RECORD_ID_COLUMNS, *REPORT_COLUMNS, *(f"report_{number}" for number in range(MAX_NUMBERED))),
        may_repeat=True,
        remedy="Save the reports as CSV with the names of the columns in the first line.",
    )
    for remark in table.remarks:
        logger.warning(remark)
    if len(table.columns) == 1:
        return table, list(table.columns)

    def batches(columns: list[str]) -> Iterator[pa.RecordBatch]:
        table.id_column = columns[0]
        seen = _SeenReports(table)
        pick = itemgetter(*(table.places[column] for column in columns))
        rows = iter(table)
        while cells := [seen.take(row, pick) for row in islice(rows, ROWS_PER_BATCH)]:
            arrays = [pa.array(column, pa.string()) for column in zip(*cells, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, columns)
        seen.check()

    return batches, [name for name in table.columns if name]


class _SeenReports:
    """Tells whether two rows give one record different reports; it keeps 16 bytes of a row.

    Args:
        table (`TableFile`):
            The table, whose identifiers may repeat: a recording that was cut into several rows has its report in each.
    """

    def __init__(self, table: TableFile) -> None:
        self._table = table
        self._ids, self._texts = array("q"), array("q")
        self._limit = SEEN_REPORTS

    def take(self, row: Row, pick: Callable[[Sequence[str]], tuple[str, ...]]) -> list[str]:
        """Some cells of a row, the first of which is its identifier, without blanks around them."""
        row.check()
        record_id, *texts = cells = list(map(str.strip, pick(row.cells)))
        self._ids.append(hash(record_id))
        self._texts.append(hash(tuple(texts)))
        if len(self._ids) >= self._limit:
            self._forget_equal()
        return cells

    def check(self) -> None:
        """Refuse reports that differ.

        Raises:
            ValueError: If they do, naming both lines.
        """
        self._forget_equal()
        ids = np.frombuffer(self._ids, dtype=np.int64)
        repeated = ids[1:][np.diff(ids) == 0]
        if len(repeated):
            name = str(self._table.id_column)
            lines = [row.line for row in self._table if hash(row[name] or "") == repeated[0]]
            raise ValueError(
                f"{self._table.path}, line {lines[1]}: the {name} of line {lines[0]} stands here with another report."
                " Keep one of the lines, or join their reports."
            )

    def _forget_equal(self) -> None:
        """Keep one of all rows that say the same, sorted by identifier."""
        pairs = np.unique(np.stack([self._ids, self._texts], axis=1), axis=0) if self._ids else np.empty((0, 2), int)
        self._ids, self._texts = (array("q", pairs[:, place].tobytes()) for place in (0, 1))
        self._limit = max(SEEN_REPORTS, 2 * len(pairs))


def _open_data_set(name: str, split: str | None, config_name: str | None) -> tuple[Any, list[str]]:
    """A split of a data set, or all its splits, one after the other."""
    from datasets import Dataset, load_dataset  # the other formats do without this heavy import

    try:
        loaded = load_dataset(name, config_name, split=split)
    except (FileNotFoundError, ConnectionError, ValueError) as error:
        raise FileNotFoundError(
            f"There is no file or folder {name}, and no data set of that name could be loaded"
            f" ({type(error).__name__}). Check `--reports`, the split {split!r} and the configuration {config_name!r}."
        ) from error
    splits = list(loaded.values()) if isinstance(loaded, Mapping) else [loaded]
    tables = [table for table in splits if isinstance(table, Dataset)]

    def batches(columns: list[str]) -> Iterator[pa.RecordBatch]:
        for table in tables:
            for rows in table.select_columns(columns).with_format("arrow").iter(ROWS_PER_BATCH):
                yield from rows.to_batches()  # type: ignore[attr-defined]

    return batches, tables[0].column_names


def _choose_id_column(path: Path | str, columns: Sequence[str], wanted: str | None) -> str:
    """The column of identifiers that was asked for, or the first known one, in any case."""
    found = _find_column(columns, [wanted] if wanted else RECORD_ID_COLUMNS)
    if found is not None:
        return found
    missing = wanted or " or ".join(RECORD_ID_COLUMNS)
    raise ValueError(
        f"{path} has no column {missing}: it has {', '.join(columns)}."
        " Name the column of record identifiers with `--record_id_column`."
    )


def _choose_report_columns(path: Path | str, columns: Sequence[str], wanted: str | None) -> list[str]:
    """The column that was asked for, MIMIC-IV-ECG's columns in the order of their numbers, or a known one."""
    if wanted is None:
        numbered = [column for column in columns if MIMIC_REPORT_COLUMN.fullmatch(column.lower())]
        if numbered:
            return sorted(numbered, key=lambda column: int(column.rpartition("_")[2]))
    found = _find_column(columns, [wanted] if wanted else REPORT_COLUMNS)
    if found is not None:
        return [found]
    missing = wanted or "report_0, statements or report"
    raise ValueError(
        f"{path} has no column {missing}: it has {', '.join(columns)}."
        " Name the column of reports with `--report_column`."
    )


def _find_column(columns: Sequence[str], names: Sequence[str]) -> str | None:
    """The first of some names that a table has: as it is written, or else in another case."""
    for name in names:
        alike = [column for column in columns if column.casefold() == name.casefold()]
        if alike:
            return name if name in alike else alike[0]
    return None
