"""What answers a label, which queries that takes, and what is decided by it.

A label that training named, in whatever words, is answered by the query of the name that it was trained with. What it
did not name is answered, first of all that can be done, by its definition, by the measurements that it asks for
("QRS > 120 ms and no P waves"), or as a guess by its own query. A definition that nobody has confirmed answers
together with the label's own query.
"""

from collections.abc import Mapping, Sequence
from reprlib import repr as shorten
from typing import Any, Literal, NamedTuple

import torch

from .condition_names import ConditionNames
from .decisions import Decision, OperatingPoint, Question, Strip, parse_decisions
from .definitions import Measured, evaluate_expression, parse_definitions, read_definitions
from .queries import fill_template, quote
from .query_grammar import (
    AllOf,
    AnyOf,
    Expression,
    Finding,
    Not,
    QuerySyntaxError,
    findings_of,
    keys_of,
    map_parts,
    normalize_name,
    parse_query,
)


Composed = bool | Literal["auto"]
ABSENT = "not "  # before a finding that must not be there, in rules of old checkpoints


class Answer(NamedTuple):
    """What answers a label.

    Attributes:
        source (`str`):
            As the pipeline says it: `"query"`, `"query: …"` with the name that training gave to the same, `"measured:
            …"` or `"composed: …"`.
        expression (`Expression`, *optional*):
            Over measurements and trained findings.
        is_asked (`bool`):
            Whether a query answers, alone or with the expression.
        query (`str`):
            What the text encoder is asked then: the label, or what training called the same.
    """

    source: str
    expression: Expression | None
    is_asked: bool
    query: str

    @property
    def is_measured(self) -> bool:
        """Whether the label itself asks for measurements."""
        return self.source.startswith("measured: ")

    @property
    def answered_by(self) -> str:
        """The source, by which a condition's decision is fitted: for a query, whatever the label was called."""
        return self.source if self.expression is not None else "query"


