"""Exact measurements of a rhythm: rates, intervals between events, and how many of them the strip shows."""

import itertools
import math
from collections.abc import Sequence

from datasets_scripts.simulator.rhythm.timeline import STRIP_DURATION_S, Beat, PWaveEvent, Rhythm


WIDE_QRS_MS = 120.0


def measure_rhythm(rhythm: Rhythm, *, qrs_ms: float) -> dict[str, float]:
    """Measure rates, intervals between events, and count events; `qrs_ms` is the width of the usual beat."""
    beats, intervals, mean_s = rhythm.seen_beats, rhythm.rr_s.tolist(), rhythm.mean_rr_s
    p_waves = [wave for wave in rhythm.p_waves if 0 <= wave.time < STRIP_DURATION_S]
    early_wide, early_narrow = _count_early(rhythm.early_beats, is_wide=qrs_ms >= WIDE_QRS_MS)
    measured = {
        "rate_per_min": rhythm.ventricular_rate_per_min,
        "num_p_waves": float(len(p_waves)),
        "num_blocked_p_waves": float(_count_blocked(p_waves, rhythm)),
        "is_dissociated": float(rhythm.is_dissociated and bool(p_waves)),
        "is_fibrillating": float(rhythm.is_fibrillating),
        "flutter_per_min": 60.0 * (rhythm.flutter_hz or 0.0),
        "num_early_wide": float(early_wide),
        "num_early_narrow": float(early_narrow),
        "longest_wide_run": float(_longest_wide_run(beats, is_wide=qrs_ms >= WIDE_QRS_MS)),
        "num_ventricular_spikes": float(len(beats) * rhythm.is_ventricular_paced),
        "num_atrial_spikes": float(len(p_waves) * rhythm.is_atrial_paced),
    }
    if len(intervals) > 2:
        measured["rr_variation"] = math.sqrt(sum((rr - mean_s) ** 2 for rr in intervals) / len(intervals)) / mean_s
        measured["longest_rr_s"] = max(intervals)
    period = _period_of_early_beats(beats)
    return measured | ({"early_period": period} if period else {}) | _measure_pr(beats, p_waves)


def _measure_pr(beats: Sequence[Beat], p_waves: Sequence[PWaveEvent]) -> dict[str, float]:
    """PR interval of the beats in their turn, and its range; rate of the atria."""
    intervals_ms = [
        (beat.time - beat.p_time) * 1000 for beat in beats if beat.p_time is not None and not beat.is_early
    ]
    measured: dict[str, float] = {}
    if intervals_ms:
        measured["pr_ms"] = sum(intervals_ms) / len(intervals_ms)
        measured["pr_range_ms"] = max(intervals_ms) - min(intervals_ms)
    if len(p_waves) > 2:
        measured["atrial_rate_per_min"] = 60.0 * (len(p_waves) - 1) / (p_waves[-1].time - p_waves[0].time)
    return measured


def _count_blocked(p_waves: Sequence[PWaveEvent], rhythm: Rhythm) -> int:
    """P waves that a QRS complex should have followed but did not; those of early wide beats do not count."""
    if rhythm.is_dissociated:
        return len(p_waves)
    wide_times = [beat.time for beat in rhythm.beats if beat.kind == "ventricular"]
    blocked = [wave.time for wave in p_waves if not wave.is_conducted and wave.time < STRIP_DURATION_S - 0.4]
    return sum(all(abs(wide - time) >= 0.7 for wide in wide_times) for time in blocked)


def _count_early(early_beats: Sequence[Beat], *, is_wide: bool) -> tuple[int, int]:
    """Early beats that are wide and that are not."""
    num_wide = sum(beat.kind == "ventricular" or is_wide for beat in early_beats)
    return num_wide, len(early_beats) - num_wide


def _longest_wide_run(beats: Sequence[Beat], *, is_wide: bool) -> int:
    """Most wide beats in a row."""
    longest = run = 0
    for beat in beats:
        run = run + 1 if is_wide or beat.kind == "ventricular" else 0
        longest = max(longest, run)
    return longest


def _period_of_early_beats(beats: Sequence[Beat]) -> float:
    """Beats from one early beat to the next, if always the same over three of them; else 0."""
    places = [place for place, beat in enumerate(beats) if beat.is_early]
    gaps = [second - first for first, second in itertools.pairwise(places)]
    return float(gaps[0]) if len(gaps) >= 2 and len(set(gaps)) == 1 else 0.0
