"""`python -m datasets_scripts.prepare`: Parquet that `datasets` reads without this package, whatever interrupts it."""

import hashlib
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
from helpers.made_hub import MadeHub
from helpers.records.ptb_xl_records import make_microvolts, write_ptb_xl_record
from helpers.repository import ROOT

from datasets_scripts import BUILDERS, load_corpus
from datasets_scripts.prepare import corpus, publication
from datasets_scripts.prepare.__main__ import main
from datasets_scripts.prepare.corpus import prepare_corpus
from datasets_scripts.prepare.shards import plan_shards, write_shard
from modeling_supreme.output_files.workers import start_worker, write_in_worker


RECORD_4 = "records500/00000/00004_hr"


@pytest.fixture
def broken_dir(ptb_xl_dir, tmp_path):
    """A copy of the small corpus without the signals of record 4 and of the validation split (9 and 19)."""
    folder = shutil.copytree(ptb_xl_dir, tmp_path / "ptb-xl")
    for ecg_id in (4, 9, 19):
        (folder / f"records500/00000/{ecg_id:05d}_hr.dat").unlink()
    return folder


@pytest.fixture(scope="module")
def prepared(ptb_xl_dir, tmp_path_factory):
    """The small corpus, written once by two processes."""
    folder = tmp_path_factory.mktemp("prepared") / "superclass"
    prepare_small(ptb_xl_dir, folder, config_name="superclass", num_proc=2)
    return folder


def prepare_small(data_dir, output_dir, **options):
    """Prepare the small corpus in shards of ten records: two for the train split."""
    return prepare_corpus("ptb_xl", output_dir=output_dir, data_dir=str(data_dir), records_per_shard=10, **options)


def digests(folder):
    """The data files and the card by name, with a hash of their bytes."""
    paths = sorted([*folder.glob("*.parquet"), folder / "README.md", folder / "croissant.json"])
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def finished_shards(folder):
    """Names of the shards that an interrupted build has finished."""
    return sorted(path.parent.name for path in (folder / ".incomplete").glob("*/shard.json") if not path.parent.suffix)


def without_timing(report):
    return {name: value for name, value in report.items() if name != "timing"}


def wait_until(condition, *, timeout_s=60):
    """Return what `condition()` is as soon as it is true."""
    end = time.monotonic() + timeout_s
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(0.002)
    return value


