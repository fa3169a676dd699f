"""A run that is killed, told to end, or out of luck with its disk goes on as if nothing had been."""

import json
import os
import re
import signal
from types import SimpleNamespace

import pytest
from helpers.repository import ROOT
from helpers.training_runs import TINY_VIT, are_equal, read_weights, run_python

from training_scripts.run.log import read_lines
from training_scripts.run.states import list_states


pytestmark = pytest.mark.slow

NUM_STEPS, NUM_KILLS = 60, 10

# Importing torch takes longer than all runs together, so one process imports it and forks each run. Two kills of ten
# fall on the start; the others fall anywhere between a new state and the next, as far apart as in the whole run.
RUNNER = """
import json, os, random, signal, sys, time, traceback
from pathlib import Path

root, folder, settings = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
sys.path.insert(0, root)
import train
import training_scripts.run.session
from modeling_supreme import ECG_PRESETS

ECG_PRESETS["vit_tiny"] = settings["preset"]


def start(output_dir):
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        train.main([*settings["flags"], "--resume_from_checkpoint", "latest", "--output_dir", str(output_dir)])
        code = 0
    except SystemExit as ending:
        code = ending.code
    except BaseException:
        traceback.print_exc()
    os._exit(code)


def list_states(output_dir):
    return sorted((output_dir / "checkpoints").glob("step_" + "[0-9]" * 8))


def interrupt(output_dir, number, delay_s, after_new_state):
    "Send a signal some time after the start, or after the next state; the machine may be as slow as it likes."
    newest = list_states(output_dir)[-1:]
    pid = start(output_dir)
    while after_new_state and list_states(output_dir)[-1:] == newest:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.001)
    time.sleep(delay_s)
    os.kill(pid, number)
    return os.waitpid(pid, 0)[1]


rng = random.Random(0)
codes = {"whole": os.waitpid(start(folder / "whole"), 0)[1]}
before, last = (state.stat().st_mtime for state in list_states(folder / "whole"))
codes["kills"] = [
    interrupt(folder / "killed", signal.SIGKILL, rng.uniform(0, last - before), after_new_state=number % 5 > 0)
    for number in range(settings["num_kills"])
]
codes["killed"] = os.waitpid(start(folder / "killed"), 0)[1]
codes["told"] = interrupt(folder / "told", signal.SIGTERM, rng.uniform(0, last - before), after_new_state=True)
codes["states"] = sorted(path.name for path in (folder / "told" / "checkpoints").iterdir())
codes["resumed"] = os.waitpid(start(folder / "told"), 0)[1]
(folder / "codes.json").write_text(json.dumps(codes))
"""


@pytest.fixture(scope="module")
def runs(model_flags, voltage_dir, tmp_path_factory):
    """A run in one piece, one that was killed ten times, and one that was told to end; all with dropout."""
    folder = tmp_path_factory.mktemp("runs")
    flags = [*model_flags, "--dataset_name", str(voltage_dir), "--min_positives", "1", "--eval_steps", "7"]
    flags += ["--max_train_steps", str(NUM_STEPS), "--per_device_train_batch_size", "3", "--checkpointing_steps", "2"]
    flags += ["--gradient_accumulation_steps", "2", "--ema_decay", "0.9", "--gain", "0.2", "--rate_jitter", "0.05"]
    settings = {"preset": TINY_VIT, "flags": flags, "num_kills": NUM_KILLS}
    said = run_python(folder, "-c", RUNNER, ROOT, folder, json.dumps(settings))
    codes = json.loads((folder / "codes.json").read_text(encoding="utf-8"))
    return SimpleNamespace(folder=folder, said=said, **codes)


class TestKilled:
    def test_ten_kills_ended_ten_processes(self, runs):
        assert runs.kills == [signal.SIGKILL] * NUM_KILLS
        assert (runs.whole, runs.killed) == (0, 0)

    def test_it_went_on_from_ever_newer_states(self, runs):
        steps = [int(step) for step in re.findall(r"Resuming from step (\d+) \(\S*/killed/", runs.said)]

        assert len(set(steps)) >= 3
        assert steps == sorted(steps)

    def test_the_losses_are_those_of_the_run_in_one_piece_bit_for_bit(self, runs):
        whole, killed = (read_lines(runs.folder / name / "train_log.jsonl") for name in ("whole", "killed"))

        assert [line["step"] for line in whole] == list(range(1, NUM_STEPS + 1))
        assert killed == whole

    def test_so_are_the_validations_and_the_weights(self, runs):
        whole, killed = (runs.folder / name for name in ("whole", "killed"))

        assert read_lines(killed / "validation_log.jsonl") == read_lines(whole / "validation_log.jsonl")
        assert are_equal(read_weights(killed), read_weights(whole))
        assert are_equal(read_weights(killed / "best"), read_weights(whole / "best"))

    def test_nothing_is_left_of_what_broke_off(self, runs):
        names = [path.name for path in (runs.folder / "killed" / "checkpoints").iterdir()]

        assert sorted(names) == [f"step_{NUM_STEPS - 2:08d}", f"step_{NUM_STEPS:08d}"]


class TestToldToEnd:
    def test_the_exit_code_says_so(self, runs):
        assert os.waitstatus_to_exitcode(runs.told) == 143

    def test_the_step_it_had_reached_is_saved(self, runs):
        step = int(re.search(r"Told to end at step (\d+)", runs.said)[1])

        assert f"step_{step:08d}" in runs.states
        assert 0 < step < NUM_STEPS

    def test_it_goes_on_as_if_nothing_had_been(self, runs):
        whole, told = (read_lines(runs.folder / name / "train_log.jsonl") for name in ("whole", "told"))

        assert runs.resumed == 0
        assert told == whole
        assert len(list_states(runs.folder / "told" / "checkpoints")) == 2
