"""Whether a lead shows a heart: flat, clipped, drifting or noisy leads, and strips that are too short.

Conservative: a cardiologist would put the strip aside, not frown at it. What `admit` knows not to be recorded is gone
before; here is what was recorded and is no ECG that anybody can read.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy import fft

from .leads import read_lead_name
from .recordings import Account, EcgRecording
from .signal_processing import bridge, keep_long_runs


# A wave at 500 Hz does not stay at its peak for 20 ms unless it is low: at 1 mV and a resolution of 5 µV it stays for
# about 8 ms. A plateau this long and this far from zero is an amplifier at its limit. Ours.
PLATEAU_S, PLATEAU_MV = 0.020, 1.0
# What follows was chosen so that hardly a real record is refused, which tests hold it to
LEAST_S = 2.0  # shorter, a slow heart beats once
FLAT_MV = 0.02  # peak to peak; the lowest voltages of real leads are about 0.1 mV
MOST_CLIPPED = 0.10  # of the samples
DRIFT_MV, DRIFT_WINDOW_S = 4.0, 0.5  # between the medians of any two windows; the model's input ends at 5 mV
# Noise: between two beats, the rapid part of the voltage is as large as in a QRS complex
NOISE_BAND_HZ = (20.0, 150.0)
NOISE_WINDOW_S = 0.1
NOISE_MV, NOISE_SHARE = 0.08, 0.6  # root mean square between beats, and its share of that in QRS complexes
BETWEEN, WITHIN = 50, 95  # percentiles of the windows: a QRS complex covers about a tenth of them


def add_quality(account: Account, recording: EcgRecording) -> Account:
    """The account of a recording with what is wrong with its leads.

    Args:
        account ([`Account`]):
            What the model sees of the recording.
        recording ([`EcgRecording`]):
            As it was read; of it, the seconds that were used are looked at.
    """
    num_samples = max(1, round(account.seconds_used * recording.sampling_rate))
    strip = np.asarray(recording.strip_mv, dtype=np.float32)[:, :num_samples]
    problems = dict(zip(recording.leads, find_problems(strip, recording.sampling_rate), strict=True))
    found = {lead: problem for lead, problem in problems.items() if problem}
    return replace(account, unusable={**_absent_leads(account), **found})


def find_problems(strip: np.ndarray, sampling_rate: float) -> list[str]:
    """What is wrong with each lead, in words that follow "is"; empty where it can be read.

    Args:
        strip (`np.ndarray` of shape `(num_leads, num_samples)`):
            Voltages, in millivolts, NaN where a lead was not recorded.
        sampling_rate (`float`):
            In Hz.

    Example:
        >>> find_problems(np.zeros((1, 5000)), 500)
        ['flat: it moves by less than 0.02 mV']
        >>> find_problems(np.zeros((1, 500)), 500)
        ['too short: 1.0 s were recorded, and it takes 2 s']
    """
    is_recorded = ~np.isnan(strip)
    filled = strip if is_recorded.all() else bridge(strip)
    highest, lowest = filled.max(axis=1, keepdims=True), filled.min(axis=1, keepdims=True)
    heights = (highest - lowest)[:, 0]
    # A row at a time: along an axis it takes several times as long
    num_recorded = list(map(np.count_nonzero, is_recorded))
    num_at_ends = list(map(np.count_nonzero, (strip == highest) | (strip == lowest)))
    between, within = np.zeros((2, len(strip)))
    may_be_noisy = find_rapid(filled, sampling_rate)
    if may_be_noisy.any():
        between[may_be_noisy], within[may_be_noisy] = measure_noise(filled[may_be_noisy], sampling_rate)
    problems = []
    for row, (count, height) in enumerate(zip(num_recorded, heights, strict=True)):
        seconds = count / sampling_rate
        if seconds < LEAST_S:
            problem = f"too short: {seconds:.1f} s were recorded, and it takes {LEAST_S:g} s"
        elif height < FLAT_MV:
            problem = f"flat: it moves by less than {FLAT_MV:g} mV"
        elif num_at_ends[row] > MOST_CLIPPED * count:
            problem = _name_clipping(strip[row, is_recorded[row]], sampling_rate)
        else:
            problem = ""
        # The medians of two windows are no further apart than the lowest and the highest voltage
        if not problem and height > DRIFT_MV:
            problem = _name_drift(filled[row : row + 1], sampling_rate)
        if not problem and between[row] > NOISE_MV and between[row] > NOISE_SHARE * within[row]:
            problem = (
                f"covered by noise: {between[row]:.2f} mV between beats, where QRS complexes have {within[row]:.2f} mV"
            )
        problems.append(problem)
    return problems


def _name_clipping(voltages: np.ndarray, sampling_rate: float) -> str:
    """That a lead stands at its extremes, where it does."""
    clipped = count_clipped(voltages, sampling_rate) / len(voltages)
    return f"saturated: {clipped:.0%} of it stand at the end of the recorder's range" if clipped > MOST_CLIPPED else ""


def _name_drift(lead: np.ndarray, sampling_rate: float) -> str:
    """That a lead, `(1, num_samples)`, drifts, where it does."""
    (drift,) = measure_drift(lead, sampling_rate)
    return f"off its baseline, which wanders by {drift:.1f} mV" if drift > DRIFT_MV else ""


def count_clipped(voltages: np.ndarray, sampling_rate: float) -> int:
    """Samples of one lead, all of them recorded, in plateaus of at least `PLATEAU_S` at an extreme of the lead.

    Args:
        voltages (`np.ndarray` of shape `(num_samples,)`):
            In millivolts. Extremes nearer to 0 than `PLATEAU_MV` do not count.
        sampling_rate (`float`):
            In Hz.
    """
    length = max(2, round(PLATEAU_S * sampling_rate))
    limits = {voltages.max(), voltages.min()} if len(voltages) else set()
    return sum(int(keep_long_runs(voltages == limit, length).sum()) for limit in limits if abs(limit) >= PLATEAU_MV)


def measure_drift(strip: np.ndarray, sampling_rate: float) -> np.ndarray:
    """How far apart the medians of two windows of `DRIFT_WINDOW_S` lie at most: `(num_leads,)`, in millivolts."""
    return np.ptp(np.median(_windows(strip, DRIFT_WINDOW_S * sampling_rate), axis=2), axis=1)


def measure_noise(strip: np.ndarray, sampling_rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Root mean square of what is rapid in each lead, in millivolts: between QRS complexes, and within them.

    Args:
        strip (`np.ndarray` of shape `(num_leads, num_samples)`):
            Voltages, in millivolts, without missing samples.
        sampling_rate (`float`):
            In Hz.
    """
    spectrum, band = _rapid_part(strip, sampling_rate)
    spectrum[:, : band.start] = spectrum[:, band.stop :] = 0
    rapid = np.asarray(fft.irfft(spectrum, strip.shape[1], axis=1))
    sizes = np.sqrt(np.mean(_windows(rapid, NOISE_WINDOW_S * sampling_rate) ** 2, axis=2))
    between, within = np.percentile(sizes, (BETWEEN, WITHIN), axis=1)
    return between, within


