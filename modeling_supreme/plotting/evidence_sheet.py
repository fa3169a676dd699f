"""A sheet with what carries the answers: places and heights on the traces, maps below them, statements below."""

import os
from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from .layouts import SHEET_S, LayoutName, Trace
from .palette import BLUE, GREEN, INK, MUTED, ORANGE, PAPER
from .sheet import GRID_LEFT, Sheet, draw_sheet, finish, shorten


COLORS = (BLUE, ORANGE, GREEN)  # of the findings that are drawn, at most so many
LIKELY = 0.5
LEGEND = (
    "P, Q, J, T: onset of P, onset and end of QRS, end of T, from R peaks and measured intervals.   Bars: by how much"
    " the answer falls without that lead or time.   +, \N{MINUS SIGN}: for and against, probability as asked."
)
MOST_STATEMENTS = 5  # of a finding
MOST_LEADS_NAMED = 4

# In mm
MAP_HEIGHT, MAP_STEP, MAP_MARGIN = 3.2, 4.4, 2.0
COLUMN_STEP, LINE_HEIGHT, PANEL_MARGIN = 90, 3.7, 8
CHARACTERS, CHARACTERS_BOLD = 62, 54  # of a line of a column
LONGEST_LABEL = 200
SHADE_DOWN, SHADE_UP, USUAL_ROW = 13, 10.5, 30  # in rows of that height; less in others
RULER_DOWN, RULER_LABEL_DOWN, RHYTHM_LINE_DOWN, RHYTHM_LINE_STEP = 16.0, 18.6, 20.5, 1.2
LEAST_TEXT_STEP = 2.8  # between numbers of one lead
LEAD_BAR_LEFT, LEAD_BAR_LENGTH, LEAD_BAR_HEIGHT = 10.5, 12.0, 0.8
MARK_LENGTH = 2.2
CHARACTER_WIDTH, CLEARANCE = 1.25, 1.8  # of a number beside a height, and between its middle and the trace


class _Drawn(NamedTuple):
    """A finding, with its colour and its letter."""

    letter: str
    color: str
    result: Mapping[str, Any]

    @property
    def evidence(self) -> Mapping[str, Any]:
        return self.result["evidence"]

    @property
    def statements(self) -> list[Mapping[str, Any]]:
        """Those that are drawn."""
        return self.evidence["statements"][:MOST_STATEMENTS]


