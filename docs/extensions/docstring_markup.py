"""Docstrings as we write them, for Sphinx: Google sections with the marks of transformers, in Markdown.

`` `x` `` is code, `` [`Class`] `` a name of this package, a fence a block of code. Sphinx reads reStructuredText, in
which stars, bars and words that end in `_` mean something else.
"""

import re
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from sphinx.application import Sphinx

BEFORE_NAPOLEON = 100  # which reads the sections, at 500
CODE = re.compile(r"\[`~?([^`\]]+)`\]|(?<!`)`([^`]+)`(?!`)")
EMPHASIS = re.compile(r"(?<![\w*])\*(\w[\w ]*)\*(?![\w*])")
SEVERAL_NAMES = re.compile(r"^(\s*)(\w+) \((.+?)\), (\w+) \((.+)\):$")


def convert_lines(lines: list[str]) -> list[str]:
    r"""A docstring in reStructuredText, its sections left as they are.

    Example:
        >>> convert_lines(["See [`Account`]: `x_` and *args, *optional*."])
        ['See ``Account``: ``x_`` and \\*args, *optional*.']
    """
    converted: list[str] = []
    is_doctest, is_list, fence = False, False, None
    for line in lines:
        text = line.strip()
        if text.startswith("- ") and not is_list:
            converted.append("")  # without which a list is no list
        is_list = text.startswith("- ") or (is_list and bool(text))
        if fence is not None:
            is_end = text.startswith("```")
            converted.append("" if is_end else f"    {line}")
            fence = None if is_end else fence
        elif text.startswith("```"):
            fence = text[3:] or "text"
            converted += ["", f"{line[: len(line) - len(line.lstrip())]}.. code-block:: {fence}", ""]
        else:
            is_doctest = text.startswith(">>>") or (is_doctest and bool(text))
            converted.append(line if is_doctest else convert_text(line))
    return converted


def convert_text(line: str) -> str:
    """A line of prose: code in two backticks, and nothing else that means something."""
    names = SEVERAL_NAMES.match(line)
    if names:  # `source (`str`), line (`int`):` is one entry with two types
        line = f"{names[1]}{names[2]}, {names[4]} ({names[3]}, {names[5]}):"
    parts, end = [], 0
    for match in CODE.finditer(line):
        parts += [_escape(line[end : match.start()]), f"``{(match[1] or match[2]).strip()}``"]
        end = match.end()
        if line[end : end + 1].isalnum():
            parts.append("\\ ")  # `int`s
    return "".join([*parts, _escape(line[end:])])


def _escape(text: str) -> str:
    """Prose in which only emphasis means something."""
    pieces = EMPHASIS.split(text)
    for index, piece in enumerate(pieces):
        pieces[index] = f"*{piece}*" if index % 2 else re.sub(r"([*|\\]|(?<=\w)_(?!\w))", r"\\\1", piece)
    return "".join(pieces)


def _on_docstring(app: "Sphinx", what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    lines[:] = convert_lines(lines)


def _skip(app: "Sphinx", what: str, name: str, obj: object, skip: bool, options: object) -> bool | None:
    """Leave out fields of named tuples, which the docstring of the class describes."""
    return True if (getattr(obj, "__doc__", None) or "").startswith("Alias for field number") else None


def setup(app: "Sphinx") -> dict[str, Any]:
    """Tell Sphinx of this extension."""
    app.connect("autodoc-skip-member", _skip)
    app.connect("autodoc-process-docstring", _on_docstring, priority=BEFORE_NAPOLEON)
    return {"parallel_read_safe": True}
