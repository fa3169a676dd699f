"""How well a checkpoint measures real recordings, held against code that knows nothing of it.

python benchmarks/questions/measurements_on_real_records.py --model_name_or_path D --data_dir ptb-xl --output_dir O

Nobody has published measurements of PTB-XL's records. The reference is made here: R peaks of every lead by `neurokit2`
(`pip install '.[dev]'`), whose median rate counts where most leads agree; and the median of the usual beats, on which
R, ST, the axis and the deepest voltage of QRS are measured in a plain way. Noise decides whether the deepest wave is Q
or S; here it is `s_mv` in any case, of the checkpoint the deeper of both.

The table, written as measurements.md in `--output_dir`, has the figures of `evaluate.py --measurements`, and the share
of rates within 5 per minute. How far the reference itself is off is measured on simulated records, whose numbers are
known.
"""

import argparse
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from scipy.ndimage import median_filter
from scipy.signal import butter, sosfiltfilt
from transformers import pipeline

from datasets_scripts import load_corpus
from datasets_scripts.simulator import simulate_record
from evaluation_scripts.measurement_errors import MeasurementPairs, compare_measurements
from evaluation_scripts.measurement_table import format_measurements, name_of, plot_measurements
from modeling_supreme import STANDARD_LEADS
from modeling_supreme.command_line.scripts import ScriptParser


logger = logging.getLogger(__name__)

SAMPLING_RATE = 500
# Leads agree if so many of the twelve differ from their median by no more than this. Ours.
MIN_AGREEING_LEADS, MAX_DIFFERENCE_PER_MIN = 9, 2.0
CLOSE_PER_MIN = 5.0
BEFORE_R, AFTER_R = 150, 250  # samples of a beat: 0.3 s and 0.5 s
MIN_BEATS, MIN_CORRELATION = 3, 0.9
VELOCITY_SHARE = 0.05  # of its peak: where QRS begins and ends
QUIET = 6  # samples in a row that must be slower than that
MAX_HALF_QRS = 75
BASELINE = 10  # samples before QRS, the zero of the beat
ST_AFTER_J = 30


class Reference(NamedTuple):
    """What independent code measures on a strip.

    Attributes:
        agrees (`bool`):
            Whether most leads have one rate.
        measurements (`dict[str, float]`):
            By key; empty but for the rate where there are too few beats alike.
    """

    agrees: bool
    measurements: dict[str, float]


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = ScriptParser(__doc__)
    parser.add_argument("--model_name_or_path", required=True, help="Checkpoint with a measurement head.")
    parser.add_argument("--data_dir", required=True, help="Folder of PTB-XL, with its tables.")
    parser.add_argument("--num_records", type=int, default=500, help="Records to measure, the first ones.")
    parser.add_argument("--num_simulated", type=int, default=200, help="Simulated records that test the reference.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Folder for the table and the plot.")
    return parser.parse_args(arguments)


def find_peaks(strip_mv: np.ndarray) -> list[np.ndarray]:
    """R peaks of every lead of `(12, num_samples)`, as `neurokit2` finds them; none in a lead that it cannot read."""
    import neurokit2

    found = []
    for lead in strip_mv:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                clean = neurokit2.ecg_clean(lead, sampling_rate=SAMPLING_RATE)
                _, info = neurokit2.ecg_peaks(clean, sampling_rate=SAMPLING_RATE)
            found.append(np.asarray(info["ECG_R_Peaks"], dtype=np.int64))
        except (ValueError, IndexError, ZeroDivisionError):
            found.append(np.empty(0, dtype=np.int64))
    return found


def measure_strip(strip_mv: np.ndarray) -> Reference:
    """Measure a strip without a model.

    Args:
        strip_mv (`np.ndarray` of shape `(12, num_samples)`):
            Millivolts at 500 Hz, in the order of `STANDARD_LEADS`.

    Returns:
        [`Reference`]
    """
    peaks = find_peaks(strip_mv)
    rates = np.array([_rate_of(own) for own in peaks])
    if np.isnan(rates).all():
        return Reference(False, {})
    rate = float(np.nanmedian(rates))
    agreeing = np.abs(rates - rate) <= MAX_DIFFERENCE_PER_MIN
    agrees = int(agreeing.sum()) >= MIN_AGREEING_LEADS
    measured = {"rate_per_min": rate} if agrees else {}
    beat = find_beat(strip_mv, peaks[int(np.argmin(np.where(agreeing, np.abs(rates - rate), np.inf)))])
    return Reference(agrees, measured if beat is None else measured | measure_beat(beat))


