"""WFDB records of any format and dialect: the standard leads, each sample as `wfdb` reads it."""

import sys
from pathlib import Path

import numpy as np
import pytest
import wfdb
from helpers.strips import make_strip
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modeling_supreme import wfdb_files
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.wfdb_files import BYTES_AND_SAMPLES, read_header, read_samples, read_wfdb


MICROVOLTS = np.rint(make_strip() * 1000).astype("<i2")  # (12, 5000), 10 s at 500 Hz


def write_signals(folder, name, first_line, lines, content=None):
    """A record from its header, line by line, and the bytes of its signal file."""
    (folder / f"{name}.hea").write_text("\n".join([first_line, *lines]) + "\n", encoding="utf-8")
    if content is not None:
        (folder / f"{name}.dat").write_bytes(content)
    return folder / name


def write_record(
    folder, name="rec", first_line=None, *, leads=STANDARD_LEADS, gain="1000/mV", microvolts=MICROVOLTS, numbers="16 0"
):
    """A record of 12 leads in format 16, 1 µV per unit."""
    first_line = first_line or f"{name} {len(leads)} 500 {microvolts.shape[1]}"
    lines = [
        f"{name}.dat 16 {gain} {numbers} {row[0]} 0 0 {lead}" for lead, row in zip(leads, microvolts, strict=True)
    ]
    return write_signals(folder, name, first_line, lines, microvolts.T.tobytes())


