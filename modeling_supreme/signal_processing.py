"""Arithmetic on strips: resampling, the band-pass, the baseline under the beats, what carries no signal."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from scipy import fft, ndimage


MAX_DENOMINATOR = 1000  # of the ratio of two rates; the length of the filter grows with it
FILTER_ORDER = 3  # the lowest that takes more than 90 % of 60 Hz away above a cutoff of 40 Hz
BASELINE_RATE = 25  # Hz; the baseline moves slowly enough to be followed at this rate
BASELINE_WINDOWS_S = (0.2, 0.6)

# A lead that keeps within the noise of an amplifier for two seconds counts as not recorded: of the real records that
# `benchmarks/presence.py` read, none rests so long between two beats. Ours.
FLAT_S = 2.0
SATURATED_S = 0.1


@dataclass(frozen=True, eq=False)
class Channel:
    """One channel of a file that may not record all of them alike.

    Attributes:
        name (`str`):
            As the file spells it.
        values (`np.ndarray` of shape `(num_samples,)`):
            Floats in `unit`, NaN where a sample is missing.
        sampling_rate (`float`):
            In Hz.
        unit (`str`):
            As the file spells it; empty where it states none.
        start_s (`float`):
            When the first sample was taken, in seconds after a moment that all channels of a file share.
    """

    name: str
    values: np.ndarray
    sampling_rate: float
    unit: str = "mV"
    start_s: float = 0.0

    @property
    def num_seconds(self) -> float:
        """How long it was recorded."""
        return len(self.values) / self.sampling_rate

    @property
    def stop_s(self) -> float:
        """When it ends, in seconds."""
        return self.start_s + self.num_seconds


def resample_strip(strip: np.ndarray, sampling_rate: float, wanted_rate: float) -> np.ndarray:
    """Change the sampling rate of a strip with a polyphase anti-aliasing filter.

    Args:
        strip (`np.ndarray` of shape `(num_leads, num_samples)`):
            Voltages as floats, in any unit.
        sampling_rate (`float`):
            Rate of `strip`, in Hz.
        wanted_rate (`float`):
            Rate to return, in Hz. Where the ratio of the rates is no fraction of numbers up to 1000, the nearest one
            is taken.

    Returns:
        `np.ndarray` of shape `(num_leads, ceil(num_samples * wanted_rate / sampling_rate))`: Voltages of the same type
        and unit.

    Example:
        >>> resample_strip(np.ones((12, 1000), dtype=np.float32), 100, 500).shape
        (12, 5000)
    """
    return resample_by(strip, ratio_of_rates(sampling_rate, wanted_rate))


def ratio_of_rates(sampling_rate: float, wanted_rate: float) -> Fraction:
    """Samples at one rate for each at another; the nearest fraction of numbers up to 1000 where there is none.

    Example:
        >>> ratio_of_rates(257, 500), ratio_of_rates(499.98, 500)
        (Fraction(500, 257), Fraction(1, 1))
    """
    return (Fraction(wanted_rate) / Fraction(sampling_rate)).limit_denominator(MAX_DENOMINATOR)


def resample_by(strip: np.ndarray, ratio: Fraction) -> np.ndarray:
    """Resample a strip of floats, `(num_leads, num_samples)`, to `ratio` times as many samples.

    The filter is SciPy's default, 10 zero crossings of a sinc on each side under a Kaiser window. It is designed anew
    for every strip, which takes 0.25 of the 1.7 ms from 100 to 500 Hz.
    """
    if ratio == 1:
        return strip
    # "line" takes off the line between the ends, since zeros beyond the ends would ring with any offset; one sample
    # has no line.
    padtype = "line" if strip.shape[1] > 1 else "mean"
    from scipy.signal import resample_poly  # takes half a second to load, and most strips have the wanted rate

    return resample_poly(strip, ratio.numerator, ratio.denominator, axis=1, padtype=padtype)


def bandpass_strip(strip: np.ndarray, sampling_rate: float, low_cutoff_hz: float, high_cutoff_hz: float) -> np.ndarray:
    """Keep a band of frequencies without moving anything in time.

    The gain is that of a third-order Butterworth band-pass run forwards and backwards (`sosfiltfilt`), applied to the
    spectrum, which takes a third of the time. Beyond its ends the strip is continued by point reflection about the
    local trend, not about the last sample: that one may lie on the top of an R wave.

    Args:
        strip (`np.ndarray` of shape `(num_leads, num_samples)`):
            Voltages as float32, in millivolts, without padding.
        sampling_rate (`float`):
            Rate of `strip`, in Hz.
        low_cutoff_hz (`float`):
            Lower frequency at which half the amplitude passes, in Hz.
        high_cutoff_hz (`float`):
            Upper frequency at which half the amplitude passes, in Hz.

    Returns:
        `np.ndarray` of shape `(num_leads, num_samples)`: Millivolts.
    """
    num_samples = strip.shape[1]
    # The response to a step at the far end has sunk below 1 % after 1.5 periods of the lower cutoff.
    margin = min(num_samples - 1, round(1.5 * sampling_rate / low_cutoff_hz))
    weights = _edge_weights(min(num_samples, round(sampling_rate)))
    first = strip[:, : len(weights)] @ weights
    last = strip[:, -len(weights) :] @ weights[::-1]
    extended = np.empty((len(strip), num_samples + 2 * margin), dtype=strip.dtype)
    np.subtract(2 * first[:, None], strip[:, margin:0:-1], out=extended[:, :margin])
    extended[:, margin : margin + num_samples] = strip
    np.subtract(2 * last[:, None], strip[:, -2 : -margin - 2 : -1], out=extended[:, margin + num_samples :])
    length = fft.next_fast_len(extended.shape[1], real=True)
    spectrum = np.asarray(fft.rfft(extended, length))
    spectrum *= _bandpass_gain(length, sampling_rate, low_cutoff_hz, high_cutoff_hz)
    return np.asarray(fft.irfft(spectrum, length))[:, margin : margin + num_samples]


def estimate_baseline(strip: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Estimate the wander under the beats of each lead.

    Running medians over 0.2 s take out P waves and QRS complexes, running medians over 0.6 s then take out T waves.

    Args:
        strip (`np.ndarray` of shape `(num_leads, num_samples)`):
            Voltages as float32, in millivolts, without padding.
        sampling_rate (`float`):
            Rate of `strip`, in Hz.

    Returns:
        `np.ndarray` of shape `(num_leads, num_samples)`: Millivolts.

    Source:
        de Chazal, O'Dwyer and Reilly 2004, IEEE Trans Biomed Eng 51:1196, section II-B. Here the medians run over
        means of 40 ms, which is much faster.
    """
    num_samples = strip.shape[1]
    block = max(1, round(sampling_rate / BASELINE_RATE))
    starts = np.arange(0, num_samples, block)
    sizes = np.diff(starts, append=num_samples)
    coarse = np.add.reduceat(strip, starts, axis=1) / sizes.astype(strip.dtype)
    centres = starts + (sizes - 1) / 2
    baseline = np.empty_like(strip)
    for row, values in enumerate(coarse):
        for window_s in BASELINE_WINDOWS_S:
            values = ndimage.median_filter(values, size=round(window_s * BASELINE_RATE), mode="nearest")
        baseline[row] = np.interp(np.arange(num_samples), centres, values)
    return baseline


