"""`train.py --objective classification`: a probe or a fine-tuned model, chosen on validation, tested once."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from datasets import Dataset
from helpers.training_runs import run_python
from helpers.training_runs import train as train_for_results
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from sklearn.metrics import roc_auc_score
from transformers import AutoFeatureExtractor, AutoModelForSequenceClassification

from training_scripts.arguments import (
    DataArguments,
    ModelArguments,
    ObjectiveArguments,
    RunArguments,
    TrainArguments,
)
from training_scripts.data.records import draw_fraction
from training_scripts.data.training_data import load_data
from training_scripts.objectives.classification import ClassificationObjective, build_classifier
from training_scripts.objectives.supervised import SupervisedObjective


SUPERCLASSES = {
    "normal ecg",
    "myocardial infarction",
    "st-t changes",
    "conduction disturbance",
    "hypertrophy",
}


def train(output_dir, flags):
    """Run the script in this process."""
    return SimpleNamespace(dir=output_dir, results=train_for_results(output_dir, flags))


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def corpus_dir(ptb_xl_dir, tmp_path_factory):
    """Sixteen records to learn from, two to choose by and two to test, one of each two a normal ECG."""
    folder = tmp_path_factory.mktemp("corpus") / "ptb-xl"
    shutil.copytree(ptb_xl_dir, folder)
    table = pd.read_csv(folder / "ptbxl_database.csv", index_col="ecg_id")
    table.loc[[19, 20], "scp_codes"] = ["{'NORM': 100.0}", "{'IMI': 100.0}"]
    table.to_csv(folder / "ptbxl_database.csv")
    return folder


@pytest.fixture(scope="module")
def flags(corpus_dir, tiny_checkpoint_dir):
    return [
        *("--objective", "classification", "--model_name_or_path", str(tiny_checkpoint_dir), "--min_positives", "0"),
        *("--dataset_name", "ptb_xl", "--dataset_config_name", "superclass", "--data_dir", str(corpus_dir)),
        *("--max_train_steps", "4", "--per_device_train_batch_size", "8", "--learning_rate", "0.01"),
        *("--eval_steps", "2", "--load_best_model_at_end"),
    ]


@pytest.fixture(scope="module")
def probe(flags, tmp_path_factory):
    return train(tmp_path_factory.mktemp("probe"), [*flags, "--freeze_encoder"])


@pytest.fixture(scope="module")
def tuned(flags, tmp_path_factory):
    return train(tmp_path_factory.mktemp("tuned"), flags)


def encoder_weights(checkpoint_dir):
    weights = load_file(checkpoint_dir / "model.safetensors")
    return {name: value for name, value in weights.items() if name.startswith("ecg_model.")}


class TestProbe:
    def test_the_encoder_is_left_as_it_was(self, probe, tiny_checkpoint_dir):
        before, after = encoder_weights(tiny_checkpoint_dir), encoder_weights(probe.dir)

        assert before.keys() == after.keys()
        assert all(torch.equal(before[name], after[name]) for name in before)

    def test_only_the_head_was_trained(self, probe):
        assert probe.results["num_trained_parameters"] == 2 * 32 + 32 * 5 + 5

    def test_labels_are_findings(self, probe):
        model = AutoModelForSequenceClassification.from_pretrained(probe.dir)

        assert set(model.config.id2label.values()) == SUPERCLASSES
        assert {model.config.label2id[name]: name for name in SUPERCLASSES} == model.config.id2label

    def test_the_feature_extractor_is_that_of_the_checkpoint(self, probe, tiny_checkpoint_dir):
        before, after = (AutoFeatureExtractor.from_pretrained(each) for each in (tiny_checkpoint_dir, probe.dir))

        assert after.to_dict() == before.to_dict()

    def test_the_card_says_how_it_was_made_and_tested(self, probe):
        card = ModelCard.load(probe.dir / "README.md")

        assert "frozen (linear probe)" in card.text
        assert "AutoModelForSequenceClassification" in card.text
        assert "zero-shot-ecg-classification" not in card.data.tags


class TestFineTuning:
    def test_the_encoder_learns_too(self, tuned, tiny_checkpoint_dir):
        before, after = encoder_weights(tiny_checkpoint_dir), encoder_weights(tuned.dir)

        assert [name for name in before if name.endswith("weight") and torch.equal(before[name], after[name])] == []

    def test_a_run_that_was_cut_short_ends_where_an_uninterrupted_one_does(self, flags, tmp_path):
        flags = [*flags, "--lr_scheduler_type", "constant", "--checkpointing_steps", "1"]
        whole = train(tmp_path / "whole", flags)

        train(tmp_path / "cut", [*flags, "--max_train_steps", "3"])
        resumed = train(tmp_path / "cut", [*flags, "--resume_from_checkpoint", "latest"])

        assert resumed.results["num_steps"] == 4
        assert resumed.results["validation_loss"] == whole.results["validation_loss"]

    def test_without_a_checkpoint_the_encoder_is_a_preset_with_random_weights(self):
        model, extractor = build_classifier(ModelArguments(ecg_encoder="hybrid"), ["pause", "normal ecg"])

        assert (model.config.hidden_size, model.config.num_labels) == (96, 2)
        assert extractor.sampling_rate == 500


class TestTestRecords:
    def test_the_figures_are_those_of_the_saved_checkpoint(self, probe):
        predictions = pd.read_parquet(probe.dir / "predictions.parquet")
        result = read_json(probe.dir / "eval_results.json")["results"]["ptb_xl/superclass/test"]

        scored = [name for name in SUPERCLASSES if name not in result["skipped_conditions"]]
        expected = [roc_auc_score(predictions[f"label_{name}"], predictions[f"score_{name}"]) for name in scored]
        assert result["auroc_macro"] == pytest.approx(np.mean(expected))
        assert probe.results["test_auroc_macro"] == result["auroc_macro"]

    def test_they_are_the_test_records_of_the_corpus(self, probe):
        predictions = pd.read_parquet(probe.dir / "predictions.parquet")

        assert predictions["record_id"].tolist() == ["10", "20"]  # fold 10
        assert set(predictions["split"]) == {"test"}

    @pytest.mark.slow
    def test_all_are_read_whatever_the_number_of_processes(self, flags, tmp_path, monkeypatch):
        monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
        launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "train.py"]

        run_python(tmp_path, *launch, *flags, "--freeze_encoder", "--output_dir", tmp_path / "two")

        predictions = pd.read_parquet(tmp_path / "two" / "predictions.parquet")
        assert predictions["record_id"].tolist() == ["10", "20"]

    def test_they_are_read_once_after_the_last_step(self, flags, tmp_path, monkeypatch):
        test, lengths = ClassificationObjective.test, []

        def test_and_note(*args, **keywords):
            lengths.append(len((tmp_path / "train_log.jsonl").read_text().splitlines()))
            return test(*args, **keywords)

        monkeypatch.setattr(ClassificationObjective, "test", test_and_note)

        train(tmp_path, [*flags, "--freeze_encoder"])

        assert lengths == [4]

    def test_scores_are_probabilities_of_each_finding_alone(self, probe):
        predictions = pd.read_parquet(probe.dir / "predictions.parquet")

        scores = predictions[[f"score_{name}" for name in SUPERCLASSES]].to_numpy()
        assert ((scores > 0) & (scores < 1)).all()
        assert (abs(scores.sum(axis=1) - 1) > 1e-3).all()

    def test_the_protocol_is_written_down(self, probe):
        protocol = read_json(probe.dir / "eval_results.json")["protocol"]

        assert "Linear probe" in protocol["description"]
        assert "best on the validation records" in protocol["description"]


class TestFraction:
    @pytest.fixture
    def records(self):
        return Dataset.from_dict({"record_id": [str(number) for number in range(200)]})

    @pytest.mark.parametrize(("fraction", "num_records"), [(0.01, 2), (0.1, 20), (0.001, 1), (1.0, 200)])
    def test_a_share_has_its_size_and_never_none(self, records, fraction, num_records):
        assert len(draw_fraction(records, fraction, seed=0)) == num_records

    def test_the_seed_decides_which(self, records):
        first, again, other = (draw_fraction(records, 0.1, seed=seed)["record_id"][:] for seed in (1, 1, 2))

        assert first == again != other

    def test_a_smaller_share_is_part_of_a_larger(self, records):
        small, large = (set(draw_fraction(records, fraction, seed=3)["record_id"][:]) for fraction in (0.05, 0.2))

        assert small < large

    def test_findings_stay_those_of_all_records(self, ptb_xl_dir):
        options = {"dataset_name": ["ptb_xl"], "dataset_config_name": ["superclass"], "data_dir": [str(ptb_xl_dir)]}

        data = load_data(DataArguments(**options, min_positives=0, train_fraction=0.0625))

        assert (len(data.corpora[0].train), set(data.findings)) == (1, SUPERCLASSES)

    @pytest.mark.parametrize("fraction", [0.0, 1.5])
    def test_a_share_that_is_none_is_refused(self, fraction):
        with pytest.raises(ValueError, match=rf"`--train_fraction` is {fraction}.*choose above 0, up to 1"):
            DataArguments(dataset_name=["ptb_xl"], train_fraction=fraction)

    def test_a_share_of_records_without_end_is_refused(self):
        with pytest.raises(ValueError, match=r"`--train_fraction` is 0.5, but `--on_the_fly`.*Leave one of them out"):
            DataArguments(dataset_name=["simulated"], on_the_fly=True, train_fraction=0.5)


def make_arguments(data, *, model=None, **objective):
    """Arguments of a run on some data."""
    return RunArguments(model or ModelArguments(), data, ObjectiveArguments(**objective), TrainArguments("runs/test"))


class TestRefusals:
    @pytest.mark.parametrize(
        ("data", "objective", "flag"),
        [
            ({"streaming": True}, {}, "streaming"),
            ({"dataset_name": ["simulated"], "on_the_fly": True}, {}, "on_the_fly"),
            ({"held_out_findings": ["pause"]}, {}, "held_out_findings"),
            ({}, {"num_queries_per_step": 5}, "num_queries_per_step"),
        ],
    )
    def test_what_a_classifier_cannot_do_is_refused(self, data, objective, flag):
        data = DataArguments(**{"dataset_name": ["ptb_xl"], **data})

        with pytest.raises(ValueError, match=rf"classification` takes no `--{flag}`.*Leave it out"):
            ClassificationObjective.check_arguments(make_arguments(data, **objective))

    def test_several_corpora_are_refused(self):
        data = DataArguments(dataset_name=["ptb_xl", "cpsc2018"])

        with pytest.raises(ValueError, match=r"learns one corpus, not ptb_xl and cpsc2018.*Name one"):
            ClassificationObjective.check_arguments(make_arguments(data))

    def test_a_frozen_encoder_is_for_classifiers(self):
        data = DataArguments(dataset_name=["ptb_xl"])

        with pytest.raises(ValueError, match=r"`--freeze_encoder` is for a linear probe.*--objective classification"):
            SupervisedObjective.check_arguments(make_arguments(data, model=ModelArguments(freeze_encoder=True)))

    def test_the_head_of_other_findings_is_refused(self, probe):
        others = ["pause", "asystole", "atrial flutter", "sinus rhythm", "pacing"]

        with pytest.raises(
            ValueError, match=r"is a classifier of .*, not of pause, asystole.*Start from the checkpoint"
        ):
            build_classifier(ModelArguments(model_name_or_path=str(probe.dir)), others)
