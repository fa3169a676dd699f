"""MELP and MERL: a strip and its report are brought together, as a whole, sentence by sentence, and word by word."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from accelerate import Accelerator
from scipy.optimize import minimize
from transformers import AutoModel, AutoProcessor, AutoTokenizer

from datasets_scripts.terminology.definition_table import definitions_for_checkpoint, names_for_checkpoint
from modeling_supreme import TASK, MelpModel, SupremeEcgFeatureExtractor, SupremeProcessor
from modeling_supreme.command_line import CommandLineError
from modeling_supreme.modeling_melp import MelpOutput, compare_beats, contrastive_losses, split_sentences
from modeling_supreme.queries import encode_queries, find_text_encoder
from training_scripts.arguments import ModelArguments, ObjectiveArguments, RunArguments
from training_scripts.card import CardStyle, describe_source
from training_scripts.data.batches import LabelledStrips
from training_scripts.data.label import MixedLabels
from training_scripts.steps import TrainingBatch

from .gathering import RowGatherer
from .multilabel import MultilabelDraws, MultilabelObjective, choose_encoder, warm_start
from .objective import ValidationFigures
from .supervised import query_inputs, save_zero_shot_model


logger = logging.getLogger(__name__)

LEVELS = ("global", "caption", "local", "view")
MOST_SENTENCES = 16  # of a report; the last takes what follows
# Factors on cosines that calibration chooses from
LEAST_SCALE, MOST_SCALE = 0.01, 1000.0


class PairedReports(LabelledStrips):
    """The inputs of objectives that learn from strips and their reports.

    Args:
        feature_extractor (`SupremeEcgFeatureExtractor`):
            The checkpoint's own.
        labels (`MixedLabels`):
            Targets of the rows of every corpus, for validation.
        tokenizer (`PreTrainedTokenizerFast`):
            The text encoder's own.
        max_tokens (`int`):
            Longest report, in tokens.
        min_words (`int`):
            Fewest words of a report.
    """

    def __init__(
        self, feature_extractor: Any, labels: MixedLabels, tokenizer: Any, *, max_tokens: int, min_words: int = 1
    ) -> None:
        super().__init__(feature_extractor, labels)
        self.tokenizer, self.max_tokens, self.min_words = tokenizer, max_tokens, min_words

    def columns(self, corpus: int) -> list[str]:
        """Columns of a corpus that a batch is made from."""
        return [*super().columns(corpus), "report", "statements"]

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """What [`LabelledStrips`] returns, and the reports of the rows.

        These are `report_ids`, `report_mask` and `sentence_ids`, each `(num_rows, num_report_tokens)`, and `is_paired
        (num_rows,)`: whether there is a report at all.
        """
        return {**super().__call__(rows), **self.read_reports([list_sentences(row) for row in rows])}

    def read_reports(self, reports: Sequence[Sequence[str]]) -> dict[str, torch.Tensor]:
        """Reports, sentence by sentence, as the model takes them."""
        texts, starts = zip(*(join_sentences(sentences) for sentences in reports), strict=True)
        encoding = self.tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=self.max_tokens,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
            return_tensors="np",
        )
        places = encoding["offset_mapping"][..., 0]
        sentence_ids = np.stack(
            [np.searchsorted(first, row, side="right") - 1 for first, row in zip(starts, places, strict=True)]
        ).clip(max=MOST_SENTENCES - 1)
        sentence_ids[encoding["special_tokens_mask"].astype(bool)] = -1
        return {
            "report_ids": torch.from_numpy(encoding["input_ids"]).long(),
            "report_mask": torch.from_numpy(encoding["attention_mask"]).long(),
            "sentence_ids": torch.from_numpy(sentence_ids).long(),
            "is_paired": torch.tensor([len(text.split()) >= self.min_words for text in texts]),
        }


class MelpObjective(MultilabelObjective):
    """Strips and reports are aligned at three levels; validation asks for the findings of the corpus by name."""

    name = "melp"
    card = CardStyle(
        Path(__file__).parents[1] / "cards" / "melp.md",
        task="zero-shot-classification",
        pipeline_tag="zero-shot-classification",
        tags=(TASK,),
    )
    needs_findings = False
    # What the papers have
    usual_weights: ClassVar[Mapping[str, float]] = {"global": 1.0, "caption": 2.0, "local": 0.2, "view": 0.0}
    usual_beat_queries: ClassVar[int] = 12

    def __init__(self, arguments: RunArguments, accelerator: Accelerator) -> None:
        self.loss_weights = {
            level: weight for level, weight in self.choose_weights(arguments.objective).items() if weight
        }
        super().__init__(arguments, accelerator)
        self._names: torch.Tensor | None = None

    @classmethod
    def choose_weights(cls, arguments: ObjectiveArguments) -> dict[str, float]:
        """The weight of every level: those asked for, or the paper's."""
        asked = {level: getattr(arguments, f"{level}_weight") for level in LEVELS}
        return {level: cls.usual_weights[level] if weight is None else weight for level, weight in asked.items()}

    @classmethod
    def check_arguments(cls, arguments: RunArguments) -> None:
        """Refuse what only other objectives have, and a run that would learn nothing."""
        super().check_arguments(arguments)
        model = arguments.model
        if model.freeze_encoder:
            raise CommandLineError(
                "`--freeze_encoder` is for a linear probe. Ask for `--objective classification`, or leave it out."
            )
        if model.measurement_head not in (None, "none"):
            raise CommandLineError(
                f"`--measurement_head {model.measurement_head}` is for `--objective zero_shot`: {cls.name} has no"
                " numbers. Leave it out."
            )
        if not any(cls.choose_weights(arguments.objective).values()):
            flags = ", ".join(f"`--{level}_weight`" for level in LEVELS)
            raise CommandLineError(f"{flags} are all 0: nothing would be learnt. Give one of them a weight.")

    def build_model(self, arguments: ModelArguments) -> tuple[MelpModel, SupremeEcgFeatureExtractor]:
        """A model with the parts that are learnt, which knows what it is validated on."""
        model, self.processor = build_melp_model(
            arguments,
            self.arguments.objective,
            levels=self.loss_weights,
            num_beat_queries=arguments.num_beat_queries or self.usual_beat_queries,
        )
        model.config.trained_queries = list(dict.fromkeys([*model.config.trained_queries, *self.data.findings]))
        model.config.definitions = definitions_for_checkpoint(model.config.trained_queries, ())
        model.config.condition_names = names_for_checkpoint(model.config.trained_queries, model.config.definitions)
        # What was calibrated is so for the weights that training changes
        model.config.score_scale, model.config.score_bias = None, 0.0
        freeze_unused(model, self.loss_weights)
        return model, cast(Any, self.processor).feature_extractor

    def make_collator(self) -> PairedReports:
        """What makes batches of rows with their reports."""
        return PairedReports(
            self.feature_extractor,
            self.data.labels,
            self.processor.tokenizer,
            max_tokens=self.model.config.max_report_tokens,
            min_words=self.arguments.objective.min_report_words,
        )

    def read_logits(self, outputs: Any) -> torch.Tensor:
        """Logits `(batch_size, num_findings)`."""
        if outputs.logits_per_ecg is None:  # the corpora have reports alone
            return outputs.ecg_embeds[:, :0]
        return outputs.logits_per_ecg

    def count(self, batch: TrainingBatch, drawn: MultilabelDraws) -> dict[str, float]:
        """Pairs of strip and report; of captions, the tokens that are to be foretold."""
        is_paired = batch.inputs["is_paired"]
        num_tokens = batch.inputs["report_mask"][is_paired][:, 1:].sum()
        return {level: float(num_tokens if level == "caption" else is_paired.sum()) for level in self.loss_weights}

    def compute_losses(self, model: Any, batch: TrainingBatch, drawn: MultilabelDraws) -> dict[str, torch.Tensor]:
        """What every level costs; pairs are told from those of all processes."""
        outputs = model(**self.change_strips(batch, drawn), **self.report_inputs(batch))
        losses = self.measure_levels(outputs, batch, RowGatherer(self._find_pairs(batch)))
        return {level: rows.sum() for level, rows in losses.items()}

    def report_inputs(self, batch: TrainingBatch) -> dict[str, torch.Tensor]:
        """The reports of a batch as the model takes them."""
        names = ("report_ids", "report_mask", *(["sentence_ids"] if "local" in self.loss_weights else []))
        shift = int(self.arguments.objective.shuffle_reports)
        return {name: batch.inputs[name].roll(shift, dims=0) for name in names}

    def measure_levels(
        self, outputs: MelpOutput, batch: TrainingBatch, gatherer: RowGatherer
    ) -> dict[str, torch.Tensor]:
        """What every level costs, `(batch_size,)` each; of captions, the sum over the tokens of the report."""
        found: Any = outputs
        losses = {}
        if "global" in self.loss_weights:
            losses["global"] = contrast(found.ecg_embeds, found.report_embeds, gatherer, found.logit_scale)
        if "caption" in self.loss_weights:
            losses["caption"] = found.caption_losses.sum(dim=-1) * self._find_pairs(batch)
        if "local" in self.loss_weights:
            losses["local"] = contrast_beats(found, gatherer, self.model.config)
        if "view" in self.loss_weights:
            one, other = found.view_embeds
            losses["view"] = contrast(one, other, gatherer, self.model.config.view_temperature)
        return losses

    def _find_pairs(self, batch: TrainingBatch) -> torch.Tensor:
        """Which rows of a batch are strips with a report, `(batch_size,)`."""
        return batch.inputs["is_paired"] & bool(batch.record_ids)

    @property
    def validation_inputs(self) -> dict[str, torch.Tensor]:
        """Every finding, asked for by its name; embedded once if the text encoder keeps its weights."""
        if not self.data.findings:
            return {}
        tokenizer = self.processor.tokenizer
        if self.model.config.freeze_text_encoder:
            if self._names is None:
                self._names = encode_queries(self.model, tokenizer, self.data.findings)
            return {"query_embeds": self._names}
        encoding = tokenizer(list(self.data.findings), padding=True, truncation=True, return_tensors="pt")
        queries = torch.stack([encoding["input_ids"], encoding["attention_mask"]], dim=1)
        return query_inputs(queries.to(self.accelerator.device))

    def predict(self, model: Any, batch: TrainingBatch) -> dict[str, torch.Tensor]:
        """Logits and labels, and what every level costs, where a pair is told from those of its own batch."""
        strips = {name: batch.inputs[name] for name in ("signal", "lead_mask", "sample_mask")}
        outputs = model(**strips, **self.report_inputs(batch), **self.validation_inputs)
        alone = RowGatherer(self._find_pairs(batch), is_alone=True)
        losses = self.measure_levels(outputs, batch, alone)
        named = {f"loss_{level}": rows for level, rows in losses.items()}
        for level in losses:
            num_tokens = batch.inputs["report_mask"][:, 1:].sum(dim=1)
            named[f"count_{level}"] = alone.is_valid * (num_tokens if level == "caption" else 1)
        return self.read_predictions(outputs, batch) | named

    def score(self, predictions: Mapping[str, torch.Tensor]) -> ValidationFigures:
        """AUROC of the findings, and the mean loss of every level."""
        figures = super().score(predictions if self.data.findings else {})
        means: dict[str, float | None] = dict.fromkeys(self.loss_weights)
        if predictions:
            for level in means:
                num = float(predictions[f"count_{level}"].sum())
                means[level] = float(predictions[f"loss_{level}"].double().sum()) / num if num else None
        known = [weight * mean for level, weight in self.loss_weights.items() if (mean := means[level]) is not None]
        summary = {
            **figures.summary,
            "validation_loss": sum(known) if known else None,
            **{f"validation_loss_{level}": mean for level, mean in means.items()},
        }
        return ValidationFigures(summary, details=figures.details)

    def calibrate(self, folder: Path) -> tuple[MelpModel, dict[str, Any]] | None:
        """Scale and bias that make probabilities of cosines, by the labels of validation records."""
        can_calibrate = bool(self.data.findings) and self.source.num_validation_records > 0
        if not (self.arguments.objective.calibrate_scores and can_calibrate):
            return None
        model = MelpModel.from_pretrained(folder, use_safetensors=True).to(cast(Any, self.accelerator.device))
        model.config.score_scale, model.config.score_bias = 1.0, 0.0
        cosines, labels = [], []
        with torch.no_grad():
            for batch in self.source.validation_batches():
                found = self.read_cosines(model, batch.to(self.accelerator.device))
                cosines.append(found[: len(batch.record_ids)].cpu())
                labels.append(batch.inputs["labels"][: len(batch.record_ids)])
        fitted = fit_scores(torch.cat(cosines), torch.cat(labels))
        if fitted is None:
            logger.warning("No label of the validation records is known: scores are not calibrated.")
            return None
        model.config.score_scale, model.config.score_bias = fitted
        return model, {"score_scale": fitted[0], "score_bias": fitted[1]}

    def read_cosines(self, model: MelpModel, batch: TrainingBatch) -> torch.Tensor:
        """Cosines of the strips with the names of all findings, `(batch_size, num_findings)`."""
        strips = {name: batch.inputs[name] for name in ("signal", "lead_mask", "sample_mask")}
        return model(**strips, **self.validation_inputs).logits_per_ecg.float()

    def save(self, model: MelpModel, folder: Path) -> None:
        """Write what `AutoModel`, `AutoProcessor` and `pipeline` load."""
        save_zero_shot_model(cast(Any, model), self.processor, folder)

    def describe(self) -> dict[str, Any]:
        """Records and findings, and what every level weighs."""
        return {**super().describe(), "level_weights": dict(self.loss_weights)}


