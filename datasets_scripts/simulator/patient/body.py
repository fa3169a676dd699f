"""How the heart's electric vector reaches the leads: torso, electrode placement and the 12-lead arithmetic.

Axes of the heart vector: x to the patient's left, y to the feet, z to the back (Frank's convention).
"""

import math
from functools import lru_cache

import numpy as np

from modeling_supreme.leads import LIMB_LEADS, STANDARD_LEADS


INDEPENDENT_LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
NUM_INDEPENDENT = len(INDEPENDENT_LEADS)
NUM_PRECORDIAL = 6
ROW = {lead: row for row, lead in enumerate(STANDARD_LEADS)}
UPRIGHT_T_LEADS = ("I", "II", "V4", "V5", "V6")  # in which T points up in a healthy heart
USUAL_T_VECTOR = np.array([0.37, 0.22, -0.22])  # heart vector at the peak of T, in millivolts; see `priors`

# mV in a lead per mV of the heart vector (x, y, z). Source: Dower, Machado & Osborne 1980, Clin Cardiol 3:87.
DOWER_MATRIX = np.array(
    [
        [0.632, -0.235, 0.059],
        [0.235, 1.066, -0.132],
        [-0.515, 0.157, -0.917],
        [0.044, 0.164, -1.387],
        [0.882, 0.098, -1.277],
        [1.213, 0.127, -0.601],
        [1.125, 0.127, -0.086],
        [0.831, 0.076, 0.230],
    ]
)

# Mean voltage of the leads of normal beats relative to what Dower's matrix gives: electrodes are not where Dower's
# were. By eye, PTB-XL ids 1-500.
LEAD_GAINS = np.array([1.10, 1.0, 0.88, 1.12, 1.0, 1.0, 1.0, 1.0])

# Spread of the lead field between people and recordings. Relative numbers have no unit.
# Source: chosen in the feasibility study of this corpus. Misplacement is in steps from one chest electrode to the
# next, of about 5 cm: 2 cm in all, less than the mean of 2.9 cm in Wenger & Kligfield 1996, J Electrocardiol 29:179.
FIELD_RELATIVE_SD = 0.12
FIELD_ABSOLUTE_SD = 0.05
LEAD_GAIN_LOG_SD = 0.08
SHARED_PLACEMENT_SD_STEPS = 0.35
SINGLE_PLACEMENT_SD_STEPS = 0.20

_PRECORDIAL_POSITIONS = np.arange(1.0, NUM_PRECORDIAL + 1)


def precordial_bump(centre: float, width: float) -> np.ndarray:
    """A near-field weight per independent lead: 1 at precordial position `centre`, 0 in the limb leads.

    Args:
        centre (`float`):
            Position on the chest, in lead numbers: 1 is V1, 2.5 lies between V2 and V3.
        width (`float`):
            Standard deviation, in lead numbers.

    Returns:
        `np.ndarray` of shape `(8,)`: Weights without unit.
    """
    weights = np.zeros(NUM_INDEPENDENT)
    weights[2:] = np.exp(-0.5 * ((_PRECORDIAL_POSITIONS - centre) / width) ** 2)
    return weights


def rotation_matrix(frontal: float, horizontal: float, sagittal: float) -> np.ndarray:
    """Rotation of the heart in the chest, angles in radians about the z, y and x axes; shape `(3, 3)`."""
    cos_f, sin_f = math.cos(frontal), math.sin(frontal)
    cos_h, sin_h = math.cos(horizontal), math.sin(horizontal)
    cos_s, sin_s = math.cos(sagittal), math.sin(sagittal)
    about_z = np.array([[cos_f, -sin_f, 0.0], [sin_f, cos_f, 0.0], [0.0, 0.0, 1.0]])
    about_y = np.array([[cos_h, 0.0, sin_h], [0.0, 1.0, 0.0], [-sin_h, 0.0, cos_h]])
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cos_s, -sin_s], [0.0, sin_s, cos_s]])
    return about_z @ about_y @ about_x


