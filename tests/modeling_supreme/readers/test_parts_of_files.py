"""Any stretch of a file is what lies there in the whole, in every format, and says when it begins."""

import h5py
import numpy as np
import pytest
import wfdb
from helpers.ecg_file_writers import WRITERS, write_edf_signals, write_ishne
from helpers.strips import make_strip

from modeling_supreme.ecg_files import read_ecg, reads_parts
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.recordings import NothingRecordedError
from modeling_supreme.wfdb_files import read_header, read_samples


MICROVOLTS = np.rint(make_strip() * 1000).astype("<i2")  # (12, 5000), 10 s at 500 Hz
FIRST, STOP = 1255, 2753  # in the middle of bytes that samples share, and of data records of 1 s


def write_wfdb(folder, name="rec", *, leads=STANDARD_LEADS, microvolts=MICROVOLTS, gain="1000/mV"):
    lines = [f"{name}.dat 16 {gain} 16 0 0 0 0 {lead}" for lead in leads]
    (folder / f"{name}.hea").write_text("\n".join([f"{name} {len(leads)} 500 {microvolts.shape[1]}", *lines]))
    (folder / f"{name}.dat").write_bytes(microvolts.T.tobytes())


def write_tables_and_arrays(folder):
    np.save(folder / "rec.npy", MICROVOLTS / 1000)
    np.save(folder / "turned.npy", MICROVOLTS.T / 1000)
    with h5py.File(folder / "rec.h5", "w") as file:
        file["ecg"] = MICROVOLTS / 1000
    np.savetxt(folder / "rec.csv", MICROVOLTS.T / 1000, delimiter=",", header=",".join(STANDARD_LEADS), comments="")
    write_wfdb(folder)
    write_wfdb(folder, "volts", gain="1000/V")
    write_edf_signals(folder / "rec.bdf", MICROVOLTS, STANDARD_LEADS, is_bdf=True)


