"""Clinical formats: EDF and BDF, ISHNE, DICOM, HL7 aECG, GE MUSE XML, and whatever else `ecgdatakit` reads."""

import base64
import binascii
import itertools
import math
import re
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .admission import admit_channels, is_voltage
from .leads import read_lead_name
from .recordings import (
    LIBRARY_ERRORS,
    DamagedFileError,
    EcgRecording,
    NothingRecordedError,
    Options,
    TruncatedFileError,
    library_call,
)
from .signal_processing import Channel
from .wfdb_formats import decode_24_bits


# Fields of the header of an EDF file for each signal, and their widths in bytes.
# Source: Kemp et al. 1992, and https://www.edfplus.info/specs/edf.html
EDF_FIELDS = (
    *(("label", 16), ("transducer", 80), ("unit", 8), ("physical_min", 8), ("physical_max", 8), ("digital_min", 8)),
    *(("digital_max", 8), ("filters", 80), ("num_samples", 8), ("reserved", 32)),
)
EDF_ANNOTATIONS = ("EDF Annotations", "BDF Annotations")
EDF_WITH_GAPS = (b"EDF+D", b"BDF+D")
EDF_HEADER_BYTES = 256
MAX_EDF_SIGNALS = 2000

# Source: Badilini 1998, Ann Noninvasive Electrocardiol 3:263, table 1. Codes 0 and 1 name no lead.
ISHNE_LEADS = dict(enumerate(("X", "Y", "Z", "I", "II", "III", "aVR", "aVL", "aVF"), start=2)) | {
    **{10 + number: f"V{number}" for number in range(1, 7)},
    17: "ES",
    18: "AS",
    19: "AI",
}
ISHNE_HEADER_BYTES, ISHNE_FAULT = 522, -(2**15)

# Numbers of leads in the codes of DICOM, `2:1` and `5.6.3-9-1`, which are those of SCP-ECG.
# Source: DICOM PS3.16, context group 3001.
DICOM_LEADS = dict(enumerate(("I", "II", "V1", "V2", "V3", "V4", "V5", "V6"), start=1)) | {
    61: "III",
    62: "aVR",
    63: "aVL",
    64: "aVF",
    65: "-aVR",
}
DICOM_SAMPLES = {
    (8, "SB"): "i1",
    (8, "UB"): "u1",
    (16, "SS"): "i2",
    (16, "US"): "u2",
    (32, "SL"): "i4",
    (32, "UL"): "u4",
    (8, ""): "i1",
    (16, ""): "i2",
    (32, ""): "i4",
}
AVERAGED = re.compile("MEDIAN|AVERAGE|REPRESENTATIVE|TEMPLATE", re.IGNORECASE)
AVERAGED_REASON = "averaged beats, no rhythm"
AECG_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}


class ClinicalReader(NamedTuple):
    """What reads a format, the package that it needs, if any, and whether a part is read without the rest."""

    read: Callable[[Path, Options], EcgRecording]
    package: str | None
    reads_parts: bool = False


def find_clinical_reader(path: Path, start: bytes) -> ClinicalReader | None:
    """The reader for a clinical format, which the first bytes of a file tell; `None` for other files."""
    text = start.decode("utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin-1", errors="ignore")
    if start[:8] in (b"0       ", b"\xffBIOSEMI") and len(start) >= EDF_HEADER_BYTES:
        return ClinicalReader(_read_edf, None, reads_parts=start[192:197] not in EDF_WITH_GAPS)
    if start.startswith(b"ISHNE1.0"):
        return ClinicalReader(_read_ishne, None, reads_parts=True)
    if start[128:132] == b"DICM":
        return ClinicalReader(_read_dicom, "pydicom")
    if re.search(r"<(?:[\w.-]+:)?AnnotatedECG\b", text):
        return ClinicalReader(_read_aecg, "ecgdatakit")
    if re.search(r"<RestingECG[\s>]", text, re.IGNORECASE):
        return ClinicalReader(_read_muse, "ecgdatakit")
    try:
        from ecgdatakit import FileParser
    except ImportError:
        return None
    try:
        return ClinicalReader(_read_with_ecgdatakit, "ecgdatakit") if FileParser.detect_format(path) else None
    except LIBRARY_ERRORS:
        return None


