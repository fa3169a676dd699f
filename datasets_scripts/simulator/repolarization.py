"""ST segment and T wave: infarcts, ischaemia, drugs and the many small changes that have no name.

Walls are directions of the heart vector plus a bump on the chest leads above them. Vectors in millivolts.
Criteria: Thygesen et al. 2018, Circulation 138:e618 (infarction); Rautaharju et al. 2009, ibid. 119:e241 (ST-T, QT).
"""

from typing import NamedTuple

import numpy as np

from datasets_scripts.simulator import priors
from datasets_scripts.simulator.body import NUM_INDEPENDENT, precordial_bump
from datasets_scripts.simulator.depolarization import NUM_PHASES
from datasets_scripts.simulator.diagnosis import ABNORMAL_ACTIVATION, Diagnosis
from datasets_scripts.simulator.kernels import VentricularActivity, one_kernel
from datasets_scripts.simulator.rhythm import draw_number


class Wall(NamedTuple):
    """A wall of the left ventricle: the direction it faces and its weight on the chest electrodes."""

    direction: np.ndarray
    near: np.ndarray


def draw_wall(rng: np.random.Generator, territory: str) -> Wall:
    """Draw where exactly a named wall faces in this patient."""
    if territory == "anterior":
        return Wall(np.array([0.08, 0.0, -0.90]), precordial_bump(rng.uniform(2.3, 3.8), rng.uniform(0.9, 1.6)))
    if territory == "anteroseptal":
        return Wall(np.array([-0.05, 0.0, -0.95]), precordial_bump(rng.uniform(1.6, 2.6), rng.uniform(0.7, 1.1)))
    if territory == "inferior":
        direction = np.array([rng.uniform(-0.25, 0.25), 1.0, rng.uniform(-0.2, 0.3)])
        return Wall(direction, np.zeros(NUM_INDEPENDENT))
    if territory == "lateral":
        direction = np.array([1.0, rng.uniform(-0.3, 0.1), 0.1])
        return Wall(direction, precordial_bump(rng.uniform(5.4, 6.5), rng.uniform(0.8, 1.2)))
    return Wall(np.array([0.1, 0.1, 0.95]), np.zeros(NUM_INDEPENDENT))  # posterior: faces no chest lead


def _lose_tissue(
    rng: np.random.Generator, activity: VentricularActivity, wall: Wall, *, depth: float, is_inferior: bool
) -> None:
    """Take away the early forces towards a dead wall and let the opposite wall show as a Q wave."""
    loss = min(depth * rng.uniform(0.6, 1.0), 1.15)
    weights = activity.dipole.weights.copy()
    phases = min(NUM_PHASES - 1, len(weights))
    along = weights[:phases] @ wall.direction / (wall.direction @ wall.direction)
    share = np.where(activity.dipole.centres[:phases] < 38, 0.95, 0.65 if is_inferior else 0.50)
    lost = np.minimum(loss * share, 1.0) * np.maximum(along, 0.0)
    weights[:phases] -= lost[:, None] * wall.direction
    q_wave = one_kernel(
        -wall.direction * depth * rng.uniform(0.25, 0.60),
        rng.uniform(20, 34) * activity.time_scale,
        rng.uniform(9, 13),
        rng.uniform(9, 13),
    )
    activity.dipole = activity.dipole._replace(weights=weights).joined(q_wave)
    near = one_kernel(
        -wall.near * depth * rng.uniform(0.25, 0.70),
        rng.uniform(24, 38) * activity.time_scale,
        rng.uniform(9, 13),
        rng.uniform(10, 15),
    )
    activity.near_field = activity.near_field.joined(near)


def _infarct(rng: np.random.Generator, activity: VentricularActivity, diagnosis: Diagnosis) -> None:
    """Q waves and loss of R over the wall; injury current (ST) when acute; T away from the wall later."""
    is_acute = diagnosis.repolarization == "acute infarction"
    named = diagnosis.territories[0]
    low, high = (0.0, 0.8) if is_acute else (0.45, 1.4)
    depth = rng.uniform(low, high)
    injury_mv = rng.uniform(0.13, 0.34) if is_acute else max(0.0, rng.normal(0.02, 0.04))
    t_mv = rng.uniform(-0.35, 0.40) if is_acute else rng.uniform(-0.40, 0.20)
    activity.t_vector = activity.t_vector * [rng.uniform(0.1, 1.0), rng.uniform(0.3, 1.0), 1.0]
    for territory in diagnosis.territories:
        wall = draw_wall(rng, territory)
        _lose_tissue(rng, activity, wall, depth=depth, is_inferior=territory == "inferior")
        activity.st_vector = activity.st_vector + wall.direction * injury_mv
        activity.st_near = activity.st_near + wall.near * injury_mv * 0.8
        activity.t_vector = activity.t_vector * (1.0 if t_mv > 0 else 0.6) + wall.direction * t_mv * 0.7
        activity.t_near = activity.t_near + wall.near * t_mv * 0.7
    if named in ("anterior", "anteroseptal") and rng.random() < 0.3:
        activity.biphasic_near = -0.12 * precordial_bump(3, 1.2)


