"""Simulated records in the layouts of PTB-XL and MIMIC-IV-ECG: our own builders read them back as they were."""

import numpy as np
import pytest
import wfdb

from datasets_scripts import load_corpus
from datasets_scripts.schema import to_microvolts
from datasets_scripts.simulator import simulate_record
from datasets_scripts.simulator.export.export_ptb_xl import export_ptb_xl, scp_codes_of
from datasets_scripts.terminology.findings import load_terminology


NUM_RECORDS = 40
RECORDS = {str(index): simulate_record(index, seed=2) for index in range(NUM_RECORDS)}


@pytest.fixture(scope="module")
def ptb_xl(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ptb-xl")
    export_ptb_xl(folder, NUM_RECORDS, seed=2, has_annotations=True)
    return folder


def rows_of(name, folder, tmp_path, config_name=None, **options):
    corpus = load_corpus(name, config_name, data_dir=folder, cache_dir=tmp_path, **options)
    return [row for rows in corpus.values() for row in rows.with_format("numpy")]


def findings_of(row, names):
    terminology = load_terminology()
    return {terminology.find_label(names[index], config_name="all").name for index in row["labels"]}


def test_ptb_xl_samples_are_those_of_the_records(ptb_xl, tmp_path):
    rows = rows_of("ptb_xl", ptb_xl, tmp_path, "all")

    assert len(rows) >= NUM_RECORDS - 2
    expected = [to_microvolts(RECORDS[str(int(row["record_id"]) - 1)].strip) for row in rows]
    np.testing.assert_array_equal([row["signal"] for row in rows], expected)


def test_ptb_xl_labels_are_conditions_of_the_records(ptb_xl, tmp_path):
    corpus = load_corpus("ptb_xl", "all", data_dir=ptb_xl, cache_dir=tmp_path)
    names = corpus["train"].features["labels"].feature.names
    terminology = load_terminology()
    coded = {terminology.find_label(name, config_name="all").name for name in names}

    rows = [row for split in corpus.values() for row in split]
    conditions = [RECORDS[str(int(row["record_id"]) - 1)].conditions for row in rows]
    precise = [names - {above for name in names for above in terminology.ancestors(name)} for names in conditions]

    # Two codes may stand for one finding, and a code for a wider one: what is precise and coded must be there.
    assert all(findings_of(row, names) <= true for row, true in zip(rows, conditions, strict=True))
    assert all(exact & coded <= findings_of(row, names) for row, exact in zip(rows, precise, strict=True))


def test_ptb_xl_splits_are_those_of_the_simulated_corpus(ptb_xl, tmp_path):
    exported = load_corpus("ptb_xl", "all", data_dir=ptb_xl, cache_dir=tmp_path)
    simulated = load_corpus("simulated", num_records=NUM_RECORDS, seed=2, cache_dir=tmp_path)

    numbers = {split: {int(name) - 1 for name in rows["record_id"]} for split, rows in exported.items()}
    expected = {split: {int(name[-7:]) for name in rows["record_id"]} for split, rows in simulated.items()}

    assert all(numbers[split] <= expected[split] for split in expected)


def test_ptb_xl_rows_hold_report_age_and_sex(ptb_xl, tmp_path):
    row = next(row for row in rows_of("ptb_xl", ptb_xl, tmp_path, "all") if row["record_id"] == "1")

    assert row["report"] == "\n".join(RECORDS["0"].report)
    assert row["sex"] == RECORDS["0"].sex
    assert row["age"] == min(RECORDS["0"].age, 90)


def test_the_100_hz_release_is_the_same_recording(ptb_xl):
    fast, slow = (
        wfdb.rdsamp(str(ptb_xl / f"records{rate}/00000/00001_{suffix}")) for rate, suffix in ((500, "hr"), (100, "lr"))
    )

    assert slow[1]["fs"] == 100
    assert slow[0].shape == (1000, 12)
    assert np.corrcoef(slow[0][:, 1], fast[0][::5, 1])[0, 1] > 0.97


def test_annotations_lie_beside_the_recording(ptb_xl):
    read = wfdb.rdann(str(ptb_xl / "records500/00000/00001_hr"), "atr")
    expected = [(mark.sample, mark.symbol) for mark in RECORDS["0"].annotations]

    assert sorted(zip(read.sample.tolist(), read.symbol, strict=True)) == sorted(expected)


def test_scp_codes_are_those_of_the_most_precise_conditions():
    conditions = frozenset(
        {
            "anteroseptal myocardial infarction",
            "anterior myocardial infarction",
            "myocardial infarction",
            "sinus rhythm",
        }
    )

    assert scp_codes_of(conditions) == {"ASMI": 100.0, "SR": 0.0}
