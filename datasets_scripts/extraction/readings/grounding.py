"""Whether a statement says a finding: the check that keeps invented findings out.

A finding that a language model names is accepted for one of three reasons, tried in this order:

1. The rules read the same finding in the statement, or a finding that is a kind of it.
2. Each of its words, or of the words of one of its synonyms, is in the statement. A word counts if the statement has
   it, in any ending ("ischemic" for "ischemia"), or if it belongs to an abbreviation or wording that the statement
   has ("LBBB", "VPC"). The words of one recognised finding cannot be spent on another one: "left axis deviation, right
   bundle branch block" does not say "left bundle branch block".
3. The model quotes words of the statement of which the word list knows none as a finding: another language, a rare
   term. Then, and only then, the model is believed, once for each quote.

Where the model quotes the statement, the first two must hold of the quote: what stands elsewhere in the statement is
another finding's. What names a lead, an artifact or a time ("new", "prior") and no finding is never accepted.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from datasets_scripts.terminology.findings import INFARCTION_AGES, TERRITORIES, Finding, load_terminology

from .lexicon import Token, load_lexicon, split_words
from .reading import NEGATIVE, UNCERTAIN, Certainty
from .rules import account_for
from .statements import normalize_statement, trace_statement


FINDING_KINDS = ("finding", "stem")
UNKNOWN_KINDS = ("word", "foreign")
# What a name may consist of that names no finding.
NO_FINDING_KINDS = (
    "remark",
    "filler",
    "age",
    "territory",
    "degree",
    "ignore",
    "comma",
    "and",
    "or",
    "bracket",
    "stop",
)
NO_FINDING_KINDS += ("present", "hedge", "negation", "with", "dash", "hedge_after", "negation_after", "alternative")
CERTAINTY_OF_KIND: dict[str, Certainty] = {"hedge": UNCERTAIN, "negation": NEGATIVE}
# Words that a clinical name may have beyond what the statement says; alone they say nothing.
GENERIC_WORDS = frozenset(
    ("ecg", "electrocardiogram", "change", "abnormality", "abnormal", "finding", "rhythm", "wave")
)
GENERIC_WORDS |= {"pattern", "segment", "complex", "interval", "syndrome", "disease", "effect", "disorder", "cardiac"}
GENERIC_WORDS |= {"a", "an", "the", "of", "in", "on", "by", "with", "and", "or", "to", "for", "at", "is", "are"}
GENERIC_WORDS |= {"myocardial"}
# Endings of words of one family: "infarct", "infarction"; "inverted", "inversion"; "ischemic", "ischemia".
ENDINGS = (
    "ation",
    "ition",
    "ement",
    "tened",
    "sion",
    "tion",
    "ment",
    "ular",
    "ing",
    "ted",
    "sed",
    "ion",
    "ancy",
    "ant",
)
ENDINGS += ("ity", "ial", "ed", "ic", "ia", "ie", "le", "ly", "al", "us", "um", "en", "es", "y", "e", "a", "s")
SHORTEST_STEM = 4
SHORTEST_UNKNOWN_WORD = 4
TERRITORY_STEMS = {"antero": "anterior", "infero": "inferior", "postero": "posterior"}


def is_grounded(name: str, statement: str, *, quote: str = "") -> bool:
    """Whether a statement says a finding.

    Args:
        name (`str`):
            The finding, in English, as a language model names it.
        statement (`str`):
            A statement of a report, in any language.
        quote (`str`):
            The words of the statement that say it, according to the model.

    Example:
        >>> [is_grounded(name, "Inferior/lateral ST changes") for name in ("inferolateral st changes", "st elevation")]
        [True, False]
        >>> is_grounded("brugada pattern", "Brugadam\u00f6nster", quote="Brugadam\u00f6nster")
        True
    """
    return is_stated(name, statement, quote=quote) or (
        not _names_no_finding(name) and is_unknown_quote(quote, statement)
    )


def is_stated(name: str, statement: str, *, quote: str = "") -> bool:
    """Whether the words of a statement, or of the quote if the statement has it, say a finding.

    Example:
        >>> is_stated("left bundle branch block", "LAD, LBBB", quote="LAD")
        False
    """
    if _names_no_finding(name):
        return False
    finding = load_terminology().find(name)
    place = _find_quote(quote, statement)
    tokens = _read_tokens(statement[slice(*place)] if place else statement)
    if finding is not None and finding.name in _stated_names(statement, place):
        return True
    wordings = {name, *(finding.synonyms if finding else ()), *([finding.name] if finding else [])}
    return any(_is_said(_content_words(wording), finding, tokens) for wording in wordings)


def split_certainty(name: str) -> tuple[str, Certainty | None]:
    """A name without the hedge or negation before it, and the certainty that this gives, if there was one.

    Example:
        >>> [split_certainty(name) for name in ("possible pericarditis", "no pacing", "PVC")]
        [('pericarditis', 'uncertain'), ('pacing', 'negative'), ('PVC', None)]
    """
    if load_terminology().find(name) is not None:
        return name, None
    traced = trace_statement(name)
    tokens = load_lexicon().tokenize(traced.text)
    certainty: Certainty | None = None
    for token in tokens:
        if token.kind not in CERTAINTY_OF_KIND:
            return name[traced.locate(token.start, token.end)[0] :] if certainty else name, certainty
        certainty = CERTAINTY_OF_KIND[token.kind]
    return name, None


def _names_no_finding(name: str) -> bool:
    """Whether a name is made of leads, remarks, times and function words only."""
    return load_terminology().find(name) is None and all(
        token.kind in NO_FINDING_KINDS for token in _read_tokens(name)
    )


def _find_quote(quote: str, statement: str) -> tuple[int, int] | None:
    """Start and end of a quote in a statement, whatever its case and blanks; `None` if it is not there."""
    words = re.findall(r"\S+", quote)
    if not words:
        return None
    pattern = r"\s+".join(map(re.escape, words))
    edges = [
        r"\b" if re.match(r"[a-z0-9]", edge, re.IGNORECASE) else "" for edge in (quote.strip()[0], quote.strip()[-1])
    ]
    match = re.search(edges[0] + pattern + edges[1], statement, re.IGNORECASE)
    return match.span() if match else None


@lru_cache(maxsize=1024)
def _read_tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a text as the rules see them."""
    return tuple(load_lexicon().tokenize(normalize_statement(text)))


