"""Anybody's folds in place of those of a protocol: a table of records and where each belongs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from datasets_scripts.readers.tables import TableFile

from .label_table import SPLITS, LabelTable, check_leaks


SPLIT_OF_WORD = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
}


def read_fold_table(path: str | Path) -> dict[str, str]:
    """Splits of records by a table with the columns `record_id` and `fold`.

    Args:
        path (`str` or `Path`):
            The table. A fold is the name of a split; or all are whole numbers, of which the last tests, the last but
            one validates, and the others train, as in PTB-XL.

    Returns:
        `dict[str, str]`: `"train"`, `"validation"` or `"test"` by record.

    Raises:
        FileNotFoundError: If there is no such table.
        ValueError: If it lacks a column, lists a record twice, or has folds that are neither.
    """
    table = TableFile(
        Path(path),
        required=("record_id", "fold"),
        id_column="record_id",
        remedy="Give a table with the columns record_id and fold.",
    )
    folds: dict[str, str] = {}
    for row in table:
        row.check()
        folds[row.require("record_id")] = row.require("fold").lower().removesuffix(".0")
    words = set(folds.values())
    if words <= SPLIT_OF_WORD.keys():
        return {record_id: SPLIT_OF_WORD[fold] for record_id, fold in folds.items()}
    if not all(fold.isdecimal() for fold in words):
        odd = sorted(fold for fold in words - SPLIT_OF_WORD.keys() if not fold.isdecimal()) or sorted(words)
        raise ValueError(
            f"{path}: the fold {odd[0]!r} is no split. Write train, validation or test in every row, or whole numbers"
            " of which the last tests and the last but one validates."
        )
    places = {number: place for place, number in enumerate(sorted(map(int, words), reverse=True))}
    by_place = dict(enumerate(("test", "validation")))
    return {record_id: by_place.get(places[int(fold)], "train") for record_id, fold in folds.items()}


def apply_folds(table: LabelTable, folds: dict[str, str], *, source: str) -> LabelTable:
    """The records of a table that the folds list, each in the split that they give it.

    Args:
        table ([`LabelTable`]):
            Records and labels under a protocol.
        folds (`dict[str, str]`):
            What [`read_fold_table`] gives.
        source (`str`):
            Where the folds come from, for messages.

    Raises:
        ValueError: If a patient is in two splits.
    """
    record_ids = table.records["record_id"]
    kept = table.select(np.flatnonzero(record_ids.isin(list(folds))))
    records = kept.records.assign(split=[folds[record_id] for record_id in kept.records["record_id"]])
    check_leaks(records, source=source)
    order = pd.Categorical(records["split"], SPLITS, ordered=True).argsort(kind="stable")
    return replace(kept, records=records).select(np.asarray(order))
