"""What a run shows of itself, what makes it stop, and which of its models it keeps."""

import errno
import io
import json
import logging
import shutil
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.training_runs import TINY_VIT, are_equal, read_weights, train, without_dropout
from matplotlib.figure import Figure
from PIL import Image
from safetensors.torch import load_file

from modeling_supreme import ECG_PRESETS, SupremeModel
from training_scripts.objectives.objective import ValidationFigures
from training_scripts.objectives.supervised import SupervisedObjective, choose_queries
from training_scripts.run import launch
from training_scripts.run.log import JsonLines, read_lines
from training_scripts.run.loop import TrainingLoop, is_better
from training_scripts.run.states import list_states


pytestmark = pytest.mark.usefixtures("tiny_preset")


@pytest.fixture(scope="module")
def voltage_flags(model_flags, voltage_dir):
    """Eight records, all in one step; tall ones have the findings, and validation is on the same."""
    flags = [*model_flags, "--dataset_name", str(voltage_dir), "--min_positives", "1"]
    return [*flags, "--per_device_train_batch_size", "8", "--learning_rate", "0.01"]


@pytest.fixture(scope="module")
def watched(voltage_flags, tmp_path_factory):
    """The folder of a run of twelve steps, validated every four."""
    folder = tmp_path_factory.mktemp("watched")
    train(folder, [*voltage_flags, "--max_train_steps", "12", "--eval_steps", "4"], figure_class=Figure)
    return folder


def validate_with(patch, figures):
    """Let validations find these macro AUROCs, one after the other."""
    found = iter(figures)
    patch.setattr(
        TrainingLoop,
        "validate",
        lambda run: ValidationFigures({"validation_loss": 0.5, "validation_auroc_macro": next(found)}, {"auroc": {}}),
    )


class TestLogs:
    def test_every_step_has_its_loss_gradient_and_rate(self, watched):
        lines = read_lines(watched / "train_log.jsonl")

        assert [line["step"] for line in lines] == list(range(1, 13))
        assert all(line.keys() == {"step", "loss", "grad_norm", "learning_rate"} for line in lines)
        assert all(line["grad_norm"] > 0 for line in lines)

    def test_every_validation_has_the_auroc_of_every_finding(self, watched):
        lines = read_lines(watched / "validation_log.jsonl")

        assert [line["step"] for line in lines] == [4, 8, 12]
        assert lines[-1]["auroc"].keys() == {"left ventricular hypertrophy", "hypertrophy"}
        assert lines[-1]["validation_auroc_macro"] == pytest.approx(np.mean(list(lines[-1]["auroc"].values())))

    def test_the_curves_are_drawn(self, watched):
        with Image.open(watched / "training_curves.png") as picture:
            assert picture.width > picture.height > 500

    def test_the_results_say_how_fast_it_was_and_what_the_loader_cost(self, watched):
        results = json.loads((watched / "train_results.json").read_text(encoding="utf-8"))

        assert results["train_ecg_per_s"] > 0
        assert 0 <= results["loader_share"] < 1

    def test_a_tracker_that_is_not_installed_is_an_error(self, voltage_flags, tmp_path, monkeypatch):
        monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None)

        with pytest.raises(ModuleNotFoundError, match=r"`--report_to` is wandb, .*Run `pip install wandb`"):
            train(tmp_path, [*voltage_flags, "--report_to", "wandb"])

    def test_a_log_goes_on_after_the_step_that_was_saved(self, tmp_path):
        path = tmp_path / "log.jsonl"
        path.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"ste', encoding="utf-8")

        log = JsonLines(path, last_step=2)
        log.append({"step": 3, "loss": 0.1})
        log.flush()

        assert read_lines(path) == [{"step": 1}, {"step": 2}, {"step": 3, "loss": 0.1}]

    def test_what_a_full_disk_refuses_is_written_when_there_is_room(self, tmp_path, monkeypatch):
        class FullDisk(io.FileIO):
            def write(self, content):
                super().write(content[:4])
                raise OSError(errno.ENOSPC, "No space left on device")

        log = JsonLines(tmp_path / "log.jsonl", last_step=0)
        log.append({"step": 1})
        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", lambda path, *args, **kwargs: FullDisk(path, "ab"))
            with pytest.raises(OSError, match="No space left"):
                log.write()

        log.append({"step": 2})
        log.write()
        assert read_lines(tmp_path / "log.jsonl") == [{"step": 1}, {"step": 2}]


