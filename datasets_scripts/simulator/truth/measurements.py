"""Exact measurements of a noiseless strip: intervals, axis, and the voltages of every wave in every lead."""

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from datasets_scripts.schema import SAMPLING_RATE
from datasets_scripts.simulator import priors
from datasets_scripts.simulator.chance import limit
from datasets_scripts.simulator.heart import criteria
from datasets_scripts.simulator.heart.atria import P_WINDOW_MS, PTemplate
from datasets_scripts.simulator.heart.beat import BeatTemplate
from datasets_scripts.simulator.patient.body import limb_lead_matrix
from datasets_scripts.simulator.patient.diagnosis import Person
from datasets_scripts.simulator.rhythm.rhythm import STRIP_DURATION_S, Beat, PWaveEvent, Rhythm
from modeling_supreme.leads import STANDARD_LEADS

from .waves import measure_qrs


PER_MS = SAMPLING_RATE / 1000
STEP_MS = 1000 / SAMPLING_RATE
WIDE_QRS_MS = 120.0
NET_ROWS = [criteria.ROW["I"], criteria.ROW["II"]]  # of which the electrical axis is made
# Where T is looked for and how far beyond its end; the U wave lies behind it.
T_SEARCH_AFTER_J_MS = 95.0
T_SEARCH_SHARE = 0.45
T_TAIL_MS = 20.0
U_WINDOW_MS = (25.0, 130.0)


@lru_cache(maxsize=1024)
def key_of(name: str, lead: str) -> str:
    """Key of a measurement in one lead.

    Example:
        >>> key_of("st_mv", "V2")
        'st_mv_V2'
    """
    return f"{name}_{lead}"


@lru_cache(maxsize=8)
def _keys_of(names: tuple[str, ...]) -> list[str]:
    """Keys of measurements in all leads, lead after lead for each of them."""
    return [key_of(name, lead) for name in names for lead in STANDARD_LEADS]


def _per_lead(values: dict[str, np.ndarray]) -> dict[str, float]:
    """One entry per lead from arrays of shape `(12,)`."""
    return dict(zip(_keys_of(tuple(values)), np.concatenate(list(values.values())).tolist(), strict=True))


def measure_beat(beat: BeatTemplate, *, rr_s: float, person: Person) -> dict[str, float]:
    """Measure QRS, ST, T and U of the beat that most of the strip is made of.

    Args:
        beat (`BeatTemplate`):
            The beat in the independent leads.
        rr_s (`float`):
            Interval between beats, in seconds, for the corrected QT interval.
        person (`Person`):
            Age and sex decide the limits of ST elevation and of the Cornell sum.

    Returns:
        `dict[str, float]`: By name; what is measured in every lead has twelve entries, as in `"st_mv_V2"`.
    """
    corrected_rr_s = limit(rr_s, *priors.QT_RR_LIMITS_S)
    from_onset = limb_lead_matrix() @ beat.waveform[:, beat.onset :]
    j = int(beat.qrs_duration_ms * PER_MS)
    qrs = from_onset[:, : j + 1]
    waves = measure_qrs(qrs, step_ms=STEP_MS)
    st_after_ms = criteria.FAST_ST_POINT_AFTER_J_MS if rr_s < criteria.FAST_RR_S else criteria.ST_POINT_AFTER_J_MS
    waves["j_mv"] = from_onset[:, j]
    waves["st_mv"] = from_onset[:, j + int(st_after_ms * PER_MS)]
    limits_mv = criteria.st_elevation_limits_mv(person.sex, is_under_40=person.age < 40)
    waves["st_elevation_ratio"] = waves["st_mv"] / limits_mv
    waves |= _measure_t(beat, from_onset)
    net_i, net_ii = qrs[NET_ROWS].sum(axis=1).tolist()
    extremes = criteria.extremes_of(qrs)
    sokolow_lyon_mv, cornell_mv = criteria.voltage_sums_mv(extremes)
    return {
        "qrs_ms": beat.qrs_duration_ms,
        "qt_ms": beat.qt_ms,
        "qtc_ms": beat.qt_ms / math.sqrt(corrected_rr_s),
        "qtc_fridericia_ms": beat.qt_ms / corrected_rr_s ** (1 / 3),
        "axis_deg": criteria.axis_deg(net_i, net_ii),
        "limb_voltage_mv": criteria.limb_voltage_mv(extremes),
        "chest_voltage_mv": criteria.chest_voltage_mv(extremes),
        "sokolow_lyon_mv": sokolow_lyon_mv,
        "cornell_mv": cornell_mv,
        "cornell_ratio": cornell_mv / criteria.CORNELL_MV[person.sex],
        "delta_wave_ms": beat.delay_ms,
        **_per_lead(waves),
    }


def _measure_t(beat: BeatTemplate, from_onset: np.ndarray) -> dict[str, np.ndarray]:
    """T and U in every lead."""
    after_j_ms = min(T_SEARCH_AFTER_J_MS, T_SEARCH_SHARE * (beat.t_peak_ms - beat.qrs_duration_ms))
    start = int((beat.qrs_duration_ms + after_j_ms) * PER_MS)
    t_wave = from_onset[:, start : int((beat.qt_ms + T_TAIL_MS) * PER_MS)]
    u_first, u_last = (int((beat.qt_ms + ms) * PER_MS) for ms in U_WINDOW_MS)
    high, low = t_wave.max(axis=1), t_wave.min(axis=1)
    t_size_mv = np.maximum(high, -low)
    return {
        "t_mv": np.where(t_size_mv == high, high, low),
        "t_size_mv": t_size_mv,
        "t_high_mv": high,
        "t_low_mv": low,
        "u_mv": from_onset[:, u_first:u_last].max(axis=1),
    }


def measure_p_wave(template: PTemplate) -> dict[str, float]:
    """Measure the duration of P, its voltage in every lead and its terminal force in V1 (mV ms, positive)."""
    start = int(-P_WINDOW_MS[0] * PER_MS)
    twelve = limb_lead_matrix() @ template.waveform[:, start : start + int(template.duration_ms * PER_MS)]
    terminal = np.minimum(twelve[criteria.ROW["V1"], twelve.shape[1] // 2 :], 0.0)
    force = float(-terminal.min() * (terminal < 0.1 * terminal.min()).sum() * STEP_MS)
    waves = {"p_mv": twelve.max(axis=1), "p_net_mv": criteria.extreme_of_wave(twelve)}
    return {"p_ms": template.duration_ms, key_of("p_terminal_force_mv_ms", "V1"): force, **_per_lead(waves)}


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
