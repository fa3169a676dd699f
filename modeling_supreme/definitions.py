"""Conditions as expressions over measurements and findings: what training never named is answered by its parts.

A model that measures ("qrs_ms") and was trained on findings ("fibrillation waves") can answer for a condition that is
defined by them without ever having met its name. Definitions come from guidelines and textbooks, travel with the
checkpoint in `config.definitions`, and may be the user's own.

How an expression becomes a probability. A measurement is logistic about its value, so that a comparison with any limit
has a probability. For "and" and "or" the errors of several measurements must not be taken as independent: where QRS is
measured too long, so is QT. Their correlation comes from a few common factors (`loadings`). Given the factors they are
independent: a conjunction is a product, an alternative is missed if all are, "at least k of n" is a Poisson binomial;
the mean over `NUM_NODES` fixed values of the factors is the answer. What an expression names more than once, a finding
or a measurement with several limits, is taken case by case. So a comparison alone is exact, and no answer depends on
what else is asked.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf, pi, sqrt
from os import PathLike
from pathlib import Path
from reprlib import repr as shorten
from typing import Any, Literal, NamedTuple

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
    normalize_name,
    parse_query,
)


# Values of the common factors over which an answer is averaged, and how many factors count in one expression
NUM_NODES, MOST_FACTORS = 64, 4
MOST_SHARED_VARIANCE = 0.95  # of a measurement with the factors: with more, answers would jump between the nodes
MOST_CASES = 1024  # of one expression
CHUNK_SIZE = 512  # records at once: their probabilities at all nodes then fit a processor's cache
SMALLEST_SD = 1e-9  # a number without error has none

Composed = bool | Literal["auto"]
# A finding by its name, a sum of measurements to which limits are set, or whether there is something to measure
Variable = str | tuple[Term, ...] | Present


@dataclass(frozen=True)
class Measured:
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
        parts = (measurements.value, measurements.sd, measurements.measurable)
        return cls(tuple(model.config.measurements), *parts, model.measurement_head.loadings)

    def columns(self, keys: Sequence[str]) -> "Measured":
        """Some of the measurements, of all records in one row, in double precision."""
        places = [self.keys.index(key) for key in keys]
        parts = [
            part[..., places].reshape(-1, len(places)).double() for part in (self.value, self.sd, self.measurable)
        ]
        return Measured(tuple(keys), *parts, self.loadings[places].double().to(self.value.device))

    def rows(self, part: slice) -> "Measured":
        """Some of the records."""
        return Measured(self.keys, self.value[part], self.sd[part], self.measurable[part], self.loadings)


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

    Raises:
        ValueError: If the expression has more cases than [`MOST_CASES`].

    Example:
        >>> fast_and_narrow = AllOf((Finding("fast"), Not(Finding("wide"))))
        >>> evaluate_expression(fast_and_narrow, None, {"fast": torch.tensor(0.8), "wide": torch.tensor(0.25)})
        tensor(0.6000)
    """
    question = _ask(expression)
    like = next(findings[name] for name in question.findings) if measured is None else measured.value[..., 0]
    asked = {name: findings[name].double().reshape(-1) for name in question.findings}
    numbers = None if measured is None else measured.columns(question.keys)
    answer = torch.empty(like.numel(), dtype=torch.float64, device=like.device)
    for start in range(0, len(answer), CHUNK_SIZE):
        rows = slice(start, start + CHUNK_SIZE)
        chances = _Chances(
            question,
            None if numbers is None else numbers.rows(rows),
            {name: each[rows] for name, each in asked.items()},
        )
        answer[rows] = chances.of(question.tree).mean(dim=0)
    return answer.to(like.dtype).reshape(like.shape)


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


_Tree = bool | _Within | _Cases | AllOf | AnyOf | AtLeast


