"""`FolderLock`: one run in a folder, the second is told whose it is, and what a killed run left is taken over."""

import json
import os
import signal
import socket
import subprocess
import sys

import psutil
import pytest
from helpers.repository import ROOT

from modeling_supreme.command_line import CommandLineError
from modeling_supreme.output_files.folder_lock import LOCK_FILENAME, FolderInUseError, FolderLock, describe_owner


HOLDER = """
import sys, time
from pathlib import Path
from modeling_supreme.output_files.folder_lock import FolderLock

with FolderLock(Path(sys.argv[1]), "train.py"):
    print("held", flush=True)
    time.sleep(60)
"""
# All begin at one moment; each that gets the lock holds it until all have tried
RACER = """
import sys, time
from pathlib import Path
from modeling_supreme.output_files.folder_lock import FolderInUseError, FolderLock

print("ready", flush=True)
sys.stdin.readline()
try:
    with FolderLock(Path(sys.argv[1]), "train.py"):
        print("held", flush=True)
        sys.stdin.readline()
except FolderInUseError:
    print("refused", flush=True)
"""


def start_process(code, folder):
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], cwd=ROOT, stdin=-1, stdout=-1, stderr=subprocess.DEVNULL, text=True
    )


def write_lock(folder, **changes):
    """A lock of this very process, with some entries changed."""
    (folder / LOCK_FILENAME).write_text(json.dumps({**describe_owner("train.py"), **changes}), encoding="utf-8")


def end_process(process, number=signal.SIGKILL):
    process.send_signal(number)
    process.communicate()


class TestLiving:
    def test_a_second_run_is_told_who_holds_the_folder(self, tmp_path):
        holder = start_process(HOLDER, tmp_path)
        assert holder.stdout.readline() == "held\n"

        named = rf"in use by another run \(train\.py, process {holder.pid} on {socket.gethostname()}, since 20"
        with pytest.raises(FolderInUseError, match=rf"{named}.*stop it, or choose another `--output_dir`"):
            FolderLock(tmp_path, "train.py").__enter__()
        end_process(holder)

    def test_the_same_process_counts_as_another_run(self, tmp_path):
        with FolderLock(tmp_path, "train.py"), pytest.raises(FolderInUseError, match="in use by another run"):
            FolderLock(tmp_path, "train.py").__enter__()

    def test_of_several_that_find_a_stale_lock_one_takes_over(self, tmp_path):
        write_lock(tmp_path, started=1.0)
        racers = [start_process(RACER, tmp_path) for _ in range(4)]
        assert [racer.stdout.readline() for racer in racers] == ["ready\n"] * 4

        for racer in racers:
            racer.stdin.write("\n")
            racer.stdin.flush()

        assert sorted(racer.stdout.readline() for racer in racers) == ["held\n", *["refused\n"] * 3]
        for racer in racers:
            racer.communicate("\n")


class TestReleased:
    def test_nothing_is_left_when_the_run_ends(self, tmp_path):
        with FolderLock(tmp_path, "train.py"):
            pass

        assert list(tmp_path.iterdir()) == []

    def test_a_folder_made_for_a_run_that_left_nothing_goes_too(self, tmp_path):
        with pytest.raises(ZeroDivisionError, match="division"), FolderLock(tmp_path / "run", "train.py"):
            1 / 0  # noqa: B018

        assert not (tmp_path / "run").exists()

    def test_what_another_run_has_taken_over_is_not_removed(self, tmp_path):
        with FolderLock(tmp_path, "train.py"):
            write_lock(tmp_path, pid=7)

        assert json.loads((tmp_path / LOCK_FILENAME).read_text())["pid"] == 7


class TestStale:
    def test_a_killed_owner_is_followed_with_a_line_in_the_log(self, tmp_path, caplog):
        holder = start_process(HOLDER, tmp_path)
        holder.stdout.readline()
        end_process(holder)

        with FolderLock(tmp_path, "train.py"):
            assert json.loads((tmp_path / LOCK_FILENAME).read_text())["pid"] == os.getpid()

        assert f"left by a run that is gone (train.py, process {holder.pid} on" in caplog.text

    def test_a_killed_owner_that_nobody_has_waited_for_is_gone_as_well(self, tmp_path):
        holder = start_process(HOLDER, tmp_path)
        holder.stdout.readline()
        holder.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
        assert psutil.Process(holder.pid).status() == psutil.STATUS_ZOMBIE

        with FolderLock(tmp_path, "train.py"):
            holder.communicate()

    def test_another_process_with_the_number_of_the_owner_is_not_taken_for_it(self, tmp_path, caplog):
        write_lock(tmp_path, started=psutil.Process().create_time() - 100)

        with FolderLock(tmp_path, "train.py"):
            assert "Taking over" in caplog.text

    def test_an_owner_on_another_machine_is_named_with_the_file_to_delete(self, tmp_path):
        write_lock(tmp_path, host="node7")

        with pytest.raises(
            FolderInUseError, match=r"on node7, since .*cannot be seen from here.*if it is gone, delete .*\.run\.lock"
        ):
            FolderLock(tmp_path, "train.py").__enter__()

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"host": 1}', '{"host": "a", "pid": "7"}'])
    def test_a_lock_that_is_not_whole_is_nobodys(self, tmp_path, content):
        (tmp_path / LOCK_FILENAME).write_text(content)

        with FolderLock(tmp_path, "train.py"):
            assert json.loads((tmp_path / LOCK_FILENAME).read_text())["pid"] == os.getpid()


class TestUnwritable:
    def test_a_link_in_the_place_of_the_lock_is_refused_and_what_it_leads_to_is_left_alone(self, tmp_path):
        precious, folder = tmp_path / "precious", tmp_path / "run"
        precious.write_text("precious", encoding="utf-8")
        folder.mkdir()
        (folder / LOCK_FILENAME).symlink_to(precious)

        with pytest.raises(CommandLineError, match=r"\.run\.lock is a link or a folder.*Remove it"):
            FolderLock(folder, "train.py").__enter__()

        assert precious.read_text(encoding="utf-8") == "precious"

    def test_a_folder_in_the_place_of_the_lock_is_refused(self, tmp_path):
        (tmp_path / LOCK_FILENAME).mkdir()

        with pytest.raises(CommandLineError, match=r"\.run\.lock is a link or a folder.*Remove it"):
            FolderLock(tmp_path, "train.py").__enter__()

    def test_a_file_in_the_place_of_the_folder_is_refused(self, tmp_path):
        (tmp_path / "run").touch()

        with pytest.raises(CommandLineError, match=r"run is a file, not a folder\. Choose another `--output_dir`"):
            FolderLock(tmp_path / "run", "train.py").__enter__()

    def test_a_folder_that_may_not_be_written_to_is_refused(self, tmp_path, monkeypatch):
        def refuse(*args, **options):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(FolderLock, "_alone", refuse)
        with pytest.raises(
            CommandLineError, match=r"cannot be written to: this user may not write there; .* MiB are free\. Make room"
        ):
            FolderLock(tmp_path, "train.py").__enter__()
