"""ST segment and T wave: infarcts, ischaemia, drugs and the many small changes that have no name.

Walls are directions of the heart vector plus a bump on the chest leads above them. Vectors in millivolts.
Criteria: Thygesen et al. 2018, Circulation 138:e618 (infarction); Rautaharju et al. 2009, J Am Coll Cardiol 53:982
(ST-T, QT); the sizes are our choice.
"""

from typing import NamedTuple

import numpy as np

from datasets_scripts.simulator.patient.body import NUM_INDEPENDENT, precordial_bump
from datasets_scripts.simulator.patient.diagnosis import ABNORMAL_ACTIVATION, INFARCTIONS, Diagnosis
from datasets_scripts.simulator.population import priors
from datasets_scripts.simulator.population.chance import draw_number, limit

from .depolarization import NUM_PHASES
from .kernels import VentricularActivity, one_kernel


ST_DOME_MS = (0.0, 70.0)  # how long after the J point a raised ST of an acute infarct still rises: convex


class Wall(NamedTuple):
    """A wall of the left ventricle: the direction it faces and its weight on the chest electrodes."""

    direction: np.ndarray
    near: np.ndarray


# Walls that the name of a site stands for.
WALLS_OF_SITE = {
    "": ("lateral",),
    "anterior": ("anterior",),
    "anteroseptal": ("anteroseptal",),
    "anterolateral": ("anterior", "lateral"),
    "apical": ("apical",),
    "inferior": ("inferior",),
    "inferolateral": ("inferior", "lateral"),
    "inferoposterior": ("inferior", "posterior"),
    "lateral": ("lateral",),
    "high lateral": ("high lateral",),
    "posterior": ("posterior",),
}


def draw_wall(rng: np.random.Generator, name: str, position: np.ndarray) -> Wall:
    """Draw where exactly a named wall faces in this patient; it is named by its leads, however the heart is turned."""
    wall = _draw_wall_of_chest(rng, name)
    return wall._replace(direction=wall.direction @ position)


def _draw_wall_of_chest(rng: np.random.Generator, name: str) -> Wall:
    """A named wall, its direction in the chest."""
    if name == "anterior":
        return Wall(np.array([0.08, 0.0, -0.90]), precordial_bump(rng.uniform(2.3, 3.8), rng.uniform(0.9, 1.6)))
    if name == "anteroseptal":
        return Wall(np.array([-0.05, 0.0, -0.95]), precordial_bump(rng.uniform(1.6, 2.6), rng.uniform(0.7, 1.1)))
    if name == "apical":
        return Wall(np.array([0.55, 0.30, -0.60]), precordial_bump(rng.uniform(4.0, 4.8), rng.uniform(0.9, 1.3)))
    if name == "inferior":
        direction = np.array([rng.uniform(-0.25, 0.25), 1.0, rng.uniform(-0.2, 0.3)])
        return Wall(direction, np.zeros(NUM_INDEPENDENT))
    if name == "lateral":
        direction = np.array([1.0, rng.uniform(-0.3, 0.1), 0.1])
        return Wall(direction, precordial_bump(rng.uniform(5.4, 6.5), rng.uniform(0.8, 1.2)))
    if name == "high lateral":
        return Wall(np.array([0.80, rng.uniform(-0.70, -0.50), 0.1]), np.zeros(NUM_INDEPENDENT))
    return Wall(np.array([0.1, 0.1, 0.95]), np.zeros(NUM_INDEPENDENT))  # posterior: faces no chest lead


def _lose_tissue(
    rng: np.random.Generator, activity: VentricularActivity, wall: Wall, *, depth: float, is_inferior: bool
) -> None:
    """Take away the early forces towards a dead wall and let the opposite wall show as a Q wave."""
    loss = min(depth * rng.uniform(0.6, 1.0), 1.15)
    weights = activity.dipole.weights.copy()
    phases = min(NUM_PHASES - 1, len(weights))
    along = weights[:phases] @ wall.direction / (wall.direction @ wall.direction)
    share = np.where(activity.dipole.centres[:phases] < 33, 0.95, 0.65 if is_inferior else 0.50)
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


class Infarct(NamedTuple):
    """How much tissue is lost, and the voltages of injury (ST) and of T, along the wall."""

    depth: float
    injury_mv: float
    t_mv: float


