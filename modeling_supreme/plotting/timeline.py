"""A long recording at a glance: the heart rate, the score of each label over time, episodes, and gaps."""

import os
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from .fonts import use_fonts
from .palette import AXIS, BLUE, GREY, GRID, INK, MUTED, PALE_BLUE, RED, SURFACE


# In inches: the page, the room beside and around the panels, and the panels.
WIDTH, LEFT, RIGHT, TOP, BOTTOM = 11.7, 2.5, 1.5, 0.55, 0.65
RATE_HEIGHT, ROW_HEIGHT, GAP = 1.4, 0.58, 0.14
MAX_POINTS = 1200  # of a row: more windows than that share a place
EPISODE_Y, EPISODE_HEIGHT, ROW_TOP = 1.10, 0.16, 1.32  # above the scores, which end at 1
LABEL_WIDTH, MAX_LABEL_LINES, MAX_TITLE_LENGTH = 30, 2, 110
MEASURABLE = 0.5  # probability from which a rate is drawn
HOURS_FROM_S, MINUTES_FROM_S = 7200.0, 180.0


class _Times(NamedTuple):
    """Windows in time, in the unit of the axis."""

    starts: np.ndarray
    stops: np.ndarray
    per_s: float
    unit: str


def plot_timeline(
    answers: Sequence[Mapping[str, Any]],
    *,
    rate: Mapping[str, Any] | None = None,
    title: str | None = None,
    path: str | os.PathLike | None = None,
) -> Figure:
    """Draw what the pipeline returns of a long recording.

    A row for each label, in the order given: its score over time, the threshold as a dashed line, and episodes as bars
    above. Where so many windows fall together that they cannot be told apart, the darker line is their mean and the
    paler area reaches to the highest. What was not recorded is hatched.

    Args:
        answers (`Sequence` of `dict`):
            Of `classify(…, aggregate="timeline")`.
        rate (`Mapping`, *optional*):
            The heart rate over time, `classify.measure(…, aggregate="timeline")["rate_per_min"]`, drawn on top with
            its standard deviation.
        title (`str`, *optional*):
            Above the picture.
        path (`str` or `os.PathLike`, *optional*):
            Where to save it; the suffix chooses the format (`.png`, `.pdf`, `.svg`).

    Returns:
        `Figure`: The picture.

    Raises:
        ValueError: If there is no answer, or one is no timeline.
    """
    for answer in answers:
        if "timeline" not in answer:
            raise ValueError(f'The answer to {answer.get("label")!r} is no timeline. Ask with `aggregate="timeline"`.')
    if not answers:
        raise ValueError("There is no answer to draw. Ask for one label or more.")
    times = _read_times(answers[0])
    heights = [*([RATE_HEIGHT] if rate else []), *[ROW_HEIGHT] * len(answers)]
    figure, panels = _make_panels(heights, has_title=title is not None)
    gaps = _find_gaps(answers[0]["timeline"], times)
    if rate:
        _draw_rate(panels[0], rate, times)
    rows = panels[1:] if rate else panels
    for row, answer in zip(rows, answers, strict=True):
        _draw_row(row, answer, times)
    for panel in panels:
        for start, stop in gaps:
            panel.axvspan(start, stop, facecolor=GRID, edgecolor=AXIS, hatch="////", linewidth=0, zorder=1, gid="gap")
        panel.set_xlim(times.starts[0], times.stops.max())
    _draw_time(panels, times)
    if title:
        shown = textwrap.shorten(title, MAX_TITLE_LENGTH, placeholder="…")
        top = 1 - 0.3 / figure.get_figheight()
        figure.text(0.15 / WIDTH, top, shown, size=12, weight="bold", color=INK, va="center", parse_math=False)
    use_fonts(figure)
    if path is not None:
        figure.savefig(path)
    return figure


def _read_times(answer: Mapping[str, Any]) -> _Times:
    """When windows begin and end: in seconds, minutes or hours, as the recording is long."""
    starts_s = np.asarray(answer["start_s"], float)
    stops_s = starts_s + answer["window_s"]
    for length_s, seconds, unit in ((HOURS_FROM_S, 3600.0, "hours"), (MINUTES_FROM_S, 60.0, "minutes")):
        if stops_s.max() >= length_s:
            return _Times(starts_s / seconds, stops_s / seconds, 1 / seconds, unit)
    return _Times(starts_s, stops_s, 1.0, "seconds")


def _make_panels(heights: Sequence[float], *, has_title: bool) -> tuple[Figure, list[Axes]]:
    """A page with panels one below the other."""
    top = TOP if has_title else 0.25
    page = top + sum(heights) + GAP * (len(heights) - 1) + BOTTOM
    figure = Figure(figsize=(WIDTH, page), dpi=130, facecolor=SURFACE)
    panels, y = [], page - top
    for height in heights:
        y -= height
        panels.append(
            figure.add_axes((LEFT / WIDTH, y / page, (WIDTH - LEFT - RIGHT) / WIDTH, height / page), facecolor=SURFACE)
        )
        y -= GAP
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
        panel.spines[["left", "bottom"]].set_color(AXIS)
        panel.tick_params(colors=MUTED, labelsize=8, length=2, labelbottom=False)
        panel.grid(axis="x", color=GRID, linewidth=0.6, zorder=0)
        panel.set_axisbelow(True)
    return figure, panels