def plot_evidence(
    strip: np.ndarray,
    *,
    sampling_rate: float,
    leads: Sequence[str],
    results: Sequence[Mapping[str, Any]],
    title: str | None = None,
    path: str | os.PathLike | None = None,
    lead_mask: Sequence[bool] | None = None,
    layout: LayoutName = "3x4",
    mm_per_s: float = 25.0,
) -> Figure:
    """Draw a strip as [`plot_strip`] does, with what carries the answers on it.

    The three most probable findings that are present are drawn (above .5, where that was not decided), or the most
    probable one. Shades and numbers on the traces are where the statements are seen and what was read off; the ruler
    under the rhythm strip has P onset, QRS (thick) and T end of the usual beats, from R peaks and measured intervals.
    Bars beside the names of leads, and those below the paper, are by how much the answer falls without a lead or a
    time; maps that failed the deletion test are not there.

    Args:
        strip (`np.ndarray` of shape `(num_leads, num_samples)`):
            Voltages as floats, in millivolts.
        sampling_rate (`float`):
            In Hz.
        leads (`Sequence[str]`):
            Names of the rows.
        results (`Sequence` of `{"label", "score", "evidence"}`):
            What the pipeline returned with `explain=True` for the same strip.
        title (`str`, *optional*):
            Above the sheet.
        path (`str` or `os.PathLike`, *optional*):
            Where to save it.
        lead_mask (`Sequence[bool]`, *optional*):
            False for the rows that were not recorded.
        layout (`str`):
            `"3x4"` or `"6x2"`, which have the rhythm strip that marks of beats stand under.
        mm_per_s (`float`):
            As [`plot_strip`] takes it.

    Returns:
        `Figure`: The sheet, true to scale.

    Raises:
        ValueError: If a result has no evidence, the layout has no rhythm strip, or as [`plot_strip`].
    """
    for result in results:
        if "evidence" not in result:
            raise ValueError(f"The result for {result['label']!r} has no `evidence`. Classify with `explain=True`.")
    if layout in ("12x1", "1x1"):
        raise ValueError(f"The layout {layout} has no rhythm strip for the marks of beats. Choose 3x4 or 6x2.")
    drawn = _choose(results)
    columns = [(_write_heading(each), _write_column(each)) for each in drawn]
    column_height = LINE_HEIGHT * (1 + max((len(heading) + len(lines) for heading, lines in columns), default=0))
    maps = [each for each in drawn if _time_map(each)]
    sheet = draw_sheet(
        strip,
        sampling_rate=sampling_rate,
        leads=leads,
        title=title,
        scores=results,
        lead_mask=lead_mask,
        layout=layout,
        mm_per_s=mm_per_s,
        below_paper_mm=MAP_MARGIN + MAP_STEP * len(maps) if maps else 0.0,
        below_scores_mm=PANEL_MARGIN + column_height,
    )
    for place, each in enumerate(drawn):
        _draw_spans(sheet, each, place)
        _draw_lead_map(sheet, each, place)
    _draw_amplitudes(sheet, drawn)
    for row, each in enumerate(maps):
        _draw_time_map(sheet, each, sheet.paper_bottom - MAP_MARGIN - MAP_STEP * (row + 1))
    if drawn:
        _draw_ruler(sheet, drawn[0].evidence["marks"])
    for place, (each, (heading, lines)) in enumerate(zip(drawn, columns, strict=True)):
        left = GRID_LEFT + place * COLUMN_STEP
        _draw_lines(sheet.axes, heading, left, column_height, weight="bold", color=each.color)
        _draw_lines(sheet.axes, lines, left, column_height - LINE_HEIGHT * len(heading))
    sheet.axes.text(GRID_LEFT, LINE_HEIGHT, LEGEND, size=6, color=MUTED, va="center", gid="legend")
    return finish(sheet.figure, path)


def _choose(results: Sequence[Mapping[str, Any]]) -> list[_Drawn]:
    """The findings to draw."""
    ordered = sorted(results, key=lambda result: -result["score"])
    present = [result for result in ordered if _is_present(result)]
    chosen = (present or ordered[:1])[: len(COLORS)]
    return [_Drawn(*each) for each in zip("ABC", COLORS, chosen, strict=False)]


def _is_present(result: Mapping[str, Any]) -> bool:
    """What was decided of a finding, or whether it is likely where nothing was."""
    decided = result.get("present")
    return result["score"] >= LIKELY if decided is None else decided


def _time_map(drawn: _Drawn) -> Mapping[str, Any] | None:
    return drawn.evidence["occlusion"]["time"]


def _draw_spans(sheet: Sheet, drawn: _Drawn, place: int) -> None:
    """Shades where the statements are seen; a line under the rhythm strip for what takes all of it."""
    shades: dict[tuple[int, float, float], None] = {}  # place of the trace, from and to
    is_rhythm = False
    for statement in drawn.statements:
        is_carrying = statement["probability"] >= LIKELY or drawn.result["score"] < LIKELY
        if statement["asked"].startswith("not ") or not is_carrying:
            continue
        start_s, end_s = statement["span_s"]
        if end_s - start_s > SHEET_S / 2 and not statement["leads"]:
            is_rhythm = True
            continue
        for number in _traces_of(sheet, statement["leads"]):
            shades |= dict.fromkeys((number, *span) for span in statement["spans_s"])
    for number, start_s, end_s in shades:
        _shade(sheet, sheet.traces[number], start_s, end_s, drawn.color)
    if is_rhythm:
        _draw_rhythm_line(sheet, drawn, sheet.traces[-1].baseline - RHYTHM_LINE_DOWN - RHYTHM_LINE_STEP * place)


