"""A strip without some of its leads or of its time, so that it can be asked what an answer stands on.

A lead is left out as the model knows it: as one that was not recorded. Time cannot be left out without a pause in the
rhythm, so that a window is replaced by what the strip has between its waves: each lead goes in a straight line from
its level before to its level after. Windows are cut where the strip is quiet, so that no wave is cut in half.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn


WINDOW_S = 0.5
SNAP_S = 0.12  # a window ends within so long of its time, where the strip is quietest
LEVEL_S = 0.02  # before and after an edge, over which a level is the mean

Inputs = dict[str, torch.Tensor]


class Occluder:
    """One strip, and what it looks like without parts of it.

    Args:
        inputs (`dict[str, torch.Tensor]`):
            `signal`, `(1, num_leads, num_samples)`, `lead_mask`, `sample_mask` and `recorded_mask` of one record, as
            the model takes them.
        sampling_rate (`float`):
            In Hz.

    Attributes:
        edges (`list[int]`):
            Samples where windows begin, and where the last one ends.
        leads (`list[int]`):
            Rows that were recorded.
    """

    def __init__(self, inputs: Inputs, sampling_rate: float) -> None:
        self.inputs = inputs
        self.sampling_rate = sampling_rate
        recorded = inputs["recorded_mask"][0] & inputs["lead_mask"][0][:, None] & inputs["sample_mask"]
        self.leads: list[int] = recorded.any(dim=1).nonzero()[:, 0].tolist()
        times = recorded.any(dim=0).nonzero()[:, 0].tolist()
        self.edges = self._cut(times[0], times[-1] + 1) if times else [0]

    @property
    def windows_s(self) -> list[tuple[float, float]]:
        """When each window begins and ends, in seconds."""
        seconds = [edge / self.sampling_rate for edge in self.edges]
        return list(pairwise(seconds))

    def without_windows(self, deletions: Sequence[Collection[int]]) -> Inputs:
        """One strip for each set of windows, in which they are replaced."""
        signals = [self._bridge(windows) for windows in deletions]
        return self._repeat(len(deletions)) | {"signal": torch.stack(signals)}

    def without_leads(self, deletions: Sequence[Collection[int]]) -> Inputs:
        """One strip for each set of leads, counted among those recorded, in which they are not recorded."""
        inputs = {name: each.clone() for name, each in self._repeat(len(deletions)).items()}
        for place, leads in enumerate(deletions):
            rows = [self.leads[lead] for lead in leads]
            inputs["lead_mask"][place, rows] = False
            inputs["recorded_mask"][place, rows] = False
        return inputs

    def _repeat(self, count: int) -> Inputs:
        return {name: each.expand(count, *each.shape[1:]) for name, each in self.inputs.items()}

    def _cut(self, first: int, end: int) -> list[int]:
        """Edges of windows of about `WINDOW_S`, each where the strip is quiet."""
        signal = self.inputs["signal"][0].float()
        change = nn.functional.pad((signal[:, 1:] - signal[:, :-1]).abs().sum(dim=0), (1, 0))
        half = max(1, round(LEVEL_S * self.sampling_rate))
        change = nn.functional.avg_pool1d(change[None, None], 2 * half + 1, stride=1, padding=half)[0, 0]
        size, snap = WINDOW_S * self.sampling_rate, round(SNAP_S * self.sampling_rate)
        edges = [first]
        for number in range(1, max(1, round((end - first) / size))):
            start = first + round(number * size) - snap
            edges.append(start + int(change[start : start + 2 * snap + 1].argmin()))
        return [*edges, end]

    def _bridge(self, windows: Collection[int]) -> torch.Tensor:
        """The signal, `(num_leads, num_samples)`, with straight lines in the place of windows."""
        signal = self.inputs["signal"][0].clone()
        for start, end in self._runs(windows):
            before, after = self._level(start), self._level(end)
            before = after if start == self.edges[0] else before  # there is nothing before the strip
            after = before if end == self.edges[-1] else after
            shares = torch.linspace(0, 1, end - start, device=signal.device, dtype=signal.dtype)
            signal[:, start:end] = before[:, None] + (after - before)[:, None] * shares
        return torch.where(self.inputs["recorded_mask"][0], signal, self.inputs["signal"][0])

    def _runs(self, windows: Collection[int]) -> Iterator[tuple[int, int]]:
        """First and last edge of windows that lie side by side."""
        chosen = sorted(windows)
        firsts = [window for window in chosen if window - 1 not in chosen]
        lasts = [window for window in chosen if window + 1 not in chosen]
        return ((self.edges[first], self.edges[last + 1]) for first, last in zip(firsts, lasts, strict=True))

    def _level(self, edge: int) -> torch.Tensor:
        """Mean of each lead about an edge, of what was recorded, `(num_leads,)`."""
        half = max(1, round(LEVEL_S * self.sampling_rate))
        near = slice(max(0, edge - half), edge + half)
        mask = self.inputs["recorded_mask"][0, :, near] & self.inputs["sample_mask"][0, near]
        signal = self.inputs["signal"][0, :, near].masked_fill(~mask, 0.0)
        return signal.sum(dim=1) / mask.sum(dim=1).clamp(min=1)


def join_inputs(batches: Sequence[Inputs]) -> Inputs:
    """Batches one after the other."""
    return {name: torch.cat([each[name] for each in batches]) for name in batches[0]}


def split_inputs(inputs: Inputs, size: int) -> Iterator[Inputs]:
    """Batches of at most so many strips."""
    for start in range(0, len(inputs["signal"]), size):
        yield {name: each[start : start + size] for name, each in inputs.items()}


def select_record(inputs: dict[str, Any], place: int) -> Inputs:
    """The inputs of one record of a batch, with every mask."""
    signal = inputs["signal"][place : place + 1]
    shape = signal.shape
    full = {"lead_mask": shape[:2], "sample_mask": shape[::2], "recorded_mask": shape}
    masks = {
        name: torch.ones(size, dtype=torch.bool, device=signal.device)
        if inputs.get(name) is None
        else inputs[name][place : place + 1]
        for name, size in full.items()
    }
    return {"signal": signal, **masks}
