"""What a training step is made of, wherever its records come from and whatever is learnt from them."""

from collections.abc import Generator, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import torch


class TrainingBatch(NamedTuple):
    """Records that go through the model together.

    Attributes:
        inputs (`dict[str, torch.Tensor]`, each of shape `(batch_size, ...)`):
            What the objective's collator made of the records, one row per record. Of ECGs: `signal (batch_size,
            num_leads, num_samples)`, `lead_mask (batch_size, num_leads)` and `sample_mask (batch_size, num_samples)`
            as the feature extractor returns them; of labelled ones `labels (batch_size, num_findings)`.
        record_ids (`tuple[str, ...]`):
            Named in messages. Empty where a record only fills up the batch of a process that has none.
        positions (`torch.Tensor` of shape `(batch_size,)`):
            Place of each record in its optimiser step: all that is random about a record hangs on it, so that it does
            not matter which process learns from it, and in which batch.
    """

    inputs: dict[str, torch.Tensor]
    record_ids: tuple[str, ...]
    positions: torch.Tensor

    def to(self, device: torch.device) -> "TrainingBatch":
        """The batch on the device of the model; positions stay, because what they pick from is drawn on the CPU."""
        return self._replace(inputs={name: value.to(device, non_blocking=True) for name, value in self.inputs.items()})


class RowCollator(Protocol):
    """What an objective needs of a record: the columns to read, and the inputs to make of them."""

    def columns(self, corpus: int) -> list[str]:
        """Columns of a corpus, by its number, that a batch is made from; `record_id` among them."""
        ...

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """`TrainingBatch.inputs` of rows, each with the number of its corpus under `corpus`, 0 where it is missing."""
        ...


class StepSource(Protocol):
    """Gives the batches of one process, step by step."""

    @property
    def steps_per_epoch(self) -> int:
        """Steps that learn from as many records as there are."""
        ...

    @property
    def step_size(self) -> int:
        """Most records of a step, those of all processes together."""
        ...

    def steps(self, first_step: int) -> Generator[list[TrainingBatch], None, None]:
        """The batches of every step from a step on, without end."""
        ...

    def validation_batches(self) -> Iterator[TrainingBatch]:
        """The batches of the validation records, as many for every process."""
        ...

    @property
    def num_validation_records(self) -> int:
        """Validation records of all processes together."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What the order of the records depends on."""
        ...
