"""Distributions the simulator draws from, and the two ways of drawing."""

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import numpy as np


Key = TypeVar("Key")


class Normal(NamedTuple):
    """A normal distribution of which only what lies between two limits is used, in the unit its constant names."""

    mean: float
    sd: float
    low: float
    high: float


class Range(NamedTuple):
    """A uniform distribution, in the unit its constant names."""

    low: float
    high: float


def draw_number(rng: np.random.Generator, prior: Normal | Range) -> float:
    """Draw from a uniform or a limited normal distribution; what falls outside the limits is drawn again."""
    if isinstance(prior, Range):
        return prior.low + (prior.high - prior.low) * rng.random()
    number = rng.normal(prior.mean, prior.sd)
    while not prior.low <= number <= prior.high:
        number = rng.normal(prior.mean, prior.sd)
    return float(number)


def limit(number: float, low: float, high: float) -> float:
    """The number, or the limit that it exceeds; for single numbers, with which `np.clip` is slow."""
    return min(max(number, low), high)


def pick(rng: np.random.Generator, weights: Mapping[Key, float]) -> Key:
    """Draw one key with probability proportional to its weight."""
    remaining = rng.random() * sum(weights.values())
    for key, weight in weights.items():
        remaining -= weight
        if remaining < 0:
            return key
    return next(iter(weights))
