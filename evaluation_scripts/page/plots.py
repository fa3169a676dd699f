"""The plots of the page of an evaluation, as SVG; half a page wide, so that a phone can show them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from datasets_scripts.page import STYLE, figure_to_svg
from modeling_supreme.plotting.palette import BLUE, GREEN, GREY, MUTED, ORANGE, PALE_BLUE, RED


WIDTH = 5.2  # inches
ROW_HEIGHT = 0.21  # inches per condition
BASELINE_SHAPES = ("s", "x", "^", "D")  # of what was fitted
CONTROL_COLOURS = (ORANGE, GREEN, GREY, RED)
GRID = np.linspace(0, 1, 101)  # places at which a curve is drawn
MAX_ERRORS = 14  # conditions of the table of errors


def plot_forest(entries: Sequence[Mapping[str, Any]]) -> str:
    """AUROC of each condition with its interval, beside its controls; conditions that training named are filled."""
    shown = [entry for entry in entries if entry["auroc"] is not None]
    controls = list(dict.fromkeys(name for entry in shown for name in entry.get("controls") or {}))
    baselines = list(dict.fromkeys(name for entry in shown for name in entry.get("baselines") or {}))

    def draw(axes: Axes) -> None:
        for row, entry in enumerate(shown):
            if entry["auroc_ci95"]:
                axes.plot(entry["auroc_ci95"], [row, row], color=PALE_BLUE, linewidth=4, solid_capstyle="round")
            face = "white" if entry["seen"] is False else BLUE
            axes.plot(entry["auroc"], row, "o", color=BLUE, markerfacecolor=face, markersize=5, zorder=3)
            for colour, name in zip(CONTROL_COLOURS, controls, strict=False):
                figure = (entry.get("controls") or {}).get(name)
                if figure is not None:
                    axes.plot(figure, row, "|", color=colour, markersize=8, markeredgewidth=2)
            for shape, name in zip(BASELINE_SHAPES, baselines, strict=False):
                axes.plot(entry["baselines"][name], row, shape, color=MUTED, markersize=4, markerfacecolor="none")
        _name_rows(axes, [_mark(entry) for entry in shown])
        axes.axvline(0.5, color=MUTED, linewidth=0.8, linestyle=":")
        axes.set_xlim(min(0.3, *_lows(shown)) - 0.02, 1.02)
        axes.set_xlabel("AUROC")
        for colour, name in zip(CONTROL_COLOURS, controls, strict=False):
            axes.plot([], [], "|", color=colour, markersize=8, markeredgewidth=2, label=name.replace("_", " "))
        axes.plot([], [], "o", color=BLUE, markerfacecolor="white", markersize=5, label="not named in training")
        for shape, name in zip(BASELINE_SHAPES, baselines, strict=False):
            axes.plot([], [], shape, color=MUTED, markersize=4, markerfacecolor="none", label=name)
        if controls or baselines:
            axes.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)

    return _to_svg(draw, height=1.1 + ROW_HEIGHT * max(len(shown), 2))


def _mark(entry: Mapping[str, Any]) -> str:
    """A condition with what is to be said of it: * is understood, (5) is not averaged for its five positives."""
    understood = (entry.get("among_non_normal") or {}).get("understood")
    few = "" if entry["is_averaged"] else f" ({entry['num_positives']})"
    return f"{entry['label']}{' *' if understood else ''}{few}"


def _lows(entries: Sequence[Mapping[str, Any]]) -> list[float]:
    """The lowest places of the plot."""
    return [min(entry["auroc"], (entry["auroc_ci95"] or [1.0])[0]) for entry in entries] or [0.5]


def plot_curves(scores: np.ndarray, labels: np.ndarray) -> tuple[str, str]:
    """ROC and precision-recall curves of every condition, thin, with their mean; columns are conditions."""
    found = [_curves_of(*column) for column in zip(scores.T, labels.T, strict=True)]
    curves = [curve for curve in found if curve is not None]

    def draw(place: int, names: tuple[str, str]) -> Callable[[Axes], None]:
        def draw_curves(axes: Axes) -> None:
            for curve in curves:
                axes.plot(GRID, curve[place], color=PALE_BLUE, linewidth=0.8)
            if curves:
                axes.plot(GRID, np.mean([curve[place] for curve in curves], axis=0), color=BLUE, linewidth=2)
            if place == 0:
                axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=":")
            axes.set_xlabel(names[0])
            axes.set_ylabel(names[1])
            axes.set_xlim(0, 1)
            axes.set_ylim(0, 1.02)
            axes.grid()

        return draw_curves

    roc = _to_svg(draw(0, ("1 - specificity", "sensitivity")), height=3.4)
    return roc, _to_svg(draw(1, ("sensitivity (recall)", "precision")), height=3.4)


def _curves_of(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Sensitivity and precision on `GRID`; `None` for a condition without positives or negatives."""
    known = ~np.isnan(labels)
    if not 0 < labels[known].sum() < known.sum():
        return None
    false_alarms, hits, _ = roc_curve(labels[known], scores[known])
    precision, recall, _ = precision_recall_curve(labels[known], scores[known])
    return np.interp(GRID, false_alarms, hits), np.interp(GRID, recall[::-1], precision[::-1])