class TestDryRun:
    def test_it_says_what_the_run_would_need_and_leaves_nothing(self, voltage_flags, tmp_path, caplog):
        output_dir = tmp_path / "run"

        with caplog.at_level(logging.INFO), pytest.raises(FileNotFoundError, match=r"train_results\.json"):
            train(output_dir, [*voltage_flags, "--max_train_steps", "5000", "--dry_run"])

        assert "5000 steps of " in caplog.text
        assert "ECG/s" in caplog.text
        assert "hours with validation" in caplog.text
        assert "Peak memory " in caplog.text
        assert not output_dir.exists()


class TestBest:
    def test_the_best_model_is_kept_beside_the_last(self, voltage_flags, tmp_path, monkeypatch):
        validate_with(monkeypatch, [0.6, 0.9, 0.7])
        flags = [*voltage_flags, "--checkpointing_steps", "2", "--checkpoints_total_limit", "9"]

        results = train(tmp_path, [*flags, "--max_train_steps", "6", "--eval_steps", "2"])

        assert results["best"]["step"] == 4
        assert results["validation_auroc_macro"] == 0.7
        state = tmp_path / "checkpoints" / "step_00000004" / "model.safetensors"
        best = read_weights(tmp_path / "best")
        assert all(torch.equal(best[name], value) for name, value in load_file(state).items())

    def test_it_can_take_the_place_of_the_last(self, voltage_flags, tmp_path, monkeypatch):
        validate_with(monkeypatch, [0.6, 0.9, 0.7])
        flags = [*voltage_flags, "--max_train_steps", "6", "--eval_steps", "2", "--load_best_model_at_end"]

        results = train(tmp_path, flags)

        assert results["validation_auroc_macro"] == 0.9
        assert are_equal(read_weights(tmp_path), read_weights(tmp_path / "best"))

    def test_patience_ends_a_run_that_gets_no_better(self, voltage_flags, tmp_path, monkeypatch):
        validate_with(monkeypatch, [0.6, 0.9, 0.8, None, 0.9])
        flags = [*voltage_flags, "--max_train_steps", "100", "--eval_steps", "2", "--early_stopping_patience", "2"]

        results = train(tmp_path, flags)

        assert (results["num_steps"], results["best"]["step"]) == (8, 4)

    @pytest.mark.parametrize(
        ("value", "best", "name", "expected"),
        [
            (0.8, 0.7, "validation_auroc_macro", True),
            (0.8, 0.8, "validation_auroc_macro", False),
            (0.8, 0.7, "validation_loss", False),
            (0.6, 0.7, "validation_loss", True),
            (0.6, None, "validation_loss", True),
            (None, None, "validation_loss", False),
            (None, 0.6, "validation_auroc_macro", False),
        ],
    )
    def test_better_is_higher_except_of_a_loss(self, value, best, name, expected):
        assert is_better(value, best, higher=SupervisedObjective.metrics[name]) is expected


class TestAverage:
    def test_the_model_that_is_validated_and_saved_is_the_average(self, voltage_flags, tmp_path):
        flags = [*voltage_flags, "--max_train_steps", "3", "--checkpointing_steps", "1"]
        flags += ["--checkpoints_total_limit", "9", "--warmup_ratio", "0"]

        results = train(tmp_path, [*flags, "--ema_decay", "0.2"])

        state = load_file(tmp_path / "checkpoints" / "step_00000003" / "average.safetensors")
        saved = read_weights(tmp_path)
        assert all(torch.equal(saved[name], value) for name, value in state.items())
        assert results["validation_loss"] is not None

    def test_it_follows_the_weights_by_its_decay(self, voltage_flags, tmp_path):
        flags = [*voltage_flags, "--max_train_steps", "2", "--checkpointing_steps", "1", "--ema_decay", "0.1"]
        train(tmp_path, [*flags, "--warmup_ratio", "0"])

        first, second = (tmp_path / "checkpoints" / f"step_0000000{step}" for step in (1, 2))
        name = "fusion.classifier.weight"
        before = load_file(first / "average.safetensors")[name]
        after = load_file(second / "average.safetensors")[name]
        weights = load_file(second / "model.safetensors")[name]
        torch.testing.assert_close(after, 0.1 * before + 0.9 * weights)


