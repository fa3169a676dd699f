"""Which statements a language model is asked about, and what becomes of its answers beside those of the rules.

- `all`: every statement; what the model says is taken.
- `leftover`: the statements of which the rules leave words over. The rules' findings stay; a finding of the model is
  added, or changes a certainty, where the words that it quotes were left over.
- `audit`: every statement; nothing changes, and the page shows where the two differ.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from datasets_scripts.extraction.readings.reading import Entity, Reading, code_entity
from datasets_scripts.terminology.findings import load_terminology

from .backend import Backend, BackendName
from .correction_task import MAX_STATEMENTS
from .costs import Cost
from .doubts import Doubt, make_doubt


Route = Literal["all", "leftover", "audit"]


@dataclass
class RouteArguments:
    """Flags that say which statements a language model is asked about, and how many at a time."""

    route: Route = field(
        default="all",
        metadata={"help": "Ask about all statements, about those of which the rules leave words over, or about all"
                  " without changing anything."},
    )  # fmt: skip
    statements_per_call: int = field(
        default=1, metadata={"help": f"Statements in one question, 1 to {MAX_STATEMENTS}."}
    )
    seconds_per_answer: float = field(
        default=5.0, metadata={"help": "Seconds that an answer is taken to need, for the time that a dry run tells."}
    )

    def __post_init__(self) -> None:
        if not 1 <= self.statements_per_call <= MAX_STATEMENTS:
            raise ValueError(
                f"`--statements_per_call` is {self.statements_per_call}. Choose 1 to {MAX_STATEMENTS} statements."
            )
        if self.seconds_per_answer <= 0:
            raise ValueError(f"`--seconds_per_answer` ({self.seconds_per_answer}) must be above 0.")

    @property
    def tells_of_rules(self) -> bool:
        """Whether the model is told what the rules made of a statement."""
        return self.route != "all" or self.statements_per_call > 1


class RoutedBackend:
    """Reads statements by rules and asks a language model where its route says so.

    Args:
        route (`str`):
            Which statements are asked about, and what becomes of the answers.
        model (`Backend`):
            Answers doubts.
    """

    def __init__(self, route: Route, model: Backend[Doubt, Reading]) -> None:
        self.name: BackendName = model.name
        self.model, self.prompt_version = model.model, model.prompt_version
        self._route = route
        self._model = model

    @property
    def cost(self) -> Cost:
        """What was spent so far."""
        return self._model.cost

    def estimate(self, questions: Sequence[str]) -> Cost:
        """What it would cost to read these statements."""
        return self._model.estimate([doubt for doubt in map(make_doubt, questions) if self._is_asked(doubt)])

    def read(self, questions: Sequence[str]) -> Iterator[tuple[str, Reading]]:
        """Each statement once with its reading: those that the rules read first.

        Raises:
            BackendError: If the model cannot be asked at all.
        """
        doubts = list(map(make_doubt, questions))
        for doubt in doubts:
            if not self._is_asked(doubt):
                yield doubt.statement, doubt.rules
        for doubt, answer in self._model.read([doubt for doubt in doubts if self._is_asked(doubt)]):
            yield doubt.statement, self._settle(doubt, answer)

    def _is_asked(self, doubt: Doubt) -> bool:
        """Whether the model is asked about a statement."""
        return self._route != "leftover" or bool(doubt.left_over)

    def _settle(self, doubt: Doubt, answer: Reading) -> Reading:
        """The reading of a statement about which the model was asked."""
        if answer.problem:
            return doubt.rules._replace(problem=answer.problem)
        if self._route == "audit":
            return doubt.rules._replace(opinion=answer.entities)
        return answer if self._route == "all" else correct_reading(doubt, answer)


def correct_reading(doubt: Doubt, answer: Reading) -> Reading:
    """The reading by rules with what a model says of the words left over.

    Args:
        doubt (`Doubt`):
            The statement, and what the rules made of it.
        answer (`Reading`):
            What the model found in it, each finding with its quote.

    Returns:
        `Reading`: The rules' findings. A finding of the model is added to them, or gives one of them its certainty, if
        its quote has words that were left over. The statement counts as read if the quotes of findings that stand have
        all of these words. It is the rules' own reading where the model changes nothing.
    """
    entities = {entity.entity: entity for entity in doubt.rules.entities}
    quotes = {_find_name(name): quote for name, quote in answer.quotes}
    review = [_find_name(name) for name in answer.review]
    covered: set[str] = set()
    for found in answer.entities:
        name = _find_name(found.entity)
        said = {word for word in doubt.left_over if _has_word(quotes.get(name, ""), word)}
        if said:
            entities[name] = _code(name, found)
        if said or entities.get(name, found).certainty == found.certainty:
            covered |= said
    is_read = covered >= set(doubt.left_over)
    if not is_read and tuple(entities.values()) == doubt.rules.entities:
        return doubt.rules
    kept = {entity.entity for entity in doubt.rules.entities}
    return answer._replace(
        entities=tuple(entities.values()),
        is_read=is_read,
        quotes=tuple((name, quote) for name, quote in quotes.items() if name in entities),
        review=tuple(name for name in review if name in entities and name not in kept),
    )


def _find_name(name: str) -> str:
    """The name of a finding in the terminology, if it is there."""
    finding = load_terminology().find(name)
    return finding.name if finding else name


def _code(name: str, found: Entity) -> Entity:
    """A finding of a model with the codes of the terminology."""
    return code_entity(name, found.certainty) if name in load_terminology() else found


def _has_word(quote: str, word: str) -> bool:
    """Whether a quote has a word, in any case."""
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", quote, re.IGNORECASE) is not None
