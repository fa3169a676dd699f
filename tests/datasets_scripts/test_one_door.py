"""One door: a real record is the same voltages and the same account by path, by folder, and in its corpus."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from datasets_scripts import BUILDERS
from datasets_scripts.schema import signal_windows
from modeling_supreme.ecg_files import read_ecg
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.wfdb_files import read_wfdb


# Folder of the records, corpus, and its options. `code15/wfdb` is the edition of another challenge, which no builder
# reads; the diagnoses of PTB are no codes, so that only its signals are read as the Challenge reads them.
CORPORA = {
    "ptb-xl/records500": ("ptb_xl", "ptb-xl", {}),
    "ptb-xl/records100": ("ptb_xl", "ptb-xl", {"sampling_rate": 100}),
    "chapman-shaoxing-ningbo": ("chapman_shaoxing_ningbo", "chapman-shaoxing-ningbo", {}),
    "georgia": ("challenge2021", "georgia", {}),
    "ptb": ("challenge2021", "ptb", {}),
    "code15/wfdb": ("ecg_folder", "code15/wfdb", {}),
}
NUM_RECORDS = {
    "ptb-xl/records500": 500,
    "ptb-xl/records100": 500,
    "chapman-shaoxing-ningbo": 19,
    "georgia": 20,
    "ptb": 1,
    "code15/wfdb": 5,
}


def make_builder(name, data_dir, tmp_path, **options):
    return BUILDERS[name](data_dir=str(data_dir), cache_dir=str(tmp_path), **options)


def told(recording):
    """Voltages, leads, rate and account of a recording, but for its source."""
    account = replace(recording.account, source=None)
    return recording.microvolts.tobytes(), recording.leads, recording.sampling_rate, account


@pytest.mark.data
@pytest.mark.parametrize("folder", CORPORA)
def test_a_record_is_the_same_whichever_way_it_is_read(data_dir, tmp_path, folder):
    corpus, corpus_folder, options = CORPORA[folder]
    in_folder = make_builder("ecg_folder", data_dir / folder, tmp_path)
    in_corpus = make_builder(corpus, data_dir / corpus_folder, tmp_path, **options)
    headers = sorted((data_dir / folder).rglob("*.hea"))

    differing = [
        header.name
        for header in headers
        if len(
            {
                told(read_ecg(header)).__repr__(),
                told(read_wfdb(header.with_suffix(""))).__repr__(),
                told(in_folder._read_recording({"path": str(header), "record_id": header.stem})).__repr__(),
                told(in_corpus._read_recording({"path": str(header), "record_id": header.stem})).__repr__(),
            }
        )
        > 1
    ]

    assert (len(headers), differing) == (NUM_RECORDS[folder], [])


@pytest.mark.data
def test_there_are_1045_of_them(data_dir):
    found = Counter(path.relative_to(data_dir).parts[0] for path in data_dir.rglob("*.hea"))

    assert sum(found.values()) == sum(NUM_RECORDS.values()) == 1045


@pytest.mark.data
def test_a_row_has_the_voltages_of_its_record(data_dir):
    header = data_dir / "ptb-xl/records500/00000/00001_hr.hea"
    recording = read_ecg(header)

    (row,) = signal_windows(recording, record_id="1")

    places = [STANDARD_LEADS.index(lead) for lead in recording.leads]
    np.testing.assert_array_equal(row["signal"][places], recording.microvolts)
