"""Two recordings on one page, in the same format and at the same gain, with the scores of both."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..recordings import EcgRecording
from .layouts import Content, LayoutName
from .palette import BLUE, GRID, INK, MUTED, ORANGE
from .sheet import (
    FOOTER_HEIGHT,
    GRID_LEFT,
    HEADER_HEIGHT,
    choose_gain,
    draw_paper,
    draw_traces,
    finish,
    make_page,
    read_content,
    shorten,
    write_footer,
    write_title,
)


# In mm
ROW_STEP, BAR_STEP, BAR_THICKNESS = 8.0, 2.6, 1.9
LABEL_WIDTH, BAR_LENGTH, COLUMN_STEP, NUM_COLUMNS = 62.0, 36.0, 132.0, 2
MARGIN, BOTTOM = 6.0, 4.0
MAX_LABEL_LENGTH = 40


def plot_comparison(
    first: EcgRecording,
    second: EcgRecording,
    *,
    titles: Sequence[str] = ("First", "Second"),
    scores: Sequence[Sequence[Mapping[str, Any]]] | None = None,
    path: str | os.PathLike | None = None,
    layout: LayoutName = "3x4",
    lead: str | None = None,
    mm_per_s: float = 25.0,
) -> Figure:
    """Draw two recordings one below the other, so that what differs is seen.

    Both have the larger gain that fits them both: a wave that looks twice as high is twice as high. Below them, each
    finding has a bar for each recording, and by how much the second differs.

    Args:
        first ([`EcgRecording`]):
            Of which the first 10 s are drawn, as of the other.
        second ([`EcgRecording`]):
            What is drawn below it.
        titles (`Sequence[str]`):
            What stands above each.
        scores (pair of `Sequence` of `{"label", "score"}`, *optional*):
            What was answered of each, for the same labels in any order; drawn in the order of the first.
        path (`str` or `os.PathLike`, *optional*):
            Where to save it; the suffix chooses the format.
        layout (`str`):
            As [`plot_strip`] takes it, as the two that follow.
        lead (`str`, *optional*):
            Of the layout of one lead.
        mm_per_s (`float`):
            Speed of the paper.

    Returns:
        `Figure`: The page; printed at 100 %, one of its millimetres is a millimetre.

    Raises:
        ValueError: If the two were not asked for the same labels, or as [`plot_strip`].
    """
    pairs = pair_scores(*scores) if scores else []
    contents = [_read(each, layout, lead, mm_per_s) for each in (first, second)]
    below = MARGIN + ROW_STEP * -(-len(pairs) // NUM_COLUMNS) if pairs else 0.0
    block = HEADER_HEIGHT + contents[0].layout.height + FOOTER_HEIGHT
    figure, axes = make_page(contents[0].width, BOTTOM + below + 2 * block)
    bottoms = [BOTTOM + below + block + FOOTER_HEIGHT, BOTTOM + below + FOOTER_HEIGHT]
    laid = [content.lay_out(GRID_LEFT, bottom) for content, bottom in zip(contents, bottoms, strict=True)]
    gain = choose_gain([trace for traces in laid for trace in traces], contents[0].layout.reach)
    for content, traces, bottom, title in zip(contents, laid, bottoms, titles, strict=True):
        draw_paper(axes, content, bottom)
        draw_traces(axes, traces, content, gain)
        write_footer(axes, content, traces, gain, bottom - 4)
        write_title(axes, title, bottom + content.layout.height + HEADER_HEIGHT / 2)
    _draw_pairs(axes, pairs, BOTTOM + below - MARGIN)
    return finish(figure, path)


def pair_scores(
    first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]
) -> list[tuple[str, float, float]]:
    """The labels in the order of the first answers, each with both scores.

    Raises:
        ValueError: If a label was asked of one recording alone.

    Example:
        >>> pair_scores([{"label": "a", "score": 0.5}], [{"label": "a", "score": 0.25}])
        [('a', 0.5, 0.25)]
    """
    scores = {str(each["label"]): float(each["score"]) for each in second}
    alone = {str(each["label"]) for each in first} ^ set(scores)
    if alone:
        raise ValueError(f"{min(alone)!r} was asked of one of the two recordings only. Ask both for the same labels.")
    return [(str(each["label"]), float(each["score"]), scores[str(each["label"])]) for each in first]


def _read(recording: EcgRecording, layout: str, lead: str | None, mm_per_s: float) -> Content:
    """What of a recording is drawn."""
    return read_content(
        np.asarray(recording.strip_mv),
        sampling_rate=recording.sampling_rate,
        leads=recording.leads,
        layout=layout,
        lead=lead,
        speed=mm_per_s,
    )


def _draw_pairs(axes: Axes, pairs: Sequence[tuple[str, float, float]], top: float) -> None:
    """Two bars a finding, column by column."""
    per_column = max(1, -(-len(pairs) // NUM_COLUMNS))
    for place, (label, *scores) in enumerate(pairs):
        left = GRID_LEFT + place // per_column * COLUMN_STEP
        y = top - place % per_column * ROW_STEP
        shown = shorten(label, MAX_LABEL_LENGTH)
        axes.text(left + LABEL_WIDTH - 2, y, shown, size=8, color=INK, va="center", ha="right", parse_math=False)
        for number, (score, color) in enumerate(zip(scores, (BLUE, ORANGE), strict=True)):
            middle = y + BAR_STEP * (0.5 - number)
            for length, tone in ((BAR_LENGTH, GRID), (BAR_LENGTH * score, color)):
                corner = (left + LABEL_WIDTH, middle - BAR_THICKNESS / 2)
                axes.add_patch(Rectangle(corner, length, BAR_THICKNESS, facecolor=tone, gid="bar"))
            axes.text(left + LABEL_WIDTH + BAR_LENGTH + 2, middle, f"{score:.2f}", size=7, color=INK, va="center")
        difference = f"{scores[1] - scores[0]:+.2f}"
        axes.text(left + LABEL_WIDTH + BAR_LENGTH + 12, y, difference, size=8, color=MUTED, va="center")
