"""Zero-shot pretraining after SuPreME: text queries learn to find their finding in the strip."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import Accelerator
from transformers import AutoConfig, AutoModel, AutoProcessor, AutoTokenizer

from datasets_scripts.simulator import measurement_keys
from datasets_scripts.terminology.definition_table import definitions_for_checkpoint, names_for_checkpoint
from modeling_supreme import (
    TASK,
    SupremeEcgFeatureExtractor,
    SupremeModel,
    SupremeProcessor,
    ZeroShotEcgClassificationPipeline,
)
from modeling_supreme.command_line import CommandLineError
from modeling_supreme.queries import encode_queries, find_text_encoder
from training_scripts.arguments import ModelArguments, RunArguments
from training_scripts.card import CardStyle, describe_source
from training_scripts.data.batches import LabelledStrips
from training_scripts.data.measure import find_units, sample_numbers
from training_scripts.steps import TrainingBatch

from .calibration import calibrate_head
from .measurements import MAIN_KEYS, MeasurementTask
from .multilabel import MultilabelDraws, MultilabelObjective, choose_encoder, warm_start
from .objective import ValidationFigures
from .wordings import QueryWordings, query_wordings


logger = logging.getLogger(__name__)


class SupervisedObjective(MultilabelObjective):
    """Every finding is a query in words; a step draws one wording of each and, if asked to, some of the findings."""

    name = "zero_shot"
    card = CardStyle(
        Path(__file__).parents[1] / "cards" / "zero_shot.md",
        task="zero-shot-classification",
        pipeline_tag="zero-shot-classification",
        tags=(TASK,),
    )

    def __init__(self, arguments: RunArguments, accelerator: Accelerator) -> None:
        super().__init__(arguments, accelerator)
        self.wordings = self._encode_wordings()
        self.task: MeasurementTask | None = None
        if self.model.measurement_head is not None:
            self._settle_units()
            self.task = MeasurementTask(self.model.config.measurements, self.model.measurement_head.spread)
            weight = arguments.objective.measurement_weight
            self.loss_weights = {**self.loss_weights, **dict.fromkeys(self.task.parts, weight)}

    @classmethod
    def check_arguments(cls, arguments: RunArguments) -> None:
        """Refuse what only a classifier has."""
        super().check_arguments(arguments)
        if arguments.model.freeze_encoder:
            raise CommandLineError(
                "`--freeze_encoder` is for a linear probe. Ask for `--objective classification`, or leave it out."
            )

    def build_model(self, arguments: ModelArguments) -> tuple[SupremeModel, SupremeEcgFeatureExtractor]:
        """A zero-shot model that knows what it is trained on."""
        model, self.processor = build_zero_shot_model(arguments)
        self.has_new_head = settle_head(model, self.data.measurements, arguments)
        # A checkpoint that goes on has seen the findings of its earlier training too
        model.config.trained_queries = list(dict.fromkeys([*model.config.trained_queries, *self.data.findings]))
        model.config.definitions = definitions_for_checkpoint(model.config.trained_queries, model.config.measurements)
        model.config.condition_names = names_for_checkpoint(model.config.trained_queries, model.config.definitions)
        model.config.decisions = {}  # of other weights
        pooler = getattr(model.text_model, "pooler", None)
        if pooler is not None:
            pooler.requires_grad_(False)  # no query goes through it, and several processes would wait for its gradient
        return model, cast(Any, self.processor).feature_extractor

    @classmethod
    def wants_measurements(cls, arguments: ModelArguments) -> bool:
        """Whether there is to be a measurement head."""
        return choose_head(arguments) != "none"

    def make_collator(self) -> LabelledStrips:
        """What makes batches of rows, with their numbers where the model has a head for them."""
        keys = self.model.config.measurements
        return LabelledStrips(self.feature_extractor, self.data.labels, self.data.measure(keys) if keys else None)

    def read_logits(self, outputs: Any) -> torch.Tensor:
        """Logits `(batch_size, num_asked)`."""
        return outputs.logits_per_ecg

    def count(self, batch: TrainingBatch, drawn: MultilabelDraws) -> dict[str, float]:
        """Labels that are known, of what is asked for, and numbers."""
        counted = super().count(batch, drawn)
        return counted | self.task.count(batch, drawn.strips) if self.task else counted

    def read_losses(self, outputs: Any, batch: TrainingBatch, drawn: MultilabelDraws) -> dict[str, torch.Tensor]:
        """Cross-entropy of the labels, and what the numbers cost."""
        losses = super().read_losses(outputs, batch, drawn)
        return losses | self.task.sum_losses(outputs.measurements, batch, drawn.strips) if self.task else losses

    def read_predictions(self, outputs: Any, batch: TrainingBatch) -> dict[str, torch.Tensor]:
        """Logits and labels, `(batch_size, num_findings)`, and numbers, `(batch_size, num_measurements)`."""
        predictions = super().read_predictions(outputs, batch)
        if self.task is None:
            return predictions
        return predictions | {"value": outputs.measurements.value, "measurements": batch.inputs["measurements"]}

    def score(self, predictions: Mapping[str, torch.Tensor]) -> ValidationFigures:
        """Figures of the findings, and how far off the numbers are."""
        figures = super().score(predictions)
        if self.task is None:
            return figures
        errors = self.task.score(predictions) if predictions else {}
        learnt = [key for key in MAIN_KEYS if key in self.task.keys]
        summary = {f"validation_mae_{key}": errors.get(key) for key in learnt}
        return ValidationFigures(figures.summary | summary, details=figures.details | {"mae": errors})

    @property
    def validation_inputs(self) -> dict[str, torch.Tensor]:
        """Every finding, asked for by its name."""
        return query_inputs(self.wordings.names)

    def draw(self, batches: Sequence[TrainingBatch], generator: torch.Generator) -> MultilabelDraws:
        """Changes to the strips, a wording of each finding, and which findings are asked for."""
        drawn = super().draw(batches, generator)
        queries = self.wordings.sample(generator)
        asked = self._choose_findings(batches, generator)
        if asked is None:
            return drawn._replace(model_inputs=query_inputs(queries))
        chosen = query_inputs(queries[asked.to(queries.device)])
        return drawn._replace(model_inputs=chosen, loss=self.loss.select(asked), asked=asked)

    def calibrate(self, folder: Path) -> tuple[SupremeModel, dict[str, Any]] | None:
        """Bias, spread and common errors of the numbers, where they were learnt from simulated records."""
        num_records = self.arguments.objective.num_calibration_records
        learns_simulated = set(measurement_keys()) <= set(self.data.measurements)
        if self.task is None or not num_records or not learns_simulated:
            return None
        logger.info(f"Calibrating {len(self.task.keys)} measurements on {num_records} simulated records.")
        model = SupremeModel.from_pretrained(folder, use_safetensors=True).to(cast(Any, self.accelerator.device))
        return model, {"measurements": calibrate_head(model, self.feature_extractor, num_records)}

    def save(self, model: SupremeModel, folder: Path) -> None:
        """Write what `AutoModel`, `AutoProcessor` and `pipeline` load."""
        save_zero_shot_model(model, self.processor, folder)

    def announce(self) -> str:
        """How many records, findings and wordings."""
        return f"{super().announce()[:-1]} in {len(self.wordings.embeds)} wordings."

    def _settle_units(self) -> None:
        """Give a new head the standard units of its measurements, and take the old calibration from another."""
        head = self.model.measurement_head
        if self.has_new_head:
            targets = self.data.measure(self.model.config.measurements)
            values = sample_numbers(targets, [corpus.train for corpus in self.data.corpora])
            center, spread = find_units(values, head.circular)
            head.center.copy_(torch.from_numpy(center))
            head.spread.copy_(torch.from_numpy(spread))
        head.bias.zero_()
        head.sd_factor.fill_(1.0)
        head.loadings.zero_()

    def _encode_wordings(self) -> QueryWordings:
        """Every wording of every finding: embedded once by a frozen text encoder, as tokens for one that learns."""
        wordings = [query_wordings(finding, held_out=self.data.held_out) for finding in self.data.findings]
        texts = [text for group in wordings for text in group]
        tokenizer = cast(Any, self.processor).tokenizer
        if self.model.config.freeze_text_encoder:
            queries = encode_queries(self.model, tokenizer, texts)
        else:
            encoding = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
            queries = torch.stack([encoding["input_ids"], encoding["attention_mask"]], dim=1).to(self.model.device)
        return QueryWordings(
            queries,
            [len(group) for group in wordings],
            name_probability=self.arguments.objective.name_probability,
        )

    def _choose_findings(self, batches: Sequence[TrainingBatch], generator: torch.Generator) -> torch.Tensor | None:
        """Positions of the findings to ask for in this step; None for all of them."""
        num_queries = self.arguments.objective.num_queries_per_step
        if num_queries is None or num_queries >= len(self.data.findings):
            return None
        found = [(batch.inputs["labels"] > 0).any(dim=0) & bool(batch.record_ids) for batch in batches]
        is_present = torch.stack(found).any(dim=0).float()
        present = self.accelerator.reduce(is_present.to(self.accelerator.device), "sum")
        return choose_queries(cast(torch.Tensor, present).cpu() > 0, num_queries, generator)


def build_zero_shot_model(arguments: ModelArguments) -> tuple[SupremeModel, SupremeProcessor]:
    """Load a checkpoint to go on from, or start a model with a pretrained text encoder."""
    if arguments.model_name_or_path:
        model = AutoModel.from_pretrained(
            arguments.model_name_or_path, freeze_text_encoder=arguments.freeze_text_encoder, use_safetensors=True
        )
        return model, AutoProcessor.from_pretrained(arguments.model_name_or_path)
    source = find_text_encoder(arguments.text_model_name_or_path)
    ecg_config, extractor = choose_encoder(arguments)
    model = SupremeModel.from_text_pretrained(
        source,
        ecg_config=ecg_config,
        revision=arguments.revision,
        text_pooling=arguments.text_pooling,
        freeze_text_encoder=arguments.freeze_text_encoder,
        fusion_hidden_size=arguments.fusion_hidden_size,
        fusion_intermediate_size=2 * arguments.fusion_hidden_size,
        num_fusion_layers=arguments.num_fusion_layers,
        fusion_dropout=arguments.fusion_dropout,
    )
    warm_start(model, arguments)
    cast(Any, model.config.text_config).name_or_path = describe_source(arguments.text_model_name_or_path)
    tokenizer = AutoTokenizer.from_pretrained(source, revision=arguments.revision)
    return model, SupremeProcessor(extractor, tokenizer)


def choose_head(arguments: ModelArguments) -> str:
    """The kind of measurement head that is asked for, or that the checkpoint has; `none` for none."""
    if arguments.measurement_head is not None or arguments.model_name_or_path is None:
        return arguments.measurement_head or "none"
    config = AutoConfig.from_pretrained(arguments.model_name_or_path)
    return config.measurement_head if config.measurements else "none"


def settle_head(model: SupremeModel, keys: Sequence[str], arguments: ModelArguments) -> bool:
    """Give a model the measurement head that is asked for.

    A checkpoint keeps its own if it is of the same kind, and what it measures.

    Args:
        model (`SupremeModel`):
            What is trained.
        keys (`Sequence[str]`):
            Numbers that the corpora have.
        arguments (`ModelArguments`):
            What was asked for.

    Returns:
        `bool`: Whether the head is a new one.

    Raises:
        CommandLineError: If a head was asked for, but there is nothing to learn for it.
    """
    head, config = choose_head(arguments), model.config
    if head == "none" or not keys:
        if arguments.measurement_head == head != "none":
            raise CommandLineError(
                f"`--measurement_head {head}` learns numbers, but no corpus has any. Train on simulated records, on a"
                " corpus prepared with `--has_measurements` or on one that has the column measurements, or leave it"
                " out."
            )
        if config.measurements:
            logger.warning("The measurement head is left out: its numbers would not be those of the trained encoder.")
            model.set_measurements(())
        return False
    if config.measurements and config.measurement_head == head:
        return False
    model.set_measurements(keys, head=head)
    return True


def save_zero_shot_model(model: SupremeModel, processor: Any, folder: str | Path) -> None:
    """Write weights, configuration, processor and the code that reads them.

    `AutoModel` and `pipeline` load the folder with `trust_remote_code=True` where this package is not installed.

    Args:
        model (`SupremeModel`):
            What to save; weights become safetensors.
        processor (`SupremeProcessor`):
            Its processor.
        folder (`str` or `Path`):
            Folder to write.
    """
    pipeline = ZeroShotEcgClassificationPipeline(
        model=model, feature_extractor=processor.feature_extractor, tokenizer=processor.tokenizer, task=TASK
    )
    pipeline.save_pretrained(folder)
    processor.save_pretrained(folder)


def query_inputs(queries: torch.Tensor) -> dict[str, torch.Tensor]:
    """Queries as the model takes them.

    Args:
        queries (`torch.Tensor`):
            Embedded, `(num_queries, text_hidden_size)`, or as tokens and their mask, `(num_queries, 2,
            num_text_tokens)`, which are cut to the longest query.
    """
    if queries.ndim == 2:
        return {"query_embeds": queries}
    length = int(queries[:, 1].sum(dim=1).max())
    return {"input_ids": queries[:, 0, :length], "attention_mask": queries[:, 1, :length]}


def choose_queries(is_present: torch.Tensor, num_queries: int, generator: torch.Generator) -> torch.Tensor:
    """Positions, ascending, of all findings that are present and, up to a number, of others at random.

    Example:
        >>> choose_queries(torch.tensor([False, True, True]), 2, torch.Generator())
        tensor([1, 2])
    """
    present, absent = torch.nonzero(is_present)[:, 0], torch.nonzero(~is_present)[:, 0]
    order = torch.randperm(len(absent), generator=generator)[: max(0, num_queries - len(present))]
    return torch.cat([present, absent[order]]).sort().values
