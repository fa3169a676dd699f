"""Conditions as rules over findings: a condition that no training set names is answered by what it consists of.

A model that was trained on measured findings ("heart rate above 100 per minute") can answer for a condition that is
defined by them (sinus tachycardia: that rate, P waves, regular intervals) without ever having met its name. The rules
come from textbooks and guidelines and travel with the checkpoint, in `config.composed_rules`.

How a rule is evaluated: a conjunction is the product of the probabilities of its findings, and of one minus the
probability of those that must be absent; of several alternatives the largest counts. The product uses all findings
(the minimum would ignore all but one) and takes them as independent, which they are not: the result ranks records, but
is lower than the probability of the condition.
"""

from collections.abc import Mapping, Sequence
from reprlib import repr as shorten
from typing import Any, Literal, NamedTuple

import torch

from .query_grammar import normalize_name


Composed = bool | Literal["auto"]
ABSENT = "not "  # before a finding that must not be there


class Alternative(NamedTuple):
    """One conjunction of a rule.

    Attributes:
        findings (`tuple[tuple[str, bool], ...]`):
            Names of findings, each with whether it must be present.
        source (`str`):
            Textbook or guideline.
    """

    findings: tuple[tuple[str, bool], ...]
    source: str

    def __str__(self) -> str:
        return " and ".join(name if is_present else f"{ABSENT}{name}" for name, is_present in self.findings)


