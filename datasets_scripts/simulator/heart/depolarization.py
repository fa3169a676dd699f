"""The QRS complex: five phases of activation, and what a block, a thick wall or an accessory pathway does to them.

Vectors are millivolts along (x left, y feet, z back); times are milliseconds after QRS onset in a heart of average
size. Phases by eye, so that their sum is the mean vector loop of normal beats (PTB-XL ids 1-500, Dower's matrix
inverted). Criteria: Surawicz et al. 2009, J Am Coll Cardiol 53:976 (conduction); Hancock et al. 2009, ibid. 53:992
(hypertrophy). Amplitudes: feasibility study of this corpus, see `priors`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from datasets_scripts.simulator.patient.body import NUM_INDEPENDENT, USUAL_T_VECTOR, precordial_bump
from datasets_scripts.simulator.patient.diagnosis import Diagnosis
from datasets_scripts.simulator.population import priors
from datasets_scripts.simulator.population.chance import limit

from .kernels import Kernels, VentricularActivity, no_kernels, one_kernel


SEPTAL, EARLY, MAIN, LATE, TERMINAL = range(5)
NUM_PHASES = 5
PHASE_CENTRES_MS = np.array([14.0, 27.0, 39.0, 53.0, 66.0])
PHASE_WIDTHS_MS = np.array([5.5, 7.0, 7.0, 7.5, 6.5])

# Variety between hearts: shares of the size of a vector, of its time and of its width.
VECTOR_JITTER = 0.25
DIRECTION_JITTER = 0.08
TIME_JITTER = 0.04
WIDTH_JITTER = 0.10
NOTCH_SD_MV = 0.09
HEALTHY_NOTCH_SD_MV = 0.05  # neither scars nor fibrosis
NEAR_FIELD_SD_MV = 0.07


@dataclass
class Draft:
    """A QRS complex while its diagnoses are still being worked in.

    Attributes:
        phases (`np.ndarray` of shape `(5, 3)`): Vectors of the phases, in millivolts.
        time_scale (`float`): Duration of activation relative to the average heart.
        st_vector, t_vector (`np.ndarray` of shape `(3,)`): Repolarisation that goes with this activation, millivolts.
        extra (`Kernels` with weights of shape `(num_kernels, 3)`): Activation outside the five phases.
        near_field (`Kernels` with weights of shape `(num_kernels, 8)`): Activation seen by near electrodes only.
        duration_ms (`float` or `None`): Fixed by a diagnosis; otherwise the average times `time_scale`.
        delay_ms (`float`): Activation through the normal pathways starts this long after QRS onset.
        variety (`float`): How much hearts with the same diagnosis differ; 0: only as far as it leaves open.
        strain (`float`): How far ST and T go against the QRS because the wall is thick.
    """

    phases: np.ndarray
    time_scale: float
    st_vector: np.ndarray
    t_vector: np.ndarray
    extra: Kernels
    near_field: Kernels
    duration_ms: float | None = None
    delay_ms: float = 0.0
    variety: float = 1.0
    strain: float = 0.0


def draw_normal(rng: np.random.Generator, *, is_healthy: bool = True, variety: float = 1.0) -> Draft:
    """Draw the activation and the repolarisation of a heart without block or thick walls."""
    # R wave progression: how far the early forces point to the front.
    progression = limit(rng.normal(1, 0.35 * variety), 0.75 if is_healthy else 0.2, 1.8)
    phases = np.array(
        [
            [-0.12 * progression, -0.06, -0.14 * progression],
            [0.48, 0.26, -0.32 * progression],
            [1.22, 0.74, 0.48],
            [-0.02, 0.14, 0.84],
            [-0.10, -0.03, 0.20],
        ]
    )
    spread = 0.7 if is_healthy else 1.0
    t_vector = USUAL_T_VECTOR * np.exp(rng.normal(0, 0.25 * spread))
    t_vector = t_vector + rng.normal(0, 0.04 * spread, 3)
    t_vector[2] += rng.normal(0, 0.05 * spread)
    return Draft(
        phases=phases,
        time_scale=float(np.exp(rng.normal(0, 0.05)) * rng.uniform(0.94, 1.06)),
        st_vector=np.array([0.012, 0.012, -0.045]) * rng.uniform(-0.2, 1.8),
        t_vector=t_vector,
        extra=no_kernels(3),
        near_field=no_kernels(NUM_INDEPENDENT),
        variety=variety,
    )


def _add(rng: np.random.Generator, draft: Draft, vector: np.ndarray, centre_ms: float, width_ms: float) -> None:
    """Add activation outside the five phases; its time is given as it will be on the paper."""
    size = float(np.linalg.norm(vector))
    vector = vector * (1 + draft.variety * rng.normal(0, VECTOR_JITTER))
    vector = vector + draft.variety * rng.normal(0, DIRECTION_JITTER, 3) * size
    draft.extra = draft.extra.joined(one_kernel(vector, centre_ms, width_ms))


def _left_anterior_fascicular_block(rng: np.random.Generator, draft: Draft) -> None:
    """Activation starts downwards and turns late to the upper left: qR in aVL, rS in II, III and aVF."""
    size = rng.uniform(0.75, 1.35)
    draft.phases = np.array(
        [
            [-0.12, 0.32 * size, -0.20],
            [0.55, 0.05, -0.30],
            [1.00, -0.55 * size, 0.45],
            [0.15, -0.75 * size, 0.45],
            [-0.05, -0.35 * size, 0.15],
        ]
    )
    draft.time_scale *= 1.06


def _left_posterior_fascicular_block(rng: np.random.Generator, draft: Draft) -> None:
    """Activation starts to the upper left and turns late downwards: rS in I and aVL, qR in III."""
    size = rng.uniform(0.8, 1.3)
    draft.phases = np.array(
        [
            [0.20, -0.25 * size, -0.20],
            [0.15, 0.35, -0.30],
            [-0.15 * size, 1.15 * size, 0.45],
            [-0.35 * size, 0.60, 0.40],
            [-0.30, 0.30, 0.20],
        ]
    )
    draft.time_scale *= 1.04


def _right_bundle_branch_block(rng: np.random.Generator, draft: Draft) -> None:
    """The right ventricle follows late, to the right and the front: rsR' in V1, broad S in I and V6."""
    size = rng.uniform(0.75, 1.5)
    centre = rng.uniform(88, 108)
    # The late right ventricle opposes the end of the left one: V1 has a small S before R', or none.
    draft.phases[[LATE, TERMINAL], 2] *= [rng.uniform(0.1, 0.8), 0.0]
    _add(rng, draft, np.array([-0.60, -0.08, -0.55]) * size, centre, rng.uniform(14, 20))
    draft.duration_ms = max(centre + rng.uniform(26, 38), 122.0)
    draft.t_vector = np.array([0.26, 0.18, 0.16]) * np.exp(rng.normal(0, 0.25))


