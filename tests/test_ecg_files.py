"""`read_wfdb` and `recording_from_row`: the recorded leads, in millivolts, under the names the file gives them."""

import re
import sys

import numpy as np
import pytest
import wfdb

from datasets_scripts import load_corpus
from modeling_supreme.ecg_files import read_wfdb, recording_from_row


RAMP = np.linspace(-1, 1, 100)


def write_record(folder, name="rec", *, leads=("I", "II"), units=None, values=None):
    """A WFDB record of 100 samples at 250 Hz, by default the same ramp from -1 to 1 in the unit of each lead."""
    wfdb.wrsamp(
        name,
        fs=250,
        units=list(units or ["mV"] * len(leads)),
        sig_name=list(leads),
        p_signal=RAMP[:, None] * np.ones(len(leads)) if values is None else values,
        fmt=["16"] * len(leads),
        write_dir=str(folder),
    )
    return folder / name


def test_a_record_is_read_with_its_rate_its_leads_and_millivolts(tmp_path):
    path = write_record(tmp_path)

    recording = read_wfdb(path)

    assert (recording.sampling_rate, recording.leads) == (250.0, ("I", "II"))
    np.testing.assert_allclose(recording.strip, [RAMP, RAMP], atol=1e-4)


@pytest.mark.parametrize("suffix", ["", ".hea", ".dat"])
def test_a_record_is_found_by_its_name_its_header_and_its_signal_file(tmp_path, suffix):
    path = write_record(tmp_path).with_name(f"rec{suffix}")

    recordings = [read_wfdb(path), read_wfdb(str(path))]

    assert [recording.strip.shape for recording in recordings] == [(2, 100), (2, 100)]


@pytest.mark.parametrize(("unit", "millivolts"), [("mV", 1.0), ("uV", 1e-3), ("V", 1e3), ("MV", 1.0)])
def test_every_unit_of_voltage_becomes_millivolts(tmp_path, unit, millivolts):
    path = write_record(tmp_path, units=["mV", unit])

    recording = read_wfdb(path)

    np.testing.assert_allclose(recording.strip, [RAMP, RAMP * millivolts], atol=1e-4 * millivolts + 1e-4)


def test_a_lead_in_another_unit_is_refused_with_header_and_unit(tmp_path):
    path = write_record(tmp_path, units=["mV", "mmHg"])

    with pytest.raises(ValueError, match=r"rec\.hea: a lead is stored in mmHg, not mV\. Correct the unit"):
        read_wfdb(path)


def test_leads_keep_the_order_and_the_spelling_of_the_header(tmp_path):
    values = RAMP[:, None] * [1.0, 0.5, 0.25]
    path = write_record(tmp_path, leads=("V6", "AVR", "ii"), values=values)

    recording = read_wfdb(path)

    assert recording.leads == ("V6", "AVR", "ii")
    np.testing.assert_allclose(recording.strip, values.T, atol=1e-4)


def test_signals_that_are_no_standard_leads_are_left_out_whatever_their_unit(tmp_path):
    path = write_record(tmp_path, leads=("vx", "V1", "PLETH"), units=["mV", "mV", "NU"])

    recording = read_wfdb(path)

    assert (recording.leads, recording.strip.shape) == (("V1",), (1, 100))


def test_a_record_without_a_standard_lead_is_refused_with_its_signals(tmp_path):
    path = write_record(tmp_path, leads=("vx", "ECG"))

    with pytest.raises(
        ValueError, match=r"rec\.hea: none of its signals \(vx, ECG\).*Rename them.*array with `leads`"
    ):
        read_wfdb(path)


def test_a_missing_record_is_reported_with_its_full_path(tmp_path):
    path = tmp_path / "s0001"

    with pytest.raises(
        FileNotFoundError, match=rf"no ECG record at {re.escape(str(path))}: .*s0001\.hea does not exist"
    ):
        read_wfdb(path)


def test_a_folder_is_no_record(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no ECG record at .*Give the path of a WFDB record"):
        read_wfdb(tmp_path)


def test_a_header_without_its_signal_file_is_reported_as_damaged(tmp_path):
    path = write_record(tmp_path)
    path.with_suffix(".dat").unlink()

    with pytest.raises(
        ValueError, match=r"rec\.hea: the record cannot be read \(FileNotFoundError.*Download its files"
    ):
        read_wfdb(path)


@pytest.mark.parametrize("header", ["", "this is no header\n", "rec 2 250 100\n"], ids=["empty", "prose", "cut off"])
def test_a_damaged_header_is_reported_with_its_path(tmp_path, header):
    path = write_record(tmp_path)
    path.with_suffix(".hea").write_text(header, encoding="utf-8")

    with pytest.raises(ValueError, match=r"rec\.hea: the record cannot be read \(.*Download its files again"):
        read_wfdb(path)


def test_a_signal_file_that_ends_early_is_reported_with_its_path(tmp_path):
    path = write_record(tmp_path)
    path.with_suffix(".dat").write_bytes(b"\0" * 10)

    with pytest.raises(ValueError, match=r"rec\.hea: the record cannot be read \(.*Download its files again"):
        read_wfdb(path)


def test_reading_a_file_without_wfdb_says_what_to_install(tmp_path, monkeypatch):
    path = write_record(tmp_path)
    monkeypatch.setitem(sys.modules, "wfdb", None)

    with pytest.raises(ImportError, match=r"rec needs the package wfdb: `pip install wfdb`, or pass an array"):
        read_wfdb(path)


@pytest.fixture
def row():
    """Lead n holds n µV; III and V6 were not recorded, and the strip lasts 3000 samples."""
    lead_mask = [True] * 12
    lead_mask[2] = lead_mask[11] = False
    return {
        "signal": np.arange(12, dtype=np.int16)[:, None] * np.ones(5000, dtype=np.int16),
        "lead_mask": lead_mask,
        "num_samples": 3000,
    }


def test_a_row_gives_its_recorded_leads_without_padding(row):
    recording = recording_from_row(row)

    assert recording.leads == ("I", "II", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5")
    assert (recording.strip.shape, recording.sampling_rate) == ((10, 3000), 500)


def test_microvolts_of_a_row_become_millivolts(row):
    recording = recording_from_row(row)

    np.testing.assert_allclose(recording.strip[:, 0], np.array([0, 1, 3, 4, 5, 6, 7, 8, 9, 10]) / 1000, rtol=1e-6)


@pytest.mark.parametrize("data_format", [None, "numpy", "torch"])
def test_rows_of_a_corpus_are_read_in_every_format(ptb_xl_dir, data_format):
    corpus = load_corpus("ptb_xl", "superclass", data_dir=ptb_xl_dir)["test"]
    microvolts = corpus.with_format("numpy")[0]["signal"]

    recording = recording_from_row(corpus.with_format(data_format)[0])

    np.testing.assert_allclose(recording.strip, microvolts / 1000, rtol=1e-6)
