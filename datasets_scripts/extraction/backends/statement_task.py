"""The task of reading statements: findings with quotes; what no model could read is left to the rules."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasets_scripts.extraction.readings.reading import Reading, restore_reading, write_reading
from datasets_scripts.extraction.readings.rules import read_statement
from datasets_scripts.extraction.readings.statements import statement_key

from .answers import ANSWER_SCHEMA, read_answer
from .prompts import Message, Prompt, PromptForm, load_prompt
from .task import Asked, Sampling


def write_answer(example: Mapping[str, Any]) -> str:
    """The answer that an example of a prompt should get."""
    entities = [
        {"quote": quote, "entity": entity, "certainty": certainty}
        for quote, entity, certainty in map(_as_list, example["entities"])
    ]
    return json.dumps({"entities": entities}, ensure_ascii=False, separators=(",", ":"))


FINDINGS = PromptForm(
    folder=Path(__file__).with_name("prompts"),
    subject="statement",
    write_answer=write_answer,
    schema=ANSWER_SCHEMA,
    remedy="`entities` as lists of quote, entity and certainty",
)


class StatementTask:
    """Has a language model list the findings that a statement of a report names.

    Args:
        prompt (`Prompt`):
            How statements are put to the model.
    """

    schema: Mapping[str, Any] = ANSWER_SCHEMA
    schema_name = "findings"
    questions = "statements"
    fate = "left to the rules"
    max_answers = 3  # an answer that was refused twice is not paid for again and again
    output_tokens = 60  # two findings

    def __init__(self, prompt: Prompt) -> None:
        self.prompt_version = prompt.version
        self._prompt = prompt

    @classmethod
    def load(cls, name: str) -> "StatementTask":
        """The task with a prompt of this package, or one in a file, as `load_prompt` finds it."""
        return cls(load_prompt(name, FINDINGS))

    def messages(self, question: str, *, refusal: str = "") -> list[Message]:
        """The conversation that asks for the findings of a statement."""
        return self._prompt.messages(question, refusal=refusal)

    def key(self, question: str) -> str:
        """What spellings of one statement share."""
        return statement_key(question)

    def sampling(self, question: str) -> Sampling:
        """Always the likeliest answer."""
        return Sampling()

    def accept(self, answer: str, question: str, asked: Asked) -> Reading:
        """The findings of an answer that the statement bears out."""
        taken = read_answer(answer, question)
        return Reading(taken.entities, True, *asked, quotes=taken.quotes, review=taken.review)

    def fall_back(self, question: str, problem: str) -> Reading:
        """The reading by rules, marked with the reason."""
        return read_statement(question)._replace(problem=problem)

    def close(self, text: str) -> str:
        """The answer with the entities that are whole."""
        return close_answer(text)

    def write(self, result: Reading) -> dict[str, Any]:
        """A reading as JSON."""
        return write_reading(result)

    def read(self, content: Mapping[str, Any]) -> Reading | None:
        """The reading that was kept, if it is whole."""
        return restore_reading(content)


def close_answer(text: str, *, opening: str = '{"entities":[') -> str:
    """Complete an answer that was cut off: the entities that are whole stay.

    Args:
        text (`str`):
            The beginning of an answer of the form `ANSWER_SCHEMA`, without blanks between its parts.
        opening (`str`):
            What such an answer begins with, up to its list.

    Returns:
        `str`: JSON of that form; the text itself if it was whole.

    Example:
        >>> close_answer('{"entities":[{"quote":"LVH","entity":"lvh","certainty":"positive"},{"quote":"wi')
        '{"entities":[{"quote":"LVH","entity":"lvh","certainty":"positive"}]}'
    """
    try:
        json.loads(text)
    except ValueError:
        pass
    else:
        return text
    start = text.find("[") + 1
    end = start
    while start:
        try:
            _, end = json.JSONDecoder().raw_decode(text, end + (text[end : end + 1] == ","))
        except ValueError:
            break
    return (text[:end] or opening) + "]}"


def _as_list(entity: Any) -> list[Any]:
    """An entity of an example, which must be a list."""
    if not isinstance(entity, list):
        raise TypeError(f"{entity!r} is no list of quote, entity and certainty.")
    return entity
