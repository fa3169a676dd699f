"""Drawings of what was answered, as files in the folder of a visit: a picture for the page, and the same on paper."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..plotting import plot_comparison, plot_evidence, plot_strip, plot_timeline
from ..plotting.sheet import save
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
        json (`Path`):
            The answers as programs read them.
    """

    png: Path
    pdf: Path
    json: Path

    @property
    def url(self) -> str:
        """The picture itself as an address, so that a page needs no second request for it."""
        return f"data:image/png;base64,{base64.b64encode(self.png.read_bytes()).decode()}"


def draw_reply(reply: Reply, folder: Path, form: Mapping[str, Any]) -> Drawing:
    """Draw the strip with its best scores, or the timeline of a long recording, and write the answers beside it.

    Args:
        reply ([`Reply`]):
            The answers.
        folder (`Path`):
            For the files.
        form (`Mapping`):
            `layout` and `mm_per_s` of a sheet.
    """
    title = name_reply(reply)
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
            **form,
        )
    return _save(figure, folder / reply.case.path.stem, reply.to_dict())


def draw_comparison(first: Reply, second: Reply, folder: Path, form: Mapping[str, Any]) -> Drawing:
    """Draw two recordings one below the other, and write the answers to both beside that."""
    pair = (first, second)
    figure = plot_comparison(
        *(take_leads(reply.case.recording, reply.leads, reply.case.name) for reply in pair),
        titles=[name_reply(reply) for reply in pair],
        scores=[reply.findings for reply in pair],
        **form,
    )
    return _save(figure, folder / "comparison", {"first": first.to_dict(), "second": second.to_dict()})


def name_reply(reply: Reply) -> str:
    """What stands above a drawing."""
    return f"{reply.case.name} ({', '.join(reply.leads)} only)" if reply.leads else reply.case.name


def draw_evidence(recording: EcgRecording, finding: dict[str, Any], name: str, folder: Path) -> Drawing:
    """Draw what carries the answer to a finding on its strip."""
    figure = plot_evidence(
        recording.strip_mv,
        sampling_rate=recording.sampling_rate,
        leads=recording.leads,
        results=[finding],
        title=f"{name}: {finding['label']}",
    )
    return _save(figure, folder / "evidence", finding)


def _save(figure: Any, stem: Path, answers: Mapping[str, Any]) -> Drawing:
    """A figure as a picture and as a page, and the answers that it shows."""
    png, pdf, path = (stem.with_name(f"{stem.name}{suffix}") for suffix in (".png", ".pdf", ".json"))
    save(figure, png)
    save(figure, pdf)
    path.write_text(json.dumps(answers, ensure_ascii=False, indent=2), encoding="utf-8")
    return Drawing(png, pdf, path)
