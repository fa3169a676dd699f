"""An exponential moving average of the weights, which often validates better than the weights themselves."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


class WeightAverage:
    """Keeps an average beside a model and lends it to the model for a while.

    Works on whatever part of a parameter this process holds, so also where a model is sharded. torch's `AveragedModel`
    copies the whole module, although only 0.48 of the 23.2 million parameters of the demo's model are trained and need
    an average; and it keeps the same share in every step, where the first steps should soon be forgotten.

    Args:
        model (`nn.Module`):
            Whose trained parameters are averaged. Of buffers, such as the statistics of batches, the latest are kept:
            they are averages already.
        decay (`float`):
            Share of the average that a step keeps. Early steps keep less, so that the start is forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self._live = {name: value for name, value in model.named_parameters() if value.requires_grad}
        self._average = {name: value.detach().clone() for name, value in self._live.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step, counted from 1."""
        # As in TensorFlow's ExponentialMovingAverage: the average of the first ten steps is not mostly the start
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        for name, average in self._average.items():
            average.lerp_(self._live[name].detach(), share)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the model its average, and its own weights back in the end."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def set_from_model(self) -> None:
        """Take the weights of the model for the average."""
        for name, average in self._average.items():
            average.copy_(self._live[name].detach())

    @torch.no_grad()
    def _swap(self) -> None:
        """Exchange the average and the weights of the model."""
        for name, average in self._average.items():
            kept = average.clone()
            average.copy_(self._live[name].detach())
            self._live[name].copy_(kept)