def bridge(strip: np.ndarray) -> np.ndarray:
    """Put straight lines in place of missing samples; before the first and after the last, the nearest value.

    Args:
        strip (`np.ndarray` of shape `(num_leads, num_samples)`):
            Voltages as floats, in any unit, NaN where a sample is missing.

    Returns:
        `np.ndarray` of shape `(num_leads, num_samples)`: A copy; a lead without any sample is zero.

    Example:
        >>> bridge(np.array([[np.nan, 1.0, np.nan, 3.0]]))
        array([[1., 1., 2., 3.]])
    """
    bridged = strip.copy()
    places = np.arange(strip.shape[1])
    for values in bridged:
        is_missing = np.isnan(values)
        if is_missing.all():
            values[:] = 0.0
        elif is_missing.any():
            values[is_missing] = np.interp(places[is_missing], places[~is_missing], values[~is_missing])
    return bridged


def join_channels(channels: Sequence[Channel], sampling_rate: float) -> np.ndarray:
    """Put channels of any rates and times side by side.

    Args:
        channels (`Sequence[Channel]`):
            In one unit where they have one name: those are parts of one channel. Of parts for the same time the
            longest counts, and the others fill its gaps.
        sampling_rate (`float`):
            Rate to return, in Hz.

    Returns:
        `np.ndarray` of shape `(num_names, num_samples)`: From the beginning of the first channel to the end of the
        last, a row for each name in the order of its first part; NaN where a channel was not recorded.

    Example:
        >>> parts = [Channel("I", np.array([1.0, 2.0]), 1), Channel("II", np.array([3.0, 4.0]), 1, start_s=1)]
        >>> join_channels(parts, 1)
        array([[ 1.,  2., nan],
               [nan,  3.,  4.]])
    """
    names = list(dict.fromkeys(channel.name for channel in channels))
    first = channels[0]
    shape = (sampling_rate, first.start_s, len(first.values))
    is_alike = all((part.sampling_rate, part.start_s, len(part.values)) == shape for part in channels)
    if is_alike and len(names) == len(channels):
        return np.stack([part.values for part in channels])
    start_s = min(part.start_s for part in channels)
    parts = [
        (names.index(part.name), round((part.start_s - start_s) * sampling_rate), _at_rate(part, sampling_rate))
        for part in sorted(channels, key=lambda part: -part.num_seconds)
    ]
    strip = np.full((len(names), max(start + len(values) for _, start, values in parts)), np.nan)
    for row, start, values in parts:
        target = strip[row, start : start + len(values)]
        np.copyto(target, values, where=np.isnan(target))
    return strip


