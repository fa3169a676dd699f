"""The words that the rules know, and a statement as a sequence of such words.

The wordings come from the terminology, from `report_wordings.csv`, which adds how reports word findings, territories,
hedges and negations in English, German and Swedish, and from `foreign_wordings.csv`, which does so in languages that
are read whole or not at all.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import NamedTuple

from datasets_scripts.terminology.findings import (
    CORPUS_LABELS_PATH,
    INFARCTION_AGES,
    TERRITORIES,
    load_terminology,
)
from datasets_scripts.terminology.tables import read_table
from modeling_supreme.query_grammar import normalize_name

from .spelling import HAN
from .statements import normalize_statement
from .typing_errors import WordList


WORDINGS_PATH = Path(__file__).with_name("report_wordings.csv")
FOREIGN_WORDINGS_PATH = Path(__file__).with_name("foreign_wordings.csv")
# Languages that are read whole or not at all, and what their table says of all of them, and of further languages.
FOREIGN_LANGUAGES = ("fr", "es", "pt", "it", "nl", "zh")
ANY_LANGUAGE = "*"
SHORTEST_MARKER = 3  # letters of a word that gives a language away
LONGEST_ABBREVIATION = 6  # letters of a label of one word
EXCHANGED_ELECTRODES = "exchanged arm electrodes"
VOLTAGES = ("low qrs voltage", "high qrs voltage")
# Shorthand that is right as the name of a column, but a common word or another thing in running text.
NOT_IN_REPORTS = ("normal", "norm", "cd", "hyp", "el", "tab", "std", "ste", "mat", "pace", "sr", "lao", "rao", "laa")

# Kinds whose words say nothing, or that the word is of another language: no typing error is corrected to one.
NEVER_MEANT = ("filler", "remark", "ignore", "foreign")

# A Han character, an elided article ("d'onde"), another word, a sign.
_WORD = re.compile(
    rf"[{HAN}]|\b(?:[cdjln]|qu|dell|nell|all)'(?=[^\W\d_]{{2}})"
    rf"|_?(?:[^\W_{HAN}]|'|>(?=r\b))+(?::\d+)?(?:\.\d+)?|[,.;:/()+&?-]"
)
_GERMAN_ADJECTIVE = re.compile(r"(?:(?<=aer)|(?<=ior)|(?<=[rtpcm]al)|(?<=[a-z]{2}sch))(?:e|er|es|en|em)$")
_GERMAN_PLURALS = ("systolen", "wellen", "zacken", "strecken", "kardien", "cardien")


class Token(NamedTuple):
    """A stretch of a statement: its kind, its meaning (a finding, a territory, ...), its words and their place."""

    kind: str
    value: str = ""
    text: str = ""
    start: int = 0  # characters of the normalised statement
    end: int = 0


def singular(word: str) -> str:
    """The word without a plural or verbal "s", so that "PVCs" and "suggests" meet "PVC" and "suggest".

    German nouns and adjectives lose their endings as well.

    Example:
        >>> [singular(word) for word in ("complexes", "abnormalities", "waves", "sinus", "is")]
        ['complex', 'abnormality', 'wave', 'sinus', 'is']
        >>> [singular(word) for word in ("extrasystolen", "hebungen", "lateraler", "anteriore")]
        ['extrasystole', 'hebung', 'lateral', 'anterior']
    """
    word = _GERMAN_ADJECTIVE.sub("", word)
    if word.endswith("ungen"):
        return word[:-2]
    if word.endswith(_GERMAN_PLURALS):
        return word[:-1]
    if word.endswith("xes"):
        return word[:-2]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is", "'s")):
        return word[:-1]
    return word


def split_words(text: str) -> list[str]:
    """Words and punctuation marks of a normalised text, in the singular."""
    return [singular(word) for word in _WORD.findall(text)]


class Lexicon:
    """Longest-match look-up of wordings.

    Args:
        wordings (`dict[tuple[str, ...], Token]`):
            Sequences of words, as `split_words` returns them, and what they mean.
        is_forgiving (`bool`):
            Whether an unknown word is taken for the one from which a typing error parts it.
    """

    def __init__(self, wordings: dict[tuple[str, ...], Token], *, is_forgiving: bool = True) -> None:
        self._wordings = wordings
        self._lengths: dict[str, list[int]] = {}
        for words in wordings:
            lengths = self._lengths.setdefault(words[0], [])
            if len(words) not in lengths:
                lengths.append(len(words))
        for lengths in self._lengths.values():
            lengths.sort(reverse=True)
        self._vocabulary = {word for words in wordings for word in words}
        self._meant = WordList(
            word
            for words, token in wordings.items()
            if is_forgiving and token.kind not in NEVER_MEANT
            for word in words
        )

    def tokenize(self, text: str) -> list[Token]:
        """Tokens of a normalised statement; words without a meaning of their own have the kind `"word"`."""
        matches = list(_WORD.finditer(text))
        words = [self._correct(singular(match[0])) for match in matches]
        tokens, position = [], 0
        while position < len(words):
            token, length = self._match(words, position)
            start, end = matches[position].start(), matches[position + length - 1].end()
            tokens.append(token._replace(start=start, end=end))
            position += length
        return tokens

    def _correct(self, word: str) -> str:
        """The word, or the one of the vocabulary that a typing error has made of it."""
        return word if word in self._vocabulary else self._meant.find_meant(word) or word

    def _match(self, words: list[str], position: int) -> tuple[Token, int]:
        """The longest wording that starts here, and its number of words."""
        for length in self._lengths.get(words[position], ()):
            found = tuple(words[position : position + length])
            token = self._wordings.get(found)
            if token is not None:
                return token, len(found)
        return Token("word", text=words[position]), 1


@lru_cache(maxsize=1)
def load_lexicon() -> Lexicon:
    """The lexicon of English, German and Swedish reports, whose table overrules the terminology.

    Words of other languages have the kind `"foreign"`.
    """
    wordings = dict(_published_wordings())
    wordings |= {words: token for words, token in _terminology_wordings() if words}
    for row in read_table(WORDINGS_PATH):
        for text in expand_wording(row["wording"]):
            wordings[tuple(split_words(text))] = _make_token(row, text)
    known = {word for words in wordings for word in words}
    for row in read_table(FOREIGN_WORDINGS_PATH):
        for text in expand_wording(row["wording"]):
            markers = [word for word in split_words(text) if len(word) >= SHORTEST_MARKER and word not in known]
            wordings |= {(word,): Token("foreign", text=word) for word in markers}
    return Lexicon(wordings)


@lru_cache(maxsize=len(FOREIGN_LANGUAGES))
def load_foreign_lexicon(language: str) -> Lexicon:
    """The lexicon of one of `FOREIGN_LANGUAGES`, in which the names of the terminology count too."""
    wordings = {words: token for words, token in _terminology_wordings() if words}
    for row in read_table(FOREIGN_WORDINGS_PATH):
        if row["language"] in (language, ANY_LANGUAGE):
            for text in expand_wording(row["wording"]):
                wordings[tuple(split_words(text))] = _make_token(row, text)
    return Lexicon(wordings, is_forgiving=False)  # one letter may part two languages


def _make_token(row: dict[str, str], text: str) -> Token:
    """What one wording of a row of a table means."""
    is_stem = row["kind"] == "finding" and row["value"] in located_stems()
    return Token("stem" if is_stem else row["kind"], row["value"], text)


@lru_cache(maxsize=1)
def located_stems() -> frozenset[str]:
    """Names of the findings that a territory may precede."""
    terminology = load_terminology()
    return frozenset(finding.name for finding in terminology if f"inferior {finding.name}" in terminology) | set(
        VOLTAGES
    )


def _terminology_wordings() -> Iterator[tuple[tuple[str, ...], Token]]:
    """Names and synonyms of all findings that are not composed of a stem with a territory or an age."""
    stems = located_stems()
    composed = {f"{territory} {stem}" for territory in TERRITORIES for stem in stems}
    composed |= {f"{age} {located}" for age in INFARCTION_AGES for located in composed}
    composed |= {f"{age} myocardial infarction" for age in INFARCTION_AGES}
    for finding in load_terminology():
        if finding.name in composed:
            continue
        kind = "stem" if finding.name in stems else "finding"
        for wording in (finding.name, *finding.synonyms):
            text = normalize_name(wording)
            if text not in NOT_IN_REPORTS:
                yield tuple(split_words(text)), Token(kind, finding.name, text)


def _published_wordings() -> Iterator[tuple[tuple[str, ...], Token]]:
    """Names in which corpora published their labels; that electrodes were exchanged is a remark in a report."""
    for row in read_table(CORPUS_LABELS_PATH):
        text, name = normalize_name(row["label"]), row["finding"]
        if (" " in text or len(text) > LONGEST_ABBREVIATION) and name != EXCHANGED_ELECTRODES and "," not in text:
            words = tuple(split_words(normalize_statement(text)))
            yield words, Token("stem" if name in located_stems() else "finding", name, text)


def expand_wording(wording: str) -> Iterator[str]:
    """All texts of a wording with choices (`is|are`) and optional words (`now?`); `_` joins words of one choice."""
    choices = [part.removesuffix("?").split("|") + [""] * part.endswith("?") for part in wording.split()]
    for words in product(*choices):
        yield " ".join(word if word.startswith("_") else word.replace("_", " ") for word in words if word)
