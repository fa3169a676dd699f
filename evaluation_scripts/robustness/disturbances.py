"""What may be wrong with a recording: families of disturbances, each in several levels."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.signal import butter, sosfiltfilt

from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.recordings import EcgRecording
from modeling_supreme.signal_processing import ratio_of_rates, resample_by


LEAD_SETS = {
    "12 leads": STANDARD_LEADS,
    "limb leads": STANDARD_LEADS[:6],
    "II, V1, V5": ("II", "V1", "V5"),
    "I, II": ("I", "II"),
    "II": ("II",),
    "I": ("I",),
}
RATES_HZ = (1000, 500, 250, 100)
LENGTHS_S = (10.0, 5.0, 2.5)
SNR_DB = (24.0, 12.0, 6.0, 0.0)
CLIPPED_MV = (4.0, 2.0, 1.0, 0.5)
WANDER_HZ = (0.05, 0.5)  # breathing and movement
MUSCLE_HZ = (20.0, 150.0)
MAINS_HZ = 50.0
# Left and right arm changed: I is turned round, II and III change places, and so do aVR and aVL
SWAPPED_ARMS = {"I": ("I", -1.0), "II": ("III", 1.0), "III": ("II", 1.0), "aVR": ("aVL", 1.0), "aVL": ("aVR", 1.0)}

Disturbance = Callable[[EcgRecording], EcgRecording]


@dataclass(frozen=True)
class Level:
    """One level of a family.

    Args:
        name (`str`):
            For people, with its unit.
        disturb (`Callable`):
            Makes the disturbed recording of an undisturbed one.
    """

    name: str
    disturb: Disturbance


def keep_leads(recording: EcgRecording, *, leads: Sequence[str]) -> EcgRecording:
    """The leads that are named, of those that were recorded; all where none of them was."""
    rows = [row for row, lead in enumerate(recording.leads) if lead in leads] or list(range(len(recording.leads)))
    mask = recording.is_recorded
    return EcgRecording(
        sampling_rate=recording.sampling_rate,
        leads=[recording.leads[row] for row in rows],
        strip_mv=_read(recording)[rows] if mask is None else np.where(mask, _read(recording), np.nan)[rows],
        account=recording.account,
    )


def change_rate(recording: EcgRecording, *, rate_hz: int) -> EcgRecording:
    """The same seconds sampled at another rate, behind the filter that such a device has."""
    ratio = ratio_of_rates(recording.sampling_rate, rate_hz)
    return (
        _replace(recording, resample_by(_read(recording), ratio), sampling_rate=rate_hz) if ratio != 1 else recording
    )


def shorten(recording: EcgRecording, *, seconds: float) -> EcgRecording:
    """The first seconds."""
    return _replace(recording, _read(recording)[:, : round(seconds * recording.sampling_rate)])


def clip(recording: EcgRecording, *, largest_mv: float) -> EcgRecording:
    """What a converter of a smaller range leaves."""
    return _replace(recording, np.clip(_read(recording), -largest_mv, largest_mv))


def swap_arms(recording: EcgRecording) -> EcgRecording:
    """Left and right arm electrodes changed; leads whose partner was not recorded are left as they are."""
    strip, changed = _read(recording), _read(recording).copy()
    place = {lead: row for row, lead in enumerate(recording.leads)}
    for lead, (source, sign) in SWAPPED_ARMS.items():
        if lead in place and source in place:
            changed[place[lead]] = sign * strip[place[source]]
    return _replace(recording, changed)


def add_noise(recording: EcgRecording, *, kind: str, snr_db: float) -> EcgRecording:
    """Noise of a stated strength, the same for a record in every run.

    Args:
        recording (`EcgRecording`):
            Undisturbed.
        kind (`str`):
            `"wander"`, `"muscle"` or `"mains"`.
        snr_db (`float`):
            Power of all leads, each about its mean, over that of the noise.

    Returns:
        `EcgRecording`: With noise that is independent from lead to lead, but for the mains.
    """
    strip = _read(recording)
    source = recording.account.source if recording.account is not None else ""
    generator = np.random.default_rng(zlib.crc32(f"{source} {kind}".encode()))
    noise = _make_noise(kind, strip.shape, recording.sampling_rate, generator)
    power = [float(np.mean((values - values.mean(axis=1, keepdims=True)) ** 2)) for values in (strip, noise)]
    scale = np.sqrt(power[0] / power[1] * 10 ** (-snr_db / 10)) if power[1] > 0 else 0.0
    return _replace(recording, strip + scale * noise)


def _make_noise(kind: str, shape: tuple[int, ...], sampling_rate: float, generator: np.random.Generator) -> np.ndarray:
    """Noise of any strength, `(num_leads, num_samples)`."""
    if kind == "mains":
        seconds = np.arange(shape[1]) / sampling_rate
        wave = np.sin(2 * np.pi * (MAINS_HZ * seconds + generator.random()))
        return generator.uniform(0.5, 1.0, (shape[0], 1)) * wave
    low, high = WANDER_HZ if kind == "wander" else MUSCLE_HZ
    band = butter(2, (low, min(high, 0.45 * sampling_rate)), btype="bandpass", fs=sampling_rate, output="sos")
    margin = round(10 * sampling_rate)  # the filter swings in and out outside of what is kept
    white = generator.normal(size=(shape[0], shape[1] + 2 * margin))
    return sosfiltfilt(band, white, axis=1)[:, margin:-margin]


def _read(recording: EcgRecording) -> np.ndarray:
    """Voltages in millivolts, 0 where a lead was not recorded."""
    return np.nan_to_num(np.asarray(recording.strip_mv, dtype=np.float64))


def _replace(recording: EcgRecording, strip: np.ndarray, *, sampling_rate: float | None = None) -> EcgRecording:
    """The recording with other voltages; stretches that a lead lacks stay so where length and rate do."""
    mask = recording.is_recorded
    if mask is not None and sampling_rate is None:
        strip = np.where(mask[:, : strip.shape[1]], strip, np.nan)
    return EcgRecording(
        sampling_rate=sampling_rate or recording.sampling_rate,
        leads=recording.leads,
        strip_mv=strip,
        account=recording.account,
    )


def _noises(kind: str) -> list[Level]:
    """The levels of one kind of noise."""
    return [Level(f"{snr:g} dB", partial(add_noise, kind=kind, snr_db=snr)) for snr in SNR_DB]


# From the mildest level to the worst
FAMILIES: dict[str, list[Level]] = {
    "leads": [Level(name, partial(keep_leads, leads=leads)) for name, leads in LEAD_SETS.items()],
    "rate": [Level(f"{rate} Hz", partial(change_rate, rate_hz=rate)) for rate in RATES_HZ],
    "length": [Level(f"{seconds:g} s", partial(shorten, seconds=seconds)) for seconds in LENGTHS_S],
    "wander": _noises("wander"),
    "muscle": _noises("muscle"),
    "mains": _noises("mains"),
    "clipping": [Level(f"{largest:g} mV", partial(clip, largest_mv=largest)) for largest in CLIPPED_MV],
    "arms": [Level("swapped", swap_arms)],
}
