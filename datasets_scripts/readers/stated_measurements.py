"""Numbers that a source states of a strip, under the names and in the units of the measurements.

Of what carts and tables state, only what a heart can do is taken: the others are faults of measuring or of typing. The
limits are ours, and wide. `None` (null in Arrow and Parquet) is a number that nobody knows; NaN says that it was
looked for and that there is nothing to measure, such as the PR interval of atrial fibrillation.
"""

import math
from collections.abc import Mapping

from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.query_grammar import MEASUREMENTS, find_measurement

from .cells import NONE, fold, parse_number
from .tables import Row


# All names that a number may have: `qrs_ms`, and with its lead `st_mv_V2`.
MEASUREMENT_KEYS = tuple(
    key
    for name, measurement in MEASUREMENTS.items()
    for key in ([f"{name}_{lead}" for lead in STANDARD_LEADS] if measurement.is_per_lead else [name])
)
# What a number can be, in its own unit, limits included; voltages have one limit for all, others none.
POSSIBLE = {
    "rate_per_min": (10.0, 400.0),
    "atrial_rate_per_min": (10.0, 700.0),
    "p_ms": (20.0, 300.0),
    "pr_ms": (40.0, 800.0),
    "qrs_ms": (30.0, 400.0),
    "qt_ms": (150.0, 900.0),
    "qtc_ms": (150.0, 900.0),
    "qtc_fridericia_ms": (150.0, 900.0),
    "axis_deg": (-360.0, 360.0),
}
POSSIBLE_MV = (-20.0, 20.0)
CIRCLE_DEG = 360.0


def read_measurements(entry: Row, columns: Mapping[str, str]) -> dict[str, float | None]:
    """Numbers in a row of a table.

    Args:
        entry (`Row`):
            A row of the table.
        columns (`Mapping[str, str]`):
            Column of each measurement, by its name.

    Returns:
        `dict[str, float | None]`: By name of the measurement; `None` where none is stated, or the table lacks the
        column; NaN where the cell says `none`: there is nothing to measure.

    Raises:
        ValueError: If a cell is no number, naming file, line and column.
    """
    return {key: entry.read(column, parse_stated) for key, column in columns.items()}


def parse_stated(cell: str | None) -> float | None:
    """A number in a cell, NaN where it says that there is none to measure, `None` where it says nothing.

    Raises:
        ValueError: If it is something else.

    Example:
        >>> parse_stated("96"), parse_stated("none"), parse_stated("unknown")
        (96.0, nan, None)
    """
    return math.nan if cell is not None and fold(cell) in NONE else parse_number(cell)


def measurements_of_cart(figures: Mapping[str, float | None]) -> dict[str, float | None]:
    """Rate, intervals and axis from what a cart marks in MIMIC-IV-ECG.

    A heart may have no P waves, and then the cart marks the beat without them. That it has no QRS complex, T wave or
    axis is its own failure: those are not known.

    Args:
        figures (`Mapping[str, float | None]`):
            `rr_interval`, and `p_onset`, `p_end`, `qrs_onset`, `qrs_end` and `t_end`, which count from one point, in
            milliseconds; `qrs_axis` in degrees. NaN where the cart says that it found none, `None` where it says
            nothing.

    Returns:
        `dict[str, float | None]`: `rate_per_min`, `p_ms`, `pr_ms`, `qrs_ms`, `qt_ms` and `axis_deg`; `p_ms` and
        `pr_ms` are NaN where the cart found beats and no P wave.

    Example:
        >>> marks = {"p_onset": 40, "p_end": 128, "qrs_onset": 170, "qrs_end": 258, "t_end": None}
        >>> measurements_of_cart({"rr_interval": 750, "qrs_axis": 77, **marks})
        {'rate_per_min': 80.0, 'p_ms': 88, 'pr_ms': 130, 'qrs_ms': 88, 'qt_ms': None, 'axis_deg': 77}
    """

    def find(name: str) -> float | None:
        figure = figures[name]
        return None if figure is None or math.isnan(figure) else figure

    def between(first: str, last: str) -> float | None:
        start, stop = find(first), find(last)
        return None if start is None or stop is None else stop - start

    rr_ms, qrs_ms = find("rr_interval"), between("qrs_onset", "qrs_end")
    p_marks = (figures["p_onset"], figures["p_end"])
    has_no_p = qrs_ms is not None and all(mark is not None and math.isnan(mark) for mark in p_marks)
    return {
        "rate_per_min": 60_000 / rr_ms if rr_ms else None,
        "p_ms": math.nan if has_no_p else between("p_onset", "p_end"),
        "pr_ms": math.nan if has_no_p else between("p_onset", "qrs_onset"),
        "qrs_ms": qrs_ms,
        "qt_ms": between("qrs_onset", "t_end"),
        "axis_deg": find("qrs_axis"),
    }


def keep_possible(stated: Mapping[str, float | None]) -> tuple[dict[str, float | None], list[str]]:
    """The numbers that can be, and a remark for each of the others.

    Args:
        stated (`Mapping[str, float | None]`):
            Numbers by name, in their units; `None` where none is stated, NaN where there is none to measure.

    Returns:
        `tuple`: The numbers by name, `None` and NaN as before, and `None` where a number cannot be: what it really was
        is not known. Axes are from above -180 to 180 degrees. And what was left out, without the number itself:
        records of one fault have one remark.

    Example:
        >>> keep_possible({"qrs_ms": 96.0, "qt_ms": -20.0, "axis_deg": 270.0})
        ({'qrs_ms': 96.0, 'qt_ms': None, 'axis_deg': -90.0}, ['qt_ms not from 150 to 900 ms'])
    """
    kept: dict[str, float | None] = {}
    remarks = []
    for key, value in stated.items():
        kept[key] = value if value is not None and math.isnan(value) else None
        if value is None or not math.isfinite(value):
            continue
        unit = getattr(find_measurement(key), "unit", "")
        low, high = POSSIBLE.get(key, POSSIBLE_MV if unit == "mV" else (-math.inf, math.inf))
        if low <= value <= high:
            kept[key] = _wrap_deg(value) if unit == "deg" else value
        else:
            remarks.append(f"{key} not from {low:g} to {high:g} {unit}")
    return kept, remarks


def _wrap_deg(angle: float) -> float:
    """The same angle above -180 and up to 180 degrees."""
    return CIRCLE_DEG / 2 - (CIRCLE_DEG / 2 - angle) % CIRCLE_DEG
