"""What is on the paper but not from the heart: muscle, breathing, mains and moving electrodes. All in millivolts.

Noise arises at the nine electrodes, and the leads see differences between them: a trembling arm is seen in I, aVR and
aVL far more than in the chest leads.
"""

import math
from functools import lru_cache

import numpy as np
from scipy.special import ndtri

from datasets_scripts.schema import SAMPLING_RATE
from datasets_scripts.simulator.patient.body import NUM_INDEPENDENT, NUM_PRECORDIAL
from datasets_scripts.simulator.population.chance import limit
from datasets_scripts.simulator.rhythm.timeline import STRIP_DURATION_S

from .recursion import recur


NUM_LIMB_ELECTRODES = 3  # right arm, left arm, left leg; the chest electrodes follow
NUM_ELECTRODES = NUM_LIMB_ELECTRODES + NUM_PRECORDIAL
# Levels and spectra by eye, in the quiet parts of strips of six corpora (PTB-XL ids 1-500, Georgia, Chapman-Shaoxing-
# Ningbo, CPSC2018, SPH, CODE-15 %): medians of 2 to 12 uV from 25 to 100 Hz, half of that above, falling by 20 dB per
# decade; lead I twice as noisy as the chest leads.
MUSCLE_SD_MV = 0.0055
MUSCLE_LOG_SD = 0.75
MUSCLE_CORNER_HZ = (12.0, 60.0)  # from here on the muscle noise falls
ARM_NOISE_FACTOR = 1.9
ELECTRODE_LOG_SD = 0.35
WANDER_SD_MV = 0.05
WANDER_LOG_SD = 0.8
WANDER_ELECTRODE_LOG_SD = 0.9
WANDER_LIMIT_MV = 0.4
MAINS_SD_MV = 0.012
MAINS_PROBABILITY = 0.3
MAINS_FREQUENCIES_HZ = (50, 60)
BURST_PROBABILITY = 0.2
ELECTRODE_MOTION_PROBABILITY = 0.12
ELECTRODE_MOTION_SD_MV = 0.6
NUM_QUANTILES = 1 << 16  # one for each number of two bytes
NUMBERS_PER_WORD = 4  # numbers of two bytes in 64 random bits


def draw_noise(rng: np.random.Generator, num_samples: int, scale: float) -> np.ndarray:
    """Draw the noise of one recording in the independent leads.

    Args:
        rng (`np.random.Generator`):
            Source of the noise.
        num_samples (`int`):
            Length of the strip of 10 s.
        scale (`float`):
            Multiplies everything; 1 for the noise of a ward, 0 for none.

    Returns:
        `np.ndarray` of shape `(8, num_samples)`: Millivolts, `float32`.
    """
    times = np.arange(num_samples, dtype=np.float32) * np.float32(STRIP_DURATION_S / num_samples)
    noise = _draw_muscle(rng, num_samples)
    if rng.random() < BURST_PROBABILITY:
        centre, width, size = rng.uniform(0, STRIP_DURATION_S), rng.uniform(0.3, 2), rng.uniform(1, 3)
        noise *= 1 + np.float32(size) * np.exp(-0.5 * ((times - np.float32(centre)) / np.float32(width)) ** 2)
    noise += _wander(rng, num_samples)
    if rng.random() < MAINS_PROBABILITY:
        frequency = MAINS_FREQUENCIES_HZ[int(rng.integers(2))]
        sizes = np.abs(rng.normal(0, MAINS_SD_MV, NUM_ELECTRODES)).astype(np.float32)
        noise += sizes[:, None] * np.sin(np.float32(2 * np.pi * frequency) * times + np.float32(rng.uniform(0, 6.3)))
    if rng.random() < ELECTRODE_MOTION_PROBABILITY:
        _move_electrode(rng, noise, times)
    return (_lead_matrix() * np.float32(scale)) @ noise


