"""Recordings of a day: their first ten seconds take hardly any memory in every format that recorders write."""

import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
from helpers.ecg_file_writers import write_edf, write_edf_signals, write_ishne
from helpers.repository import ROOT
from helpers.strips import make_strip

from modeling_supreme.leads import STANDARD_LEADS


DAY_S, RATE = 86_400, 500
TABLE_S = 7200  # of a table, whose numbers do take place on the disk
MICROVOLTS = np.rint(make_strip() * 1000).astype("<i2")  # (12, 5000), 10 s
MAX_MEGABYTES = 100

# Peak memory above that after the imports, in MB, and what was read.
SCRIPT = """
import sys
import ecgdatakit, h5py, modeling_supreme, pydicom, scipy.io
from modeling_supreme.ecg_files import read_ecg

def peak():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM"))

before = peak()
leads = "I,II,III,aVR,aVL,aVF,V1,V2,V3,V4,V5,V6"
recording = read_ecg(sys.argv[1], sampling_rate=500, leads=leads, max_seconds=10)
print(peak() - before, recording.num_samples, recording.account.seconds_found)
"""


def stretch(path, num_bytes):
    """Go on with a hole, which takes no place on the disk."""
    os.truncate(path, num_bytes)


def write_wfdb_day(path):
    lines = [f"day.dat 16 1000/mV 16 0 0 0 0 {lead}" for lead in STANDARD_LEADS]
    path.write_text("\n".join([f"day 12 {RATE} {DAY_S * RATE}", *lines]))
    path.with_suffix(".dat").write_bytes(MICROVOLTS.T.tobytes())
    stretch(path.with_suffix(".dat"), DAY_S * RATE * 24)


def write_edf_day(path):
    write_edf(path, MICROVOLTS, STANDARD_LEADS, num_records=DAY_S)
    stretch(path, 256 * 13 + DAY_S * RATE * 24)


def write_bdf_day(path):
    write_edf_signals(path, MICROVOLTS, STANDARD_LEADS, num_records=DAY_S, is_bdf=True)
    stretch(path, 256 * 13 + DAY_S * RATE * 36)


def write_ishne_day(path):
    write_ishne(path, MICROVOLTS, STANDARD_LEADS)
    stretch(path, 522 + DAY_S * RATE * 24)


def write_npy_day(path):
    array = np.lib.format.open_memmap(path, mode="w+", dtype="<f4", shape=(12, DAY_S * RATE))
    array[:, :5000] = MICROVOLTS / 1000


def write_hdf5_day(path):
    with h5py.File(path, "w") as file:
        array = file.create_dataset("ecg", (12, DAY_S * RATE), "<f4")
        array[:, :5000] = MICROVOLTS / 1000
        array[:, -1] = 0.0


def write_csv_day(path):
    block = "".join(f"{value / 1000:.3f}\n" for value in MICROVOLTS[0])
    with path.open("w") as file:
        file.write("I\n")
        for _ in range(TABLE_S // 10):
            file.write(block)


WRITERS = {
    "day.hea": write_wfdb_day,
    "day.edf": write_edf_day,
    "day.bdf": write_bdf_day,
    "day.ecg": write_ishne_day,
    "day.npy": write_npy_day,
    "day.h5": write_hdf5_day,
    "day.csv": write_csv_day,
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.parametrize("name", WRITERS)
def test_ten_seconds_of_a_day_take_little_memory(tmp_path, name):
    WRITERS[name](tmp_path / name)

    command = [sys.executable, "-c", SCRIPT, str(tmp_path / name)]
    run = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, timeout=120)

    megabytes, num_samples, seconds = run.stdout.split()
    assert float(megabytes) < MAX_MEGABYTES
    assert (int(num_samples), float(seconds)) == (5000, TABLE_S if name == "day.csv" else DAY_S)
