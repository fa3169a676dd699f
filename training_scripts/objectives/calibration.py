"""What a measurement head is told after training: how far it errs on other patients, and how its errors go together.

The strips are simulated ones of patients that training never saw, with the filters of carts, little to much noise and
the sampling rates of several makes. Two thirds of them are fitted, the others say how well.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.special import expit, logit, ndtri

from datasets_scripts.simulated import measurements_of
from datasets_scripts.simulator import FOLDS_OF_SPLIT, SimulatedRecord, SimulatorSettings, fold_of, simulate_record
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.modeling_supreme import LOGISTIC_SD, SupremeModel, find_circular
from modeling_supreme.recordings import SAMPLING_RATE, EcgRecording
from modeling_supreme.signal_processing import resample_strip
from training_scripts.data.measure import MEASUREMENTS_COLUMN, MeasurementTargets


NOISE_SCALES = (0.5, 1.0, 2.0)
SAMPLING_RATES = (250, 360, 500, 1000)
ACQUISITION_STREAM = 71
BATCH_SIZE = 64
COVERED = 0.8  # of the distribution, in the middle
# Fewer records say nothing of a measurement, and a smaller share nothing of a pair
LEAST_RECORDS = 30
LIMITS_OF_FACTOR = (1 / 3, 3.0)
NUM_REFINEMENTS = 30
MOST_COMMUNALITY = 0.95


class Measured(NamedTuple):
    """What a model said of some strips, and what is true.

    Attributes:
        value, sd (`np.ndarray` of shape `(num_records, num_measurements)`):
            Predicted distributions, in the units of the measurements.
        truth (`np.ndarray` of shape `(num_records, num_measurements)`):
            True values, NaN where there is nothing to measure.
    """

    value: np.ndarray
    sd: np.ndarray
    truth: np.ndarray

    def errors(self, circular: Sequence[int]) -> np.ndarray:
        """By how much true values are above the predicted ones; of angles the shorter way round."""
        errors = self.truth - self.value
        for place in circular:
            errors[:, place] = (errors[:, place] + 180) % 360 - 180
        return errors


class Calibration(NamedTuple):
    """What is kept in the head: see [`MeasurementHead`]."""

    bias: np.ndarray
    sd_factor: np.ndarray
    loadings: np.ndarray


def simulate_held_out(num_records: int) -> Iterator[tuple[EcgRecording, SimulatedRecord]]:
    """Recordings of validation patients, each as another cart would have stored it, and what is true of them."""
    found, record_index = 0, 0
    while found < num_records:
        if fold_of(record_index) in FOLDS_OF_SPLIT["validation"]:
            rng = np.random.default_rng([ACQUISITION_STREAM, record_index])
            settings = SimulatorSettings(noise_scale=float(rng.choice(NOISE_SCALES)))
            record = simulate_record(record_index, settings=settings)
            rate = int(rng.choice(SAMPLING_RATES))
            strip = resample_strip(record.strip, SAMPLING_RATE, rate)
            recording = EcgRecording(sampling_rate=rate, leads=STANDARD_LEADS, strip_mv=strip)
            yield recording, record
            found += 1
        record_index += 1


@torch.no_grad()
def measure_held_out(model: SupremeModel, feature_extractor: Any, num_records: int) -> Measured:
    """What a model, in evaluation mode, says of simulated recordings of patients that it was not trained on."""
    keys = model.config.measurements
    targets = MeasurementTargets(keys, [keys])
    text_config: Any = model.config.text_config
    queries = torch.zeros(1, text_config.hidden_size, device=model.device)
    parts: list[Measured] = []
    strips = simulate_held_out(num_records)
    while batch := list(islice(strips, BATCH_SIZE)):
        features = feature_extractor.prepare([recording for recording, _ in batch], return_tensors="pt")
        inputs = {name: value.to(model.device) for name, value in features.items()}
        found = model(**inputs, query_embeds=queries).measurements
        rows = [{MEASUREMENTS_COLUMN: measurements_of(record)} for _, record in batch]
        truth = targets.targets(rows, [0] * len(rows)).measurements.astype(float)
        value, sd = (part.cpu().double().numpy() for part in (found.value, found.sd))
        parts.append(Measured(value, sd, truth))
    return Measured(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def fit_calibration(measured: Measured, circular: Sequence[int], *, num_factors: int) -> Calibration:
    """Find by how much values are too low, how much too narrow their distributions are, and how errors go together.

    Half of the errors are above the bias; `sd` is such that the middle 80 % of a distribution hold 80 % of them.

    Args:
        measured (`Measured`):
            Of a head that is not calibrated.
        circular (`Sequence[int]`):
            Places of the angles.
        num_factors (`int`):
            Common causes of errors.

    Returns:
        `Calibration`: 0, 1 and 0 for measurements of which there are too few values.
    """
    errors = measured.errors(circular)
    is_fitted = (~np.isnan(errors)).sum(axis=0) >= LEAST_RECORDS
    bias, sd_factor = np.zeros(len(is_fitted)), np.ones(len(is_fitted))
    bias[is_fitted] = np.nanmedian(errors[:, is_fitted], axis=0)
    standard = (errors - bias) / (measured.sd / LOGISTIC_SD)
    widest = np.nanquantile(np.abs(standard[:, is_fitted]), COVERED, axis=0)
    sd_factor[is_fitted] = np.clip(widest / logit((1 + COVERED) / 2), *LIMITS_OF_FACTOR)
    scores = ndtri(np.clip(expit(standard / sd_factor), 1e-4, 1 - 1e-4))
    scores[:, ~is_fitted] = np.nan
    return Calibration(bias, sd_factor, find_loadings(correlate(scores), num_factors))


def correlate(scores: np.ndarray) -> np.ndarray:
    """Correlation of each pair of columns over the rows in which both are known; 0 where there are too few.

    Example:
        >>> correlate(np.tile([[1.0, -2.0], [-1.0, 2.0]], (20, 1))).round(3)
        array([[ 1., -1.],
               [-1.,  1.]])
    """
    is_known = (~np.isnan(scores)).astype(float)
    known = np.nan_to_num(scores)
    num_pairs = is_known.T @ is_known
    # Of each column over the rows that the other column has
    squares = (known**2).T @ is_known
    products = known.T @ known
    scale = np.sqrt(squares * squares.T)
    is_enough = (num_pairs >= LEAST_RECORDS) & (scale > 0)
    return np.where(is_enough, products / np.where(scale > 0, scale, 1.0), 0.0)


def find_loadings(correlation: np.ndarray, num_factors: int) -> np.ndarray:
    """Loadings whose products come closest to correlations, off the diagonal: principal axes, refined.

    Source: Harman 1976, Modern Factor Analysis, chapter 8 (principal factors with iterated communalities).

    Args:
        correlation (`np.ndarray` of shape `(num_measurements, num_measurements)`):
            As [`correlate`] gives it.
        num_factors (`int`):
            Columns to return.

    Returns:
        `np.ndarray` of shape `(num_measurements, num_factors)`: The squares of a row add up to 0.95 at most.
    """
    reduced, loadings = correlation.copy(), np.zeros((len(correlation), num_factors))
    np.fill_diagonal(reduced, 0.0)
    np.fill_diagonal(reduced, np.abs(reduced).max(axis=0, initial=0.0))
    used = min(num_factors, len(correlation))
    for _ in range(NUM_REFINEMENTS):
        values, vectors = np.linalg.eigh(reduced)
        loadings[:, :used] = vectors[:, -used:] * np.sqrt(np.maximum(values[-used:], 0.0))
        communality = (loadings**2).sum(axis=1)
        loadings *= np.sqrt(np.minimum(1.0, MOST_COMMUNALITY / np.maximum(communality, 1e-12)))[:, None]
        np.fill_diagonal(reduced, (loadings**2).sum(axis=1))
    return loadings


def describe_measured(measured: Measured, keys: Sequence[str]) -> dict[str, dict[str, float]]:
    """How good numbers are: mean absolute error, mean error, and the share that lies in the middle 80 %.

    Args:
        measured (`Measured`):
            Of a head as it answers.
        keys (`Sequence[str]`):
            What it measures.

    Returns:
        `dict`: Figures of every measurement that has a value.
    """
    errors = measured.errors(find_circular(keys))
    limits = logit((1 + COVERED) / 2) * measured.sd / LOGISTIC_SD
    figures = {}
    for place, key in enumerate(keys):
        known = ~np.isnan(errors[:, place])
        if known.any():
            found = errors[known, place]
            figures[key] = {
                "num_records": int(known.sum()),
                "mae": float(np.abs(found).mean()),
                "bias": float(-found.mean()),
                "coverage_80": float((np.abs(found) <= limits[known, place]).mean()),
            }
    return figures


def calibrate_head(model: SupremeModel, feature_extractor: Any, num_records: int) -> dict[str, Any]:
    """Calibrate the head of a model, in evaluation mode, on simulated records.

    Args:
        model (`SupremeModel`):
            Its head keeps what was found.
        feature_extractor (`SupremeEcgFeatureExtractor`):
            Its own.
        num_records (`int`):
            Records in all, of which two thirds are fitted.

    Returns:
        `dict`: How many records there were, and the figures of every measurement on those that were not fitted.
    """
    head: Any = model.measurement_head
    head.bias.zero_()
    head.sd_factor.fill_(1.0)
    measured = measure_held_out(model, feature_extractor, num_records)
    num_fitted = 2 * num_records // 3
    fitted, checked = (Measured(*(part[rows] for part in measured)) for rows in np.s_[:num_fitted, num_fitted:])
    found = fit_calibration(fitted, head.circular, num_factors=head.loadings.shape[1])
    for name, values in found._asdict().items():
        getattr(head, name).copy_(torch.from_numpy(values))
    checked = checked._replace(value=checked.value + found.bias, sd=checked.sd * found.sd_factor)
    return {
        "num_fitted": num_fitted,
        "num_checked": num_records - num_fitted,
        "figures": describe_measured(checked, model.config.measurements),
    }
