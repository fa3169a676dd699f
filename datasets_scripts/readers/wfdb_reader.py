"""WFDB recordings (`.hea` with `.dat`, `.mat` or other signal files) in microvolts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import wfdb

from datasets_scripts.schema import MICROVOLTS_PER_MILLIVOLT, Recording, to_microvolts
from modeling_supreme.ecg_files import MILLIVOLTS_PER_UNIT, forbidden
from modeling_supreme.leads import is_standard_lead

from .gaps import bridge_gaps


# WFDB format 16 keeps its lowest value for samples that were not recorded. Source: WFDB Applications Guide, signal(5).
NOT_RECORDED = np.iinfo(np.int16).min

# With this many units per millivolt, 16 bits span a third of a millivolt either way: the header must be wrong. Ours.
MAX_GAIN_PER_MILLIVOLT = 100_000

# What `wfdb` raises on truncated files and malformed headers.
WFDB_ERRORS = (OSError, ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, MemoryError)

# Source: WFDB Applications Guide, header(5). The common case only: one rate, one file, format 16, whose samples may
# start behind the 24 bytes that make a MATLAB file of a signal file. The PhysioNet Challenges write a date after the
# number of samples in an order of their own, and sometimes the extension in the record's name.
RECORD_LINE = re.compile(r"[^\s/]+ (?P<num_leads>\d+) (?P<sampling_rate>\d+) (?P<num_samples>\d+)(?:\s.*)?")
SEGMENTED_RECORD = re.compile(r"\S+/\d+")
SIGNAL_LINE = re.compile(
    r"(?P<file>[^\s/]+) 16(?:x1)?(?:\+(?P<offset>\d+))?"
    r" (?P<gain>[1-9][\d.]*)(?:\((?P<baseline>-?\d+)\))?/(?P<unit>\S+)"
    r" \d+ (?P<adc_zero>-?\d+) -?\d+ -?\d+ 0 (?P<lead>\S+)\s*"
)


@dataclass
class _StoredRecording:
    """A recording as stored: integers `(num_leads, num_samples)` and, per lead, what turns them into volts."""

    digital: np.ndarray
    sampling_rate: float
    filenames: list[str]
    formats: list[str]
    leads: list[str]
    gains: list[float]
    baselines: list[int]
    units: list[str]

    def select(self, rows: list[int]) -> "_StoredRecording":
        """The same recording with some of its leads."""
        if len(rows) == len(self.leads):
            return self
        return _StoredRecording(
            digital=self.digital[rows],
            sampling_rate=self.sampling_rate,
            filenames=[self.filenames[row] for row in rows],
            formats=[self.formats[row] for row in rows],
            leads=[self.leads[row] for row in rows],
            gains=[self.gains[row] for row in rows],
            baselines=[self.baselines[row] for row in rows],
            units=[self.units[row] for row in rows],
        )


def read_wfdb_record(
    path: Path,
    *,
    sampling_rate: int | None,
    only_standard_leads: bool = False,
    gain_corrections: Mapping[float, float] | None = None,
    max_gap_s: float | None = None,
) -> Recording:
    """Read a recording; stored integers that are microvolts arrive unchanged.

    Args:
        path (`Path`):
            The recording without its extension, such as `records500/00000/00001_hr`.
        sampling_rate (`int`, *optional*):
            Samples per second that the corpus promises, in hertz; `None` where it promises none and the header counts.
        only_standard_leads (`bool`, defaults to `False`):
            Whether to leave out channels that are none of the 12 standard leads, such as the Frank leads of PTB.
            Otherwise they are returned too.
        gain_corrections (`Mapping[float, float]`, *optional*):
            Gains that are known to be wrong in this header, and the right ones, in units per millivolt.
        max_gap_s (`float`, *optional*):
            Longest gap, in seconds, that a straight line may bridge; a lead with a longer one counts as not recorded.
            By default a recording that lacks single samples is refused.

    Returns:
        `Recording`: Without the leads of which no sample was recorded.

    Raises:
        FileNotFoundError: If the header or a signal file is absent.
        ValueError: If the files cannot be read, the rate is another one, or single samples are missing.
    """
    header = _read_header(path)
    recording = _read_plain(path, header) or _read_with_wfdb(path, header)
    if only_standard_leads:
        recording = recording.select([row for row, lead in enumerate(recording.leads) if is_standard_lead(lead)])
    if set(recording.formats) - {"16"}:
        raise ValueError(
            f"{path}.hea states signal format {', '.join(sorted(set(recording.formats)))}, not 16. Convert the record."
        )
    recording = replace(recording, digital=recording.digital.astype(np.int16, copy=False))  # all that format 16 holds
    rate = _checked_rate(recording.sampling_rate, sampling_rate, path=path)
    num_bridged_samples = 0
    if max_gap_s is not None:
        max_gap = round(max_gap_s * rate)
        digital, num_bridged_samples = bridge_gaps(recording.digital, missing_value=NOT_RECORDED, max_gap=max_gap)
        recording = replace(recording, digital=digital)
    recording = _without_lost_leads(recording, path=path)
    microvolts = _to_microvolts(recording, gain_corrections or {}, path=path)
    return Recording(microvolts, recording.leads, rate, num_bridged_samples)


def _read_header(path: Path) -> list[str]:
    """Lines of the header that are no comments."""
    try:
        text = path.with_name(f"{path.name}.hea").read_text(encoding="ascii", errors="replace")
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path}.hea does not exist. Complete the download.") from error
    except PermissionError as error:
        raise forbidden(path, error) from error
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _read_plain(path: Path, header: list[str]) -> _StoredRecording | None:
    """Read a recording of the common kind; `None` leaves every other kind, and every broken one, to `wfdb`.

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
    return _StoredRecording(
        digital=digital.reshape(-1, len(signals)).T,
        sampling_rate=int(record["sampling_rate"]),
        filenames=[filename] * len(signals),
        formats=["16"] * len(signals),
        leads=[match["lead"] for match in signals],
        gains=[float(match["gain"]) for match in signals],
        baselines=[int(match["baseline"] or match["adc_zero"]) for match in signals],
        units=[match["unit"] for match in signals],
    )


