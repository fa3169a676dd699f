"""The published protocol: MERL's own tables (Liu et al. 2024, ICML), with the classes and errors that they have.

Nothing is corrected here. What is wrong with the tables is counted in `differences.py`.
"""

from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from datasets_scripts.splits import SPLIT_TABLE_ENDINGS

from .label_sets import MERL, LabelSet
from .label_table import LabelTable, check_leaks


# Columns of the tables that are no classes
DESCRIPTIVE_COLUMNS = {
    *("ecg_id", "patient_id", "strat_fold", "filename_lr", "filename_hr"),
    *("super_class", "sub_class", "form", "rhythm"),
    *("filename", "validation", "age", "sex", "scp_codes"),
    *("ecg_path", "diagnose"),
}
NORMAL_TABLES = "ptbxl/super_class/ptbxl_super_class"  # the tables of PTB-XL that have the class NORM
SINUS_RHYTHM = "SR"


def read_merl_table(label_set: LabelSet, split_dir: str | Path) -> LabelTable:
    """The three tables of one set, one below the other.

    Args:
        label_set ([`LabelSet`]):
            Which set.
        split_dir (`str` or `Path`):
            MERL's folder `finetune/data_split`, with `ptbxl/`, `icbeb/` and `chapman/`.

    Returns:
        [`LabelTable`]: Classes in the order of the test table; the training table may have them in another.

    Raises:
        FileNotFoundError: If a table is absent.
        ValueError: If the tables have other classes than the published ones, or a patient is in two splits.
    """
    folder = Path(split_dir)
    tables = {split: _read(folder, label_set.merl_tables, ending) for split, ending in SPLIT_TABLE_ENDINGS.items()}
    names = [str(column) for column in tables["test"].columns if column not in DESCRIPTIVE_COLUMNS]
    for split, table in tables.items():
        _check_classes(label_set, split, set(table.columns) - DESCRIPTIVE_COLUMNS, set(names))
    parts = [table.assign(split=split) for split, table in tables.items() if len(table)]
    whole = pd.concat(parts or [tables["test"].assign(split="")], ignore_index=True)
    records = _locate(whole, label_set).assign(split=whole["split"])
    records["is_normal"] = _find_normal(whole, records, folder)
    check_leaks(records, source=f"{folder / label_set.merl_tables}_*.csv")
    return LabelTable(
        label_set=label_set,
        protocol=MERL,
        label_names=tuple(names),
        corpus_labels=tuple(label_set.merl_names.get(str(name), str(name)) for name in names),
        records=records,
        labels=whole[names].to_numpy(dtype=np.float64),
    )


def read_merl_diagnoses(label_set: LabelSet, split_dir: str | Path) -> pd.DataFrame:
    """`record_id`, `split` and the set `diagnoses` of acronyms that the tables of Chapman-Shaoxing-Ningbo quote."""
    folder = Path(split_dir)
    parts = []
    for split, ending in SPLIT_TABLE_ENDINGS.items():
        table = _read(folder, label_set.merl_tables, ending)
        parts.append(_locate(table, label_set).assign(split=split, diagnoses=table["diagnose"].map(split_diagnoses)))
    return pd.concat(parts, ignore_index=True)


def split_diagnoses(cell: str) -> frozenset[str]:
    """The acronyms of a cell, each whole.

    Example:
        >>> sorted(split_diagnoses("APB,ST,IDC"))
        ['APB', 'IDC', 'ST']
    """
    return frozenset(part.strip() for part in cell.split(",") if part.strip())


def _read(folder: Path, tables: str, ending: str) -> pd.DataFrame:
    """One table, all cells of which are text but for the classes."""
    path = folder / f"{tables}{ending}"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist. Let `--split_dir` be the folder finetune/data_split of MERL, with ptbxl/, icbeb/"
            " and chapman/."
        )
    return pd.read_csv(path, dtype={"ecg_id": str, "filename": str, "ecg_path": str, "diagnose": str})


def _check_classes(label_set: LabelSet, split: str, own: set[Any], expected: set[Any]) -> None:
    """Refuse tables whose classes are not those that were published."""
    if len(expected) != label_set.num_conditions or own != expected:
        odd = sorted(map(str, own ^ expected)) or sorted(map(str, expected))
        raise ValueError(
            f"{label_set.merl_tables}: the table of {split} has {len(own)} classes and the published set"
            f" {label_set.num_conditions}; see {', '.join(odd[:5])}. Use the tables as MERL publishes them."
        )


def _locate(table: pd.DataFrame, label_set: LabelSet) -> pd.DataFrame:
    """`record_id` and `patient_id` of every row, as the builders of the corpora call them."""
    if label_set.corpus == "ptb_xl":
        patients = table["patient_id"].astype(float).astype(int).astype(str)
        return pd.DataFrame({"record_id": table["ecg_id"], "patient_id": patients})
    if label_set.corpus == "cpsc2018":  # its column patient_id is a running number
        return pd.DataFrame({"record_id": table["filename"], "patient_id": None})
    names = table["ecg_path"].map(lambda path: PurePosixPath(path).stem)
    return pd.DataFrame({"record_id": names, "patient_id": names})


def _find_normal(whole: pd.DataFrame, records: pd.DataFrame, folder: Path) -> Any:
    """Whether each record is called normal: by the class NORM, or where sinus rhythm is all that is said."""
    if "diagnose" in whole:
        return whole["diagnose"].map(split_diagnoses) == {SINUS_RHYTHM}
    if "NORM" in whole:
        return whole["NORM"] == 1
    normal: set[str] = set()
    for ending in SPLIT_TABLE_ENDINGS.values():
        table = _read(folder, NORMAL_TABLES, ending)
        normal |= set(table.loc[table["NORM"] == 1, "ecg_id"])
    return records["record_id"].isin(list(normal))
