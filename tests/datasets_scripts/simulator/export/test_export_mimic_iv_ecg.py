"""Simulated records in the layout of MIMIC-IV-ECG are read by its builder as the records they are."""

import numpy as np
import pandas as pd
import pytest
import wfdb

from datasets_scripts import load_corpus
from datasets_scripts.schema import to_microvolts
from datasets_scripts.simulator import simulate_record
from datasets_scripts.simulator.export.export_mimic_iv_ecg import export_mimic_iv_ecg, machine_figures


NUM_RECORDS = 40
RECORDS = {str(index): simulate_record(index, seed=2) for index in range(NUM_RECORDS)}


@pytest.fixture(scope="module")
def mimic_iv_ecg(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mimic-iv-ecg")
    export_mimic_iv_ecg(folder, NUM_RECORDS, seed=2)
    return folder


def rows_of(name, folder, tmp_path, config_name=None, **options):
    corpus = load_corpus(name, config_name, data_dir=folder, cache_dir=tmp_path, **options)
    return [row for rows in corpus.values() for row in rows.with_format("numpy")]


def test_mimic_samples_are_those_of_the_records_in_steps_of_5_microvolts(mimic_iv_ecg, tmp_path):
    rows = rows_of("mimic_iv_ecg", mimic_iv_ecg, tmp_path)

    assert len(rows) == NUM_RECORDS
    expected = [to_microvolts(RECORDS[str(int(row["record_id"]) - 40_000_000)].strip) for row in rows]
    np.testing.assert_allclose([row["signal"] for row in rows], expected, atol=2.5)


def test_mimic_stores_avf_before_avl(mimic_iv_ecg):
    header = wfdb.rdheader(str(mimic_iv_ecg / "files/p1000/p10000000/s40000000/40000000"))

    assert header.sig_name[3:6] == ["aVR", "aVF", "aVL"]


def test_mimic_rows_hold_the_statements_and_the_machine_figures(mimic_iv_ecg, tmp_path):
    row = next(row for row in rows_of("mimic_iv_ecg", mimic_iv_ecg, tmp_path) if row["record_id"] == "40000000")

    assert list(row["statements"]) == list(RECORDS["0"].report)
    assert row["qrs_end"] - row["qrs_onset"] == pytest.approx(RECORDS["0"].measurements["qrs_ms"], abs=2)
    assert row["rr_interval"] == pytest.approx(60_000 / RECORDS["0"].measurements["rate_per_min"], abs=2)
    assert row["qrs_axis"] == pytest.approx(RECORDS["0"].axis_deg, abs=1)


def test_a_cart_measures_no_p_wave_in_atrial_fibrillation():
    figures = machine_figures(simulate_record(0, seed=1, condition="atrial fibrillation"))

    assert {figures[name] for name in ("p_onset", "p_end", "p_axis")} == {29999}
    assert figures["qrs_onset"] < figures["qrs_end"] < figures["t_end"]


def test_mimic_tables_have_the_official_columns(mimic_iv_ecg):
    measurements = pd.read_csv(mimic_iv_ecg / "machine_measurements.csv")
    records = pd.read_csv(mimic_iv_ecg / "record_list.csv")

    assert list(records) == ["subject_id", "study_id", "file_name", "ecg_time", "path"]
    assert {"cart_id", "bandwidth", "filtering", "report_0", "report_17", "t_axis"} <= set(measurements)