def _draw_infarct(rng: np.random.Generator, age: str) -> Infarct:
    """Draw an infarct of an age: ST goes down within days, T turns over, Q stays."""
    if age == "acute infarction":
        return Infarct(rng.uniform(0.0, 0.8), rng.uniform(0.14, 0.36), rng.uniform(-0.15, 0.45))
    if age == "recent infarction":
        return Infarct(rng.uniform(0.45, 1.3), rng.uniform(0.02, 0.10), rng.uniform(-0.50, -0.22))
    return Infarct(rng.uniform(0.60, 1.4), max(0.0, rng.normal(0.015, 0.025)), rng.uniform(-0.30, 0.20))


def _infarct(
    rng: np.random.Generator, activity: VentricularActivity, diagnosis: Diagnosis, position: np.ndarray
) -> None:
    """Q waves and loss of R over the wall; injury current (ST) when acute; T away from the wall later."""
    site = diagnosis.territories[0]
    infarct = _draw_infarct(rng, diagnosis.repolarization)
    activity.t_vector = activity.t_vector * [rng.uniform(0.1, 1.0), rng.uniform(0.3, 1.0), 1.0]
    for name in WALLS_OF_SITE[site]:
        wall = draw_wall(rng, name, position)
        _lose_tissue(rng, activity, wall, depth=infarct.depth, is_inferior=name == "inferior")
        activity.st_vector = activity.st_vector + wall.direction * infarct.injury_mv
        activity.st_near = activity.st_near + wall.near * infarct.injury_mv * 0.8
        activity.st_dome_ms = rng.uniform(*ST_DOME_MS) if diagnosis.repolarization == "acute infarction" else 0.0
        kept = 1.0 if infarct.t_mv > 0 else 0.6
        activity.t_vector = activity.t_vector * kept + wall.direction * infarct.t_mv * 0.7
        activity.t_near = activity.t_near + wall.near * infarct.t_mv * 0.7
    if site in ("anterior", "anteroseptal") and rng.random() < 0.3:
        activity.biphasic_near = -0.12 * precordial_bump(3, 1.2)


def _ischemia(
    rng: np.random.Generator, activity: VentricularActivity, diagnosis: Diagnosis, position: np.ndarray
) -> None:
    """ST depression (subendocardial), T inversion, or both, over the walls of the diagnosis."""
    kind = rng.random()
    has_st_depression, has_t_inversion = kind < 0.65, kind > 0.30
    severity = rng.uniform(0.7, 1.6)
    site = diagnosis.territories[0]
    for name in WALLS_OF_SITE[site]:
        wall = draw_wall(rng, name, position)
        if has_st_depression:
            activity.st_vector = activity.st_vector - wall.direction * 0.09 * severity
            activity.st_near = activity.st_near - wall.near * 0.07 * severity
            activity.t_vector = activity.t_vector * rng.uniform(0.2, 0.8)
        if has_t_inversion:
            activity.t_vector = activity.t_vector * 0.5 - wall.direction * 0.24 * severity
            activity.t_near = activity.t_near - wall.near * 0.25 * severity
    if not site:  # everywhere: the subendocardial layer of the whole ventricle
        activity.st_vector = activity.st_vector - np.array([0.0, 0.05, 0.0]) * severity
        activity.t_vector = activity.t_vector * [1.0, rng.uniform(0.0, 0.6), 0.7]
    if site == "anterior" and rng.random() < 0.3:
        activity.biphasic_near = -0.12 * precordial_bump(3, 1.2)


def _injure(
    rng: np.random.Generator, activity: VentricularActivity, diagnosis: Diagnosis, position: np.ndarray
) -> None:
    """Deep ST depression of subendocardial injury over the walls of the diagnosis."""
    severity_mv = rng.uniform(0.16, 0.32)
    for name in WALLS_OF_SITE[diagnosis.territories[0]]:
        wall = draw_wall(rng, name, position)
        activity.st_vector = activity.st_vector - wall.direction * severity_mv * 0.7
        activity.st_near = activity.st_near - wall.near * severity_mv * 0.6
        activity.t_vector = activity.t_vector * rng.uniform(0.2, 0.8) - wall.direction * rng.uniform(-0.05, 0.20)


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
    size = rng.uniform(0.7, 1.3)
    activity.st_vector = activity.st_vector + np.array([0.05, 0.05, -0.09]) * size
    activity.t_vector = activity.t_vector * rng.uniform(1.2, 1.9)
    notch = np.array([0.12, 0.12, -0.03]) * size * rng.uniform(0.3, 1.5)
    activity.dipole = activity.dipole.joined(one_kernel(notch, activity.qrs_duration_ms - 6, 7, 8))


