"""One row format for every corpus: 12 standard leads, 500 Hz, 10 s, `int16` microvolts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from datasets import Array2D, ClassLabel, Features, List, Value
from scipy.signal import resample_poly

from modeling_supreme.ecg_files import ROW_SAMPLING_RATE as SAMPLING_RATE
from modeling_supreme.leads import STANDARD_LEADS, select_leads, standardize_lead_names


NUM_SAMPLES = 5000
MICROVOLTS_PER_MILLIVOLT = 1000

Window = Literal["first", "center", "all"]
# What is left of a long recording after its last whole window becomes a row if it lasts this long, in seconds. Ours.
MIN_REMAINDER_S = 2.5


@dataclass(frozen=True)
class Recording:
    """A recording of any length, rate and lead order, as a reader returns it.

    Attributes:
        microvolts (`np.ndarray` of shape `(num_leads, num_samples)`):
            `int16` voltages, in microvolts.
        leads (`Sequence[str]`):
            Names of the rows, as the file spells them.
        sampling_rate (`int`):
            Samples per second, in Hz.
        num_bridged_samples (`int`, defaults to 0):
            Missing samples, of all leads together, that the reader replaced by straight lines.
    """

    microvolts: np.ndarray
    leads: Sequence[str]
    sampling_rate: int
    num_bridged_samples: int = 0


def corpus_features(label_names: Sequence[str], **codes: Any) -> Features:
    """Features of a corpus whose labels carry the given names.

    `dataset.with_format("numpy", columns=["signal"], dtype=np.int16, output_all_columns=True)` reads the signals as
    they are stored; without a dtype, the formats of `datasets` turn them into `int64`.

    Args:
        label_names (`Sequence[str]`):
            Names of the labels of this configuration, in the order of their indices.
        codes (`datasets` feature types):
            Columns that only this corpus has, such as `scp_codes`.

    Returns:
        `Features`: The columns of one row. `signal` is `(12, 5000)` in microvolts, rows in the order of
        `STANDARD_LEADS`; `lead_mask` is true where a lead was recorded; samples from `num_samples` on are padding;
        `window_start_s` is where in the recording the row begins;
        `labels` are the indices of the positive labels and `label_mask` is true for every label that is known.
    """
    return Features(
        {
            "record_id": Value("string"),
            "patient_id": Value("string"),
            "signal": Array2D((len(STANDARD_LEADS), NUM_SAMPLES), "int16"),
            "lead_mask": List(Value("bool"), length=len(STANDARD_LEADS)),
            "num_samples": Value("int32"),
            "sampling_rate_original": Value("int32"),
            "num_samples_original": Value("int32"),
            "window_start_s": Value("float32"),
            "age": Value("float32"),
            "sex": Value("string"),
            "report": Value("string"),
            "statements": List(Value("string")),
            "labels": List(ClassLabel(names=list(label_names))),
            "label_mask": List(Value("bool"), length=len(label_names)),
            **codes,
        }
    )


def to_microvolts(strip: np.ndarray) -> np.ndarray:
    """Store a strip in millivolts as `int16` microvolts; what does not fit is cut at ±32.767 mV.

    Example:
        >>> to_microvolts(np.array([[0.5, -1.25, 40.0]]))
        array([[  500, -1250, 32767]], dtype=int16)
    """
    return _round_to_int16(np.asarray(strip, dtype=np.float64) * MICROVOLTS_PER_MILLIVOLT)


def signal_windows(recording: Recording, *, record_id: str, window: Window = "first") -> list[dict[str, Any]]:
    """The columns of each row that describe its signal.

    Args:
        recording (`Recording`):
            At 500 Hz its integers are stored as they are; at another rate they are resampled with a polyphase filter.
            Leads that it lacks become zeros.
        record_id (`str`):
            Named in error messages.
        window (`str`, defaults to `"first"`):
            Which 10 s of a longer recording become rows: the first, those in the middle, or all, one after the other;
            what remains at the end is a shorter row if it lasts 2.5 s.

    Returns:
        `list[dict]`: One entry per row with `signal (12, 5000)`, `lead_mask (12,)`, `num_samples`, `window_start_s`,
        `num_samples_original` and `sampling_rate_original`, as in [`corpus_features`].

    Raises:
        ValueError: If the recording is empty, or a lead is unknown or listed twice.
    """
    names = standardize_lead_names(recording.leads, record_id=record_id)
    if not recording.microvolts.size:
        raise ValueError(f"Record {record_id} has no samples. Read its header and correct it, or leave it out.")
    microvolts = resample_microvolts(recording.microvolts, recording.sampling_rate)
    lead_mask = np.isin(STANDARD_LEADS, names)
    present = [lead for lead in STANDARD_LEADS if lead in names]
    strip = select_leads(microvolts, names, present, record_id=record_id)
    rows = []
    for start in _window_starts(strip.shape[1], window):
        num_samples = min(strip.shape[1] - start, NUM_SAMPLES)
        signal = np.zeros((len(STANDARD_LEADS), NUM_SAMPLES), dtype=np.int16)
        signal[lead_mask, :num_samples] = strip[:, start : start + num_samples]
        rows.append(
            {
                "signal": signal,
                "lead_mask": lead_mask,
                "num_samples": num_samples,
                "window_start_s": start / SAMPLING_RATE,
                "num_samples_original": recording.microvolts.shape[1],
                "sampling_rate_original": recording.sampling_rate,
            }
        )
    return rows


def resample_microvolts(microvolts: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Bring `int16` voltages, `(num_leads, num_samples)`, to 500 Hz."""
    if sampling_rate == SAMPLING_RATE:
        return microvolts
    common = math.gcd(sampling_rate, SAMPLING_RATE)
    # "line" keeps a baseline offset from ringing at both ends, which zero padding would cause; it takes two samples.
    padtype = "line" if microvolts.shape[1] > 1 else "mean"
    resampled = resample_poly(
        microvolts.astype(np.float64), SAMPLING_RATE // common, sampling_rate // common, axis=1, padtype=padtype
    )
    return _round_to_int16(resampled)


def _window_starts(num_samples: int, window: Window) -> list[int]:
    """First samples of the rows that a recording of this length gives."""
    surplus = num_samples - NUM_SAMPLES
    if window == "first" or surplus <= 0:
        return [0]
    if window == "center":
        return [surplus // 2]
    last = max(0, num_samples - round(MIN_REMAINDER_S * SAMPLING_RATE))
    return list(range(0, last + 1, NUM_SAMPLES))


def _round_to_int16(microvolts: np.ndarray) -> np.ndarray:
    """Nearest `int16` values, cut at the limits of the type."""
    limits = np.iinfo(np.int16)
    return np.clip(np.rint(microvolts), limits.min, limits.max).astype(np.int16)
