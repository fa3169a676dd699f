"""A whole strip without noise: beats, atrial waves and pacing spikes laid on the time axis."""

from dataclasses import dataclass, field

import numpy as np

from datasets_scripts.schema import MICROVOLTS_PER_MILLIVOLT, SAMPLING_RATE
from datasets_scripts.simulator import priors
from datasets_scripts.simulator.chance import draw_number, limit
from datasets_scripts.simulator.heart import criteria
from datasets_scripts.simulator.heart.atria import (
    P_WINDOW_MS,
    PTemplate,
    draw_ectopic_p_wave,
    draw_fibrillation_waves,
    draw_flutter_waves,
    draw_p_wave,
    draw_retrograde_p_wave,
    heighten,
    lower,
    turn_p_axis,
)
from datasets_scripts.simulator.heart.beat import (
    BeatTemplate,
    axis_range,
    lead_factors,
    render_beat,
    turn_axis,
    voltage_factor,
    voltage_limit,
)
from datasets_scripts.simulator.heart.depolarization import activate, activate_from_pacemaker, activate_from_ventricle
from datasets_scripts.simulator.heart.kernels import VentricularActivity
from datasets_scripts.simulator.heart.repolarization import draw_qt_ms, repolarize
from datasets_scripts.simulator.patient.body import NUM_INDEPENDENT, limb_lead_matrix
from datasets_scripts.simulator.patient.diagnosis import Diagnosis
from datasets_scripts.simulator.patient.patient import Patient
from datasets_scripts.simulator.rhythm.rhythm import STRIP_DURATION_S, PWaveKind, Rhythm


FASCICULAR = frozenset({"left anterior fascicular block", "left posterior fascicular block", "bifascicular block"})
# Lead V1 faces the large right ventricle and the thick septum, I and V6 the late left wall, however the heart lies.
POSITION_BOUND = frozenset({"right ventricular hypertrophy", "septal hypertrophy", "left bundle branch block"})
BEAT_VOLTAGE_SD = 0.015
HEALTHY_VARIETY = 0.8  # no scars, no fibrosis: fewer notches
P_VOLTAGE_SD = 0.06
# Two beats whose first 110 ms correlate so much over the leads look alike.
QRS_SHAPE_SAMPLES = 55
ALIKE = 0.7
MAX_FOCUS_DRAWS = 20
SPIKE_SAMPLES = 2
VENTRICULAR_SPIKE_MV = (0.5, 2.0)  # in the lead that shows it best
ATRIAL_SPIKE_MV = (0.4, 1.2)
BIVENTRICULAR_SPIKE_GAP_S = 0.012
VENTRICULAR_SPIKE_VECTOR = np.array([-0.6, -1.0, 0.5])
ATRIAL_SPIKE_VECTOR = np.array([0.3, 0.6, 0.0])
NUM_SAMPLES = int(STRIP_DURATION_S * SAMPLING_RATE)


@dataclass
class Tracing:
    """The parts of a noiseless strip, of which everything is known.

    Attributes:
        leads (`np.ndarray` of shape `(8, 5000)`):
            Voltages of the independent leads, in millivolts.
        beat (`BeatTemplate`):
            The beat that most of the strip is made of.
        foci (`list[BeatTemplate]`):
            Early ventricular beats.
        p_waves (`dict[PWaveKind, PTemplate]`):
            P waves by where they come from.
        factors (`np.ndarray` of shape `(8,)`):
            Factors by which the voltage was brought to the diagnosis.
    """

    leads: np.ndarray
    beat: BeatTemplate
    foci: list[BeatTemplate] = field(default_factory=list)
    p_waves: dict[PWaveKind, PTemplate] = field(default_factory=dict)
    factors: np.ndarray = field(default_factory=lambda: np.ones(NUM_INDEPENDENT))


@dataclass(frozen=True)
class Setting:
    """What a beat is drawn for: the diagnosis with its rhythm, in a patient with electrodes on.

    Attributes:
        diagnosis (`Diagnosis`): What is to be seen.
        rhythm (`Rhythm`): When it happens.
        patient (`Patient`): Whose heart it is.
        field (`np.ndarray` of shape `(8, 3)`): Lead field of this recording.
        variety (`float`): How much hearts with the same diagnosis differ.
    """

    diagnosis: Diagnosis
    rhythm: Rhythm
    patient: Patient
    field: np.ndarray
    variety: float = 1.0