def _at_rate(channel: Channel, sampling_rate: float) -> np.ndarray:
    """The values of a channel at another rate; a missing sample stays missing and does not spread."""
    if channel.sampling_rate == sampling_rate:
        return channel.values
    is_missing = ~np.isfinite(channel.values)
    resampled = resample_strip(
        bridge(np.where(is_missing, np.nan, channel.values)[None]), channel.sampling_rate, sampling_rate
    )[0]
    nearest = np.rint(np.arange(len(resampled)) * channel.sampling_rate / sampling_rate).astype(int)
    resampled[is_missing[np.minimum(nearest, len(is_missing) - 1)]] = np.nan
    return resampled


def find_flat(strip: np.ndarray, sampling_rate: float, tolerance: float) -> np.ndarray:
    """Where the leads of a strip carry no signal although the strip goes on.

    A lead is flat where it stays within `tolerance` for at least `FLAT_S`: an electrode that is off, a printed sheet
    beside the 2.5 s of a lead, zeros in place of a lead.

    Args:
        strip (`np.ndarray` of shape `(num_leads, num_samples)`):
            Voltages of any type and unit; NaN is never flat.
        sampling_rate (`float`):
            Rate of `strip`, in Hz.
        tolerance (`float`):
            Largest peak-to-peak noise of a lead without signal, in the unit of the strip.

    Returns:
        `np.ndarray` of shape `(num_leads, num_samples)`: True where the lead is flat.

    Example:
        >>> find_flat(np.array([[0.0, 9.0, 2.0, 1.0, 2.0, 1.0, 7.0]]), sampling_rate=2, tolerance=1)[0].tolist()
        [False, False, True, True, True, True, False]
    """
    is_flat = np.zeros(strip.shape, dtype=bool)
    length = max(2, math.ceil(FLAT_S * sampling_rate))
    for row in _may_rest(strip, length, tolerance):
        is_flat[row] = _rests(strip[row], length, tolerance)
    return is_flat