def _traces_of(sheet: Sheet, leads: Sequence[str]) -> list[int]:
    """Places of the traces of some leads; of none, of the rhythm strip."""
    if not leads:
        return [len(sheet.traces) - 1]
    return [number for number, trace in enumerate(sheet.traces[:-1]) if trace.lead in leads]


def _shade(sheet: Sheet, trace: Trace, start_s: float, end_s: float, color: str) -> None:
    """A stretch of a lead, as far as the trace shows it."""
    first, last = max(start_s, trace.start_s), min(end_s, trace.start_s + trace.duration_s)
    left = trace.place_of(first)
    if trace.samples is None or left is None or last <= first:
        return
    share = sheet.layout.row_height / USUAL_ROW
    size = ((last - first) * trace.mm_per_s, (SHADE_DOWN + SHADE_UP) * share)
    place = (left, trace.baseline - SHADE_DOWN * share)
    shade = Rectangle(place, *size, facecolor=color, alpha=0.22, linewidth=0, zorder=2, gid=f"span {trace.lead}")
    sheet.axes.add_patch(shade)


def _draw_rhythm_line(sheet: Sheet, drawn: _Drawn, y: float) -> None:
    """A line under the rhythm strip, with a tick at each beat."""
    rhythm = sheet.traces[-1]
    options = {"color": drawn.color, "solid_capstyle": "butt", "zorder": 4}
    seconds = [*drawn.evidence["marks"]["beat_s"]]
    places = [x for x in map(rhythm.place_of, seconds) if x is not None]
    if places:
        sheet.axes.plot([places[0], places[-1]], [y, y], linewidth=0.8, gid="rhythm", **options)
    for x in places:
        sheet.axes.plot([x, x], [y - 0.5, y + 0.5], linewidth=1.0, gid="beat", **options)


def _draw_lead_map(sheet: Sheet, drawn: _Drawn, place: int) -> None:
    """A bar beside the name of each lead: by how much the answer falls without it."""
    found = drawn.evidence["occlusion"]["leads"]
    largest = max(found["drops"].values(), default=0.0) if found else 0.0
    if largest <= 0:
        return
    for trace in sheet.traces[:-1]:
        share = found["drops"].get(trace.lead, 0.0) / largest
        if share > 0:
            corner = (
                trace.left + LEAD_BAR_LEFT,
                trace.baseline + sheet.layout.name_up + 0.7 - LEAD_BAR_HEIGHT * 1.4 * place,
            )
            bar = Rectangle(corner, LEAD_BAR_LENGTH * share, LEAD_BAR_HEIGHT, facecolor=drawn.color, zorder=2.5)
            bar.set_gid(f"lead map {trace.lead}")
            sheet.axes.add_patch(bar)


def _draw_amplitudes(sheet: Sheet, drawn: Sequence[_Drawn]) -> None:
    """Heights that were read off, on a beat of their lead, with their numbers."""
    for trace in sheet.traces[:-1]:
        marks: dict[str, tuple[float, float, str]] = {}  # by wave: where, how high and the colour
        for each in drawn:
            for statement in each.statements:
                for height in statement["amplitudes"]:
                    x = _center_of(trace, statement["spans_s"])
                    if height["lead"] == trace.lead and x is not None and trace.samples is not None:
                        level = _level_of(sheet, trace, x, each.evidence["marks"]["qrs_onset_s"])
                        y = trace.baseline + (level + height["mv"]) * sheet.gain
                        marks.setdefault(f"{height['wave']} {height['mv']:.2f}", (x, y, each.color))
        _write_amplitudes(sheet, trace, marks)


