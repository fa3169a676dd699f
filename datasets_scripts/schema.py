"""One row format for every corpus: 12 standard leads, 500 Hz, 10 s, `int16` microvolts."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from datasets import Array2D, ClassLabel, Features, List, Value
from scipy.signal import resample_poly

from modeling_supreme.leads import STANDARD_LEADS, select_leads, standardize_lead_names


SAMPLING_RATE = 500
NUM_SAMPLES = 5000
MICROVOLTS_PER_MILLIVOLT = 1000


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


def signal_columns(
    microvolts: np.ndarray, *, leads: Sequence[str], sampling_rate: int, record_id: str
) -> dict[str, np.ndarray | int]:
    """The columns of a row that describe its signal, from a recording of any length, rate and lead order.

    Args:
        microvolts (`np.ndarray` of shape `(num_leads, num_samples)`):
            `int16` voltages, in microvolts. At 500 Hz they are stored as they are; at another rate they are resampled
            with a polyphase filter.
        leads (`Sequence[str]`):
            Names of the rows, as the record's header spells them. Leads that the recording lacks become zeros.
        sampling_rate (`int`):
            Samples per second of `microvolts`, in hertz.
        record_id (`str`):
            Named in error messages.

    Returns:
        `dict`: `signal (12, 5000)`, `lead_mask (12,)`, `num_samples` and `sampling_rate_original`, as in
        [`corpus_features`]. What lies beyond the first 10 s is cut.

    Raises:
        ValueError: If the recording is empty, or a lead is unknown or listed twice.
    """
    names = standardize_lead_names(leads, record_id=record_id)
    if not microvolts.size:
        raise ValueError(f"Record {record_id} has no samples. Read its header and correct it, or leave it out.")
    common = math.gcd(sampling_rate, SAMPLING_RATE)
    if sampling_rate != SAMPLING_RATE:
        # "line" keeps a baseline offset from ringing at both ends, which zero padding would cause.
        resampled = resample_poly(
            microvolts.astype(np.float64), SAMPLING_RATE // common, sampling_rate // common, axis=1, padtype="line"
        )
        microvolts = _round_to_int16(resampled)
    lead_mask = np.isin(STANDARD_LEADS, names)
    present = [lead for lead in STANDARD_LEADS if lead in names]
    num_samples = min(microvolts.shape[1], NUM_SAMPLES)
    signal = np.zeros((len(STANDARD_LEADS), NUM_SAMPLES), dtype=np.int16)
    signal[lead_mask, :num_samples] = select_leads(microvolts, names, present, record_id=record_id)[:, :num_samples]
    return {
        "signal": signal,
        "lead_mask": lead_mask,
        "num_samples": num_samples,
        "sampling_rate_original": sampling_rate,
    }


def _round_to_int16(microvolts: np.ndarray) -> np.ndarray:
    """Nearest `int16` values, cut at the limits of the type."""
    limits = np.iinfo(np.int16)
    return np.clip(np.rint(microvolts), limits.min, limits.max).astype(np.int16)