class TestFolder:
    def test_shards_are_named_as_on_the_hub_and_nothing_else_is_left(self, prepared):
        assert sorted(path.name for path in prepared.iterdir()) == [
            "README.md",
            "accounts.jsonl",
            "build_report.html",
            "build_report.json",
            "build_sources.npz",
            "croissant.json",
            "test-00000-of-00001.parquet",
            "train-00000-of-00002.parquet",
            "train-00001-of-00002.parquet",
            "validation-00000-of-00001.parquet",
        ]

    def test_datasets_reads_the_folder_as_the_builder_made_it(self, prepared, ptb_xl_dir):
        built = load_corpus("ptb_xl", "superclass", data_dir=ptb_xl_dir)

        stored = datasets.load_dataset(str(prepared))

        assert stored["train"].features == built["train"].features
        assert {split: rows.to_dict() for split, rows in stored.items()} == {
            split: rows.to_dict() for split, rows in built.items()
        }

    def test_load_corpus_reads_the_folder(self, prepared):
        corpus = load_corpus(str(prepared))

        assert list(corpus) == ["train", "validation", "test"]
        assert corpus["test"].info.config_name == "superclass"
        assert load_corpus(str(prepared), "superclass", split="test")["record_id"][:] == ["10", "20"]

    def test_signals_are_exact(self, prepared):
        rows = load_corpus(str(prepared), split="test").with_format("numpy", columns=["signal"], dtype=np.int16)

        np.testing.assert_array_equal(rows[0]["signal"], make_microvolts(10).T)

    def test_the_features_are_in_the_parquet_files_too(self, prepared):
        metadata = json.loads(pq.read_schema(prepared / "test-00000-of-00001.parquet").metadata[b"huggingface"])

        assert metadata["info"]["features"]["labels"]["feature"]["names"] == ["NORM", "MI", "STTC", "CD", "HYP"]

    def test_a_split_without_records_has_no_file_and_is_empty_again_when_loaded(self, broken_dir, tmp_path):
        prepare_corpus("ptb_xl", output_dir=tmp_path / "out", data_dir=str(broken_dir), on_error="skip")

        assert sorted(datasets.load_dataset(str(tmp_path / "out"))) == ["test", "train"]
        assert [rows.num_rows for rows in load_corpus(str(tmp_path / "out")).values()] == [13, 0, 2]

    def test_the_card_states_the_sizes_that_datasets_checks(self, prepared):
        card = (prepared / "README.md").read_text()

        assert "- name: train\n    num_bytes: " in card
        assert "num_examples: 14" in card

    def test_a_shard_without_rows_leaves_no_gap_in_the_numbers(self, broken_dir, tmp_path):
        options = {"data_dir": str(broken_dir), "records_per_shard": 3, "on_error": "skip"}
        (broken_dir / "records500/00000/00001_hr.dat").unlink()
        (broken_dir / "records500/00000/00002_hr.dat").unlink()
        (broken_dir / "records500/00000/00003_hr.dat").unlink()

        prepare_corpus("ptb_xl", output_dir=tmp_path / "out", **options)

        assert [path.name for path in sorted((tmp_path / "out").glob("train-*"))] == [
            f"train-{index:05d}-of-00004.parquet" for index in range(4)
        ]
        assert load_corpus(str(tmp_path / "out"), split="train")["record_id"][:3] == ["5", "7", "8"]

    def test_the_card_names_the_licence_of_the_source(self, prepared):
        card = (prepared / "README.md").read_text()

        assert "CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)" in card
        assert "Source: https://physionet.org/content/ptb-xl/" in card


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
class TestProcesses:
    @pytest.mark.parametrize("num_proc", [None, 3])
    def test_files_do_not_depend_on_the_number_of_processes(self, prepared, ptb_xl_dir, tmp_path, num_proc):
        prepare_small(ptb_xl_dir, tmp_path / "out", config_name="superclass", num_proc=num_proc)

        assert digests(tmp_path / "out") == digests(prepared)

    def test_the_report_differs_in_the_timing_alone(self, prepared, ptb_xl_dir, tmp_path):
        alone = prepare_small(ptb_xl_dir, tmp_path / "out", config_name="superclass")

        assert without_timing(alone) == without_timing(json.loads((prepared / "build_report.json").read_text()))

    def test_a_broken_record_is_named_by_worker_processes_too(self, broken_dir, tmp_path):
        with pytest.raises(ValueError, match=r"Record 4 of ptb_xl.*00004_hr\.dat.*--on_error skip"):
            prepare_small(broken_dir, tmp_path / "out", num_proc=2)

    def test_a_worker_that_ends_without_a_word_is_explained(self, ptb_xl_dir, tmp_path, monkeypatch):
        monkeypatch.setattr(
            BUILDERS["ptb_xl"], "_read_recording", lambda self, row: os._exit(1)
        )  # as a crash in compiled code

        with pytest.raises(RuntimeError, match=r"worker process ended without a word.*shards are kept.*`--num_proc`"):
            prepare_small(ptb_xl_dir, tmp_path, num_proc=2)

    def test_a_builder_reaches_workers_that_share_no_memory(self, ptb_xl_dir, tmp_path):
        builder = BUILDERS["ptb_xl"](data_dir=str(ptb_xl_dir), cache_dir=str(tmp_path))
        shard = plan_shards(builder, tmp_path / "shards", records_per_shard=100)["test"][0]

        start_worker(write_shard, pickle.loads(pickle.dumps(builder)))

        assert write_in_worker(pickle.loads(pickle.dumps(shard))) == 2
        assert shard.summary["num_rows"] == 2


