"""Conditions as expressions over measurements and findings: what training never named is answered by its parts.

Definitions come from guidelines and textbooks, travel with the checkpoint in `config.definitions`, and may be the
user's own. How an expression becomes a probability: a measurement is logistic about its value, so that a comparison
with any limit has one. For "and" and "or" the errors of several measurements must not be taken as independent: where
QRS is measured too long, so is QT. Their correlation comes from a few common factors (`Measured.loadings`). Given the
factors they are independent: a conjunction is a product, an alternative is missed if all are, "at least k of n" is a
Poisson binomial; the mean over `NUM_NODES` fixed values of the factors is the answer. What is named more than once, a
finding or a measurement with several limits, is taken case by case. So a comparison alone is exact. Where errors
correlate by .72, two limits joined by "and" are off by .005 on average, their bare product by .040.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from math import inf, pi, sqrt
from os import PathLike
from pathlib import Path
from reprlib import repr as shorten
from typing import Any, NamedTuple

import torch

from .query_grammar import (
    AllOf,
    AnyOf,
    AtLeast,
    Comparison,
    Expression,
    Finding,
    Not,
    Present,
    QuerySyntaxError,
    Term,
    expand,
    find_measurement,
    findings_of,
    keys_of,
    map_parts,
    normalize_name,
    parse_query,
)


# Values of the common factors over which an answer is averaged, and how many factors count in one expression
NUM_NODES, MOST_FACTORS = 64, 4
MOST_SHARED_VARIANCE = 0.95  # of a measurement with the factors: with more, answers would jump between the nodes
MOST_CASES_WITHIN = 3  # each other, of what parts share; they are taken not to share what is beyond
CHUNK_SIZE = 1024  # records at once: their probabilities at all nodes then fit a processor's cache
LEAST_SHARED, SMALLEST_SD = 1e-6, 1e-9  # of a factor that counts, and of a number without error

OF_RECORDS = ("value", "sd", "measurable")
REMEDY = "Write entries such as {condition: broad complexes, expression: QRS > 130 ms, source: Own choice}."
# A finding by its name, a sum of measurements to which limits are set, or whether there is something to measure
Variable = str | tuple[Term, ...] | Present


class Definition(NamedTuple):
    """What a condition consists of.

    It answers to its `names` as well, synonyms and codes. The `expression` is over measurements, findings and other
    conditions; `source` names the guideline or textbook; `is_reviewed` says whether a reader has confirmed it.
    """

    condition: str
    names: tuple[str, ...]
    expression: Expression
    source: str
    is_reviewed: bool


def read_definitions(source: Any, names: Collection[str] = ()) -> list[dict[str, Any]]:
    """Definitions of a file or mapping, checked, as `config.definitions` stores them.

    Args:
        source (`str`, `Path`, `Mapping` or `Sequence[Mapping]`):
            A YAML or JSON file, or what it holds: entries with `condition`, `expression`, `source` and, where needed,
            `names` and `reviewed`; or expressions by their condition, which count as reviewed.
        names (`Collection[str]`):
            Findings that expressions may name without quotation marks, besides the conditions themselves.

    Returns:
        `list[dict]`: Entries with `condition`, `names`, `expression` in canonical form, `source` and `is_reviewed`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If an entry cannot be read; the message names the condition, and where its expression is wrong.

    Example:
        >>> read_definitions({"broad complexes": "QRS > 130 ms"})[0]["expression"]
        'qrs_ms > 130'
    """
    place = "`definitions`"
    if isinstance(source, str | PathLike):
        import yaml  # of which JSON is a part

        place = str(source)
        try:
            source = yaml.safe_load(Path(source).read_text(encoding="utf-8"))
        except (ValueError, yaml.YAMLError) as error:
            raise ValueError(f"{place} is neither YAML nor JSON: {error}. {REMEDY}") from error
    if isinstance(source, Mapping):
        own_word = {"source": "Given by the user", "reviewed": True}
        source = [
            {"condition": name, **(entry if isinstance(entry, Mapping) else own_word | {"expression": entry})}
            for name, entry in source.items()
        ]
    found = dict.fromkeys(parse_definitions(source, names, place=place).values())
    return [each._asdict() | {"names": list(each.names), "expression": str(each.expression)} for each in found]


def parse_definitions(
    entries: Any, names: Collection[str] | None = None, *, place: str = "`definitions`"
) -> dict[str, Definition]:
    """Definitions by all names that they answer to, folded; a condition before another's synonym.

    Args and errors are those of [`read_definitions`], which names `place`. Without `names`, findings and conditions
    stand in quotation marks, as they are stored.
    """
    if not isinstance(entries, list | tuple):
        raise ValueError(f"{place} is {shorten(entries)}, no list of definitions. {REMEDY}")
    for number, entry in enumerate(entries):
        _check_entry(entry, f"Definition {number} of {place}")
    given = () if names is None else (*names, *(entry["condition"] for entry in entries))
    known = frozenset(map(normalize_name, given))
    by_name: dict[str, Definition] = {}
    for entry in entries:
        name, where = normalize_name(entry["condition"]), f"{entry['condition']!r} in {place}"
        if name in by_name:
            raise ValueError(f"{where} is defined twice. Join the two with 'or', or leave one of them out.")
        try:
            expression = _parse(entry["expression"], known)
        except QuerySyntaxError as error:
            raise ValueError(f"{where}: {error}") from error
        synonyms, is_reviewed = tuple(entry.get("names", ())), entry.get("is_reviewed", entry.get("reviewed", False))
        by_name[name] = Definition(entry["condition"], synonyms, expression, entry["source"], is_reviewed)
    for found in tuple(by_name.values()):
        for synonym in found.names:
            by_name.setdefault(normalize_name(synonym), found)
    _refuse_circles(by_name, place)
    return by_name


def _check_entry(entry: Any, where: str) -> None:
    """Refuse an entry of which a part is missing or of another kind."""
    content = entry if isinstance(entry, Mapping) else {}
    for field in ("condition", "expression", "source"):
        if not isinstance(content.get(field), str) or not content[field].strip():
            raise ValueError(f"{where}: `{field}` is no text but {shorten(content.get(field))}. {REMEDY}")
        where += f", {content[field]!r}" if field == "condition" else ""
    names = content.get("names", ())
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError(f"{where}: `names` is no list of names but {shorten(names)}. {REMEDY}")
    is_reviewed = content.get("is_reviewed", content.get("reviewed", False))
    if not isinstance(is_reviewed, bool):
        raise ValueError(f"{where}: `reviewed` is {shorten(is_reviewed)}, neither true nor false. {REMEDY}")


def _refuse_circles(by_name: Mapping[str, Definition], place: str) -> None:
    """Refuse conditions that are defined by themselves, however far round."""
    for start in dict.fromkeys(by_name.values()):
        waiting, met = [start], {start}
        while waiting:
            for name in findings_of(waiting.pop().expression):
                found = by_name.get(name)
                if found == start:
                    raise ValueError(
                        f"{start.condition!r} in {place} is defined by itself. Write what it consists of."
                    )
                if found is not None and found not in met:
                    met.add(found)
                    waiting.append(found)


@lru_cache(maxsize=4096)
def _parse(text: str, names: frozenset[str]) -> Expression:
    return parse_query(text, names)


class Measured(NamedTuple):
    """Measurements of records, as a model predicts them.

    Attributes:
        keys (`tuple[str, ...]`):
            What is measured.
        value, sd (`torch.Tensor` of shape `(..., num_measurements)`):
            Location and standard deviation, in the unit of each.
        measurable (`torch.Tensor` of shape `(..., num_measurements)`):
            Probability that there is something to measure.
        loadings (`torch.Tensor` of shape `(num_measurements, num_factors)`):
            How far the error of each follows the common factors; no row is longer than 1.
    """

    keys: tuple[str, ...]
    value: torch.Tensor
    sd: torch.Tensor
    measurable: torch.Tensor
    loadings: torch.Tensor

    @classmethod
    def of(cls, model: Any, measurements: Any) -> "Measured | None":
        """What a model returned as `measurements`; `None` where it has no head for them."""
        if measurements is None:
            return None
        numbers = (measurements.value, measurements.sd, measurements.measurable)
        return cls(tuple(model.config.measurements), *numbers, model.measurement_head.loadings)

    def columns(self, keys: Sequence[str]) -> "Measured":
        """Some of the measurements, of all records in one row, in double precision on the CPU."""
        places = [self.keys.index(key) for key in keys]
        parts = (part[..., places].reshape(-1, len(places)).cpu().double() for part in self[1:4])
        return Measured(tuple(keys), *parts, loadings=self.loadings[places].cpu().double())


def evaluate_expression(
    expression: Expression, measured: Measured | None, findings: Mapping[str, torch.Tensor]
) -> torch.Tensor:
    """Probability that an expression is true of each record.

    Args:
        expression (`Expression`):
            What is asked.
        measured ([`Measured`], *optional*):
            Measurements of the records, with all that the expression names.
        findings (`Mapping[str, torch.Tensor]`):
            Probability of each finding that the expression names, of shape `(...)`.

    Returns:
        `torch.Tensor` of shape `(...)`: From 0 to 1.

    Example:
        >>> question = parse_query('"fast" and not "wide"')
        >>> evaluate_expression(question, None, {"fast": torch.tensor(0.8), "wide": torch.tensor(0.25)})
        tensor(0.6000)
    """
    question = _take_apart(expression)
    like = next(findings[name] for name in question.findings) if measured is None else measured.value[..., 0]
    asked = {name: findings[name].reshape(-1).cpu().double() for name in question.findings}
    numbers = measured.columns(question.keys) if measured is not None and question.keys else None
    answer = torch.empty(like.numel(), dtype=torch.float64)
    for start in range(0, len(answer), CHUNK_SIZE):
        rows = slice(start, start + CHUNK_SIZE)
        some = numbers and numbers._replace(**{each: getattr(numbers, each)[rows] for each in OF_RECORDS})
        chances = _Chances(question, some, {name: each[rows] for name, each in asked.items()})
        answer[rows] = chances.of(question.tree).mean(dim=0)
    return answer.to(like).reshape(like.shape)


class _Within(NamedTuple):
    """A variable lies in one of these cells.

    The cells of a sum of measurements are the intervals between all limits that the expression sets to it, from the
    lowest, and after them that there is nothing to measure. All others have the cells 0, absent, and 1, present.
    """

    variable: Variable
    cells: frozenset[int]


class _Cases(NamedTuple):
    """What remains to be true in each case of a variable; in the cases that are not there the whole is false."""

    variable: Variable
    cases: "tuple[tuple[frozenset[int], _Tree], ...]"


_Tree = Any  # a `bool`, `_Within`, `_Cases`, or `AllOf`, `AnyOf` or `AtLeast` of them


class _Question:
    """An expression as a tree over cells of its variables, in which no two parts share a variable."""

    def __init__(self, expression: Expression) -> None:
        expression = expand(expression)
        atoms: list[Expression] = []
        _list_atoms(expression, atoms)
        limits: dict[tuple[Term, ...], set[float]] = {}
        for atom in atoms:
            if isinstance(atom, Comparison):
                variable, *bounds = _place(atom)
                limits.setdefault(variable, set()).update(bound for bound in bounds if abs(bound) < inf)
        self.limits = {variable: sorted(found) for variable, found in limits.items()}
        self.keys, self.findings = keys_of(expression), findings_of(expression)
        waves = Counter(wave for variable in limits for wave in _waves_of(variable))
        asked = {_wave_of(atom.key) for atom in atoms if isinstance(atom, Present)}
        self.shared_waves = asked | {wave for wave, count in waves.items() if count > 1}
        self.tree = self._separate(self._write(expression, is_true=True))

    def _write(self, part: Expression, *, is_true: bool) -> _Tree:
        """A part, or its negation, over cells: negations are carried down to the variables."""
        if isinstance(part, Not):
            return self._write(part.part, is_true=not is_true)
        if isinstance(part, AllOf | AnyOf | AtLeast):
            parts = [self._write(each, is_true=is_true) for each in part.parts]
            if isinstance(part, AtLeast):
                # Not k of n are true: n - k + 1 of them are false
                return _at_least(part.count if is_true else len(parts) - part.count + 1, parts)
            return _combine(AllOf if isinstance(part, AllOf) == is_true else AnyOf, parts)
        if isinstance(part, Comparison):
            return self._write_comparison(part, is_true=is_true)
        atom: Any = part  # `expand` leaves no others
        variable = Present(_wave_of(atom.key)) if isinstance(part, Present) else atom.name
        return _Within(variable, frozenset({int(is_true)}))

    def _write_comparison(self, atom: Comparison, *, is_true: bool) -> _Tree:
        """A comparison, or its negation; where others share what is measured, its being there stands for itself."""
        variable, above, below = _place(atom)
        bounds = [-inf, *self.limits[variable], inf]
        intervals = range(len(bounds) - 1)
        needed = 1 if above > below else 2  # the circle of angles is closed: from 90 to -90 degrees through 180
        inside = {each for each in intervals if (bounds[each] >= above) + (bounds[each + 1] <= below) >= needed}
        cells = inside if is_true else set(intervals) - inside
        waves = _waves_of(variable)
        shared = [Present(wave) for wave in sorted(waves & self.shared_waves)]
        is_true_of_nothing = (_is_count(*variable) and above < 0 < below) == is_true
        if is_true_of_nothing and len(shared) < len(waves):
            cells.add(len(intervals))
        measured = _combine(
            AllOf, [*(_Within(wave, frozenset({1})) for wave in shared), _Within(variable, frozenset(cells))]
        )
        if not is_true_of_nothing:
            return measured
        return _combine(AnyOf, [*(_Within(wave, frozenset({0})) for wave in shared), measured])

    def _separate(self, tree: _Tree, depth: int = 0) -> _Tree:
        """The same tree, taken apart by cases of what several parts share."""
        if not isinstance(tree, AllOf | AnyOf | AtLeast):
            return tree
        if depth == MOST_CASES_WITHIN:
            return map_parts(tree, lambda part: self._separate(part, depth))
        if isinstance(tree, AtLeast):
            shared = _most_shared(tree.parts)
            return self._split(tree, shared, depth + 1) if shared else map_parts(tree, self._separate)
        parts = []
        for group in _connect(tree.parts):
            shared = _most_shared(group)
            part = type(tree)(group) if shared else group[0]
            parts.append(self._split(part, shared, depth + 1) if shared else self._separate(part, depth))
        return type(tree)(tuple(parts)) if len(parts) > 1 else parts[0]

    def _split(self, tree: _Tree, variable: Variable, depth: int) -> _Tree:
        """Cases of a variable that several parts share."""
        cells_of: dict[_Tree, set[int]] = {}
        for cell in range(len(self.limits[variable]) + 2 if isinstance(variable, tuple) else 2):
            cells_of.setdefault(_given(tree, variable, cell), set()).add(cell)
        cells_of.pop(False, None)
        cases = ((frozenset(cells), self._separate(case, depth)) for case, cells in cells_of.items())
        return _Cases(variable, tuple(cases))


_take_apart = lru_cache(maxsize=1024)(_Question)


def _list_atoms(part: Expression, atoms: list[Expression]) -> Expression:
    if isinstance(part, Comparison | Present | Finding):
        atoms.append(part)
    return map_parts(part, lambda each: _list_atoms(each, atoms))


def _place(atom: Comparison) -> tuple[tuple[Term, ...], float, float]:
    """What a comparison sets limits to, with a first weight of 1, and the limits; of angles within a turn."""
    weight = atom.terms[0].weight
    above, below = sorted((atom.above / weight, atom.below / weight))
    variable = tuple(Term(key, each / weight) for key, each in atom.terms)
    if _is_angle(variable):
        above, below = (180 - (180 - limit) % 360 if abs(limit) < inf else limit for limit in (above, below))
    return variable, above, below


def _is_angle(variable: tuple[Term, ...]) -> bool:
    return len(variable) == 1 and getattr(find_measurement(variable[0].key), "unit", "") == "deg"


def _is_count(*variable: Term) -> bool:
    return len(variable) == 1 and getattr(find_measurement(variable[0].key), "is_count", False)


def _waves_of(variable: tuple[Term, ...]) -> set[str]:
    """What must be there for a comparison; in a sum, a count of what is not there adds nothing."""
    return {_wave_of(term.key) for term in variable if len(variable) == 1 or not _is_count(term)}


def _wave_of(key: str) -> str:
    """What must be there for a measurement: all that is measured of P waves is there if they are."""
    if key.startswith("p_") or key in ("num_p_waves", "atrial_rate_per_min"):
        return "p"
    return "pr" if key.startswith("pr_") else key


def _combine(kind: type[AllOf] | type[AnyOf], parts: Iterable[_Tree]) -> _Tree:
    """A conjunction or disjunction; limits of one variable become one set of cells, what is decided falls out."""
    decides = kind is AnyOf  # one true part decides a disjunction, one false part a conjunction
    cells: dict[Variable, frozenset[int]] = {}
    others: dict[_Tree, None] = {}
    for part in parts:
        for each in part.parts if isinstance(part, kind) else (part,):
            if isinstance(each, _Within):
                known = cells.setdefault(each.variable, each.cells)
                cells[each.variable] = known | each.cells if decides else known & each.cells
            elif each is decides:
                return decides
            elif not isinstance(each, bool):
                others[each] = None
    if not decides and not all(cells.values()):
        return False
    kept: tuple[Any, ...] = (*(_Within(*pair) for pair in cells.items()), *others)
    return kept[0] if len(kept) == 1 else kind(kept) if kept else not decides


def _at_least(count: int, parts: Iterable[_Tree]) -> _Tree:
    """So many of the parts; those that are decided fall out."""
    parts = tuple(parts)
    count -= sum(part is True for part in parts)
    undecided = tuple(part for part in parts if not isinstance(part, bool))
    if not 0 < count <= len(undecided):
        return count <= 0
    if count in (1, len(undecided)):
        return _combine(AnyOf if count == 1 else AllOf, undecided)
    return AtLeast(count, undecided)


def _given(tree: _Tree, variable: Variable, cell: int) -> _Tree:
    """What remains of a tree where one variable lies in one cell."""
    if isinstance(tree, _Within):
        return cell in tree.cells if tree.variable == variable else tree
    if not isinstance(tree, AllOf | AnyOf | AtLeast):
        return tree
    parts = (_given(part, variable, cell) for part in tree.parts)
    return _at_least(tree.count, parts) if isinstance(tree, AtLeast) else _combine(type(tree), parts)


def _variables_of(tree: _Tree) -> set[Variable]:
    if isinstance(tree, _Within):
        return {tree.variable}
    return set().union(*map(_variables_of, tree.parts)) if isinstance(tree, AllOf | AnyOf | AtLeast) else set()


def _most_shared(parts: Sequence[_Tree]) -> Variable | None:
    """The variable that most of the parts name, if two or more do; the first of several."""
    counts = Counter(variable for part in parts for variable in sorted(_variables_of(part), key=str))
    variable, count = max(counts.items(), key=lambda pair: pair[1], default=(None, 0))
    return variable if count > 1 else None


def _connect(parts: Sequence[_Tree]) -> list[tuple[_Tree, ...]]:
    """The parts in groups that share no variable with each other."""
    groups: list[tuple[set[Variable], tuple[_Tree, ...]]] = []
    for part in parts:
        joined, members, apart = _variables_of(part), (part,), []
        for group in groups:
            if group[0] & joined:
                joined, members = joined | group[0], (*group[1], *members)
            else:
                apart.append(group)
        groups = [*apart, (joined, members)]
    return [members for _, members in groups]


class _Chances:
    """Probabilities of the variables of a question, of each record at each node of the common factors."""

    def __init__(self, question: _Question, measured: Measured | None, findings: Mapping[str, torch.Tensor]) -> None:
        self._certain: dict[Variable, torch.Tensor] = {**findings}  # (num_records,)
        self._scores: dict[Variable, torch.Tensor] = {}  # (num_limits, num_nodes or 1, num_records)
        if measured is None:
            return
        waves = [_wave_of(key) for key in measured.keys]
        for wave in question.shared_waves:
            same = [place for place, each in enumerate(waves) if each == wave]
            self._certain[Present(wave)] = measured.measurable[:, same].mean(dim=1)
        shared = _share_factors(question.limits, measured)
        for variable, limits in question.limits.items():
            places = [measured.keys.index(term.key) for term in variable]
            needed = _waves_of(variable)
            alone = [place for place in places if waves[place] in needed - question.shared_waves]
            self._certain[variable] = measured.measurable[:, alone].prod(dim=1)
            value, sd, there = (getattr(measured, name)[:, places] for name in OF_RECORDS)
            there = torch.where(torch.tensor([waves[place] in needed for place in places]), 1.0, there)
            sd = (there * (sd.square() + (1 - there) * value.square())).sqrt()  # with what may not be there to count
            weights = value.new_tensor([term.weight for term in variable])
            parts = weights * sd.clamp_min(SMALLEST_SD)  # (num_records, num_terms)
            loadings = measured.loadings[places]
            own = parts.square() @ (1 - loadings.square().sum(dim=1))
            sd = ((parts @ loadings).square().sum(dim=1) + own).sqrt()
            scores = _scores_of(limits, (there * value) @ weights, sd, variable)[:, None]
            if shared is not None:
                scores = _given_factors(scores, parts @ shared[places] / sd[:, None])
            self._scores[variable] = scores

    def of(self, tree: _Tree) -> torch.Tensor:
        """Probability of a tree, `(num_nodes or 1, num_records or 1)`."""
        if isinstance(tree, bool):
            return torch.full((1, 1), float(tree), dtype=torch.float64)
        if isinstance(tree, _Within):
            return self._within(tree.variable, tree.cells)
        if isinstance(tree, _Cases):
            cases = [self._within(tree.variable, cells) * self.of(case) for cells, case in tree.cases]
            return sum(cases[1:], cases[0])
        chances = [self.of(part) for part in tree.parts]
        if isinstance(tree, AtLeast):
            return _at_least_chance(tree.count, chances)
        total = chances[0]
        for chance in chances[1:]:
            # Of alternatives not 1 - (1 - a)(1 - b), which loses what is rare
            total = total * chance if isinstance(tree, AllOf) else total + chance - total * chance
        return total

    def _within(self, variable: Variable, cells: frozenset[int]) -> torch.Tensor:
        """Probability that a variable lies in one of the cells."""
        certain = self._certain[variable][None]
        if not isinstance(variable, tuple):
            return (certain if 1 in cells else 0) + (1 - certain if 0 in cells else 0) + torch.zeros_like(certain)
        scores = self._scores[variable]
        total = 1 - certain if len(scores) + 1 in cells else torch.zeros_like(certain)
        for cell in sorted(cells - {len(scores) + 1}):
            lower, upper = scores[cell - 1] if cell else None, scores[cell] if cell < len(scores) else None
            total = _normal_mass(lower, upper).mul_(certain).add_(total)
        return total


def _at_least_chance(count: int, chances: Sequence[torch.Tensor]) -> torch.Tensor:
    """Probability that so many of independent events happen, one event after the other."""
    happened: list[Any] = [1.0, *[0.0] * count]  # none, one, ..., so many or more
    for chance in chances:
        happened = [
            (happened[number] if number == count else happened[number] * (1 - chance))
            + (happened[number - 1] * chance if number else 0)
            for number in range(count + 1)
        ]
    return happened[count]


def _scores_of(
    limits: Sequence[float], value: torch.Tensor, sd: torch.Tensor, variable: tuple[Term, ...]
) -> torch.Tensor:
    """Normal scores, over the square root of 2, of limits among what may be there: `(num_limits, num_records)`."""
    scale = sd * sqrt(3) / pi  # of the logistic distribution
    edges = value.new_tensor(limits)[:, None]
    if _is_angle(variable):
        turns = value.new_tensor([-360.0, 0.0, 360.0])[:, None, None]
        below = _logistic_mass(turns - 180, turns + edges, value, scale).sum(dim=0)
        above = _logistic_mass(turns + edges, turns + 180, value, scale).sum(dim=0)
        below, above = below / (below + above), above / (below + above)
    else:
        below, above = torch.sigmoid((edges - value) / scale), torch.sigmoid((value - edges) / scale)
    if _is_count(*variable):  # a count that is there is above 0
        some = torch.sigmoid(value / scale)
        below = _logistic_mass(torch.zeros_like(edges), edges.clamp_min(0.0), value, scale) / some
        above = torch.where(edges > 0, above / some, 1.0)
    # Each tail by its own probability, which is small there: what is rare is not lost in rounding
    return torch.where(below < above, torch.special.ndtri(below), -torch.special.ndtri(above)) / sqrt(2)


def _logistic_mass(first: torch.Tensor, last: torch.Tensor, value: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Probability between two points of a logistic distribution."""
    left, right = (first - value) / scale, (last - value) / scale
    return torch.sigmoid(right) * torch.sigmoid(-left) * -torch.expm1(left - right)


