"""One pass over the records of a corpus that asks for every condition, with its name and without, and measures."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from accelerate import Accelerator
from datasets import Dataset
from scipy.special import expit
from transformers import PreTrainedModel, ProcessorMixin

from datasets_scripts.collator import StripCollator
from datasets_scripts.terminology.findings import NORMAL_FINDING
from evaluation_scripts.passes.kept_shards import hash_weights
from evaluation_scripts.passes.records_pass import pass_over
from modeling_supreme.checkpoints import check_logits
from modeling_supreme.composition import Composition
from modeling_supreme.definitions import Measured
from modeling_supreme.queries import encode_query_wordings

from .answers import choose_answers
from .arguments import EvaluationArguments
from .conditions import Condition, describe_conditions, word_query
from .controls import NUM_RANDOM_DRAWS, random_queries
from .load import LabelledRecords
from .prediction_table import MEASURED, Predictions
from .prompts import word_conditions


def predict(
    model: PreTrainedModel,
    processor: ProcessorMixin,
    records: LabelledRecords,
    *,
    arguments: EvaluationArguments,
    accelerator: Accelerator,
    collator: StripCollator | None = None,
    has_controls: bool = True,
    kept_dir: Path | None = None,
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
            How queries are worded, what answers for them, batch size and seed.
        accelerator (`Accelerator`):
            Shares the records among processes.
        collator ([`StripCollator`], *optional*):
            What makes batches of the rows, in place of the feature extractor alone.
        has_controls (`bool`, defaults to `True`):
            Whether the controls are asked for, which take most of the queries.
        kept_dir (`Path`, *optional*):
            Folder in which the answers to a shard of records are kept, so that a killed evaluation goes on.

    Returns:
        `tuple`: One [`Condition`] per label of the corpus, whose `query` is the definition where one answered, and the
        [`Predictions`] for them, with what the model measured.

    Raises:
        ValueError: If the model answers NaN or infinity; the message names the record.
    """
    conditions = describe_conditions(
        records.label_names,
        config_name=records.config_name,
        trained_queries=model.config.trained_queries,
        corpus_labels=records.corpus_labels,
    )
    conditions = word_conditions(
        conditions, arguments.prompts, corpus_labels=records.corpus_labels, config_name=records.config_name
    )
    names = [condition.query for condition in conditions]
    composition = choose_answers(model.config, names, arguments.answer_by, definitions=arguments.definitions)
    num_draws = NUM_RANDOM_DRAWS if has_controls else 0
    asked, meaningless = encode_questions(model, processor, names, composition, arguments, num_draws=num_draws)
    answers, measured = run_model(
        model,
        records.rows,
        torch.cat([asked, meaningless]).to(accelerator.device),
        accelerator=accelerator,
        collator=collator or StripCollator(processor.feature_extractor),
        arguments=arguments,
        description=records.name,
        kept_dir=kept_dir,
    )
    for own in (answers, *measured.values()):
        check_logits(torch.from_numpy(own), records.rows["record_id"])
    logits, normal, random = np.split(answers, [len(asked) - 1, len(asked)], axis=1)
    tensors = SimpleNamespace(**{name: torch.from_numpy(part) for name, part in measured.items()})
    probabilities = torch.from_numpy(expit(logits))
    numbers = Measured.of(model, tensors if measured else None)
    scores = composition.evaluate(probabilities, numbers) if names else probabilities
    controls = {}
    if has_controls:
        draws = random.reshape(len(random), num_draws, len(names)).swapaxes(0, 1)
        controls = {"normal_ecg": np.broadcast_to(expit(-normal), scores.shape), "random_queries": expit(draws)}
    conditions = [
        condition if answer.expression is None else replace(condition, query=answer.source)
        for condition, answer in zip(conditions, composition.answers, strict=True)
    ]
    predictions = Predictions(records.locate(), records.read_labels(), scores.numpy(), controls, measured)
    return conditions, predictions


def encode_questions(
    model: PreTrainedModel,
    processor: ProcessorMixin,
    names: Sequence[str],
    composition: Composition,
    arguments: EvaluationArguments,
    *,
    num_draws: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Embed what the model is asked: conditions by name, the findings of their definitions, the normal ECG; and noise.

    Args:
        model ([`SupremeModel`]):
            Holds the text encoder.
        processor ([`SupremeProcessor`]):
            Holds the tokenizer.
        names (`Sequence[str]`):
            Names of all conditions: the random queries look like their embeddings, whatever answers.
        composition (`Composition`):
            Which conditions are asked for by their name, and which findings the definitions of the others need.
        arguments ([`EvaluationArguments`]):
            Wording and template of the names, and the seed; findings of definitions are asked for by their bare names,
            as in training.
        num_draws (`int`):
            Random queries of each condition.

    Returns:
        `tuple`: The queries of `composition`, its findings and the normal ECG, `(num_asked, text_hidden_size)`; and
        the random queries.
    """
    tokenizer = processor.tokenizer
    texts = (*names, NORMAL_FINDING)
    # Of the same finding under another name, the query of training answers
    texts += tuple(query for query in composition.queries if query not in texts)
    wordings = [word_query(text, arguments.query_wording) for text in texts]
    embeds = encode_query_wordings(model, tokenizer, wordings, template=arguments.hypothesis_template)
    asked = [embeds[[texts.index(query) for query in composition.queries]]]
    if composition.findings:
        asked.append(encode_query_wordings(model, tokenizer, [(name,) for name in composition.findings]))
    place = len(names)  # of the normal ECG
    random = random_queries(embeds[: place + 1], num_draws * place, seed=arguments.seed)
    return torch.cat([*asked, embeds[place : place + 1]]), random


def run_model(
    model: PreTrainedModel,
    rows: Dataset,
    query_embeds: torch.Tensor,
    *,
    accelerator: Accelerator,
    collator: StripCollator,
    arguments: EvaluationArguments,
    description: str,
    kept_dir: Path | None = None,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Ask every query of every record and measure it, on all processes.

    Args:
        model ([`SupremeModel`]):
            Prepared for evaluation by the accelerator.
        rows (`Dataset`):
            Rows of a corpus.
        query_embeds (`torch.Tensor` of shape `(num_queries, text_hidden_size)`):
            Embedded queries.
        accelerator (`Accelerator`):
            Shares the rows among processes.
        collator ([`StripCollator`]):
            Makes batches of the rows.
        arguments ([`EvaluationArguments`]):
            Batch size and processes that read.
        description (`str`):
            Title of the progress bar.
        kept_dir (`Path`, *optional*):
            Folder in which the answers to a shard of records are kept, so that a killed evaluation goes on.

    Returns:
        `tuple`: Logits, `(num_records, num_queries)` and float64, in the order of the rows; and `value`, `sd` and
        `measurable` of every measurement, `(num_records, num_measurements)` each, nothing where the model has no head
        for them.
    """

    def ask(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        output = model(**batch, query_embeds=query_embeds)
        measured = {} if output.measurements is None else {name: output.measurements[name] for name in MEASURED}
        return {"logits": output.logits_per_ecg, **measured}

    answers = pass_over(
        rows,
        ask,
        collator=collator,
        accelerator=accelerator,
        batch_size=arguments.per_device_eval_batch_size,
        num_workers=arguments.dataloader_num_workers,
        description=description,
        kept_dir=kept_dir,
        depends_on=[hash_weights(model), query_embeds.float().cpu().numpy()] if kept_dir else None,
    )
    arrays = {name: array.astype(np.float64) for name, array in answers.items()}
    return arrays.pop("logits"), arrays