class TestInterruption:
    def test_after_a_kill_the_same_command_goes_on_and_writes_the_same_files(self, tmp_path):
        command = ["simulated", "--num_records", "120", "--records_per_shard", "4", "--num_proc", "2"]
        killed = subprocess.Popen(
            [sys.executable, "-m", "datasets_scripts.prepare", *command, "--output_dir", str(tmp_path / "killed")],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
        )
        kept = wait_until(lambda: finished_shards(tmp_path / "killed")[2:] and finished_shards(tmp_path / "killed"))
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        inode = (tmp_path / "killed" / ".incomplete" / kept[0] / "rows.parquet").stat().st_ino

        main([*command, "--output_dir", str(tmp_path / "killed")])

        main([*command, "--output_dir", str(tmp_path / "whole")])
        assert digests(tmp_path / "killed") == digests(tmp_path / "whole")
        assert not list(tmp_path.glob("*/.incomplete"))
        report = json.loads((tmp_path / "killed" / "build_report.json").read_text())
        assert 12 <= report["timing"]["num_records_kept_from_earlier_runs"] < 120
        assert inode in [path.stat().st_ino for path in (tmp_path / "killed").glob("*.parquet")]

    def test_workers_end_with_the_process_that_was_killed(self, tmp_path):
        command = ["simulated", "--num_records", "2000", "--records_per_shard", "4", "--num_proc", "2"]
        killed = subprocess.Popen(
            [sys.executable, "-m", "datasets_scripts.prepare", *command, "--output_dir", str(tmp_path)],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: finished_shards(tmp_path))
        workers = Path(f"/proc/{killed.pid}/task/{killed.pid}/children").read_text().split()

        killed.send_signal(signal.SIGKILL)
        killed.wait()

        assert len(workers) == 2
        assert wait_until(lambda: not any(Path(f"/proc/{worker}/exe").exists() for worker in workers))

    def test_after_a_broken_record_was_repaired_only_its_shard_is_read_again(self, broken_dir, ptb_xl_dir, tmp_path):
        with pytest.raises(ValueError, match=r"Record 9 of ptb_xl.*--on_error skip"):
            prepare_small(broken_dir, tmp_path / "out", config_name="rhythm", max_records=3)
        assert finished_shards(tmp_path / "out") == ["train-00000"]
        shutil.copytree(ptb_xl_dir, broken_dir, dirs_exist_ok=True)

        report = prepare_small(broken_dir, tmp_path / "out", config_name="rhythm", max_records=3)

        assert [split["num_records"] for split in report["splits"].values()] == [3, 2, 2]
        assert report["timing"]["num_records_kept_from_earlier_runs"] == 3

    def test_a_run_that_stopped_at_a_broken_record_may_go_on_without_it(self, broken_dir, tmp_path):
        with pytest.raises(ValueError, match=r"Record 9 of ptb_xl.*--on_error skip"):
            prepare_small(broken_dir, tmp_path / "out", config_name="rhythm", max_records=3)

        report = prepare_small(broken_dir, tmp_path / "out", config_name="rhythm", max_records=3, on_error="skip")

        assert [record["record_id"] for record in report["skipped"]] == ["9", "19"]
        assert report["timing"]["num_records_kept_from_earlier_runs"] == 3

    def test_a_shard_that_lacks_records_is_read_again_once_they_arrive(self, broken_dir, tmp_path):
        builder = BUILDERS["ptb_xl"](data_dir=str(broken_dir), cache_dir=str(tmp_path), on_error="skip")
        shard = plan_shards(builder, tmp_path / "shards", records_per_shard=10)["train"][0]
        write_shard(builder, shard)
        assert shard.is_finished(on_error="skip")
        assert not shard.is_finished(on_error="raise")

        write_ptb_xl_record(broken_dir / RECORD_4, make_microvolts(4), sampling_rate=500)

        assert not shard.is_finished(on_error="skip")

    @pytest.mark.parametrize("name", ["rows.parquet", "quality.npz", "shard.json", "sources.npz"])
    @pytest.mark.parametrize("damage", ["cut", "emptied", "filled with other bytes"])
    def test_a_shard_with_a_file_that_cannot_be_read_is_not_taken(self, ptb_xl_dir, tmp_path, name, damage):
        builder = BUILDERS["ptb_xl"](data_dir=str(ptb_xl_dir), cache_dir=str(tmp_path))
        shard = plan_shards(builder, tmp_path / "shards", records_per_shard=10)["train"][0]
        write_shard(builder, shard)
        assert shard.is_finished(on_error="raise")
        path = shard.folder / name
        size = path.stat().st_size

        path.write_bytes({"cut": path.read_bytes()[: size // 2], "emptied": b""}.get(damage, b"\xff" * size))

        assert not shard.is_finished(on_error="raise")

    def test_a_kill_while_files_are_moved_to_their_place_does_no_harm(
        self, prepared, ptb_xl_dir, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(corpus, "write_card", lambda *arguments: sys.exit("killed"))
        with pytest.raises(SystemExit, match="killed"):
            prepare_small(ptb_xl_dir, tmp_path / "out", config_name="superclass")
        moved = tmp_path / "out" / "test-00000-of-00001.parquet"
        moved.rename(tmp_path / "out" / ".incomplete" / "test-00000" / "rows.parquet")
        monkeypatch.undo()

        prepare_small(ptb_xl_dir, tmp_path / "out", config_name="superclass")

        assert digests(tmp_path / "out") == digests(prepared)

    @pytest.mark.parametrize("other", [{"config_name": "form"}, {"sampling_rate": 100}, {"max_records": 1}])
    def test_another_build_is_not_mixed_in(self, broken_dir, tmp_path, other):
        begun = {"config_name": "rhythm", "max_records": 3}
        with pytest.raises(ValueError, match="Record 9"):
            prepare_small(broken_dir, tmp_path / "out", **begun)

        with pytest.raises(ValueError, match=r"unfinished build of ptb_xl, rhythm.*Repeat the command.*or delete"):
            prepare_small(broken_dir, tmp_path / "out", **{**begun, **other})

    def test_a_table_that_changed_since_is_noticed(self, broken_dir, tmp_path):
        with pytest.raises(ValueError, match="Record 9"):
            prepare_small(broken_dir, tmp_path / "out", config_name="rhythm", max_records=3)
        table = broken_dir / "ptbxl_database.csv"
        table.write_text(table.read_text().replace("AFIB", "AFLT"))

        with pytest.raises(ValueError, match=r"differs in its options, tables or files"):
            prepare_small(broken_dir, tmp_path / "out", config_name="rhythm", max_records=3)

    def test_what_was_killed_before_the_first_shard_gives_way(self, ptb_xl_dir, tmp_path):
        (tmp_path / "out" / ".incomplete" / "train-00000.77.unfinished").mkdir(parents=True)
        (tmp_path / "out" / ".incomplete" / "build.json").write_text('{"fingerprint": "another"}')

        report = prepare_small(ptb_xl_dir, tmp_path / "out", max_records=1)

        assert report["splits"]["train"]["num_records"] == 1
        assert not (tmp_path / "out" / ".incomplete").exists()

    def test_a_complete_corpus_is_left_alone_by_the_same_command(self, ptb_xl_dir, tmp_path, caplog):
        caplog.set_level("INFO")
        first = prepare_small(ptb_xl_dir, tmp_path / "out")

        again = prepare_small(ptb_xl_dir, tmp_path / "out")

        assert again == first
        assert "was complete before" in caplog.text


class TestRefusals:
    def test_a_folder_in_use_is_not_touched(self, ptb_xl_dir, tmp_path):
        (tmp_path / "thesis.tex").write_text("years of work")

        with pytest.raises(ValueError, match=r"--output_dir.*is not empty\. Choose another folder"):
            prepare_corpus("ptb_xl", output_dir=tmp_path, data_dir=str(ptb_xl_dir))

        assert (tmp_path / "thesis.tex").read_text() == "years of work"

    def test_a_complete_corpus_is_not_overwritten_by_another(self, ptb_xl_dir, tmp_path):
        prepare_small(ptb_xl_dir, tmp_path / "out", config_name="rhythm")

        with pytest.raises(ValueError, match=r"--output_dir.*is not empty\. Choose another folder"):
            prepare_small(ptb_xl_dir, tmp_path / "out", config_name="form")

    def test_a_record_that_is_listed_twice_is_refused(self, ptb_xl_dir, tmp_path, monkeypatch):
        read_once = BUILDERS["ptb_xl"]._read_database
        monkeypatch.setattr(BUILDERS["ptb_xl"], "_read_database", lambda *arguments: read_once(*arguments) * 2)

        with pytest.raises(ValueError, match=r"Record 1 occurs more than once in split train of ptb_xl.*Correct"):
            prepare_small(ptb_xl_dir, tmp_path / "out")

    @pytest.mark.parametrize("option", ["num_proc", "records_per_shard"])
    def test_numbers_below_one_are_refused(self, ptb_xl_dir, tmp_path, option):
        with pytest.raises(ValueError, match=rf"--{option}` is 0\. Pass 1 or more"):
            prepare_corpus("ptb_xl", output_dir=tmp_path / "out", data_dir=str(ptb_xl_dir), **{option: 0})

    def test_an_unknown_corpus_is_answered_with_the_list(self, tmp_path):
        with pytest.raises(ValueError, match=r"no corpus 'ptbxl'\. Did you mean `ptb_xl`\? Choose one of ptb_xl, "):
            prepare_corpus("ptbxl", output_dir=tmp_path / "out")

    def test_an_option_of_another_corpus_is_refused(self, ptb_xl_dir, tmp_path):
        with pytest.raises(ValueError, match=r"ptb_xl has no option --num_records\. Leave it out"):
            prepare_corpus("ptb_xl", output_dir=tmp_path / "out", data_dir=str(ptb_xl_dir), num_records=3)


def write_file(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


class TestPublication:
    def test_what_was_pushed_loads_with_datasets_alone(self, prepared, tmp_path, monkeypatch):
        hub = MadeHub()
        monkeypatch.setattr("modeling_supreme.command_line.hub.HfApi", hub)
        publication.push_to_hub(prepared, "group/ptb-xl")
        for name, content in hub.files.items():
            write_file(tmp_path / "hub" / name, content)

        stored = datasets.load_dataset(str(tmp_path / "hub"))

        assert {split: rows.num_rows for split, rows in stored.items()} == {"train": 14, "validation": 2, "test": 2}
        assert stored["test"].features["labels"].feature.names == ["NORM", "MI", "STTC", "CD", "HYP"]


@pytest.mark.data
def test_real_records_survive_the_way_through_parquet(data_dir, tmp_path):
    folder = data_dir / "ptb-xl"
    prepare_corpus("ptb_xl", output_dir=tmp_path / "out", data_dir=str(folder), max_records=5)
    built = load_corpus("ptb_xl", data_dir=folder, max_records=5)

    stored = load_corpus(str(tmp_path / "out"))

    assert stored["test"].to_dict() == built["test"].to_dict()
