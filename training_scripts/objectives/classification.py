"""Fine-tuning and linear probes: a classifier on a pretrained encoder, and its figures on the test records.

The checkpoint is chosen on the validation records; the test records are read once, after that. Records are ranked by
the probability of each finding alone: a softmax over findings that do not exclude each other would mix their ranks.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from transformers import AutoFeatureExtractor

from evaluation_scripts.conditions import Condition
from evaluation_scripts.prediction_table import Predictions, locate_records, tabulate_predictions
from evaluation_scripts.result_table import format_result
from evaluation_scripts.results import compile_result, write_results
from modeling_supreme import SupremeEcgConfig, SupremeEcgFeatureExtractor, SupremeForEcgClassification
from modeling_supreme.checkpoints import check_logits
from modeling_supreme.command_line import CommandLineError
from training_scripts.arguments import ModelArguments, RunArguments
from training_scripts.card import CardStyle
from training_scripts.data.batches import LoaderSettings, pass_once
from training_scripts.steps import TrainingBatch

from .multilabel import MultilabelObjective, make_feature_extractor


logger = logging.getLogger(__name__)


class ClassificationObjective(MultilabelObjective):
    """The labels of one corpus, learnt by a head on the encoder of a checkpoint, or on one with random weights."""

    name = "classification"
    card = CardStyle(
        Path(__file__).parents[1] / "cards" / "classification.md",
        task="multi-label-classification",
    )
    needs_text_encoder = False
    next_step = "look at the figures of the test records in {folder}/eval_results.json"

    @classmethod
    def check_arguments(cls, arguments: RunArguments) -> None:
        """Refuse what fixed labels have no use for, and more than one corpus."""
        super().check_arguments(arguments)
        data, objective = arguments.data, arguments.objective
        asked = {
            "streaming": data.streaming,
            "on_the_fly": data.on_the_fly,
            "held_out_findings": data.held_out_findings,
            "num_queries_per_step": objective.num_queries_per_step,
        }
        refused = [name for name, value in asked.items() if value]
        if refused:
            raise CommandLineError(
                f"`--objective classification` takes no `--{refused[0]}`: it learns fixed labels of a corpus whose"
                " test records it reads in the end. Leave it out."
            )
        if arguments.model.ecg_model_name_or_path:
            raise CommandLineError(
                "`--ecg_model_name_or_path` is for models that are asked in words. A classifier begins with the"
                " encoder of `--model_name_or_path`: give the checkpoint there."
            )
        if len(data.dataset_name) > 1:
            raise CommandLineError(
                f"`--objective classification` learns one corpus, not {' and '.join(data.dataset_name)}. Name one"
                " with `--dataset_name`."
            )

    def build_model(self, arguments: ModelArguments) -> tuple[SupremeForEcgClassification, SupremeEcgFeatureExtractor]:
        """A classifier of the findings of the corpus."""
        return build_classifier(arguments, self.data.findings)

    def read_logits(self, outputs: Any) -> torch.Tensor:
        """Logits `(batch_size, num_findings)`."""
        return outputs.logits

    def save(self, model: SupremeForEcgClassification, folder: Path) -> None:
        """Write what `AutoModelForSequenceClassification` and `AutoFeatureExtractor` load."""
        model.save_pretrained(folder)
        self.feature_extractor.save_pretrained(folder)

    def test(self, folder: Path) -> dict[str, Any]:
        """Figures of the checkpoint on the test records, which nothing has read before."""
        (corpus,) = self.data.corpora
        if not corpus.test:
            logger.warning(
                f"Corpus {corpus.name} has no test records: the figures are those of its validation records."
            )
            return {}
        records = pd.DataFrame(cast(Any, corpus.test).select_columns(["record_id", "patient_id"])[:])
        # Only this process reads them, so it reads them all
        settings = replace(
            LoaderSettings.of_run(self.arguments.training, self.accelerator), num_processes=1, process_index=0
        )
        result = self._report_test(folder, pass_once([corpus.test], self.collator, settings), records)
        names = ("auroc_macro", "auroc_macro_ci95", "auprc_macro", "num_records", "num_conditions")
        return {f"test_{name}": result[name] for name in names}

    def _report_test(self, folder: Path, batches: Iterable[TrainingBatch], records: pd.DataFrame) -> dict[str, Any]:
        """Score the test records with the checkpoint of a run, and write the figures of every finding.

        Args:
            folder (`Path`):
                Folder of the checkpoint; receives eval_results.json and predictions.parquet, in the form of
                evaluate.py.
            batches (`Iterable[TrainingBatch]`):
                Test strips with their labels.
            records (`pd.DataFrame` of `num_records` rows):
                `record_id` and `patient_id` of the strips, in the same order.

        Returns:
            `dict`: Figures of the test records, as [`compile_result`] gives them.
        """
        model = SupremeForEcgClassification.from_pretrained(folder, use_safetensors=True).to(
            cast(Any, self.accelerator.device)
        )
        scores, labels = predict_batches(model, batches)
        # An uncertain finding is neither positive nor negative
        labels = np.where((labels == 0) | (labels == 1), labels, np.nan)
        findings = list((model.config.id2label or {}).values())
        data = self.arguments.data
        corpus, config = Path(data.dataset_name[0]).name, (data.dataset_config_name or ["default"])[0]
        records = locate_records(records, corpus=corpus, config_name=config, split="test")
        predictions = Predictions(records, labels, scores, controls={})
        conditions = [Condition(finding, finding, finding, seen=True) for finding in findings]
        result = compile_result(predictions, conditions, seed=self.arguments.training.seed)
        name = f"{corpus}/{config}/test"
        write_results(
            folder,
            model=folder.name,
            protocol=describe_protocol(self.arguments),
            results={name: result},
            tables=[tabulate_predictions(predictions, conditions)],
        )
        logger.info(format_result(name, result))
        return result


def build_classifier(
    arguments: ModelArguments, findings: Sequence[str]
) -> tuple[SupremeForEcgClassification, SupremeEcgFeatureExtractor]:
    """A new head on the encoder of a checkpoint or, for comparison, on one with random weights.

    Args:
        arguments (`ModelArguments`):
            Which encoder, and whether it is frozen.
        findings (`Sequence[str]`):
            Names of the labels.

    Raises:
        ValueError: If the checkpoint is a classifier of other findings.
    """
    names = {"id2label": dict(enumerate(findings)), "label2id": {name: i for i, name in enumerate(findings)}}
    path = arguments.model_name_or_path
    if path is None:
        config = SupremeEcgConfig.from_preset(arguments.ecg_encoder, **names)
        model = SupremeForEcgClassification(config)
        extractor = make_feature_extractor(config, arguments)
    else:
        _check_labels(path, findings)
        model = SupremeForEcgClassification.from_pretrained(path, use_safetensors=True, **names)
        extractor = AutoFeatureExtractor.from_pretrained(path)
    if arguments.freeze_encoder:
        model.freeze_encoder()
    return model, extractor


def _check_labels(path: str, findings: Sequence[str]) -> None:
    """Refuse the head of other findings, which would go unnoticed if they were as many."""
    config = SupremeEcgConfig.from_pretrained(path)
    is_classifier = SupremeForEcgClassification.__name__ in (config.architectures or ())
    learnt = list((config.id2label or {}).values())
    if is_classifier and learnt != list(findings):
        raise ValueError(
            f"{path} is a classifier of {', '.join(learnt)}, not of {', '.join(findings)}. Start from the checkpoint"
            " that it was made from, or from its encoder: `AutoModel.from_pretrained(path).save_pretrained(folder)`."
        )


@torch.no_grad()
def predict_batches(
    model: SupremeForEcgClassification, batches: Iterable[TrainingBatch]
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and labels of all strips, both `(num_records, num_findings)`, in the order of the batches."""
    scores, labels = [], []
    for batch in batches:
        inputs = {name: value for name, value in batch.to(model.device).inputs.items() if name != "labels"}
        logits = model(**inputs).logits
        check_logits(logits, batch.record_ids)
        scores.append(logits.double().sigmoid().cpu().numpy())
        labels.append(batch.inputs["labels"].double().numpy())
    return np.concatenate(scores), np.concatenate(labels)


def describe_protocol(arguments: RunArguments) -> dict[str, Any]:
    """What the figures depend on."""
    kind = "Linear probe of a frozen encoder" if arguments.model.freeze_encoder else "Fine-tuning of the whole model"
    chosen = "the best on the validation records" if arguments.training.load_best_model_at_end else "the last"
    return {
        "description": f"{kind} on {arguments.data.train_fraction:.4g} of the training records; the checkpoint is"
        f" {chosen}; the test records were read once; intervals over patients.",
        "train_fraction": arguments.data.train_fraction,
        "seed": arguments.training.seed,
        "max_train_samples": arguments.data.max_train_samples,
    }
