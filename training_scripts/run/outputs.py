"""What a run leaves in its folder beside the checkpoint, and on the Hub."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from accelerate import Accelerator

from training_scripts.arguments import RunArguments, TrainArguments
from training_scripts.card import CardStyle, write_model_card


logger = logging.getLogger(__name__)

BYTES_PER_GIB = 2**30


def flatten(arguments: RunArguments) -> dict[str, Any]:
    """All arguments of a run by their flags, as train_arguments.yaml has them."""
    return {name: value for part in arguments for name, value in asdict(part).items()}


def describe_run(accelerator: Accelerator, settings: dict[str, Any]) -> None:
    """Write down what was asked for, and tell the tracker."""
    if accelerator.is_main_process:
        output_dir = Path(settings["output_dir"])
        output_dir.mkdir(parents=True, exist_ok=True)
        (output_dir / "train_arguments.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
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
    shutil.copytree(output_dir / "best", output_dir, dirs_exist_ok=True)
    return {**results, **{name: value for name, value in results["best"].items() if name != "step"}}


def leave_results(output_dir: Path, settings: dict[str, Any], results: dict[str, Any], style: CardStyle) -> None:
    """Write what came out beside the checkpoint."""
    (output_dir / "train_results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    write_model_card(output_dir, settings=settings, results=results, style=style)
