"""Drawings of what was answered, as files in the folder of a visit: a picture for the page, and the same on paper."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..plotting import plot_evidence, plot_strip, plot_timeline
from ..recordings import EcgRecording
from .desk import Reply, take_leads


MOST_SCORES = 15  # on a sheet: with more it would be longer than a page
MOST_ROWS = 20  # of a timeline


@dataclass(frozen=True)
class Drawing:
    """Files with the same content.

    Attributes:
        png (`Path`), pdf (`Path`):
            The picture, and the page.
        json (`Path`, *optional*):
            The answers as programs read them.
    """

    png: Path
    pdf: Path
    json: Path | None = None

    @property
    def url(self) -> str:
        """The picture itself as an address, so that a page needs no second request for it."""
        return f"data:image/png;base64,{base64.b64encode(self.png.read_bytes()).decode()}"


def draw_reply(reply: Reply, folder: Path) -> Drawing:
    """Draw the strip with its best scores, or the timeline of a long recording, and write the answers beside it."""
    title = f"{reply.case.name}{f' ({chr(44).join(reply.leads)} only)' if reply.leads else ''}"
    if reply.is_timeline:
        figure = plot_timeline(reply.findings[:MOST_ROWS], rate=reply.rate, title=title)
    else:
        recording = take_leads(reply.case.recording, reply.leads, reply.case.name)
        figure = plot_strip(
            recording.strip_mv,
            sampling_rate=recording.sampling_rate,
            leads=recording.leads,
            title=title,
            scores=reply.findings[:MOST_SCORES],
        )
    path = folder / f"{reply.case.path.stem}.json"
    path.write_text(json.dumps(reply.to_dict(), ensure_ascii=False, indent=2), encoding="utf-8")
    drawing = _save(figure, path.with_suffix(""))
    return Drawing(drawing.png, drawing.pdf, path)


def draw_evidence(recording: EcgRecording, finding: dict[str, Any], name: str, folder: Path) -> Drawing:
    """Draw what carries the answer to a finding on its strip."""
    figure = plot_evidence(
        recording.strip_mv,
        sampling_rate=recording.sampling_rate,
        leads=recording.leads,
        results=[finding],
        title=f"{name}: {finding['label']}",
    )
    return _save(figure, folder / "evidence")


def _save(figure: Any, stem: Path) -> Drawing:
    """A figure as a picture and as a page."""
    paths = [stem.with_name(f"{stem.name}{suffix}") for suffix in (".png", ".pdf")]
    for path in paths:
        figure.savefig(path)
    return Drawing(*paths)