def draw_beat(rng: np.random.Generator, setting: Setting) -> tuple[BeatTemplate, np.ndarray]:
    """Draw the beat most of the strip is made of, with the axis and the voltage that the diagnosis demands.

    Returns:
        `tuple`: The beat, and the factors of shape `(8,)` by which its voltage was changed.
    """
    diagnosis, rhythm, patient = setting.diagnosis, setting.rhythm, setting.patient
    activity = _activate(rng, setting)
    activity.qt_ms = draw_qt_ms(
        rng,
        diagnosis,
        rr_s=rhythm.usual_rr_s,
        qrs_duration_ms=activity.qrs_duration_ms,
        sex=patient.person.sex,
    )
    template = render_beat(rng, activity, setting.field, SAMPLING_RATE)
    extremes = criteria.extremes_of(template.qrs(SAMPLING_RATE))
    factor = 1.0 if diagnosis.is_ventricular else voltage_factor(rng, extremes, diagnosis, patient.person.sex)
    is_large = diagnosis.is_ventricular or diagnosis.hypertrophy != "none" or diagnosis.has_high_voltage
    factor = min(factor, voltage_limit(extremes, is_large=is_large))
    factors = lead_factors(rng, factor, diagnosis)
    np.multiply(template.waveform, factors[:, None], out=template.waveform)
    return template, factors


def _activate(rng: np.random.Generator, setting: Setting) -> VentricularActivity:
    """Ventricular activity with ST-T, turned to the axis of the diagnosis."""
    diagnosis, patient = setting.diagnosis, setting.patient
    if diagnosis.rhythm == "paced rhythm" and diagnosis.is_ventricular:
        return activate_from_pacemaker(rng, is_biventricular=diagnosis.pacing == "biventricular")
    if diagnosis.is_ventricular:
        return activate_from_ventricle(rng)
    # All recordings of a heart start from the same numbers: equal diagnoses give equal beats.
    variety = setting.variety * (HEALTHY_VARIETY if diagnosis.is_healthy else 1.0)
    activity = activate(rng, diagnosis, variety=variety)
    if patient.person.sex == "female":
        activity.qrs_duration_ms = max(activity.qrs_duration_ms * priors.FEMALE_QRS_FACTOR, 78.0)
    keep_wide(activity, diagnosis)
    if POSITION_BOUND & {diagnosis.hypertrophy, diagnosis.conduction}:
        activity.dipole = activity.dipole._replace(weights=activity.dipole.weights @ patient.position)
        activity.st_vector = activity.st_vector @ patient.position
        activity.t_vector = activity.t_vector @ patient.position
    repolarize(rng, activity, diagnosis, patient.position)
    wanted = axis_range(diagnosis)
    if wanted is not None:
        turn_axis(rng, activity, setting.field, wanted, turns_t=diagnosis.conduction not in FASCICULAR)
    return activity


def keep_wide(activity: VentricularActivity, diagnosis: Diagnosis) -> None:
    """Bring the duration of QRS back into the limits that define the conduction disorder, in place."""
    low, high = priors.QRS_LIMITS_MS.get(diagnosis.conduction, priors.QRS_LIMITS_MS["normal conduction"])
    activity.qrs_duration_ms = limit(activity.qrs_duration_ms, low, high)


def _add(leads: np.ndarray, waveform: np.ndarray, start: int, scale: float) -> None:
    """Add a waveform to the strip from a sample on; what lies outside the strip is cut off."""
    first, last = max(start, 0), min(start + waveform.shape[1], leads.shape[1])
    if last > first:
        leads[:, first:last] += waveform[:, first - start : last - start] * np.float32(scale)


def _draw_spike(rng: np.random.Generator, voltages: np.ndarray, height_mv: tuple[float, float]) -> np.ndarray:
    """Draw the height of the pacing spikes; `voltages` of shape `(8,)` gives their share in each lead."""
    return (voltages / np.abs(voltages).max() * rng.uniform(*height_mv)).astype(np.float32)


