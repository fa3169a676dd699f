"""A whole strip: beats, atrial waves and pacing spikes laid on the time axis, plus noise."""

from dataclasses import dataclass, replace

import numpy as np

from datasets_scripts.schema import MICROVOLTS_PER_MILLIVOLT
from datasets_scripts.simulator import criteria, priors
from datasets_scripts.simulator.atria import (
    P_WINDOW_MS,
    draw_ectopic_p_wave,
    draw_fibrillation_waves,
    draw_flutter_waves,
    draw_p_wave,
    heighten,
)
from datasets_scripts.simulator.beat import (
    BeatTemplate,
    axis_range,
    frontal_axis_deg,
    render_beat,
    turn_axis,
    voltage_factor,
    voltage_limit,
)
from datasets_scripts.simulator.body import NUM_INDEPENDENT, limb_lead_matrix
from datasets_scripts.simulator.depolarization import activate, activate_from_pacemaker, activate_from_ventricle
from datasets_scripts.simulator.diagnosis import Diagnosis
from datasets_scripts.simulator.patient import Patient
from datasets_scripts.simulator.repolarization import draw_qt_ms, repolarize
from datasets_scripts.simulator.rhythm import STRIP_DURATION_S, Rhythm


FASCICULAR = frozenset({"left anterior fascicular block", "left posterior fascicular block", "bifascicular block"})
BEAT_VOLTAGE_SD = 0.015
P_VOLTAGE_SD = 0.06
SPIKE_SAMPLES = 2
VENTRICULAR_SPIKE_MV = (0.5, 2.0)  # in the lead that shows it best
ATRIAL_SPIKE_MV = (0.4, 1.2)
DEEP_S_MV = -0.2
# Height of R' in V1 and the part of the QRS in which it stands.
LATE_R_MV = {
    "right bundle branch block": 0.12,
    "bifascicular block": 0.12,
    "incomplete right bundle branch block": 0.08,
}
LATE_QRS_SHARE = 0.6
MAX_BEAT_DRAWS = 10
UPRIGHT_T_MV = 0.03
UPRIGHT_T_ROWS = [criteria.ROW[lead] for lead in ("I", "II", "V4", "V5", "V6")]
VENTRICULAR_SPIKE_VECTOR = np.array([-0.6, -1.0, 0.5])
ATRIAL_SPIKE_VECTOR = np.array([0.3, 0.6, 0.0])


@dataclass(frozen=True)
class DominantBeat:
    """The beat that most of the strip is made of, and what is measured on it.

    Attributes:
        template (`BeatTemplate`):
            The beat in the independent leads.
        axis_deg (`float`):
            Electrical axis of the QRS, in degrees.
        rr_s (`float`):
            Mean interval between beats, in seconds.
        voltage_factor (`float`):
            Factor by which the voltage was brought to the diagnosis.
    """

    template: BeatTemplate
    axis_deg: float
    rr_s: float
    voltage_factor: float = 1.0

    def qrs(self, sampling_rate: int) -> np.ndarray:
        """QRS in the standard leads; shape `(12, num_samples)`, millivolts."""
        end = self.template.onset + int(self.template.qrs_duration_ms * sampling_rate / 1000)
        return limb_lead_matrix() @ self.template.waveform[:, self.template.onset : end]

    def st_mv(self, sampling_rate: int) -> np.ndarray:
        """Voltage of the standard leads at the ST point; shape `(12,)`, millivolts."""
        is_fast = self.rr_s < criteria.FAST_RR_S
        after_j_ms = criteria.FAST_ST_POINT_AFTER_J_MS if is_fast else criteria.ST_POINT_AFTER_J_MS
        point_ms = self.template.qrs_duration_ms + after_j_ms
        return (
            limb_lead_matrix() @ self.template.waveform[:, self.template.onset + int(point_ms * sampling_rate / 1000)]
        )

    def t_mv(self, sampling_rate: int) -> np.ndarray:
        """Extreme voltage of T in the standard leads; shape `(12,)`, millivolts."""
        per_ms = sampling_rate / 1000
        start = self.template.onset + int((self.template.qrs_duration_ms + 95) * per_ms)
        end = max(self.template.onset + int((self.template.qt_ms + 20) * per_ms), start + 5)
        return criteria.extreme_of_t(limb_lead_matrix() @ self.template.waveform[:, start:end])


