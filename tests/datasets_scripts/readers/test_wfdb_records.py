"""`read_wfdb_record`: the fast reader and `wfdb` tell the same microvolts, and the rate is the one promised."""

import numpy as np
import pytest
import scipy.io
import wfdb
from helpers.records.challenge_records import edit_header, write_challenge_record
from helpers.records.ptb_xl_records import PTB_XL_LEADS, make_microvolts, write_ptb_xl_record
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from datasets_scripts.readers.wfdb_reader import read_wfdb_record
from modeling_supreme.leads import STANDARD_LEADS


@pytest.fixture
def record(tmp_path):
    """A record of twelve sines."""
    write_ptb_xl_record(tmp_path / "00001_hr", make_microvolts(1), sampling_rate=500)
    return tmp_path / "00001_hr"


@pytest.fixture
def without_wfdb(monkeypatch):
    """Reading with `wfdb` fails, so that a test knows which reader was at work."""

    def refuse(*args, **kwargs):
        raise ValueError("left to wfdb")

    monkeypatch.setattr(wfdb, "rdrecord", refuse)


def read(record):
    return read_wfdb_record(record, sampling_rate=500).microvolts


def microvolts_of_wfdb(record):
    return np.rint(wfdb.rdsamp(str(record))[0].T * 1000)


HEADERS = {
    "as PTB-XL writes it": ("", ""),
    "gain of MIMIC-IV-ECG": ("1000.0(0)/mV", "200.0(0)/mV"),
    "baseline": ("1000.0(0)/mV", "1000.0(40)/mV"),
    "whole gain": ("1000.0(0)/mV", "1000(0)/mV"),
    "no baseline": ("1000.0(0)/mV", "1000.0/mV"),
    "no unit": ("1000.0(0)/mV", "1000.0(0)"),
    "counter of samples": ("12 500 5000", "12 500/500 5000"),
    "time of day": ("12 500 5000", "12 500 5000 09:17:34 09/11/1984"),
    "words in the name": (" 0 V6", " 0 V6 "),
    "rate with a fraction": ("12 500 5000", "12 500.0 5000"),
    "an analogue zero that is the baseline": ("1000.0(0)/mV 16 0", "1000.0/mV 16 40"),
    "one sample per frame": ("hr.dat 16", "hr.dat 16x1"),
    "comments": ("00001_hr 12", "# <age>: 56\n00001_hr 12"),
}


@pytest.mark.parametrize(("old", "new"), HEADERS.values(), ids=HEADERS)
def test_every_dialect_of_the_header_gives_the_voltages_of_wfdb(record, old, new):
    edit_header(record, old, new)

    np.testing.assert_allclose(read(record), microvolts_of_wfdb(record), atol=0.5)


def test_an_ordinary_record_is_read_without_the_slow_header_parser(record, without_wfdb):
    np.testing.assert_array_equal(read(record), make_microvolts(1).T)


def test_a_signal_file_that_ends_early_is_to_be_downloaded_again(record, without_wfdb):
    signals = record.with_suffix(".dat")
    signals.write_bytes(signals.read_bytes()[:-24])

    with pytest.raises(ValueError, match=r"00001_hr\.hea: .*ends after 4999 of 5000 samples\)\. Download its files"):
        read(record)


@pytest.mark.parametrize(
    ("unit", "gain", "microvolts"), [("uV", 1, 1), ("mv", 1000, 1), ("V", 1000, 1000)], ids=["uV", "mv", "V"]
)
def test_units_are_volts_with_a_prefix(tmp_path, unit, gain, microvolts):
    digital = np.tile(np.arange(5000, dtype=np.int16)[:, None] % 31 - 15, 12)  # a saw of -15 to 15 units
    write_ptb_xl_record(tmp_path / "1", digital, sampling_rate=500, gain=1000.0)
    edit_header(tmp_path / "1", "1000.0(0)/mV", f"{gain}(0)/{unit}")

    assert np.unique(read(tmp_path / "1"))[15:18].tolist() == [0, microvolts, 2 * microvolts]


def test_a_gain_with_which_no_ecg_fits_into_16_bits_is_refused(record):
    edit_header(record, "1000.0(0)/mV", "2000000/mV")

    with pytest.raises(ValueError, match=r"00001_hr\.hea states a gain of 2000000/mV.*reach only 0\.016 mV.*Correct"):
        read(record)


def test_a_gain_known_to_be_wrong_is_replaced(record):
    edit_header(record, "1000.0(0)/mV", "4880.0(0)/mv")

    recording = read_wfdb_record(record, sampling_rate=500, gain_corrections={4880.0: 1000.0})

    np.testing.assert_array_equal(recording.microvolts, make_microvolts(1).T)