class TestHeaders:
    """Every dialect that is met says the same."""

    @pytest.mark.parametrize(
        "first_line",
        [
            "rec.mat 12 500 5000 05-May-2020 09:49:17",
            "rec.dat 12 500 5000",
            "rec 12 500 5000 2006",
            "rec 12 500 5000 09:49:17 05/05/2020",
            "rec 12 500/500(0) 5000",
            "rec\t12\t500.0\t5000",
            "rec 12 500 0",
            "rec 12 500",
        ],
    )
    def test_the_record_line_takes_liberties(self, tmp_path, first_line):
        recording = read_wfdb(write_record(tmp_path, first_line=first_line))

        assert (recording.sampling_rate, recording.leads) == (500, STANDARD_LEADS)
        np.testing.assert_array_equal(recording.microvolts, MICROVOLTS)

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
    @pytest.mark.parametrize("unit", ["\u00b5V", "uV"])
    @pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
    def test_microvolts_are_read_in_any_encoding(self, tmp_path, encoding, unit, newline):
        path = write_record(tmp_path, gain=f"1/{unit}")
        text = path.with_suffix(".hea").read_text(encoding="utf-8").replace("\n", newline)
        path.with_suffix(".hea").write_bytes(text.encode(encoding))

        np.testing.assert_array_equal(read_wfdb(path).microvolts, MICROVOLTS)

    def test_the_greek_letter_is_the_micro_sign(self, tmp_path):
        np.testing.assert_array_equal(read_wfdb(write_record(tmp_path, gain="1/\u03bcV")).microvolts, MICROVOLTS)

    @pytest.mark.parametrize(("gain", "millivolts"), [("2000", 0.5), ("2000(0)/mV", 0.5), ("1e3/mV", 1), ("1/V", 1e6)])
    def test_gains_come_in_several_forms(self, tmp_path, gain, millivolts):
        strip_mv = read_wfdb(write_record(tmp_path, gain=gain, leads=["I"], microvolts=MICROVOLTS[:1])).strip_mv

        np.testing.assert_allclose(np.ptp(strip_mv), np.ptp(MICROVOLTS[0]) / 1000 * millivolts, rtol=1e-6)

    def test_what_the_header_leaves_to_the_standard_is_said(self, tmp_path):
        path = write_signals(tmp_path, "rec", "rec 1", ["rec.dat 16"], MICROVOLTS[1].tobytes())

        account = read_wfdb(path, leads=["II"]).account

        assert account.sampling_rate_found == 250
        assert account.remarks == (
            "the header states no rate, which means 250 Hz in WFDB",
            "the header states no gain of signal 1, which means 200/mV in WFDB",
        )

    def test_a_record_is_found_by_its_name_its_header_and_its_signal_file(self, tmp_path):
        path = write_record(tmp_path)

        recordings = [read_wfdb(path.with_name(name)) for name in ("rec", "rec.hea", "rec.dat")]

        assert [recording.num_samples for recording in recordings] == [5000] * 3

    def test_a_record_with_a_dot_in_its_name_is_found(self, tmp_path):
        assert read_wfdb(write_record(tmp_path, "rec.v1")).num_samples == 5000

    @pytest.mark.parametrize("name", ["../x.dat", "/etc/passwd", "sub/x.dat", "..\\x.dat", ".."])
    @pytest.mark.parametrize("place", ["signal", "segment", "record"])
    def test_a_header_may_only_name_files_beside_it(self, tmp_path, name, place):
        lines = {"signal": ("rec 1 500", f"{name} 16 1000 16 0 0 0 0 I"), "segment": ("rec/1 1 500 9", f"{name} 9")}
        first_line, line = lines.get(place, (f"{name} 1 500", "rec.dat 16 1000 16 0 0 0 0 I"))

        with pytest.raises(ValueError, match=r"rec\.hea names .* which lies in another folder\. Put the files"):
            read_wfdb(write_signals(tmp_path, "rec", first_line, [line], bytes(100)))

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", r"its header is empty\)\. Download its files again"),
            ("rec 2 250 100\n", r"ends after 0 of 2 signals\)\. Download its files again"),
            ("this is no header\n", r"begins with 'this is no header', which is no record line\)\. Correct"),
            ("rec 1 250 100\nnonsense\n", r"has the line 'nonsense', which describes no signal\)\. Correct"),
            ("rec 1 250 9\na.dat 16 1\nb.dat 16 1\n", r"states 1 signals and lists 2\)\. Correct"),
            ("rec 1 250 9\nrec.dat 17 200 12 0 0 0 0 I\n", r"rec\.dat is in signal format 17, which is not read"),
        ],
    )
    def test_a_damaged_header_is_refused_with_what_helps(self, tmp_path, text, message):
        path = write_record(tmp_path)
        path.with_suffix(".hea").write_text(text)

        with pytest.raises(ValueError, match=rf"rec\.hea: the record cannot be read \(.*{message}"):
            read_wfdb(path)

    @given(data=st.data())
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_a_header_in_any_mixture_of_dialects_is_read(self, tmp_path, data):
        draw = data.draw
        name = draw(st.sampled_from(["rec", "rec.mat", "rec.dat"]))
        length = draw(st.sampled_from(["", " 0", " 5000", " 5000 2006", " 5000 05-May-2020 09:49:17"]))
        gain = draw(st.sampled_from(["1000/mV", "1000.0(0)/mV", "1000", "1(0)/uV", "1/\u00b5V"]))
        comments = draw(st.lists(st.sampled_from(["# Age: 50", "#Sex: Male", ""]), max_size=3))
        numbers = draw(st.sampled_from(["", " 16", " 16 0", " 16 0 7 0 0"]))
        lines = [f"rec.dat 16 {gain}{numbers} {lead}" for lead in STANDARD_LEADS]
        path = write_signals(tmp_path, "rec", f"{name} 12 500{length}", [*comments, *lines], MICROVOLTS.T.tobytes())

        recording = read_wfdb(path)

        assert recording.leads == STANDARD_LEADS
        np.testing.assert_array_equal(recording.microvolts, MICROVOLTS)


