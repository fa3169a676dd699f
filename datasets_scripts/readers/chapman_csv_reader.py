"""The older layout of Chapman-Shaoxing (figshare, Zheng et al. 2020): 10,646 CSV files and one table of labels."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from modeling_supreme.ecg_tables import parse_table
from modeling_supreme.leads import STANDARD_LEADS, is_standard_lead
from modeling_supreme.recordings import MICROVOLTS_PER_MILLIVOLT, DamagedFileError, EcgRecording, to_microvolts

from .patients import parse_age, parse_sex


SAMPLING_RATE_HZ = 500
DIAGNOSTICS_FILENAMES = ("Diagnostics.csv", "Diagnostics.xlsx")
COLUMNS = ("FileName", "Rhythm", "Beat", "PatientAge", "Gender")
# As recorded, and after the publisher's filters.
SIGNAL_FOLDERS = {"raw": "ECGData", "denoised": "ECGDataDenoised"}
NO_DIAGNOSIS = "NONE"


def find_diagnostics(folder: Path) -> Path | None:
    """The table of labels of the older layout; `None` where there is none, as in `ecg-arrhythmia`."""
    return next((folder / name for name in DIAGNOSTICS_FILENAMES if (folder / name).is_file()), None)


def read_diagnostics(path: Path, *, signals: str) -> list[dict[str, Any]]:
    """One dict per record of the table, with all that it says.

    Args:
        path (`Path`):
            Diagnostics.xlsx as published, or the same sheet as CSV.
        signals (`str`):
            `"raw"` or `"denoised"`: which of the two editions of the signals to read.

    Raises:
        ImportError: If the table is an Excel sheet and `openpyxl` is not installed.
        ValueError: If a column is missing.
    """
    table = _read_table(path)
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        raise ValueError(f"{path} has no column {', '.join(missing)}. Download the official file again.")
    rows = []
    for record in table.dropna(subset=["FileName"]).to_dict("records"):
        name = str(record["FileName"]).strip()
        filename = f"{SIGNAL_FOLDERS[signals]}/{name}"
        rows.append(
            {
                "record_id": name,
                "path": str(path.parent / f"{filename}.csv"),
                "filename": filename,
                "age": parse_age(str(record["PatientAge"])),
                "sex": parse_sex(str(record["Gender"])),
                "diagnoses": _acronyms(record["Rhythm"]) + _acronyms(record["Beat"]),
            }
        )
    return rows


def read_csv_strip(path: Path) -> EcgRecording:
    """Read a record: 12 columns in microvolts, with a row of lead names (raw) or without (denoised).

    Returns:
        `EcgRecording`: The 12 leads, rounded to `int16` microvolts.

    Raises:
        FileNotFoundError: If there is no such file.
        PermissionError: If this user may not read it.
        ValueError: If the file is no table of 12 leads, or samples are missing.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist. Complete the download.")
    try:
        table = parse_table(path)
    except DamagedFileError as error:
        raise ValueError(f"{path} is no table of numbers ({error}). Download it again.") from error
    values, names = table.values, table.names
    if names is not None and not all(map(is_standard_lead, names)):
        raise ValueError(f"{path} is no table of numbers (it begins with {names[0]!r}). Download it again.")
    if len(values) != len(STANDARD_LEADS) or not values.size:
        raise ValueError(
            f"{path} holds {values.shape[0]} columns and {values.shape[1]} rows, not 12 leads. Download it again."
        )
    num_lost = np.count_nonzero(~np.isfinite(values))
    if num_lost:
        raise ValueError(f"{path} lacks {num_lost} of {values.size} samples. Repair the record.")
    microvolts = to_microvolts(values / MICROVOLTS_PER_MILLIVOLT)
    return EcgRecording(microvolts=microvolts, leads=names or STANDARD_LEADS, sampling_rate=SAMPLING_RATE_HZ)


def _read_table(path: Path) -> pd.DataFrame:
    """The table with its cells as text."""
    if path.suffix == ".csv":
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding_errors="replace")
    try:
        return pd.read_excel(path, dtype=str, keep_default_na=False)
    except ImportError as error:
        raise ImportError(
            f"Reading {path} needs the package openpyxl: `pip install openpyxl`, or save the sheet as"
            f" {DIAGNOSTICS_FILENAMES[0]} beside it."
        ) from error


def _acronyms(cell: str) -> list[str]:
    """Acronyms of a cell, which blanks keep apart."""
    return [acronym for acronym in cell.split() if acronym != NO_DIAGNOSIS]
