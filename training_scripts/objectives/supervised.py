"""Zero-shot pretraining after SuPreME: text queries learn to find their finding in the strip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import Accelerator
from transformers import AutoModel, AutoProcessor, AutoTokenizer

from datasets_scripts.terminology.rule_table import rules_for_checkpoint
from modeling_supreme import (
    TASK,
    SupremeEcgConfig,
    SupremeEcgFeatureExtractor,
    SupremeModel,
    SupremeProcessor,
    ZeroShotEcgClassificationPipeline,
)
from modeling_supreme.command_line import CommandLineError
from modeling_supreme.queries import encode_queries, find_text_encoder
from training_scripts.arguments import ModelArguments, RunArguments
from training_scripts.card import CardStyle, describe_source
from training_scripts.steps import TrainingBatch

from .multilabel import MultilabelDraws, MultilabelObjective, make_feature_extractor
from .wordings import QueryWordings, query_wordings


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
        # A checkpoint that goes on has seen the findings of its earlier training too
        model.config.trained_queries = list(dict.fromkeys([*model.config.trained_queries, *self.data.findings]))
        model.config.composed_rules = rules_for_checkpoint(model.config.trained_queries)
        pooler = getattr(model.text_model, "pooler", None)
        if pooler is not None:
            pooler.requires_grad_(False)  # no query goes through it, and several processes would wait for its gradient
        return model, cast(Any, self.processor).feature_extractor

    def read_logits(self, outputs: Any) -> torch.Tensor:
        """Logits `(batch_size, num_asked)`."""
        return outputs.logits_per_ecg

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

    def save(self, model: SupremeModel, folder: Path) -> None:
        """Write what `AutoModel`, `AutoProcessor` and `pipeline` load."""
        save_zero_shot_model(model, self.processor, folder)

    def announce(self) -> str:
        """How many records, findings and wordings."""
        return f"{super().announce()[:-1]} in {len(self.wordings.embeds)} wordings."

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
    ecg_config = SupremeEcgConfig.from_preset(arguments.ecg_encoder)
    model = SupremeModel.from_text_pretrained(
        source,
        ecg_config=ecg_config,
        revision=arguments.revision,
        text_pooling=arguments.text_pooling,
        freeze_text_encoder=arguments.freeze_text_encoder,
        fusion_hidden_size=arguments.fusion_hidden_size,
        fusion_intermediate_size=2 * arguments.fusion_hidden_size,
        num_fusion_layers=arguments.num_fusion_layers,
    )
    cast(Any, model.config.text_config).name_or_path = describe_source(arguments.text_model_name_or_path)
    tokenizer = AutoTokenizer.from_pretrained(source, revision=arguments.revision)
    return model, SupremeProcessor(make_feature_extractor(ecg_config, arguments), tokenizer)


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
