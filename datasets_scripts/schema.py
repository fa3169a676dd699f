"""One row format for every corpus: 12 standard leads, 500 Hz, 10 s, `int16` microvolts."""

from collections.abc import Sequence

import numpy as np
from datasets import Array2D, ClassLabel, Features, List, Value

from modeling_supreme.leads import STANDARD_LEADS


SAMPLING_RATE = 500
NUM_SAMPLES = 5000
MICROVOLTS_PER_MILLIVOLT = 1000


def corpus_features(label_names: Sequence[str], **codes: object) -> Features:
    """Features of a corpus whose labels carry the given names.

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
    limits = np.iinfo(np.int16)
    microvolts = np.rint(np.asarray(strip, dtype=np.float64) * MICROVOLTS_PER_MILLIVOLT)
    return np.clip(microvolts, limits.min, limits.max).astype(np.int16)
