"""A small language for questions about a strip: numbers with units, leads, logic, and findings by name.

"wide QRS > 120 ms and no P waves" is a question of two measurements and their logic; what the language cannot read
is a name, and is left to the text encoder. `parse_query` turns text into an `Expression`, `str` prints it in one
canonical way that parses to the same. `docs/queries.md` is the manual.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, product
from math import ceil, floor, inf, isfinite, prod
from typing import Any, NamedTuple

from .leads import LEAD_GROUPS, STANDARD_LEADS, NamedLeads, find_runs
from .query_words import (
    DEFAULT_LEADS,
    DIMENSION_NAMES,
    MEASUREMENTS,
    NEGATIONS,
    OPERATORS,
    PHRASES,
    SIGNED,
    SMALLEST_WAVE_MV,
    STRIP_S,
    SUFFIXES,
    Limit,
    Measurement,
    QuerySyntaxError,
    Token,
    Wording,
    WordReader,
    find_measurement,
    normalize_name,
)


GRAMMAR_VERSION = 1
MAX_CHARACTERS, MAX_DEPTH = 4000, 40  # of a text, and of brackets and negations within each other
MAX_CHOICES = 36  # of leads in a sum
_REMEDY = "Put it here, or go on with 'and' or 'or'."


class Term(NamedTuple):
    """A measurement, under its key (`qrs_ms`, `st_mv_V2`; within `InLeads` without the lead), and its factor."""

    key: str
    weight: float = 1.0

    def __str__(self) -> str:
        sign, size = "-" if self.weight < 0 else "", abs(self.weight)
        return sign + (self.key if size == 1 else f"{_print_number(size)} * {self.key}")


@dataclass(frozen=True)
class Comparison:
    """A weighted sum of measurements lies between two exclusive limits, in their unit; infinite: there is none.

    Raises:
        ValueError: If there is no term, no limit, or no number between the limits.
    """

    terms: tuple[Term, ...]
    above: float = -inf
    below: float = inf

    def __post_init__(self) -> None:
        if not self.terms or (self.above, self.below) == (-inf, inf):
            raise ValueError("a comparison has no measurement or no limit")
        if not self.above < self.below:
            raise ValueError(f"no number lies above {self.above:g} and below {self.below:g}")

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
class _Parts:
    parts: tuple["Expression", ...]

    def __post_init__(self) -> None:
        if len(self.parts) < 2:
            raise ValueError(f"there are {len(self.parts)} statements, not 2")


class AllOf(_Parts):
    """Every one of two parts or more is true."""

    def __str__(self) -> str:
        return " and ".join(_bracket(part, AllOf | AnyOf) for part in self.parts)


class AnyOf(_Parts):
    """At least one of two parts or more is true."""

    def __str__(self) -> str:
        return " or ".join(_bracket(part, AllOf | AnyOf | Not) for part in self.parts)


@dataclass(frozen=True)
class AtLeast:
    """So many of the parts are true."""

    count: int
    parts: tuple["Expression", ...]

    def __post_init__(self) -> None:
        if not 1 <= self.count <= len(self.parts):
            raise ValueError(f"there are {len(self.parts)} statements, not {self.count}")

    def __str__(self) -> str:
        return f"at least {self.count} of ({', '.join(_bracket(part, AllOf | AnyOf) for part in self.parts)})"


@dataclass(frozen=True)
class InLeads:
    """A statement about one lead, whose keys have none, is true in at least so many of the leads.

    Contiguous ones lie side by side: in aVL, I; in II, aVF, III; or in V1 to V6. aVR does not count.

    Raises:
        ValueError: If there are not so many.
    """

    part: "Expression"
    leads: tuple[str, ...]
    count: int
    are_contiguous: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.count <= len(self.leads) or (self.are_contiguous and not find_runs(self.leads, self.count)):
            raise ValueError(f"there are no {self.count} such leads among {', '.join(self.leads)}")

    def __str__(self) -> str:
        contiguous = "contiguous " if self.are_contiguous else ""
        leads = "12 leads" if self.leads == STANDARD_LEADS else ", ".join(self.leads)
        part = _bracket(self.part, Not | AllOf | AnyOf | AtLeast)
        return f"{part} in at least {self.count} {contiguous}of {leads}"


Expression = Comparison | Present | Finding | Not | AllOf | AnyOf | AtLeast | InLeads


def _print_number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def _bracket(part: Expression, kinds: Any) -> str:
    """Print a part, in brackets if it is one of these kinds."""
    return f"({part})" if isinstance(part, kinds) else str(part)


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
    """Write statements about leads as logic of statements about keys: without `InLeads`."""
    if not isinstance(expression, InLeads):
        return map_parts(expression, expand)
    part, leads, count = expression.part, expression.leads, expression.count
    if expression.are_contiguous:
        return _join(AnyOf, [_join(AllOf, [_at(part, lead) for lead in run]) for run in find_runs(leads, count)])
    parts = tuple(_at(part, lead) for lead in leads)
    return AtLeast(count, parts) if 1 < count < len(parts) else _join(AnyOf if count == 1 else AllOf, parts)


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


def _join(kind: type[AllOf] | type[AnyOf], parts: Sequence[Expression]) -> Expression:
    return kind(tuple(parts)) if len(parts) > 1 else parts[0]


def _at(expression: Expression, lead: str) -> Expression:
    """A statement about one lead, about this one."""
    if isinstance(expression, Comparison):
        terms = tuple(Term(_key_at(key, lead), weight) for key, weight in expression.terms)
        return Comparison(terms, expression.above, expression.below)
    if isinstance(expression, Present):
        return Present(_key_at(expression.key, lead))
    return map_parts(expression, lambda part: _at(part, lead))


def _key_at(key: str, lead: str) -> str:
    return f"{key}_{lead}" if lead and key in MEASUREMENTS and MEASUREMENTS[key].is_per_lead else key


def _is_open(expression: Expression) -> bool:
    """Whether a key lacks its lead."""
    return _at(expression, "I") != expression


class _Subject(NamedTuple):
    """What a statement is about, what it says without a limit, and how one is meant: as `Wording` describes."""

    terms: tuple[Term, ...]
    meaning: Expression | None = None
    sign: str = ""
    is_key: bool = False

    @property
    def measurement(self) -> Measurement:
        """The first that it is about."""
        return find_measurement(self.terms[0].key) or MEASUREMENTS[self.terms[0].key]


_Operand = tuple[float, _Subject, list[NamedLeads] | None]  # its weight, what it is and in which leads


@lru_cache(maxsize=256)
def _subject_of(words: Measurement | Wording) -> _Subject:
    """What a phrase is about."""
    if isinstance(words, Measurement):
        return _Subject((Term(words.name),), Present(words.name) if words.is_count else None)
    meaning, sign = _Parser(words.meaning, ()).expression(), words.measure[:1]
    if words.measure:
        terms = tuple(Term(key) for key in words.measure.strip("+-").split(" + "))
        return _Subject(terms, meaning, sign if sign in "+-" else "")
    return _Subject(meaning.terms if isinstance(meaning, Comparison) else (), meaning, "=")


class _Parser(WordReader):
    """A recursive descent over the words of a text."""

    def __init__(self, text: str, names: Collection[str]) -> None:
        super().__init__(text, names)
        self.depth = 0
        self.is_denied = self.was_denied = False  # behind a "no", and whether the last statement began with one
        self.places: dict[Expression, Token] = {}  # of statements that name no leads

    def read(self) -> Expression:
        """The whole text."""
        expression = self.expression()
        if self.token.kind != "end" and self.tokens[self.index - 1].kind == "number":
            self.fail("{} is no unit", "Write ms, s, mV, mm, /min or degrees.")
        if self.token.kind != "end":
            self.fail("{} does not belong here", self.suggest("Go on with 'and' or 'or'."))
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
        return _join(AnyOf, [_join(AllOf, group) for group in groups])

    def unary(self) -> Expression:
        """A statement, negated or not, or a finding: whichever takes more of the text."""
        depth, self.depth = self.depth, self.depth + 1
        if self.depth > MAX_DEPTH:
            self.fail(f"brackets lie within each other more than {MAX_DEPTH} deep", "Ask several questions.")
        name, end = self.find_name()
        try:
            expression = self.negation()
        except QuerySyntaxError:
            if not name:
                raise
            expression = None
        if expression is None or (name and end >= self.index):
            self.index, expression, self.was_denied = end, Finding(name), False
        self.depth = depth
        return expression

    def negation(self) -> Expression:
        """A statement, perhaps behind "not", "no" or "neither"."""
        self.accept("either", "both")
        outer, self.was_denied = self.is_denied, False
        is_neither = self.accept("neither")
        word = "no" if is_neither else None if self.is_next(OPERATORS) else self.phrase(NEGATIONS)
        if not word:
            return self.primary()
        self.is_denied = word == "no"
        parts = [Not(self.unary())]
        while is_neither and self.accept("nor"):
            parts.append(Not(self.unary()))
        if is_neither and len(parts) < 2:
            self.fail("'neither' has no 'nor' before {}", "Write 'neither … nor …'.")
        self.is_denied, self.was_denied = outer, word == "no" and not is_neither
        return _join(AllOf, parts)

    def primary(self) -> Expression:
        """A name in quotes, brackets, "at least 2 of (…)", or a statement."""
        start, token = self.index, self.token
        if token.kind == "name" and normalize_name(token.text):
            self.index += 1
            return Finding(token.text)
        if self.accept("("):
            expression = self.expression()
            if not self.accept(")"):
                self.fail("')' is missing before {}", _REMEDY)
            self.was_denied = False
            where = self.where() if self.token.text == "in" else None
            return self.spread(expression, where, token) if where else expression
        operator, count = self.phrase(OPERATORS), self.number()
        is_least = operator in (None, ">=") and self.phrase(SUFFIXES) in (None, ">=")
        if count is None or not is_least or not self.accept("of") or not self.accept("("):
            self.index = start
            return self.statement()
        parts = [self.unary()]
        while self.link():
            parts.append(self.unary())
        if not self.accept(")"):
            self.fail("')' is missing before {}", _REMEDY)
        if count not in range(1, len(parts) + 1):
            self.fail(f"there are {len(parts)} statements, not {count:g}", "Ask for fewer.", token)
        return AtLeast(int(count), tuple(parts))

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
        try:
            core, where = self.core(operands, limit, outer, is_present=is_present)
            where = outer or where or self.where()
            if is_absent or self.accept("absent", "missing"):
                core = Not(core)
            if where:
                return self.spread(core, where, start)
        except ValueError as error:  # limits or leads that fit nothing
            if isinstance(error, QuerySyntaxError):
                raise
            self.fail(str(error), "Give the smaller limit first, or ask for fewer leads.", start)
        self.places.setdefault(core, start)
        return core

    def core(
        self, operands: list[_Operand], limit: Limit | None, outer: list[NamedLeads] | None, *, is_present: bool
    ) -> tuple[Expression, list[NamedLeads] | None]:
        """What a statement says, and in which leads."""
        weight, subject, where = operands[0]
        if limit is None and not is_present and self.is_next(OPERATORS):
            return self.compared(operands)
        if limit is None and (len(operands) > 1 or weight != 1 or (subject.meaning is None and not is_present)):
            self.fail("the limit is missing before {}", "Write such as '> 120 ms' or 'between 60 and 100'.")
        if limit and (len(operands) > 1 or weight != 1):
            return self.added(operands, limit)
        if (where or outer) and subject.terms == (Term("num_p_waves"),):
            subject = _Subject((Term("p_mv"),), Comparison((Term("p_mv"),), above=SMALLEST_WAVE_MV))
        if limit:
            return self.limited(subject, limit), where
        return subject.meaning or Present(subject.terms[0].key), where

    def operands(self) -> list[_Operand]:
        """Measurements that are added: "S in V1 + R in V5", or with "and" where a limit follows."""
        operands = [self.operand(1.0)]
        while re.match(r"[+-](?!\s*[\d.]+(?![\d.e]|\s*\*))|(?:plus|minus)\b", self.folded[self.token.start :], re.I):
            sign = 1.0 if self.accept("+", "plus") else -1.0
            self.accept("-", "minus")
            operands.append(self.operand(sign))
        start, (_, first, where) = self.index, operands[-1]
        if where and self.accept("and") and (words := self.phrase(PHRASES)):
            second, where = _subject_of(words), self.where()
            place = self.index
            if where and {*first.terms, *second.terms} == {Term("s_mv"), Term("r_mv")} and self.limit():
                self.index = place
                return [*operands, (1.0, second, where)]
        self.index = start
        return operands

    def operand(self, sign: float) -> _Operand:
        """A measurement with its factor and its leads."""
        start = self.index
        factor = self.number()
        if factor is None:
            factor = -1.0 if self.accept("-") else 1.0
        elif not self.accept("*"):
            self.index, factor = start, 1.0
        if self.token.kind == "key":
            self.index += 1
            subject = _Subject((Term(self.tokens[self.index - 1].text),), is_key=True)
        elif words := self.phrase(PHRASES):
            subject = _subject_of(words)
        else:
            problem = "{} is no measurement" if self.token.text else "a statement is missing at {}"
            self.fail(problem, self.suggest("Write such as 'QRS > 120 ms', or the name of a known finding."))
        return sign * factor, subject, self.where()

    def compared(self, left: list[_Operand]) -> tuple[Expression, list[NamedLeads] | None]:
        """One measurement against another: "R in V1 larger than S in V1"."""
        place, operator = self.token, self.phrase(OPERATORS)
        right = self.operands()
        if operator not in (">", ">=", "<", "<="):
            self.fail("two measurements are not compared by {}", "Write 'larger than' or 'smaller than'.", place)
        operands = [*left, *((-weight, subject, where) for weight, subject, where in right)]
        return self.added(operands, Limit(above=0.0) if operator[0] == ">" else Limit(below=0.0))

    def added(self, operands: list[_Operand], limit: Limit) -> tuple[Expression, list[NamedLeads] | None]:
        """A sum of measurements, all of one lead that the last names, or each of its own."""
        if not all(subject.terms for _, subject, _ in operands):
            self.fail("a wording without number is added before {}", "Add measurements.")
        shared = None if any(where for _, _, where in operands[:-1]) else operands[-1][2]
        choices = [
            [
                [Term(_key_at(key, lead), weight * factor) for key, factor in subject.terms]
                for lead in ([lead for named in where for lead in named.leads] if where and not shared else [""])
            ]
            for weight, subject, where in operands
        ]
        if prod(map(len, choices)) > MAX_CHOICES:
            self.fail("too many leads are combined before {}", "Name fewer.")
        measurements = [subject.measurement for _, subject, _ in operands]
        if len({measurement.unit for measurement in measurements}) > 1 and limit.unit:
            self.fail("the measurements have several units", "Add amplitudes to amplitudes.", limit.place)
        above, below = self.scaled(limit, measurements[0])
        sums = [Comparison(tuple(chain(*terms)), above, below) for terms in product(*choices)]
        is_all = any(named.count is None and len(named.leads) > 1 for *_, where in operands for named in where or ())
        return _join(AllOf if is_all and not shared else AnyOf, sums), shared

    def limited(self, subject: _Subject, limit: Limit) -> Expression:
        """One measurement within limits."""
        if not subject.terms:
            self.fail("this wording takes no limit of its own before {}", "Leave the number out.")
        unit, terms, measurement = limit.unit or {}, subject.terms, subject.measurement
        for kind, key in DIMENSION_NAMES.get(measurement.name, {}).items():
            if kind in unit and measurement.dimension not in unit:
                terms = tuple(map(Term, key.split(" + ")))
                measurement = MEASUREMENTS[terms[0].key]
        if "part" in unit and measurement.unit == "beats":
            share = (limit.above if limit.above > -inf else limit.below) * unit["part"] * STRIP_S / 60
            terms = (*terms, Term("rate_per_min", -round(share, 10)))
            return Comparison(terms, above=0.0) if limit.above > -inf else Comparison(terms, below=0.0)
        above, below = self.scaled(limit, measurement)
        if limit.operator in ("left", "right") and measurement.name != "axis_deg":
            self.fail("only the axis lies left or right of a number", "Write 'above' or 'below'.", limit.place)
        if measurement.is_whole:
            return self.counted(subject, limit)
        if limit.operator == "=" or (limit.operator == "bare" and not subject.sign):
            self.fail("no measured number has one exact value", "Write '> 120 ms' or '60 to 100'.", limit.place)
        above, below = self.signed(subject, limit, above, below)
        if measurement.name == "axis_deg" and above > below:  # the shorter way around
            if above - below > 180:
                return AnyOf((Comparison(terms, above=above), Comparison(terms, below=below)))
            above, below = below, above
        return Comparison(terms, above, below)

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
            above = above if above == -inf else ceil(above) - 0.5 if limit.closes_above else floor(above) + 0.5
            below = below if below == inf else floor(below) + 0.5 if limit.closes_below else ceil(below) - 0.5
        if subject.is_key or (above, below) not in ((0.5, inf), (-inf, 0.5), (-0.5, 0.5)):
            return Comparison(subject.terms, above, below)
        there = _join(AnyOf, [Present(term.key) for term in subject.terms])
        return there if below == inf else Not(there)

    def spread(self, core: Expression, where: list[NamedLeads], start: Token) -> Expression:
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
            parts.append(InLeads(core, leads, count or len(leads), are_contiguous))
        return _join(AllOf, parts)

    def close(self, expression: Expression) -> Expression:
        """Statements about one lead that name none, in the leads where such are looked at."""
        if expression not in self.places or not _is_open(expression):
            return map_parts(expression, self.close)
        leads, count = DEFAULT_LEADS.get(next(iter(_keys(next(_atoms(expression)))), ""), (("",), 0))
        if not count:
            self.fail("the leads are missing", "Say in which, such as 'in V1'.", self.places[expression])
        return _at(expression, leads[0]) if len(leads) == 1 else InLeads(expression, leads, count, count > 1)


def parse_query(text: str, names: Collection[str] = ()) -> Expression:
    """Read a question about a strip.

    Args:
        text (`str`):
            Such as "wide QRS > 120 ms and no P waves".
        names (`Collection[str]`):
            Findings that may be asked for by name, folded by [`normalize_name`]; a text that is one is that `Finding`.

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
        problem = f"it goes on beyond {MAX_CHARACTERS} characters"
        raise QuerySyntaxError(text, MAX_CHARACTERS, problem, "Ask several questions.")
    return _Parser(text, names).read()