def _admit(
    channels: Sequence[Channel],
    path: Path,
    options: Options,
    *,
    left_out: Mapping[str, str],
    remarks: Sequence[str] = (),
    seconds_found: float | None = None,
    origin_s: float | None = None,
) -> EcgRecording:
    """Channels as a recording: the seconds that are wanted, counted from the beginning of the file."""
    first_s = min((channel.start_s for channel in channels), default=0.0) if origin_s is None else origin_s
    if options.start_s or options.max_seconds is not None:
        whole_s = max((channel.stop_s for channel in channels), default=0.0) - first_s
        seconds_found = whole_s if seconds_found is None else seconds_found
        begin_s = first_s + options.start_s
        stop_s = math.inf if options.max_seconds is None else begin_s + options.max_seconds
        parts = [_cut(channel, begin_s, stop_s) for channel in channels]
        wanted = [part for part in parts if len(part.values)]
        if channels and not wanted:
            raise NothingRecordedError(f"{path} holds no sample then. Read another part of it.")
        channels = wanted
    return admit_channels(
        channels,
        source=str(path),
        leads=options.leads,
        unit=options.unit,
        seconds_found=seconds_found,
        origin_s=first_s,
        left_out=left_out,
        remarks=remarks,
    )


def _cut(channel: Channel, begin_s: float, stop_s: float) -> Channel:
    """A channel from one moment to another."""
    rate = channel.sampling_rate
    first = max(0, round((begin_s - channel.start_s) * rate))
    last = None if math.isinf(stop_s) else max(0, math.ceil((stop_s - channel.start_s) * rate))
    return replace(channel, values=channel.values[first:last], start_s=channel.start_s + first / rate)


@dataclass(frozen=True)
class _EdfHeader:
    """The header of an EDF or BDF file.

    Attributes:
        sample_bytes (`int`):
            2 in EDF, 3 in BDF.
        signals (`list[dict[str, str]]`):
            The fields of each signal, see `EDF_FIELDS`.
        lengths (`list[int]`):
            Samples of each signal in a data record.
        duration_s (`float`):
            Of a data record.
        num_records (`int`):
            As stated; -1 where the recorder did not get to it.
        has_gaps (`bool`):
            Whether there may be time between the data records.
    """

    sample_bytes: int
    signals: list[dict[str, str]]
    lengths: list[int]
    duration_s: float
    num_records: int
    has_gaps: bool

    @property
    def record_bytes(self) -> int:
        """Bytes of a data record."""
        return sum(self.lengths) * self.sample_bytes

    @property
    def num_bytes(self) -> int:
        """Bytes before the first data record."""
        return EDF_HEADER_BYTES * (len(self.signals) + 1)


def _read_edf(path: Path, options: Options) -> EcgRecording:
    """Read EDF, EDF+, BDF or BDF+; a signal that cannot be scaled is left out.

    Of the packages that read EDF, `edfio` (0.4) takes a BDF file into memory whole and puts records with gaps between
    them side by side, and `ecgdatakit` (2.0) reads no BDF.
    """
    header = _read_edf_header(path)
    available = (path.stat().st_size - header.num_bytes) // header.record_bytes
    if available < 1:
        raise TruncatedFileError("it ends before the end of its first data record")
    remarks = []
    if header.num_records > available:
        remarks.append(
            f"the file ends after {available} of {header.num_records} data records; download it again if it should not"
        )
    num_records = available if header.num_records < 0 else min(available, header.num_records)
    stop = num_records
    if options.max_seconds is not None and not (header.has_gaps and options.start_s):
        stop = min(num_records, math.ceil((options.start_s + options.max_seconds) / header.duration_s))
    with library_call(path):
        data = np.memmap(path, np.uint8, "r", header.num_bytes, (num_records, header.record_bytes))
    starts_s = _edf_starts(header, data[:stop])
    origin_s = float(starts_s[0])
    first = int(np.searchsorted(starts_s + header.duration_s, origin_s + options.start_s, side="right"))
    first = min(first, stop - 1)  # `_admit` says if that is over by then
    channels, left_out = _edf_channels(header, data[first:stop], starts_s[first:])
    seconds = num_records * header.duration_s
    if header.has_gaps:
        seconds = float(_edf_starts(header, data[-1:])[0]) - origin_s + header.duration_s
    found = {"left_out": left_out, "remarks": remarks, "seconds_found": seconds, "origin_s": origin_s}
    return _admit(channels, path, options, **found)


