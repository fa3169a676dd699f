"""A small language for questions about a strip: numbers with units, leads, logic, and findings by name.

"wide QRS > 120 ms and no P waves" is a question of two measurements and their logic; what the language cannot read
is a name, and is left to the text encoder. `parse_query` turns text into an `Expression`, `str` prints it in one
canonical way that parses to the same. `docs/queries.md` is the manual.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import inf, isfinite, prod
from typing import Any, NamedTuple

from .leads import LEAD_GROUPS, STANDARD_LEADS, find_runs
from .query_words import (
    ALTERNATIVES,
    DEFAULT_LEADS,
    LINKS,
    MEASUREMENTS,
    NEGATIONS,
    OPERATORS,
    P_WAVE_MV,
    PHRASES,
    SIGNED,
    STRIP_S,
    SUFFIXES,
    Limit,
    Measurement,
    Token,
    Where,
    Wording,
    WordReader,
    find_measurement,
    normalize_name,
)
from .query_words import (
    APOSTROPHE_FOLD as APOSTROPHE_FOLD,
)
from .query_words import (
    QuerySyntaxError as QuerySyntaxError,
)


GRAMMAR_VERSION = 1
MAX_CHARACTERS, MAX_DEPTH = 4000, 40  # of a text, and of brackets and negations within each other
MAX_CHOICES = 36  # of leads in a sum


class Term(NamedTuple):
    """A measurement and what it is multiplied with.

    Attributes:
        key (`str`):
            `qrs_ms`, or with its lead `st_mv_V2`; within `InLeads` without it.
        weight (`float`):
            Factor.
    """

    key: str
    weight: float = 1.0

    def __str__(self) -> str:
        sign, size = "-" if self.weight < 0 else "", abs(self.weight)
        return sign + (self.key if size == 1 else f"{_print_number(size)} * {self.key}")


@dataclass(frozen=True)
class Comparison:
    """A weighted sum of measurements lies between two exclusive limits, in their unit.

    Attributes:
        terms (`tuple[Term, ...]`):
            One for "QRS > 120 ms", two for "R in V1 larger than S in V1".
        above, below (`float`):
            Limits; infinite where there is none.

    Raises:
        ValueError: If there is no term, no limit, or no number between the limits.
    """

    terms: tuple[Term, ...]
    above: float = -inf
    below: float = inf

    def __post_init__(self) -> None:
        if not self.terms or not self.above < self.below or (self.above, self.below) == (-inf, inf):
            raise ValueError(
                f"No number lies above {self.above} and below {self.below}, or the {len(self.terms)} measurements"
                " are none. Give a measurement, and at least one limit, the smaller one first."
            )

    def __str__(self) -> str:
        left = " + ".join(map(str, self.terms)).replace("+ -", "- ")
        if isfinite(self.above) and isfinite(self.below):
            return f"{left} between {_print_number(self.above)} and {_print_number(self.below)}"
        sign, limit = (">", self.above) if isfinite(self.above) else ("<", self.below)
        return f"{left} {sign} {_print_number(limit)}"


@dataclass(frozen=True)
class Present:
    """There is something to measure: `Present("p_ms")` where P waves are."""

    key: str

    def __str__(self) -> str:
        return f"{self.key} present"


@dataclass(frozen=True)
class Finding:
    """A finding that is asked for by its name, which is folded by [`normalize_name`]."""

    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", normalize_name(self.name))

    def __str__(self) -> str:
        return '"' + self.name.replace('"', '""') + '"'


@dataclass(frozen=True)
class Not:
    """The part is not true."""

    part: "Expression"

    def __str__(self) -> str:
        return f"not {_bracket(self.part, Not | AllOf | AnyOf | InLeads)}"


@dataclass(frozen=True)
class AllOf:
    """Every one of two parts or more is true."""

    parts: tuple["Expression", ...]

    def __post_init__(self) -> None:
        _check_parts(self, 2)

    def __str__(self) -> str:
        return " and ".join(_bracket(part, AllOf | AnyOf) for part in self.parts)


@dataclass(frozen=True)
class AnyOf:
    """At least one of two parts or more is true."""

    parts: tuple["Expression", ...]

    def __post_init__(self) -> None:
        _check_parts(self, 2)

    def __str__(self) -> str:
        return " or ".join(_bracket(part, AllOf | AnyOf | Not) for part in self.parts)


@dataclass(frozen=True)
class AtLeast:
    """So many of the parts are true."""

    count: int
    parts: tuple["Expression", ...]

    def __post_init__(self) -> None:
        _check_parts(self, max(1, self.count))

    def __str__(self) -> str:
        return f"at least {self.count} of ({', '.join(_bracket(part, AllOf | AnyOf) for part in self.parts)})"


@dataclass(frozen=True)
class InLeads:
    """A statement about one lead is true in so many of the leads.

    Attributes:
        part (`Expression`):
            Its keys have no lead.
        leads (`tuple[str, ...]`):
            Standard names.
        count (`int`):
            In how many of them at least.
        are_contiguous (`bool`):
            Whether these must lie side by side: in aVL, I; in II, aVF, III; or in V1 to V6. aVR does not count.
    """

    part: "Expression"
    leads: tuple[str, ...]
    count: int
    are_contiguous: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.count <= len(self.leads) or (self.are_contiguous and not find_runs(self.leads, self.count)):
            raise ValueError(
                f"There are no {self.count} such leads in {', '.join(self.leads)}. Ask for fewer of them."
            )

    def __str__(self) -> str:
        contiguous = "contiguous " if self.are_contiguous else ""
        leads = "12 leads" if self.leads == STANDARD_LEADS else ", ".join(self.leads)
        part = _bracket(self.part, Not | AllOf | AnyOf | AtLeast)
        return f"{part} in at least {self.count} {contiguous}of {leads}"


Expression = Comparison | Present | Finding | Not | AllOf | AnyOf | AtLeast | InLeads


def check_measurement_keys(keys: Sequence[str]) -> None:
    """Refuse keys that name no measurement, and those that stand twice.

    Raises:
        ValueError: If there are any; the message names the first.
    """
    for place, key in enumerate(keys):
        if find_measurement(key) is None:
            raise ValueError(
                f"`measurements` names {key!r}, which is no measurement. Write one such as 'qrs_ms', or with its lead"
                " 'st_mv_V2'."
            )
        if key in keys[:place]:
            raise ValueError(f"`measurements` names {key!r} twice. Name each measurement once.")


def _print_number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def _bracket(part: Expression, kinds: Any) -> str:
    """Print a part, in brackets if it is one of these kinds."""
    return f"({part})" if isinstance(part, kinds) else str(part)


def _check_parts(whole: AllOf | AnyOf | AtLeast, least: int) -> None:
    if len(whole.parts) < least:
        raise ValueError(f"{type(whole).__name__} has {len(whole.parts)} parts. Give it at least {least}.")


def map_parts(expression: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """Change what logic combines; what has no parts, and `InLeads`, stays as it is."""
    match expression:
        case Not(part):
            return Not(change(part))
        case AllOf(parts) | AnyOf(parts):
            return type(expression)(tuple(map(change, parts)))
        case AtLeast(count, parts):
            return AtLeast(count, tuple(map(change, parts)))
    return expression


def expand(expression: Expression) -> Expression:
    """Write statements about leads as logic of statements about keys: without `InLeads`.

    Example:
        >>> print(expand(parse_query("st depression in two of II, III and aVF")))
        at least 2 of (st_mv_II < -0.05, st_mv_III < -0.05, st_mv_aVF < -0.05)
    """
    if not isinstance(expression, InLeads):
        return map_parts(expression, expand)
    part, leads, count = expression.part, expression.leads, expression.count
    if expression.are_contiguous:
        return _any_of([_all_of([_at(part, lead) for lead in run]) for run in find_runs(leads, count)])
    parts = [_at(part, lead) for lead in leads]
    if count == 1:
        return _any_of(parts)
    return _all_of(parts) if count == len(parts) else AtLeast(count, tuple(parts))


def keys_of(expression: Expression) -> tuple[str, ...]:
    """Keys of all measurements that an expression asks for, each once."""
    return tuple(dict.fromkeys(key for atom in _atoms(expand(expression)) for key in _keys(atom)))


def findings_of(expression: Expression) -> tuple[str, ...]:
    """Names of all findings that an expression asks for, each once."""
    return tuple(dict.fromkeys(atom.name for atom in _atoms(expression) if isinstance(atom, Finding)))


def _atoms(expression: Expression) -> Iterator[Comparison | Present | Finding]:
    match expression:
        case Not(part) | InLeads(part):
            yield from _atoms(part)
        case AllOf(parts) | AnyOf(parts) | AtLeast(_, parts):
            for part in parts:
                yield from _atoms(part)
        case _:
            yield expression


def _keys(atom: Comparison | Present | Finding) -> tuple[str, ...]:
    if isinstance(atom, Comparison):
        return tuple(key for key, _ in atom.terms)
    return (atom.key,) if isinstance(atom, Present) else ()


def _all_of(parts: Sequence[Expression]) -> Expression:
    return AllOf(tuple(parts)) if len(parts) > 1 else parts[0]


def _any_of(parts: Sequence[Expression]) -> Expression:
    return AnyOf(tuple(parts)) if len(parts) > 1 else parts[0]


def _at(expression: Expression, lead: str) -> Expression:
    """A statement about one lead, about this one."""
    if isinstance(expression, Comparison):
        terms = tuple(Term(_key_at(key, lead), weight) for key, weight in expression.terms)
        return Comparison(terms, expression.above, expression.below)
    if isinstance(expression, Present):
        return Present(_key_at(expression.key, lead))
    return map_parts(expression, lambda part: _at(part, lead))


def _key_at(key: str, lead: str) -> str:
    return f"{key}_{lead}" if key in MEASUREMENTS and MEASUREMENTS[key].is_per_lead else key


def _is_open(expression: Expression) -> bool:
    """Whether the key of an atom lacks its lead."""
    return not isinstance(expression, InLeads) and any(
        _key_at(key, "I") != key for atom in _atoms(expression) for key in _keys(atom)
    )


class _Subject(NamedTuple):
    """What a statement is about, and what it says without a limit.

    How a limit is meant: "" as it stands; "+" and "-" how far above and below zero; "=" beside that of the meaning.
    """

    terms: tuple[Term, ...]
    meaning: Expression | None = None
    sign: str = ""
    is_key: bool = False

    @property
    def measurement(self) -> Measurement:
        """The first that it is about."""
        return find_measurement(self.terms[0].key) or MEASUREMENTS[self.terms[0].key]


@lru_cache(maxsize=256)
def _subject_of(words: Measurement | Wording) -> _Subject:
    """What a phrase is about."""
    if isinstance(words, Measurement):
        return _Subject((Term(words.name),), Present(words.name) if words.is_count else None)
    meaning = _Parser(words.meaning, ()).expression()
    if words.measure:
        sign, keys = re.fullmatch("([+-]?)(.*)", words.measure).groups()
        return _Subject(tuple(Term(key) for key in keys.split(" + ")), meaning, sign)
    return _Subject(meaning.terms if isinstance(meaning, Comparison) else (), meaning, "=")


class _Operand(NamedTuple):
    """One of the measurements that are added or compared."""

    weight: float
    subject: _Subject
    where: list[Where] | None


class _Parser(WordReader):
    """A recursive descent over the words of a text."""

    def __init__(self, text: str, names: Collection[str]) -> None:
        super().__init__(text)
        self.names = sorted(filter(None, names), key=len, reverse=True)
        self.depth = 0
        self.is_denied = self.was_denied = False  # behind a "no", and whether the last statement began with one
        self.places: dict[Expression, Token] = {}

    def read(self) -> Expression:
        """The whole text."""
        expression = self.expression()
        if self.token.kind != "end":
            is_unit = self.tokens[self.index - 1].kind == "number"
            self.fail(
                "{} is no unit" if is_unit else "{} does not belong here",
                self.suggest("Write ms, s, mV, mm, /min or degrees." if is_unit else "Go on with 'and' or 'or'."),
            )
        return self.close(expression)

    def expression(self) -> Expression:
        """Statements with "and", "or" and commas between: "and" binds closer, a comma is the word behind it."""
        parts, links, denied = [self.unary()], [], [self.was_denied]
        while link := self.link():
            links.append(link)
            parts.append(self.unary())
            denied.append(self.was_denied)
        found = {word for word, _ in links}
        if len(found) == 3:
            self.fail("a comma beside 'and' and 'or' can be read in two ways", "Use brackets.", links[0][1])
        groups = [[parts[0]]]
        for place, (word, token) in enumerate(links):
            is_or = word == "or" or (word == "," and "or" in found)
            if is_or and denied[place] and not denied[place + 1]:
                remedy = "Write 'neither … nor …', or use brackets."
                self.fail("'no … or …' can be read in two ways", remedy, token)
            groups[-1:] = [groups[-1], [parts[place + 1]]] if is_or else [[*groups[-1], parts[place + 1]]]
        return _any_of([_all_of(group) for group in groups])

    def link(self) -> tuple[str, Token] | None:
        """What joins two statements, if it is next; "without" is "and" and a negation, which stays."""
        token = self.token
        comma = "," if self.accept(",", ";") else None
        word = self.phrase(LINKS)
        if not word and not comma and token.text in ("without", "in") and self.is_next(NEGATIONS):
            word = "and"
        return (word or comma, token) if word or comma else None

    def unary(self) -> Expression:
        """A statement, negated or not, or a finding: whichever takes more of the text."""
        depth = self.depth
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"brackets lie within each other more than {MAX_DEPTH} deep", "Ask several questions.")
        name, end = self.find_name()
        try:
            expression = self.negation()
        except QuerySyntaxError:
            if not name:
                raise
            expression = None
        if name and (expression is None or end >= self.index):
            self.index, expression, self.was_denied = end, Finding(name), False
        self.depth = depth
        return expression

    def find_name(self) -> tuple[str, int]:
        """The longest name of a finding that is next, and the place of the token behind it."""
        start = self.token.start
        for name in self.names:
            words = name.split()
            if self.folded[start : start + len(words[0])].lower() == words[0]:
                pattern = r"[\s_-]+".join(map(re.escape, words)) + r"(?![\w'])"
                found = re.compile(pattern, re.IGNORECASE).match(self.folded, start)
                if found:
                    return name, next(i for i, token in enumerate(self.tokens) if token.start >= found.end())
        return "", 0

    def negation(self) -> Expression:
        """A statement, perhaps behind "not", "no" or "neither"."""
        self.accept("either", "both")
        outer, self.was_denied = self.is_denied, False
        if self.accept("neither"):
            self.is_denied, parts = True, [Not(self.unary())]
            while self.accept("nor"):
                parts.append(Not(self.unary()))
            self.is_denied, self.was_denied = outer, False
            return (
                _all_of(parts) if len(parts) > 1 else self.fail("'neither' has no 'nor'", "Write 'neither … nor …'.")
            )
        word = None if self.is_next(OPERATORS) else self.phrase(NEGATIONS)
        if not word:
            return self.primary()
        self.is_denied = word == "no"
        part = self.unary()
        self.is_denied, self.was_denied = outer, word == "no"
        return Not(part)

    def primary(self) -> Expression:
        """A name in quotes, brackets, "at least 2 of (…)", or a statement."""
        start, token = self.index, self.token
        if token.kind == "name":
            self.index += 1
            return Finding(token.text)
        if self.accept("("):
            expression = self.expression()
            self.accept(")") or self.fail("')' is missing before {}", "Put it here, or go on with 'and' or 'or'.")
            where = self.where() if self.token.text == "in" else None
            self.was_denied = False
            return self.spread(expression, where, token) if where else expression
        operator, count = self.phrase(OPERATORS), self.number()
        is_least = count is not None and operator in (None, ">=") and self.phrase(SUFFIXES) in (None, ">=")
        if is_least and self.accept("of") and self.accept("("):
            parts = [self.unary()]
            while self.link():
                parts.append(self.unary())
            self.accept(")") or self.fail("')' is missing before {}", "Put it here, or a comma.")
            if count not in range(1, len(parts) + 1):
                self.fail(f"there are {len(parts)} statements, not {count:g}", "Ask for fewer.", token)
            return AtLeast(int(count), tuple(parts))
        self.index = start
        return self.statement()

    def statement(self) -> Expression:
        """One measurement, or a few that are added or compared: before or behind it its limits and leads."""
        start = self.token
        outer = None if self.is_next(PHRASES) else self.where()
        if outer:
            self.accept(":", ",", "with", "show", "showing")
        first = self.limit(is_first=True)
        if first:
            self.accept("of")
        operands = self.operands()
        is_absent = self.accept("absent", "missing")
        is_present = is_absent or self.accept("present", "seen")
        limit = self.limits(first)
        if limit is None and not is_present and (self.is_next(OPERATORS) or self.token.text == "/"):
            core, where = self.compared(operands)
        elif len(operands) > 1 or operands[0].weight != 1:
            core, where = self.added(operands, limit or self.fail("the sum has no limit before {}", "Write one."))
        else:
            where = outer or operands[0].where
            core = self.single(operands[0].subject, limit, where, start, is_present=is_present)
        where = outer or where or self.where()
        if is_absent or self.accept("absent", "missing"):
            core = Not(core)
        if where:
            return self.spread(core, where, start)
        self.places.setdefault(core, start)
        return core

    def operands(self) -> list[_Operand]:
        """Measurements that are added: "S in V1 + R in V5", or with "and" where a limit follows."""
        operands = [self.operand(1.0)]
        while self.token.text in ("+", "plus", "-", "minus") and not self.is_number_next():
            sign = 1.0 if self.accept("+", "plus") else -1.0
            self.accept("-", "minus")
            operands.append(self.operand(sign))
        start = self.index
        if operands[-1].where and self.accept("and"):
            phrase = self.phrase(PHRASES)
            second = _subject_of(phrase) if phrase else None
            where = self.where()
            place = self.index
            waves = {term.key for subject in (operands[-1].subject, second) if subject for term in subject.terms}
            if second and where and waves == {"s_mv", "r_mv"} and self.limit():
                self.index = place
                return [*operands, _Operand(1.0, second, where)]
            self.index = start
        return operands

    def is_number_next(self) -> bool:
        """Whether a number with its sign is next, which is no factor."""
        start = self.index
        is_number = self.number() is not None and self.token.text != "*"
        self.index = start
        return is_number

    def operand(self, sign: float) -> _Operand:
        start = self.index
        factor = self.number()
        if factor is None:
            factor = -1.0 if self.accept("-") else 1.0
        elif not self.accept("*"):
            self.index, factor = start, 1.0
        token = self.token
        if token.kind == "key":
            self.index += 1
            return _Operand(sign * factor, _Subject((Term(token.text),), is_key=True), self.where())
        phrase = self.phrase(PHRASES)
        if phrase is None:
            problem = "{} is no measurement" if token.text else "a statement is missing at {}"
            self.fail(problem, self.suggest("Write such as 'QRS > 120 ms', or the name of a known finding."))
        return _Operand(sign * factor, _subject_of(phrase), self.where())

    def compared(self, left: list[_Operand]) -> tuple[Expression, list[Where] | None]:
        """One measurement against another: "R in V1 larger than S in V1", "R/T in V2 > 1"."""
        place, factor = self.token, 1.0
        operator = None if self.accept("/") else self.phrase(OPERATORS)
        right = self.operands()
        if operator is None:
            limit = self.limit() or self.fail("the ratio has no limit before {}", "Write such as 'T/R in V2 > 1'.")
            operator, factor = (">", limit.above) if limit.above > -inf else ("<", limit.below)
        if operator not in (">", ">=", "<", "<="):
            self.fail("two measurements are not compared by {}", "Write 'larger than' or 'smaller than'.", place)
        operands = [*left, *(operand._replace(weight=-factor * operand.weight) for operand in right)]
        return self.added(operands, Limit(above=0.0) if operator[0] == ">" else Limit(below=0.0))

    def added(self, operands: list[_Operand], limit: Limit) -> tuple[Expression, list[Where] | None]:
        """A sum of measurements, all of one lead that the last names, or each of its own."""
        if not all(operand.subject.terms for operand in operands):
            self.fail("a wording without number is added before {}", "Add measurements.")
        shared = None if any(operand.where for operand in operands[:-1]) else operands[-1].where
        sets = [None if shared else operand.where for operand in operands]
        choices = [[lead for where in found for lead in where.leads] if found else [""] for found in sets]
        measurements = [operand.subject.measurement for operand in operands]
        if len({measurement.unit for measurement in measurements}) > 1 and limit.unit:
            self.fail("the measurements have several units", "Add amplitudes to amplitudes.", limit.place)
        if prod(map(len, choices)) > MAX_CHOICES:
            self.fail("too many leads are combined before {}", "Name fewer.")
        above, below = self.scaled(limit, measurements[0])
        sums = []
        for leads in product(*choices):
            terms = [
                Term(_key_at(term.key, lead) if lead else term.key, operand.weight * term.weight)
                for lead, operand in zip(leads, operands, strict=True)
                for term in operand.subject.terms
            ]
            sums.append(self.comparison(tuple(terms), above, below))
        is_all = any(where.count is None and len(where.leads) > 1 for found in sets if found for where in found)
        return (_all_of if is_all else _any_of)(sums), shared

    def single(
        self, subject: _Subject, limit: Limit | None, where: list[Where] | None, start: Token, *, is_present: bool
    ) -> Expression:
        """One measurement within its limits, those of its wording, or only there."""
        if where and subject.terms == (Term("num_p_waves"),):
            subject = _Subject((Term("p_mv"),), Comparison((Term("p_mv"),), above=P_WAVE_MV))
        if limit:
            return self.limited(subject, limit, start)
        if subject.meaning is None and not is_present:
            self.fail("the limit is missing before {}", "Write such as '> 120 ms' or 'between 60 and 100'.")
        return subject.meaning or Present(subject.terms[0].key)

    def limited(self, subject: _Subject, limit: Limit, start: Token) -> Expression:
        """One measurement within limits."""
        if not subject.terms:
            self.fail("this wording takes no limit of its own", "Leave the number out.", start)
        unit, terms, measurement = limit.unit or {}, subject.terms, subject.measurement
        for kind, key in ALTERNATIVES.get(measurement.name, {}).items():
            if kind in unit and measurement.dimension not in unit:
                terms, measurement = (Term(key),), MEASUREMENTS[key]
        if "part" in unit and measurement.unit == "beats":
            share = limit.above if limit.above > -inf else limit.below
            terms = (*terms, Term("rate_per_min", -round(share * unit["part"] * STRIP_S / 60, 10)))
            return self.comparison(
                terms, limit.above * 0 if limit.above > -inf else -inf, 0.0 if limit.below < inf else inf
            )
        above, below = self.scaled(limit, measurement)
        if limit.operator in ("left", "right") and measurement.name != "axis_deg":
            self.fail("only the axis lies left or right of a number", "Write 'above' or 'below'.", start)
        if measurement.is_whole:
            return self.counted(subject, limit)
        if limit.operator == "=" or (limit.operator == "bare" and not subject.sign):
            self.fail("no measured number has one exact value", "Write such as '> 120 ms' or '60–100'.", start)
        above, below = self.signed(subject, limit, above, below)
        if measurement.name == "axis_deg" and above > below:  # the shorter way around
            if above - below > 180:
                return AnyOf((Comparison(terms, above=above), Comparison(terms, below=below)))
            above, below = below, above
        return self.comparison(terms, above, below)

    def signed(self, subject: _Subject, limit: Limit, above: float, below: float) -> tuple[float, float]:
        """Limits as the measurement has them: "inverted by 2 mm" is below -0.2, "left axis < -45" above -90 too."""
        meaning = subject.meaning
        if subject.sign == "=" and isinstance(meaning, Comparison):
            if limit.operator == "bare" and meaning.above == -inf:
                above, below = -inf, above
            return (meaning.above if above == -inf else above), (meaning.below if below == inf else below)
        above = max(above, 0.0) if subject.sign else above
        is_depth = limit.operator == "deep" and not subject.sign and subject.measurement.name in SIGNED
        return (-below, -above) if is_depth or subject.sign == "-" else (above, below)

    def counted(self, subject: _Subject, limit: Limit) -> Expression:
        """A whole number within limits, which lie half-way between two; those of keys stay, as in canonical form."""
        above, below = limit.above, limit.below
        if limit.operator in (">=", "<=", "=") or not subject.is_key:
            above += -0.5 if limit.closes_above else 0.5
            below += 0.5 if limit.closes_below else -0.5
        there = _any_of([Present(term.key) for term in subject.terms])
        if subject.is_key or (above, below) not in ((0.5, inf), (-inf, 0.5), (-0.5, 0.5)):
            return self.comparison(subject.terms, above, below)
        return there if below == inf else Not(there)

    def comparison(self, terms: tuple[Term, ...], above: float, below: float) -> Comparison:
        try:
            return Comparison(terms, above, below)
        except ValueError:
            self.fail(f"no number lies above {above:g} and below {below:g}", "Give the smaller limit first.")

    def spread(self, core: Expression, where: list[Where], start: Token) -> Expression:
        """A statement about one lead, in the leads that are named."""
        atoms = list(_atoms(core))
        if not any(map(_is_open, atoms)):
            self.fail("there is one such number of all leads", "Leave the leads out.", start)
        is_about_t = all(key.startswith("t_") for atom in atoms for key in _keys(atom))
        parts = []
        for leads, count, are_contiguous, is_group in where:
            if is_about_t and is_group and leads == LEAD_GROUPS["anterior"]:
                leads = leads[1:]  # T is negative in V1 of healthy hearts
            if count is None and len(leads) == 1:
                parts.append(_at(core, leads[0]))
                continue
            if count is None:
                count = 1 if self.is_denied else min(2, len(leads)) if is_group else len(leads)
            try:
                parts.append(InLeads(core, leads, count or len(leads), are_contiguous))
            except ValueError as error:
                self.fail(
                    f"{str(error)[0].lower()}{str(error).partition('. ')[0][1:]}", "Ask for fewer of them.", start
                )
        return _all_of(parts)

    def close(self, expression: Expression) -> Expression:
        """Statements about one lead that name none, in the leads where such are looked at."""
        if expression not in self.places or not _is_open(expression):
            return map_parts(expression, self.close)
        leads, count = DEFAULT_LEADS.get(_keys(next(_atoms(expression)))[0], ((), 0))
        if not leads:
            self.fail("the leads are missing", "Say in which, such as 'in V1'.", self.places[expression])
        return InLeads(expression, leads, count, count > 1) if len(leads) > 1 else _at(expression, leads[0])


def parse_query(text: str, names: Collection[str] = ()) -> Expression:
    """Read a question about a strip.

    Args:
        text (`str`):
            Such as "wide QRS > 120 ms and no P waves".
        names (`Collection[str]`):
            Findings that may be asked for by name, folded by [`normalize_name`].

    Returns:
        `Expression`: Its tree; `Finding` if the text as a whole is one of the names.

    Raises:
        QuerySyntaxError: If it is no query, with the position from which on it could not be read.

    Example:
        >>> print(parse_query("wide QRS > 130 ms and no P waves"))
        qrs_ms > 130 and not num_p_waves present
    """
    name = normalize_name(text)
    if name in names:
        return Finding(name)
    if len(text) > MAX_CHARACTERS:
        remedy = "Ask several questions."
        raise QuerySyntaxError(text, MAX_CHARACTERS, f"it goes on beyond {MAX_CHARACTERS} characters", remedy)
    return _Parser(text, names).read()