ARRAYS = ("rec.npy", "turned.npy", "rec.h5", "rec.csv", "rec.hea", "volts.hea", "rec.bdf")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The same voltages in every format."""
    folder = tmp_path_factory.mktemp("files")
    write_tables_and_arrays(folder)
    for name, write in WRITERS.items():
        write(folder / name, MICROVOLTS, STANDARD_LEADS)
    return folder


@pytest.mark.parametrize("name", [*ARRAYS, *WRITERS])
class TestEveryFormat:
    # Readers round the number of samples up, so half a sample less is exactly as many
    part = {"start_s": FIRST / 500, "max_seconds": (STOP - FIRST - 0.5) / 500}
    options = {"sampling_rate": 500, "leads": STANDARD_LEADS}

    def test_a_part_is_that_of_the_whole(self, folder, name):
        part, whole = (read_ecg(folder / name, **self.options, **each) for each in (self.part, {}))

        np.testing.assert_allclose(part.strip_mv, whole.strip_mv[:, FIRST:STOP], atol=1e-9)
        assert (part.leads, part.sampling_rate) == (whole.leads, 500)

    def test_the_account_says_when_it_begins_and_how_long_the_whole_is(self, folder, name):
        account = read_ecg(folder / name, **self.options, **self.part).account

        assert account.start_s == pytest.approx(FIRST / 500)
        assert (account.seconds_found, account.seconds_used) == (10.0, pytest.approx((STOP - FIRST) / 500))

    def test_the_rest_is_all_after_a_time(self, folder, name):
        recording = read_ecg(folder / name, **self.options, start_s=8)

        assert (recording.num_samples, recording.account.start_s) == (1000, 8.0)

    def test_there_is_nothing_after_the_end(self, folder, name):
        with pytest.raises(NothingRecordedError, match=name.split(".")[0]):
            read_ecg(folder / name, **self.options, start_s=10, max_seconds=2)


@pytest.mark.parametrize(
    ("name", "is_read_in_parts"),
    [
        *(("rec.hea", True), ("rec", True), ("rec.dat", True), ("rec.npy", True), ("rec.h5", True), ("rec.bdf", True)),
        *(("rec.csv", False), ("rec.xml", False)),
    ],
)
def test_some_formats_are_read_in_parts(folder, name, is_read_in_parts):
    (folder / "rec.xml").write_bytes((folder / next(each for each in WRITERS if each.endswith("xml"))).read_bytes())

    assert reads_parts(folder / name) == is_read_in_parts


@pytest.mark.parametrize("start_s", [-1, float("nan"), float("inf")])
def test_a_start_that_is_no_time_is_refused(folder, start_s):
    with pytest.raises(ValueError, match=r"`start_s` is .*\. Give a time in seconds"):
        read_ecg(folder / "rec.hea", start_s=start_s)


@pytest.mark.parametrize("fmt", ["16", "24", "32", "80", "212", "310", "311", "61", "160"])
def test_every_format_of_wfdb_is_cut_in_the_middle_of_shared_bytes(tmp_path, fmt):
    digital = np.stack([np.arange(-60, 60), np.arange(60, -60, -1)], axis=1)
    wfdb.wrsamp(
        "rec",
        fs=100,
        units=["mV"] * 2,
        sig_name=["I", "II"],
        d_signal=digital,
        fmt=[fmt if fmt in ("16", "24", "32", "80", "212") else "16"] * 2,
        adc_gain=[100.0] * 2,
        baseline=[0] * 2,
        write_dir=str(tmp_path),
    )
    encode(tmp_path, fmt, digital)

    part = read_samples(read_header(tmp_path / "rec.hea"), start_s=0.37, max_seconds=0.415)

    np.testing.assert_array_equal(part.digital, digital[37:79].T)


def encode(folder, fmt, digital):
    """Store samples in a format that `wfdb` does not write."""
    flat = digital.reshape(-1)
    if fmt == "61":
        content = flat.astype(">i2").tobytes()
    elif fmt == "160":
        content = (flat + 2**15).astype("<u2").tobytes()
    elif fmt in ("310", "311"):
        groups = flat.reshape(-1, 3).astype(np.int64) & 0x3FF
        if fmt == "310":
            words = [groups[:, 0] << 1 | (groups[:, 2] & 0x1F) << 11, groups[:, 1] << 1 | (groups[:, 2] >> 5) << 11]
            content = np.stack(words, axis=1).astype("<u2").tobytes()
        else:
            content = (groups[:, 0] | groups[:, 1] << 10 | groups[:, 2] << 20).astype("<u4").tobytes()
    else:
        return
    (folder / "rec.dat").write_bytes(content)
    header = (folder / "rec.hea").read_text().replace(" 16 ", f" {fmt} ", 1)
    lines = header.splitlines()
    (folder / "rec.hea").write_text(
        "\n".join([lines[0], *(f"rec.dat {fmt} 100/mV 16 0 {d} 0 0 {n}" for d, n in ((-60, "I"), (60, "II")))])
    )


def test_differences_add_up_from_the_beginning(tmp_path):
    values = np.cumsum(np.tile([3, -2, 5, -6], 30))
    (tmp_path / "rec.dat").write_bytes(np.diff(values, prepend=0).astype(np.int8).tobytes())
    (tmp_path / "rec.hea").write_text("rec 1 100 120\nrec.dat 8 100/mV 16 0 0 0 0 II")

    part = read_samples(read_header(tmp_path / "rec.hea"), start_s=0.5, max_seconds=0.195)

    np.testing.assert_array_equal(part.digital[0], values[50:70])


class TestSegments:
    """5 s of I and II, 3 s of nothing, 5 s of II and V1."""

    @pytest.fixture
    def path(self, tmp_path):
        write_wfdb(tmp_path, "s0", leads=("I", "II"), microvolts=MICROVOLTS[[0, 1], :2500])
        write_wfdb(tmp_path, "s1", leads=("II", "V1"), microvolts=MICROVOLTS[[1, 6], :2500])
        (tmp_path / "rec.hea").write_text("rec/3 3 500 6500\ns0 2500\n~ 1500\ns1 2500\n")
        return tmp_path / "rec.hea"

    @pytest.mark.parametrize(("start_s", "leads"), [(1, ("I", "II")), (9, ("II", "V1"))])
    def test_a_part_of_one_segment(self, path, start_s, leads):
        recording = read_ecg(path, start_s=start_s, max_seconds=2)

        assert (recording.leads, recording.num_samples, recording.account.start_s) == (leads, 1000, start_s)

    def test_a_part_that_reaches_over_a_gap(self, path):
        recording = read_ecg(path, start_s=4, max_seconds=6)

        assert recording.leads == ("I", "II", "V1")
        np.testing.assert_allclose(recording.strip_mv[1, :500] * 1000, MICROVOLTS[1, 2000:2500], atol=1e-9)
        assert np.isnan(recording.strip_mv[1, 500:2000]).all()
        np.testing.assert_allclose(recording.strip_mv[1, 2000:] * 1000, MICROVOLTS[1, :1000], atol=1e-9)

    def test_a_part_that_begins_in_the_gap_begins_where_something_was_recorded(self, path):
        recording = read_ecg(path, start_s=6, max_seconds=4)

        assert (recording.num_samples, recording.account.start_s) == (1000, 8.0)

    def test_nothing_was_recorded_in_the_gap(self, path):
        with pytest.raises(NothingRecordedError, match=r"rec\.hea: no segment was recorded then"):
            read_ecg(path, start_s=5, max_seconds=3)


class TestTimeBetweenDataRecords:
    """EDF+D: five data records of 1 s, ten seconds of nothing, five more."""

    @pytest.fixture
    def path(self, tmp_path):
        notes = [f"+{second}\x14\x14" for second in (0, 1, 2, 3, 4, 15, 16, 17, 18, 19)]
        write_edf_signals(tmp_path / "rec.edf", MICROVOLTS[:1], ["I"], reserved="EDF+D", notes=notes)
        return tmp_path / "rec.edf"

    def test_a_part_is_found_by_its_time(self, path):
        recording = read_ecg(path, start_s=16.5, max_seconds=2)

        np.testing.assert_allclose(recording.strip_mv[0] * 1000, MICROVOLTS[0, 3250:4250], atol=1e-9)
        assert (recording.account.start_s, recording.account.seconds_found) == (16.5, 20.0)

    def test_there_is_nothing_between(self, path):
        with pytest.raises(NothingRecordedError, match=r"rec\.edf holds no sample then"):
            read_ecg(path, start_s=6, max_seconds=3)

    def test_it_is_not_read_in_parts(self, path):
        assert not reads_parts(path)


def test_what_no_lead_has_in_the_beginning_is_time_before_the_start(tmp_path):
    strip = make_strip(leads=("I", "II"))
    strip[:, :700] = np.nan
    np.save(tmp_path / "rec.npy", strip)

    account = read_ecg(tmp_path / "rec.npy", sampling_rate=500, leads="I,II").account

    assert (account.start_s, account.seconds_used, account.seconds_found) == (1.4, 8.6, 10.0)


def test_ishne_has_its_header_once(tmp_path):
    write_ishne(tmp_path / "rec.ecg", MICROVOLTS, STANDARD_LEADS)

    recording = read_ecg(tmp_path / "rec.ecg", start_s=9.5)

    np.testing.assert_allclose(recording.strip_mv * 1000, MICROVOLTS[:, 4750:], atol=1e-9)
