"""What a checkpoint decides: how probable a finding is, from where on it is present, and what cannot be decided.

`config.decisions` has an entry for each condition that `python -m training_scripts.decisions` fitted: a line on the
logit of its score, which makes a probability of it, and two thresholds on that probability. A line does not change
which record is ranked before which. An entry counts only for answers by what it was fitted on: a definition of the
user's own is another question under the same name. What no leads or no signal can show is left open, with a reason;
so is what nobody fitted. docs/decisions.md is the manual.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from math import isfinite
from reprlib import repr as shorten
from typing import Any, Literal, NamedTuple

from .leads import BIPOLAR_LEADS, NamedLeads, read_leads
from .queries import quote
from .query_grammar import (
    AllOf,
    AnyOf,
    AtLeast,
    Expression,
    Finding,
    Not,
    QuerySyntaxError,
    expand,
    find_measurement,
    keys_of,
    normalize_name,
    parse_query,
)


NUMBER_OR_LIMIT = re.compile("[0-9<>=≤≥]")
OperatingPoint = Literal["youden", "specificity_90"]
OPERATING_POINTS = ("youden", "specificity_90")
RECORDS = ("real", "simulated")
MOST_OFFSET, MOST_SLOPE = 1_000.0, 1_000.0  # of a logit; what is beyond is damaged
MOST_CHARACTERS = 1_000  # of a text within an entry
MEASURED_THRESHOLD = 0.5  # of a question of numbers, whose probability the measurement head has calibrated
# Measurements of several leads together; the others are of one lead, which their key names, or of any
LEADS_OF_KEYS = {
    "axis_deg": ("two limb leads",),
    "limb_voltage_mv": ("two limb leads",),
    "chest_voltage_mv": ("V1, V2, V3, V4, V5 and V6",),
    "sokolow_lyon_mv": ("V1", "V5 or V6"),
    "cornell_mv": ("aVL", "V3"),
    "cornell_ratio": ("aVL", "V3"),
}
REMEDY = "Fit the decisions anew with `python -m training_scripts.decisions`, or leave the entry out."


class Threshold(NamedTuple):
    """From what probability on a finding is called present, and how that did on the records it was chosen on."""

    threshold: float
    sensitivity: float
    specificity: float


class Decision(NamedTuple):
    """What was fitted for a condition.

    Attributes:
        slope, offset (`float`):
            Of the line from the logit of the score to that of the probability; the slope is above 0.
        answered_by (`str`):
            What answered, as the pipeline says it in `source`.
        thresholds (`dict[str, Threshold]`):
            By operating point: `"youden"`, where sensitivity and specificity together are largest, and
            `"specificity_90"`, where nine of ten records without the condition are called so.
        num_positives, num_records (`int`):
            Records it was fitted on, and those among them that show the condition.
        records (`str`):
            `"real"` or `"simulated"`.
        leads (`tuple[str, ...]`):
            What a recording must have, all of them, as `"two inferior leads"`; any lead where there is none.
        leads_reason (`str`):
            Why.
    """

    slope: float
    offset: float
    answered_by: str
    thresholds: Mapping[str, Threshold]
    num_positives: int
    num_records: int
    records: str
    leads: tuple[str, ...] = ()
    leads_reason: str = ""

    def calibrate(self, scores: Any) -> Any:
        """Probabilities of scores, a tensor of any shape; in double precision, as is the sigmoid of the pipeline."""
        return scores.double().logit().mul(self.slope).add(self.offset).sigmoid().to(scores)

    def to_dict(self) -> dict[str, Any]:
        """The entry as `config.decisions` keeps it."""
        content = self._asdict()
        thresholds = {name: each._asdict() for name, each in content.pop("thresholds").items()}
        return content | thresholds | {"leads": list(self.leads)}


def parse_decisions(content: Any) -> dict[str, Decision]:
    """Decisions by the folded name of their condition.

    Args:
        content (`Mapping`):
            As `config.decisions` keeps them.

    Raises:
        ValueError: If a part is missing, no number, or none that makes sense; the message names the condition.
    """
    if not isinstance(content, Mapping):
        raise ValueError(f"`decisions` is {shorten(content)}, no mapping from conditions to what is decided. {REMEDY}")
    found: dict[str, Decision] = {}
    for condition, entry in content.items():
        name = normalize_name(condition) if isinstance(condition, str) else ""
        if not name or name in found:
            raise ValueError(
                f"`decisions` names {shorten(condition)}, which is {'named twice' if name else 'no name'}. {REMEDY}"
            )
        found[name] = _parse_entry(entry, f"`decisions`, {shorten(condition)}")
    return found


def _parse_entry(entry: Any, where: str) -> Decision:
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where}: the entry is {shorten(entry)}, no mapping. {REMEDY}")
    counts = [_read_count(entry, name, where) for name in ("num_positives", "num_records")]
    slope = _read_number(entry, "slope", where, 0.0, MOST_SLOPE)
    if not slope > 0 or counts[0] > counts[1]:
        problem = f"`slope` is {slope}, not above 0" if not slope > 0 else "there are more positives than records"
        raise ValueError(f"{where}: {problem}. {REMEDY}")
    records: Any = entry.get("records")
    leads: Any = entry.get("leads", ())
    if records not in RECORDS:
        raise ValueError(f"{where}: `records` is {shorten(records)}, none of {', '.join(RECORDS)}. {REMEDY}")
    if not isinstance(leads, list | tuple):
        raise ValueError(f"{where}: `leads` is {shorten(leads)}, no list of leads. {REMEDY}")
    try:
        for need in leads:
            read_need(need)
    except ValueError as error:
        raise ValueError(f"{where}: {error} {REMEDY}") from error
    return Decision(
        slope=slope,
        offset=_read_number(entry, "offset", where, -MOST_OFFSET, MOST_OFFSET),
        answered_by=_read_text(entry, "answered_by", where),
        thresholds={name: _parse_threshold(entry.get(name), f"{where}, `{name}`") for name in OPERATING_POINTS},
        num_positives=counts[0],
        num_records=counts[1],
        records=records,
        leads=tuple(leads),
        leads_reason=_read_text(entry, "leads_reason", where) if leads else "",
    )


def _parse_threshold(entry: Any, where: str) -> Threshold:
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where} is {shorten(entry)}, no mapping with `threshold`. {REMEDY}")
    return Threshold(*(_read_number(entry, name, where, 0.0, 1.0) for name in Threshold._fields))


def _read_number(entry: Mapping[str, Any], name: str, where: str, least: float, most: float) -> float:
    value: Any = entry.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not isfinite(value) or not least <= value <= most:
        raise ValueError(f"{where}: `{name}` is {shorten(value)}, no number from {least:g} to {most:g}. {REMEDY}")
    return float(value)


def _read_count(entry: Mapping[str, Any], name: str, where: str) -> int:
    value: Any = entry.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{where}: `{name}` is {shorten(value)}, no number of records. {REMEDY}")
    return value


def _read_text(entry: Mapping[str, Any], name: str, where: str) -> str:
    value: Any = entry.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{where}: `{name}` is {shorten(value)}, no text. {REMEDY}")
    return value


def read_need(text: Any) -> NamedLeads:
    """Leads that a condition takes, as a sentence names them; a group or list without a number means all of it.

    Raises:
        ValueError: If that is no text, or names no leads.

    Example:
        >>> read_need("two inferior leads").leads, read_need("V1 or V6").count
        (('II', 'III', 'aVF'), 1)
    """
    words = text.lower().replace(",", " , ").replace("leads", "lead").split() if isinstance(text, str) else []
    named, num_words = read_leads(words[:MOST_CHARACTERS], lambda place: False)
    if len(named) != 1 or num_words < len(words):
        raise ValueError(f"{shorten(text)} names no leads. Write such as 'two inferior leads' or 'V1 or V2'.")
    (leads,) = named
    return leads._replace(count=leads.count or len(leads.leads))


_read_again = lru_cache(maxsize=1024)(read_need)  # of every label, for every recording


def has_leads(need: str, available: Collection[str]) -> bool:
    """Whether a recording has the leads that something takes.

    Example:
        >>> has_leads("two limb leads", ["II"]), has_leads("two limb leads", ["I", "II"])
        (False, True)
    """
    named = _read_again(need)
    return sum(lead in available for lead in named.leads) >= (named.count or 0)


def can_measure(expression: Expression, available: Collection[str], needs_of: Callable[[str], Sequence[str]]) -> bool:
    """Whether leads can show that an expression is true.

    Args:
        expression (`Expression`):
            What is asked.
        available (`Collection[str]`):
            Leads of the recording.
        needs_of (`Callable`):
            Gives what a finding takes, by its folded name.
    """
    return _can_measure(expand(expression), available, needs_of)


def _can_measure(part: Expression, available: Collection[str], needs_of: Callable[[str], Sequence[str]]) -> bool:
    def ask(each: Expression) -> bool:
        return _can_measure(each, available, needs_of)

    match part:
        case Not(negated):
            return ask(negated)
        case AllOf(parts):
            return all(map(ask, parts))
        case AnyOf(parts):
            return any(map(ask, parts))
        case AtLeast(count, parts):
            return sum(map(ask, parts)) >= count
        case Finding(name):
            needs = needs_of(name)
        case _:
            needs = [need for key in keys_of(part) for need in needs_of_key(key)]
    return all(has_leads(need, available) for need in needs)


def needs_of_key(key: str) -> tuple[str, ...]:
    """Leads that a measurement takes; none where any lead shows it.

    Example:
        >>> needs_of_key("st_mv_V2"), needs_of_key("axis_deg"), needs_of_key("qrs_ms")
        (('V2',), ('two limb leads',), ())
    """
    measurement = find_measurement(key)
    if measurement is not None and measurement.is_per_lead:
        return (key.rpartition("_")[2],)
    return LEADS_OF_KEYS.get(key, ())


class Strip(NamedTuple):
    """What a recording can show.

    Attributes:
        leads (`tuple[str, ...]`):
            Those that were recorded, or computed from two that were, and whose signal is good enough.
        unusable (`dict[str, str]`):
            The others that the recording names, and what is wrong with them.
    """

    leads: tuple[str, ...]
    unusable: Mapping[str, str]

    @classmethod
    def of(cls, account: Any) -> "Strip":
        """By the account of a recording, whose limb leads were computed from two of I, II and III."""
        unusable = dict(account.unusable)
        recorded = [lead for lead in account.leads_used if lead not in account.leads_derived]
        broken = next((lead for lead in BIPOLAR_LEADS if lead in recorded and lead in unusable), None)
        if broken:
            reason = f"computed from {broken}, which is {unusable[broken]}"
            unusable |= dict.fromkeys(account.leads_derived, reason)
        return cls(tuple(lead for lead in account.leads_used if lead not in unusable), unusable)

    def describe(self) -> str:
        """Its leads in words.

        Example:
            >>> Strip(("II",), {"V1": "covered by noise"}).describe()
            'this recording has II (V1 is covered by noise)'
        """
        problems = ", ".join(f"{lead} is {problem}" for lead, problem in self.unusable.items())
        return f"this recording has {', '.join(self.leads) or 'no lead'}" + (f" ({problems})" if problems else "")


class Question(NamedTuple):
    """A label, and all by which it is decided.

    Attributes:
        label (`str`):
            As it was asked.
        decision (`Decision`, *optional*):
            What was fitted for it.
        expression (`Expression`, *optional*):
            What is asked of measurements, where they answer alone: the label's own words, or a definition that came
            without a decision.
        is_measured (`bool`):
            Whether the label itself asks for measurements.
        is_known (`bool`):
            Whether it is trained, defined or measured.
        denied (`Decision`, *optional*):
            What was fitted for a finding, where the label asks for its absence.
    """

    label: str
    decision: Decision | None
    expression: Expression | None
    is_measured: bool
    is_known: bool
    denied: Decision | None = None

    def decide(
        self,
        score: float,
        strip: Strip,
        operating_point: OperatingPoint = "youden",
        needs_of: Callable[[str], Sequence[str]] = lambda name: (),
    ) -> dict[str, Any]:
        """Whether the finding is present: `present`, and `reason` where that is left open."""
        reason = self._find_reason(strip, needs_of)
        if reason:
            return {"present": None, "reason": reason}
        if self.denied:
            return {"present": 1 - score < self.denied.thresholds[operating_point].threshold}
        threshold = self.decision.thresholds[operating_point].threshold if self.decision else MEASURED_THRESHOLD
        return {"present": score >= threshold}

    def _find_reason(self, strip: Strip, needs_of: Callable[[str], Sequence[str]]) -> str:
        """Why nothing is decided, in a sentence; empty where it is."""
        if not self.is_known:
            return (
                f"not understood: the checkpoint was not trained on {quote(self.label)}, has no definition of it, and"
                f" reads no measurement in it; its score is a guess from the wording.{_find_mistake(self.label)}"
            )
        if not strip.leads:
            return f"the signal is too poor: {strip.describe()}."
        if self.decision:
            needs = self.decision.leads
            if not all(has_leads(need, strip.leads) for need in needs):
                return f"it takes {' and '.join(needs)}: {self.decision.leads_reason}; {strip.describe()}."
        elif self.expression is not None and not can_measure(self.expression, strip.leads, needs_of):
            return f"it is measured in leads that the strip does not show: {strip.describe()}."
        if self.decision or self.is_measured:
            return ""
        return "no threshold was fitted for what answers it: too few records showed it, or the definition is your own."


def _find_mistake(label: str) -> str:
    """Where a label that looks like a question of numbers cannot be read as one, in a sentence; else nothing."""
    if not NUMBER_OR_LIMIT.search(label):
        return ""
    try:
        parse_query(label)
    except QuerySyntaxError as error:
        return f" Read as a query: {str(error).partition(' is no query: ')[2]}" if error.position else ""
    return ""
