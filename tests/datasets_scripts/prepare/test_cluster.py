"""Preparation on a Dask cluster: two workers write the very files that one process writes.

Everything runs in other processes: importing `distributed` changes how exceptions are pickled, for all later tests.
"""

import hashlib
import importlib.util
import os

import pytest
from helpers.forked_python import run_forked
from helpers.servers.dask_cluster import started_cluster

from datasets_scripts.prepare.corpus import prepare_corpus


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="the extra `cluster` is not installed"),
]


def digests(folder):
    """What every Parquet file holds, by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.parquet"))}


def prepare_on_cluster(scheduler, *flags, **environment):
    """Run the command; a broken record ends it with a message on standard error."""
    command = ["-m", "datasets_scripts.prepare", "ptb_xl", "--dask_scheduler", scheduler, *flags]
    return run_forked(*command, env={**os.environ, **environment})


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """Address of a scheduler with two worker processes on this machine."""
    with started_cluster(tmp_path_factory.mktemp("cluster")) as address:
        yield address


def test_two_workers_write_the_files_of_one_process(scheduler, ptb_xl_dir, tmp_path):
    prepare_corpus(
        "ptb_xl", config_name="all", data_dir=str(ptb_xl_dir), output_dir=tmp_path / "alone", records_per_shard=3
    )
    flags = ["--config_name", "all", "--data_dir", str(ptb_xl_dir), "--records_per_shard", "3"]

    done = prepare_on_cluster(scheduler, *flags, "--output_dir", str(tmp_path / "cluster"))

    assert done.returncode == 0, done.stderr
    assert len(digests(tmp_path / "alone")) > 4
    assert digests(tmp_path / "cluster") == digests(tmp_path / "alone")


def test_a_missing_table_is_named(scheduler, tmp_path):
    (tmp_path / "corpus").mkdir()

    done = prepare_on_cluster(scheduler, "--data_dir", str(tmp_path / "corpus"), "--output_dir", str(tmp_path / "out"))

    assert done.returncode != 0
    assert "scp_statements.csv does not exist" in done.stderr or "ptbxl_database.csv does not exist" in done.stderr


def test_an_address_without_a_scheduler_is_an_error(ptb_xl_dir, tmp_path):
    flags = ["--config_name", "all", "--data_dir", str(ptb_xl_dir), "--output_dir", str(tmp_path / "out")]

    # Dask would look for it for half a minute
    done = prepare_on_cluster("tcp://127.0.0.1:9", *flags, DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="2s")

    assert done.returncode != 0
    assert "Timed out" in done.stderr
