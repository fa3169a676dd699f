"""What the atria draw: P waves, flutter waves, fibrillation waves. Vectors in millivolts, times in milliseconds."""

from dataclasses import dataclass

import numpy as np

from datasets_scripts.simulator.body import INDEPENDENT_LEADS
from datasets_scripts.simulator.diagnosis import Diagnosis
from datasets_scripts.simulator.kernels import bell
from datasets_scripts.simulator.rhythm import STRIP_DURATION_S, Rhythm


RIGHT_ATRIAL_HEIGHT_MV = (0.26, 0.36)
P_WINDOW_MS = (-20.0, 200.0)
RIGHT_ATRIAL_CENTRE_MS = 36.0
RIGHT_ATRIAL_WIDTHS_MS = (15.0, 17.0)
LEFT_ATRIAL_WIDTH_MS = 17.0
LEFT_ATRIAL_DELAY_MS = 34.0


@dataclass(frozen=True)
class PWave:
    """Two overlapping halves of a P wave: the right atrium first, the left atrium after it."""

    right: np.ndarray
    left: np.ndarray
    left_delay_ms: float
    stretch: float

    def render(self, field: np.ndarray, sampling_rate: int) -> np.ndarray:
        """Voltages in the independent leads from 20 ms before onset; shape `(8, num_samples)`, millivolts."""
        times = np.arange(*P_WINDOW_MS, 1000 / sampling_rate, dtype=np.float32)
        rise, fall = RIGHT_ATRIAL_WIDTHS_MS
        centre = RIGHT_ATRIAL_CENTRE_MS
        first = bell(times, centre * self.stretch, rise * self.stretch, fall * self.stretch)
        width = LEFT_ATRIAL_WIDTH_MS * self.stretch
        second = bell(times, (centre + self.left_delay_ms) * self.stretch, width, width)
        halves = np.stack([field @ self.right, field @ self.left], axis=1)
        return (halves @ np.stack([first, second])).astype(np.float32)


def draw_p_wave(rng: np.random.Generator, diagnosis: Diagnosis) -> PWave:
    """Draw the P wave of sinus beats, with the diagnosis' atrial enlargement."""
    size = 0.85 * np.exp(rng.normal(0, 0.25 if diagnosis.is_healthy else 0.4))
    right = np.array([0.05, 0.095, -0.05]) * size + rng.normal(0, 0.012, 3)
    left = np.array([0.075, 0.04, 0.035]) * size + rng.normal(0, 0.012, 3)
    delay, stretch = LEFT_ATRIAL_DELAY_MS, rng.uniform(0.85, 1.08)
    if diagnosis.has_left_atrial_enlargement:  # P over 120 ms, notched, negative at its end in V1
        left = np.array([0.09, 0.05, 0.08]) * rng.uniform(1.0, 1.5)
        delay, stretch = rng.uniform(44, 60), rng.uniform(1.02, 1.15)
    if diagnosis.has_right_atrial_enlargement:  # P over 0.25 mV in II
        right = np.array([0.05, 0.23, -0.13]) * rng.uniform(1.0, 1.3)
    return PWave(right=right, left=left, left_delay_ms=delay, stretch=stretch)


def heighten(rng: np.random.Generator, waveform: np.ndarray) -> np.ndarray:
    """Bring the P wave of right atrial enlargement to its criterion, 0.25 mV in lead II, if it is lower."""
    height = float(waveform[INDEPENDENT_LEADS.index("II")].max())
    wanted = rng.uniform(*RIGHT_ATRIAL_HEIGHT_MV)
    return waveform * np.float32(wanted / height) if 0 < height < RIGHT_ATRIAL_HEIGHT_MV[0] else waveform


def draw_ectopic_p_wave(rng: np.random.Generator) -> PWave:
    """Draw the P wave of atrial premature beats: from anywhere in the atria."""
    return PWave(
        right=rng.normal(0, 0.08, 3), left=rng.normal(0, 0.08, 3), left_delay_ms=LEFT_ATRIAL_DELAY_MS, stretch=0.95
    )


def draw_flutter_waves(rng: np.random.Generator, rhythm: Rhythm, field: np.ndarray, num_samples: int) -> np.ndarray:
    """Draw the saw-tooth of atrial flutter over a whole strip.

    Typical flutter turns counter-clockwise and is negative in the inferior leads; a quarter turn some other way.

    Returns:
        `np.ndarray` of shape `(8, num_samples)`: Millivolts.
    """
    if rhythm.flutter_hz is None:
        raise ValueError('This rhythm has no flutter waves: draw it with `rhythm="atrial flutter"`.')
    times = np.arange(num_samples, dtype=np.float32) * np.float32(STRIP_DURATION_S / num_samples)
    # The cycle length changes by 0.4 % with breathing.
    wobble = 0.004 / (2 * np.pi * rhythm.respiration_hz) * np.sin(2 * np.pi * rhythm.respiration_hz * times)
    phase = (rhythm.flutter_hz * (times + wobble) + rng.uniform(0, 1)) % 1.0
    slow_share = rng.uniform(0.55, 0.80)
    tooth = np.where(phase < slow_share, phase / slow_share, (1 - phase) / (1 - slow_share)) - 0.5
    smoothing = max(3, int(num_samples / STRIP_DURATION_S * 0.03))  # 30 ms: no corner is sharper in the body
    tooth = np.convolve(tooth, np.ones(smoothing) / smoothing, "same").astype(np.float32)
    is_typical = rng.random() < 0.75
    typical = np.array([rng.normal(0, 0.04), rng.uniform(-0.32, -0.12), rng.uniform(-0.20, 0.05)])
    vector = typical if is_typical else rng.normal(0, 0.15, 3)
    return (field @ vector).astype(np.float32)[:, None] * tooth


def draw_fibrillation_waves(rng: np.random.Generator, field: np.ndarray, num_samples: int) -> np.ndarray:
    """Draw the fibrillation waves of a whole strip: three wandering waves of 4-8 per second, largest in V1.

    Returns:
        `np.ndarray` of shape `(8, num_samples)`: Millivolts.
    """
    num_waves = 3
    size_mv = rng.uniform(0.012, 0.09) * np.exp(rng.normal(0, 0.25))
    times = np.arange(num_samples, dtype=np.float32) * np.float32(STRIP_DURATION_S / num_samples)
    knots = np.linspace(0, STRIP_DURATION_S, 25)
    waves = np.empty((num_waves, num_samples), dtype=np.float32)
    vectors = np.array([0.25, 0.40, -0.75]) * size_mv / np.sqrt(num_waves) + rng.normal(
        0, 0.35 * size_mv, (num_waves, 3)
    )
    for wave in waves:
        rate_hz = rng.uniform(4.2, 8.0) + np.interp(times, knots, rng.normal(0, 0.8, len(knots)))
        phase = (2 * np.pi * STRIP_DURATION_S / num_samples * np.cumsum(rate_hz)).astype(np.float32)
        swell = 1 + 0.6 * np.sin(2 * np.pi * rng.uniform(0.2, 0.9) * times + np.float32(rng.uniform(0, 6.3)))
        wave[:] = (np.sin(phase) + 0.3 * np.sin(2 * phase + 1)) * swell
    return (field @ vectors.T).astype(np.float32) @ waves
