"""Who is recorded: age, sex and an anatomy that all recordings of a patient share."""

from dataclasses import dataclass

import numpy as np

from datasets_scripts.simulator import priors
from datasets_scripts.simulator.body import draw_torso, rotation_matrix
from datasets_scripts.simulator.rhythm import draw_number


# First element of a seed sequence: keeps the random numbers of patients and of recordings apart.
PATIENT_STREAM = 1


@dataclass(frozen=True)
class Patient:
    """A simulated person.

    Attributes:
        patient_id (`str`):
            Unique for a seed and a patient's number.
        age (`float`):
            Years.
        sex (`str`):
            `"male"` or `"female"`.
        is_healthy (`bool`):
            Whether the heart is healthy in all recordings.
        torso (`np.ndarray` of shape `(8, 3)`):
            Lead field with well-placed electrodes and the heart in its position.
        position (`np.ndarray` of shape `(3, 3)`):
            Rotation of the heart in the chest; part of `torso` already.
        voltage (`float`):
            Size of the heart's signals relative to the average person.
    """

    patient_id: str
    age: float
    sex: str
    is_healthy: bool
    torso: np.ndarray
    position: np.ndarray
    voltage: float


def draw_patient(patient_index: int, seed: int) -> Patient:
    """Draw the patient of a number.

    Args:
        patient_index (`int`):
            Number of the patient in the corpus.
        seed (`int`):
            Seed of the corpus.

    Returns:
        `Patient`: The same for the same arguments.
    """
    rng = np.random.default_rng([PATIENT_STREAM, seed, patient_index])
    is_healthy = rng.random() < priors.HEALTHY_PROBABILITY
    age = round(draw_number(rng, priors.HEALTHY_AGE_YEARS if is_healthy else priors.PATIENT_AGE_YEARS))
    sex = "female" if rng.random() < priors.FEMALE_PROBABILITY else "male"
    position = rotation_matrix(
        priors.AXIS_TURN_RAD_PER_YEAR * (age - priors.AXIS_REFERENCE_AGE_YEARS)
        + rng.normal(0, priors.FRONTAL_TURN_SD_RAD),
        rng.normal(0, priors.HORIZONTAL_TURN_SD_RAD),
        rng.normal(0, priors.SAGITTAL_TURN_SD_RAD),
    )
    return Patient(
        patient_id=f"sim{seed}-p{patient_index:07d}",
        age=float(age),
        sex=sex,
        is_healthy=is_healthy,
        torso=draw_torso(rng) @ position,
        position=position,
        voltage=float(np.exp(rng.normal(0, priors.VOLTAGE_LOG_SD))),
    )
