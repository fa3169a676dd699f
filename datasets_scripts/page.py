"""Blocks of the HTML pages that reports are written as: pages that need no other file and no network."""

import base64
import io
import json
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modeling_supreme.plotting import palette
from modeling_supreme.plotting.palette import AXIS, GRID, INK, MUTED


if TYPE_CHECKING:  # pages of words alone need no matplotlib
    from matplotlib.figure import Figure


FIGURE = re.compile(r"-?[\d,.]+( %)?|-")
CSS = """
body { margin: 0; background: var(--ground); color: var(--ink);
       font: 16px/1.5 "Helvetica Neue", "DejaVu Sans", Arial, sans-serif; }
main { max-width: 1060px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 28px; margin: 0; } h2 { font-size: 19px; margin: 0 0 4px; }
p { margin: 4px 0 12px; } .muted, .note { color: var(--muted); } .note { font-size: 14px; }
section, .figure { background: var(--surface); border: 1px solid var(--edge); border-radius: 10px; }
section { padding: 18px 22px; min-width: 0; } main > *, .columns { margin-top: 18px; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 14px; }
.figure { padding: 12px 16px; } .figure span { color: var(--muted); font-size: 14px; }
.figure b { display: block; font-size: 25px; line-height: 1.25; } .figure.alarm b { color: var(--red); }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(430px, 100%), 1fr)); gap: 18px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; padding: 4px 14px 4px 0; border-bottom: 1px solid var(--grid); vertical-align: top;
         overflow-wrap: anywhere; }
th { color: var(--muted); font-weight: 600; } .number { text-align: right; font-variant-numeric: tabular-nums; }
svg, img { display: block; max-width: 100%; height: auto; }
td:first-child { white-space: nowrap; } details { margin-top: 10px; } summary { cursor: pointer; color: var(--blue); }
"""
# Of plots in a page.
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": AXIS,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": MUTED,
    "ytick.color": INK,
    "svg.fonttype": "none",  # text stays text: it can be searched, and the page stays small
    "svg.hashsalt": "build report",  # the same report gives the same page
}


def write_document(path: Path, *, title: str, parts: Sequence[str]) -> None:
    """Write a page.

    Args:
        path (`Path`):
            The page to write.
        title (`str`):
            Shown by the browser, as plain text.
        parts (`Sequence[str]`):
            What stands on the page, as HTML.
    """
    path.write_text(
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_define_colours()}{CSS}</style></head>\n"
        "<body><main>\n" + "\n".join(parts) + "\n</main></body>\n</html>\n",
        encoding="utf-8",
    )


def _define_colours() -> str:
    """The palette as CSS variables, for the styles of this page and of those that add their own."""
    colours = {name.lower().replace("_", "-"): value for name, value in vars(palette).items() if name.isupper()}
    return f":root {{ {' '.join(f'--{name}: {value};' for name, value in colours.items())} }}"


def key_figures(figures: Sequence[tuple[str, str]], *, alarms: Sequence[str] = ()) -> str:
    """The figures that a reader wants first; `figures` are values with names, `alarms` the names to be set in red."""
    cells = [
        f'<div class="figure{" alarm" if name in alarms else ""}"><b>{value}</b><span>{name}</span></div>'
        for value, name in figures
    ]
    return f'<div class="figures">{"".join(cells)}</div>'


def columns(*sections: str) -> str:
    """Sections beside each other where the window is wide enough."""
    return f'<div class="columns">{"".join(sections)}</div>'


def section(title: str, content: str, *, note: str = "") -> str:
    """A titled box; `note` is plain text, `content` HTML."""
    explained = f"<p class=note>{escape(note)}</p>" if note else ""
    return f"<section><h2>{escape(title)}</h2>{explained}{content}</section>"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; columns of figures are set to the right."""
    columns = list(zip(*rows, strict=True)) or [()] * len(header)
    classes = [" class=number" if all(map(FIGURE.fullmatch, column)) else "" for column in columns]
    head = "".join(f"<th{kind}>{escape(text)}</th>" for kind, text in zip(classes, header, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{escape(text)}</td>" for kind, text in zip(classes, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f"<table>{f'<tr>{head}</tr>' if any(header) else ''}{body}</table>"


def embed_data(name: str, data: object) -> str:
    """Data for the script of a page, as JSON that cannot end the element it stands in, whatever it says."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "&<>":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f'<script type="application/json" id="{name}">{text}</script>'


def percent(share: float | None) -> str:
    """A share for people, two digits that count: "12 %", "0.04 %"."""
    if share is None:
        return "-"
    return f"{100 * share:.0f} %" if share == 0 or share >= 0.1 else f"{100 * share:.2g} %"


def encode_png(figure: "Figure", *, dpi: int) -> str:
    """A figure as PNG in base64, to be put into a page."""
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=dpi)
    return base64.b64encode(image.getvalue()).decode()


def figure_to_svg(figure: "Figure") -> str:
    """A figure as an SVG element; call it within `STYLE`, under which the figure was made."""
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]
