"""Reports that lie in no table: a text file each, or a line of JSON each; and tables that hold nothing but reports."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets_scripts.extraction.readings.statements import split_report
from datasets_scripts.readers.tables import MARKS, TableFile


logger = logging.getLogger(__name__)

JSON_LINES_SUFFIXES = (".jsonl", ".ndjson")
TEXT_SUFFIX = ".txt"
Record = tuple[str, list[str]]


def is_text_folder(path: Path) -> bool:
    """Whether a path is a folder of text files, one report in each."""
    return path.is_dir() and next(path.rglob(f"*{TEXT_SUFFIX}"), None) is not None


def read_text_folder(path: Path) -> Iterator[Record]:
    """The report of each text file of a folder and of the folders in it, in the order of their names.

    Args:
        path (`Path`):
            The folder.

    Yields:
        `tuple[str, list[str]]`: Path of the file within the folder, without its suffix, and the statements in it. A
        file that is in no encoding of Unicode is read as Windows-1252, which is said once.
    """
    num_guessed = 0
    for file in sorted(path.rglob(f"*{TEXT_SUFFIX}")):
        text, is_guessed = _decode(file.read_bytes())
        num_guessed += is_guessed
        yield file.relative_to(path).with_suffix("").as_posix(), split_report(text)
    if num_guessed:
        logger.warning(
            "%s: %d files are not in UTF-8 and were read as Windows-1252 (Latin-1). If letters are wrong, save them as"
            " UTF-8.",
            path,
            num_guessed,
        )


def _decode(content: bytes) -> tuple[str, bool]:
    """The text of a file, and whether its encoding was guessed."""
    encoding = next((encoding for mark, encoding in MARKS.items() if content.startswith(mark)), "utf-8-sig")
    try:
        return content.decode(encoding), False
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace"), True


def read_json_lines(path: Path, *, id_columns: Sequence[str], report_columns: Sequence[str]) -> Iterator[Record]:
    """The report of each line of a file of JSON objects.

    Args:
        path (`Path`):
            The file.
        id_columns (`Sequence[str]`):
            Keys of which the first that a line has, in any case, holds its identifier. Lines without one are numbered.
        report_columns (`Sequence[str]`):
            Keys of which one holds the report, or a list of its statements.

    Raises:
        ValueError: If a line is no JSON object, lacks a report, or has the identifier of an earlier line; the line is
            named and not quoted.
    """
    seen: dict[str, int] = {}
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            content = _parse(path, number, line)
            report = _find(content, report_columns)
            if not isinstance(report, (str, list)):
                raise ValueError(
                    f"{path}, line {number}: it has no text {' or '.join(report_columns)}. Name the key of reports"
                    " with `--report_column`."
                )
            given = _find(content, id_columns)
            record_id = str(number if given is None else given)
            if record_id in seen:
                raise ValueError(
                    f"{path}, line {number}: the identifier of line {seen[record_id]} stands here again. Keep one of"
                    " the lines."
                )
            seen[record_id] = number
            statements = split_report(report) if isinstance(report, str) else [str(part).strip() for part in report]
            yield record_id, [statement for statement in statements if statement]


def _parse(path: Path, number: int, line: str) -> dict[str, Any]:
    """The object of a line."""
    try:
        content = json.loads(line)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise ValueError(f"{path}, line {number}: it is no JSON object. Correct the line.")
    return content


def _find(content: Mapping[str, Any], names: Sequence[str]) -> Any:
    """The value of the first of some keys, in any case; `None` if there is none."""
    folded = {key.casefold(): value for key, value in content.items()}
    return next((folded[name.casefold()] for name in names if folded.get(name.casefold()) is not None), None)


def read_single_column(table: TableFile) -> Iterator[Record]:
    """The reports of a table that has no other column; rows are numbered from 1.

    Raises:
        ValueError: If a row cannot be read, naming its line.
    """
    for number, row in enumerate(table, start=1):
        row.check()
        yield str(number), split_report(row.cells[0])
