"""Preparation on a Dask cluster: two workers write the very files that one process writes."""

import hashlib

import pytest

from datasets_scripts.prepare import main, prepare_corpus


distributed = pytest.importorskip("distributed")


def digests(folder):
    """What every Parquet file holds, by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.parquet"))}


@pytest.fixture(scope="module")
def scheduler():
    """Address of a scheduler with two worker processes on this machine."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        yield cluster.scheduler_address


@pytest.mark.slow
def test_two_workers_write_the_files_of_one_process(scheduler, ptb_xl_dir, tmp_path):
    options = {"config_name": "all", "data_dir": str(ptb_xl_dir), "records_per_shard": 3}

    prepare_corpus("ptb_xl", output_dir=tmp_path / "alone", **options)
    prepare_corpus("ptb_xl", output_dir=tmp_path / "cluster", dask_scheduler=scheduler, **options)

    assert len(digests(tmp_path / "alone")) > 4
    assert digests(tmp_path / "cluster") == digests(tmp_path / "alone")


@pytest.mark.slow
def test_a_broken_record_is_named_by_the_cluster_too(scheduler, tmp_path):
    (tmp_path / "corpus").mkdir()

    with pytest.raises((ValueError, FileNotFoundError), match=r"ptbxl_database\.csv does not exist|scp_statements"):
        prepare_corpus(
            "ptb_xl", output_dir=tmp_path / "out", data_dir=str(tmp_path / "corpus"), dask_scheduler=scheduler
        )


def test_an_address_without_a_scheduler_is_an_error(ptb_xl_dir, tmp_path):
    flags = ["ptb_xl", "--config_name", "all", "--data_dir", str(ptb_xl_dir), "--output_dir", str(tmp_path / "out")]

    with pytest.raises(OSError, match="Timed out"):
        main([*flags, "--dask_scheduler", "tcp://127.0.0.1:9"])
