"""What a person has said of definitions: the JSONL that the page exports, checked by the grammar before it counts."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from .conditions_file import condition_key
from .definition_task import MAX_LENGTHS, WrongExpression, parse_definition


CONFIRMED = "is_confirmed"
TEXTS = ("condition", "expression", "source")


class Correction(NamedTuple):
    """The definition of a condition as a person left it.

    Attributes:
        condition (`str`):
            What is defined.
        expression (`str`):
            In canonical form; empty if the person says that there is none.
        source (`str`):
            Guideline or textbook.
        is_confirmed (`bool`):
            Whether the person stands by it.
    """

    condition: str
    expression: str
    source: str
    is_confirmed: bool


def read_corrections(path: Path) -> dict[str, Correction]:
    """Read what the page exported, or lines of that form.

    Args:
        path (`Path`):
            JSONL, with `condition`, `expression`, `source` and `is_confirmed` in each line.

    Returns:
        `dict[str, Correction]`: By `condition_key` of the condition.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a line is of another form, a condition comes twice, or the grammar does not take an expression;
            the message names the line, and the position in the expression.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no file {path.absolute()}. Name the file that the page exported with `--corrections`."
        )
    found: dict[str, Correction] = {}
    first_line: dict[str, int] = {}
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if line.strip():
            correction = _read_line(line, f"{path}, line {number}")
            key = condition_key(correction.condition)
            if key in found:
                raise ValueError(
                    f"{path}, line {number}: {correction.condition!r} stands in line {first_line[key]} already. Keep"
                    " one of the two."
                )
            found[key], first_line[key] = correction, number
    return found


def _read_line(line: bytes, where: str) -> Correction:
    """One correction; refuses what is none."""
    try:
        content = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{where}, is no JSON ({error}). Export the page again, or correct the line.") from error
    if not isinstance(content, dict) or not {*TEXTS, CONFIRMED} <= content.keys():
        raise ValueError(f"{where}, lacks one of {', '.join(TEXTS)} and {CONFIRMED}. Export the page again.")
    texts = {name: _check_text(content[name], f"{where}: {name!r}", MAX_LENGTHS[name]) for name in TEXTS}
    if not isinstance(content[CONFIRMED], bool):
        raise ValueError(f"{where}: {CONFIRMED!r} is {content[CONFIRMED]!r}. Write true or false.")
    if not texts["condition"]:
        raise ValueError(f"{where} names no condition. Write its name, or leave out the line.")
    if texts["expression"] and not texts["source"]:
        raise ValueError(f"{where}: {texts['condition']!r} has no source. Name one, or write: own choice.")
    expression = texts["expression"]
    if expression:
        try:
            expression = str(parse_definition(expression, texts["condition"]))
        except WrongExpression as error:
            raise ValueError(f"{where}: the definition of {texts['condition']!r} cannot be taken. {error}") from error
    return Correction(texts["condition"], expression, texts["source"], content[CONFIRMED])


def _check_text(value: Any, where: str, length: int) -> str:
    """A text with single blanks; refuses other values, and very long ones."""
    text = " ".join(value.split()) if isinstance(value, str) else None
    if text is None or len(text) > length or not text.isprintable():
        raise ValueError(f"{where} is no printable text of at most {length} characters. Correct it.")
    return text