def _digitalis(rng: np.random.Generator, activity: VentricularActivity) -> None:
    """Sagging ST depression with low or inverted T waves and a short QT."""
    activity.st_vector = activity.st_vector + np.array([-0.08, -0.07, 0.0]) * rng.uniform(0.7, 1.3)
    activity.t_vector = activity.t_vector * rng.uniform(-0.2, 0.5)


def _hyperkalemia(rng: np.random.Generator, activity: VentricularActivity) -> None:
    """Tall, narrow, pointed T waves; QRS widens when severe. Source: Surawicz & Knilans 2008, Chou's ECG, 6th ed."""
    size = rng.uniform(2.4, 3.6)
    length = max(float(np.linalg.norm(activity.t_vector)), 0.30)
    activity.t_vector = np.array([0.75, 0.45, -0.50]) * length * size / 1.3 + rng.normal(0, 0.05, 3)
    activity.t_near = activity.t_near + precordial_bump(rng.uniform(2.5, 3.6), 1.2) * rng.uniform(0.35, 0.7)
    activity.t_width = rng.uniform(0.50, 0.66)
    activity.st_vector = activity.st_vector * 0.5
    activity.qrs_duration_ms *= rng.uniform(1.0, 1.22)


def _hypokalemia(rng: np.random.Generator, activity: VentricularActivity) -> None:
    """Low T, sagging ST and a U wave higher than T. Source: Weaver & Burchell 1960, Circulation 21:505."""
    activity.t_vector = activity.t_vector * rng.uniform(0.10, 0.45)
    activity.t_near = activity.t_near * 0.3
    activity.st_vector = activity.st_vector - np.array([0.07, 0.05, -0.05]) * rng.uniform(0.7, 1.4)
    activity.u_mv = rng.uniform(0.14, 0.32)


def _hypocalcemia(rng: np.random.Generator, activity: VentricularActivity) -> None:
    """A long ST segment before a T wave of usual or small width."""
    activity.t_width = rng.uniform(0.60, 0.80)


def _hypercalcemia(rng: np.random.Generator, activity: VentricularActivity) -> None:
    """T follows QRS at once: hardly any ST segment."""
    activity.t_width = rng.uniform(0.80, 1.0)


def _short_qt(rng: np.random.Generator, activity: VentricularActivity) -> None:
    """Short QT with tall, narrow T waves. Source: Priori et al. 2015, Eur Heart J 36:2793."""
    activity.t_width = rng.uniform(0.65, 0.85)
    activity.t_vector = activity.t_vector * rng.uniform(1.1, 1.7)


def _pericarditis(rng: np.random.Generator, activity: VentricularActivity) -> None:
    """ST elevation in nearly all leads, turned up from below. Source: Imazio & Gaita 2015, Heart 101:1159."""
    size = rng.uniform(0.9, 1.6)
    activity.st_vector = activity.st_vector + np.array([0.14, 0.15, -0.07]) * size
    activity.t_vector = activity.t_vector * rng.uniform(0.8, 1.3) + np.array([0.05, 0.05, -0.03])


def _brugada(rng: np.random.Generator, activity: VentricularActivity) -> None:
    """J point of 0.2 mV or more in V1 and V2 that falls into a negative T. Source: Wilde et al. 2002, EHJ 23:1648."""
    bump = precordial_bump(rng.uniform(1.2, 1.8), rng.uniform(0.45, 0.65))
    height = rng.uniform(0.42, 0.65)
    activity.coved_near = bump * height
    activity.t_near = activity.t_near - bump * rng.uniform(0.25, 0.45)