def _read_edf_header(path: Path) -> _EdfHeader:
    """Read the header of an EDF or BDF file."""
    with library_call(path), path.open("rb") as file:
        first = file.read(EDF_HEADER_BYTES).decode("latin-1")
        num_signals = _edf_number(first[252:256], "number of signals")
        if not 0 < num_signals <= MAX_EDF_SIGNALS:
            raise DamagedFileError(f"its header states {num_signals:g} signals")
        rest = file.read(EDF_HEADER_BYTES * int(num_signals)).decode("latin-1")
    if len(rest) < EDF_HEADER_BYTES * num_signals:
        raise TruncatedFileError("it ends in its header")
    signals: list[dict[str, str]] = [{} for _ in range(int(num_signals))]
    place = 0
    for name, width in EDF_FIELDS:
        for signal in signals:
            signal[name] = rest[place : place + width].replace("\0", " ").strip()
            place += width
    header = _EdfHeader(
        sample_bytes=3 if first[0] == "\xff" else 2,
        signals=signals,
        lengths=[int(_edf_number(signal["num_samples"], "number of samples")) for signal in signals],
        duration_s=_edf_number(first[244:252], "duration of a data record"),
        num_records=int(_edf_number(first[236:244], "number of data records")),
        has_gaps=first[192:197].encode("latin-1") in EDF_WITH_GAPS,
    )
    if header.duration_s <= 0 or min(header.lengths) < 0 or not sum(header.lengths):
        raise DamagedFileError("its data records hold no time or no samples")
    return header


def _edf_number(text: str, what: str) -> float:
    """A number of the header."""
    try:
        number = float(text.replace("\0", " ").strip().replace(",", "."))
    except ValueError as error:
        raise DamagedFileError(f"its header states no {what}") from error
    if not math.isfinite(number):
        raise DamagedFileError(f"its header states no {what}")
    return number


def _edf_starts(header: _EdfHeader, data: np.ndarray) -> np.ndarray:
    """When each data record begins, in seconds: one after the other, or as its first annotation says."""
    even = header.duration_s * np.arange(len(data))
    kinds = [signal["label"] in EDF_ANNOTATIONS for signal in header.signals]
    if not header.has_gaps or True not in kinds:
        return even
    place = kinds.index(True)
    first = sum(header.lengths[:place]) * header.sample_bytes
    notes = data[:, first : first + header.lengths[place] * header.sample_bytes]
    onsets = [re.match(rb"[+-]\d+(?:\.\d*)?", bytes(note)) for note in notes]
    starts = np.array([math.nan if onset is None else float(onset[0]) for onset in onsets])
    is_ordered = not np.isnan(starts).any() and bool((np.diff(starts) >= 0.999 * header.duration_s).all())
    return starts if is_ordered else even


