"""What the command does: score, fit, and write what was found into the folder of the checkpoint."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import PartialState
from accelerate.logging import get_logger

from evaluation_scripts.arguments import EvaluationArguments
from evaluation_scripts.load import LabelledRecords, load_checkpoint, load_records
from modeling_supreme.command_line import CommandLineError
from modeling_supreme.command_line.closing import closing_line
from modeling_supreme.decisions import parse_decisions
from modeling_supreme.output_files.atomic_files import write_text
from modeling_supreme.query_grammar import normalize_name

from .arguments import DecisionArguments
from .fit import Fitted, fit_conditions
from .report import describe_decisions, plot_calibration, write_section
from .score import (
    find_real_truth,
    list_conditions,
    read_real,
    score_records,
    simulate,
    simulated_conditions,
)


logger = get_logger(__name__)

CONFIG_FILENAME, RESULTS_FILENAME, PLOT_FILENAME = "config.json", "decision_results.json", "calibration.png"


def decide_checkpoint(arguments: DecisionArguments) -> dict[str, Any]:
    """Fit what a checkpoint decides, and keep it in its folder.

    Returns:
        `dict`: What `decision_results.json` holds.

    Raises:
        CommandLineError: If the checkpoint is no folder.
        ValueError: If it answers no queries, its answers are not finite, or nothing can be fitted.
    """
    folder = Path(arguments.model_name_or_path)
    if not (folder / CONFIG_FILENAME).is_file():
        raise CommandLineError(
            f"`--model_name_or_path` is {folder}, where there is no {CONFIG_FILENAME}. Name the folder of a"
            " checkpoint: it is changed in place."
        )
    device: Any = PartialState().device
    model, processor = load_checkpoint(str(folder))
    model.config.decisions = {}  # what is fitted are scores as they come from the model
    model.eval().to(device)
    real = load_real(arguments)
    fitted, reasons = _fit(model, processor, arguments, real)
    if not fitted:
        raise ValueError(
            f"{folder} answers no condition that {arguments.min_positives} records show. Pass more `--num_records`."
        )
    results = {
        "num_simulated_records": arguments.num_records,
        "real_records": None if real is None else f"{real.name}: {len(real.rows)} records",
        **describe_decisions(fitted),
        "undecided": dict(sorted(reasons.items())),
    }
    keep_decisions(folder, fitted)
    write_text(folder / RESULTS_FILENAME, json.dumps(results, indent=2) + "\n")
    plot_calibration(folder / PLOT_FILENAME, fitted)
    write_section(folder / "README.md", results)
    logger.info(f"{folder} decides about {len(fitted)} conditions; {len(reasons)} were shown by too few records.")
    written = [folder / RESULTS_FILENAME, folder / PLOT_FILENAME]
    line = closing_line(written, f"`supreme labels {folder}` lists them")
    logger.info(line)
    return results


def load_real(arguments: DecisionArguments) -> LabelledRecords | None:
    """The records of the corpus that was named."""
    if arguments.dataset_name is None:
        return None
    wanted = EvaluationArguments(
        arguments.model_name_or_path,
        arguments.dataset_name,
        output_dir=arguments.model_name_or_path,
        data_dir=arguments.data_dir,
        split=arguments.split,
        on_error=arguments.on_error,
    )
    return load_records(wanted, arguments.dataset_config_name)


def _fit(
    model: Any, processor: Any, arguments: DecisionArguments, real: LabelledRecords | None
) -> tuple[dict[str, Fitted], dict[str, str]]:
    """On real records what they show often enough, the rest on simulated ones."""
    conditions = list_conditions(model.config)
    batch_size = arguments.per_device_eval_batch_size
    fitted: dict[str, Fitted] = {}
    if real is not None:
        named, truth = find_real_truth(real, conditions)
        is_enough = np.nansum(truth, axis=0) >= arguments.min_real_positives
        named, truth = [name for name, enough in zip(named, is_enough, strict=True) if enough], truth[:, is_enough]
        logger.info(f"{real.name} has {arguments.min_real_positives} positive records of {len(named)} conditions.")
        if named:
            records = read_real(real, truth)
            options = {"num_records": len(truth), "batch_size": batch_size, "description": real.name}
            scores = score_records(model, processor, named, records, **options)
            fitted, _ = fit_conditions(scores, records="real", min_positives=arguments.min_real_positives)
    names = [name for name in simulated_conditions(conditions) if name not in fitted]
    records = simulate(names, arguments.num_records)
    options = {"num_records": arguments.num_records, "batch_size": batch_size, "description": "simulated"}
    scores = score_records(model, processor, names, records, **options)
    simulated, reasons = fit_conditions(scores, records="simulated", min_positives=arguments.min_positives)
    unknown = (name for name in conditions if name not in {*fitted, *names})
    return fitted | simulated, {**dict.fromkeys(unknown, "no record says whether it shows it"), **reasons}


def keep_decisions(folder: Path, fitted: Mapping[str, Fitted]) -> None:
    """Write decisions into the configuration of a checkpoint, whose other fields stay as they are.

    Raises:
        ValueError: If one of them could not be read again.
    """
    path = folder / CONFIG_FILENAME
    content = json.loads(path.read_text(encoding="utf-8"))
    decisions = {normalize_name(name): each.decision.to_dict() for name, each in sorted(fitted.items())}
    parse_decisions(decisions)
    write_text(path, json.dumps(content | {"decisions": decisions}, indent=2, sort_keys=True) + "\n")
