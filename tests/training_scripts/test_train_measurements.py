"""`train.py --measurement_head`: numbers are learnt beside labels, from whatever corpus has them, and calibrated."""

import json
import logging
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.training_runs import are_equal, read_weights, train, train_in_two_parts
from transformers import AutoModel

from datasets_scripts import load_corpus
from datasets_scripts.simulator import measurement_keys
from modeling_supreme.command_line import CommandLineError
from training_scripts.data.simulated_records import SimulatedRecords
from training_scripts.run.log import read_lines


pytestmark = pytest.mark.usefixtures("tiny_preset")


@pytest.fixture(scope="module")
def simulated_dir(tmp_path_factory):
    """Twenty simulated records with their numbers, prepared."""
    folder = tmp_path_factory.mktemp("simulated")
    corpus = load_corpus("simulated", num_records=20, has_measurements=True, cache_dir=folder / "cache")
    for split, rows in corpus.items():
        rows.to_parquet(folder / "corpus" / f"{split}-00000-of-00001.parquet")
    return folder / "corpus"


@pytest.fixture(scope="module")
def head_flags(model_flags, simulated_dir):
    """Four steps of a model with a head, on sixteen records."""
    return [
        *model_flags,
        *("--dataset_name", str(simulated_dir), "--min_positives", "1", "--measurement_head", "pooled"),
        *("--per_device_train_batch_size", "4", "--max_train_steps", "4", "--num_calibration_records", "0"),
        *("--gain", "0.15", "--rate_jitter", "0.05"),
    ]


@pytest.fixture(scope="module")
def trained(head_flags, tmp_path_factory):
    """A run whose numbers were calibrated on sixty records."""
    output_dir = tmp_path_factory.mktemp("trained")
    flags = [*head_flags, "--ecg_encoder", "hybrid", "--num_calibration_records", "60"]
    return SimpleNamespace(flags=flags, output_dir=output_dir, results=train(output_dir, flags))


class TestWhatARunLeaves:
    def test_the_checkpoint_measures_what_the_corpus_has(self, trained):
        model = AutoModel.from_pretrained(trained.output_dir)

        found = model(torch.zeros(1, 12, 5000), query_embeds=torch.zeros(1, 32)).measurements
        assert model.config.measurements == list(measurement_keys())
        assert found.value.shape == (1, 270)

    def test_its_units_are_those_of_the_training_records(self, trained):
        head = AutoModel.from_pretrained(trained.output_dir).measurement_head
        qrs_ms = [SimulatedRecords("train", 16)[place]["measurements"]["qrs_ms"] for place in range(16)]

        place = measurement_keys().index("qrs_ms")
        assert head.center[place].item() == pytest.approx(np.mean(qrs_ms), rel=1e-5)
        assert head.spread[place].item() == pytest.approx(max(np.std(qrs_ms), 0.1 * np.mean(qrs_ms)), rel=1e-5)

    def test_it_is_calibrated_and_says_how_well(self, trained):
        head = AutoModel.from_pretrained(trained.output_dir).measurement_head
        told = trained.results["measurements"]

        assert (told["num_fitted"], told["num_checked"]) == (40, 20)
        assert {"mae", "bias", "coverage_80", "num_records"} == set(told["figures"]["qrs_ms"])
        assert (head.bias != 0).any()
        assert (head.loadings != 0).any()

    def test_the_card_says_how_far_the_numbers_are_off(self, trained):
        card = (trained.output_dir / "README.md").read_text(encoding="utf-8")

        error = trained.results["measurements"]["figures"]["qrs_ms"]["mae"]
        assert f"| `qrs_ms` | ms | {error:.2f} |" in card
        assert "20 simulated records of other patients" in card

    def test_every_step_logs_the_parts_of_the_loss(self, trained):
        line = read_lines(trained.output_dir / "train_log.jsonl")[0]

        parts = [line[f"loss_{part}"] for part in ("labels", "measurements", "measurable")]
        assert line["loss"] == pytest.approx(parts[0] + 0.1 * parts[1] + 0.1 * parts[2], rel=1e-5)

    def test_every_validation_has_the_errors_of_all_measurements_and_names_the_main_ones(self, trained):
        (line,) = read_lines(trained.output_dir / "validation_log.jsonl")

        assert line["validation_mae_qrs_ms"] == line["mae"]["qrs_ms"] > 0
        assert line["mae"]["t_mv_V3"] > 0
        assert {name for name in trained.results if "mae" in name} == {
            f"validation_mae_{key}" for key in ("rate_per_min", "pr_ms", "qrs_ms", "qt_ms", "axis_deg")
        }


