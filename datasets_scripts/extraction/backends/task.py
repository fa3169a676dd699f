"""What a language model is asked for: how a question is put, which answers are taken, and what becomes of the others.

The backends know how to ask: a server or a local model, several questions at a time, again where an answer is refused,
each answer on file as soon as it is there. What they ask about they learn from a task.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

from .prompts import Message


FEWEST_REFUSED_TO_DRAW = 2  # answers: one more is drawn
RETRY_TEMPERATURE = 0.7
_FENCED = re.compile(r"\s*```(?:json)?\s*(.*?)\s*```\s*", re.DOTALL)


class AnswerRefused(ValueError):  # noqa: N818 (what happened, not a fault of this program)
    """An answer that cannot be taken.

    Args:
        problem (`str`):
            What is wrong, without any text of the question or answer: fit for a log.
        reason (`str`, *optional*):
            What is wrong, in words for the model that gave the answer.
        position (`int`, *optional*):
            Character of the answer's text at which it goes wrong, from 0, where a grammar says so.
        text (`str`):
            That text.
    """

    def __init__(
        self, problem: str, reason: str | None = None, *, position: int | None = None, text: str = ""
    ) -> None:
        super().__init__(problem)
        self.reason = reason or f"{problem[:1].upper()}{problem[1:]}."
        self.position = position
        self.text = text


class Sampling(NamedTuple):
    """How a model chooses its words.

    Attributes:
        temperature (`float`):
            0 takes the likeliest token; larger ones draw.
        seed (`int`):
            The same seed draws the same.
    """

    temperature: float = 0.0
    seed: int = 0


def sample_again(sampling: Sampling, num_refused: int) -> Sampling:
    """How the words of an answer are chosen after some were refused: another answer must be able to differ.

    The second one is told why the first was refused. From the third on it may be told the same as before: it is drawn.

    Example:
        >>> sample_again(Sampling(), 1), sample_again(Sampling(), 2)
        (Sampling(temperature=0.0, seed=0), Sampling(temperature=0.7, seed=2))
    """
    if num_refused < FEWEST_REFUSED_TO_DRAW:
        return sampling
    return Sampling(max(sampling.temperature, RETRY_TEMPERATURE), sampling.seed + num_refused)


class Asked(NamedTuple):
    """Who was asked: the backend, its model, and the version of the prompt."""

    backend: str
    model: str
    prompt_version: str


class HasProblem(Protocol):
    """What an answer is turned into."""

    @property
    def problem(self) -> str:
        """Why there is no answer of the model; empty if there is."""
        ...


Question = TypeVar("Question")
Result = TypeVar("Result", bound=HasProblem)
# The same where an interface only takes them, or only gives them
QuestionIn = TypeVar("QuestionIn", contravariant=True)
ResultIn = TypeVar("ResultIn", bound=HasProblem, contravariant=True)
ResultOut = TypeVar("ResultOut", bound=HasProblem, covariant=True)


class Filing(Protocol[QuestionIn, Result]):
    """How the answers to questions are kept.

    Attributes:
        questions (`str`):
            What the questions are called, for messages: "statements".
    """

    questions: str

    def key(self, question: QuestionIn) -> str:
        """What the question shares with others that mean the same; empty if there is nothing to ask."""
        ...

    def fall_back(self, question: QuestionIn, problem: str) -> Result:
        """What stands in place of an answer, marked with the reason."""
        ...

    def write(self, result: Result) -> dict[str, Any]:
        """What is kept of a result, as JSON."""
        ...

    def read(self, content: Mapping[str, Any]) -> Result | None:
        """The result that was kept; `None` if there is none or it is not whole."""
        ...


class Task(Filing[QuestionIn, Result], Protocol[QuestionIn, Result]):
    """Something that language models are asked for.

    Attributes:
        prompt_version (`str`):
            Changes whenever the same question may be answered differently.
        schema (`Mapping`), schema_name (`str`):
            JSON schema of an answer, and what it is called.
        fate (`str`):
            What becomes of those that are not answered, for messages: "left to the rules".
        max_answers (`int`):
            Answers to one question that are paid for in a run: each refused one is followed by another until then.
        output_tokens (`int`):
            Tokens of an answer, for estimates.
    """

    prompt_version: str
    schema: Mapping[str, Any]
    schema_name: str
    fate: str
    max_answers: int
    output_tokens: int

    def messages(self, question: QuestionIn, *, refusal: str = "") -> list[Message]:
        """The conversation that asks the question, with the reason why an earlier answer was refused."""
        ...

    def sampling(self, question: QuestionIn) -> Sampling:
        """How the model chooses the words of its answer."""
        ...

    def accept(self, answer: str, question: QuestionIn, asked: Asked) -> Result:
        """What an answer says.

        Raises:
            AnswerRefused: If it cannot be taken.
        """
        ...

    def close(self, text: str) -> str:
        """Complete an answer that was cut off, as far as that can be done."""
        ...


def read_json(answer: str) -> Any:
    """The JSON of an answer, also where a model has wrapped it in a code fence.

    Raises:
        AnswerRefused: If it is none.
    """
    fenced = _FENCED.fullmatch(answer)  # models that no server constrains like to wrap their JSON
    try:
        return json.loads(fenced[1] if fenced else answer)
    except (ValueError, RecursionError) as error:
        raise AnswerRefused("the answer is not JSON, or was cut off") from error
