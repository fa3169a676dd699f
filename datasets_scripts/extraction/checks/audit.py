"""What a person needs to know to trust an extraction: what was read, by whom, and where it may be wrong."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from datasets_scripts.extraction.extract import Extraction
from datasets_scripts.extraction.labels_file import count_by_finding
from datasets_scripts.extraction.readings.reading import CERTAINTIES, Certainty, Entity, Reading
from datasets_scripts.extraction.readings.rules import read_statement
from datasets_scripts.extraction.readings.standardise import StandardisationArguments, standardise
from modeling_supreme.output_files.atomic_files import replace_when_complete

from .audit_page import write_audit_page


REPORT_FILE = "report.html"
# Statements come in this order: what needs a look first.
DISAGREES, FAILED, UNREAD, READ = "disagrees", "failed", "unread", "read"
STATUSES = (DISAGREES, FAILED, UNREAD, READ)
MAX_STATEMENTS = 20_000  # on the page, which a browser has to search


def write_audit(extraction: Extraction, output_dir: Path) -> None:
    """Write `report.html`.

    Args:
        extraction (`Extraction`):
            What `extract_labels` returns.
        output_dir (`Path`):
            Folder for the page.
    """
    with replace_when_complete(output_dir / REPORT_FILE) as path:
        write_audit_page(make_audit(extraction), path)


def make_audit(extraction: Extraction) -> dict[str, Any]:
    """Everything that the page shows.

    Args:
        extraction (`Extraction`):
            What `extract_labels` returns.

    Returns:
        `dict`: `figures`, `findings`, `num_rare`, `statements` (those that need a look first), `ancestors`,
        `unmatched`, `matched`, `steps`, `overruled`, `beside_normal`, `problems`, `cost`, `backend`, `model` and
        `readers`.
    """
    counts, standardised = extraction.labels, extraction.standardised
    findings = count_by_finding(counts, standardised.find_codes())
    problems = Counter(reading.problem for reading in standardised.readings.values() if reading.problem)
    statements = list_statements(extraction)
    num_disagreements = sum(row["status"] == DISAGREES for row in statements)
    new = [match for match in standardised.matches if match.step in ("new finding", "left out")]
    return {
        "figures": _describe_size(extraction) | {"num_disagreements": num_disagreements},
        "findings": [row for row in findings.to_dict("records") if row["finding"] in extraction.kept],
        "num_rare": len(counts.names) - len(extraction.kept),
        "statements": statements[:MAX_STATEMENTS],
        "ancestors": {name: above for name in standardised.findings if (above := standardised.find_ancestors(name))},
        "unmatched": [match._asdict() for match in new],
        "matched": [match._asdict() for match in standardised.matches if match.step == "nearest neighbour"],
        "steps": [step._asdict() for step in standardised.steps],
        "overruled": counts.overruled.most_common(),
        "beside_normal": counts.beside_normal.most_common(),
        "problems": problems.most_common(),
        "cost": str(extraction.cost),
        "backend": extraction.backend,
        "model": extraction.model,
        "readers": sorted({_name_reader(reading) for reading in standardised.readings.values()}),
    }


def _describe_size(extraction: Extraction) -> dict[str, int]:
    """Numbers of records, statements and findings."""
    statements = extraction.statements
    return {
        "num_records": statements.num_records,
        "num_without_findings": extraction.labels.num_without_findings,
        "num_statements": statements.num_statements,
        "num_spellings": len(statements.spellings),
        "num_distinct": len(statements.representatives),
        "num_findings": len(extraction.kept),
        "num_unread": extraction.num_unread,
        "num_failed": extraction.num_failed,
        "num_requests": extraction.cost.num_requests,
    }


def list_statements(extraction: Extraction) -> list[dict[str, Any]]:
    """The distinct statements with their findings: those that need a look first, then the most frequent ones.

    Args:
        extraction (`Extraction`):
            What `extract_labels` returns.

    Returns:
        `list[dict]`: `statement`, `count`, `num_spellings`, `entities` (pairs of finding and certainty), `reader`,
        `status`, `problem`, and `rules`: what the rules find where that differs from a language model's reading.
    """
    statements, readings = extraction.statements, extraction.standardised.readings
    by_rules = _read_by_rules(extraction)
    counts: Counter[str] = Counter()
    num_spellings: Counter[str] = Counter()
    for spelling, count in statements.spellings.items():
        counts[statements.keys[spelling]] += count
        num_spellings[statements.keys[spelling]] += 1
    rows = [
        {
            "statement": spelling,
            "count": counts[key],
            "num_spellings": num_spellings[key],
            "entities": _pairs(readings[key].entities),
            "reader": _name_reader(readings[key]),
            "status": _judge(readings[key], by_rules.get(key)),
            "problem": readings[key].problem,
            "rules": _pairs(by_rules[key].entities) if key in by_rules else None,
        }
        for key, spelling in statements.representatives.items()
    ]
    return sorted(rows, key=lambda row: (STATUSES.index(row["status"]), -row["count"], row["statement"]))


def _read_by_rules(extraction: Extraction) -> dict[str, Reading]:
    """What the rules find in the statements that a language model read otherwise."""
    spellings = extraction.statements.representatives
    readings = extraction.standardised.readings
    others = {key: read_statement(spellings[key]) for key in spellings if readings[key].backend != "rules"}
    in_terminology = standardise(others, StandardisationArguments()).readings
    return {
        key: reading
        for key, reading in in_terminology.items()
        if set(_pairs(reading.entities)) != set(_pairs(readings[key].entities))
    }


def _judge(reading: Reading, by_rules: Reading | None) -> str:
    """What is to be checked about a statement."""
    if by_rules is not None:
        return DISAGREES
    if reading.problem:
        return FAILED
    return READ if reading.is_read else UNREAD


def _pairs(entities: Iterable[Entity]) -> list[tuple[str, Certainty]]:
    """Findings with certainties, the sure ones first."""
    return sorted(
        ((entity.entity, entity.certainty) for entity in entities), key=lambda pair: CERTAINTIES.index(pair[1])
    )


def _name_reader(reading: Reading) -> str:
    """Backend, model and version of what read a statement."""
    version = f"version {reading.prompt_version}" if reading.backend == "rules" else f"prompt {reading.prompt_version}"
    return f"{reading.backend} {reading.model}".strip() + f" ({version})"
