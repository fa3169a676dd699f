"""Where the windows of a long recording lie, and what can be asked of them."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..feature_extraction_supreme import MIN_STRIP_S, is_number
from ..recordings import NEGLIGIBLE_S


AGGREGATES = ("max", "mean", "timeline")
MIN_STRIDE_S = 0.1


class Window(NamedTuple):
    """A stretch of a recording, in samples at its rate."""

    first: int
    num_samples: int


@dataclass(frozen=True)
class Plan:
    """How a long recording is answered.

    Attributes:
        aggregate (`str`):
            `"max"`, `"mean"` or `"timeline"`.
        window_s (`float`), stride_s (`float`):
            Length of a window, and the time from the beginning of one to that of the next, in seconds.
    """

    aggregate: str
    window_s: float
    stride_s: float


def make_plan(aggregate: Any, window_s: Any, stride_s: Any, *, strip_s: float, is_measuring: bool = False) -> Plan:
    """The plan that options of the pipeline ask for.

    Args:
        aggregate (`Any`):
            As given; `None` where it was not, as the next two.
        window_s (`Any`):
            In seconds.
        stride_s (`Any`):
            In seconds.
        strip_s (`float`):
            How long a strip the model reads, in seconds.
        is_measuring (`bool`):
            Whether measurements are asked for, which are only followed over time.

    Raises:
        TypeError: If a time is no number.
        ValueError: If there is no such aggregate, or no such windows.
    """
    if aggregate is None:
        raise ValueError(
            '`window_s` and `stride_s` say how a long recording is cut. Pass `aggregate="max"`, "mean" or "timeline"'
            " with them."
        )
    if aggregate not in AGGREGATES:
        raise ValueError(f'`aggregate` is {aggregate!r}. Pass "max", "mean" or "timeline".')
    if is_measuring and aggregate != "timeline":
        raise ValueError(f'`aggregate` is {aggregate!r}, and numbers are followed over time. Pass "timeline".')
    window_s = strip_s if window_s is None else _check_time("window_s", window_s)
    stride_s = window_s if stride_s is None else _check_time("stride_s", stride_s)
    if window_s > strip_s:
        raise ValueError(
            f"`window_s` is {window_s:g}, and this model reads strips of {strip_s:g} s. Choose windows of no more, or"
            " leave it out."
        )
    if window_s < MIN_STRIP_S:
        raise ValueError(
            f"`window_s` is {window_s:g}, and a strip lasts at least {MIN_STRIP_S:g} s. Choose longer ones."
        )
    if stride_s < MIN_STRIDE_S:
        raise ValueError(
            f"`stride_s` is {stride_s:g}. Choose {MIN_STRIDE_S:g} s or more: from one window to the next."
        )
    return Plan(aggregate, window_s, stride_s)


def _check_time(name: str, value: Any) -> float:
    """A finite number of seconds."""
    if not is_number(value):
        raise TypeError(f"`{name}` is {value!r}, not a number. Give a time in seconds.")
    if not math.isfinite(value):
        raise ValueError(f"`{name}` is {value}. Give a time in seconds.")
    return float(value)


def aggregate_windows(scores: np.ndarray, aggregate: str, *, throughout: np.ndarray | None = None) -> np.ndarray:
    """One score per label for a recording, from those of its windows; windows without a score are left out.

    Args:
        scores (`np.ndarray` of shape `(..., num_windows, num_labels)`):
            NaN where a window has none; every label has one.
        aggregate (`str`):
            `"mean"`, or `"max"` or `"timeline"`, for which a recording shows what any window shows.
        throughout (`np.ndarray` of shape `(num_labels,)`, boolean, *optional*):
            Labels that a recording has only if all of its windows have it, such as the normal ECG: of these the lowest
            score counts in place of the highest.

    Returns:
        `np.ndarray` of shape `(..., num_labels)`.

    Example:
        >>> scores = np.array([[0.9, 0.1], [0.2, 0.7]])
        >>> aggregate_windows(scores, "max", throughout=np.array([True, False]))
        array([0.2, 0.7])
    """
    if aggregate == "mean":
        return np.asarray(np.nanmean(scores, axis=-2, dtype=np.float64))
    highest = np.nanmax(scores, axis=-2)
    return highest if throughout is None else np.where(throughout, np.nanmin(scores, axis=-2), highest)


def lay_windows(num_samples: int, sampling_rate: float, plan: Plan) -> list[Window]:
    """The windows of a recording.

    One begins with every stride. The last one that would go beyond the end is moved back to end with the recording, so
    that all of it is read and all windows are of one length; a recording shorter than a window is one.

    Args:
        num_samples (`int`):
            Length of the recording.
        sampling_rate (`float`):
            Its rate, in Hz.
        plan ([`Plan`]):
            Length and stride of the windows.

    Example:
        >>> [window.first for window in lay_windows(2300, 100, Plan("max", window_s=10, stride_s=10))]
        [0, 1000, 1300]
    """
    length = round(plan.window_s * sampling_rate)
    end = num_samples - round(NEGLIGIBLE_S * sampling_rate)  # a strip that lacks less than this is whole
    windows: list[Window] = []
    while True:
        first = round(len(windows) * plan.stride_s * sampling_rate)
        if windows and first >= end:
            return windows
        if first + length > num_samples + round(NEGLIGIBLE_S * sampling_rate):
            first = max(0, num_samples - length)
        windows.append(Window(first, min(length, num_samples - first)))
        if first + length > end:
            return windows
