"""`read_ecg` on clinical formats: HL7 aECG, SCP-ECG, DICOM, EDF, GE MUSE and ISHNE, written after their standards.

The writers here take `microvolts` of shape `(num_leads, num_samples)`, `int16`, and store them at 500 Hz with 1 µV per
step.
"""

import base64
import binascii
import re
import struct
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers.utils import logging

from modeling_supreme import ecg_files
from modeling_supreme.ecg_files import is_ecg_file, read_ecg
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


@pytest.fixture
def heard(monkeypatch):
    """What the readers log."""
    messages = []
    logger = logging.get_logger("modeling_supreme.ecg_files")
    monkeypatch.setattr(logger, "warning", messages.append)
    return messages


class TestFormats:
    """What every format has in common, and what only some can get wrong."""

    @pytest.mark.parametrize("name", WRITERS)
    def test_voltages_rate_and_leads_are_those_of_the_file(self, tmp_path, name):
        WRITERS[name](tmp_path / name, make_microvolts(), STANDARD_LEADS)

        recording = read_ecg(tmp_path / name)

        assert (recording.leads, recording.sampling_rate) == (STANDARD_LEADS, 500.0)
        np.testing.assert_allclose(recording.strip_mv * 1000, make_microvolts(), atol=1e-9)

    @pytest.mark.parametrize("name", WRITERS)
    def test_the_content_tells_the_format_not_the_ending_of_the_name(self, tmp_path, name):
        WRITERS[name](tmp_path / "export.bin", make_microvolts(), STANDARD_LEADS)

        assert read_ecg(str(tmp_path / "export.bin")).strip_mv.shape == (12, 1000)

    def test_leads_keep_the_order_of_the_file(self, tmp_path):
        write_muse_xml(tmp_path / "rec.xml", make_microvolts(num_leads=3), ["V2", "II", "I"])

        recording = read_ecg(tmp_path / "rec.xml")

        assert recording.leads == ("V2", "II", "I")
        np.testing.assert_allclose(recording.strip_mv.max(axis=1), [0.1, 0.2, 0.3], atol=1e-3)

    def test_other_channels_are_left_out(self, tmp_path):
        write_edf(tmp_path / "rec.edf", make_microvolts(num_leads=3), ["Resp", "I", "X"])

        recording = read_ecg(tmp_path / "rec.edf")

        assert (recording.leads, recording.strip_mv.shape) == (("I",), (1, 1000))

    def test_what_a_file_states_wins_over_the_options(self, tmp_path):
        write_edf(tmp_path / "rec.edf", make_microvolts(), STANDARD_LEADS)

        recording = read_ecg(tmp_path / "rec.edf", sampling_rate=250, leads=["I"], unit="V")

        assert (recording.leads, recording.sampling_rate) == (STANDARD_LEADS, 500.0)

    def test_a_file_without_a_standard_lead_is_refused(self, tmp_path):
        write_edf(tmp_path / "rec.edf", make_microvolts(num_leads=2), ["Resp", "SpO2"])

        with pytest.raises(ValueError, match=r"rec\.edf: none of its signals \(.*SpO2\) is a standard lead\. Pass"):
            read_ecg(tmp_path / "rec.edf")

    def test_a_lead_without_a_voltage_is_refused(self, tmp_path):
        write_edf(tmp_path / "rec.edf", make_microvolts(), STANDARD_LEADS, unit="mmHg")

        with pytest.raises(ValueError, match=r"rec\.edf: lead I is stored without a scale to mV \(mmHg\)\. Scale it"):
            read_ecg(tmp_path / "rec.edf")

    def test_a_file_without_a_rate_is_refused(self, tmp_path):
        write_aecg(tmp_path / "rec.xml", make_microvolts(), STANDARD_LEADS, increment="0")

        with pytest.raises(ValueError, match=r"rec\.xml cannot be read .*No usable time increment"):
            read_ecg(tmp_path / "rec.xml")

    def test_leads_of_different_lengths_are_refused(self, tmp_path):
        path = tmp_path / "rec.xml"
        write_aecg(path, make_microvolts(num_samples=1000, num_leads=2), ["I", "II"])
        path.write_text(re.sub(r"<digits>\S+ ", "<digits>", path.read_text(), count=1))

        with pytest.raises(ValueError, match=r"leads differ in rate or length \(I 999 at 500 Hz, II 1000 at 500 Hz\)"):
            read_ecg(path)

    def test_a_truncated_file_is_read_as_far_as_it_goes_and_logged(self, tmp_path, heard):
        path = tmp_path / "rec.edf"
        write_edf(path, make_microvolts(), STANDARD_LEADS)
        path.write_bytes(path.read_bytes()[:-100])

        recording = read_ecg(path)

        assert recording.strip_mv.shape == (12, 500)
        assert "rec.edf: EDF file truncated: header declares 2 data records" in heard[0]

    def test_what_a_file_says_of_the_patient_is_not_logged(self, tmp_path, heard):
        from pydicom import dcmread

        write_dicom(tmp_path / "rec.dcm", make_microvolts(), STANDARD_LEADS)
        content = dcmread(tmp_path / "rec.dcm")
        content.PatientID = "O'Brien^Mary"
        content.save_as(tmp_path / "rec.dcm")
        damaged = (tmp_path / "rec.dcm").read_bytes().replace(b"LO\x0c\x00O'Brien^Mary", b"UI\x0c\x00O'Brien^Mary")
        (tmp_path / "rec.dcm").write_bytes(damaged)

        recording = read_ecg(tmp_path / "rec.dcm")

        assert recording.strip_mv.shape == (12, 1000)
        assert "Invalid value for VR UI" in heard[0]
        assert "Brien" not in "".join(heard)

    @pytest.mark.parametrize("name", WRITERS)
    def test_a_file_that_ends_in_its_header_is_refused(self, tmp_path, name):
        path = tmp_path / name
        WRITERS[name](path, make_microvolts(), STANDARD_LEADS)
        path.write_bytes(path.read_bytes()[:250])

        with pytest.raises(
            ValueError, match=rf"{name} (cannot be read .*Copy the file again|is no ECG file of a known)"
        ):
            read_ecg(path)

    @pytest.mark.parametrize("name", ["rec.edf", "rec.xml", "rec.bin", "rec"])
    def test_a_0_byte_file_is_refused(self, tmp_path, name):
        (tmp_path / name).touch()

        with pytest.raises(
            (ValueError, FileNotFoundError), match=rf"{name} is no ECG file of a known|no ECG record at"
        ):
            read_ecg(tmp_path / name)

    def test_a_file_of_another_kind_is_refused(self, tmp_path):
        (tmp_path / "notes.txt").write_text("Atrial fibrillation, 12 leads.")

        with pytest.raises(ValueError, match=r"notes\.txt is no ECG file of a known kind\. Convert it"):
            read_ecg(tmp_path / "notes.txt")

    @pytest.mark.parametrize(
        ("name", "package", "message"),
        [
            ("rec.edf", "ecgdatakit", r"rec\.edf needs the package ecgdatakit: `pip install ecgdatakit`"),
            ("rec.dcm", "pydicom", r"rec\.dcm cannot be read without another package: .*pydicom"),
        ],
    )
    def test_a_missing_package_is_reported_with_what_to_install(self, tmp_path, monkeypatch, name, package, message):
        WRITERS[name](tmp_path / name, make_microvolts(), STANDARD_LEADS)
        monkeypatch.setitem(sys.modules, package, None)

        with pytest.raises(ImportError, match=message):
            read_ecg(tmp_path / name)


