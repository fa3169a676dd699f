"""Which parts of a definition carry an answer: each with its probability, its number, its leads and its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch

from ..definitions import Measured, evaluate_expression
from ..leads import STANDARD_LEADS, find_runs
from ..query_grammar import (
    AllOf,
    AnyOf,
    AtLeast,
    Comparison,
    Expression,
    Finding,
    InLeads,
    Not,
    Present,
    QuerySyntaxError,
    expand,
    keys_of,
    parse_query,
)
from .heartbeats import LEAST_MEASURABLE, Heartbeats
from .wordings import deny, lead_of, measurement_of, name_key, name_terms, print_amount, print_comparison, print_limits


MOST_STATEMENTS = 12
LIKELY = 0.5
# Where in the strip a measurement is seen, by its name without the lead; all others in the QRS complexes
PARTS = {
    **dict.fromkeys(("rate_per_min", "atrial_rate_per_min", "flutter_per_min", "rr_variation"), "strip"),
    **dict.fromkeys(("num_blocked_p_waves", "is_dissociated", "is_fibrillating", "early_period"), "strip"),
    **dict.fromkeys(("longest_wide_run", "num_ventricular_spikes", "num_atrial_spikes"), "strip"),
    "longest_rr_s": "pause",
    **dict.fromkeys(("p_ms", "num_p_waves", "p_mv", "p_net_mv", "p_terminal_force_mv_ms"), "p"),
    **dict.fromkeys(("pr_ms", "pr_range_ms"), "pr"),
    **dict.fromkeys(("qt_ms", "qtc_ms", "qtc_fridericia_ms"), "qt"),
    **dict.fromkeys(("num_early_wide", "num_early_narrow"), "early"),
    **dict.fromkeys(("j_mv", "st_mv", "st_elevation_ratio"), "st"),
    **dict.fromkeys(("t_mv", "t_size_mv", "t_high_mv", "t_low_mv"), "t"),
    "u_mv": "u",
}
# Heights that a sum of several leads is made of, with their leads
SUMMED = {
    "sokolow_lyon_mv": (("s_mv", "V1"), ("r_mv", "V5"), ("r_mv", "V6")),
    **dict.fromkeys(("cornell_mv", "cornell_ratio"), (("r_mv", "aVL"), ("s_mv", "V3"))),
}
# Leads of the numbers of which there is one of all leads; of those that are not here, every lead shows them
LEADS = {
    **{name: tuple(lead for _, lead in parts) for name, parts in SUMMED.items()},
    "limb_voltage_mv": STANDARD_LEADS[:6],
    "chest_voltage_mv": STANDARD_LEADS[6:],
    "axis_deg": ("I", "aVF"),
}
# Heights that a sheet can mark: what the wave is called, and whether its number counts downwards
WAVES = {
    "p_mv": ("P", 1),
    "p_net_mv": ("P", 1),
    "q_mv": ("Q", -1),
    "r_mv": ("R", 1),
    "r_prime_mv": ("R'", 1),
    "s_mv": ("S", -1),
    "j_mv": ("J", 1),
    "st_mv": ("ST", 1),
    "t_mv": ("T", 1),
    "u_mv": ("U", 1),
}
SHOWN_BY = {
    "r_to_s": ("r_mv", "s_mv"),
    "q_excess": ("q_mv",),
    "st_elevation_ratio": ("st_mv",),
    **dict.fromkeys(("t_size_mv", "t_high_mv", "t_low_mv"), ("t_mv",)),
}


@dataclass(frozen=True)
class _Support:
    """An atom that is to be true, or to be false, and the other leads of which it stands for the nearest."""

    atom: Comparison | Present | Finding
    is_true: bool
    probability: float
    leads: tuple[str, ...] = ()


class StatementReader:
    """Says what carries expressions, of one record.

    Args:
        measured ([`Measured`], *optional*):
            Its measurements, `(num_measurements,)`.
        findings (`Mapping[str, float]`):
            Probabilities of findings, by their folded names.
        beats ([`Heartbeats`]):
            Where its waves lie.
    """

    def __init__(self, measured: Measured | None, findings: Mapping[str, float], beats: Heartbeats) -> None:
        self._measured, self._beats = measured, beats
        self._findings = {name: torch.tensor(chance, dtype=torch.float64) for name, chance in findings.items()}
        self._values: dict[str, tuple[float, float, float]] = {}
        if measured is not None:
            rows = zip(*(part.double().tolist() for part in measured[1:4]), strict=True)
            self._values = dict(zip(measured.keys, rows, strict=True))

    def read(self, expression: Expression) -> list[dict[str, Any]]:
        """The statements that carry an expression, or that come nearest to carrying it; the most probable first."""
        found = dict.fromkeys(self._collect(expression, is_true=True))
        ordered = sorted(found, key=lambda support: -support.probability)
        return [self._describe(support) for support in ordered[:MOST_STATEMENTS]]

    def judge(self, expression: Expression) -> float:
        """Probability that an expression holds."""
        return self._chance(expression, is_true=True)

    def _chance(self, part: Expression, *, is_true: bool) -> float:
        measured = self._measured if keys_of(part) else None
        chance = float(evaluate_expression(part, measured, self._findings))
        return chance if is_true else 1 - chance

    def _collect(self, part: Expression, *, is_true: bool) -> list[_Support]:
        """What of an expression has to be true, or false."""
        match part:
            case Not(inner):
                return self._collect(inner, is_true=not is_true)
            case InLeads():
                return self._collect_leads(part) if is_true else [self._nearest_lead(part)]
            case AllOf(parts) | AnyOf(parts) | AtLeast(_, parts):
                return [
                    support
                    for each in self._strongest(part, parts, is_true=is_true)
                    for support in self._collect(each, is_true=is_true)
                ]
        return [_Support(part, is_true, self._chance(part, is_true=is_true))]

    def _strongest(self, whole: Expression, parts: Sequence[Expression], *, is_true: bool) -> list[Expression]:
        """As many parts as it takes, and all that are likely: of alternatives the most probable."""
        if isinstance(whole, AtLeast):
            needed = whole.count if is_true else len(parts) - whole.count + 1
        else:
            needed = len(parts) if isinstance(whole, AllOf) == is_true else 1
        chances = {each: self._chance(each, is_true=is_true) for each in parts}
        ordered = sorted(chances, key=lambda each: -chances[each])
        return [each for place, each in enumerate(ordered) if place < needed or chances[each] >= LIKELY]

    def _collect_leads(self, part: InLeads) -> list[_Support]:
        """The leads that show it."""
        of_lead = {lead: expand(InLeads(part.part, (lead,), 1)) for lead in part.leads}
        chances = {lead: self._chance(each, is_true=True) for lead, each in of_lead.items()}
        if part.are_contiguous:
            runs = find_runs(part.leads, part.count)
            chosen = max(runs, key=lambda run: min(chances[lead] for lead in run))
        else:
            chosen = sorted(part.leads, key=lambda lead: -chances[lead])[: part.count]
        leads = [lead for lead in part.leads if lead in chosen or chances[lead] >= LIKELY]
        return [support for lead in leads for support in self._collect(of_lead[lead], is_true=True)]

    def _nearest_lead(self, part: InLeads) -> _Support:
        """Of leads that do not show it, the one that comes nearest to showing it, for all of them."""
        of_lead = [expand(InLeads(part.part, (lead,), 1)) for lead in part.leads]
        nearest = max(of_lead, key=lambda each: self._chance(each, is_true=True))
        weakest = min(self._collect(nearest, is_true=False), key=lambda support: support.probability)
        return _Support(weakest.atom, weakest.is_true, weakest.probability, leads=part.leads)

    def _describe(self, support: _Support) -> dict[str, Any]:
        """A statement as the pipeline returns it."""
        atom, is_true = support.atom, support.is_true
        measures = measure_of(atom)
        keys = [key for key in keys_of(measures) if key in self._values] if measures is not None else []
        is_measured = (
            isinstance(measures, Comparison)
            and len(keys) == len(measures.terms)
            and all(self._values[key][2] >= LEAST_MEASURABLE for key in keys)
        )
        numbers = self._number(measures) if isinstance(measures, Comparison) and is_measured else {}
        part = PARTS.get(measurement_of(keys[0]).name, "qrs") if keys else "strip"
        spans = self._beats.spans(part) or self._beats.spans("strip")
        return {
            "statement": self._word(support, numbers, is_measured=is_measured),
            "asked": str(atom if is_true else Not(atom)),
            "probability": support.probability,
            "leads": list(support.leads or _leads_of(keys)),
            "span_s": _round(spans[0]),
            "spans_s": [_round(span) for span in spans],
            "measurement": None,
            "value": None,
            "sd": None,
            "unit": None,
            **numbers,
            "amplitudes": self._amplitudes(keys) if is_measured else [],
        }

    def _number(self, atom: Comparison) -> dict[str, Any]:
        """What was read off for a comparison."""
        keys = [term.key for term in atom.terms]
        row = cast("Measured", self._measured).columns(keys)
        weights = torch.tensor([term.weight for term in atom.terms], dtype=torch.float64)
        parts = weights * row.sd[0]
        own = parts.square() @ (1 - row.loadings.square().sum(dim=1)).clamp_min(0.0)
        return {
            "measurement": keys[0] if len(keys) == 1 else str(atom).split(" > ")[0].split(" < ")[0],
            "value": float(weights @ row.value[0]),
            "sd": float(((parts @ row.loadings).square().sum() + own).sqrt()),
            "unit": measurement_of(keys[0]).unit,
        }

    def _word(self, support: _Support, numbers: Mapping[str, Any], *, is_measured: bool) -> str:
        """A statement in words, true to what was measured."""
        atom, is_likely = support.atom, support.probability >= LIKELY
        if isinstance(atom, Comparison):
            if not is_measured:
                return f"{name_terms(atom.terms)} not measurable"
            nearest = next(iter(_leads_of([term.key for term in atom.terms])), "")
            note = f" ({nearest} comes nearest of {len(support.leads)} leads)" if support.leads else ""
            return print_comparison(atom, {term.key: self._values[term.key][0] for term in atom.terms}) + note
        is_seen = support.is_true == is_likely
        if isinstance(atom, Present):
            text = f"{name_key(atom.key)} {'present' if is_seen else 'absent'}"
        else:
            text = atom.name if is_seen else deny(atom.name)
        measure = measure_of(atom)
        if isinstance(atom, Finding) and isinstance(measure, Comparison) and numbers:
            text += f" ({_print_number(measure, numbers, is_seen=is_seen)})"
        return text

    def _amplitudes(self, keys: Sequence[str]) -> list[dict[str, Any]]:
        """Heights of waves that a sheet can mark, in millivolts from the level before QRS."""
        found = []
        for key in keys:
            name = measurement_of(key).name
            for shown, lead in SUMMED.get(name, ((each, lead_of(key)) for each in SHOWN_BY.get(name, (name,)))):
                value = self._values.get(f"{shown}_{lead}")
                if shown in WAVES and value is not None and value[2] >= LEAST_MEASURABLE:
                    wave, sign = WAVES[shown]
                    found.append({"lead": lead, "wave": wave, "mv": round(sign * value[0], 4)})
        return found


def measure_of(atom: Expression) -> Expression | None:
    """What an atom measures: itself, or what the name of a finding says that can be measured; else `None`."""
    if not isinstance(atom, Finding):
        return atom
    try:
        expression = parse_query(atom.name)
    except QuerySyntaxError:
        return None
    return expression if isinstance(expression, Comparison | Present) else None


def _print_number(measure: Comparison, numbers: Mapping[str, Any], *, is_seen: bool) -> str:
    """What was read off beside a name, with the limit where the two contradict each other."""
    value, unit = numbers["value"], numbers["unit"]
    # A number without a unit says nothing beside a name that is not its own
    text = f"{name_terms(measure.terms)} " if unit == "1" else ""
    text += f"{print_amount(value, unit)} measured"
    is_within = measure.above < value < measure.below
    return text if is_within == is_seen else f"{text}, {'' if is_within else 'not '}{print_limits(measure, unit)}"


def _leads_of(keys: Sequence[str]) -> list[str]:
    """The leads in which measurements are seen; none where every lead shows them."""
    leads = [lead for key in keys for lead in ([lead_of(key)] if lead_of(key) else LEADS.get(key, ()))]
    return list(dict.fromkeys(leads))


def _round(span: tuple[float, float]) -> list[float]:
    return [round(each, 3) for each in span]
