"""One pass over the records of a corpus that asks for every condition, with its name and without."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from accelerate import Accelerator
from datasets import Dataset
from scipy.special import expit
from torch.utils.data import DataLoader
from tqdm.auto import tqdm
from transformers import PreTrainedModel, ProcessorMixin

from datasets_scripts.collator import StripCollator
from datasets_scripts.terminology.findings import NORMAL_FINDING
from modeling_supreme.checkpoints import check_logits
from modeling_supreme.queries import Composition, encode_query_wordings

from .arguments import EvaluationArguments
from .conditions import Condition, describe_conditions, word_query
from .controls import NUM_RANDOM_DRAWS, random_queries
from .load import LabelledRecords
from .prediction_table import Predictions


def predict(
    model: PreTrainedModel,
    processor: ProcessorMixin,
    records: LabelledRecords,
    *,
    arguments: EvaluationArguments,
    accelerator: Accelerator,
) -> tuple[list[Condition], Predictions]:
    """Score every label of a corpus as a condition, and each once more by the controls.

    Args:
        model ([`SupremeModel`]):
            Prepared for evaluation by the accelerator.
        processor ([`SupremeProcessor`]):
            Tokenizer of the queries and feature extractor of the strips.
        records ([`LabelledRecords`]):
            What is asked of.
        arguments ([`EvaluationArguments`]):
            How queries are worded, whether rules answer, batch size and seed.
        accelerator (`Accelerator`):
            Shares the records among processes.

    Returns:
        `tuple`: One [`Condition`] per label of the corpus, whose `query` is the rule where a rule answered, and the
        [`Predictions`] for them.

    Raises:
        ValueError: If the model answers NaN or infinity; the message names the record.
    """
    conditions = describe_conditions(
        records.label_names, config_name=records.config_name, trained_queries=model.config.trained_queries
    )
    composition = Composition(
        [condition.query for condition in conditions],
        "auto" if arguments.composed_rules else False,
        trained_queries=model.config.trained_queries,
        definitions=model.config.definitions,
    )
    text_embeds = encode_composition(model, processor, composition, arguments)
    meaningless = random_queries(text_embeds, NUM_RANDOM_DRAWS * len(conditions), seed=arguments.seed)
    logits = predict_logits(
        model,
        records.rows,
        torch.cat([text_embeds, meaningless]).to(accelerator.device),
        accelerator=accelerator,
        dataloader={
            "batch_size": arguments.per_device_eval_batch_size,
            "num_workers": arguments.dataloader_num_workers,
            "collate_fn": StripCollator(processor.feature_extractor),
        },
        description=records.name,
    )
    check_logits(torch.from_numpy(logits), records.rows["record_id"])
    asked, normal, random = np.split(logits, [len(text_embeds) - 1, len(text_embeds)], axis=1)
    scores = composition.evaluate(torch.from_numpy(expit(asked))).numpy()
    draws = random.reshape(len(logits), NUM_RANDOM_DRAWS, len(conditions)).swapaxes(0, 1)
    controls = {"normal_ecg": np.broadcast_to(expit(-normal), scores.shape), "random_queries": expit(draws)}
    conditions = [
        condition if source == "query" else replace(condition, query=source)
        for condition, source in zip(conditions, composition.sources, strict=True)
    ]
    return conditions, Predictions(records.locate(), records.read_labels(), scores, controls)


def encode_composition(
    model: PreTrainedModel, processor: ProcessorMixin, composition: Composition, arguments: EvaluationArguments
) -> torch.Tensor:
    """Embed what the model is asked: the queries of the conditions, the findings of their rules, the normal ECG.

    Args:
        model ([`SupremeModel`]):
            Holds the text encoder.
        processor ([`SupremeProcessor`]):
            Holds the tokenizer.
        composition (`Composition`):
            Which conditions are asked for by their query, and which findings the rules of the others need.
        arguments ([`EvaluationArguments`]):
            Wording and template of the queries; the findings of rules are asked for by their bare names, as in
            training.

    Returns:
        `torch.Tensor` of shape `(num_queries + num_findings + 1, text_hidden_size)`: The normal ECG comes last.
    """
    tokenizer = processor.tokenizer
    wordings = [word_query(text, arguments.query_wording) for text in (*composition.queries, NORMAL_FINDING)]
    text_embeds = encode_query_wordings(model, tokenizer, wordings, template=arguments.hypothesis_template)
    if not composition.findings:
        return text_embeds
    findings = encode_query_wordings(model, tokenizer, [(name,) for name in composition.findings])
    return torch.cat([text_embeds[:-1], findings, text_embeds[-1:]])


def predict_logits(
    model: PreTrainedModel,
    rows: Dataset,
    query_embeds: torch.Tensor,
    *,
    accelerator: Accelerator,
    dataloader: dict[str, Any],
    description: str,
) -> np.ndarray:
    """Ask every query of every record, on all processes.

    Args:
        model ([`SupremeModel`]):
            Prepared for evaluation by the accelerator.
        rows (`Dataset`):
            Rows of a corpus.
        query_embeds (`torch.Tensor` of shape `(num_queries, text_hidden_size)`):
            Embedded queries.
        accelerator (`Accelerator`):
            Shares the rows among processes.
        dataloader (`dict`):
            Options of the `DataLoader`; its `collate_fn` is a [`StripCollator`].
        description (`str`):
            Title of the progress bar.

    Returns:
        `np.ndarray` of shape `(num_records, num_queries)`, float64: Logits, in the order of `rows`.
    """
    columns = cast("Any", dataloader["collate_fn"].select(rows))
    batches = accelerator.prepare_data_loader(DataLoader(columns, **dataloader))
    logits = []
    with torch.inference_mode():
        for batch in tqdm(batches, desc=description, disable=not accelerator.is_main_process):
            output = model(**batch, query_embeds=query_embeds)
            gathered = cast("torch.Tensor", accelerator.gather_for_metrics(output.logits_per_ecg.float()))
            logits.append(gathered.cpu())
    return torch.cat(logits).double().numpy()
