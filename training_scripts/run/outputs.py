"""What a run leaves in its folder beside the checkpoint, and on the Hub."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from modeling_supreme.output_files.atomic_files import move_files, write_text
from training_scripts.arguments import RunArguments, TrainArguments
from training_scripts.card import CardStyle, write_model_card
from training_scripts.objectives.objective import Objective

from .checkpoints import write_checkpoint
from .folder import BEST, BEST_FIGURES, INCOMPLETE
from .history import RunHistory, describe_sessions


logger = logging.getLogger(__name__)

BYTES_PER_GIB = 2**30


def flatten(arguments: RunArguments) -> dict[str, Any]:
    """All arguments of a run by their flags, as train_arguments.yaml has them."""
    return {name: value for part in arguments for name, value in asdict(part).items()}


def start_tracker(accelerator: Accelerator, settings: dict[str, Any]) -> None:
    """Tell the tracker what was asked for, if there is one."""
    if settings["report_to"]:
        accelerator.init_trackers("modeling_supreme", config={key: str(value) for key, value in settings.items()})


def describe_model(model: Any) -> dict[str, int]:
    """How large a model is."""
    return {
        "num_parameters": sum(p.numel() for p in model.parameters()),
        "num_trained_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
    }


def describe_dry_run(figures: dict[str, Any]) -> str:
    """What a run would need, in a few lines."""
    hours = figures["expected_duration_s"] / 3600
    return (
        f"{figures['num_steps']} steps of {1000 * figures['step_s']:.0f} ms ({figures['ecg_per_s']:.0f} ECG/s,"
        f" {100 * figures['loader_share']:.0f} % of the time spent waiting for batches):"
        f" about {hours:.2g} hours with validation, states not counted.\n"
        f"Peak memory {figures['peak_memory_bytes'] / BYTES_PER_GIB:.2f} GiB a process. Nothing was written."
    )


def choose_checkpoint(output_dir: Path, results: dict[str, Any], arguments: TrainArguments) -> dict[str, Any]:
    """Leave the best checkpoint in the output folder, if asked to; returns the results with its figures."""
    if not arguments.load_best_model_at_end or not results["best"]:
        return results
    best_dir, step = output_dir / BEST, results["best"]["step"]
    if read_best_step(best_dir) != step:
        logger.warning(
            f"{best_dir} is not the checkpoint of step {step}, the best one: it was not saved, or a session that was"
            " broken off has replaced it. The last checkpoint is left."
        )
        return results
    incomplete_dir = output_dir / INCOMPLETE
    shutil.copytree(best_dir, incomplete_dir, ignore=shutil.ignore_patterns(BEST_FIGURES), dirs_exist_ok=True)
    move_files(incomplete_dir, output_dir)
    return {**results, **{name: value for name, value in results["best"].items() if name != "step"}}


def read_best_step(best_dir: Path) -> int | None:
    """The step after which the checkpoint in best/ was saved; `None` where there is none."""
    try:
        return json.loads((best_dir / BEST_FIGURES).read_text(encoding="utf-8"))["step"]
    except (OSError, ValueError, KeyError):
        return None


def leave_calibrated(objective: Objective, output_dir: Path) -> dict[str, Any]:
    """Replace the checkpoint by the one that the objective makes of it, if it does; returns its figures."""
    calibrated = objective.calibrate(output_dir)
    if calibrated is None:
        return {}
    model, figures = calibrated
    write_checkpoint(objective, model, output_dir, output_dir / INCOMPLETE)
    return figures


def leave_results(output_dir: Path, history: RunHistory, results: dict[str, Any], style: CardStyle) -> None:
    """Write what came out beside the checkpoint."""
    write_text(output_dir / "train_results.json", json.dumps(results, indent=2) + "\n")
    told = describe_sessions(history.sessions)
    write_model_card(output_dir, settings=history.settings, results=results, style=style, history=told)
