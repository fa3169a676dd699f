"""The labels of one set under one protocol, record by record, before any signal is read; and splits that leak."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pandas as pd

from .label_sets import LabelSet


SPLITS = ("train", "validation", "test")
MAX_RECORDS_IN_MESSAGE = 5


@dataclass(frozen=True)
class LabelTable:
    """Who is tested for what.

    Args:
        label_set ([`LabelSet`]):
            The set.
        protocol (`str`):
            `"merl"` or `"corrected"`.
        label_names (`tuple[str, ...]`):
            Classes as the protocol calls them.
        corpus_labels (`tuple[str, ...]`, one per class):
            What the corpus calls them, which is what the terminology is asked.
        records (`pd.DataFrame` of `num_records` rows):
            `record_id`, `patient_id` (missing where nobody knows it), `split`, and `is_normal`: whether the corpus
            calls the whole record normal.
        labels (`np.ndarray` of shape `(num_records, num_labels)`):
            1 positive, 0 negative, NaN unknown.
    """

    label_set: LabelSet
    protocol: str
    label_names: tuple[str, ...]
    corpus_labels: tuple[str, ...]
    records: pd.DataFrame
    labels: np.ndarray

    def select(self, rows: np.ndarray) -> "LabelTable":
        """The records at some places, in that order; `rows` are indices or a mask."""
        return replace(self, records=self.records.iloc[rows].reset_index(drop=True), labels=self.labels[rows])

    def of_splits(self, splits: Sequence[str]) -> "LabelTable":
        """The records of some splits, one split after the other."""
        own = self.records["split"].to_numpy()
        return self.select(np.concatenate([np.flatnonzero(own == split) for split in splits]))

    def count_positives(self) -> dict[str, int]:
        """Positive records of every class."""
        return dict(zip(self.label_names, (self.labels == 1).sum(axis=0).tolist(), strict=True))


def check_leaks(records: pd.DataFrame, *, source: str) -> None:
    """Refuse splits of which one knows the patients of another.

    Args:
        records (`pd.DataFrame`):
            `record_id`, `patient_id` (missing where nobody knows it) and `split`.
        source (`str`):
            Where the splits come from, for the message.

    Raises:
        ValueError: If a patient or a record stands in two splits; the message names the first one and its records.
    """
    for column, what in (("record_id", "record"), ("patient_id", "patient")):
        known = cast("pd.DataFrame", records[records[column].notna()])
        num_splits = cast("pd.Series", known.groupby(column, sort=False)["split"].nunique())
        leaking = [name for name, count in num_splits.items() if count > 1]
        if leaking:
            own = cast("pd.DataFrame", known[known[column] == leaking[0]])
            where, which = " and ".join(dict.fromkeys(own["split"])), _name_some(own["record_id"].tolist())
            raise ValueError(
                f"{source}: {what} {leaking[0]} is in {where} (records {which}), and {len(leaking) - 1} other"
                f" {what}s are in two splits too, so the test set is not unseen. Give every patient one split."
            )


def _name_some(record_ids: Sequence[str]) -> str:
    """The first few records."""
    names = list(dict.fromkeys(record_ids))
    more = "" if len(names) <= MAX_RECORDS_IN_MESSAGE else f" and {len(names) - MAX_RECORDS_IN_MESSAGE} more"
    return ", ".join(names[:MAX_RECORDS_IN_MESSAGE]) + more