class TestSignalFiles:
    """Bytes become the numbers that `wfdb` makes of them."""

    @pytest.mark.parametrize("signal_format", BYTES_AND_SAMPLES)
    @pytest.mark.parametrize("num_frames", [50, 51, 52])
    def test_any_bytes_decode_as_with_wfdb(self, tmp_path, signal_format, num_frames):
        content = np.random.default_rng(num_frames).integers(0, 256, 4000, dtype=np.uint8)
        content[3::4] &= 0x3F  # the bits that format 311 does not use, of which wfdb 4.3 reads one
        lines = [f"rec.dat {signal_format}+16 200 12 0 5 0 0 {lead}" for lead in ("I", "II", "V1")]
        path = write_signals(tmp_path, "rec", f"rec 3 250 {num_frames}", lines, content.tobytes())

        digital = read_samples(read_header(path.with_suffix(".hea"))).digital

        np.testing.assert_array_equal(np.stack(digital).T, wfdb.rdrecord(str(path), physical=False).d_signal)

    @pytest.mark.parametrize("signal_format", ["508", "516", "524"])
    def test_compressed_signals_decode_as_with_wfdb(self, tmp_path, signal_format):
        values = np.random.default_rng(0).integers(-100, 100, (500, 2))
        layout = {"units": ["mV"] * 2, "sig_name": ["I", "II"], "adc_gain": [20.0] * 2, "baseline": [0] * 2}
        wfdb.wrsamp("rec", fs=250, d_signal=values, fmt=[signal_format] * 2, write_dir=str(tmp_path), **layout)

        np.testing.assert_array_equal(read_wfdb(tmp_path / "rec").strip_mv, wfdb.rdsamp(str(tmp_path / "rec"))[0].T)

    @pytest.mark.parametrize("signal_format", ["16", "80", "24", "32", "212"])
    def test_samples_that_were_not_recorded_are_nan_as_with_wfdb(self, tmp_path, signal_format):
        values = make_strip(["I", "II"]).T.astype(np.float64)
        values[1000:1500, 1] = np.nan
        layout = {"units": ["mV"] * 2, "sig_name": ["I", "II"], "fmt": [signal_format] * 2}
        wfdb.wrsamp("rec", fs=500, p_signal=values, write_dir=str(tmp_path), **layout)

        recording = read_wfdb(tmp_path / "rec")

        np.testing.assert_array_equal(recording.strip_mv, wfdb.rdsamp(str(tmp_path / "rec"))[0].T)
        assert recording.account.seconds_missing == {"II": 1.0}

    def test_signals_are_read_at_their_own_rates(self, tmp_path):
        slow, fast = MICROVOLTS[0, ::4], MICROVOLTS[1]
        frames = np.column_stack([slow, fast.reshape(-1, 4), slow])
        lines = ["rec.dat 16 1000 16 0 0 0 0 I", "rec.dat 16x4 1000 16 0 0 0 0 II", "rec.dat 16 1 16 0 0 0 0 Resp"]
        path = write_signals(tmp_path, "rec", "rec 3 125 1250", lines, frames.astype("<i2").tobytes())

        recording = read_wfdb(path)

        assert (recording.sampling_rate, recording.leads) == (500, ("I", "II"))
        np.testing.assert_allclose(recording.strip_mv[1], fast / 1000, atol=1e-12)
        np.testing.assert_allclose(recording.strip_mv[0, 50:-50], MICROVOLTS[0, 50:-50] / 1000, atol=0.01)
        assert "I brought from 125 to 500 Hz" in recording.account.remarks

    def test_a_signal_that_comes_late_is_moved_back(self, tmp_path):
        lines = ["rec.dat 16 1000 16 0 0 0 0 I", "rec.dat 16:50 1000 16 0 0 0 0 II"]
        path = write_signals(tmp_path, "rec", "rec 2 500 5000", lines, MICROVOLTS[:2].T.tobytes())

        strip_mv = read_wfdb(path).strip_mv

        np.testing.assert_array_equal(strip_mv[1, :4950], MICROVOLTS[1, 50:] / 1000)
        assert np.isnan(strip_mv[1, 4950:]).all()

    def test_a_file_that_ends_early_is_to_be_downloaded_again(self, tmp_path):
        path = write_record(tmp_path)
        path.with_suffix(".dat").write_bytes(MICROVOLTS.T[:3000].tobytes())

        with pytest.raises(ValueError, match=r"rec\.hea: .*rec\.dat ends after 3000 of 5000 samples\)\. Download its"):
            read_wfdb(path)

    def test_a_file_whose_checksums_agree_is_whole_whatever_the_header_says_of_its_length(self, tmp_path):
        microvolts = MICROVOLTS[:1] + np.int16(1)
        lines = [f"rec.dat 16 1000/mV 16 0 0 {microvolts.sum(dtype=int)} 0 I"]
        path = write_signals(tmp_path, "rec", "rec 1 500 6000", lines, microvolts.tobytes())

        recording = read_wfdb(path)

        np.testing.assert_array_equal(recording.microvolts, microvolts)
        assert recording.account.remarks == ("the header states 12.00 s, the files hold 10.00 s",)

    def test_a_file_that_goes_on_is_said(self, tmp_path):
        recording = read_wfdb(write_record(tmp_path, first_line="rec 12 500 4000"))

        assert recording.num_samples == 4000
        assert recording.account.remarks == ("the files go on after the 8.00 s that the header states",)

    def test_a_claim_of_terabytes_takes_no_memory(self, tmp_path):
        path = write_record(tmp_path, first_line="rec 12 500 999999999999")

        with pytest.raises(ValueError, match=r"rec\.dat ends after 5000 of 999999999999 samples\)\. Download"):
            read_wfdb(path)

    def test_a_claim_of_terabytes_without_any_file_takes_no_memory(self, tmp_path):
        path = write_signals(tmp_path, "rec", "rec 1 500 999999999999", ["~ 16 1000/mV 16 0 0 0 0 I"])

        with pytest.raises(ValueError, match=r"rec\.hea has no lead that can be used \(I: without a sample"):
            read_wfdb(path)

    def test_an_absent_file_is_named(self, tmp_path):
        path = write_record(tmp_path)
        path.with_suffix(".dat").unlink()

        with pytest.raises(
            FileNotFoundError, match=r"rec\.hea needs \S+rec\.dat, which does not exist\. Put it there"
        ):
            read_wfdb(path)

    def test_a_file_without_leads_may_be_absent(self, tmp_path):
        lines = ["rec.dat 16 1000 16 0 0 0 0 I", "rec.xyz 16 1000 16 0 0 0 0 vx"]
        path = write_signals(tmp_path, "rec", "rec 2 500 5000", lines, MICROVOLTS[0].tobytes())

        recording = read_wfdb(path)

        assert recording.leads == ("I",)
        assert recording.account.remarks[0].startswith("rec.xyz not read")

    def test_only_the_beginning_is_read_where_that_is_asked_for(self, tmp_path):
        recording = read_wfdb(write_record(tmp_path), max_seconds=2.5)

        np.testing.assert_array_equal(recording.microvolts, MICROVOLTS[:, :1250])
        assert (recording.account.seconds_found, recording.account.seconds_used) == (10.0, 2.5)

    def test_no_package_but_that_of_compressed_signals_is_needed(self, tmp_path, monkeypatch):
        for package in ("wfdb", "soundfile"):
            monkeypatch.setitem(sys.modules, package, None)
        lines = ["rec.dat 516 1000 16 0 0 0 0 I"]

        assert read_wfdb(write_record(tmp_path)).num_samples == 5000
        with pytest.raises(ImportError, match=r"rec\.dat needs the package soundfile: `pip install soundfile`"):
            read_wfdb(write_signals(tmp_path, "rec", "rec 1 500 9", lines, b"fLaC"))


