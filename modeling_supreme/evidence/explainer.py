"""Explains answers: statements from definitions and numbers, and maps of what an answer falls without, tested."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from ..composition import Answer, Composition
from ..definitions import Measured
from ..queries import encode_queries, fill_template, to_probabilities
from ..query_grammar import Expression, Finding, QuerySyntaxError, findings_of, keys_of, normalize_name, parse_query
from .deletion import LEAST_UNITS, Deletion, choose_most_important, draw_deletions, judge_deletion
from .heartbeats import find_heartbeats
from .occlusion import Inputs, Occluder, join_inputs, select_record, split_inputs
from .statements import StatementReader


MAPS = ("leads", "time", "attention")
STRIPS_AT_ONCE = 64
LEAST_PROBABILITY = 1e-6  # of the answer of an expression whose logit is taken


@dataclass(frozen=True)
class Answers:
    """What the model says of a batch.

    Attributes:
        logits (`torch.Tensor` of shape `(batch_size, num_labels)`, float64):
            Of the scores of all labels.
        findings (`torch.Tensor` of shape `(batch_size, num_names)`):
            Probabilities of everything that was asked by name.
        measured ([`Measured`], *optional*):
            What was measured.
        attention (`torch.Tensor` of shape `(batch_size, num_queries, num_tokens)`, *optional*):
            Where each label that is asked by its own query looked; mean over layers and heads.
    """

    logits: torch.Tensor
    findings: torch.Tensor
    measured: Measured | None
    attention: torch.Tensor | None = None


@dataclass(frozen=True)
class ImportanceMap:
    """How important each part of a strip is to one answer, and whether that can be believed.

    Attributes:
        importance (`tuple[float, ...]`):
            By how much the logit falls without each lead or window; of attention, its share in each window.
        deletion ([`Deletion`]):
            What the deletion test found.
    """

    importance: tuple[float, ...]
    deletion: Deletion


class Explainer:
    """Says what carries the answers to some labels.

    Args:
        model (`SupremeModel`):
            Answers.
        tokenizer (`PreTrainedTokenizerBase`):
            Of its text encoder.
        composition (`Composition`):
            What answers each label.
        template (`str`):
            Sentence around the labels' own queries.
        definitions (`Any`, *optional*):
            Those of the user.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        composition: Composition,
        *,
        template: str = "{}",
        definitions: Any = None,
    ) -> None:
        self.model, self.composition = model, composition
        self.leads: list[str] = list(model.config.ecg_config.leads)
        self.sampling_rate = float(model.config.ecg_config.sampling_rate)
        self.expressions = [self._find_expression(place, definitions) for place in range(len(composition.labels))]
        own = fill_template(template, composition.queries)
        asked = dict.fromkeys([*own, *composition.findings, *self._names(model.config.trained_queries)])
        self._names_asked = list(asked)
        self._of_composition = [self._names_asked.index(name) for name in (*own, *composition.findings)]
        self._own = {query: place for place, query in enumerate(composition.queries)}
        width = model.config.text_config.hidden_size
        nothing = torch.zeros((0, width), device=model.device)
        self._embeds = encode_queries(model, tokenizer, self._names_asked) if asked else nothing

    def _find_expression(self, place: int, definitions: Any) -> Expression | None:
        """The definition of a label, or what it asks to measure; `None` where it is a name and nothing else."""
        answer = self.composition.answers[place]
        if answer.expression is not None:
            # A checkpoint that was loaded with its own code has its own classes: the text is the same
            return parse_query(str(answer.expression))
        label, config = self.composition.labels[place], self.model.config
        try:
            found = Composition.of(config, [label], True, definitions=definitions).answers[0].expression
        except ValueError:
            return None
        if not isinstance(found, Finding):
            return found
        try:
            measures = parse_query(label)
        except QuerySyntaxError:
            return None
        return measures if set(keys_of(measures)) <= set(config.measurements) and not findings_of(measures) else None

    def _names(self, trained: Sequence[str]) -> list[str]:
        """Findings that the definitions name, as training spelt them."""
        spelt = {normalize_name(name): name for name in trained}
        names = (name for each in self.expressions if each is not None for name in findings_of(each))
        return [spelt.get(name, name) for name in names]

    @torch.no_grad()
    def answer(self, inputs: Inputs, *, with_attention: bool = False) -> Answers:
        """Ask the model everything that an explanation takes.

        Args:
            inputs (`dict[str, torch.Tensor]`):
                `signal` and masks of any number of strips.
            with_attention (`bool`):
                Whether to say where labels looked.

        Returns:
            [`Answers`]
        """
        parts = [self._answer_some(batch, with_attention) for batch in split_inputs(inputs, STRIPS_AT_ONCE)]
        if len(parts) == 1:
            return parts[0]
        measured: list[Any] = [part.measured for part in parts if part.measured is not None]
        joined = None
        if measured:
            value, sd, measurable = (torch.cat([each[field] for each in measured]) for field in (1, 2, 3))
            joined = Measured(measured[0].keys, value, sd, measurable, measured[0].loadings)
        attention = [part.attention for part in parts if part.attention is not None]
        return Answers(
            torch.cat([part.logits for part in parts]),
            torch.cat([part.findings for part in parts]),
            joined,
            torch.cat(attention) if attention else None,
        )

    def _answer_some(self, inputs: Inputs, with_attention: bool) -> Answers:
        signal = inputs["signal"].to(self.model.dtype)
        outputs = self.model(
            **{**inputs, "signal": signal}, query_embeds=self._embeds, output_attentions=with_attention
        )
        own = outputs.logits_per_ecg[:, self._of_composition].double()
        probabilities = to_probabilities(outputs.logits_per_ecg)
        measured = Measured.of(self.model, outputs.measurements)
        scores = self.composition.evaluate(probabilities[:, self._of_composition], measured).double()
        logits = torch.logit(scores, LEAST_PROBABILITY)
        for place, answer in enumerate(self.composition.answers):
            if answer.expression is None:
                logits[:, place] = own[:, self._own[answer.query]]
        attention = None
        if with_attention:
            weights = torch.stack(outputs.cross_attentions).float().mean(dim=(0, 2))
            attention = weights[:, self._of_composition[: len(self.composition.queries)]].cpu()
        return Answers(logits.cpu(), probabilities.cpu(), measured, attention)

    def explain(self, inputs: dict[str, Any], *, show_all: bool = False) -> list[dict[str, dict[str, Any]]]:
        """Explain the answers to every label on every record of a batch.

        Args:
            inputs (`dict[str, torch.Tensor]`):
                What the model was given.
            show_all (`bool`):
                Whether to return maps that failed the deletion test, too.

        Returns:
            `list[dict[str, dict]]`: For each record, the `evidence` of each label.
        """
        records = [select_record(inputs, place) for place in range(len(inputs["signal"]))]
        return [self._explain_record(record, show_all=show_all) for record in records]

    def _explain_record(self, inputs: Inputs, *, show_all: bool) -> dict[str, dict[str, Any]]:
        answers = self.answer(inputs, with_attention=True)
        occluder = Occluder(inputs, self.sampling_rate)
        maps = self.find_maps(occluder, answers)
        read, marks = self._read_statements(inputs, answers)
        return {
            label: {
                **read[place],
                "marks": marks,
                **self._describe_maps(maps[place], occluder, show_all=show_all),
            }
            for place, label in enumerate(self.composition.labels)
        }

    def _read_statements(self, inputs: Inputs, answers: Answers) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """The statements of each label with what they make together, and the marks of the beats."""
        measured, numbers = answers.measured, {}
        if measured is not None:
            parts = [part[0].float().cpu() for part in measured[1:4]]
            measured = Measured(measured.keys, *parts, loadings=measured.loadings.float().cpu())
            numbers = {
                key: (value, chance)
                for key, value, chance in zip(measured.keys, parts[0].tolist(), parts[2].tolist(), strict=True)
            }
        recorded = inputs["recorded_mask"][0] & inputs["lead_mask"][0][:, None] & inputs["sample_mask"]
        strip = inputs["signal"][0].masked_fill(~recorded, 0.0).cpu()
        beats = find_heartbeats(strip, recorded.any(dim=0).cpu(), self.sampling_rate, numbers)
        findings = {
            normalize_name(name): float(chance)
            for name, chance in zip(self._names_asked, answers.findings[0], strict=True)
        }
        reader = StatementReader(measured, findings, beats)
        pairs = zip(self.expressions, self.composition.answers, strict=True)
        return [_read(reader, expression, answer) for expression, answer in pairs], beats.to_dict()

    def find_maps(
        self, occluder: Occluder, answers: Answers, labels: Sequence[int] | None = None
    ) -> dict[int, dict[str, ImportanceMap]]:
        """Maps of importance, each with its deletion test.

        Args:
            occluder ([`Occluder`]):
                Of one record.
            answers ([`Answers`]):
                Of the same record, with attention.
            labels (`Sequence[int]`, *optional*):
                Places of the labels to explain; all of them by default.

        Returns:
            `dict[int, dict[str, ImportanceMap]]`: By the place of a label, `leads`, `time` and `attention`, as far as
            there are enough leads or windows, and a query that looked.
        """
        places = list(range(len(self.composition.labels))) if labels is None else list(labels)
        units = {"leads": len(occluder.leads), "time": len(occluder.windows_s)}
        units = {kind: count for kind, count in units.items() if count >= LEAST_UNITS}
        if not units:
            return {place: {} for place in places}
        singles = {(kind, (unit,)) for kind, count in units.items() for unit in range(count)}
        draws = {kind: draw_deletions(count) for kind, count in units.items()}
        asked = singles | {(kind, each) for kind, found in draws.items() for each in found}
        drops = self._drops(occluder, answers, asked)
        importance = {place: self._importance(place, units, drops, occluder, answers.attention) for place in places}
        tops = {
            (unit_of(kind), choose_most_important(values))
            for found in importance.values()
            for kind, values in found.items()
        }
        drops |= self._drops(occluder, answers, tops - drops.keys())
        return {
            place: {
                kind: ImportanceMap(tuple(values), self._test(place, kind, values, draws, drops))
                for kind, values in found.items()
            }
            for place, found in importance.items()
        }

    def _drops(self, occluder: Occluder, answers: Answers, asked: Any) -> dict[Any, torch.Tensor]:
        """By how much the logit of each label falls without each set of leads or windows, `(num_labels,)`."""
        ordered = sorted(asked)
        if not ordered:
            return {}
        of_leads = [units for kind, units in ordered if kind == "leads"]
        of_time = [units for kind, units in ordered if kind == "time"]
        batches = [occluder.without_leads(of_leads)] if of_leads else []
        batches += [occluder.without_windows(of_time)] if of_time else []
        drops = answers.logits[0] - self.answer(join_inputs(batches)).logits
        return dict(zip(ordered, drops, strict=True))

    def _importance(
        self, place: int, units: dict[str, int], drops: dict[Any, torch.Tensor], occluder: Occluder, attention: Any
    ) -> dict[str, list[float]]:
        """How important each unit is to a label, by kind of map."""
        found = {kind: [float(drops[kind, (unit,)][place]) for unit in range(count)] for kind, count in units.items()}
        own = self._own.get(self.composition.answers[place].query)
        if attention is not None and own is not None and "time" in units:
            weights = attention[0, own]
            middles = (torch.arange(len(weights)) + 0.5) * self.model.config.ecg_config.token_stride
            edges = torch.tensor(occluder.edges[1:-1])
            window = torch.bucketize(middles, edges, right=True)
            found["attention"] = torch.zeros(units["time"]).index_add(0, window, weights).tolist()
        return found

    def _test(
        self, place: int, kind: str, values: Sequence[float], draws: dict[str, Any], drops: dict[Any, torch.Tensor]
    ) -> Deletion:
        """The deletion test of a map."""
        unit = unit_of(kind)
        drop = float(drops[unit, choose_most_important(values)][place])
        return judge_deletion(drop, [float(drops[unit, each][place]) for each in draws[unit]])

    def _describe_maps(self, maps: dict[str, ImportanceMap], occluder: Occluder, *, show_all: bool) -> dict[str, Any]:
        """Maps as the pipeline returns them; those that are not faithful are left out unless all are wanted."""
        shown: dict[str, Any] = {}
        for kind in MAPS:
            found = maps.get(kind)
            if found is None or not (found.deletion.is_faithful or show_all):
                shown[kind] = None
                continue
            deletion = asdict(found.deletion)
            shown[kind] = {"faithful": deletion.pop("is_faithful"), "deletion": deletion}
            if kind == "leads":
                names = [self.leads[row] for row in occluder.leads]
                shown[kind]["drops"] = dict(zip(names, found.importance, strict=True))
            else:
                shown[kind]["windows_s"] = [[round(first, 3), round(last, 3)] for first, last in occluder.windows_s]
                shown[kind]["drops" if kind == "time" else "shares"] = list(found.importance)
        return {
            "occlusion": {"leads": shown["leads"], "time": shown["time"]},
            "attention": shown["attention"],
            "faithful": {kind: maps[kind].deletion.is_faithful if kind in maps else None for kind in MAPS},
        }


def _read(reader: StatementReader, expression: Expression | None, answer: Answer) -> dict[str, Any]:
    """The statements of a label; where its query alone answers, also how probable its definition is."""
    if expression is None:
        return {"statements": [], "by_definition": None}
    by_definition = reader.judge(expression) if answer.expression is None else None
    return {"statements": reader.read(expression), "by_definition": by_definition}


def unit_of(kind: str) -> str:
    """What a map of this kind has: leads, or windows of time."""
    return "leads" if kind == "leads" else "time"
