"""A strip as an ECG sheet, true to scale: 25 mm/s, 10 mm/mV, on millimetre paper."""

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
from ..recordings import NEGLIGIBLE_S
from .palette import BLUE, COARSE_LINE, FINE_LINE, GRID, INK, MUTED, PAPER, SURFACE


MM_PER_INCH = 25.4
MM_PER_S = 25.0
# Cut to half where a lead would leave its row, as cardiographs do ("half standard"); the sheet says so.
FULL_GAIN, HALF_GAIN = 10.0, 5.0  # mm per mV
# No heart gives 10 mV at the skin: such a lead is defective, and the others are not made smaller for its sake.
DEFECTIVE_MV = 10.0

LAYOUT = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
RHYTHM_LEADS = ("II", "V1", "V5", "I")  # the first that was recorded
SHEET_S, COLUMN_S = 10.0, 2.5

# All lengths below are in mm. With a title and 13 to 15 scores, the page is an A4 sheet in landscape.
PAGE_WIDTH = 297
GRID_LEFT, GRID_WIDTH, GRID_HEIGHT = 16, 265, 145
SIGNAL_LEFT = GRID_LEFT + 15
ROW_HEIGHT, REACH = 30, 30  # a trace is cut off where it is further than REACH from its baseline
HEADER_HEIGHT, FOOTER_HEIGHT, TOP_MARGIN = 18, 9, 6
SCORE_COLUMNS, SCORE_WIDTH, SCORE_HEIGHT, SCORE_MARGIN = 3, 85, 6, 8
BAR_LEFT, BAR_LENGTH, BAR_THICKNESS = 54, 20, 2.4
MAX_LABEL_LENGTH, MAX_TITLE_LENGTH = 36, 100


def plot_strip(
    strip: np.ndarray,
    *,
    sampling_rate: float,
    leads: Sequence[str],
    title: str | None = None,
    scores: Sequence[Mapping[str, Any]] | None = None,
    path: str | os.PathLike | None = None,
    lead_mask: Sequence[bool] | None = None,
) -> Figure:
    """Draw a 12-lead strip as cardiologists know it, with a model's scores below it.

    Three rows of four leads with 2.5 s each stand over a rhythm strip of 10 s. The columns follow each other in time.
    Of a strip shorter than 10 s the last columns show the last 2.5 s again, so that no lead is lost. The median of
    each trace lies on its baseline: an offset is not shown.

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
            Probabilities of presence, drawn as bars in the order given.
        path (`str` or `os.PathLike`, *optional*):
            Where to save the sheet; the suffix chooses the format (`.png`, `.pdf`, `.svg`).
        lead_mask (`Sequence[bool]` of length `num_leads`, *optional*):
            False for the rows that were not recorded.

    Returns:
        `Figure`: The sheet; printed at 100 %, one of its millimetres is a millimetre.

    Raises:
        TypeError: If the samples are integers, which are not millivolts.
        ValueError: If the strip does not fit `leads` or `lead_mask`, if a lead is unknown or repeated, or if a score
            is no probability.
    """
    sheet = draw_sheet(
        strip, sampling_rate=sampling_rate, leads=leads, title=title, scores=scores, lead_mask=lead_mask
    )
    if path is not None:
        sheet.figure.savefig(path)
    return sheet.figure


class Sheet(NamedTuple):
    """A sheet that more may be drawn on, in mm.

    Attributes:
        figure (`Figure`), axes (`Axes`):
            The page: one unit of its axes is a millimetre.
        traces (`list[Trace]`):
            What is drawn of each lead; the last one is the rhythm strip.
        gain (`float`):
            In mm/mV.
        sampling_rate (`float`):
            Of the traces, in Hz.
        paper_bottom (`float`):
            Where the paper ends.
    """

    figure: Figure
    axes: Axes
    traces: "list[Trace]"
    gain: float
    sampling_rate: float
    paper_bottom: float


