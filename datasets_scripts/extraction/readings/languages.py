"""The language of a statement, and its words in that language: a statement is read whole, or not at all.

English, German and Swedish are read together, with what they leave over. Of another language the rules know the
commonest findings, negations and hedges. Where such a statement has one more word, that word may deny the finding
beside it ("geen ischemie"), so nothing is read from it.
"""

import re
from collections.abc import Sequence

from .coverage import find_left_over
from .lexicon import FOREIGN_LANGUAGES, Token, load_foreign_lexicon, load_lexicon


# Neither Latin nor Greek letters, of which reports have some.
_OTHER_SCRIPT = re.compile(r"[^\W\d_\u0000-\u03ff\u1e00-\u1eff]")


def tokenize_statement(text: str) -> tuple[list[Token], bool]:
    """The words of a normalised statement in the language that it is written in.

    Args:
        text (`str`):
            A statement as `normalize_statement` returns it.

    Returns:
        `tuple[list[Token], bool]`: The tokens, and whether the rules read the language: not so if it is a foreign one
        and none of those they know accounts for every word.

    Example:
        >>> [tokenize_statement(text)[1] for text in ("no ischemia", "sin signos de isquemia", "geen gremlins")]
        [True, True, False]
    """
    tokens = load_lexicon().tokenize(text)
    if not is_foreign(tokens):
        return tokens, True
    readings = (load_foreign_lexicon(language).tokenize(text) for language in FOREIGN_LANGUAGES)
    whole = [foreign for foreign in readings if not find_left_over(foreign)]
    # Of languages that share words, the one that sees the longest wordings is the one that it is written in.
    return (min(whole, key=len), True) if whole else (tokens, False)


def is_foreign(tokens: Sequence[Token]) -> bool:
    """Whether a word gives away another language than English, German and Swedish, or another script."""
    return any(token.kind == "foreign" or _OTHER_SCRIPT.search(token.text) for token in tokens)
