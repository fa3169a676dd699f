"""What a backend returns for a statement: its findings, each with a certainty and codes."""

from typing import NamedTuple

from .terminology import load_terminology


POSITIVE, UNCERTAIN, NEGATIVE = "positive", "uncertain", "negative"
CERTAINTIES = (POSITIVE, UNCERTAIN, NEGATIVE)  # the first wins where a finding is stated twice


class Entity(NamedTuple):
    """A finding that a statement names: canonical name, certainty, and codes where they are beyond doubt."""

    entity: str
    certainty: str
    snomed_ct: str
    scp_code: str


class Reading(NamedTuple):
    """What was read from a statement.

    Attributes:
        entities (`tuple[Entity, ...]`):
            Findings in the order of the text; each name once.
        is_read (`bool`):
            False if no word of the statement is known, so that the missing entities say nothing.
    """

    entities: tuple[Entity, ...]
    is_read: bool


def code_entity(name: str, certainty: str) -> Entity:
    """A finding of the terminology as an entity."""
    finding = load_terminology()[name]
    return Entity(name, certainty, finding.snomed_ct, finding.scp_code)