def _write_amplitudes(sheet: Sheet, trace: Trace, marks: Mapping[str, tuple[float, float, str]]) -> None:
    """A short line at each height, and its number beside it; numbers keep off the trace, and apart."""
    axes, last = sheet.axes, -np.inf
    places = {text: _keep_off(sheet, trace, x + MARK_LENGTH, y, text) for text, (x, y, _) in marks.items()}
    for text in sorted(marks, key=places.__getitem__):
        x, y, color = marks[text]
        axes.plot([x - MARK_LENGTH, x + MARK_LENGTH], [y, y], color=color, linewidth=1.1, zorder=5, gid="height")
        last = max(places[text], last + LEAST_TEXT_STEP)
        written = axes.text(x + MARK_LENGTH + 0.6, last, text, size=6, color=color, va="center", zorder=6)
        written.set_path_effects([withStroke(linewidth=1.8, foreground=PAPER)])
        written.set_gid("height")


def _keep_off(sheet: Sheet, trace: Trace, left: float, y: float, text: str) -> float:
    """Where a number can be read: at its height, or above or below the trace that runs there."""
    first, last = (
        round((x - trace.left) / trace.mm_per_s * sheet.sampling_rate)
        for x in (left, left + CHARACTER_WIDTH * len(text))
    )
    reach = sheet.layout.reach
    behind = trace.baseline + np.clip(np.asarray(trace.samples)[first:last] * sheet.gain, -reach, reach)
    near = behind[np.abs(behind - y) < CLEARANCE]
    if not len(near):
        return y
    above, below = np.nanmax(behind) + CLEARANCE, np.nanmin(behind) - CLEARANCE
    return float(min(above, below, key=lambda each: abs(each - y)))


def _center_of(trace: Trace, spans_s: Sequence[Sequence[float]]) -> float | None:
    """The middle of the first place that a trace shows whole, in mm; `None` if it shows none."""
    last_s = trace.start_s + trace.duration_s
    whole = [span for span in spans_s if span[0] > trace.start_s + 0.3 and span[1] < last_s - 0.2]
    return trace.place_of((whole[0][0] + whole[0][1]) / 2) if whole else None


def _level_of(sheet: Sheet, trace: Trace, x: float, onsets_s: Sequence[float]) -> float:
    """The voltage just before the QRS complex that is nearest, in mV, from which heights are counted."""
    if trace.samples is None or not onsets_s:
        return 0.0
    seconds = trace.start_s + (x - trace.left) / trace.mm_per_s
    onset = round((min(onsets_s, key=lambda each: abs(each - seconds)) - trace.start_s) * sheet.sampling_rate)
    before = trace.samples[max(0, onset - round(0.02 * sheet.sampling_rate)) : max(1, onset)]
    return float(np.nanmedian(before)) if np.isfinite(before).any() else 0.0


def _draw_time_map(sheet: Sheet, drawn: _Drawn, bottom: float) -> None:
    """By how much the answer falls without each window, as bars below the time that they take away."""
    found: Any = _time_map(drawn)
    rhythm, largest = sheet.traces[-1], max(*found["drops"], 1e-9)
    y = bottom + MAP_HEIGHT / 2
    sheet.axes.text(GRID_LEFT, y, f"{drawn.letter}  time", size=7, weight="bold", color=drawn.color, va="center")
    sheet.axes.plot(
        [rhythm.left, rhythm.left + rhythm.duration_s * rhythm.mm_per_s], [bottom, bottom], color=MUTED, linewidth=0.4
    )
    for (start_s, end_s), drop in zip(found["windows_s"], found["drops"], strict=True):
        left, right = rhythm.place_of(start_s), rhythm.place_of(min(end_s, rhythm.duration_s))
        if left is not None and right is not None and drop > 0:
            size = (right - left - 0.3, MAP_HEIGHT * drop / largest)
            sheet.axes.add_patch(Rectangle((left, bottom), *size, facecolor=drawn.color, gid="time map"))


