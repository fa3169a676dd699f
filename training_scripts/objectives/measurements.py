"""How much, beside whether: the numbers of strips, learnt as distributions and, where there is none, as missing."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import nn

from modeling_supreme.modeling_supreme import LOGISTIC_SD, SupremeMeasurements, find_circular
from modeling_supreme.modeling_supreme_ecg import wrap_angles
from modeling_supreme.query_grammar import MEASUREMENTS, find_measurement
from training_scripts.steps import TrainingBatch

from .augmentation import StripDraws


# What the figures of a validation name one by one, where it is learnt
MAIN_KEYS = ("rate_per_min", "pr_ms", "qrs_ms", "qt_ms", "axis_deg")
# Units that change with the voltage; "limit" of Q is the smaller of a voltage and a duration, and stays
VOLTAGE_UNITS = ("mV", "mV ms", "limit of the sex", "limit of the lead")
# To which power of the speed a measurement goes, by its name or else its unit. QT / sqrt(RR) by Bazett's formula,
# QT / RR ** (1 / 3) by Fridericia's.
POWERS_OF_RATE = {"qtc_ms": -1 / 2, "qtc_fridericia_ms": -2 / 3, "1/min": 1.0, "ms": -1.0, "s": -1.0, "mV ms": -1.0}
# Measured on the whole strip, of which one that is played more slowly shows less
EVENTS = tuple(name for name in MEASUREMENTS if name.startswith("num_"))
WHOLE_STRIP = ("longest_rr_s", "longest_wide_run", "pr_range_ms", *EVENTS)


class LearntNumbers(NamedTuple):
    """Targets of some strips, as they are shown to the model.

    Attributes:
        measurements (`torch.Tensor` of shape `(batch_size, num_measurements)`):
            Values, NaN where there is none, or it is not known.
        measurable (`torch.Tensor` of shape `(batch_size, num_measurements)`):
            Whether there is something to measure, NaN where it is not known.
    """

    measurements: torch.Tensor
    measurable: torch.Tensor


class MeasurementTask:
    """What the measurement head learns.

    Args:
        keys (`Sequence[str]`):
            What it measures, in order.
        spread (`torch.Tensor` of shape `(num_measurements,)`):
            What counts as one in the loss, in real units.
    """

    parts = ("measurements", "measurable")

    def __init__(self, keys: Sequence[str], spread: torch.Tensor) -> None:
        self.keys, self.spread, self.circular = tuple(keys), spread, find_circular(keys)
        found = [measurement for key in keys if (measurement := find_measurement(key))]
        self._follows_gain = torch.tensor([measurement.unit in VOLTAGE_UNITS for measurement in found])
        self._power_of_rate = torch.tensor(
            [POWERS_OF_RATE.get(each.name, POWERS_OF_RATE.get(each.unit, 0.0)) for each in found]
        )
        self._is_of_whole_strip = torch.tensor([measurement.name in WHOLE_STRIP for measurement in found])

    def follow(self, batch: TrainingBatch, draws: StripDraws) -> LearntNumbers:
        """The numbers of a batch as its strips show them when their voltage and their speed were changed."""
        values, measurable = batch.inputs["measurements"], batch.inputs["measurable"]
        gain, rate = (drawn[batch.positions].to(values)[:, None] for drawn in (draws.gain, draws.rate))
        values = torch.where(self._follows_gain.to(values.device), values * gain, values)
        values = values * rate ** self._power_of_rate.to(values)
        is_cut = self._is_of_whole_strip.to(values.device) & (rate < 1) & (measurable == 1)
        return LearntNumbers(values.masked_fill(is_cut, torch.nan), measurable.masked_fill(is_cut, torch.nan))

    def count(self, batch: TrainingBatch, draws: StripDraws) -> dict[str, float]:
        """How many numbers are known, and of how many it is known whether they are there."""
        targets = self.follow(batch, draws)._asdict()
        return {part: int((~torch.isnan(targets[part])).sum()) for part in self.parts}

    def sum_losses(
        self, found: SupremeMeasurements, batch: TrainingBatch, draws: StripDraws
    ) -> dict[str, torch.Tensor]:
        """Sums over what is known of a batch: how unlikely the values were, and whether there are any."""
        targets = self.follow(batch, draws)
        return {
            "measurements": self._sum_value_losses(found, targets.measurements),
            "measurable": sum_presence_losses(found, targets.measurable),
        }

    def _sum_value_losses(self, found: SupremeMeasurements, values: torch.Tensor) -> torch.Tensor:
        """Negative log-likelihood of values that are counted in spreads, so that each unit weighs the same."""
        is_known = ~torch.isnan(values)
        errors = self.find_errors(found, torch.where(is_known, values, 0.0))
        losses = logistic_losses(errors, cast(torch.Tensor, found.sd)) - torch.log(self.spread.to(errors))
        return torch.where(is_known, losses, 0.0).sum()

    def find_errors(self, found: Any, values: torch.Tensor) -> torch.Tensor:
        """By how much values are above what was found; of angles the shorter way round."""
        return wrap_angles(values - found.value, self.circular)

    def score(self, predictions: Mapping[str, torch.Tensor]) -> dict[str, float]:
        """Mean absolute error of every measurement that some validation record has.

        Args:
            predictions (`Mapping[str, torch.Tensor]`, each of shape `(num_records, num_measurements)`):
                `value` and `measurements`.
        """
        errors = wrap_angles(predictions["measurements"] - predictions["value"], self.circular).abs().double().numpy()
        is_known = ~np.isnan(errors)
        num_known = is_known.sum(axis=0)
        totals = np.where(is_known, errors, 0.0).sum(axis=0) / np.maximum(num_known, 1)
        return {self.keys[place]: float(totals[place]) for place in np.flatnonzero(num_known)}


def logistic_losses(errors: torch.Tensor, sd: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of errors under logistic distributions of mean 0.

    Example:
        >>> logistic_losses(torch.zeros(1), torch.full((1,), LOGISTIC_SD))  # the density is 1/4
        tensor([1.3863])
    """
    scale = sd / LOGISTIC_SD
    standard = errors / scale
    return standard + 2 * nn.functional.softplus(-standard) + torch.log(scale)


def sum_presence_losses(found: SupremeMeasurements, measurable: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy of whether there is something to measure, summed over what is known."""
    is_known = ~torch.isnan(measurable)
    targets = torch.where(is_known, measurable, 0.0)
    logits = cast(torch.Tensor, found.measurable_logits)
    losses = nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return (losses * is_known).sum()
