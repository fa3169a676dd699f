"""The figures of a run, line by line, and the picture of them."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from modeling_supreme.plotting.palette import BLUE, GRID, INK, MUTED


class JsonLines:
    """A file with one JSON object per line, each with a `step`, that a resumed run goes on with.

    Args:
        path (`Path`):
            The file.
        last_step (`int`):
            Steps done before: what the file says of later ones, and a line that was broken off, is dropped.
    """

    def __init__(self, path: Path, *, last_step: int) -> None:
        self.path = path
        kept = [line for line in read_lines(path) if line["step"] <= last_step]
        incomplete = path.with_name(f"{path.name}.incomplete")
        incomplete.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        incomplete.replace(path)
        self._pending: list[str] = []

    def append(self, line: Mapping[str, Any]) -> None:
        """Add a line; it is in the file after the next [`write`]."""
        self._pending.append(json.dumps(line) + "\n")

    def write(self) -> None:
        """Write what was added; of what a full disk refuses, nothing is lost and nothing is in the file.

        Raises:
            OSError: If the disk refuses it.
        """
        with self.path.open("ab", buffering=0) as file:
            length, content = file.tell(), "".join(self._pending).encode()
            try:
                while content:  # the disk may take a part of it
                    content = content[file.write(content) :]
            except OSError:
                file.truncate(length)
                raise
        self._pending = []

    def flush(self) -> None:
        """Write what was added, and wait until the file is on the disk."""
        self.write()
        with self.path.open("rb") as file:
            os.fsync(file.fileno())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a log up to the first that is not whole; none where there is no file."""
    lines: list[dict[str, Any]] = []
    if not path.is_file():
        return lines
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines


def plot_curves(
    steps: Sequence[Mapping[str, Any]], validations: Sequence[Mapping[str, Any]], path: str | Path
) -> Figure:
    """Draw loss, gradient norm, learning rate and validation AUROC over the steps of a run.

    Args:
        steps (`Sequence` of `{"step", "loss", "grad_norm", "learning_rate"}`):
            One entry per optimiser step.
        validations (`Sequence` of `{"step", "validation_loss", "validation_auroc_macro"}`):
            One entry per validation; a figure may be None.
        path (`str` or `Path`):
            Where to save the picture, as PNG.

    Returns:
        `Figure`: Four panels.
    """
    figure = Figure(figsize=(10, 6), dpi=120, facecolor="white", layout="constrained")
    loss, auroc, norm, rate = figure.subplots(2, 2, sharex=True).flat
    _draw(loss, steps, "loss", GRID, label="each step")
    _draw(loss, _smooth(steps, "loss"), "loss", INK, label="mean around it")
    _draw(loss, validations, "validation_loss", BLUE, label="validation")
    _draw(auroc, validations, "validation_auroc_macro", BLUE, label="validation")
    _draw(norm, steps, "grad_norm", MUTED)
    _draw(rate, steps, "learning_rate", MUTED)
    titles = ("loss", "macro AUROC on validation", "norm of the gradient", "learning rate")
    for axes, title in zip((loss, auroc, norm, rate), titles, strict=True):
        axes.set_title(title, loc="left", fontsize=10, color=INK)
        axes.grid(color=GRID, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8, colors=MUTED)
    for axes in (norm, rate):
        axes.set_xlabel("optimiser step", fontsize=8, color=MUTED)
    if loss.lines:
        loss.legend(fontsize=8, frameon=False)
    figure.savefig(path, format="png")
    return figure


def _draw(axes: Axes, entries: Sequence[Mapping[str, Any]], name: str, color: str, label: str | None = None) -> None:
    """One curve; a point where there is only one."""
    known = [(entry["step"], entry[name]) for entry in entries if entry.get(name) is not None]
    if known:
        x, y = zip(*known, strict=True)
        axes.plot(x, y, color=color, linewidth=1.2, marker="o" if len(known) < 20 else "", markersize=3, label=label)


def _smooth(entries: Sequence[Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    """Means over a fiftieth of the run."""
    width = max(1, len(entries) // 50)
    values = np.array([entry[name] for entry in entries[: len(entries) // width * width]]).reshape(-1, width)
    return [
        {"step": entries[index * width + width // 2]["step"], name: float(mean)}
        for index, mean in enumerate(values.mean(axis=1))
    ]
