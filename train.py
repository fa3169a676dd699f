"""Pretrain a zero-shot ECG model: text queries learn to read strips from labels.

One CPU, or one GPU:

    accelerate launch train.py configs/ptb_xl_mini.yaml --data_dir ptb-xl/1.0.3 --output_dir runs/ptb_xl_mini
    accelerate launch --mixed_precision bf16 train.py configs/ptb_xl.yaml --data_dir ptb-xl/1.0.3 --output_dir runs/big

Eight GPUs:

    accelerate launch --num_processes 8 --mixed_precision bf16 train.py configs/ptb_xl.yaml ...

A corpus too large for this machine is streamed from Parquet shards; several corpora are mixed; simulated records may
be made while the model trains on them:

    accelerate launch train.py configs/ptb_xl.yaml --streaming --dataset_name "s3://bucket/ptb_xl/train-*.parquet" ...
    accelerate launch train.py --dataset_name simulated ptb_xl --dataset_weights 0.7 0.3 --on_the_fly --data_dir ...

A linear probe of the encoder of a checkpoint, and its fine-tuning, on the labels of a corpus:

    accelerate launch train.py configs/ptb_xl_probe.yaml --model_name_or_path runs/big --data_dir ptb-xl/1.0.3 ...
    accelerate launch train.py configs/ptb_xl_fine_tuning.yaml --model_name_or_path runs/big --train_fraction 0.1 ...

The first word may be a YAML recipe; flags override what it says. `--output_dir` receives a checkpoint that
`from_pretrained` loads, train_arguments.yaml, train_results.json, train_log.jsonl (every step), validation_log.jsonl
(every finding), training_curves.png, a model card (README.md) and, with `--checkpointing_steps`, the states in
checkpoints/ from which `--resume_from_checkpoint latest` goes on. A run that receives SIGTERM saves its state and ends
with exit code 143. A classifier also leaves eval_results.json and predictions.parquet of the test records, which are
read once, in the end.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import pandas as pd
import torch
import yaml
from accelerate import Accelerator
from accelerate.utils import DistributedType, ProjectConfiguration, set_seed
from huggingface_hub import HfApi
from transformers import AutoModel, AutoProcessor, AutoTokenizer, get_scheduler

from datasets_scripts.terminology.rule_table import rules_for_checkpoint
from modeling_supreme import SupremeEcgConfig, SupremeEcgFeatureExtractor, SupremeModel, SupremeProcessor
from modeling_supreme.command_line import parse_arguments, run_command
from modeling_supreme.losses import OBJECTIVES, MultilabelObjective, weigh_positives
from modeling_supreme.queries import QueryWordings, encode_queries
from modeling_supreme.text_encoders import find_text_encoder
from training_scripts.arguments import DataArguments, ModelArguments, ObjectiveArguments, TrainArguments
from training_scripts.card import describe_source, write_model_card
from training_scripts.data.batches import LoaderSettings, MappedSteps, StreamedSteps, make_steps
from training_scripts.data.corpora import PretrainingData, load_data
from training_scripts.data.labels import query_wordings
from training_scripts.fine_tuning import build_classifier, check_classification, report_test
from training_scripts.loop import Pretraining, TerminatedError
from training_scripts.stop_signal import TERMINATED_EXIT_CODE
from training_scripts.validation import format_figure


logger = logging.getLogger(__name__)

MODEL_CARD_TEMPLATES = {
    "zero_shot": Path(__file__).with_name("model_card.md"),
    "classification": Path(__file__).with_name("model_card_classification.md"),
}
BYTES_PER_GIB = 2**30


def build_model(arguments: ModelArguments) -> tuple[SupremeModel, SupremeProcessor]:
    """Load a checkpoint to go on from, or start a model with a pretrained text encoder."""
    if arguments.model_name_or_path:
        model = AutoModel.from_pretrained(
            arguments.model_name_or_path, freeze_text_encoder=arguments.freeze_text_encoder
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
    feature_extractor = SupremeEcgFeatureExtractor(
        leads=ecg_config.leads,
        sampling_rate=ecg_config.sampling_rate,
        num_samples=ecg_config.num_samples,
        do_bandpass=arguments.do_bandpass,
    )
    tokenizer = AutoTokenizer.from_pretrained(source, revision=arguments.revision)
    return model, SupremeProcessor(feature_extractor, tokenizer)


def start_model(
    arguments: ModelArguments, data: PretrainingData, objective_arguments: ObjectiveArguments
) -> tuple[Any, Any]:
    """A model for the objective, and its processor."""
    if objective_arguments.objective == "classification":
        return build_classifier(arguments, data.findings)
    model, processor = build_model(arguments)
    # A checkpoint that goes on has seen the findings of its earlier training too
    model.config.trained_queries = list(dict.fromkeys([*model.config.trained_queries, *data.findings]))
    model.config.composed_rules = rules_for_checkpoint(model.config.trained_queries)
    return model, processor


def prepare_wordings(
    model: SupremeModel, processor: SupremeProcessor, data: PretrainingData, *, name_probability: float
) -> QueryWordings:
    """Every wording of every finding: embedded once by a frozen text encoder, as tokens for one that learns."""
    wordings = [query_wordings(finding, held_out=data.held_out) for finding in data.findings]
    texts = [text for group in wordings for text in group]
    if model.config.freeze_text_encoder:
        queries = encode_queries(model, processor.tokenizer, texts)
    else:
        encoding = cast(Any, processor.tokenizer)(texts, padding=True, truncation=True, return_tensors="pt")
        queries = torch.stack([encoding["input_ids"], encoding["attention_mask"]], dim=1).to(model.device)
    return QueryWordings(queries, [len(group) for group in wordings], name_probability=name_probability)


def build_optimizer(model: Any, arguments: TrainArguments) -> torch.optim.AdamW:
    """AdamW over what is trained; weight decay on matrices only."""
    pooler = getattr(getattr(model, "text_model", None), "pooler", None)
    if pooler is not None:
        pooler.requires_grad_(False)  # no query goes through it, and several processes would wait for its gradient
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": arguments.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=arguments.learning_rate)


def build_objective(data: PretrainingData, arguments: ObjectiveArguments, device: torch.device) -> MultilabelObjective:
    """What a mistake costs."""
    objective = OBJECTIVES[arguments.loss_type]
    if arguments.positive_weighting == "none":
        return objective
    num_positive, num_known = (torch.from_numpy(counts).float() for counts in data.count_labels())
    weights = weigh_positives(num_positive, num_known, arguments.positive_weighting)
    return objective._replace(positive_weights=cast(torch.Tensor, weights).to(device))


def start_accelerator(arguments: TrainArguments) -> Accelerator:
    """Set up devices, logging and trackers.

    Raises:
        ModuleNotFoundError: If the tracker is not installed.
    """
    tracker = arguments.report_to
    if tracker and tracker != "all" and importlib.util.find_spec(tracker) is None:
        raise ModuleNotFoundError(
            f"`--report_to` is {tracker}, which is not installed. Run `pip install {tracker}`, or leave the flag out:"
            " train_log.jsonl has every step."
        )
    accelerator = Accelerator(
        mixed_precision=arguments.mixed_precision,
        # The loop accumulates by itself: only it knows how many labels a step has.
        gradient_accumulation_steps=1,
        dynamo_backend="inductor" if arguments.torch_compile else None,
        log_with=tracker,
        project_config=ProjectConfiguration(project_dir=arguments.output_dir),
        step_scheduler_with_optimizer=False,
    )
    if accelerator.distributed_type == DistributedType.DEEPSPEED:
        set_up_deepspeed(accelerator, arguments)
    logging.basicConfig(format="%(message)s")
    for name in (logger.name, "modeling_supreme", "datasets_scripts"):
        logging.getLogger(name).setLevel(logging.INFO if accelerator.is_main_process else logging.ERROR)
    set_seed(arguments.seed)
    return accelerator


def set_up_deepspeed(accelerator: Accelerator, arguments: TrainArguments) -> None:
    """Tell DeepSpeed the batch size, which it would take from a loader of Accelerate's.

    Raises:
        ValueError: If a state or an average of the weights is asked for.
    """
    names = ("checkpointing_steps", "resume_from_checkpoint", "ema_decay")
    refused = [name for name in names if getattr(arguments, name)]
    if refused:
        raise ValueError(
            f"`--{refused[0]}` does not go with DeepSpeed, which keeps weights and moments to itself and writes them"
            " as pickles. Leave it out, or use configs/accelerate/fsdp2.yaml, which saves as much memory."
        )
    plugin = cast(Any, accelerator.state).deepspeed_plugin
    plugin.deepspeed_config["train_micro_batch_size_per_gpu"] = arguments.per_device_train_batch_size


def build_steps(
    accelerator: Accelerator, data: PretrainingData, processor: Any, arguments: TrainArguments
) -> MappedSteps | StreamedSteps:
    """Where the batches of this process come from."""
    settings = LoaderSettings(
        batch_size=arguments.per_device_train_batch_size,
        eval_batch_size=arguments.per_device_eval_batch_size,
        num_accumulated=arguments.gradient_accumulation_steps,
        num_processes=accelerator.num_processes,
        process_index=accelerator.process_index,
        num_workers=arguments.dataloader_num_workers,
        prefetch_factor=arguments.dataloader_prefetch_factor,
        do_pin_memory=accelerator.device.type == "cuda",
        shuffle_buffer_size=arguments.shuffle_buffer_size,
        seed=arguments.seed,
    )
    return make_steps(data, processor.feature_extractor, settings)


def build_run(
    accelerator: Accelerator,
    model: Any,
    processor: Any,
    data: PretrainingData,
    *,
    arguments: TrainArguments,
    objective_arguments: ObjectiveArguments,
) -> Pretraining:
    """Put the parts of a run together."""
    source = build_steps(accelerator, data, processor, arguments)
    queries = None
    if objective_arguments.objective == "zero_shot":
        queries = prepare_wordings(model, processor, data, name_probability=objective_arguments.name_probability)
    prepared, optimizer = accelerator.prepare(model, build_optimizer(model, arguments))
    num_steps = arguments.max_train_steps or source.steps_per_epoch * arguments.num_train_epochs
    num_warmup_steps = arguments.num_warmup_steps
    if num_warmup_steps is None:
        num_warmup_steps = round(num_steps * arguments.warmup_ratio)
    return Pretraining(
        accelerator,
        model=prepared,
        optimizer=optimizer,
        scheduler=get_scheduler(
            arguments.lr_scheduler_type, optimizer, num_warmup_steps, num_training_steps=num_steps
        ),
        processor=processor,
        source=source,
        queries=queries,
        findings=data.findings,
        objective=build_objective(data, objective_arguments, accelerator.device),
        num_steps=num_steps,
        arguments=arguments,
        objective_arguments=objective_arguments,
    )


def describe_dry_run(figures: dict[str, Any]) -> str:
    """What a run would need, in a few lines."""
    hours = figures["expected_duration_s"] / 3600
    return (
        f"{figures['num_steps']} steps of {1000 * figures['step_s']:.0f} ms ({figures['ecg_per_s']:.0f} ECG/s,"
        f" {100 * figures['loader_share']:.0f} % of the time spent waiting for batches):"
        f" about {hours:.2g} hours with validation, states not counted.\n"
        f"Peak memory {figures['peak_memory_bytes'] / BYTES_PER_GIB:.2f} GiB a process. Nothing was written."
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Train, save, describe."""
    parts = parse_arguments(
        (ModelArguments, DataArguments, ObjectiveArguments, TrainArguments), argv, description=__doc__
    )
    model_arguments, data_arguments, objective_arguments, arguments = parts
    check_classification(model_arguments, data_arguments, objective_arguments)
    accelerator = start_accelerator(arguments)
    output_dir = Path(arguments.output_dir)
    settings = {name: value for part in parts for name, value in asdict(part).items()}
    if not arguments.dry_run:
        describe_run(accelerator, settings, arguments)
    with accelerator.main_process_first():
        data = load_data(data_arguments, seed=arguments.seed)
    model, processor = start_model(model_arguments, data, objective_arguments)
    if arguments.gradient_checkpointing:
        model.activation_checkpointing_enable()
    model.to(cast(Any, accelerator.device))
    run = build_run(accelerator, model, processor, data, arguments=arguments, objective_arguments=objective_arguments)
    counts = {
        "num_train_records": sum(len(corpus.train) for corpus in data.corpora),
        "num_validation_records": sum(len(corpus.validation) for corpus in data.corpora),
        "num_findings": len(data.findings),
        "held_out_findings": list(data.held_out),
        "sampling_rate": processor.feature_extractor.sampling_rate,
        "num_parameters": sum(p.numel() for p in model.parameters()),
        "num_trained_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
    }
    logger.info(
        f"Training on {counts['num_train_records']} records, validating on {counts['num_validation_records']}, with"
        f" {counts['num_findings']} findings{f' in {len(run.queries.embeds)} wordings' if run.queries else ''}."
    )
    if arguments.dry_run:
        logger.info(describe_dry_run(run.dry_run()))
        return
    run.resume()
    try:
        results = {**run.train(), **counts}
    except TerminatedError as ending:
        logger.warning(f"{ending} Go on with `--resume_from_checkpoint latest`.")
        raise SystemExit(TERMINATED_EXIT_CODE) from None
    run.save_model(output_dir)
    if accelerator.is_main_process:
        results = choose_checkpoint(output_dir, results, arguments)
        if objective_arguments.objective == "classification":
            extractor = processor.feature_extractor
            results |= measure_test(output_dir, data, extractor, settings=settings, device=accelerator.device)
        leave_results(output_dir, settings, results, arguments)
    accelerator.end_training()


