"""`read_ecg` on EDF, BDF, ISHNE, DICOM, HL7 aECG, GE MUSE and SCP-ECG, written after their standards."""

import re
import sys

import numpy as np
import pytest
from helpers.ecg_file_writers import (
    WRITERS,
    write_aecg,
    write_dicom,
    write_dicom_groups,
    write_edf,
    write_edf_signals,
    write_ishne,
    write_muse_xml,
)
from helpers.strips import make_strip

from modeling_supreme import ecg_formats
from modeling_supreme.ecg_files import is_ecg_file, read_ecg
from modeling_supreme.leads import STANDARD_LEADS


MICROVOLTS = np.rint(make_strip() * 1000).astype(np.int16)  # (12, 5000), 10 s at 500 Hz


class TestFormats:
    """What every format has in common."""

    @pytest.mark.parametrize("name", WRITERS)
    def test_voltages_rate_and_leads_are_those_of_the_file(self, tmp_path, name):
        WRITERS[name](tmp_path / name, MICROVOLTS, STANDARD_LEADS)

        recording = read_ecg(tmp_path / name)

        assert (recording.leads, recording.sampling_rate) == (STANDARD_LEADS, 500)
        np.testing.assert_allclose(recording.strip_mv * 1000, MICROVOLTS, atol=1e-9)
        assert recording.account.losses() == []

    @pytest.mark.parametrize("name", WRITERS)
    def test_the_content_tells_the_format_not_the_ending_of_the_name(self, tmp_path, name):
        WRITERS[name](tmp_path / "export.bin", MICROVOLTS, STANDARD_LEADS)

        assert read_ecg(str(tmp_path / "export.bin")).strip_mv.shape == (12, 5000)

    @pytest.mark.parametrize("name", WRITERS)
    def test_only_the_beginning_is_taken_where_that_is_asked_for(self, tmp_path, name):
        WRITERS[name](tmp_path / name, MICROVOLTS, STANDARD_LEADS)

        recording = read_ecg(tmp_path / name, max_seconds=2.5)

        np.testing.assert_allclose(recording.strip_mv * 1000, MICROVOLTS[:, :1250], atol=1e-9)
        assert (recording.account.seconds_found, recording.account.seconds_used) == (10.0, 2.5)

    def test_what_a_file_states_wins_over_the_options(self, tmp_path):
        write_edf(tmp_path / "rec.edf", MICROVOLTS, STANDARD_LEADS)

        recording = read_ecg(tmp_path / "rec.edf", sampling_rate=250, leads=["I"], unit="V")

        assert (recording.leads, recording.sampling_rate) == (STANDARD_LEADS, 500)
        np.testing.assert_allclose(recording.strip_mv * 1000, MICROVOLTS, atol=1e-9)

    @pytest.mark.parametrize("name", WRITERS)
    def test_a_file_that_ends_in_its_header_is_refused(self, tmp_path, name):
        WRITERS[name](tmp_path / name, MICROVOLTS, STANDARD_LEADS)
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:250])

        with pytest.raises(ValueError, match=rf"{name} (cannot be read .*|is no ECG file of a known kind)"):
            read_ecg(tmp_path / name)

    @pytest.mark.parametrize("name", ["rec.edf", "rec.ecg", "rec.xml", "muse.xml"])
    def test_a_file_that_ends_early_is_to_be_downloaded_again(self, tmp_path, name):
        WRITERS[name](tmp_path / name, MICROVOLTS, STANDARD_LEADS)
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:500])

        with pytest.raises(ValueError, match=rf"{name} cannot be read .*\. Download or copy the file again"):
            read_ecg(tmp_path / name)

    @pytest.mark.parametrize(
        ("name", "package", "message"),
        [
            ("rec.dcm", "pydicom", r"rec\.dcm needs the package pydicom: `pip install pydicom`.*\[formats\]"),
            ("rec.xml", "ecgdatakit", r"rec\.xml needs the package ecgdatakit: `pip install ecgdatakit`"),
        ],
    )
    def test_a_missing_package_is_reported_with_what_to_install(self, tmp_path, monkeypatch, name, package, message):
        WRITERS[name](tmp_path / name, MICROVOLTS, STANDARD_LEADS)
        monkeypatch.setitem(sys.modules, package, None)

        assert not is_ecg_file(tmp_path / name)
        with pytest.raises(ImportError, match=message):
            read_ecg(tmp_path / name)

    @pytest.mark.parametrize("name", ["rec.edf", "rec.ecg"])
    def test_holter_files_need_no_package(self, tmp_path, monkeypatch, name):
        WRITERS[name](tmp_path / name, MICROVOLTS, STANDARD_LEADS)
        monkeypatch.setitem(sys.modules, "ecgdatakit", None)

        assert is_ecg_file(tmp_path / name)
        assert read_ecg(tmp_path / name).leads == STANDARD_LEADS


