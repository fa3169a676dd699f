"""WFDB records: a header (`.hea`) and its signal files (`.dat`, `.mat` or others) in any format of the standard."""

import errno
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .admission import admit, admit_channels, name_channels
from .ecg_tables import find_encoding
from .leads import is_standard_lead
from .recordings import (
    MICROVOLTS_PER_MILLIVOLT,
    MILLIVOLTS_PER_UNIT,
    DamagedFileError,
    EcgRecording,
    NothingRecordedError,
    TruncatedFileError,
    forbidden,
    library_call,
)
from .signal_processing import Channel
from .wfdb_formats import BYTES_AND_SAMPLES, DECODERS, FLAC_FORMATS, NOT_RECORDED


# What a field means that the header leaves out. Source: WFDB Applications Guide, header(5).
DEFAULT_RATE, DEFAULT_GAIN, DEFAULT_UNIT = 250.0, 200.0, "mV"

# With this many units per millivolt, 16 bits span a third of a millivolt either way: the header must be wrong. Ours.
MAX_GAIN_PER_MILLIVOLT = 100_000

# The lines of header(5), with the liberties that headers take: the PhysioNet Challenges write the signal file for the
# record's name and a date in an order of their own, and descriptions may follow fewer numbers than the standard asks
# for. Numbers that are longer than those of any recording do not match, so all fit into 64 bits.
RECORD_LINE = re.compile(
    r"(?P<name>\S+?)(?:/(?P<num_segments>\d{1,9}))?\s+(?P<num_signals>\d{1,4})"
    r"(?:\s+(?P<rate>\d{1,12}(?:\.\d*)?(?:[eE][-+]?\d{1,2})?)(?:/[^\s(]*)?(?:\([^)]*\))?"
    r"(?:\s+(?P<num_samples>\d{1,15})(?:\.0*)?)?)?(?:\s.*)?"
)
SIGNAL_LINE = re.compile(
    r"(?P<file>\S+)\s+(?P<format>\d{1,4})(?:x(?P<frame>\d{1,6}))?(?::(?P<skew>\d{1,9}))?(?:\+(?P<offset>\d{1,12}))?"
    r"(?:\s+(?P<gain>-?\d{1,15}(?:\.\d*)?(?:[eE][-+]?\d{1,2})?)(?:\((?P<baseline>-?\d{1,15})(?:\.0*)?\))?"
    r"(?:/(?P<unit>\S+))?)?(?P<numbers>(?:\s+-?\d{1,15}){0,5})(?:\s+(?P<name>.*))?"
)
SEGMENT_LINE = re.compile(r"(?P<name>\S+)\s+(?P<num_samples>\d{1,15})(?:\s.*)?")
Rows = np.ndarray | list[np.ndarray]
NOTHING = "~"  # the file of a signal, and the name of a segment, that was not recorded


class WfdbSignal(NamedTuple):
    """What a header says of one signal, with the standard's defaults.

    Attributes:
        file (`str`), format (`str`), offset (`int`):
            The signal file, how it stores samples, such as `"16"`, and the bytes before the first.
        frame (`int`), skew (`int`):
            Samples of this signal in each frame, and frames by which it comes late in its file.
        gain (`float`), baseline (`int`), unit (`str`):
            Stored units per physical unit, what stands for 0, and the physical unit.
        initial (`int`), checksum (`int`, *optional*):
            What format 8 begins with, and the sum of all samples in 16 bits.
        name (`str`):
            As the header spells it.
    """

    file: str
    format: str
    offset: int
    frame: int
    skew: int
    gain: float
    baseline: int
    unit: str
    initial: int
    checksum: int | None
    name: str


@dataclass(frozen=True)
class WfdbHeader:
    """A header, of signals or of segments that it joins.

    Attributes:
        path (`Path`):
            The header.
        frame_rate (`float`):
            Frames per second, in Hz: the sampling rate of signals with one sample in each.
        num_frames (`int`, *optional*):
            Length of the record; `None` where the header leaves it open.
        signals (`Sequence[WfdbSignal]`):
            In order; none where there are segments.
        segments (`Sequence[tuple[str, int]]`), remarks (`Sequence[str]`):
            Names and numbers of frames, in order, and what the header leaves to the standard.
    """

    path: Path
    frame_rate: float
    num_frames: int | None
    signals: Sequence[WfdbSignal]
    segments: Sequence[tuple[str, int]]
    remarks: Sequence[str]