class MerlObjective(MelpObjective):
    """Strips and reports are aligned as a whole, and so are two views of every strip."""

    name = "merl"
    usual_weights = {"global": 1.0, "caption": 0.0, "local": 0.0, "view": 1.0}
    usual_beat_queries = 1


def list_sentences(row: Mapping[str, Any]) -> list[str]:
    """The sentences of the report of a row: its statements, where the corpus has such.

    Example:
        >>> list_sentences({"report": "Sinus rhythm. Left axis deviation.", "statements": []})
        ['Sinus rhythm.', 'Left axis deviation.']
    """
    statements = row["statements"] if len(row["statements"]) else split_sentences(row["report"] or "")
    return [sentence for each in statements if (sentence := str(each).strip())]


def join_sentences(sentences: Sequence[str]) -> tuple[str, list[int]]:
    """A report of its sentences, and where in it each begins.

    Example:
        >>> join_sentences(["Sinus rhythm", "normal ECG."])
        ('Sinus rhythm. normal ECG.', [0, 14])
    """
    closed = [sentence if sentence[-1] in ".!?;:," else f"{sentence}." for sentence in sentences]
    starts = [sum(len(sentence) + 1 for sentence in closed[:place]) for place in range(len(closed))]
    return " ".join(closed), starts


def contrast(first: torch.Tensor, second: torch.Tensor, gatherer: RowGatherer, scale: Any) -> torch.Tensor:
    """What it costs to tell the pairs of this process from those of all, in both directions.

    Args:
        first (`torch.Tensor` of shape `(batch_size, projection_size)`):
            Of each pair the one, of length 1.
        second (`torch.Tensor` of shape `(batch_size, projection_size)`):
            The other.
        gatherer (`RowGatherer`):
            Knows the other processes.
        scale (`float` or `torch.Tensor`):
            Factor on cosines.

    Returns:
        `torch.Tensor` of shape `(batch_size,)`: Mean of both cross-entropies, in float32.
    """
    all_first, all_second = gatherer.gather(first), gatherer.gather(second)
    there = contrastive_losses(scale * first.float() @ all_second.float().T, gatherer.is_valid, first=gatherer.first)
    back = contrastive_losses(scale * second.float() @ all_first.float().T, gatherer.is_valid, first=gatherer.first)
    return (there + back) / 2


