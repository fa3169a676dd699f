"""The folder of a run: it holds one run, of which one session at a time writes."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from fnmatch import fnmatch
from pathlib import Path
from types import TracebackType
from typing import Any

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from modeling_supreme.command_line import CommandLineError
from modeling_supreme.output_files.disk import describe_disk_error, told_when_refused
from modeling_supreme.output_files.folder_lock import FolderLock

from .history import (
    ARGUMENTS_FILENAME,
    SESSIONS_FILENAME,
    RunHistory,
    begin_session,
    check_kept,
    new_run_id,
    read_history,
    read_sessions,
)
from .states import STATE_NAME, find_state
from .upload import CODE, UPLOADED


logger = logging.getLogger(__name__)

STATES, BEST, BEST_FIGURES = "checkpoints", "best", "best_figures.json"
INCOMPLETE = ".model.incomplete"
# What a run writes, by name
OWN_FILES = (
    *(name for name in UPLOADED if name != "*.safetensors"),
    *("model.safetensors", "model-*-of-*.safetensors", ARGUMENTS_FILENAME, SESSIONS_FILENAME, "predictions.parquet"),
    *("train_log.jsonl", "validation_log.jsonl", "failed_step_[0-9]*.json", BEST_FIGURES),
)
# Those of a run that was broken off before its first state; the same command begins again
BEGUN = (ARGUMENTS_FILENAME, SESSIONS_FILENAME, "train_log.jsonl", "validation_log.jsonl", BEST)
SHOWN = 6


class RunFolder:
    """Keeps other runs out of the output folder, and other runs' states out of this one, while it is entered.

    Args:
        accelerator (`Accelerator`):
            Knows the main process, which alone holds the lock and writes.
        arguments (`NamedTuple`):
            All that was said of the run, `training` among it.
        settings (`dict`):
            The same by flag.

    Attributes:
        state_dir (`Path`, *optional*):
            The state to go on from.

    Raises:
        CommandLineError: On entering, if another run holds the folder, or the folder holds another run and nobody said
            what is to become of it, or a flag differs that a state keeps.
        DamagedStateError: On entering, if the state to go on from is damaged.
    """

    def __init__(self, accelerator: Accelerator, arguments: Any, settings: dict[str, Any]) -> None:
        self.accelerator, self.arguments, self.settings = accelerator, arguments, settings
        self.output_dir = Path(arguments.training.output_dir)
        self.state_dir: Path | None = None
        self._run_id: str | None = None
        self._state: RunHistory | None = None
        self._sessions: list[dict[str, Any]] = []
        self._stack = ExitStack()

    def __enter__(self) -> RunFolder:
        refusal: BaseException | None = None
        try:
            if self.accelerator.is_main_process:
                self._stack.enter_context(FolderLock(self.output_dir, "train.py"))
                self._open()
        except BaseException as error:
            refusal = error
            self._stack.close()
            raise
        finally:
            # The others must not wait for a main process that has gone
            said = broadcast_object_list([refusal is not None, self.state_dir])
        if said[0]:
            raise SystemExit(2)
        self.state_dir = said[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def begin(self, step: int) -> RunHistory | None:
        """Write down that a session begins, once nothing can be refused any more; `None` beside the main process.

        Args:
            step (`int`):
                Steps done before.
        """
        if not self.accelerator.is_main_process:
            return None
        if self.arguments.training.overwrite_output_dir:
            remove_run(self.output_dir)
        history = begin_session(
            self.settings,
            run_id=self._run_id,
            state=self._state,
            known_sessions=self._sessions,
            state_dir=self.state_dir,
            step=step,
            num_processes=self.accelerator.num_processes,
        )
        with told_when_refused("The arguments of the run", self.output_dir, "Make room, and start again."):
            history.save(self.output_dir)
        return history

    def end(self, loop: Any, how: str) -> None:
        """Note how a session ended, as far as the disk takes it."""
        if loop.history is None:
            return
        try:
            loop.history.end(self.output_dir, loop.progress.step, how)
        except OSError as error:
            logger.error(f"{SESSIONS_FILENAME} was not written: {describe_disk_error(error, self.output_dir)}.")

    def _open(self) -> None:
        """Find the state to go on from, and refuse what would mix two runs."""
        training, states_dir = self.arguments.training, self.output_dir / STATES
        resumed = training.resume_from_checkpoint
        if training.overwrite_output_dir:
            self._check_overwritten()
            run_id, sessions = None, []
        else:
            run_id, sessions = read_sessions(self.output_dir)
        if resumed:
            self.state_dir = find_state(resumed, states_dir, run_id=run_id)
        if self.state_dir:
            self._state = read_history(self.state_dir)
            check_kept(self._state.settings, self.settings, self.state_dir)
        is_own = (
            self.state_dir is not None
            and is_within(self.state_dir, states_dir)
            and self._state is not None
            and self._state.run_id == run_id
        )
        if not training.overwrite_output_dir and not is_own:
            self._check_unused()
        goes_on = is_own or (resumed == "latest" and bool(sessions))
        self._run_id, self._sessions = (run_id, sessions) if goes_on else (new_run_id(), [])

    def _check_unused(self) -> None:
        """Refuse a folder that holds what the run would write."""
        names = [path.name for path in find_run_files(self.output_dir)]
        resumed = self.arguments.training.resume_from_checkpoint
        if not names or (resumed == "latest" and set(names) <= set(BEGUN)):
            return
        listed = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
        if resumed == "latest":
            remedy = "It has no state of this run to go on from"
        elif resumed:
            remedy = f"The state {resumed} is of another run"
        else:
            remedy = "Go on with it by `--resume_from_checkpoint latest`"
        raise CommandLineError(
            f"`--output_dir` {self.output_dir} is in use: it holds {listed}. {remedy}; replace it by"
            " `--overwrite_output_dir`, or choose another folder."
        )

    def _check_overwritten(self) -> None:
        """Refuse to remove what the run is to begin with."""
        begins_with = {
            "resume_from_checkpoint": self.arguments.training.resume_from_checkpoint,
            "model_name_or_path": self.settings.get("model_name_or_path"),
        }
        for flag, value in begins_with.items():
            if value and (value == "latest" or is_within(Path(value), self.output_dir)):
                raise CommandLineError(
                    f"`--overwrite_output_dir` would remove what `--{flag}` {value} begins with, in {self.output_dir}."
                    " Leave one of them out, or choose another `--output_dir`."
                )


def is_within(path: Path, folder: Path) -> bool:
    """Whether a path is a folder or lies in it."""
    return path.resolve().is_relative_to(folder.resolve())


def find_run_files(folder: Path) -> list[Path]:
    """Files of a run in its folder, and the folders of its states and of its best model where there are some."""
    found = [path for path in sorted(folder.iterdir()) if path.is_file() and is_own_file(path.name)]
    return [*(folder / name for name, _ in _own_folders(folder)), *found]


def is_own_file(name: str) -> bool:
    """Whether a run writes a file of this name."""
    return name in CODE - {"__init__.py"} or any(fnmatch(name, pattern) for pattern in OWN_FILES)


def remove_run(folder: Path) -> None:
    """Remove what a run left in its folder, and nothing else."""
    for name, paths in _own_folders(folder):
        for path in paths:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not any((folder / name).iterdir()):
            (folder / name).rmdir()
    for path in find_run_files(folder):
        if path.is_file():
            path.unlink()


def _own_folders(folder: Path) -> Iterator[tuple[str, list[Path]]]:
    """Folders that a run makes, each with what a run has put there."""
    states = [path for path in _list(folder / STATES) if STATE_NAME.fullmatch(path.name.removesuffix(".incomplete"))]
    if states:
        yield STATES, states
    for name in (BEST, f"{BEST}.incomplete", f"{BEST}.outdated", INCOMPLETE):
        files = [path for path in _list(folder / name) if path.is_file() and is_own_file(path.name)]
        if files:
            yield name, files


def _list(folder: Path) -> list[Path]:
    """What a folder holds; nothing where there is none."""
    return sorted(folder.iterdir()) if folder.is_dir() else []