def _normal_mass(lower: torch.Tensor | None, upper: torch.Tensor | None) -> torch.Tensor:
    """Probability between two scores; without one, to the end."""
    if lower is None or upper is None:
        return torch.special.erfc(-upper if upper is not None else lower).mul_(0.5)
    is_low = lower + upper < 0  # else the mirror image: differences of small numbers are exact, of those near 1 not
    last, first = torch.where(is_low, -upper, lower), torch.where(is_low, -lower, upper)
    return torch.special.erfc(last).sub_(torch.special.erfc(first)).mul_(0.5)


def _share_factors(limits: Collection[tuple[Term, ...]], measured: Measured) -> torch.Tensor | None:
    """Loadings on the few factors that matter to an expression, `(num_measurements, num_factors)`; `None` if none do.

    What a measurement does not share with others is a factor of its own where it stands in several sums.
    """
    used = Counter(term.key for variable in limits for term in variable)
    own = (1 - measured.loadings.square().sum(dim=1)).clamp_min(0.0).sqrt()
    again = torch.diag(own)[:, [place for place, key in enumerate(measured.keys) if used[key] > 1]]
    rows = torch.cat([measured.loadings, again], dim=1)
    _, sizes, directions = torch.linalg.svd(rows, full_matrices=False)
    shared = rows @ directions[: int((sizes > LEAST_SHARED).sum())][:MOST_FACTORS].T
    if len(limits) < 2 or not shared.numel():
        return None
    size = shared.square().sum(dim=1, keepdim=True)
    return shared * (MOST_SHARED_VARIANCE / size.clamp_min(MOST_SHARED_VARIANCE)).sqrt()


def _given_factors(scores: torch.Tensor, loadings: torch.Tensor) -> torch.Tensor:
    """Scores given each value of the factors, `(num_limits, NUM_NODES, num_records)`, by loadings of the records."""
    own = (1 - loadings.square().sum(dim=1)).sqrt()
    return (scores / own).sub(_nodes(loadings.shape[1]) @ (loadings / (own[:, None] * sqrt(2))).T)


@lru_cache(maxsize=MOST_FACTORS)
def _nodes(num_factors: int) -> torch.Tensor:
    """Values of independent normal factors, `(NUM_NODES, num_factors)`, with their mean and covariance."""
    points = torch.quasirandom.SobolEngine(num_factors).draw(NUM_NODES, dtype=torch.float64)
    nodes = torch.special.ndtri(points + 0.5 / NUM_NODES)
    nodes = nodes - nodes.mean(dim=0)
    spread = torch.linalg.cholesky(nodes.T @ nodes / NUM_NODES)
    return torch.linalg.solve_triangular(spread, nodes.T, upper=False).T
