"""The tables of this folder: CSV files, some of whose cells hold lists."""

import csv
from pathlib import Path


LIST_SEPARATOR = "|"


def read_table(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file by column.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