class Composition:
    """What answers each label, and which queries that takes.

    Args:
        labels (`Sequence[str]`):
            What is asked for.
        composed (`bool` or `"auto"`):
            `"auto"` answers what training did not name by its definition or by what it asks to measure, where that
            can be done; `True` answers every label so; `False` none, and asks for it in its own words.
        trained_queries (`Sequence[str]`):
            `config.trained_queries`: no other findings count in expressions.
        definitions (`Sequence[Mapping]`):
            `config.definitions`, or those of a user before them.
        measurements (`Sequence[str]`):
            `config.measurements`.
        decisions (`Mapping`):
            `config.decisions`: what makes a probability of a score, and when a finding is present.
        condition_names (`Mapping[str, Sequence[str]]`):
            `config.condition_names`: what else conditions are called.

    Raises:
        ValueError: If an expression is demanded where there is none, or where it cannot be evaluated; if definitions
            or decisions are wrong.

    Attributes:
        answers (`list[Answer]`):
            Of each label.
        queries (`tuple[str, ...]`):
            What is asked for labels that a query answers, each once.
        findings (`tuple[str, ...]`):
            What must be asked for besides.
        is_measured (`bool`):
            Whether it takes measurements.
        seen (`list[bool | None]`):
            Whether training named each label; `None` where nobody says what it named.
        decisions (`list[Decision | None]`):
            What was fitted for each label, as it is answered here.
    """

    def __init__(
        self,
        labels: Sequence[str],
        composed: Composed = "auto",
        *,
        trained_queries: Sequence[str] = (),
        definitions: Sequence[Mapping[str, Any]] = (),
        measurements: Sequence[str] = (),
        decisions: Mapping[str, Any] | None = None,
        condition_names: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        if composed not in (True, False, "auto"):
            raise ValueError(f"`composed` is {composed!r}. Choose True, False or 'auto'.")
        self.labels = tuple(labels)
        self._trained = {normalize_name(query): query for query in trained_queries}
        self._by_name = parse_definitions(definitions) if composed else {}
        more = ((each["condition"], each.get("names", ())) for each in definitions)
        self._known = ConditionNames.of(trained_queries, condition_names or {}, more)
        self._measurements = frozenset(measurements)
        self.answers = [self._answer(label, composed) for label in self.labels]
        pairs = list(zip(self.labels, self.answers, strict=True))
        self.seen = [self._condition(*pair) in self._trained if self._trained else None for pair in pairs]
        self.queries = tuple(dict.fromkeys(answer.query for answer in self.answers if answer.is_asked))
        expressions = [answer.expression for answer in self.answers if answer.expression is not None]
        names = dict.fromkeys(name for each in expressions for name in findings_of(each))
        self.findings = tuple(self._trained[name] for name in names)
        self.is_measured = any(keys_of(each) for each in expressions)
        self._decisions = parse_decisions(decisions or {})
        self.decisions = [self._find_decision(*pair) for pair in pairs]

    @classmethod
    def of(
        cls, config: Any, labels: Sequence[str], composed: Composed = "auto", *, definitions: Any = None
    ) -> "Composition":
        """What a checkpoint answers labels by.

        Args:
            config (`SupremeConfig`):
                Of the checkpoint.
            labels (`Sequence[str]`):
                What is asked for.
            composed (`bool` or `"auto"`):
                As above.
            definitions (`str`, `Path`, `Mapping` or `Sequence[Mapping]`, *optional*):
                As [`read_definitions`] takes them; they go before those of the checkpoint.
        """
        return cls(
            labels,
            composed,
            trained_queries=config.trained_queries,
            definitions=join_definitions(config, definitions),
            measurements=config.measurements,
            decisions=getattr(config, "decisions", None),
            condition_names=getattr(config, "condition_names", None),
        )

    @property
    def sources(self) -> list[str]:
        """What answers each label, in words."""
        return [answer.source for answer in self.answers]

    def ask(self, template: str = "{}") -> tuple[str, ...]:
        """What the text encoder is asked: `queries` in a template, and behind them `findings` by their bare names."""
        return (*fill_template(template, self.queries), *self.findings)

    def evaluate(self, probabilities: torch.Tensor, measured: Measured | None = None) -> torch.Tensor:
        """Scores of the labels, each a probability where somebody has fitted how.

        Findings enter a question as the probabilities that they are as labels, so that "no sinus rhythm" is what
        "sinus rhythm" leaves of 1; a definition, whose answer is fitted as a whole, as they are.

        Args:
            probabilities (`torch.Tensor` of shape `(..., num_queries + num_findings)`):
                Probabilities of presence of `queries` and then of `findings`.
            measured ([`Measured`], *optional*):
                The records' measurements, where `is_measured` says so.

        Returns:
            `torch.Tensor` of shape `(..., num_labels)`.
        """
        own = dict(zip(self.queries, probabilities.unbind(-1), strict=False))
        named = probabilities[..., len(self.queries) :].unbind(-1)
        found = {normalize_name(name): each for name, each in zip(self.findings, named, strict=True)}
        fitted = {name: decision.calibrate(found[name]) for name in found if (decision := self._decision_of(name))}
        scores = []
        for answer, decision in zip(self.answers, self.decisions, strict=True):
            if answer.expression is None:
                score = own[answer.query]
            else:
                numbers = measured if keys_of(answer.expression) else None
                entering = found | fitted if answer.is_measured else found
                score = evaluate_expression(answer.expression, numbers, entering)
                score = (score * own[answer.query]).sqrt() if answer.is_asked else score
            scores.append(decision.calibrate(score) if decision else score)
        return torch.stack(scores, -1)

    def decide(
        self, scores: Sequence[float], account: Any, operating_point: OperatingPoint = "youden"
    ) -> list[dict[str, Any]]:
        """Which of the labels are present on a recording, see [`Question.decide`]; nothing where none was fitted.

        Args:
            scores (`Sequence[float]`):
                Of the labels, as [`Composition.evaluate`] gives them.
            account ([`Account`]):
                Of the recording: its leads, and what is wrong with them.
            operating_point (`str`):
                By which of the two thresholds.
        """
        if not self._decisions:
            return [{} for _ in scores]
        strip = Strip.of(account)
        questions = map(self._question, self.labels, self.answers, self.seen, self.decisions)
        return [
            question.decide(score, strip, operating_point, self._leads_of)
            for question, score in zip(questions, scores, strict=True)
        ]

    def _question(self, label: str, answer: Answer, seen: bool | None, decision: Decision | None) -> Question:
        """A label, and all by which it is decided."""
        is_known = seen is not False or answer.expression is not None
        denied = None
        if answer.is_measured and isinstance(answer.expression, Not) and isinstance(answer.expression.part, Finding):
            denied = self._decision_of(answer.expression.part.name)
        return Question(label, decision, answer.expression, answer.is_measured, is_known, denied)

    def _name(self, label: str) -> str:
        """The condition that a label stands for, folded, or the label."""
        return self._known.find(label) or normalize_name(label)

    def _condition(self, label: str, answer: Answer) -> str:
        """The condition that a label stands for, as [`Composition._name`]; of one within quotes the same."""
        return self._name(label) if answer.expression is not None else self._name(answer.query)

    def _find_decision(self, label: str, answer: Answer) -> Decision | None:
        """What was fitted for a condition on answers from the same source."""
        fitted = self._decisions.get(self._condition(label, answer))
        return fitted if fitted and fitted.answered_by == answer.answered_by else None

    def _decision_of(self, finding: str) -> Decision | None:
        """What was fitted for a finding within an expression, which its query answers."""
        fitted = self._decisions.get(finding)
        return fitted if fitted and fitted.answered_by == "query" else None

    def _leads_of(self, finding: str) -> Sequence[str]:
        """What a finding within an expression takes."""
        decision = self._decisions.get(finding)
        return decision.leads if decision else ()

    def can_evaluate(self, condition: str) -> bool:
        """Whether the definition of a condition, trained or not, takes nothing but what the checkpoint has."""
        definition = self._by_name.get(normalize_name(condition))
        return definition is not None and not self._missing(self._resolve(definition.expression))

    def _answer(self, label: str, composed: Composed) -> Answer:
        """What answers a label, unless that is only its own query for want of the word."""
        if not composed:
            return Answer("query", None, is_asked=True, query=label)
        name = self._name(label)
        is_its_name = normalize_name(label) == name
        query = self._trained.get(name, label if is_its_name else name)
        source = "query" if is_its_name else f"query: {query}"
        own = Answer(source, None, is_asked=True, query=query)
        if composed == "auto" and name in self._trained:
            return own
        definition = self._by_name.get(name)
        try:
            written = definition.expression if definition else parse_query(label, self._known.names)
        except QuerySyntaxError as error:
            if composed == "auto":
                return own
            raise ValueError(
                f"The checkpoint has no definition of {quote(label)}, and it asks for no measurement: {error} Give one"
                " in `definitions`, ask for the label's own query with `composed=False`, or let the pipeline choose"
                " with `composed='auto'`."
            ) from error
        expression = self._resolve(written)
        problem = self._missing(expression)
        if problem and composed == "auto":
            return own
        if problem:
            kind = "definition" if definition else "question"
            raise ValueError(
                f"The {kind} of {quote(label)} uses {problem}. Ask for the label's own query with `composed=False`, or"
                " take a checkpoint that was trained with it (corpus `simulated`)."
            )
        if definition is None and composed == "auto" and isinstance(expression, Finding):
            trained = self._trained[expression.name]  # a name in quotes, or "present" behind it
            return Answer(f"query: {trained}", None, is_asked=True, query=trained)
        if definition is None:
            return Answer(f"measured: {written}", expression, is_asked=False, query=query)
        together = "" if definition.is_reviewed else ", together with its own query"
        return Answer(f"composed: {written}{together}", expression, not definition.is_reviewed, query)

    def _resolve(self, expression: Expression) -> Expression:
        """The expression with findings as training named them, and definitions in the place of all others."""
        if not isinstance(expression, Finding):
            return map_parts(expression, self._resolve)
        name = self._name(expression.name)
        definition = None if name in self._trained else self._by_name.get(name)
        return Finding(name) if definition is None else self._resolve(definition.expression)

    def _missing(self, expression: Expression) -> str:
        """What the checkpoint cannot do of an expression, in words."""
        untrained = [name for name in findings_of(expression) if name not in self._trained]
        if untrained:
            return f"{untrained[0]!r}, which this checkpoint was not trained on"
        unmeasured = [key for key in keys_of(expression) if key not in self._measurements]
        if not unmeasured:
            return ""
        return f"`{unmeasured[0]}`, which this checkpoint does not measure" + (
            "" if self._measurements else ": it has no measurement head"
        )


def join_definitions(config: Any, definitions: Any = None) -> list[Mapping[str, Any]]:
    """Definitions of a user, and those of a checkpoint for other conditions.

    Args:
        config (`SupremeConfig`):
            Of the checkpoint.
        definitions (`str`, `Path`, `Mapping` or `Sequence[Mapping]`, *optional*):
            As [`read_definitions`] takes them.

    Returns:
        `list[Mapping]`: As `config.definitions` stores them.
    """
    stored = list(config.definitions)
    if definitions is None:
        return stored
    own = read_definitions(definitions, [*config.trained_queries, *(each["condition"] for each in stored)])
    conditions = {normalize_name(entry["condition"]) for entry in own}
    return [*own, *(each for each in stored if normalize_name(each["condition"]) not in conditions)]


def define_rules(rules: Sequence[Any]) -> list[dict[str, Any]]:
    """Definitions that say the same as the `composed_rules` of an old checkpoint.

    Args:
        rules (`Sequence[Mapping]`):
            With `condition`, `names` and `alternatives`, each with `findings`, "not " before those that must be
            absent, and `source`.

    Raises:
        ValueError: If a part of a rule is missing or of another kind; the message names the rule.

    Example:
        >>> alternatives = [{"findings": ["fast", "not wide"], "source": "Page et al. 2016"}]
        >>> define_rules([{"condition": "tachycardia", "names": [], "alternatives": alternatives}])[0]["expression"]
        '"fast" and not "wide"'
    """
    return [_define_rule(rule, f"Rule {place} of `composed_rules`") for place, rule in enumerate(rules)]


def _define_rule(rule: Any, where: str) -> dict[str, Any]:
    content = rule if isinstance(rule, Mapping) else {}
    condition, names, alternatives = (content.get(field) for field in ("condition", "names", "alternatives"))
    remedy = "Leave the rule out."
    if not isinstance(condition, str):
        raise ValueError(f"{where}: `condition` is no name but {shorten(condition)}. {remedy}")
    where += f", {condition!r}"
    if not isinstance(alternatives, list | tuple) or not alternatives:
        raise ValueError(f"{where}: `alternatives` is no list of conjunctions but {shorten(alternatives)}. {remedy}")
    conjunctions, sources = [], []
    for alternative in alternatives:
        findings = alternative.get("findings") if isinstance(alternative, Mapping) else None
        is_named = isinstance(findings, list | tuple) and all(isinstance(each, str) and each for each in findings)
        if not findings or not is_named or not isinstance(alternative.get("source"), str):
            raise ValueError(
                f"{where}: an alternative has no `findings`, a list of names, or no `source`: {shorten(alternative)}."
                f" {remedy}"
            )
        present = [Finding(each.removeprefix(ABSENT)) for each in findings]
        parts = [Not(part) if each.startswith(ABSENT) else part for each, part in zip(findings, present, strict=True)]
        conjunctions.append(AllOf(tuple(parts)) if len(parts) > 1 else parts[0])
        sources.append(alternative["source"])
    expression = AnyOf(tuple(conjunctions)) if len(conjunctions) > 1 else conjunctions[0]
    return {
        "condition": condition,
        "names": names,
        "expression": str(expression),
        "source": "; ".join(dict.fromkeys(sources)),
        "is_reviewed": True,
    }