def test_a_voltage_beyond_the_range_is_cut(tmp_path):
    digital = make_microvolts(1) // 10
    digital[2500] = 30000
    write_ptb_xl_record(tmp_path / "1", digital, sampling_rate=500, gain=100.0)

    assert np.unique(read(tmp_path / "1")[:, 2500]).tolist() == [32767]


def test_a_lead_of_lost_samples_does_not_disturb_the_others(tmp_path):
    microvolts = make_microvolts(1)
    microvolts[:, 5] = -32768
    write_ptb_xl_record(tmp_path / "1", microvolts, sampling_rate=500, leads=PTB_XL_LEADS)

    recording = read_wfdb_record(tmp_path / "1", sampling_rate=500)

    assert recording.leads == tuple(lead for lead in STANDARD_LEADS if lead != "aVF")
    assert recording.account.left_out == {"AVF": "flat or not recorded"}
    np.testing.assert_array_equal(recording.microvolts[5], make_microvolts(1)[:, 6])


def test_samples_wider_than_16_bits_are_read(tmp_path):
    digital = 1000 * make_microvolts(1).astype(np.int64)  # millionths of a millivolt
    wfdb.wrsamp(
        "1",
        fs=500,
        units=["mV"] * 12,
        sig_name=PTB_XL_LEADS,
        d_signal=digital,
        fmt=["32"] * 12,
        adc_gain=[1e6] * 12,
        baseline=[0] * 12,
        write_dir=str(tmp_path),
    )

    np.testing.assert_array_equal(read(tmp_path / "1"), make_microvolts(1).T)


def test_a_header_without_signals_is_refused(tmp_path):
    (tmp_path / "1.hea").write_text("1 0 500 5000\n")

    with pytest.raises(ValueError, match=r"1\.hea holds nothing that can be read: none\. Export"):
        read(tmp_path / "1")


def test_a_record_without_any_sample_is_refused(tmp_path):
    write_ptb_xl_record(tmp_path / "1", np.full((100, 12), -32768, np.int16), sampling_rate=500)

    with pytest.raises(ValueError, match=r"1\.hea holds no recorded sample\. Leave the record out"):
        read(tmp_path / "1")


class TestPromisedRate:
    def test_another_rate_is_refused(self, record):
        with pytest.raises(ValueError, match=r"00001_hr\.hea states 500 Hz, not 250 Hz\. Pass the rate"):
            read_wfdb_record(record, sampling_rate=250)

    def test_the_rate_of_the_header_counts_where_the_corpus_promises_none(self, record):
        edit_header(record, "12 500 5000", "12 249.89 5000")

        assert read_wfdb_record(record, sampling_rate=None).sampling_rate == 249.89

    def test_a_rate_of_no_ecg_is_refused(self, record):
        edit_header(record, "12 500 5000", "12 0.5 5000")

        with pytest.raises(ValueError, match=r"00001_hr\.hea: `sampling_rate` is 0\.5 Hz, outside 50 to 20000 Hz"):
            read_wfdb_record(record, sampling_rate=None)


class TestGaps:
    """What `-32768` stands for: short gaps become straight lines, longer ones are masked in time."""

    def read_with_gaps(self, tmp_path, *gaps):
        """A record without the samples of some stretches: `(lead, first, last + 1)`."""
        microvolts = make_microvolts(1)
        for lead, start, stop in gaps:
            microvolts[start:stop, lead] = -32768
        write_ptb_xl_record(tmp_path / "1", microvolts, sampling_rate=500)
        return read_wfdb_record(tmp_path / "1", sampling_rate=500)

    def test_a_gap_of_40_ms_becomes_a_straight_line(self, tmp_path):
        recording = self.read_with_gaps(tmp_path, (5, 100, 120))

        before, after = make_microvolts(1)[[99, 120], 5].astype(float)
        line = before + (after - before) * np.arange(1, 21) / 21
        np.testing.assert_allclose(recording.microvolts[5, 100:120], line, atol=0.5)
        assert (recording.is_recorded, recording.account.num_bridged_samples) == (None, 20)

    def test_a_longer_gap_is_masked_and_the_rest_of_its_lead_stays(self, tmp_path):
        recording = self.read_with_gaps(tmp_path, (5, 100, 121))

        assert recording.leads == STANDARD_LEADS
        assert np.argwhere(~recording.is_recorded).tolist() == [[5, sample] for sample in range(100, 121)]
        expected = make_microvolts(1).T
        expected[5, 100:121] = 0
        np.testing.assert_array_equal(recording.microvolts, expected)
        assert recording.account.seconds_missing == {"aVF": 0.042}

    def test_what_no_lead_has_at_either_end_is_cut_off(self, tmp_path):
        everywhere = [(lead, *gap) for lead in range(12) for gap in ((0, 10), (4000, 5000))]

        recording = self.read_with_gaps(tmp_path, *everywhere)

        np.testing.assert_array_equal(recording.microvolts, make_microvolts(1).T[:, 10:4000])
        assert (recording.account.seconds_found, recording.account.seconds_used) == (10.0, 7.98)

    def test_a_lead_that_ends_a_little_earlier_holds_its_last_sample(self, tmp_path):
        recording = self.read_with_gaps(tmp_path, (0, 4990, 5000))

        assert set(recording.microvolts[0, 4990:]) == {make_microvolts(1)[4989, 0]}

    def test_a_lead_of_which_a_second_is_left_is_kept(self, tmp_path):
        kept = self.read_with_gaps(tmp_path, (0, 500, 5000))
        left_out = self.read_with_gaps(tmp_path, (0, 499, 5000))

        assert (kept.leads[0], left_out.leads[0]) == ("I", "II")
        assert left_out.account.left_out == {"I": "recorded for 1.00 s only"}


