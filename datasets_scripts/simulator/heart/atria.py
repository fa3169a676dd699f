"""What the atria draw: P waves, flutter waves, fibrillation waves. Vectors in millivolts, times in milliseconds."""

from dataclasses import dataclass, replace

import numpy as np

from datasets_scripts.simulator.patient.body import INDEPENDENT_LEADS
from datasets_scripts.simulator.patient.diagnosis import Diagnosis
from datasets_scripts.simulator.population import priors
from datasets_scripts.simulator.population.chance import Range, draw_number
from datasets_scripts.simulator.rhythm.timeline import STRIP_DURATION_S, Rhythm

from .kernels import Kernels, one_kernel
from .voltages import axis_deg


USUAL_P_LIMIT_MV = 0.22  # in lead II
RIGHT_ATRIAL_HEIGHT_MV = (0.27, 0.36)  # the criterion is 0.25 mV; P varies from beat to beat
P_WINDOW_MS = (-20.0, 380.0)
P_BEFORE_QRS_MS = 6.0
P_EDGE_SHARE = 0.06
P_SEARCH_MS = (-20.0, 220.0)
RIGHT_ATRIAL_CENTRE_MS = 36.0
ATRIAL_WIDTHS_MS = np.array([[15.0, 17.0], [17.0, 17.0]])  # rises, then falls, of the right and the left half
LEFT_ATRIAL_DELAY_MS = 34.0
# Atrial repolarisation goes against P, lowers the PR segment and reaches into ST (Surawicz & Knilans 2008, Chou's
# Electrocardiography in Clinical Practice, 6th ed.). Its size by eye, from the step between the PR and the TP segment.
RECOVERY_SHARE = Range(0.05, 0.30)
PERICARDITIC_RECOVERY_SHARE = Range(0.3, 0.5)
RECOVERY_DELAY_MS = 45.0
RECOVERY_WIDTHS_MS = (32.0, 80.0)
# Voltage of the atria relative to what the lead field of the ventricles gives: the atria lie behind and above them,
# far from V3 to V6. By eye, PTB-XL ids 1-500.
ATRIAL_FIELD_SHARE = np.array([1.0, 1.0, 1.0, 0.70, 0.50, 0.42, 0.42, 0.47])


@dataclass(frozen=True)
class PWave:
    """Two overlapping halves of a P wave, the right atrium first, and the repolarisation of the atria.

    Attributes:
        right, left (`np.ndarray` of shape `(3,)`):
            Heart vectors of the halves, in millivolts.
        left_delay_ms (`float`):
            Time between the halves, before the wave is fitted to its duration.
        duration_ms (`float`):
            From the onset of P to its end.
        recovery (`float`):
            Size of atrial repolarisation relative to P, against which it goes.
    """

    right: np.ndarray
    left: np.ndarray
    left_delay_ms: float
    duration_ms: float
    recovery: float = 0.0

    def render(self, field: np.ndarray, sampling_rate: int) -> "PTemplate":
        """Voltages in the independent leads; P lasts while the spatial voltage is above a share of its peak."""
        weights = np.array([self.right, self.left]) @ (field * ATRIAL_FIELD_SHARE[:, None]).T
        centres = RIGHT_ATRIAL_CENTRE_MS + np.array([0.0, self.left_delay_ms])
        halves = Kernels(weights, centres, *ATRIAL_WIDTHS_MS)
        halves = halves.lasting(self.duration_ms, edge_share=P_EDGE_SHARE, search_ms=P_SEARCH_MS)
        recovery = -self.recovery * weights.mean(axis=0)
        recovery = one_kernel(recovery, self.duration_ms + RECOVERY_DELAY_MS, *RECOVERY_WIDTHS_MS)
        times = np.arange(*P_WINDOW_MS, 1000 / sampling_rate, dtype=np.float32)
        waveform = halves.joined(recovery).render(times)
        peak_ms = float(times[np.square(waveform).sum(axis=0).argmax()])
        return PTemplate(waveform, self.duration_ms, peak_ms)


@dataclass(frozen=True)
class PTemplate:
    """A P wave in the leads.

    Attributes:
        waveform (`np.ndarray` of shape `(8, num_samples)`):
            Independent leads from the start of `P_WINDOW_MS`, relative to onset, in millivolts.
        duration_ms, peak_ms (`float`):
            Times after the onset.
    """

    waveform: np.ndarray
    duration_ms: float
    peak_ms: float


def draw_p_wave(rng: np.random.Generator, diagnosis: Diagnosis, *, pr_ms: float | None = None) -> PWave:
    """Draw the P wave of sinus beats, with the diagnosis' atrial enlargement; it ends before the shortest PR does."""
    size = 0.85 * np.exp(rng.normal(0, 0.25 if diagnosis.is_healthy else 0.4))
    right = np.array([0.065, 0.095, -0.06]) * size + rng.normal(0, 0.012, 3)
    left = np.array([0.095, 0.055, 0.025]) * size + rng.normal(0, 0.012, 3)
    delay, duration = LEFT_ATRIAL_DELAY_MS, draw_number(rng, priors.P_MS)
    if diagnosis.has_left_atrial_enlargement:  # P over 120 ms, notched, negative at its end in V1
        left = np.array([0.09, 0.05, 0.08]) * rng.uniform(1.0, 1.5)
        delay, duration = rng.uniform(44, 60), draw_number(rng, priors.WIDE_P_MS)
    if diagnosis.has_right_atrial_enlargement:  # P over 0.25 mV in II
        right = np.array([0.08, 0.23, -0.13]) * rng.uniform(1.0, 1.3)
    has_pericarditis = diagnosis.repolarization == "acute pericarditis"
    recovery = draw_number(rng, PERICARDITIC_RECOVERY_SHARE if has_pericarditis else RECOVERY_SHARE)
    if diagnosis.repolarization == "hyperkalemia":
        right, left = right * rng.uniform(0.3, 0.8), left * rng.uniform(0.3, 0.8)
    if pr_ms is not None:
        duration = min(duration, pr_ms - P_BEFORE_QRS_MS)
    return PWave(right=right, left=left, left_delay_ms=delay, duration_ms=duration, recovery=recovery)


