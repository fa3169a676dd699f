"""What a person needs to know to trust an extraction: what was read, by whom, and where it may be wrong."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from datasets_scripts.extraction.corrections_file import PERSON
from datasets_scripts.extraction.extract import Extraction
from datasets_scripts.extraction.labels_file import count_by_finding
from datasets_scripts.extraction.readings.reading import CERTAINTIES, Certainty, Entity, Reading
from datasets_scripts.extraction.readings.rules import account_for, account_for_spelling, read_statement
from datasets_scripts.extraction.readings.standardise import StandardisationArguments, standardise
from datasets_scripts.terminology.findings import load_terminology
from modeling_supreme.output_files.atomic_files import replace_when_complete

from .audit_page import write_audit_page


REPORT_FILE = "report.html"
# Statements come in this order: what needs a look first.
DISAGREES, FAILED, REVIEW, UNREAD, READ = "disagrees", "failed", "review", "unread", "read"
STATUSES = (DISAGREES, FAILED, REVIEW, UNREAD, READ)
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
        `dict`: `figures`, `findings`, `num_rare`, `statements` (those that need a look first), `outside` (names that
        the terminology lacks), `names` (those that it has), `ancestors`, `unmatched`, `matched`, `steps`, `overruled`,
        `beside_normal`, `left_over`, `problems`, `cost`, `backend`, `model` and `readers`.
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
        "outside": sorted(name for name in standardised.findings if name not in load_terminology()),
        "names": [finding.name for finding in load_terminology()],
        "ancestors": {name: above for name in standardised.findings if (above := standardised.find_ancestors(name))},
        "unmatched": [match._asdict() for match in new],
        "matched": [match._asdict() for match in standardised.matches if match.step == "nearest neighbour"],
        "steps": [step._asdict() for step in standardised.steps],
        "overruled": counts.overruled.most_common(),
        "beside_normal": counts.beside_normal.most_common(),
        "problems": problems.most_common(),
        "left_over": count_left_over(extraction).most_common(),
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
        `status`, `problem`, `review` (findings for which only a quote vouches), `spans` (characters that say a
        finding), and `other`: who reads the statement otherwise, and the pairs that this gives.
    """
    statements, readings = extraction.statements, extraction.standardised.readings
    others = _read_otherwise(extraction)
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
            "status": _judge(readings[key], differs=key in others),
            "problem": readings[key].problem,
            "review": readings[key].review,
            "spans": _find_spans(spelling, readings[key]),
            "other": others.get(key),
        }
        for key, spelling in statements.representatives.items()
    ]
    return sorted(rows, key=lambda row: (STATUSES.index(row["status"]), -row["count"], row["statement"]))


def count_left_over(extraction: Extraction) -> Counter[str]:
    """How often the reports have each word that the rules leave over, in lower case.

    Args:
        extraction (`Extraction`):
            What `extract_labels` returns.
    """
    words: Counter[str] = Counter()
    for spelling, count in extraction.statements.spellings.items():
        representative = extraction.statements.representatives.get(extraction.statements.keys[spelling], spelling)
        for word in account_for_spelling(spelling, representative).left_over:
            words[word.lower()] += count
    return words


def _read_otherwise(extraction: Extraction) -> dict[str, tuple[str, list[tuple[str, Certainty]]]]:
    """What the rules find where a language model was read, and a model's opinion where that was only asked for."""
    spellings, readings = extraction.statements.representatives, extraction.standardised.readings
    by_rules = {
        key: read_statement(spellings[key]) for key in spellings if readings[key].backend not in ("rules", PERSON)
    }
    opinions = {
        key: reading._replace(entities=reading.opinion or ())
        for key, reading in readings.items()
        if reading.opinion is not None
    }
    others = {}
    for reader, found in (("rules", by_rules), ("model", opinions)):
        for key, reading in standardise(found, StandardisationArguments()).readings.items():
            if set(_pairs(reading.entities)) != set(_pairs(readings[key].entities)):
                others[key] = (reader, _pairs(reading.entities))
    return others


def _judge(reading: Reading, *, differs: bool) -> str:
    """What is to be checked about a statement."""
    if differs:
        return DISAGREES
    if reading.problem:
        return FAILED
    if reading.review:
        return REVIEW
    return READ if reading.is_read else UNREAD


def _find_spans(statement: str, reading: Reading) -> list[tuple[int, int]]:
    """Start and end of the words that say a finding: by the rules, or as a language model quoted them."""
    by_rules = account_for(statement).spans
    spans = [span for entity in reading.entities for span in by_rules.get(entity.entity, ())]
    for _, quote in reading.quotes:
        start = statement.lower().find(quote.lower())
        spans += [(start, start + len(quote))] if start >= 0 else []
    return sorted(set(spans))


def _pairs(entities: Iterable[Entity]) -> list[tuple[str, Certainty]]:
    """Findings with certainties, the sure ones first."""
    return sorted(
        ((entity.entity, entity.certainty) for entity in entities), key=lambda pair: CERTAINTIES.index(pair[1])
    )


def _name_reader(reading: Reading) -> str:
    """Backend, model and version of what read a statement."""
    if reading.backend == PERSON:
        return "a person"
    version = f"version {reading.prompt_version}" if reading.backend == "rules" else f"prompt {reading.prompt_version}"
    return f"{reading.backend} {reading.model}".strip() + f" ({version})"
