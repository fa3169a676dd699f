"""The simulated corpus: the same rows for any number of processes, split by patient, with labels by name."""

import numpy as np
import pytest

from datasets_scripts import load_corpus
from datasets_scripts.schema import corpus_features
from datasets_scripts.simulated import Simulated, make_row
from datasets_scripts.simulator import ReportStyle, SimulatorSettings, condition_names, label_names, simulate_record
from datasets_scripts.terminology.measured_findings import load_measured_findings
from training_scripts.data.label import CorpusLabels


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return load_corpus("simulated", num_records=60, seed=3, cache_dir=tmp_path_factory.mktemp("simulated"))


def test_splits_hold_eighty_ten_and_ten_percent(corpus):
    assert {split: len(rows) for split, rows in corpus.items()} == {"train": 48, "validation": 6, "test": 6}


def test_no_patient_is_in_two_splits(corpus):
    patients = [set(rows["patient_id"]) for rows in corpus.values()]

    assert len(set.union(*patients)) == sum(len(group) for group in patients) == 30


def test_rows_have_the_features_of_every_corpus(corpus):
    assert corpus["train"].features == corpus_features(label_names())


def test_a_row_holds_the_simulated_record(corpus):
    row = corpus["train"].with_format("numpy")[0]
    record = simulate_record(0, seed=3)

    assert row["record_id"] == record.record_id == "sim3-r0000000"
    np.testing.assert_allclose(row["signal"] / 1000, record.strip, atol=1e-6)
    assert corpus["train"][0]["statements"] == list(record.report)
    assert corpus["train"][0]["report"] == "\n".join(record.report)


def test_labels_are_the_conditions_and_measured_findings_of_the_record(corpus):
    names = corpus["validation"].features["labels"].feature.int2str(corpus["validation"][0]["labels"])

    # Patient 8 is the first of ten who is not for training; a patient has two records.
    assert set(names) == simulate_record(16, seed=3).labels


def test_every_label_is_known(corpus):
    assert all(all(mask) and len(mask) == len(label_names()) for mask in corpus["test"]["label_mask"])


def test_the_rows_do_not_depend_on_the_number_of_processes(corpus, tmp_path):
    shared_out = load_corpus("simulated", num_records=60, seed=3, num_proc=2, cache_dir=tmp_path)

    assert all(shared_out[split].data.table.equals(rows.data.table) for split, rows in corpus.items())


def test_the_records_of_a_small_corpus_are_the_first_of_a_large_one(corpus, tmp_path):
    small = load_corpus("simulated", num_records=20, seed=3, cache_dir=tmp_path)

    assert small["train"][:] == corpus["train"][: len(small["train"])]


def test_the_configuration_conditions_leaves_the_measured_findings_out(tmp_path):
    rows = load_corpus("simulated", "conditions", num_records=20, seed=3, cache_dir=tmp_path)["train"]
    names = rows.features["labels"].feature.int2str(rows[0]["labels"])

    assert rows.features == corpus_features(condition_names())
    assert set(names) == simulate_record(0, seed=3).conditions


def test_measured_findings_are_labels_that_can_be_trained_on(corpus):
    measured = CorpusLabels.from_dataset(corpus["train"]).findings

    assert set(load_measured_findings()) < set(measured)


def test_annotations_come_on_request_and_for_any_number_of_processes(tmp_path):
    options = {"num_records": 20, "seed": 3, "has_annotations": True}

    alone = load_corpus("simulated", cache_dir=tmp_path / "alone", **options)["train"]
    shared_out = load_corpus("simulated", cache_dir=tmp_path / "shared", num_proc=2, **options)["train"]

    assert alone[0]["annotations"] == [mark._asdict() for mark in simulate_record(0, seed=3).annotations]
    assert alone.data.table.equals(shared_out.data.table)


def test_reports_can_be_german_and_without_noise(tmp_path):
    options = {"report_language": "de", "report_noise": 0.0}
    settings = SimulatorSettings(report=ReportStyle(0, 0, 0, 0, "de"))

    rows = load_corpus("simulated", num_records=20, seed=3, cache_dir=tmp_path, **options)["train"]

    assert rows[2]["statements"] == list(simulate_record(2, seed=3, settings=settings).report)


def test_negative_noise_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"`report_noise` .* is -1.*0 for complete reports"):
        load_corpus("simulated", num_records=20, report_noise=-1, cache_dir=tmp_path)


@pytest.mark.parametrize(
    "change",
    [{"num_records": 80}, {"seed": 4}, {"report_noise": 0.5}, {"report_language": "de"}, {"has_annotations": True}],
)
def test_another_size_or_seed_has_its_own_cache(tmp_path, change):
    options = {"num_records": 60, "seed": 3}

    first = Simulated(cache_dir=str(tmp_path), **options)
    second = Simulated(cache_dir=str(tmp_path), **{**options, **change})

    assert first.cache_dir != second.cache_dir


def test_the_same_options_share_a_cache_whether_spelled_out_or_not(tmp_path):
    assert (
        Simulated(cache_dir=str(tmp_path)).cache_dir
        == Simulated(cache_dir=str(tmp_path), config_name="default", num_records=2000, seed=0).cache_dir
    )


def test_a_changed_simulator_has_its_own_cache(tmp_path, monkeypatch):
    before = Simulated(cache_dir=str(tmp_path)).cache_dir

    monkeypatch.setattr("datasets_scripts.simulated.SIMULATOR_VERSION", "999.0.0")

    assert Simulated(cache_dir=str(tmp_path)).cache_dir != before


def test_too_few_records_for_three_splits_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"asked for 10 records.*--num_records.*at least 20"):
        load_corpus("simulated", num_records=10, cache_dir=tmp_path)


def test_make_row_gives_the_columns_of_the_schema():
    assert set(make_row(0, seed=0)) == {*corpus_features(label_names()), "measurements"}