def _read_integers(path: Path, *, offset: int) -> np.ndarray:
    """The `int16` numbers of a signal file behind its first `offset` bytes."""
    try:
        return np.fromfile(path, dtype="<i2", offset=offset)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise FileNotFoundError(f"{path} does not exist. Complete the download.") from error
    except PermissionError as error:
        raise forbidden(path, error) from error
    except ValueError:  # a file shorter than the offset
        return np.empty(0, dtype="<i2")


def _read_with_wfdb(path: Path, header: list[str]) -> _StoredRecording:
    """Read any recording of one segment that `wfdb` understands."""
    if header and SEGMENTED_RECORD.fullmatch(header[0].partition(" ")[0]):
        raise ValueError(f"{path}.hea joins several segments. Write the record as one segment.")
    for filename in dict.fromkeys(line.split()[0] for line in header[1:] if line.split()):
        if not (path.parent / filename).is_file():
            raise FileNotFoundError(f"{path.parent / filename} does not exist. Complete the download.")
    try:
        record: Any = wfdb.rdrecord(str(path), physical=False)
    except PermissionError as error:
        raise forbidden(path, error) from error
    except WFDB_ERRORS as error:
        raise ValueError(
            f"{path} is not a readable WFDB record ({type(error).__name__}: {error}). Download its files again."
        ) from error
    if record.d_signal is None:
        raise ValueError(f"{path}.hea lists no signal. Download the record again.")
    return _StoredRecording(
        digital=record.d_signal.T,
        sampling_rate=record.fs,
        filenames=record.file_name,
        formats=record.fmt,
        leads=record.sig_name,
        gains=record.adc_gain,
        baselines=record.baseline,
        units=record.units,
    )


def _without_lost_leads(recording: _StoredRecording, *, path: Path) -> _StoredRecording:
    """The leads that were recorded; refuses leads of which single samples are missing."""
    if not recording.leads:
        raise ValueError(f"{path}.hea names none of the 12 standard leads. Correct the names of its signals.")
    is_lost = recording.digital == NOT_RECORDED
    filenames = ", ".join(dict.fromkeys(str(path.parent / name) for name in recording.filenames))
    if is_lost.all():
        raise ValueError(f"{filenames} holds no recorded sample. Repair the record.")
    if not is_lost.any():
        return recording
    recorded = np.flatnonzero(~is_lost.all(axis=1)).tolist()
    num_lost = is_lost[recorded].sum()
    if num_lost:
        num_samples = len(recorded) * recording.digital.shape[1]
        raise ValueError(f"{filenames} lacks {num_lost} of {num_samples} samples. Repair the record.")
    return recording.select(recorded)


def _checked_rate(stated: float, promised: int | None, *, path: Path) -> int:
    """The sampling rate, in Hz: the header's, which must be the one that the corpus promises."""
    if promised is None:
        if stated != int(stated) or stated < 1:
            raise ValueError(f"{path}.hea states {stated} Hz. Resample the record to a whole number of hertz.")
        return int(stated)
    if stated != promised:
        raise ValueError(f"{path}.hea states {stated} Hz, not {promised} Hz. Pass the rate of these files.")
    return promised


def _to_microvolts(recording: _StoredRecording, gain_corrections: Mapping[float, float], *, path: Path) -> np.ndarray:
    """Apply the header's gain and baseline; a gain of 1000/mV leaves the integers alone."""
    unknown = [unit for unit in recording.units if unit.lower() not in MILLIVOLTS_PER_UNIT]
    if unknown:
        raise ValueError(f"{path}.hea states signals in {unknown[0]}, not mV. Correct the unit in the header.")
    per_unit = np.array([MILLIVOLTS_PER_UNIT[unit.lower()] for unit in recording.units])
    per_millivolt = np.array(recording.gains) / per_unit
    if gain_corrections:
        per_millivolt = np.array([gain_corrections.get(gain, gain) for gain in per_millivolt.tolist()])
    if per_millivolt.max() > MAX_GAIN_PER_MILLIVOLT:
        raise ValueError(
            f"{path}.hea states a gain of {per_millivolt.max():.0f}/mV, with which 16 bits reach only"
            f" {-float(NOT_RECORDED) / per_millivolt.max():.3f} mV. Correct the gain in the header."
        )
    baselines = np.array(recording.baselines)
    if (per_millivolt == MICROVOLTS_PER_MILLIVOLT).all() and not baselines.any():
        return recording.digital
    return to_microvolts((recording.digital - baselines[:, None]) / per_millivolt[:, None])