def find_saturated(strip: np.ndarray, sampling_rate: float, height: float) -> np.ndarray:
    """Where the leads of a strip stand at an end of the recorder's range.

    Args:
        strip (`np.ndarray` of shape `(num_leads, num_samples)`):
            Voltages of any type and unit.
        sampling_rate (`float`):
            Rate of `strip`, in Hz.
        height (`float`):
            How far from the lead's median such an end lies at least, in the unit of the strip: the tops of waves of
            coarsely digitised leads are nearer.

    Returns:
        `np.ndarray` of shape `(num_leads, num_samples)`: True where the lead holds its highest or lowest value for at
        least `SATURATED_S`.
    """
    length = max(2, math.ceil(SATURATED_S * sampling_rate))
    is_saturated = np.zeros(strip.shape, dtype=bool)
    teeth = strip[:, :: max(1, length // 2)]  # a run of `length` samples hits two neighbours
    highest, lowest = (extreme.reduce(teeth, axis=1, keepdims=True) for extreme in (np.fmax, np.fmin))
    is_limit = (teeth == highest) | (teeth == lowest)
    candidates = (is_limit[:, 1:] & (teeth[:, 1:] == teeth[:, :-1])).any(axis=1)
    for row in np.flatnonzero(candidates):
        for limit in (np.nanmax(strip[row]), np.nanmin(strip[row])):
            if abs(float(limit) - float(np.nanmedian(strip[row]))) >= height:
                is_saturated[row] |= keep_long_runs(strip[row] == limit, length)
    return is_saturated


def keep_long_runs(flags: np.ndarray, length: int) -> np.ndarray:
    """The runs of true values that have at least `length` of them.

    Example:
        >>> keep_long_runs(np.array([True, False, True, True, True]), 2)
        array([False, False,  True,  True,  True])
    """
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    kept = np.zeros(len(flags) + 1, dtype=np.int8)
    starts, stops = edges[::2], edges[1::2]
    is_long = stops - starts >= length
    kept[starts[is_long]] += 1
    kept[stops[is_long]] -= 1
    return np.cumsum(kept[:-1]).astype(bool)


def _may_rest(strip: np.ndarray, length: int, allowed: float) -> np.ndarray:
    """Rows whose values hardly change from tooth to tooth of a comb, over all the teeth that `length` samples hold."""
    step = max(1, length // 16)
    teeth = strip[:, ::step].astype(np.float64)
    num_steps = length // step - 1
    if teeth.shape[1] <= num_steps:
        return np.arange(len(strip))
    with np.errstate(invalid="ignore"):
        is_near = np.abs(np.diff(teeth, axis=1)) <= allowed
    runs = np.lib.stride_tricks.sliding_window_view(is_near, num_steps, axis=1)
    return np.flatnonzero(runs.all(axis=-1).any(axis=-1))


def _rests(values: np.ndarray, length: int, allowed: float) -> np.ndarray:
    """Where one lead stays within `allowed` for at least `length` samples."""
    if len(values) < length:
        return np.zeros(len(values), dtype=bool)
    # The extremes of every window of `length` samples; a window stands at its first sample
    highest = ndimage.maximum_filter1d(values, length, mode="nearest", origin=-(length // 2))
    lowest = ndimage.minimum_filter1d(values, length, mode="nearest", origin=-(length // 2))
    with np.errstate(invalid="ignore"):
        starts = np.subtract(highest, lowest, dtype=np.float64) <= allowed  # int16 has no number for their range
    starts[len(values) - length + 1 :] = False
    covered = np.zeros(len(values) + 1, dtype=np.int64)
    places = np.flatnonzero(starts)
    np.add.at(covered, places, 1)
    np.add.at(covered, places + length, -1)
    return np.cumsum(covered[:-1]) > 0


@lru_cache(maxsize=32)
def _bandpass_gain(length: int, sampling_rate: float, low_cutoff_hz: float, high_cutoff_hz: float) -> np.ndarray:
    """Gain of the zero-phase band-pass at the frequencies of a real FFT of `length` samples.

    The Butterworth formula with frequencies bent by the bilinear transform, squared for the two directions.
    """
    omega = np.tan(np.pi * np.fft.rfftfreq(length))
    low, high = np.tan(np.pi * np.array([low_cutoff_hz, high_cutoff_hz]) / sampling_rate)
    in_band = ((high - low) * omega) ** (2 * FILTER_ORDER)
    off_centre = (omega**2 - low * high) ** (2 * FILTER_ORDER)
    return (in_band / (in_band + off_centre)).astype(np.float32)


@lru_cache(maxsize=32)
def _edge_weights(num_samples: int) -> np.ndarray:
    """Weights whose sum over the samples is the value of their least-squares line at the first of them."""
    weights = 2 * (2 * num_samples - 1 - 3 * np.arange(num_samples)) / (num_samples * (num_samples + 1))
    return weights.astype(np.float32)