def _edf_channels(header: _EdfHeader, data: np.ndarray, starts_s: np.ndarray) -> tuple[list[Channel], dict[str, str]]:
    """The signals of data records, in parts where there is time between these, and why signals were left out."""
    channels: list[Channel] = []
    left_out: dict[str, str] = {}
    is_new = np.diff(starts_s, prepend=-math.inf) > 1.001 * header.duration_s
    bounds = [*np.flatnonzero(is_new).tolist(), len(data)]
    stops = np.cumsum(header.lengths) * header.sample_bytes
    for signal, length, stop in zip(header.signals, header.lengths, stops.tolist(), strict=True):
        name = signal["label"]
        if name in EDF_ANNOTATIONS:
            continue
        if read_lead_name(name).lead is None and not is_voltage(signal["unit"]) and signal["unit"]:
            left_out[name] = f"in {signal['unit']}, no voltage"
            continue
        try:
            scale, offset = _edf_scale(signal)
        except DamagedFileError as error:
            left_out[name] = str(error)
            continue
        raw = np.ascontiguousarray(data[:, stop - length * header.sample_bytes : stop])
        digital = decode_24_bits(raw.reshape(-1)) if header.sample_bytes == 3 else raw.reshape(-1).view("<i2")
        values = digital * scale + offset
        for first, last in itertools.pairwise(bounds):
            part = values[first * length : last * length]
            channels.append(Channel(name, part, length / header.duration_s, signal["unit"], float(starts_s[first])))
    return channels, left_out


def _edf_scale(signal: Mapping[str, str]) -> tuple[float, float]:
    """What a stored number is multiplied with, and what is added then.

    Raises:
        DamagedFileError: If the ranges do not say, as for an unused channel.
    """
    low, high = (_edf_number(signal[f"physical_{end}"], f"physical {end}imum") for end in ("min", "max"))
    first, last = (_edf_number(signal[f"digital_{end}"], f"digital {end}imum") for end in ("min", "max"))
    if low == high or first == last:
        kind, value = ("physical", low) if low == high else ("digital", first)
        raise DamagedFileError(f"its {kind} minimum and maximum are both {value:g}")
    scale = (high - low) / (last - first)
    return scale, low - scale * first


def _read_ishne(path: Path, options: Options) -> EcgRecording:
    """Read an ISHNE Holter file."""
    with library_call(path), path.open("rb") as file:
        header = file.read(ISHNE_HEADER_BYTES)
    if len(header) < ISHNE_HEADER_BYTES:
        raise TruncatedFileError("it ends in its header")
    (comment_bytes,) = struct.unpack_from("<i", header, 10)
    (num_leads,) = struct.unpack_from("<h", header, 156)
    codes, scales = struct.unpack_from("<12h", header, 158), struct.unpack_from("<12h", header, 206)
    (rate,) = struct.unpack_from("<h", header, 272)
    if not (0 < num_leads <= len(codes) and rate > 0 and comment_bytes >= 0):
        raise DamagedFileError(f"its header states {num_leads} leads at {rate} Hz")
    offset = ISHNE_HEADER_BYTES + comment_bytes  # writers differ in what they state as the beginning of the samples
    num_samples = max(0, path.stat().st_size - offset) // (2 * num_leads)
    if not num_samples:
        raise TruncatedFileError("it holds no sample")
    first = min(num_samples, round(options.start_s * rate))
    wanted = num_samples if options.max_seconds is None else math.ceil(options.max_seconds * rate)
    wanted, offset = min(wanted, num_samples - first), offset + 2 * num_leads * first
    with library_call(path):
        digital = np.fromfile(path, "<i2", wanted * num_leads, offset=offset).reshape(wanted, num_leads)
    channels = []
    for row, (code, scale) in enumerate(zip(codes[:num_leads], scales, strict=False)):
        values = digital[:, row] * (scale / 1000 if scale > 0 else 1.0)  # stored in nV per unit
        values[digital[:, row] == ISHNE_FAULT] = np.nan
        name = ISHNE_LEADS.get(code, f"channel {row + 1}")
        channels.append(Channel(name, values, rate, "uV" if scale > 0 else "", first / rate))
    return _admit(channels, path, options, left_out={}, seconds_found=num_samples / rate, origin_s=0.0)


