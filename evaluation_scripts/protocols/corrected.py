"""The protocol to believe: the corpus' own codes, whole recordings, and splits by patient where patients are known."""

from pathlib import Path

import numpy as np
import pandas as pd

from datasets_scripts import BUILDERS
from datasets_scripts.corpus_builder import CorpusBuilder

from .label_sets import CORRECTED, LabelSet
from .label_table import LabelTable, check_leaks


# What a record carries alone that is normal, by corpus: of PTB-XL the code, of the others all that was diagnosed
NORMAL_CODE = "NORM"
NORMAL_DIAGNOSES = {"cpsc2018": ["Normal"], "chapman_shaoxing_ningbo": ["SR"]}


def read_corrected_table(label_set: LabelSet, data_dir: str | Path) -> LabelTable:
    """The labels of one set as the tables and headers of the corpus give them; no signal is read.

    Args:
        label_set ([`LabelSet`]):
            Which set.
        data_dir (`str` or `Path`):
            Folder of the corpus as its publisher distributes it.

    Returns:
        [`LabelTable`]: Records that cannot be read are left out.

    Raises:
        FileNotFoundError: If the folder lacks the tables of the corpus.
        ValueError: If a patient is in two splits.
    """
    builder = BUILDERS[label_set.corpus](config_name=label_set.config_name, data_dir=str(data_dir), on_error="skip")
    if not isinstance(builder, CorpusBuilder) or builder.info.features is None:
        raise TypeError(
            f"{label_set.corpus} is not read from files. Test it with `--dataset_name {label_set.corpus}`."
        )
    names = builder.info.features["labels"].feature.names
    rows = builder.list_records()
    records = pd.DataFrame(
        {
            "record_id": [row["record_id"] for row in rows],
            "patient_id": [row["patient_id"] for row in rows],
            "split": [row["split"] for row in rows],
            "is_normal": [_is_normal(row, label_set.corpus) for row in rows],
        }
    )
    labels = np.full((len(rows), len(names)), np.nan)
    for number, row in enumerate(rows):
        positives = set(row["labels"])
        labels[number] = [float(name in positives) for name in names]
        labels[number, ~np.asarray(row["label_mask"], dtype=bool)] = np.nan
    check_leaks(records, source=str(data_dir))
    return LabelTable(label_set, CORRECTED, tuple(names), tuple(names), records, labels)


def _is_normal(row: dict, corpus: str) -> bool:
    """Whether a record is called normal."""
    if corpus == "ptb_xl":
        return NORMAL_CODE in {code["code"] for code in row["scp_codes"]}
    return list(row["diagnoses"]) == NORMAL_DIAGNOSES[corpus]
