"""Exact measurements of a noiseless beat and its P wave: intervals, axis, the voltages of every wave in every lead.

Limits of ST elevation: Thygesen et al. 2018, Circulation 138:e618, Table 2.
"""

import math
from functools import lru_cache

import numpy as np

from datasets_scripts.schema import SAMPLING_RATE
from datasets_scripts.simulator.heart import voltages
from datasets_scripts.simulator.heart.atria import P_WINDOW_MS, PTemplate
from datasets_scripts.simulator.heart.beat import BeatTemplate
from datasets_scripts.simulator.patient.body import ROW, limb_lead_matrix
from datasets_scripts.simulator.patient.person import Person
from datasets_scripts.simulator.population import priors
from datasets_scripts.simulator.population.chance import limit
from modeling_supreme.leads import STANDARD_LEADS

from .qrs_waves import measure_qrs


PER_MS = SAMPLING_RATE / 1000
STEP_MS = 1000 / SAMPLING_RATE
NET_ROWS = [ROW["I"], ROW["II"]]  # of which the electrical axis is made
# Where T is looked for and how far beyond its end; the U wave lies behind it.
T_SEARCH_AFTER_J_MS = 95.0
T_SEARCH_SHARE = 0.45
T_TAIL_MS = 20.0
U_WINDOW_MS = (25.0, 130.0)
# Our choice, a usual point of measurement: Thygesen et al. measure at the J point, where a notch or slur counts too.
ST_POINT_AFTER_J_MS = 60.0
FAST_ST_POINT_AFTER_J_MS = 30.0  # above 120 per minute T begins too early for the usual point
FAST_RR_S = 0.5
ST_ELEVATION_MV = 0.1
ST_ELEVATION_V2_V3_MV = {"female": 0.15, "male": 0.2, "male under 40": 0.25}


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


@lru_cache(maxsize=3)
def st_elevation_limits_mv(sex: str, *, is_under_40: bool) -> np.ndarray:
    """What counts as ST elevation in each lead, in millivolts; shape `(12,)`."""
    limits = np.full(len(STANDARD_LEADS), ST_ELEVATION_MV)
    group = "male under 40" if is_under_40 and sex == "male" else sex
    limits[[ROW["V2"], ROW["V3"]]] = ST_ELEVATION_V2_V3_MV[group]
    limits.setflags(write=False)
    return limits


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
    st_after_ms = FAST_ST_POINT_AFTER_J_MS if rr_s < FAST_RR_S else ST_POINT_AFTER_J_MS
    waves["j_mv"] = from_onset[:, j]
    waves["st_mv"] = from_onset[:, j + int(st_after_ms * PER_MS)]
    limits_mv = st_elevation_limits_mv(person.sex, is_under_40=person.age < 40)
    waves["st_elevation_ratio"] = waves["st_mv"] / limits_mv
    waves |= _measure_t(beat, from_onset)
    net_i, net_ii = qrs[NET_ROWS].sum(axis=1).tolist()
    extremes = voltages.extremes_of(qrs)
    sokolow_lyon_mv, cornell_mv = voltages.voltage_sums_mv(extremes)
    return {
        "qrs_ms": beat.qrs_duration_ms,
        "qt_ms": beat.qt_ms,
        "qtc_ms": beat.qt_ms / math.sqrt(corrected_rr_s),
        "qtc_fridericia_ms": beat.qt_ms / corrected_rr_s ** (1 / 3),
        "axis_deg": voltages.axis_deg(net_i, net_ii),
        "limb_voltage_mv": voltages.limb_voltage_mv(extremes),
        "chest_voltage_mv": voltages.chest_voltage_mv(extremes),
        "sokolow_lyon_mv": sokolow_lyon_mv,
        "cornell_mv": cornell_mv,
        "cornell_ratio": cornell_mv / voltages.CORNELL_MV[person.sex],
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


def extreme_of_wave(wave: np.ndarray) -> np.ndarray:
    """The most negative or most positive voltage of each lead, whichever is larger; shape `(12,)`."""
    return wave[np.arange(len(wave)), np.abs(wave).argmax(axis=1)]


def measure_p_wave(template: PTemplate) -> dict[str, float]:
    """Measure the duration of P, its voltage in every lead and its terminal force in V1 (mV ms, positive)."""
    start = int(-P_WINDOW_MS[0] * PER_MS)
    twelve = limb_lead_matrix() @ template.waveform[:, start : start + int(template.duration_ms * PER_MS)]
    terminal = np.minimum(twelve[ROW["V1"], twelve.shape[1] // 2 :], 0.0)
    force = float(-terminal.min() * (terminal < 0.1 * terminal.min()).sum() * STEP_MS)
    waves = {"p_mv": twelve.max(axis=1), "p_net_mv": extreme_of_wave(twelve)}
    return {"p_ms": template.duration_ms, key_of("p_terminal_force_mv_ms", "V1"): force, **_per_lead(waves)}