@lru_cache(maxsize=1024)
def _stated_names(statement: str, place: tuple[int, int] | None) -> frozenset[str]:
    """Findings that the rules read in a statement, or where the quote stands, and those of which they are a kind."""
    terminology = load_terminology()
    tokens = _read_tokens(statement[slice(*place)] if place else statement)
    named = {name for token in tokens if token.kind in FINDING_KINDS for name in token.value.split(",")}
    spans = account_for(statement).spans
    named |= {name for name in spans if place is None or any(_overlap(span, place) for span in spans[name])}
    return frozenset(terminology.close_upward(name for name in named if name in terminology))


def _overlap(span: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two stretches share a character."""
    return span[0] < other[1] and other[0] < span[1]


def _content_words(text: str) -> frozenset[str]:
    """Words of a name that must be found again; all of its words if every one is generic."""
    words = frozenset(word for word in split_words(normalize_statement(text)) if word[0].isalnum())
    return words - GENERIC_WORDS or words


def _is_said(words: frozenset[str], finding: Finding | None, tokens: Iterable[Token]) -> bool:
    """Whether the words of a finding are found among those that the tokens of a statement can give to it."""
    offered = {word for token in tokens for word in _offer_words(token, words, finding)}
    return bool(words) and all(any(is_same_word(word, other) for other in offered) for word in words)


def _offer_words(token: Token, words: frozenset[str], finding: Finding | None) -> Iterator[str]:
    """Words that a token gives to a finding.

    A recognised finding gives its words to a more specific one, which has them all and more; and to a name that the
    terminology does not know and that is a part of it.
    """
    if token.kind not in FINDING_KINDS:
        yield from split_words(token.text)
        yield from _territory_words(token.value)
        return
    for name in token.value.split(","):
        for wording in (token.text, *_wordings(name)):
            own = _content_words(wording)
            if _covers(words, own) or (finding is None and _covers(own, words)):
                yield from own


@lru_cache(maxsize=4096)
def _wordings(name: str) -> tuple[str, ...]:
    """Name and synonyms of a finding of the terminology."""
    terminology = load_terminology()
    return (name, *terminology[name].synonyms) if name in terminology else (name,)


def _covers(words: frozenset[str], others: frozenset[str]) -> bool:
    """Whether each of the other words is one of the words."""
    return bool(others) and all(any(is_same_word(word, other) for word in words) for other in others)


def _territory_words(value: str) -> Iterator[str]:
    """Words of the territories and ages of a token; "inferolateral" gives its parts, and its parts give it."""
    places = value.split(",")
    for place in places:
        if place in TERRITORIES or place in INFARCTION_AGES:
            yield from place.split()
            yield from _parts(place)
    for territory in TERRITORIES:
        parts = _parts(territory)
        if parts and set(parts) <= set(places):
            yield territory


def _parts(territory: str) -> list[str]:
    """Simple territories that a combined one is made of; none for a simple one."""
    parts, rest = [], territory
    while stem := next((stem for stem in TERRITORY_STEMS if rest.startswith(stem)), None):
        parts.append(TERRITORY_STEMS[stem])
        rest = rest.removeprefix(stem)
    return [*parts, rest] if parts else []


@lru_cache(maxsize=65536)
def is_same_word(word: str, other: str) -> bool:
    """Whether two words are the same but for their ending and for "k" or "c", as in German cognates.

    Example:
        >>> [is_same_word("tachycardia", word) for word in ("tachycardic", "tachykardie", "bradycardia")]
        [True, True, False]
    """
    return word == other or not _stems(word).isdisjoint(_stems(other))


@lru_cache(maxsize=65536)
def _stems(word: str) -> frozenset[str]:
    """A word as it is and without each of its possible endings."""
    folded = word.replace("k", "c")
    stems = {folded, *(folded.removesuffix(ending) for ending in ENDINGS)}
    return frozenset(stem for stem in stems if len(stem) >= SHORTEST_STEM)


def is_unknown_quote(quote: str, statement: str) -> bool:
    """Whether a quote is in the statement and its meaning is beyond the word list: no finding, but an unknown word.

    An unknown word has four letters, or is an abbreviation in capitals ("FA"), or in another script than the Latin.
    """
    if _find_quote(quote, statement) is None:
        return False
    tokens = _read_tokens(quote)
    if any(token.kind in FINDING_KINDS for token in tokens):
        return False
    unknown = {token.text for token in tokens if token.kind in UNKNOWN_KINDS} - GENERIC_WORDS
    in_capitals = {word.lower() for word in re.findall(r"\b[A-Z]{2,}\b", quote)} if not statement.isupper() else set()
    return any(len(word) >= SHORTEST_UNKNOWN_WORD or word in in_capitals or not word.isascii() for word in unknown)
