"""The deletion test: an answer must fall further without what a map calls important than without parts at random."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, pstdev

import numpy as np


DELETED_SHARE = 0.1  # of the leads or of the time, rounded up
NUM_DRAWS = 8  # of as much at random
# A map is faithful if the answer falls further by so much than by chance, and than not at all, in units of the logit,
# and by more than the draws at random scatter. Own choice.
LEAST_MARGIN = 0.1
LEAST_UNITS = 4  # fewer leads or windows cannot be told apart


@dataclass(frozen=True)
class Deletion:
    """What a deletion test found, in units of the logit; a drop above 0 means that the finding became less likely.

    Attributes:
        drop (`float`):
            Without the tenth that the map calls most important.
        random_drop (`float`):
            Mean drop without as much at random.
        share_beaten (`float`):
            Of the draws at random, the share that lowered the answer less.
        is_faithful (`bool`):
            Whether the drop is larger than 0 and than by chance, by a margin.
    """

    drop: float
    random_drop: float
    share_beaten: float
    is_faithful: bool


def judge_deletion(drop: float, random_drops: Sequence[float]) -> Deletion:
    """Hold the drop without what is important against the drops without as much at random.

    Args:
        drop (`float`):
            By how much the logit fell.
        random_drops (`Sequence[float]`):
            The same for each draw.

    Returns:
        [`Deletion`]

    Example:
        >>> judge_deletion(2.0, [0.0, 0.5, 0.1, 0.2])
        Deletion(drop=2.0, random_drop=0.2, share_beaten=1.0, is_faithful=True)
    """
    by_chance = mean(random_drops)
    margin = max(LEAST_MARGIN, pstdev(random_drops))
    beaten = sum(drop > other for other in random_drops) / len(random_drops)
    return Deletion(drop, by_chance, beaten, drop - max(by_chance, 0.0) > margin)


def count_deleted(num_units: int) -> int:
    """How many of so many leads or windows are a tenth.

    Example:
        >>> count_deleted(12), count_deleted(20), count_deleted(4)
        (2, 2, 1)
    """
    return math.ceil(DELETED_SHARE * num_units)


def choose_most_important(importance: Sequence[float]) -> tuple[int, ...]:
    """Places of the most important tenth, in order.

    Example:
        >>> choose_most_important([0.1, 0.9, 0.0, 0.2])
        (1,)
    """
    order = np.argsort(-np.asarray(importance, dtype=float), kind="stable")
    return tuple(sorted(order[: count_deleted(len(order))].tolist()))


def draw_deletions(num_units: int, *, seed: int = 0) -> list[tuple[int, ...]]:
    """As many units at random, `NUM_DRAWS` times: the same for the same seed.

    Args:
        num_units (`int`):
            Leads or windows that there are.
        seed (`int`):
            Of the draws.

    Returns:
        `list[tuple[int, ...]]`: Places, in order.
    """
    rng = np.random.default_rng(seed)
    size = count_deleted(num_units)
    return [tuple(sorted(rng.choice(num_units, size, replace=False).tolist())) for _ in range(NUM_DRAWS)]
