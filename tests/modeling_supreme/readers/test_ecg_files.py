"""`read_ecg` and its parts: the reader that a file needs, and files of arrays."""

import sys
import time

import h5py
import numpy as np
import pytest
from helpers.ecg_file_writers import WRITERS
from helpers.strips import make_strip
from scipy.io import loadmat, savemat

from modeling_supreme import ecg_files
from modeling_supreme.ecg_files import is_ecg_file, read_ecg
from modeling_supreme.leads import STANDARD_LEADS


STRIP_MV = make_strip().astype(np.float64)  # (12, 5000)
OPTIONS = {"sampling_rate": 500, "leads": STANDARD_LEADS}


def test_a_missing_file_is_reported_with_its_path(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no ECG record at \S+/rec\.edf: the file does not exist\. Give the"):
        read_ecg(tmp_path / "rec.edf")


def test_a_folder_is_no_record(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no ECG record at \S+: that is a folder\. Give the path"):
        read_ecg(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rec.edf", b"", "it is empty. Download or copy the file again"),
        ("rec.pdf", b"%PDF-1.7", "it is a PDF. Export the voltages"),
        ("rec.png", b"\x89PNG\r\n\x1a\n" + bytes(200), "it is a picture. Export the voltages"),
        ("rec.xlsx", b"PK\x03\x04" + bytes(200), "it is a ZIP archive or an Excel workbook. Unpack it, or save"),
        (
            "rec.dat",
            b"version https://git-lfs.github.com/spec/v1",
            "a pointer of Git LFS. Fetch the file with",
        ),
        ("rec.edf", b"<!DOCTYPE html><html>", "it is a web page. Download the file again"),
        ("rec.atc", b"ALIVE\0\0\0", "it is an AliveCor ATC file. Export the recording as EDF or CSV"),
        ("rec.json", b'{"waveformSamples": [1, 2]}', "it is JSON. Write its voltages as CSV"),
        (
            "rec.dat",
            bytes(range(256)),
            "Convert it, for example to WFDB or EDF; if it belongs to a",
        ),
    ],
)
def test_a_file_of_another_kind_is_refused_with_what_it_is(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(ValueError, match=rf"{name} is no ECG file of a known kind.*") as caught:
        read_ecg(tmp_path / name)
    assert message in str(caught.value)


def save_hdf5(path, array):
    with h5py.File(path, "w") as file:
        file["group/ecg"] = array


def save_mat_7_3(path, array, **words):
    """As MATLAB saves with `-v7.3`: HDF5 behind 512 bytes, arrays transposed, letters as numbers."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file["val"] = array.T
        for name, word in words.items():
            file[name] = np.frombuffer(word.encode("utf-16-le"), np.uint16)[:, None]
            file[name].attrs["MATLAB_class"] = np.bytes_("char")
    content = bytearray(path.read_bytes())
    content[:128] = b"MATLAB 7.3 MAT-file".ljust(116) + bytes(8) + b"\x00\x02IM"
    path.write_bytes(content)


ARRAY_WRITERS = {
    "rec.npy": np.save,
    "rec.npz": lambda path, array: np.savez_compressed(path, signal=array),
    "rec.mat": lambda path, array: savemat(path, {"val": array}),
    "struct.mat": lambda path, array: savemat(path, {"ECG": {"data": array, "age": 52, "sex": "Male"}}),
    "new.mat": save_mat_7_3,
    "rec.h5": save_hdf5,
    "rec.hdf5": save_hdf5,
}


class TestArrays:
    @pytest.mark.parametrize("name", ARRAY_WRITERS)
    @pytest.mark.parametrize("dtype", ["<f4", ">f8", "<f2", "<i2"])
    def test_the_only_matrix_of_a_file_is_the_strip(self, tmp_path, name, dtype):
        stored = (STRIP_MV * (1000 if dtype == "<i2" else 1)).astype(dtype)
        ARRAY_WRITERS[name](tmp_path / name, stored)

        recording = read_ecg(tmp_path / name, unit="uV" if dtype == "<i2" else "mV", **OPTIONS)

        assert (recording.leads, recording.sampling_rate) == (STANDARD_LEADS, 500)
        np.testing.assert_allclose(recording.strip_mv, STRIP_MV, atol=2e-3)

    @pytest.mark.parametrize("name", ARRAY_WRITERS)
    def test_the_number_of_leads_tells_rows_from_columns(self, tmp_path, name):
        ARRAY_WRITERS[name](tmp_path / name, STRIP_MV.T)

        np.testing.assert_allclose(read_ecg(tmp_path / name, **OPTIONS).strip_mv, STRIP_MV)

    @pytest.mark.parametrize("name", ARRAY_WRITERS)
    def test_rate_and_leads_are_asked_for(self, tmp_path, name):
        ARRAY_WRITERS[name](tmp_path / name, STRIP_MV)

        with pytest.raises(ValueError, match=rf"{name} does not state its sampling rate\. Pass `sampling_rate=`"):
            read_ecg(tmp_path / name, leads=STANDARD_LEADS)
        with pytest.raises(ValueError, match=rf"{name} does not name its leads\. Pass `leads=`.* 12 leads"):
            read_ecg(tmp_path / name, sampling_rate=500)

    @pytest.mark.parametrize("name", ARRAY_WRITERS)
    def test_only_the_beginning_is_taken_where_that_is_asked_for(self, tmp_path, name):
        ARRAY_WRITERS[name](tmp_path / name, STRIP_MV)

        recording = read_ecg(tmp_path / name, max_seconds=2.5, **OPTIONS)

        np.testing.assert_allclose(recording.strip_mv, STRIP_MV[:, :1250])
        assert recording.account.seconds_found == 10.0

    @pytest.mark.parametrize("name", ARRAY_WRITERS)
    @pytest.mark.parametrize("num_bytes", [100, 1000])
    def test_a_file_that_ends_early_is_refused(self, tmp_path, name, num_bytes):
        ARRAY_WRITERS[name](tmp_path / name, STRIP_MV)
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:num_bytes])

        with pytest.raises(ValueError, match=rf"{name} cannot be read \("):
            read_ecg(tmp_path / name, **OPTIONS)

    def test_a_file_may_say_its_rate_its_leads_and_its_unit(self, tmp_path):
        words = {"lead_names": list(STANDARD_LEADS), "fs": 500, "units": "uV"}
        np.savez(tmp_path / "rec.npz", val=STRIP_MV * 1000, **words)
        savemat(tmp_path / "rec.mat", {"ECG": {"data": STRIP_MV * 1000, **words}})
        with h5py.File(tmp_path / "rec.h5", "w") as file:
            file["ecg"] = STRIP_MV * 1000
            file["ecg"].attrs.update({"sampling_rate": 500, "leads": list(STANDARD_LEADS), "unit": "uV"})

        for name in ("rec.npz", "rec.mat", "rec.h5"):
            recording = read_ecg(tmp_path / name)
            assert (recording.leads, recording.sampling_rate) == (STANDARD_LEADS, 500)
            np.testing.assert_allclose(recording.strip_mv, STRIP_MV, atol=1e-9)
            assert recording.account.unit_from == "file"

    def test_words_of_matlab_7_3_are_read(self, tmp_path):
        save_mat_7_3(tmp_path / "rec.mat", STRIP_MV[1:2], leads="II", unit="mV")

        assert read_ecg(tmp_path / "rec.mat", sampling_rate=500).leads == ("II",)

    def test_fields_of_an_array_are_leads(self, tmp_path):
        fields = np.zeros(5000, dtype=[(lead, "f4") for lead in ("I", "II")])
        fields["I"], fields["II"] = STRIP_MV[:2]
        np.save(tmp_path / "rec.npy", fields)

        np.testing.assert_allclose(read_ecg(tmp_path / "rec.npy", sampling_rate=500).strip_mv, STRIP_MV[:2], atol=1e-6)

    @pytest.mark.parametrize("other", [np.zeros((2, 3)), np.zeros((12, 40))])
    def test_of_several_matrices_the_one_that_fits_and_is_called_so_is_the_strip(self, tmp_path, other):
        savemat(tmp_path / "rec.mat", {"val": STRIP_MV, "resp": other})

        recording = read_ecg(tmp_path / "rec.mat", **OPTIONS)

        np.testing.assert_allclose(recording.strip_mv, STRIP_MV)
        assert recording.account.left_out == {"resp": "beside the strip, val"}

    def test_matrices_that_cannot_be_told_apart_are_refused_with_their_names(self, tmp_path):
        savemat(tmp_path / "rec.mat", {"a": np.zeros((12, 3)), "b": np.zeros((12, 3))})

        with pytest.raises(ValueError, match=r"holds 2 arrays of two dimensions \(a, b\).*pass an array"):
            read_ecg(tmp_path / "rec.mat", **OPTIONS)

    def test_a_batch_of_recordings_is_refused_with_its_shape(self, tmp_path):
        np.save(tmp_path / "rec.npy", np.zeros((4, 12, 50)))

        with pytest.raises(ValueError, match=r"rec\.npy cannot be read .*array 4x12x50.*pass an array"):
            read_ecg(tmp_path / "rec.npy", **OPTIONS)

    def test_claims_of_terabytes_are_refused_at_once(self, tmp_path):
        np.save(tmp_path / "rec.npy", STRIP_MV)
        content = (tmp_path / "rec.npy").read_bytes()
        (tmp_path / "rec.npy").write_bytes(content.replace(b"(12, 5000), }          ", b"(12, 999999999999), }  "))
        with h5py.File(tmp_path / "rec.h5", "w") as file:
            file.create_dataset("ecg", (12, 10**12), "f8", chunks=(12, 1000))
        began = time.monotonic()

        for name in ("rec.npy", "rec.h5"):
            with pytest.raises(ValueError, match=rf"{name} cannot be read .*states \d+ (numbers|bytes)"):
                read_ecg(tmp_path / name, **OPTIONS)
        assert time.monotonic() - began < 1

    def test_a_pickle_is_never_loaded(self, tmp_path):
        np.save(tmp_path / "rec.npy", np.array([[{}]], dtype=object), allow_pickle=True)

        with pytest.raises(ValueError, match=r"rec\.npy cannot be read .*allow_pickle=False"):
            read_ecg(tmp_path / "rec.npy", sampling_rate=500, leads=["I"])

    def test_links_of_an_hdf5_file_lead_neither_in_circles_nor_to_other_files(self, tmp_path):
        save_hdf5(tmp_path / "other.h5", -STRIP_MV)
        save_hdf5(tmp_path / "rec.h5", STRIP_MV)
        with h5py.File(tmp_path / "rec.h5", "a") as file:
            file["group/circle"] = file["group"]
            file["group/other"] = h5py.ExternalLink("other.h5", "group/ecg")
            file["group/nowhere"] = h5py.SoftLink("/missing")

        recording = read_ecg(tmp_path / "rec.h5", **OPTIONS)

        np.testing.assert_allclose(recording.strip_mv, STRIP_MV)

    def test_an_hdf5_file_whose_index_was_damaged_is_refused_in_the_end(self, tmp_path):
        save_hdf5(tmp_path / "rec.h5", STRIP_MV)
        content = (tmp_path / "rec.h5").read_bytes()
        # 32 bytes of the root group twice: HDF5's own walk over the file (h5py 3.16, `visititems`) does not end.
        (tmp_path / "rec.h5").write_bytes(content[:144] + content[112:])

        with pytest.raises(ValueError, match=r"rec\.h5 cannot be read"):
            read_ecg(tmp_path / "rec.h5", **OPTIONS)

    def test_a_missing_h5py_is_reported_with_what_to_install(self, tmp_path, monkeypatch):
        save_hdf5(tmp_path / "rec.h5", STRIP_MV)
        monkeypatch.setitem(sys.modules, "h5py", None)

        with pytest.raises(ImportError, match=r"rec\.h5 needs the package h5py: `pip install h5py`"):
            read_ecg(tmp_path / "rec.h5", **OPTIONS)


@pytest.mark.parametrize("name", ARRAY_WRITERS)
@pytest.mark.parametrize("part", ["_choose_array", "_take"])
def test_a_mistake_in_our_own_code_is_not_taken_for_a_damaged_file(tmp_path, monkeypatch, name, part):
    ARRAY_WRITERS[name](tmp_path / name, STRIP_MV)

    def mistaken(*args):
        raise AttributeError("our own mistake")

    monkeypatch.setattr(ecg_files, part, mistaken)

    with pytest.raises(AttributeError, match="our own mistake"):
        read_ecg(tmp_path / name, **OPTIONS)


@pytest.mark.parametrize(
    ("name", "content", "is_ecg"),
    [
        ("rec.hea", b"", True),
        ("rec.npy", b"", True),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(200), False),
        ("report.pdf", b"%PDF-1.7\n" * 50, False),
        ("page.xml", b"<?xml version='1.0'?><html></html>", False),
        ("empty", b"", False),
        ("sheet.csv", b"PK\x03\x04" + bytes(100), False),
    ],
)
def test_ecg_files_are_told_from_others(tmp_path, name, content, is_ecg):
    (tmp_path / name).write_bytes(content)

    assert is_ecg_file(tmp_path / name) is is_ecg


@pytest.mark.parametrize("name", WRITERS)
def test_clinical_formats_are_ecg_files(tmp_path, name):
    WRITERS[name](tmp_path / name, np.rint(STRIP_MV * 1000).astype(np.int16), STANDARD_LEADS)

    assert is_ecg_file(tmp_path / name)


@pytest.mark.data
class TestRealFiles:
    def test_a_challenge_record_with_a_mat_file_is_read(self, data_dir):
        path = sorted((data_dir / "georgia").rglob("*.mat"))[0]

        recording = read_ecg(path)

        assert (recording.leads, recording.sampling_rate) == (STANDARD_LEADS, 500.0)
        np.testing.assert_array_equal(recording.microvolts, loadmat(path)["val"])

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
