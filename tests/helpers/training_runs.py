"""Runs of `train.py` on tiny models, in this process or in one of their own, and what they leave."""

import json
import os
import socket

import pytest
import torch
from accelerate.state import AcceleratorState, GradientState
from helpers.forked_python import run_forked, start_forked
from helpers.repository import ROOT, load_script
from matplotlib.figure import Figure
from PIL import Image
from safetensors.torch import load_file

from training_scripts.arguments import DataArguments
from training_scripts.data.batches import BatchMaker
from training_scripts.data.training_data import load_data
from training_scripts.run.states import RunState


TINY_VIT = {
    "encoder_type": "vit",
    "patch_size": 250,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "dropout": 0.1,
}
script = load_script("train")


class Sketch(Figure):
    """The figure of a run whose curves nobody looks at: to lay it out takes longer than a run of a few steps."""

    def savefig(self, path, **_):
        Image.new("RGB", (1, 1)).save(path, format="png")


def train(output_dir, flags, figure_class=Sketch):
    """Run the script in this process; returns train_results.json."""
    # Accelerate keeps its settings for the life of a process
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training_scripts.run.log.Figure", figure_class)
        script.main([*flags, "--output_dir", str(output_dir)])
    return json.loads((output_dir / "train_results.json").read_text(encoding="utf-8"))


def run_python(folder, *words, cwd=ROOT):
    """Run Python in a process of its own, whose cache is in the folder; returns what it said."""
    run = run_forked(*words, cwd=cwd, env={**os.environ, "HF_HOME": str(folder / "home")})
    assert run.returncode == 0, run.stderr
    return run.stderr


def run_two_processes(folder, *words):
    """Run Python in two processes, as torchrun starts them."""
    known = {
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(find_port()),
        "ACCELERATE_USE_CPU": "true",
    }
    logs = [folder / f"process_{rank}.log" for rank in range(2)]
    forks = [
        start_forked(*words, env={**os.environ, **known, "RANK": f"{rank}", "LOCAL_RANK": f"{rank}"}, stderr=log)
        for rank, log in enumerate(logs)
    ]
    assert [fork.wait() for fork in forks] == [0, 0], "\n".join(log.read_text(encoding="utf-8") for log in logs)


def find_port():
    """A port that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def read_weights(checkpoint_dir):
    return load_file(checkpoint_dir / "model.safetensors")


def are_equal(weights, others):
    """Whether two sets of weights are the same, bit for bit."""
    return weights.keys() == others.keys() and all(torch.equal(weights[name], others[name]) for name in weights)


class InterruptedRunError(Exception):
    """Stands for whatever ends a run early."""


def train_in_two_parts(output_dir, flags, step):
    """Train until the state of a step is saved, then resume; returns train_results.json."""
    save = RunState.save

    def save_and_stop(states, saved_step, *args, **options):
        save(states, saved_step, *args, **options)
        if saved_step == step:
            raise InterruptedRunError(f"after step {step}")

    flags = [*flags, "--checkpointing_steps", str(step)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunState, "save", save_and_stop)
        with pytest.raises(InterruptedRunError, match=f"after step {step}"):
            train(output_dir, flags)
    return train(output_dir, [*flags, "--resume_from_checkpoint", "latest"])


def record_batches(patch):
    """Note the records of every batch that is made."""
    batches = []

    collate = BatchMaker.__call__

    def collate_and_note(collator, rows):
        batches.append([row["record_id"] for row in rows])
        return collate(collator, rows)

    patch.setattr(BatchMaker, "__call__", collate_and_note)
    return batches


def without_dropout(model_class):
    """The constructor from a text encoder, with the dropout of the fusion network turned off."""
    build = model_class.from_text_pretrained
    return lambda *args, **kwargs: build(*args, **kwargs | {"fusion_dropout": 0.0})


def load_ptb_xl(ptb_xl_dir, config_name="hierarchy", **options):
    """Training data of the twenty records, every finding that occurs in it."""
    options = {"min_positives": 1, **options}
    return load_data(DataArguments(["ptb_xl"], [config_name], [str(ptb_xl_dir)], **options))
