"""Score the reading of statements on annotated ones: F1 of the entities and accuracy of their certainty.

    python -m datasets_scripts.extraction.score annotated_examples.jsonl
    python -m datasets_scripts.extraction.score annotated_examples.jsonl --readings labels/statements.jsonl

Each line of the file holds a `statement`, the `entities` that a person found in it, and the `group` of the statement.
Without `--readings` the rules read the statements; with it, what any backend read is scored.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from datasets_scripts.extraction.checks.annotation_score import load_readings, score_statements
from modeling_supreme.command_line import parse_arguments, run_command


@dataclass
class ScoreArguments:
    """What to score."""

    annotations: Path = field(metadata={"help": "JSONL file of annotated statements."})
    readings: Path | None = field(
        default=None, metadata={"help": "statements.jsonl of an extraction, scored instead of the rules."}
    )
    show_errors: bool = field(default=False, metadata={"help": "Also list the statements that were read differently."})


def main(argv: Sequence[str] | None = None) -> None:
    """Write the scores of a file to standard output, as JSON."""
    (flags,) = parse_arguments([ScoreArguments], argv, description=__doc__, positional="annotations")
    read = load_readings(flags.readings) if flags.readings else None
    with flags.annotations.open(encoding="utf-8") as file:
        scores = score_statements(map(json.loads, file), read)
    if not flags.show_errors:
        scores["errors"] = len(scores["errors"])
    sys.stdout.write(json.dumps(scores, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    run_command(main, refusals=(OSError, ValueError))
