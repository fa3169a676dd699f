"""Several statements in one question: the fixed part of the prompt is read, and paid for, once for all of them."""

from collections.abc import Iterator, Sequence

from datasets_scripts.extraction.readings.reading import Reading

from .backend import Backend, BackendName, Journal, Refusal
from .correction_task import DoubtTask, Group, GroupReading
from .costs import Cost
from .doubts import Doubt


class GroupedBackend:
    """Asks a model about groups of statements, and again alone about those that a group's answer leaves open.

    What the answer says of one statement is taken or refused whatever it says of the others.

    Args:
        model (`Backend`):
            Answers groups.
        statements_per_call (`int`):
            Statements of a group.
    """

    def __init__(self, model: Backend[Group, GroupReading], *, statements_per_call: int) -> None:
        self.name: BackendName = model.name
        self.model, self.prompt_version = model.model, model.prompt_version
        self.journal: Journal[Doubt, Reading] | None = None
        self._model = model
        self._size = statements_per_call
        self._task = DoubtTask()

    @property
    def cost(self) -> Cost:
        """What was spent so far."""
        return self._model.cost

    def estimate(self, questions: Sequence[Doubt]) -> Cost:
        """What it would cost to ask about these statements if every first answer is a good one."""
        return self._model.estimate(self._group(questions))

    def read(self, questions: Sequence[Doubt]) -> Iterator[tuple[Doubt, Reading]]:
        """Each statement with its reading, as groups are answered.

        Raises:
            BackendError: If the model cannot be asked at all.
        """
        alone: list[Doubt] = []
        for group, answer in self._model.read(self._group(questions)):
            for doubt, reading in zip(group, answer.readings, strict=True):
                if reading is not None:
                    yield doubt, reading
                elif len(group) > 1:
                    alone.append(doubt)
                else:
                    yield doubt, self._task.fall_back(doubt, answer.problem)
        if alone:
            for group, answer in self._model.read([(doubt,) for doubt in alone]):
                for doubt, reading in zip(group, answer.readings, strict=True):
                    yield doubt, reading or self._task.fall_back(doubt, answer.problem)

    def note_result(self, question: Group, result: GroupReading) -> None:
        """Keep what was answered to each statement of a group; a statement left open is asked once more."""
        for doubt, reading in zip(question, result.readings, strict=True):
            if self.journal is not None and reading is not None:
                self.journal.note_result(doubt, reading)
            elif self.journal is not None and len(question) == 1:
                self.journal.note_result(doubt, self._task.fall_back(doubt, result.problem))

    def note_refusal(self, question: Group, refusal: Refusal) -> None:
        """Keep that an answer could not be taken: after a break, its statements are asked alone."""
        for doubt in question:
            if self.journal is not None:
                self.journal.note_refusal(doubt, refusal if len(question) == 1 else refusal._replace(num_answers=0))

    def find_refusals(self, question: Group) -> tuple[Refusal, ...]:
        """Earlier answers to a statement that was asked alone."""
        if self.journal is None or len(question) > 1:
            return ()
        known = (refusal for doubt in question for refusal in self.journal.find_refusals(doubt))
        return tuple(refusal for refusal in known if refusal.num_answers)

    def _group(self, doubts: Sequence[Doubt]) -> list[Group]:
        """Groups of statements of like length; those alone of which an answer was refused."""
        is_refused = [bool(self.journal and self.journal.find_refusals(doubt)) for doubt in doubts]
        alone = [(doubt,) for doubt, was in zip(doubts, is_refused, strict=True) if was]
        rest = [doubt for doubt, was in zip(doubts, is_refused, strict=True) if not was]
        rest.sort(key=lambda doubt: len(doubt.statement))
        return [*alone, *(tuple(rest[start : start + self._size]) for start in range(0, len(rest), self._size))]
