"""What a training step is made of, wherever the records come from."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import torch


class TrainingBatch(NamedTuple):
    """Strips that go through the model together.

    Attributes:
        signal (`torch.Tensor` of shape `(batch_size, num_leads, num_samples)`):
            Strips as the feature extractor returns them.
        lead_mask (`torch.Tensor` of shape `(batch_size, num_leads)`):
            True for leads that were recorded.
        sample_mask (`torch.Tensor` of shape `(batch_size, num_samples)`):
            True where the strip lasts.
        labels (`torch.Tensor` of shape `(batch_size, num_findings)`):
            1 present, 0 absent, in between uncertain, NaN unknown.
        record_ids (`tuple[str, ...]`):
            Named in messages. Empty where a strip only fills up the batch of a process that has none.
        positions (`torch.Tensor` of shape `(batch_size,)`):
            Place of each strip in its optimiser step: all that is random about a strip hangs on it, so that it does
            not matter which process learns from it, and in which batch.
    """

    signal: torch.Tensor
    lead_mask: torch.Tensor
    sample_mask: torch.Tensor
    labels: torch.Tensor
    record_ids: tuple[str, ...]
    positions: torch.Tensor


class StepSource(Protocol):
    """Gives the batches of one process, step by step."""

    @property
    def steps_per_epoch(self) -> int:
        """Steps that learn from as many records as there are."""
        ...

    @property
    def step_size(self) -> int:
        """Most strips of a step, those of all processes together."""
        ...

    def steps(self, first_step: int) -> Iterator[list[TrainingBatch]]:
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