def _ischemia(rng: np.random.Generator, activity: VentricularActivity, diagnosis: Diagnosis) -> None:
    """ST depression (subendocardial), T inversion, or both, over the walls of the diagnosis."""
    kind = rng.random()
    has_st_depression, has_t_inversion = kind < 0.65, kind > 0.30
    severity = rng.uniform(0.7, 1.6)
    for territory in diagnosis.territories:
        wall = draw_wall(rng, territory)
        if has_st_depression:
            activity.st_vector = activity.st_vector - wall.direction * 0.09 * severity
            activity.st_near = activity.st_near - wall.near * 0.07 * severity
            activity.t_vector = activity.t_vector * rng.uniform(0.2, 0.8)
        if has_t_inversion:
            activity.t_vector = activity.t_vector * 0.5 - wall.direction * 0.24 * severity
            activity.t_near = activity.t_near - wall.near * 0.25 * severity
    if diagnosis.territories[0] == "anterior" and rng.random() < 0.3:
        activity.biphasic_near = -0.12 * precordial_bump(3, 1.2)


def _nonspecific_t_change(rng: np.random.Generator, activity: VentricularActivity) -> None:
    """Flat T waves, or T waves inverted by less than a millimetre."""
    share = rng.uniform(-0.25, 0.30)
    flattening = [share, share * rng.uniform(0.5, 1.5), rng.uniform(0.25, 0.95)]
    activity.t_vector = activity.t_vector * flattening + rng.normal(0, 0.02, 3)


def _nonspecific_st_change(rng: np.random.Generator, activity: VentricularActivity) -> None:
    """ST slightly below the line with low T waves."""
    activity.st_vector = activity.st_vector - np.array([0.040, 0.035, 0.010]) * rng.uniform(0.9, 1.8)
    activity.t_vector = activity.t_vector * rng.uniform(0.3, 0.7)


def _early_repolarization(rng: np.random.Generator, activity: VentricularActivity) -> None:
    """Raised J point, tall T waves and often a notch at the end of QRS."""
    size = rng.uniform(0.5, 1.2)
    activity.st_vector = activity.st_vector + np.array([0.05, 0.05, -0.09]) * size
    activity.t_vector = activity.t_vector * rng.uniform(1.2, 1.9)
    notch = np.array([0.12, 0.12, -0.03]) * size * rng.uniform(0.3, 1.5)
    activity.dipole = activity.dipole.joined(one_kernel(notch, activity.qrs_duration_ms - 6, 7, 8))


def _digitalis(rng: np.random.Generator, activity: VentricularActivity) -> None:
    """Sagging ST depression with low or inverted T waves and a short QT."""
    activity.st_vector = activity.st_vector + np.array([-0.08, -0.07, 0.0]) * rng.uniform(0.7, 1.3)
    activity.t_vector = activity.t_vector * rng.uniform(-0.2, 0.5)


_PATTERNS = {
    "nonspecific t change": _nonspecific_t_change,
    "nonspecific st change": _nonspecific_st_change,
    "early repolarization": _early_repolarization,
    "digitalis effect": _digitalis,
}


def _add_normal_variety(rng: np.random.Generator, activity: VentricularActivity, diagnosis: Diagnosis) -> None:
    """Lead V1's own T wave, and the lower T waves of most people who are not healthy."""
    near = np.zeros(NUM_INDEPENDENT)
    near[2] -= rng.uniform(0, 0.10)
    near[3] += rng.uniform(-0.02, 0.06)
    if "right bundle" in diagnosis.conduction or diagnosis.conduction == "bifascicular block":
        near[2] -= rng.uniform(0.02, 0.16)
    activity.t_near = activity.t_near + near
    if not diagnosis.is_healthy and diagnosis.conduction not in ABNORMAL_ACTIVATION:
        fast = diagnosis.rhythm in ("sinus tachycardia", "supraventricular tachycardia", "atrial fibrillation")
        loss = float(np.clip(abs(rng.normal(0, 0.25)) + (0.15 if fast else 0.0), 0, 0.7))
        activity.t_vector = activity.t_vector * [
            1 - loss,
            1 - loss * rng.uniform(0.5, 1),
            1 - loss * rng.uniform(0, 0.6),
        ]


def repolarize(rng: np.random.Generator, activity: VentricularActivity, diagnosis: Diagnosis) -> None:
    """Work the diagnosis' ST-T pattern into a beat, in place.

    Args:
        rng (`np.random.Generator`):
            Source of everything the diagnosis leaves open.
        activity (`VentricularActivity`):
            The beat as `activate` returned it.
        diagnosis (`Diagnosis`):
            Its repolarisation and territories are used.
    """
    _add_normal_variety(rng, activity, diagnosis)
    if diagnosis.repolarization.endswith("infarction"):
        _infarct(rng, activity, diagnosis)
    elif diagnosis.repolarization == "ischemia":
        _ischemia(rng, activity, diagnosis)
    elif diagnosis.repolarization in _PATTERNS:
        _PATTERNS[diagnosis.repolarization](rng, activity)


def draw_qt_ms(
    rng: np.random.Generator, diagnosis: Diagnosis, *, rr_s: float, qrs_duration_ms: float, sex: str
) -> float:
    """Draw the QT interval for a heart rate and a QRS duration, in milliseconds from QRS onset."""
    corrected = draw_number(rng, priors.QTC_MS)
    if sex == "female":
        corrected += priors.QTC_FEMALE_EXTRA_MS
    if diagnosis.repolarization == "prolonged qt interval":
        corrected = rng.uniform(*priors.PROLONGED_QTC_MS)
    if diagnosis.repolarization == "digitalis effect":
        corrected -= rng.uniform(*priors.DIGITALIS_QTC_SHORTENING_MS)
    widening = max(qrs_duration_ms - priors.NORMAL_QRS_MS, 0.0) * priors.QT_PER_QRS
    return corrected * float(np.clip(rr_s, 0.3, 1.5)) ** priors.QT_RATE_EXPONENT + widening