_PATTERNS = {
    "nonspecific t change": _nonspecific_t_change,
    "nonspecific st change": _nonspecific_st_change,
    "early repolarization": _early_repolarization,
    "digitalis effect": _digitalis,
    "hyperkalemia": _hyperkalemia,
    "hypokalemia": _hypokalemia,
    "hypercalcemia": _hypercalcemia,
    "hypocalcemia": _hypocalcemia,
    "short qt interval": _short_qt,
    "acute pericarditis": _pericarditis,
    "brugada pattern": _brugada,
}


def _add_normal_variety(rng: np.random.Generator, activity: VentricularActivity, diagnosis: Diagnosis) -> None:
    """The T waves of V1 and V2 next to the heart, and the lower T waves of most people who are not healthy."""
    near = np.zeros(NUM_INDEPENDENT)
    near[2] -= rng.uniform(0, 0.10)
    near[3] += rng.uniform(0, 0.24)
    near[5] -= rng.uniform(0, 0.12)
    if "right bundle" in diagnosis.conduction or diagnosis.conduction == "bifascicular block":
        near[2] -= rng.uniform(0.02, 0.16)
    activity.t_near = activity.t_near + near
    # ST rises from the J point on in V1 and V2: by eye, mean beats of PTB-XL ids 1-500.
    st_near = np.zeros(NUM_INDEPENDENT)
    st_near[2:4] = rng.uniform(0, 0.05), rng.uniform(0, 0.09)
    activity.st_near = activity.st_near + st_near
    if not diagnosis.is_healthy and diagnosis.conduction not in ABNORMAL_ACTIVATION:
        fast = diagnosis.rhythm in ("sinus tachycardia", "supraventricular tachycardia", "atrial fibrillation")
        loss = min(abs(rng.normal(0, 0.25)) + (0.15 if fast else 0.0), 0.7)
        activity.t_vector = activity.t_vector * [
            1 - loss,
            1 - loss * rng.uniform(0.5, 1),
            1 - loss * rng.uniform(0, 0.6),
        ]


def repolarize(
    rng: np.random.Generator, activity: VentricularActivity, diagnosis: Diagnosis, position: np.ndarray
) -> None:
    """Work the diagnosis' ST-T pattern into a beat, in place.

    Args:
        rng (`np.random.Generator`):
            Source of everything the diagnosis leaves open.
        activity (`VentricularActivity`):
            The beat as `activate` returned it.
        diagnosis (`Diagnosis`):
            Its repolarisation and territories are used.
        position (`np.ndarray` of shape `(3, 3)`):
            Rotation of the heart in the chest.
    """
    _add_normal_variety(rng, activity, diagnosis)
    if diagnosis.repolarization in INFARCTIONS:
        _infarct(rng, activity, diagnosis, position)
    elif diagnosis.repolarization == "ischemia":
        _ischemia(rng, activity, diagnosis, position)
    elif diagnosis.repolarization == "injury":
        _injure(rng, activity, diagnosis, position)
    elif diagnosis.repolarization in _PATTERNS:
        _PATTERNS[diagnosis.repolarization](rng, activity)


QTC_OF_PATTERN = {
    "prolonged qt interval": priors.PROLONGED_QTC_MS,
    "short qt interval": priors.SHORT_QTC_MS,
    "hypercalcemia": priors.HYPERCALCEMIA_QTC_MS,
    "hypocalcemia": priors.HYPOCALCEMIA_QTC_MS,
    "hypokalemia": priors.HYPOKALEMIA_QTC_MS,
}


def draw_qt_ms(
    rng: np.random.Generator, diagnosis: Diagnosis, *, rr_s: float, qrs_duration_ms: float, sex: str
) -> float:
    """Draw the QT interval for a heart rate and a QRS duration, in milliseconds from QRS onset."""
    corrected = draw_number(rng, priors.QTC_MS)
    if sex == "female":
        corrected += priors.QTC_FEMALE_EXTRA_MS
    if diagnosis.repolarization in QTC_OF_PATTERN:
        corrected = draw_number(rng, QTC_OF_PATTERN[diagnosis.repolarization])
    if diagnosis.repolarization == "digitalis effect":
        corrected -= draw_number(rng, priors.DIGITALIS_QTC_SHORTENING_MS)
    widening = max(qrs_duration_ms - priors.NORMAL_QRS_MS, 0.0) * priors.QT_PER_QRS
    return corrected * limit(rr_s, *priors.QT_RR_LIMITS_S) ** priors.QT_RATE_EXPONENT + widening
