"""What the cart does to the voltages: filters, loose electrodes, limits of the amplifier, steps of the converter.

All of it acts on the independent leads, so that Einthoven's and Goldberger's identities hold afterwards too, as they
do in a cart that records eight channels and computes the other four leads.
"""

import math

import numpy as np

from datasets_scripts.schema import MICROVOLTS_PER_MILLIVOLT, SAMPLING_RATE
from datasets_scripts.simulator.patient.body import limb_lead_matrix
from datasets_scripts.simulator.population import priors
from datasets_scripts.simulator.population.chance import pick

from .recursion import recur


# Independent leads that lose their signal when an electrode comes off: a limb electrode takes part in I or II or both.
LEADS_OF_ELECTRODE = {"RA": (0, 1), "LA": (0,), "LL": (1,), **{f"V{n}": (n + 1,) for n in range(1, 7)}}
LOOSE_NOISE_SD_MV = 0.02
LOOSE_MAINS_MV = 0.05


def apply_filter(leads: np.ndarray, kind: str, corner_hz: float) -> np.ndarray:
    """Filter as carts do, with one pole, forwards in time, starting as if the first voltage had always been there.

    Args:
        leads (`np.ndarray` of shape `(8, num_samples)`):
            Millivolts.
        kind (`str`):
            `"high"` or `"low"`: what passes.
        corner_hz (`float`):
            Frequency at which the amplitude is reduced by 3 dB, in hertz.

    Returns:
        `np.ndarray` of the same shape: Millivolts.
    """
    slope = math.tan(math.pi * corner_hz / SAMPLING_RATE)
    filtered = leads - leads[:, :1]
    if kind == "high":
        filtered[:, 1:] -= filtered[:, :-1]
        filtered *= np.float32(1 / (1 + slope))
    else:
        filtered[:, 1:] += filtered[:, :-1]
        filtered *= np.float32(slope / (1 + slope))
    recur(filtered, (1 - slope) / (1 + slope))
    return filtered if kind == "high" else filtered + leads[:, :1]


def _loosen_electrode(rng: np.random.Generator, leads: np.ndarray) -> None:
    """Lose the signal of one electrode for a part of the strip or all of it, in place."""
    names = tuple(LEADS_OF_ELECTRODE)
    rows = list(LEADS_OF_ELECTRODE[names[int(rng.integers(len(names)))]])
    num_samples = leads.shape[1]
    start = 0 if rng.random() < 0.5 else int(rng.integers(num_samples // 4, 3 * num_samples // 4))
    stop = num_samples if rng.random() < 0.6 else int(rng.integers(start + 1, num_samples + 1))
    times = np.arange(start, stop, dtype=np.float32) / SAMPLING_RATE
    mains = LOOSE_MAINS_MV * rng.uniform(0, 1) * np.sin(2 * np.pi * 50 * times)
    leads[rows, start:stop] = mains + rng.normal(0, LOOSE_NOISE_SD_MV * rng.uniform(0, 1), (len(rows), stop - start))


def acquire(rng: np.random.Generator, leads: np.ndarray, *, scale: float) -> np.ndarray:
    """Pass the voltages at the electrodes through a cart.

    Args:
        rng (`np.random.Generator`):
            Source of the cart's make and of what goes wrong.
        leads (`np.ndarray` of shape `(8, num_samples)`):
            Millivolts, with their noise.
        scale (`float`):
            0 gives an ideal cart; otherwise as in `noise.draw_noise`.

    Returns:
        `np.ndarray` of shape `(8, num_samples)`: Millivolts.
    """
    if scale == 0:
        return leads
    low_pass_hz, high_pass_hz = pick(rng, priors.LOW_PASS_WEIGHTS_HZ), pick(rng, priors.HIGH_PASS_WEIGHTS_HZ)
    step_mv, limit_mv = pick(rng, priors.CONVERTER_STEP_WEIGHTS_MV), pick(rng, priors.AMPLIFIER_LIMIT_WEIGHTS_MV)
    if low_pass_hz:
        leads = apply_filter(leads, "low", low_pass_hz)
    if high_pass_hz:
        leads = apply_filter(leads, "high", high_pass_hz)
    if rng.random() < priors.LOOSE_ELECTRODE_PROBABILITY:
        _loosen_electrode(rng, leads)
    if leads.max() > limit_mv or leads.min() < -limit_mv:
        leads = np.clip(leads, -limit_mv, limit_mv)
    if step_mv:
        leads = np.rint(leads / np.float32(step_mv)) * np.float32(step_mv)
    return leads


def to_standard_leads(independent: np.ndarray) -> np.ndarray:
    """Twelve standard leads from the independent ones, in whole microvolts.

    The independent leads are rounded first, so that I + III = II holds exactly and Goldberger's identities to 1 µV.

    Args:
        independent (`np.ndarray` of shape `(8, num_samples)`):
            Millivolts.

    Returns:
        `np.ndarray` of shape `(12, num_samples)`: Millivolts, `float32`.
    """
    scale = np.float32(MICROVOLTS_PER_MILLIVOLT)
    strip = limb_lead_matrix() @ np.rint(independent * scale)
    np.rint(strip, out=strip)
    strip /= scale
    return strip