class TestLearning:
    def test_the_head_and_the_encoder_learn_from_numbers_alone(self, head_flags, tmp_path):
        flags = [*head_flags, "--learning_rate", "0.01", "--max_train_steps", "60", "--measurement_weight", "10"]

        train(tmp_path, [*flags, "--gain", "0", "--rate_jitter", "0"])

        costs = [line["loss_measurements"] for line in read_lines(tmp_path / "train_log.jsonl")]
        assert np.mean(costs[-8:]) < np.mean(costs[:4]) - 0.3

    def test_queries_learn_too(self, head_flags, tmp_path):
        train(tmp_path, [*head_flags, "--measurement_head", "queries"])

        assert AutoModel.from_pretrained(tmp_path).config.measurement_head == "queries"

    def test_a_mixture_learns_from_the_corpus_that_has_them(self, head_flags, ptb_xl_dir, simulated_dir, tmp_path):
        mixed = ["--dataset_name", str(simulated_dir), "ptb_xl", "--dataset_config_name", "none", "hierarchy"]

        results = train(tmp_path, [*head_flags, *mixed, "--data_dir", "none", str(ptb_xl_dir)])

        assert results["num_train_records"] == 32
        assert results["validation_mae_qrs_ms"] > 0

    def test_records_made_on_the_fly_have_their_numbers(self, head_flags, tmp_path):
        flags = [*head_flags, "--dataset_name", "simulated", "--on_the_fly", "--num_records", "20"]

        assert train(tmp_path, [*flags, "--max_train_steps", "1"])["validation_mae_qrs_ms"] > 0

    def test_a_corpus_that_is_simulated_for_the_run_gets_them(self, head_flags, tmp_path, monkeypatch):
        monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
        flags = [*head_flags, "--dataset_name", "simulated", "--num_records", "20", "--max_train_steps", "1"]

        assert train(tmp_path / "run", flags)["validation_mae_qrs_ms"] > 0

    def test_shards_are_streamed_with_their_numbers(self, head_flags, tmp_path):
        assert train(tmp_path, [*head_flags, "--streaming", "--max_train_steps", "1"])["validation_mae_qrs_ms"] > 0


class TestResuming:
    def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(self, trained, tmp_path):
        results = train_in_two_parts(tmp_path, trained.flags, 2)

        assert are_equal(read_weights(tmp_path), read_weights(trained.output_dir))
        assert results["measurements"] == trained.results["measurements"]


class TestGoingOn:
    def test_a_checkpoint_keeps_its_head_and_its_units(self, head_flags, trained, tmp_path):
        flags = [flag for flag in head_flags if flag not in ("--measurement_head", "pooled")]

        train(tmp_path, [*flags, "--model_name_or_path", str(trained.output_dir), "--max_train_steps", "1"])

        old, new = (read_weights(folder) for folder in (trained.output_dir, tmp_path))
        assert torch.equal(old["measurement_head.spread"], new["measurement_head.spread"])
        assert not torch.equal(old["measurement_head.location.weight"], new["measurement_head.location.weight"])

    def test_the_old_calibration_is_taken_from_it(self, head_flags, trained, tmp_path):
        train(tmp_path, [*head_flags, "--model_name_or_path", str(trained.output_dir), "--max_train_steps", "1"])

        head = AutoModel.from_pretrained(tmp_path).measurement_head
        assert (head.bias.abs().sum(), head.loadings.abs().sum()) == (0, 0)
        assert head.sd_factor.tolist() == [1.0] * 270

    def test_another_head_takes_its_place_if_asked_for(self, head_flags, trained, tmp_path):
        flags = [*head_flags, "--measurement_head", "queries", "--model_name_or_path", str(trained.output_dir)]

        train(tmp_path, [*flags, "--max_train_steps", "1"])

        assert AutoModel.from_pretrained(tmp_path).config.measurement_head == "queries"

    def test_without_numbers_to_learn_the_head_is_left_out_and_it_is_said(self, flags, trained, tmp_path, caplog):
        with caplog.at_level(logging.WARNING):
            train(tmp_path, [*flags, "--model_name_or_path", str(trained.output_dir)])

        assert AutoModel.from_pretrained(tmp_path).measurement_head is None
        assert "The measurement head is left out" in caplog.text


class TestRefusals:
    def test_a_head_without_numbers_to_learn_is_an_error(self, flags, tmp_path):
        with pytest.raises(CommandLineError, match=r"`--measurement_head pooled` .*no corpus has any.*--has_measurem"):
            train(tmp_path, [*flags, "--measurement_head", "pooled"])

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--measurement_weight", "-1"], r"`--measurement_weight` is -1\.0\. Choose a number from 0 to 100"),
            (["--num_calibration_records", "-5"], r"`--num_calibration_records` is -5\. .*0 for none"),
        ],
    )
    def test_numbers_out_of_range_are_named(self, head_flags, tmp_path, words, message):
        with pytest.raises(Exception, match=message):
            train(tmp_path, [*head_flags, *words])


def test_without_a_head_nothing_changes(flags, tmp_path):
    results = train(tmp_path, flags)

    assert not [name for name in results if "measure" in name or "mae" in name]
    assert json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))["measurements"] == []
