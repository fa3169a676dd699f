"""`supreme classify` and `measure` to a table: whoever shares the work, and whatever interrupts it, the same bytes."""

import importlib.util
import json
import multiprocessing
import re
import shutil
import signal
from pathlib import Path

import pandas as pd
import pytest
import torch
from helpers.forked_python import run_forked, start_forked
from helpers.servers.dask_cluster import started_cluster
from helpers.strips import make_long_strip, write_holter
from helpers.tiny_models import TINY_MEASUREMENTS
from helpers.waiting import wait_for

from modeling_supreme.command_line import run_command
from modeling_supreme.ecg_index.sources import FileSource
from modeling_supreme.output_files import workers
from modeling_supreme.output_files.folder_lock import FolderLock
from modeling_supreme.supreme_command import recordings
from modeling_supreme.supreme_command.answering import Answering, write_part
from modeling_supreme.supreme_command.journal import Part
from modeling_supreme.supreme_command.main import main


LABELS = "normal ecg, qrs > 96 ms"


@pytest.fixture(scope="module")
def checkpoint(make_checkpoint):
    return str(make_checkpoint("hybrid", trained_queries=["normal ecg"], measurements=list(TINY_MEASUREMENTS)))


@pytest.fixture(scope="module")
def folder(ptb_xl_dir, tmp_path_factory):
    """WFDB records, and behind them a table that is no ECG."""
    target = tmp_path_factory.mktemp("files")
    for path in sorted((ptb_xl_dir / "records500" / "00000").glob("0000*_hr.*")):
        shutil.copy(path, target)
    (target / "notes.csv").write_text("I,II\n1,2\n3,4\n")
    return target


@pytest.fixture
def words(folder, checkpoint):
    """A command without its table."""
    return ["classify", str(folder), "--model", checkpoint, "--labels", LABELS, "--on_error", "skip"]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Parts of two recordings."""
    monkeypatch.setattr(recordings, "RECORDS_PER_PART", 2)


@pytest.fixture
def forked_workers(monkeypatch):
    """Workers are forked from a server that has loaded torch, once for all tests; those that are spawned load it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["modeling_supreme.supreme_command.answering"])
    monkeypatch.setattr(workers.multiprocessing, "get_context", lambda _method: context)


@pytest.fixture
def stop_after(monkeypatch):
    """Lets a run be interrupted when so many parts are done."""
    write_part = recordings.write_part

    def arrange(num_parts, seen):
        def write(answering, part):
            if len(seen) == num_parts:
                raise KeyboardInterrupt("enough")
            seen.append(part.start)
            return write_part(answering, part)

        monkeypatch.setattr(recordings, "write_part", write)

    return arrange


def refuse(words, capsys):
    """What a command says that ends with exit code 2."""
    with pytest.raises(SystemExit, match="2"):
        run_command(main, words, refusals=(OSError, ValueError, TypeError))
    return capsys.readouterr().err


def parts_of(table):
    """Parts that are done of a table that is not."""
    return sorted(table.with_name(f".{table.name}.journal").glob("*.jsonl"))


class TestSharing:
    def test_two_processes_write_the_bytes_of_one_and_draw_the_same_sheets(self, words, folder, tmp_path, capsys):
        one, two = tmp_path / "one", tmp_path / "two"

        main([*words, "--csv", str(one / "out.csv")])
        main([*words, "--csv", str(two / "out.csv"), "--num_proc", "2", "--plot", str(two / "plots")])

        names = [path.stem for path in sorted(folder.glob("*.hea"))]
        assert pd.read_csv(one / "out.csv")["record"].tolist() == [*(n for n in names for _ in range(2)), "notes.csv"]
        assert (one / "out.csv").read_bytes() == (two / "out.csv").read_bytes()
        assert sorted(path.name for path in two.iterdir()) == ["out.csv", "plots"]
        assert sorted(path.name for path in (two / "plots").iterdir()) == [
            f"{place:05d}_{name}.png" for place, name in enumerate(names)
        ]
        assert capsys.readouterr().err.count(f"1 of {len(names) + 1} recordings were left out: notes.csv.") == 2

    @pytest.mark.slow
    @pytest.mark.usefixtures("forked_workers")
    def test_numbers_do_not_depend_on_it_either(self, folder, checkpoint, tmp_path):
        words = ["measure", str(folder), "--model", checkpoint, "--on_error", "skip", "--parquet"]

        main([*words, str(tmp_path / "one.parquet")])
        main([*words, str(tmp_path / "two.parquet"), "--num_proc", "2"])

        assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()

    @pytest.mark.slow
    @pytest.mark.usefixtures("forked_workers")
    def test_long_recordings_are_shared_too(self, checkpoint, tmp_path):
        paths = []
        for name in ("a", "b", "c"):
            (tmp_path / name).mkdir()
            paths.append(str(write_holter(tmp_path / name, make_long_strip(23))))
        words = ["classify", *paths, "--model", checkpoint, "--labels", LABELS, "--aggregate", "timeline"]

        main([*words, "--csv", str(tmp_path / "one.csv")])
        main([*words, "--csv", str(tmp_path / "two.csv"), "--num_proc", "2"])

        assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
        assert len(pd.read_csv(tmp_path / "one.csv")) == 3 * 2 * 3

    def test_each_part_is_answered_with_one_thread(self, tmp_path):
        class CountThreads:
            def prepare(self, _classify):
                return lambda place, _record: [place, torch.get_num_threads()]

        answering = Answering(FileSource(Path(), tuple("abcd")), CountThreads(), model=object())
        known = torch.get_num_threads()
        torch.set_num_threads(2)

        num_records = write_part(answering, Part(1, 3, tmp_path / "part"))

        assert (num_records, torch.get_num_threads()) == (2, 2)
        torch.set_num_threads(known)
        lines = (tmp_path / "part").read_text().splitlines()
        assert [json.loads(line) for line in lines] == [
            {"record": "b", "answers": [1, 1]},
            {"record": "c", "answers": [2, 1]},
        ]

    @pytest.mark.slow
    @pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="the extra `cluster` is not installed")
    def test_the_workers_of_a_cluster_write_the_same_bytes(self, words, folder, tmp_path):
        main([*words, "--csv", str(tmp_path / "one.csv")])
        words[1] = "."  # of this process; the workers run in another folder
        command = ["-m", "modeling_supreme.supreme_command", *words, "--csv", str(tmp_path / "many.csv")]

        with started_cluster(tmp_path) as scheduler:
            done = run_forked(*command, "--dask_scheduler", scheduler, "--plot", tmp_path / "plots", cwd=folder)

        assert done.returncode == 0, done.stderr
        assert (tmp_path / "many.csv").read_bytes() == (tmp_path / "one.csv").read_bytes()
        assert len(list((tmp_path / "plots").iterdir())) == len(list(folder.glob("*.hea")))


