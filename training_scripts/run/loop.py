"""The training loop: batches in, optimiser steps out, with validation and states on the way.

It knows no objective: what a batch holds, what a mistake costs and what a validation measures is asked of
[`Objective`]. Each part of the loss of a step is the mean over all that it counts, such as known labels, in all
batches of all processes: as many small batches learn what one large batch would.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType
from tqdm.auto import tqdm
from transformers import get_scheduler

from evaluation_scripts.metrics import format_figure
from modeling_supreme.command_line import CommandLineError
from modeling_supreme.command_line.threads import keep_threads
from modeling_supreme.output_files.atomic_files import replace_when_complete
from modeling_supreme.output_files.disk import DiskError, describe_disk_error, find_disk_error, told_when_refused
from training_scripts.arguments import TrainArguments
from training_scripts.objectives.objective import Objective, ValidationFigures
from training_scripts.steps import TrainingBatch

from .agreement import check_findings, check_order, name_findings
from .checkpoints import collect_model, write_checkpoint
from .folder import BEST, INCOMPLETE, STATES
from .history import RunHistory
from .log import JsonLines, plot_curves, read_lines
from .loss_watch import LossWatch
from .states import RunState, list_states
from .stop_signal import StopSignal
from .weight_average import WeightAverage


logger = logging.getLogger(__name__)

DRY_STEPS, WARM_STEPS = 10, 3


class TerminatedError(Exception):
    """The run was told to end, and has saved its state."""


@dataclass
class Progress:
    """How far a run has come; saved with every state."""

    step: int = 0
    num_strips: int = 0
    best: dict[str, Any] | None = None
    num_validations_since_best: int = 0


class StepFigures(NamedTuple):
    """What came out of a step; tensors, so that the step need not have ended yet.

    Attributes:
        step (`int`):
            Number of the step, from 1.
        loss (`torch.Tensor`):
            Weighted sum of the parts of the loss, over all batches of all processes.
        parts (`dict[str, torch.Tensor]`):
            Each part before it is weighted; empty where there is only one.
        grad_norm (`torch.Tensor`):
            Norm of the gradient before it was clipped.
        counts (`torch.Tensor` of shape `(2,)`):
            Strips, and processes that were told to end.
        learning_rate (`float`):
            Of this step.
        record_ids (`tuple[str, ...]`):
            Strips of this process.
    """

    step: int
    loss: torch.Tensor
    parts: dict[str, torch.Tensor]
    grad_norm: torch.Tensor
    counts: torch.Tensor
    learning_rate: float
    record_ids: tuple[str, ...]


@dataclass
class Pace:
    """Seconds spent, on what."""

    waiting_s: float = 0.0
    training_s: float = 0.0
    num_strips: int = 0
    losses: list[float] = field(default_factory=list)

    @property
    def strips_per_s(self) -> float:
        """Strips of all processes per second, validation and states aside."""
        return self.num_strips / self.training_s if self.training_s else 0.0

    @property
    def loader_share(self) -> float:
        """Share of the time in which the model waited for a batch."""
        return self.waiting_s / self.training_s if self.training_s else 0.0


class TrainingLoop:
    """A run.

    Args:
        accelerator (`Accelerator`):
            Device, precision and processes. It accumulates nothing by itself.
        objective (`Objective`):
            What is learnt: model, batches, losses and figures.
        arguments (`TrainArguments`):
            How to train.
    """

    def __init__(self, accelerator: Accelerator, objective: Objective, arguments: TrainArguments) -> None:
        self.accelerator, self.objective, self.arguments = accelerator, objective, arguments
        self.source = objective.source
        self.num_steps = arguments.max_train_steps or self.source.steps_per_epoch * arguments.num_train_epochs
        if arguments.gradient_checkpointing:
            objective.model.activation_checkpointing_enable()
        self.model, self.optimizer = accelerator.prepare(objective.model, build_optimizer(objective.model, arguments))
        self.scheduler = build_scheduler(self.optimizer, arguments, num_steps=self.num_steps)
        self.metric = arguments.metric_for_best_model or next(iter(objective.metrics))
        self.average = WeightAverage(self.model, arguments.ema_decay) if arguments.ema_decay else None
        self.output_dir = Path(arguments.output_dir)
        self.states = RunState(
            accelerator,
            self.model,
            self.optimizer,
            states_dir=self.output_dir / STATES,
            total_limit=arguments.checkpoints_total_limit,
        )
        self.progress = Progress()
        self.history: RunHistory | None = None  # on the main process, of a run that leaves something
        self.stop = StopSignal()
        self._logs: dict[str, JsonLines] = {}
        name = f"failed_step_{accelerator.process_index:05d}.json"
        self.watch = LossWatch(arguments.max_loss_ratio, self.output_dir / name)

    def resume(self, state_dir: Path) -> None:
        """Go on from a saved state.

        Raises:
            CommandLineError: If the state is of a run that reads other records, learns other findings, or has come
                further than this one is to go.
            DamagedStateError: If it does not fit the model.
        """
        saved = self.states.load(state_dir, self.average)
        check_order(saved["order"], self.source.state_dict())
        check_findings(saved.get("findings"), name_findings(self.objective.model))
        progress = Progress(**saved["progress"])
        if progress.step > self.num_steps:
            raise CommandLineError(
                f"{state_dir} has taken {progress.step} steps, more than the {self.num_steps} of this run. Name an"
                " earlier state, or give more with `--max_train_steps`."
            )
        self.scheduler.load_state_dict(saved["scheduler"])
        self.progress = progress
        logger.info(f"Resuming from step {progress.step} ({state_dir}).")
        num_threads = saved.get("num_threads")
        if num_threads and self.num_threads and (said := keep_threads(num_threads)):
            logger.info(said)

    def train(self) -> dict[str, Any]:
        """Train to the last step.

        Returns:
            `dict`: What train_results.json says of the run.

        Raises:
            FloatingPointError: If the loss is no number, or explodes.
            TerminatedError: If SIGTERM came; the state is saved.
        """
        started, first_strips = time.perf_counter(), self.progress.num_strips
        pace = Pace()
        self._open_logs()
        try:
            with self.stop, self._make_bar() as bar:
                self._take_steps(pace, bar)
            figures = self.validate()
            self._note_validation(figures)
        finally:
            self._write_logs()
        self._draw_curves()
        return {
            "num_steps": self.progress.step,
            "num_strips": self.progress.num_strips - first_strips,
            "train_loss": float(np.mean(pace.losses[-self.arguments.logging_steps :])) if pace.losses else None,
            "train_runtime_s": round(time.perf_counter() - started, 1),
            f"train_{self.objective.item.lower()}_per_s": round(pace.strips_per_s, 1),
            "loader_share": round(pace.loader_share, 4),
            **figures.summary,
            "best": self.progress.best,
        }

    def dry_run(self) -> dict[str, Any]:
        """Take a few steps and say what the whole run would need; nothing is written.

        Returns:
            `dict`: Seconds and bytes, by what they are of.
        """
        device = self.accelerator.device
        with closing(self.source.steps(0)) as steps:
            for _ in range(WARM_STEPS):
                self._read(self._learn(next(steps)))
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
            started, waited = time.perf_counter(), 0.0
            for _ in range(DRY_STEPS):
                asked = time.perf_counter()
                batches = next(steps)
                waited += time.perf_counter() - asked
                self._read(self._learn(batches))
        step_s = (time.perf_counter() - started) / DRY_STEPS
        validating_s = self._time_validation()
        num_validations = 1 + (self.num_steps // self.arguments.eval_steps if self.arguments.eval_steps else 0)
        return {
            "num_steps": self.num_steps,
            "step_s": step_s,
            "loader_share": waited / (step_s * DRY_STEPS),
            "ecg_per_s": self.source.step_size / step_s,
            "expected_duration_s": self.num_steps * step_s + num_validations * validating_s,
            "peak_memory_bytes": read_peak_memory(device),
        }

    def save_model(self, folder: Path, figures: dict[str, Any] | None = None) -> None:
        """Write the checkpoint, with averaged weights where there are such.

        Each of its files takes its place when all of them are on the disk.

        Args:
            folder (`Path`):
                Where to; what else it holds stays.
            figures (`dict`, *optional*):
                What the checkpoint was found to be best by, to be kept beside it.

        Raises:
            DiskError: If the disk refuses it; what was in the folder is still there.
        """
        problem: Exception | None = None
        with self.average.applied() if self.average else nullcontext():
            model = collect_model(self.accelerator, self.model)
            if self.accelerator.is_main_process:
                try:
                    with told_when_refused("The model", folder, self.describe_remains()):
                        write_checkpoint(self.objective, model, folder, self.output_dir / INCOMPLETE, figures)
                except Exception as error:  # noqa: BLE001 - raised again, once no other process waits for this one
                    problem = error
        failed = self._reduce(torch.tensor(float(problem is not None)), "sum")
        if problem is not None:
            raise problem
        if failed:
            raise DiskError(f"Another process could not write the model to {folder}.")

    def describe_remains(self) -> str:
        """What is left of the run where its model cannot be written, and how to go on."""
        states = list_states(self.states.states_dir)
        if not states:
            return "No state was saved, so that the training is lost. Make room; `--checkpointing_steps` saves states."
        return (
            f"The states in {self.states.states_dir} are as they were, the last one {states[-1].name}. Make room, and"
            " go on with `--resume_from_checkpoint latest`."
        )

    @torch.no_grad()
    def validate(self) -> ValidationFigures:
        """Figures of the objective on the validation records; they have no values where there are no records."""
        if not self.source.num_validation_records:
            return self.objective.score({})
        self.model.eval()
        found: dict[str, list[torch.Tensor]] = {}
        with self.average.applied() if self.average else nullcontext():
            for batch in self.source.validation_batches():
                predictions = self.objective.predict(self.model, batch.to(self.accelerator.device))
                for name, rows in predictions.items():
                    found.setdefault(name, []).append(self._gather(rows[: len(batch.record_ids)]).cpu())
        self.model.train()
        return self.objective.score({name: torch.cat(parts) for name, parts in found.items()})

    def _take_steps(self, pace: Pace, bar: tqdm) -> None:
        """Take optimiser steps until the last one, or until something ends the run."""
        self.model.train()
        unread: StepFigures | None = None
        with closing(self.source.steps(self.progress.step)) as steps:
            while self.progress.step < self.num_steps and not self._has_stalled:
                started = time.perf_counter()
                batches = next(steps)
                pace.waiting_s += time.perf_counter() - started
                figures = self._learn(batches)
                # The loss of the step before is read while the device works on this one.
                must_end = self._note_step(unread, pace, bar) if unread else False
                unread = figures
                if must_end or self._is_due(figures.step):
                    must_end |= self._note_step(figures, pace, bar)
                    unread = None
                pace.training_s += time.perf_counter() - started
                if unread is None:
                    self._after_step(bar, must_end=must_end)
        if unread is not None:
            self._note_step(unread, pace, bar)

    def _learn(self, batches: Sequence[TrainingBatch]) -> StepFigures:
        """Forward and backward through the batches of a step, and an optimiser step."""
        accelerator, objective, step = self.accelerator, self.objective, self.progress.step
        # A function of seed and step alone, so that a resumed run draws what an unbroken one would have drawn.
        seed = np.random.SeedSequence((self.arguments.seed, step)).generate_state(1)[0]
        drawn = objective.draw(batches, torch.Generator().manual_seed(int(seed)))
        totals, counts = self._count(batches, drawn)
        scaled: dict[str, list[torch.Tensor]] = {part: [] for part in objective.loss_weights}
        for number, batch in enumerate(batches, start=1):
            is_last = number == len(batches)
            # Accelerate would count batches to know when gradients are due; the loop does, whose last step of an epoch
            # may have fewer batches. Gradients of all but the last batch stay on their process.
            accelerator.gradient_state.sync_gradients = is_last
            with nullcontext() if is_last else accelerator.no_sync(self.model):
                losses = objective.compute_losses(self.model, batch.to(accelerator.device), drawn)
                # A batch that only fills up goes through the model, as other processes wait for its gradient: zero.
                share = 1.0 if batch.record_ids else 0.0
                for part, loss in losses.items():
                    scaled[part].append(share * loss * self._scale(part, totals))
                accelerator.backward(cast(torch.Tensor, sum(values[-1] for values in scaled.values())))
        grad_norm = accelerator.clip_grad_norm_(self.model.parameters(), self.arguments.max_grad_norm)
        learning_rate = self.scheduler.get_last_lr()[0]
        self.optimizer.step()
        self.scheduler.step()
        self.optimizer.zero_grad()
        if self.average:
            self.average.update(step + 1)
        self.progress.step += 1
        parts = {part: self._reduce(torch.stack(values).detach().sum(), "mean") for part, values in scaled.items()}
        return StepFigures(
            step + 1,
            loss=cast(torch.Tensor, sum(parts.values())),
            parts=self._unweigh(parts) if len(parts) > 1 else {},
            grad_norm=to_tensor(grad_norm),
            counts=counts,
            learning_rate=learning_rate,
            record_ids=tuple(record_id for batch in batches for record_id in batch.record_ids),
        )

    def _count(self, batches: Sequence[TrainingBatch], drawn: Any) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """What each part of the loss counts in the step; strips, and processes that were told to end, over all."""
        parts = list(self.objective.loss_weights)
        counted = [self.objective.count(batch, drawn) for batch in batches if batch.record_ids]
        known = [sum(counts[part] for counts in counted) for part in parts]
        num_strips = sum(len(batch.record_ids) for batch in batches)
        sums = self._reduce(torch.tensor([*known, num_strips, self.stop.is_set], dtype=torch.float32), "sum")
        return dict(zip(parts, sums, strict=False)), sums[len(parts) :]

    def _scale(self, part: str, totals: dict[str, torch.Tensor]) -> torch.Tensor:
        """What turns a sum over one batch into its share of the loss.

        Gradients are averaged over processes: times their number, the average becomes the sum that a mean is made of.
        """
        return self.objective.loss_weights[part] * self.accelerator.num_processes / totals[part].clamp(min=1)

    def _unweigh(self, parts: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Parts of the loss as if each weighed 1; one that weighs nothing is zero."""
        return {part: value / (self.objective.loss_weights[part] or 1.0) for part, value in parts.items()}

    def _reduce(self, values: torch.Tensor, reduction: str) -> torch.Tensor:
        """Sum or mean over all processes."""
        return cast(torch.Tensor, self.accelerator.reduce(values.to(self.accelerator.device), reduction))

    def _gather(self, rows: torch.Tensor) -> torch.Tensor:
        """The rows of all processes, of which each may have another number."""
        if self.accelerator.num_processes == 1:
            return rows
        counts = cast(torch.Tensor, self.accelerator.gather(torch.tensor([len(rows)], device=rows.device)))
        padded = self.accelerator.pad_across_processes(rows)
        parts = cast(torch.Tensor, self.accelerator.gather(padded)).split(int(counts.max()))
        return torch.cat([part[:count] for part, count in zip(parts, counts.tolist(), strict=True)])

    def _read(self, figures: StepFigures) -> tuple[float, float]:
        """Loss and norm of the gradient of a step, once it has ended.

        Raises:
            FloatingPointError: If the loss is no number, or explodes.
        """
        loss = float(figures.loss)
        self.watch.check(figures.step, loss, figures.record_ids)
        return loss, float(figures.grad_norm)

    def _note_step(self, figures: StepFigures, pace: Pace, bar: tqdm) -> bool:
        """Log a step that has ended; returns whether the run was told to end."""
        loss, grad_norm = self._read(figures)
        num_strips, num_told = (int(count) for count in figures.counts.tolist())
        self.progress.num_strips += num_strips
        pace.num_strips += num_strips
        pace.losses.append(loss)
        line = {"loss": loss, **{f"loss_{part}": float(value) for part, value in figures.parts.items()}}
        line |= {"grad_norm": grad_norm, "learning_rate": figures.learning_rate}
        self._log("train", {"step": figures.step, **line})
        bar.update()
        if figures.step % self.arguments.logging_steps == 0:
            line["loss"] = float(np.mean(pace.losses[-self.arguments.logging_steps :]))
            bar.set_postfix({"loss": f"{line['loss']:.4f}", f"{self.objective.item}/s": f"{pace.strips_per_s:.0f}"})
            speed = {"ecg_per_s": pace.strips_per_s, "loader_share": pace.loader_share}
            named = {f"train_{name}" if name.startswith("loss") else name: value for name, value in line.items()}
            self.accelerator.log({**named, **speed}, step=figures.step)
            self._write_logs()
        return num_told > 0

    def _is_due(self, step: int) -> bool:
        """Whether something is to be done after a step."""
        arguments = self.arguments
        is_validated = bool(arguments.eval_steps) and step % cast(int, arguments.eval_steps) == 0
        is_saved = bool(arguments.checkpointing_steps) and step % cast(int, arguments.checkpointing_steps) == 0
        return (is_validated and step < self.num_steps) or is_saved

    def _after_step(self, bar: tqdm, *, must_end: bool) -> None:
        """Validate and save where the arguments ask for it."""
        step, arguments = self.progress.step, self.arguments
        if arguments.eval_steps and step % arguments.eval_steps == 0 and step < self.num_steps:
            figures = self.validate()
            self._note_validation(figures)
            if not bar.disable:
                figure = format_figure(figures.summary[self.metric], missing="undefined")
                bar.write(f"step {step}: {self.metric} {figure}")
        is_saved = arguments.checkpointing_steps and step % arguments.checkpointing_steps == 0
        state_dir = None
        if is_saved or (must_end and self.accelerator.distributed_type != DistributedType.DEEPSPEED):
            state_dir = self.save_state()
        if must_end:
            if state_dir is None:
                raise TerminatedError(f"Told to end at step {step}; its state is not saved. {self.describe_remains()}")
            raise TerminatedError(
                f"Told to end at step {step}; its state is {state_dir}. Go on with `--resume_from_checkpoint latest`."
            )

    def save_state(self) -> Path | None:
        """Save all that the run needs to go on; returns where, or `None` if the disk refused."""
        progress = {
            "progress": vars(self.progress),
            "scheduler": self.scheduler.state_dict(),
            "order": self.source.state_dict(),
            "findings": name_findings(self.objective.model),
            "history": self.history.at_step(self.progress.step) if self.history else None,
            "num_threads": self.num_threads,
        }
        return self.states.save(self.progress.step, progress, self.average, logs=list(self._logs.values()))

    @property
    def num_threads(self) -> int | None:
        """Threads that compute the steps, on which their last digits depend; `None` where a device does."""
        return torch.get_num_threads() if self.accelerator.device.type == "cpu" else None

    def _note_validation(self, figures: ValidationFigures) -> None:
        """Log the figures of a validation, and keep the model if it is the best so far."""
        step, progress = self.progress.step, self.progress
        self.accelerator.log(figures.summary, step=step)
        self._log("validation", {"step": step, **figures.summary, **figures.details})
        if not self.arguments.eval_steps:
            return
        value, best = figures.summary[self.metric], progress.best[self.metric] if progress.best else None
        if is_better(value, best, higher=self.objective.metrics[self.metric]):
            progress.best, progress.num_validations_since_best = {"step": step, **figures.summary}, 0
            self._save_best(progress.best)
        else:
            progress.num_validations_since_best += 1

    def _save_best(self, figures: dict[str, Any]) -> None:
        """Replace the checkpoint in best/."""
        try:
            self.save_model(self.output_dir / BEST, figures)
        except DiskError as error:
            logger.error(f"The best checkpoint was not saved. {error} Training goes on.")

    @property
    def _has_stalled(self) -> bool:
        """Whether validation has not improved for longer than patience lasts."""
        patience = self.arguments.early_stopping_patience
        return patience is not None and self.progress.num_validations_since_best >= patience

    def _make_bar(self) -> tqdm:
        """Progress on the main process of each machine."""
        return tqdm(
            total=self.num_steps,
            initial=self.progress.step,
            desc="Training",
            unit="step",
            disable=not self.accelerator.is_local_main_process,
        )

    def _open_logs(self) -> None:
        """Go on with the logs of the run, on the main process, from the step it has come to."""
        if self.accelerator.is_main_process:
            # A finished run that is resumed validates once more.
            last_steps = {"train": self.progress.step, "validation": min(self.progress.step, self.num_steps - 1)}
            with told_when_refused("The logs", self.output_dir, self.describe_remains()):
                self._logs = {
                    name: JsonLines(self.output_dir / f"{name}_log.jsonl", last_step=step)
                    for name, step in last_steps.items()
                }

    def _log(self, name: str, line: dict[str, Any]) -> None:
        """Add a line to a log of the main process."""
        if name in self._logs:
            self._logs[name].append(line)

    def _write_logs(self) -> None:
        """Show what was logged so far; what a full disk refuses is kept for the next time."""
        try:
            for log in self._logs.values():
                log.write()
        except OSError as error:
            reason = f"{error}: {describe_disk_error(error, self.output_dir)}"
            logger.error(
                f"The log was not written to {self.output_dir} ({reason}). Training goes on. Make room on the disk."
            )

    def _draw_curves(self) -> None:
        """Draw the logs beside the checkpoint."""
        if not self._logs:
            return
        steps, validations = (read_lines(log.path) for log in self._logs.values())
        try:
            with replace_when_complete(self.output_dir / "training_curves.png") as path:
                plot_curves(steps, validations, path)
        except OSError as error:
            if find_disk_error(error) is None:
                raise
            logger.error(f"The curves were not drawn: {describe_disk_error(error, self.output_dir)}. The run goes on.")

    def _time_validation(self) -> float:
        """Seconds of a validation."""
        started = time.perf_counter()
        self.validate()
        return time.perf_counter() - started


