"""One row format for every corpus: 12 standard leads, 500 Hz, 10 s, `int16` microvolts."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from datasets import Array2D, ClassLabel, Features, List, Value

from modeling_supreme.leads import STANDARD_LEADS, select_leads, standardize_lead_names
from modeling_supreme.recordings import (
    MICROVOLTS_PER_MILLIVOLT,
    NUM_SAMPLES,
    SAMPLING_RATE,
    EcgRecording,
    round_to_int16,
    to_microvolts,
)
from modeling_supreme.signal_processing import resample_by


# The numbers of the row format stand in `modeling_supreme.recordings`: a checkpoint reads rows without this file.
__all__ = [
    "MICROVOLTS_PER_MILLIVOLT",
    "NUM_SAMPLES",
    "SAMPLING_RATE",
    "Window",
    "corpus_features",
    "resample_microvolts",
    "signal_windows",
    "to_microvolts",
]

Window = Literal["first", "center", "all"]
# What is left of a long recording after its last whole window becomes a row if it lasts this long, in seconds. Ours.
MIN_REMAINDER_S = 2.5


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


def signal_windows(recording: EcgRecording, *, record_id: str, window: Window = "first") -> list[dict[str, Any]]:
    """The columns of each row that describe its signal.

    Args:
        recording (`EcgRecording`):
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
    original = recording.microvolts
    if not original.size:
        raise ValueError(f"Record {record_id} has no samples. Read its header and correct it, or leave it out.")
    microvolts = resample_microvolts(original, recording.sampling_rate)
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
                "num_samples_original": original.shape[1],
                "sampling_rate_original": recording.sampling_rate,
            }
        )
    return rows


def resample_microvolts(microvolts: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Bring `int16` microvolts, `(num_leads, num_samples)`, to 500 Hz; at that rate they stay what they are."""
    if sampling_rate == SAMPLING_RATE:
        return microvolts
    return round_to_int16(
        resample_by(microvolts.astype(np.float64), Fraction(SAMPLING_RATE) / Fraction(sampling_rate))
    )


def _window_starts(num_samples: int, window: Window) -> list[int]:
    """First samples of the rows that a recording of this length gives."""
    surplus = num_samples - NUM_SAMPLES
    if window == "first" or surplus <= 0:
        return [0]
    if window == "center":
        return [surplus // 2]
    last = max(0, num_samples - round(MIN_REMAINDER_S * SAMPLING_RATE))
    return list(range(0, last + 1, NUM_SAMPLES))
