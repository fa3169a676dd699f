"""Who is recorded: age, sex, diseases and an anatomy that all recordings of a patient share."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from datasets_scripts.simulator import priors
from datasets_scripts.simulator.chance import draw_number
from datasets_scripts.simulator.heart.depolarization import USUAL_T_VECTOR

from .body import INDEPENDENT_LEADS, draw_torso, rotation_matrix
from .diagnosis import Diagnosis, Person, draw_diseased


# First elements of seed sequences: keep the random numbers of patients, hearts and recordings apart.
PATIENT_STREAM = 1
HEART_STREAM = 3
UPRIGHT_T_ROWS = [INDEPENDENT_LEADS.index(lead) for lead in ("I", "II", "V4", "V5", "V6")]
USUAL_UPRIGHT_T_MV = 0.05  # somewhat above what a single normal beat must show


@dataclass(frozen=True)
class Patient:
    """A simulated patient.

    Attributes:
        patient_id (`str`):
            Unique for a seed and a patient's number.
        person (`Person`):
            Age, sex and diseases.
        background (`Diagnosis` or `None`):
            What the diseased heart has in the first recording.
        heart_seed (`tuple[int, ...]`):
            Seed of what all recordings of the heart share: the shape of its beats.
        torso (`np.ndarray` of shape `(8, 3)`):
            Lead field with well-placed electrodes and the heart in its position.
        position (`np.ndarray` of shape `(3, 3)`):
            Rotation of the heart in the chest; part of `torso` already.
        voltage (`float`):
            Size of the heart's signals relative to the average person.
    """

    patient_id: str
    person: Person
    background: Diagnosis | None
    heart_seed: tuple[int, ...]
    torso: np.ndarray
    position: np.ndarray
    voltage: float


def draw_person(rng: np.random.Generator, *, has_priors: bool = True) -> Person:
    """Draw who is recorded; without priors nobody has diseases, and age and sex decide nothing."""
    is_healthy = bool(rng.random() < priors.HEALTHY_PROBABILITY)
    if not has_priors:
        return Person(age=priors.PATIENT_AGE_YEARS.mean, sex="female", is_healthy=is_healthy)
    age = round(draw_number(rng, priors.HEALTHY_AGE_YEARS if is_healthy else priors.PATIENT_AGE_YEARS))
    sex = "female" if rng.random() < priors.FEMALE_PROBABILITY else "male"
    diseases = set()
    for name, probability in priors.DISEASE_PROBABILITY.items():
        log_odds = math.log(probability / (1 - probability))
        log_odds += priors.DISEASE_LOG_ODDS_PER_DECADE[name] * (age - priors.PATIENT_AGE_YEARS.mean) / 10
        log_odds += priors.MALE_DISEASE_LOG_ODDS[name] * (0.5 if sex == "male" else -0.5)
        if rng.random() < 1 / (1 + math.exp(-log_odds)) and not is_healthy:
            diseases.add(name)
    return Person(age=float(age), sex=sex, is_healthy=is_healthy, diseases=frozenset(diseases))


def _draw_anatomy(
    rng: np.random.Generator, person: Person, *, rotation: float, lead_field: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the position of the heart, shape `(3, 3)`, and the lead field of the torso with it, shape `(8, 3)`.

    Those of the healthy are drawn again until the usual T wave is upright where theirs are: few of the hearts in other
    positions would show a normal beat, however often it was drawn.
    """
    turn = priors.AXIS_TURN_RAD_PER_YEAR * (person.age - priors.AXIS_REFERENCE_AGE_YEARS)
    while True:
        position = rotation_matrix(
            turn + rotation * rng.normal(0, priors.FRONTAL_TURN_SD_RAD),
            rotation * rng.normal(0, priors.HORIZONTAL_TURN_SD_RAD),
            rotation * rng.normal(0, priors.SAGITTAL_TURN_SD_RAD),
        )
        torso = draw_torso(rng, variety=lead_field) @ position
        if not person.is_healthy or (torso[UPRIGHT_T_ROWS] @ USUAL_T_VECTOR).min() > USUAL_UPRIGHT_T_MV:
            return position, torso


# The recordings of a patient follow each other: nobody is drawn again for the second one.
@lru_cache(maxsize=4)
def draw_patient(
    patient_index: int,
    seed: int,
    *,
    has_priors: bool = True,
    rotation: float = 1.0,
    lead_field: float = 1.0,
) -> Patient:
    """Draw the patient of a number.

    Args:
        patient_index (`int`):
            Number of the patient in the corpus.
        seed (`int`):
            Seed of the corpus.
        has_priors (`bool`, defaults to `True`):
            Whether age, sex and diseases differ and decide what a patient has.
        rotation (`float`):
            How much the position of the heart differs between people; 0: not at all.
        lead_field (`float`):
            How much their torsos differ.

    Returns:
        `Patient`: The same for the same arguments.
    """
    rng = np.random.default_rng([PATIENT_STREAM, seed, patient_index])
    person = draw_person(rng, has_priors=has_priors)
    position, torso = _draw_anatomy(rng, person, rotation=rotation, lead_field=lead_field)
    background = None if person.is_healthy else draw_diseased(rng, person)
    return Patient(
        patient_id=f"sim{seed}-p{patient_index:07d}",
        person=person,
        background=background,
        heart_seed=(HEART_STREAM, seed, patient_index),
        torso=torso,
        position=position,
        voltage=float(np.exp(rng.normal(0, priors.VOLTAGE_LOG_SD))),
    )