def draw_sheet(
    strip: np.ndarray,
    *,
    sampling_rate: float,
    leads: Sequence[str],
    title: str | None = None,
    scores: Sequence[Mapping[str, Any]] | None = None,
    lead_mask: Sequence[bool] | None = None,
    below_paper_mm: float = 0.0,
    below_scores_mm: float = 0.0,
) -> Sheet:
    """What [`plot_strip`] draws, with room left for more: below the paper, and at the bottom of the page."""
    sampling_rate = parse_rate(sampling_rate, place="The strip to plot")
    rows = _read_rows(strip, leads, lead_mask)
    duration_s = np.shape(strip)[1] / sampling_rate
    scores_height = below_scores_mm + _scores_height(scores)
    footer = scores_height + FOOTER_HEIGHT
    paper_bottom = footer + below_paper_mm
    page_height = paper_bottom + GRID_HEIGHT + (HEADER_HEIGHT if title else TOP_MARGIN)
    figure = Figure(figsize=(PAGE_WIDTH / MM_PER_INCH, page_height / MM_PER_INCH), dpi=150, facecolor=SURFACE)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, PAGE_WIDTH), ylim=(0, page_height))
    axes.set_axis_off()
    _draw_paper(axes, paper_bottom)
    traces = _lay_out(rows, sampling_rate, duration_s, paper_bottom + GRID_HEIGHT - REACH)
    gain = _choose_gain(traces)
    for trace in traces:
        _draw_trace(axes, trace, sampling_rate, gain)
    notes = [*_note_duration(duration_s), *_note_cut_leads(traces, gain)]
    scales = f"{MM_PER_S:g} mm/s    {gain:g} mm/mV    {sampling_rate:g} Hz"
    axes.text(GRID_LEFT, footer - 4, scales, size=8, color=INK, va="center")
    right = GRID_LEFT + GRID_WIDTH
    axes.text(right, footer - 4, "; ".join(notes), size=8, color=MUTED, va="center", ha="right")
    if title:
        shown = shorten(title, MAX_TITLE_LENGTH)
        axes.text(GRID_LEFT, page_height - 9, shown, size=12, weight="bold", color=INK, va="center", parse_math=False)
    _draw_scores(axes, scores or (), scores_height - SCORE_MARGIN)
    return Sheet(figure, axes, traces, gain, sampling_rate, paper_bottom)


class Trace(NamedTuple):
    """What is drawn of one lead from a time on, and where it starts on the page, in mm.

    `samples` are in mV from their median, and `None` if the lead was not recorded.
    """

    lead: str
    samples: np.ndarray | None
    left: float
    baseline: float
    start_s: float = 0.0
    duration_s: float = SHEET_S

    def place_of(self, seconds: float) -> float | None:
        """Where a time of the strip is on the page, in mm; `None` where this trace does not show it."""
        shown_s = seconds - self.start_s
        return self.left + shown_s * MM_PER_S if 0 <= shown_s <= self.duration_s else None

    @property
    def peak_mv(self) -> float:
        """Largest distance from the baseline, in mV."""
        return 0.0 if self.samples is None else float(np.nanmax(np.abs(self.samples), initial=0.0))


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


def _column_starts(duration_s: float) -> list[float]:
    """Where each column of the sheet starts in the strip, in seconds."""
    last = max(0.0, min(duration_s, SHEET_S) - COLUMN_S)
    return [min(column * COLUMN_S, last) for column in range(len(LAYOUT[0]))]


def _lay_out(
    rows: Mapping[str, np.ndarray], sampling_rate: float, duration_s: float, first_baseline: float
) -> list[Trace]:
    """The traces of the sheet: three rows of four leads, then the rhythm strip."""
    traces = []
    for row, row_leads in enumerate(LAYOUT):
        for column, (lead, start_s) in enumerate(zip(row_leads, _column_starts(duration_s), strict=True)):
            samples = _cut_out(rows.get(lead), sampling_rate, start_s, COLUMN_S)
            left = SIGNAL_LEFT + column * COLUMN_S * MM_PER_S
            baseline = first_baseline - row * ROW_HEIGHT
            traces.append(Trace(lead, samples, left, baseline, start_s, COLUMN_S))
    rhythm_lead = next((lead for lead in (*RHYTHM_LEADS, *rows) if lead in rows), RHYTHM_LEADS[0])
    samples = _cut_out(rows.get(rhythm_lead), sampling_rate, 0.0, SHEET_S)
    return [*traces, Trace(rhythm_lead, samples, SIGNAL_LEFT, first_baseline - len(LAYOUT) * ROW_HEIGHT)]


def _cut_out(row: np.ndarray | None, sampling_rate: float, start_s: float, duration_s: float) -> np.ndarray | None:
    """A stretch of a lead with its median at zero; `None` where it holds no voltage."""
    if row is None:
        return None
    first = round(start_s * sampling_rate)
    samples = row[first : first + round(duration_s * sampling_rate)]
    samples = np.where(np.isfinite(samples), samples, np.nan)
    return None if np.isnan(samples).all() else samples - np.nanmedian(samples)


def _choose_gain(traces: Sequence[Trace]) -> float:
    """Full gain in mm/mV, or half of it where a sound lead would leave its row."""
    largest_mv = max((trace.peak_mv for trace in traces if trace.peak_mv < DEFECTIVE_MV), default=0.0)
    return FULL_GAIN if largest_mv * FULL_GAIN <= REACH else HALF_GAIN


