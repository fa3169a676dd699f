"""The older layout of Chapman-Shaoxing (figshare, Zheng et al. 2020): 10,646 CSV files and one table of labels."""

from pathlib import Path
from typing import Any

from modeling_supreme.ecg_files import read_ecg
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.recordings import EcgRecording

from .cells import parse_labels
from .patients import parse_age, parse_sex
from .stated_measurements import read_measurements
from .tables import Row, TableFile


SAMPLING_RATE_HZ = 500
DIAGNOSTICS_FILENAMES = ("Diagnostics.csv", "Diagnostics.xlsx")
COLUMNS = ("FileName", "Rhythm", "Beat", "PatientAge", "Gender")
# Columns with what the cart measured, by name of the measurement; QTCorrected is that of Bazett. Source: Zheng et al.
# 2020, Scientific Data 7:48, Table 5; it has no name for the axis of T.
MEASUREMENT_COLUMNS = {
    "rate_per_min": "VentricularRate",
    "atrial_rate_per_min": "AtrialRate",
    "qrs_ms": "QRSDuration",
    "qt_ms": "QTInterval",
    "qtc_ms": "QTCorrected",
    "axis_deg": "RAxis",
}
# As recorded, and after the publisher's filters.
SIGNAL_FOLDERS = {"raw": "ECGData", "denoised": "ECGDataDenoised"}


def find_diagnostics(folder: Path) -> Path | None:
    """The table of labels of the older layout; `None` where there is none, as in `ecg-arrhythmia`."""
    return next((folder / name for name in DIAGNOSTICS_FILENAMES if (folder / name).is_file()), None)


def open_diagnostics(path: Path) -> TableFile:
    """The table of labels: Diagnostics.xlsx as published, or the same sheet as CSV.

    Raises:
        ImportError: If the table is an Excel sheet and `openpyxl` is not installed.
        ValueError: If a column is missing.
    """
    return TableFile(
        path,
        required=COLUMNS,
        optional=tuple(MEASUREMENT_COLUMNS.values()),
        id_column=COLUMNS[0],
        remedy="Download the official file again.",
    )


def read_diagnosis(entry: Row, *, signals: str) -> dict[str, Any]:
    """What a row of the table says of a record.

    Args:
        entry (`Row`):
            A row of the table.
        signals (`str`):
            `"raw"` or `"denoised"`: which of the two editions of the signals to read.

    Raises:
        ValueError: If an age or a sex is none, or a measurement no number.
    """
    name = entry.require("FileName")
    filename = f"{SIGNAL_FOLDERS[signals]}/{name}"
    return {
        "record_id": name,
        "path": str(entry.table.path.parent / f"{filename}.csv"),
        "filename": filename,
        "age": entry.read("PatientAge", parse_age),
        "sex": entry.read("Gender", parse_sex),
        "diagnoses": _acronyms(entry["Rhythm"]) + _acronyms(entry["Beat"]),
        "measurements": read_measurements(entry, MEASUREMENT_COLUMNS),
    }


def read_csv_strip(path: Path) -> EcgRecording:
    """Read a record: 12 columns in microvolts, with a row of lead names (raw) or without (denoised).

    Raises:
        FileNotFoundError: If there is no such file.
        PermissionError: If this user may not read it.
        ValueError: If the file is no table of the leads.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist. Complete the download.")
    return read_ecg(path, sampling_rate=SAMPLING_RATE_HZ, leads=STANDARD_LEADS, unit="uV")


def _acronyms(cell: str | None) -> list[str]:
    """Acronyms of a cell, which blanks keep apart."""
    return list(parse_labels(cell, separator=" ").names)