def contradicts(beat: DominantBeat, diagnosis: Diagnosis, *, sex: str, sampling_rate: int) -> bool:
    """Whether a reader of the drawn beat would deny its diagnosis."""
    if diagnosis.is_healthy:
        return bool(beat.t_mv(sampling_rate)[UPRIGHT_T_ROWS].min() < UPRIGHT_T_MV)
    qrs = beat.qrs(sampling_rate)
    if diagnosis.conduction in LATE_R_MV:
        late_v1 = qrs[criteria.ROW["V1"], int(LATE_QRS_SHARE * qrs.shape[1]) :]
        if late_v1.max() < LATE_R_MV[diagnosis.conduction]:
            return True
    if diagnosis.hypertrophy == "right ventricular hypertrophy":
        has_small_r = qrs[criteria.ROW["V1"]].max() < -qrs[criteria.ROW["V1"]].min()
        return bool(has_small_r or qrs[criteria.ROW["V6"]].min() > DEEP_S_MV)
    return diagnosis.hypertrophy == "left ventricular hypertrophy" and criteria.hypertrophy_ratio(qrs, sex) < 1


def draw_dominant_beat(
    rng: np.random.Generator,
    diagnosis: Diagnosis,
    rhythm: Rhythm,
    *,
    patient: Patient,
    field: np.ndarray,
    sampling_rate: int,
) -> DominantBeat:
    """Draw the conducted (or paced) beat of a recording; one that contradicts its diagnosis is drawn again."""
    for _ in range(MAX_BEAT_DRAWS - 1):
        beat = _draw_beat(rng, diagnosis, rhythm, patient=patient, field=field, sampling_rate=sampling_rate)
        if not contradicts(beat, diagnosis, sex=patient.sex, sampling_rate=sampling_rate):
            return beat
    return _draw_beat(rng, diagnosis, rhythm, patient=patient, field=field, sampling_rate=sampling_rate)


def _draw_beat(
    rng: np.random.Generator,
    diagnosis: Diagnosis,
    rhythm: Rhythm,
    *,
    patient: Patient,
    field: np.ndarray,
    sampling_rate: int,
) -> DominantBeat:
    """Draw a beat and bring its axis and its voltage to what the diagnosis demands."""
    if rhythm.is_ventricular_paced:
        activity = activate_from_pacemaker(rng)
    else:
        activity = activate(rng, diagnosis)
        if diagnosis.hypertrophy == "right ventricular hypertrophy":
            # A large right ventricle lies behind the sternum, however the heart lay before.
            activity.dipole = activity.dipole._replace(weights=activity.dipole.weights @ patient.position)
        repolarize(rng, activity, diagnosis)
        wanted = axis_range(diagnosis)
        if wanted is not None:
            turn_axis(rng, activity, field, wanted, turns_t=diagnosis.conduction not in FASCICULAR)
    activity.qt_ms = draw_qt_ms(
        rng, diagnosis, rr_s=rhythm.mean_rr_s, qrs_duration_ms=activity.qrs_duration_ms, sex=patient.sex
    )
    template = render_beat(rng, activity, field, sampling_rate)
    beat = DominantBeat(template, frontal_axis_deg(activity, field), rhythm.mean_rr_s)
    qrs = beat.qrs(sampling_rate)
    factor = 1.0 if rhythm.is_ventricular_paced else voltage_factor(rng, qrs, diagnosis, patient.sex)
    factor *= voltage_limit(qrs * factor, is_large=diagnosis.is_ventricular or diagnosis.hypertrophy != "none")
    scaled = replace(template, waveform=template.waveform * np.float32(factor))
    return DominantBeat(scaled, beat.axis_deg, beat.rr_s, factor)


def _add(leads: np.ndarray, waveform: np.ndarray, start: int, scale: float) -> None:
    """Add a waveform to the strip from a sample on; what lies outside the strip is cut off."""
    first, last = max(start, 0), min(start + waveform.shape[1], leads.shape[1])
    if last > first:
        leads[:, first:last] += waveform[:, first - start : last - start] * np.float32(scale)


def _draw_spike(rng: np.random.Generator, voltages: np.ndarray, height_mv: tuple[float, float]) -> np.ndarray:
    """Draw the height of the pacing spikes; `voltages` of shape `(8,)` gives their share in each lead."""
    return voltages / np.abs(voltages).max() * rng.uniform(*height_mv)


def _add_spike(leads: np.ndarray, voltages: np.ndarray, sample: int) -> None:
    """Add a pacing spike of 4 ms."""
    if 0 <= sample < leads.shape[1] - SPIKE_SAMPLES:
        leads[:, sample : sample + SPIKE_SAMPLES] += voltages[:, None]


def _limited(template: BeatTemplate) -> BeatTemplate:
    """A ventricular beat, made smaller if it is too large for a human heart."""
    factor = voltage_limit(limb_lead_matrix() @ template.waveform, is_large=True)
    return replace(template, waveform=template.waveform * np.float32(factor))


