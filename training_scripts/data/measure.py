"""Beside the third stop of a training row: which numbers each record of a corpus has."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from modeling_supreme.query_grammar import find_measurement

from .records import Records, iterate_columns, take_first


MEASUREMENTS_COLUMN = "measurements"
# Training records by which the middle and the spread of a measurement are known
NUM_SAMPLED_RECORDS = 1000
# Spreads are no smaller than this share of the middle: what never changes has one too
LEAST_SPREAD = 0.1


class MeasuredNumbers(NamedTuple):
    """What is known of the numbers of some records.

    Attributes:
        measurements (`np.ndarray` of shape `(num_rows, num_measurements)`):
            Values in the units of the measurements, float32; NaN where there is none.
        measurable (`np.ndarray` of shape `(num_rows, num_measurements)`):
            1 where there is something to measure, 0 where there is not, NaN where nobody knows.
    """

    measurements: np.ndarray
    measurable: np.ndarray


class MeasurementTargets:
    """Numbers of the rows of a mixture of corpora, of which each has its own.

    Args:
        keys (`Sequence[str]`):
            What is to be learnt.
        measured (`Sequence[Sequence[str]]` of length `num_corpora`):
            Keys that each corpus has.
    """

    def __init__(self, keys: Sequence[str], measured: Sequence[Sequence[str]]) -> None:
        self.keys = tuple(keys)
        positions = {key: position for position, key in enumerate(self.keys)}
        self._keys = [[key for key in known if key in positions] for known in measured]
        self._columns = [[positions[key] for key in known] for known in self._keys]
        found = [find_measurement(key) for key in self.keys]
        self._is_count = np.array([measurement is not None and measurement.is_count for measurement in found], bool)

    def columns(self, corpus: int) -> tuple[str, ...]:
        """Columns of a corpus that `targets` reads."""
        return (MEASUREMENTS_COLUMN,) if self._keys[corpus] else ()

    def targets(self, rows: Sequence[Mapping[str, Any]], corpora: Sequence[int]) -> MeasuredNumbers:
        """Numbers of rows and the corpora they are from.

        NaN was looked for and not found: there is nothing to measure. Of null nobody knows. A count of 0 is nothing to
        measure, too.
        """
        values = np.full((len(rows), len(self.keys)), np.nan, dtype=np.float32)
        measurable = values.copy()
        for place, (row, corpus) in enumerate(zip(rows, corpora, strict=True)):
            keys, columns = self._keys[corpus], self._columns[corpus]
            numbers = row.get(MEASUREMENTS_COLUMN) if keys else None
            stated = [(numbers or {}).get(key) for key in keys]
            found = np.array(stated, dtype=np.float32)
            is_known = np.array([number is not None for number in stated], dtype=bool) & ~np.isinf(found)
            found[~np.isfinite(found) | (self._is_count[columns] & (found == 0))] = np.nan
            values[place, columns] = found
            measurable[place, columns] = np.where(is_known, ~np.isnan(found), np.nan)
        return MeasuredNumbers(values, measurable)


def measured_keys(records: Records) -> tuple[str, ...]:
    """Keys of the numbers that the records of a corpus have, those that are no measurement left out."""
    column = records.features.get(MEASUREMENTS_COLUMN)
    return tuple(key for key in column if find_measurement(key)) if isinstance(column, Mapping) else ()


def sample_numbers(targets: MeasurementTargets, corpora: Sequence[Records]) -> np.ndarray:
    """Values of the first records of every corpus, `(num_sampled, num_measurements)`, NaN where there is none."""
    sampled = [np.empty((0, len(targets.keys)), dtype=np.float32)]
    for corpus, records in enumerate(corpora):
        if not targets.columns(corpus):
            continue
        for columns in iterate_columns(take_first(records, NUM_SAMPLED_RECORDS), targets.columns(corpus)):
            rows = [{MEASUREMENTS_COLUMN: numbers} for numbers in columns[MEASUREMENTS_COLUMN]]
            sampled.append(targets.targets(rows, [corpus] * len(rows)).measurements)
    return np.concatenate(sampled)


def find_units(values: np.ndarray, circular: Sequence[int] = ()) -> tuple[np.ndarray, np.ndarray]:
    """The standard units of measurements: where zero is, and how long one is.

    Args:
        values (`np.ndarray` of shape `(num_sampled, num_measurements)`):
            Some values of each; NaN where there is none.
        circular (`Sequence[int]`):
            Places of angles, of which the mean direction is zero.

    Returns:
        `tuple` of two `np.ndarray` of shape `(num_measurements,)`, float32: The mean and the standard deviation, or a
        tenth of the mean if that is more; 0 and 1 where there are no values.

    Example:
        >>> find_units(np.array([[90.0, 2.0], [110.0, 2.0]]))
        (array([100.,   2.], dtype=float32), array([10. ,  0.2], dtype=float32))
    """
    centers, spreads = np.zeros(values.shape[1], np.float32), np.ones(values.shape[1], np.float32)
    for place, column in enumerate(values.T):
        known = column[~np.isnan(column)].astype(float)
        if not len(known):
            continue
        if place in circular:
            centers[place] = np.rad2deg(np.angle(np.exp(1j * np.deg2rad(known)).mean()))
            known = (known - centers[place] + 180) % 360 - 180
            spreads[place] = known.std() or 1.0
        else:
            centers[place] = known.mean()
            spreads[place] = max(known.std(), LEAST_SPREAD * abs(known.mean())) or 1.0
    return centers, spreads
