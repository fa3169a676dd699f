"""What a simulated patient has: a set of diagnoses that can stand together, drawn before any voltage."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from datasets_scripts.simulator import priors


SINUS_RHYTHMS = frozenset({"sinus rhythm", "sinus bradycardia", "sinus tachycardia", "sinus arrhythmia"})
NO_ATRIAL_CONTRACTION = frozenset({"atrial fibrillation", "atrial flutter", "supraventricular tachycardia"})
ABNORMAL_ACTIVATION = frozenset({"left bundle branch block", "wolff-parkinson-white pattern"})

Key = TypeVar("Key")


@dataclass(frozen=True)
class Diagnosis:
    """Everything that is decided about a recording before its voltages are.

    Attributes:
        rhythm (`str`):
            Key of `priors.RHYTHM_WEIGHTS`.
        conduction, hypertrophy, repolarization (`str`):
            Keys of the tables of the same names in `priors`.
        territories (`tuple[str, ...]`):
            Walls of the infarct or ischaemia, the named one first; empty otherwise.
        ectopy (`str`):
            Key of `priors.ECTOPY_WEIGHTS`.
        is_healthy (`bool`):
            Nothing but normal variants, and small spread of the measurements.
        has_ventricular_escape (`bool`):
            In complete AV block, the ventricles beat on their own with wide complexes.
        axis_deviation (`str` or `None`):
            `"left"` or `"right"` where the heart's position alone turns the axis out of its normal range.
    """

    rhythm: str = "sinus rhythm"
    conduction: str = "normal conduction"
    hypertrophy: str = "none"
    repolarization: str = "normal repolarization"
    territories: tuple[str, ...] = ()
    ectopy: str = "none"
    is_healthy: bool = False
    has_first_degree_block: bool = False
    has_left_atrial_enlargement: bool = False
    has_right_atrial_enlargement: bool = False
    has_low_voltage: bool = False
    has_ventricular_escape: bool = False
    axis_deviation: str | None = None

    @property
    def has_p_waves(self) -> bool:
        """Whether the atria contract in a coordinated way."""
        return self.rhythm not in NO_ATRIAL_CONTRACTION

    @property
    def is_ventricular(self) -> bool:
        """Whether the ventricles are driven from within, so that their shape tells nothing of the patient."""
        return self.rhythm == "paced rhythm" or (self.rhythm == "complete av block" and self.has_ventricular_escape)


def pick(rng: np.random.Generator, weights: Mapping[Key, float]) -> Key:
    """Draw one key with probability proportional to its weight."""
    remaining = rng.random() * sum(weights.values())
    for key, weight in weights.items():
        remaining -= weight
        if remaining < 0:
            return key
    return next(iter(weights))


def draw_territories(rng: np.random.Generator, repolarization: str, territory: str | None = None) -> tuple[str, ...]:
    """Draw the walls of an infarct or an ischaemia, with its extension to a neighbouring wall."""
    if repolarization == "ischemia":
        territory = territory or pick(rng, priors.ISCHEMIA_TERRITORY_WEIGHTS)
        # Most "anterior" ischaemia of reports is anterolateral.
        return ("anterior", "lateral") if territory == "anterior" and rng.random() < 0.45 else (territory,)
    if not repolarization.endswith("infarction"):
        return ()
    territory = territory or pick(rng, priors.INFARCT_TERRITORY_WEIGHTS)
    extensions = {"anterior": ("lateral", 0.30), "inferior": ("posterior", 0.15), "anteroseptal": ("anterior", 0.20)}
    neighbour, probability = extensions.get(territory, ("", 0.0))
    return (territory, neighbour) if rng.random() < probability else (territory,)


def draw_healthy(rng: np.random.Generator) -> Diagnosis:
    """Draw a recording of a healthy heart: a sinus rhythm and, in some, early repolarisation."""
    has_early_repolarization = rng.random() < priors.HEALTHY_EARLY_REPOLARIZATION_PROBABILITY
    return Diagnosis(
        rhythm=pick(rng, priors.HEALTHY_RHYTHM_WEIGHTS),
        repolarization="early repolarization" if has_early_repolarization else "normal repolarization",
        is_healthy=True,
    )


def draw_diseased(rng: np.random.Generator) -> Diagnosis:
    """Draw the diagnoses of a patient; rhythm, conduction, muscle and repolarisation are independent at first."""
    repolarization = pick(rng, priors.REPOLARIZATION_WEIGHTS)
    turned = rng.random()
    left, right = priors.AXIS_DEVIATION_PROBABILITY["left"], priors.AXIS_DEVIATION_PROBABILITY["right"]
    return Diagnosis(
        rhythm=pick(rng, priors.RHYTHM_WEIGHTS),
        conduction=pick(rng, priors.CONDUCTION_WEIGHTS),
        hypertrophy=pick(rng, priors.HYPERTROPHY_WEIGHTS),
        repolarization=repolarization,
        territories=draw_territories(rng, repolarization),
        ectopy=pick(rng, priors.ECTOPY_WEIGHTS),
        has_first_degree_block=rng.random() < priors.FIRST_DEGREE_BLOCK_PROBABILITY,
        has_left_atrial_enlargement=rng.random() < priors.LEFT_ATRIAL_PROBABILITY,
        has_right_atrial_enlargement=rng.random() < priors.RIGHT_ATRIAL_PROBABILITY,
        has_low_voltage=rng.random() < priors.LOW_VOLTAGE_PROBABILITY,
        has_ventricular_escape=rng.random() < priors.VENTRICULAR_ESCAPE_PROBABILITY,
        axis_deviation="left" if turned < left else "right" if turned < left + right else None,
    )


def reconcile(rng: np.random.Generator, diagnosis: Diagnosis) -> Diagnosis:
    """Drop what cannot stand beside something else, or could not be read from the strip if it did."""
    dropped: dict[str, object] = {}
    if diagnosis.repolarization not in ("infarction", "acute infarction", "ischemia"):
        dropped.update(territories=())
    if diagnosis.is_ventricular:
        dropped.update(conduction="normal conduction", hypertrophy="none", axis_deviation=None, has_low_voltage=False)
        dropped.update(repolarization="normal repolarization", territories=())
    elif diagnosis.conduction != "normal conduction":
        dropped.update(axis_deviation=None)
    if diagnosis.conduction in ABNORMAL_ACTIVATION:
        dropped.update(hypertrophy="none")
        is_readable = rng.random() < priors.VENTRICULAR_REPOLARIZATION_KEPT_PROBABILITY
        if not is_readable or diagnosis.repolarization in ("early repolarization", "nonspecific st change"):
            dropped.update(repolarization="normal repolarization", territories=())
    if diagnosis.hypertrophy == "left ventricular hypertrophy":
        dropped.update(has_low_voltage=False)
    if diagnosis.hypertrophy == "right ventricular hypertrophy":
        dropped.update(conduction="normal conduction", axis_deviation=None, has_low_voltage=False)
    return replace(diagnosis, **dropped, **_atrial_conflicts(diagnosis))  # type: ignore[arg-type]


def _atrial_conflicts(diagnosis: Diagnosis) -> dict[str, object]:
    """Findings of P wave, PR interval and ectopy that the rhythm leaves no room for."""
    dropped: dict[str, object] = {}
    if diagnosis.rhythm not in SINUS_RHYTHMS or diagnosis.conduction == "wolff-parkinson-white pattern":
        dropped.update(has_first_degree_block=False)
    if not diagnosis.has_p_waves or diagnosis.rhythm == "paced rhythm":
        dropped.update(has_left_atrial_enlargement=False, has_right_atrial_enlargement=False)
    has_atrial_ectopy = diagnosis.ectopy.startswith("atrial")
    if diagnosis.rhythm not in SINUS_RHYTHMS and (has_atrial_ectopy or diagnosis.rhythm != "atrial fibrillation"):
        dropped.update(ectopy="none")
    return dropped


def draw_diagnosis(rng: np.random.Generator, *, is_healthy: bool) -> Diagnosis:
    """Draw the diagnoses of one recording.

    Args:
        rng (`np.random.Generator`):
            Source of all decisions.
        is_healthy (`bool`):
            Whether the patient's heart is healthy.

    Returns:
        `Diagnosis`: Without contradictions.
    """
    return draw_healthy(rng) if is_healthy else reconcile(rng, draw_diseased(rng))


_FIELDS_OF_CONDITION: dict[str, dict[str, object]] = {
    "premature atrial contraction": {"ectopy": "atrial", "rhythm": "sinus rhythm"},
    "premature ventricular contraction": {"ectopy": "ventricular", "rhythm": "sinus rhythm"},
    "first degree av block": {"has_first_degree_block": True, "rhythm": "sinus rhythm"},
    "left ventricular hypertrophy": {"hypertrophy": "left ventricular hypertrophy"},
    "right ventricular hypertrophy": {"hypertrophy": "right ventricular hypertrophy"},
    "left atrial enlargement": {"has_left_atrial_enlargement": True, "rhythm": "sinus rhythm"},
    "right atrial enlargement": {"has_right_atrial_enlargement": True, "rhythm": "sinus rhythm"},
    "st elevation": {"repolarization": "acute infarction"},
    "st depression": {"repolarization": "ischemia"},
    "t wave inversion": {"repolarization": "ischemia"},
    "nondiagnostic st-t changes": {"repolarization": "nonspecific st change"},
    "low qrs voltage": {"has_low_voltage": True, "hypertrophy": "none"},
    "left axis deviation": {"axis_deviation": "left", "conduction": "normal conduction", "hypertrophy": "none"},
    "right axis deviation": {"axis_deviation": "right", "conduction": "normal conduction", "hypertrophy": "none"},
}


def diagnose(rng: np.random.Generator, condition: str, *, has_comorbidity: bool) -> Diagnosis:
    """Draw diagnoses that lead to a given condition.

    Args:
        rng (`np.random.Generator`):
            Source of everything that the condition leaves open.
        condition (`str`):
            One of `conditions.CONDITIONS`.
        has_comorbidity (`bool`):
            Whether the rest is drawn as for any patient; otherwise the rest is normal.

    Returns:
        `Diagnosis`: Usually with the condition. A measured finding, such as ST elevation, may still miss its
        criterion, and a drawn co-morbidity may exclude the condition: the caller looks and draws again.
    """
    if condition == "normal ecg":
        return draw_healthy(rng) if has_comorbidity else Diagnosis(is_healthy=True)
    start = draw_diseased(rng) if has_comorbidity else Diagnosis()
    return reconcile(rng, replace(start, **_fields_of(rng, condition)))  # type: ignore[arg-type]


def _fields_of(rng: np.random.Generator, condition: str) -> dict[str, object]:
    """Fields of a diagnosis that bring a condition about."""
    if condition in _FIELDS_OF_CONDITION:
        fields = dict(_FIELDS_OF_CONDITION[condition])
        if fields.get("repolarization") in ("ischemia", "acute infarction"):
            fields["territories"] = draw_territories(rng, str(fields["repolarization"]))
        return fields
    for field_name, table in (
        ("rhythm", priors.RHYTHM_WEIGHTS),
        ("conduction", priors.CONDUCTION_WEIGHTS),
        ("repolarization", priors.REPOLARIZATION_WEIGHTS),
    ):
        if condition in table:
            return {field_name: condition}
    territory, disease = condition.split(" myocardial ")
    return {"repolarization": disease, "territories": draw_territories(rng, disease, territory)}