def _find_gaps(scores: Sequence[float | None], times: _Times) -> list[tuple[float, float]]:
    """Stretches of windows without a score, less what windows beside them cover."""
    gaps: list[tuple[float, float]] = []
    is_scored = [score is not None for score in scores]
    for place, (start, stop) in enumerate(zip(times.starts, times.stops, strict=True)):
        if is_scored[place]:
            continue
        begin = max([start, *(times.stops[place - 1],) * (place > 0 and is_scored[place - 1])])
        is_before_scored = place + 1 < len(scores) and is_scored[place + 1]
        end = min(stop, times.starts[place + 1]) if is_before_scored else stop
        if gaps and begin <= gaps[-1][1]:
            gaps[-1] = (gaps[-1][0], end)
        elif end > begin:
            gaps.append((begin, end))
    return gaps


def _gather(values: np.ndarray, times: _Times) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges of at most `MAX_POINTS` places in time, and mean and largest value in each; NaN where there is none."""
    size = -(-len(values) // MAX_POINTS)
    padded = np.pad(values, (0, -len(values) % size), constant_values=np.nan).reshape(-1, size)
    is_known = ~np.isnan(padded)
    counts = is_known.sum(axis=1)
    means = np.where(counts, np.where(is_known, padded, 0).sum(axis=1) / np.maximum(counts, 1), np.nan)
    highest = np.where(counts, np.where(is_known, padded, -np.inf).max(axis=1), np.nan)
    edges = np.append(times.starts[::size], times.stops.max())
    return edges, means, highest


def _draw_rate(axes: Axes, rate: Mapping[str, Any], times: _Times) -> None:
    """The heart rate and its standard deviation, where there is one to measure."""
    values, spreads, measurable = (
        np.array(rate[name], float) for name in ("timeline", "timeline_sd", "timeline_measurable")
    )
    values[~(measurable >= MEASURABLE)] = np.nan
    edges, means, _ = _gather(values, times)
    _, errors, _ = _gather(np.where(np.isnan(values), np.nan, spreads), times)
    middles = (edges[:-1] + edges[1:]) / 2
    axes.fill_between(middles, means - errors, means + errors, color=PALE_BLUE, linewidth=0, zorder=2)
    axes.plot(middles, means, color=INK, linewidth=0.9, zorder=3, gid="rate", marker="." if len(means) < 60 else "")
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    if np.isfinite(means).any():
        low, high = np.nanmin(means - errors), np.nanmax(means + errors)
        axes.set_ylim(max(0.0, low - 5), high + 5)
    _name_row(axes, "heart rate", "per minute")
    typical = np.nanmedian(values) if np.isfinite(values).any() else None
    _note_row(axes, "not measurable" if typical is None else f"median {typical:.0f}")


def _draw_row(axes: Axes, answer: Mapping[str, Any], times: _Times) -> None:
    """The score of one label over time, its threshold and its episodes."""
    edges, means, highest = _gather(np.array(answer["timeline"], float), times)
    axes.stairs(np.nan_to_num(highest), edges, fill=True, color=PALE_BLUE, linewidth=0, zorder=2, gid="highest")
    axes.stairs(means, edges, color=BLUE, linewidth=1.0, zorder=3, baseline=None, gid="score")
    axes.axhline(answer["threshold"], color=GREY, linewidth=0.8, dashes=(4, 3), zorder=4, gid="threshold")
    least = (times.stops.max() - times.starts[0]) / 400  # what is shorter would not be seen
    for episode in answer["episodes"]:
        start, stop = (episode[name] * times.per_s for name in ("start_s", "end_s"))
        axes.broken_barh(
            [(start, max(stop - start, least))],
            (EPISODE_Y, EPISODE_HEIGHT),
            facecolor=RED,
            linewidth=0,
            zorder=5,
            gid="episode",
        )
    axes.set_ylim(0, ROW_TOP)
    axes.yaxis.set_major_locator(MultipleLocator(0.5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}" if value in (0, 0.5, 1) else ""))
    count = len(answer["episodes"])
    _name_row(axes, str(answer["label"]), "")
    _note_row(axes, f"max {answer['score']:.2f}\n{count} episode{'s' if count != 1 else ''}")


def _name_row(axes: Axes, name: str, unit: str) -> None:
    """What a row is of, to its left."""
    lines = textwrap.wrap(" ".join(name.split()), LABEL_WIDTH, max_lines=MAX_LABEL_LINES, placeholder="…") or [""]
    text = "\n".join([*lines, *([unit] if unit else [])])
    axes.annotate(
        text,
        (0, 0.5),
        xytext=(-30, 0),
        xycoords="axes fraction",
        textcoords="offset points",
        size=9,
        color=INK,
        ha="right",
        va="center",
        parse_math=False,
    )


def _note_row(axes: Axes, text: str) -> None:
    """What a row comes to, to its right."""
    axes.annotate(
        text,
        (1, 0.5),
        xytext=(8, 0),
        xycoords="axes fraction",
        textcoords="offset points",
        size=8,
        color=MUTED,
        va="center",
    )


def _draw_time(panels: Sequence[Axes], times: _Times) -> None:
    """The axis of time, below the last panel."""
    length = times.stops.max() - times.starts[0]
    if times.unit == "hours":
        step = next((step for step in (0.25, 0.5, 1, 2, 3, 6, 12, 24) if length / step <= 12), None)
    else:
        step = None
    for panel in panels:
        panel.xaxis.set_major_locator(MultipleLocator(step) if step else MaxNLocator(10))
    panels[-1].tick_params(labelbottom=True)
    panels[-1].set_xlabel(f"{times.unit} from the beginning of the recording", size=9, color=MUTED)
