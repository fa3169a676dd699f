"""Which leads conditions take, and why: `lead_needs.yaml`, checked, and what measured findings are measured in.

`python -m training_scripts.decisions` copies what a condition takes into its entry of a checkpoint's decisions, so
that the pipeline leaves open what the leads of a recording cannot show.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from modeling_supreme.decisions import needs_of_key, read_need
from modeling_supreme.query_grammar import normalize_name

from .findings import load_terminology
from .measured_findings import MeasuredFinding, load_measured_findings


LEAD_NEEDS_PATH = Path(__file__).with_name("lead_needs.yaml")


class LeadNeeds(NamedTuple):
    """What a recording must have so that a condition can be seen.

    Attributes:
        leads (`tuple[str, ...]`):
            All of them, each as [`read_need`] reads it; none where any lead will do.
        reason (`str`):
            Why.
    """

    leads: tuple[str, ...] = ()
    reason: str = ""


@lru_cache(maxsize=1)
def load_lead_needs() -> tuple[dict[str, LeadNeeds], dict[str, LeadNeeds]]:
    """The table, by folded names of conditions, and by territories.

    Raises:
        ValueError: If an entry names no leads, has no reason, or stands for what the terminology does not know, or
            for what another entry stands for.
    """
    by_condition: dict[str, LeadNeeds] = {}
    by_territory: dict[str, LeadNeeds] = {}
    known = {normalize_name(finding.name) for finding in load_terminology()}
    for place, entry in enumerate(yaml.safe_load(LEAD_NEEDS_PATH.read_text(encoding="utf-8"))):
        where = f"{LEAD_NEEDS_PATH.name}, entry {place}"
        needs = _read_entry(entry, where)
        for field, table in (("conditions", by_condition), ("territory", by_territory)):
            for name in map(normalize_name, entry.get(field, ())):
                if name in table or (field == "conditions" and name not in known):
                    problem = "stands twice" if name in table else "is not in the terminology"
                    raise ValueError(f"{where}: {name!r} {problem}. Correct the name, or leave it out.")
                table[name] = needs
    return by_condition, by_territory


def _read_entry(entry: dict[str, Any], where: str) -> LeadNeeds:
    try:
        needs = LeadNeeds(tuple(entry["leads"]), str(entry["reason"]))
        for need in needs.leads:
            read_need(need)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}. Give `leads` as a list, and a `reason`.") from error
    return needs


def find_lead_needs(condition: str) -> LeadNeeds:
    """What a condition or a measured finding takes.

    Example:
        >>> find_lead_needs("acute inferior myocardial infarction").leads, find_lead_needs("atrial fibrillation").leads
        (('two inferior leads',), ())
        >>> find_lead_needs("q waves").leads, find_lead_needs("st depression in two lateral leads").leads
        (('two of 12 leads',), ('2 of I, aVL, V5 and V6',))
    """
    name = normalize_name(condition)
    measured = _measured_by_name().get(name)
    if measured is not None:
        return _needs_of_measured(measured)
    by_condition, by_territory = load_lead_needs()
    if name in by_condition:
        return by_condition[name]
    found = [territory for territory in by_territory if f" {territory} " in f" {name} "]
    return by_territory[max(found, key=len)] if found else LeadNeeds()


def _needs_of_measured(finding: MeasuredFinding) -> LeadNeeds:
    """The leads that a measured finding is looked at in."""
    needs = {key: needs_of_key(key) for key in finding.keys}
    reason = f"it is measured there ({finding.measurement})"
    if len(needs) == 1 or not all(needs.values()):
        leads = next(iter(needs.values()))
        return LeadNeeds(leads, reason) if leads else LeadNeeds()
    *first, last = (lead for leads in needs.values() for lead in leads)
    return LeadNeeds((f"{finding.min_keys} of {', '.join(first)} and {last}",), reason)


@lru_cache(maxsize=1)
def _measured_by_name() -> dict[str, MeasuredFinding]:
    return {normalize_name(name): finding for name, finding in load_measured_findings().items()}
