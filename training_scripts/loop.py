"""The training loop: batches in, optimiser steps out, with validation and states on the way.

The loss of a step is the mean over all labels that are known of its strips, however many processes and accumulated
batches the strips are spread over: as many small batches learn what one large batch would.
"""

from __future__ import annotations

import logging
import math
import shutil
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType
from tqdm.auto import tqdm

from modeling_supreme.losses import MultilabelObjective
from modeling_supreme.queries import QueryWordings

from .arguments import ObjectiveArguments, TrainArguments
from .augmentation import Augmentation, StripDraws, make_noise_bank
from .checkpoints import collect_model, save_checkpoint
from .log import JsonLines, plot_curves, read_lines
from .loss_watch import LossWatch
from .states import RunState, find_state
from .stop_signal import StopSignal
from .training_batch import StepSource, TrainingBatch
from .validation import format_figure, is_better, score_validation, summarize_validation
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
            Mean over all known labels of all processes.
        grad_norm (`torch.Tensor`):
            Norm of the gradient before it was clipped.
        counts (`torch.Tensor` of shape `(3,)`):
            Known labels, strips, and processes that were told to end.
        learning_rate (`float`):
            Of this step.
        record_ids (`tuple[str, ...]`):
            Strips of this process.
    """

    step: int
    loss: torch.Tensor
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


class Pretraining:
    """A run.

    Args:
        accelerator (`Accelerator`):
            Device, precision and processes. It accumulates nothing by itself.
        model (`torch.nn.Module`), optimizer (`torch.optim.Optimizer`), scheduler (learning rate scheduler):
            A zero-shot model or a classifier, and what trains it, prepared by the accelerator; the scheduler as it is.
        processor (`SupremeProcessor` or `ClassifierProcessor`):
            Saved with the model.
        source (`StepSource`):
            Where batches come from.
        queries (`QueryWordings`, *optional*):
            Wordings of every finding: embedded, or as tokens and their mask, `(num_wordings, 2, num_text_tokens)`.
            None for a classifier, which is not asked in words.
        findings (`Sequence[str]`):
            Their names.
        objective (`MultilabelObjective`):
            What a mistake costs.
        num_steps (`int`):
            Optimiser steps of the run.
        arguments (`TrainArguments`), objective_arguments (`ObjectiveArguments`):
            How to train.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        *,
        model: Any,
        optimizer: Any,
        scheduler: Any,
        processor: Any,
        source: StepSource,
        queries: QueryWordings | None,
        findings: Sequence[str],
        objective: MultilabelObjective,
        num_steps: int,
        arguments: TrainArguments,
        objective_arguments: ObjectiveArguments,
    ) -> None:
        self.accelerator, self.model, self.optimizer, self.scheduler = accelerator, model, optimizer, scheduler
        self.processor, self.source, self.queries, self.findings = processor, source, queries, tuple(findings)
        self.objective, self.num_steps, self.arguments = objective, num_steps, arguments
        self.num_queries_per_step = objective_arguments.num_queries_per_step
        self.augmentation = make_augmentation(objective_arguments, processor)
        self.noise_bank = make_noise_bank(accelerator.device)
        self.average = WeightAverage(model, arguments.ema_decay) if arguments.ema_decay else None
        self.output_dir = Path(arguments.output_dir)
        self.states = RunState(
            accelerator,
            model,
            optimizer,
            states_dir=self.output_dir / "checkpoints",
            total_limit=arguments.checkpoints_total_limit,
        )
        self.progress = Progress()
        self.stop = StopSignal()
        self._logs: dict[str, JsonLines] = {}
        name = f"failed_step_{accelerator.process_index:05d}.json"
        self.watch = LossWatch(arguments.max_loss_ratio, self.output_dir / name)

    def resume(self) -> None:
        """Go on from a saved state, if one was asked for and exists."""
        if not self.arguments.resume_from_checkpoint:
            return
        state_dir = find_state(self.arguments.resume_from_checkpoint, self.states.states_dir)
        if state_dir is None:
            return
        saved = self.states.load(state_dir, self.average)
        check_order(saved["order"], self.source.state_dict())
        self.scheduler.load_state_dict(saved["scheduler"])
        self.progress = Progress(**saved["progress"])
        logger.info(f"Resuming from step {self.progress.step} ({state_dir}).")

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
            "train_ecg_per_s": round(pace.strips_per_s, 1),
            "loader_share": round(pace.loader_share, 4),
            **summarize_validation(figures),
            "best": self.progress.best,
        }

    def dry_run(self) -> dict[str, Any]:
        """Take a few steps and say what the whole run would need; nothing is written.

        Returns:
            `dict`: Seconds and bytes, by what they are of.
        """
        device = self.accelerator.device
        steps = self.source.steps(0)
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

    def save_model(self, folder: Path) -> None:
        """Write the checkpoint, with averaged weights where there are such."""
        with self.average.applied() if self.average else nullcontext():
            model = collect_model(self.accelerator, self.model)
            if self.accelerator.is_main_process:
                save_checkpoint(model, self.processor, folder)
        self.accelerator.wait_for_everyone()

    @torch.no_grad()
    def validate(self) -> dict[str, Any]:
        """Loss and AUROC on the validation records, every finding asked for by its name."""
        if not self.source.num_validation_records:
            return {"validation_loss": None, "validation_auroc_macro": None, "auroc": {}}
        self.model.eval()
        logits, targets = [], []
        queries = query_inputs(self.queries.names if self.queries else None)
        with self.average.applied() if self.average else nullcontext():
            for batch in self.source.validation_batches():
                batch = move_batch(batch, self.accelerator.device)
                outputs = self.model(
                    signal=batch.signal, lead_mask=batch.lead_mask, sample_mask=batch.sample_mask, **queries
                )
                gathered = self._gather(read_logits(outputs).float(), batch.labels)
                logits.append(gathered[0].cpu())
                targets.append(gathered[1].cpu())
        self.model.train()
        return score_validation(torch.cat(logits), torch.cat(targets), self.findings)

    def _take_steps(self, pace: Pace, bar: tqdm) -> None:
        """Take optimiser steps until the last one, or until something ends the run."""
        self.model.train()
        steps = self.source.steps(self.progress.step)
        unread: StepFigures | None = None
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
        accelerator, step = self.accelerator, self.progress.step
        seed = np.random.SeedSequence((self.arguments.seed, step)).generate_state(1)[0]
        generator = torch.Generator().manual_seed(int(seed))
        draws = self.augmentation.draw(self.source.step_size, generator)
        queries = self.queries.sample(generator) if self.queries else None
        asked = self._choose_queries(batches, generator)
        if queries is not None and asked is not None:
            batches = [batch._replace(labels=batch.labels[:, asked]) for batch in batches]
            queries = queries[asked.to(queries.device)]
        counts = self._count(batches)
        objective = self.objective if asked is None else self.objective.select(asked)
        scale = accelerator.num_processes / counts[0].clamp(min=1)
        losses = []
        for number, batch in enumerate(batches, start=1):
            is_last = number == len(batches)
            accelerator.gradient_state.sync_gradients = is_last
            with nullcontext() if is_last else accelerator.no_sync(self.model):
                logits, labels = self._forward(move_batch(batch, accelerator.device), draws, queries)
                # The mean over all processes that follows turns this into the mean over all labels.
                loss = objective.sum_losses(logits, labels) * scale
                accelerator.backward(loss)
            losses.append(loss.detach())
        grad_norm = accelerator.clip_grad_norm_(self.model.parameters(), self.arguments.max_grad_norm)
        learning_rate = self.scheduler.get_last_lr()[0]
        self.optimizer.step()
        self.scheduler.step()
        self.optimizer.zero_grad()
        if self.average:
            self.average.update(step + 1)
        self.progress.step += 1
        return StepFigures(
            step + 1,
            loss=self._reduce(torch.stack(losses).sum(), "mean"),
            grad_norm=to_tensor(grad_norm),
            counts=counts,
            learning_rate=learning_rate,
            record_ids=tuple(record_id for batch in batches for record_id in batch.record_ids),
        )

    def _forward(
        self, batch: TrainingBatch, draws: StripDraws, queries: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits and labels of a batch whose strips were changed a little."""
        signal, lead_mask, sample_mask = self.augmentation.apply(
            batch.signal,
            batch.lead_mask,
            batch.sample_mask,
            draws=draws,
            positions=batch.positions,
            noise_bank=self.noise_bank,
        )
        outputs = self.model(signal=signal, lead_mask=lead_mask, sample_mask=sample_mask, **query_inputs(queries))
        return read_logits(outputs), batch.labels

    def _choose_queries(self, batches: Sequence[TrainingBatch], generator: torch.Generator) -> torch.Tensor | None:
        """Positions of the findings to ask for in this step; None for all of them."""
        if self.num_queries_per_step is None or self.num_queries_per_step >= len(self.findings):
            return None
        is_present = torch.stack([(batch.labels > 0).any(dim=0) for batch in batches]).any(dim=0)
        present = self._reduce(is_present.float(), "sum").cpu() > 0
        return choose_queries(present, self.num_queries_per_step, generator)

    def _count(self, batches: Sequence[TrainingBatch]) -> torch.Tensor:
        """Known labels, strips, and processes that were told to end, over all processes."""
        num_known = sum(int((~torch.isnan(batch.labels)).sum()) for batch in batches)
        num_strips = sum(len(batch.record_ids) for batch in batches)
        counts = torch.tensor([num_known, num_strips, self.stop.is_set], dtype=torch.float32)
        return self._reduce(counts, "sum")

    def _reduce(self, values: torch.Tensor, reduction: str) -> torch.Tensor:
        """Sum or mean over all processes."""
        return cast(torch.Tensor, self.accelerator.reduce(values.to(self.accelerator.device), reduction))

    def _gather(self, logits: torch.Tensor, labels: torch.Tensor) -> Any:
        """Logits and labels of all processes; a row that fills up has no known label, so it counts for nothing."""
        pad = self.accelerator.pad_across_processes
        return self.accelerator.gather((pad(logits), pad(labels, pad_index=cast(int, math.nan))))

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
        num_strips, num_told = (int(count) for count in figures.counts[1:].tolist())
        self.progress.num_strips += num_strips
        pace.num_strips += num_strips
        pace.losses.append(loss)
        line = {"loss": loss, "grad_norm": grad_norm, "learning_rate": figures.learning_rate}
        self._log("train", {"step": figures.step, **line})
        bar.update()
        if figures.step % self.arguments.logging_steps == 0:
            line["loss"] = float(np.mean(pace.losses[-self.arguments.logging_steps :]))
            bar.set_postfix({"loss": f"{line['loss']:.4f}", "ECG/s": f"{pace.strips_per_s:.0f}"})
            speed = {"ecg_per_s": pace.strips_per_s, "loader_share": pace.loader_share}
            named = {f"train_{name}" if name == "loss" else name: value for name, value in line.items()}
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
                bar.write(f"step {step}: validation AUROC {format_figure(figures['validation_auroc_macro'])}")
        is_saved = arguments.checkpointing_steps and step % arguments.checkpointing_steps == 0
        if is_saved or (must_end and self.accelerator.distributed_type != DistributedType.DEEPSPEED):
            self.save_state()
        if must_end:
            raise TerminatedError(f"Told to end at step {step}.")

    def save_state(self) -> None:
        """Save all that the run needs to go on."""
        progress = {
            "progress": vars(self.progress),
            "scheduler": self.scheduler.state_dict(),
            "order": self.source.state_dict(),
        }
        self.states.save(self.progress.step, progress, self.average, logs=list(self._logs.values()))

    def _note_validation(self, figures: dict[str, Any]) -> None:
        """Log the figures of a validation, and keep the model if it is the best so far."""
        step, progress = self.progress.step, self.progress
        self.accelerator.log(summarize_validation(figures), step=step)
        self._log("validation", {"step": step, **figures})
        if not self.arguments.eval_steps:
            return
        name = self.arguments.metric_for_best_model
        if is_better(figures[name], progress.best[name] if progress.best else None, name):
            progress.best, progress.num_validations_since_best = {"step": step, **summarize_validation(figures)}, 0
            self._save_best()
        else:
            progress.num_validations_since_best += 1

    def _save_best(self) -> None:
        """Replace the checkpoint in best/."""
        best_dir = self.output_dir / "best"
        incomplete_dir = best_dir.with_suffix(".incomplete")
        try:
            self.save_model(incomplete_dir)
            if self.accelerator.is_main_process:
                shutil.rmtree(best_dir, ignore_errors=True)
                incomplete_dir.rename(best_dir)
        except OSError as error:
            logger.error(f"The best checkpoint was not saved ({error}). Training goes on. Make room on the disk.")

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
            logger.error(f"The log was not written ({error}). Training goes on. Make room on the disk.")

    def _draw_curves(self) -> None:
        """Draw the logs beside the checkpoint."""
        if self._logs:
            steps, validations = (read_lines(log.path) for log in self._logs.values())
            plot_curves(steps, validations, self.output_dir / "training_curves.png")

    def _time_validation(self) -> float:
        """Seconds of a validation."""
        started = time.perf_counter()
        self.validate()
        return time.perf_counter() - started


def make_augmentation(arguments: ObjectiveArguments, processor: Any) -> Augmentation:
    """How strips are changed, in the units of the processor's signals."""
    extractor = processor.feature_extractor
    return Augmentation(
        extractor.leads,
        extractor.sampling_rate,
        extractor.scale_mv,
        lead_dropout=arguments.lead_dropout,
        noise_mv=arguments.noise_mv,
        time_shift_s=arguments.time_shift_s,
        gain=arguments.gain,
        baseline_wander_mv=arguments.baseline_wander_mv,
        rate_jitter=arguments.rate_jitter,
    )


def query_inputs(queries: torch.Tensor | None) -> dict[str, torch.Tensor]:
    """Queries as the model takes them: embedded, or as tokens and their mask, cut to the longest."""
    if queries is None:
        return {}
    if queries.ndim == 2:
        return {"query_embeds": queries}
    length = int(queries[:, 1].sum(dim=1).max())
    return {"input_ids": queries[:, 0, :length], "attention_mask": queries[:, 1, :length]}


def read_logits(outputs: Any) -> torch.Tensor:
    """One logit per strip and finding, as zero-shot model or classifier give them."""
    return outputs.logits if "logits" in outputs else outputs.logits_per_ecg


def choose_queries(is_present: torch.Tensor, num_queries: int, generator: torch.Generator) -> torch.Tensor:
    """Positions, ascending, of all findings that are present and, up to a number, of others at random.

    Example:
        >>> choose_queries(torch.tensor([False, True, True]), 2, torch.Generator())
        tensor([1, 2])
    """
    present, absent = torch.nonzero(is_present)[:, 0], torch.nonzero(~is_present)[:, 0]
    order = torch.randperm(len(absent), generator=generator)[: max(0, num_queries - len(present))]
    return torch.cat([present, absent[order]]).sort().values


def move_batch(batch: TrainingBatch, device: torch.device) -> TrainingBatch:
    """A batch on the device of the model; positions stay, because what they pick from is drawn on the CPU."""
    names = ("signal", "lead_mask", "sample_mask", "labels")
    return batch._replace(**{name: getattr(batch, name).to(device, non_blocking=True) for name in names})


def to_tensor(grad_norm: Any) -> torch.Tensor:
    """The norm of a gradient, of which a sharded model gives parts and DeepSpeed a number or nothing."""
    if hasattr(grad_norm, "full_tensor"):
        return grad_norm.full_tensor()
    return torch.as_tensor(math.nan if grad_norm is None else grad_norm)


def check_order(saved: dict[str, Any], current: dict[str, Any]) -> None:
    """Check that the records come in the order of the saved run.

    Raises:
        ValueError: If they do not: records would be seen twice or not at all.
    """
    changed = [
        f"{name} {saved.get(name)} (now {value})" for name, value in current.items() if saved.get(name) != value
    ]
    if changed:
        raise ValueError(
            f"The state was saved by a run with {', '.join(changed)}, which reads the records in another order."
            " Resume with the same setting, or start from its checkpoint with `--model_name_or_path`."
        )


def read_peak_memory(device: torch.device) -> int:
    """Most bytes that were in use, on the GPU or, without one, of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
