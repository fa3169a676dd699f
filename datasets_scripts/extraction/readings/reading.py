"""What a backend returns for a statement: its findings, each with a certainty and codes."""

from typing import Literal, NamedTuple, get_args

from datasets_scripts.terminology.findings import load_terminology


Certainty = Literal["positive", "uncertain", "negative"]
CERTAINTIES: tuple[Certainty, ...] = get_args(Certainty)  # the first wins where a finding is stated twice
POSITIVE, UNCERTAIN, NEGATIVE = CERTAINTIES


def strongest(first: Certainty, second: Certainty) -> Certainty:
    """The one of two certainties that counts where a finding is stated with both.

    Example:
        >>> strongest("negative", "uncertain")
        'uncertain'
    """
    return CERTAINTIES[min(CERTAINTIES.index(first), CERTAINTIES.index(second))]


class Entity(NamedTuple):
    """A finding that a statement names: canonical name, certainty, and codes where they are beyond doubt."""

    entity: str
    certainty: Certainty
    snomed_ct: str
    scp_code: str


class Reading(NamedTuple):
    """What was read from a statement, and by whom.

    Attributes:
        entities (`tuple[Entity, ...]`):
            Findings in the order of the text; each name once.
        is_read (`bool`):
            False if the statement was not understood, so that the missing entities say nothing.
        backend (`str`):
            Who read the statement: after a fall-back `"rules"`, whichever backend was asked.
        model (`str`):
            Name of the language model; empty for rules.
        prompt_version (`str`):
            Version of the prompt, or of the rules.
        problem (`str`):
            Why the backend that was asked did not answer; empty if it did.
    """

    entities: tuple[Entity, ...]
    is_read: bool
    backend: str = "rules"
    model: str = ""
    prompt_version: str = "1"
    problem: str = ""


def code_entity(name: str, certainty: Certainty) -> Entity:
    """A finding of the terminology as an entity."""
    finding = load_terminology()[name]
    return Entity(name, certainty, finding.snomed_ct, finding.scp_code)
