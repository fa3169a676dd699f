"""A strip as an ECG sheet, true to scale: 25 or 50 mm/s, 10 mm/mV, on millimetre paper, in the usual formats."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from ..admission import parse_rate, read_strip
from ..leads import derive_limb_leads, standardize_lead_names
from .fonts import use_fonts
from .layouts import BESIDE_PULSE_MM, PULSE_S, Content, Layout, LayoutName, Trace, check_speed, find_layout
from .palette import BLUE, COARSE_LINE, FINE_LINE, GRID, INK, MUTED, PAPER, SURFACE


MM_PER_INCH = 25.4
# Cut to half where a lead would leave its row, as cardiographs do ("half standard"); the sheet says so.
FULL_GAIN, HALF_GAIN = 10.0, 5.0  # mm per mV
# No heart gives 10 mV at the skin: such a lead is defective, and the others are not made smaller for its sake.
DEFECTIVE_MV = 10.0

# All lengths below are in mm. At 25 mm/s, with a title and 13 to 15 scores, the page is an A4 sheet in landscape.
GRID_LEFT = 16
HEADER_HEIGHT, FOOTER_HEIGHT, TOP_MARGIN = 18, 9, 6
SCORE_COLUMNS, SCORE_WIDTH, SCORE_HEIGHT, SCORE_MARGIN = 3, 85, 6, 8
BAR_LEFT, BAR_LENGTH, BAR_THICKNESS = 54, 20, 2.4
MAX_LABEL_LENGTH, MAX_TITLE_LENGTH = 32, 100
PNG_LEVEL = 1  # the usual 6 takes a third of the time of a sheet, and saves a quarter of its bytes


def plot_strip(
    strip: np.ndarray,
    *,
    sampling_rate: float,
    leads: Sequence[str],
    title: str | None = None,
    scores: Sequence[Mapping[str, Any]] | None = None,
    path: str | os.PathLike | None = None,
    lead_mask: Sequence[bool] | None = None,
    layout: LayoutName = "3x4",
    lead: str | None = None,
    mm_per_s: float = 25.0,
) -> Figure:
    """Draw a strip as cardiologists know it, with a model's scores below it.

    By default, three rows of four leads with 2.5 s each stand over a rhythm strip of 10 s. The columns follow each
    other in time. Of a strip shorter than 10 s the last columns show its end again, so that no lead is lost. The
    median of each trace lies on its baseline: an offset is not shown. Nothing of a patient is printed but what `title`
    says.

    Args:
        strip (`np.ndarray` of shape `(num_leads, num_samples)`):
            Voltages as floats, in millivolts. Missing samples (NaN) leave gaps.
        sampling_rate (`float`):
            Sampling rate of `strip`, in Hz.
        leads (`Sequence[str]`):
            Names of the rows. Limb leads that are absent are computed where two of I, II and III are given.
        title (`str`, *optional*):
            Printed above the sheet.
        scores (`Sequence` of `{"label": str, "score": float}`, *optional*):
            Probabilities of presence, drawn as bars in the order given, each with a tick at its `"threshold"` where
            there is one.
        path (`str` or `os.PathLike`, *optional*):
            Where to save the sheet; the suffix chooses the format (`.png`, `.pdf`, `.svg`).
        lead_mask (`Sequence[bool]` of length `num_leads`, *optional*):
            False for the rows that were not recorded.
        layout (`str`):
            `"3x4"` and `"6x2"` with a rhythm strip below, `"12x1"`, or `"1x1"` for one lead.
        lead (`str`, *optional*):
            Of the layout `"1x1"`; by default the first of II, V1, V5 and I that was recorded.
        mm_per_s (`float`):
            Speed of the paper: 25, or 50 on a page that is wider.

    Returns:
        `Figure`: The sheet; printed at 100 %, one of its millimetres is a millimetre.

    Raises:
        TypeError: If the samples are integers, which are not millivolts.
        ValueError: If the strip does not fit `leads` or `lead_mask`, if a lead is unknown or repeated, if there is no
            such layout or speed, or if a score is no probability.
    """
    sheet = draw_sheet(
        strip,
        sampling_rate=sampling_rate,
        leads=leads,
        title=title,
        scores=scores,
        lead_mask=lead_mask,
        layout=layout,
        lead=lead,
        mm_per_s=mm_per_s,
    )
    return finish(sheet.figure, path)


def finish(figure: Figure, path: str | os.PathLike | None) -> Figure:
    """The figure, with fonts for all of its letters, saved if there is a path."""
    use_fonts(figure)
    if path is not None:
        save(figure, path)
    return figure


def save(figure: Figure, path: str | os.PathLike) -> None:
    """Save a figure in the format that the suffix names."""
    if os.fspath(path).lower().endswith(".png"):
        figure.savefig(path, pil_kwargs={"compress_level": PNG_LEVEL})
    else:
        figure.savefig(path)


class Sheet(NamedTuple):
    """A sheet that more may be drawn on, in mm.

    Attributes:
        figure (`Figure`), axes (`Axes`):
            The page: one unit of its axes is a millimetre.
        traces (`list[Trace]`):
            What is drawn of each lead; where the layout has a rhythm strip, it is the last one.
        gain (`float`):
            In mm/mV.
        sampling_rate (`float`):
            Of the traces, in Hz.
        paper_bottom (`float`):
            Where the paper ends.
        layout ([`Layout`]):
            The format.
    """

    figure: Figure
    axes: Axes
    traces: list[Trace]
    gain: float
    sampling_rate: float
    paper_bottom: float
    layout: Layout


def draw_sheet(
    strip: np.ndarray,
    *,
    sampling_rate: float,
    leads: Sequence[str],
    title: str | None = None,
    scores: Sequence[Mapping[str, Any]] | None = None,
    lead_mask: Sequence[bool] | None = None,
    layout: LayoutName = "3x4",
    lead: str | None = None,
    mm_per_s: float = 25.0,
    below_paper_mm: float = 0.0,
    below_scores_mm: float = 0.0,
) -> Sheet:
    """What [`plot_strip`] draws, with room left for more: below the paper, and at the bottom of the page."""
    content = read_content(
        strip, sampling_rate=sampling_rate, leads=leads, lead_mask=lead_mask, layout=layout, lead=lead, speed=mm_per_s
    )
    scores_height = below_scores_mm + measure_scores(scores)
    footer = scores_height + FOOTER_HEIGHT
    paper_bottom = footer + below_paper_mm
    page_height = paper_bottom + content.layout.height + (HEADER_HEIGHT if title else TOP_MARGIN)
    figure, axes = make_page(content.width, page_height)
    traces = content.lay_out(GRID_LEFT, paper_bottom)
    gain = choose_gain(traces, content.layout.reach)
    draw_paper(axes, content, paper_bottom)
    draw_traces(axes, traces, content, gain)
    write_footer(axes, content, traces, gain, footer - 4)
    if title:
        write_title(axes, title, page_height - 9)
    draw_scores(axes, scores or (), scores_height - SCORE_MARGIN)
    return Sheet(figure, axes, traces, gain, content.sampling_rate, paper_bottom, content.layout)


def read_content(
    strip: np.ndarray,
    *,
    sampling_rate: float,
    leads: Sequence[str],
    lead_mask: Sequence[bool] | None = None,
    layout: str = "3x4",
    lead: str | None = None,
    speed: float = 25.0,
) -> Content:
    """What of a strip is drawn; the arguments are those of [`plot_strip`]."""
    rate = parse_rate(sampling_rate, place="The strip to plot")
    rows = _read_rows(strip, leads, lead_mask)
    wanted = None if lead is None else standardize_lead_names([lead])[0]
    return Content(rows, rate, np.shape(strip)[1] / rate, find_layout(layout, wanted, rows), check_speed(speed))


def make_page(paper_width: float, height: float) -> tuple[Figure, Axes]:
    """An empty page around paper of a width; one unit of its axes is a millimetre."""
    width = paper_width + 2 * GRID_LEFT
    figure = Figure(figsize=(width / MM_PER_INCH, height / MM_PER_INCH), dpi=150, facecolor=SURFACE)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    return figure, axes


def _read_rows(strip: np.ndarray, leads: Sequence[str], lead_mask: Sequence[bool] | None) -> dict[str, np.ndarray]:
    """The recorded and computed leads by name, in mV."""
    names = standardize_lead_names(leads)
    strip = read_strip(strip, names, place="The strip to plot")
    recorded = np.ones(len(names), dtype=bool) if lead_mask is None else np.asarray(lead_mask, dtype=bool)
    if recorded.shape != (len(names),):
        raise ValueError(
            f"`lead_mask` has shape {recorded.shape}, but the strip has {len(names)} leads. Give one value per lead."
        )
    kept = [name for name, is_recorded in zip(names, recorded, strict=True) if is_recorded]
    strip, available = derive_limb_leads(strip[recorded], kept)
    off = set(names) - set(kept)
    return {name: row for name, row in zip(available, strip, strict=True) if name not in off}


def choose_gain(traces: Sequence[Trace], reach: float) -> float:
    """Full gain in mm/mV, or half of it where a sound lead would leave its row."""
    largest_mv = max((trace.peak_mv for trace in traces if trace.peak_mv < DEFECTIVE_MV), default=0.0)
    return FULL_GAIN if largest_mv * FULL_GAIN <= reach else HALF_GAIN


def write_footer(axes: Axes, content: Content, traces: Sequence[Trace], gain: float, y: float) -> None:
    """The scales, and what of the strip is not as usual."""
    scales = f"{content.mm_per_s:g} mm/s    {gain:g} mm/mV    {content.sampling_rate:g} Hz"
    axes.text(GRID_LEFT, y, scales, size=8, color=INK, va="center")
    notes = [*content.layout.note_duration(content.duration_s), *_note_cut_leads(traces, gain, content.layout.reach)]
    right = GRID_LEFT + content.width
    axes.text(right, y, "; ".join(notes), size=8, color=MUTED, va="center", ha="right")


def write_title(axes: Axes, title: str, y: float) -> None:
    """What a page or a part of it is of."""
    shown = shorten(title, MAX_TITLE_LENGTH)
    axes.text(GRID_LEFT, y, shown, size=12, weight="bold", color=INK, va="center", parse_math=False)


def _note_cut_leads(traces: Sequence[Trace], gain: float, reach: float) -> list[str]:
    """Names the leads that reach beyond what is drawn of them."""
    cut = dict.fromkeys(trace.lead for trace in traces if trace.peak_mv * gain > reach)
    return [f"{', '.join(cut)} cut off at ±{reach / gain:g} mV"] if cut else []


def draw_paper(axes: Axes, content: Content, bottom: float) -> None:
    """Millimetre paper: fine lines every 1 mm, coarse ones every 5 mm."""
    width, height = round(content.width), round(content.layout.height)
    axes.add_patch(Rectangle((GRID_LEFT, bottom), width, height, facecolor=PAPER, zorder=0, gid="paper"))
    right, top = GRID_LEFT + width, bottom + height
    for step, color, line_width in ((1, FINE_LINE, 0.3), (5, COARSE_LINE, 0.6)):
        vertical = [((x, bottom), (x, top)) for x in range(GRID_LEFT, right + 1, step)]
        horizontal = [((GRID_LEFT, bottom + y), (right, bottom + y)) for y in range(0, height + 1, step)]
        axes.add_collection(
            LineCollection(vertical + horizontal, colors=color, linewidths=line_width, zorder=step / 10)
        )


def draw_traces(axes: Axes, traces: Sequence[Trace], content: Content, gain: float) -> None:
    """Every lead with its name, and the calibration pulse or the separator before it."""
    for trace in traces:
        if trace.left == GRID_LEFT + content.pulse_room:
            _draw_pulse(axes, trace, content, gain)
        else:
            _draw_separator(axes, trace, content.layout)
        _draw_trace(axes, trace, content, gain)


def _draw_trace(axes: Axes, trace: Trace, content: Content, gain: float) -> None:
    """One lead and its name."""
    y = trace.baseline + content.layout.name_up
    name = axes.text(trace.left + 1, y, trace.lead, size=9, weight="bold", va="center", zorder=4)
    name.set_color(MUTED if trace.samples is None else INK)
    name.set_path_effects([withStroke(linewidth=2, foreground=PAPER)])
    if trace.samples is None:
        place = (trace.left + 3, trace.baseline)
        axes.text(*place, "not recorded", size=8, style="italic", color=MUTED, va="center", zorder=4)
        return
    x = trace.left + np.arange(len(trace.samples)) / content.sampling_rate * trace.mm_per_s
    y = trace.baseline + np.clip(trace.samples * gain, -content.layout.reach, content.layout.reach)
    axes.plot(x, y, color=INK, linewidth=0.75, solid_joinstyle="round", zorder=3, gid=f"trace {trace.lead}")


def _draw_pulse(axes: Axes, trace: Trace, content: Content, gain: float) -> None:
    """The calibration pulse: 1 mV for 200 ms."""
    half, width = BESIDE_PULSE_MM / 2, PULSE_S * trace.mm_per_s
    x = (
        trace.left
        - content.pulse_room
        + half
        + np.array([0, half, half, half + width, half + width, 2 * half + width])
    )
    y = trace.baseline + gain * np.array([0, 0, 1, 1, 0, 0])
    axes.plot(x, y, color=INK, linewidth=0.75, solid_joinstyle="miter", zorder=3, gid="pulse")


def _draw_separator(axes: Axes, trace: Trace, layout: Layout) -> None:
    """Two short ticks where one lead ends and the next begins."""
    for middle in (trace.baseline - layout.row_height / 4, trace.baseline + layout.row_height / 4):
        axes.plot(
            [trace.left, trace.left],
            [middle - 1.5, middle + 1.5],
            color=INK,
            linewidth=0.75,
            zorder=3,
            gid="separator",
        )


def measure_scores(scores: Sequence[Mapping[str, Any]] | None) -> float:
    """Height of the panel of scores; nothing where there are none."""
    return SCORE_MARGIN + SCORE_HEIGHT * -(-len(scores) // SCORE_COLUMNS) if scores else 0


def draw_scores(axes: Axes, scores: Sequence[Mapping[str, Any]], top: float) -> None:
    """Labels, bars and probabilities, column by column."""
    per_column = -(-len(scores) // SCORE_COLUMNS)
    for index, entry in enumerate(scores):
        label, score = str(entry["label"]), float(entry["score"])
        if not 0 <= score <= 1:
            raise ValueError(
                f"The score of {label!r} is {score}, not a probability. Give numbers from 0 to 1, after the sigmoid."
            )
        left = GRID_LEFT + index // per_column * (SCORE_WIDTH + 5)
        y = top - (index % per_column) * SCORE_HEIGHT
        shown = shorten(label, MAX_LABEL_LENGTH)
        axes.text(left + BAR_LEFT - 2, y, shown, size=8, color=INK, va="center", ha="right", parse_math=False)
        axes.add_patch(_bar(left, y, BAR_LENGTH, GRID))
        axes.add_patch(_bar(left, y, BAR_LENGTH * score, BLUE))
        if entry.get("threshold") is not None:
            x = left + BAR_LEFT + BAR_LENGTH * float(entry["threshold"])
            axes.plot([x, x], [y - BAR_THICKNESS, y + BAR_THICKNESS], color=INK, linewidth=0.75, gid="threshold")
        axes.text(left + BAR_LEFT + BAR_LENGTH + 2, y, f"{score:.2f}", size=8, color=INK, va="center")


def _bar(left: float, y: float, length: float, color: str) -> Rectangle:
    """One bar, centred on the line of its label."""
    return Rectangle((left + BAR_LEFT, y - BAR_THICKNESS / 2), length, BAR_THICKNESS, facecolor=color, gid="bar")


def shorten(text: str, max_length: int) -> str:
    """The text on one line, with an ellipsis where it is too long."""
    text = " ".join(text.split())
    return text if len(text) <= max_length else text[: max_length - 1].rstrip() + "…"
