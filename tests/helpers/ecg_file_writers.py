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


def write_edf(path, microvolts, leads, *, unit="uV"):
    """EDF (Kemp et al. 1992): ASCII header, then one data record per second."""
    num_leads, num_samples = microvolts.shape

    def column(values, width):
        return "".join(f"{value:<{width}}" for value in values)

    header = f"{'0':<8}{'X X X X':<80}{'Startdate X X X X':<80}01.01.2000.00.00{256 * (num_leads + 1):<8}{'':<44}"
    header += f"{num_samples // 500:<8}{1:<8}{num_leads:<4}"
    header += column([f"ECG {lead}" for lead in leads], 16) + column([""] * num_leads, 80)
    header += column([unit] * num_leads, 8) + column([-32768] * num_leads, 8) + column([32767] * num_leads, 8)
    header += column([-32768] * num_leads, 8) + column([32767] * num_leads, 8) + column([""] * num_leads, 80)
    header += column([500] * num_leads, 8) + column([""] * num_leads, 32)
    records = microvolts.reshape(num_leads, -1, 500).swapaxes(0, 1)  # (num_seconds, num_leads, 500)
    path.write_bytes(header.encode("ascii") + records.astype("<i2").tobytes())


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
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    group = Dataset()
    group.WaveformOriginality = "ORIGINAL"
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = microvolts.shape
    group.SamplingFrequency = 500
    group.ChannelDefinitionSequence = [_dicom_channel(lead) for lead in leads]
    group.WaveformBitsAllocated = 16
    group.WaveformSampleInterpretation = "SS"
    group.WaveformData = microvolts.T.astype("<i2").tobytes()
    content = Dataset()
    content.SOPClassUID = "1.2.840.10008.5.1.4.1.1.9.1.1"
    content.SOPInstanceUID = generate_uid(entropy_srcs=["test"])
    content.Modality = "ECG"
    content.WaveformSequence = [group]
    content.file_meta = FileMetaDataset()
    content.file_meta.MediaStorageSOPClassUID = content.SOPClassUID
    content.file_meta.MediaStorageSOPInstanceUID = content.SOPInstanceUID
    content.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    content.save_as(path, enforce_file_format=True)


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