def plot_reliability(bins: Sequence[Mapping[str, Any]]) -> str:
    """Share of positives against the mean score of each bin; the larger a point, the more records."""

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=":")
        scores, shares, counts = (
            np.array([own[name] for own in bins]) for name in ("mean_score", "share_positive", "num_records")
        )
        axes.plot(scores, shares, color=PALE_BLUE)
        axes.scatter(scores, shares, s=10 + 90 * counts / max(counts.max(), 1), color=BLUE, zorder=3)
        axes.set_xlabel("score")
        axes.set_ylabel("share of positives")
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.grid()

    return _to_svg(draw, height=3.4)


def count_errors(
    scores: np.ndarray, labels: np.ndarray, thresholds: np.ndarray, names: Sequence[str]
) -> tuple[list[str], np.ndarray] | None:
    """How often a condition is called that is not there, where another one is.

    Args:
        scores (`np.ndarray` of shape `(num_records, num_conditions)`):
            Of the records tested.
        labels (`np.ndarray` of shape `(num_records, num_conditions)`):
            1 positive, 0 negative, NaN unknown.
        thresholds (`np.ndarray` of shape `(num_conditions,)`):
            NaN where there is none.
        names (`Sequence[str]`):
            Of the conditions.

    Returns:
        `tuple`: Names of the conditions with the most errors; and the share of the records with the condition of the
        row in which that of the column is a false alarm. `None` where fewer than two conditions have a threshold.
    """
    alarms = ((scores >= thresholds) & (labels == 0)).astype(np.float64)
    present = (labels == 1).astype(np.float64)
    usable = np.flatnonzero(~np.isnan(thresholds) & (present.sum(axis=0) > 0))
    if len(usable) < 2:
        return None
    together = present[:, usable].T @ alarms[:, usable]
    order = np.argsort(-(together.sum(axis=0) + together.sum(axis=1)), kind="stable")[:MAX_ERRORS]
    kept = np.sort(order)
    shares = together / present[:, usable].sum(axis=0)[:, None]
    return [names[int(usable[index])] for index in kept], shares[np.ix_(kept, kept)]


def plot_errors(names: Sequence[str], shares: np.ndarray) -> str:
    """The table of [`count_errors`] in shades, with its percentages."""

    def draw(axes: Axes) -> None:
        axes.imshow(shares, cmap=LinearSegmentedColormap.from_list("errors", ["white", RED]), vmin=0, vmax=1)
        axes.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(length=0, labelsize=8)
        axes.set_xlabel("called though absent")
        axes.set_ylabel("present")
        for row, column in np.argwhere(shares >= 0.005):
            axes.text(column, row, f"{100 * shares[row, column]:.0f}", ha="center", va="center", fontsize=7)

    return _to_svg(draw, height=1.4 + 0.26 * len(names))


def plot_robustness(levels: Sequence[Mapping[str, Any]]) -> str:
    """AUROC of every condition at every level of a disturbance, thin, and the macro average."""
    places: Any = np.arange(len(levels))

    def draw(axes: Axes) -> None:
        for label in levels[0]["auroc"]:
            figures = np.array([level["auroc"][label] for level in levels], dtype=np.float64)
            axes.plot(places, figures, color=PALE_BLUE, linewidth=0.8, marker="." if len(levels) == 1 else "")
        macro = np.array([level["auroc_macro"] for level in levels], dtype=np.float64)
        axes.plot(places, macro, "o-", color=BLUE, linewidth=2, markersize=5)
        axes.axhline(0.5, color=MUTED, linewidth=0.8, linestyle=":")
        axes.set_xticks(places, [level["level"] for level in levels])
        axes.set_ylabel("AUROC")
        axes.set_ylim(top=1.02)
        axes.grid(axis="y")

    return _to_svg(draw, height=2.6)


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    """One row per name, from top to bottom."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, labelsize=8)
    axes.grid(axis="x")


def _to_svg(draw: Callable[[Axes], None], *, height: float) -> str:
    """What `draw` draws, as an SVG element; the height is in inches."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        draw(figure.subplots())
        return figure_to_svg(figure)