@dataclass(frozen=True)
class WfdbSamples:
    """Samples of a record, or of a part of it.

    Attributes:
        digital (`np.ndarray` or `list[np.ndarray]`):
            Integers as stored, one array per signal; a matrix where all signals are in one file and alike.
        is_missing (`np.ndarray` or `list[np.ndarray]`, *optional*):
            Of the same shapes, true where a sample was not recorded; `None` where all were.
        num_frames (`int`), remarks (`Sequence[str]`):
            Length of the whole record, and what a reader should know of its files.
    """

    digital: Rows
    is_missing: Rows | None
    num_frames: int
    remarks: Sequence[str]


def read_wfdb(
    path: str | Path,
    *,
    gain_corrections: Mapping[float, float] | None = None,
    leads: Sequence[str] | None = None,
    start_s: float = 0.0,
    max_seconds: float | None = None,
) -> EcgRecording:
    """Read the standard leads of a WFDB record, of one segment or of several.

    Args:
        path (`str` or `Path`):
            The record's header, its signal file, or either without the extension.
        gain_corrections (`Mapping[float, float]`, *optional*):
            Gains that are known to be wrong in this header, and the right ones, in units per millivolt.
        leads (`Sequence[str]`, *optional*):
            Names of the signals, for a header whose own names are no leads.
        start_s (`float`, *optional*, defaults to 0):
            Where to begin, in seconds.
        max_seconds (`float`, *optional*):
            How much to read from there, in seconds; all by default.

    Returns:
        `EcgRecording`: Its 12-lead part: integers that are microvolts as they are stored, else millivolts.

    Raises:
        FileNotFoundError: If there is no header at `path`, or no signal file beside it.
        ImportError: If the signals are compressed (FLAC) and `soundfile` is not installed.
        PermissionError: If this user may not read the header or a signal file.
        ValueError: If the record cannot be read, names files elsewhere, has no standard lead, or is not in volts.
    """
    header_path = header_of(path)
    if not header_path.is_file():
        raise FileNotFoundError(
            f"There is no ECG record at {path}: {header_path} does not exist."
            " Give the path of a WFDB record, with or without `.hea`."
        )
    try:
        header = read_header(header_path)
        if header.segments:
            return _read_segments(header, gain_corrections, leads, start_s, max_seconds)
        samples = read_samples(header, start_s=start_s, max_seconds=max_seconds)
    except TruncatedFileError as error:
        raise ValueError(f"{header_path}: the record cannot be read ({error}). Download its files again.") from error
    except DamagedFileError as error:
        raise ValueError(f"{header_path}: the record cannot be read ({error}). Correct or convert it.") from error
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{header_path} needs {error.filename}, which does not exist. Put it there, or download it again."
        ) from error
    return _admit_record(header, samples, gain_corrections, leads, start_s)


def header_of(path: str | Path) -> Path:
    """The header of a record that is named with or without an extension."""
    path = Path(path)
    if path.suffix.lower() == ".hea":
        return path
    whole_name = path.with_name(f"{path.name}.hea")  # of a record with a dot in its name
    return whole_name if whole_name.is_file() else path.with_suffix(".hea")


