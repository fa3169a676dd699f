"""The findings in an answer: taken if it has the form asked for and names nothing but what the statement says."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from datasets_scripts.extraction.readings.grounding import is_grounded, is_stated, split_certainty
from datasets_scripts.extraction.readings.reading import CERTAINTIES, Certainty, Entity, strongest

from .task import AnswerRefused, read_json


MAX_ENTITIES = 16
MAX_NAME_LENGTH = 100  # characters
MAX_QUOTE_LENGTH = 200  # characters
REQUIRED_KEYS = ("entity", "certainty")
ENTITIES_SCHEMA: dict[str, Any] = {
    "type": "array",
    "maxItems": MAX_ENTITIES,
    "items": {
        "type": "object",
        "properties": {
            "quote": {"type": "string", "maxLength": MAX_QUOTE_LENGTH},
            "entity": {"type": "string", "minLength": 1, "maxLength": MAX_NAME_LENGTH},
            "certainty": {"type": "string", "enum": list(CERTAINTIES)},
        },
        "required": ["quote", "entity", "certainty"],
        "additionalProperties": False,
    },
}
ANSWER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"entities": ENTITIES_SCHEMA},
    "required": ["entities"],
    "additionalProperties": False,
}


class TakenFindings(NamedTuple):
    """The findings of an answer that the statement bears out.

    Attributes:
        entities (`tuple[Entity, ...]`):
            In the order of the answer, each name once, with the strongest certainty; names in lower case, as the model
            wrote them; no codes.
        quotes (`tuple[tuple[str, str], ...]`):
            Names with the words that were quoted for them.
        review (`tuple[str, ...]`):
            Names for which nothing but their quote vouches.
    """

    entities: tuple[Entity, ...]
    quotes: tuple[tuple[str, str], ...]
    review: tuple[str, ...]


def parse_answer(answer: str, statement: str) -> tuple[Entity, ...]:
    """Take the findings out of an answer.

    Args:
        answer (`str`):
            What the model wrote, JSON of the form `ANSWER_SCHEMA`. The quote may be missing where a server does not
            enforce the schema; then it cannot vouch for a finding.
        statement (`str`):
            The statement that was asked about.

    Returns:
        `tuple[Entity, ...]`: Findings in the order of the answer, each name once, with the strongest certainty; names
        in lower case, as the model wrote them; no codes.

    Raises:
        AnswerRefused: If the form is wrong, or a finding is not in the statement.

    Example:
        >>> parse_answer('{"entities": [{"entity": "Sinus rhythm", "certainty": "positive"}]}', "Normal sinus rhythm")
        (Entity(entity='sinus rhythm', certainty='positive', snomed_ct='', scp_code=''),)
    """
    return take_findings(_read_entities(answer), statement).entities


def read_answer(answer: str, statement: str) -> TakenFindings:
    """The same with the quotes, and with what a person should look at.

    Raises:
        AnswerRefused: As `parse_answer` does.
    """
    return take_findings(_read_entities(answer), statement)


def take_findings(entities: object, statement: str) -> TakenFindings:
    """Check the list of findings that an answer gives to a statement.

    Args:
        entities (`object`):
            What should be a list of the form `ENTITIES_SCHEMA`.
        statement (`str`):
            The statement.

    Raises:
        AnswerRefused: If the form is wrong, or a finding is not in the statement.
    """
    certainties: dict[str, Certainty] = {}
    quotes: dict[str, str] = {}
    believed: dict[str, str] = {}  # quotes that nothing but the model vouches for, and for what
    for entity in _check_list(entities):
        name, certainty = _check_entity(entity)
        quote = entity.get("quote", "")
        is_said = is_stated(name, statement, quote=quote)
        if not is_said and (
            not is_grounded(name, statement, quote=quote) or believed.setdefault(quote.casefold(), name) != name
        ):
            raise AnswerRefused(
                "a finding of the answer is not in the statement",
                f"The statement does not say {json.dumps(name, ensure_ascii=False)}. Name only what it says, in its"
                " own words or their usual clinical name, and quote the words.",
            )
        certainties[name] = strongest(certainties.get(name, certainty), certainty)
        quotes.setdefault(name, quote)
    taken = tuple(Entity(name, certainty, "", "") for name, certainty in certainties.items())
    return TakenFindings(
        taken, tuple((name, quote) for name, quote in quotes.items() if quote), tuple(believed.values())
    )


def _read_entities(answer: str) -> list[Any]:
    """The list in an answer; refuses other JSON, and what is no JSON."""
    content = read_json(answer)
    if not isinstance(content, dict) or set(content) != {"entities"}:
        raise AnswerRefused('the answer is not a JSON object with the one key "entities"')
    return _check_list(content["entities"])


def _check_list(entities: object) -> list[Any]:
    """The list of entities; refuses what is none, and one that is too long."""
    if not isinstance(entities, list):
        raise AnswerRefused('"entities" is not a list')
    if len(entities) > MAX_ENTITIES:
        raise AnswerRefused(f"the answer has {len(entities)} entities, more than {MAX_ENTITIES}")
    return entities


def _check_entity(entity: Any) -> tuple[str, Certainty]:
    """Name and certainty of one entity; refuses other keys, types, certainties and characters."""
    if not isinstance(entity, Mapping):
        raise AnswerRefused("an entity is not a JSON object")
    missing = [key for key in REQUIRED_KEYS if key not in entity]
    if missing:
        raise AnswerRefused(f'an entity has no "{missing[0]}"')
    if not set(entity) <= {"quote", *REQUIRED_KEYS}:
        raise AnswerRefused('an entity has other keys than "quote", "entity" and "certainty"')
    if not all(isinstance(value, str) for value in entity.values()):
        raise AnswerRefused("a value of an entity is not a text")
    if entity["certainty"] not in CERTAINTIES:
        raise AnswerRefused(f"a certainty is none of {', '.join(CERTAINTIES)}")
    name = " ".join(entity["entity"].lower().split())
    if not 0 < len(name) <= MAX_NAME_LENGTH or len(entity.get("quote", "")) > MAX_QUOTE_LENGTH:
        raise AnswerRefused(
            f"an entity is empty or longer than {MAX_NAME_LENGTH} characters, or its quote than {MAX_QUOTE_LENGTH}"
        )
    if not name.isprintable():  # control characters, and surrogates that no file takes
        raise AnswerRefused("an entity has characters that cannot be printed")
    bare, certainty = split_certainty(name)
    if certainty not in (None, entity["certainty"]):
        raise AnswerRefused(
            "the name of an entity contradicts its certainty",
            f"The name {json.dumps(name, ensure_ascii=False)} is {certainty}, the certainty says"
            f" {entity['certainty']}. Name the finding alone, and say in the certainty how sure the statement is.",
        )
    return bare, entity["certainty"]
