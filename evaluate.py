"""Evaluate a checkpoint zero-shot on a corpus: one query per label, no fine-tuning.

One CPU:

    python evaluate.py --model_name_or_path runs/demo/checkpoint --dataset_name ptb_xl --data_dir ptb-xl/1.0.3 \
        --dataset_config_name superclass,subclass,form,rhythm --split test --output_dir runs/demo

One GPU, with half the memory; eight GPUs:

    accelerate launch evaluate.py --mixed_precision bf16 --model_name_or_path ...
    accelerate launch --num_processes 8 evaluate.py --model_name_or_path ...

A YAML file may come first (`python evaluate.py recipe.yaml --split validation`); flags override what it says.

**Queries.** Each label becomes the name of the finding it asks for in the terminology ("AFIB" becomes "atrial
fibrillation"); a label that the terminology does not know is asked for by its own name. `--query_wording all` asks in
all wordings of the terminology at once: the query is the mean of the embeddings of name, synonyms and description.

**Seen and unseen.** A condition is seen if a query of training (`config.trained_queries`) and the label stand for the
same finding, by name, synonym, or SNOMED CT or SCP code. A wider or narrower finding is another finding. Where the
checkpoint does not say what it was trained on, `seen` and `unseen` are null.

**Composed rules.** With `--composed_rules`, a condition that training did not name is answered by its rule over
measured findings ("sinus tachycardia": a rate above 100, P waves ...), where the checkpoint has a rule and was trained
on all of its findings. `query` then is "composed: " and the rule.

**Controls.** Every condition that is not known to be seen is also scored without its name: by minus the logit of
"normal ecg" (is the record abnormal at all?) and by random vectors with the mean and spread of the query embeddings
(the mean figure of eight draws). All three are repeated among the records that are not labelled normal (null where no
label is the normal ECG). A name has been understood only where the AUROC of an unseen condition beats both controls,
above all among those records.

`--output_dir` receives

- `eval_results.json`: `model`, `protocol` (what the figures depend on) and `results`, with one entry per
  "corpus/configuration/split": `auroc_macro`, `auroc_macro_ci95`, `auprc_macro`, `num_records`, `num_patients`,
  `num_conditions` (those averaged), `skipped_conditions` (name: reason), `auroc_<label>`, the groups `seen` and
  `unseen` (with `controls` and `among_non_normal`) and `conditions`, one entry per label. With a single result, its
  flat keys stand at the top level too. AUROC lies between 0 and 1; intervals are 95 % percentile bootstraps over
  patients. A figure that is not defined is null.
- `predictions.parquet`: `record_id`, `patient_id`, `corpus`, `config`, `split`, and per label `score_<label>`
  (probability of presence) and `label_<label>` (1, 0, or missing where unknown).
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, cast


def import_library_of_this_name() -> ModuleType:
    """Import the Hugging Face library `evaluate`, which this file hides from everything started in its folder.

    Returns:
        `ModuleType`: The library, also entered in `sys.modules`.

    Raises:
        ModuleNotFoundError: If it is not installed.
    """
    own_folder = Path(__file__).resolve().parent
    elsewhere = [entry for entry in sys.path if Path(entry or ".").resolve() != own_folder]
    spec = PathFinder.find_spec("evaluate", elsewhere)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(
            f"The library `evaluate` is not installed for {sys.executable}. Install it with `pip install evaluate`.",
            name="evaluate",
        )
    library = module_from_spec(spec)
    sys.modules["evaluate"] = library
    spec.loader.exec_module(library)
    return library


# Somebody imports the library and finds this file first: the import system returns what stands in `sys.modules` after
# the file has run. The imports of the script are left out then, because one of them may be what wants the library.
if __name__ == "evaluate":
    import_library_of_this_name()
if TYPE_CHECKING or __name__ != "evaluate":
    import numpy as np
    import pandas as pd
    import torch
    from accelerate import Accelerator
    from accelerate.logging import get_logger
    from datasets import Dataset, concatenate_datasets
    from scipy.special import expit
    from torch.utils.data import DataLoader
    from tqdm.auto import tqdm
    from transformers import AutoModel, AutoProcessor, PreTrainedModel, ProcessorMixin, set_seed

    from datasets_scripts import load_corpus
    from datasets_scripts.collator import StripCollator
    from datasets_scripts.terminology.findings import Finding, load_terminology, normalize_name
    from evaluation_scripts import metrics
    from evaluation_scripts.results import (
        NORMAL_FINDING,
        Condition,
        Predictions,
        compile_result,
        format_result,
        tabulate_predictions,
    )
    from modeling_supreme import SupremeModel
    from modeling_supreme.command_line import parse_arguments, run_command
    from modeling_supreme.composed_rules import Composition
    from modeling_supreme.queries import encode_query_wordings

    logger = get_logger(__name__)

NUM_RANDOM_DRAWS = 8  # one draw of a random query is a matter of luck; their mean is a control


@dataclass
class EvaluationArguments:
    """What to evaluate, on what, and where to write the figures."""

    model_name_or_path: str = field(metadata={"help": "Folder or Hub id of a checkpoint."})
    dataset_name: str = field(
        metadata={"help": "Name of a corpus of datasets_scripts, or folder or Hub id of a prepared one."}
    )
    output_dir: str = field(metadata={"help": "Folder that receives eval_results.json and predictions.parquet."})
    revision: str | None = field(default=None, metadata={"help": "Revision of a checkpoint on the Hub."})
    dataset_config_name: list[str] | None = field(
        default=None, metadata={"help": "Label set, or several separated by commas or blanks."}
    )
    data_dir: str | None = field(default=None, metadata={"help": "Folder with the official files of the corpus."})
    split: str = field(default="test", metadata={"help": "Split, or several joined by +, as in validation+test."})
    num_records: int | None = field(default=None, metadata={"help": "Records of the simulated corpus."})
    preprocessing_num_workers: int | None = field(default=None, metadata={"help": "Processes that read a corpus."})
    on_error: Literal["raise", "skip"] = field(
        default="raise", metadata={"help": "What to do with a record that cannot be read."}
    )
    max_eval_samples: int | None = field(default=None, metadata={"help": "Evaluate the first records only."})
    per_device_eval_batch_size: int = field(default=32, metadata={"help": "Records per batch and device."})
    dataloader_num_workers: int = field(default=0, metadata={"help": "Processes that prepare batches."})
    mixed_precision: Literal["no", "fp16", "bf16"] | None = field(
        default=None, metadata={"help": "Precision of the forward pass; else Accelerate's own."}
    )
    hypothesis_template: str = field(default="{}", metadata={"help": "Sentence around each query; {} is the query."})
    query_wording: Literal["name", "all"] = field(
        default="name",
        metadata={"help": "Ask for a finding by its name, or by the mean of its name, synonyms and description."},
    )
    composed_rules: bool = field(
        default=False,
        metadata={"help": "Answer what training did not name by its rule over measured findings, where there is one."},
    )
    min_positives: int = field(
        default=1, metadata={"help": "Conditions with fewer positive records are listed, not averaged."}
    )
    num_bootstrap_samples: int = field(default=1000, metadata={"help": "Resamples of the intervals; 0 for none."})
    seed: int = field(default=42, metadata={"help": "Seed of the bootstrap and of the random queries."})

    def __post_init__(self) -> None:
        """Split the configurations and refuse values that cannot be meant."""
        given = [name for text in self.dataset_config_name or [] for name in text.split(",")]
        self.dataset_config_name = [name.strip() for name in given if name.strip()] or None
        if "{}" not in self.hypothesis_template:
            raise ValueError(
                f"--hypothesis_template {self.hypothesis_template!r} has no place for the query."
                " Write {} where the query goes, as in 'an ECG showing {}'."
            )
        smallest = {"max_eval_samples": 1, "per_device_eval_batch_size": 1, "min_positives": 1}
        smallest |= {"num_bootstrap_samples": 0, "dataloader_num_workers": 0}
        for name, low in smallest.items():
            value = getattr(self, name)
            if value is not None and value < low:
                raise ValueError(f"--{name} is {value}. Give {low} or more.")


def load_records(arguments: EvaluationArguments, config_name: str | None) -> tuple[Dataset, list[str], str]:
    """Load the splits asked for, one after the other.

    Returns:
        `tuple`: The rows, at most `max_eval_samples`; the split of each; and the name of the configuration, which a
        prepared corpus knows even where none was asked for.

    Raises:
        ValueError: If a split does not exist, or there is no record at all.
    """
    corpus = load_corpus(arguments.dataset_name, config_name, data_dir=arguments.data_dir, on_error=arguments.on_error)
    names = [name.strip() for name in arguments.split.split("+")]
    missing = [name for name in names if name not in corpus]
    if missing:
        raise ValueError(
            f"{arguments.dataset_name} has no split {', '.join(missing)}. Choose among {', '.join(map(str, corpus))}"
            " with `--split`."
        )
    rows = concatenate_datasets([cast("Dataset", corpus[name]) for name in names])
    splits = [name for name in names for _ in range(len(corpus[name]))]
    if not len(rows):
        raise ValueError(
            f"{arguments.dataset_name}, configuration {config_name}: split {arguments.split} has no record."
            " Choose another split with `--split`, or check what `--on_error skip` left out."
        )
    num_records = min(len(rows), arguments.max_eval_samples or len(rows))
    config_name = config_name or cast("Dataset", corpus[names[0]]).info.config_name or "default"
    return rows.select(range(num_records)), splits[:num_records], config_name


def describe_conditions(
    label_names: Sequence[str], *, config_name: str | None, trained_queries: Sequence[str] | None
) -> list[Condition]:
    """Say for each label how to ask for it, and whether training asked for the same.

    Args:
        label_names (`Sequence[str]`):
            Labels of the corpus.
        config_name (`str`, *optional*):
            Configuration of the corpus: the same label may mean different findings in two of them.
        trained_queries (`Sequence[str]`, *optional*):
            Queries of training, as the checkpoint lists them. If there are none, `seen` is `None`.

    Returns:
        `list[Condition]`, in the order of `label_names`.
    """
    trained = {identity for query in trained_queries or () for identity in identities(query)}
    conditions, unknown = [], []
    for label in label_names:
        finding = find_finding(label, config_name)
        if finding is None:
            unknown.append(label)
        seen = not trained.isdisjoint(identities(label, config_name)) if trained_queries else None
        conditions.append(Condition(label, finding and finding.name, finding.name if finding else label, seen))
    if unknown:
        logger.warning(
            f"The terminology does not know {', '.join(unknown)}: these labels are asked for by their own names."
        )
    return conditions


def find_finding(label: str, config_name: str | None = None) -> Finding | None:
    """The finding that a label or query stands for, or `None`."""
    try:
        return load_terminology().find_label(label, config_name=config_name)
    except ValueError:
        return None


def identities(text: str, config_name: str | None = None) -> set[str]:
    """All by which a label or query is recognised as the same finding as another: name and codes.

    Example:
        >>> sorted(identities("LBBB")) == sorted(identities("left bundle branch block"))
        True
    """
    finding = find_finding(text, config_name)
    if finding is None:
        return {normalize_name(text)}
    codes = {"SNOMED CT": finding.snomed_ct, "SCP": finding.scp_code}
    return {normalize_name(finding.name)} | {f"{system} {code}" for system, code in codes.items() if code}


def word_query(text: str, query_wording: str) -> tuple[str, ...]:
    """The wordings in which a query is asked: the text alone, or with `"all"` those of its finding.

    Example:
        >>> word_query("sinus arrhythmia", "name")
        ('sinus arrhythmia',)
    """
    terminology = load_terminology()
    return terminology.wordings(text) if query_wording == "all" and text in terminology else (text,)


def random_queries(query_embeds: torch.Tensor, num_queries: int, *, seed: int) -> torch.Tensor:
    """Vectors without meaning that look like queries: normal, with the mean and spread of each dimension.

    Args:
        query_embeds (`torch.Tensor` of shape `(num_text_queries, text_hidden_size)`):
            Embedded queries to look like.
        num_queries (`int`):
            Number of vectors.
        seed (`int`):
            Seed of the vectors, which are the same on every device.

    Returns:
        `torch.Tensor` of shape `(num_queries, text_hidden_size)`.
    """
    noise = torch.randn(num_queries, query_embeds.shape[1], generator=torch.Generator().manual_seed(seed))
    spread = query_embeds.std(dim=0, correction=0)
    return query_embeds.mean(dim=0) + noise.to(query_embeds) * spread


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
            Options of the `DataLoader`.
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


def predict(
    model: PreTrainedModel,
    processor: ProcessorMixin,
    conditions: Sequence[Condition],
    rows: Dataset,
    *,
    arguments: EvaluationArguments,
    accelerator: Accelerator,
    description: str,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Score every condition, with its name and without, in one pass over the records.

    Returns:
        `tuple`: Probabilities of presence of shape `(num_records, num_conditions)`, and control scores by the names
        of `CONTROLS`, those of random queries in several draws.
    """
    composition = compose_conditions(model, conditions, arguments)
    wordings = [word_query(text, arguments.query_wording) for text in (*composition.queries, NORMAL_FINDING)]
    text_embeds = encode_query_wordings(model, processor.tokenizer, wordings, template=arguments.hypothesis_template)
    if composition.findings:
        findings = encode_query_wordings(model, processor.tokenizer, [(name,) for name in composition.findings])
        text_embeds = torch.cat([text_embeds[:-1], findings, text_embeds[-1:]])
    meaningless = random_queries(text_embeds, NUM_RANDOM_DRAWS * len(conditions), seed=arguments.seed)
    dataloader = {
        "batch_size": arguments.per_device_eval_batch_size,
        "num_workers": arguments.dataloader_num_workers,
        "collate_fn": StripCollator(processor.feature_extractor),
    }
    logits = predict_logits(
        model,
        rows,
        torch.cat([text_embeds, meaningless]).to(accelerator.device),
        accelerator=accelerator,
        dataloader=dataloader,
        description=description,
    )
    asked, normal, random = np.split(logits, [len(text_embeds) - 1, len(text_embeds)], axis=1)
    scores = composition.evaluate(torch.from_numpy(expit(asked))).numpy()
    draws = random.reshape(len(rows), NUM_RANDOM_DRAWS, len(conditions)).swapaxes(0, 1)
    return scores, {"normal_ecg": np.broadcast_to(expit(-normal), scores.shape), "random_queries": expit(draws)}