def contrast_beats(outputs: Any, gatherer: RowGatherer, config: Any) -> torch.Tensor:
    """What it costs to tell pairs by their beats and sentences, `(batch_size,)`, in both directions."""
    beats, sentences, mask = outputs.beat_embeds, outputs.sentence_embeds, outputs.sentence_mask
    similarities = compare_beats(beats, gatherer.gather(sentences), gatherer.gather(mask.float()) > 0, config)
    turned = similarities.T if gatherer.is_alone else compare_beats(gatherer.gather(beats), sentences, mask, config).T
    there, back = (
        contrastive_losses(each, gatherer.is_valid, first=gatherer.first) for each in (similarities, turned)
    )
    return (there + back) / 2


def fit_scores(cosines: torch.Tensor, labels: torch.Tensor) -> tuple[float, float] | None:
    """Scale and bias of the sigmoid that fits the labels best; None where there are not both kinds of them.

    Args:
        cosines (`torch.Tensor` of shape `(num_records, num_findings)`):
            Cosines.
        labels (`torch.Tensor` of shape `(num_records, num_findings)`):
            1 present, 0 absent, in between uncertain, NaN unknown.

    Example:
        >>> cosines = torch.tensor([[0.1], [0.1], [0.1], [0.1], [0.3], [0.3], [0.3], [0.3]])
        >>> labels = torch.tensor([[0.0], [0.0], [0.0], [1.0], [1.0], [1.0], [1.0], [0.0]])
        >>> [round(value, 2) for value in fit_scores(cosines, labels)]  # the logit rises from -ln 3 to ln 3
        [10.99, -2.2]
    """
    is_known = ~torch.isnan(labels)
    x, y = cosines[is_known].double().numpy(), labels[is_known].double().numpy()
    if not len(x) or y.max() <= 0 or y.min() >= 1:
        return None

    def measure(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        logits = parameters[0] * x + parameters[1]
        errors = 1 / (1 + np.exp(-logits.clip(-500, 500))) - y
        return float(np.mean(np.logaddexp(0, logits) - y * logits)), np.array([np.mean(errors * x), np.mean(errors)])

    bounds = [(LEAST_SCALE, MOST_SCALE), (-MOST_SCALE, MOST_SCALE)]
    options = {"maxiter": 1000, "ftol": 1e-14, "gtol": 1e-10}
    found = minimize(measure, np.array([10.0, 0.0]), jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return float(found.x[0]), float(found.x[1])


def build_melp_model(
    arguments: ModelArguments, objective: ObjectiveArguments, *, levels: Mapping[str, float], num_beat_queries: int
) -> tuple[MelpModel, SupremeProcessor]:
    """Load a checkpoint to go on from, or start a model with a pretrained text encoder and the parts it needs.

    Raises:
        CommandLineError: If the checkpoint is of another kind or lacks a part, or the tokenizer cannot tell sentences.
    """
    if arguments.model_name_or_path:
        return load_melp_model(arguments, levels=levels)
    source = find_text_encoder(arguments.text_model_name_or_path)
    tokenizer = AutoTokenizer.from_pretrained(source, revision=arguments.revision)
    first = tokenizer.cls_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
    last = tokenizer.sep_token_id if tokenizer.eos_token_id is None else tokenizer.eos_token_id
    if not tokenizer.is_fast or None in (first, last, tokenizer.pad_token_id):
        raise CommandLineError(
            f"The tokenizer of {arguments.text_model_name_or_path} does not say where tokens are in a text, or"
            " marks no beginning, end or padding. Choose a text encoder such as BERT with a tokenizer.json."
        )
    ecg_config, extractor = choose_encoder(arguments)
    model = MelpModel.from_text_pretrained(
        source,
        ecg_config=ecg_config,
        revision=arguments.revision,
        text_pooling=arguments.text_pooling,
        freeze_text_encoder=arguments.freeze_text_encoder,
        num_frozen_text_layers=arguments.num_frozen_text_layers,
        projection_size=arguments.projection_size,
        num_beat_queries=num_beat_queries,
        has_views="view" in levels,
        num_decoder_layers=arguments.num_decoder_layers if "caption" in levels else 0,
        decoder_hidden_size=arguments.decoder_hidden_size,
        num_caption_queries=arguments.num_caption_queries,
        max_report_tokens=min(objective.max_report_tokens, tokenizer.model_max_length),
        bos_token_id=first,
        eos_token_id=last,
        pad_token_id=tokenizer.pad_token_id,
    )
    warm_start(model, arguments)
    cast(Any, model.config.text_config).name_or_path = describe_source(arguments.text_model_name_or_path)
    return model, SupremeProcessor(extractor, tokenizer)


def load_melp_model(arguments: ModelArguments, *, levels: Mapping[str, float]) -> tuple[MelpModel, SupremeProcessor]:
    """A checkpoint to go on from.

    Raises:
        CommandLineError: If it is of another kind, or lacks a part that is to be learnt.
    """
    path = cast(str, arguments.model_name_or_path)
    model = AutoModel.from_pretrained(path, freeze_text_encoder=arguments.freeze_text_encoder, use_safetensors=True)
    if not isinstance(model, MelpModel):
        raise CommandLineError(
            f"{path} holds a {type(model).__name__}, which knows no reports. Name a checkpoint of melp or merl, or"
            " begin a new model without `--model_name_or_path`."
        )
    has_part = {"caption": model.decoder is not None, "view": model.alignment.views is not None}
    lacking = [level for level in levels if not has_part.get(level, True)]
    if lacking:
        raise CommandLineError(
            f"{path} has no part for `--{lacking[0]}_weight`: it was trained without. Set it to 0, or begin a"
            " new model."
        )
    return model, AutoProcessor.from_pretrained(path)


def freeze_unused(model: Any, levels: Mapping[str, float]) -> None:
    """Take what no level learns from out of training: several processes would wait for its gradient."""
    alignment = model.alignment
    unused = [getattr(model.text_model, "pooler", None)]
    if "global" not in levels:
        alignment.logit_scale.requires_grad_(False)
    if not {"global", "local"} & set(levels):
        unused += [model.text_model, alignment.text_projection]
    if not {"global", "local", "view"} & set(levels):
        unused += [alignment.beat_pooler, alignment.ecg_projection]
    if "caption" not in levels:
        unused += [model.caption_pooler, model.decoder]
    if "view" not in levels:
        unused.append(alignment.views)
    for part in unused:
        if part is not None:
            part.requires_grad_(False)
