"""Intervals, axes, amplitudes and spectra of any strip, real or simulated: one way of measuring for both.

The figures serve to compare corpora, not to diagnose: what counts is that nothing in them knows how a strip was made.
"""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks, welch

from datasets_scripts.schema import SAMPLING_RATE
from datasets_scripts.simulator.heart.voltages import axis_deg
from datasets_scripts.simulator.patient.body import ROW
from datasets_scripts.simulator.truth.beat_measurements import ST_POINT_AFTER_J_MS, extreme_of_wave
from datasets_scripts.simulator.truth.qrs_waves import WAVE_MV
from modeling_supreme.leads import STANDARD_LEADS


BEFORE_R_S, AFTER_R_S = 0.3, 0.5  # what is kept of a beat
BEAT_SAMPLES = round((BEFORE_R_S + AFTER_R_S) * SAMPLING_RATE)
R_SAMPLE = round(BEFORE_R_S * SAMPLING_RATE)
MIN_BEATS = 3
MIN_PEAK_SHARE, MIN_RR_S = 0.3, 0.25
# Beats that look unlike the others, such as ventricular ones, do not belong into the mean.
MIN_CORRELATION = 0.8
# QRS ends where the spatial velocity falls below this share of its peak. Ours: it gives 80 to 110 ms in normal beats.
QRS_VELOCITY_SHARE = 0.06
NOISE_FACTOR = 2.0  # of the velocity of the quiet quarter of the beat, where noise moves the leads faster than that
QUIET_SAMPLES = 5
QRS_CORE = 8  # samples on either side of the steepest moment that belong to any QRS
MAX_HALF_QRS_S = 0.14
BASELINE_S = 0.02  # before QRS, the zero of the beat
ST_AFTER_J_S = ST_POINT_AFTER_J_MS / 1000
T_AFTER_J_S = 0.09
P_BEFORE_QRS_S = (0.24, 0.03)
SPECTRUM_WINDOW_S = 5.0  # 0.2 Hz apart: at least one line in the lowest band
BAND_EDGES_HZ = np.geomspace(0.5, 200, 17)
FAST_HZ = 45.0
WANDER_WINDOW_S = 1  # a moving average that takes all beats away, but not what is slower

LEAD_FIGURES = ("p_mv", "r_mv", "s_mv", "st_mv", "t_mv")


class StripFeatures(NamedTuple):
    """What was measured on a strip.

    Attributes:
        beat (`np.ndarray` of shape `(12, 400)`):
            Median beat from 300 ms before R to 500 ms after it, in millivolts, zero just before QRS.
        figures (`dict[str, float]`):
            Measurements by name; the unit ends the name.
        spectrum (`np.ndarray` of shape `(12, 16)`):
            Power in bands of equal width on a logarithmic scale, log10 of mV².
    """

    beat: np.ndarray
    figures: dict[str, float]
    spectrum: np.ndarray


def measure_strip(strip: np.ndarray) -> StripFeatures | None:
    """Measure a strip.

    Args:
        strip (`np.ndarray` of shape `(12, num_samples)`):
            Millivolts at 500 Hz in the order of `STANDARD_LEADS`.

    Returns:
        `StripFeatures` or `None`: `None` if fewer than three beats were found.
    """
    peaks = find_r_peaks(strip)
    beats = cut_beats(strip, peaks)
    if len(beats) < MIN_BEATS:
        return None
    beat, residual = average_beats(beats)
    rr_s = np.diff(peaks) / SAMPLING_RATE
    figures = {
        "rate_per_min": 60 / float(np.median(rr_s)),
        "rr_spread_share": float(np.std(rr_s) / np.mean(rr_s)),
        "rr_change_share": float(np.median(np.abs(np.diff(rr_s))) / np.mean(rr_s)),
        **measure_median_beat(beat, float(np.median(rr_s))),
        **_measure_noise(strip, residual),
    }
    return StripFeatures(beat, figures, band_powers(strip))