def _incomplete_right_bundle_branch_block(rng: np.random.Generator, draft: Draft) -> None:
    """A small late R' in V1 with a QRS under 120 ms."""
    size, centre, width = rng.uniform(0.55, 1.0), rng.uniform(76, 88), rng.uniform(8.0, 11.0)
    draft.phases[[LATE, TERMINAL], 2] *= [rng.uniform(0.6, 1.0), 0.0]
    _add(rng, draft, np.array([-0.42, -0.05, -0.30]) * size, centre, width)
    near = precordial_bump(rng.uniform(0.7, 1.3), 0.5) * rng.uniform(0.2, 0.6) * size
    draft.near_field = draft.near_field.joined(one_kernel(near, centre, width))
    draft.duration_ms = rng.uniform(100, 117)


def _bifascicular_block(rng: np.random.Generator, draft: Draft) -> None:
    """Right bundle branch block with left anterior fascicular block."""
    _left_anterior_fascicular_block(rng, draft)
    _right_bundle_branch_block(rng, draft)


def _left_bundle_branch_block(rng: np.random.Generator, draft: Draft) -> None:
    """Slow activation from right to left and back: broad notched R in I and V6, rS or QS in V1, discordant ST-T."""
    size = rng.uniform(0.75, 1.4)
    draft.phases = np.empty((0, 3))
    _add(rng, draft, np.array([0.20, 0.12, rng.uniform(-0.22, 0.20)]), 22, 9)  # rS or QS in V1
    _add(rng, draft, np.array([0.75, 0.20, 0.95]) * size, rng.uniform(54, 64), 20)
    _add(rng, draft, np.array([0.85, rng.uniform(-0.35, 0.30), 1.00]) * size, rng.uniform(90, 102), 19)
    _add(rng, draft, np.array([0.30, -0.10, 0.35]), rng.uniform(120, 128), 11)
    draft.duration_ms = rng.uniform(140, 168)
    draft.t_vector = np.array([-0.30, -0.06, -0.52]) * size * rng.uniform(0.7, 1.4) + rng.normal(0, 0.05, 3)
    draft.st_vector = np.array([-0.03, 0.0, -0.06]) * size * rng.uniform(0.4, 1.4)