def _rate_of(peaks: np.ndarray) -> float:
    """Mean rate per minute of R peaks in samples; NaN of fewer than two."""
    return 60 * SAMPLING_RATE * (len(peaks) - 1) / (peaks[-1] - peaks[0]) if len(peaks) > 1 else np.nan


def find_beat(strip_mv: np.ndarray, peaks: np.ndarray) -> np.ndarray | None:
    """The median of the beats that are alike, `(12, 400)`, 300 ms before R to 500 ms after; `None` of too few."""
    slow = butter(2, 0.5, "highpass", fs=SAMPLING_RATE, output="sos")
    strip_mv = np.asarray(sosfiltfilt(slow, strip_mv, axis=1))
    whole = [peak for peak in peaks if BEFORE_R <= peak <= strip_mv.shape[1] - AFTER_R]
    if len(whole) < MIN_BEATS:
        return None
    beats = np.stack([strip_mv[:, peak - BEFORE_R : peak + AFTER_R] for peak in whole])
    median = np.median(beats, axis=0)
    alike = np.array([np.corrcoef(beat.ravel(), median.ravel())[0, 1] for beat in beats]) >= MIN_CORRELATION
    return np.median(beats[alike], axis=0) if alike.sum() >= MIN_BEATS else None


def measure_beat(beat: np.ndarray) -> dict[str, float]:
    """R, Q or S, and ST of every lead and the axis, from limits of QRS by the velocity of all leads together.

    Args:
        beat (`np.ndarray` of shape `(12, num_samples)`):
            Millivolts, with R at the sample `BEFORE_R`.

    Returns:
        `dict[str, float]`: By key, voltages against the baseline before QRS.
    """
    onset, end = find_qrs(beat)
    beat = beat - beat[:, onset - BASELINE : onset].mean(axis=1, keepdims=True)
    qrs = beat[:, onset : end + 1]
    waves = {
        "r_mv": np.maximum(qrs.max(axis=1), 0.0),
        "s_mv": np.maximum(-qrs.min(axis=1), 0.0),
        "st_mv": beat[:, min(end + ST_AFTER_J, beat.shape[1] - 1)],
    }
    net_i, net_ii = qrs[[STANDARD_LEADS.index("I"), STANDARD_LEADS.index("II")]].sum(axis=1)
    axis_deg = float(np.degrees(np.arctan2((2 * net_ii - net_i) / np.sqrt(3), net_i)))
    per_lead = {
        f"{name}_{lead}": float(value)
        for name, values in waves.items()
        for lead, value in zip(STANDARD_LEADS, values, strict=True)
    }
    return {"axis_deg": axis_deg, **per_lead}


def find_qrs(beat: np.ndarray) -> tuple[int, int]:
    """First and last sample of QRS: between stretches in which all leads together move slowly."""
    velocity = median_filter(np.sqrt((np.gradient(beat, axis=1) ** 2).sum(axis=0)), size=3)
    near = slice(BEFORE_R - MAX_HALF_QRS, BEFORE_R + MAX_HALF_QRS)
    middle = near.start + int(velocity[near].argmax())
    is_slow = velocity < max(VELOCITY_SHARE * velocity[middle], 2 * np.percentile(velocity, 20))
    runs = np.convolve(is_slow, np.ones(QUIET), mode="valid") == QUIET  # `runs[at]`: slow from `at` on
    before = np.flatnonzero(runs[: middle - QUIET])
    after = np.flatnonzero(runs[middle:])
    onset = int(before[-1]) + QUIET if len(before) else middle - MAX_HALF_QRS
    end = middle + int(after[0]) if len(after) else middle + MAX_HALF_QRS
    return max(onset, BASELINE, middle - MAX_HALF_QRS), min(end, middle + MAX_HALF_QRS)


