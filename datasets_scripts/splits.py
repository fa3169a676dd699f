"""The split of a record or patient: by a hash where the publisher gives none, or by published tables."""

import hashlib
from pathlib import Path, PurePosixPath
from typing import Literal

from datasets_scripts.readers.tables import TableFile


SplitName = Literal["train", "validation", "test"]

NUM_BUCKETS = 10
TEST_BUCKET = 9
VALIDATION_BUCKET = 8

# How MERL (Liu et al. 2024, ICML) names its tables and the columns that name the records.
SPLIT_TABLE_ENDINGS: dict[SplitName, str] = {"train": "_train.csv", "validation": "_val.csv", "test": "_test.csv"}
SPLIT_TABLE_COLUMNS = ("filename", "ecg_path")


def assign_split(key: str) -> SplitName:
    """The split in which everything with this key belongs: 80 % train, 10 % validation, 10 % test.

    The split depends on the key alone: the SHA-256 digest of the key, read as a number, modulo 10; 8 validates, 9
    tests. A record keeps its split when others are added or left out, on every machine and in every version.

    Args:
        key (`str`):
            Patient id, so that no patient is on two sides; the record id where the corpus names no patient. Ids of
            several sources in one corpus need the source in front, as in `"georgia/E07500"`.

    Returns:
        `"train"`, `"validation"` or `"test"`.

    Raises:
        ValueError: If the key is empty, which would put all such records into one split.

    Example:
        >>> [assign_split(key) for key in ("JS00001", "JS20000", "JS20007")]
        ['train', 'validation', 'test']
    """
    if not key:
        raise ValueError("The key of a split is empty. Pass the patient id, or the record id where there is none.")
    bucket = int.from_bytes(hashlib.sha256(key.encode("utf-8")).digest(), "big") % NUM_BUCKETS
    if bucket == TEST_BUCKET:
        return "test"
    return "validation" if bucket == VALIDATION_BUCKET else "train"


def read_split_tables(folder: Path) -> dict[str, SplitName]:
    """Read published splits: tables that list the records of each split.

    Args:
        folder (`Path`):
            Holds one table per split, `<name>_train.csv`, `<name>_val.csv` and `<name>_test.csv`, with a column
            `filename` or `ecg_path`, as MERL (Liu et al. 2024, ICML) publishes them for CPSC2018 and
            Chapman-Shaoxing-Ningbo.

    Returns:
        `dict[str, str]`: Split by name of the record, without folder and extension, in the order of the tables.

    Raises:
        FileNotFoundError: If a table is absent.
        ValueError: If there are two tables for a split, a table has none of the columns, or a record is listed twice.
    """
    split_of: dict[str, SplitName] = {}
    for split, ending in SPLIT_TABLE_ENDINGS.items():
        paths = sorted(folder.glob(f"*{ending}"))
        if not paths:
            raise FileNotFoundError(f"{folder} holds no table *{ending}. Let `split_dir` be the folder that holds it.")
        if len(paths) > 1:
            raise ValueError(f"{folder} holds {paths[0].name} and {paths[1].name}. Keep the one that you mean.")
        for name in _listed_records(paths[0]):
            if name in split_of:
                raise ValueError(
                    f"{paths[0]} lists {name}, which stands in {split_of[name]} already. Keep one of them."
                )
            split_of[name] = split
    return split_of


def _listed_records(path: Path) -> list[str]:
    """Names of the records of a table, without folder and extension."""
    table = TableFile(path, optional=SPLIT_TABLE_COLUMNS, remedy="Download the table again.")
    column = next((column for column in SPLIT_TABLE_COLUMNS if column in table.places), None)
    if column is None:
        raise ValueError(f"{path} has no column {' or '.join(SPLIT_TABLE_COLUMNS)}. Download the table again.")
    names = []
    for row in table:
        row.check()
        if row[column] is not None:
            names.append(PurePosixPath(str(row[column])).stem)
    return names
