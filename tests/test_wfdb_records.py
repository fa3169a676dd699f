"""`read_wfdb_record`: the fast reader and `wfdb` tell the same microvolts, and what is odd is left to `wfdb`."""

import numpy as np
import pytest
import wfdb
from conftest import PTB_XL_LEADS, make_microvolts, write_ptb_xl_record

from datasets_scripts import wfdb_records
from datasets_scripts.wfdb_records import read_wfdb_record


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

    monkeypatch.setattr(wfdb_records.wfdb, "rdrecord", refuse)


def edit_header(record, old, new):
    header = record.with_suffix(".hea")
    header.write_text(header.read_text().replace(old, new))


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
    "comments": ("00001_hr 12", "# <age>: 56\n00001_hr 12"),
}


@pytest.mark.parametrize(("old", "new"), HEADERS.values(), ids=HEADERS)
def test_every_dialect_of_the_header_gives_the_voltages_of_wfdb(record, old, new):
    edit_header(record, old, new)

    np.testing.assert_allclose(read(record), microvolts_of_wfdb(record), atol=0.5)


def test_an_ordinary_record_is_read_without_the_slow_header_parser(record, without_wfdb):
    np.testing.assert_array_equal(read(record), make_microvolts(1).T)


@pytest.mark.parametrize(
    ("old", "new"),
    [("hr.dat 16", "hr.dat 16x1"), ("hr.dat 16", "hr.dat 16+24"), ("hr.dat", "other.dat"), ("1000.0(0)/mV", "0")],
    ids=["samples per frame", "offset", "other file", "no gain"],
)
def test_what_is_odd_is_left_to_wfdb(record, without_wfdb, old, new):
    edit_header(record, old, new)

    with pytest.raises(ValueError, match=r"00001_hr is not a readable WFDB record.*left to wfdb.*Download"):
        read(record)


def test_a_signal_file_of_another_length_is_left_to_wfdb(record, without_wfdb):
    signals = record.with_suffix(".dat")
    signals.write_bytes(signals.read_bytes()[:-24])

    with pytest.raises(ValueError, match=r"00001_hr is not a readable WFDB record.*left to wfdb.*Download"):
        read(record)


@pytest.mark.parametrize(("unit", "factor"), [("uV", 1), ("mv", 1000), ("V", 1_000_000)])
def test_units_are_volts_with_a_prefix(tmp_path, unit, factor):
    digital = np.full((5000, 12), 3, dtype=np.int16)
    write_ptb_xl_record(tmp_path / "1", digital, sampling_rate=500, gain=1000.0)
    edit_header(tmp_path / "1", "1000.0(0)/mV", f"1000.0(0)/{unit}")

    assert np.unique(read(tmp_path / "1")).tolist() == [min(round(3 * factor / 1000), 32767)]


def test_a_voltage_beyond_the_range_is_cut(tmp_path):
    write_ptb_xl_record(tmp_path / "1", np.full((5000, 12), 30000, np.int16), sampling_rate=500, gain=100.0)

    assert np.unique(read(tmp_path / "1")).tolist() == [32767]


def test_a_lead_of_lost_samples_does_not_disturb_the_others(tmp_path):
    microvolts = make_microvolts(1)
    microvolts[:, 5] = -32768
    write_ptb_xl_record(tmp_path / "1", microvolts, sampling_rate=500, leads=PTB_XL_LEADS)

    recording = read_wfdb_record(tmp_path / "1", sampling_rate=500)

    assert recording.leads == [lead for lead in PTB_XL_LEADS if lead != "AVF"]
    np.testing.assert_array_equal(recording.microvolts[5], make_microvolts(1)[:, 6])


def test_a_record_without_any_sample_is_refused(tmp_path):
    write_ptb_xl_record(tmp_path / "1", np.full((100, 12), -32768, np.int16), sampling_rate=500)

    with pytest.raises(ValueError, match=r"1\.dat holds no recorded sample\. Repair"):
        read(tmp_path / "1")


@pytest.mark.data
def test_real_records_are_read_fast_and_equal_those_of_wfdb(data_dir, without_wfdb):
    records = sorted((data_dir / "ptb-xl" / "records500" / "00000").glob("*.hea"))[::25]
    digital = [np.fromfile(path.with_suffix(".dat"), "<i2").reshape(5000, 12).T for path in records]

    signals = [read(path.with_suffix("")) for path in records]

    np.testing.assert_array_equal(np.stack(signals), np.stack(digital))