def _draw_ruler(sheet: Sheet, marks: Mapping[str, Sequence[float]]) -> None:
    """P onset, QRS and T end of the usual beats, under the rhythm strip; named at the first that has them all."""
    rhythm = sheet.traces[-1]
    y = rhythm.baseline - RULER_DOWN
    is_named = False
    for onset_s, end_s in zip(marks["qrs_onset_s"], marks["qrs_end_s"], strict=True):
        p_s = next((each for each in marks["p_onset_s"] if 0 < onset_s - each < 0.5), None)
        t_s = next((each for each in marks["t_end_s"] if 0 < each - end_s < 0.8), None)
        onset, end = rhythm.place_of(onset_s), rhythm.place_of(end_s)
        if onset is None or end is None:
            continue
        points = [rhythm.place_of(each) if each is not None else None for each in (p_s, t_s)]
        first, last = onset if points[0] is None else points[0], end if points[1] is None else points[1]
        sheet.axes.plot([first, last], [y, y], color=INK, linewidth=0.5, zorder=4, gid="interval")
        sheet.axes.plot([onset, end], [y, y], color=INK, linewidth=2.4, solid_capstyle="butt", zorder=4, gid="qrs")
        for x in {first, last} - {onset, end}:
            sheet.axes.plot([x, x], [y - 0.9, y + 0.9], color=INK, linewidth=0.5, zorder=4, gid="edge")
        if not is_named and (None not in points or onset_s > 1):
            is_named = True
            _name_marks(sheet, y, {"P": points[0], "Q": onset, "J": end, "T": points[1]})


def _name_marks(sheet: Sheet, y: float, places: Mapping[str, float | None]) -> None:
    """Letters under the marks of one beat, and lines from there up to the trace."""
    for name, x in places.items():
        if x is not None:
            top = sheet.traces[-1].baseline + SHADE_UP
            sheet.axes.plot([x, x], [y, top], color=INK, linewidth=0.7, linestyle=":", zorder=4, gid=f"mark {name}")
            label_y = sheet.traces[-1].baseline - RULER_LABEL_DOWN
            sheet.axes.text(x, label_y, name, size=6, color=INK, va="center", ha="center", zorder=6)


def _write_heading(drawn: _Drawn) -> list[str]:
    """Letter, label and score; an expression stands whole, if it is not longer than some lines."""
    label = shorten(str(drawn.result["label"]), LONGEST_LABEL)
    return wrap(f"{drawn.letter}  {label}  {drawn.result['score']:.2f}", CHARACTERS_BOLD, subsequent_indent=" " * 4)


def _write_column(drawn: _Drawn) -> list[str]:
    """The lines of a finding at the bottom of the page, below those of its heading."""
    lines = []
    for statement in drawn.statements:
        sign = "+" if statement["probability"] >= LIKELY else "\N{MINUS SIGN}"
        text = f"{sign} {statement['probability']:.2f}  {statement['statement']}"
        lines += wrap(text, CHARACTERS, subsequent_indent=" " * 10)
    if not drawn.statements:
        lines.append("no definition: its own query answers")
    left_out = len(drawn.evidence["statements"]) - len(drawn.statements)
    if left_out > 0:
        lines.append(f"and {left_out} less probable statement{'s' if left_out > 1 else ''}")
    by_definition = drawn.evidence.get("by_definition")
    if by_definition is not None:
        lines.append(f"By its definition {by_definition:.2f}; its own query answers")
    found = drawn.evidence["occlusion"]["leads"]
    if found:
        order = sorted(found["drops"].items(), key=lambda item: -item[1])[:MOST_LEADS_NAMED]
        falls = ", ".join(f"{lead} {-drop:+.1f}" for lead, drop in order if drop > 0)
        lines += wrap(f"Logit without: {falls}", CHARACTERS)
    withheld = [kind for kind, is_faithful in drawn.evidence["faithful"].items() if is_faithful is False]
    if withheld:
        lines += wrap(f"Not faithful: map of {', '.join(withheld)}", CHARACTERS)
    return lines


def _draw_lines(
    axes: Axes, lines: Sequence[str], left: float, top: float, *, weight: str = "normal", color: str = INK
) -> None:
    """Lines of a column, the first one at its top."""
    for row, line in enumerate(lines):
        y = top - row * LINE_HEIGHT
        axes.text(left, y, line, size=7, weight=weight, color=color, va="center", parse_math=False, gid="statement")
