"""Measurements of the waves of one noiseless beat in the twelve standard leads."""

import numpy as np

from datasets_scripts.simulator import criteria
from modeling_supreme.leads import STANDARD_LEADS


# Smallest deflection that counts as a wave. Source: IEC 60601-2-51:2003, Annex GG.5 (there for 6 ms at least).
WAVE_MV = 0.03
LATE_QRS_SHARE = 0.55
# Q waves that count as pathological. Source: Thygesen et al. 2018, Circulation 138:e618, Table 3 (30 ms and 0.1 mV; in
# V2 and V3 20 ms or QS); a quarter of R, below which septal q waves count as normal there, is asked for everywhere.
Q_MS = 30.0
Q_SEPTAL_LEADS_MS = 20.0
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
    num_samples = qrs.shape[1]
    order = np.arange(num_samples)
    is_up, is_down = qrs > WAVE_MV, qrs < -WAVE_MV
    has_up = is_up.any(axis=1)
    first_up = np.where(has_up, is_up.argmax(axis=1), num_samples)
    is_before_r = order < first_up[:, None]
    q_mv = np.maximum(-np.where(is_before_r, qrs, 0.0).min(axis=1), 0.0)
    q_ms = ((qrs < 0) & is_before_r & (q_mv > WAVE_MV)[:, None]).sum(axis=1) * step_ms
    r_mv = np.where(has_up, qrs.max(axis=1), 0.0)
    after_r = np.where((order > first_up[:, None]), qrs, 0.0)
    s_at = after_r.argmin(axis=1)
    s_mv = np.maximum(-after_r.min(axis=1), 0.0)
    is_s = (order > first_up[:, None]) & is_down
    r_before_s = np.where(order < s_at[:, None], qrs, 0.0).max(axis=1)
    after_s = np.where(order > s_at[:, None], qrs, 0.0).max(axis=1)
    r_prime_mv = np.where((r_before_s > WAVE_MV) & (s_at > 0), np.maximum(after_s, 0.0), 0.0)
    broad = np.where(has_up & ~is_down.any(axis=1), is_up.sum(axis=1) * step_ms, 0.0)
    return {
        "q_mv": q_mv,
        "q_ms": q_ms,
        "r_mv": r_mv,
        "s_mv": np.maximum(s_mv, np.where(has_up, 0.0, q_mv)),
        "s_ms": is_s.sum(axis=1) * step_ms,
        "r_prime_mv": r_prime_mv,
        "late_r_mv": np.maximum(qrs[:, int(LATE_QRS_SHARE * num_samples) :].max(axis=1), 0.0),
        "broad_r_ms": broad,
        "r_to_s": r_mv / np.maximum(np.maximum(s_mv, q_mv), WAVE_MV),
        "q_excess": q_excess(q_mv, q_ms, r_mv),
    }


def q_excess(q_mv: np.ndarray, q_ms: np.ndarray, r_mv: np.ndarray) -> np.ndarray:
    """How far a Q wave reaches towards being pathological: the smallest of its ratios to the limits; above 1 it is.

    Example:
        >>> q_excess(np.full(12, 0.2), np.full(12, 45.0), np.full(12, 0.4))[1].tolist()
        1.5
    """
    limit_ms = np.full(len(STANDARD_LEADS), Q_MS)
    limit_ms[[criteria.ROW["V2"], criteria.ROW["V3"]]] = Q_SEPTAL_LEADS_MS
    depth = np.minimum(q_mv / Q_MV, q_mv / np.maximum(Q_SHARE_OF_R * r_mv, 1e-6))
    excess = np.minimum(depth, q_ms / limit_ms)
    excess[criteria.ROW["aVR"]] = 0.0  # looks at the cavity: always negative
    return excess