class ComposedRule(NamedTuple):
    """What a condition consists of: alternatives, one of which must be met.

    Attributes:
        condition (`str`):
            Name of the condition.
        names (`tuple[str, ...]`):
            Its name, synonyms and codes.
        alternatives (`tuple[Alternative, ...]`):
            Conjunctions of findings.
    """

    condition: str
    names: tuple[str, ...]
    alternatives: tuple[Alternative, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """Names of all findings, each once."""
        return tuple(dict.fromkeys(name for conjunction in self.alternatives for name, _ in conjunction.findings))

    def __str__(self) -> str:
        return " or ".join(map(str, self.alternatives))


def read_rules(stored: Sequence[Mapping[str, Any]]) -> dict[str, ComposedRule]:
    """Rules as a configuration stores them, by each of the names they answer to.

    Args:
        stored (`Sequence[Mapping]`):
            Entries with `condition`, `names` and `alternatives`; an alternative has `findings`, of which "not " marks
            those that must be absent, and `source`.

    Returns:
        `dict[str, ComposedRule]`: By folded name; where two conditions share a synonym the first answers to it.
    """
    by_name: dict[str, ComposedRule] = {}
    for entry in stored:
        alternatives = tuple(
            Alternative(tuple(_read_finding(text) for text in alternative["findings"]), alternative["source"])
            for alternative in entry["alternatives"]
        )
        rule = ComposedRule(entry["condition"], tuple(entry["names"]), alternatives)
        for name in (rule.condition, *rule.names):
            by_name.setdefault(normalize_name(name), rule)
    return by_name


def check_rule(entry: Any, place: int) -> None:
    """Refuse a stored rule that [`read_rules`] could not read.

    Args:
        entry (`Mapping`):
            One of `config.composed_rules`.
        place (`int`):
            Its place among them, from 0; named where it has no condition.

    Raises:
        ValueError: If a part of it is missing or of another kind; the message names the rule.

    Example:
        >>> check_rule({"condition": "tachycardia", "names": [], "alternatives": []}, 0)
        Traceback (most recent call last):
        ValueError: Rule 0 of `composed_rules`, 'tachycardia': `alternatives` is no list of conjunctions but []. ...
    """
    condition = entry.get("condition") if isinstance(entry, Mapping) else None
    where = f"Rule {place} of `composed_rules`{f', {condition!r}' if isinstance(condition, str) else ''}"
    remedy = "Write it as `datasets_scripts/terminology/composed_rules.csv` is stored, or leave the rule out."
    if not isinstance(condition, str) or not condition.strip():
        raise ValueError(f"{where}: `condition` is no name but {shorten(condition)}. {remedy}")
    if not _are_names(entry.get("names")):
        raise ValueError(f"{where}: `names` is no list of names but {shorten(entry.get('names'))}. {remedy}")
    alternatives = entry.get("alternatives")
    if not isinstance(alternatives, list | tuple) or not alternatives:
        raise ValueError(f"{where}: `alternatives` is no list of conjunctions but {shorten(alternatives)}. {remedy}")
    for alternative in alternatives:
        findings = alternative.get("findings") if isinstance(alternative, Mapping) else None
        if not findings or not _are_names(findings) or not isinstance(alternative.get("source"), str):
            raise ValueError(
                f"{where}: an alternative has no `findings`, a list of names, or no `source`: {shorten(alternative)}."
                f" {remedy}"
            )


def _are_names(names: Any) -> bool:
    """Whether this is a list of names."""
    return isinstance(names, list | tuple) and all(isinstance(name, str) and name.strip() for name in names)


def _read_finding(text: str) -> tuple[str, bool]:
    return (text.removeprefix(ABSENT), not text.startswith(ABSENT))


class Composition:
    """Which labels are answered by a rule, and which queries that takes.

    Args:
        labels (`Sequence[str]`):
            What is asked for.
        composed (`bool` or `"auto"`):
            `True` answers every label by its rule; `"auto"` those that were not trained on and whose rule can be
            evaluated; `False` none.
        stored_rules (`Sequence[Mapping]`):
            `config.composed_rules`.
        trained_queries (`Sequence[str]`):
            `config.trained_queries`: a rule may use nothing else.

    Raises:
        ValueError: If a rule is demanded where there is none, or where it uses a finding that was not trained on.

    Attributes:
        rules (`list[ComposedRule | None]`):
            Of each label; `None` where its own query answers.
        findings (`tuple[str, ...]`):
            What must be asked for besides the labels that answer for themselves.
        seen (`list[bool | None]`):
            Whether training named each label; `None` where nobody says what it named.
    """

    def __init__(
        self,
        labels: Sequence[str],
        composed: Composed,
        *,
        stored_rules: Sequence[Mapping[str, Any]],
        trained_queries: Sequence[str],
    ) -> None:
        if composed not in (True, False, "auto"):
            raise ValueError(f"`composed` is {composed!r}. Choose True, False or 'auto'.")
        self.labels = tuple(labels)
        self._trained = {normalize_name(query) for query in trained_queries}
        is_known = bool(self._trained)
        self.seen = [normalize_name(label) in self._trained if is_known else None for label in self.labels]
        by_name = read_rules(stored_rules) if composed else {}
        found = [by_name.get(normalize_name(label)) for label in self.labels]
        if composed is True:
            self._check_rules(found)
        self.rules = [
            rule if composed is True or (rule is not None and self._is_wanted(label, rule)) else None
            for label, rule in zip(self.labels, found, strict=True)
        ]
        self.findings = tuple(dict.fromkeys(name for rule in self.rules if rule for name in rule.findings))

    @property
    def queries(self) -> tuple[str, ...]:
        """Labels that answer for themselves."""
        return tuple(label for label, rule in zip(self.labels, self.rules, strict=True) if rule is None)

    @property
    def sources(self) -> list[str]:
        """What answers each label: `"query"`, or `"composed: "` and its rule."""
        return [f"composed: {rule}" if rule else "query" for rule in self.rules]

    def _is_wanted(self, label: str, rule: ComposedRule) -> bool:
        """Whether `"auto"` uses a rule."""
        is_trained = bool(self._trained & {normalize_name(name) for name in (label, rule.condition)})
        return not is_trained and not self._untrained(rule)

    def _untrained(self, rule: ComposedRule) -> list[str]:
        return [name for name in rule.findings if normalize_name(name) not in self._trained]

    def _check_rules(self, rules: Sequence[ComposedRule | None]) -> None:
        """Refuse labels whose rule is missing or cannot be evaluated."""
        for label, rule in zip(self.labels, rules, strict=True):
            if rule is None:
                raise ValueError(
                    f"The checkpoint has no rule for {label!r}. Ask for it by its own query with `composed=False`, or"
                    " let the pipeline choose with `composed='auto'`."
                )
            untrained = self._untrained(rule)
            if untrained:
                raise ValueError(
                    f"The rule of {label!r} uses {untrained[0]!r}, which this checkpoint was not trained on. Ask by"
                    " the label's own query with `composed=False`, or train on measured findings (corpus `simulated`)."
                )

    def evaluate(self, probabilities: torch.Tensor) -> torch.Tensor:
        """Scores of the labels.

        Args:
            probabilities (`torch.Tensor` of shape `(..., num_queries + num_findings)`):
                Probabilities of presence of `queries` and then of `findings`.

        Returns:
            `torch.Tensor` of shape `(..., num_labels)`.
        """
        num_queries = len(self.queries)
        own = iter(probabilities[..., :num_queries].unbind(-1))
        of_finding = dict(zip(self.findings, probabilities[..., num_queries:].unbind(-1), strict=True))
        return torch.stack([next(own) if rule is None else evaluate_rule(rule, of_finding) for rule in self.rules], -1)


def evaluate_rule(rule: ComposedRule, probabilities: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Score of one condition: the largest of its alternatives, each the product of its findings.

    Args:
        rule ([`ComposedRule`]):
            The condition.
        probabilities (`Mapping[str, torch.Tensor]`):
            Of every finding of the rule, all of one shape.

    Returns:
        `torch.Tensor`: Of that shape, from 0 to 1.

    Example:
        >>> conjunction = Alternative((("fast", True), ("wide", False)), "Textbook")
        >>> rule = ComposedRule("tachycardia", (), (conjunction,))
        >>> evaluate_rule(rule, {"fast": torch.tensor(0.8), "wide": torch.tensor(0.25)})
        tensor(0.6000)
    """
    scores = []
    for alternative in rule.alternatives:
        factors = [
            probabilities[name] if is_present else 1 - probabilities[name] for name, is_present in alternative.findings
        ]
        scores.append(torch.stack(factors).prod(dim=0))
    return torch.stack(scores).amax(dim=0)
