"""One run at a time in a folder: a second one stops with a sentence instead of writing among the files of the first.

The lock is a file that names its owner: the machine, the process, and when that process began, since the numbers of
processes are used again. An owner that was killed leaves the file behind; on the same machine the next run sees that
it is gone and takes over. Of an owner on another machine nothing can be seen, so the user is asked.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from modeling_supreme.command_line import CommandLineError

from .disk import describe_disk_error, find_disk_error


logger = logging.getLogger(__name__)

LOCK_FILENAME = ".run.lock"
# The system counts in hundredths of a second from its start, which it knows to a second
START_TOLERANCE_S = 2.0


class FolderInUseError(CommandLineError):
    """Another run writes to the folder."""


class FolderLock:
    """Keeps other runs out of a folder while it is entered.

    Args:
        folder (`Path`):
            The folder; made if need be.
        command (`str`):
            What the owner is called in the message to the second run: "train.py".
        flag (`str`):
            What messages call the flag that names the folder.

    Raises:
        FolderInUseError: On entering, if another run holds the lock, or held it on another machine.
        CommandLineError: On entering, if the folder cannot be written to.
    """

    def __init__(self, folder: Path, command: str, *, flag: str = "--output_dir") -> None:
        self.folder, self.command, self.flag = folder, command, flag
        self.path = folder / LOCK_FILENAME
        self._own: dict[str, Any] | None = None
        self._has_made_folder = False

    def __enter__(self) -> FolderLock:
        try:
            self._has_made_folder = not self.folder.exists()
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._alone() as file:
                owner = parse_owner(file.read())
                if owner is not None:
                    self._check_gone(owner)
                self._own = describe_owner(self.command)
                file.truncate(0)
                file.write(json.dumps(self._own).encode())
        except (FileExistsError, NotADirectoryError):
            raise CommandLineError(f"{self.folder} is a file, not a folder. Choose another `{self.flag}`.") from None
        except OSError as error:
            if find_disk_error(error) is None:
                raise
            reason = describe_disk_error(error, self.folder)
            raise CommandLineError(
                f"`{self.flag}` {self.folder} cannot be written to: {reason}. Make room, change its permissions, or"
                " choose another folder."
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let others in; a folder that was made for this run and holds nothing else goes too."""
        with suppress(OSError):  # whatever ends the run is not to be hidden by a disk that has gone
            if self._own is not None and parse_owner(self.path.read_bytes()) == self._own:
                self.path.unlink()
            if self._has_made_folder:
                self.folder.rmdir()
        self._own = None

    def _check_gone(self, owner: dict[str, Any]) -> None:
        """Refuse to go on where the owner still runs, or where nobody here can tell."""
        named = f"{owner['command']}, process {owner['pid']} on {owner['host']}, since {owner['since']}"
        if owner["host"] != socket.gethostname():
            raise FolderInUseError(
                f"{self.folder} is in use by another run ({named}), on another machine: whether it still runs cannot"
                f" be seen from here. Wait for it or choose another `{self.flag}`; if it is gone, delete {self.path}."
            )
        if is_running(owner):
            raise FolderInUseError(
                f"{self.folder} is in use by another run ({named}). Wait until it has ended, stop it, or choose"
                f" another `{self.flag}`."
            )
        logger.warning(f"{self.path} was left by a run that is gone ({named}). Taking over.")

    @contextmanager
    def _alone(self) -> Iterator[Any]:
        """The lock's file, open, while no other process looks at it: of two that take over, one is the second."""
        while True:
            if self.path.is_symlink() or self.path.is_dir():  # what a link leads to must not be written over
                raise CommandLineError(
                    f"{self.path} is a link or a folder, where a run writes that it is in {self.folder}. Remove it, or"
                    f" choose another `{self.flag}`."
                )
            with self.path.open("a+b", buffering=0) as file:
                _lock_file(file.fileno())
                file.seek(0)
                if _is_same_file(file.fileno(), self.path):  # else its owner has just removed it
                    yield file
                    return


def describe_owner(command: str) -> dict[str, Any]:
    """This process, as a lock's file names it."""
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": psutil.Process().create_time(),
        "command": command,
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def parse_owner(content: bytes) -> dict[str, Any] | None:
    """Who holds a lock; `None` where nobody does, or the file is not whole: its writer was killed in between."""
    try:
        owner = json.loads(content)
    except ValueError:
        return None
    fields = {"host": str, "pid": int, "started": (int, float), "command": str, "since": str}
    is_whole = isinstance(owner, dict) and all(isinstance(owner.get(name), kind) for name, kind in fields.items())
    return owner if is_whole else None


def is_running(owner: dict[str, Any]) -> bool:
    """Whether a process of this machine is still the one that took the lock."""
    try:
        process = psutil.Process(owner["pid"])
        is_same = abs(process.create_time() - owner["started"]) < START_TOLERANCE_S
        return is_same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, ValueError):
        return False
    except psutil.AccessDenied:  # there is such a process, of another user
        return True


def _lock_file(descriptor: int) -> None:
    """Wait until no other process has the file locked; file systems without locks go without."""
    with suppress(ImportError, OSError):
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _is_same_file(descriptor: int, path: Path) -> bool:
    """Whether an open file is still the one that has the name."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False
