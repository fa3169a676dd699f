"""A pass over records: answers in their order, kept as they come, the same however often it was ended."""

import errno

import numpy as np
import psutil
import pytest
import torch
from datasets import Dataset, concatenate_datasets
from helpers.counted_passes import double, make_rows, run
from helpers.forked_python import run_forked

from evaluation_scripts.passes import records_pass
from evaluation_scripts.passes.kept_shards import KeptShards, forget_shards, hash_weights
from modeling_supreme.output_files.disk import DiskError


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch):
    """Shards of two batches of three."""
    monkeypatch.setattr(records_pass, "RECORDS_PER_SHARD", 6)


def test_answers_stand_in_the_order_of_the_records():
    assert run(make_rows())["doubled"][:, 0].tolist() == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]


class EndedError(Exception):
    """Stands for whatever ends an evaluation early."""


def end_after(num_batches):
    """Doubles some batches, and then no more."""
    seen = []

    def compute(batch):
        if len(seen) == num_batches:
            raise EndedError(f"after {num_batches} batches")
        seen.append(len(batch["mean"]))
        return double(batch)

    return compute


def test_a_run_that_was_ended_asks_again_only_for_its_unfinished_shard(tmp_path):
    rows, asked = make_rows(), []
    with pytest.raises(EndedError, match="after 3 batches"):
        run(rows, end_after(3), kept_dir=tmp_path)

    def count(batch):
        asked.extend(batch["mean"][:, 0].tolist())
        return double(batch)

    answers = run(rows, count, kept_dir=tmp_path)

    assert asked == [6, 7, 8, 9]
    assert answers["doubled"].tobytes() == run(rows)["doubled"].tobytes()


@pytest.mark.parametrize("change", [{"depends_on": "other weights"}, {"batch_size": 2}], ids=["weights", "batches"])
def test_what_was_kept_of_another_pass_is_not_taken(tmp_path, change):
    run(make_rows(), kept_dir=tmp_path)

    answers = run(make_rows(), lambda batch: {"doubled": -batch["mean"]}, kept_dir=tmp_path, **change)

    assert answers["doubled"][3, 0] == -3


def test_what_was_kept_of_other_records_is_not_taken(tmp_path):
    run(make_rows(), kept_dir=tmp_path)

    answers = run(make_rows().select(range(9, -1, -1)), kept_dir=tmp_path)

    assert answers["doubled"][0, 0] == 18


def test_a_broken_shard_is_asked_for_again(tmp_path):
    run(make_rows(), kept_dir=tmp_path)
    for path in tmp_path.rglob("shard-00000*"):
        path.write_bytes(path.read_bytes()[:20])

    assert run(make_rows(), kept_dir=tmp_path)["doubled"][:, 0].tolist()[:3] == [0, 2, 4]


def test_a_full_disk_is_told_with_what_is_kept(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("evaluation_scripts.passes.kept_shards.save_file", refuse)

    with pytest.raises(DiskError, match=r"Shard 0 of the answers could not be written.*disk is full.*Make room and"):
        run(make_rows(), kept_dir=tmp_path)


def test_kept_shards_go_when_the_results_are_written(tmp_path):
    KeptShards(tmp_path / "unfinished", "weights").write(0, {"doubled": np.zeros((2, 1), dtype=np.float32)})

    forget_shards(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_the_name_of_weights_changes_with_the_last_bit():
    model = torch.nn.Linear(2, 2)
    before = hash_weights(model)
    model.weight.data[0, 0] = torch.nextafter(model.weight.data[0, 0], torch.tensor(10.0))

    assert hash_weights(model) != before


KILL = """
import os, signal, sys
from pathlib import Path

sys.path[:0] = ["tests", "."]
from helpers.counted_passes import make_rows, run
from evaluation_scripts.passes import records_pass
from evaluation_scripts.passes.kept_shards import KeptShards

records_pass.RECORDS_PER_SHARD = 6
write = KeptShards.write

def write_and_die(*arguments):
    write(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)

KeptShards.write = write_and_die
run(make_rows(), kept_dir=Path(sys.argv[1]))
"""


def test_a_killed_process_leaves_whole_shards(tmp_path):
    done = run_forked("-c", KILL, tmp_path)

    answers = run(make_rows(), end_after(2), kept_dir=tmp_path)  # six of ten records were kept

    assert done.returncode == -9
    assert answers["doubled"].tobytes() == run(make_rows())["doubled"].tobytes()


def test_memory_does_not_grow_with_the_corpus(tmp_path, monkeypatch):
    monkeypatch.setattr(records_pass, "RECORDS_PER_SHARD", 4096)
    make_rows(40, num_samples=5000).save_to_disk(tmp_path / "rows")
    stored = Dataset.load_from_disk(str(tmp_path / "rows"))
    rows = concatenate_datasets([stored] * 50)  # 240 MB of strips
    run(stored, batch_size=20)  # whatever is loaded once
    before = psutil.Process().memory_full_info().uss

    run(rows, batch_size=20)

    assert psutil.Process().memory_full_info().uss - before < 40e6
    assert len(rows) * 12 * 5000 * 2 == 240e6
