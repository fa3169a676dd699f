"""`read_ecg` and its parts: the recorded leads of any file, in millivolts, under the names the file gives them."""

import sys

import h5py
import numpy as np
import pytest
import wfdb
from scipy.io import loadmat, savemat

from modeling_supreme import ecg_files
from modeling_supreme.ecg_files import is_ecg_file, read_ecg
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.wfdb_files import read_wfdb


def write_record(folder):
    """A WFDB record of 100 samples of two leads at 250 Hz."""
    strip = np.linspace(-1, 1, 100)[:, None] * np.ones(2)
    wfdb.wrsamp("rec", 250, ["mV"] * 2, ["I", "II"], strip, fmt=["16"] * 2, write_dir=str(folder))
    return folder / "rec"


def test_a_missing_file_is_reported_with_its_path(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no ECG record at \S+/rec\.edf: the file does not exist\. Give the"):
        read_ecg(tmp_path / "rec.edf")


@pytest.mark.parametrize("suffix", ["", ".hea", ".dat"])
def test_wfdb_records_are_read_as_before(tmp_path, suffix):
    path = write_record(tmp_path)

    recording = read_ecg(path.with_name(f"rec{suffix}"))

    np.testing.assert_array_equal(recording.strip_mv, read_wfdb(path).strip_mv)


TABLE = "{0}\n0.5{1}-1{1}0.25\n1{1}2{1}-0.75\n"


class TestTables:
    @pytest.mark.parametrize("separator", [",", "\t", ";"])
    def test_columns_become_leads(self, tmp_path, separator):
        path = tmp_path / "rec.csv"
        path.write_text(TABLE.format(separator.join(["II", "V1", "aVR"]), separator))

        recording = read_ecg(path, sampling_rate=250)

        assert (recording.leads, recording.sampling_rate) == (("II", "V1", "aVR"), 250.0)
        np.testing.assert_array_equal(recording.strip_mv, [[0.5, 1], [-1, 2], [0.25, -0.75]])

    def test_decimal_commas_stand_between_semicolons(self, tmp_path):
        (tmp_path / "rec.csv").write_text("I;II\n0,5;-1,25\n")

        np.testing.assert_array_equal(read_ecg(tmp_path / "rec.csv", sampling_rate=500).strip_mv, [[0.5], [-1.25]])

    def test_a_column_of_time_is_left_out(self, tmp_path):
        (tmp_path / "rec.csv").write_text("time,I,II\n0.000,1,2\n0.002,3,4\n")

        recording = read_ecg(tmp_path / "rec.csv", sampling_rate=500)

        assert recording.leads == ("I", "II")
        np.testing.assert_array_equal(recording.strip_mv, [[1, 3], [2, 4]])

    def test_names_may_be_quoted_and_follow_a_byte_order_mark(self, tmp_path):
        (tmp_path / "rec.csv").write_text('"I","II"\n1,2\n', encoding="utf-8-sig")

        assert read_ecg(tmp_path / "rec.csv", sampling_rate=500).leads == ("I", "II")

    def test_the_names_that_numpy_writes_are_read(self, tmp_path):
        np.savetxt(tmp_path / "rec.csv", np.zeros((3, 2)), delimiter=",", header="I,II")

        assert read_ecg(tmp_path / "rec.csv", sampling_rate=500).leads == ("I", "II")

    def test_a_table_of_numbers_takes_its_leads_from_the_options(self, tmp_path):
        (tmp_path / "rec.csv").write_text("1,2\n3,4\n5,6\n")

        recording = read_ecg(tmp_path / "rec.csv", sampling_rate=500, leads=["V1", "V2"])

        assert recording.leads == ("V1", "V2")
        np.testing.assert_array_equal(recording.strip_mv, [[1, 3, 5], [2, 4, 6]])

    def test_an_empty_cell_is_a_sample_that_was_not_recorded(self, tmp_path):
        (tmp_path / "rec.csv").write_text("I,II\n1,\n2,3\n")

        np.testing.assert_array_equal(
            read_ecg(tmp_path / "rec.csv", sampling_rate=500).strip_mv, [[1, 2], [np.nan, 3]]
        )

    @pytest.mark.parametrize(("unit", "millivolts"), [("mV", 2.0), ("uV", 0.002), ("µV", 0.002), ("V", 2000.0)])
    def test_the_unit_is_taken_from_the_options(self, tmp_path, unit, millivolts):
        (tmp_path / "rec.csv").write_text("I\n2\n")

        assert read_ecg(tmp_path / "rec.csv", sampling_rate=500, unit=unit).strip_mv[0, 0] == pytest.approx(millivolts)

    @pytest.mark.parametrize(
        ("text", "options", "message"),
        [
            ("I\n1\n", {}, r"rec\.csv does not state its sampling rate\. Pass `sampling_rate=`"),
            ("1,2\n3,4\n5,6\n", {"sampling_rate": 500}, r"rec\.csv does not name its leads\. Pass `leads=`.* 2 leads"),
            ("x,y\n1,2\n", {"sampling_rate": 500}, r"rec\.csv does not name its leads\. Pass `leads=`"),
            ("1,2\n3,4\n5,6\n", {"sampling_rate": 500, "leads": ["I"]}, r"shape \(2, 3\), but `leads` names 1 leads"),
            ("I\n1\n", {"sampling_rate": 500, "unit": "mmHg"}, r"`unit` is 'mmHg'.*Pass one of mV, uV, V"),
            ("I,II\n1,2\n3\n", {"sampling_rate": 500}, r"rec\.csv cannot be read .*line 2 .* has 1 cells, not 2"),
            ("I,II\n1,two\n", {"sampling_rate": 500}, r"rec\.csv cannot be read .*'two'.*Copy the file again"),
            ("I,II\n", {"sampling_rate": 500}, r"rec\.csv cannot be read .*it has no line of voltages"),
            ("", {"sampling_rate": 500}, r"rec\.csv cannot be read .*it has no line of voltages"),
        ],
    )
    def test_a_table_that_cannot_be_used_is_refused(self, tmp_path, text, options, message):
        (tmp_path / "rec.csv").write_text(text)

        with pytest.raises(ValueError, match=message):
            read_ecg(tmp_path / "rec.csv", **options)


def save_hdf5(path, array):
    with h5py.File(path, "w") as file:
        file["group/ecg"] = array


ARRAY_WRITERS = {
    "rec.npy": np.save,
    "rec.mat": lambda path, array: savemat(path, {"val": array}),
    "struct.mat": lambda path, array: savemat(path, {"ECG": {"data": array, "age": 52, "sex": "Male"}}),
    "rec.h5": save_hdf5,
    "rec.hdf5": save_hdf5,
}


class TestArrays:
    @pytest.mark.parametrize("name", ARRAY_WRITERS)
    @pytest.mark.parametrize("dtype", [np.float32, np.int16])
    def test_the_only_matrix_of_a_file_is_the_strip(self, tmp_path, name, dtype):
        strip = np.arange(36).reshape(12, 3).astype(dtype)
        ARRAY_WRITERS[name](tmp_path / name, strip)

        recording = read_ecg(tmp_path / name, sampling_rate=400, leads=STANDARD_LEADS)

        assert (recording.leads, recording.sampling_rate) == (STANDARD_LEADS, 400.0)
        np.testing.assert_array_equal(recording.strip_mv, strip)

    @pytest.mark.parametrize("name", ARRAY_WRITERS)
    def test_the_number_of_leads_tells_rows_from_columns(self, tmp_path, name):
        strip = np.arange(36.0).reshape(12, 3)
        ARRAY_WRITERS[name](tmp_path / name, strip.T)

        np.testing.assert_array_equal(
            read_ecg(tmp_path / name, sampling_rate=400, leads=STANDARD_LEADS).strip_mv, strip
        )

    @pytest.mark.parametrize("name", ARRAY_WRITERS)
    def test_rate_and_leads_are_asked_for(self, tmp_path, name):
        ARRAY_WRITERS[name](tmp_path / name, np.zeros((12, 3)))

        with pytest.raises(ValueError, match=rf"{name} does not state its sampling rate\. Pass `sampling_rate=`"):
            read_ecg(tmp_path / name, leads=STANDARD_LEADS)
        with pytest.raises(ValueError, match=rf"{name} does not name its leads\. Pass `leads=`"):
            read_ecg(tmp_path / name, sampling_rate=400)

    @pytest.mark.parametrize("name", ARRAY_WRITERS)
    @pytest.mark.parametrize("num_bytes", [0, 100])
    def test_a_damaged_file_is_refused(self, tmp_path, name, num_bytes):
        path = tmp_path / name
        ARRAY_WRITERS[name](path, np.zeros((12, 300)))
        path.write_bytes(path.read_bytes()[:num_bytes])

        with pytest.raises(ValueError, match=rf"{name} cannot be read .*Copy the file again, or repair it"):
            read_ecg(path, sampling_rate=400, leads=STANDARD_LEADS)

    def test_a_file_of_two_matrices_is_refused_with_their_names(self, tmp_path):
        savemat(tmp_path / "rec.mat", {"ecg": np.zeros((12, 3)), "resp": np.zeros((2, 3))})

        with pytest.raises(ValueError, match=r"holds 2 arrays of two dimensions \(ecg, resp\).*pass an array"):
            read_ecg(tmp_path / "rec.mat", sampling_rate=400, leads=STANDARD_LEADS)

    def test_a_pickle_is_never_loaded(self, tmp_path):
        np.save(tmp_path / "rec.npy", np.array([[{}]], dtype=object), allow_pickle=True)

        with pytest.raises(ValueError, match=r"rec\.npy cannot be read .*allow_pickle=False"):
            read_ecg(tmp_path / "rec.npy", sampling_rate=400, leads=["I"])

    def test_links_of_an_hdf5_file_lead_neither_in_circles_nor_to_other_files(self, tmp_path):
        save_hdf5(tmp_path / "other.h5", np.ones((12, 3)))
        save_hdf5(tmp_path / "rec.h5", np.zeros((12, 3)))
        with h5py.File(tmp_path / "rec.h5", "a") as file:
            file["group/circle"] = file["group"]
            file["group/other"] = h5py.ExternalLink("other.h5", "group/ecg")
            file["group/nowhere"] = h5py.SoftLink("/missing")

        recording = read_ecg(tmp_path / "rec.h5", sampling_rate=400, leads=STANDARD_LEADS)

        np.testing.assert_array_equal(recording.strip_mv, np.zeros((12, 3)))

    def test_an_hdf5_file_whose_index_was_damaged_is_refused_in_the_end(self, tmp_path):
        save_hdf5(tmp_path / "rec.h5", np.zeros((12, 3)))
        content = (tmp_path / "rec.h5").read_bytes()
        # 32 bytes of the root group twice: HDF5's own walk over the file (h5py 3.16, `visititems`) does not end.
        (tmp_path / "rec.h5").write_bytes(content[:144] + content[112:])

        with pytest.raises(ValueError, match=r"rec\.h5 cannot be read .*Copy the file again"):
            read_ecg(tmp_path / "rec.h5", sampling_rate=400, leads=STANDARD_LEADS)

    def test_a_missing_h5py_is_reported_with_what_to_install(self, tmp_path, monkeypatch):
        save_hdf5(tmp_path / "rec.h5", np.zeros((12, 3)))
        monkeypatch.setitem(sys.modules, "h5py", None)

        with pytest.raises(ImportError, match=r"rec\.h5 needs the package h5py: `pip install h5py`"):
            read_ecg(tmp_path / "rec.h5", sampling_rate=400, leads=STANDARD_LEADS)


def break_own_code(monkeypatch, name):
    """Put a mistake of ours, not of a library, into a part of the reader."""

    def mistaken(*args, **kwargs):
        raise AttributeError("our own mistake")

    monkeypatch.setattr(ecg_files, name, mistaken)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        *((name, "_only_array") for name in ARRAY_WRITERS),
        *((name, "_put_leads_first") for name in ARRAY_WRITERS),
        *(("rec.csv", part) for part in ("_split_lines", "_numbers", "_put_leads_first")),
    ],
)
def test_a_mistake_in_our_own_code_is_not_taken_for_a_damaged_file(tmp_path, monkeypatch, name, part):
    (tmp_path / "rec.csv").write_text("1,2\n3,4\n5,6\n")
    if name in ARRAY_WRITERS:
        ARRAY_WRITERS[name](tmp_path / name, np.zeros((12, 3)))
    break_own_code(monkeypatch, part)

    with pytest.raises(AttributeError, match="our own mistake"):
        read_ecg(tmp_path / name, sampling_rate=400, leads=["I", "II"])


