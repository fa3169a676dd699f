"""Devices, processes, logging and trackers of a run."""

from __future__ import annotations

import importlib.util
import logging
from typing import Any, cast

from accelerate import Accelerator
from accelerate.utils import DistributedType, ProjectConfiguration, set_seed

from modeling_supreme.command_line.threads import choose_threads
from training_scripts.arguments import TrainArguments


LOGGED_PACKAGES = ("train", "modeling_supreme", "datasets_scripts", "evaluation_scripts", "training_scripts")


def start_accelerator(arguments: TrainArguments) -> Accelerator:
    """Set up devices, logging and trackers.

    Raises:
        ModuleNotFoundError: If the tracker is not installed.
    """
    tracker = arguments.report_to
    if tracker and tracker != "all" and importlib.util.find_spec(tracker) is None:
        raise ModuleNotFoundError(
            f"`--report_to` is {tracker}, which is not installed. Run `pip install {tracker}`, or leave the flag out:"
            " train_log.jsonl has every step."
        )
    accelerator = Accelerator(
        mixed_precision=arguments.mixed_precision,
        # The loop accumulates by itself: only it knows how many labels a step has.
        gradient_accumulation_steps=1,
        dynamo_backend="inductor" if arguments.torch_compile else None,
        log_with=tracker,
        project_config=ProjectConfiguration(project_dir=arguments.output_dir),
        step_scheduler_with_optimizer=False,
    )
    if accelerator.distributed_type == DistributedType.DEEPSPEED:
        set_up_deepspeed(accelerator, arguments)
    logging.basicConfig(format="%(message)s")
    for name in LOGGED_PACKAGES:
        logging.getLogger(name).setLevel(logging.INFO if accelerator.is_main_process else logging.ERROR)
    if accelerator.device.type == "cpu":
        logging.getLogger("train").info(choose_threads().line())
    set_seed(arguments.seed)
    return accelerator


def set_up_deepspeed(accelerator: Accelerator, arguments: TrainArguments) -> None:
    """Tell DeepSpeed the batch size, which it would take from a loader of Accelerate's.

    Raises:
        ValueError: If a state or an average of the weights is asked for.
    """
    names = ("checkpointing_steps", "resume_from_checkpoint", "ema_decay")
    refused = [name for name in names if getattr(arguments, name)]
    if refused:
        raise ValueError(
            f"`--{refused[0]}` does not go with DeepSpeed, which keeps weights and moments to itself and writes them"
            " as pickles. Leave it out, or use configs/accelerate/fsdp2.yaml, which saves as much memory."
        )
    plugin = cast(Any, accelerator.state).deepspeed_plugin
    plugin.deepspeed_config["train_micro_batch_size_per_gpu"] = arguments.per_device_train_batch_size
