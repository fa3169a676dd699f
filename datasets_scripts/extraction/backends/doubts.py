"""Statements about which a language model is asked, with what the rules made of them."""

from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NamedTuple

from datasets_scripts.extraction.readings.lexicon import split_words
from datasets_scripts.extraction.readings.reading import Entity, Reading
from datasets_scripts.extraction.readings.rules import account_for
from datasets_scripts.extraction.readings.statements import normalize_statement
from datasets_scripts.terminology.findings import load_terminology
from modeling_supreme.query_grammar import normalize_name


MAX_NEAREST = 8  # findings that are told
NAMES_PER_WORD = 3
MIN_LIKENESS = 0.75  # of a word that was left over and a word of the terminology
SHORTEST_WORD = 4  # letters: shorter ones are like any other


class Doubt(NamedTuple):
    """A statement, and what the rules made of it.

    Attributes:
        statement (`str`):
            As the report has it.
        rules (`Reading`):
            What the rules read.
        left_over (`tuple[str, ...]`):
            The words that they left over.
        nearest (`tuple[str, ...]`):
            Findings of the terminology whose names have words like these.
    """

    statement: str
    rules: Reading
    left_over: tuple[str, ...]
    nearest: tuple[str, ...]

    def describe(self, number: int) -> dict[str, Any]:
        """The statement as a model is told of it."""
        return {
            "number": number,
            "statement": self.statement,
            "rules": [_describe_entity(entity) for entity in self.rules.entities],
            "left_over": list(self.left_over),
            "nearest": list(self.nearest),
        }


def make_doubt(statement: str) -> Doubt:
    """What the rules make of a statement, as a question.

    Example:
        >>> make_doubt("Sinus rhythm, gremlins").left_over
        ('gremlins',)
    """
    account = account_for(statement)
    return Doubt(statement, account.reading, account.left_over, find_nearest(account.left_over))


def find_nearest(words: tuple[str, ...]) -> tuple[str, ...]:
    """Findings of the terminology of which a word is like one of these words, the likest first.

    Example:
        >>> find_nearest(("ischaemicc",))[0]
        'myocardial ischemia'
    """
    names_by_word = _index_names()
    found: dict[str, None] = {}
    for word in (other for text in words for other in split_words(normalize_statement(text))):
        if len(word) >= SHORTEST_WORD:
            for near in get_close_matches(word, names_by_word, n=NAMES_PER_WORD, cutoff=MIN_LIKENESS):
                found |= dict.fromkeys(names_by_word[near][:NAMES_PER_WORD])
    return tuple(found)[:MAX_NEAREST]


@lru_cache(maxsize=1)
def _index_names() -> dict[str, list[str]]:
    """Names of findings by each word of their names and synonyms, the shortest name first."""
    names: dict[str, dict[str, None]] = {}
    for finding in sorted(load_terminology(), key=lambda one: len(one.name)):
        for wording in (finding.name, *finding.synonyms):
            for word in split_words(normalize_name(wording)):
                if len(word) >= SHORTEST_WORD:
                    names.setdefault(word, {})[finding.name] = None
    return {word: list(found) for word, found in names.items()}


def _describe_entity(entity: Entity) -> list[str]:
    """A finding with its certainty."""
    return [entity.entity, entity.certainty]
