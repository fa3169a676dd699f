"""The benchmarks of training, scoring and evaluation measure what they say, and run where there is no GPU."""

import doctest
import json
import subprocess
import sys

import pytest
import torch
from helpers.repository import ROOT
from transformers import BertConfig


sys.path.insert(0, str(ROOT / "benchmarks"))

import bootstrap
import flops
import gpu
import steps
import train_step
import turns
import zero_shot_latency

from modeling_supreme.command_line import parse_arguments
from training_scripts.arguments import DataArguments, ModelArguments, ObjectiveArguments, TrainArguments


TINY_BERT = {"vocab_size": 50, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 16}


@pytest.fixture(autouse=True)
def same_threads():
    """The scripts choose a number of threads for the whole process."""
    num_threads = torch.get_num_threads()
    yield
    torch.set_num_threads(num_threads)


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


class TestTurns:
    def test_ways_take_turns_there_and_back_after_one_round_to_warm_up(self):
        calls = []
        ways = {name: lambda name=name: calls.append(name) for name in "abc"}

        turns.take_turns(ways, num_turns=2)

        assert "".join(calls) == "abc" + "abc" + "cba"

    def test_seconds_are_those_of_the_clock(self):
        ticks = iter([0, 5, 10, 12, 20, 23, 30, 31])

        seconds = turns.take_turns({"a": int, "b": int}, num_turns=2, clock=lambda: next(ticks))

        assert seconds == {"a": [5, 1], "b": [2, 3]}

    @pytest.mark.parametrize("module", [turns, flops])
    def test_the_examples_of_the_docstrings_hold(self, module):
        results = doctest.testmod(module)

        assert (results.failed, results.attempted > 0) == (0, True)


class TestSteps:
    def test_a_step_of_the_queries_moves_the_model(self):
        model = steps.make_model("hybrid")
        before = model.fusion.classifier.weight.clone()

        steps.make_query_step(model)(steps.make_batch(model, batch_size=2, num_queries=3))

        assert not torch.equal(model.fusion.classifier.weight, before)

    def test_the_upper_six_layers_of_twelve_are_trained_on_reports(self):
        tower = steps.ReportTower(8, BertConfig(num_hidden_layers=12, **TINY_BERT))

        trained = {name.split(".")[2] for name, each in tower.text_model.named_parameters() if each.requires_grad}

        assert trained == {"6", "7", "8", "9", "10", "11"}

    def test_the_plain_transformer_has_as_many_parameters(self):
        model = steps.make_model("vit_tiny").ecg_model

        plain = steps.PlainTransformer(model.config)

        assert plain.patches.weight.shape == model.encoder.patch_embedding.weight.shape
        assert sum(p.numel() for p in plain.parameters()) == sum(p.numel() for p in model.parameters())


class TestFlops:
    def test_a_step_of_the_vit_has_those_of_its_formula(self):
        model = steps.make_model("vit_tiny", num_hidden_layers=2)

        counted = flops.count_flops(model, batch_size=2, num_queries=0)

        tokens, width = 100, 192
        patches, layer = tokens * 600 * width, tokens * 12 * width**2 + 2 * tokens**2 * width
        # Backward costs twice forward, but nobody needs the gradient of the voltages; the last term is the classifier
        assert counted == 2 * (2 * patches + 3 * 2 * layer + 3 * width)

    def test_queries_add_to_them(self):
        model = steps.make_model("hybrid")

        counted = [flops.count_flops(model, batch_size=2, num_queries=number) for number in (0, 10, 20)]

        assert counted[0] < counted[1] < counted[2]


