"""The waves that a strip is made of, each drawn once: the usual beat, the early beats, the P waves."""

from dataclasses import dataclass

import numpy as np

from datasets_scripts.schema import SAMPLING_RATE
from datasets_scripts.simulator.heart.atria import (
    PTemplate,
    draw_ectopic_p_wave,
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
from datasets_scripts.simulator.heart.voltages import extremes_of
from datasets_scripts.simulator.patient.body import limb_lead_matrix
from datasets_scripts.simulator.patient.diagnosis import Diagnosis
from datasets_scripts.simulator.patient.individual import Patient
from datasets_scripts.simulator.population import priors
from datasets_scripts.simulator.population.chance import limit
from datasets_scripts.simulator.rhythm.timeline import PWaveKind, Rhythm


FASCICULAR = frozenset({"left anterior fascicular block", "left posterior fascicular block", "bifascicular block"})
# Lead V1 faces the large right ventricle and the thick septum, I and V6 the late left wall, however the heart lies.
POSITION_BOUND = frozenset({"right ventricular hypertrophy", "septal hypertrophy", "left bundle branch block"})
HEALTHY_VARIETY = 0.8  # no scars, no fibrosis: fewer notches
# Two beats whose first 110 ms correlate so much over the leads look alike.
QRS_SHAPE_SAMPLES = 55
ALIKE = 0.7
MAX_FOCUS_DRAWS = 20


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
    extremes = extremes_of(template.qrs(SAMPLING_RATE))
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
    early = [beat.focus for beat in setting.rhythm.beats if beat.is_focal]
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
    factor = min(1.0, voltage_limit(extremes_of(limb_lead_matrix() @ template.waveform), is_large=True))
    np.multiply(template.waveform, np.float32(factor), out=template.waveform)
    return template


def atrial_field(setting: Setting, factors: np.ndarray) -> np.ndarray:
    """Lead field of the atria: a voltage lowered by what lies between heart and skin is lowered in P too."""
    if not setting.diagnosis.has_low_voltage:
        return setting.field
    return setting.field * np.minimum(factors, 1.0)[:, None]


def draw_p_templates(rng: np.random.Generator, setting: Setting, factors: np.ndarray) -> dict[PWaveKind, PTemplate]:
    """Draw the P waves that the rhythm has, by where they come from."""
    diagnosis, rhythm = setting.diagnosis, setting.rhythm
    lead_field = atrial_field(setting, factors)
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
