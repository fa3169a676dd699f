"""`accelerate launch evaluate.py` on two processes leaves what one leaves, byte for byte."""

import os
import subprocess
import sys

import pytest
from helpers.repository import ROOT
from helpers.training_runs import find_port


def evaluate(output_dir, num_processes, flags):
    """Launch the script; returns the bytes of all files that it leaves."""
    launch = ["-m", "accelerate.commands.launch", "--cpu", "--num_processes", str(num_processes)]
    port = ["--main_process_port", str(find_port())] if num_processes > 1 else []
    command = [sys.executable, *launch, *port, "evaluate.py", *flags, "--output_dir", str(output_dir)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return {str(path.relative_to(output_dir)): path.read_bytes() for path in output_dir.rglob("*.*")}


@pytest.mark.slow
def test_two_processes_give_the_figures_of_one(make_checkpoint, suite_root, split_dir, tmp_path):
    checkpoint_dir = make_checkpoint("hybrid", trained_queries=["normal ecg", "atrial fibrillation"])
    flags = [
        *("--model_name_or_path", str(checkpoint_dir), "--suite", "supreme6", "--data_root", str(suite_root)),
        *("--protocol", "merl", "--split_dir", str(split_dir), "--split", "validation+test", "--baselines", "random"),
        *("--per_device_eval_batch_size", "3", "--num_bootstrap_samples", "5", "--probe", "50", "--transfer"),
    ]

    one = evaluate(tmp_path / "one", 1, flags)
    two = evaluate(tmp_path / "two", 2, flags)

    assert one.keys() >= {"eval_results.json", "predictions.parquet", "probe/predictions.parquet"}
    assert one == two