def find_r_peaks(strip: np.ndarray) -> np.ndarray:
    """Samples at which the leads move fastest together, one per beat.

    The median over the leads is what counts: a single lead misses broad complexes or shows an electrode that moved. On
    the first 500 records of PTB-XL the number of beats differs from that of `neurokit2` by more than one in 6.
    """
    speed = uniform_filter1d(np.abs(np.gradient(strip, axis=1)), round(0.04 * SAMPLING_RATE), axis=1)
    speed = speed / np.maximum(np.quantile(speed, 0.98, axis=1, keepdims=True), 1e-6)
    together = uniform_filter1d(np.median(speed, axis=0), round(0.06 * SAMPLING_RATE))
    limit = MIN_PEAK_SHARE * np.quantile(together, 0.97)
    peaks, _ = find_peaks(together, height=limit, prominence=limit, distance=round(MIN_RR_S * SAMPLING_RATE))
    velocity = spatial_velocity(strip)
    reach = round(0.06 * SAMPLING_RATE)
    windows = [(max(int(peak) - reach, 0), int(peak) + reach) for peak in peaks]
    return np.array([start + int(velocity[start:end].argmax()) for start, end in windows], dtype=int)


def spatial_velocity(strip: np.ndarray) -> np.ndarray:
    """How fast all leads together move, mV/s, smoothed over 10 ms; shape `(num_samples,)`."""
    slope = np.gradient(strip, axis=1) * SAMPLING_RATE
    return np.convolve(np.sqrt((slope**2).sum(axis=0)), np.full(5, 0.2), mode="same")


