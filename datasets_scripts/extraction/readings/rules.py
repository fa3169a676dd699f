"""The `rules` backend: findings of a statement with their certainty, by word list and scope.

Source: the scopes of hedges and negations follow the idea of NegEx (Chapman et al. 2001, J Biomed Inform 34:301) and
ConText (Harkema et al. 2009, J Biomed Inform 42:839): a cue opens a scope, which a connective or a new phrase closes.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from datasets_scripts.terminology.findings import ABNORMAL_FINDING, load_terminology

from .coverage import content_spans, count_content_words, find_left_over
from .languages import tokenize_statement
from .lexicon import VOLTAGES, Token, located_stems
from .reading import NEGATIVE, POSITIVE, UNCERTAIN, Certainty, Reading, code_entity, strongest
from .statements import trace_statement


RULES_VERSION = "6"  # changes whenever a statement is read differently
INFARCTION, OLD = "myocardial infarction", "old"
# What the QRS complex shows of damage, and what is old of it, is a scar; what the ST segment shows is an injury. Carts
# say "damage" of both, under a heading that says which.
INJURY, DAMAGED_QRS, DAMAGE = (
    "myocardial injury",
    ("abnormal qrs", "q waves"),
    re.compile(r"^(?!innen|aussen).*(?:schad|schaedigung|damage|skada)"),
)
HIGH_VOLTAGES = ("high qrs voltage", "limb high qrs voltage", "precordial high qrs voltage")
LEFT_HYPERTROPHY, VOLTAGE_CRITERION = "left ventricular hypertrophy", "left ventricular hypertrophy by voltage"
# Findings that cannot be there without the one they are added to by "with".
DEPENDENT_FINDINGS = ("secondary st-t changes", "sinoatrial block")
# Findings of repolarization: those joined by "and" share the territory before the first of them.
REPOLARIZATION_PREFIXES = ("st ", "st-t ", "t wave ", "low amplitude t", "tall t", "biphasic t")
# An adjective of the rhythm that follows: it neither ends nor uses up a hedge.
ADJECTIVES = ("irregular rhythm",)
REMARK_KINDS = ("remark", "changes", "alternative", "territory", "ignore")
# What may stand between a territory or age and the finding behind it, and between a finding and the age behind it.
BEFORE_STEM = ("word", "filler", "part", "age", "degree", "ignore", "territory")
AFTER_STEM = ("word", "filler", "part", "hedge", "comma", "dash", "degree", "territory", "remark", "bracket")
PHRASE_ENDS = ("end", "stop", "comma", "dash", "but")
BETWEEN_TERRITORIES = ("and", "comma")


@dataclass
class Mention:
    """A finding as met in the text, before territory and age are joined to its name."""

    stem: str
    certainty: Certainty
    group: int
    sentence: int
    is_located: bool = False
    territories: tuple[str, ...] = ()
    age: str = ""
    tokens: tuple[Token, ...] = ()  # the words that say it
    owner: "Mention | None" = None  # whose territory this finding has if it is given none

    def names(self) -> Iterator[str]:
        """Canonical names, one per territory; a territory that the finding does not take is dropped."""
        terminology = load_terminology()
        for territory in self.territories or ("",):
            name = " ".join(part for part in (self.age, territory, self.stem) if part)
            yield name if name in terminology else self.stem


@dataclass
class StatementReader:
    """Walks over the tokens of one statement and keeps track of what is hedged, negated, joined and located."""

    tokens: Sequence[Token]
    mentions: list[Mention] = field(default_factory=list)
    certainty: Certainty = POSITIVE  # of the scope that is open
    is_scope_used: bool = False  # a finding has stood in the open scope
    certainty_before_with: Certainty = POSITIVE
    is_in_condition: bool = False  # behind "if", to the end of the sentence
    is_joined: bool = False  # "and" or "or" since the last finding
    is_alternative: bool = False  # "or" since the last finding
    territories: tuple[str, ...] = ()
    age: str = ""
    modifiers: tuple[Token, ...] = ()  # territory and age that stand before their finding
    has_remark: bool = False  # since the last finding
    group: int = 0
    sentence: int = 0

    def read(self) -> list[Mention]:
        """All findings of the statement."""
        for position, token in enumerate(self.tokens):
            handler = getattr(self, f"_read_{token.kind}", None)
            if handler is not None:
                handler(token, position)
        for mention in self.mentions:
            if mention.owner and not mention.territories:
                mention.territories = mention.owner.territories
        return [*self.mentions, *self._read_voltage_criteria()]

    def _read_voltage_criteria(self) -> Iterator[Mention]:
        """High voltages that suggest a hypertrophy are a voltage criterion for it, whether there is one or not."""
        for voltage, hypertrophy in pairwise(self.mentions):
            is_criterion = voltage.stem in HIGH_VOLTAGES and hypertrophy.stem == LEFT_HYPERTROPHY
            if is_criterion and voltage.sentence == hypertrophy.sentence and voltage.certainty == POSITIVE:
                tokens = (*voltage.tokens, *hypertrophy.tokens)
                yield Mention(VOLTAGE_CRITERION, POSITIVE, self.group, voltage.sentence, tokens=tokens)

    def _read_finding(self, token: Token, position: int) -> None:
        names = token.value.split(",")
        is_in_brackets = position > 0 and self.tokens[position - 1].kind == "bracket"
        if is_in_brackets and self.mentions and names == [self.mentions[-1].stem]:
            return  # another wording of the finding before, under the same hedge or negation
        for name in names:
            self.is_joined = self.is_joined or name != names[0]
            mention = Mention(name, POSITIVE, self.group, self.sentence, tokens=(token,))
            self._add(mention, is_dependent=name in DEPENDENT_FINDINGS)

    def _read_stem(self, token: Token, position: int) -> None:
        is_old_damage = _is_damage(token) and self.age == OLD
        is_scar = is_old_damage or self._is_scar(token)
        stem = INFARCTION if is_scar else token.value
        mention = Mention(stem, POSITIVE, self.group, self.sentence, is_located=True)
        mention.territories = tuple(place for place in self.territories if _takes_territory(stem, place))
        if stem == INFARCTION:
            mention.age, self.age = self.age, ""
        self.territories = ()
        self._take_modifiers(mention, token)
        if self.is_joined and _is_repolarization(mention) and _is_repolarization(self.mentions[-1]):
            mention.owner = self.mentions[-1]
        self._add(mention, is_dependent=token.text.startswith("extension"))
        if is_scar:
            _weaken(mention)

    def _is_scar(self, token: Token) -> bool:
        """Whether this is damage that the QRS complex shows, and no finding of repolarization has followed."""
        if not _is_damage(token):
            return False
        shown = [other for other in self.mentions if other.sentence == self.sentence]
        headings = [other for other in shown if other.stem in DAMAGED_QRS or _is_repolarization(other)]
        return bool(headings) and headings[-1].stem in DAMAGED_QRS

    def _read_changes(self, token: Token, position: int) -> None:
        """The "acute changes" of an infarct stand for the acute infarct; mere "changes" for nothing."""
        if not self.age:
            return
        mention = Mention(INFARCTION, POSITIVE, self.group, self.sentence, is_located=True)
        mention.owner = next((other for other in self.mentions if other.stem == INFARCTION), None)
        mention.territories, mention.age = self.territories, self.age
        self.territories, self.age = (), ""
        self._take_modifiers(mention, token)
        self._add(mention, is_dependent=True)

    def _take_modifiers(self, mention: Mention, token: Token) -> None:
        """The words that say a finding: its own, and the territory and the age before it."""
        mention.tokens = (*self.modifiers, token)
        self.modifiers = ()

    def _read_borderline_ecg(self, token: Token, position: int) -> None:
        self.certainty = UNCERTAIN
        self._add(Mention(ABNORMAL_FINDING, UNCERTAIN, self.group, self.sentence, tokens=(token,)))

    def _add(self, mention: Mention, *, is_dependent: bool = False) -> None:
        """Append a finding with the certainty of the open scope, which ends before a finding that nothing joins."""
        is_adjective = mention.stem in ADJECTIVES
        if self.is_scope_used and not self.is_joined and not self.is_in_condition:
            self._close_scope()
        mention.certainty = self.certainty
        if is_dependent and mention.certainty == POSITIVE:
            mention.certainty = self.certainty_before_with
        if self.is_alternative:
            for alternative in (*(self._last_group()[-1:] if self.is_joined else ()), mention):
                _weaken(alternative)
        if not self.is_joined:
            self.group += 1
        mention.group = self.group
        self.mentions.append(mention)
        self.is_scope_used = not is_adjective
        self.is_joined = self.is_alternative = self.has_remark = False

    def _read_remark(self, token: Token, position: int) -> None:
        self.has_remark = True

    def _read_territory(self, token: Token, position: int) -> None:
        places = tuple(token.value.split(","))
        if self._next_token(position, skip=BEFORE_STEM).kind in ("stem", "changes"):
            self.territories = places
            self.modifiers += (token,)
            return
        is_set_off = position > 0 and self.tokens[position - 1].kind == "comma"
        mentions = [mention for mention in self.mentions if mention.sentence == self.sentence]
        for mention in mentions if is_set_off else self._last_group():
            if mention.is_located and not mention.territories:
                mention.territories = tuple(place for place in places if _takes_territory(mention.stem, place))
                mention.tokens += (token,) if mention.territories else ()

    def _read_age(self, token: Token, position: int) -> None:
        """An age belongs to the infarct after it, or else to the one just before it; to nothing else."""
        following = self._next_token(position, skip=BEFORE_STEM)
        preceding = next((other for other in self.tokens[:position][::-1] if other.kind not in AFTER_STEM), token)
        is_predicate = self._is_hedged_predicate(position)
        is_old_damage = token.value == OLD and _is_damage(following)
        if not is_predicate and (following.kind == "changes" or following.value == INFARCTION or is_old_damage):
            self.age = token.value
            self.modifiers += (token,)
        elif preceding.value != INFARCTION:
            return
        elif self.certainty == POSITIVE or self.is_scope_used:
            for infarction in self._last_group():
                infarction.age = token.value
                infarction.tokens += (token,)
        else:
            last = self.mentions[-1]
            doubted = Mention(INFARCTION, POSITIVE, self.group, self.sentence, age=token.value)
            doubted.territories, doubted.tokens = last.territories, (*last.tokens, token)
            self._add(doubted)

    def _is_hedged_predicate(self, position: int) -> bool:
        """Whether only a hedge parts the age from the infarct before it: "infarkt wahrscheinlich alt"."""
        before = [*self.tokens[max(position - 2, 0) : position]]
        return len(before) == 2 and before[0].value == INFARCTION and before[1].kind == "hedge"

    def _read_hedge(self, token: Token, position: int) -> None:
        is_last = self._next_token(position, skip=("bracket", "present")).kind in PHRASE_ENDS
        if is_last and self.mentions and not self.has_remark:
            self._read_hedge_after(token, position)
        elif self.certainty != NEGATIVE or self.is_scope_used:
            self._open_scope(UNCERTAIN)

    def _read_negation(self, token: Token, position: int) -> None:
        is_last = self._next_token(position, skip=()).kind in PHRASE_ENDS
        if is_last and self._last_group() and not self.has_remark:
            self._read_negation_after(token, position)
        else:
            self._read_negation_next(token, position)

    def _read_negation_next(self, token: Token, position: int) -> None:
        if not self.is_in_condition:
            self._open_scope(NEGATIVE)

    def _read_if(self, token: Token, position: int) -> None:
        self._open_scope(UNCERTAIN)
        self.is_in_condition = True

    def _read_cause(self, token: Token, position: int) -> None:
        if self.is_scope_used:
            self._close_scope()

    def _read_with(self, token: Token, position: int) -> None:
        if not self.is_in_condition:
            self.certainty_before_with = self.certainty if self.certainty != NEGATIVE else POSITIVE
            self._close_scope()
        self._end_group()

    def _read_comma(self, token: Token, position: int) -> None:
        is_list = self.certainty != POSITIVE and self.is_scope_used and self._has_or_ahead(position)
        if is_list:
            self.is_joined = True
            return
        if self.is_scope_used:
            self._close_scope()
        self._end_group()

    def _read_dash(self, token: Token, position: int) -> None:
        self._close_scope()
        self._end_group()

    def _read_but(self, token: Token, position: int) -> None:
        self._close_scope()
        self._end_group()
        self.certainty_before_with = POSITIVE

    def _read_stop(self, token: Token, position: int) -> None:
        self.is_in_condition = False
        self._read_but(token, position)
        self.sentence += 1

    def _read_degree(self, token: Token, position: int) -> None:
        if self.certainty == NEGATIVE and self.is_scope_used and not self.is_joined:
            self._close_scope()

    def _read_and(self, token: Token, position: int) -> None:
        self.is_joined = bool(self.mentions)

    def _read_or(self, token: Token, position: int) -> None:
        before = self.tokens[position - 1].kind if position else ""
        follows_finding = bool(self.mentions) and self._is_in_last_group() and before != "alternative"
        self.is_joined = follows_finding
        self.is_alternative = follows_finding or before in ("", "alternative")

    def _read_alternative(self, token: Token, position: int) -> None:
        if self.is_alternative:
            for mention in self._last_group()[-1:]:
                _weaken(mention)

    def _read_hedge_after(self, token: Token, position: int) -> None:
        """Weaken the findings before the hedge; with none there, those behind: "the rhythm is likely flutter"."""
        weakened = self._last_group()
        for mention in weakened:
            _weaken(mention)
        if not weakened:
            self._open_scope(UNCERTAIN)

    def _read_hedge_all(self, token: Token, position: int) -> None:
        for mention in self.mentions:
            if mention.sentence == self.sentence:
                _weaken(mention)

    def _read_negation_after(self, token: Token, position: int) -> None:
        """Deny the findings before the negation; with none there, those behind: "unlikely ischemia"."""
        denied = self._last_group()
        for mention in denied:
            mention.certainty = NEGATIVE
        if not denied:
            self._open_scope(NEGATIVE)

    def _read_replaced(self, token: Token, position: int) -> None:
        """Deny the findings before "has converted to"; those behind are there."""
        for mention in self._last_group():
            mention.certainty = NEGATIVE
        self._close_scope()
        self._end_group()

    def _read_present(self, token: Token, position: int) -> None:
        for mention in self._last_group():
            mention.certainty = POSITIVE

    def _open_scope(self, certainty: Certainty) -> None:
        if not self.is_in_condition:
            self.certainty = certainty
        self.is_scope_used = False

    def _close_scope(self) -> None:
        if not self.is_in_condition:
            self.certainty = POSITIVE
        self.is_scope_used = False

    def _end_group(self) -> None:
        self.is_joined = self.is_alternative = False
        self.group += 1

    def _last_group(self) -> list[Mention]:
        """The last finding of the sentence and those joined to it by "and" or "or"."""
        mentions = [mention for mention in self.mentions if mention.sentence == self.sentence]
        return [mention for mention in mentions if mention.group == mentions[-1].group]

    def _is_in_last_group(self) -> bool:
        """Whether nothing has closed the phrase of the last finding."""
        return self.mentions[-1].group == self.group

    def _next_token(self, position: int, *, skip: Sequence[str]) -> Token:
        """The next token that is not to be skipped; one of the kind "end" behind the last."""
        return next((token for token in self.tokens[position + 1 :] if token.kind not in skip), Token("end"))

    def _has_or_ahead(self, position: int) -> bool:
        """Whether the sentence goes on as a list that ends with "or"."""
        for token in self.tokens[position + 1 :]:
            if token.kind in ("stop", "but", "with", "dash"):
                return False
            if token.kind == "or":
                return True
        return False


class Account(NamedTuple):
    """What the rules made of each word of a statement.

    Attributes:
        reading (`Reading`):
            The findings.
        spans (`dict[str, tuple[tuple[int, int], ...]]`):
            For each finding, start and end of the words that say it, in characters of the statement as written.
        left_over (`tuple[str, ...]`):
            Words as written that are no finding, modifier, hedge, negation, lead, number, remark or function word.
        num_words (`int`):
            Words that should have a meaning: all but function words, figures and single letters.
    """

    reading: Reading
    spans: dict[str, tuple[tuple[int, int], ...]]
    left_over: tuple[str, ...]
    num_words: int


@lru_cache(maxsize=16_384)  # statements are few and are read again where they are written down
def account_for(statement: str) -> Account:
    """Read a statement and account for each of its words.

    Args:
        statement (`str`):
            One statement of a report, in English, German or Swedish, or in a language of `FOREIGN_LANGUAGES`.

    Returns:
        `Account`: Findings, where they stand, and what was left over.

    Example:
        >>> account = account_for("Old inferior infarct, gremlins")
        >>> account.spans, account.left_over
        ({'old inferior myocardial infarction': ((0, 20),)}, ('gremlins',))
    """
    traced = trace_statement(statement)
    words_of_language, is_known = tokenize_statement(traced.text)
    tokens = join_territories(words_of_language)
    if not is_known:
        unread = Reading((), is_read=False, prompt_version=RULES_VERSION)
        words = [statement[slice(*traced.locate(*span))] for span in content_spans(tokens)]
        return Account(unread, {}, tuple(words), len(words))
    certainties: dict[str, Certainty] = {}
    said: dict[str, list[Token]] = {}
    for mention in StatementReader(tokens).read():
        for name in mention.names():
            certainties[name] = strongest(certainties.get(name, NEGATIVE), mention.certainty)
            said.setdefault(name, []).extend(mention.tokens)
    left_over = find_left_over(tokens)
    is_understood = bool(certainties) or any(token.kind in REMARK_KINDS for token in tokens)
    entities = tuple(code_entity(name, certainty) for name, certainty in certainties.items())
    return Account(
        Reading(entities, is_understood and not left_over, prompt_version=RULES_VERSION),
        {name: _join_spans(traced.locate(token.start, token.end) for token in said[name]) for name in certainties},
        tuple(statement[slice(*traced.locate(token.start, token.end))] for token in left_over),
        count_content_words(tokens),
    )


def account_for_spelling(spelling: str, representative: str) -> Account:
    """Account for a statement that differs from one already read, most often in case and in the full stop only.

    Args:
        spelling (`str`):
            The statement as written.
        representative (`str`):
            The spelling of it that was read.
    """
    bare, read = (text.lower().rstrip(" .") for text in (spelling, representative))
    is_alike = bare == read and spelling.isascii() and representative.isascii()
    return account_for(representative if is_alike else spelling)


def read_statement(statement: str) -> Reading:
    """Findings that a statement names, with certainty and codes.

    Args:
        statement (`str`):
            One statement of a report, in English, German or Swedish, or in a language of `FOREIGN_LANGUAGES`.

    Returns:
        `Reading`: Its entities, and whether it was understood: not so if it holds no word of any meaning, or a word
        that should have one and was left over.

    Example:
        >>> [entity[:2] for entity in read_statement("Possible LVH with PVCs").entities]
        [('left ventricular hypertrophy', 'uncertain'), ('premature ventricular contraction', 'positive')]
    """
    return account_for(statement).reading


def _join_spans(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Spans in order, each once; those with nothing but a blank between are one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(set(spans)):
        if joined and start <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)


def join_territories(tokens: Sequence[Token]) -> list[Token]:
    """Make one token of territories joined by "and", "+" or a comma; its value lists them, divided by commas."""
    joined: list[Token] = []
    for token in tokens:
        if token.kind == "territory" and (start := _start_of_list(joined)) is not None:
            first = joined[start]
            value, text = f"{first.value},{token.value}", f"{first.text} {token.text}"
            joined[start:] = [Token("territory", value, text, first.start, token.end)]
        else:
            joined.append(token)
    return joined


def _start_of_list(tokens: Sequence[Token]) -> int | None:
    """Position of the territory that a following territory continues, with only connectives and "leads" between."""
    for position in range(len(tokens) - 1, -1, -1):
        kind, text = tokens[position].kind, tokens[position].text
        if kind == "territory":
            return position if position < len(tokens) - 1 else None
        if kind not in BETWEEN_TERRITORIES and text not in ("lead", "leads"):
            return None
    return None


def _takes_territory(stem: str, territory: str) -> bool:
    """Voltages are located in limb or precordial leads, all other findings anywhere."""
    return stem in located_stems() and (stem not in VOLTAGES or territory in ("limb", "precordial"))


def _is_damage(token: Token) -> bool:
    """Whether a word says that the myocardium is damaged, and neither of which kind nor where in the wall."""
    return token.value == INJURY and DAMAGE.search(token.text) is not None


def _is_repolarization(mention: Mention) -> bool:
    """Whether the finding is one of the ST segment or the T wave."""
    return mention.stem.startswith(REPOLARIZATION_PREFIXES)


def _weaken(mention: Mention) -> None:
    """Make a positive finding an uncertain one."""
    if mention.certainty == POSITIVE:
        mention.certainty = UNCERTAIN