class TestEdf:
    """Each signal for itself: its name, rate, range and unit."""

    @pytest.mark.parametrize(
        ("ranges", "reason"),
        [
            ((0, 0, -32768, 32767), "its physical minimum and maximum are both 0"),
            ((-1, 1, 5, 5), "its digital minimum and maximum are both 5"),
            (("", "", "", ""), "its header states no physical minimum"),
        ],
    )
    def test_a_signal_without_a_scale_is_left_out(self, tmp_path, ranges, reason):
        sound = (-32768, 32767, -32768, 32767)
        write_edf_signals(
            tmp_path / "rec.edf", MICROVOLTS[:3], ["ECG I", "EKG II", "V1-REF"], ranges=[sound, ranges, sound]
        )

        recording = read_ecg(tmp_path / "rec.edf")

        assert recording.leads == ("I", "V1")
        assert recording.account.left_out == {"EKG II": reason}
        np.testing.assert_allclose(recording.strip_mv * 1000, MICROVOLTS[[0, 2]], atol=1e-9)

    def test_signals_have_rates_of_their_own(self, tmp_path):
        signals = [MICROVOLTS[0, ::2], np.arange(10), MICROVOLTS[1]]
        write_edf_signals(tmp_path / "rec.edf", signals, ["I", "SpO2", "II"], unit=["uV", "%", "uV"])

        recording = read_ecg(tmp_path / "rec.edf")

        assert (recording.sampling_rate, recording.leads) == (500, ("I", "II"))
        np.testing.assert_allclose(recording.strip_mv[1] * 1000, MICROVOLTS[1], atol=1e-9)
        assert recording.account.left_out == {"SpO2": "in %, no voltage"}
        assert recording.account.remarks == ("I brought from 250 to 500 Hz",)

    def test_the_24_bits_of_bdf_are_read(self, tmp_path):
        values = MICROVOLTS[:2].astype(int) * 100
        ranges = [(-83886, 83886, -8388600, 8388600)] * 2
        write_edf_signals(tmp_path / "rec.bdf", values, ["I", "II"], ranges=ranges, is_bdf=True)

        np.testing.assert_allclose(read_ecg(tmp_path / "rec.bdf").strip_mv * 1000, MICROVOLTS[:2], atol=1e-6)

    def test_time_between_data_records_is_kept(self, tmp_path):
        notes = [f"+{second}\x14\x14" for second in (0, 1, 2, 3, 4, 15, 16, 17, 18, 19)]
        write_edf_signals(tmp_path / "rec.edf", MICROVOLTS[:1], ["I"], reserved="EDF+D", notes=notes)

        recording = read_ecg(tmp_path / "rec.edf")

        assert recording.num_samples == 10000
        assert recording.account.seconds_missing == {"I": 10.0}
        np.testing.assert_allclose(recording.strip_mv[0, 7500:] * 1000, MICROVOLTS[0, 2500:], atol=1e-9)

    @pytest.mark.parametrize("num_records", [-1, 10])
    def test_the_number_of_data_records_may_be_open(self, tmp_path, num_records):
        write_edf(tmp_path / "rec.edf", MICROVOLTS, STANDARD_LEADS, num_records=num_records)

        assert read_ecg(tmp_path / "rec.edf").num_samples == 5000

    @pytest.mark.parametrize("num_records", [11, 99999999])
    def test_a_file_that_ends_early_is_read_as_far_as_it_goes_and_said(self, tmp_path, num_records):
        write_edf(tmp_path / "rec.edf", MICROVOLTS, STANDARD_LEADS, num_records=num_records)

        recording = read_ecg(tmp_path / "rec.edf")

        assert recording.num_samples == 5000
        assert f"ends after 10 of {num_records} data records; download it again" in recording.account.losses()[0]

    def test_a_generic_channel_is_named_by_the_caller(self, tmp_path):
        write_edf_signals(tmp_path / "rec.edf", MICROVOLTS[:2], ["Resp", "ECG"], unit=["cm", "uV"])

        with pytest.raises(
            ValueError, match=r'rec\.edf names none of the 12 leads: .*ECG.*Pass `leads=`.*leads=\["II"\]'
        ):
            read_ecg(tmp_path / "rec.edf")
        recording = read_ecg(tmp_path / "rec.edf", leads=["II"])
        np.testing.assert_allclose(recording.strip_mv[0] * 1000, MICROVOLTS[1], atol=1e-9)

    def test_a_unit_that_is_not_stated_is_asked_for(self, tmp_path):
        write_edf(tmp_path / "rec.edf", MICROVOLTS, STANDARD_LEADS, unit="")

        with pytest.raises(ValueError, match=r"rec\.edf has no lead that can be used .*without a unit; pass `unit=`"):
            read_ecg(tmp_path / "rec.edf")
        recording = read_ecg(tmp_path / "rec.edf", unit="uV")
        np.testing.assert_allclose(recording.strip_mv * 1000, MICROVOLTS, atol=1e-9)
        assert recording.account.unit_from == "argument"

    def test_a_lead_that_is_no_voltage_is_refused(self, tmp_path):
        write_edf(tmp_path / "rec.edf", MICROVOLTS, STANDARD_LEADS, unit="mmHg")

        with pytest.raises(ValueError, match=r"rec\.edf has no lead that can be used \(ECG I: in mmHg, no voltage"):
            read_ecg(tmp_path / "rec.edf")

    def test_a_lead_that_comes_twice_is_said(self, tmp_path):
        write_edf_signals(tmp_path / "rec.edf", MICROVOLTS[:3], ["I", "II", "II"])

        assert read_ecg(tmp_path / "rec.edf").account.left_out == {"II (again)": "lead II once more"}


