"""One row format for every corpus: 12 standard leads, 500 Hz, 10 s, `int16` microvolts."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from datasets import Array2D, ClassLabel, Features, List, Value

from modeling_supreme.leads import STANDARD_LEADS, select_leads, standardize_lead_names
from modeling_supreme.recordings import (
    MICROVOLTS_PER_MILLIVOLT,
    NUM_SAMPLES,
    SAMPLING_RATE,
    Account,
    EcgRecording,
    round_to_int16,
    to_microvolts,
)
from modeling_supreme.signal_processing import bridge, ratio_of_rates, resample_by


# The numbers of the row format stand in `modeling_supreme.recordings`: a checkpoint reads rows without this file.
__all__ = [
    "MICROVOLTS_PER_MILLIVOLT",
    "NUM_SAMPLES",
    "SAMPLING_RATE",
    "Window",
    "account_of_rows",
    "corpus_features",
    "resample_recording",
    "signal_windows",
    "to_microvolts",
]

Window = Literal["first", "center", "all"]
# What is left of a long recording after its last whole window becomes a row if it lasts this long, in seconds. Ours.
MIN_REMAINDER_S = 2.5
LARGEST_UV = np.iinfo(np.int16).max


def corpus_features(label_names: Sequence[str], **codes: Any) -> Features:
    """Features of a corpus whose labels carry the given names.

    `dataset.with_format("numpy", columns=["signal"], dtype=np.int16, output_all_columns=True)` reads the signals as
    they are stored; without a dtype, the formats of `datasets` turn them into `int64`.

    Args:
        label_names (`Sequence[str]`):
            Names of the labels of this configuration, in the order of their indices.
        codes (`datasets` feature types):
            Columns that only some corpora have, such as `scp_codes`, or `measurements`: a struct of numbers by the
            names and in the units of [`MEASUREMENTS`], null where nobody knows a number, NaN where it was looked for
            and there is nothing to measure.

    Returns:
        `Features`: The columns of one row. `signal` is `(12, 5000)` in microvolts, rows in the order of
        `STANDARD_LEADS`; `lead_mask` is true where a lead was recorded at all, and `not_recorded` lists the stretches
        that it lacks nevertheless, in which `signal` is 0: place of the lead, first sample, and the one after; samples
        from `num_samples` on are padding; `sampling_rate_original` is rounded to whole hertz; `window_start_s` is
        where in the recording the row begins;
        `labels` are the indices of the positive labels and `label_mask` is true for every label that is known.
    """
    return Features(
        {
            "record_id": Value("string"),
            "patient_id": Value("string"),
            "signal": Array2D((len(STANDARD_LEADS), NUM_SAMPLES), "int16"),
            "lead_mask": List(Value("bool"), length=len(STANDARD_LEADS)),
            "not_recorded": List(List(Value("int32"))),
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
            Leads that it lacks become zeros, and so do stretches that a lead lacks.
        record_id (`str`):
            Named in error messages.
        window (`str`, defaults to `"first"`):
            Which 10 s of a longer recording become rows: the first, those in the middle, or all, one after the other;
            what remains at the end is a shorter row if it lasts 2.5 s. Of all windows, those in which no lead was
            recorded are left out.

    Returns:
        `list[dict]`: One entry per row with `signal (12, 5000)`, `lead_mask (12,)`, `not_recorded`, `num_samples`,
        `window_start_s`, `num_samples_original` and `sampling_rate_original`, as in [`corpus_features`].

    Raises:
        ValueError: If the recording is empty, nothing of it was recorded in the window, or a lead is unknown or listed
            twice.
    """
    names = standardize_lead_names(recording.leads, record_id=record_id)
    if not recording.num_samples or not names:
        raise ValueError(f"Record {record_id} has no samples. Read its header and correct it, or leave it out.")
    microvolts, spans = resample_recording(recording)
    lead_mask = np.isin(STANDARD_LEADS, names)
    present = [lead for lead in STANDARD_LEADS if lead in names]
    strip = select_leads(microvolts, names, present, record_id=record_id)
    spans = [(STANDARD_LEADS.index(names[row]), start, stop) for row, start, stop in spans]
    rows = []
    for start in _window_starts(strip.shape[1], window):
        num_samples = min(strip.shape[1] - start, NUM_SAMPLES)
        own_spans, own_mask = _cut_spans(spans, lead_mask, start, start + num_samples)
        if not own_mask.any():
            continue
        signal = np.zeros((len(STANDARD_LEADS), NUM_SAMPLES), dtype=np.int16)
        signal[lead_mask, :num_samples] = strip[:, start : start + num_samples]
        rows.append(
            {
                "signal": signal,
                "lead_mask": own_mask,
                "not_recorded": own_spans,
                "num_samples": num_samples,
                "window_start_s": start / SAMPLING_RATE,
                "num_samples_original": recording.num_samples,
                "sampling_rate_original": round(recording.sampling_rate),
            }
        )
    if not rows:
        raise ValueError(
            f"Record {record_id} has no lead that was recorded in the 10 s taken (`window={window!r}`). Pass"
            ' `window="all"` (`--window all`), or leave it out.'
        )
    return rows


