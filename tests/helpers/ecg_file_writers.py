"""Writers of clinical formats, after their standards.

They take `microvolts` of shape `(num_leads, num_samples)`, `int16`, and store them at 500 Hz with 1 µV per step.
"""

import base64
import binascii
import struct

import numpy as np

from modeling_supreme.leads import STANDARD_LEADS


def make_microvolts(num_samples=1000, num_leads=12):
    """Sines whose amplitude tells the lead: 100 µV for the first, 200 µV for the second, and so on."""
    sine = np.sin(2 * np.pi * 1.5 * np.arange(num_samples) / 500)
    return np.rint(100 * np.arange(1, num_leads + 1)[:, None] * sine).astype(np.int16)


def write_edf(path, microvolts, leads, **fields):
    """EDF (Kemp et al. 1992): ASCII header, then one data record per second."""
    write_edf_signals(path, list(microvolts), [f"ECG {lead}" for lead in leads], **fields)


def write_edf_signals(
    path, signals, labels, *, unit="uV", ranges=None, num_records=None, reserved="", is_bdf=False, notes=()
):
    """EDF or BDF of 1 s a data record: each signal has the rate that its length says, in fields of its own.

    `unit` is that of all signals or a list, `ranges` the physical and digital ranges of each, as (min, max, min, max),
    and `notes` the annotation of each data record.
    """
    limit = 2 ** (23 if is_bdf else 15)
    ranges = ranges or [(-limit, limit - 1, -limit, limit - 1)] * len(labels)
    units = [unit] * len(labels) if isinstance(unit, str) else list(unit)
    count = len(notes) or len(signals[-1]) // min(500, len(signals[-1]))
    lengths = [len(signal) // count for signal in signals]
    width = 3 if is_bdf else 2
    if notes:
        labels, units = [*labels, "EDF Annotations"], [*units, ""]
        ranges, lengths = [*ranges, (-1, 1, -32768, 32767)], [*lengths, 30]

    def column(values, width):
        return "".join(f"{value:<{width}}" for value in values)

    header = f"{'X X X X':<80}{'Startdate X X X X':<80}01.01.2000.00.00{256 * (len(labels) + 1):<8}{reserved:<44}"
    header += f"{count if num_records is None else num_records:<8}{1:<8}{len(labels):<4}"
    header += column(labels, 16) + column([""] * len(labels), 80) + column(units, 8)
    header += "".join(column([limits[field] for limits in ranges], 8) for field in range(4))
    header += column([""] * len(labels), 80) + column(lengths, 8) + column([""] * len(labels), 32)
    content = (b"\xffBIOSEMI" if is_bdf else b"0       ") + header.encode("latin-1")
    for record in range(count):
        for signal, length in zip(signals, lengths, strict=False):
            part = np.asarray(signal[record * length : (record + 1) * length]).astype("<i4")
            content += part.view(np.uint8).reshape(-1, 4)[:, :width].tobytes()
        content += notes[record].encode().ljust(60, b"\0") if notes else b""
    path.write_bytes(content)


def write_aecg(path, microvolts, leads, *, increment="0.002"):
    """HL7 aECG (ANSI/HL7 V3 ECG, R1): one rhythm series with a sequence per lead."""
    sequences = "".join(
        f'<component><sequence><code code="MDC_ECG_LEAD_{lead.upper()}" codeSystem="2.16.840.1.113883.6.24"/>'
        f'<value xsi:type="SLIST_PQ"><origin value="0" unit="uV"/><scale value="1" unit="uV"/>'
        f"<digits>{' '.join(map(str, row))}</digits></value></sequence></component>"
        for lead, row in zip(leads, microvolts.tolist(), strict=True)
    )
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<AnnotatedECG xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        '<component><series><code code="RHYTHM" codeSystem="2.16.840.1.113883.5.4"/><component><sequenceSet>'
        '<component><sequence><code code="TIME_RELATIVE"/><value xsi:type="GLIST_PQ"><head value="0" unit="s"/>'
        f'<increment value="{increment}" unit="s"/></value></sequence></component>'
        f"{sequences}</sequenceSet></component></series></component></AnnotatedECG>",
        encoding="utf-8",
    )


def write_muse_xml(path, microvolts, leads):
    """GE MUSE XML: a rhythm waveform with base64 of little-endian `int16` per lead."""
    lead_data = "".join(
        f"<LeadData><LeadByteCountTotal>{row.size * 2}</LeadByteCountTotal><LeadSampleCountTotal>{row.size}"
        "</LeadSampleCountTotal><LeadAmplitudeUnitsPerBit>1</LeadAmplitudeUnitsPerBit><LeadAmplitudeUnits>MICROVOLTS"
        f"</LeadAmplitudeUnits><LeadID>{lead}</LeadID><LeadSampleSize>2</LeadSampleSize>"
        f"<WaveFormData>{base64.b64encode(row.astype('<i2').tobytes()).decode()}</WaveFormData></LeadData>"
        for lead, row in zip(leads, microvolts, strict=True)
    )
    path.write_text(
        '<?xml version="1.0" encoding="ISO-8859-1"?><RestingECG><MuseInfo><MuseVersion>9.0</MuseVersion></MuseInfo>'
        "<Waveform><WaveformType>Rhythm</WaveformType><SampleBase>500</SampleBase><SampleExponent>0</SampleExponent>"
        f"{lead_data}</Waveform></RestingECG>",
        encoding="latin-1",
    )


