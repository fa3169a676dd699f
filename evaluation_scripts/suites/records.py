"""The recordings of one set, with the labels of a protocol in place of those of the builder."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from accelerate.logging import get_logger
from datasets import Dataset, concatenate_datasets

from datasets_scripts import load_corpus
from datasets_scripts.schema import SAMPLING_RATE
from datasets_scripts.terminology.findings import NORMAL_FINDING
from evaluation_scripts.conditions import Condition
from evaluation_scripts.controls import IS_NORMAL
from evaluation_scripts.load import LabelledRecords
from evaluation_scripts.prediction_table import Predictions, locate_records
from evaluation_scripts.protocols.label_sets import CORRECTED
from evaluation_scripts.protocols.label_table import LabelTable
from modeling_supreme.long_recordings.windows import aggregate_windows


logger = get_logger(__name__)


@dataclass(frozen=True)
class SuiteRecords(LabelledRecords):
    """Recordings whose labels a protocol gives.

    Args:
        table ([`LabelTable`] of as many records as there are rows):
            Labels of every row; the rows of a long recording, one for each ten seconds, repeat those of the record.
    """

    table: LabelTable

    @property
    def label_names(self) -> list[str]:
        """Classes as the protocol calls them."""
        return list(self.table.label_names)

    @property
    def corpus_labels(self) -> list[str]:
        """What the corpus calls them."""
        return list(self.table.corpus_labels)

    def locate(self) -> pd.DataFrame:
        """Where every row comes from, and whether the corpus calls it normal."""
        return locate_table(self.table)

    def read_labels(self) -> np.ndarray:
        """Labels of shape `(num_rows, num_labels)`."""
        return self.table.labels


def locate_table(table: LabelTable) -> pd.DataFrame:
    """`record_id`, `patient_id`, `corpus`, `config`, `split` and, if known, `is_normal` of every record of a table."""
    located = locate_records(
        cast("pd.DataFrame", table.records[["record_id", "patient_id"]]),
        corpus=table.label_set.corpus,
        config_name=table.label_set.config_name,
        split=table.records["split"].tolist(),
    )
    if IS_NORMAL not in table.records:
        return located
    return located.assign(**{IS_NORMAL: table.records[IS_NORMAL].to_numpy(dtype=bool)})


def load_suite_records(
    table: LabelTable,
    splits: Sequence[str],
    *,
    data_dir: Path,
    max_records: int | None = None,
    num_proc: int | None = None,
    on_error: str = "raise",
) -> tuple[SuiteRecords | None, dict[str, Any]]:
    """The recordings of the records of a table, in its order.

    Args:
        table ([`LabelTable`]):
            Labels under a protocol.
        splits (`Sequence[str]`):
            Splits to read.
        data_dir (`Path`):
            Folder of the corpus.
        max_records (`int`, *optional*):
            Records to take of each split, the first that are there.
        num_proc (`int`, *optional*):
            Processes that read.
        on_error (`str`, defaults to `"raise"`):
            What to do with a recording that cannot be read.

    Returns:
        `tuple`: [`SuiteRecords`], or `None` where no recording is there; and of the records listed, `num_missing` and
        `first_missing`, those without a recording.
    """
    whole = _load_rows(
        table.label_set.corpus,
        table.label_set.rows_config,
        str(data_dir),
        num_proc,
        on_error,
        "all" if table.protocol == CORRECTED else "first",
    )
    rows_of: dict[str, list[int]] = {}
    for row, record_id in enumerate(whole["record_id"]):
        rows_of.setdefault(record_id, []).append(row)
    listed = {split: np.flatnonzero(table.records["split"] == split).tolist() for split in splits}
    names = table.records["record_id"].tolist()
    present = {split: [place for place in own if names[place] in rows_of] for split, own in listed.items()}
    pairs = [(place, row) for own in present.values() for place in own[:max_records] for row in rows_of[names[place]]]
    absent = [names[place] for own in listed.values() for place in own if names[place] not in rows_of]
    missing = {"num_missing": len(absent), "first_missing": absent[0] if absent else None}
    if not pairs:
        return None, missing
    places, rows = map(list, zip(*pairs, strict=True))
    own = table.select(np.array(places))
    return (
        SuiteRecords(
            crop_rows(whole.select(rows), table.label_set.merl_seconds if table.protocol != CORRECTED else None),
            own.records["split"].tolist(),
            corpus=table.label_set.corpus,
            config_name=table.label_set.config_name,
            split="+".join(splits),
            table=own,
        ),
        missing,
    )


@lru_cache(maxsize=1)  # the sets of one corpus come one after the other
def _load_rows(
    corpus: str, config_name: str, data_dir: str, num_proc: int | None, on_error: str, window: str
) -> Dataset:
    """All rows of a corpus, whatever its builder's splits."""
    loaded: Any = load_corpus(
        corpus, config_name, data_dir=data_dir, num_proc=num_proc, on_error=on_error, window=window
    )
    return concatenate_datasets([cast("Dataset", split) for split in loaded.values() if len(split)])


def crop_rows(rows: Dataset, seconds: float | None) -> Dataset:
    """Rows of which only the first seconds are known; the rest is padding, as a reader finds it in any short record.

    Args:
        rows (`Dataset`):
            Rows of a corpus.
        seconds (`float`, *optional*):
            What to keep; everything by default.
    """
    if seconds is None:
        return rows
    last = round(seconds * SAMPLING_RATE)
    num_samples = np.minimum(np.array(rows["num_samples"]), last).astype(np.int32)
    spans = [
        [[lead, start, min(stop, last)] for lead, start, stop in own if start < last]
        for own in (rows["not_recorded"] if "not_recorded" in rows.column_names else [[]] * len(rows))
    ]
    features = rows.features
    for name, column in {"num_samples": num_samples.tolist(), "not_recorded": spans}.items():
        if name in rows.column_names:
            rows = rows.remove_columns(name).add_column(name, column, feature=features[name])  # pyright: ignore
    return rows


def merge_windows(predictions: Predictions, conditions: Sequence[Condition]) -> Predictions:
    """One score per record: a finding is there if it is in any ten seconds, and a normal ECG is normal in all of them.

    Args:
        predictions ([`Predictions`]):
            Scores of every row.
        conditions (`Sequence[Condition]`):
            The columns of the scores.

    Returns:
        [`Predictions`]: In the order in which the records come first; measurements are left out.
    """
    record_ids = predictions.records["record_id"]
    if record_ids.is_unique:
        return predictions
    place = pd.factorize(record_ids)[0]
    first = np.unique(place, return_index=True)[1]
    rows_of = np.split(np.argsort(place, kind="stable"), np.cumsum(np.bincount(place))[:-1])
    is_normal = np.array([condition.finding == NORMAL_FINDING for condition in conditions], dtype=bool)

    def merge(scores: np.ndarray, throughout: np.ndarray | None = None) -> np.ndarray:
        windows = (scores[..., rows, :] for rows in rows_of)
        return np.stack([aggregate_windows(own, "max", throughout=throughout) for own in windows], axis=-2)

    return Predictions(
        predictions.records.iloc[first].reset_index(drop=True),
        predictions.labels[first],
        merge(predictions.scores, is_normal),
        {name: merge(control) for name, control in predictions.controls.items()},
    )
