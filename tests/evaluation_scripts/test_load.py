"""What is evaluated: splits of a corpus with their labels, and checkpoints that answer queries."""

import numpy as np
import pytest

from datasets_scripts import load_corpus
from evaluation_scripts.arguments import EvaluationArguments
from evaluation_scripts.load import load_checkpoint, load_records
from modeling_supreme import SupremeEcgConfig, SupremeForEcgClassification


def load_ptb_xl(ptb_xl_dir, **options):
    """Records of PTB-XL's superclasses."""
    arguments = EvaluationArguments(
        model_name_or_path="unused", output_dir="unused", dataset_name="ptb_xl", data_dir=str(ptb_xl_dir), **options
    )
    return load_records(arguments, "superclass")


def test_splits_follow_each_other_in_the_order_asked_for(ptb_xl_dir):
    records = load_ptb_xl(ptb_xl_dir, split="test + validation")

    assert records.rows["record_id"][:] == ["10", "20", "9", "19"]
    assert records.row_splits == ["test", "test", "validation", "validation"]
    assert records.name == "ptb_xl/superclass/test + validation"


def test_the_first_records_are_kept_where_their_number_is_limited(ptb_xl_dir):
    records = load_ptb_xl(ptb_xl_dir, split="test+validation", max_eval_samples=3)

    assert records.rows["record_id"][:] == ["10", "20", "9"]
    assert records.locate()["split"].tolist() == ["test", "test", "validation"]


def test_labels_are_a_matrix_in_the_order_of_the_label_names(ptb_xl_dir):
    records = load_ptb_xl(ptb_xl_dir, split="test")

    assert records.label_names == ["NORM", "MI", "STTC", "CD", "HYP"]
    np.testing.assert_array_equal(records.read_labels(), [[1, 0, 0, 0, 0]] * 2)


def test_the_simulated_corpus_has_the_records_asked_for(monkeypatch):
    asked = {}

    def load_and_note(*names, **options):
        asked.update(options)
        return load_corpus(*names, **options)

    monkeypatch.setattr("evaluation_scripts.load.load_corpus", load_and_note)
    arguments = EvaluationArguments(
        *("unused", "simulated", "unused"), split="train+validation+test", num_records=20, preprocessing_num_workers=1
    )

    records = load_records(arguments, None)

    assert len(records.rows) == 20
    assert asked["num_proc"] == 1


def test_a_split_that_does_not_exist_is_refused(ptb_xl_dir):
    with pytest.raises(ValueError, match=r"ptb_xl has no split dev\. Choose among train, validation, test"):
        load_ptb_xl(ptb_xl_dir, split="dev+test")


def test_a_split_without_records_is_refused(ptb_xl_dir, tmp_path):
    rows = load_ptb_xl(ptb_xl_dir, split="test").rows
    rows.to_parquet(tmp_path / "test.parquet")
    arguments = EvaluationArguments(
        model_name_or_path="unused", output_dir="unused", dataset_name=str(tmp_path), split="validation"
    )

    with pytest.raises(ValueError, match=r"split validation has no record.*Choose another split"):
        load_records(arguments, None)


def test_a_classifier_is_refused_with_the_place_of_its_figures(tmp_path):
    config = SupremeEcgConfig.from_preset("hybrid", id2label={0: "normal ecg"}, label2id={"normal ecg": 0})
    SupremeForEcgClassification(config).save_pretrained(tmp_path / "classifier")

    with pytest.raises(
        ValueError, match=r"classifier holds a SupremeEcgModel, which answers no queries.*eval_results"
    ):
        load_checkpoint(str(tmp_path / "classifier"))
