"""ECG files as strips in millivolts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .leads import STANDARD_LEADS, is_standard_lead


# Rows of a corpus, see datasets_scripts/schema.py; a checkpoint takes this file along, but not that one.
ROW_SAMPLING_RATE = 500  # Hz
MILLIVOLTS_PER_MICROVOLT = np.float32(1e-3)
MILLIVOLTS_PER_UNIT = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "v": 1e3}


@dataclass(frozen=True)
class EcgRecording:
    """One recording.

    Attributes:
        strip (`np.ndarray` of shape `(num_leads, num_samples)`):
            Voltages, in millivolts.
        sampling_rate (`float`):
            Samples per second, in Hz.
        leads (`tuple[str, ...]`):
            Names of the rows, as the file spells them.
    """

    strip: np.ndarray
    sampling_rate: float
    leads: tuple[str, ...]


def read_wfdb(path: str | Path) -> EcgRecording:
    """Read the standard leads of a WFDB record.

    Args:
        path (`str` or `Path`):
            The record's header, its signal file, or either without the extension.

    Returns:
        `EcgRecording`: Its 12-lead part; other channels of the record, such as Frank leads, are left out.

    Raises:
        ImportError: If `wfdb` is not installed.
        FileNotFoundError: If there is no header at `path`.
        ValueError: If the record cannot be read, has no standard lead, or is not in volts.
    """
    try:
        import wfdb  # not needed for arrays, and a checkpoint must load without it
    except ImportError as error:
        raise ImportError(f"Reading {path} needs the package wfdb: `pip install wfdb`, or pass an array.") from error
    path = Path(path)
    header_path = path.with_suffix(".hea")  # a WFDB record has no dot in its name
    if not header_path.is_file():
        raise FileNotFoundError(
            f"There is no ECG record at {path}: {header_path} does not exist."
            " Give the path of a WFDB record, with or without `.hea`."
        )
    try:
        record: Any = wfdb.rdrecord(str(header_path.with_suffix("")))
    except (OSError, ValueError, IndexError, KeyError, TypeError) as error:  # what wfdb raises on damaged files
        raise ValueError(
            f"{header_path}: the record cannot be read ({type(error).__name__}: {error}). Download its files again."
        ) from error
    rows = [row for row, name in enumerate(record.sig_name) if is_standard_lead(name)]
    if not rows:
        raise ValueError(
            f"{header_path}: none of its signals ({', '.join(record.sig_name)}) is a standard lead."
            " Rename them in the header, or pass an array with `leads`."
        )
    strip = np.stack([record.p_signal[:, row] * _millivolts(record.units[row], header_path) for row in rows])
    return EcgRecording(strip, float(record.fs), tuple(record.sig_name[row] for row in rows))


def recording_from_row(row: Mapping[str, Any]) -> EcgRecording:
    """The recorded part of a row of a corpus.

    Args:
        row (`Mapping[str, Any]`):
            At least `signal`, `(12, 5000)` in microvolts, `lead_mask` and `num_samples`, in any format of `datasets`.

    Returns:
        `EcgRecording`: Without the leads that were not recorded and without padding.
    """
    is_recorded = np.asarray(row["lead_mask"], dtype=bool)
    microvolts = np.asarray(row["signal"])[is_recorded, : int(row["num_samples"])]
    leads = tuple(lead for lead, recorded in zip(STANDARD_LEADS, is_recorded, strict=True) if recorded)
    return EcgRecording(microvolts.astype(np.float32) * MILLIVOLTS_PER_MICROVOLT, ROW_SAMPLING_RATE, leads)


def _millivolts(unit: str, header_path: Path) -> float:
    """Millivolts in one unit of a header."""
    if unit.lower() not in MILLIVOLTS_PER_UNIT:
        raise ValueError(f"{header_path}: a lead is stored in {unit}, not mV. Correct the unit in the header.")
    return MILLIVOLTS_PER_UNIT[unit.lower()]
