"""Draws tables of pages as pictures that a forge shows too: `python docs/extensions/charts.py` writes docs/images/.

A remark above a table, `<!-- chart: name -->`, names its picture, `images/name.svg`. Its rows become lines over its
columns; values are shares from .5, which is guessing, to 1.
"""

import re
from html import escape
from pathlib import Path


DOCS = Path(__file__).resolve().parents[1]
MARK = re.compile(r"<!-- chart: (\w+) -->\n\n((?:\|.*\n)+)")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 330, 50, 190, 20, 40
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")  # told apart by the colour-blind (Okabe & Ito 2008)
STYLE = (
    "text{font:13px sans-serif;fill:#333}line{stroke:#ccc}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}line{stroke:#555}}"
)


def find_charts(page: Path) -> dict[str, list[list[str]]]:
    """The cells of the tables of a page that have a picture, by its name."""
    found = MARK.findall(page.read_text(encoding="utf-8"))
    return {name: [_cells(line) for line in table.splitlines() if "---" not in line] for name, table in found}


def draw_chart(table: list[list[str]]) -> str:
    """A picture of a table: its first row names the columns, its first column the lines.

    Args:
        table (`list[list[str]]`):
            Cells; beyond the first row and column, numbers from .5 to 1.

    Returns:
        `str`: SVG, 720 by 330.
    """
    (what, *columns), *rows = table
    step = (WIDTH - LEFT - RIGHT) / max(1, len(columns) - 1)
    places = [LEFT + step * index for index in range(len(columns))]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(what)}</title><style>{STYLE}</style>",
    ]
    for share in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{_height(share):.1f}" y2="{_height(share):.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{_height(share) + 4:.1f}" text-anchor="end">{share:.1f}</text>')
    for place, column in zip(places, columns, strict=True):
        parts.append(f'<text x="{place:.1f}" y="{HEIGHT - 14}" text-anchor="middle">{escape(column)}</text>')
    ends = _spread([_height(float(row[-1])) for row in rows])
    for (name, *values), colour, end in zip(rows, COLOURS, ends, strict=False):
        points = [(place, _height(float(value))) for place, value in zip(places, values, strict=True)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in points]
        parts.append(f'<text x="{WIDTH - RIGHT + 12}" y="{end + 4:.1f}" style="fill:{colour}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _height(share: float) -> float:
    """Where a share lies, from above."""
    return TOP + (1 - share) / 0.5 * (HEIGHT - TOP - BOTTOM)


def _spread(heights: list[float], least: float = 16) -> list[float]:
    """Heights of names, moved down where they would overlap."""
    moved: dict[int, float] = {}
    lowest = float("-inf")
    for index in sorted(range(len(heights)), key=heights.__getitem__):
        lowest = moved[index] = max(heights[index], lowest + least)
    return [moved[index] for index in range(len(heights))]


def _cells(line: str) -> list[str]:
    """The cells of a line of a table."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


if __name__ == "__main__":
    for known in sorted(DOCS.glob("*.md")):
        for title, cells in find_charts(known).items():
            (DOCS / "images" / f"{title}.svg").write_text(draw_chart(cells), encoding="utf-8")