@pytest.fixture
def challenge_record(tmp_path):
    write_challenge_record(tmp_path / "E00001", make_microvolts(1).T)
    return tmp_path / "E00001"


CHALLENGE_HEADERS = {
    "as ecg-arrhythmia writes it": ("", ""),
    "as the Challenge 2021 writes it": ("16+24 1000/mV", "16x1+24 1000.0(0)/mV"),
    "extension in the record's name": ("E00001 12", "E00001.mat 12"),
    "unit in small letters": ("1000/mV", "1000/mv"),
    "date in the order of the Challenge 2020": ("12 500 5000", "12 500 5000 05-May-2020 11:39:16"),
    "carriage returns": ("\n", "\r\n"),
}


class TestChallengeRecords:
    @pytest.mark.parametrize(("old", "new"), CHALLENGE_HEADERS.values(), ids=CHALLENGE_HEADERS)
    def test_every_dialect_is_read_without_the_slow_header_parser(self, challenge_record, without_wfdb, old, new):
        edit_header(challenge_record, old, new)

        np.testing.assert_array_equal(read(challenge_record), make_microvolts(1).T)

    def test_a_header_in_another_encoding_is_read(self, challenge_record):
        header = challenge_record.with_suffix(".hea")
        header.write_bytes(header.read_bytes() + "# Hx: Überlastung, naïf\n".encode("latin-1"))

        np.testing.assert_array_equal(read(challenge_record), make_microvolts(1).T)

    @pytest.mark.parametrize("folder", ["with blanks", "mit Ümläuten", "心电图"])
    def test_a_path_may_hold_blanks_and_any_letters(self, tmp_path, folder):
        (tmp_path / folder).mkdir()
        write_challenge_record(tmp_path / folder / "E00001", make_microvolts(1).T)

        np.testing.assert_array_equal(read(tmp_path / folder / "E00001"), make_microvolts(1).T)

    @pytest.mark.parametrize("num_bytes", [0, 23, 24, 25, 120_000, 120_022])
    def test_a_truncated_signal_file_is_refused(self, challenge_record, num_bytes):
        signals = challenge_record.with_suffix(".mat")
        signals.write_bytes(signals.read_bytes()[:num_bytes])

        with pytest.raises(ValueError, match=r"E00001\.hea: the record cannot be read"):
            read(challenge_record)

    def test_a_missing_signal_file_is_named(self, challenge_record):
        edit_header(challenge_record, "E00001.mat", "E00002.mat")

        with pytest.raises(FileNotFoundError, match=r"/E00002\.mat does not exist\. Complete the download"):
            read(challenge_record)

    def test_a_header_that_lacks_a_lead_is_refused(self, challenge_record):
        header = challenge_record.with_suffix(".hea")
        header.write_text("\n".join(line for line in header.read_text().splitlines() if not line.endswith(" aVR")))

        with pytest.raises(ValueError, match=r"E00001\.hea: the record cannot be read"):
            read(challenge_record)

    @pytest.mark.parametrize("sampling_rate", [257, 1000])
    def test_the_rate_of_the_header_counts_where_the_corpus_promises_none(self, tmp_path, sampling_rate):
        write_challenge_record(tmp_path / "I0001", make_microvolts(1).T, sampling_rate=sampling_rate)

        recording = read_wfdb_record(tmp_path / "I0001", sampling_rate=None)

        assert recording.sampling_rate == sampling_rate

    def test_channels_that_are_no_standard_lead_are_left_out_with_the_reason(self, tmp_path):
        leads = ("vx", *STANDARD_LEADS, "resp")
        microvolts = np.vstack([np.full((1, 5000), -32768, np.int16), make_microvolts(1).T, np.ones((1, 5000), "<i2")])
        write_challenge_record(tmp_path / "S0001", microvolts, leads=leads)
        edit_header(tmp_path / "S0001", "1000/mV 16 0 1 0 0 resp", "1000/mmHg 16 0 1 0 0 resp")

        recording = read_wfdb_record(tmp_path / "S0001", sampling_rate=500)

        assert recording.leads == STANDARD_LEADS
        assert list(recording.account.left_out) == ["vx", "resp"]
        np.testing.assert_array_equal(recording.microvolts, make_microvolts(1).T)

    def test_a_record_without_a_standard_lead_is_refused(self, tmp_path):
        write_challenge_record(tmp_path / "S0001", make_microvolts(1).T[:3], leads=("vx", "vy", "vz"))

        with pytest.raises(ValueError, match=r"S0001\.hea names none of the 12 leads: .* vx, vy, vz\. Pass"):
            read_wfdb_record(tmp_path / "S0001", sampling_rate=500)