def compose_conditions(
    model: PreTrainedModel, conditions: Sequence[Condition], arguments: EvaluationArguments
) -> Composition:
    """Which conditions are answered by a rule of the checkpoint: none unless `--composed_rules` asks for it."""
    return Composition(
        [condition.query for condition in conditions],
        "auto" if arguments.composed_rules else False,
        stored_rules=model.config.composed_rules,
        trained_queries=model.config.trained_queries,
    )


def describe_protocol(arguments: EvaluationArguments, mixed_precision: str) -> dict[str, Any]:
    """What the figures depend on beside the checkpoint and the corpus."""
    names = ("split", "hypothesis_template", "query_wording", "composed_rules", "min_positives")
    names += ("num_bootstrap_samples", "seed")
    return {
        "description": "Labels and splits as the corpus publishes them; macro averages over conditions with at least"
        f" {arguments.min_positives} positive and one negative record; intervals over patients.",
        **{name: getattr(arguments, name) for name in (*names, "max_eval_samples", "num_records", "on_error")},
        "mixed_precision": mixed_precision,
    }


def predict_config(
    model: PreTrainedModel,
    processor: ProcessorMixin,
    config_name: str | None,
    *,
    arguments: EvaluationArguments,
    accelerator: Accelerator,
) -> tuple[str, list[Condition], Predictions]:
    """Score one configuration of the corpus.

    Returns:
        `tuple`: Its name "corpus/configuration/split", its conditions, and their scores.
    """
    with accelerator.main_process_first():
        rows, splits, config_name = load_records(arguments, config_name)
    corpus = Path(arguments.dataset_name).name
    name = f"{corpus}/{config_name}/{arguments.split}"
    label_names = rows.features["labels"].feature.names
    conditions = describe_conditions(
        label_names, config_name=config_name, trained_queries=model.config.trained_queries
    )
    scores, controls = predict(
        model, processor, conditions, rows, arguments=arguments, accelerator=accelerator, description=name
    )
    composition = compose_conditions(model, conditions, arguments)
    conditions = [
        replace(condition, query=source) if source != "query" else condition
        for condition, source in zip(conditions, composition.sources, strict=True)
    ]
    records = pd.DataFrame(rows.select_columns(["record_id", "patient_id"])[:])
    records["patient_id"] = records["patient_id"].fillna("record " + records["record_id"])
    records = records.assign(corpus=corpus, config=config_name, split=splits)
    truth = rows.select_columns(["labels", "label_mask"])[:]
    labels = metrics.label_matrix(truth["labels"], len(label_names), label_masks=truth["label_mask"])
    return name, conditions, Predictions(records, labels, scores, controls)


