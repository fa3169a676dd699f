"""WFDB records of any format: the recorded leads in millivolts, under the names that the header gives them."""

import re
import sys

import numpy as np
import pytest
import wfdb

from modeling_supreme import wfdb_files
from modeling_supreme.wfdb_files import read_signals, read_wfdb


RAMP = np.linspace(-1, 1, 100)


def write_record(folder, name="rec", *, leads=("I", "II"), units=None, values=None, signal_format="16"):
    """A WFDB record of 100 samples at 250 Hz, by default the same ramp from -1 to 1 in the unit of each lead."""
    wfdb.wrsamp(
        name,
        fs=250,
        units=list(units or ["mV"] * len(leads)),
        sig_name=list(leads),
        p_signal=RAMP[:, None] * np.ones(len(leads)) if values is None else values,
        fmt=[signal_format] * len(leads),
        write_dir=str(folder),
    )
    return folder / name


def test_a_record_is_read_with_its_rate_its_leads_and_millivolts(tmp_path):
    path = write_record(tmp_path)

    recording = read_wfdb(path)

    assert (recording.sampling_rate, recording.leads) == (250.0, ("I", "II"))
    np.testing.assert_allclose(recording.strip_mv, [RAMP, RAMP], atol=1e-4)


@pytest.mark.parametrize("suffix", ["", ".hea", ".dat"])
def test_a_record_is_found_by_its_name_its_header_and_its_signal_file(tmp_path, suffix):
    path = write_record(tmp_path).with_name(f"rec{suffix}")

    recordings = [read_wfdb(path), read_wfdb(str(path))]

    assert [recording.strip_mv.shape for recording in recordings] == [(2, 100), (2, 100)]


@pytest.mark.parametrize(("unit", "millivolts"), [("mV", 1.0), ("uV", 1e-3), ("V", 1e3), ("MV", 1.0)])
def test_every_unit_of_voltage_becomes_millivolts(tmp_path, unit, millivolts):
    path = write_record(tmp_path, units=["mV", unit])

    recording = read_wfdb(path)

    np.testing.assert_allclose(recording.strip_mv, [RAMP, RAMP * millivolts], atol=1e-4 * millivolts + 1e-4)


def test_a_lead_in_another_unit_is_refused_with_header_and_unit(tmp_path):
    path = write_record(tmp_path, units=["mV", "mmHg"])

    with pytest.raises(ValueError, match=r"rec\.hea: a lead is stored in mmHg, not mV\. Correct the unit"):
        read_wfdb(path)


def test_leads_keep_the_order_and_the_spelling_of_the_header(tmp_path):
    values = RAMP[:, None] * [1.0, 0.5, 0.25]
    path = write_record(tmp_path, leads=("V6", "AVR", "ii"), values=values)

    recording = read_wfdb(path)

    assert recording.leads == ("V6", "AVR", "ii")
    np.testing.assert_allclose(recording.strip_mv, values.T, atol=1e-4)


def test_signals_that_are_no_standard_leads_are_left_out_whatever_their_unit(tmp_path):
    path = write_record(tmp_path, leads=("vx", "V1", "PLETH"), units=["mV", "mV", "NU"])

    recording = read_wfdb(path)

    assert (recording.leads, recording.strip_mv.shape) == (("V1",), (1, 100))


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
    path = write_record(tmp_path, signal_format="212")
    monkeypatch.setitem(sys.modules, "wfdb", None)

    with pytest.raises(ImportError, match=r"rec needs the package wfdb: `pip install wfdb`, or pass an array"):
        read_wfdb(path)


def test_a_record_of_the_common_kind_needs_no_wfdb(tmp_path, monkeypatch):
    path = write_record(tmp_path)
    expected = wfdb.rdsamp(str(path))[0].T
    monkeypatch.setitem(sys.modules, "wfdb", None)

    np.testing.assert_array_equal(read_wfdb(path).strip_mv, expected)


@pytest.mark.parametrize("signal_format", ["80", "16", "24", "32", "212"])
def test_every_format_gives_the_voltages_of_wfdb_and_nan_where_nothing_was_recorded(tmp_path, signal_format):
    values = RAMP[:, None] * [1.0, 0.5]
    values[20:30, 1] = np.nan
    path = write_record(tmp_path, values=values, signal_format=signal_format)

    strip_mv = read_wfdb(path).strip_mv

    np.testing.assert_array_equal(strip_mv, wfdb.rdsamp(str(path))[0].T)
    assert np.isnan(strip_mv[1]).sum() == 10


def test_a_record_of_several_segments_is_read_as_one(tmp_path):
    write_record(tmp_path, "s1", values=RAMP[:, None] * [1.0, 0.5])
    write_record(tmp_path, "s2", values=RAMP[:, None] * [0.1, 2.0])  # of another gain
    (tmp_path / "rec.hea").write_text("rec/2 2 250 200\ns1 100\ns2 100\n")

    recording = read_wfdb(tmp_path / "rec")

    np.testing.assert_array_equal(recording.strip_mv, wfdb.rdsamp(str(tmp_path / "rec"))[0].T)
    assert (recording.leads, recording.strip_mv.shape) == (("I", "II"), (2, 200))


def test_a_record_is_kept_as_it_is_stored(tmp_path):
    path = write_record(tmp_path)

    signals = read_signals(path)

    assert (signals.digital.dtype, signals.digital.shape) == (np.dtype("int16"), (2, 100))
    assert (signals.names, signals.formats, signals.filenames) == (["I", "II"], ["16"] * 2, ["rec.dat"] * 2)


@pytest.mark.parametrize("part", ["_read_plain", "_read_with_wfdb", "WfdbSignals"])
def test_a_mistake_in_our_own_code_is_not_taken_for_a_damaged_record(tmp_path, monkeypatch, part):
    path = write_record(tmp_path, signal_format="212")

    def mistaken(*args, **kwargs):
        raise AttributeError("our own mistake")

    monkeypatch.setattr(wfdb_files, part, mistaken)

    with pytest.raises(AttributeError, match="our own mistake"):
        read_wfdb(path)


@pytest.mark.parametrize("error", [AttributeError, TypeError, MemoryError, IndexError, ZeroDivisionError])
def test_whatever_wfdb_raises_on_a_record_reads_as_damage(tmp_path, monkeypatch, error):
    path = write_record(tmp_path, signal_format="212")

    def fail(*args, **kwargs):
        raise error("deep within the library")

    monkeypatch.setattr(wfdb, "rdrecord", fail)

    with pytest.raises(ValueError, match=rf"rec\.hea: the record cannot be read \({error.__name__}: deep.*Download"):
        read_wfdb(path)
