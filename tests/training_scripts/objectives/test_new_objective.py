"""An objective is one file: the loop trains one that it has never heard of, with losses of several parts."""

import subprocess
import sys
from itertools import count

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState
from helpers.repository import ROOT

from training_scripts.arguments import TrainArguments
from training_scripts.card import PLAIN_CARD, CardStyle
from training_scripts.objectives import OBJECTIVES, Objective, find_objective
from training_scripts.objectives.objective import ValidationFigures
from training_scripts.run.log import read_lines
from training_scripts.run.loop import TrainingLoop
from training_scripts.steps import TrainingBatch


class Numbers:
    """A step source of six numbers in batches, and of one batch that only fills up."""

    steps_per_epoch = 1
    step_size = 6
    num_validation_records = 3

    def __init__(self, batch_size):
        self.batch_size = batch_size

    def steps(self, first_step):
        for _ in count(first_step):
            values = torch.arange(1.0, 7.0).split(self.batch_size)
            batches = [make_batch(part) for part in values]
            yield [*batches, make_batch(torch.tensor([1000.0]))._replace(record_ids=())]

    def validation_batches(self):
        yield make_batch(torch.tensor([1.0, 2.0]))
        yield make_batch(torch.tensor([4.0]))

    def state_dict(self):
        return {}


def make_batch(values):
    return TrainingBatch({"x": values[:, None]}, tuple(map(str, values.tolist())), torch.arange(len(values)))


class SlopeObjective(Objective):
    """y = 2 x is learnt by two losses: the square of all errors, and the error of large numbers, which weighs half."""

    name = "slope"
    metrics = {"validation_loss": False}
    card = CardStyle(PLAIN_CARD, task="regression")
    loss_weights = {"square": 1.0, "large": 0.5}

    def __init__(self, batch_size):
        self.model, self.source = torch.nn.Linear(1, 1, bias=False), Numbers(batch_size)
        torch.nn.init.constant_(self.model.weight, 1.0)

    def draw(self, batches, generator):
        return torch.rand(1, generator=generator)

    def count(self, batch, drawn):
        return {"square": len(batch.record_ids), "large": int((batch.inputs["x"] > 4).sum())}

    def compute_losses(self, model, batch, drawn):
        x = batch.inputs["x"]
        error = 2 * x - model(x)
        return {"square": error.square().sum(), "large": error[x > 4].abs().sum()}

    def predict(self, model, batch):
        return {"error": 2 * batch.inputs["x"] - model(batch.inputs["x"])}

    def score(self, predictions):
        errors = predictions["error"]
        return ValidationFigures({"validation_loss": errors.abs().mean().item()}, {"errors": errors[:, 0].tolist()})

    def save(self, model, folder):
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(model.state_dict(), folder / "weights.pt")

    def describe(self):
        return {}

    def announce(self):
        return "Training on six numbers."


@pytest.fixture
def train(tmp_path):
    """Take one step with plain arguments; returns the loop and the folder of its logs."""

    def run(batch_size, **arguments):
        AcceleratorState._reset_state(reset_partial_state=True)
        GradientState._reset_state()
        arguments = {"lr_scheduler_type": "constant", "num_warmup_steps": 0, "max_train_steps": 1, **arguments}
        training = TrainArguments(str(tmp_path), weight_decay=0.0, max_grad_norm=1e9, **arguments)
        loop = TrainingLoop(Accelerator(cpu=True), SlopeObjective(batch_size), training)
        loop.train()
        return loop

    return run


def test_parts_of_the_loss_are_means_over_what_each_counts(train, tmp_path):
    train(batch_size=6)

    # errors are x: the mean of their squares is 91 / 6, that of 5 and 6 is 5.5 and weighs half
    (line,) = read_lines(tmp_path / "train_log.jsonl")
    assert line["loss_square"] == pytest.approx(91 / 6)
    assert line["loss_large"] == pytest.approx(5.5)
    assert line["loss"] == pytest.approx(91 / 6 + 5.5 / 2)


@pytest.mark.parametrize("batch_size", [1, 2, 4])
def test_small_batches_learn_what_a_large_one_learns(train, tmp_path, batch_size):
    large = train(batch_size=6).model.weight.item()
    norm = read_lines(tmp_path / "train_log.jsonl")[0]["grad_norm"]

    assert train(batch_size=batch_size).model.weight.item() == pytest.approx(large)
    assert read_lines(tmp_path / "train_log.jsonl")[0]["grad_norm"] == pytest.approx(norm)


def test_a_batch_that_only_fills_up_counts_for_nothing(train, tmp_path):
    loop = train(batch_size=6)

    assert loop.progress.num_strips == 6
    # d/dw of the mean of (2 x - w x)^2 at 1 is -2 * 91 / 6; of the mean of |2 x - w x|, -5.5
    assert read_lines(tmp_path / "train_log.jsonl")[0]["grad_norm"] == pytest.approx(2 * 91 / 6 + 5.5 / 2)


def test_validation_is_scored_over_all_batches(train, tmp_path):
    train(batch_size=6, learning_rate=0.0)

    (line,) = read_lines(tmp_path / "validation_log.jsonl")
    assert line == {"step": 1, "validation_loss": pytest.approx(7 / 3), "errors": [1.0, 2.0, 4.0]}


def test_the_best_checkpoint_is_chosen_by_the_first_metric_of_the_objective(train, tmp_path):
    loop = train(batch_size=6, eval_steps=1, max_train_steps=2)

    assert loop.progress.best["step"] == 2
    assert (tmp_path / "best" / "weights.pt").is_file()


@pytest.mark.parametrize("path", ["train.py", "training_scripts/run/loop.py", "training_scripts/run/outputs.py"])
def test_scripts_and_loop_name_no_objective(path):
    text = (ROOT / path).read_text(encoding="utf-8").partition('"""')[2].partition('"""')[2]

    assert not [name for name in OBJECTIVES if name in text]


def test_an_unknown_objective_is_named_with_those_there_are():
    with pytest.raises(ValueError, match=r"`--objective` is contrast\. Choose one of zero_shot, classification"):
        find_objective("contrast")


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_name_of_the_table_finds_its_objective(name):
    objective = find_objective(name)

    assert objective.name == name
    assert objective.card.template.is_file()
    assert "validation_loss" in objective.metrics


def test_the_loop_starts_without_the_libraries_of_data_and_metrics():
    code = "import sys, training_scripts.run.loop; print(*sys.modules)"

    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert not {"datasets", "evaluate", "sklearn", "pandas", "wfdb"} & set(run.stdout.split())
