"""Whether an expression is true of numbers that are known exactly: the ground truth of any threshold or definition.

A model answers the same expression with a probability (`modeling_supreme.definitions`); where its numbers are exact
and its findings certain, that probability is what this module says.
"""

import math
from collections.abc import Collection, Mapping

from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.query_grammar import (
    MEASUREMENTS,
    AllOf,
    AnyOf,
    AtLeast,
    Comparison,
    Expression,
    Finding,
    InLeads,
    Measurement,
    Not,
    Present,
    expand,
    normalize_name,
)


TURN_DEG = 360.0


def is_true(expression: Expression, measurements: Mapping[str, float | None], findings: Collection[str] = ()) -> bool:
    """Whether an expression is true of a record.

    What cannot be measured lies within no limits, so that "not" of such a comparison is true. A count is 0 where there
    is nothing to count, also within a sum. Angles between two limits are met on the way from the first to the second.

    Args:
        expression (`Expression`):
            What is asked, as `parse_query` reads it.
        measurements (`Mapping[str, float | None]`):
            Exact numbers by key, in the unit of each, such as `SimulatedRecord.measurements`; absent, NaN or `None`
            where there is nothing to measure.
        findings (`Collection[str]`):
            Names of all findings of the record, in any spelling, such as `SimulatedRecord.labels`. One that is not
            among them is not there.

    Returns:
        `bool`: Whether it is true.

    Raises:
        ValueError: If the expression has a key that is no measurement.

    Example:
        >>> from modeling_supreme.query_grammar import parse_query
        >>> is_true(parse_query("qrs_ms > 120 and not p_ms present"), {"qrs_ms": 148.0})
        True
    """
    return _holds(expand(expression), measurements, frozenset(map(normalize_name, findings)))


def _holds(expression: Expression, measurements: Mapping[str, float | None], findings: frozenset[str]) -> bool:
    """The same for an expression without `InLeads` and folded names."""

    def holds(part: Expression) -> bool:
        return _holds(part, measurements, findings)

    match expression:
        case Comparison():
            return _is_within(expression, measurements)
        case Present(key):
            value = _look_up(key, measurements)
            return not math.isnan(value) and not (_find_measurement(key).is_count and value == 0)
        case Finding(name):
            return normalize_name(name) in findings
        case Not(part):
            return not holds(part)
        case AllOf(parts):
            return all(map(holds, parts))
        case AnyOf(parts):
            return any(map(holds, parts))
        case AtLeast(count, parts):
            return sum(map(holds, parts)) >= count
        case InLeads():
            return holds(expand(expression))


def _is_within(comparison: Comparison, measurements: Mapping[str, float | None]) -> bool:
    """Whether a weighted sum lies between its limits; "not a number" does not."""
    terms, above, below = comparison.terms, comparison.above, comparison.below
    value = sum(weight * _look_up(key, measurements) for key, weight in terms)
    is_arc = len(terms) == 1 and _find_measurement(terms[0].key).unit == "deg" and math.isfinite(below - above)
    if is_arc and below - above < TURN_DEG and not math.isnan(value):
        return 0 < (value - above) % TURN_DEG < below - above
    return above < value < below


def _look_up(key: str, measurements: Mapping[str, float | None]) -> float:
    """A number; NaN where there is none, and 0 where it counts what is not there."""
    value = measurements.get(key)
    if value is None or math.isnan(value):
        return 0.0 if _find_measurement(key).is_count else math.nan
    return float(value)


def _find_measurement(key: str) -> Measurement:
    """What a key is a number of."""
    name, _, lead = key.rpartition("_")
    measurement = MEASUREMENTS.get(key) or (MEASUREMENTS.get(name) if lead in STANDARD_LEADS else None)
    if measurement is None or measurement.is_per_lead != (measurement.name != key):
        raise ValueError(f"{key!r} is no measurement. Take a key of `MEASUREMENTS`, with its lead if it has one.")
    return measurement
