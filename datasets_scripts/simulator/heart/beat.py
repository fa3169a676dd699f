"""From ventricular activity to a beat in the leads, with its axis and voltage brought to what the diagnosis says."""

from dataclasses import dataclass

import numpy as np

from datasets_scripts.simulator.patient.body import (
    INDEPENDENT_LEADS,
    NUM_INDEPENDENT,
    limb_lead_matrix,
    rotation_matrix,
)
from datasets_scripts.simulator.patient.diagnosis import ABNORMAL_ACTIVATION, Diagnosis
from datasets_scripts.simulator.population import priors
from datasets_scripts.simulator.population.chance import draw_number

from . import voltages
from .kernels import Kernels, VentricularActivity


BEFORE_QRS_MS = 60.0
AFTER_T_MS = 260.0
AFTER_QRS_MS = 90.0
U_WAVE_PROBABILITY = 0.3
AXIS_STEPS = 4
# Share of the peak of the spatial voltage at which QRS starts and ends, about 0.03 mV where a reader sees it.
QRS_EDGE_SHARE = 0.035
# Activation starts and ends at a moment; bell curves do not. QRS rises from zero to its full voltage within this time.
QRS_EDGE_MS = 8.0
LATE_RECOVERY_QRS_MS = 110.0  # a longer QRS delays recovery
U_VECTOR = np.array([0.5, 0.35, -0.8])
NUM_LIMB = 2  # the independent limb leads come first
V3_ROW = INDEPENDENT_LEADS.index("V3")


@dataclass(frozen=True)
class BeatTemplate:
    """One QRS-T complex in the leads.

    Attributes:
        waveform (`np.ndarray` of shape `(8, num_samples)`):
            Independent leads, in millivolts.
        onset (`int`):
            Sample of the QRS onset.
        qrs_duration_ms, qt_ms, t_peak_ms, r_peak_ms (`float`):
            Times after QRS onset; the R peak is where the voltage over all leads is largest.
        delay_ms (`float`):
            How long an accessory pathway activates the ventricles alone.
        strain (`float`):
            How far ST and T go against the QRS because the wall is thick.
    """

    waveform: np.ndarray
    onset: int
    qrs_duration_ms: float
    qt_ms: float
    t_peak_ms: float
    r_peak_ms: float = 0.0
    delay_ms: float = 0.0
    strain: float = 0.0

    def qrs(self, sampling_rate: int) -> np.ndarray:
        """QRS in the standard leads; shape `(12, num_samples)`, millivolts."""
        end = self.onset + int(self.qrs_duration_ms * sampling_rate / 1000) + 1
        return limb_lead_matrix() @ self.waveform[:, self.onset : end]


def project_qrs(activity: VentricularActivity, field: np.ndarray) -> Kernels:
    """Kernels of QRS as the independent leads see them, from 0 for as long as the activity says."""
    dipole, duration_ms = activity.dipole, activity.qrs_duration_ms
    seen = Kernels(dipole.weights @ field.T, dipole.centres, dipole.rises, dipole.falls).joined(activity.near_field)
    search_ms = (-BEFORE_QRS_MS, duration_ms + AFTER_QRS_MS)
    return seen.lasting(duration_ms, edge_share=QRS_EDGE_SHARE, search_ms=search_ms)


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
    repolarization, t_peak_ms = _project_repolarization(rng, activity, field)
    waveform = repolarization.render(times)
    first, last = round(BEFORE_QRS_MS / step_ms), int((BEFORE_QRS_MS + activity.qrs_duration_ms) / step_ms)
    margin = int(QRS_EDGE_MS / step_ms)
    qrs = slice(first - margin, last + margin)
    within_qrs = _window_qrs(times[qrs], activity.qrs_duration_ms)
    waveform[:, qrs] += project_qrs(activity, field).render(times[qrs]) * within_qrs
    r_peak = np.square(waveform[:, first : last + 1]).sum(axis=0).argmax()
    return BeatTemplate(
        waveform=waveform,
        onset=first,
        qrs_duration_ms=activity.qrs_duration_ms,
        qt_ms=activity.qt_ms,
        t_peak_ms=t_peak_ms,
        r_peak_ms=float(r_peak * step_ms),
        delay_ms=activity.delay_ms,
        strain=activity.strain,
    )


def _window_qrs(times: np.ndarray, duration_ms: float) -> np.ndarray:
    """Share of the voltage of QRS that is seen at each time: 1 within, 0 outside, a half at onset and end."""
    inside_ms = np.minimum(times, duration_ms - times)  # how far from the nearer edge
    rise = np.minimum(np.maximum(inside_ms / QRS_EDGE_MS + 0.5, 0.0), 1.0)
    return rise * rise * (3 - 2 * rise)


