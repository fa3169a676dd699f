"""The `rules` backend, the embedded default: word list and scope, without a model."""

from collections.abc import Iterator, Sequence

from datasets_scripts.extraction.readings.reading import Reading
from datasets_scripts.extraction.readings.rules import RULES_VERSION, read_statement

from .backend import BackendName
from .costs import Cost


class RulesBackend:
    """Reads statements by rules; needs no model and costs nothing."""

    name: BackendName = "rules"
    model = ""
    prompt_version = RULES_VERSION
    cost = Cost()

    def read(self, questions: Sequence[str]) -> Iterator[tuple[str, Reading]]:
        """Each statement with its reading, in order."""
        for statement in questions:
            yield statement, read_statement(statement)

    def estimate(self, questions: Sequence[str]) -> Cost:
        """Nothing."""
        return Cost()
