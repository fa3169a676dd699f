"""What a person corrected on the audit page: readings that hold before anything else reads the statement."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasets_scripts.extraction.readings.reading import CERTAINTIES, Entity, Reading
from datasets_scripts.extraction.readings.statements import statement_key


PERSON = "person"  # the backend of a reading that a person gave
VERDICTS = ("confirmed", "corrected", "marked")  # what is only marked is left as it was read
REMEDY = "Export the corrections from report.html again, or correct the line."


def load_corrections(path: Path) -> dict[str, Reading]:
    """The readings that a person gave or confirmed.

    Args:
        path (`Path`):
            JSONL file as the audit page exports it: a line has `statement`, `verdict` and `entities`, each with
            `entity` and `certainty`. Of two lines for one statement, in any spelling, the later one counts.

    Returns:
        `dict[str, Reading]`: By the key of the statement; what was only marked is not there.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a line is not of this form, naming it and quoting nothing.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}. Give `--corrections` what report.html exported.")
    readings: dict[str, Reading] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
            key, reading = _read_line(content)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            problem = "it is no JSON" if isinstance(error, json.JSONDecodeError) else str(error)
            raise ValueError(f"{path}, line {number}: {problem}. {REMEDY}") from None
        readings.pop(key, None)
        if reading is not None:
            readings[key] = reading
    return readings


def _read_line(content: Mapping[str, Any]) -> tuple[str, Reading | None]:
    """Key and reading of one correction."""
    if not isinstance(content, dict) or not isinstance(content.get("statement"), str):
        raise ValueError("it has no `statement`")
    verdict = content.get("verdict", "corrected")
    if verdict not in VERDICTS:
        raise ValueError(f"`verdict` is none of {', '.join(VERDICTS)}")
    key = statement_key(content["statement"])
    if verdict == "marked":
        return key, None
    entities = content.get("entities")
    if not isinstance(entities, list):
        raise ValueError("it has no list of `entities`")
    return key, Reading(tuple(map(_read_entity, entities)), True, PERSON)


def _read_entity(content: Any) -> Entity:
    """A finding; it gets its codes with all others."""
    name = content.get("entity") if isinstance(content, dict) else None
    if not isinstance(name, str) or not name.strip():
        raise ValueError("an entity has no name `entity`")
    if content.get("certainty") not in CERTAINTIES:
        raise ValueError(f"a `certainty` is none of {', '.join(CERTAINTIES)}")
    return Entity(" ".join(name.lower().split()), content["certainty"], "", "")
