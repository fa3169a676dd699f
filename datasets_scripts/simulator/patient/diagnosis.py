"""What a simulated patient has: a set of diagnoses that can stand together, drawn before any voltage."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from datasets_scripts.simulator.population import priors
from datasets_scripts.simulator.population.chance import pick

from .person import Person


SINUS_RHYTHMS = frozenset({"sinus rhythm", "sinus bradycardia", "sinus tachycardia", "sinus arrhythmia"})
NO_ATRIAL_CONTRACTION = frozenset({"atrial fibrillation", "atrial flutter", "supraventricular tachycardia"})
ABNORMAL_ACTIVATION = frozenset({"left bundle branch block", "wolff-parkinson-white pattern"})
# Rhythms in which impulses of the atria reach the ventricles by an accessory pathway as well.
PRE_EXCITED_RHYTHMS = SINUS_RHYTHMS | {
    *("atrial fibrillation", "atrial flutter", "atrial tachycardia", "ectopic atrial rhythm"),
}
INFARCTIONS = frozenset({"old infarction", "recent infarction", "acute infarction"})
TERRITORY_DISEASES = INFARCTIONS | {"ischemia", "injury"}
SCARS = frozenset({"old infarction", "recent infarction"})
INFERIOR_BLOCKS = frozenset({"left anterior fascicular block", "bifascicular block"})
LASTING_RHYTHMS = frozenset({"paced rhythm", "complete av block"})


@dataclass(frozen=True)
class Diagnosis:
    """Everything that is decided about a recording before its voltages are.

    Attributes:
        rhythm (`str`):
            Key of `priors.RHYTHM_WEIGHTS`.
        conduction, hypertrophy, repolarization (`str`):
            Keys of the tables of the same names in `priors`.
        territories (`tuple[str, ...]`):
            Site of the infarct, ischaemia or injury, `("",)` for an ischaemia without a named wall; empty otherwise.
        ectopy, pause (`str`):
            Keys of `priors.ECTOPY_WEIGHTS` and `priors.PAUSE_WEIGHTS`.
        is_healthy (`bool`):
            Nothing but normal variants, and small spread of the measurements.
        has_ventricular_escape (`bool`):
            In complete AV block, the ventricles beat on their own with wide complexes.
        axis_deviation (`str` or `None`):
            `"left"` or `"right"` where the heart's position alone turns the axis out of its normal range.
        av_block_type, pacing (`str`):
            Keys of `priors.SECOND_DEGREE_BLOCK_WEIGHTS` (empty: any) and `priors.PACING_WEIGHTS`.
        ventricular_response (`str`):
            `"rapid"` or `"slow"` where atrial fibrillation must be, otherwise empty.
        has_high_voltage (`bool`):
            Large QRS complexes without a thick wall, as in the young and lean.
        has_dextrocardia, has_exchanged_arms (`bool`):
            The heart lies on the right side; the arm electrodes are exchanged.
    """

    rhythm: str = "sinus rhythm"
    conduction: str = "normal conduction"
    hypertrophy: str = "none"
    repolarization: str = "normal repolarization"
    territories: tuple[str, ...] = ()
    ectopy: str = "none"
    pause: str = "none"
    is_healthy: bool = False
    has_first_degree_block: bool = False
    has_left_atrial_enlargement: bool = False
    has_right_atrial_enlargement: bool = False
    has_low_voltage: bool = False
    has_high_voltage: bool = False
    has_ventricular_escape: bool = False
    axis_deviation: str | None = None
    av_block_type: str = ""
    pacing: str = "ventricular"
    ventricular_response: str = ""
    has_dextrocardia: bool = False
    has_exchanged_arms: bool = False

    @property
    def has_p_waves(self) -> bool:
        """Whether the atria contract in a coordinated way."""
        return self.rhythm not in NO_ATRIAL_CONTRACTION

    @property
    def is_ventricular(self) -> bool:
        """Whether the ventricles are driven from within, so that their shape tells nothing of the patient."""
        is_paced = self.rhythm == "paced rhythm" and self.pacing != "atrial"
        is_escape = self.rhythm == "complete av block" and self.has_ventricular_escape
        return is_paced or is_escape or self.rhythm in priors.VENTRICULAR_RHYTHMS

    @property
    def is_mirrored(self) -> bool:
        """Whether the leads do not look at the walls they usually look at."""
        return self.has_dextrocardia or self.has_exchanged_arms


def weigh(weights: Mapping[str, float], person: Person) -> dict[str, float]:
    """Weights of findings for a person of this age and sex and with these diseases."""
    decades = (person.age - priors.PATIENT_AGE_YEARS.mean) / 10
    weighed = {}
    for name, weight in weights.items():
        factor = math.exp(priors.AGE_LOG_WEIGHT_PER_DECADE.get(name, 0.0) * decades)
        if person.sex == "male":
            factor *= priors.MALE_FACTORS.get(name, 1.0)
        if name in priors.CAUSE_FACTORS:
            cause, with_cause, without_cause = priors.CAUSE_FACTORS[name]
            factor *= with_cause if cause in person.diseases else without_cause
        weighed[name] = weight * factor
    return weighed


def _occurs(rng: np.random.Generator, name: str, probability: float, person: Person) -> bool:
    """Draw whether a person has a finding of its own."""
    return bool(rng.random() < weigh({name: probability}, person)[name])


def draw_territories(rng: np.random.Generator, repolarization: str, territory: str | None = None) -> tuple[str, ...]:
    """Draw the site of an infarct, an ischaemia or an injury."""
    if repolarization not in TERRITORY_DISEASES:
        return ()
    if territory is not None:
        return (territory,)
    if repolarization == "ischemia":
        return (pick(rng, priors.ISCHEMIA_TERRITORY_WEIGHTS),)
    if repolarization == "injury":
        return (pick(rng, priors.INJURY_TERRITORY_WEIGHTS),)
    return (pick(rng, priors.INFARCT_TERRITORY_WEIGHTS),)


def draw_healthy(rng: np.random.Generator, person: Person) -> Diagnosis:
    """Draw a recording of a healthy heart: a sinus rhythm and, in some, early repolarisation."""
    early = "early repolarization"
    has_early_repolarization = _occurs(rng, early, priors.HEALTHY_EARLY_REPOLARIZATION_PROBABILITY, person)
    return Diagnosis(
        rhythm=pick(rng, weigh(priors.HEALTHY_RHYTHM_WEIGHTS, person)),
        repolarization=early if has_early_repolarization else "normal repolarization",
        has_high_voltage=_occurs(rng, "high voltage", priors.HEALTHY_HIGH_VOLTAGE_PROBABILITY, person),
        is_healthy=True,
    )


def draw_diseased(rng: np.random.Generator, person: Person) -> Diagnosis:
    """Draw the diagnoses of a patient: each by itself, but all weighed by age, sex and the same diseases."""
    repolarization = pick(rng, weigh(priors.REPOLARIZATION_WEIGHTS, person))
    turned = rng.random()
    left, right = priors.AXIS_DEVIATION_PROBABILITY["left"], priors.AXIS_DEVIATION_PROBABILITY["right"]
    return Diagnosis(
        rhythm=pick(rng, weigh(priors.RHYTHM_WEIGHTS, person)),
        conduction=pick(rng, weigh(priors.CONDUCTION_WEIGHTS, person)),
        hypertrophy=pick(rng, weigh(priors.HYPERTROPHY_WEIGHTS, person)),
        repolarization=repolarization,
        territories=draw_territories(rng, repolarization),
        ectopy=pick(rng, priors.ECTOPY_WEIGHTS),
        pause=pick(rng, priors.PAUSE_WEIGHTS),
        has_first_degree_block=rng.random() < priors.FIRST_DEGREE_BLOCK_PROBABILITY,
        has_left_atrial_enlargement=_occurs(rng, "left atrial enlargement", priors.LEFT_ATRIAL_PROBABILITY, person),
        has_right_atrial_enlargement=_occurs(rng, "right atrial enlargement", priors.RIGHT_ATRIAL_PROBABILITY, person),
        has_low_voltage=rng.random() < priors.LOW_VOLTAGE_PROBABILITY,
        has_ventricular_escape=rng.random() < priors.VENTRICULAR_ESCAPE_PROBABILITY,
        axis_deviation="left" if turned < left else "right" if turned < left + right else None,
        pacing=pick(rng, priors.PACING_WEIGHTS),
        has_dextrocardia=rng.random() < priors.DEXTROCARDIA_PROBABILITY,
    )


def reconcile(rng: np.random.Generator, diagnosis: Diagnosis) -> Diagnosis:
    """Drop what cannot stand beside something else, or could not be read from the strip if it did."""
    dropped: dict[str, object] = {}
    if diagnosis.is_mirrored:
        dropped.update(conduction="normal conduction", hypertrophy="none", axis_deviation=None, has_low_voltage=False)
        dropped.update(repolarization="normal repolarization", territories=(), has_ventricular_escape=False)
        dropped.update(has_left_atrial_enlargement=False, has_right_atrial_enlargement=False)
        if diagnosis.is_ventricular:
            dropped.update(rhythm="sinus rhythm")
        diagnosis = replace(diagnosis, **dropped)  # type: ignore[arg-type]
    if diagnosis.repolarization not in TERRITORY_DISEASES:
        dropped.update(territories=())
    if diagnosis.is_ventricular:
        dropped.update(conduction="normal conduction", hypertrophy="none", axis_deviation=None, has_low_voltage=False)
        dropped.update(repolarization="normal repolarization", territories=())
    else:
        dropped.update(_muscle_conflicts(rng, diagnosis))
    return replace(diagnosis, **{**dropped, **_atrial_conflicts(diagnosis)})  # type: ignore[arg-type]


def _muscle_conflicts(rng: np.random.Generator, diagnosis: Diagnosis) -> dict[str, object]:
    """Findings of QRS and ST-T that leave no room for each other."""
    dropped: dict[str, object] = {}
    if diagnosis.conduction != "normal conduction" or diagnosis.hypertrophy != "none":
        dropped.update(axis_deviation=None)
    if diagnosis.conduction in ABNORMAL_ACTIVATION:
        dropped.update(hypertrophy="none")
        is_readable = rng.random() < priors.REPOLARIZATION_KEPT_PROBABILITY
        is_readable &= diagnosis.repolarization in TERRITORY_DISEASES | {"prolonged qt interval"}
        if not is_readable or diagnosis.conduction == "wolff-parkinson-white pattern":
            dropped.update(repolarization="normal repolarization", territories=())
    if diagnosis.repolarization == "brugada pattern":
        dropped.update(conduction="normal conduction", hypertrophy="none")
    if diagnosis.hypertrophy != "none":
        dropped.update(has_low_voltage=False)
    if _has_hidden_block(diagnosis):
        if diagnosis.conduction in INFERIOR_BLOCKS and rng.random() < 0.5:
            dropped.update(repolarization="normal repolarization", territories=())
        else:
            dropped.update(conduction="normal conduction")
    if diagnosis.hypertrophy in ("right ventricular hypertrophy", "septal hypertrophy"):
        dropped.update(conduction="normal conduction", axis_deviation=None)
        if diagnosis.repolarization in TERRITORY_DISEASES:
            dropped.update(repolarization="normal repolarization", territories=())
    return dropped


def _has_hidden_block(diagnosis: Diagnosis) -> bool:
    """Whether a scar takes away what a block is known by: R of the inferior leads, R' in V1."""
    if diagnosis.repolarization not in SCARS or not diagnosis.territories:
        return False
    site = diagnosis.territories[0]
    if site.startswith("infer"):
        return diagnosis.conduction in INFERIOR_BLOCKS
    return site.startswith("ant") and diagnosis.conduction == "incomplete right bundle branch block"


