"""The task of defining conditions: an expression of the grammar with its source, refused where it does not parse."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from datasets_scripts.extraction.backends.prompts import Message, Prompt, PromptForm, load_prompt
from datasets_scripts.extraction.backends.task import AnswerRefused, Asked, Sampling, read_json
from datasets_scripts.simulator.truth.catalogue import condition_names, label_names
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.query_grammar import (
    GRAMMAR_VERSION,
    LEAD_GROUPS,
    MEASUREMENTS,
    Expression,
    Measurement,
    QuerySyntaxError,
    findings_of,
    normalize_name,
    parse_query,
)

from .conditions_file import condition_key


NUM_SAMPLES = 2
# The likeliest answer, and one that is drawn: two that agree are worth more than one.
SAMPLINGS = (Sampling(), Sampling(temperature=0.7, seed=1))
MAX_LENGTHS = {"condition": 200, "rationale": 600, "expression": 1000, "source": 200}  # characters
ANSWER_SCHEMA: dict[str, Any] = {
    "type": "object",
    # The reasons come before the expression, which is written in their light.
    "properties": {name: {"type": "string", "maxLength": length} for name, length in MAX_LENGTHS.items()},
    "required": list(MAX_LENGTHS),
    "additionalProperties": False,
}


class Question(NamedTuple):
    """A condition and which of its samples is asked for, from 0."""

    condition: str
    sample: int


class Draft(NamedTuple):
    """A definition as a model wrote it.

    Attributes:
        condition (`str`):
            What is defined.
        sample (`int`):
            Which answer to the same question it is, from 0.
        expression (`str`):
            In the canonical form of the grammar; empty if the model says that the condition cannot be seen in
            measurements, or gave no usable answer.
        source (`str`):
            Guideline or textbook that the model names.
        rationale (`str`):
            Its reasons.
        backend, model, prompt_version (`str`):
            Who wrote it; empty if nobody did.
        problem (`str`):
            Why there is no answer; empty if there is.
    """

    condition: str
    sample: int
    expression: str
    source: str
    rationale: str
    backend: str = ""
    model: str = ""
    prompt_version: str = ""
    problem: str = ""


class WrongExpression(ValueError):  # noqa: N818 (what is refused, not a fault of this program)
    """A text that cannot define a condition.

    Args:
        text (`str`):
            The text.
        position (`int`):
            Character at which it goes wrong, from 0.
        problem (`str`):
            What is wrong, without any text of it.
        message (`str`):
            What is wrong, and what to do.
    """

    def __init__(self, text: str, position: int, problem: str, message: str) -> None:
        super().__init__(message)
        self.text, self.position, self.problem = text, position, problem


@lru_cache(maxsize=1)
def names_in_definitions() -> frozenset[str]:
    """Folded names of the findings that a definition may refer to: those that simulated records are labelled with."""
    return frozenset(map(normalize_name, label_names()))


def parse_definition(text: str, condition: str) -> Expression:
    """Read the expression that is to define a condition.

    Args:
        text (`str`):
            An expression of the grammar, over measurements and findings that the simulator knows.
        condition (`str`):
            What it is to define: it must not refer to itself, under no name of the terminology.

    Returns:
        `Expression`: The expression.

    Raises:
        WrongExpression: If it does not parse, or refers to itself or to what nobody knows; with the position.
    """
    names = names_in_definitions()
    try:
        expression = parse_query(text, names)
    except QuerySyntaxError as error:
        problem = f"the expression does not parse at character {error.position}"
        raise WrongExpression(text, error.position, problem, str(error)) from error
    own = {normalize_name(condition), condition_key(condition)}
    for name in findings_of(expression):
        position = _find_name(name, text)
        if name in own:
            problem = f"the expression names the condition itself at character {position}"
            message = f"At character {position}, {name!r} is what is to be defined. Write what it consists of."
            raise WrongExpression(text, position, problem, message)
        if name not in names:
            problem = f"the expression names an unknown finding at character {position}"
            message = f"At character {position}, {name!r} is no known finding. Use measurements, or a finding listed."
            raise WrongExpression(text, position, problem, message)
    return expression


def _find_name(name: str, text: str) -> int:
    """Where a folded name stands in a text."""
    pattern = r"[\s_-]+".join(map(re.escape, name.split()))
    found = re.search(pattern, text, re.IGNORECASE)
    return found.start() if found else 0


def describe_measurements() -> str:
    """The measurements of the grammar as the prompt lists them: key, unit, and what it is."""

    def describe(measurement: Measurement) -> str:
        count = ", 0 if there is none" if measurement.is_count else ""
        return f"- {measurement.name} ({measurement.unit}{count}): {measurement.phrases[0]}"

    whole = [describe(each) for each in MEASUREMENTS.values() if not each.is_per_lead]
    per_lead = [describe(each) for each in MEASUREMENTS.values() if each.is_per_lead]
    return "\n".join(
        [
            "Of the whole strip:",
            *whole,
            f"Of each lead, with its name behind the key (st_mv_V2); leads are {', '.join(STANDARD_LEADS)}:",
            *per_lead,
        ]
    )


def describe_lead_groups() -> str:
    """The groups of leads that the grammar knows by name."""
    return "\n".join(
        f"- {' or '.join(names.split('|'))} leads: {', '.join(leads)}" for names, leads in LEAD_GROUPS.items()
    )


def write_answer(example: Mapping[str, Any]) -> str:
    """The answer that an example of a prompt should get, which must be one that would be taken."""
    answer = json.dumps({name: example[name] for name in MAX_LENGTHS}, ensure_ascii=False, separators=(",", ":"))
    try:
        read_answer(answer, example["condition"])
    except AnswerRefused as error:
        raise ValueError(str(error)) from error
    return answer


@lru_cache(maxsize=1)
def definition_form() -> PromptForm:
    """What prompts for definitions have in common."""
    return PromptForm(
        folder=Path(__file__).with_name("prompts"),
        subject="condition",
        write_answer=write_answer,
        schema=ANSWER_SCHEMA,
        remedy="`rationale`, `expression` and `source`, all as an answer that would be taken",
        terms={
            "grammar_version": str(GRAMMAR_VERSION),
            "measurements": describe_measurements(),
            "lead_groups": describe_lead_groups(),
            "findings": ", ".join(condition_names()),
        },
    )


def read_answer(answer: str, condition: str) -> tuple[str, str, str]:
    """Expression in canonical form, source and rationale of an answer.

    Args:
        answer (`str`):
            What the model wrote, JSON of the form `ANSWER_SCHEMA`.
        condition (`str`):
            What it was asked to define.

    Returns:
        `tuple[str, str, str]`: The three; the expression is empty if the model says that there is none.

    Raises:
        AnswerRefused: If the form is wrong, or the expression cannot define the condition; then with its position.
    """
    content = read_json(answer)
    if not isinstance(content, dict) or set(content) != set(MAX_LENGTHS):
        raise AnswerRefused(f"the answer is not a JSON object with the keys {', '.join(MAX_LENGTHS)}")
    for name, length in MAX_LENGTHS.items():
        value = content[name]
        if not isinstance(value, str) or len(value) > length or not " ".join(value.split()).isprintable():
            raise AnswerRefused(f"{name} is no printable text of at most {length} characters")
    texts = {name: " ".join(value.split()) for name, value in content.items()}
    if normalize_name(texts["condition"]) != normalize_name(condition):
        raise AnswerRefused("the answer is about another condition", "Copy the name of the condition that was asked.")
    if not texts["expression"]:
        return "", texts["source"], texts["rationale"]
    if not texts["source"]:
        raise AnswerRefused("the answer names no source", "Name the guideline or textbook, or write: own choice.")
    try:
        expression = parse_definition(texts["expression"], condition)
    except WrongExpression as error:
        reason = f"The expression {json.dumps(error.text, ensure_ascii=False)} cannot be taken. {error}"
        raise AnswerRefused(error.problem, reason, position=error.position, text=error.text) from error
    return str(expression), texts["source"], texts["rationale"]


class DefinitionTask:
    """Has a language model write what a condition consists of.

    Args:
        prompt (`Prompt`):
            How conditions are put to the model.
    """

    schema: Mapping[str, Any] = ANSWER_SCHEMA
    schema_name = "definition"
    questions = "samples"
    fate = "left without a definition"
    max_answers = 2  # the second one knows what was wrong with the first, and where
    output_tokens = 200

    def __init__(self, prompt: Prompt) -> None:
        self.prompt_version = prompt.version
        self._prompt = prompt

    @classmethod
    def load(cls, name: str) -> "DefinitionTask":
        """The task with a prompt of this package, or one in a file, as `load_prompt` finds it."""
        return cls(load_prompt(name, definition_form()))

    def messages(self, question: Question, *, refusal: str = "") -> list[Message]:
        """The conversation that asks for the definition of a condition."""
        return self._prompt.messages(question.condition, refusal=refusal)

    def key(self, question: Question) -> str:
        """What spellings of one condition share; each sample has its own."""
        return f"{normalize_name(question.condition)} #{question.sample + 1}"

    def sampling(self, question: Question) -> Sampling:
        """The likeliest words for the first sample, drawn ones for the others."""
        return SAMPLINGS[question.sample]

    def accept(self, answer: str, question: Question, asked: Asked) -> Draft:
        """The definition in an answer, if the grammar takes it."""
        return Draft(*question, *read_answer(answer, question.condition), *asked)

    def fall_back(self, question: Question, problem: str) -> Draft:
        """No definition, and why."""
        return Draft(*question, "", "", "", problem=problem)

    def close(self, text: str) -> str:
        """An expression that was cut off says something else: nothing is completed."""
        return text

    def write(self, result: Draft) -> dict[str, Any]:
        """A draft as JSON."""
        return result._asdict()

    def read(self, content: Mapping[str, Any]) -> Draft | None:
        """The draft that was kept, if it is whole and the grammar still takes it."""
        fields = {name: content.get(name) for name in Draft._fields}
        sample = fields["sample"]
        texts = [value for name, value in fields.items() if name != "sample"]
        if (
            type(sample) is not int
            or not 0 <= sample < NUM_SAMPLES
            or not all(isinstance(text, str) for text in texts)
        ):
            return None
        draft = Draft(**fields)  # type: ignore[arg-type]
        try:
            if draft.expression:
                parse_definition(draft.expression, draft.condition)
        except WrongExpression:
            return None
        return draft
