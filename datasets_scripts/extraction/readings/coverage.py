"""Which words of a statement are accounted for: a reader that skips a word must say so.

Each word is a finding, a modifier, a hedge, a negation, a lead, a number, a remark, a function word ("the", "noted")
or a part of a wording ("pathway", "slurred"). A part says nothing alone: it is accounted for where its phrase holds
something that the rules understand, and left over where it does not. All other words are left over.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from .lexicon import Token


# Kinds that say something, so that the parts in their phrase belong to it.
MEANINGFUL_KINDS = ("finding", "stem", "remark", "ignore", "borderline_ecg", "changes", "alternative")
PHRASE_BOUNDARIES = ("comma", "stop", "dash", "with", "but", "cause", "if")
FUNCTION_KINDS = ("filler", "bracket", "comma", "dash", "stop", "and", "or")
# Two letters of an alphabet or one sign of a script without; single letters, figures and units say nothing.
_CONTENT = re.compile(r"[^\W\d_]{2}|[^\W\d_\u0000-\u024f]")


def find_left_over(tokens: Sequence[Token]) -> list[Token]:
    """The words that nothing accounts for.

    Args:
        tokens (`Sequence[Token]`):
            Tokens of a statement, as `Lexicon.tokenize` returns them.

    Returns:
        `list[Token]`: Tokens of the kinds `"word"` and `"part"`, in order.
    """
    return [token for phrase in _cut_phrases(tokens) for token in _left_over_in(phrase)]


def count_content_words(tokens: Iterable[Token]) -> int:
    """Words that should have a meaning: all but function words, figures and single letters."""
    return sum(
        sum(bool(_CONTENT.search(word)) for word in token.text.split())
        for token in tokens
        if token.kind not in FUNCTION_KINDS
    )


def content_spans(tokens: Iterable[Token]) -> list[tuple[int, int]]:
    """Start and end of all words that should have a meaning, whether they have one or not."""
    return [(token.start, token.end) for token in tokens if _is_content(token)]


def _is_content(token: Token) -> bool:
    """Whether a token should have a meaning."""
    return token.kind not in FUNCTION_KINDS and bool(_CONTENT.search(token.text))


def _cut_phrases(tokens: Iterable[Token]) -> Iterator[list[Token]]:
    """Tokens between boundaries."""
    phrase: list[Token] = []
    for token in tokens:
        if token.kind in PHRASE_BOUNDARIES:
            yield phrase
            phrase = []
        else:
            phrase.append(token)
    yield phrase


def _left_over_in(phrase: Sequence[Token]) -> Iterator[Token]:
    """Words of a phrase without a meaning."""
    has_meaning = any(token.kind in MEANINGFUL_KINDS for token in phrase)
    for token in phrase:
        is_left_over = token.kind == "word" or (token.kind == "part" and not has_meaning)
        if is_left_over and _CONTENT.search(token.text):
            yield token
