"""The model of a run, ready to be saved, and saved whole."""

import json
import shutil
from pathlib import Path
from typing import Any, cast

from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

from modeling_supreme.output_files.atomic_files import move_files, write_text
from training_scripts.objectives.objective import Objective

from .folder import BEST_FIGURES


def collect_model(accelerator: Accelerator, model: Any) -> Any:
    """The model without what `accelerator.prepare` put around it; of a sharded one a copy, on the main process."""
    unwrapped = accelerator.unwrap_model(model, keep_torch_compile=False)
    if accelerator.distributed_type != DistributedType.FSDP:
        return unwrapped
    weights = get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))
    if not accelerator.is_main_process:
        return unwrapped
    copy = type(unwrapped)(unwrapped.config)
    copy.load_state_dict(cast(Any, weights))
    return copy


def write_checkpoint(
    objective: Objective, model: Any, folder: Path, incomplete_dir: Path, figures: dict[str, Any] | None = None
) -> None:
    """Write a checkpoint beside its place; its files move there when all of them are written.

    Args:
        objective (`Objective`):
            Knows the files.
        model:
            What [`collect_model`] returned.
        folder (`Path`):
            The place; what else it holds stays.
        incomplete_dir (`Path`):
            Folder on the same disk that is gone afterwards.
        figures (`dict`, *optional*):
            What the checkpoint was found to be best by, to be kept beside it.
    """
    shutil.rmtree(incomplete_dir, ignore_errors=True)
    try:
        objective.save(model, incomplete_dir)
        if figures is not None:
            write_text(incomplete_dir / BEST_FIGURES, json.dumps(figures, indent=1) + "\n")
        move_files(incomplete_dir, folder)
    finally:
        shutil.rmtree(incomplete_dir, ignore_errors=True)
