"""Tables of reports, whatever their layout, as records with statements."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.dataset
import pyarrow.parquet

from .statements import split_report


RECORD_ID_COLUMNS = ("record_id", "study_id", "ecg_id")
REPORT_COLUMNS = ("statements", "report")
MIMIC_REPORT_COLUMN = re.compile(r"report_\d+")
ROWS_PER_CHUNK = 50_000


def iterate_reports(
    path: Path, *, record_id_column: str | None = None, report_column: str | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Records of a table with the statements of their reports.

    Args:
        path (`Path`):
            MIMIC-IV-ECG's `machine_measurements.csv`, PTB-XL's `ptbxl_database.csv`, any CSV or Parquet file with a
            column `report` or `statements`, or a folder written by `datasets_scripts.prepare`.
        record_id_column (`str`, *optional*):
            Column with the identifier of a record, if it is none of `RECORD_ID_COLUMNS`.
        report_column (`str`, *optional*):
            Column with the report, if it is none of `report_0` to `report_17`, `statements` and `report`.

    Yields:
        `tuple[str, list[str]]`: Identifier and statements of a record. A cell of `report_0`, `report_1`, ... is one
        statement; a free text is cut at line breaks and full stops.

    Raises:
        FileNotFoundError: If there is no such file or folder, or no Parquet file in the folder.
        ValueError: If a column is missing, a record has no identifier, or the format is unknown.
    """
    columns = _column_names(path)
    id_column = _choose_id_column(path, columns, record_id_column)
    report_columns = _choose_report_columns(path, columns, report_column)
    for chunk in _read_chunks(path, [id_column, *report_columns]):
        ids = chunk[id_column]
        num_missing = int(np.count_nonzero(ids.isna()))
        if num_missing:
            raise ValueError(
                f"{path}: {num_missing} rows have no value in column {id_column!r}."
                " Fill it, or name another column with `--record_id_column`."
            )
        cells = [chunk[column].tolist() for column in report_columns]
        split = _is_free_text(report_columns)
        for record_id, *texts in zip(ids.astype(str), *cells, strict=True):
            yield record_id, _statements(texts, split=split)


def count_records(path: Path) -> int | None:
    """Number of records of a Parquet file or folder; `None` for CSV, which would have to be read to know."""
    if path.is_dir() or path.suffix == ".parquet":
        return _parquet(path).count_rows()
    return None


def _statements(texts: Sequence[object], *, split: bool) -> list[str]:
    """Statements of one record, from cells that are texts, lists of texts, or empty."""
    statements: list[str] = []
    for text in texts:
        if isinstance(text, str):
            statements.extend(split_report(text) if split else [text.strip()])
        elif isinstance(text, Sequence) or hasattr(text, "tolist"):
            statements.extend(str(statement).strip() for statement in list(text))  # type: ignore[call-overload]
    return [statement for statement in statements if statement]


def _is_free_text(report_columns: Sequence[str]) -> bool:
    """Whether the cells hold whole reports rather than one statement each."""
    return not all(MIMIC_REPORT_COLUMN.fullmatch(column) for column in report_columns)


def _parquet(path: Path) -> pyarrow.dataset.Dataset:
    """All Parquet files of a folder, or one file."""
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise FileNotFoundError(
            f"{path} holds no Parquet file. Pass a folder written by `python -m datasets_scripts.prepare`, or a file."
        )
    return pyarrow.dataset.dataset([str(file) for file in files], format="parquet")


def _column_names(path: Path) -> list[str]:
    """Columns of the table, without reading it."""
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {path}. Check the path given with `--reports`.")
    if path.is_dir() or path.suffix == ".parquet":
        return _parquet(path).schema.names
    if ".csv" in path.suffixes:
        return list(pd.read_csv(path, nrows=0).columns)
    raise ValueError(
        f"{path}: {path.suffix!r} is no known format. Pass a CSV file, a Parquet file or a folder of these."
    )


def _read_chunks(path: Path, columns: list[str]) -> Iterator[pd.DataFrame]:
    """The wanted columns in pieces, so that memory does not grow with the corpus."""
    if path.is_dir() or path.suffix == ".parquet":
        for batch in _parquet(path).to_batches(columns=columns, batch_size=ROWS_PER_CHUNK):
            yield batch.to_pandas()
    else:
        yield from pd.read_csv(path, usecols=lambda name: name in columns, dtype=str, chunksize=ROWS_PER_CHUNK)


def _choose_id_column(path: Path, columns: Sequence[str], wanted: str | None) -> str:
    """The column of identifiers that was asked for, or the first known one."""
    for column in [wanted] if wanted else RECORD_ID_COLUMNS:
        if column in columns:
            return column
    missing = wanted or " or ".join(RECORD_ID_COLUMNS)
    raise ValueError(
        f"{path} has no column {missing}: it has {', '.join(columns)}."
        " Name the column of record identifiers with `--record_id_column`."
    )


def _choose_report_columns(path: Path, columns: Sequence[str], wanted: str | None) -> list[str]:
    """The column that was asked for, MIMIC-IV-ECG's columns in the order of their numbers, or a known one."""
    if wanted is None:
        numbered = [column for column in columns if MIMIC_REPORT_COLUMN.fullmatch(column)]
        if numbered:
            return sorted(numbered, key=lambda column: int(column.rpartition("_")[2]))
    for column in [wanted] if wanted else REPORT_COLUMNS:
        if column in columns:
            return [column]
    missing = wanted or "report_0, statements or report"
    raise ValueError(
        f"{path} has no column {missing}: it has {', '.join(columns)}."
        " Name the column of reports with `--report_column`."
    )
