"""Scores of any system from a file: which column stands for which condition, and which row for which record."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from datasets_scripts.terminology.findings import NORMAL_FINDING
from evaluation_scripts.conditions import Condition, find_finding, identities
from evaluation_scripts.prediction_table import Predictions
from evaluation_scripts.protocols.label_table import LabelTable

from .records import locate_table


SCORE, LABEL = "score_", "label_"
KEY = "record_id"
PLACE_COLUMNS = ("patient_id", "corpus", "config", "split", "is_normal")
# Of our own predictions.parquet: what is no score of a condition
OWN_COLUMNS = re.compile(r"(label|value|sd|measurable|reference)_")
PARQUET_SUFFIXES = (".parquet", ".pq")
PTB_XL_NAME = re.compile(r"0*(\d+)(?:_[hl]r)?")


@dataclass(frozen=True)
class ScoreFile:
    """A table of scores.

    Args:
        path (`Path`):
            The file.
        table (`pd.DataFrame`):
            `record_id`, where it states them `corpus`, `config` and `split`, and a column of scores per condition.
        columns (`tuple[str, ...]`):
            The columns of scores; that of the normal ECG may be a control and a condition.
        controls (`tuple[str, ...]`):
            The columns that know no name of a condition.
    """

    path: Path
    table: pd.DataFrame
    columns: tuple[str, ...]
    controls: tuple[str, ...] = ()

    @property
    def is_our_own(self) -> bool:
        """Whether `evaluate.py` wrote it: scores and labels side by side."""
        return all(any(name.startswith(start) for name in self.table.columns) for start in (SCORE, LABEL))


def read_score_file(path: str | Path, *, control_columns: Sequence[str] = ()) -> ScoreFile:
    """Read scores from a Parquet or CSV file.

    Args:
        path (`str` or `Path`):
            The file. Columns may be called as conditions are, by name or code, with or without `score_` before it.
        control_columns (`Sequence[str]`, *optional*):
            Columns that know no name of a condition.

    Returns:
        [`ScoreFile`]

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it has no column `record_id`, no column of scores, not the columns of the controls, or a score
            that is no number.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist. Let `--predictions` be a Parquet or CSV file of scores.")
    is_parquet = path.suffix in PARQUET_SUFFIXES
    table = pd.read_parquet(path) if is_parquet else pd.read_csv(path, dtype={KEY: str}, sep=None, engine="python")
    table.columns = [str(column) for column in table.columns]
    if KEY not in table:
        raise ValueError(
            f"{path} has no column {KEY}: it has {', '.join(table.columns[:10])}. Write one row per record, with its"
            f" name in {KEY}."
        )
    absent = [name for name in control_columns if name not in table]
    if absent:
        raise ValueError(
            f"{path} has no column {', '.join(absent)}, which `--control_columns` names. Choose among"
            f" {', '.join(table.columns[:20])}."
        )
    columns = [
        column for column in table.columns if column not in (KEY, *PLACE_COLUMNS) and not OWN_COLUMNS.match(column)
    ]
    if not set(columns) - set(control_columns):
        raise ValueError(f"{path} has no column of scores. Write one column per condition, called by name or code.")
    for column in columns:
        if not pd.api.types.is_numeric_dtype(table[column]):
            raise ValueError(f"{path}, column {column}: it holds {table[column].iloc[0]!r}. Scores are numbers.")
    return ScoreFile(path, table, tuple(columns), tuple(control_columns))


def match_columns(table: LabelTable, columns: Sequence[str], *, source: str) -> dict[str, str]:
    """Which column of scores stands for which condition of a set.

    A column that is called as the condition of this set (`superclass:NORM`) goes before one that is called as the
    label (`NORM`), and this before one that the terminology takes for the same finding (`normal ecg`).

    Args:
        table ([`LabelTable`]):
            The set.
        columns (`Sequence[str]`):
            Columns of scores.
        source (`str`):
            Where they come from, for the message.

    Returns:
        `dict[str, str]`: Column by label, in the order of the labels; a label that no column stands for is left out.

    Raises:
        ValueError: If two columns stand for one condition equally well.
    """
    config = table.label_set.config_name
    names = {column: column.removeprefix(SCORE) for column in columns}
    known = {column: identities(name, config) for column, name in names.items()}
    matched: dict[str, str] = {}
    for label, corpus_label in zip(table.label_names, table.corpus_labels, strict=True):
        wanted = identities(corpus_label, config)
        own = {label, corpus_label}
        qualified = {f"{place}:{name}" for place in (config, table.label_set.name) for name in own}
        ranks = (
            [column for column, name in names.items() if name in qualified],
            [column for column, name in names.items() if name == label],
            [column for column, name in names.items() if name == corpus_label],
            [column for column in columns if not wanted.isdisjoint(known[column])],
        )
        best = next((rank for rank in ranks if rank), [])
        if len(best) > 1:
            raise ValueError(
                f"{source}: columns {' and '.join(best)} both stand for {label} of {table.label_set.name}. Rename the"
                f" one that is meant to {config}:{label}."
            )
        if best:
            matched[label] = best[0]
    return matched


