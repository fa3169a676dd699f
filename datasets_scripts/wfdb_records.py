"""WFDB recordings (`.hea`, `.dat`) in microvolts."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import wfdb

from modeling_supreme.ecg_files import MILLIVOLTS_PER_UNIT

from .schema import MICROVOLTS_PER_MILLIVOLT, Recording, to_microvolts
from .signal_gaps import bridge_gaps


# WFDB format 16 keeps its lowest value for samples that were not recorded. Source: WFDB Applications Guide, signal(5).
NOT_RECORDED = np.iinfo(np.int16).min

# What `wfdb` raises on truncated files and malformed headers.
WFDB_ERRORS = (OSError, ValueError, IndexError, KeyError, TypeError)

# Source: WFDB Applications Guide, header(5). The common case only: one rate, one file, format 16 without offset.
RECORD_LINE = re.compile(
    r"\S+ (?P<num_leads>\d+) (?P<sampling_rate>\d+) (?P<num_samples>\d+)"
    r"(?: [\d:.]+(?: \d+/\d+/\d+)?)?\s*"  # time and date of the recording
)
SIGNAL_LINE = re.compile(
    r"(?P<file>\S+) 16 (?P<gain>[1-9][\d.]*)\((?P<baseline>-?\d+)\)/(?P<unit>\S+)"
    r" \d+ -?\d+ -?\d+ -?\d+ 0 (?P<lead>\S+)\s*"
)


@dataclass
class _StoredRecording:
    """A recording as stored: integers `(num_leads, num_samples)` and, per lead, what turns them into volts."""

    digital: np.ndarray
    sampling_rate: float
    formats: list[str]
    leads: list[str]
    gains: list[float]
    baselines: list[int]
    units: list[str]


def read_wfdb_record(path: Path, *, sampling_rate: int, max_gap_s: float | None = None) -> Recording:
    """Read a recording; stored integers that are microvolts arrive unchanged.

    Args:
        path (`Path`):
            The recording without its extension, such as `records500/00000/00001_hr`.
        sampling_rate (`int`):
            Samples per second that the corpus promises, in hertz.
        max_gap_s (`float`, *optional*):
            Longest gap, in seconds, that a straight line may bridge; a lead with a longer one counts as not recorded.
            By default a recording that lacks single samples is refused.

    Returns:
        `Recording`: Without the leads of which no sample was recorded.

    Raises:
        FileNotFoundError: If the header or a signal file is absent.
        ValueError: If the files cannot be read, the rate is another one, or single samples are missing.
    """
    for file in (path.with_name(f"{path.name}.hea"), path.with_name(f"{path.name}.dat")):
        if not file.is_file():
            raise FileNotFoundError(f"{file} does not exist. Complete the download.")
    recording = _read_plain(path) or _read_with_wfdb(path)
    if recording.sampling_rate != sampling_rate:
        raise ValueError(
            f"{path}.hea states {recording.sampling_rate} Hz, not {sampling_rate} Hz. Pass the rate of these files."
        )
    if set(recording.formats) != {"16"}:
        raise ValueError(
            f"{path}.hea states signal format {', '.join(sorted(set(recording.formats)))}, not 16. Convert the record."
        )
    digital, num_bridged_samples = recording.digital, 0
    if max_gap_s is not None:
        max_gap = round(max_gap_s * sampling_rate)
        digital, num_bridged_samples = bridge_gaps(digital, missing_value=NOT_RECORDED, max_gap=max_gap)
    recorded = np.flatnonzero((digital != NOT_RECORDED).any(axis=1))
    digital = digital[recorded]
    if not digital.size:
        raise ValueError(f"{path}.dat holds no recorded sample. Repair the record.")
    if (digital == NOT_RECORDED).any():
        raise ValueError(
            f"{path}.dat lacks {(digital == NOT_RECORDED).sum()} of {digital.size} samples. Repair the record."
        )
    microvolts = _to_microvolts(digital, recording, recorded, path=path)
    leads = [recording.leads[row] for row in recorded]
    return Recording(microvolts, leads, sampling_rate, num_bridged_samples)


def _read_plain(path: Path) -> _StoredRecording | None:
    """Read a recording of the common kind; `None` leaves every other kind, and every broken one, to `wfdb`.

    `wfdb` spends 1 ms on a header, four times as long as all the rest of reading a record takes.
    """
    header = path.with_name(f"{path.name}.hea").read_text(encoding="ascii", errors="replace")
    first, *others = [line for line in header.splitlines() if line and not line.startswith("#")] or [""]
    record = RECORD_LINE.fullmatch(first)
    signals = [match for match in map(SIGNAL_LINE.fullmatch, others) if match]
    if not record or not len(others) == len(signals) == int(record["num_leads"]):
        return None
    digital = np.fromfile(path.with_name(f"{path.name}.dat"), dtype="<i2")
    if {match["file"] for match in signals} != {f"{path.name}.dat"} or digital.size != len(signals) * int(
        record["num_samples"]
    ):
        return None
    return _StoredRecording(
        digital=digital.reshape(-1, len(signals)).T,
        sampling_rate=int(record["sampling_rate"]),
        formats=["16"],
        leads=[match["lead"] for match in signals],
        gains=[float(match["gain"]) for match in signals],
        baselines=[int(match["baseline"]) for match in signals],
        units=[match["unit"] for match in signals],
    )


def _read_with_wfdb(path: Path) -> _StoredRecording:
    """Read any recording that `wfdb` understands."""
    try:
        record: Any = wfdb.rdrecord(str(path), physical=False, return_res=16)
    except WFDB_ERRORS as error:
        raise ValueError(
            f"{path} is not a readable WFDB record ({type(error).__name__}: {error}). Download its files again."
        ) from error
    return _StoredRecording(
        digital=record.d_signal.T,
        sampling_rate=record.fs,
        formats=record.fmt,
        leads=record.sig_name,
        gains=record.adc_gain,
        baselines=record.baseline,
        units=record.units,
    )


def _to_microvolts(
    digital: np.ndarray, recording: _StoredRecording, recorded: np.ndarray, *, path: Path
) -> np.ndarray:
    """Apply the header's gain and baseline; a gain of 1000/mV leaves the integers alone."""
    units = [recording.units[row] for row in recorded]
    unknown = [unit for unit in units if unit.lower() not in MILLIVOLTS_PER_UNIT]
    if unknown:
        raise ValueError(f"{path}.hea states signals in {unknown[0]}, not mV. Correct the unit in the header.")
    per_unit = np.array([MILLIVOLTS_PER_UNIT[unit.lower()] for unit in units])
    per_millivolt = np.array(recording.gains)[recorded] / per_unit
    baselines = np.array(recording.baselines)[recorded]
    if (per_millivolt == MICROVOLTS_PER_MILLIVOLT).all() and not baselines.any():
        return digital
    return to_microvolts((digital - baselines[:, None]) / per_millivolt[:, None])