def load_checkpoint(arguments: EvaluationArguments) -> tuple[Any, Any]:
    """The model that answers queries, and its processor.

    Raises:
        ValueError: If the checkpoint is a classifier, which answers no queries.
    """
    model = AutoModel.from_pretrained(arguments.model_name_or_path, revision=arguments.revision)
    if not isinstance(model, SupremeModel):
        raise ValueError(
            f"{arguments.model_name_or_path} holds a {type(model).__name__}, which answers no queries. Pass a"
            " zero-shot checkpoint; the figures of a classifier are in the eval_results.json beside it."
        )
    if not model.config.trained_queries:
        logger.warning(
            f"{arguments.model_name_or_path} does not list the queries it was trained on, so that seen and unseen"
            " conditions cannot be told apart. Set `config.trained_queries` and save the checkpoint again."
        )
    return model, AutoProcessor.from_pretrained(arguments.model_name_or_path, revision=arguments.revision)


def main(argv: Sequence[str] | None = None) -> None:
    """Evaluate a checkpoint and write `eval_results.json` and `predictions.parquet`."""
    (arguments,) = parse_arguments([EvaluationArguments], argv, description=__doc__)
    accelerator = Accelerator(mixed_precision=arguments.mixed_precision)
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    set_seed(arguments.seed)
    model, processor = load_checkpoint(arguments)
    model = cast("PreTrainedModel", accelerator.prepare_model(model.eval(), evaluation_mode=True))
    results, tables = {}, []
    for config_name in arguments.dataset_config_name or [None]:
        name, conditions, predictions = predict_config(
            model, processor, config_name, arguments=arguments, accelerator=accelerator
        )
        if accelerator.is_main_process:
            results[name] = compile_result(
                predictions,
                conditions,
                min_positives=arguments.min_positives,
                num_bootstrap_samples=arguments.num_bootstrap_samples,
                seed=arguments.seed,
            )
            tables.append(tabulate_predictions(predictions, conditions))
    if accelerator.is_main_process:
        write_report(results, tables, arguments, mixed_precision=accelerator.mixed_precision)
    accelerator.end_training()


def write_report(
    results: dict[str, dict[str, Any]],
    tables: Sequence[pd.DataFrame],
    arguments: EvaluationArguments,
    *,
    mixed_precision: str,
) -> None:
    """Write `eval_results.json` and `predictions.parquet`, and show the tables."""
    protocol = describe_protocol(arguments, mixed_precision)
    report = {"model": arguments.model_name_or_path, "protocol": protocol, "results": results}
    if len(results) == 1:
        (result,) = results.values()
        report |= {key: value for key, value in result.items() if key not in ("conditions", "seen", "unseen")}
    output_dir = Path(arguments.output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
    (output_dir / "eval_results.json").write_text(text + "\n", encoding="utf-8")
    pd.concat(tables, ignore_index=True).to_parquet(output_dir / "predictions.parquet", index=False)
    for name, result in results.items():
        tqdm.write(format_result(name, result))
    tqdm.write(f"Wrote {output_dir / 'eval_results.json'} and {output_dir / 'predictions.parquet'}.")


if __name__ == "__main__":
    run_command(main)
