"""The file of conditions to define: one name a line, or one column, in any of four formats."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from datasets_scripts.terminology.findings import load_terminology
from modeling_supreme.query_grammar import normalize_name


COLUMN = "condition"
HEADERS = (COLUMN, "conditions", "name", "names", "label", "labels")
MAX_NAME_LENGTH = 200  # characters
Numbered = Iterator[tuple[int, Any]]


class ConditionList(NamedTuple):
    """Conditions of a file.

    Attributes:
        names (`tuple[str, ...]`):
            Each once, as it is first written.
        repeated (`tuple[str, ...]`):
            Where names come again, in words for the user.
    """

    names: tuple[str, ...]
    repeated: tuple[str, ...]


def read_conditions(path: Path) -> ConditionList:
    """Read the names of conditions.

    Args:
        path (`Path`):
            `.txt`: one name a line. `.csv`: one column, with or without the header "condition", or several with a
            column of that name. `.jsonl`: a text a line, or an object with the key "condition". `.yaml` or `.yml`: a
            list of texts, or of mappings with that key, so that a file of definitions will do.

    Returns:
        `ConditionList`: The names.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not what it should be; the message names the line or entry.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no file {path.absolute()}. Name the file of conditions with `--conditions`."
        )
    readers: dict[str, Callable[[Path, str], Numbered]] = {
        ".txt": _read_text,
        ".csv": _read_csv,
        ".jsonl": _read_jsonl,
        ".yaml": _read_yaml,
        ".yml": _read_yaml,
    }
    if path.suffix.lower() not in readers:
        raise ValueError(f"{path}: {path.suffix!r} is no known format. Give a file in {', '.join(readers)}.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}, byte {error.start}, is not UTF-8. Save the file in UTF-8.") from error
    noun = "entry" if path.suffix.lower() in (".yaml", ".yml") else "line"
    return _collect(path, readers[path.suffix.lower()](path, text), noun)


def condition_key(name: str) -> str:
    """What all names of one condition share: the folded name of the finding of the terminology, or its own.

    Example:
        >>> condition_key("LBBB"), condition_key("Takotsubo  Syndrome")
        ('left bundle branch block', 'takotsubo syndrome')
    """
    finding = load_terminology().find(name)
    return normalize_name(finding.name if finding else name)


def other_names(name: str) -> tuple[str, ...]:
    """The names under which the terminology knows a condition besides the one given."""
    finding = load_terminology().find(name)
    names = (finding.name, *finding.synonyms, finding.scp_code) if finding else ()
    return tuple(other for other in dict.fromkeys(names) if other and normalize_name(other) != normalize_name(name))


def _collect(path: Path, found: Numbered, noun: str) -> ConditionList:
    """Each name once."""
    first: dict[str, tuple[str, int]] = {}
    repeated = []
    for number, value in found:
        name = _check_name(value, f"{path}, {noun} {number}")
        known, known_number = first.setdefault(condition_key(name), (name, number))
        if known_number != number:
            repeated.append(f"{name!r} in {noun} {number} is {known!r} of {noun} {known_number}")
    if not first:
        raise ValueError(f"{path} names no condition. Write one a line.")
    return ConditionList(tuple(name for name, _ in first.values()), tuple(repeated))


def _check_name(value: Any, where: str) -> str:
    """A name; refuses what cannot be one."""
    if isinstance(value, dict):
        value = value.get(COLUMN)
    if not isinstance(value, str) or not normalize_name(value):
        raise ValueError(f"{where} holds no name of a condition. Write a text, or an object with the key {COLUMN!r}.")
    name = " ".join(value.split())
    if len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise ValueError(
            f"{where} is longer than {MAX_NAME_LENGTH} characters or has some that cannot be printed. Write the name"
            " of one condition."
        )
    return name


def _read_text(_: Path, text: str) -> Numbered:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield number, line


def _read_csv(path: Path, text: str) -> Numbered:
    reader = csv.reader(text.splitlines())
    rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    if not rows:
        return
    header = [cell.strip().lower() for cell in rows[0][1]]
    widest = max(len(row) for _, row in rows)
    named = [place for place, cell in enumerate(header) if cell in (HEADERS if widest == 1 else (COLUMN,))]
    if widest > 1 and len(named) != 1:
        raise ValueError(
            f"{path} has {widest} columns, of which {len(named)} are called {COLUMN!r}. Give that name to the one with"
            " the conditions, leave out the others, or put names with a comma in quotes."
        )
    column = named[0] if named else 0
    for number, row in rows[bool(named) :]:
        yield number, row[column] if column < len(row) else None


def _read_jsonl(path: Path, text: str) -> Numbered:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except ValueError as error:
                raise ValueError(f"{path}, line {number}, is no JSON ({error}). Correct the line.") from error


def _read_yaml(path: Path, text: str) -> Numbered:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no YAML ({error}). Correct the file.") from error
    if not isinstance(content, list):
        raise ValueError(f"{path} is no list. Write each condition behind a dash.")
    yield from enumerate(content, start=1)