def _atrial_conflicts(diagnosis: Diagnosis) -> dict[str, object]:
    """Findings of P wave, PR interval, ectopy and pauses that the rhythm leaves no room for."""
    dropped: dict[str, object] = {}
    is_sinus = diagnosis.rhythm in SINUS_RHYTHMS
    if diagnosis.conduction == "wolff-parkinson-white pattern" and diagnosis.rhythm not in PRE_EXCITED_RHYTHMS:
        dropped.update(conduction="normal conduction")
    if not is_sinus or diagnosis.conduction == "wolff-parkinson-white pattern":
        dropped.update(has_first_degree_block=False)
    if not is_sinus and diagnosis.rhythm != "second degree av block":
        dropped.update(has_left_atrial_enlargement=False, has_right_atrial_enlargement=False)
    has_atrial_ectopy = "atrial" in diagnosis.ectopy
    if not is_sinus and (has_atrial_ectopy or diagnosis.rhythm != "atrial fibrillation"):
        dropped.update(ectopy="none")
    # Nobody can tell that an interval is twice the others where these vary.
    is_hidden = diagnosis.pause == "sinoatrial block" and diagnosis.rhythm == "sinus arrhythmia"
    if not is_sinus or is_hidden or diagnosis.ectopy != "none" or diagnosis.rhythm == "sinus tachycardia":
        dropped.update(pause="none")
    return dropped