def describe_run(accelerator: Accelerator, settings: dict[str, Any], arguments: TrainArguments) -> None:
    """Write down what was asked for, and tell the tracker."""
    if accelerator.is_main_process:
        output_dir = Path(arguments.output_dir)
        output_dir.mkdir(parents=True, exist_ok=True)
        (output_dir / "train_arguments.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    if arguments.report_to:
        accelerator.init_trackers("modeling_supreme", config={key: str(value) for key, value in settings.items()})


def choose_checkpoint(output_dir: Path, results: dict[str, Any], arguments: TrainArguments) -> dict[str, Any]:
    """Leave the best checkpoint in the output folder, if asked to; returns the results with its figures."""
    if not arguments.load_best_model_at_end or not results["best"]:
        return results
    shutil.copytree(output_dir / "best", output_dir, dirs_exist_ok=True)
    return {**results, **{name: value for name, value in results["best"].items() if name != "step"}}


def measure_test(
    output_dir: Path, data: PretrainingData, feature_extractor: Any, *, settings: dict[str, Any], device: torch.device
) -> dict[str, Any]:
    """Figures of the checkpoint on the test records, which nothing has read before."""
    (corpus,) = data.corpora
    test = cast(Any, corpus.test)
    if not test:
        logger.warning(f"Corpus {corpus.name} has no test records: the figures are those of its validation records.")
        return {}
    batch_size = settings["per_device_eval_batch_size"]
    source = make_steps(
        replace(data, corpora=(replace(corpus, validation=test),)),
        feature_extractor,
        LoaderSettings(batch_size, batch_size, num_workers=settings["dataloader_num_workers"]),
    )
    records = pd.DataFrame(test.select_columns(["record_id", "patient_id"])[:])
    result = report_test(output_dir, source.validation_batches(), records, settings=settings, device=device)
    names = ("auroc_macro", "auroc_macro_ci95", "auprc_macro", "num_records", "num_conditions")
    return {f"test_{name}": result[name] for name in names}


def leave_results(
    output_dir: Path, settings: dict[str, Any], results: dict[str, Any], arguments: TrainArguments
) -> None:
    """Write what came out beside the checkpoint, and upload both if asked to."""
    (output_dir / "train_results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    template_path = MODEL_CARD_TEMPLATES[settings["objective"]]
    write_model_card(output_dir, settings=settings, results=results, template_path=template_path)
    logger.info(
        f"Validation AUROC {format_figure(results['validation_auroc_macro'])}. The checkpoint is in {output_dir}."
    )
    if arguments.push_to_hub:
        push_to_hub(output_dir, arguments)


def push_to_hub(output_dir: Path, arguments: TrainArguments) -> None:
    """Upload the checkpoint, without the states and logs of the run."""
    api = HfApi()
    repo_id = api.create_repo(str(arguments.hub_model_id), exist_ok=True).repo_id
    ignored = ["checkpoints/*", "best/*", "modeling_supreme/*"]
    api.upload_folder(repo_id=repo_id, folder_path=output_dir, ignore_patterns=ignored)


if __name__ == "__main__":
    run_command(main)