def _incomplete_left_bundle_branch_block(rng: np.random.Generator, draft: Draft) -> None:
    """Septal activation from the right with a QRS of 110 to 119 ms: no q wave in I, V5 and V6."""
    draft.phases[SEPTAL] = [0.12, 0.05, 0.10]
    draft.time_scale = rng.uniform(1.30, 1.39)
    draft.t_vector = draft.t_vector * rng.uniform(0.2, 0.8)


def _intraventricular_conduction_delay(rng: np.random.Generator, draft: Draft) -> None:
    """A wide, slurred complex that fits neither bundle branch."""
    draft.time_scale = rng.uniform(1.38, 1.68)
    for _ in range(2):
        _add(rng, draft, rng.normal(0, 0.35, 3), rng.uniform(40, 95), rng.uniform(9, 16))


def _pre_excitation(rng: np.random.Generator, draft: Draft) -> None:
    """A slow start at the accessory pathway before the normal activation, and a T wave against it."""
    vector = rng.normal(0, 1, 3) * [0.6, 0.6, 0.8] + [0.6, 0.0, -0.1]
    vector /= np.linalg.norm(vector)
    draft.delay_ms = rng.uniform(27, 46)
    # What the pathway has activated already is missing from the complex that follows.
    draft.phases[[SEPTAL, EARLY]] *= 0.3
    draft.phases[[MAIN, LATE]] += vector * rng.uniform(0.1, 0.4)
    _add(rng, draft, vector * rng.uniform(0.40, 0.75), draft.delay_ms + rng.uniform(4, 14), rng.uniform(15, 19))
    draft.duration_ms = priors.NORMAL_QRS_MS * draft.time_scale + draft.delay_ms
    draft.t_vector = draft.t_vector * 0.4 - vector * rng.uniform(0.15, 0.45)


_CONDUCTION: dict[str, Callable[[np.random.Generator, Draft], None]] = {
    "left anterior fascicular block": _left_anterior_fascicular_block,
    "left posterior fascicular block": _left_posterior_fascicular_block,
    "right bundle branch block": _right_bundle_branch_block,
    "incomplete right bundle branch block": _incomplete_right_bundle_branch_block,
    "bifascicular block": _bifascicular_block,
    "left bundle branch block": _left_bundle_branch_block,
    "incomplete left bundle branch block": _incomplete_left_bundle_branch_block,
    "intraventricular conduction delay": _intraventricular_conduction_delay,
    "wolff-parkinson-white pattern": _pre_excitation,
}


def _thicken_left_ventricle(rng: np.random.Generator, draft: Draft) -> None:
    """Larger forces to the left and back; in severe cases strain: ST-T against the QRS in the lateral leads."""
    size = rng.uniform(1.35, 2.2)
    draft.phases[EARLY] *= [1.2, 1.0, 1.0]
    draft.phases[MAIN] = np.array([1.15, draft.phases[MAIN, 1] * 1.1, 0.75]) * size
    draft.phases[LATE] = np.array([0.25, 0.0, 0.75]) * size
    draft.time_scale *= rng.uniform(1.02, 1.14)
    strain = limit((size - 1.4) * 1.4 + rng.normal(0, 0.4), 0, 1.2)
    draft.strain = strain
    if strain > 0.25:
        opposed = np.array([-0.24, -0.07, -0.16]) * strain * rng.uniform(0.8, 1.5)
        draft.t_vector = draft.t_vector * (1 - min(strain, 1.0)) + opposed
        draft.st_vector = draft.st_vector + np.array([-0.09, -0.04, -0.10]) * strain