def cut_beats(strip: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """The beats that lie within the strip; shape `(num_beats, 12, 400)`."""
    starts = peaks - R_SAMPLE
    inside = starts[(starts >= 0) & (starts + BEAT_SAMPLES <= strip.shape[1])]
    if not len(inside):
        return np.empty((0, len(strip), BEAT_SAMPLES), strip.dtype)
    beats = np.stack([strip[:, start : start + BEAT_SAMPLES] for start in inside])
    return beats - np.median(beats[:, :, R_SAMPLE - 50 : R_SAMPLE - 25], axis=2, keepdims=True)


def average_beats(beats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Median of the beats that look alike, and what is left of these beats without it; shapes as `beats`."""
    median = np.median(beats, axis=0)
    correlations = np.array([np.corrcoef(beat.ravel(), median.ravel())[0, 1] for beat in beats])
    alike = beats[correlations >= min(MIN_CORRELATION, float(np.median(correlations)))]
    median = np.median(alike, axis=0)
    return median, alike - median


def find_qrs(beat: np.ndarray) -> tuple[int, int]:
    """First and last sample of the QRS complex of a beat."""
    velocity = spatial_velocity(beat)
    reach = round(MAX_HALF_QRS_S * SAMPLING_RATE)
    peak = velocity[R_SAMPLE - 15 : R_SAMPLE + 15].max()
    quiet = velocity < max(QRS_VELOCITY_SHARE * peak, NOISE_FACTOR * np.quantile(velocity, 0.25))
    is_still = np.convolve(quiet, np.ones(QUIET_SAMPLES), mode="same") == QUIET_SAMPLES
    before = np.flatnonzero(is_still[R_SAMPLE - reach : R_SAMPLE - QRS_CORE])
    after = np.flatnonzero(is_still[R_SAMPLE + QRS_CORE : R_SAMPLE + reach])
    onset = R_SAMPLE - reach + before[-1] + 2 if len(before) else R_SAMPLE - reach
    end = R_SAMPLE + QRS_CORE + after[0] - 2 if len(after) else R_SAMPLE + reach
    return int(onset), int(end)


def measure_median_beat(beat: np.ndarray, rr_s: float) -> dict[str, float]:
    """Intervals, axes and amplitudes of a median beat, of shape `(12, 400)`."""
    onset, end = find_qrs(beat)
    baseline = round(BASELINE_S * SAMPLING_RATE)
    beat -= np.median(beat[:, onset - baseline : onset], axis=1, keepdims=True)  # in place: the beat gets its zero
    t_start = end + round(T_AFTER_J_S * SAMPLING_RATE)
    t_end = min(BEAT_SAMPLES, R_SAMPLE + round(0.7 * rr_s * SAMPLING_RATE))
    t_wave = beat[:, t_start : max(t_end, t_start + 10)]
    p_start, p_end = (max(onset - round(before * SAMPLING_RATE), 0) for before in P_BEFORE_QRS_S)
    p_wave = beat[:, p_start:p_end] - np.median(beat[:, p_start:p_end], axis=1, keepdims=True)
    qrs = beat[:, onset : end + 1]
    st_sample = min(end + round(ST_AFTER_J_S * SAMPLING_RATE), BEAT_SAMPLES - 1)
    size = np.sqrt((p_wave**2).sum(axis=0))
    figures = {
        "qrs_ms": 1000 * (end - onset) / SAMPLING_RATE,
        "qrs_axis_deg": axis_deg(qrs[ROW["I"]].sum(), qrs[ROW["II"]].sum()),
        "t_axis_deg": axis_deg(t_wave[ROW["I"]].sum(), t_wave[ROW["II"]].sum()),
        "qrs_onset_to_t_peak_ms": 1000 * (t_start - onset + np.sqrt((t_wave**2).sum(axis=0)).argmax()) / SAMPLING_RATE,
        "p_peak_to_qrs_ms": 1000 * (onset - p_start - size.argmax()) / SAMPLING_RATE,
        "p_size_mv": float(size.max()),
        "qrs_turns": float(np.median([_count_turns(row) for row in qrs])),
    }
    values = (extreme_of_wave(p_wave), qrs.max(axis=1), qrs.min(axis=1), beat[:, st_sample], extreme_of_wave(t_wave))
    for name, of_leads in zip(LEAD_FIGURES, values, strict=True):
        figures |= {f"{lead}_{name}": float(value) for lead, value in zip(STANDARD_LEADS, of_leads, strict=True)}
    return figures


def _count_turns(lead: np.ndarray) -> int:
    """Changes of direction within a QRS that are as large as a wave: two for R and S, more where it is notched."""
    turns, extreme, direction = 0, lead[0], 0
    for value in lead[1:]:
        if direction >= 0 and value < extreme - WAVE_MV:
            turns, direction, extreme = turns + (direction > 0), -1, value
        elif direction <= 0 and value > extreme + WAVE_MV:
            turns, direction, extreme = turns + (direction < 0), 1, value
        elif (direction >= 0 and value > extreme) or (direction < 0 and value < extreme):
            extreme = value
    return turns


def _measure_noise(strip: np.ndarray, residual: np.ndarray) -> dict[str, float]:
    """Noise: what differs from beat to beat, slow wander and fast trembling, medians over the leads in mV."""
    frequencies, power = welch(strip, fs=SAMPLING_RATE, nperseg=round(SPECTRUM_WINDOW_S * SAMPLING_RATE), axis=1)
    step = frequencies[1]
    fast = np.sqrt(power[:, frequencies > FAST_HZ].sum(axis=1) * step)
    wander = np.std(_moving_average(strip, WANDER_WINDOW_S * SAMPLING_RATE), axis=1)
    return {
        "beat_to_beat_mv": float(np.median(residual.std(axis=(0, 2)))),
        "fast_noise_mv": float(np.median(fast)),
        "fast_noise_worst_lead_mv": float(fast.max()),
        "wander_mv": float(np.median(wander)),
        "wander_worst_lead_mv": float(wander.max()),
    }


def _moving_average(strip: np.ndarray, num_samples: int) -> np.ndarray:
    """Mean over a window; shape `(12, num_samples of the strip - num_samples + 1)`."""
    sums = np.cumsum(np.pad(strip.astype(np.float64), ((0, 0), (1, 0))), axis=1)
    return (sums[:, num_samples:] - sums[:, :-num_samples]) / num_samples


def band_powers(strip: np.ndarray) -> np.ndarray:
    """Power of each lead in the bands between `BAND_EDGES_HZ`, log10 of mV²; shape `(12, 16)`."""
    frequencies, power = welch(strip, fs=SAMPLING_RATE, nperseg=round(SPECTRUM_WINDOW_S * SAMPLING_RATE), axis=1)
    bands = np.digitize(frequencies, BAND_EDGES_HZ)
    step = frequencies[1]
    summed = [power[:, bands == band].sum(axis=1) * step for band in range(1, len(BAND_EDGES_HZ))]
    return np.log10(np.stack(summed, axis=1) + 1e-10)
