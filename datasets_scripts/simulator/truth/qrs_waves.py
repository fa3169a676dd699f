"""Q, R, S and R' of one noiseless beat in the twelve standard leads."""

import numpy as np

from datasets_scripts.simulator.patient.body import ROW
from modeling_supreme.leads import STANDARD_LEADS


# Smallest deflection that counts as a wave, and how long it lasts at least. Source: IEC 60601-2-51:2003, Annex GG.5.
WAVE_MV = 0.03
WAVE_MS = 6.0
LATE_QRS_SHARE = 0.55
# Q waves that count as pathological. Source: Thygesen et al. 2018, Circulation 138:e618, Table 3 (30 ms and 0.1 mV; in
# V2 and V3 20 ms or QS); a quarter of R, below which septal q waves count as normal there, is asked for everywhere.
Q_MS = 30.0
Q_SEPTAL_LEADS_MS = 20.0
Q_LIMITS_MS = np.array([Q_SEPTAL_LEADS_MS if lead in ("V2", "V3") else Q_MS for lead in STANDARD_LEADS])
Q_MV = 0.1
Q_SHARE_OF_R = 0.25


def measure_qrs(qrs: np.ndarray, *, step_ms: float) -> dict[str, np.ndarray]:
    """Amplitudes and durations of Q, R, S and R' in every lead.

    Args:
        qrs (`np.ndarray` of shape `(12, num_samples)`):
            From QRS onset to its end, millivolts relative to the onset.
        step_ms (`float`):
            Time between samples.

    Returns:
        `dict[str, np.ndarray]` of arrays of shape `(12,)`: `q_mv`, `r_mv`, `s_mv`, `r_prime_mv` and `late_r_mv` (the
        highest voltage in the last part of QRS), all positive and 0 where the wave is missing; `q_ms`, `s_ms`,
        `broad_r_ms`, `r_to_s` and `q_excess` (above 1 where Q is pathological).
    """
    order = np.arange(qrs.shape[1])
    is_up = qrs > WAVE_MV
    peak, has_up = qrs.max(axis=1), is_up.any(axis=1)
    first_up = np.where(has_up, is_up.argmax(axis=1), len(order))
    before_r = np.where(order < first_up[:, None], qrs, 0.0)
    after_r = qrs - before_r
    q_mv = np.maximum(-before_r.min(axis=1), 0.0)
    q_ms = np.where(q_mv > WAVE_MV, (before_r < 0).sum(axis=1) * step_ms, 0.0)
    r_mv = np.where(has_up, peak, 0.0)
    s_mv = np.maximum(-after_r.min(axis=1), 0.0)
    before_s = np.where(order < after_r.argmin(axis=1)[:, None], qrs, 0.0)
    has_r_before_s = (before_s.max(axis=1) > WAVE_MV) & (s_mv > 0)
    # What is negative for less is the ST segment, which may start below the line.
    has_down = (qrs < -WAVE_MV).sum(axis=1) * step_ms >= WAVE_MS
    return {
        "q_mv": q_mv,
        "q_ms": q_ms,
        "r_mv": r_mv,
        "s_mv": np.where(has_up, s_mv, q_mv),
        "s_ms": (after_r < -WAVE_MV).sum(axis=1) * step_ms,
        "r_prime_mv": np.where(has_r_before_s, (qrs - before_s).max(axis=1), 0.0),
        "late_r_mv": np.maximum(qrs[:, int(LATE_QRS_SHARE * len(order)) :].max(axis=1), 0.0),
        "broad_r_ms": np.where(has_down, 0.0, is_up.sum(axis=1) * step_ms),
        "r_to_s": r_mv / np.maximum(np.maximum(s_mv, q_mv), WAVE_MV),
        "q_excess": q_excess(q_mv, q_ms, r_mv),
    }


def q_excess(q_mv: np.ndarray, q_ms: np.ndarray, r_mv: np.ndarray) -> np.ndarray:
    """How far a Q wave reaches towards being pathological: the smallest of its ratios to the limits; above 1 it is.

    Example:
        >>> q_excess(np.full(12, 0.2), np.full(12, 45.0), np.full(12, 0.4))[1].tolist()
        1.5
    """
    excess = np.minimum(q_mv / np.maximum(Q_SHARE_OF_R * r_mv, Q_MV), q_ms / Q_LIMITS_MS)
    excess[ROW["aVR"]] = 0.0  # looks at the cavity: always negative
    return excess
