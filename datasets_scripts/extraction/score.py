"""Score the `rules` backend on annotated statements: F1 of the entities and accuracy of their certainty.

    python -m datasets_scripts.extraction.score annotated_examples.jsonl

Each line of the file holds a `statement` and the `entities` that a person found in it.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from transformers import HfArgumentParser

from .rules import read_statement
from .terminology import load_terminology, normalize_name


@dataclass
class ScoreArguments:
    """Flags of the command."""

    annotations: Path = field(metadata={"help": "JSONL file of annotated statements."})
    show_errors: bool = field(default=False, metadata={"help": "Also list the statements that were read differently."})


def score_statements(annotations: Iterable[dict]) -> dict:
    """Compare the `rules` backend with annotated statements.

    Args:
        annotations (`Iterable[dict]`):
            Objects with `statement` and `entities`, each entity with `entity` and `certainty`.

    Returns:
        `dict`: `precision`, `recall` and `f1` of the entities over all statements together; `certainty_accuracy` over
        the entities that both name; `num_statements`; and `errors`, the statements that were read differently.
    """
    num_found = num_annotated = num_shared = num_agreed = num_statements = 0
    errors = []
    for annotation in annotations:
        annotated = {_canonical(entity["entity"]): entity["certainty"] for entity in annotation["entities"]}
        found = {entity.entity: entity.certainty for entity in read_statement(annotation["statement"]).entities}
        shared = annotated.keys() & found.keys()
        num_statements += 1
        num_found += len(found)
        num_annotated += len(annotated)
        num_shared += len(shared)
        num_agreed += sum(annotated[name] == found[name] for name in shared)
        if annotated != found:
            errors.append({"statement": annotation["statement"], "annotated": annotated, "found": found})
    return {
        "num_statements": num_statements,
        "precision": num_shared / max(num_found, 1),
        "recall": num_shared / max(num_annotated, 1),
        "f1": 2 * num_shared / max(num_found + num_annotated, 1),
        "certainty_accuracy": num_agreed / max(num_shared, 1),
        "errors": errors,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the scores of a file to standard output, as JSON."""
    (flags,) = HfArgumentParser(ScoreArguments).parse_args_into_dataclasses(args=_positional(arguments))  # type: ignore[arg-type]
    with flags.annotations.open(encoding="utf-8") as file:
        scores = score_statements(json.loads(line) for line in file)
    if not flags.show_errors:
        scores["errors"] = len(scores["errors"])
    sys.stdout.write(json.dumps(scores, indent=2, ensure_ascii=False) + "\n")


def _positional(arguments: Sequence[str] | None) -> list[str]:
    """Let the file be named without its flag."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    return ["--annotations", *given] if given and not given[0].startswith("-") else given


def _canonical(name: str) -> str:
    """The name of the terminology for an annotated name."""
    finding = load_terminology().find(name)
    return finding.name if finding else normalize_name(name)


if __name__ == "__main__":
    main()