def _add_spike(leads: np.ndarray, voltages: np.ndarray, time_s: float) -> None:
    """Add a pacing spike of 4 ms."""
    sample = round(time_s * SAMPLING_RATE)
    if 0 <= sample < leads.shape[1] - SPIKE_SAMPLES:
        leads[:, sample : sample + SPIKE_SAMPLES] += voltages[:, None]


def _looks_like(beat: BeatTemplate, other: BeatTemplate) -> bool:
    """Whether two QRS complexes have one shape over all leads."""
    first, second = (each.waveform[:, each.onset : each.onset + QRS_SHAPE_SAMPLES] for each in (beat, other))
    similarity = (first * second).sum() / np.sqrt(np.square(first).sum() * np.square(second).sum())
    return bool(similarity > ALIKE)


def draw_foci(rng: np.random.Generator, setting: Setting, beat: BeatTemplate) -> list[BeatTemplate]:
    """Draw the early beats of the ventricles, one for each focus of the rhythm; none too large for a human heart.

    A beat that looks like the usual one or like that of another focus is drawn again.
    """
    foci: list[BeatTemplate] = []
    early = [beat.focus for beat in setting.rhythm.beats if beat.kind == "ventricular" and beat.is_early]
    for _ in range(max(early, default=-1) + 1):
        template = _draw_focus(rng, setting, beat)
        for _ in range(MAX_FOCUS_DRAWS):
            if not any(_looks_like(template, other) for other in (beat, *foci)):
                break
            template = _draw_focus(rng, setting, beat)
        foci.append(template)
    return foci


def _draw_focus(rng: np.random.Generator, setting: Setting, beat: BeatTemplate) -> BeatTemplate:
    """Draw an early beat of the ventricles beside a usual one."""
    activity = activate_from_ventricle(rng)
    activity.qt_ms = beat.qt_ms * 1.05 + 25
    template = render_beat(rng, activity, setting.field, SAMPLING_RATE)
    factor = min(1.0, voltage_limit(criteria.extremes_of(limb_lead_matrix() @ template.waveform), is_large=True))
    np.multiply(template.waveform, np.float32(factor), out=template.waveform)
    return template


def _add_beats(rng: np.random.Generator, tracing: Tracing, setting: Setting) -> None:
    """Lay the QRS-T complexes and the spikes before them on the strip."""
    rhythm = setting.rhythm
    swing = draw_number(rng, priors.RESPIRATORY_VOLTAGE_SHARE)
    is_paced = rhythm.is_ventricular_paced
    spike = _draw_spike(rng, setting.field @ VENTRICULAR_SPIKE_VECTOR, VENTRICULAR_SPIKE_MV) if is_paced else None
    times_s = np.array([beat.time for beat in rhythm.beats])
    breathing = np.sin(2 * np.pi * rhythm.respiration_hz * times_s + rhythm.respiration_phase)
    scales = 1 + rng.normal(0, BEAT_VOLTAGE_SD, len(times_s)) + swing * breathing
    for beat, scale in zip(rhythm.beats, scales.tolist(), strict=True):
        is_focus = beat.kind == "ventricular" and beat.is_early
        template = tracing.foci[beat.focus] if is_focus else tracing.beat
        start = round(beat.time * SAMPLING_RATE) - template.onset
        _add(tracing.leads, template.waveform, start, scale)
        if spike is not None:
            _add_spike(tracing.leads, spike, beat.time - 0.006)
            if setting.diagnosis.pacing == "biventricular":
                _add_spike(tracing.leads, spike * np.float32(0.7), beat.time - 0.006 - BIVENTRICULAR_SPIKE_GAP_S)


def _atrial_field(setting: Setting, factors: np.ndarray) -> np.ndarray:
    """Lead field of the atria: a voltage lowered by what lies between heart and skin is lowered in P too."""
    if not setting.diagnosis.has_low_voltage:
        return setting.field
    return setting.field * np.minimum(factors, 1.0)[:, None]