def score_table(scores: ScoreFile, table: LabelTable) -> tuple[list[Condition], Predictions, dict[str, Any]] | None:
    """The scores of the records and conditions of one set.

    Args:
        scores ([`ScoreFile`]):
            Of any system.
        table ([`LabelTable`]):
            The records of the set, and what is true of them.

    Returns:
        `tuple`: Conditions, whose `query` is the column; [`Predictions`] of the records that the file lists; and what
        the result says beside: `columns`, `missing_conditions` and `missing_records`. `None` if no column or no record
        belongs to the set.

    Raises:
        ValueError: If a record is listed twice or has no score.
    """
    rows = _rows_of(scores, table)
    matched = match_columns(table, scores.columns, source=str(scores.path))
    names = table.records["record_id"].tolist()
    listed = set(rows.index)
    is_listed = np.array([name in listed for name in names], dtype=bool)
    own = table.select(np.flatnonzero(is_listed))
    columns = [column for column in matched.values() if bool(rows[column].notna().to_numpy().any())]
    matched = {label: column for label, column in matched.items() if column in columns}
    if not matched or not len(own.records):
        return None
    aligned: Any = rows.loc[own.records["record_id"].tolist()]
    given = [name for name in scores.controls if aligned[name].notna().any()]
    for column in (*matched.values(), *given):
        _check_complete(aligned[column], path=scores.path)
    places = [table.label_names.index(label) for label in matched]
    config = table.label_set.config_name
    conditions = []
    for place, (label, column) in zip(places, matched.items(), strict=True):
        finding = find_finding(table.corpus_labels[place], config)
        conditions.append(Condition(label, finding and finding.name, column, seen=None))
    matrix = aligned[list(matched.values())].to_numpy(dtype=np.float64)
    controls = {
        name.removeprefix(SCORE): np.broadcast_to(_read_control(aligned[name], config)[:, None], matrix.shape)
        for name in given
    }
    absent = [name for name in names if name not in listed]
    notes: dict[str, Any] = {
        "columns": matched,
        "missing_conditions": [label for label in table.label_names if label not in matched],
        "missing_records": {"num_missing": len(absent), "first_missing": absent[0] if absent else None},
    }
    return conditions, Predictions(locate_table(own), own.labels[:, places], matrix, controls), notes


def _rows_of(scores: ScoreFile, table: LabelTable) -> pd.DataFrame:
    """The rows that concern a set, by record; a file may say of every row to which set it belongs."""
    rows: Any = scores.table
    for column, value in (("corpus", table.label_set.corpus), ("config", table.label_set.config_name)):
        if column in rows:
            rows = rows[rows[column] == value]
    names = [_plain_name(str(name), table.label_set.corpus) for name in rows[KEY]]
    rows = rows.set_axis(pd.Index(names, name=KEY), axis=0)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"{scores.path} lists record {twice[0]} twice. Write one row per record.")
    return rows


def _plain_name(name: str, corpus: str) -> str:
    """A record as the builders call it, from its path or file name.

    Example:
        >>> _plain_name("records500/00000/00012_hr", "ptb_xl"), _plain_name("12.0", "ptb_xl")
        ('12', '12')
    """
    stem = PurePosixPath(name.strip()).name.removesuffix(".mat").removesuffix(".hea")
    if corpus == "ptb_xl":
        found = PTB_XL_NAME.fullmatch(stem.removesuffix(".0"))
        return found[1] if found else stem
    return stem


def _check_complete(column: pd.Series, *, path: Path) -> None:
    """Refuse a record without a score."""
    absent = [name for name, is_absent in column.isna().items() if is_absent]
    if absent:
        raise ValueError(
            f"{path}: record {absent[0]} has no score in column {column.name}, and {len(absent) - 1} others neither."
            " Fill it, or leave the record or the column out."
        )


def _read_control(column: pd.Series, config_name: str) -> np.ndarray:
    """Scores of a control: of the normal ECG, how little a record looks like it."""
    values = column.to_numpy(dtype=np.float64)
    finding = find_finding(str(column.name).removeprefix(SCORE), config_name)
    return -values if finding is not None and finding.name == NORMAL_FINDING else values
