"""Fine-tuning and linear probes: a classifier on a pretrained encoder, and its figures on the test records.

The checkpoint is chosen on the validation records; the test records are read once, after that. Records are ranked by
the probability of each finding alone: a softmax over findings that do not exclude each other would mix their ranks.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from transformers import AutoFeatureExtractor

from evaluation_scripts.results import Condition, Predictions, compile_result, format_result, tabulate_predictions
from modeling_supreme.configuration_supreme import SupremeEcgConfig
from modeling_supreme.feature_extraction_supreme import SupremeEcgFeatureExtractor
from modeling_supreme.modeling_supreme_ecg import SupremeForEcgClassification

from .arguments import DataArguments, ModelArguments, ObjectiveArguments
from .training_batch import TrainingBatch


logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClassifierProcessor:
    """What prepares strips for a classifier; it has no text to prepare."""

    feature_extractor: SupremeEcgFeatureExtractor

    def save_pretrained(self, output_dir: str | Path) -> None:
        """Write what `AutoFeatureExtractor` reads."""
        self.feature_extractor.save_pretrained(output_dir)


def check_classification(model: ModelArguments, data: DataArguments, objective: ObjectiveArguments) -> None:
    """Refuse arguments that do not fit the objective.

    Raises:
        ValueError: If only a classifier has what was asked for, or a classifier has not.
    """
    if objective.objective != "classification":
        if model.freeze_encoder:
            raise ValueError(
                "`--freeze_encoder` is for a linear probe. Ask for `--objective classification`, or leave it out."
            )
        return
    asked = {
        "streaming": data.streaming,
        "on_the_fly": data.on_the_fly,
        "held_out_findings": data.held_out_findings,
        "num_queries_per_step": objective.num_queries_per_step,
    }
    refused = [name for name, value in asked.items() if value]
    if refused:
        raise ValueError(
            f"`--objective classification` takes no `--{refused[0]}`: it learns fixed labels of a corpus whose test"
            " records it reads in the end. Leave it out."
        )
    if len(data.dataset_name) > 1:
        raise ValueError(
            f"`--objective classification` learns one corpus, not {' and '.join(data.dataset_name)}. Name one with"
            " `--dataset_name`."
        )


def build_classifier(
    arguments: ModelArguments, findings: Sequence[str]
) -> tuple[SupremeForEcgClassification, ClassifierProcessor]:
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
        extractor = SupremeEcgFeatureExtractor(
            leads=config.leads,
            sampling_rate=config.sampling_rate,
            num_samples=config.num_samples,
            do_bandpass=arguments.do_bandpass,
        )
    else:
        _check_labels(path, findings)
        model = SupremeForEcgClassification.from_pretrained(path, **names)
        extractor = AutoFeatureExtractor.from_pretrained(path)
    if arguments.freeze_encoder:
        model.freeze_encoder()
    return model, ClassifierProcessor(extractor)


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
        inputs = {name: getattr(batch, name).to(model.device) for name in ("signal", "lead_mask", "sample_mask")}
        scores.append(model(**inputs).logits.double().sigmoid().cpu().numpy())
        labels.append(batch.labels.double().numpy())
    return np.concatenate(scores), np.concatenate(labels)


def report_test(
    output_dir: Path,
    batches: Iterable[TrainingBatch],
    records: pd.DataFrame,
    *,
    settings: dict[str, Any],
    device: torch.device | str = "cpu",
) -> dict[str, Any]:
    """Score the test records with the checkpoint of a run, and write the figures of every finding.

    Args:
        output_dir (`Path`):
            Folder of the checkpoint; receives eval_results.json and predictions.parquet, in the form of evaluate.py.
        batches (`Iterable[TrainingBatch]`):
            Test strips with their labels.
        records (`pd.DataFrame`):
            `record_id` and `patient_id` of the strips, in the same order.
        settings (`dict`):
            Arguments of the run.
        device (`torch.device`):
            Where to compute.

    Returns:
        `dict`: Figures of the test records, as [`compile_result`] gives them.
    """
    model = SupremeForEcgClassification.from_pretrained(output_dir).to(cast(Any, device))
    scores, labels = predict_batches(model, batches)
    # An uncertain finding is neither positive nor negative
    labels = np.where((labels == 0) | (labels == 1), labels, np.nan)
    findings = list((model.config.id2label or {}).values())
    corpus, config = Path(settings["dataset_name"][0]).name, (settings["dataset_config_name"] or ["default"])[0]
    records = records.assign(corpus=corpus, config=config, split="test")
    records["patient_id"] = records["patient_id"].fillna("record " + records["record_id"])
    predictions = Predictions(records, labels, scores, controls={})
    conditions = [Condition(finding, finding, finding, seen=True) for finding in findings]
    result = compile_result(predictions, conditions, seed=settings["seed"])
    name = f"{corpus}/{config}/test"
    report = {"model": output_dir.name, "protocol": describe_protocol(settings), "results": {name: result}}
    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
    (output_dir / "eval_results.json").write_text(text + "\n", encoding="utf-8")
    tabulate_predictions(predictions, conditions).to_parquet(output_dir / "predictions.parquet", index=False)
    logger.info(format_result(name, result))
    return result


def describe_protocol(settings: dict[str, Any]) -> dict[str, Any]:
    """What the figures depend on."""
    kind = "Linear probe of a frozen encoder" if settings["freeze_encoder"] else "Fine-tuning of the whole model"
    chosen = "the best on the validation records" if settings["load_best_model_at_end"] else "the last"
    return {
        "description": f"{kind} on {settings['train_fraction']:.4g} of the training records; the checkpoint is"
        f" {chosen}; the test records were read once; intervals over patients.",
        **{name: settings[name] for name in ("train_fraction", "seed", "max_train_samples")},
    }
