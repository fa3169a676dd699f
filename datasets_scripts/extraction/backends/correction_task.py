"""The task of correcting the rules: a model reads several statements at a time, told what the rules made of them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from datasets_scripts.extraction.readings.reading import Reading, restore_reading, write_reading
from datasets_scripts.extraction.readings.statements import statement_key

from .answers import ENTITIES_SCHEMA, take_findings
from .doubts import Doubt
from .prompts import Message, Prompt, PromptForm, load_prompt
from .statement_task import close_answer, write_answer
from .task import AnswerRefused, Asked, Sampling, read_json


MAX_STATEMENTS = 10  # of one question
OUTPUT_TOKENS_PER_STATEMENT = 70  # for estimates: two findings, and the number of the statement
CORRECTIONS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "readings": {
            "type": "array",
            "maxItems": MAX_STATEMENTS,
            "items": {
                "type": "object",
                "properties": {
                    "number": {"type": "integer", "minimum": 1, "maximum": MAX_STATEMENTS},
                    "entities": ENTITIES_SCHEMA,
                },
                "required": ["number", "entities"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["readings"],
    "additionalProperties": False,
}
Group = tuple[Doubt, ...]


class GroupReading(NamedTuple):
    """What a model answered to a group of statements.

    Attributes:
        readings (`tuple[Reading | None, ...]`):
            One for each statement; `None` where the answer says nothing of it, or nothing that can be taken.
        problem (`str`):
            Why there is no answer at all; empty if there is.
    """

    readings: tuple[Reading | None, ...]
    problem: str = ""


def write_corrections(example: Mapping[str, Any]) -> str:
    """The answer that an example of a prompt should get."""
    readings = [
        {"number": number, **json.loads(write_answer(answer))}
        for number, answer in enumerate(example["readings"], start=1)
    ]
    return json.dumps({"readings": readings}, ensure_ascii=False, separators=(",", ":"))


CORRECTIONS = PromptForm(
    folder=Path(__file__).with_name("prompts"),
    subject="statements",
    write_answer=write_corrections,
    schema=CORRECTIONS_SCHEMA,
    remedy="`readings`, each with `entities` as lists of quote, entity and certainty",
)


class CorrectionTask:
    """Has a language model list the findings of several statements, told how the rules read them.

    Args:
        prompt (`Prompt`):
            How statements are put to the model.
    """

    schema: Mapping[str, Any] = CORRECTIONS_SCHEMA
    schema_name = "corrections"
    questions = "groups of statements"
    fate = "left to the rules"
    max_answers = 2  # one more with the reason why the first was refused; then each statement is asked alone

    def __init__(self, prompt: Prompt, *, statements_per_call: int = 1) -> None:
        self.prompt_version = prompt.version
        self.output_tokens = OUTPUT_TOKENS_PER_STATEMENT * statements_per_call
        self._prompt = prompt

    @classmethod
    def load(cls, name: str, *, statements_per_call: int = 1) -> "CorrectionTask":
        """The task with a prompt of this package, or one in a file, as `load_prompt` finds it."""
        return cls(load_prompt(name, CORRECTIONS), statements_per_call=statements_per_call)

    def messages(self, question: Group, *, refusal: str = "") -> list[Message]:
        """The conversation that asks for the findings of the statements."""
        told = [doubt.describe(number) for number, doubt in enumerate(question, start=1)]
        return self._prompt.messages(told, refusal=refusal)

    def key(self, question: Group) -> str:
        """The keys of the statements, a line each."""
        return "\n".join(statement_key(doubt.statement) for doubt in question)

    def sampling(self, question: Group) -> Sampling:
        """Always the likeliest answer."""
        return Sampling()

    def accept(self, answer: str, question: Group, asked: Asked) -> GroupReading:
        """A reading for each statement of which the answer says something that the statement bears out.

        Raises:
            AnswerRefused: If the form is wrong, or nothing of it can be taken.
        """
        given = _read_numbered(answer, len(question))
        readings: list[Reading | None] = []
        refused = AnswerRefused("the answer says nothing of any statement")
        for number, doubt in enumerate(question, start=1):
            try:
                readings.append(_take_reading(given, number, doubt, asked))
            except AnswerRefused as error:
                refused = error
                readings.append(None)
        if not any(readings):
            raise refused
        return GroupReading(tuple(readings))

    def fall_back(self, question: Group, problem: str) -> GroupReading:
        """Nothing, with the reason."""
        return GroupReading((None,) * len(question), problem)

    def close(self, text: str) -> str:
        """The answer with the readings that are whole."""
        return close_answer(text, opening='{"readings":[')

    def write(self, result: GroupReading) -> dict[str, Any]:
        """Readings as JSON."""
        readings = [reading and write_reading(reading) for reading in result.readings]
        return {"readings": readings, "problem": result.problem}

    def read(self, content: Mapping[str, Any]) -> GroupReading | None:
        """The readings that were kept, if they are whole."""
        kept = content.get("readings")
        if not isinstance(kept, list) or not isinstance(content.get("problem"), str):
            return None
        return GroupReading(tuple(reading and restore_reading(reading) for reading in kept), content["problem"])


class DoubtTask:
    """How the reading of one statement is kept, whichever group it was asked in; asks nothing itself."""

    questions = "statements"

    def key(self, question: Doubt) -> str:
        """What spellings of one statement share."""
        return statement_key(question.statement)

    def fall_back(self, question: Doubt, problem: str) -> Reading:
        """The reading by rules, marked with the reason."""
        return question.rules._replace(problem=problem)

    def write(self, result: Reading) -> dict[str, Any]:
        """A reading as JSON."""
        return write_reading(result)

    def read(self, content: Mapping[str, Any]) -> Reading | None:
        """The reading that was kept, if it is whole."""
        return restore_reading(content)


def _read_numbered(answer: str, num_statements: int) -> dict[int, Any]:
    """The entities that an answer gives to each number; refuses another form, and numbers that were not asked."""
    content = read_json(answer)
    if not isinstance(content, dict) or set(content) != {"readings"} or not isinstance(content["readings"], list):
        raise AnswerRefused('the answer is not a JSON object with the one key "readings", a list')
    given: dict[int, Any] = {}
    for reading in content["readings"]:
        if not isinstance(reading, dict) or set(reading) != {"number", "entities"}:
            raise AnswerRefused('a reading is not a JSON object with the keys "number" and "entities"')
        number = reading["number"]
        if type(number) is not int or not 1 <= number <= num_statements or number in given:
            raise AnswerRefused(
                "a number of the answer is no statement's, or stands twice",
                f"Number the readings from 1 to {num_statements}, as the statements are, each once.",
            )
        given[number] = reading["entities"]
    return given


def _take_reading(given: Mapping[int, Any], number: int, doubt: Doubt, asked: Asked) -> Reading:
    """The reading of one statement."""
    if number not in given:
        raise AnswerRefused("the answer says nothing of a statement", f"There is no reading of statement {number}.")
    taken = take_findings(given[number], doubt.statement)
    return Reading(taken.entities, True, *asked, quotes=taken.quotes, review=taken.review)
