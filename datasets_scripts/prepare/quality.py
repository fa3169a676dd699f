"""What is wrong with a strip, in numbers: flat and clipped leads, blank samples, limb leads that disagree."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from datasets_scripts.schema import NUM_SAMPLES, SAMPLING_RATE
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.recordings import MICROVOLTS_PER_MILLIVOLT
from modeling_supreme.signal_processing import keep_long_runs
from modeling_supreme.signal_quality import PLATEAU_MV, PLATEAU_S


MIN_PLATEAU = round(PLATEAU_S * SAMPLING_RATE)
MIN_PLATEAU_UV = round(PLATEAU_MV * MICROVOLTS_PER_MILLIVOLT)
STORAGE_LIMIT_UV = np.iinfo(np.int16).max

LIMB_LEADS = tuple(STANDARD_LEADS.index(lead) for lead in ("I", "II", "III"))


def measure_quality(
    signal: np.ndarray, *, lead_mask: np.ndarray, num_samples: int, not_recorded: Sequence[Sequence[int]] = ()
) -> dict[str, Any]:
    """Measure one row of a corpus.

    Args:
        signal (`np.ndarray` of shape `(12, 5000)`):
            `int16` voltages, in microvolts, leads in the order of `STANDARD_LEADS`.
        lead_mask (`np.ndarray` of shape `(12,)`):
            True where a lead was recorded.
        num_samples (`int`):
            Samples that were recorded; the rest is padding.
        not_recorded (`Sequence[Sequence[int]]`, defaults to none):
            Stretches that leads lack: the lead, the first sample, and the one after. They count for nothing but
            `num_masked`.

    Returns:
        `dict` with
        - `peak_to_peak_uv (12,)`: highest minus lowest voltage of each lead, in microvolts; 0 is a flat lead, -1 a
          lead that was not recorded;
        - `num_clipped (12,)`: samples within plateaus of at least 20 ms at the lead's own highest or lowest voltage,
          if that is 1 mV or more from zero, and samples at the limit of `int16`;
        - `num_missing`: padding, samples at which every recorded lead is exactly 0, and the end of the strip where
          every lead holds its voltage for 20 ms or longer, as some records of PTB-XL do;
        - `num_masked (12,)`: samples of each lead within the stretches that it lacks;
        - `limb_residual_uv`: mean of |I + III - II|, in microvolts, which Einthoven's law makes 0; NaN where one of
          the three was not recorded or is flat.
    """
    strip = signal[:, :num_samples]
    is_recorded = np.ones(strip.shape, dtype=bool)
    for lead, start, stop in not_recorded:
        is_recorded[lead, start:stop] = False
    if len(not_recorded):  # what a lead lacks is no voltage: hold one that it has
        strip = np.take_along_axis(strip, np.maximum.accumulate(_last_recorded(is_recorded), axis=1), axis=1)
    highest, lowest = strip.max(axis=1), strip.min(axis=1)
    peak_to_peak = highest.astype(np.int32) - lowest
    has_voltage = lead_mask & (peak_to_peak > 0)
    is_missing = _find_missing(strip[lead_mask])
    num_alive = int(np.flatnonzero(~is_missing)[-1]) + 1 if not is_missing.all() else 0
    num_clipped = np.zeros(len(strip), dtype=np.int32)
    for lead in np.flatnonzero(has_voltage & (np.maximum(highest, -lowest.astype(np.int32)) >= MIN_PLATEAU_UV)):
        voltages = strip[lead, :num_alive][is_recorded[lead, :num_alive]]
        num_clipped[lead] = _count_clipped(voltages, highest=int(highest[lead]), lowest=int(lowest[lead]))
    return {
        "peak_to_peak_uv": np.where(lead_mask, peak_to_peak, -1).astype(np.int32),
        "num_clipped": num_clipped,
        "num_masked": np.where(lead_mask, (~is_recorded).sum(axis=1), 0).astype(np.int32),
        "num_missing": NUM_SAMPLES - num_samples + int(is_missing.sum()),
        "limb_residual_uv": _limb_residual(strip, is_recorded) if has_voltage[list(LIMB_LEADS)].all() else np.nan,
    }


def stack_measurements(measurements: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The measurements of many rows as arrays with one row each."""
    rows = list(measurements)
    empty = measure_quality(np.zeros((12, 1), np.int16), lead_mask=np.ones(12, dtype=bool), num_samples=1)
    return {name: np.array([row[name] for row in rows or [empty]])[: len(rows)] for name in empty}


def _find_missing(strip: np.ndarray) -> np.ndarray:
    """Samples, `(num_samples,)`, at which no lead can have been recorded."""
    if not len(strip):
        return np.ones(strip.shape[1], dtype=bool)
    is_missing = np.logical_not(strip.any(axis=0))
    moves = np.flatnonzero(np.any(strip != strip[:, -1:], axis=0))
    held_from = int(moves[-1]) + 2 if len(moves) else 0  # after the sample that is held
    if strip.shape[1] - held_from >= MIN_PLATEAU:
        is_missing[held_from:] = True
    return is_missing


def _count_clipped(voltages: np.ndarray, *, highest: int, lowest: int) -> int:
    """Samples of one lead at its limits."""
    num_clipped = 0
    for limit in (highest, lowest):
        if abs(limit) < MIN_PLATEAU_UV:
            continue
        at_limit = voltages == limit
        if abs(limit) >= STORAGE_LIMIT_UV:
            num_clipped += int(at_limit.sum())
        elif np.count_nonzero(at_limit) >= MIN_PLATEAU:
            num_clipped += int(keep_long_runs(at_limit, MIN_PLATEAU).sum())
    return num_clipped


def _limb_residual(strip: np.ndarray, is_recorded: np.ndarray) -> float:
    """Mean |I + III - II|, in microvolts, over the samples that all three have; NaN where there is none."""
    together = is_recorded[list(LIMB_LEADS)].all(axis=0)
    lead_i, lead_ii, lead_iii = (strip[lead, together].astype(np.int32) for lead in LIMB_LEADS)
    return float(np.abs(lead_i + lead_iii - lead_ii).mean()) if together.any() else np.nan


def _last_recorded(is_recorded: np.ndarray) -> np.ndarray:
    """For each sample its own place where it was recorded, else that of the first recorded one of its lead."""
    return np.where(is_recorded, np.arange(is_recorded.shape[1]), is_recorded.argmax(axis=1)[:, None])
