"""How well statements were read, compared with what a person found in them: F1 of entities, accuracy of certainty."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets_scripts.extraction.readings.reading import CERTAINTIES, Certainty
from datasets_scripts.extraction.readings.rules import read_statement
from datasets_scripts.extraction.readings.statements import statement_key
from datasets_scripts.terminology.findings import load_terminology
from modeling_supreme.query_grammar import normalize_name


Certainties = dict[str, Certainty]  # of the entities of one statement, by name


@dataclass
class Tally:
    """Counts over some statements.

    Attributes:
        num_statements (`int`):
            Statements compared.
        num_found (`int`):
            Entities that were read.
        num_annotated (`int`):
            Entities that a person found.
        confusion (`Counter`):
            Entities that both name, by annotated and read certainty.
    """

    num_statements: int = 0
    num_found: int = 0
    num_annotated: int = 0
    confusion: Counter = field(default_factory=Counter)

    def add(self, annotated: Certainties, found: Certainties) -> None:
        """Count one statement."""
        self.num_statements += 1
        self.num_found += len(found)
        self.num_annotated += len(annotated)
        self.confusion.update((annotated[name], found[name]) for name in annotated.keys() & found.keys())

    def figures(self) -> dict:
        """Precision, recall and F1 of the entities, and accuracy of the certainty over those that both name.

        A figure of which nothing could be counted is `None`.
        """
        num_shared = self.confusion.total()
        num_agreed = sum(self.confusion[certainty, certainty] for certainty in CERTAINTIES)
        return {
            "num_statements": self.num_statements,
            "precision": num_shared / self.num_found if self.num_found else None,
            "recall": num_shared / self.num_annotated if self.num_annotated else None,
            "f1": 2 * num_shared / total if (total := self.num_found + self.num_annotated) else None,
            "certainty_accuracy": num_agreed / num_shared if num_shared else None,
        }


def score_statements(annotations: Iterable[dict], read: Callable[[str], Certainties] | None = None) -> dict:
    """Compare a reading of statements with annotations.

    Args:
        annotations (`Iterable[dict]`):
            Objects with `statement`, `entities`, each with `entity` and `certainty`, and if known a `group`.
        read (`Callable`, *optional*):
            Gives the entities of a statement with their certainty; the rules do by default.

    Returns:
        `dict`: The figures of `Tally` over all statements together; `groups`, the same for each group;
        `certainty_confusion`, how often each annotated certainty was read as which; and `errors`, the statements that
        were read differently.
    """
    read = read or read_by_rules
    whole, groups, errors = Tally(), defaultdict(Tally), []
    for annotation in annotations:
        annotated = name_canonically(annotation["entities"])
        found = read(annotation["statement"])
        group = annotation.get("group", "")
        whole.add(annotated, found)
        groups[group].add(annotated, found)
        if annotated != found:
            errors.append(
                {"statement": annotation["statement"], "group": group, "annotated": annotated, "found": found}
            )
    confusion = {
        annotated: {found: whole.confusion[annotated, found] for found in CERTAINTIES} for annotated in CERTAINTIES
    }
    return {
        **whole.figures(),
        "certainty_confusion": confusion,
        "groups": {group: groups[group].figures() for group in sorted(groups)},
        "errors": errors,
    }


def read_by_rules(statement: str) -> Certainties:
    """Entities that the rules find in a statement."""
    return {entity.entity: entity.certainty for entity in read_statement(statement).entities}


def load_readings(path: Path) -> Callable[[str], Certainties]:
    """A function that looks statements up in what an extraction wrote.

    Args:
        path (`Path`):
            `statements.jsonl`.

    Returns:
        `Callable`: Gives the entities of a statement, in any spelling.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: When a statement is asked for that the extraction did not meet.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}. Give `--readings` the statements.jsonl of an extraction.")
    with path.open(encoding="utf-8") as file:
        lines = map(json.loads, file)
        readings = {statement_key(line["statement"]): name_canonically(line["entities"]) for line in lines}

    def read(statement: str) -> Certainties:
        key = statement_key(statement)
        if key not in readings:
            raise ValueError(
                f"{path} lacks an annotated statement ({len(readings)} others are there). Run the extraction on a"
                " table of the annotated statements and score that."
            )
        return readings[key]

    return read


def name_canonically(entities: Iterable[Mapping[str, Any]]) -> Certainties:
    """Certainty of each entity under its name in the terminology."""
    terminology = load_terminology()
    named: Certainties = {}
    for entity in entities:
        finding = terminology.find(entity["entity"])
        named[finding.name if finding else normalize_name(entity["entity"])] = entity["certainty"]
    return named
