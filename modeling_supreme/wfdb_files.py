"""WFDB records (`.hea` with `.dat`, `.mat` or other signal files) as they are stored: integers, gains and names."""

import errno
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .admission import admit
from .recordings import (
    MICROVOLTS_PER_MILLIVOLT,
    MILLIVOLTS_PER_UNIT,
    DamagedFileError,
    EcgRecording,
    forbidden,
    library_call,
)


# What each signal format stores for a sample that was not recorded; format 8 has no such number.
# Source: WFDB Applications Guide, signal(5).
NOT_RECORDED = {
    **dict.fromkeys(("80", "508"), -(2**7)),
    **dict.fromkeys(("310", "311"), -(2**9)),
    **dict.fromkeys(("212",), -(2**11)),
    **dict.fromkeys(("16", "61", "160", "516"), -(2**15)),
    **dict.fromkeys(("24", "524"), -(2**23)),
    **dict.fromkeys(("32",), -(2**31)),
}

# With this many units per millivolt, 16 bits span a third of a millivolt either way: the header must be wrong. Ours.
MAX_GAIN_PER_MILLIVOLT = 100_000
MAX_BASELINE = 2**32  # the widest signal format has 32 bits

# Source: WFDB Applications Guide, header(5). The common case only: one rate, one file, format 16, whose samples may
# start behind the 24 bytes that make a MATLAB file of a signal file. The PhysioNet Challenges write a date after the
# number of samples in an order of their own, and sometimes the extension in the record's name. Longer numbers than any
# recording has are left to wfdb, so that all of these fit into 64 bits.
RECORD_LINE = re.compile(
    r"[^\s/]+ (?P<num_leads>\d{1,4}) (?P<sampling_rate>\d{1,9}) (?P<num_samples>\d{1,12})(?:\s.*)?"
)
SEGMENTED_RECORD = re.compile(r"\S+/\d+")
SIGNAL_LINE = re.compile(
    r"(?P<file>[^\s/]+) 16(?:x1)?(?:\+(?P<offset>\d{1,12}))?"
    r" (?P<gain>[1-9]\d{0,11}(?:\.\d*)?)(?:\((?P<baseline>-?\d{1,9})\))?/(?P<unit>\S+)"
    r" \d+ (?P<adc_zero>-?\d{1,9}) -?\d+ -?\d+ 0 (?P<lead>\S+)\s*"
)


@dataclass(frozen=True)
class WfdbSignals:
    """The signals of a record.

    Attributes:
        digital (`np.ndarray` of shape `(num_signals, num_samples)`):
            Integers as stored, `int16` of a common record, `int64` of others. Segments may differ in their gains: of a
            record that joins several, these are physical values, with a gain of 1.
        sampling_rate (`float`):
            Samples per second, in Hz.
        names (`Sequence[str]`):
            Names of the signals, as the header spells them; like the rest, one per row.
        gains (`Sequence[float]`):
            Stored units per physical unit.
        baselines (`Sequence[int]`):
            What stands for 0 physical units.
        units (`Sequence[str]`):
            Physical units, such as `"mV"`.
        formats (`Sequence[str]`):
            Signal formats, such as `"16"`; empty where segments are joined.
        filenames (`Sequence[str]`):
            Signal files, beside the header.
    """

    digital: np.ndarray
    sampling_rate: float
    names: Sequence[str]
    gains: Sequence[float]
    baselines: Sequence[int]
    units: Sequence[str]
    formats: Sequence[str]
    filenames: Sequence[str]

    def gains_per_millivolt(self) -> np.ndarray:
        """Stored units per millivolt of each signal, `(num_signals,)`; NaN where the unit is no voltage."""
        millivolts = [MILLIVOLTS_PER_UNIT.get(unit.strip().lower(), np.nan) for unit in self.units]
        return np.array(self.gains, np.float64) / millivolts

    def missing(self) -> np.ndarray | None:
        """Where a sample was not recorded, `(num_signals, num_samples)`; `None` where all were."""
        is_missing = np.zeros(self.digital.shape, dtype=bool)
        for row, signal_format in enumerate(self.formats):
            if signal_format in NOT_RECORDED:
                is_missing[row] = self.digital[row] == NOT_RECORDED[signal_format]
        return is_missing if is_missing.any() else None

    def physical(self) -> np.ndarray:
        """Physical values, `float64` of shape `(num_signals, num_samples)`, NaN where a sample was not recorded."""
        values = (self.digital - np.array(self.baselines, np.float64)[:, None]) / np.array(self.gains)[:, None]
        is_missing = self.missing()
        if is_missing is not None:
            values[is_missing] = np.nan
        return np.ascontiguousarray(values)