def _note_duration(duration_s: float) -> list[str]:
    """Says which part of the strip the sheet shows, unless it is the usual one."""
    if duration_s > SHEET_S + NEGLIGIBLE_S:
        return [f"first {SHEET_S:g} s of {duration_s:.4g} s"]
    if duration_s > SHEET_S - NEGLIGIBLE_S:
        return []
    starts = ", ".join(f"{start:.3g}" for start in _column_starts(duration_s))
    return [f"{duration_s:.3g} s recorded, columns start at {starts} s"]


def _note_cut_leads(traces: Sequence[Trace], gain: float) -> list[str]:
    """Names the leads that reach beyond what is drawn of them."""
    cut = dict.fromkeys(trace.lead for trace in traces if trace.peak_mv * gain > REACH)
    return [f"{', '.join(cut)} cut off at ±{REACH / gain:g} mV"] if cut else []


def _draw_paper(axes: Axes, bottom: float) -> None:
    """Millimetre paper: fine lines every 1 mm, coarse ones every 5 mm."""
    axes.add_patch(Rectangle((GRID_LEFT, bottom), GRID_WIDTH, GRID_HEIGHT, facecolor=PAPER, zorder=0))
    right, top = GRID_LEFT + GRID_WIDTH, bottom + GRID_HEIGHT
    for step, color, width in ((1, FINE_LINE, 0.3), (5, COARSE_LINE, 0.6)):
        vertical = [((x, bottom), (x, top)) for x in range(GRID_LEFT, right + 1, step)]
        horizontal = [((GRID_LEFT, bottom + y), (right, bottom + y)) for y in range(0, GRID_HEIGHT + 1, step)]
        axes.add_collection(LineCollection(vertical + horizontal, colors=color, linewidths=width, zorder=step / 10))


def _draw_trace(axes: Axes, trace: Trace, sampling_rate: float, gain: float) -> None:
    """One lead with its name, and the calibration pulse or the separator before it."""
    if trace.left == SIGNAL_LEFT:
        _draw_pulse(axes, trace.baseline, gain)
    else:
        _draw_separator(axes, trace.left, trace.baseline)
    name = axes.text(trace.left + 1, trace.baseline + 12.5, trace.lead, size=9, weight="bold", va="center", zorder=4)
    name.set_color(MUTED if trace.samples is None else INK)
    name.set_path_effects([withStroke(linewidth=2, foreground=PAPER)])
    if trace.samples is None:
        place = (trace.left + 3, trace.baseline)
        axes.text(*place, "not recorded", size=8, style="italic", color=MUTED, va="center", zorder=4)
        return
    x = trace.left + np.arange(len(trace.samples)) / sampling_rate * MM_PER_S
    y = trace.baseline + np.clip(trace.samples * gain, -REACH, REACH)
    axes.plot(x, y, color=INK, linewidth=0.75, solid_joinstyle="round", zorder=3, gid=f"trace {trace.lead}")


def _draw_pulse(axes: Axes, baseline: float, gain: float) -> None:
    """The calibration pulse: 1 mV for 200 ms."""
    width = 0.2 * MM_PER_S
    x = SIGNAL_LEFT - 12.5 + np.array([0, 2.5, 2.5, 2.5 + width, 2.5 + width, 5 + width])
    y = baseline + gain * np.array([0, 0, 1, 1, 0, 0])
    axes.plot(x, y, color=INK, linewidth=0.75, solid_joinstyle="miter", zorder=3, gid="pulse")


def _draw_separator(axes: Axes, x: float, baseline: float) -> None:
    """Two short ticks where one lead ends and the next begins."""
    for middle in (baseline - 7.5, baseline + 7.5):
        axes.plot([x, x], [middle - 1.5, middle + 1.5], color=INK, linewidth=0.75, zorder=3, gid="separator")


def _scores_height(scores: Sequence[Mapping[str, Any]] | None) -> float:
    """Height of the panel of scores; nothing where there are none."""
    return SCORE_MARGIN + SCORE_HEIGHT * -(-len(scores) // SCORE_COLUMNS) if scores else 0


def _draw_scores(axes: Axes, scores: Sequence[Mapping[str, Any]], top: float) -> None:
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
        axes.text(left + BAR_LEFT + BAR_LENGTH + 2, y, f"{score:.2f}", size=8, color=INK, va="center")


def _bar(left: float, y: float, length: float, color: str) -> Rectangle:
    """One bar, centred on the line of its label."""
    return Rectangle((left + BAR_LEFT, y - BAR_THICKNESS / 2), length, BAR_THICKNESS, facecolor=color, gid="bar")


def shorten(text: str, max_length: int) -> str:
    """The text on one line, with an ellipsis where it is too long."""
    text = " ".join(text.split())
    return text if len(text) <= max_length else text[: max_length - 1].rstrip() + "…"
