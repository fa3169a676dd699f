"""Measurements beside their reference, for people: a table, and a plot of one against the other."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.plotting.palette import BLUE, GREY, MUTED

from .measurement_errors import FIGURES, MeasurementPairs, find_errors
from .metrics import format_figure, mean_or_none


EXPLANATION = (
    "MAE: mean absolute error; constant: that of the median of the references alone; rank: Spearman's correlation;",
    "in 80 %: share of the references within the 80 % interval that the model states; measurable: share of the",
    "records in which it sees something to measure. What every lead has is one line, the mean over its leads.",
)
SHOWN = (*FIGURES, "mean_absolute_error_of_constant", "share_measurable")
PANELS_PER_ROW = 4
PANEL_INCHES = 2.9
MAX_POINTS = 2000  # of one panel
FEWEST_POINTS = 2


def format_measurements(entries: Sequence[Mapping[str, Any]]) -> str:
    """A table of measurements, best read in a wide terminal.

    Args:
        entries (`Sequence[Mapping]`):
            What [`~evaluation_scripts.measurement_errors.compare_measurements`] gives.

    Returns:
        `str`: Lines that end in a line break.
    """
    header = ["measurement", "unit", "records", "MAE", "95 % interval", "constant", "bias", "rank", "in 80 %"]
    rows = [[*header, "measurable"], *(_format_row(name, own) for name, own in _group(entries).items())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, *EXPLANATION]) + "\n"


def _group(entries: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Entries of one measurement under its name, those of its leads together."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        groups.setdefault(name_of(entry["measurement"]), []).append(entry)
    return groups


def name_of(key: str) -> str:
    """A measurement without its lead.

    Example:
        >>> name_of("st_mv_V2"), name_of("qrs_ms")
        ('st_mv', 'qrs_ms')
    """
    name, _, lead = key.rpartition("_")
    return name if lead in STANDARD_LEADS else key


def _format_row(name: str, entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The cells of a measurement: of one entry, or the mean over leads."""
    is_one = len(entries) == 1
    figures = {
        figure: mean_or_none(np.array([entry[figure] for entry in entries], dtype=np.float64)) for figure in SHOWN
    }
    interval = entries[0]["mean_absolute_error_ci95"] if is_one else None
    return [
        entries[0]["measurement"] if is_one else f"{name}, {len(entries)} leads",
        entries[0]["unit"],
        f"{round(float(np.mean([entry['num_records'] for entry in entries])))}",
        _format_number(figures["mean_absolute_error"]),
        " to ".join(map(_format_number, interval)) if interval else "-",
        _format_number(figures["mean_absolute_error_of_constant"]),
        _format_number(figures["bias"]),
        *(format_figure(figures[figure]) for figure in ("rank_correlation", "coverage_80", "share_measurable")),
    ]


def _format_number(value: float | None) -> str:
    """Three digits that matter, whatever the unit.

    Example:
        >>> _format_number(12.345), _format_number(0.04567), _format_number(None)
        ('12.3', '0.0457', '-')
    """
    return "-" if value is None else f"{value:.3g}"


def plot_measurements(path: Path, measured: MeasurementPairs, entries: Sequence[Mapping[str, Any]]) -> None:
    """Draw each measurement against its reference, those of all leads in one panel, as a PNG.

    Args:
        path (`Path`):
            The file to write.
        measured ([`MeasurementPairs`]):
            Measurements and references of all records.
        entries (`Sequence[Mapping]`):
            What [`~evaluation_scripts.measurement_errors.compare_measurements`] gives for them.
    """
    groups = {name: own for name, own in _group(entries).items() if own[0]["num_records"] >= FEWEST_POINTS}
    num_rows = -(-len(groups) // PANELS_PER_ROW) or 1
    figure = Figure(
        figsize=(PANEL_INCHES * PANELS_PER_ROW, PANEL_INCHES * num_rows),
        dpi=120,
        facecolor="white",
        layout="constrained",
    )
    panels = figure.subplots(num_rows, PANELS_PER_ROW, squeeze=False).ravel()
    for axes, (name, own) in zip(panels, groups.items(), strict=False):
        columns = [measured.keys.index(entry["measurement"]) for entry in own]
        reference = measured.reference[:, columns].ravel()
        errors = find_errors(measured.value[:, columns].ravel(), reference, own[0]["unit"])
        _draw_panel(axes, reference, reference + errors)
        error = _format_row(name, own)[3]
        axes.set_title(f"{name}, {own[0]['unit']}: error {error}", fontsize=9)
    for axes in panels[len(groups) :]:
        axes.set_axis_off()
    figure.supxlabel("reference")
    figure.supylabel("model")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png")


def _draw_panel(axes: Axes, reference: np.ndarray, value: np.ndarray) -> None:
    """Points and the line on which both are equal; of very many points a share."""
    known = np.flatnonzero(~np.isnan(reference))
    shown = known[:: -(-len(known) // MAX_POINTS)]
    both = np.concatenate([reference[shown], value[shown]])
    low, high = np.percentile(both, [0.5, 99.5]).tolist()
    margin = 0.05 * (high - low) or 1.0
    limits = (low - margin, high + margin)
    axes.plot(limits, limits, color=GREY, linewidth=1)
    axes.plot(reference[shown], value[shown], ".", color=BLUE, markersize=3, alpha=0.5, rasterized=True)
    axes.set_xlim(limits)
    axes.set_ylim(limits)
    axes.set_aspect("equal")
    axes.tick_params(labelsize=7, colors=MUTED)
