"""The options of a corpus as flags: whatever its configuration declares and documents, the command line takes."""

import argparse
import inspect
import re
import types
import typing
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from datasets import BuilderConfig


COMMON_FIELDS = {field.name for field in fields(BuilderConfig)}
# An entry of an "Attributes:" section: name, type and default on one line, an indented explanation below.
DOCUMENTED_FIELD = re.compile(r"^    (?P<name>\w+) \(.*\):\n(?P<text>(?:^ {8}.*\n?)+)", re.MULTILINE)


def add_options(parser: Any, config_class: type[BuilderConfig]) -> None:
    """Add a flag per field of a builder's configuration; flags that are not given are `None`.

    Args:
        parser (`argparse.ArgumentParser` or group of one):
            Where the flags go.
        config_class (`type[BuilderConfig]`):
            A dataclass whose fields are numbers, strings, paths, switches, choices or lists of them. Their
            explanations come from the "Attributes:" sections of its docstring and of those it inherits.
    """
    hints = typing.get_type_hints(config_class)
    explained = _explanations(config_class)
    for field in fields(config_class):
        keywords = _keywords(hints[field.name]) if field.name not in COMMON_FIELDS else None
        if keywords is not None:
            text = explained.get(field.name, "") + (f" Default: {field.default}." if _is_told(field.default) else "")
            parser.add_argument(f"--{field.name}", default=None, help=text.strip().replace("%", "%%"), **keywords)


def _is_told(default: Any) -> bool:
    return isinstance(default, (str, int, float)) and default != ""


def _explanations(config_class: type) -> dict[str, str]:
    """What the docstrings say of each field; a subclass has the last word."""
    docstrings = [inspect.cleandoc(base.__doc__ or "") for base in reversed(config_class.__mro__)]
    return {
        match["name"]: " ".join(match["text"].replace("`", "").split())
        for docstring in docstrings
        for match in DOCUMENTED_FIELD.finditer(docstring + "\n")
    }


def _keywords(hint: Any) -> dict[str, Any] | None:
    """How `argparse` reads a field of this type; `None` for a type that no flag can express."""
    if get_origin(hint) in (typing.Union, types.UnionType):
        hint = next(part for part in get_args(hint) if part is not types.NoneType)
    if hint is bool:
        return {"action": argparse.BooleanOptionalAction}
    if get_origin(hint) is Literal:
        return {"type": type(get_args(hint)[0]), "choices": get_args(hint)}
    if hint in (int, float, str, Path):
        return {"type": hint}
    if get_origin(hint) in (list, tuple, set) and get_args(hint)[0] in (int, float, str):
        return {"type": get_args(hint)[0], "nargs": "+"}
    return None
