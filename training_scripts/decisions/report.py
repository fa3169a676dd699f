"""What was fitted, in figures, in a picture and on the card of the checkpoint."""

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from modeling_supreme.output_files.atomic_files import write_text
from modeling_supreme.plotting.palette import BLUE, GREY, INK, MUTED, ORANGE, PALE_BLUE

from .fit import Fitted


HEADING = "## Decisions"
NEXT_HEADING = "## Limits"  # before which the section goes
NUM_LISTED = 25  # conditions on the card, those that most records show
NUM_BINS = 10
LEAST_IN_BIN = 20  # answers, for a point of the picture


def describe_decisions(fitted: Mapping[str, Fitted]) -> dict[str, Any]:
    """Every decision, how it does on the records that were not fitted, and the mean calibration error."""
    conditions = {
        name: _without_nan(each.decision.to_dict() | {"checked": each.describe()})
        for name, each in sorted(fitted.items())
    }
    mean = {}
    for records in ("real", "simulated"):
        found = [each["checked"] for each in conditions.values() if each["records"] == records]
        if found:
            errors = {key: float(np.mean([each[key] for each in found])) for key in ("ece_before", "ece_after")}
            mean[records] = {"num_conditions": len(found), **errors}
    return {"mean": mean, "conditions": conditions}


def _without_nan(content: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(content, Mapping):
        return {name: _without_nan(each) for name, each in content.items()}
    return None if isinstance(content, float) and math.isnan(content) else content


def plot_calibration(path: Path, fitted: Mapping[str, Fitted]) -> None:
    """Draw how often what was given a probability is true, before and after, and the error of every condition.

    Args:
        path (`Path`):
            File to write.
        fitted (`Mapping[str, Fitted]`):
            By condition; drawn is what was not fitted.
    """
    figure = Figure(figsize=(13, 4.4), layout="constrained")
    axes = figure.subplots(1, 3)
    kinds = [("simulated", BLUE), ("real", ORANGE)]
    for place, title in enumerate(("before", "after")):
        _draw_diagonal(axes[place])
        axes[place].set(title=f"answers {title} calibration", xlabel="mean answer", ylabel="share that shows it")
        for records, color in kinds:
            chosen = [each for each in fitted.values() if each.decision.records == records]
            if chosen:
                answers = [each.before if place == 0 else each.after for each in chosen]
                _draw_curve(axes[place], answers, [each.truth for each in chosen], records, color)
    _draw_diagonal(axes[2])
    for records, color in kinds:
        figures = [each.describe() for each in fitted.values() if each.decision.records == records]
        if figures:
            before, after = ([each[key] for each in figures] for key in ("ece_before", "ece_after"))
            axes[2].scatter(before, after, s=12, color=color, label=f"{records}: {len(figures)} conditions", zorder=3)
    widest = 1.05 * max(each.describe()[key] for each in fitted.values() for key in ("ece_before", "ece_after"))
    axes[2].set(title="calibration error", xlabel="before", ylabel="after", xlim=(0, widest), ylim=(0, widest))
    for each in axes:
        each.legend(frameon=False, labelcolor=INK)
        each.tick_params(colors=MUTED)
        each.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


def _draw_diagonal(axes: Axes) -> None:
    """Where answers are probabilities."""
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (4, 3)))


def _draw_curve(axes: Axes, answers: list[np.ndarray], truths: list[np.ndarray], records: str, color: str) -> None:
    """A reliability curve over the answers of all conditions, and pale ones of those with many positive records."""
    if records == "simulated":
        for answer, truth in zip(answers, truths, strict=True):
            if truth.sum() >= 5 * LEAST_IN_BIN:
                axes.plot(*_reliability(answer, truth), color=PALE_BLUE, linewidth=0.6)
    places, shares = _reliability(np.concatenate(answers), np.concatenate(truths))
    axes.plot(places, shares, color=color, linewidth=2, marker="o", markersize=4, label=f"{records}, all conditions")


def _reliability(answers: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean answer and share of positives of `NUM_BINS` equally wide bins, where they hold enough."""
    bins = np.minimum((answers * NUM_BINS).astype(int), NUM_BINS - 1)
    counts = np.bincount(bins, minlength=NUM_BINS)
    is_enough = counts >= LEAST_IN_BIN
    sums = (np.bincount(bins, weights=each, minlength=NUM_BINS)[is_enough] for each in (answers, truth))
    places, shares = (each / counts[is_enough] for each in sums)
    return places, shares


def write_section(path: Path, results: Mapping[str, Any]) -> None:
    """Put what was decided into a card, in the place of what was there before.

    Args:
        path (`Path`):
            README.md of the checkpoint; made if it is not there.
        results (`Mapping`):
            What `decision_results.json` holds.
    """
    card = path.read_text(encoding="utf-8") if path.is_file() else ""
    card = re.sub(rf"^{HEADING}\n.*?(?=^## |\Z)", "", card, flags=re.DOTALL | re.MULTILINE)
    section = "\n".join([HEADING, "", *_tell(results), ""])
    before, found, after = card.partition(f"{NEXT_HEADING}\n")
    write_text(path, f"{before.rstrip()}\n\n{section}\n{found}{after}".lstrip().rstrip() + "\n")


def _tell(results: Mapping[str, Any]) -> Iterable[str]:
    """The section, line by line."""
    conditions = results["conditions"]
    yield (
        f"The scores of {len(conditions)} conditions are calibrated, and have thresholds above which the pipeline says"
        " `present: true`; what the leads or the signal cannot show, and what was never fitted, is `present: null`"
        " with a reason. Two thirds of the records below were fitted, 12 leads each; the figures are those of the"
        " others."
    )
    yield ""
    for records, mean in results["mean"].items():
        source = results["real_records"] if records == "real" else f"{results['num_simulated_records']} records"
        yield (
            f"- {mean['num_conditions']} conditions on {records} records ({source}): mean expected calibration error"
            f" {mean['ece_before']:.3f} before, {mean['ece_after']:.3f} after."
        )
    yield ""
    yield (
        "A calibrated score is the probability among records that show a condition as often as those that it was"
        " fitted on (prior). Where yours show it more or less often, probabilities shift and thresholds with them."
    )
    yield ""
    yield "| condition | records | prior | threshold | sensitivity | specificity | at 90 % specificity: sensitivity |"
    yield "|---|---|---|---|---|---|---|"
    most_shown = sorted(conditions.items(), key=lambda pair: -pair[1]["num_positives"])[:NUM_LISTED]
    for name, entry in most_shown:
        checked = entry["checked"]
        yield (
            f"| {name} | {entry['records']} | {entry['num_positives'] / entry['num_records']:.3f}"
            f" | {entry['youden']['threshold']:.3f} | {_figure(checked['youden']['sensitivity'])}"
            f" | {_figure(checked['youden']['specificity'])} | {_figure(checked['specificity_90']['sensitivity'])} |"
        )
    yield ""
    yield "All conditions: `decision_results.json`; reliability: `calibration.png`."


def _figure(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"