class _Question:
    """An expression as a tree in which no two parts share a variable.

    Attributes:
        limits (`dict[tuple[Term, ...], tuple[float, ...]]`):
            Of each sum of measurements, ascending.
        keys, findings (`tuple[str, ...]`):
            Measurements and findings that are named.
        tree (`_Tree`):
            Over cells of the variables.
    """

    def __init__(self, expression: Expression) -> None:
        expression = expand(expression)
        limits: dict[tuple[Term, ...], set[float]] = {}
        alone: set[str] = set()  # asked for without a limit
        for atom in _comparisons_of(expression):
            if isinstance(atom, Comparison):
                variable, *bounds = _place(atom)
                limits.setdefault(variable, set()).update(bound for bound in bounds if abs(bound) < inf)
            else:
                alone.add(_wave_of(atom.key))
        self.limits = {variable: tuple(sorted(found)) for variable, found in limits.items()}
        self.keys, self.findings = keys_of(expression), findings_of(expression)
        needed = Counter(wave for variable in limits for wave in {_wave_of(term.key) for term in variable})
        self.shared_waves = alone | {wave for wave, count in needed.items() if count > 1}
        self._num_cases = 0
        self.tree = self._separate(self._write(expression, is_true=True))

    def _write(self, part: Expression, *, is_true: bool) -> _Tree:
        """A part, or its negation, over cells: negations are carried down to the variables."""
        if isinstance(part, Not):
            return self._write(part.part, is_true=not is_true)
        if isinstance(part, AllOf | AnyOf | AtLeast):
            parts = tuple(self._write(each, is_true=is_true) for each in part.parts)
            if isinstance(part, AtLeast):
                # Not k of n are true: n - k + 1 of them are false
                return _at_least(part.count if is_true else len(parts) - part.count + 1, parts)
            return _combine(AllOf if isinstance(part, AllOf) == is_true else AnyOf, parts)
        if isinstance(part, Comparison):
            return self._write_comparison(part, is_true=is_true)
        variable = Present(_wave_of(part.key)) if isinstance(part, Present) else part.name
        return _Within(variable, frozenset({int(is_true)}))

    def _write_comparison(self, atom: Comparison, *, is_true: bool) -> _Tree:
        """A comparison, or its negation; where others share what is measured, its being there stands for itself."""
        variable, above, below = _place(atom)
        bounds = [-inf, *self.limits[variable], inf]
        nothing = len(bounds) - 1
        needed = 1 if above > below else 2  # the circle of angles is closed: from 90 to -90 degrees through 180
        inside = {
            place
            for place in range(nothing)
            if (bounds[place] >= above) + (bounds[place + 1] <= below) >= needed
        }
        cells = frozenset(inside if is_true else set(range(nothing)) - inside)
        is_true_of_nothing = (_is_count(variable) and above < 0 < below) == is_true
        waves = dict.fromkeys(_wave_of(term.key) for term in variable)
        shared = [Present(wave) for wave in waves if wave in self.shared_waves]
        if len(shared) < len(waves) and is_true_of_nothing:
            cells |= {nothing}
        absent = [_Within(wave, frozenset({0})) for wave in shared]
        present = [_Within(wave, frozenset({1})) for wave in shared]
        measured = _combine(AllOf, [*present, _Within(variable, cells)])
        return _combine(AnyOf, [*absent, measured]) if is_true_of_nothing else measured

    def _separate(self, tree: _Tree) -> _Tree:
        """The same tree, taken apart by cases until no two parts share a variable."""
        if isinstance(tree, AtLeast):
            shared = _most_shared(tree.parts)
            return self._split(tree, shared) if shared else _at_least(tree.count, map(self._separate, tree.parts))
        if not isinstance(tree, AllOf | AnyOf):
            return tree
        separated = []
        for group in _connect(tree.parts):
            shared = _most_shared(group)
            separated.append(
                self._split(type(tree)(group), shared) if shared else self._separate(_combine(type(tree), group))
            )
        return _combine(type(tree), separated)

    def _split(self, tree: _Tree, variable: Variable) -> _Tree:
        """Cases of a variable that several parts share."""
        num_cells = len(self.limits[variable]) + 2 if isinstance(variable, tuple) else 2
        cases: dict[_Tree, set[int]] = {}
        for cell in range(num_cells):
            cases.setdefault(_given(tree, variable, cell), set()).add(cell)
        cases.pop(False, None)
        self._num_cases += len(cases)
        if self._num_cases > MOST_CASES:
            raise ValueError(
                f"The expression has more than {MOST_CASES} cases, because its parts name the same things again and"
                " again. Ask for its parts, each for itself."
            )
        return _Cases(
            variable, tuple((frozenset(cells), self._separate(case)) for case, cells in cases.items())
        )


@lru_cache(maxsize=1024)
def _ask(expression: Expression) -> _Question:
    return _Question(expression)


def _comparisons_of(expression: Expression) -> Iterator[Comparison | Present]:
    """All atoms that are no findings."""
    if isinstance(expression, Comparison | Present):
        yield expression
    elif isinstance(expression, Not):
        yield from _comparisons_of(expression.part)
    elif isinstance(expression, AllOf | AnyOf | AtLeast):
        for part in expression.parts:
            yield from _comparisons_of(part)


def _place(atom: Comparison) -> tuple[tuple[Term, ...], float, float]:
    """What a comparison sets limits to, with a first weight of 1, and the limits; of angles within a turn."""
    weight = atom.terms[0].weight
    limits = (atom.above / weight, atom.below / weight)
    above, below = limits if weight > 0 else limits[::-1]
    variable = tuple(Term(key, each / weight) for key, each in atom.terms)
    if _is_angle(variable):
        above, below = (180 - (180 - limit) % 360 if abs(limit) < inf else limit for limit in (above, below))
    return variable, above, below


