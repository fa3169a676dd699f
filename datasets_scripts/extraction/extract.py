"""From reports to labels: each distinct statement is read once, its findings go to every record that has it."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from datasets_scripts.extraction.backends.backend import Backend
from datasets_scripts.extraction.backends.costs import Cost
from datasets_scripts.extraction.readings.reading import Reading
from datasets_scripts.extraction.readings.rules import account_for_spelling
from datasets_scripts.extraction.readings.standardise import StandardisationArguments, Standardised, standardise
from datasets_scripts.extraction.readings.statements import statement_key
from modeling_supreme.output_files.atomic_files import replace_when_complete

from .labels_file import LABELS_FILE, LabelCounts, count_by_finding, drop_findings, write_labels
from .report_findings import ReportFindings, join_readings


STATEMENTS_FILE = "statements.jsonl"
FINDINGS_FILE = "findings.csv"
Records = Iterable[tuple[str, Sequence[str]]]
EMPTY_STATEMENT = Reading((), is_read=False)  # one without letter or digit


@dataclass
class LabelArguments:
    """Which findings become labels."""

    min_records: int = field(
        default=0, metadata={"help": "Leave out findings that are positive or uncertain in fewer records."}
    )
    min_prevalence: float = field(
        default=0.0,
        metadata={"help": "Leave out findings that are positive or uncertain in a smaller share of records."},
    )

    def __post_init__(self) -> None:
        if self.min_records < 0:
            raise ValueError(f"`--min_records` is {self.min_records}. Give a number of records, 0 to keep everything.")
        if not 0 <= self.min_prevalence <= 1:
            raise ValueError(f"`--min_prevalence` is {self.min_prevalence}. It is a share of records: choose 0 to 1.")

    def fewest_records(self, num_records: int) -> int:
        """Records in which a finding must be positive or uncertain to be kept."""
        # The subtrahend forgives what binary fractions add: 0.07 of 100 records are 7, not 8.
        return max(self.min_records, math.ceil(self.min_prevalence * num_records - 1e-9))


class StatementCounts(NamedTuple):
    """The statements of all reports.

    Attributes:
        num_records (`int`):
            Reports that were read.
        num_statements (`int`):
            Statements in them.
        spellings (`dict[str, int]`):
            How often each distinct statement occurs, as it is written, in the order of first appearance.
        keys (`dict[str, str]`):
            What each spelling shares with the other spellings of the same statement.
        representatives (`dict[str, str]`):
            For each key, its most frequent spelling: this one is read.
    """

    num_records: int
    num_statements: int
    spellings: dict[str, int]
    keys: dict[str, str]
    representatives: dict[str, str]


class Extraction(NamedTuple):
    """What was read from the reports of a corpus.

    Attributes:
        statements (`StatementCounts`):
            The statements.
        standardised (`Standardised`):
            Their readings in the terminology, by key.
        labels (`LabelCounts`):
            What was counted while the labels of records were written.
        kept (`frozenset[str]`):
            Findings that are frequent enough.
        cost (`Cost`):
            What this run spent.
        backend (`str`):
            Who was asked to read.
        model (`str`):
            Name of the language model, empty for rules.
    """

    statements: StatementCounts
    standardised: Standardised
    labels: LabelCounts
    kept: frozenset[str]
    cost: Cost
    backend: str
    model: str

    @property
    def num_unread(self) -> int:
        """Distinct statements, by key, of which no word is known."""
        return sum(not reading.is_read for reading in self.standardised.readings.values())

    @property
    def num_failed(self) -> int:
        """Distinct statements, by key, that the backend could not read."""
        return sum(bool(reading.problem) for reading in self.standardised.readings.values())


def count_statements(records: Records) -> StatementCounts:
    """Count the distinct statements of reports; memory grows with those only.

    Args:
        records (`Iterable[tuple[str, Sequence[str]]]`):
            Identifier and statements of each record, as `iterate_reports` yields them.

    Returns:
        `StatementCounts`: The statements.

    Example:
        >>> records = [("1", ["Sinus rhythm.", "PVCs"]), ("2", ["SINUS RHYTHM"]), ("3", ["Sinus rhythm."])]
        >>> count_statements(records).representatives
        {'sinus rhythm': 'Sinus rhythm.', 'pvcs': 'PVCs'}
    """
    spellings: Counter[str] = Counter()
    num_records = 0
    for _, statements in records:
        spellings.update(statements)
        num_records += 1
    keys = {spelling: statement_key(spelling) for spelling in spellings}
    representatives: dict[str, str] = {}
    for spelling, key in keys.items():
        best = representatives.get(key, spelling)
        representatives[key] = min(best, spelling, key=lambda one: (-spellings[one], one))
    representatives.pop("", None)
    return StatementCounts(num_records, spellings.total(), dict(spellings), keys, representatives)


def read_statements(
    statements: StatementCounts,
    backend: Backend[str, Reading],
    *,
    corrections: Mapping[str, Reading] | None = None,
) -> dict[str, Reading]:
    """Have each distinct statement read once.

    Args:
        statements (`StatementCounts`):
            What `count_statements` returns.
        backend (`Backend`):
            Who reads.
        corrections (`Mapping[str, Reading]`, *optional*):
            Readings that a person gave, by key: nobody else is asked about these statements.

    Returns:
        `dict[str, Reading]`: The reading of each key, in the order of first appearance; a statement without letter or
        digit counts as not read.

    Raises:
        BackendError: If the backend cannot read at all.
    """
    given = corrections or {}
    key_of = {spelling: key for key, spelling in statements.representatives.items() if key not in given}
    readings = {key_of[spelling]: reading for spelling, reading in backend.read(list(key_of))}
    readings |= {key: given[key] for key in statements.representatives if key in given}
    readings[""] = EMPTY_STATEMENT
    return {key: readings[key] for key in dict.fromkeys(statements.keys.values())}


def extract_labels(
    read_reports: Callable[[], Records],
    output_dir: Path,
    *,
    backend: Backend[str, Reading],
    standardisation: StandardisationArguments | None = None,
    labels: LabelArguments | None = None,
    corrections: Mapping[str, Reading] | None = None,
    show_progress: bool = False,
) -> Extraction:
    """Read the reports of a corpus and write `statements.jsonl`, `labels.parquet` and `findings.csv`.

    The reports are gone through twice: to count their statements, and to label their records. Each file takes its
    place when it is complete.

    Args:
        read_reports (`Callable`):
            Starts again at the first record whenever it is called; yields what `iterate_reports` does.
        output_dir (`Path`):
            Folder for the files.
        backend (`Backend`):
            Who reads the distinct statements.
        standardisation (`StandardisationArguments`, *optional*):
            How entities become findings.
        labels (`LabelArguments`, *optional*):
            Which findings become labels.
        corrections (`Mapping[str, Reading]`, *optional*):
            Readings that a person gave, as `load_corrections` returns them.
        show_progress (`bool`):
            Whether to show progress bars.

    Returns:
        `Extraction`: What was read, for the audit.

    Raises:
        BackendError: If the backend cannot read at all.
        FileNotFoundError: If a file is missing.
        ValueError: If a file is not what it should be.
    """
    options = labels or LabelArguments()
    progress = {"unit": " records", "disable": not show_progress}
    statements = count_statements(tqdm(read_reports(), desc="counting statements", **progress))
    readings = read_statements(statements, backend, corrections=corrections)
    standardised = standardise(readings, standardisation, show_progress=show_progress)
    write_statements(output_dir / STATEMENTS_FILE, statements, standardised.readings)
    records = tqdm(read_reports(), desc="labelling records", total=statements.num_records, **progress)
    label = _make_labeller(statements, standardised)
    with replace_when_complete(output_dir / LABELS_FILE) as path:
        counts = write_labels(records, path, label=label, parents_added=standardised.adds_parents)
        fewest = options.fewest_records(counts.num_records)
        kept = frozenset(name for name in counts.names if counts.num_mentioning(name) >= fewest)
        if kept != counts.names:
            drop_findings(path, kept)
    write_findings(output_dir / FINDINGS_FILE, counts, standardised, kept)
    return Extraction(statements, standardised, counts, kept, backend.cost, backend.name, backend.model)


def _make_labeller(
    statements: StatementCounts, standardised: Standardised
) -> Callable[[tuple[str, ...]], ReportFindings]:
    """A function that labels a report by its statements as written."""

    def label(report: tuple[str, ...]) -> ReportFindings:
        readings = (standardised.readings[statements.keys[statement]] for statement in report)
        return join_readings(readings, find_ancestors=standardised.find_ancestors)

    return label


def write_statements(path: Path, statements: StatementCounts, readings: Mapping[str, Reading]) -> None:
    """Write one line per distinct statement as the reports have it; spellings of one statement share its reading.

    Whoever read it, a line says in which characters the rules find its findings, and which words they leave over.
    """
    with replace_when_complete(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for spelling, count in statements.spellings.items():
            reading = readings[statements.keys[spelling]]
            line = {
                "statement": spelling,
                "entities": [entity._asdict() for entity in reading.entities],
                "backend": reading.backend,
                "model": reading.model,
                "prompt_version": reading.prompt_version,
                "count": count,
                "is_read": reading.is_read,
                **_point_out(spelling, statements.representatives.get(statements.keys[spelling], spelling), reading),
                "problem": reading.problem,
                **_tell_of_model(reading),
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _point_out(spelling: str, representative: str, reading: Reading) -> dict[str, Any]:
    """Where in a statement the findings stand that the rules find as well, and which words they leave over."""
    account = account_for_spelling(spelling, representative)
    named = [entity.entity for entity in reading.entities]
    spans = {name: account.spans[name] for name in named if name in account.spans}
    return {"spans": spans, "left_over": account.left_over}


def _tell_of_model(reading: Reading) -> dict[str, Any]:
    """What a language model quoted, what only its quotes vouch for, and its opinion, if there is any of these."""
    told = {
        "quotes": dict(reading.quotes),
        "review": list(reading.review),
        "opinion": reading.opinion and [entity._asdict() for entity in reading.opinion],
    }
    return {name: value for name, value in told.items() if value}


def write_findings(path: Path, counts: LabelCounts, standardised: Standardised, kept: frozenset[str]) -> None:
    """Write the vocabulary: each kept finding with its codes, its counts, its parents and its wordings."""
    table = count_by_finding(counts, standardised.find_codes())
    table = table[table["finding"].isin(list(kept))]
    findings = [standardised.findings[name] for name in table["finding"]]
    table = table.assign(
        parents=["|".join(finding.parents) for finding in findings],
        synonyms=["|".join(finding.synonyms) for finding in findings],
        description=[finding.description for finding in findings],
    )
    with replace_when_complete(path) as temporary:
        table.to_csv(temporary, index=False)