@pytest.mark.parametrize(
    ("name", "content", "is_ecg"),
    [
        ("rec.hea", b"", True),
        ("rec.npy", b"", True),
        ("rec.csv", b"time,I,II\n", True),
        ("rec.csv", b"1;2;3\n", True),
        ("labels.csv", b"file_name,labels\n", False),
        ("README.md", b"# ECGs\n" * 100, False),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(200), False),
        ("report.pdf", b"%PDF-1.7\n" * 50, False),
        ("page.xml", b"<?xml version='1.0'?><html></html>", False),
        ("empty", b"", False),
    ],
)
def test_ecg_files_are_told_from_others(tmp_path, name, content, is_ecg):
    (tmp_path / name).write_bytes(content)

    assert is_ecg_file(tmp_path / name) is is_ecg


@pytest.mark.data
class TestRealFiles:
    def test_a_challenge_record_with_a_mat_file_is_read(self, data_dir):
        path = sorted((data_dir / "georgia").rglob("*.mat"))[0]

        recording = read_ecg(path)

        assert (recording.leads, recording.sampling_rate) == (STANDARD_LEADS, 500.0)
        np.testing.assert_allclose(recording.strip_mv * 1000, loadmat(path)["val"], atol=1e-6)

    def test_a_matlab_struct_of_cpsc2018_is_read(self, data_dir):
        path = sorted((data_dir / "cpsc2018").rglob("*.mat"))[0]

        recording = read_ecg(path, sampling_rate=500, leads=STANDARD_LEADS)

        np.testing.assert_array_equal(recording.strip_mv, loadmat(path)["ECG"]["data"][0, 0])

    def test_a_prepared_exam_of_code15_is_read(self, data_dir):
        path = sorted((data_dir / "code15" / "mat" / "org").glob("*.mat"))[0]

        recording = read_ecg(path, sampling_rate=400, leads=STANDARD_LEADS)

        np.testing.assert_allclose(recording.strip_mv, loadmat(path)["feats"])

    def test_a_record_of_sph_is_read(self, data_dir):
        recording = read_ecg(data_dir / "sph" / "records" / "A00002.h5", sampling_rate=500, leads=STANDARD_LEADS)

        assert recording.strip_mv.shape == (12, 6000)
        assert recording.strip_mv[0, 0] == pytest.approx(-0.0376, abs=1e-4)  # mV, stored as float16

    def test_the_wfdb_exams_of_code15_are_read(self, data_dir):
        recordings = [read_ecg(path) for path in sorted((data_dir / "code15" / "wfdb").glob("*.hea"))]

        assert [recording.sampling_rate for recording in recordings] == [400.0] * 5
        assert [recording.strip_mv.shape[1] for recording in recordings] == [2934, 2934, 4096, 2934, 4096]