def draw_p_templates(rng: np.random.Generator, setting: Setting, factors: np.ndarray) -> dict[PWaveKind, PTemplate]:
    """Draw the P waves that the rhythm has, by where they come from."""
    diagnosis, rhythm = setting.diagnosis, setting.rhythm
    lead_field = _atrial_field(setting, factors)
    kinds = {wave.kind for wave in rhythm.p_waves}
    intervals_ms = [(beat.time - beat.p_time) * 1000 for beat in rhythm.beats if beat.p_time is not None]
    templates: dict[PWaveKind, PTemplate] = {}
    if "sinus" in kinds:
        wave = draw_p_wave(rng, diagnosis, pr_ms=min(intervals_ms, default=None))
        templates["sinus"] = wave.render(lead_field, SAMPLING_RATE)
        axis = priors.MIRRORED_SINUS_P_AXIS_DEG if diagnosis.is_mirrored else priors.SINUS_P_AXIS_DEG
        templates["sinus"] = turn_p_axis(rng, templates["sinus"], axis)
        if not diagnosis.has_right_atrial_enlargement:
            templates["sinus"] = lower(templates["sinus"])
        elif not diagnosis.has_low_voltage:
            templates["sinus"] = heighten(rng, templates["sinus"])
    if "ectopic" in kinds:
        axis = priors.MIRRORED_ECTOPIC_P_AXIS_DEG if diagnosis.is_mirrored else priors.ECTOPIC_P_AXIS_DEG
        templates["ectopic"] = turn_p_axis(rng, draw_ectopic_p_wave(rng).render(lead_field, SAMPLING_RATE), axis)
    if "retrograde" in kinds:
        templates["retrograde"] = draw_retrograde_p_wave(rng).render(lead_field, SAMPLING_RATE)
    return templates


def _add_atria(rng: np.random.Generator, tracing: Tracing, setting: Setting) -> None:
    """Lay P waves, flutter waves or fibrillation waves on the strip."""
    rhythm, leads = setting.rhythm, tracing.leads
    lead_field = _atrial_field(setting, tracing.factors)
    if rhythm.flutter_hz is not None:
        leads += draw_flutter_waves(rng, rhythm, lead_field, leads.shape[1])
    if rhythm.is_fibrillating:
        leads += draw_fibrillation_waves(rng, lead_field, leads.shape[1])
    is_paced = rhythm.is_atrial_paced
    spike = _draw_spike(rng, setting.field @ ATRIAL_SPIKE_VECTOR, ATRIAL_SPIKE_MV) if is_paced else None
    offset_s = P_WINDOW_MS[0] / 1000
    scales = 1 + rng.normal(0, P_VOLTAGE_SD, len(rhythm.p_waves))
    for (time, kind, _), scale in zip(rhythm.p_waves, scales.tolist(), strict=True):
        start = round((time + offset_s) * SAMPLING_RATE)
        _add(leads, tracing.p_waves[kind].waveform, start, scale)
        if spike is not None:
            _add_spike(leads, spike, time - 0.004)


def lay_out(
    rng: np.random.Generator,
    setting: Setting,
    beat: BeatTemplate,
    *,
    factors: np.ndarray,
    p_waves: dict[PWaveKind, PTemplate],
) -> Tracing:
    """Lay everything on the time axis.

    Args:
        rng (`np.random.Generator`):
            Source of early beats and of what differs from beat to beat.
        setting (`Setting`):
            The diagnosis with its rhythm.
        beat (`BeatTemplate`):
            As `draw_beat` returns it.
        factors (`np.ndarray` of shape `(8,)`):
            As `draw_beat` returns them.
        p_waves (`dict[PWaveKind, PTemplate]`):
            As `draw_p_templates` returns them.

    Returns:
        `Tracing`: Noiseless voltages and their parts.
    """
    leads = np.zeros((NUM_INDEPENDENT, NUM_SAMPLES), dtype=np.float32)
    tracing = Tracing(leads, beat, draw_foci(rng, setting, beat), p_waves, factors)
    _add_beats(rng, tracing, setting)
    _add_atria(rng, tracing, setting)
    return tracing


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
    np.rint(strip, out=strip)
    strip /= scale
    return strip
