"""Files that the user may not read: every reader names the file and what to do about it."""

import h5py
import numpy as np
import pytest
import scipy.io
from helpers.records.ptb_xl_records import write_ptb_xl_record

from datasets_scripts.cpsc2018 import read_ecg_struct
from datasets_scripts.readers.hdf5_reader import open_hdf5
from datasets_scripts.readers.wfdb_reader import read_wfdb_record
from modeling_supreme.ecg_files import is_ecg_file, read_ecg


def read_corpus_record(path):
    return read_wfdb_record(path.with_suffix(""), sampling_rate=500)


@pytest.fixture
def forbidden_files(forbidden_folder):
    """One file of each kind that nobody may read, beside the others of its record."""
    microvolts = np.ones((50, 12), dtype=np.int16)
    for name, suffix in (("header", ".hea"), ("signals", ".dat")):
        write_ptb_xl_record(forbidden_folder / name, microvolts, sampling_rate=500)
        (forbidden_folder / name).with_suffix(suffix).chmod(0)
    np.save(forbidden_folder / "array.npy", microvolts)
    (forbidden_folder / "table.csv").write_text("I,II\n1,2\n")
    scipy.io.savemat(forbidden_folder / "struct.mat", {"ECG": {"data": microvolts.T}})
    with h5py.File(forbidden_folder / "tracings.h5", "w") as file:
        file["ecg"] = microvolts
    for name in ("array.npy", "table.csv", "struct.mat", "tracings.h5"):
        (forbidden_folder / name).chmod(0)
    return forbidden_folder


@pytest.mark.parametrize(
    ("read", "path", "named"),
    [
        (read_corpus_record, "header.hea", "header.hea"),
        (read_corpus_record, "signals.hea", "signals.dat"),
        (read_ecg, "header.hea", "header.hea"),
        (read_ecg, "signals.hea", "signals.dat"),
        (read_ecg, "array.npy", "array.npy"),
        (read_ecg, "table.csv", "table.csv"),
        (open_hdf5, "tracings.h5", "tracings.h5"),
        (read_ecg_struct, "struct.mat", "struct.mat"),
    ],
)
def test_a_forbidden_file_is_named_with_a_remedy(forbidden_files, read, path, named):
    options = {"sampling_rate": 500} if path in ("array.npy", "table.csv") else {}

    with pytest.raises(PermissionError, match=rf"{named} cannot be read: this user lacks the permission.*chmod u\+r"):
        read(forbidden_files / path, **options)


def test_a_forbidden_table_is_not_overlooked_among_the_files_of_a_folder(forbidden_files):
    assert is_ecg_file(forbidden_files / "table.csv")
