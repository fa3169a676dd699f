"""Two processes learn what one learns from the same strips, and may take over from each other."""

# ruff: noqa: F811  fixtures are imported, and asked for by name

import json
import os
import socket
import subprocess
import sys
from types import SimpleNamespace

import pandas as pd
import pytest
from test_train import ROOT, TINY_VIT, model_flags, read_weights  # noqa: F401

from modeling_supreme.training_log import read_lines


# One process imports torch; every run is forked from it, those of two processes as torchrun would start them.
RUNNER = """
import json, os, sys, traceback
from pathlib import Path

root, folder, settings = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
sys.path.insert(0, root)
import train
from modeling_supreme import ECG_PRESETS, SupremeModel

ECG_PRESETS["tiny"] = settings["preset"]
build = SupremeModel.from_text_pretrained
SupremeModel.from_text_pretrained = lambda *args, **kwargs: build(*args, **kwargs, fusion_dropout=0.0)


def start(flags, rank, num_processes, port):
    pid = os.fork()
    if pid:
        return pid
    if num_processes > 1:
        os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(num_processes), MASTER_PORT=str(port))
        os.environ.update(MASTER_ADDR="127.0.0.1", ACCELERATE_USE_CPU="true")
    try:
        train.main(flags)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


for name, (num_processes, flags) in settings["runs"].items():
    words = [*settings["flags"], *flags, "--output_dir", str(folder / name)]
    pids = [start(words, rank, num_processes, settings["port"]) for rank in range(num_processes)]
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * num_processes, name
"""


def find_port():
    """A port that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def runs(model_flags, ptb_xl_dir, tmp_path_factory):
    """Thirteen records, of some no label is known, in steps of ten: at last two processes have two and one."""
    folder = tmp_path_factory.mktemp("runs")
    labels = folder / "labels.parquet"
    ids = [str(number) for number in (1, 2, 3, 5, 8, 11, 12, 9)]
    positive = [["sinus rhythm"], ["pause"], ["sinus rhythm", "pause"], [], ["pause"], ["sinus rhythm"], [], ["pause"]]
    pd.DataFrame({"record_id": ids, "positive": positive, "uncertain": [[]] * 8, "negative": [[]] * 8}).to_parquet(
        labels
    )
    flags = [*model_flags, "--dataset_name", "ptb_xl", "--data_dir", str(ptb_xl_dir), "--min_positives", "1"]
    flags += ["--report_labels", str(labels), "--max_train_samples", "13", "--num_train_epochs", "3"]
    flags += ["--per_device_eval_batch_size", "1", "--gain", "0.2", "--baseline_wander_mv", "0.1", "--eval_steps", "2"]
    five, ten = (["--per_device_train_batch_size", str(size)] for size in (5, 10))
    learning = ["--freeze_text_encoder", "False", "--max_train_steps", "2"]
    asked = ["--num_queries_per_step", "1"]
    resumed = ["--checkpointing_steps", "2", "--resume_from_checkpoint", str(folder / "two/checkpoints/step_00000002")]
    settings = {
        "port": find_port(),
        "preset": {**TINY_VIT, "dropout": 0.0},
        "flags": flags,
        "runs": {
            "one": [1, ten],
            "two": [2, [*five, "--checkpointing_steps", "2", "--checkpoints_total_limit", "9"]],
            "accumulated": [1, [*five, "--gradient_accumulation_steps", "2"]],
            "one_after_two": [1, [*ten, *resumed]],
            "one_learning": [1, [*ten, *learning]],
            "two_learning": [2, [*five, *learning]],
            "one_asked": [1, [*ten, *asked]],
            "two_asked": [2, [*five, *asked]],
        },
    }
    run = subprocess.run(
        [sys.executable, "-c", RUNNER, str(ROOT), str(folder), json.dumps(settings)],
        env={**os.environ, "HF_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return SimpleNamespace(folder=folder, said=run.stderr)


def read_losses(runs, name):
    return [line["loss"] for line in read_lines(runs.folder / name / "train_log.jsonl")]


def read_results(runs, name):
    return json.loads((runs.folder / name / "train_results.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("one", "other"),
    [("one", "two"), ("one", "accumulated"), ("one_learning", "two_learning"), ("one_asked", "two_asked")],
    ids=["two processes", "accumulated", "with a text encoder that learns", "asking for some findings"],
)
class TestSameStep:
    def test_the_losses_are_the_same(self, runs, one, other):
        assert read_losses(runs, other) == pytest.approx(read_losses(runs, one), rel=1e-4)

    def test_the_validation_is_the_same(self, runs, one, other):
        figures, expected = (read_results(runs, name) for name in (other, one))

        assert figures["validation_loss"] == pytest.approx(expected["validation_loss"], rel=1e-4)

    def test_no_strip_is_lost_or_counted_twice(self, runs, one, other):
        counts = [read_results(runs, name)["num_strips"] for name in (one, other)]

        assert counts[0] == counts[1] == (13 if "learning" in one else 39)


def test_one_process_goes_on_where_two_were_broken_off(runs):
    assert read_losses(runs, "one_after_two") == pytest.approx(read_losses(runs, "one")[2:], rel=1e-4)


def test_a_text_encoder_that_learns_changes_and_its_pooler_does_not(runs):
    frozen, learned = (read_weights(runs.folder / name) for name in ("one", "two_learning"))

    changed = {name for name in frozen if name.startswith("text_") and not frozen[name].equal(learned[name])}
    assert any("encoder.layer.0" in name for name in changed)
    assert not [name for name in changed if "pooler" in name]