class TestGoingOn:
    def test_after_an_interruption_only_the_rest_is_answered(self, words, tmp_path, stop_after):
        main([*words, "--parquet", str(tmp_path / "whole.parquet")])
        seen = []

        stop_after(2, seen)
        with pytest.raises(KeyboardInterrupt, match="enough"):
            main([*words, "--parquet", str(tmp_path / "cut.parquet")])
        stop_after(None, seen)
        main([*words, "--parquet", str(tmp_path / "cut.parquet")])

        assert seen == [0, 2, 4, 6, 8]
        assert (tmp_path / "cut.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()

    def test_a_part_that_lost_its_end_is_answered_anew(self, words, tmp_path, stop_after):
        main([*words, "--csv", str(tmp_path / "whole.csv")])
        stop_after(2, [])
        with pytest.raises(KeyboardInterrupt, match="enough"):
            main([*words, "--csv", str(tmp_path / "cut.csv")])
        first = parts_of(tmp_path / "cut.csv")[0]
        first.write_bytes(first.read_bytes()[:-7])

        stop_after(None, [])
        main([*words, "--csv", str(tmp_path / "cut.csv")])

        assert (tmp_path / "cut.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()

    @pytest.mark.slow
    @pytest.mark.usefixtures("forked_workers")
    def test_killed_in_the_middle_it_goes_on_with_more_processes(self, words, tmp_path, monkeypatch):
        table = tmp_path / "killed.csv"
        starts = "import sys; from modeling_supreme.supreme_command import main, recordings;"
        starts += "recordings.RECORDS_PER_PART = 2; main.main(sys.argv[1:])"
        with start_forked("-c", starts, *words, "--csv", table) as killed:
            kept = wait_for(lambda: parts_of(table))
            killed.send_signal(signal.SIGKILL)
        assert not table.exists()
        state = kept[0].stat()

        main([*words, "--csv", str(tmp_path / "whole.csv")])
        finish = recordings.Journal.finish
        states = []
        monkeypatch.setattr(
            recordings.Journal, "finish", lambda *given: states.append(kept[0].stat()) or finish(*given)
        )
        main([*words, "--csv", str(table), "--num_proc", "2"])

        assert table.read_bytes() == (tmp_path / "whole.csv").read_bytes()
        assert (states[0].st_ino, states[0].st_mtime_ns) == (state.st_ino, state.st_mtime_ns)

    def test_a_run_that_answered_nothing_does_not_stand_in_the_way(self, words, tmp_path, stop_after):
        stop_after(0, [])
        with pytest.raises(KeyboardInterrupt, match="enough"):
            main([*words, "--csv", str(tmp_path / "out.csv")])

        assert not list(tmp_path.iterdir())


class TestRefusals:
    @pytest.mark.usefixtures("forked_workers")
    def test_a_worker_that_cannot_use_a_recording_names_it(self, words, tmp_path, capsys):
        words = [*words[:-1], "raise", "--csv", str(tmp_path / "out.csv"), "--num_proc", "2"]

        assert re.search(r"error: .*notes\.csv.*sampling_rate", refuse(words, capsys))
        assert not (tmp_path / "out.csv").exists()

    @pytest.mark.parametrize(
        ("flags", "named"),
        [(["--num_proc", "2"], "`--num_proc 2`"), (["--dask_scheduler", "tcp://a:1", "--json"], "`--dask_scheduler`")],
    )
    @pytest.mark.parametrize("command", ["classify", "measure"])
    def test_sharing_needs_a_table(self, command, flags, named, capsys):
        labels = ["--labels", LABELS] if command == "classify" else []

        said = refuse([command, "a.csv", *labels, *flags], capsys)

        assert f"{named} shares the work on a table" in said
        assert "Name a file with `--csv FILE` or `--parquet FILE`" in said

    def test_no_process_is_no_number_of_them(self, words, capsys):
        assert "`--num_proc` is 0. Give 1 or more." in refuse([*words, "--csv", "a.csv", "--num_proc", "0"], capsys)

    def test_a_table_that_another_run_writes_is_left_to_it(self, words, tmp_path, capsys):
        with FolderLock(tmp_path / ".out.csv.journal", "supreme, for out.csv"):
            said = refuse([*words, "--csv", str(tmp_path / "out.csv")], capsys)

        assert re.search(r"\.out\.csv\.journal is in use by another run.*choose another `--csv`", said)

    def test_a_name_that_does_not_say_the_kind_of_table_is_refused(self, words, tmp_path, capsys):
        assert "Give it a name that ends in .csv" in refuse([*words, "--csv", str(tmp_path / "out.txt")], capsys)
