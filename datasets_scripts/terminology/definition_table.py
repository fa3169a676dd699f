"""The table of definitions, checked, and as checkpoints carry it.

`definitions.yaml` says what conditions consist of, over measurements and other conditions. What says the same as a row
of `measured_findings.csv` can be answered in two ways: by the measurement, or by the finding of that row, if training
asked for it. Rhythm and single beats are answered by the finding, waves and intervals by the measurement: a head that
reads the usual beat knows little of the others. A checkpoint without a head answers all that it can by findings. A
definition that a checkpoint cannot evaluate is left out, and the condition is asked for by its name.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from modeling_supreme.composition import Composition
from modeling_supreme.definitions import read_definitions
from modeling_supreme.query_grammar import (
    Comparison,
    Expression,
    Finding,
    InLeads,
    QuerySyntaxError,
    Term,
    find_measurement,
    findings_of,
    keys_of,
    map_parts,
    normalize_name,
    parse_query,
)

from .findings import load_terminology
from .measured_findings import MeasuredFinding, load_measured_findings


DEFINITIONS_PATH = Path(__file__).with_name("definitions.yaml")
# Besides what is counted, what a strip shows by its rhythm and not by its usual beat. Chosen on simulated records of
# other patients, where it ranks better than all by measurements, and those better than all by findings.
RHYTHM_KEYS = frozenset({"rr_variation", "longest_rr_s", "pr_ms", "pr_range_ms"})


@lru_cache(maxsize=1)
def load_definitions() -> tuple[dict[str, Any], ...]:
    """All definitions, as `SupremeConfig.definitions` stores them.

    Raises:
        ValueError: If an entry cannot be read, or the terminology does not know a condition or finding.
    """
    terminology = load_terminology()
    known = {normalize_name(finding.name) for finding in terminology} | set(
        map(normalize_name, load_measured_findings())
    )
    definitions = read_definitions(DEFINITIONS_PATH)
    for entry in definitions:
        named = [normalize_name(entry["condition"]), *findings_of(parse_query(entry["expression"]))]
        unknown = [name for name in named if name not in known]
        if unknown:
            raise ValueError(
                f"{DEFINITIONS_PATH.name}, {entry['condition']!r}: the terminology has no finding {unknown[0]!r}."
                " Correct the name."
            )
    return tuple(definitions)


def definitions_for_checkpoint(
    trained_queries: Collection[str], measurements: Collection[str] = ()
) -> list[dict[str, Any]]:
    """The definitions that a checkpoint can evaluate.

    Args:
        trained_queries (`Collection[str]`):
            Findings that training asked for.
        measurements (`Collection[str]`):
            What its head measures.
    """
    definitions = [dict(entry) for entry in load_definitions()]
    statements = statements_of(trained_queries)
    if measurements:
        statements = {meaning: name for meaning, name in statements.items() if _is_of_rhythm(meaning)}
    for entry in definitions:
        entry["expression"] = str(_as_statements(parse_query(entry["expression"]), statements))
    composition = Composition(
        (), trained_queries=list(trained_queries), definitions=definitions, measurements=list(measurements)
    )
    return [entry for entry in definitions if composition.can_evaluate(entry["condition"])]


def names_for_checkpoint(
    trained_queries: Iterable[str], definitions: Iterable[Mapping[str, Any]]
) -> dict[str, list[str]]:
    """What else the conditions of a checkpoint are called, as `config.condition_names` stores it.

    Args:
        trained_queries (`Iterable[str]`):
            Findings that training asked for; one that the terminology lacks has no other names.
        definitions (`Iterable[Mapping]`):
            As [`definitions_for_checkpoint`] gives them.
    """
    terminology = load_terminology()
    conditions = dict.fromkeys((*trained_queries, *(entry["condition"] for entry in definitions)))
    named = {each: list(terminology.other_names(each)) for each in conditions if each in terminology}
    return {condition: names for condition, names in named.items() if names}


def _is_of_rhythm(meaning: Expression) -> bool:
    """Whether a statement is about counts, or about what only the whole strip shows."""
    found = {key: find_measurement(key) for key in keys_of(meaning)}
    return any(key in RHYTHM_KEYS or (each is not None and each.is_count) for key, each in found.items())


def statements_of(names: Collection[str]) -> Mapping[Expression, str]:
    """Measured findings among names, by what they say: in the words of their name, and by the row of the table."""
    found: dict[Expression, str] = {}
    for name, finding in load_measured_findings().items():
        if name in names:
            found.setdefault(_meaning_of(finding), name)
            try:
                found.setdefault(parse_query(name), name)
            except QuerySyntaxError:  # its row says what it means
                continue
    return found


def _meaning_of(finding: MeasuredFinding) -> Expression:
    """A row of the table as an expression."""
    if finding.measurement in finding.keys:
        return Comparison((Term(finding.measurement),), finding.above, finding.below)
    leads = tuple(key.removeprefix(f"{finding.measurement}_") for key in finding.keys)
    if len(leads) == 1:
        return Comparison((Term(finding.keys[0]),), finding.above, finding.below)
    part = Comparison((Term(finding.measurement),), finding.above, finding.below)
    return InLeads(part, leads, finding.min_keys)


def _as_statements(expression: Expression, statements: Mapping[Expression, str]) -> Expression:
    """The expression with a finding in the place of every part that says the same."""
    if expression in statements:
        return Finding(statements[expression])
    return map_parts(expression, lambda part: _as_statements(part, statements))