def _read_dicom(path: Path, options: Options) -> EcgRecording:
    """Read all multiplex groups of a DICOM file: at the same time they add leads, at different times they follow."""
    try:
        from pydicom import dcmread
        from pydicom.errors import BytesLengthException, InvalidDicomError
    except ImportError as error:
        raise _lacks_package(path, "pydicom") from error
    channels: list[Channel] = []
    left_out: dict[str, str] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that do not follow the standard, patients' names among them
        with library_call(path, InvalidDicomError, BytesLengthException):
            content = dcmread(path)
            groups = list(content.get("WaveformSequence") or [])
            is_little = content.original_encoding[1] is not False
        if not groups:
            raise DamagedFileError("it holds no waveform")
        named = [
            (str(group.get("MultiplexGroupLabel") or f"group {place}"), group) for place, group in enumerate(groups, 1)
        ]
        for label, group in sorted(named, key=lambda entry: _is_derived(entry[1])):
            try:
                with library_call(path, BytesLengthException):
                    found = _dicom_group(group, is_little)
            except DamagedFileError as error:
                left_out[label] = str(error)
                continue
            if AVERAGED.search(label):
                left_out[label] = AVERAGED_REASON
            elif _is_derived(group) and {channel.name for channel in found} <= {channel.name for channel in channels}:
                left_out[label] = "derived from the others"
            else:
                channels += found
    return _admit(channels, path, options, left_out=left_out)


def _is_derived(group: Any) -> bool:
    """Whether a multiplex group was computed from others."""
    return str(group.get("WaveformOriginality")) == "DERIVED"