def _thicken_right_ventricle(rng: np.random.Generator, draft: Draft) -> None:
    """Forces to the right and the front: tall R in V1, deep S in V5 and V6, right axis; often right strain."""
    size = rng.uniform(0.8, 1.5)
    draft.phases[EARLY] = [0.20, 0.40, -0.50]
    draft.phases[MAIN] = [-0.35 * size, 0.70, -0.55 * size]
    draft.phases[LATE] = [-0.60 * size, 0.25, 0.15]
    if rng.random() < 0.7:
        draft.strain = 1.0
        draft.t_vector = np.array([0.22, -0.08, 0.18]) * rng.uniform(0.8, 1.3)
        draft.st_vector = draft.st_vector + np.array([0.02, -0.03, 0.05])


def _thicken_septum(rng: np.random.Generator, draft: Draft) -> None:
    """Large early forces to the right and the front: deep narrow q in the lateral leads, tall R in V1."""
    size = rng.uniform(0.9, 1.4)
    draft.phases[SEPTAL] = np.array([-0.62, -0.12, -0.45]) * size
    draft.phases[EARLY] *= [0.9, 1.0, 1.2]
    draft.phases[MAIN] *= rng.uniform(1.1, 1.4)
    draft.t_vector = draft.t_vector * rng.uniform(-0.3, 0.7)


_HYPERTROPHY = {
    "left ventricular hypertrophy": _thicken_left_ventricle,
    "right ventricular hypertrophy": _thicken_right_ventricle,
    "septal hypertrophy": _thicken_septum,
}


def _phase_kernels(rng: np.random.Generator, draft: Draft) -> Kernels:
    """The phases as kernels, each with the variety of a single heart."""
    size = np.linalg.norm(draft.phases, axis=1, keepdims=True)
    variety = draft.variety
    vectors = draft.phases * (1 + variety * rng.normal(0, VECTOR_JITTER, size.shape))
    vectors = vectors + variety * rng.normal(0, DIRECTION_JITTER, vectors.shape) * size
    count = len(vectors)
    scale = draft.time_scale
    widths = PHASE_WIDTHS_MS[:count] * scale * np.exp(variety * rng.normal(0, WIDTH_JITTER, (2, count)))
    centres = PHASE_CENTRES_MS[:count] * scale * (1 + variety * rng.normal(0, TIME_JITTER, count)) + draft.delay_ms
    return Kernels(vectors, centres, widths[0], widths[1])


def _notches(rng: np.random.Generator, duration_ms: float, sd_mv: float = NOTCH_SD_MV) -> Kernels:
    """One to three small notches, but in the last quarter, where they would hide the end of the complex."""
    count = int(rng.integers(1, 4))
    widths = rng.uniform(3.5, 7, (2, count))
    return Kernels(rng.normal(0, sd_mv, (count, 3)), rng.uniform(10, 0.75 * duration_ms, count), widths[0], widths[1])


def _near_field_variety(rng: np.random.Generator) -> Kernels:
    """Two small deflections that differ from lead to lead as no dipole would."""
    widths = rng.uniform(5, 11, (2, 2))
    centres = rng.uniform(18, 58, 2)
    return Kernels(rng.normal(0, NEAR_FIELD_SD_MV, (2, NUM_INDEPENDENT)), centres, widths[0], widths[1])


