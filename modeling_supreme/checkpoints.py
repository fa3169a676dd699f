"""Checkpoints that load anywhere, and states of a training run."""

import re
import shutil
from pathlib import Path

from accelerate import Accelerator
from transformers.utils import logging

from . import TASK
from .modeling_supreme import SupremeModel
from .pipeline_zero_shot_ecg import ZeroShotEcgClassificationPipeline
from .processing_supreme import SupremeProcessor


logger = logging.get_logger(__name__)

STATE_NAME = re.compile(r"step_(\d+)")


def save_checkpoint(model: SupremeModel, processor: SupremeProcessor, output_dir: str | Path) -> None:
    """Write weights, configuration, processor and the code that reads them.

    `AutoModel` and `pipeline` load the folder with `trust_remote_code=True` where this package is not installed.

    Args:
        model (`SupremeModel`):
            What to save; weights become safetensors.
        processor (`SupremeProcessor`):
            Its processor.
        output_dir (`str` or `Path`):
            Folder to write.
    """
    pipeline = ZeroShotEcgClassificationPipeline(
        model=model, feature_extractor=processor.feature_extractor, tokenizer=processor.tokenizer, task=TASK
    )
    pipeline.save_pretrained(output_dir)
    processor.save_pretrained(output_dir)


def save_state(accelerator: Accelerator, states_dir: Path, *, step: int, total_limit: int) -> Path:
    """Save all that a run needs to go on, and drop the oldest states.

    Args:
        accelerator (`Accelerator`):
            Knows model, optimiser and whatever was registered with it.
        states_dir (`Path`):
            Folder of all states of this run.
        step (`int`):
            Optimiser steps done.
        total_limit (`int`):
            States to keep.

    Returns:
        `Path`: The folder of this state. It appears under its name only when it is complete. States of later steps,
        which an earlier run left in the same folder, are dropped: they do not follow from this one.
    """
    state_dir = states_dir / f"step_{step:08d}"
    incomplete_dir = state_dir.with_suffix(".incomplete")
    if accelerator.is_main_process:
        shutil.rmtree(incomplete_dir, ignore_errors=True)
    accelerator.wait_for_everyone()
    accelerator.save_state(str(incomplete_dir))
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        shutil.rmtree(state_dir, ignore_errors=True)
        incomplete_dir.rename(state_dir)
        states = list_states(states_dir)
        kept = states[: states.index(state_dir) + 1][-total_limit:]
        for outdated in set(states).difference(kept):
            shutil.rmtree(outdated)
    accelerator.wait_for_everyone()
    return state_dir


def list_states(states_dir: Path) -> list[Path]:
    """Complete states of a run, oldest first."""
    if not states_dir.is_dir():
        return []
    states = {path: STATE_NAME.fullmatch(path.name) for path in states_dir.iterdir()}
    steps = {path: int(match[1]) for path, match in states.items() if match}
    return sorted(steps, key=lambda path: steps[path])


def find_state(resume_from_checkpoint: str, states_dir: Path) -> Path | None:
    """The state to go on from.

    Args:
        resume_from_checkpoint (`str`):
            Folder of a state, or `latest`.
        states_dir (`Path`):
            Folder of all states of this run.

    Returns:
        `Path` or `None`: `None` if `latest` was asked for and there is none yet: the run then starts afresh.

    Raises:
        FileNotFoundError: If the folder does not exist.
    """
    if resume_from_checkpoint == "latest":
        states = list_states(states_dir)
        if not states:
            logger.warning(f"There is no state in {states_dir} to resume from. Starting from the beginning.")
        return states[-1] if states else None
    state_dir = Path(resume_from_checkpoint)
    if not state_dir.is_dir():
        raise FileNotFoundError(
            f"There is no state {state_dir} to resume from. Pass a folder below {states_dir}, or `latest`."
        )
    return state_dir
