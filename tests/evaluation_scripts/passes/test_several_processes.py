"""`accelerate launch evaluate.py` on two processes leaves what one leaves, byte for byte."""

import os

import pytest
from helpers.forked_python import run_forked
from helpers.training_runs import find_port


def evaluate(output_dir, *words):
    """Run the script with words before it; returns the bytes of all files that it leaves."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1", "ACCELERATE_USE_CPU": "true"}
    done = run_forked(*words, "--output_dir", output_dir, env=environment)
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

    launch = ["-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2", "--main_process_port", find_port()]

    one = evaluate(tmp_path / "one", "evaluate.py", *flags)
    two = evaluate(tmp_path / "two", *launch, "evaluate.py", *flags)

    assert one.keys() >= {"eval_results.json", "predictions.parquet", "probe/predictions.parquet"}
    assert one == two
