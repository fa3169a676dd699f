"""`read_ecg` on clinical formats: HL7 aECG, SCP-ECG, DICOM, EDF, GE MUSE and ISHNE, written after their standards.

The writers here take `microvolts` of shape `(num_leads, num_samples)`, `int16`, and store them at 500 Hz with 1 µV per
step.
"""

import re
import sys

import numpy as np
import pytest
from helpers.ecg_file_writers import WRITERS, make_microvolts, write_aecg, write_dicom, write_edf, write_muse_xml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers.utils import logging

from modeling_supreme import ecg_files
from modeling_supreme.ecg_files import is_ecg_file, read_ecg
from modeling_supreme.leads import STANDARD_LEADS


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
