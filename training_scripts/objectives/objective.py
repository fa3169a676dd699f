"""What a run learns, as one interface: the training loop knows this much of an objective and no more.

The loop asks in this order:

1. `check_arguments`, before anything is loaded.
2. The constructor loads the data, builds the model on the device, and says where batches come from.
3. Every step: `draw`, once, for all that is random in the step; `count`, of every batch; then of each batch
   `compute_losses`, which is followed by its backward pass.
4. Every validation: `predict`, of every batch; `score`, of the rows of all processes.
5. In the end: `save`, `calibrate`, then `test`, then the card.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch
from accelerate import Accelerator

from modeling_supreme.command_line import CommandLineError
from training_scripts.arguments import RunArguments
from training_scripts.card import CardStyle
from training_scripts.steps import StepSource, TrainingBatch

from .pretrained import check_pretrained


class ValidationFigures(NamedTuple):
    """What a validation measured.

    Attributes:
        summary (`dict[str, float | int | None]`):
            Its figures; None where one is not defined. `validation_loss` is always there.
        details (`dict[str, Any]`):
            Figures of single findings and the like, for the log.
    """

    summary: dict[str, Any]
    details: dict[str, Any]


class Objective(ABC):
    """What a run learns.

    Args:
        arguments (`RunArguments`):
            All that was said of the run.
        accelerator (`Accelerator`):
            Device and processes. `accelerator.gather` collects what other processes have; with gradients,
            `RowGatherer` does.

    Attributes:
        name (`str`):
            What `--objective` calls it.
        item (`str`):
            What a batch has rows of, for the speed of a run.
        metrics (`dict[str, bool]`):
            Figures of `ValidationFigures.summary` that checkpoints can be compared by, the usual one first, and
            whether higher is better.
        card (`CardStyle`):
            How the model card presents it.
        needs_text_encoder (`bool`):
            Whether a new model is made from one.
        next_step (`str`):
            What to do with the checkpoint in `{folder}`.
        model (`torch.nn.Module`):
            What is trained, on the device, before `accelerator.prepare`; parameters that require no gradient stay.
        source (`StepSource`):
            Where batches come from.
        loss_weights (`dict[str, float]`):
            The parts of the loss and what each weighs. The loss of a step is the sum, over the parts, of weight times
            mean: what `compute_losses` adds up to over all batches and processes, divided by what `count` does.
    """

    name: ClassVar[str]
    item: ClassVar[str] = "ECG"
    metrics: ClassVar[Mapping[str, bool]]
    card: ClassVar[CardStyle]
    needs_text_encoder: ClassVar[bool] = True
    next_step: ClassVar[str] = (
        "ask it with `supreme classify FILE --model {folder} --labels …`, and test it with"
        " `python evaluate.py --model_name_or_path {folder} --dataset_name … --output_dir …`"
    )

    model: Any
    source: StepSource
    loss_weights: Mapping[str, float]

    @classmethod
    def check_arguments(cls, arguments: RunArguments) -> None:
        """Refuse arguments that do not fit, before a corpus is loaded; a subclass refuses more.

        Raises:
            CommandLineError: If something was asked for that this objective has not, or another objective has alone.
        """
        metric = arguments.training.metric_for_best_model
        if metric is not None and metric not in cls.metrics:
            raise CommandLineError(f"`--metric_for_best_model` is {metric}. Choose one of {', '.join(cls.metrics)}.")

    @classmethod
    def check_sources(cls, arguments: RunArguments) -> None:
        """Look for the checkpoint or the text encoder that the run begins with, before a corpus is loaded.

        Raises:
            CommandLineError: If it is not there, or cannot be fetched.
        """
        check_pretrained(arguments.model, needs_text_encoder=cls.needs_text_encoder)

    @abstractmethod
    def __init__(self, arguments: RunArguments, accelerator: Accelerator) -> None: ...

    @abstractmethod
    def draw(self, batches: Sequence[TrainingBatch], generator: torch.Generator) -> Any:
        """Draw all that is random in a step; called on every process, with its batches of the step.

        Args:
            batches (`Sequence[TrainingBatch]`):
                The batches of this process, on the CPU.
            generator (`torch.Generator`):
                The same numbers on every process, and in a resumed run.

        Returns:
            What `count` and `compute_losses` are given of the step.
        """

    @abstractmethod
    def count(self, batch: TrainingBatch, drawn: Any) -> dict[str, float]:
        """How many labels, tokens or records each part of the loss is a sum over, for one batch."""

    @abstractmethod
    def compute_losses(self, model: Any, batch: TrainingBatch, drawn: Any) -> dict[str, torch.Tensor]:
        """Sum of each part of the loss over one batch, as scalars with a gradient.

        Args:
            model (`torch.nn.Module`):
                The model as `accelerator.prepare` returned it: only its own `forward` synchronises gradients.
            batch (`TrainingBatch`):
                On the device of the model. A batch without record ids counts for nothing, whatever is returned.
            drawn:
                What `draw` returned.
        """

    @abstractmethod
    def predict(self, model: Any, batch: TrainingBatch) -> dict[str, torch.Tensor]:
        """What `score` needs of a validation batch: tensors of shape `(batch_size, ...)`, without gradients."""

    @abstractmethod
    def score(self, predictions: Mapping[str, torch.Tensor]) -> ValidationFigures:
        """Figures of a validation.

        Args:
            predictions (`Mapping[str, torch.Tensor]`, each of shape `(num_validation_records, ...)`):
                What `predict` returned for all records of all processes, on the CPU; empty if there are no records.
        """

    @abstractmethod
    def save(self, model: Any, folder: Path) -> None:
        """Write a checkpoint that `from_pretrained` loads, with the code that reads it."""

    def calibrate(self, folder: Path) -> tuple[Any, dict[str, Any]] | None:
        """The trained model in a folder with a last touch that takes no gradient; `None` if there is none.

        Asked on the main process alone, before `test`.

        Returns:
            `tuple`: The model, to be saved in the place of the one in the folder, and figures for train_results.json.
        """
        return None

    def test(self, folder: Path) -> dict[str, Any]:
        """Figures for `train_results.json` that are measured once, in the end, with the checkpoint in a folder.

        Asked on the main process alone.
        """
        return {}

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """What `train_results.json` says of data and model beside the figures."""

    @abstractmethod
    def announce(self) -> str:
        """One sentence, before the first step, that says what is learnt from what."""