def find_rapid(strip: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Leads that may be noisy, `(num_leads,)`: true where half the windows of [`measure_noise`] can exceed `NOISE_MV`.

    The spectrum says what all windows together hold, so that most leads need no look at each of them.
    """
    spectrum, band = _rapid_part(strip, sampling_rate)
    rapid = spectrum[:, band].view(np.finfo(spectrum.dtype).dtype)  # real and imaginary parts
    sums = 2 * np.einsum("ij,ij->i", rapid, rapid) / strip.shape[1]  # of squares, over all samples
    _, num_windows, length = _windows(strip, NOISE_WINDOW_S * sampling_rate).shape
    return sums >= 0.99 * (num_windows // 2) * length * NOISE_MV**2  # less a hundredth for rounding


def _rapid_part(strip: np.ndarray, sampling_rate: float) -> tuple[np.ndarray, slice]:
    """Spectrum of each lead, and which of its frequencies are in the band of noise."""
    frequencies = fft.rfftfreq(strip.shape[1], 1 / sampling_rate)
    low, high = NOISE_BAND_HZ
    band = slice(int(np.searchsorted(frequencies, low)), int(np.searchsorted(frequencies, high, side="right")))
    return np.asarray(fft.rfft(strip, axis=1)), band


def _windows(strip: np.ndarray, length: float) -> np.ndarray:
    """A strip in windows, `(num_leads, num_windows, length)`, without its last samples."""
    length = max(1, min(round(length), strip.shape[1]))
    return strip[:, : strip.shape[1] // length * length].reshape(len(strip), -1, length)


def _absent_leads(account: Account) -> Mapping[str, str]:
    """Standard leads of a file that were left out, and why."""
    leads = {read_lead_name(name).lead: reason for name, reason in account.left_out.items()}
    return {lead: reason for lead, reason in leads.items() if lead is not None and lead not in account.leads_used}
