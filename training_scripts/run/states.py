"""States of a training run: all it needs to go on, in files that hold numbers and text, never code.

A state is a folder of safetensors and JSON with a manifest of their checksums. It appears under its name only when it
is complete and on the disk, so that whenever a run is killed, the newest state it left can be loaded. Pickle, in which
`torch.save` and Accelerate's `save_state` write, is neither written nor read.
"""

import hashlib
import json
import os
import random
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from accelerate import Accelerator
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_state_dict, set_state_dict
from transformers.utils import logging

from modeling_supreme.command_line import CommandLineError
from modeling_supreme.output_files.atomic_files import usual_mode
from modeling_supreme.output_files.disk import describe_disk_error

from .history import PROGRESS_FILENAME, read_history
from .log import JsonLines


logger = logging.get_logger(__name__)

STATE_NAME = re.compile(r"step_(\d+)")
MANIFEST = "manifest.json"
# What a state is read from, and what none is without
READ = ("*.safetensors", "*.json")
NEEDED = ("model.safetensors", "optimizer.safetensors", "optimizer.json", PROGRESS_FILENAME)
# Between the name of a parameter and that of what the optimiser keeps of it
SEPARATOR = "|"
READ_SIZE = 2**20


class DamagedStateError(CommandLineError):
    """A state cannot be loaded; the one before it may."""


class MissingStateError(CommandLineError, FileNotFoundError):
    """There is no state where the command line says."""


def write_json(path: Path, content: Any) -> None:
    """Write a small file for good: it is on the disk when this returns."""
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    flush_to_disk(path)


def flush_to_disk(path: Path) -> None:
    """Wait until a file or folder is on the disk, not only in the memory of the machine."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Write tensors for good; those that share memory, as tied weights do, each for itself."""
    written: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        places = {other.untyped_storage().data_ptr() for other in written.values()}
        is_shared = tensor.untyped_storage().data_ptr() in places
        written[name] = tensor.clone() if is_shared else tensor.contiguous()
    save_file(written, path)
    path.chmod(usual_mode())
    flush_to_disk(path)


def list_states(states_dir: Path) -> list[Path]:
    """Complete states of a run, oldest first."""
    if not states_dir.is_dir():
        return []
    states = {path: STATE_NAME.fullmatch(path.name) for path in states_dir.iterdir()}
    steps = {path: int(match[1]) for path, match in states.items() if match}
    return sorted(steps, key=lambda path: steps[path])