def heighten(rng: np.random.Generator, template: PTemplate) -> PTemplate:
    """Bring the P wave of right atrial enlargement to its criterion, 0.25 mV in lead II, if it is lower."""
    height = float(template.waveform[INDEPENDENT_LEADS.index("II")].max())
    wanted = rng.uniform(*RIGHT_ATRIAL_HEIGHT_MV)
    if not 0 < height < RIGHT_ATRIAL_HEIGHT_MV[0]:
        return template
    return replace(template, waveform=template.waveform * np.float32(wanted / height))


def lower(template: PTemplate) -> PTemplate:
    """Keep a P wave without right atrial enlargement below the criterion, 0.25 mV in lead II."""
    height = float(template.waveform[INDEPENDENT_LEADS.index("II")].max())
    if height <= USUAL_P_LIMIT_MV:
        return template
    return replace(template, waveform=template.waveform * np.float32(USUAL_P_LIMIT_MV / height))


def turn_p_axis(rng: np.random.Generator, template: PTemplate, wanted: Range) -> PTemplate:
    """Turn a P wave in the frontal plane until its electrical axis lies in a range, in degrees; the chest leads stay.

    Args:
        rng (`np.random.Generator`):
            Source of the axis of a P wave that must be turned.
        template (`PTemplate`):
            The P wave.
        wanted (`Range`):
            The limits run clockwise: from 95 to 340 degrees goes by way of 180.

    Returns:
        `PTemplate`: The same where its axis lies in the range.
    """
    lead_i, lead_ii = template.waveform[:2]
    step_ms = (P_WINDOW_MS[1] - P_WINDOW_MS[0]) / len(lead_i)
    p_wave = slice(int(-P_WINDOW_MS[0] / step_ms), int((template.duration_ms - P_WINDOW_MS[0]) / step_ms))
    axis = axis_deg(float(lead_i[p_wave].sum()), float(lead_ii[p_wave].sum()))
    if (axis - wanted.low) % 360 <= wanted.high - wanted.low:
        return template
    turn = np.radians(draw_number(rng, wanted) - axis)
    left, down = lead_i, (2 * lead_ii - lead_i) / np.sqrt(3)
    left, down = np.cos(turn) * left - np.sin(turn) * down, np.sin(turn) * left + np.cos(turn) * down
    turned = template.waveform.copy()
    turned[0], turned[1] = left, (left + np.sqrt(3) * down) / 2
    return replace(template, waveform=turned)


def draw_ectopic_p_wave(rng: np.random.Generator) -> PWave:
    """Draw the P wave of atrial early beats and rhythms: from anywhere in the atria but the sinus node."""
    right = rng.normal(0, 0.08, 3)
    if right[0] > 0 and right[1] > 0:  # to the left and downwards would be a sinus P wave
        right[1] = -right[1]
    left = right * rng.uniform(0.3, 1.0) + rng.normal(0, 0.04, 3)
    return PWave(right=right, left=left, left_delay_ms=LEFT_ATRIAL_DELAY_MS, duration_ms=rng.uniform(80, 110))


def draw_retrograde_p_wave(rng: np.random.Generator) -> PWave:
    """Draw the P wave of atria that are reached from below: upwards, negative in II, III and aVF."""
    vector = np.array([0.0, -0.13, -0.03]) * rng.uniform(0.7, 1.4)
    return PWave(
        right=vector + rng.normal(0, 0.01, 3),
        left=vector * 0.8 + rng.normal(0, 0.01, 3),
        left_delay_ms=22.0,
        duration_ms=rng.uniform(60, 85),
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
    return (ATRIAL_FIELD_SHARE * (field @ vector)).astype(np.float32)[:, None] * tooth


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
    vectors = np.array([0.25, 0.40, -0.85]) * size_mv / np.sqrt(num_waves) + rng.normal(
        0, 0.35 * size_mv, (num_waves, 3)
    )
    for wave in waves:
        rate_hz = rng.uniform(4.2, 8.0) + np.interp(times, knots, rng.normal(0, 0.8, len(knots)))
        phase = (2 * np.pi * STRIP_DURATION_S / num_samples * np.cumsum(rate_hz)).astype(np.float32)
        swell = 1 + 0.6 * np.sin(2 * np.pi * rng.uniform(0.2, 0.9) * times + np.float32(rng.uniform(0, 6.3)))
        wave[:] = (np.sin(phase) + 0.3 * np.sin(2 * phase + 1)) * swell
    return (ATRIAL_FIELD_SHARE[:, None] * (field @ vectors.T)).astype(np.float32) @ waves
