"""Episodes: when a finding was there, from the scores of the windows."""

from collections.abc import Sequence

import numpy as np


def find_episodes(
    scores: Sequence[float] | np.ndarray,
    starts_s: Sequence[float] | np.ndarray,
    stops_s: Sequence[float] | np.ndarray,
    *,
    threshold: float,
    window_s: float,
) -> list[dict[str, float]]:
    """Join the windows that show a finding to episodes.

    An episode begins with the first window whose score reaches the threshold and ends with the last. Where less than a
    window lies between two of them, they are one episode. None is shorter than a window, and none is known more
    exactly than that.

    Args:
        scores (`Sequence[float]` of length `num_windows`):
            Probabilities of presence, NaN where nothing was recorded.
        starts_s (`Sequence[float]`):
            When each window begins, in seconds, in order.
        stops_s (`Sequence[float]`):
            When each window ends.
        threshold (`float`):
            Lowest score that counts as present.
        window_s (`float`):
            Length of a window, in seconds.

    Returns:
        `list[dict]`: In order, each with `start_s`, `end_s` and `max_score`.

    Example:
        >>> find_episodes([0.1, 0.8, 0.9, 0.2], [0, 10, 20, 30], [10, 20, 30, 40], threshold=0.5, window_s=10)
        [{'start_s': 10.0, 'end_s': 30.0, 'max_score': 0.9}]
    """
    episodes: list[dict[str, float]] = []
    for score, start_s, stop_s in zip(scores, starts_s, stops_s, strict=True):
        if not score >= threshold:  # NaN is not
            continue
        if episodes and start_s - episodes[-1]["end_s"] < window_s:
            episodes[-1]["end_s"] = float(stop_s)
            episodes[-1]["max_score"] = max(episodes[-1]["max_score"], float(score))
        else:
            episodes.append({"start_s": float(start_s), "end_s": float(stop_s), "max_score": float(score)})
    return episodes


def clock(seconds: float) -> str:
    """A time from the beginning of a recording.

    Example:
        >>> clock(11530.4)
        '3:12:10'
    """
    minutes, whole = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{whole:02d}"