def simplify(rng: np.random.Generator, diagnosis: Diagnosis) -> Diagnosis:
    """Keep one abnormality of ventricular muscle or conduction at most: a corpus without co-morbidity."""
    present = [
        name
        for name, usual in (
            ("conduction", "normal conduction"),
            ("hypertrophy", "none"),
            ("repolarization", "normal repolarization"),
        )
        if getattr(diagnosis, name) != usual
    ]
    if len(present) < 2:
        return diagnosis
    kept = present[int(rng.integers(len(present)))]
    usual = Diagnosis()
    return replace(diagnosis, **{name: getattr(usual, name) for name in present if name != kept})


def follow_up(rng: np.random.Generator, background: Diagnosis, person: Person) -> Diagnosis:
    """Draw a later recording of a patient: what is lasting stays, the rest comes and goes, infarcts grow old."""
    fresh = draw_diseased(rng, person)
    changes: dict[str, object] = {"ectopy": fresh.ectopy, "pause": fresh.pause}
    if background.rhythm not in LASTING_RHYTHMS and rng.random() < priors.RHYTHM_CHANGES_PROBABILITY:
        changes.update(rhythm=fresh.rhythm)
    ages = {"acute infarction": "recent infarction", "recent infarction": "old infarction"}
    if background.repolarization in ages:
        changes.update(repolarization=ages[background.repolarization])
    elif background.repolarization != "old infarction" and rng.random() < priors.REPOLARIZATION_CHANGES_PROBABILITY:
        changes.update(repolarization=fresh.repolarization, territories=fresh.territories)
    if rng.random() < priors.CONDUCTION_CHANGES_PROBABILITY:
        changes.update(conduction=fresh.conduction)
    return replace(background, **changes)  # type: ignore[arg-type]


def draw_diagnosis(
    rng: np.random.Generator,
    person: Person,
    background: Diagnosis | None,
    *,
    is_first: bool,
    has_comorbidity: bool = True,
) -> Diagnosis:
    """Draw the diagnoses of one recording.

    Args:
        rng (`np.random.Generator`):
            Source of all decisions.
        person (`Person`):
            Age, sex and diseases weigh what a patient has.
        background (`Diagnosis` or `None`):
            What a diseased heart has in the first recording; none if it is healthy.
        is_first (`bool`):
            Whether this is the first recording.
        has_comorbidity (`bool`, defaults to `True`):
            Whether the ventricles may have several diagnoses at once.

    Returns:
        `Diagnosis`: Without contradictions.
    """
    has_exchanged_arms = bool(rng.random() < priors.EXCHANGED_ARMS_PROBABILITY)
    if background is None:
        return reconcile(rng, replace(draw_healthy(rng, person), has_exchanged_arms=has_exchanged_arms))
    drawn = background if is_first else follow_up(rng, background, person)
    if not has_comorbidity:
        drawn = simplify(rng, drawn)
    return reconcile(rng, replace(drawn, has_exchanged_arms=has_exchanged_arms))