def check_state(state_dir: Path) -> None:
    """Compare every file with its checksum, and let none be read that has no checksum or lies elsewhere.

    Raises:
        DamagedStateError: If one is missing or differs.
    """
    remedy = "Pass another state, or `latest` to go back to the last one that is whole."
    try:
        manifest = dict(json.loads((state_dir / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DamagedStateError(f"{state_dir} has no readable {MANIFEST} ({error}). {remedy}") from error
    names = {path.name for pattern in READ for path in state_dir.glob(pattern)} - {MANIFEST}
    for name in sorted({*names, *manifest, *NEEDED}):
        path = state_dir / name
        if not path.is_file() or path.resolve().parent != state_dir.resolve():
            raise DamagedStateError(f"{path} is missing, or a link to another folder. {remedy}")
        if compute_checksum(path) != manifest.get(name):
            raise DamagedStateError(f"{path} is not what was written. {remedy}")


def compute_checksum(path: Path) -> str:
    """SHA-256 of a file."""
    checksum = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ_SIZE):
            checksum.update(block)
    return checksum.hexdigest()


def find_state(resume_from_checkpoint: str, states_dir: Path, *, run_id: str | None = None) -> Path | None:
    """The state to go on from.

    Args:
        resume_from_checkpoint (`str`):
            Folder of a state, or `latest`: the newest that is not damaged.
        states_dir (`Path`):
            Folder of all states of this run.
        run_id (`str`, *optional*):
            The run; states of another one are never the latest. A run that an earlier version began has no id.

    Returns:
        `Path` or `None`: `None` if `latest` was asked for and there is none yet: the run then starts afresh.

    Raises:
        MissingStateError: If the folder does not exist.
        DamagedStateError: If the folder that was named, or every state there is, is damaged.
    """
    if resume_from_checkpoint == "latest":
        return _find_latest(states_dir, run_id)
    state_dir = Path(resume_from_checkpoint)
    if not state_dir.is_dir():
        raise MissingStateError(
            f"There is no state {state_dir} to resume from. Pass a folder below {states_dir}, or `latest`."
        )
    check_state(state_dir)
    return state_dir


def is_of_run(state_dir: Path, run_id: str | None) -> bool:
    """Whether a run has saved a state; one that cannot be read counts as its own, and as damaged."""
    return not (state_dir / PROGRESS_FILENAME).is_file() or read_history(state_dir).run_id == run_id


def _find_latest(states_dir: Path, run_id: str | None) -> Path | None:
    """The newest state of a run that is whole."""
    found = list_states(states_dir)
    states = [state_dir for state_dir in found if is_of_run(state_dir, run_id)]
    if len(states) < len(found):
        logger.warning(f"{len(found) - len(states)} states in {states_dir} are of another run, and are passed over.")
    if not states:
        logger.warning(f"There is no state in {states_dir} to resume from. Starting from the beginning.")
    for state_dir in reversed(states):
        try:
            check_state(state_dir)
        except DamagedStateError as error:
            logger.warning(f"{error} Going back to the state before it.")
        else:
            return state_dir
    if states:
        raise DamagedStateError(
            f"All {len(states)} states in {states_dir} are damaged. Leave out `--resume_from_checkpoint`, and start"
            " again with `--overwrite_output_dir`."
        )
    return None


class RunState:
    """Saves and loads a model, its optimiser and whatever else a run has come to.

    Everything random in torch, NumPy and Python goes with it, for each process. Weights and moments are gathered from
    all processes, so that a run may go on with another number of them.

    Args:
        accelerator (`Accelerator`):
            Knows the processes and the scale of fp16 gradients.
        model (`nn.Module`):
            As `accelerator.prepare` returned it. Frozen parameters are not saved: they are those the run began with.
        optimizer (`torch.optim.Optimizer`):
            The same.
        states_dir (`Path`):
            Folder of all states of this run.
        total_limit (`int`):
            States to keep.
    """

    def __init__(
        self, accelerator: Accelerator, model: Any, optimizer: Any, *, states_dir: Path, total_limit: int
    ) -> None:
        self.accelerator, self.model = accelerator, model
        self.optimizer = getattr(optimizer, "optimizer", optimizer)
        self.states_dir, self.total_limit = states_dir, total_limit
        self._options = StateDictOptions(
            full_state_dict=True, cpu_offload=True, ignore_frozen_params=True, strict=False
        )

    def save(
        self, step: int, progress: dict[str, Any], average: Any = None, *, logs: Sequence[JsonLines] = ()
    ) -> Path | None:
        """Save a state, and drop the oldest ones.

        Args:
            step (`int`):
                Optimiser steps done.
            progress (`dict`):
                What else must be known, as JSON holds it.
            average (`WeightAverage`, *optional*):
                Average of the weights.
            logs (`Sequence[JsonLines]`):
                What has to be on the disk before, as a resumed run goes on with it.

        Returns:
            `Path` or `None`: The folder of this state; `None`, after a message, if it could not be written. States of
            later steps, which an earlier run left in the same folder, are dropped: they do not follow from this one.
        """
        state_dir = self.states_dir / f"step_{step:08d}"
        incomplete_dir = state_dir.with_suffix(".incomplete")
        tensors = self._gather(average)
        is_main = self.accelerator.is_main_process
        actions = (
            lambda: self._begin(incomplete_dir, logs) if is_main else None,
            lambda: self._write(incomplete_dir, tensors, progress),
            lambda: self._publish(incomplete_dir, state_dir) if is_main else None,
        )
        for action in actions:
            if not self._succeed(action, step):
                if is_main:
                    shutil.rmtree(incomplete_dir, ignore_errors=True)
                return None
        return state_dir

    def load(self, state_dir: Path, average: Any = None) -> dict[str, Any]:
        """Restore a state; returns the `progress` it was saved with.

        Raises:
            DamagedStateError: If it does not fit the model or the optimiser.
        """
        try:
            progress = json.loads((state_dir / PROGRESS_FILENAME).read_text(encoding="utf-8"))
            optimizer = join_optimizer(
                load_file(state_dir / "optimizer.safetensors"),
                json.loads((state_dir / "optimizer.json").read_text(encoding="utf-8")),
            )
            if average is not None:
                self._set(load_file(state_dir / "average.safetensors"), optimizer)
                average.set_from_model()
            self._set(load_file(state_dir / "model.safetensors"), optimizer)
        except (OSError, KeyError, SafetensorError) as error:
            raise DamagedStateError(
                f"{state_dir} does not fit this run ({type(error).__name__}: {error}). Resume with the settings it was"
                " saved with."
            ) from error
        if self.accelerator.scaler is not None and progress["scaler"]:
            self.accelerator.scaler.load_state_dict(progress["scaler"])
        self._load_randomness(state_dir)
        return progress["run"]

    def _gather(self, average: Any) -> dict[str, dict[str, torch.Tensor]]:
        """All tensors of a state by file; other processes than the first may get none."""
        model, optimizer = get_state_dict(self.model, self.optimizer, options=self._options)
        tensors, self._groups = split_optimizer(optimizer)
        files = {"model": cast(Any, model), "optimizer": tensors}
        if average is not None:
            with average.applied():
                averaged, _ = get_state_dict(self.model, self.optimizer, options=self._options)
                files["average"] = {name: value.clone() for name, value in cast(Any, averaged).items()}
        return files

    def _succeed(self, action: Callable[[], None], step: int) -> bool:
        """Do something on every process; false, after a message, if the disk refused it on any."""
        problem = None
        try:
            action()
        except (OSError, SafetensorError) as error:  # safetensors has an error of its own for a full disk
            problem = error
        failed = torch.tensor(float(problem is not None), device=self.accelerator.device)
        if not self.accelerator.reduce(failed, "sum"):
            return True
        reason = "another process failed"
        if problem:
            reason = f"{problem}: {describe_disk_error(problem, self.states_dir)}"
        logger.error(
            f"The state of step {step} was not saved in {self.states_dir} ({reason}). Training goes on; the state"
            " before it is still there. Make room on the disk."
        )
        return False

    def _begin(self, folder: Path, logs: Sequence[JsonLines]) -> None:
        """Logs up to this step, and an empty folder, whatever an earlier attempt left."""
        for log in logs:
            log.flush()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def _write(self, folder: Path, tensors: dict[str, dict[str, torch.Tensor]], progress: dict[str, Any]) -> None:
        """Write the files of this process."""
        write_tensors(folder / f"random_{self.accelerator.process_index:05d}.safetensors", read_randomness())
        if self.accelerator.is_main_process:
            for name, content in tensors.items():
                write_tensors(folder / f"{name}.safetensors", content)
            write_json(folder / "optimizer.json", self._groups)
            scaler = self.accelerator.scaler
            write_json(
                folder / PROGRESS_FILENAME, {"run": progress, "scaler": scaler.state_dict() if scaler else None}
            )

    def _publish(self, incomplete_dir: Path, state_dir: Path) -> None:
        """Seal a complete state, give it its name, and drop what is outdated."""
        checksums = {path.name: compute_checksum(path) for path in sorted(incomplete_dir.iterdir())}
        write_json(incomplete_dir / MANIFEST, checksums)
        flush_to_disk(incomplete_dir)
        if state_dir.is_dir() and not is_of_run(state_dir, read_history(incomplete_dir).run_id):
            state_dir.rename(state_dir.with_suffix(".of_another_run"))
        shutil.rmtree(state_dir, ignore_errors=True)
        incomplete_dir.rename(state_dir)
        flush_to_disk(self.states_dir)
        run_id = read_history(state_dir).run_id
        states = [path for path in list_states(self.states_dir) if is_of_run(path, run_id)]
        kept = states[: states.index(state_dir) + 1][-self.total_limit :]
        for outdated in set(states).difference(kept):
            shutil.rmtree(outdated)

    def _set(self, model: dict[str, torch.Tensor], optimizer: dict[str, Any]) -> None:
        """Put weights and moments where they belong."""
        set_state_dict(
            self.model,
            self.optimizer,
            model_state_dict=cast(Any, model),
            optim_state_dict=optimizer,
            options=self._options,
        )

    def _load_randomness(self, state_dir: Path) -> None:
        """Restore the random numbers of this process."""
        path = state_dir / f"random_{self.accelerator.process_index:05d}.safetensors"
        if path.is_file():
            set_randomness(load_file(path))
        else:
            logger.warning(
                f"{state_dir} was saved by fewer processes: the dropout of process {self.accelerator.process_index}"
                " starts afresh."
            )


def split_optimizer(state: dict[str, Any]) -> tuple[dict[str, torch.Tensor], list[dict[str, Any]]]:
    """The tensors of an optimiser by name, and its settings as JSON holds them."""
    tensors = {
        f"{parameter}{SEPARATOR}{name}": value
        for parameter, entries in state.get("state", {}).items()
        for name, value in entries.items()
    }
    return tensors, state.get("param_groups", [])


def join_optimizer(tensors: dict[str, torch.Tensor], groups: list[dict[str, Any]]) -> dict[str, Any]:
    """What [`split_optimizer`] took apart."""
    state: dict[str, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        parameter, name = key.split(SEPARATOR)
        state.setdefault(parameter, {})[name] = value
    return {"state": state, "param_groups": groups}


def read_randomness() -> dict[str, torch.Tensor]:
    """Where the random numbers of torch, NumPy and Python stand, as tensors."""
    _, keys, place, has_gauss, gauss = np.random.get_state(legacy=True)  # noqa: NPY002 - what libraries may still use
    version, words, python_gauss = random.getstate()
    tensors = {
        "torch": torch.get_rng_state(),
        "numpy_keys": torch.from_numpy(np.asarray(keys).astype(np.int64)),
        "numpy_place": torch.tensor([place, has_gauss]),
        "gauss": torch.tensor([gauss, np.nan if python_gauss is None else python_gauss], dtype=torch.float64),
        "python": torch.tensor([version, *words]),
    }
    if torch.cuda.is_available():
        tensors["cuda"] = torch.cuda.get_rng_state()
    return tensors


def set_randomness(tensors: dict[str, torch.Tensor]) -> None:
    """Let torch, NumPy and Python draw what they would have drawn after [`read_randomness`]."""
    torch.set_rng_state(tensors["torch"])
    place, has_gauss = tensors["numpy_place"].tolist()
    gauss, python_gauss = tensors["gauss"].tolist()
    keys = tensors["numpy_keys"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", keys, place, has_gauss, gauss))  # noqa: NPY002
    version, *words = tensors["python"].tolist()
    random.setstate((version, tuple(words), None if np.isnan(python_gauss) else python_gauss))
    if "cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["cuda"])