def _dicom_group(group: Any, is_little: bool) -> list[Channel]:
    """The channels of a multiplex group. Source: DICOM PS3.3, C.10.9."""
    num_channels, num_samples = int(group.NumberOfWaveformChannels), int(group.NumberOfWaveformSamples)
    kind = (int(group.WaveformBitsAllocated), str(group.get("WaveformSampleInterpretation") or ""))
    if kind not in DICOM_SAMPLES:
        raise DamagedFileError(f"stored as {kind[0]} bits of {kind[1]}, which is not read")
    dtype = np.dtype(DICOM_SAMPLES[kind]).newbyteorder("<" if is_little else ">")
    content = bytes(group.WaveformData)
    available = min(num_samples, len(content) // (num_channels * dtype.itemsize))
    if available < num_samples:
        raise TruncatedFileError(f"ends after {available} of {num_samples} samples")
    raw = np.frombuffer(content, dtype, num_channels * num_samples).reshape(num_samples, num_channels)
    padding = bytes(group.get("WaveformPaddingValue") or b"")[: dtype.itemsize]
    is_missing = raw == np.frombuffer(padding, dtype)[0] if len(padding) == dtype.itemsize else None
    rate, start_s = float(group.SamplingFrequency), float(group.get("MultiplexGroupTimeOffset") or 0) / 1000
    channels = []
    for column, definition in enumerate(group.ChannelDefinitionSequence):
        sensitivity, unit = definition.get("ChannelSensitivity"), _dicom_unit(definition)
        scale = float(sensitivity or 1) * float(definition.get("ChannelSensitivityCorrectionFactor") or 1)
        values = raw[:, column] * scale + float(definition.get("ChannelBaseline") or 0)
        if is_missing is not None:
            values[is_missing[:, column]] = np.nan
        skew_s = float(definition.get("ChannelSampleSkew") or 0) / rate
        name = _dicom_name(definition, column)
        channels.append(Channel(name, values, rate, unit if sensitivity is not None else "", start_s + skew_s))
    return channels


def _dicom_name(definition: Any, column: int) -> str:
    """The name of a channel: the first of its code, its meaning and its label that is a lead."""
    (source,) = list(definition.get("ChannelSourceSequence") or [])[:1] or [{}]
    code, meaning = (str(source.get(key) or "") for key in ("CodeValue", "CodeMeaning"))
    number = re.fullmatch(r"(?:2:|5\.6\.3-9-|MDC:)?(\d+)", code)
    names = [
        DICOM_LEADS.get(int(number[1]), "") if number else code,
        re.split(r"[,(]", meaning)[0].strip(),
        str(definition.get("ChannelLabel") or ""),
    ]
    leads = [name for name in names if read_lead_name(name).lead is not None]
    return (leads or [name for name in (meaning, names[2], code) if name] or [f"channel {column + 1}"])[0]


def _dicom_unit(definition: Any) -> str:
    """The unit of a channel, by its code or its meaning."""
    (unit,) = list(definition.get("ChannelSensitivityUnitsSequence") or [])[:1] or [{}]
    names = [str(unit.get(key) or "") for key in ("CodeValue", "CodeMeaning")]
    return next((name for name in names if is_voltage(name)), names[0])


def _read_xml(path: Path) -> Any:
    """The root of an XML file whose tags have lost their namespaces; entities are refused."""
    try:
        from ecgdatakit import ECGDataKitError
        from ecgdatakit.parsing.helpers.xml import parse_xml_root
    except ImportError as error:
        raise _lacks_package(path, "ecgdatakit") from error
    with library_call(path, ECGDataKitError):
        return parse_xml_root(path.read_bytes())


def _text_of(element: Any, tag: str) -> str:
    """The text of a child; empty where there is none."""
    return (element.findtext(tag) or "").strip()


def _read_muse(path: Path, options: Options) -> EcgRecording:
    """Read the rhythm of a GE MUSE XML file, not the averaged beats beside it; a damaged lead is left out."""
    channels: list[Channel] = []
    left_out: dict[str, str] = {}
    remarks: list[str] = []
    for waveform in _read_xml(path).iter("Waveform"):
        kind = _text_of(waveform, "WaveformType") or "Rhythm"
        if kind.lower() != "rhythm":
            left_out[f"{kind} waveform"] = AVERAGED_REASON
            continue
        with library_call(path):
            rate = float(_text_of(waveform, "SampleBase")) * 10 ** float(_text_of(waveform, "SampleExponent") or 0)
        for lead in waveform.iter("LeadData"):
            name = _text_of(lead, "LeadID")
            try:
                values, is_whole = _muse_lead(lead, path)
            except DamagedFileError as error:
                left_out[name] = f"damaged ({error})"
                continue
            remarks += [] if is_whole else [f"the checksum of {name} disagrees"]
            unit = _text_of(lead, "LeadAmplitudeUnits").lower()
            channels.append(Channel(name, values, rate, unit if _text_of(lead, "LeadAmplitudeUnitsPerBit") else ""))
    return _admit(channels, path, options, left_out=left_out, remarks=remarks)


def _muse_lead(lead: Any, path: Path) -> tuple[np.ndarray, bool]:
    """The values of a lead in its unit, and whether its checksum agrees."""
    with library_call(path, binascii.Error):
        content = base64.b64decode("".join(_text_of(lead, "WaveFormData").split()), validate=True)
        stated = int(_text_of(lead, "LeadByteCountTotal") or len(content))
        scale = float((_text_of(lead, "LeadAmplitudeUnitsPerBit") or "1").replace(",", "."))
        values = np.frombuffer(content, f"<i{int(_text_of(lead, 'LeadSampleSize') or 2)}") * scale
    if stated != len(content) or not len(content):
        raise TruncatedFileError(f"it holds {len(content)} of {stated} bytes")
    checksum = _text_of(lead, "LeadDataCRC32")
    return values, not checksum.isdigit() or int(checksum) in (0, zlib.crc32(content))


def _read_aecg(path: Path, options: Options) -> EcgRecording:
    """Read the rhythm series of an HL7 aECG file, all of their sequences; a damaged lead is left out."""
    channels: list[Channel] = []
    left_out: dict[str, str] = {}
    for place, series in enumerate(_read_xml(path).iterfind("component/series"), start=1):
        kind = (series.find("code").get("code") if series.find("code") is not None else None) or "RHYTHM"
        if AVERAGED.search(kind):
            left_out[f"series {place}"] = AVERAGED_REASON
            continue
        for sequences in series.iterfind("component/sequenceSet"):
            try:
                channels += _aecg_channels(sequences, series, left_out)
            except DamagedFileError as error:
                left_out[f"series {place}"] = str(error)
    if not channels and left_out:
        raise DamagedFileError("; ".join(f"{name}: {reason}" for name, reason in left_out.items()))
    return _admit(channels, path, options, left_out=left_out)


def _aecg_channels(sequences: Any, series: Any, left_out: dict[str, str]) -> Iterator[Channel]:
    """The leads of a set of sequences, which share one of times. Source: ANSI/HL7 V3 ECG R1-2004."""
    found = [(item.find("code"), item.find("value")) for item in sequences.iterfind("component/sequence")]
    named = [(str(code.get("code")), value) for code, value in found if code is not None and value is not None]
    times = next((value for name, value in named if name.startswith("TIME_")), None)
    step, unit = _aecg_quantity(times, "increment")
    step_s = step * AECG_SECONDS.get(unit, math.nan)
    if not step_s > 0:
        raise DamagedFileError("it states no time between samples")
    start_s = _aecg_start(times, series)
    for name, value in named:
        if name.startswith("TIME_"):
            continue
        name = name.replace("AVRNEG", "-AVR")
        scale, unit = _aecg_quantity(value, "scale")
        origin, origin_unit = _aecg_quantity(value, "origin")
        try:
            values = np.array((value.findtext("digits") or "").split(), np.float64) * (scale or 1.0)
        except ValueError:
            left_out[name] = "damaged (its digits are no numbers)"
            continue
        same_unit = origin_unit in ("", unit)
        values = values + (origin if same_unit else 0.0)
        rate = 1 / step_s
        rate = round(rate) if abs(rate / round(rate) - 1) < 1e-4 else rate  # the step is rounded
        yield Channel(name, values, rate, unit if scale else "", start_s)


def _aecg_quantity(element: Any, tag: str) -> tuple[float, str]:
    """Value and unit of a child; 0 where there is none."""
    child = None if element is None else element.find(tag)
    try:
        return (0.0, "") if child is None else (float(child.get("value") or 0), str(child.get("unit") or ""))
    except ValueError:
        return 0.0, ""


def _aecg_start(times: Any, series: Any) -> float:
    """When a set of sequences begins, in seconds: by its own clock, else by that of the series."""
    head, low = times.find("head"), series.find("effectiveTime/low")
    for element in (head, low):
        stamp = re.match(r"\d{14}(?:\.\d+)?", "" if element is None else str(element.get("value") or ""))
        if stamp is not None:
            whole, _, fraction = stamp[0].partition(".")
            moment = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
            return moment.timestamp() + float(f"0.{fraction or 0}")
    value, unit = _aecg_quantity(times, "head")
    return value * AECG_SECONDS.get(unit, 0.0)


def _read_with_ecgdatakit(path: Path, options: Options) -> EcgRecording:
    """Read any other format that `ecgdatakit` recognises by its content."""
    from ecgdatakit import ECGDataKitError, FileParser

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with library_call(path, ECGDataKitError):
                record: Any = FileParser.parse(path)
        except ImportError as error:
            raise ImportError(f"{path} cannot be read without another package: {error}") from error
        except DamagedFileError as error:
            raise type(error)(_without_values(str(error))) from error
    channels = [
        Channel(
            lead.label,
            lead.samples,
            lead.sampling_rate or float(options.sampling_rate or 0),
            "" if lead.is_raw else lead.units,
        )
        for lead in record.leads
    ]
    remarks = [_without_values(str(warning.message)) for warning in caught]
    return _admit(channels, path, options, left_out={}, remarks=remarks)


def _without_values(message: str) -> str:
    """A message without what it quotes from the file, which may be a patient's name."""
    return re.sub(r"(['\"]).*\1", "'…'", message, flags=re.DOTALL)


def _lacks_package(path: Path, package: str) -> ImportError:
    """What is said where a package is not installed."""
    return ImportError(
        f"Reading {path} needs the package {package}: `pip install {package}`, or for all formats"
        " `pip install '.[formats]'` in a clone of this package."
    )