@pytest.mark.parametrize("name", WRITERS)
def test_clinical_formats_are_known_only_with_their_reader(tmp_path, monkeypatch, name):
    WRITERS[name](tmp_path / name, make_microvolts(), STANDARD_LEADS)

    assert is_ecg_file(tmp_path / name)
    monkeypatch.setitem(sys.modules, "ecgdatakit", None)
    assert not is_ecg_file(tmp_path / name)


@pytest.fixture(scope="module")
def valid_files(tmp_path_factory):
    """Content of one valid file per format; not MATLAB's, since SciPy's reader can crash on damage."""
    folder = tmp_path_factory.mktemp("valid")
    for name, write in WRITERS.items():
        write(folder / name, make_microvolts(500), STANDARD_LEADS)
    np.save(folder / "rec.npy", make_microvolts(500) / 1000)
    np.savetxt(folder / "rec.csv", make_microvolts(500).T / 1000, delimiter=",", header=",".join(STANDARD_LEADS))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("part", ["_without_values", "_from_ecgdatakit"])
def test_a_mistake_in_our_own_code_is_not_taken_for_a_damaged_file(tmp_path, monkeypatch, part):
    write_aecg(tmp_path / "rec.xml", make_microvolts(), STANDARD_LEADS, increment="0.002" if part[1] == "f" else "0")

    def mistaken(*args):
        raise AttributeError("our own mistake")

    monkeypatch.setattr(ecg_files, part, mistaken)

    with pytest.raises(AttributeError, match="our own mistake"):
        read_ecg(tmp_path / "rec.xml")


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_read_or_refused_with_a_documented_error(valid_files, tmp_path, heard, data):
    name = data.draw(st.sampled_from(sorted(valid_files)))
    content = bytearray(valid_files[name])
    for position, value in data.draw(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=8)):
        content[position % len(content)] = value
    (tmp_path / name).write_bytes(content[: data.draw(st.integers(0, len(content)))])

    try:
        recording = read_ecg(tmp_path / name, sampling_rate=500, leads=STANDARD_LEADS)
    except ValueError as error:
        assert name in str(error)  # noqa: PT017 - either outcome is right
    else:
        assert recording.strip_mv.shape[0] == len(recording.leads) > 0
        assert recording.sampling_rate > 0
