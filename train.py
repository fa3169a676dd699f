"""Pretrain a zero-shot ECG model: text queries learn to read strips from labels.

One CPU, or one GPU:

    accelerate launch train.py configs/ptb_xl_mini.yaml --data_dir ptb-xl/1.0.3 --output_dir runs/ptb_xl_mini
    accelerate launch --mixed_precision bf16 train.py configs/ptb_xl.yaml --data_dir ptb-xl/1.0.3 --output_dir runs/big

Eight GPUs:

    accelerate launch --num_processes 8 --mixed_precision bf16 train.py configs/ptb_xl.yaml ...

A corpus too large for this machine is streamed from Parquet shards; several corpora are mixed; simulated records may
be made while the model trains on them:

    accelerate launch train.py configs/ptb_xl.yaml --streaming --dataset_name "s3://bucket/ptb_xl/train-*.parquet" ...
    accelerate launch train.py --dataset_name simulated ptb_xl --dataset_weights 0.7 0.3 --on_the_fly --data_dir ...

A linear probe of the encoder of a checkpoint, and its fine-tuning, on the labels of a corpus:

    accelerate launch train.py configs/ptb_xl_probe.yaml --model_name_or_path runs/big --data_dir ptb-xl/1.0.3 ...
    accelerate launch train.py configs/ptb_xl_fine_tuning.yaml --model_name_or_path runs/big --train_fraction 0.1 ...

The first word may be a YAML recipe; flags override what it says. `--output_dir` receives a checkpoint that
`from_pretrained` loads, train_arguments.yaml, train_sessions.json (what happened to the run), train_results.json,
train_log.jsonl (every step), validation_log.jsonl (every finding), training_curves.png, a model card (README.md) and,
with `--checkpointing_steps`, the states in checkpoints/ from which `--resume_from_checkpoint latest` goes on. One run
at a time writes to the folder, and a folder that holds another run is refused without `--overwrite_output_dir`. A run
that receives SIGTERM saves its state and ends with exit code 143. A classifier also leaves eval_results.json and
predictions.parquet of the test records, which are read once, in the end.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from evaluation_scripts.metrics import format_figure
from modeling_supreme.command_line import parse_arguments, run_command
from modeling_supreme.command_line.hub import check_hub
from modeling_supreme.output_files.disk import DiskError, told_when_refused
from training_scripts.arguments import (
    DataArguments,
    ModelArguments,
    ObjectiveArguments,
    RunArguments,
    TrainArguments,
)
from training_scripts.objectives import find_objective
from training_scripts.objectives.objective import Objective
from training_scripts.run.folder import RunFolder
from training_scripts.run.launch import start_accelerator
from training_scripts.run.loop import TerminatedError, TrainingLoop
from training_scripts.run.outputs import (
    choose_checkpoint,
    describe_dry_run,
    describe_model,
    flatten,
    leave_results,
    start_tracker,
)
from training_scripts.run.stop_signal import TERMINATED_EXIT_CODE
from training_scripts.run.upload import describe_upload, push_to_hub


logger = logging.getLogger("train")


def main(argv: Sequence[str] | None = None) -> None:
    """Train, save, describe."""
    parts = (ModelArguments, DataArguments, ObjectiveArguments, TrainArguments)
    arguments = RunArguments(*parse_arguments(parts, argv, description=__doc__))
    training = arguments.training
    objective_class = find_objective(arguments.objective.objective)
    objective_class.check_arguments(arguments)
    accelerator = start_accelerator(training)
    hub = {"repo_id": str(training.hub_model_id), "is_public": training.hub_public}
    if training.dry_run:
        objective = objective_class(arguments, accelerator)
        loop = TrainingLoop(accelerator, objective, training)
        logger.info(objective.announce())
        logger.info(describe_dry_run(loop.dry_run()))
        if training.push_to_hub:
            logger.info(describe_upload(Path(training.output_dir), **hub))
        return
    if training.push_to_hub and accelerator.is_main_process:
        check_hub(**hub, flag="--hub_model_id")
    with RunFolder(accelerator, arguments, flatten(arguments)) as folder:
        run(folder, objective_class(arguments, accelerator))
        if training.push_to_hub and accelerator.is_main_process:
            names = push_to_hub(folder.output_dir, **hub)
            logger.info(f"{hub['repo_id']} now has {', '.join(names)}.")
        accelerator.end_training()


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
        logger.warning(f"{ending}. Go on with `--resume_from_checkpoint latest`.")
        raise SystemExit(TERMINATED_EXIT_CODE) from None
    except BaseException as error:
        folder.end(loop, f"failed: {type(error).__name__}")
        raise
    folder.end(loop, "finished")
    if loop.history is None:
        return
    with told_when_refused("The results", folder.output_dir, loop.describe_remains()):
        results = choose_checkpoint(folder.output_dir, results, training)
        results |= objective.test(folder.output_dir)
        leave_results(folder.output_dir, loop.history, results, objective.card)
    figure = format_figure(results[loop.metric], missing="undefined")
    logger.info(f"{loop.metric} {figure}. The checkpoint is in {folder.output_dir}.")


if __name__ == "__main__":
    run_command(main, refusals=[DiskError])
