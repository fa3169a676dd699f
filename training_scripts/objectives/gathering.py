"""Rows of all processes, with gradients: what a loss needs that compares every record with every other."""

from typing import Any

import torch
import torch.distributed as dist
from torch.autograd.function import once_differentiable


class _GatherRows(torch.autograd.Function):
    """All-gather whose backward pass adds up what the losses of all processes say of the rows of this one.

    That of `torch.distributed.nn.functional` is deprecated, and what is to take its place is private.
    """

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        parts = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, rows.contiguous())
        return torch.stack(parts)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        gradient = gradient.contiguous()
        dist.all_reduce(gradient)
        return gradient[dist.get_rank()]


class RowGatherer:
    """Gathers the rows of a batch from all processes, however many each has; alone, it returns its own.

    Args:
        is_valid (`torch.Tensor` of shape `(batch_size,)`):
            Which rows of this process count.
        is_alone (`bool`, *optional*):
            Whether to take no notice of other processes; by default where there are none.

    Attributes:
        is_valid (`torch.Tensor` of shape `(num_rows,)`):
            Which rows count of all that are gathered.
        first (`int`):
            Place of the first row of this process among them.
    """

    def __init__(self, is_valid: torch.Tensor, *, is_alone: bool | None = None) -> None:
        is_distributed = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
        self.is_alone = not is_distributed if is_alone is None else is_alone
        self.first, self.is_valid = 0, is_valid
        if not self.is_alone:
            gathered = _GatherRows.apply(_pad(is_valid.float()))
            self.first = dist.get_rank() * gathered.shape[1]
            self.is_valid = gathered.flatten() > 0

    def gather(self, rows: torch.Tensor) -> torch.Tensor:
        """The rows of all processes, `(num_rows, ...)`; where one has fewer than others, zeros fill up."""
        return rows if self.is_alone else _GatherRows.apply(_pad(rows)).flatten(0, 1)


def _pad(rows: torch.Tensor) -> torch.Tensor:
    """Rows with zeros behind every dimension, up to the largest size that any process has."""
    sizes = torch.tensor(rows.shape, device=rows.device)
    dist.all_reduce(sizes, op=dist.ReduceOp.MAX)
    missing = [size - there for size, there in zip(sizes.tolist(), rows.shape, strict=True)]
    return torch.nn.functional.pad(rows, [part for size in reversed(missing) for part in (0, size)])