class TestLeads:
    """One bad signal never loses the record."""

    def test_a_lead_that_was_never_recorded_is_left_out(self, tmp_path):
        microvolts = MICROVOLTS.copy()
        microvolts[3] = -32768

        recording = read_wfdb(write_record(tmp_path, microvolts=microvolts))

        assert recording.leads == tuple(lead for lead in STANDARD_LEADS if lead != "aVR")
        assert recording.account.left_out == {"aVR": "flat or not recorded"}

    def test_short_gaps_are_bridged_and_long_ones_are_kept(self, tmp_path):
        microvolts = MICROVOLTS.copy()
        microvolts[0, 100:110] = microvolts[1, 1000:2000] = -32768

        account = read_wfdb(write_record(tmp_path, microvolts=microvolts)).account

        assert (account.num_bridged_samples, account.seconds_missing) == (10, {"II": 2.0})

    def test_a_lead_in_another_unit_is_left_out(self, tmp_path):
        path = write_record(tmp_path)
        header = path.with_suffix(".hea").read_text().replace("1000/mV 16 0 ", "1000/mmHg 16 0 ", 1)
        path.with_suffix(".hea").write_text(header)

        recording = read_wfdb(path)

        assert recording.leads == STANDARD_LEADS[1:]
        assert recording.account.left_out == {"I": "in mmHg, no voltage"}

    def test_a_lead_that_is_named_twice_is_taken_once(self, tmp_path):
        path = write_record(tmp_path, leads=["I", "II", "II"], microvolts=MICROVOLTS[:3])

        recording = read_wfdb(path)

        assert recording.leads == ("I", "II")
        np.testing.assert_array_equal(recording.microvolts[1], MICROVOLTS[1])

    def test_signals_without_leads_names_are_named_by_the_caller(self, tmp_path):
        path = write_record(tmp_path, leads=["ECG", "RESP"], microvolts=MICROVOLTS[:2])

        with pytest.raises(
            ValueError, match=r"rec\.hea names none of the 12 leads: its channels are ECG, RESP\. Pass"
        ):
            read_wfdb(path)
        assert read_wfdb(path, leads=["II"]).leads == ("II",)

    def test_a_gain_with_which_16_bits_hold_no_ecg_is_refused(self, tmp_path):
        with pytest.raises(
            ValueError, match=r"rec\.hea states a gain of 2000000/mV, .* reach only 0\.016 mV\. Correct"
        ):
            read_wfdb(write_record(tmp_path, gain="2000000/mV"))

    def test_known_wrong_gains_are_corrected(self, tmp_path):
        recording = read_wfdb(write_record(tmp_path, gain="4880/mV"), gain_corrections={4880: 1000})

        np.testing.assert_array_equal(recording.microvolts, MICROVOLTS)


