"""What a checkpoint loses under disturbances, for its card: a table, a picture, and every condition in a file."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from evaluation_scripts.metrics import format_figure
from evaluation_scripts.robustness.disturbances import FAMILIES
from modeling_supreme.output_files.atomic_files import write_text
from modeling_supreme.plotting.palette import BLUE, GREEN, GREY, INK, MUTED, ORANGE, RED


FIGURES_FILENAME = "robustness.json"
PLOT_FILENAME = "robustness.png"
LEADS = "leads"  # the family whose figures the card gives for every condition
NUM_COLUMNS = 4
COLOURS = (BLUE, ORANGE, GREEN, RED, GREY)
TITLES = {
    "leads": "leads",
    "rate": "sampling rate",
    "length": "length",
    "wander": "baseline wander, signal to noise",
    "muscle": "muscle noise, signal to noise",
    "mains": "mains noise, signal to noise",
    "clipping": "clipped at",
    "arms": "arm electrodes",
}

Curves = Mapping[str, Sequence[Mapping[str, Any]]]


def collect_curves(results: Mapping[str, Mapping[str, Any]]) -> dict[str, Curves]:
    """The curves of the results that have some, by "corpus/labels/split"."""
    return {name: result["robustness"] for name, result in results.items() if result.get("robustness")}


def list_levels(curves: Mapping[str, Curves]) -> list[dict[str, Any]]:
    """Rows of the table of the card: a level of a disturbance, and the macro AUROC of each label set there."""
    return [
        {
            "disturbance": TITLES[family],
            "level": level,
            "auroc": [format_figure(_macro(own, family, level)) for own in curves.values()],
        }
        for family, level in _all_levels(curves)
    ]


def list_conditions_by_leads(results: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The second table: every averaged condition with the leads that were kept.

    Args:
        results (`Mapping[str, Mapping]`):
            What evaluations say, by "corpus/labels/split".

    Returns:
        `dict`: `levels`, the sets of leads; and `rows` with `set`, `condition` and `auroc`, a figure for each level.
        Both are empty where leads were not disturbed.
    """
    levels: list[str] = []
    rows = []
    for name, result in results.items():
        tried = (result.get("robustness") or {}).get(LEADS, ())
        levels = levels or [each["level"] for each in tried]
        for entry in result["conditions"] if tried else ():
            if entry["is_averaged"]:
                figures = [format_figure(each["auroc"][entry["label"]]) for each in tried]
                rows.append({"set": name, "condition": entry["finding"] or entry["label"], "auroc": figures})
    return {"levels": levels, "rows": rows}


def write_curves(folder: Path, curves: Mapping[str, Curves]) -> None:
    """Put every figure and the picture beside the card, or remove those of other weights where there are none."""
    if not curves:
        for name in (FIGURES_FILENAME, PLOT_FILENAME):
            (folder / name).unlink(missing_ok=True)
        return
    write_text(folder / FIGURES_FILENAME, json.dumps(_round(curves), indent=1, ensure_ascii=False) + "\n")
    plot_curves(folder / PLOT_FILENAME, curves)


def plot_curves(path: Path, curves: Mapping[str, Curves]) -> None:
    """Draw the macro AUROC of each label set from the mildest level of each disturbance to the worst."""
    families = list(dict.fromkeys(family for family, _ in _all_levels(curves)))
    num_rows = -(-len(families) // NUM_COLUMNS)
    figure = Figure(figsize=(13, 0.6 + 2.5 * num_rows), layout="constrained")
    grid = figure.subplots(num_rows, min(NUM_COLUMNS, len(families)), squeeze=False, sharey=True).ravel()
    for axes, family in zip(grid, families, strict=False):
        levels = [level for own, level in _all_levels(curves) if own == family]
        for colour, own in zip(cycle(COLOURS), curves.values(), strict=False):
            macro = [_macro(own, family, level) for level in levels]
            axes.plot(range(len(levels)), np.array(macro, dtype=np.float64), "o-", color=colour, markersize=4)
        axes.axhline(0.5, color=MUTED, linewidth=0.8, linestyle=":")
        axes.set_xticks(range(len(levels)), [_narrow(level) for level in levels], fontsize=8)
        axes.set_title(TITLES[family], fontsize=10, color=INK)
        axes.tick_params(colors=MUTED)
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.1)
    for axes in grid[len(families) :]:
        axes.set_axis_off()
    for axes in grid[::NUM_COLUMNS]:
        axes.set_ylabel("macro AUROC", color=INK)
    lines = grid[0].get_lines()[: len(curves)]
    figure.legend(lines, list(curves), loc="outside upper center", ncols=len(curves), frameon=False, fontsize=9)
    figure.savefig(path, dpi=110)


def _narrow(level: str) -> str:
    """The name of a level in as many lines as it has words, where it names leads."""
    return level.replace(" leads", "\nleads").replace(", ", "\n")


def _all_levels(curves: Mapping[str, Curves]) -> Iterator[tuple[str, str]]:
    """Family and level of everything that any label set was tried with, each once."""
    seen = {}
    for own in curves.values():
        for family, levels in own.items():
            seen |= {(family, level["level"]): None for level in levels}
    order = list(FAMILIES)
    yield from sorted(seen, key=lambda pair: order.index(pair[0]))


def _macro(own: Curves, family: str, level: str) -> float | None:
    """The figure of a label set, `None` where it was not tried."""
    return next((each["auroc_macro"] for each in own.get(family, ()) if each["level"] == level), None)


def _round(content: Any) -> Any:
    """The same with numbers of four digits, of which hundreds stand in a file that travels."""
    if isinstance(content, Mapping):
        return {name: _round(each) for name, each in content.items()}
    if isinstance(content, Sequence) and not isinstance(content, str):
        return [_round(each) for each in content]
    return round(content, 4) if isinstance(content, float) else content