def _add_beats(
    rng: np.random.Generator,
    leads: np.ndarray,
    rhythm: Rhythm,
    beat: DominantBeat,
    *,
    field: np.ndarray,
    sampling_rate: int,
) -> None:
    """Lay the QRS-T complexes on the strip; ventricular beats come from one focus, now and then from two."""
    foci: list[BeatTemplate] = []
    if any(kind == "ventricular" for _, kind in rhythm.beats):
        for _ in range(1 if rng.random() < 0.85 else 2):
            activity = activate_from_ventricle(rng)
            activity.qt_ms = beat.template.qt_ms * 1.05 + 25
            foci.append(_limited(render_beat(rng, activity, field, sampling_rate)))
    swing = rng.uniform(*priors.RESPIRATORY_VOLTAGE_SHARE)
    spike = _draw_spike(rng, field @ VENTRICULAR_SPIKE_VECTOR, VENTRICULAR_SPIKE_MV)
    for time, kind in rhythm.beats:
        breathing = np.sin(2 * np.pi * rhythm.respiration_hz * time + rhythm.respiration_phase)
        scale = 1 + swing * breathing + rng.normal(0, BEAT_VOLTAGE_SD)
        focus = foci[int(len(foci) > 1 and rng.random() < 0.4)] if kind == "ventricular" else beat.template
        _add(leads, focus.waveform, round(time * sampling_rate) - focus.onset, scale)
        if rhythm.is_ventricular_paced:
            _add_spike(leads, spike, round((time - 0.006) * sampling_rate))


def _add_atria(
    rng: np.random.Generator,
    leads: np.ndarray,
    diagnosis: Diagnosis,
    rhythm: Rhythm,
    *,
    field: np.ndarray,
    sampling_rate: int,
) -> None:
    """Lay P waves, flutter waves or fibrillation waves on the strip."""
    if diagnosis.rhythm == "atrial flutter":
        leads += draw_flutter_waves(rng, rhythm, field, leads.shape[1])
    if diagnosis.rhythm == "atrial fibrillation":
        leads += draw_fibrillation_waves(rng, field, leads.shape[1])
    if not rhythm.p_waves:
        return
    waves = {"sinus": draw_p_wave(rng, diagnosis).render(field, sampling_rate)}
    if diagnosis.has_right_atrial_enlargement and not diagnosis.has_low_voltage:
        waves["sinus"] = heighten(rng, waves["sinus"])
    if any(kind == "ectopic" for _, kind in rhythm.p_waves):
        waves["ectopic"] = draw_ectopic_p_wave(rng).render(field, sampling_rate)
    spike = _draw_spike(rng, field @ ATRIAL_SPIKE_VECTOR, ATRIAL_SPIKE_MV)
    offset_s = P_WINDOW_MS[0] / 1000
    for time, kind in rhythm.p_waves:
        _add(leads, waves[kind], round((time + offset_s) * sampling_rate), 1 + rng.normal(0, P_VOLTAGE_SD))
        if rhythm.is_atrial_paced:
            _add_spike(leads, spike, round((time - 0.004) * sampling_rate))


def draw_independent_leads(
    rng: np.random.Generator,
    diagnosis: Diagnosis,
    rhythm: Rhythm,
    beat: DominantBeat,
    *,
    field: np.ndarray,
    sampling_rate: int,
) -> np.ndarray:
    """Draw the noiseless voltages of the eight independent leads.

    Returns:
        `np.ndarray` of shape `(8, num_samples)`: Millivolts, `float32`.
    """
    leads = np.zeros((NUM_INDEPENDENT, int(STRIP_DURATION_S * sampling_rate)), dtype=np.float32)
    _add_beats(rng, leads, rhythm, beat, field=field, sampling_rate=sampling_rate)
    # A voltage lowered by what lies between heart and skin is lowered in the P wave too.
    atrial_field = field * min(beat.voltage_factor, 1.0) if diagnosis.has_low_voltage else field
    _add_atria(rng, leads, diagnosis, rhythm, field=atrial_field, sampling_rate=sampling_rate)
    return leads


def to_standard_leads(independent: np.ndarray) -> np.ndarray:
    """Twelve standard leads from the independent ones, in whole microvolts.

    The independent leads are rounded first, so that I + III = II holds exactly and Goldberger's identities to 1 µV.

    Args:
        independent (`np.ndarray` of shape `(8, num_samples)`):
            Millivolts.

    Returns:
        `np.ndarray` of shape `(12, num_samples)`: Millivolts, `float32`.
    """
    scale = np.float32(MICROVOLTS_PER_MILLIVOLT)
    strip = limb_lead_matrix() @ np.rint(independent * scale)
    return np.rint(strip, out=strip) / scale