class TestIshne:
    def test_what_the_recorder_marks_as_a_fault_is_missing(self, tmp_path):
        microvolts = MICROVOLTS.copy()
        microvolts[1, 1000:1500] = microvolts[2] = -32768
        write_ishne(tmp_path / "rec.ecg", microvolts, STANDARD_LEADS)

        account = read_ecg(tmp_path / "rec.ecg").account

        assert account.seconds_missing == {"II": 1.0}
        assert account.left_out == {"III": "flat or not recorded"}


class TestDicom:
    """Multiplex groups are put together."""

    def test_groups_of_the_same_time_add_leads(self, tmp_path):
        groups = [(MICROVOLTS[rows], STANDARD_LEADS[rows], {}) for rows in (slice(0, 6), slice(6, 12))]
        write_dicom_groups(tmp_path / "rec.dcm", *groups)

        np.testing.assert_allclose(read_ecg(tmp_path / "rec.dcm").strip_mv * 1000, MICROVOLTS, atol=1e-9)

    def test_groups_of_different_times_are_a_sheet_with_its_rhythm_strip(self, tmp_path):
        groups = [
            (
                MICROVOLTS[3 * column : 3 * column + 3, 1250 * column : 1250 * (column + 1)],
                STANDARD_LEADS[3 * column : 3 * column + 3],
                {"MultiplexGroupTimeOffset": 2500 * column},
            )
            for column in range(4)
        ]
        write_dicom_groups(tmp_path / "rec.dcm", *groups, (MICROVOLTS[1:2], ["II"], {}))

        recording = read_ecg(tmp_path / "rec.dcm")

        sheet = np.full((12, 5000), np.nan)
        sheet[1] = MICROVOLTS[1]
        for column in range(4):
            place = slice(3 * column, 3 * column + 3), slice(1250 * column, 1250 * (column + 1))
            sheet[place] = MICROVOLTS[place]
        np.testing.assert_allclose(recording.strip_mv * 1000, sheet, atol=1e-9)
        assert recording.account.seconds_missing == {lead: 7.5 for lead in STANDARD_LEADS if lead != "II"}

    def test_averaged_beats_are_no_rhythm(self, tmp_path):
        beats = {"MultiplexGroupLabel": "MEDIAN BEAT", "WaveformOriginality": "DERIVED"}
        write_dicom_groups(
            tmp_path / "rec.dcm", (MICROVOLTS[:, :600], STANDARD_LEADS, beats), (MICROVOLTS, STANDARD_LEADS, {})
        )

        recording = read_ecg(tmp_path / "rec.dcm")

        assert recording.num_samples == 5000
        assert recording.account.left_out == {"MEDIAN BEAT": "averaged beats, no rhythm"}

    def test_groups_of_different_rates_are_brought_to_the_higher(self, tmp_path):
        slow = (MICROVOLTS[3:4, ::2], STANDARD_LEADS[3:4], {"SamplingFrequency": 250})
        write_dicom_groups(tmp_path / "rec.dcm", (MICROVOLTS[:3], STANDARD_LEADS[:3], {}), slow)

        recording = read_ecg(tmp_path / "rec.dcm")

        assert (recording.sampling_rate, recording.num_samples) == (500, 5000)
        np.testing.assert_allclose(recording.strip_mv[3, 50:-50] * 1000, MICROVOLTS[3, 50:-50], atol=10)
        assert recording.account.remarks == ("aVR brought from 250 to 500 Hz",)

    def test_a_damaged_group_is_left_out(self, tmp_path):
        cut = {"NumberOfWaveformSamples": 9000}
        write_dicom_groups(
            tmp_path / "rec.dcm", (MICROVOLTS[:3], STANDARD_LEADS[:3], {}), (MICROVOLTS[3:], STANDARD_LEADS[3:], cut)
        )

        assert read_ecg(tmp_path / "rec.dcm").account.left_out == {"group 2": "ends after 5000 of 9000 samples"}

    def test_what_a_file_says_of_the_patient_is_not_repeated(self, tmp_path, recwarn):
        from pydicom import dcmread

        write_dicom(tmp_path / "rec.dcm", MICROVOLTS, STANDARD_LEADS)
        content = dcmread(tmp_path / "rec.dcm")
        content.PatientID = "O'Brien^Mary"
        content.save_as(tmp_path / "rec.dcm")
        damaged = (tmp_path / "rec.dcm").read_bytes().replace(b"LO\x0c\x00O'Brien^Mary", b"UI\x0c\x00O'Brien^Mary")
        (tmp_path / "rec.dcm").write_bytes(damaged)

        account = read_ecg(tmp_path / "rec.dcm").account

        assert "Brien" not in account.line()
        assert not recwarn.list


