"""What is on the paper but not from the heart: muscle, breathing, mains and moving electrodes. All in millivolts."""

from functools import lru_cache

import numpy as np
from scipy.special import ndtri

from datasets_scripts.simulator.body import NUM_INDEPENDENT
from datasets_scripts.simulator.rhythm import STRIP_DURATION_S


MUSCLE_SD_MV = 0.012
WANDER_SD_MV = 0.10
WANDER_LIMIT_MV = 0.35
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
    level = np.exp(np.clip(rng.normal(0, 0.7), -2, 1.1))
    noise = _draw_muscle(rng, num_samples)
    noise[:, 1:] -= np.float32(rng.uniform(-0.6, 0.6)) * noise[:, :-1]  # colours the muscle noise
    noise *= (MUSCLE_SD_MV * level * np.exp(rng.normal(0, 0.4, (NUM_INDEPENDENT, 1)))).astype(np.float32)
    if rng.random() < BURST_PROBABILITY:
        centre, width, size = rng.uniform(0, STRIP_DURATION_S), rng.uniform(0.3, 2), rng.uniform(1, 3)
        noise *= 1 + np.float32(size) * np.exp(-0.5 * ((times - np.float32(centre)) / np.float32(width)) ** 2)
    noise += _wander(rng, num_samples)
    if rng.random() < MAINS_PROBABILITY:
        frequency = MAINS_FREQUENCIES_HZ[int(rng.integers(2))]
        sizes = np.abs(rng.normal(0, MAINS_SD_MV, NUM_INDEPENDENT)).astype(np.float32)
        noise += sizes[:, None] * np.sin(np.float32(2 * np.pi * frequency) * times + np.float32(rng.uniform(0, 6.3)))
    if rng.random() < ELECTRODE_MOTION_PROBABILITY:
        _move_electrode(rng, noise, times)
    noise *= np.float32(scale)
    return noise


@lru_cache(maxsize=1)
def _normal_quantiles() -> np.ndarray:
    """The standard normal distribution in equally probable steps; shape `(65536,)`, from -4.3 to 4.3."""
    return ndtri((np.arange(NUM_QUANTILES) + 0.5) / NUM_QUANTILES).astype(np.float32)


def _draw_muscle(rng: np.random.Generator, num_samples: int) -> np.ndarray:
    """White noise of all leads with a standard deviation of 1; shape `(8, num_samples)`.

    Looked up by random numbers of two bytes, which takes a fifth of the time of `standard_normal`.
    """
    num_words = -(-NUM_INDEPENDENT * num_samples // NUMBERS_PER_WORD)
    words = rng.integers(1 << 64, size=num_words, dtype=np.uint64)
    numbers = words.view(np.uint16)[: NUM_INDEPENDENT * num_samples]
    return _normal_quantiles().take(numbers).reshape(NUM_INDEPENDENT, num_samples)


@lru_cache(maxsize=16)
def _knot_weights(num_knots: int, num_samples: int) -> np.ndarray:
    """How far each knot, equally spaced over the strip, determines each sample; `(num_knots, num_samples)`."""
    place = np.linspace(0, num_knots - 1, num_samples, endpoint=False)
    distance = np.abs(place[None] - np.arange(num_knots)[:, None])
    weights = np.where(distance < 1, 0.5 + 0.5 * np.cos(np.pi * distance), 0.0)  # no corners at the knots
    return weights.astype(np.float32)


def _wander(rng: np.random.Generator, num_samples: int) -> np.ndarray:
    """Slow baseline wander, smooth through random knots about one second apart; shape `(8, num_samples)`."""
    num_knots = int(STRIP_DURATION_S * rng.uniform(0.5, 1.4)) + 3
    level = min(WANDER_SD_MV * np.exp(rng.normal(-0.3, 0.8)), WANDER_LIMIT_MV)
    heights = rng.normal(0, level, (NUM_INDEPENDENT, num_knots)).astype(np.float32)
    return heights @ _knot_weights(num_knots, num_samples)


def _move_electrode(rng: np.random.Generator, noise: np.ndarray, times: np.ndarray) -> None:
    """A step in one lead that decays as the skin potential settles, in place."""
    lead, start = int(rng.integers(NUM_INDEPENDENT)), int(rng.integers(0, len(times) - 50))
    decay = np.exp(-(times[start:] - times[start]) / np.float32(rng.uniform(0.1, 1.5)))
    noise[lead, start:] += np.float32(np.clip(rng.normal(0, ELECTRODE_MOTION_SD_MV), -2, 2)) * decay
