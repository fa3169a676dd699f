"""Heart rate and intervals of a strip, measured by a library that knows nothing of our models."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from datasets_scripts.collator import StripCollator
from datasets_scripts.schema import SAMPLING_RATE
from modeling_supreme.leads import STANDARD_LEADS


INTERVAL_NAMES = ("rate_per_min", "rr_sd_ms", "p_ms", "pr_ms", "qrs_ms", "qt_ms", "qtc_ms")
LEADS = ("II", "I", "V5")  # the first of these that was recorded is measured
MS = 1000 / SAMPLING_RATE
# From one mark to the other, as neurokit2 calls them
WAVES = {
    "p_ms": ("ECG_P_Onsets", "ECG_P_Offsets"),
    "pr_ms": ("ECG_P_Onsets", "ECG_R_Onsets"),
    "qrs_ms": ("ECG_R_Onsets", "ECG_R_Offsets"),
    "qt_ms": ("ECG_R_Onsets", "ECG_T_Offsets"),
}
# What neurokit2 raises on strips in which it finds too few beats
FAILURES = (ValueError, IndexError, KeyError, TypeError, ZeroDivisionError)


def measure_intervals(lead_mv: np.ndarray) -> np.ndarray:
    """Heart rate, its variability, and the medians of the intervals of all beats.

    Args:
        lead_mv (`np.ndarray` of shape `(num_samples,)`):
            One lead, in millivolts at 500 Hz.

    Returns:
        `np.ndarray` of shape `(7,)`: `INTERVAL_NAMES`; NaN where `neurokit2` finds nothing to measure, or fails.

    Source: Martinez et al., IEEE Trans Biomed Eng 51:570 (2004), the delineation by wavelets; Bazett, Heart 7:353
    (1920), QTc.
    """
    import neurokit2

    found = dict.fromkeys(INTERVAL_NAMES, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of every beat that it cannot read
        try:
            clean = neurokit2.ecg_clean(lead_mv, sampling_rate=SAMPLING_RATE)
            peaks = np.asarray(neurokit2.ecg_peaks(clean, sampling_rate=SAMPLING_RATE)[1]["ECG_R_Peaks"])
            rr_ms = np.diff(peaks) * MS
            if len(rr_ms):
                found |= {"rate_per_min": 60_000 / float(rr_ms.mean()), "rr_sd_ms": float(rr_ms.std())}
                marks = neurokit2.ecg_delineate(clean, peaks, sampling_rate=SAMPLING_RATE, method="dwt")[1]
                found |= {name: _measure(marks, *ends) for name, ends in WAVES.items()}
                found["qtc_ms"] = found["qt_ms"] / float(np.sqrt(rr_ms.mean() / 1000))
        except FAILURES:  # what was measured before stays
            pass
    return np.array([found[name] for name in INTERVAL_NAMES], dtype=np.float32)


def _measure(marks: dict[str, Any], begin: str, end: str) -> float:
    """Median of an interval in milliseconds, over the beats that have both marks in this order; NaN of none."""
    lengths = (np.asarray(marks[end], dtype=np.float64) - np.asarray(marks[begin], dtype=np.float64)) * MS
    lengths = lengths[lengths > 0]
    return float(np.median(lengths)) if len(lengths) else np.nan


class IntervalCollator(StripCollator):
    """Intervals in place of strips, so that whatever prepares batches measures them, in as many processes."""

    def __init__(self) -> None:
        super().__init__(feature_extractor=None)

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Return `features` of shape `(num_rows, 7)`."""
        return {"features": torch.from_numpy(np.stack([measure_intervals(_choose_lead(row)) for row in rows]))}


def _choose_lead(row: dict[str, Any]) -> np.ndarray:
    """The lead of a row that is measured, in millivolts."""
    recorded = np.asarray(row["lead_mask"], dtype=bool)
    places = [STANDARD_LEADS.index(lead) for lead in LEADS]
    place = next((place for place in places if recorded[place]), places[0])
    return np.asarray(row["signal"])[place, : int(row["num_samples"])] / 1000.0
