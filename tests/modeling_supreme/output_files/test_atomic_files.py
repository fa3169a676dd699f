"""Files appear whole or not at all, with the permissions that this user's files have; a full disk is told in words."""

import errno
import os
import re
import shutil
import subprocess
import sys

import pytest
from helpers.repository import ROOT

from modeling_supreme.output_files.atomic_files import move_files, replace_when_complete, write_text
from modeling_supreme.output_files.disk import DiskError, count_free_bytes, find_disk_error, told_when_refused


@pytest.fixture(params=[0o022, 0o027, 0o002], ids=oct)
def umask(request):
    """A user's umask."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


class TestReplacing:
    def test_a_block_that_fails_leaves_what_was_there(self, tmp_path):
        (tmp_path / "a.txt").write_text("old")

        with pytest.raises(TypeError, match="concat"), replace_when_complete(tmp_path / "a.txt") as temporary:
            temporary.write_bytes(b"ne" + None)

        assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "old")]

    def test_a_file_has_the_permissions_that_the_umask_leaves(self, tmp_path, umask):
        with replace_when_complete(tmp_path / "a.txt") as temporary:
            os.close(os.open(temporary, os.O_CREAT, 0o600))  # as libraries write that care for secrets

        assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o666 & ~umask

    def test_folders_are_made(self, tmp_path):
        write_text(tmp_path / "a" / "b.txt", "å")

        assert (tmp_path / "a" / "b.txt").read_text(encoding="utf-8") == "å"


class TestMoving:
    def test_files_take_their_places_and_others_stay(self, tmp_path, umask):
        for name, text in (("new/a.txt", "new"), ("new/b/c.txt", "new"), ("old/a.txt", "old"), ("old/d.txt", "old")):
            write_text(tmp_path / name, text)
        (tmp_path / "new" / "a.txt").chmod(0o600)

        move_files(tmp_path / "new", tmp_path / "old")

        found = {path.relative_to(tmp_path).as_posix(): path for path in tmp_path.rglob("*") if path.is_file()}
        assert {name: path.read_text() for name, path in found.items()} == {
            "old/a.txt": "new",
            "old/b/c.txt": "new",
            "old/d.txt": "old",
        }
        assert found["old/a.txt"].stat().st_mode & 0o777 == 0o666 & ~umask
        assert not (tmp_path / "new").exists()


class TestDisk:
    @pytest.mark.parametrize(
        "error",
        [
            OSError(errno.ENOSPC, "No space left on device"),
            RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
            ValueError("Error writing bytes to file. Detail: [errno 28] No space left on device"),
        ],
        ids=["Python", "Rust", "C++"],
    )
    def test_a_full_disk_is_told_whoever_reports_it(self, tmp_path, error):
        with (
            pytest.raises(DiskError, match=r"The model could not be written to .*: the disk is full; .* Go on\."),
            told_when_refused("The model", tmp_path, "Go on."),
        ):
            raise error

    @pytest.mark.parametrize(
        "error",
        [
            ValueError("no"),
            FileNotFoundError(errno.ENOENT, "none"),
            OSError("no number"),
            PermissionError(errno.EACCES, "Permission denied", "/reports/that/may/not/be/read.csv"),
        ],
        ids=["another error", "no such file", "no number", "a file that was read"],
    )
    def test_what_is_no_fault_of_the_disk_passes(self, tmp_path, error):
        with (
            pytest.raises(type(error), match=re.escape(str(error))) as raised,
            told_when_refused("The model", tmp_path, "Go on."),
        ):
            raise error

        assert raised.value is error

    @pytest.mark.parametrize("number", [errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EACCES])
    def test_a_quota_a_read_only_disk_and_a_limit_are_known_too(self, number):
        assert find_disk_error(OSError(number, os.strerror(number))) == number

    def test_free_bytes_are_those_of_the_disk_of_a_folder_to_be(self, tmp_path):
        free = count_free_bytes(tmp_path / "a" / "b")

        assert free == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.1)

    def test_safetensors_reports_a_full_disk_in_a_way_that_is_known(self, tmp_path):
        code = (
            "import resource, signal, sys, torch\n"
            "from pathlib import Path\n"
            "from safetensors.torch import save_file\n"
            "from modeling_supreme.output_files.disk import told_when_refused\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
            "folder = Path(sys.argv[1])\n"
            "with told_when_refused('The model', folder, 'Go on.'):\n"
            "    save_file({'a': torch.zeros(9000)}, folder / 'a.safetensors')\n"
        )

        run = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, capture_output=True, text=True)

        assert "DiskError: The model could not be written to" in run.stderr
        assert "larger than this process may write" in run.stderr
