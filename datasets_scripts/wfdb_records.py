"""WFDB recordings (`.hea`, `.dat`) as the signal columns of a row."""

from pathlib import Path
from typing import Any

import numpy as np
import wfdb

from .schema import MICROVOLTS_PER_MILLIVOLT, signal_columns, to_microvolts


# WFDB format 16 keeps its lowest value for samples that were not recorded (WFDB Applications Guide, signal(5)).
NOT_RECORDED = np.iinfo(np.int16).min
MILLIVOLTS_PER_UNIT = {"mv": 1.0, "uv": 0.001, "µv": 0.001, "v": 1000.0}

# What `wfdb` raises on truncated files and malformed headers.
WFDB_ERRORS = (OSError, ValueError, IndexError, KeyError, TypeError)


def read_wfdb_record(path: Path, *, sampling_rate: int, record_id: str) -> dict[str, np.ndarray | int]:
    """Read the signal columns of a row; stored integers that are microvolts arrive unchanged.

    Args:
        path (`Path`):
            The recording without its extension, such as `records500/00000/00001_hr`.
        sampling_rate (`int`):
            Samples per second that the corpus promises, in hertz.
        record_id (`str`):
            Named in error messages.

    Returns:
        `dict`: `signal (12, 5000)` in microvolts, `lead_mask (12,)`, `num_samples` and `sampling_rate_original`. A
        lead that the header lacks, or none of whose samples were recorded, is masked.

    Raises:
        FileNotFoundError: If the header or a signal file is absent.
        ValueError: If the files cannot be read, the rate is another one, or single samples are missing.
    """
    for file in (path.with_name(f"{path.name}.hea"), path.with_name(f"{path.name}.dat")):
        if not file.is_file():
            raise FileNotFoundError(f"{file} does not exist. Complete the download.")
    try:
        record = wfdb.rdrecord(str(path), physical=False, return_res=16)
    except WFDB_ERRORS as error:
        raise ValueError(
            f"{path} is not a readable WFDB record ({type(error).__name__}: {error}). Download its files again."
        ) from error
    return _columns_of(record, path=path, sampling_rate=sampling_rate, record_id=record_id)


def _columns_of(record: Any, *, path: Path, sampling_rate: int, record_id: str) -> dict[str, np.ndarray | int]:
    """Signal columns of a record that was read as integers."""
    if record.fs != sampling_rate:
        raise ValueError(f"{path}.hea states {record.fs} Hz, not {sampling_rate} Hz. Pass the rate of these files.")
    if set(record.fmt) != {"16"}:
        raise ValueError(f"{path}.hea states signal format {', '.join(set(record.fmt))}, not 16. Convert the record.")
    digital = record.d_signal.T  # (num_leads, num_samples)
    recorded = np.flatnonzero((digital != NOT_RECORDED).any(axis=1))
    if recorded.size < digital.shape[0]:
        digital = digital[recorded]
    if (digital == NOT_RECORDED).any() or not digital.size:
        raise ValueError(
            f"{path}.dat lacks {(digital == NOT_RECORDED).sum()} of {digital.size} samples. Repair the record."
        )
    return signal_columns(
        _to_microvolts(digital, record, recorded, path=path),
        leads=[record.sig_name[row] for row in recorded],
        sampling_rate=sampling_rate,
        record_id=record_id,
    )


def _to_microvolts(digital: np.ndarray, record: Any, recorded: np.ndarray, *, path: Path) -> np.ndarray:
    """Apply the header's gain and baseline; a gain of 1000/mV leaves the integers alone."""
    units = [record.units[row] for row in recorded]
    unknown = [unit for unit in units if unit.lower() not in MILLIVOLTS_PER_UNIT]
    if unknown:
        raise ValueError(f"{path}.hea states signals in {unknown[0]}, not mV. Correct the unit in the header.")
    gain = np.array([record.adc_gain[row] / MILLIVOLTS_PER_UNIT[record.units[row].lower()] for row in recorded])
    baseline = np.array([record.baseline[row] for row in recorded])
    if (gain == MICROVOLTS_PER_MILLIVOLT).all() and not baseline.any():
        return digital
    return to_microvolts((digital - baseline[:, None]) / gain[:, None])