# SCP-ECG codes of the leads (EN 1064, section 3).
SCP_LEADS = dict(zip(STANDARD_LEADS, (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8), strict=True))


def write_scp(path, microvolts, leads):
    """SCP-ECG (EN 1064): pointers, lead definitions and rhythm data without compression."""
    num_leads, num_samples = microvolts.shape
    lead_definitions = bytes([num_leads, (num_leads << 3) | 4])
    lead_definitions += b"".join(struct.pack("<IIB", 1, num_samples, SCP_LEADS[lead]) for lead in leads)
    rhythm = struct.pack("<HHBB", 1000, 2000, 0, 0)  # nV per step, µs per sample, no differences, no reduction
    rhythm += struct.pack(f"<{num_leads}H", *[2 * num_samples] * num_leads) + microvolts.astype("<i2").tobytes()
    pointers, sections, start = b"", b"", 6 + 16 + 3 * 10
    for section_id, body in ((3, lead_definitions), (6, rhythm)):
        section = _scp_section(section_id, body + b"\0" * (len(body) % 2))
        pointers += struct.pack("<HII", section_id, len(section), start + len(sections) + 1)
        sections += section
    pointers = struct.pack("<HII", 0, 16 + 3 * 10, 7) + pointers
    content = _scp_section(0, pointers, reserved=b"SCPECG") + sections
    content = struct.pack("<I", 6 + len(content)) + content
    path.write_bytes(struct.pack("<H", binascii.crc_hqx(content, 0xFFFF)) + content)


def _scp_section(section_id, body, reserved=b"\0" * 6):
    section = struct.pack("<HIBB", section_id, 16 + len(body), 20, 20) + reserved + body
    return struct.pack("<H", binascii.crc_hqx(section, 0xFFFF)) + section


def write_ishne(path, microvolts, leads):
    """ISHNE Holter (Badilini 1998): a header of 522 bytes, then `int16` samples, leads side by side."""
    num_leads, num_samples = microvolts.shape
    header = bytearray(522)
    header[:8] = b"ISHNE1.0"
    struct.pack_into("<iiiih", header, 10, 0, num_samples, 522, 522, 1)
    struct.pack_into("<h", header, 156, num_leads)
    struct.pack_into(f"<{num_leads}h", header, 158, *(5 + STANDARD_LEADS.index(lead) for lead in leads))
    struct.pack_into(f"<{num_leads}h", header, 206, *[1000] * num_leads)  # nV per step
    struct.pack_into("<h", header, 272, 500)
    path.write_bytes(bytes(header) + microvolts.T.astype("<i2").tobytes())


# DICOM codes of the leads (PS3.16, context group 3001): MDC 2:1 and so on.
DICOM_LEADS = dict(
    zip(
        STANDARD_LEADS,
        ("2:1", "2:2", "2:61", "2:62", "2:63", "2:64", "2:3", "2:4", "2:5", "2:6", "2:7", "2:8"),
        strict=True,
    )
)


def write_dicom(path, microvolts, leads):
    """DICOM 12-lead ECG (PS3.3, A.34.3): one multiplex group of 16-bit samples."""
    write_dicom_groups(path, (microvolts, leads, {}))


def write_dicom_groups(path, *groups):
    """DICOM ECG of several multiplex groups, each with voltages, leads, and fields of its own."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    content = Dataset()
    content.SOPClassUID = "1.2.840.10008.5.1.4.1.1.9.1.1"
    content.SOPInstanceUID = generate_uid(entropy_srcs=["test"])
    content.Modality = "ECG"
    content.WaveformSequence = [_dicom_group(*group) for group in groups]
    content.file_meta = FileMetaDataset()
    content.file_meta.MediaStorageSOPClassUID = content.SOPClassUID
    content.file_meta.MediaStorageSOPInstanceUID = content.SOPInstanceUID
    content.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    content.save_as(path, enforce_file_format=True)


def _dicom_group(microvolts, leads, fields):
    from pydicom.dataset import Dataset

    group = Dataset()
    group.WaveformOriginality = "ORIGINAL"
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = microvolts.shape
    group.SamplingFrequency = 500
    group.ChannelDefinitionSequence = [_dicom_channel(lead) for lead in leads]
    group.WaveformBitsAllocated = 16
    group.WaveformSampleInterpretation = "SS"
    group.WaveformData = microvolts.T.astype("<i2").tobytes()
    for name, value in fields.items():
        setattr(group, name, value)
    return group


def _dicom_channel(lead):
    from pydicom.dataset import Dataset

    source, units, channel = Dataset(), Dataset(), Dataset()
    source.CodeValue, source.CodingSchemeDesignator, source.CodeMeaning = DICOM_LEADS[lead], "MDC", f"Lead {lead}"
    units.CodeValue, units.CodingSchemeDesignator, units.CodeMeaning = "uV", "UCUM", "microvolt"
    channel.ChannelSourceSequence = [source]
    channel.ChannelSensitivity = 1
    channel.ChannelSensitivityUnitsSequence = [units]
    channel.ChannelSensitivityCorrectionFactor = 1
    channel.ChannelBaseline = 0
    channel.ChannelSampleSkew = 0
    channel.WaveformBitsStored = 16
    return channel


WRITERS = {
    "rec.edf": write_edf,
    "rec.xml": write_aecg,
    "muse.xml": write_muse_xml,
    "rec.scp": write_scp,
    "rec.ecg": write_ishne,
    "rec.dcm": write_dicom,
}
