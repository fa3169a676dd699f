"""The plots of the build report, as SVG to be put into a page."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pyarrow.parquet as pq
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from datasets_scripts.page import STYLE, encode_png, figure_to_svg
from datasets_scripts.schema import MICROVOLTS_PER_MILLIVOLT, SAMPLING_RATE
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.plotting import plot_strip
from modeling_supreme.plotting.palette import BLUE, GREEN, GREY, MUTED, ORANGE, PALE_BLUE, RED


WIDE, NARROW = 10.4, 5.2  # inches, for the full width of the page and half of it
BAR_HEIGHT = 0.3  # inches per label
STRIP_DPI = 110
SPLIT_COLOURS = {"train": BLUE, "validation": ORANGE, "test": GREEN}
DEFECT_COLOURS = {"missing": GREY, "flat": ORANGE, "clipped": RED}


def plot_labels(splits: Mapping[str, Mapping[str, Any]], labels: Sequence[str]) -> str:
    """Prevalence of each label, in percent, one bar per split; `splits` holds the `labels` of each split's report."""
    thickness = 0.8 / len(splits)

    def draw(axes: Axes) -> None:
        for index, (split, described) in enumerate(splits.items()):
            positions = np.arange(len(labels)) + (index - (len(splits) - 1) / 2) * thickness
            shares = [100 * (described[label]["prevalence"] or 0) for label in labels]
            axes.barh(positions, shares, thickness, color=SPLIT_COLOURS.get(split, MUTED), label=split)
        _name_rows(axes, labels)
        axes.set_xlabel("% of rows")
        axes.legend(frameon=False, loc="lower right")

    return _to_svg(draw, width=WIDE, height=0.9 + BAR_HEIGHT * len(labels))


def plot_voltages(leads: Mapping[str, Mapping[str, Any]]) -> str:
    """Median and 5th to 95th percentile of the peak-to-peak voltage of each lead."""

    def draw(axes: Axes) -> None:
        for position, quantiles in enumerate(lead["peak_to_peak_mv"] for lead in leads.values()):
            if quantiles["median"] is not None:
                span = [quantiles["p5"], quantiles["p95"]]
                axes.plot(span, [position, position], color=PALE_BLUE, linewidth=5, solid_capstyle="round")
                axes.plot(quantiles["median"], position, "o", color=BLUE, markersize=6)
        _name_rows(axes, list(leads))
        axes.set_xlim(left=0)
        axes.set_xlabel("mV, peak to peak")

    return _to_svg(draw, width=NARROW, height=3.6)


def plot_defects(leads: Mapping[str, Mapping[str, Any]]) -> str:
    """Share of the strips in which each lead is missing, flat or clipped."""
    thickness = 0.8 / len(DEFECT_COLOURS)

    def draw(axes: Axes) -> None:
        for index, (defect, colour) in enumerate(DEFECT_COLOURS.items()):
            shares = [100 * lead[f"share_{defect}"] for lead in leads.values()]
            axes.barh(np.arange(len(leads)) + (index - 1) * thickness, shares, thickness, color=colour, label=defect)
        _name_rows(axes, list(leads))
        axes.set_xlabel("% of strips")
        axes.legend(frameon=False)

    return _to_svg(draw, width=NARROW, height=3.6)


def plot_histogram(histogram: Mapping[str, Sequence[float]], *, unit: str, counted: str) -> str:
    """Bars of equal width for bins of unequal width, without the empty ones at both ends."""
    edges, counts = histogram["lower_edges"], histogram["counts"]
    used = [index for index, count in enumerate(counts) if count] or [0]
    shown = range(used[0], used[-1] + 1)
    names = [f"{edges[i]:g} to {edges[i + 1]:g}" if i + 1 < len(edges) else f"{edges[i]:g} or more" for i in shown]

    def draw(axes: Axes) -> None:
        axes.bar(range(len(shown)), [counts[i] for i in shown], 0.86, color=BLUE)
        rotation = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if len(shown) > 4 else {}
        axes.set_xticks(range(len(shown)), names, **rotation)
        axes.set_xlim(min(-0.6, len(shown) / 2 - 2.5), max(len(shown) - 0.4, len(shown) / 2 + 1.5))
        axes.set_xlabel(unit)
        axes.set_ylabel(counted)
        axes.tick_params(axis="x", length=0)
        axes.grid(axis="y")

    return _to_svg(draw, width=NARROW, height=3.2)


def draw_first_strip(file: Path) -> tuple[str, str] | None:
    """The first row of a file as an ECG sheet: record and PNG in base64; `None` if no lead has a voltage."""
    columns = ["record_id", "signal", "lead_mask", "not_recorded", "num_samples"]
    row = next(pq.ParquetFile(file).iter_batches(1, columns=columns)).to_pylist()[0]
    strip = np.asarray(row["signal"], dtype=np.float32)[:, : row["num_samples"]] / MICROVOLTS_PER_MILLIVOLT
    if not strip[row["lead_mask"]].any():
        return None
    for lead, start, stop in row["not_recorded"]:
        strip[lead, start:stop] = np.nan
    figure = plot_strip(
        strip,
        sampling_rate=SAMPLING_RATE,
        leads=STANDARD_LEADS,
        lead_mask=row["lead_mask"],
        title=f"Record {row['record_id']}",
    )
    return row["record_id"], encode_png(figure, dpi=STRIP_DPI)


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    """One row per name, from top to bottom."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")


def _to_svg(draw: Callable[[Axes], None], *, width: float, height: float) -> str:
    """What `draw` draws, as an SVG element; sizes in inches."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure.subplots())
        return figure_to_svg(figure)
