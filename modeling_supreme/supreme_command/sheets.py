"""Records as ECG sheets, with what was answered of them."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..pipeline_zero_shot_ecg import load_recording
from ..plotting import plot_evidence, plot_strip


def draw(
    recording: Any, path: Path, *, title: str, scores: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
) -> None:
    """Draw a record.

    Args:
        recording (`Any`):
            What the pipeline takes.
        path (`Path`):
            The file to write; its folder is made if need be.
        title (`str`):
            Above the sheet.
        scores (`Sequence` of `{"label", "score"}`):
            Below it; where they hold `evidence`, it is drawn, too.
        options (`Mapping`):
            `sampling_rate`, `leads` and `unit` of files that do not say.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    loaded = load_recording(recording, max_seconds=10.0, **options)
    strip = {"sampling_rate": loaded.sampling_rate, "leads": loaded.leads, "title": title, "path": path}
    if scores and "evidence" in scores[0]:
        plot_evidence(loaded.strip_mv, results=scores, **strip)
    else:
        plot_strip(loaded.strip_mv, scores=scores, **strip)


def file_name(place: int, record_id: str) -> str:
    """A file for the sheet of a record, whatever characters its name has.

    Example:
        >>> file_name(3, "../a b/00001_hr")
        '00003_a_b_00001_hr.png'
    """
    plain = re.sub(r"[^\w-]+", "_", record_id).strip("_")
    return f"{place:05d}_{plain[:100]}.png"
