"""What a backend returns for a statement: its findings, each with a certainty and codes."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args

from datasets_scripts.terminology.findings import load_terminology


Certainty = Literal["positive", "uncertain", "negative"]
CERTAINTIES: tuple[Certainty, ...] = get_args(Certainty)  # the first wins where a finding is stated twice
POSITIVE, UNCERTAIN, NEGATIVE = CERTAINTIES
OPTIONAL_FIELDS = ("quotes", "review", "opinion")  # of a reading, which earlier versions did not write


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
        quotes (`tuple[tuple[str, str], ...]`):
            Names of findings, each with the words of the statement that a language model quoted for it.
        review (`tuple[str, ...]`):
            Names of findings for which nothing but their quote vouches: a person should look at them.
        opinion (`tuple[Entity, ...]`, *optional*):
            What a language model found that was asked for its opinion only.
    """

    entities: tuple[Entity, ...]
    is_read: bool
    backend: str = "rules"
    model: str = ""
    prompt_version: str = "1"
    problem: str = ""
    quotes: tuple[tuple[str, str], ...] = ()
    review: tuple[str, ...] = ()
    opinion: tuple[Entity, ...] | None = None


def code_entity(name: str, certainty: Certainty) -> Entity:
    """A finding of the terminology as an entity."""
    finding = load_terminology()[name]
    return Entity(name, certainty, finding.snomed_ct, finding.scp_code)


def write_reading(reading: Reading) -> dict[str, Any]:
    """A reading as JSON."""
    entities, opinion = (
        None if found is None else [entity._asdict() for entity in found]
        for found in (reading.entities, reading.opinion)
    )
    return {**reading._asdict(), "entities": entities, "opinion": opinion}


def restore_reading(content: Mapping[str, Any]) -> Reading | None:
    """The reading that was written, by earlier versions without the last fields; `None` if it is not whole."""
    required = set(Reading._fields) - set(OPTIONAL_FIELDS)
    if not required <= content.keys() or not _are_entities(content["entities"]):
        return None
    if not _are_entities(content.get("opinion") or []):
        return None
    fields = {name: content[name] for name in Reading._fields if name in content}
    fields["entities"] = tuple(Entity(**entity) for entity in content["entities"])
    fields["quotes"] = tuple(tuple(pair) for pair in content.get("quotes", ()))
    fields["review"] = tuple(content.get("review", ()))
    opinion = content.get("opinion") or None
    if opinion is not None:
        fields["opinion"] = tuple(Entity(**entity) for entity in opinion)
    return Reading(**fields)


def _are_entities(content: Any) -> bool:
    """Whether this is a list of entities as they are written."""
    return isinstance(content, list) and all(
        isinstance(entity, dict) and entity.keys() == set(Entity._fields) for entity in content
    )
