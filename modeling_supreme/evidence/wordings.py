"""Statements in plain words: what was measured, beside the limit that was asked for."""

from collections.abc import Mapping
from math import floor, inf, isfinite

from ..query_grammar import Comparison, Term
from ..query_words import MEASUREMENTS, Measurement, find_measurement


DECIMALS = {"ms": 0, "deg": 0, "1/min": 0, "mV ms": 1, "beats": 1}
OTHER_DECIMALS = 2
UNITS = {
    "1/min": "/min",
    "deg": "degrees",
    "1": "",
    "beats": "",
    "limit": "times its limit",
    "limit of the lead": "times the limit of the lead",
    "limit of the sex": "times the limit of the sex",
}
# What people call measurements whose first phrase says how they are measured
NAMES = {"q_excess": "q wave", "broad_r_ms": "broad r wave", "st_elevation_ratio": "st elevation"}


def measurement_of(key: str) -> Measurement:
    """The measurement of a key, with its lead or without."""
    return find_measurement(key) or MEASUREMENTS[key]


def lead_of(key: str) -> str:
    """The lead of a key; empty where there is one number of all leads.

    Example:
        >>> lead_of("st_mv_V2"), lead_of("qrs_ms")
        ('V2', '')
    """
    return key.rpartition("_")[2] if key not in MEASUREMENTS else ""


def name_key(key: str) -> str:
    """What people call a measurement.

    Example:
        >>> name_key("st_mv_V2"), name_key("q_excess_III")
        ('st segment in V2', 'q wave in III')
    """
    lead, measurement = lead_of(key), measurement_of(key)
    return NAMES.get(measurement.name, measurement.phrases[0]) + (f" in {lead}" if lead else "")


def deny(finding: str) -> str:
    """A finding that is not there.

    Example:
        >>> deny("early wide beats"), deny("p waves absent")
        ('early wide beats absent', 'p waves present')
    """
    return f"{finding.removesuffix(' absent')} present" if finding.endswith(" absent") else f"{finding} absent"


def print_amount(value: float, unit: str, *, is_limit: bool = False) -> str:
    """A number with its unit; limits as they were asked for.

    Example:
        >>> print_amount(148.2, "ms"), print_amount(0.1, "mV", is_limit=True), print_amount(72.4, "1/min")
        ('148 ms', '0.1 mV', '72/min')
        >>> print_amount(0.37, "limit"), print_amount(1, "limit", is_limit=True)
        ('0.37 times its limit', 'it')
    """
    if is_limit and value == 1 and unit.startswith("limit"):
        return "it"
    number = f"{value:g}" if is_limit else f"{value:.{DECIMALS.get(unit, OTHER_DECIMALS)}f}"
    number = "0" if float(number) == 0 else number  # not -0
    shown = UNITS.get(unit, unit)
    return f"{number}{'' if shown.startswith('/') else ' '}{shown}".strip()


def print_comparison(atom: Comparison, values: Mapping[str, float]) -> str:
    """What a comparison found.

    Args:
        atom (`Comparison`):
            What was asked.
        values (`Mapping[str, float]`):
            Numbers that were measured, by key.

    Example:
        >>> print_comparison(Comparison((Term("qrs_ms"),), above=120), {"qrs_ms": 148.2})
        'qrs duration 148 ms, above 120 ms'
        >>> print_comparison(Comparison((Term("qrs_ms"),), above=120), {"qrs_ms": 98.2})
        'qrs duration 98 ms, not above 120 ms'
    """
    total = sum(term.weight * values[term.key] for term in atom.terms)
    denied = "" if atom.above < total < atom.below else "not "
    if len(atom.terms) == 2 and {atom.above, atom.below} & {0.0} and sum(term.weight for term in atom.terms) == 0:
        return _print_pair(atom, values, denied)
    unit = measurement_of(atom.terms[0].key).unit
    return f"{name_terms(atom.terms)} {print_amount(total, unit)}, {denied}{print_limits(atom, unit)}"


def name_terms(terms: tuple[Term, ...]) -> str:
    """A weighted sum of measurements.

    Example:
        >>> name_terms((Term("s_mv_V1"), Term("r_mv_V5")))
        's amplitude in V1 + r amplitude in V5'
    """
    text = ""
    for key, weight in terms:
        sign = "- " if weight < 0 else "+ " if text else ""
        factor = "" if abs(weight) == 1 else f"{abs(weight):.3g} x "
        text += f"{' ' if text else ''}{sign}{factor}{name_key(key)}"
    return text


def _print_pair(atom: Comparison, values: Mapping[str, float], denied: str) -> str:
    """One measurement against another."""
    first, second = sorted(atom.terms, key=lambda term: -term.weight)
    shown = [
        f"{name_key(key)} {print_amount(values[key], measurement_of(key).unit)}" for key in (first.key, second.key)
    ]
    return f"{shown[0]}, {denied}{'larger' if atom.above == 0 else 'smaller'} than {shown[1]}"


def print_limits(atom: Comparison, unit: str) -> str:
    """The limits of a comparison; whole numbers as one counts."""
    if len(atom.terms) == 1 and measurement_of(atom.terms[0].key).is_whole:
        low, high = floor(atom.above) + 1 if atom.above > -inf else None, atom.below
        most = floor(high) - (floor(high) == high) if isfinite(high) else None
        return " and ".join(
            f"{word} {number}" for word, number in (("at least", low), ("at most", most)) if number is not None
        )
    if isfinite(atom.above) and isfinite(atom.below):
        low = f"{atom.above:g}"
        return f"between {low} and {print_amount(atom.below, unit, is_limit=True)}"
    if isfinite(atom.above):
        return f"above {print_amount(atom.above, unit, is_limit=True)}"
    return f"below {print_amount(atom.below, unit, is_limit=True)}"
