"""Fonts for any script: what the usual font lacks is taken from another one of this machine, or said to be lacking."""

import re
from collections.abc import Collection
from functools import lru_cache

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text
from transformers.utils import logging


logger = logging.get_logger(__name__)

USUAL = "DejaVu Sans"  # comes with matplotlib
# Fonts with many letters of one style, which are asked first; others follow by name
PREFERRED = ("Noto Sans", "Noto Sans CJK", "Source Han Sans", "WenQuanYi", "Droid Sans", "Arial Unicode", "Unifont")
BOXES = ("Last Resort", "Adobe Blank")  # have a glyph for every letter: the same one
REMEDY = "Install one, such as Noto Sans (of the Debian packages fonts-noto-core and fonts-noto-cjk)."


def use_fonts(figure: Figure) -> list[str]:
    """Let every text of a figure be drawn with fonts that have its letters.

    Letters that no font of this machine has would be drawn as boxes, of which nobody can tell one from another: in
    their place stands how many there are, and a message says which.

    Args:
        figure (`Figure`):
            Whose texts are looked at; those of latin, greek and cyrillic letters stay as they are.

    Returns:
        `list[str]`: Letters without a font.
    """
    lacking: dict[str, None] = {}
    for text in figure.findobj(Text):
        content = text.get_text()
        letters = {letter for letter in content if not letter.isspace()} - _letters_of_usual()
        if not letters:
            continue
        families, without = find_families(frozenset(letters))
        if without:
            lacking |= dict.fromkeys(sorted(without))
            text.set_text(name_lacking(content, without))
        text.set_fontfamily([USUAL, *families])
    if lacking:
        shown = "".join(lacking)[:40]
        logger.warning(f"No font of this machine has the letters {shown}, which a drawing leaves out. {REMEDY}")
    return list(lacking)


def name_lacking(text: str, without: Collection[str]) -> str:
    """A text with the number of letters in place of those that cannot be drawn.

    Example:
        >>> name_lacking("AF 心房颤动", "心房颤动")
        'AF (4 letters without a font)'
    """
    pattern = f"[{re.escape(''.join(without))}]+"

    def count(found: re.Match) -> str:
        number = len(found.group())
        return f"({number} letter{'s' if number > 1 else ''} without a font)"

    return re.sub(pattern, count, text)


@lru_cache(256)
def find_families(letters: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Families that have some letters together, as few as there must be, and the letters that none has."""
    missing, families = set(letters), []
    for name, path in _list_fonts():
        if not missing:
            break
        found = missing & _letters_of(path)
        if found:
            families.append(name)
            missing -= found
    return tuple(families), frozenset(missing)


@lru_cache(1)
def _list_fonts() -> tuple[tuple[str, str], ...]:
    """The regular fonts of this machine by family, the preferred ones first."""
    fonts = {
        font.name: font.fname
        for font in font_manager.fontManager.ttflist
        if font.style == "normal" and font.weight in (400, "normal", "regular", "book")
        if font.name != USUAL and not font.name.startswith(BOXES)
    }

    def order(entry: tuple[str, str]) -> tuple[int, str]:
        ranks = (rank for rank, start in enumerate(PREFERRED) if entry[0].startswith(start))
        return min(ranks, default=len(PREFERRED)), entry[0]

    return tuple(sorted(fonts.items(), key=order))


@lru_cache(64)
def _letters_of(path: str) -> frozenset[str]:
    """What a font can draw; nothing where it cannot be read."""
    try:
        return frozenset(map(chr, FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):
        return frozenset()


@lru_cache(1)
def _letters_of_usual() -> frozenset[str]:
    """What the usual font can draw."""
    return _letters_of(font_manager.findfont(USUAL))
