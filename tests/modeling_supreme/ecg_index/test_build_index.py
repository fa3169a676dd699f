"""`write_index`: whatever interrupts it, and however many share the work, the shards are the same bytes."""

import hashlib
import importlib.util
import json
import shutil
import signal

import pytest
from helpers.forked_python import run_forked, start_forked
from helpers.servers.dask_cluster import started_cluster
from helpers.waiting import wait_for

from modeling_supreme import EcgIndex
from modeling_supreme.ecg_index.build import write_index


def digests(folder):
    """What every file of an index holds, by name."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def shards_of(files):
    """The files of the shards alone: the manifest tells how the command was called."""
    return {name: digest for name, digest in files.items() if name.startswith("shards/")}


def finished_shards(folder):
    """Folders of the shards that are done."""
    return sorted(path.name for path in (folder / "shards").glob("?????"))


@pytest.fixture
def broken_folder(ptb_xl_dir, tmp_path):
    """Five files, of which one has lost its signal and one is no ECG."""
    folder = tmp_path / "files"
    folder.mkdir()
    for number in (1, 2, 3, 4):
        for path in (ptb_xl_dir / "records500" / "00000").glob(f"0000{number}_hr.*"):
            shutil.copy(path, folder)
    (folder / "00003_hr.dat").unlink()
    (folder / "notes.csv").write_text("I,II\n1,2\n3,4\n")
    return folder


class TestSharing:
    def test_two_processes_write_the_files_of_one(self, index_dir, corpus_dir, measuring_checkpoint_dir, tmp_path):
        write_index(
            [corpus_dir], output=tmp_path, model=str(measuring_checkpoint_dir), records_per_shard=7, num_proc=2
        )

        assert len(finished_shards(tmp_path)) == 4
        assert digests(tmp_path) == digests(index_dir)

    def test_after_a_kill_the_same_command_goes_on_and_writes_the_same_files(
        self, corpus_dir, measuring_checkpoint_dir, tmp_path
    ):
        command = ["index", str(corpus_dir), "--model", str(measuring_checkpoint_dir), "--records_per_shard", "1"]
        command = ["-m", "modeling_supreme.supreme_command", *command]
        with start_forked(*command, "--output", tmp_path / "killed") as killed:
            kept = wait_for(lambda: finished_shards(tmp_path / "killed")[2:] and finished_shards(tmp_path / "killed"))
            killed.send_signal(signal.SIGKILL)
        state = (tmp_path / "killed" / "shards" / kept[0] / "tokens.safetensors").stat()

        options = {"model": str(measuring_checkpoint_dir), "records_per_shard": 1, "on_error": "raise"}
        write_index([corpus_dir], output=tmp_path / "killed", **options)
        write_index([corpus_dir], output=tmp_path / "whole", **options)

        assert digests(tmp_path / "killed") == digests(tmp_path / "whole")
        after = (tmp_path / "killed" / "shards" / kept[0] / "tokens.safetensors").stat()
        assert (after.st_ino, after.st_mtime_ns) == (state.st_ino, state.st_mtime_ns)

    @pytest.mark.slow
    @pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="the extra `cluster` is not installed")
    def test_the_workers_of_a_cluster_write_the_same_files(
        self, index_dir, corpus_dir, measuring_checkpoint_dir, tmp_path
    ):
        words = ["index", str(corpus_dir), "--model", str(measuring_checkpoint_dir), "--records_per_shard", "7"]
        command = ["-m", "modeling_supreme.supreme_command", *words, "--output", str(tmp_path / "i")]

        with started_cluster(tmp_path) as scheduler:
            done = run_forked(*command, "--dask_scheduler", scheduler)

        assert done.returncode == 0, done.stderr
        assert shards_of(digests(tmp_path / "i")) == shards_of(digests(index_dir))

    def test_a_complete_index_is_left_as_it_is(self, index_dir, corpus_dir, measuring_checkpoint_dir, tmp_path):
        folder = shutil.copytree(index_dir, tmp_path / "index")
        times = {path: path.stat().st_mtime_ns for path in folder.rglob("*.safetensors") if path.parent != folder}

        write_index([corpus_dir], output=folder, model=str(measuring_checkpoint_dir), records_per_shard=7)

        assert {path: path.stat().st_mtime_ns for path in times} == times


class TestAccounts:
    def test_files_that_cannot_be_used_are_listed_with_the_reason(
        self, broken_folder, measuring_checkpoint_dir, tmp_path
    ):
        write_index([broken_folder], output=tmp_path / "i", model=str(measuring_checkpoint_dir), on_error="skip")

        skipped = [json.loads(line) for line in (tmp_path / "i" / "skipped.jsonl").read_text().splitlines()]
        assert [each["file"] for each in skipped] == ["00003_hr.hea", "notes.csv"]
        assert "00003_hr.dat" in skipped[0]["reason"]
        table = EcgIndex(tmp_path / "i").ask("normal ecg")
        assert table.column("record_id").to_pylist() == ["00001_hr", "00002_hr", "00004_hr"]

    def test_by_default_the_first_of_them_ends_the_run(self, broken_folder, measuring_checkpoint_dir, tmp_path):
        with pytest.raises((OSError, ValueError), match="00003_hr"):
            write_index([broken_folder], output=tmp_path / "i", model=str(measuring_checkpoint_dir))

    def test_the_file_and_the_patient_of_each_record_are_kept(self, index_dir):
        row = EcgIndex(index_dir).ask("normal ecg", top=1).to_pylist()[0]

        assert row["file"].endswith(".parquet")
        assert row["patient_id"]
        assert row["start_s"] == 0.0


class TestRefusals:
    def test_another_model_does_not_go_on_with_an_index(self, index_dir, corpus_dir, tiny_checkpoint_dir, tmp_path):
        folder = shutil.copytree(index_dir, tmp_path / "index")

        with pytest.raises(ValueError, match=r"holds an index of which `model_fingerprint` is .*--output"):
            write_index([corpus_dir], output=folder, model=str(tiny_checkpoint_dir), records_per_shard=7)

    def test_a_folder_with_something_else_is_refused(self, corpus_dir, measuring_checkpoint_dir, tmp_path):
        (tmp_path / "thesis.txt").write_text("")

        with pytest.raises(ValueError, match=r"holds thesis\.txt, and no index.*--output"):
            write_index([corpus_dir], output=tmp_path, model=str(measuring_checkpoint_dir))

    def test_a_folder_without_records_is_refused(self, measuring_checkpoint_dir, tmp_path):
        (tmp_path / "empty").mkdir()

        with pytest.raises(ValueError, match=r"empty holds no ECG file of a known kind and no Parquet file.*prepare"):
            write_index([tmp_path / "empty"], output=tmp_path / "i", model=str(measuring_checkpoint_dir))

    def test_other_parquet_files_are_refused(self, index_dir, measuring_checkpoint_dir, tmp_path):
        shutil.copy(index_dir / "shards" / "00000" / "records.parquet", tmp_path / "rows.parquet")

        with pytest.raises(ValueError, match=r"rows\.parquet has no column lead_mask.*datasets_scripts\.prepare"):
            write_index([tmp_path], output=tmp_path / "i", model=str(measuring_checkpoint_dir))