def _is_angle(variable: tuple[Term, ...]) -> bool:
    found = find_measurement(variable[0].key)
    return len(variable) == 1 and found is not None and found.unit == "deg"


def _is_count(variable: tuple[Term, ...]) -> bool:
    found = [find_measurement(term.key) for term in variable]
    return all(each is not None and each.is_count for each in found)


def _wave_of(key: str) -> str:
    """What must be there for a measurement; all that is measured of P waves is there if they are.

    Example:
        >>> _wave_of("p_net_mv_II"), _wave_of("num_p_waves"), _wave_of("pr_range_ms"), _wave_of("qrs_ms")
        ('p', 'p', 'pr', 'qrs_ms')
    """
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
                known = cells.get(each.variable)
                joined = each.cells if known is None else known | each.cells if decides else known & each.cells
                cells[each.variable] = joined
            elif each is decides:
                return decides
            elif not isinstance(each, bool):
                others[each] = None
    if not decides and not all(cells.values()):
        return False
    kept = (*(_Within(*pair) for pair in cells.items()), *others)
    return kept[0] if len(kept) == 1 else kind(kept) if kept else not decides


def _at_least(count: int, parts: Iterable[_Tree]) -> _Tree:
    """So many of the parts; those that are decided fall out."""
    parts = tuple(parts)
    count -= sum(part is True for part in parts)
    open_parts = tuple(part for part in parts if not isinstance(part, bool))
    if not 0 < count <= len(open_parts):
        return count <= 0
    if count in (1, len(open_parts)):
        return _combine(AnyOf if count == 1 else AllOf, open_parts)
    return AtLeast(count, open_parts)


def _given(tree: _Tree, variable: Variable, cell: int) -> _Tree:
    """What remains of a tree where one variable lies in one cell."""
    if isinstance(tree, _Within):
        return cell in tree.cells if tree.variable == variable else tree
    if isinstance(tree, AtLeast):
        return _at_least(tree.count, (_given(part, variable, cell) for part in tree.parts))
    if isinstance(tree, AllOf | AnyOf):
        return _combine(type(tree), (_given(part, variable, cell) for part in tree.parts))
    return tree


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
        variables, group = _variables_of(part), (part,)
        apart = []
        for others, members in groups:
            if others & variables:
                variables, group = variables | others, (*members, *group)
            else:
                apart.append((others, members))
        groups = [*apart, (variables, group)]
    return [group for _, group in groups]


class _Chances:
    """Probabilities of the variables of a question, of each record at each node of the common factors.

    Args:
        question (`_Question`):
            Whose variables they are.
        measured ([`Measured`], *optional*):
            The records' measurements, those of the question in its order.
        findings (`Mapping[str, torch.Tensor]`):
            Probabilities of its findings, `(num_records,)`.
    """

    def __init__(
        self, question: _Question, measured: Measured | None, findings: Mapping[str, torch.Tensor]
    ) -> None:
        self._certain: dict[Variable, torch.Tensor] = dict(findings)  # (num_records,)
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
            alone = [place for place in places if waves[place] not in question.shared_waves]
            self._certain[variable] = measured.measurable[:, alone].prod(dim=1)
            weights = measured.value.new_tensor([term.weight for term in variable])
            parts = weights * measured.sd[:, places].clamp_min(SMALLEST_SD)  # (num_records, num_terms)
            loadings = measured.loadings[places]
            own = parts.square() @ (1 - loadings.square().sum(dim=1))
            sd = ((parts @ loadings).square().sum(dim=1) + own).sqrt()
            scores = _scores_of(limits, measured.value[:, places] @ weights, sd, variable)[:, None]
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
            chances = [1 - certain, certain]
            return sum((chances[cell] for cell in cells), torch.zeros_like(certain))
        scores = self._scores[variable]
        nothing = len(scores) + 1
        total = 1 - certain if nothing in cells else torch.zeros_like(certain)
        for first, last in _runs(sorted(cells - {nothing})):
            lower = scores[first - 1] if first else None
            upper = scores[last] if last < len(scores) else None
            total = total + certain * _normal_mass(lower, upper)
        return total