class TestXml:
    """A damaged lead is left out, averaged beats are not taken for the rhythm."""

    @pytest.mark.parametrize(
        ("name", "old", "new", "channel"),
        [
            ("muse.xml", "<WaveFormData>", "<WaveFormData>!", "I"),
            ("muse.xml", "<LeadByteCountTotal>10000", "<LeadByteCountTotal>10002", "I"),
            ("muse.xml", "MICROVOLTS", "", "I"),
            ("rec.xml", "<digits>", "<digits>x", "MDC_ECG_LEAD_I"),
        ],
    )
    def test_a_damaged_lead_is_left_out(self, tmp_path, name, old, new, channel):
        WRITERS[name](tmp_path / name, MICROVOLTS, STANDARD_LEADS)
        (tmp_path / name).write_text((tmp_path / name).read_text().replace(old, new, 1))

        recording = read_ecg(tmp_path / name)

        assert recording.leads == STANDARD_LEADS[1:]
        assert list(recording.account.left_out) == [channel]

    def test_the_rhythm_of_muse_is_read_not_the_median_before_it(self, tmp_path):
        write_muse_xml(tmp_path / "rec.xml", MICROVOLTS, STANDARD_LEADS)
        text = (tmp_path / "rec.xml").read_text()
        median = re.search("<Waveform>.*</Waveform>", text)[0].replace("Rhythm", "Median")
        (tmp_path / "rec.xml").write_text(text.replace("<Waveform>", f"{median}<Waveform>", 1))

        recording = read_ecg(tmp_path / "rec.xml")

        assert recording.leads == STANDARD_LEADS
        assert recording.account.left_out == {"Median waveform": "averaged beats, no rhythm"}

    def test_a_file_of_averaged_beats_alone_is_refused(self, tmp_path):
        write_muse_xml(tmp_path / "rec.xml", MICROVOLTS, STANDARD_LEADS)
        (tmp_path / "rec.xml").write_text((tmp_path / "rec.xml").read_text().replace("Rhythm", "Median"))

        with pytest.raises(ValueError, match=r"rec\.xml holds nothing that can be read: Median.*Export its rhythm"):
            read_ecg(tmp_path / "rec.xml")

    def test_series_of_aecg_follow_their_clocks(self, tmp_path):
        write_aecg(tmp_path / "rec.xml", MICROVOLTS, STANDARD_LEADS)
        text = (tmp_path / "rec.xml").read_text()
        series = re.search("<component><series>.*</series></component>", text)[0]
        later = [
            series.replace("TIME_RELATIVE", "TIME_ABSOLUTE").replace('head value="0"', f'head value="202001011200{s}"')
            for s in ("00.000", "12.000")
        ]
        (tmp_path / "rec.xml").write_text(text.replace(series, "".join(later)))

        recording = read_ecg(tmp_path / "rec.xml")

        assert recording.num_samples == 11000
        assert recording.account.seconds_missing == dict.fromkeys(STANDARD_LEADS, 2.0)

    def test_a_file_without_a_rate_is_refused(self, tmp_path):
        write_aecg(tmp_path / "rec.xml", MICROVOLTS, STANDARD_LEADS, increment="0")

        with pytest.raises(ValueError, match=r"rec\.xml cannot be read .*states no time between samples.*convert it"):
            read_ecg(tmp_path / "rec.xml")

    def test_entities_are_refused(self, tmp_path):
        write_muse_xml(tmp_path / "rec.xml", MICROVOLTS, STANDARD_LEADS)
        bomb = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><RestingECG>'
        (tmp_path / "rec.xml").write_text((tmp_path / "rec.xml").read_text().replace("<RestingECG>", bomb))

        with pytest.raises(ValueError, match=r"rec\.xml cannot be read .*not allowed"):
            read_ecg(tmp_path / "rec.xml")


