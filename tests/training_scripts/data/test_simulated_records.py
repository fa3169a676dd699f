"""`SimulatedRecords`: the corpus `simulated` without an end, and without a patient of another split."""

import numpy as np
import pytest

from datasets_scripts import load_corpus
from training_scripts.data.simulated_records import SimulatedRecords


def test_the_first_pass_is_the_prepared_corpus(tmp_path):
    corpus = load_corpus("simulated", num_records=40, cache_dir=tmp_path)

    for_training = SimulatedRecords.of_corpus(40, "train")
    for_validation = SimulatedRecords.of_corpus(40, "validation")

    assert [for_training[position]["record_id"] for position in range(32)] == list(corpus["train"]["record_id"])
    assert (len(for_training), len(for_validation)) == (32, 4)
    np.testing.assert_array_equal(for_validation[3]["signal"], corpus["validation"].with_format("numpy")[3]["signal"])


def test_later_passes_have_new_records_of_training_patients_alone():
    records = SimulatedRecords.of_corpus(20, "train")

    patients = {int(records[position]["record_id"].partition("r")[2]) // 2 for position in range(16, 40)}

    # of ten patients in a row the first eight are for training; the prepared corpus has those below 10
    assert all(patient >= 10 and patient % 10 < 8 for patient in patients)


def test_a_record_is_the_same_whenever_it_is_made():
    first, again = (SimulatedRecords("train", 8)[5] for _ in range(2))

    np.testing.assert_array_equal(first["signal"], again["signal"])
    assert first["labels"] == again["labels"]


def test_several_records_are_those_asked_for_one_by_one():
    records = SimulatedRecords("train", 8)

    assert [row["record_id"] for row in records.__getitems__([3, 1])] == [
        records[3]["record_id"],
        records[1]["record_id"],
    ]


def test_records_of_hidden_labels_are_replaced_by_others():
    records = SimulatedRecords("train", 16)
    names = records.features["labels"].feature.names
    normal = names.index("normal ecg")

    labels = [set(records.without_labels([normal])[position]["labels"]) for position in range(16)]

    assert any(normal in records[position]["labels"] for position in range(16))
    assert not any(normal in found for found in labels)


def test_hiding_every_label_is_an_error(monkeypatch):
    monkeypatch.setattr("training_scripts.data.simulated_records.MAX_REDRAWS", 2)
    records = SimulatedRecords("train", 8)
    num_labels = len(records.features["labels"].feature.names)

    with pytest.raises(ValueError, match=r"2 simulated records in a row have one of .*`--held_out_findings`"):
        records.without_labels(range(num_labels))[0]


def test_a_pass_may_be_shortened():
    assert len(SimulatedRecords("train", 16).select(range(4))) == 4
