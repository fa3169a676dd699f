"""Timing of several ways to do a thing, in turns, so that what slows the machine down meets all of them."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any


Clock = Callable[[], float]
# Real time is what users wait for; processor time is steadier where other programs run, but knows only this process.
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "processor": time.process_time}


def take_turns(
    ways: Mapping[str, Callable[[], Any]], *, num_turns: int, clock: Clock = time.perf_counter
) -> dict[str, list[float]]:
    """Run every way once to warm up, then once in every turn; every other turn goes backwards.

    Args:
        ways (`Mapping[str, Callable]`):
            What is timed, by name.
        num_turns (`int`):
            How often.
        clock (`Callable`):
            Gives seconds.

    Returns:
        `dict[str, list[float]]`: Seconds of every way in every turn.
    """
    for run in ways.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(num_turns):
        for name in list(ways) if turn % 2 == 0 else list(ways)[::-1]:
            began = clock()
            ways[name]()
            seconds[name].append(clock() - began)
    return seconds


def compare(seconds: Mapping[str, list[float]], way: str, base: str) -> float:
    """How many times as long one way takes as another: the median over the turns of the ratio within a turn.

    Example:
        >>> compare({"a": [2.0, 4.0, 9.0], "b": [1.0, 2.0, 3.0]}, "a", "b")
        2.0
    """
    return statistics.median(one / other for one, other in zip(seconds[way], seconds[base], strict=True))