def _runs(cells: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of whole numbers.

    Example:
        >>> list(_runs([0, 1, 3]))
        [(0, 1), (3, 3)]
    """
    start = 0
    for place, cell in enumerate(cells):
        if place + 1 == len(cells) or cells[place + 1] != cell + 1:
            yield cells[start], cell
            start = place + 1


def _at_least_chance(count: int, chances: Sequence[torch.Tensor]) -> torch.Tensor:
    """Probability that so many of independent events happen, one event after the other."""
    happened = [torch.ones_like(chances[0]), *(torch.zeros_like(chances[0]) for _ in range(count))]
    for chance in chances:
        for number in range(count, 0, -1):
            stays = happened[number] if number == count else happened[number] * (1 - chance)
            happened[number] = stays + happened[number - 1] * chance
        happened[0] = happened[0] * (1 - chance)
    return happened[count]


def _scores_of(
    limits: Sequence[float], value: torch.Tensor, sd: torch.Tensor, variable: tuple[Term, ...]
) -> torch.Tensor:
    """Normal scores of limits among the numbers that may be there, `(num_limits, num_records)`."""
    scale = sd * sqrt(3) / pi  # of the logistic distribution
    edges = value.new_tensor(limits)[:, None]
    if _is_angle(variable):
        turns = value.new_tensor([-360.0, 0.0, 360.0])[:, None, None]
        below = _logistic_mass(turns - 180, turns + edges, value, scale).sum(dim=0)
        above = _logistic_mass(turns + edges, turns + 180, value, scale).sum(dim=0)
        below, above = below / (below + above), above / (below + above)
    else:
        below, above = torch.sigmoid((edges - value) / scale), torch.sigmoid((value - edges) / scale)
    if _is_count(variable):  # a count that is there is above 0
        some = torch.sigmoid(value / scale)
        below = _logistic_mass(torch.zeros_like(edges), edges.clamp_min(0.0), value, scale) / some
        above = torch.where(edges > 0, above / some, 1.0)
    # Each tail by its own probability, which is small there: what is rare is not lost in rounding
    return torch.where(below < above, torch.special.ndtri(below), -torch.special.ndtri(above))


def _logistic_mass(
    first: torch.Tensor, last: torch.Tensor, value: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """Probability between two points of a logistic distribution."""
    left, right = (first - value) / scale, (last - value) / scale
    return torch.sigmoid(right) * torch.sigmoid(-left) * -torch.expm1(left - right)


def _normal_mass(lower: torch.Tensor | None, upper: torch.Tensor | None) -> torch.Tensor | float:
    """Probability between two points of a normal distribution; without a point to the end."""
    if lower is None or upper is None:
        end = upper if lower is None else -lower
        return 1.0 if end is None else torch.special.erfc(end / -sqrt(2)).mul_(0.5)
    is_low = lower + upper < 0  # else the mirror image: differences of small numbers are exact, of those near 1 not
    last, first = torch.where(is_low, upper, -lower), torch.where(is_low, lower, -upper)
    return torch.special.erfc(last / -sqrt(2)).sub_(torch.special.erfc(first / -sqrt(2))).mul_(0.5)


def _share_factors(limits: Iterable[tuple[Term, ...]], measured: Measured) -> torch.Tensor | None:
    """Loadings on the few factors that matter to an expression, `(num_measurements, num_factors)`; `None` if none do.

    What a measurement does not share with others is a factor of its own where it stands in several sums.
    """
    used = Counter(term.key for variable in limits for term in variable)
    own = (1 - measured.loadings.square().sum(dim=1)).clamp_min(0.0).sqrt()
    again = torch.diag(own)[:, [place for place, key in enumerate(measured.keys) if used[key] > 1]]
    rows = torch.cat([measured.loadings, again], dim=1)
    if (rows != 0).any(dim=1).sum() < 2 and not again.numel():
        return None
    _, sizes, directions = torch.linalg.svd(rows, full_matrices=False)
    shared = rows @ directions[: int((sizes > 1e-6).sum())][:MOST_FACTORS].T
    size = shared.square().sum(dim=1, keepdim=True)
    return shared * (MOST_SHARED_VARIANCE / size.clamp_min(MOST_SHARED_VARIANCE)).sqrt()


def _given_factors(scores: torch.Tensor, loadings: torch.Tensor) -> torch.Tensor:
    """The same scores given each value of the factors, `(num_limits, NUM_NODES, num_records)`.

    Args:
        scores (`torch.Tensor` of shape `(num_limits, 1, num_records)`):
            Without knowledge of the factors.
        loadings (`torch.Tensor` of shape `(num_records, num_factors)`):
            Of what the limits are set to.
    """
    own = (1 - loadings.square().sum(dim=1)).sqrt()
    return (scores / own).sub(_nodes(loadings.shape[1]).to(loadings.device) @ (loadings / own[:, None]).T)


@lru_cache(maxsize=MOST_FACTORS)
def _nodes(num_factors: int) -> torch.Tensor:
    """Values of independent normal factors, `(NUM_NODES, num_factors)`, with their mean and covariance."""
    points = torch.quasirandom.SobolEngine(num_factors).draw(NUM_NODES, dtype=torch.float64)
    nodes = torch.special.ndtri(points + 0.5 / NUM_NODES)
    nodes = nodes - nodes.mean(dim=0)
    spread = torch.linalg.cholesky(nodes.T @ nodes / NUM_NODES)
    return torch.linalg.solve_triangular(spread, nodes.T, upper=False).T