@given(
    gain=st.sampled_from([100, 200, 306.5, 1000, 2000, 4880]),
    baseline=st.integers(-500, 500),
    offset=st.sampled_from(["16+24", "16x1+24"]),
    unit=st.sampled_from(["mV", "mv", "V"]),
    order=st.permutations(STANDARD_LEADS),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_header_gives_the_voltages_of_wfdb(challenge_record, gain, baseline, offset, unit, order):
    digital = make_microvolts(1).T[:, :50] // 4
    write_challenge_record(challenge_record, digital, leads=order)
    edit_header(challenge_record, "16+24 1000/mV", f"{offset} {gain}({baseline})/{unit}")

    recording = read_wfdb_record(challenge_record, sampling_rate=500)

    per_unit = {"mV": 1000, "mv": 1000, "V": 1_000_000}[unit]
    expected = np.clip(wfdb.rdsamp(str(challenge_record))[0].T * per_unit, -32768, 32767)
    assert recording.leads == tuple(order)
    np.testing.assert_allclose(recording.microvolts, expected, atol=0.5)


@given(st.binary(max_size=300))
@example(b"")
@example(b"E00001 12 500 5000\n")
@example(b"E00001/2 12 500 5000\nE00001_1 2500\n")
@example(b"E00001 1 500 99999999999999\nE00001.mat 16 1000/mV 16 0 0 0 0 I\n")
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_a_header_holds_the_record_is_read_or_refused_in_words(challenge_record, header):
    challenge_record.with_suffix(".hea").write_bytes(header)

    with pytest.raises((ValueError, FileNotFoundError), match=r"E00001\.hea|does not exist\. Complete the download"):
        read(challenge_record)


def test_segments_are_joined(tmp_path):
    write_ptb_xl_record(tmp_path / "s1", make_microvolts(1), sampling_rate=500)
    (tmp_path / "joined.hea").write_text("joined/2 12 500 10000\ns1 5000\ns1 5000\n")

    np.testing.assert_array_equal(read(tmp_path / "joined"), np.tile(make_microvolts(1).T, 2))


@pytest.mark.data
def test_real_ptb_record_in_two_files_at_1000_hz_keeps_its_12_leads(data_dir):
    path = data_dir / "ptb" / "patient001" / "s0010_re"

    recording = read_wfdb_record(path, sampling_rate=None)

    assert (recording.sampling_rate, recording.microvolts.shape) == (1000, (12, 38400))
    assert recording.leads == STANDARD_LEADS
    assert list(recording.account.left_out) == ["vx", "vy", "vz"]
    # Header: -489 units of 1/2000 mV. numpy rounds halves to even.
    assert recording.microvolts[0, 0] == -244
    np.testing.assert_allclose(recording.microvolts, wfdb.rdsamp(str(path))[0].T[:12] * 1000, atol=0.5)


@pytest.mark.data
def test_real_challenge_records_are_read_fast_and_equal_the_matlab_variable(data_dir, without_wfdb):
    headers = sorted([*data_dir.glob("georgia/g8/*.hea"), *data_dir.glob("chapman-shaoxing-ningbo/WFDB*/*/*/*.hea")])

    signals = [read(path.with_suffix("")) for path in headers]

    expected = [scipy.io.loadmat(path.with_suffix(".mat"))["val"] for path in headers]
    assert len(headers) == 39
    np.testing.assert_array_equal(np.stack(signals), np.stack(expected))


@pytest.mark.data
def test_real_records_are_read_fast_and_equal_those_of_wfdb(data_dir, without_wfdb):
    records = sorted((data_dir / "ptb-xl" / "records500" / "00000").glob("*.hea"))[::25]
    digital = [np.fromfile(path.with_suffix(".dat"), "<i2").reshape(5000, 12).T for path in records]

    signals = [read(path.with_suffix("")) for path in records]

    np.testing.assert_array_equal(np.stack(signals), np.stack(digital))
