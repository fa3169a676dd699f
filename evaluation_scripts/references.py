"""What others measured of the records that are evaluated: a column of the corpus, or annotations beside them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from datasets_scripts.readers.stated_measurements import keep_possible
from datasets_scripts.readers.wave_annotations import read_wave_measurements
from datasets_scripts.schema import SAMPLING_RATE
from modeling_supreme.query_grammar import find_measurement

from .load import LabelledRecords


COLUMN = "measurements"
PLACE_COLUMNS = ("file_name", "filename")  # where a corpus says where a record lies in its folder


def read_references(
    records: LabelledRecords,
    keys: Sequence[str],
    *,
    data_dir: str | None = None,
    annotation_extensions: Sequence[str] | None = None,
) -> np.ndarray:
    """What others measured.

    Args:
        records ([`LabelledRecords`]):
            The records evaluated.
        keys (`Sequence[str]`):
            Measurements that the model makes.
        data_dir (`str`, *optional*):
            Folder of the corpus, for annotations.
        annotation_extensions (`Sequence[str]`, *optional*):
            Extensions of WFDB annotation files beside the records, which are the reference in place of the column
            `measurements`.

    Returns:
        `np.ndarray` of shape `(num_records, num_keys)`: In the unit of each, NaN where it was not measured, and of a
        count where there was nothing to count: its size is not defined there.

    Raises:
        ValueError: If the corpus has no such column, or no record has an annotation file; or if nothing that the model
            measures was measured.
    """
    if annotation_extensions:
        stated = _read_annotations(records, data_dir, annotation_extensions)
    else:
        if COLUMN not in records.rows.column_names:
            raise ValueError(
                f"{records.corpus} has no column `{COLUMN}`, so there is nothing to compare with. Name annotation"
                " files beside its records with `--annotation_extensions`, or leave `--measurements` out."
            )
        stated = records.rows.select_columns([COLUMN])[:][COLUMN]
    table = pd.DataFrame([row or {} for row in stated]).reindex(columns=list(keys)).astype(np.float64)
    counts = [key for key in keys if (found := find_measurement(key)) and found.is_count]
    table[counts] = table[counts].replace(0.0, np.nan)
    if table.isna().to_numpy().all():
        source = f"annotations .{', .'.join(annotation_extensions)}" if annotation_extensions else f"column `{COLUMN}`"
        raise ValueError(
            f"{records.name}: the {source} of no record has a number that the checkpoint measures. Choose another"
            " corpus or split, or leave `--measurements` out."
        )
    return table.to_numpy()


def _read_annotations(
    records: LabelledRecords, data_dir: str | None, extensions: Sequence[str]
) -> list[dict[str, float | None]]:
    """Measurements of every record by the annotations beside it."""
    places = [name for name in PLACE_COLUMNS if name in records.rows.column_names]
    if not places or data_dir is None:
        raise ValueError(
            f"{records.corpus} does not say where its records lie, so no annotation is found beside them. Read them"
            " with `--dataset_name ecg_folder --data_dir FOLDER`."
        )
    columns = pd.DataFrame(records.rows.select_columns([places[0], "window_start_s", "num_samples"])[:])
    return [
        keep_possible(
            read_wave_measurements(
                Path(data_dir) / str(place).removesuffix(".hea"),
                extensions,
                start_s=start_s,
                stop_s=start_s + num_samples / SAMPLING_RATE,
            )
        )[0]
        for place, start_s, num_samples in columns.itertuples(index=False)
    ]