def _project_repolarization(
    rng: np.random.Generator, activity: VentricularActivity, field: np.ndarray
) -> tuple[Kernels, float]:
    """Kernels of ST, T and U as the independent leads see them, and the time of the peak of T."""
    qt, qrs = activity.qt_ms, activity.qrs_duration_ms
    shortness = min(1.0, qt / 400)
    fall = (rng.uniform(28, 43) * shortness + 4) * activity.t_width
    # Where the ventricles are activated late they recover late: after a wide QRS, ST slopes straight into T.
    asynchrony = min(max(qrs - LATE_RECOVERY_QRS_MS, 0.0) / LATE_RECOVERY_QRS_MS, 0.35)
    rise = rng.uniform(50, 82) * qt / 400 * activity.t_width * (1 + asynchrony)
    peak = qt - 2 * fall  # the tangent at the steepest point meets the baseline two standard deviations after the peak
    st_fall = max(30.0, (peak - qrs) * 0.5)
    dome = activity.st_dome_ms * shortness
    times_ms = np.array(
        [
            (qrs + rng.uniform(8, 28) * shortness + dome, rng.uniform(9, 15) + 0.8 * dome, st_fall),
            (peak, rise, fall),
            (peak + 1.6 * fall, fall, fall),
            (qt + rng.uniform(50, 75), 24.0, 32.0),
            (qrs + 4, 12.0, max(30.0, (peak - qrs) * 0.30)),
        ]
    )
    t_mv = field @ activity.t_vector + activity.t_near
    u_mv = t_mv * rng.uniform(0.03, 0.15) if rng.random() < U_WAVE_PROBABILITY else t_mv * 0.0
    if activity.u_mv:
        upright = field @ U_VECTOR
        u_mv = upright / upright[V3_ROW] * activity.u_mv
    weights = [field @ activity.st_vector + activity.st_near, t_mv, activity.biphasic_near, u_mv, activity.coved_near]
    return Kernels(np.array(weights), *times_ms.T), peak


def _qrs_areas(activity: VentricularActivity) -> tuple[np.ndarray, np.ndarray]:
    """Areas under QRS but for a factor: of the heart vector, shape `(3,)`, and of the near field in I and II."""
    dipole, near = activity.dipole, activity.near_field
    return (dipole.rises + dipole.falls) @ dipole.weights, (near.rises + near.falls) @ near.weights[:, :NUM_LIMB]


def _frontal_axis_deg(area: np.ndarray, near_area: np.ndarray, field: np.ndarray) -> float:
    """Electrical axis of QRS in the frontal plane from its areas in leads I and II; degrees, 90 is downwards."""
    lead_i, lead_ii = (field[:NUM_LIMB] @ area + near_area).tolist()
    return voltages.axis_deg(lead_i, lead_ii)


def axis_range(diagnosis: Diagnosis) -> priors.Range | None:
    """The range that the diagnosis demands of the electrical axis, in degrees, or `None`."""
    if diagnosis.is_mirrored:
        return None
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
    area, near_area = _qrs_areas(activity)
    axis = _frontal_axis_deg(area, near_area, field)
    if wanted.low <= axis <= wanted.high:
        return
    target = rng.uniform(wanted.low, wanted.high)
    turn = np.eye(3)
    for _ in range(AXIS_STEPS):
        missing = np.radians((target - _frontal_axis_deg(area @ turn, near_area, field) + 180) % 360 - 180)
        turn = turn @ rotation_matrix(missing, 0.0, 0.0).T
    activity.dipole = activity.dipole._replace(weights=activity.dipole.weights @ turn)
    if turns_t:
        half_turn = rotation_matrix(np.radians((target - axis + 180) % 360 - 180) / 2, 0.0, 0.0).T
        activity.t_vector = activity.t_vector @ half_turn
        activity.st_vector = activity.st_vector @ half_turn


def voltage_factor(rng: np.random.Generator, qrs: voltages.Extremes, diagnosis: Diagnosis, sex: str) -> float:
    """Factor that brings a beat to the voltage its diagnosis demands.

    Args:
        rng (`np.random.Generator`):
            Source of the distance from the criterion.
        qrs (`voltages.Extremes`):
            Of QRS in the standard leads.
        diagnosis (`Diagnosis`):
            Low voltage, left ventricular hypertrophy, or neither.
        sex (`str`):
            Decides the limit of the Cornell criterion.

    Returns:
        `float`: 1 where the voltage already fits.
    """
    if diagnosis.has_low_voltage:
        return rng.uniform(*priors.LOW_VOLTAGE_LIMB_MV) / voltages.limb_voltage_mv(qrs)
    hypertrophy = voltages.hypertrophy_ratio(qrs, sex)
    if diagnosis.hypertrophy == "left ventricular hypertrophy":
        return rng.uniform(1.05, 1.40) / hypertrophy if hypertrophy < 1.05 else 1.0
    has_large_voltage = diagnosis.hypertrophy == "none" and hypertrophy > 0.97
    if diagnosis.has_high_voltage:
        return draw_number(rng, priors.HIGH_VOLTAGE_RATIO) / hypertrophy
    if has_large_voltage and diagnosis.conduction not in ABNORMAL_ACTIVATION:
        return rng.uniform(0.70, 0.97) / hypertrophy
    return 1.0


def lead_factors(rng: np.random.Generator, factor: float, diagnosis: Diagnosis) -> np.ndarray:
    """Factors of the independent leads, shape `(8,)`: a low voltage of the limb leads may spare the chest leads."""
    factors = np.full(NUM_INDEPENDENT, factor, dtype=np.float32)
    if diagnosis.has_low_voltage and factor < 1:
        factors[NUM_LIMB:] = factor ** max(draw_number(rng, priors.LOW_VOLTAGE_CHEST_SHARE), 0.0)
    return factors


def voltage_limit(qrs: voltages.Extremes, *, is_large: bool) -> float:
    """Largest factor that keeps a QRS complex within what human hearts reach."""
    size = "large" if is_large else "usual"
    limb = priors.LIMB_VOLTAGE_LIMIT_MV[size] / voltages.limb_voltage_mv(qrs)
    chest = priors.CHEST_VOLTAGE_LIMIT_MV[size] / voltages.chest_voltage_mv(qrs)
    return min(limb, chest)
