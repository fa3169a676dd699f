"""From ventricular activity to a beat in the leads, with its axis and voltage brought to what the diagnosis says."""

from dataclasses import dataclass

import numpy as np

from datasets_scripts.simulator import criteria, priors
from datasets_scripts.simulator.body import NUM_INDEPENDENT, rotation_matrix
from datasets_scripts.simulator.diagnosis import ABNORMAL_ACTIVATION, Diagnosis
from datasets_scripts.simulator.kernels import VentricularActivity, bell


BEFORE_QRS_MS = 60.0
AFTER_T_MS = 260.0
AFTER_QRS_MS = 90.0
U_WAVE_PROBABILITY = 0.3
AXIS_STEPS = 4


@dataclass(frozen=True)
class BeatTemplate:
    """One QRS-T complex in the leads.

    Attributes:
        waveform (`np.ndarray` of shape `(8, num_samples)`):
            Independent leads, in millivolts.
        onset (`int`):
            Sample of the QRS onset.
        qrs_duration_ms, qt_ms (`float`):
            Intervals from QRS onset.
    """

    waveform: np.ndarray
    onset: int
    qrs_duration_ms: float
    qt_ms: float


def render_beat(
    rng: np.random.Generator, activity: VentricularActivity, field: np.ndarray, sampling_rate: int
) -> BeatTemplate:
    """Project a beat on the independent leads.

    Args:
        rng (`np.random.Generator`):
            Source of the widths of ST and T and of the U wave.
        activity (`VentricularActivity`):
            The beat, with its QT interval.
        field (`np.ndarray` of shape `(8, 3)`):
            Lead field, mV per mV of the heart vector.
        sampling_rate (`int`):
            Samples per second.

    Returns:
        `BeatTemplate`: From 60 ms before QRS to 260 ms after T.
    """
    step_ms = 1000 / sampling_rate
    times = np.arange(-BEFORE_QRS_MS, activity.qt_ms + AFTER_T_MS, step_ms, dtype=np.float32)
    waveform = _render_repolarization(rng, activity, field, times)
    num_qrs = int((BEFORE_QRS_MS + activity.qrs_duration_ms + AFTER_QRS_MS) / step_ms)
    waveform[:, :num_qrs] += _render_qrs(activity, field, times[:num_qrs])
    return BeatTemplate(waveform, round(BEFORE_QRS_MS / step_ms), activity.qrs_duration_ms, activity.qt_ms)


def _render_qrs(activity: VentricularActivity, field: np.ndarray, times: np.ndarray) -> np.ndarray:
    """QRS of the independent leads; shape `(8, num_samples)`, millivolts."""
    dipole, near = activity.dipole, activity.near_field
    weights = np.concatenate([field @ dipole.weights.T, near.weights.T], axis=1).astype(np.float32)
    centres, rises, falls = (
        np.concatenate(pair).astype(np.float32)[:, None] for pair in zip(dipole[1:], near[1:], strict=True)
    )
    return weights @ bell(times, centres, rises, falls)


def _render_repolarization(
    rng: np.random.Generator, activity: VentricularActivity, field: np.ndarray, times: np.ndarray
) -> np.ndarray:
    """ST, T and U of the independent leads; shape `(8, num_samples)`, millivolts."""
    qt, qrs = activity.qt_ms, activity.qrs_duration_ms
    fall = rng.uniform(26, 40) * min(1.0, qt / 400) + 4
    rise = rng.uniform(50, 82) * qt / 400
    peak = (
        qt - 2.1 * fall
    )  # the tangent at the steepest point meets the baseline two standard deviations after the peak
    st_wave = bell(times, qrs + rng.uniform(8, 28), rng.uniform(9, 15), max(30.0, (peak - qrs) * 0.5))
    t_wave = bell(times, peak, rise, fall)
    after_t_wave = bell(times, peak + 1.6 * fall, fall, fall)
    u_wave = bell(times, qt + rng.uniform(30, 60), 22.0, 28.0)
    t_mv = field @ activity.t_vector + activity.t_near
    u_share = rng.uniform(0.03, 0.15) if rng.random() < U_WAVE_PROBABILITY else 0.0
    weights = np.stack(
        [field @ activity.st_vector + activity.st_near, t_mv, activity.biphasic_near, u_share * t_mv], axis=1
    )
    return weights.astype(np.float32) @ np.stack([st_wave, t_wave, after_t_wave, u_wave]).astype(np.float32)