def activate(rng: np.random.Generator, diagnosis: Diagnosis, *, variety: float = 1.0) -> VentricularActivity:
    """Draw the ventricular activation of a supraventricular beat, with the repolarisation that follows from it.

    Args:
        rng (`np.random.Generator`):
            Source of everything the diagnosis leaves open.
        diagnosis (`Diagnosis`):
            Its conduction and hypertrophy are used.
        variety (`float`):
            How much hearts with the same diagnosis differ: notches, jitter, parts that no dipole explains.

    Returns:
        `VentricularActivity`: The QRS complex with primary ST and T vectors; `qt_ms` is not set yet.
    """
    draft = draw_normal(rng, is_healthy=diagnosis.is_healthy, variety=variety)
    if diagnosis.hypertrophy in _HYPERTROPHY:
        _HYPERTROPHY[diagnosis.hypertrophy](rng, draft)
    if diagnosis.conduction in _CONDUCTION:
        _CONDUCTION[diagnosis.conduction](rng, draft)
    duration = draft.duration_ms or priors.NORMAL_QRS_MS * draft.time_scale
    dipole = _phase_kernels(rng, draft).joined(draft.extra)
    near_field = draft.near_field
    if variety > 0:
        sd_mv = HEALTHY_NOTCH_SD_MV if diagnosis.is_healthy else NOTCH_SD_MV
        dipole = dipole.joined(_notches(rng, duration, sd_mv))
        near_field = near_field.joined(_near_field_variety(rng))
    return VentricularActivity(
        dipole=dipole,
        near_field=near_field,
        qrs_duration_ms=duration,
        delay_ms=draft.delay_ms,
        st_vector=draft.st_vector,
        t_vector=draft.t_vector,
        time_scale=draft.time_scale,
        strain=draft.strain,
    )


def activate_from_ventricle(rng: np.random.Generator) -> VentricularActivity:
    """Draw a beat that starts in the ventricular wall: wide, in any direction, with ST and T against the QRS."""
    direction, detour = rng.normal(0, 1, 3), rng.normal(0, 1, 3)
    direction /= np.linalg.norm(direction)
    detour /= np.linalg.norm(detour) * 1.5
    size, duration = rng.uniform(0.9, 2.1), rng.uniform(130, 175)
    stretch = duration / 150
    vectors = np.array(
        [
            direction * 0.35 * size + detour * 0.3,
            direction * 0.9 * size + detour * 0.3,
            direction * 0.7 * size - detour * 0.5,
            direction * 0.1 - detour * 0.4,
        ]
    )
    centres = np.array([28, 62, 98, 125]) * stretch
    rises, falls = np.array([12, 15, 15, 11]) * stretch, np.array([14, 17, 17, 13]) * stretch
    return VentricularActivity(
        dipole=Kernels(vectors, centres, rises, falls),
        qrs_duration_ms=duration,
        st_vector=-direction * size * rng.uniform(0.02, 0.09),
        t_vector=-direction * size * rng.uniform(0.25, 0.50),
    )


def activate_from_pacemaker(rng: np.random.Generator, *, is_biventricular: bool = False) -> VentricularActivity:
    """Draw a beat paced from the right ventricle: like left bundle branch block, mostly with a superior axis.

    With both ventricles paced QRS is narrower and points to the right and the front.
    """
    size, tilt = rng.uniform(0.8, 1.4), rng.uniform(-1.1, 0.1)
    duration = rng.uniform(145, 180)
    left = rng.uniform(0.0, 0.8)  # from the apex, activation leaves V5 and V6 too
    net = np.array([left, 0.9 * tilt, 0.9])
    vectors = np.array(
        [
            [0.3 * left, 0.5 * tilt, 0.25],
            [left * size, tilt * size, 0.9 * size],
            [0.8 * left * size, 0.8 * tilt * size, 0.9 * size],
        ]
    )
    if is_biventricular:
        vectors, net, duration = vectors * [-0.6, 1.0, -0.5], net * [-0.6, 1.0, -0.5], rng.uniform(122, 150)
    vectors = vectors * (1 + rng.normal(0, VECTOR_JITTER, (3, 1)))
    widths = np.array([13.0, 18.0, 19.0])
    return VentricularActivity(
        dipole=Kernels(vectors, np.array([30.0, 65.0, 105.0]), widths, widths).joined(_notches(rng, duration)),
        qrs_duration_ms=duration,
        st_vector=-net * rng.uniform(0.02, 0.08),
        t_vector=-net * size * rng.uniform(0.30, 0.55),
    )