@lru_cache(maxsize=1)
def _lead_matrix() -> np.ndarray:
    """Independent leads from the electrodes, after Einthoven and Wilson; shape `(8, 9)`."""
    matrix = np.zeros((NUM_INDEPENDENT, NUM_ELECTRODES), dtype=np.float32)
    matrix[0, :NUM_LIMB_ELECTRODES] = [-1, 1, 0]
    matrix[1, :NUM_LIMB_ELECTRODES] = [-1, 0, 1]
    matrix[2:, :NUM_LIMB_ELECTRODES] = -1 / NUM_LIMB_ELECTRODES  # Wilson's central terminal
    matrix[2:, NUM_LIMB_ELECTRODES:] = np.eye(NUM_PRECORDIAL)
    return matrix


@lru_cache(maxsize=1)
def _normal_quantiles() -> np.ndarray:
    """The standard normal distribution in equally probable steps; shape `(65536,)`, from -4.3 to 4.3."""
    return ndtri((np.arange(NUM_QUANTILES) + 0.5) / NUM_QUANTILES).astype(np.float32)


def _draw_normal(rng: np.random.Generator, num_columns: int) -> np.ndarray:
    """Normal numbers for all electrodes with a standard deviation of 1; shape `(9, num_columns)`.

    Looked up by random numbers of two bytes, which takes less time than `standard_normal`.
    """
    num_words = -(-NUM_ELECTRODES * num_columns // NUMBERS_PER_WORD)
    words = rng.integers(1 << 64, size=num_words, dtype=np.uint64)
    numbers = words.view(np.uint16)[: NUM_ELECTRODES * num_columns]
    return _normal_quantiles().take(numbers).reshape(NUM_ELECTRODES, num_columns)


def _draw_muscle(rng: np.random.Generator, num_samples: int) -> np.ndarray:
    """Muscle noise of all electrodes, strongest at the arms; shape `(9, num_samples)`, millivolts."""
    level = MUSCLE_SD_MV * math.exp(limit(rng.normal(0, MUSCLE_LOG_SD), -2, 1.5))
    levels = level * np.exp(rng.normal(0, ELECTRODE_LOG_SD, (NUM_ELECTRODES, 1)))
    levels[: NUM_LIMB_ELECTRODES - 1] *= ARM_NOISE_FACTOR
    pole = math.exp(-2 * math.pi * rng.uniform(*MUSCLE_CORNER_HZ) / SAMPLING_RATE)
    usual = math.sqrt(1 - pole**2)  # makes the standard deviation over time 1
    noise = _draw_normal(rng, num_samples)
    noise[:, 0] /= usual  # as if it had gone on before
    recur(noise, pole)
    noise *= (usual * levels).astype(np.float32)
    return noise


@lru_cache(maxsize=16)
def _knot_weights(num_knots: int, num_samples: int) -> np.ndarray:
    """How far each knot, equally spaced over the strip, determines each sample; `(num_knots, num_samples)`."""
    place = np.linspace(0, num_knots - 1, num_samples, endpoint=False)
    distance = np.abs(place[None] - np.arange(num_knots)[:, None])
    weights = np.where(distance < 1, 0.5 + 0.5 * np.cos(np.pi * distance), 0.0)  # no corners at the knots
    return weights.astype(np.float32)


def _wander(rng: np.random.Generator, num_samples: int) -> np.ndarray:
    """Slow baseline wander, smooth through random knots one to three seconds apart; shape `(9, num_samples)`."""
    num_knots = int(STRIP_DURATION_S * rng.uniform(0.3, 1.1)) + 3
    level = WANDER_SD_MV * np.exp(rng.normal(-0.5, WANDER_LOG_SD))
    levels = np.minimum(level * np.exp(rng.normal(0, WANDER_ELECTRODE_LOG_SD, (NUM_ELECTRODES, 1))), WANDER_LIMIT_MV)
    heights = (levels * rng.standard_normal((NUM_ELECTRODES, num_knots))).astype(np.float32)
    return heights @ _knot_weights(num_knots, num_samples)


def _move_electrode(rng: np.random.Generator, noise: np.ndarray, times: np.ndarray) -> None:
    """A step at one electrode that decays as the skin potential settles, in place."""
    electrode, start = int(rng.integers(NUM_ELECTRODES)), int(rng.integers(0, len(times) - 50))
    decay = np.exp(-(times[start:] - times[start]) / np.float32(rng.uniform(0.1, 1.5)))
    noise[electrode, start:] += np.float32(limit(rng.normal(0, ELECTRODE_MOTION_SD_MV), -2, 2)) * decay