class TestStopping:
    def test_records_of_a_loss_that_is_no_number_are_listed(self, voltage_flags, tmp_path):
        flags = [*voltage_flags, "--learning_rate", "1e30", "--warmup_ratio", "0", "--max_train_steps", "5"]

        with pytest.raises(FloatingPointError, match=r"loss is nan at step 2\. Its records are v\d, .*failed_step"):
            train(tmp_path, flags)

        failed = json.loads((tmp_path / "failed_step_00000.json").read_text(encoding="utf-8"))
        assert sorted(failed["record_ids"]) == [f"v{number}" for number in range(8)]

    def test_an_exploding_loss_stops_the_run_before_it_is_saved(self, voltage_flags, tmp_path, monkeypatch):
        learn = TrainingLoop._learn

        def explode(run, batches):
            figures = learn(run, batches)
            return figures._replace(loss=figures.loss * (1000 if figures.step == 30 else 1))

        monkeypatch.setattr(TrainingLoop, "_learn", explode)
        flags = [*voltage_flags, "--max_train_steps", "40", "--checkpointing_steps", "10"]
        with pytest.raises(FloatingPointError, match=r"at step 30, \d+ times that of the steps before.*Lower"):
            train(tmp_path, flags)

        assert [path.name for path in list_states(tmp_path / "checkpoints")] == ["step_00000010", "step_00000020"]

    def test_the_check_for_explosions_can_be_turned_off(self, voltage_flags, tmp_path, monkeypatch):
        learn = TrainingLoop._learn
        monkeypatch.setattr(
            TrainingLoop,
            "_learn",
            lambda run, batches: (figures := learn(run, batches))._replace(loss=figures.loss * 10.0**figures.step),
        )

        results = train(tmp_path, [*voltage_flags, "--max_train_steps", "25", "--max_loss_ratio", "0"])

        assert results["num_steps"] == 25

    def test_sigterm_saves_the_state_and_ends_with_143(self, voltage_flags, tmp_path, monkeypatch):
        if threading.current_thread() is not threading.main_thread():
            pytest.skip("Python lets no thread but the main one catch a signal, and here another one runs the tests")
        learn, told = TrainingLoop._learn, []

        def learn_and_be_told(run, batches):
            if run.progress.step == 3 and not told:  # a second signal would end the tests, as it should
                told.append(signal.getsignal(signal.SIGTERM))
                assert told != [signal.SIG_DFL]
                signal.raise_signal(signal.SIGTERM)
            return learn(run, batches)

        monkeypatch.setattr(TrainingLoop, "_learn", learn_and_be_told)
        with pytest.raises(SystemExit, match="143"):
            train(tmp_path, [*voltage_flags, "--max_train_steps", "100"])

        (state_dir,) = list_states(tmp_path / "checkpoints")
        assert int(state_dir.name.removeprefix("step_")) in (4, 5)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


class TestObjective:
    @pytest.mark.parametrize("loss_type", ["focal", "asymmetric"])
    @pytest.mark.parametrize("positive_weighting", ["none", "balanced"])
    def test_other_objectives_learn_too(self, voltage_flags, tmp_path, loss_type, positive_weighting):
        flags = [*voltage_flags, "--loss_type", loss_type, "--positive_weighting", positive_weighting]

        results = train(tmp_path, [*flags, "--max_train_steps", "80"])

        assert results["validation_auroc_macro"] == 1.0

    def test_a_step_asks_for_what_is_present_and_for_others_up_to_a_number(self):
        is_present = torch.zeros(50, dtype=torch.bool)
        is_present[[3, 40]] = True

        asked = choose_queries(is_present, 10, torch.Generator().manual_seed(0))

        assert {3, 40} <= set(asked.tolist())
        assert len(set(asked.tolist())) == 10
        assert asked.tolist() == sorted(asked.tolist())

    def test_everything_present_is_asked_for_even_if_it_is_more(self):
        asked = choose_queries(torch.ones(5, dtype=torch.bool), 2, torch.Generator())

        assert asked.tolist() == [0, 1, 2, 3, 4]

    def test_sampled_queries_reach_the_model_in_that_number(self, flags, tmp_path, monkeypatch):
        shapes = []
        forward = SupremeModel.forward

        def note(model, **inputs):
            shapes.append(len(inputs["query_embeds"]))
            return forward(model, **inputs)

        monkeypatch.setattr(SupremeModel, "forward", note)
        train(tmp_path, [*flags, "--num_queries_per_step", "20", "--max_eval_samples", "0"])

        assert shapes == [20]


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch imports its own old code
@pytest.mark.skipif(shutil.which("g++") is None, reason="TorchInductor needs a C++ compiler")
@pytest.mark.slow
def test_a_compiled_model_learns_what_an_eager_one_learns(voltage_flags, tmp_path, monkeypatch):
    monkeypatch.setitem(ECG_PRESETS, "vit_tiny", {**TINY_VIT, "dropout": 0.0})
    monkeypatch.setattr(SupremeModel, "from_text_pretrained", without_dropout(SupremeModel))
    flags = [*voltage_flags, "--max_train_steps", "3", "--max_eval_samples", "0"]

    train(tmp_path / "eager", flags)
    train(tmp_path / "compiled", [*flags, "--torch_compile"])

    losses = [
        [line["loss"] for line in read_lines(tmp_path / name / "train_log.jsonl")] for name in ("eager", "compiled")
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert read_weights(tmp_path / "compiled").keys() == read_weights(tmp_path / "eager").keys()