def read_wfdb(path: str | Path, *, gain_corrections: Mapping[float, float] | None = None) -> EcgRecording:
    """Read the standard leads of a WFDB record, of one segment or of several.

    Args:
        path (`str` or `Path`):
            The record's header, its signal file, or either without the extension.
        gain_corrections (`Mapping[float, float]`, *optional*):
            Gains that are known to be wrong in this header, and the right ones, in units per millivolt.

    Returns:
        `EcgRecording`: Its 12-lead part: integers that are microvolts as they are stored, else millivolts.

    Raises:
        ImportError: If the record is none of the common kind and `wfdb` is not installed.
        FileNotFoundError: If there is no header at `path`, or no signal file beside it.
        PermissionError: If this user may not read the header or a signal file.
        ValueError: If the record cannot be read, has no standard lead, or is not in volts.
    """
    header_path = header_of(path)
    if not header_path.is_file():
        raise FileNotFoundError(
            f"There is no ECG record at {path}: {header_path} does not exist."
            " Give the path of a WFDB record, with or without `.hea`."
        )
    try:
        signals = read_signals(header_path.with_suffix(""))
    except DamagedFileError as error:
        raise ValueError(f"{header_path}: the record cannot be read ({error}). Download its files again.") from error
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{header_path} needs {error.filename}, which does not exist. Put it there."
        ) from error
    gains = signals.gains_per_millivolt()
    if gain_corrections:
        gains = np.array([gain_corrections.get(gain, gain) for gain in gains.tolist()])
        is_voltage = np.isfinite(gains)  # a channel of another unit keeps it
        signals = replace(
            signals,
            gains=np.where(is_voltage, gains, signals.gains).tolist(),
            units=["mV" if known else unit for known, unit in zip(is_voltage, signals.units, strict=True)],
        )
    _refuse_tiny_range(signals, gains, header_path)
    is_microvolts = signals.digital.dtype == np.int16 and not np.any(signals.baselines)
    is_microvolts = is_microvolts and bool((gains == MICROVOLTS_PER_MILLIVOLT).all())
    return admit(
        signals.digital if is_microvolts else signals.physical(),
        is_missing=signals.missing() if is_microvolts else None,
        names=signals.names,
        unit=signals.units,
        sampling_rate=signals.sampling_rate,
        source=str(header_path),
    )


def header_of(path: str | Path) -> Path:
    """The header of a record that is named with or without an extension."""
    return Path(path).with_suffix(".hea")  # a WFDB record has no dot in its name


def _refuse_tiny_range(signals: WfdbSignals, gains: np.ndarray, header_path: Path) -> None:
    """Refuse a gain with which the 16 bits of a lead would span less than any ECG."""
    largest = np.nanmax(np.where([name == "16" for name in signals.formats], gains, np.nan), initial=0.0)
    if largest > MAX_GAIN_PER_MILLIVOLT:
        raise ValueError(
            f"{header_path} states a gain of {largest:.0f}/mV, with which 16 bits reach only"
            f" {-float(NOT_RECORDED['16']) / largest:.3f} mV. Correct the gain in the header."
        )


