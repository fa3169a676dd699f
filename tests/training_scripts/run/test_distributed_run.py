"""Two processes learn what one learns from the same strips, and may take over from each other."""

import json
from types import SimpleNamespace

import pytest
from helpers.corpus_rows import write_report_labels
from helpers.repository import ROOT
from helpers.training_runs import TINY_VIT, find_port, read_weights, run_python

from training_scripts.run.log import read_lines
from training_scripts.run.states import list_states


pytestmark = pytest.mark.slow

# One process imports torch; every run is forked from it, those of two processes as torchrun would start them.
RUNNER = """
import json, os, signal, sys, time, traceback
from pathlib import Path

root, folder, settings = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
sys.path.insert(0, root)
import torch
import train
import training_scripts.run.session
from accelerate import Accelerator
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from modeling_supreme import ECG_PRESETS, SupremeModel
from training_scripts.run.states import RunState
from training_scripts.run.weight_average import WeightAverage

ECG_PRESETS["vit_tiny"] = settings["preset"]
build = SupremeModel.from_text_pretrained
SupremeModel.from_text_pretrained = lambda *args, **kwargs: build(*args, **kwargs | {"fusion_dropout": 0.0})


def start(rank, num_processes, task, *arguments):
    pid = os.fork()
    if pid:
        return pid
    if num_processes > 1:
        os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(num_processes))
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(settings["port"]), ACCELERATE_USE_CPU="true")
    try:
        task(*arguments)
    except SystemExit as ending:
        os._exit(ending.code)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def run_together(num_processes, task, *arguments):
    pids = [start(rank, num_processes, task, *arguments) for rank in range(num_processes)]
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * num_processes, arguments


def take_sharded_steps(is_sharded, name, saved_step, last_step):
    # what Accelerate does with FSDP2, which it offers on GPUs alone
    torch.manual_seed(0)
    accelerator = Accelerator(cpu=True)
    model = nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 2))
    model[0].requires_grad_(False)
    if is_sharded:
        fully_shard(model, mesh=init_device_mesh("cpu", (2,)))
    optimizer = torch.optim.AdamW([value for value in model.parameters() if value.requires_grad], lr=0.1)
    average = WeightAverage(model, 0.9)
    states = RunState(accelerator, model, optimizer, states_dir=folder / "sharded", total_limit=9)
    first = states.load(folder / "sharded/step_00000002", average)["step"] if saved_step is None else 0
    losses = []
    for step in range(first, last_step):
        torch.manual_seed(step)
        loss = model(torch.randn(4, 6)).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        average.update(step + 1)
        losses.append(loss.item())
        if step + 1 == saved_step:
            states.save(step + 1, {"step": step + 1}, average)
    with average.applied():
        losses.append(model(torch.ones(1, 6)).sum().item())
    (folder / f"{name}.json").write_text(json.dumps(losses))


for name, (num_processes, flags) in settings["runs"].items():
    run_together(num_processes, train.main, [*settings["flags"], *flags, "--output_dir", str(folder / name)])
pids = [
    start(rank, 2, train.main, [*settings["flags"], *settings["endless"], "--output_dir", str(folder / "told")])
    for rank in (0, 1)
]
while not (folder / "told/train_log.jsonl").exists() or not (folder / "told/train_log.jsonl").stat().st_size:
    time.sleep(0.01)
os.kill(pids[1], signal.SIGTERM)
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
(folder / "told.json").write_text(json.dumps(codes))
run_together(2, take_sharded_steps, True, "sharded_whole", 2, 4)
run_together(2, take_sharded_steps, True, "sharded_resumed", None, 4)
run_together(1, take_sharded_steps, False, "unsharded_resumed", None, 4)
"""


@pytest.fixture(scope="module")
def runs(model_flags, ptb_xl_dir, tmp_path_factory):
    """Thirteen records, of some no label is known, in steps of ten: at last two processes have two and one."""
    folder = tmp_path_factory.mktemp("runs")
    ids = [str(number) for number in (1, 2, 3, 5, 8, 11, 12, 9)]
    positive = [["sinus rhythm"], ["pause"], ["sinus rhythm", "pause"], [], ["pause"], ["sinus rhythm"], [], ["pause"]]
    records = {record_id: (findings,) for record_id, findings in zip(ids, positive, strict=True)}
    labels = write_report_labels(folder / "labels.parquet", records)
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
        "endless": [*five, "--max_train_steps", "100000", "--logging_steps", "1"],
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
    said = run_python(folder, "-c", RUNNER, ROOT, folder, json.dumps(settings))
    return SimpleNamespace(folder=folder, said=said)


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


@pytest.mark.parametrize("name", ["sharded_resumed", "unsharded_resumed"])
def test_a_sharded_model_goes_on_from_its_state_with_or_without_shards(runs, name):
    whole, resumed = (json.loads((runs.folder / f"{run}.json").read_text()) for run in ("sharded_whole", name))

    # two more steps and the answer of the average
    assert resumed == pytest.approx(whole[2:], rel=1e-6)


def test_both_processes_save_and_end_when_one_is_told_to(runs):
    (state_dir,) = list_states(runs.folder / "told" / "checkpoints")

    assert json.loads((runs.folder / "told.json").read_text()) == [143, 143]
    assert {path.name for path in state_dir.glob("random_*")} == {
        "random_00000.safetensors",
        "random_00001.safetensors",
    }
