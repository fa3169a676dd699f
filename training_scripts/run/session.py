"""A session of training: from the arguments to what a run leaves in its folder and, if asked to, on the Hub."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from evaluation_scripts.metrics import format_figure
from modeling_supreme.command_line.closing import closing_line
from modeling_supreme.command_line.hub import check_hub
from modeling_supreme.output_files.disk import told_when_refused
from training_scripts.arguments import RunArguments, TrainArguments
from training_scripts.objectives import find_objective
from training_scripts.objectives.objective import Objective

from .folder import RunFolder
from .launch import start_accelerator
from .loop import TerminatedError, TrainingLoop
from .outputs import (
    choose_checkpoint,
    describe_dry_run,
    describe_model,
    flatten,
    leave_calibrated,
    leave_results,
    start_tracker,
)
from .stop_signal import TERMINATED_EXIT_CODE
from .upload import describe_upload, push_to_hub


logger = logging.getLogger("train")


def train(arguments: RunArguments) -> None:
    """Train and save, or with `--dry_run` say what would be trained and uploaded.

    Args:
        arguments (`RunArguments`):
            The flags.

    Raises:
        CommandLineError: If the folder, the Hub or the data are not what the flags say.
        DiskError: If the disk refuses the results; the states are still there.
        SystemExit: If the run is told to end before its last step.
    """
    train_objective(find_objective(arguments.objective.objective), arguments)


def train_objective(objective_class: type[Objective], arguments: Any) -> None:
    """Train and save for an objective, whatever its arguments are.

    Args:
        objective_class (`type[Objective]`):
            What is learnt.
        arguments (`NamedTuple`):
            Dataclasses of flags; `training` is a [`TrainArguments`], the others are what the objective reads.

    Raises:
        CommandLineError: If the folder, the Hub or the data are not what the flags say.
        DiskError: If the disk refuses the results; the states are still there.
        SystemExit: If the run is told to end before its last step.
    """
    training = arguments.training
    objective_class.check_arguments(arguments)
    objective_class.check_sources(arguments)
    accelerator = start_accelerator(training)
    if training.dry_run:
        describe(objective_class(arguments, accelerator), accelerator, training)
        return
    hub = {"repo_id": str(training.hub_model_id), "is_public": training.hub_public}
    if training.push_to_hub and accelerator.is_main_process:
        check_hub(**hub, flag="--hub_model_id")
    with RunFolder(accelerator, arguments, flatten(arguments)) as folder:
        run(folder, objective_class(arguments, accelerator))
        if training.push_to_hub and accelerator.is_main_process:
            names = push_to_hub(folder.output_dir, **hub)
            logger.info(f"{hub['repo_id']} now has {', '.join(names)}.")
        accelerator.end_training()


def describe(objective: Objective, accelerator: Accelerator, training: TrainArguments) -> None:
    """Say what would be trained on, and what would be uploaded."""
    logger.info(objective.announce())
    logger.info(describe_dry_run(TrainingLoop(accelerator, objective, training).dry_run(), objective.item))
    if training.push_to_hub:
        hub = {"repo_id": str(training.hub_model_id), "is_public": training.hub_public}
        logger.info(describe_upload(Path(training.output_dir), **hub))


def run(folder: RunFolder, objective: Objective) -> None:
    """A session of a run, from its first step or from a state to its last step."""
    accelerator, training = folder.accelerator, folder.arguments.training
    loop = TrainingLoop(accelerator, objective, training)
    described = {**objective.describe(), **describe_model(objective.model)}
    logger.info(objective.announce())
    if folder.state_dir:
        loop.resume(folder.state_dir)
    loop.history = folder.begin(loop.progress.step)
    start_tracker(accelerator, folder.settings)
    try:
        results = {**loop.train(), **described}
        loop.save_model(folder.output_dir)
    except TerminatedError as ending:
        folder.end(loop, "told to end")
        logger.warning(str(ending))
        raise SystemExit(TERMINATED_EXIT_CODE) from None
    except BaseException as error:
        folder.end(loop, f"failed: {type(error).__name__}")
        raise
    folder.end(loop, "finished")
    if loop.history is None:
        return
    with told_when_refused("The results", folder.output_dir, loop.describe_remains()):
        results = choose_checkpoint(folder.output_dir, results, training)
        results |= leave_calibrated(objective, folder.output_dir)
        results |= objective.test(folder.output_dir)
        leave_results(folder.output_dir, loop.history, results, objective.card)
    figure = format_figure(results[loop.metric], missing="undefined")
    next_step = objective.next_step.format(folder=folder.output_dir)
    logger.info(f"{loop.metric} {figure}. {closing_line([folder.output_dir], next_step)}")