def account_of_rows(recording: EcgRecording, rows: Sequence[dict[str, Any]]) -> Account:
    """The account of a recording, completed by what its rows took of it.

    Args:
        recording (`EcgRecording`):
            As it was read.
        rows (`Sequence[dict]`):
            What [`signal_windows`] made of it.
    """
    num_clipped = sum(_count_clipped(row["signal"]) for row in rows)
    num_stored = sum(int(row["lead_mask"].sum()) * row["num_samples"] for row in rows)
    return replace(
        recording.account,
        seconds_used=sum(row["num_samples"] for row in rows) / SAMPLING_RATE,
        sampling_rate_used=float(SAMPLING_RATE),
        share_clipped=num_clipped / num_stored,
    )


def _count_clipped(signal: np.ndarray) -> int:
    """Samples at the largest voltage that a row can hold."""
    if signal.max() < LARGEST_UV and signal.min() > -LARGEST_UV:
        return 0
    return int((signal >= LARGEST_UV).sum() + (signal <= -LARGEST_UV).sum())


def resample_recording(recording: EcgRecording) -> tuple[np.ndarray, list[tuple[int, int, int]]]:
    """Bring a recording to 500 Hz; at that rate its microvolts stay what they are.

    Before they are filtered, stretches that a lead lacks are bridged by straight lines: steps at their ends would ring
    in the samples around them.

    Returns:
        `tuple[np.ndarray, list[tuple[int, int, int]]]`: `int16` microvolts, `(num_leads, num_samples)`, and the
        stretches that leads lack, in which these are 0: row, first sample, and the one after.
    """
    ratio = ratio_of_rates(recording.sampling_rate, SAMPLING_RATE)
    microvolts, is_recorded = recording.microvolts, recording.is_recorded
    spans = [] if is_recorded is None else _find_spans(~is_recorded)
    if ratio == 1:
        return microvolts, spans
    values = microvolts.astype(np.float64)
    if is_recorded is not None:
        values = bridge(np.where(is_recorded, values, np.nan))
    resampled = round_to_int16(resample_by(values, ratio))
    is_lost = np.zeros(resampled.shape, dtype=bool)
    for row, start, stop in spans:  # a sample between one that is there and one that is not, is not
        is_lost[row, max(0, math.floor((start - 1) * ratio) + 1) : math.ceil(stop * ratio)] = True
    resampled[is_lost] = 0
    return resampled, _find_spans(is_lost) if spans else []


def _find_spans(flags: np.ndarray) -> list[tuple[int, int, int]]:
    """Runs of true values in the rows of an array: row, first sample, and the one after."""
    padded = np.zeros((flags.shape[0], flags.shape[1] + 2), dtype=np.int8)
    padded[:, 1:-1] = flags
    rows, edges = np.nonzero(np.diff(padded, axis=1))
    return list(zip(rows[::2].tolist(), edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _cut_spans(
    spans: Sequence[tuple[int, int, int]], lead_mask: np.ndarray, start: int, stop: int
) -> tuple[list[list[int]], np.ndarray]:
    """The stretches within a window, counted from its first sample, and the leads that were recorded in it at all."""
    cut = [[lead, max(first, start) - start, min(last, stop) - start] for lead, first, last in spans]
    cut = sorted(span for span in cut if span[1] < span[2])
    absent = {lead for lead, first, last in cut if last - first == stop - start}
    own_mask = lead_mask.copy()
    own_mask[list(absent)] = False
    return [span for span in cut if span[0] not in absent], own_mask


def _window_starts(num_samples: int, window: Window) -> list[int]:
    """First samples of the rows that a recording of this length gives."""
    surplus = num_samples - NUM_SAMPLES
    if window == "first" or surplus <= 0:
        return [0]
    if window == "center":
        return [surplus // 2]
    last = max(0, num_samples - round(MIN_REMAINDER_S * SAMPLING_RATE))
    return list(range(0, last + 1, NUM_SAMPLES))