class TestSegments:
    """A record of several segments is one recording in time."""

    def write_segments(self, folder, *lines, leads=(("I", "II"), ("II", "V1"))):
        for number, names in enumerate(leads):
            rows = [STANDARD_LEADS.index(lead) for lead in names]
            write_record(folder, f"s{number}", leads=names, microvolts=MICROVOLTS[rows])
        return write_signals(folder, "rec", f"rec/{len(lines)} 3 500", lines)

    def test_a_segment_follows_the_other_and_lacks_what_it_lacks(self, tmp_path):
        recording = read_wfdb(self.write_segments(tmp_path, "s0 5000", "s1 5000"))

        assert recording.leads == ("I", "II", "V1")
        np.testing.assert_allclose(recording.strip_mv[1], np.tile(MICROVOLTS[1] / 1000, 2), atol=1e-9)
        assert recording.account.seconds_missing == {"I": 10.0, "V1": 10.0}

    def test_a_segment_that_is_all_gap_is_time(self, tmp_path):
        recording = read_wfdb(self.write_segments(tmp_path, "s0 5000", "~ 1000", "s0 5000"))

        assert recording.num_samples == 11000
        assert recording.account.seconds_missing == {"I": 2.0, "II": 2.0}

    def test_a_gap_in_the_beginning_is_not_used(self, tmp_path):
        recording = read_wfdb(self.write_segments(tmp_path, "~ 1000", "s0 5000"))

        np.testing.assert_allclose(recording.strip_mv, MICROVOLTS[:2] / 1000, atol=1e-9)
        assert recording.account.seconds_found == 12.0

    def test_leads_that_only_the_layout_names_are_said(self, tmp_path):
        write_signals(tmp_path, "layout", "layout 2 500 0", ["~ 0 200/mV 0 0 0 0 0 I", "~ 0 200/mV 0 0 0 0 0 V6"])

        recording = read_wfdb(self.write_segments(tmp_path, "layout 0", "s0 5000"))

        assert recording.account.left_out == {"V6": "in no segment"}

    def test_only_the_segments_that_are_asked_for_are_read(self, tmp_path):
        path = self.write_segments(tmp_path, "s0 5000", "absent 5000")

        recording = read_wfdb(path, max_seconds=4)

        assert (recording.num_samples, recording.account.seconds_found) == (2000, 20.0)

    def test_a_gap_of_years_takes_no_memory(self, tmp_path):
        path = self.write_segments(tmp_path, "s0 5000", "~ 999999999999", "s0 5000")

        with pytest.raises(ValueError, match=r"rec\.hea: its parts lie up to \d+ hours apart.*`max_seconds=`"):
            read_wfdb(path)

    def test_a_segment_has_no_segments(self, tmp_path):
        path = write_signals(tmp_path, "rec", "rec/1 1 500 9", ["rec 9"])

        with pytest.raises(ValueError, match=r"rec\.hea: .*its segment rec has segments of its own"):
            read_wfdb(path)


@pytest.mark.parametrize("part", ["_read_signal_line", "_find_missing", "_channels"])
def test_a_mistake_in_our_own_code_is_not_taken_for_a_damaged_record(tmp_path, monkeypatch, part):
    def mistaken(*args, **kwargs):
        raise AttributeError("our own mistake")

    monkeypatch.setattr(wfdb_files, part, mistaken)

    with pytest.raises(AttributeError, match="our own mistake"):
        read_wfdb(write_record(tmp_path, gain="200/mV"))


@pytest.mark.data
class TestRealRecords:
    @pytest.mark.parametrize("corpus", ["ptb", "georgia", "code15", "chapman-shaoxing-ningbo"])
    def test_the_voltages_are_those_of_wfdb(self, data_dir, corpus):
        path = min((data_dir / corpus).rglob("*.hea"), key=lambda path: path.name)

        recording = read_wfdb(path)

        record = wfdb.rdrecord(str(Path(path).with_suffix("")), channels=list(range(12)))
        np.testing.assert_allclose(recording.strip_mv, record.p_signal.T, atol=1e-6)