@pytest.fixture(scope="module")
def valid_files(tmp_path_factory):
    """Content of one valid file per format; not MATLAB's, since SciPy's reader can crash on damage."""
    folder = tmp_path_factory.mktemp("valid")
    for name, write in WRITERS.items():
        write(folder / name, MICROVOLTS[:, :1000], STANDARD_LEADS)
    np.save(folder / "rec.npy", MICROVOLTS[:, :1000] / 1000)
    np.savetxt(folder / "rec.csv", MICROVOLTS[:, :1000].T / 1000, delimiter=",", header=",".join(STANDARD_LEADS))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("rec.edf", "_edf_scale"),
        ("rec.xml", "_aecg_quantity"),
        ("rec.scp", "_without_values"),
        ("muse.xml", "_text_of"),
    ],
)
def test_a_mistake_in_our_own_code_is_not_taken_for_a_damaged_file(tmp_path, monkeypatch, name, part):
    WRITERS[name](tmp_path / name, MICROVOLTS, STANDARD_LEADS)
    if name == "rec.scp":
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:200])

    def mistaken(*args):
        raise AttributeError("our own mistake")

    monkeypatch.setattr(ecg_formats, part, mistaken)

    with pytest.raises(AttributeError, match="our own mistake"):
        read_ecg(tmp_path / name)


@pytest.mark.parametrize("seed", range(15))
def test_a_damaged_file_is_read_or_refused_with_a_documented_error(valid_files, tmp_path, seed):
    rng = np.random.default_rng(seed)
    for name in sorted(valid_files):
        content = bytearray(valid_files[name])
        for position in rng.integers(min(2001, len(content)), size=rng.integers(9)):
            content[position] = rng.integers(256)
        length = len(content) if rng.random() < 0.5 else rng.integers(len(content) + 1)
        (tmp_path / name).write_bytes(content[:length])

        try:
            recording = read_ecg(tmp_path / name, sampling_rate=500, leads=STANDARD_LEADS)
        except ValueError as error:
            assert name in str(error)  # noqa: PT017 - either outcome is right
        else:
            assert recording.strip_mv.shape[0] == len(recording.leads) > 0
            assert recording.sampling_rate > 0