class TestScripts:
    def test_the_latency_of_one_record_is_measured(self, tmp_path):
        options = ["--encoders", "hybrid", "--num_turns", "1", "--num_calls", "1", "--num_threads", "1"]

        zero_shot_latency.main(["--parts", "queries", *options, "--output_file", str(tmp_path / "latency.json")])

        figures = read_json(tmp_path / "latency.json")["queries"]["hybrid"]
        assert set(figures) == {"encoder", "few", "many", "few / encoder", "many / few"}
        assert min(figures.values()) > 0

    def test_batches_of_the_pipeline_are_measured(self, tmp_path, monkeypatch):
        monkeypatch.setattr(zero_shot_latency, "NUM_RECORDS", 3)
        options = ["--num_turns", "1", "--num_threads", "1", "--output_file", str(tmp_path / "latency.json")]

        zero_shot_latency.main(["--parts", "batches", *options])

        figures = read_json(tmp_path / "latency.json")["batches"]
        assert set(figures) == {"ecg_per_s_batch_1", "ecg_per_s_batch_32", "times"}
        assert min(figures.values()) > 0

    def test_the_bootstrap_is_timed(self, tmp_path):
        sizes = ["--num_labels", "3", "--num_records", "40", "--num_bootstrap_samples", "5"]

        bootstrap.main([*sizes, "--output_file", str(tmp_path / "bootstrap.json")])

        figures = read_json(tmp_path / "bootstrap.json")
        assert min(figures["wall_s"], figures["processor_s"], figures["peak_memory_mb"]) > 0

    def test_training_steps_are_compared(self, tmp_path):
        sizes = ["--batch_size", "2", "--num_turns", "1", "--num_threads", "1", "--num_records", "20"]
        parts = ["--parts", "queries", "loader", "layers", "--encoders", "hybrid", "--num_loaded_steps", "1"]

        train_step.main([*parts, *sizes, "--num_workers", "0", "--output_file", str(tmp_path / "steps.json")])

        comparisons = read_json(tmp_path / "steps.json")["comparisons"]
        assert [comparison["aim"] for comparison in comparisons] == ["none", "at least 0.95", "at most 1"]
        assert min(comparison["ratio"] for comparison in comparisons) > 0

    def test_steps_are_compared_with_those_of_a_text_tower(self):
        arguments = train_step.parse_arguments(["--report_batch_size", "2", "--num_turns", "1"])
        text_config = BertConfig(num_hidden_layers=7, max_position_embeddings=256, **TINY_BERT)

        comparison = train_step.measure_reports(arguments, text_config)

        assert comparison.ratio > 0
        assert min(comparison.ecg_per_s, comparison.base_ecg_per_s) > 0


class TestGpuScript:
    @pytest.fixture
    def options(self, tmp_path):
        sizes = ["--encoders", "hybrid", "--batch_sizes", "2", "--num_steps", "2", "--num_records", "20"]
        how = ["--device", "cpu", "--mixed_precision", "no", "--modes", "eager", "--num_workers", "0"]
        return [*sizes, *how, "--output_dir", str(tmp_path)]

    def test_it_runs_without_a_gpu(self, options, tmp_path):
        gpu.main([*options, "--peak_tflops", "1e-3", "--pretraining_minutes", "0"])

        (figures,) = read_json(tmp_path / "gpu_results.json")["steps"]
        assert figures["mfu"] == pytest.approx(figures["gflops_per_ecg"] * figures["ecg_per_s"])
        assert (figures["peak_memory_gib"], figures["batch_size"]) == (None, 2)

    def test_a_missing_gpu_is_reported_with_a_way_to_do_without(self, monkeypatch, tmp_path):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

        with pytest.raises(SystemExit, match=r"There is no GPU here.*--device cpu"):
            gpu.main(["--output_dir", str(tmp_path)])

    def test_the_pretraining_run_is_one_that_train_understands(self, options, tmp_path):
        words = gpu.pretraining_flags(600, tmp_path / "pretraining", gpu.parse_arguments(options))

        classes = (ModelArguments, DataArguments, ObjectiveArguments, TrainArguments)
        _, data, _, training = parse_arguments(classes, words)
        assert (data.dataset_name, training.max_train_steps, training.eval_steps) == (["simulated"], 600, 30)

    def test_a_pretraining_run_that_was_cut_short_keeps_its_number_of_steps(self, options, tmp_path, monkeypatch):
        (tmp_path / "pretraining").mkdir()
        (tmp_path / "pretraining" / "train_arguments.yaml").write_text("max_train_steps: 77\n", encoding="utf-8")
        (tmp_path / "pretraining" / "train_results.json").write_text("{}", encoding="utf-8")
        commands = []
        monkeypatch.setattr(subprocess, "run", lambda command, check: commands.append(command))

        gpu.pretrain(0.1, gpu.parse_arguments(options))

        assert commands[0][commands[0].index("--max_train_steps") + 1] == "77"
