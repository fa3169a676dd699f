"""Expressions drawn at random."""

from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.query_grammar import (
    MEASUREMENTS,
    AllOf,
    AnyOf,
    AtLeast,
    Comparison,
    Finding,
    InLeads,
    Not,
    Present,
    Term,
)


PER_LEAD = [name for name, measurement in MEASUREMENTS.items() if measurement.is_per_lead]
OVERALL = [name for name in MEASUREMENTS if name not in PER_LEAD]
NAMES = ["sinus rhythm", "paced rhythm", "lao/lae", "rsr' pattern", "2:1 av block", 'the "third" finding', "no or and"]


def draw_expression(rng, depth=3, *, in_leads=False):
    """An expression of any kind; within `InLeads` with keys that have no lead."""
    kinds = [_draw_comparison, _draw_present] if in_leads else [_draw_comparison, _draw_present, _draw_finding]
    if depth:
        kinds += [_draw_not, _draw_several, _draw_at_least] * 2 + ([] if in_leads else [_draw_in_leads] * 2)
    return rng.choice(kinds)(rng, depth, in_leads=in_leads)


def _draw_key(rng, *, in_leads):
    if in_leads:
        return rng.choice(PER_LEAD)
    return rng.choice(OVERALL) if rng.random() < 0.5 else f"{rng.choice(PER_LEAD)}_{rng.choice(STANDARD_LEADS)}"


def _draw_number(rng):
    return rng.choice([rng.randint(-200, 500), round(rng.uniform(-3, 3), 2), rng.gauss(0, 1), rng.gauss(0, 1) * 1e-7])


def _draw_comparison(rng, depth, *, in_leads):
    weights = [1.0, -1.0, rng.choice([0.5, -2.0, rng.gauss(0, 1), 1e-9, 1e22])]
    count = rng.choice([1, 1, 1, 2, 3])
    terms = [Term(_draw_key(rng, in_leads=in_leads), rng.choice(weights) if count > 1 else 1.0) for _ in range(count)]
    low, high = sorted([float(_draw_number(rng)), float(_draw_number(rng)) + 1000])
    limits = rng.choice([{"above": low}, {"below": high}, {"above": low, "below": high}])
    return Comparison(tuple(terms), **limits)


def _draw_present(rng, depth, *, in_leads):
    return Present(_draw_key(rng, in_leads=in_leads))


def _draw_finding(rng, depth, *, in_leads):
    return Finding(rng.choice(NAMES))


def _draw_not(rng, depth, *, in_leads):
    return Not(draw_expression(rng, depth - 1, in_leads=in_leads))


def _draw_several(rng, depth, *, in_leads):
    return rng.choice([AllOf, AnyOf])(_draw_parts(rng, depth, in_leads=in_leads))


def _draw_at_least(rng, depth, *, in_leads):
    parts = _draw_parts(rng, depth, in_leads=in_leads)
    return AtLeast(rng.randint(1, len(parts)), parts)


def _draw_parts(rng, depth, *, in_leads):
    return tuple(draw_expression(rng, depth - 1, in_leads=in_leads) for _ in range(rng.randint(2, 4)))


def _draw_in_leads(rng, depth, *, in_leads):
    part = draw_expression(rng, depth - 1, in_leads=True)
    if rng.random() < 0.3:
        return InLeads(part, STANDARD_LEADS, rng.choice([2, 3]), are_contiguous=True)
    leads = tuple(rng.sample(STANDARD_LEADS, rng.randint(1, 12)))
    return InLeads(part, leads, rng.randint(1, len(leads)))
