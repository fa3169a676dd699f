"""Cells of tables and comments of headers: the words that stand for no value, lists of labels, numbers and flags."""

import ast
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


# What people and programs write where they do not know, in small letters: pandas, NumPy, R, SQL, Excel, English,
# German and Swedish. One list for ages, sexes and labels of every corpus.
NOT_KNOWN = frozenset(
    (
        *("", "nan", "na", "n/a", "n.a.", "#n/a", "<na>", "nat", "null", "?", "-", "--", "---", "."),
        *("unknown", "unk", "not known", "not available", "not recorded", "not specified", "not stated"),
        *("unspecified", "undefined", "undetermined", "missing", "no data"),
        *("unbekannt", "nicht bekannt", "keine angabe", "k.a.", "okänd", "okänt", "uppgift saknas"),
    )
)
# A person has an age and a sex, so that "none" says there that nobody wrote it down; a record may carry no label.
NONE = frozenset({"none", "no label", "no labels", "keine", "ingen", "inga"})
# In the order in which they are looked for: a comma may be part of a name.
SEPARATORS = (";", "|", ",")


@dataclass(frozen=True)
class LabelCell:
    """What a cell says about the labels of a record.

    Attributes:
        names (`tuple[str, ...]`):
            Labels that the record carries, each once, in the order of the cell.
        is_known (`bool`):
            Whether all other labels are known to be absent.
    """

    names: tuple[str, ...]
    is_known: bool

    def mask(self, label_names: Iterable[str]) -> list[bool]:
        """`label_mask` of a row: true for every label that is known to be there or not."""
        return [self.is_known or name in self.names for name in label_names]


def fold(text: object) -> str:
    """A cell in small letters, with single blanks between its words.

    Example:
        >>> fold(" Not_Known "), fold(None)
        ('not known', 'none')
    """
    return " ".join(str(text).replace("_", " ").casefold().split())


def is_unknown(value: object) -> bool:
    """Whether a cell of an age or a sex states nothing: empty, `NaN`, `None`, or a word for it.

    Example:
        >>> [is_unknown(value) for value in ("Unknown", "NaN", float("nan"), None, "NONE", "0")]
        [True, True, True, True, True, False]
    """
    word = fold(value)
    return word in NOT_KNOWN or word in NONE


def parse_labels(cell: str | None, *, separator: str | None = ";") -> LabelCell:
    """The labels in a cell.

    `none` in any spelling, and the empty list `[]`, say that the record carries none of the labels. An empty cell,
    `NaN`, `unknown` and the like say that nobody knows.

    Args:
        cell (`str`, *optional*):
            Names with a separator between them, or a list as Python and JSON write it.
        separator (`str`, *optional*, defaults to `";"`):
            What stands between the names, as [`find_separator`] found it for all cells; `None` where a cell is one
            name.

    Example:
        >>> parse_labels("AF; LBBB"), parse_labels("NONE").is_known, parse_labels("unknown").is_known
        (LabelCell(names=('AF', 'LBBB'), is_known=True), True, False)
    """
    if cell is None or fold(cell) in NOT_KNOWN:
        return LabelCell((), is_known=False)
    listed = _listed(cell)
    if listed == []:
        return LabelCell((), is_known=True)
    names = listed or (cell.split(separator) if separator else [cell])
    words = {name.strip(): fold(name) for name in names if name.strip()}
    stated = tuple(name for name, word in words.items() if word not in NOT_KNOWN | NONE)
    return LabelCell(stated, is_known=bool(words) and NOT_KNOWN.isdisjoint(words.values()))


def find_separator(cells: Iterable[str | None]) -> str | None:
    """What stands between the labels of a column, told from all its cells.

    Semicolons and vertical bars stand in no name, so either separates names wherever it occurs. Commas do only if
    every part between them is a code in capital letters and digits, or stands alone in another cell: "infarction, old"
    is one name.

    Returns:
        `str` or `None`: `None` where no cell holds more than one name.

    Example:
        >>> find_separator(["AF;LBBB", "SR"]), find_separator(["AF, LBBB"]), find_separator(["infarction, old"])
        (';', ',', None)
    """
    filled = [cell for cell in cells if cell and _listed(cell) is None]
    for separator in SEPARATORS[:2]:
        if any(separator in cell for cell in filled):
            return separator
    alone = {cell.strip() for cell in filled if "," not in cell}
    parts = {part.strip() for cell in filled if "," in cell for part in cell.split(",")}
    is_list = bool(parts) and all(part in alone or re.fullmatch(r"[^\sa-z]*", part) for part in parts)
    return "," if is_list else None


def parse_whole(value: Any) -> int:
    """A whole number, such as an identifier, with or without a decimal point.

    Raises:
        ValueError: If it is none.

    Example:
        >>> parse_whole("15709.0"), parse_whole("7")
        (15709, 7)
    """
    text = "" if value is None else str(value).strip()
    if not text:
        raise ValueError("it is empty")
    if not re.fullmatch(r"[-+]?\d{1,18}(?:[.,]0*)?", text):
        raise ValueError(f"{shorten(text)} is no whole number")
    return int(re.split("[.,]", text)[0])


def parse_number(value: Any) -> float | None:
    """A number, with a point or a comma before its decimals; `None` where none is known.

    Raises:
        ValueError: If it is something else.

    Example:
        >>> parse_number("96"), parse_number("0,15"), parse_number("NaN")
        (96.0, 0.15, None)
    """
    if is_unknown(value):
        return None
    try:
        number = float(str(value).strip().replace(",", "."))
    except ValueError:
        raise ValueError(f"{shorten(value)} is no number") from None
    return number if math.isfinite(number) else None


def parse_flag(value: Any) -> bool | None:
    """True or false; `None` where neither is known.

    Raises:
        ValueError: If it is something else.

    Example:
        >>> parse_flag("True"), parse_flag("0.0"), parse_flag("")
        (True, False, None)
    """
    if is_unknown(value):
        return None
    flag = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(
        fold(value).removesuffix(".0")
    )
    if flag is None:
        raise ValueError(f"{shorten(value)} is neither True nor False")
    return flag


def shorten(value: Any) -> str:
    """A value for a message, cut where a text has slipped into its cell."""
    text = str(value)
    return repr(text if len(text) <= 24 else f"{text[:20]} ...")


def _listed(cell: str) -> list[str] | None:
    """The names of a list as Python and JSON write it; `None` where the cell is none."""
    if not (cell.strip().startswith("[") and cell.strip().endswith("]")):
        return None
    try:
        values = ast.literal_eval(cell.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        values = [part.strip(" '\"") for part in cell.strip()[1:-1].split(",")]
    return [str(value) for value in values if str(value).strip()]