def draw_torso(rng: np.random.Generator, *, variety: float = 1.0) -> np.ndarray:
    """Draw one person's lead field with well-placed electrodes.

    Args:
        rng (`np.random.Generator`):
            Source of what differs between people.
        variety (`float`):
            How much they differ; 0 gives everybody the mean torso.

    Returns:
        `np.ndarray` of shape `(8, 3)`: Millivolts per millivolt of the heart vector.
    """
    torso = DOWER_MATRIX * (1 + variety * rng.normal(0, FIELD_RELATIVE_SD, DOWER_MATRIX.shape))
    torso += variety * rng.normal(0, FIELD_ABSOLUTE_SD, DOWER_MATRIX.shape)
    return torso * LEAD_GAINS[:, None] * np.exp(variety * rng.normal(0, LEAD_GAIN_LOG_SD, (NUM_INDEPENDENT, 1)))


def mirror_heart(field: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Lead field of a heart on the right side of the chest, with the electrodes in their usual places.

    Args:
        field (`np.ndarray` of shape `(8, 3)`):
            Lead field of the heart on the left.
        position (`np.ndarray` of shape `(3, 3)`):
            Rotation of the heart that is part of it.

    Returns:
        `np.ndarray` of shape `(8, 3)`.
    """
    return field @ position.T @ np.diag([-1.0, 1.0, 1.0]) @ position


def exchange_arms(leads: np.ndarray) -> np.ndarray:
    """Independent leads as recorded with the arm electrodes exchanged: I turns over, and II shows lead III.

    Args:
        leads (`np.ndarray` of shape `(8, ...)`):
            Voltages or a lead field.

    Returns:
        `np.ndarray` of the same shape.

    Example:
        >>> exchange_arms(np.array([0.5, 1.5, 0, 0, 0, 0, 0, 0]))[:2].tolist()
        [-0.5, 1.0]
    """
    exchanged = leads.copy()
    exchanged[0] = -leads[0]
    exchanged[1] = leads[1] - leads[0]
    return exchanged


def place_electrodes(rng: np.random.Generator, torso: np.ndarray, *, variety: float = 1.0) -> np.ndarray:
    """Shift the chest electrodes of a recording by interpolating between neighbouring precordial rows.

    Args:
        rng (`np.random.Generator`):
            Source of the shifts.
        torso (`np.ndarray` of shape `(8, 3)`):
            Lead field of the person.
        variety (`float`):
            How carelessly they are placed; 0 gives the right places.

    Returns:
        `np.ndarray` of shape `(8, 3)`: Lead field of this recording; the limb rows are those of `torso`.
    """
    shift = variety * rng.normal(0, SHARED_PLACEMENT_SD_STEPS)
    shift = shift + variety * rng.normal(0, SINGLE_PLACEMENT_SD_STEPS, NUM_PRECORDIAL)
    position = np.clip(np.arange(NUM_PRECORDIAL) + shift, 0, NUM_PRECORDIAL - 1)
    lower = np.minimum(position.astype(int), NUM_PRECORDIAL - 2)
    fraction = (position - lower)[:, None]
    placed = torso.copy()
    placed[2:] = (1 - fraction) * torso[2:][lower] + fraction * torso[2:][lower + 1]
    return placed


@lru_cache(maxsize=1)
def limb_lead_matrix() -> np.ndarray:
    """Twelve standard leads from the eight independent ones, after Einthoven and Goldberger; shape `(12, 8)`.

    Example:
        >>> limb_lead_matrix()[STANDARD_LEADS.index("aVR"), :2].tolist()
        [-0.5, -0.5]
    """
    matrix = np.zeros((len(STANDARD_LEADS), NUM_INDEPENDENT), dtype=np.float32)
    for row, lead in enumerate(STANDARD_LEADS):
        if lead in LIMB_LEADS:
            matrix[row, :2] = LIMB_LEADS[lead]
        else:
            matrix[row, INDEPENDENT_LEADS.index(lead)] = 1.0
    matrix.setflags(write=False)
    return matrix