def frontal_axis_deg(activity: VentricularActivity, field: np.ndarray) -> float:
    """Electrical axis of the QRS in the frontal plane, from the areas of leads I and II; degrees, 90 is downwards."""
    areas = np.zeros(NUM_INDEPENDENT)
    for kernels, projection in ((activity.dipole, field.T), (activity.near_field, np.eye(NUM_INDEPENDENT))):
        areas += ((kernels.rises + kernels.falls) @ kernels.weights) @ projection
    return criteria.axis_deg(float(areas[0]), float(areas[1]))


def axis_range(diagnosis: Diagnosis) -> priors.Range | None:
    """The range that the diagnosis demands of the electrical axis, in degrees, or `None`."""
    if diagnosis.axis_deviation is not None:
        return priors.AXIS_RANGE_DEG[f"{diagnosis.axis_deviation} axis deviation"]
    for name in (diagnosis.conduction, diagnosis.hypertrophy):
        if name in priors.AXIS_RANGE_DEG:
            return priors.AXIS_RANGE_DEG[name]
    return priors.AXIS_RANGE_DEG["healthy"] if diagnosis.is_healthy else None


def turn_axis(
    rng: np.random.Generator, activity: VentricularActivity, field: np.ndarray, wanted: priors.Range, *, turns_t: bool
) -> None:
    """Turn the heart vector in the frontal plane until the axis lies in a range; in place.

    The leads are not exactly perpendicular, so that a turn by the missing angle is repeated a few times. Where the
    heart's position is the cause, T follows half the way.
    """
    axis = frontal_axis_deg(activity, field)
    if wanted.low <= axis <= wanted.high:
        return
    target = rng.uniform(wanted.low, wanted.high)
    for _ in range(AXIS_STEPS):
        missing = np.radians((target - frontal_axis_deg(activity, field) + 180) % 360 - 180)
        turn = rotation_matrix(missing, 0.0, 0.0).T
        activity.dipole = activity.dipole._replace(weights=activity.dipole.weights @ turn)
    if turns_t:
        half_turn = rotation_matrix(np.radians((target - axis + 180) % 360 - 180) / 2, 0.0, 0.0).T
        activity.t_vector = activity.t_vector @ half_turn
        activity.st_vector = activity.st_vector @ half_turn


def voltage_factor(rng: np.random.Generator, twelve_lead_qrs: np.ndarray, diagnosis: Diagnosis, sex: str) -> float:
    """Factor that brings a beat to the voltage its diagnosis demands.

    Args:
        rng (`np.random.Generator`):
            Source of the distance from the criterion.
        twelve_lead_qrs (`np.ndarray` of shape `(12, num_samples)`):
            QRS in the standard leads, in millivolts.
        diagnosis (`Diagnosis`):
            Low voltage, left ventricular hypertrophy, or neither.
        sex (`str`):
            Decides the limit of the Cornell criterion.

    Returns:
        `float`: 1 where the voltage already fits.
    """
    if diagnosis.has_low_voltage:
        return rng.uniform(*priors.LOW_VOLTAGE_LIMB_MV) / criteria.limb_voltage_mv(twelve_lead_qrs)
    hypertrophy = criteria.hypertrophy_ratio(twelve_lead_qrs, sex)
    if diagnosis.hypertrophy == "left ventricular hypertrophy":
        return rng.uniform(1.05, 1.40) / hypertrophy if hypertrophy < 1.05 else 1.0
    has_large_voltage = diagnosis.hypertrophy == "none" and hypertrophy > 0.97
    if has_large_voltage and diagnosis.conduction not in ABNORMAL_ACTIVATION:
        return rng.uniform(0.70, 0.97) / hypertrophy
    return 1.0


def voltage_limit(twelve_lead_qrs: np.ndarray, *, is_large: bool) -> float:
    """Factor of at most 1 that keeps a QRS of shape `(12, num_samples)` within what human hearts reach."""
    size = "large" if is_large else "usual"
    limb = priors.LIMB_VOLTAGE_LIMIT_MV[size] / criteria.limb_voltage_mv(twelve_lead_qrs)
    chest = priors.CHEST_VOLTAGE_LIMIT_MV[size] / criteria.chest_voltage_mv(twelve_lead_qrs)
    return min(1.0, limb, chest)
