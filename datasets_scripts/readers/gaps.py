"""Samples that a recording lacks: short gaps are bridged, leads with longer ones are given up."""

import numpy as np


def bridge_gaps(values: np.ndarray, *, missing_value: int, max_gap: int) -> tuple[np.ndarray, int]:
    """Fill gaps of a few samples with a straight line between their neighbours, rounded to whole numbers.

    A lead that begins later or ends earlier than the others repeats its first or last sample there; what no lead has
    at the beginning or end is cut off.

    Args:
        values (`np.ndarray` of shape `(num_leads, num_samples)`):
            Integers as stored.
        missing_value (`int`):
            What stands for a sample that is missing.
        max_gap (`int`):
            Samples of the longest gap that is filled.

    Returns:
        `tuple[np.ndarray, int]`: The values, in which a lead with a longer gap is missing altogether, and the number
        of samples that were filled, in all leads together.

    Example:
        >>> bridge_gaps(np.array([[0, 9, 4, 6], [1, 2, 9, 9]]), missing_value=9, max_gap=1)
        (array([[0, 2, 4, 6],
               [9, 9, 9, 9]]), 1)
    """
    is_missing = values == missing_value
    if not is_missing.any():
        return values, 0
    present = np.flatnonzero(~is_missing.all(axis=0))
    kept = slice(present[0], present[-1] + 1) if present.size else slice(0)
    filled, is_missing = values[:, kept].copy(), is_missing[:, kept]
    positions, num_filled = np.arange(filled.shape[1]), 0
    for lead in np.flatnonzero(is_missing.any(axis=1)):
        gaps = is_missing[lead]
        if longest_run(gaps) > max_gap or gaps.all():
            filled[lead] = missing_value
        else:
            filled[lead, gaps] = np.rint(np.interp(positions[gaps], positions[~gaps], filled[lead, ~gaps]))
            num_filled += int(np.count_nonzero(gaps))
    return filled, num_filled


def longest_run(flags: np.ndarray) -> int:
    """Length of the longest run of true values.

    Example:
        >>> longest_run(np.array([True, False, True, True, True]))
        3
    """
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    return int((edges[1::2] - edges[::2]).max(initial=0))