def build_optimizer(model: Any, arguments: TrainArguments) -> torch.optim.AdamW:
    """AdamW over what is trained; weight decay on matrices only."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": arguments.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=arguments.learning_rate)


def build_scheduler(optimizer: Any, arguments: TrainArguments, *, num_steps: int) -> Any:
    """The learning rate over the steps of a run."""
    num_warmup_steps = arguments.num_warmup_steps
    if num_warmup_steps is None:
        num_warmup_steps = round(num_steps * arguments.warmup_ratio)
    return get_scheduler(arguments.lr_scheduler_type, optimizer, num_warmup_steps, num_training_steps=num_steps)


def is_better(value: float | None, best: float | None, *, higher: bool) -> bool:
    """Whether a figure is better than the best so far."""
    if value is None or best is None:
        return value is not None
    return value > best if higher else value < best


def to_tensor(grad_norm: Any) -> torch.Tensor:
    """The norm of a gradient, of which a sharded model gives parts and DeepSpeed a number or nothing."""
    if hasattr(grad_norm, "full_tensor"):
        return grad_norm.full_tensor()
    return torch.as_tensor(math.nan if grad_norm is None else grad_norm)


def read_peak_memory(device: torch.device) -> int:
    """Most bytes that were in use, on the GPU or, without one, of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
