"""One patient: a person, the diseases of the heart, and an anatomy that all recordings share."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from datasets_scripts.simulator.population import priors

from .body import INDEPENDENT_LEADS, UPRIGHT_T_LEADS, USUAL_T_VECTOR, draw_torso, rotation_matrix
from .diagnosis import Diagnosis, draw_diseased
from .person import Person, draw_person


# First elements of seed sequences: keep the random numbers of patients, hearts and recordings apart.
PATIENT_STREAM = 1
HEART_STREAM = 3
UPRIGHT_T_ROWS = [INDEPENDENT_LEADS.index(lead) for lead in UPRIGHT_T_LEADS]
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