def read_signals(path: Path) -> WfdbSignals:
    """Read a record as it is stored.

    Args:
        path (`Path`):
            The record without extension, such as `records500/00000/00001_hr`.

    Returns:
        `WfdbSignals`: All of its signals, also those that are no ECG leads.

    Raises:
        DamagedFileError: If the files cannot be read.
        FileNotFoundError: If the header or a signal file is absent; its `filename` is the path of that file.
        ImportError: If the record is none of the common kind and `wfdb` is not installed.
        PermissionError: If this user may not read one of them.
    """
    header = _read_header(path)
    return _read_plain(path, header) or _read_with_wfdb(path, header)


def _read_header(path: Path) -> list[str]:
    """Lines of the header that are no comments."""
    with library_call(path.with_name(f"{path.name}.hea")):
        text = path.with_name(f"{path.name}.hea").read_text(encoding="ascii", errors="replace")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _read_plain(path: Path, header: list[str]) -> WfdbSignals | None:
    """Read a record of the common kind; `None` leaves every other kind, and every broken one, to `wfdb`.

    `wfdb` spends 1 ms on a header, four times as long as all the rest of reading a record takes.
    """
    first, *others = header or [""]
    record = RECORD_LINE.fullmatch(first)
    signals = [match for match in map(SIGNAL_LINE.fullmatch, others) if match]
    if not record or not len(others) == len(signals) == int(record["num_leads"]):
        return None
    places = {(match["file"], match["offset"]) for match in signals}
    if len(places) != 1:
        return None
    filename, offset = places.pop()
    digital = _read_integers(path.parent / filename, offset=int(offset or 0))
    if digital.size != len(signals) * int(record["num_samples"]):
        return None
    return WfdbSignals(
        digital=digital.reshape(-1, len(signals)).T,
        sampling_rate=int(record["sampling_rate"]),
        names=[match["lead"] for match in signals],
        gains=[float(match["gain"]) for match in signals],
        baselines=[int(match["baseline"] or match["adc_zero"]) for match in signals],
        units=[match["unit"] for match in signals],
        formats=["16"] * len(signals),
        filenames=[filename] * len(signals),
    )


def _read_integers(path: Path, *, offset: int) -> np.ndarray:
    """The `int16` numbers of a signal file behind its first `offset` bytes."""
    try:
        return np.fromfile(path, dtype="<i2", offset=offset)
    except IsADirectoryError as error:
        raise _absent(path) from error
    except PermissionError as error:
        raise forbidden(path, error) from error
    except ValueError:  # a file shorter than the offset
        return np.empty(0, dtype="<i2")


def _read_with_wfdb(path: Path, header: list[str]) -> WfdbSignals:
    """Read any record that `wfdb` understands; of several segments with physical values in place of integers."""
    try:
        import wfdb  # not needed for plain records and arrays, and a checkpoint must load without it
    except ImportError as error:
        raise ImportError(f"Reading {path} needs the package wfdb: `pip install wfdb`, or pass an array.") from error
    is_segmented = bool(header and SEGMENTED_RECORD.fullmatch(header[0].partition(" ")[0]))
    filenames = [] if is_segmented else [line.split()[0] for line in header[1:] if line.split()]
    for filename in dict.fromkeys(filenames):
        if not (path.parent / filename).is_file():
            raise _absent(path.parent / filename)
    with library_call(path):
        record: Any = wfdb.rdrecord(str(path), physical=is_segmented)
    signals = record.p_signal if is_segmented else record.d_signal
    if signals is None:  # a header without signals
        return WfdbSignals(np.empty((0, 0)), record.fs, *[[]] * 6)
    num_signals = signals.shape[1]
    if any(abs(baseline) > MAX_BASELINE for baseline in record.baseline):
        raise DamagedFileError("a baseline is larger than any signal format can store")
    return WfdbSignals(
        digital=signals.T,
        sampling_rate=record.fs,
        names=[name or "" for name in record.sig_name],
        gains=[1.0] * num_signals if is_segmented else record.adc_gain,
        baselines=[0] * num_signals if is_segmented else record.baseline,
        units=record.units,
        formats=[""] * num_signals if is_segmented else record.fmt,
        filenames=[path.name] * num_signals if is_segmented else record.file_name,
    )


def _absent(path: Path) -> FileNotFoundError:
    """What the system says of a file that is not there."""
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