def read_header(path: Path) -> WfdbHeader:
    """Read a header in any dialect.

    Raises:
        DamagedFileError: If it is none; [`TruncatedFileError`] if it ends early.
        FileNotFoundError: If it is absent.
        PermissionError: If this user may not read it.
        ValueError: If it names a file in another folder.
    """
    with library_call(path):
        content = path.read_bytes()
    text = content.decode(find_encoding(content) or "latin-1", errors="replace")  # ASCII, but units come as `µV`
    lines = [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
    if not lines:
        raise TruncatedFileError("its header is empty")
    record = RECORD_LINE.fullmatch(lines[0])
    if record is None:
        raise DamagedFileError(f"its header begins with {lines[0][:40]!r}, which is no record line")
    _name_beside(record["name"], path)
    is_segmented = record["num_segments"] is not None
    num_lines, what = int(record["num_segments"] or record["num_signals"]), "segments" if is_segmented else "signals"
    if len(lines) - 1 < num_lines:
        raise TruncatedFileError(f"its header ends after {len(lines) - 1} of {num_lines} {what}")
    if len(lines) - 1 > num_lines and not is_segmented:
        raise DamagedFileError(f"its header states {num_lines} signals and lists {len(lines) - 1}")
    rate, remarks = float(record["rate"] or 0), []
    signals = [] if is_segmented else [_read_signal_line(line, path, row) for row, line in enumerate(lines[1:])]
    segments = [_read_segment_line(line, path) for line in lines[1 : num_lines + 1]] if is_segmented else []
    if not rate:
        remarks.append(f"the header states no rate, which means {DEFAULT_RATE:g} Hz in WFDB")
    without_gain = ", ".join(signal.name for signal in signals if not signal.gain and signal.file != NOTHING)
    if without_gain:
        remarks.append(f"the header states no gain of {without_gain}, which means {DEFAULT_GAIN:g}/mV in WFDB")
    return WfdbHeader(
        path=path,
        frame_rate=rate or DEFAULT_RATE,
        num_frames=int(record["num_samples"] or 0) or None,
        signals=[signal if signal.gain else signal._replace(gain=DEFAULT_GAIN) for signal in signals],
        segments=segments,
        remarks=remarks,
    )


def _read_signal_line(line: str, path: Path, row: int) -> WfdbSignal:
    """What one line says of its signal; a gain of 0 where it states none."""
    match = SIGNAL_LINE.fullmatch(line)
    if match is None:
        raise DamagedFileError(f"its header has the line {line[:60]!r}, which describes no signal")
    _, adc_zero, initial, checksum, _ = [*map(int, match["numbers"].split()), *[None] * 5][:5]
    gain = float(match["gain"] or 0)
    if not math.isfinite(gain):
        raise DamagedFileError(f"its header states the gain {match['gain']}")
    return WfdbSignal(
        file=_name_beside(match["file"], path),
        format=match["format"],
        offset=int(match["offset"] or 0),
        frame=int(match["frame"] or 1) or 1,
        skew=int(match["skew"] or 0),
        gain=gain,
        baseline=int(match["baseline"] or adc_zero or 0),
        unit=match["unit"] or DEFAULT_UNIT,
        initial=initial if initial is not None else adc_zero or 0,
        checksum=checksum,
        name=match["name"] or f"signal {row + 1}",
    )


def _read_segment_line(line: str, path: Path) -> tuple[str, int]:
    """Name and number of frames of a segment."""
    match = SEGMENT_LINE.fullmatch(line)
    if match is None:
        raise DamagedFileError(f"its header has the line {line[:60]!r}, which names no segment")
    return _name_beside(match["name"], path), int(match["num_samples"])


def _name_beside(name: str, path: Path) -> str:
    """A file's name, which must be one in the folder of the header."""
    name = name.removeprefix("./")
    if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise ValueError(
            f"{path} names {name!r}, which lies in another folder. Put the files of a record into one folder, and name"
            " them in the header without it."
        )
    return name


def read_samples(header: WfdbHeader, *, start_s: float = 0.0, max_seconds: float | None = None) -> WfdbSamples:
    """Read the samples of a record of one segment as they are stored.

    Args:
        header ([`WfdbHeader`]):
            Of signals, not of segments.
        start_s (`float`, *optional*, defaults to 0):
            Where to begin, in seconds.
        max_seconds (`float`, *optional*):
            How much to read from there, in seconds; all by default.

    Raises:
        DamagedFileError: If a signal file cannot be read; [`TruncatedFileError`] if it ends early.
        FileNotFoundError: If a signal file with leads is absent; its `filename` is the path of that file.
        ImportError: If the signals are compressed and `soundfile` is not installed.
        PermissionError: If this user may not read one of them.
    """
    files: dict[str, list[int]] = {}
    for place, signal in enumerate(header.signals):
        files.setdefault(signal.file, []).append(place)
    first = round(start_s * header.frame_rate)
    wanted = None if max_seconds is None else math.ceil(max_seconds * header.frame_rate)
    parts: dict[tuple[int, ...], tuple[Rows, int]] = {}
    remarks: list[str] = []
    for name, places in files.items():
        signals = [header.signals[place] for place in places]
        try:
            read = ([], 0) if name == NOTHING else _read_file(header, signals, first, wanted)
        except (DamagedFileError, FileNotFoundError) as error:
            is_lead = [is_standard_lead(signal.name) for signal in header.signals]
            if not any(is_lead) or any(is_lead[place] for place in places):
                raise
            read = ([], 0)
            remarks.append(f"{name} not read ({error})")
        parts[tuple(places)] = read
    lengths = [num_frames for _, num_frames in parts.values() if num_frames]
    longest = max(lengths, default=0)
    stated = header.num_frames or longest
    num_frames = min([stated, *lengths]) if lengths else 0
    if num_frames < stated:
        times = [f"{count / header.frame_rate:.2f} s" for count in (stated, num_frames)]
        remarks.append(f"the header states {times[0]}, the files hold {times[1]}")
    elif stated < longest:
        remarks.append(f"the files go on after the {stated / header.frame_rate:.2f} s that the header states")
    digital: Any = [None] * len(header.signals)
    for places, (rows, _) in parts.items():
        if len(parts) == 1 and len(rows):
            digital = rows
        else:
            for place, row in zip(places, rows, strict=False):  # no rows where the file was not read
                digital[place] = row
    rest = max(0, num_frames - first)
    used = rest if wanted is None else min(wanted, rest)
    rows, is_missing = _find_missing(header.signals, digital, used)
    return WfdbSamples(rows, is_missing, num_frames, remarks)


def _find_missing(signals: Sequence[WfdbSignal], digital: Any, num_frames: int) -> tuple[Rows, Rows | None]:
    """Samples with their skew undone, cut to a number of frames, and where they are missing."""
    code = NOT_RECORDED.get(signals[0].format) if signals else None
    if isinstance(digital, np.ndarray) and code is not None and not any(signal.skew for signal in signals):
        matrix = digital[:, :num_frames]
        is_missing = matrix == code
        return matrix, is_missing if is_missing.any() else None
    rows, masks = [], []
    for signal, values in zip(signals, digital, strict=True):
        length = num_frames * signal.frame
        row = np.empty(0, np.int16) if values is None else values[signal.skew * signal.frame :][:length]
        late = length - len(row)  # samples beyond the end of the file, which the skew asks for
        lost = np.zeros(len(row), bool) if signal.format not in NOT_RECORDED else row == NOT_RECORDED[signal.format]
        rows.append(np.pad(row, (0, late)))
        masks.append(np.pad(lost, (0, late), constant_values=True))
    return rows, masks if any(mask.any() for mask in masks) else None


def _read_file(header: WfdbHeader, signals: Sequence[WfdbSignal], first: int, wanted: int | None) -> tuple[Rows, int]:
    """The signals of one file from a frame on, up to `wanted`, and how many there are; a matrix if they are alike."""
    path = header.path.with_name(signals[0].file)
    formats = ", ".join(dict.fromkeys(signal.format for signal in signals))
    if formats not in (*BYTES_AND_SAMPLES, *FLAC_FORMATS):
        raise DamagedFileError(f"{path.name} is in signal format {formats}, which is not read")
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    frame = sum(signal.frame for signal in signals)
    num_samples = (_count_flac if formats in FLAC_FORMATS else _count_samples)(path, signals)
    available = num_samples // frame
    if not available:
        raise TruncatedFileError(f"{path.name} holds no sample")
    stated = header.num_frames or available
    reserve = max(signal.skew for signal in signals)
    stop = min(stated, available) if wanted is None else min(first + wanted + reserve, stated, available)
    begin = 0 if formats == "8" else min(first, stop)  # differences add up from the first
    flat = (_read_flac if formats in FLAC_FORMATS else _read_bytes)(path, signals, begin * frame, stop * frame)
    rows = _split_frames(flat.reshape(stop - begin, frame), signals)
    if formats == "8":
        rows = [row[first * signal.frame :] for row, signal in zip(rows, signals, strict=True)]
    is_needed_whole = available < (stated if wanted is None else min(first + wanted, stated))
    if is_needed_whole and (first or not _checksums_agree(rows, signals)):
        raise TruncatedFileError(f"{path.name} ends after {available} of {stated} samples")
    return rows, available


def _count_samples(path: Path, signals: Sequence[WfdbSignal]) -> int:
    """How many samples a file holds, of all its signals together."""
    num_bytes, num_values = BYTES_AND_SAMPLES[signals[0].format]
    return max(0, path.stat().st_size - signals[0].offset) * num_values // num_bytes


def _read_bytes(path: Path, signals: Sequence[WfdbSignal], start: int, stop: int) -> np.ndarray:
    """Samples of a file, of all signals together, from one on and before another."""
    num_bytes, num_values = BYTES_AND_SAMPLES[signals[0].format]
    group, skipped = divmod(start, num_values)  # samples that share bytes
    offset = signals[0].offset + group * num_bytes
    count = stop - group * num_values
    try:
        raw = np.fromfile(path, np.uint8, count=-(-count // num_values) * num_bytes, offset=offset)
    except PermissionError as error:
        raise forbidden(path, error) from error
    if len(raw) % num_bytes:
        raw = np.pad(raw, (0, -len(raw) % num_bytes))
    return DECODERS[signals[0].format](raw)[skipped:count]


def _count_flac(path: Path, signals: Sequence[WfdbSignal]) -> int:
    """As `_count_samples`, of a FLAC file: its offset counts samples, and its channels are the signals."""
    try:
        import soundfile
    except ImportError as error:
        raise ImportError(f"Reading {path} needs the package soundfile: `pip install soundfile`.") from error
    with library_call(path):
        info = soundfile.info(path)
    if info.channels != len(signals) or len({signal.frame for signal in signals}) > 1:
        raise DamagedFileError(f"{path.name} holds {info.channels} channels, not {len(signals)} of one rate")
    return max(0, info.frames - signals[0].offset) * info.channels


def _read_flac(path: Path, signals: Sequence[WfdbSignal], start: int, stop: int) -> np.ndarray:
    """The same of a FLAC file, in the order of the other formats."""
    import soundfile

    with library_call(path), soundfile.SoundFile(path) as file:
        bits = {"PCM_S8": 8, "PCM_16": 16, "PCM_24": 24}[file.subtype]
        file.seek(signals[0].offset + start // len(signals))
        values: Any = file.read((stop - start) // len(signals), dtype="int32", always_2d=True)
    values = (values >> (32 - bits)).reshape(-1, signals[0].frame, len(signals))
    return values.transpose(0, 2, 1).reshape(-1)


def _split_frames(frames: np.ndarray, signals: Sequence[WfdbSignal]) -> Rows:
    """The signals of frames `(num_frames, frame)`; a matrix where each has one sample in a frame."""
    is_difference = signals[0].format == "8"
    if all(signal.frame == 1 for signal in signals) and not is_difference:
        return frames.T
    stops = np.cumsum([signal.frame for signal in signals])
    rows = [
        frames[:, stop - signal.frame : stop].reshape(-1) for signal, stop in zip(signals, stops.tolist(), strict=True)
    ]
    if is_difference:
        rows = [np.cumsum(row, dtype=np.int64) + signal.initial for row, signal in zip(rows, signals, strict=True)]
    return rows


def _checksums_agree(rows: Rows, signals: Sequence[WfdbSignal]) -> bool:
    """Whether samples add up to what the header states: a file that is whole, though shorter than its header says."""
    sums = [int(row.sum(dtype=np.int64)) for row in rows]
    stated = [signal.checksum for signal in signals]
    return any(stated) and all(
        checksum is not None and (total - checksum) % 2**16 == 0 for total, checksum in zip(sums, stated, strict=True)
    )


def _admit_record(
    header: WfdbHeader,
    samples: WfdbSamples,
    gain_corrections: Mapping[float, float] | None,
    leads: Sequence[str] | None,
    start_s: float,
) -> EcgRecording:
    """A record of one segment as a recording; stored integers that are microvolts stay what they are."""
    signals, source = header.signals, str(header.path)
    _, units, per_millivolt = _scales(header, gain_corrections)
    remarks = [*header.remarks, *samples.remarks]
    is_microvolts = all(gain == MICROVOLTS_PER_MILLIVOLT for gain in per_millivolt)
    is_microvolts = is_microvolts and not any(signal.baseline for signal in signals)
    if not (is_microvolts and isinstance(samples.digital, np.ndarray) and samples.digital.dtype == np.int16):
        seconds = samples.num_frames / header.frame_rate
        channels = _channels(header, samples, gain_corrections, start_s)
        return admit_channels(
            channels, source=source, leads=leads, seconds_found=seconds, origin_s=0.0, remarks=remarks
        )
    return admit(
        samples.digital,
        is_missing=None if samples.is_missing is None else np.asarray(samples.is_missing),
        names=name_channels([signal.name for signal in signals], leads, place=source, units=units),
        unit=units,
        sampling_rate=header.frame_rate,
        source=source,
        num_samples_found=samples.num_frames,
        start_s=start_s,
        remarks=remarks,
    )


def _scales(
    header: WfdbHeader, gain_corrections: Mapping[float, float] | None
) -> tuple[list[float], list[str], list[float]]:
    """Gain and unit of each signal, and stored units per millivolt: NaN where the unit is no voltage."""
    gains, units = [signal.gain for signal in header.signals], [signal.unit for signal in header.signals]
    millivolts = [MILLIVOLTS_PER_UNIT.get(unit.lower(), math.nan) for unit in units]
    per_millivolt = [gain / factor for gain, factor in zip(gains, millivolts, strict=True)]
    if gain_corrections:
        per_millivolt = [gain_corrections.get(gain, gain) for gain in per_millivolt]
        units = [unit if math.isnan(gain) else "mV" for gain, unit in zip(per_millivolt, units, strict=True)]
        gains = [stated if math.isnan(gain) else gain for gain, stated in zip(per_millivolt, gains, strict=True)]
    largest = max(
        (gain for signal, gain in zip(header.signals, per_millivolt, strict=True) if signal.format == "16"), default=0
    )
    if largest > MAX_GAIN_PER_MILLIVOLT:
        raise ValueError(
            f"{header.path} states a gain of {largest:.0f}/mV, with which 16 bits reach only"
            f" {-float(NOT_RECORDED['16']) / largest:.3f} mV. Correct the gain in the header."
        )
    return gains, units, per_millivolt


def _channels(
    header: WfdbHeader,
    samples: WfdbSamples,
    gain_corrections: Mapping[float, float] | None,
    start_s: float = 0.0,
) -> list[Channel]:
    """Signals one by one, in physical units, each at its own rate."""
    gains, units, _ = _scales(header, gain_corrections)
    channels = []
    for row, signal in enumerate(header.signals):
        values = (np.asarray(samples.digital[row], np.float64) - signal.baseline) / gains[row]
        if samples.is_missing is not None:
            values[samples.is_missing[row]] = np.nan
        channels.append(Channel(signal.name, values, header.frame_rate * signal.frame, units[row], start_s))
    return channels


def _read_segments(
    header: WfdbHeader,
    gain_corrections: Mapping[float, float] | None,
    leads: Sequence[str] | None,
    begin_s: float,
    max_seconds: float | None,
) -> EcgRecording:
    """Put the segments of a record one after the other; what a segment lacks was not recorded."""
    channels: list[Channel] = []
    named: dict[str, str] = {}  # signals of a layout, the segment without samples that lists all of them
    remarks: list[str] = []
    start, end_s = 0, math.inf if max_seconds is None else begin_s + max_seconds
    for name, num_frames in header.segments:
        start_s, stop_s = start / header.frame_rate, (start + num_frames) / header.frame_rate
        is_wanted = start_s < end_s and stop_s > begin_s
        if name != NOTHING and (is_wanted or not num_frames):
            segment = read_header(header.path.with_name(f"{name}.hea"))
            if segment.segments:
                raise DamagedFileError(f"its segment {name} has segments of its own")
            if num_frames:
                skipped_s = max(0.0, begin_s - start_s)
                limit_s = min(stop_s, end_s) - start_s - skipped_s
                samples = read_samples(segment, start_s=skipped_s, max_seconds=limit_s)
                channels += _channels(segment, samples, gain_corrections, start_s + skipped_s)
                remarks += [f"{name}: {remark}" for remark in segment.remarks]
            else:
                named |= {signal.name: "in no segment" for signal in segment.signals}
        start += num_frames
    found = {channel.name for channel in channels}
    if not found and (begin_s or max_seconds is not None):
        raise NothingRecordedError(f"{header.path}: no segment was recorded then. Read another part of the record.")
    return admit_channels(
        channels,
        source=str(header.path),
        leads=leads,
        seconds_found=max(start, header.num_frames or 0) / header.frame_rate,
        origin_s=0.0,
        left_out={name: reason for name, reason in named.items() if name not in found},
        remarks=remarks,
    )