def take_deeper_wave(keys: Sequence[str], parts: dict[str, np.ndarray]) -> None:
    """Put the deeper one of Q and S in the place of S, in every lead."""
    for lead in STANDARD_LEADS:
        q, s = keys.index(f"q_mv_{lead}"), keys.index(f"s_mv_{lead}")
        is_q = parts["value"][:, q] > parts["value"][:, s]
        for values in parts.values():
            values[:, s] = np.where(is_q, values[:, q], values[:, s])


def measure_reference(num_records: int) -> list[dict[str, Any]]:
    """How far the reference is off on simulated records: entries of `compare_measurements`."""
    truths, found = [], []
    for index in range(num_records):
        record = simulate_record(index)
        truth = dict(record.measurements)
        truth |= {f"s_mv_{lead}": max(truth[f"s_mv_{lead}"], truth[f"q_mv_{lead}"]) for lead in STANDARD_LEADS}
        truths.append(truth)
        found.append(measure_strip(record.strip.astype(np.float64)).measurements)
    keys = list(dict.fromkeys(key for measured in found for key in measured))
    value, reference = (np.array([[row.get(key, np.nan) for key in keys] for row in rows]) for rows in (found, truths))
    reference[np.isnan(value)] = np.nan
    filled = np.ones_like(value)
    measured = MeasurementPairs(keys, np.nan_to_num(value), filled, filled, reference)
    return compare_measurements(measured, list(range(num_records)), num_bootstrap_samples=0)


def compare(records: Any, classify: Any) -> tuple[MeasurementPairs, np.ndarray]:
    """Measure all records in both ways.

    Args:
        records (`Dataset`):
            Rows of a corpus, as arrays.
        classify (`ZeroShotEcgClassificationPipeline`):
            Measures with its checkpoint.

    Returns:
        `tuple`: Both, and which records have leads that agree, `(num_records,)`.
    """
    keys = list(classify.model.config.measurements)
    references, answers = [], []
    for row in records:
        strip_mv = np.asarray(row["signal"], dtype=np.float64)[:, : int(row["num_samples"])] / 1000
        references.append(measure_strip(strip_mv))
        answers.append(classify.measure(row))
    parts = {
        name: np.array([[answer[key][name] for key in keys] for answer in answers], dtype=np.float64)
        for name in ("value", "sd", "measurable")
    }
    take_deeper_wave(keys, parts)
    reference = np.array([[each.measurements.get(key, np.nan) for key in keys] for each in references])
    return MeasurementPairs(keys, reference=reference, **parts), np.array([each.agrees for each in references])


def format_errors(entries: Sequence[dict[str, Any]]) -> str:
    """Mean absolute errors by name, one a line; those of all leads together."""
    errors: dict[str, list[float]] = {}
    for entry in entries:
        errors.setdefault(f"{name_of(entry['measurement'])}, {entry['unit']}", []).append(entry["mean_absolute_error"])
    return "".join(f"{name}: MAE {np.mean(own):.3g}\n" for name, own in errors.items())


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the table."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logger.setLevel(logging.INFO)
    options = parse_arguments(arguments)
    records = load_corpus("ptb_xl", "hierarchy", data_dir=options.data_dir, split="train+validation+test")
    records = cast(Any, records).select(range(min(options.num_records, len(records)))).with_format("numpy")
    classify = pipeline(cast(Any, "zero-shot-ecg-classification"), model=options.model_name_or_path)
    measured, agrees = compare(records, classify)
    entries = compare_measurements(measured, list(records["patient_id"]))
    rate = measured.keys.index("rate_per_min")
    is_close = np.abs(measured.value[agrees, rate] - measured.reference[agrees, rate]) <= CLOSE_PER_MIN
    lines = (
        f"{len(records)} records; in {agrees.sum()} the leads agree on a rate, and in {is_close.mean():.1%} of these"
        f" the checkpoint's lies within {CLOSE_PER_MIN:g}/min.\n\n{format_measurements(entries)}\nThe reference, on"
        f" {options.num_simulated} simulated records:\n{format_errors(measure_reference(options.num_simulated))}"
    )
    options.output_dir.mkdir(parents=True, exist_ok=True)
    plot_measurements(options.output_dir / "measurements.png", measured, entries)
    (options.output_dir / "measurements.md").write_text(f"```\n{lines}```\n", encoding="utf-8")
    logger.info("%s", lines)


if __name__ == "__main__":
    main()
