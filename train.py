"""Pretrain a zero-shot ECG model: text queries learn to read strips from labels.

One CPU, or one GPU:

    accelerate launch train.py configs/ptb_xl_mini.yaml --data_dir ptb-xl/1.0.3 --output_dir runs/ptb_xl_mini
    accelerate launch --mixed_precision bf16 train.py configs/ptb_xl.yaml --data_dir ptb-xl/1.0.3 --output_dir runs/big

Eight GPUs:

    accelerate launch --num_processes 8 --mixed_precision bf16 train.py configs/ptb_xl.yaml ...

A corpus too large for this machine is streamed from Parquet shards:

    accelerate launch train.py configs/ptb_xl.yaml --streaming --dataset_name "s3://bucket/ptb_xl/train-*.parquet" ...

The first word may be a YAML recipe; flags override what it says. `--output_dir` receives a checkpoint that
`from_pretrained` loads, train_arguments.yaml, train_results.json, a model card (README.md) and, with
`--checkpointing_steps`, the states in checkpoints/ from which `--resume_from_checkpoint latest` goes on.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import torch
import yaml
from accelerate import Accelerator, DataLoaderConfiguration, skip_first_batches
from accelerate.utils import ProjectConfiguration, set_seed
from datasets import Dataset
from huggingface_hub import HfApi
from torch.utils.data import DataLoader
from tqdm.auto import tqdm
from transformers import AutoModel, AutoProcessor, AutoTokenizer, get_scheduler

from datasets_scripts import load_corpus
from datasets_scripts.batches import StripCollator
from datasets_scripts.streaming import RecordShards, RecordStream, load_shards, stream_batches
from datasets_scripts.training_labels import (
    CorpusLabels,
    LabelSource,
    ReportLabels,
    hold_out_findings,
    is_hidden,
    query_wordings,
    trainable_findings,
)
from modeling_supreme import SupremeEcgConfig, SupremeEcgFeatureExtractor, SupremeModel, SupremeProcessor
from modeling_supreme.arguments import DataArguments, ModelArguments, TrainArguments, parse_arguments
from modeling_supreme.augmentation import augment_batch
from modeling_supreme.checkpoints import find_state, save_checkpoint, save_state
from modeling_supreme.losses import multilabel_loss
from modeling_supreme.metrics import mean_or_none, score_conditions
from modeling_supreme.model_card import describe_source, write_model_card
from modeling_supreme.queries import QueryWordings, encode_queries
from modeling_supreme.text_encoders import find_text_encoder


logger = logging.getLogger(__name__)

MODEL_CARD_TEMPLATE = Path(__file__).with_name("model_card.md")
Records = TypeVar("Records", Dataset, RecordShards)


@dataclass
class Progress:
    """How far a run has come; saved with every state."""

    step: int = 0
    epoch: int = 0
    batch: int = 0

    def state_dict(self) -> dict[str, int]:
        """Counts of optimiser steps, passes over the records, and batches of the current pass."""
        return asdict(self)

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from saved counts."""
        self.step, self.epoch, self.batch = state["step"], state["epoch"], state["batch"]


@dataclass
class PretrainingData:
    """Records, targets and queries of a run."""

    train: Dataset | RecordShards
    validation: Dataset | RecordShards
    labels: LabelSource
    held_out: tuple[str, ...]


def load_splits(arguments: DataArguments) -> Mapping[str, Any]:
    """Load the corpus, or find the shards to stream it from: a `Dataset` or `RecordShards` per split."""
    if arguments.streaming:
        return load_shards(arguments.dataset_name)
    options: dict[str, Any] = {} if arguments.num_records is None else {"num_records": arguments.num_records}
    corpus = load_corpus(
        arguments.dataset_name,
        arguments.dataset_config_name,
        data_dir=arguments.data_dir,
        num_proc=arguments.preprocessing_num_workers,
        on_error=arguments.on_error,
        **options,
    )
    return cast(Mapping[str, Any], corpus)


def load_labels(arguments: DataArguments, train: Dataset | RecordShards) -> LabelSource:
    """Labels from reports, where they are given, or those of the corpus."""
    if arguments.report_labels:
        return ReportLabels.from_parquet(arguments.report_labels, uncertain_label=arguments.uncertain_label)
    if isinstance(train, RecordShards):
        train.check_columns(CorpusLabels.columns)
    return CorpusLabels.from_dataset(cast(Dataset, train), config_name=arguments.dataset_config_name)


def load_data(arguments: DataArguments) -> PretrainingData:
    """Load the corpus, choose the findings to train on, and leave out what is held out."""
    corpus = load_splits(arguments)
    train = take(corpus["train"], arguments.max_train_samples)
    validation = take(corpus["validation"], arguments.max_eval_samples)
    if not len(train):
        raise ValueError(f"Corpus {arguments.dataset_name} has no training records. Look at its build report.")
    labels = load_labels(arguments, train)
    held_out = hold_out_findings(arguments.held_out_findings)
    train, is_present = drop_held_out(train, labels, held_out)
    validation, _ = drop_held_out(validation, labels, held_out)
    kept = trainable_findings(labels, is_present, min_positives=arguments.min_positives, held_out=held_out)
    return PretrainingData(train, validation, labels.select(kept), held_out)


def take(dataset: Records, num_records: int | None) -> Records:
    """The first records of a dataset."""
    return dataset if num_records is None else dataset.select(range(min(num_records, len(dataset))))


def drop_held_out(dataset: Records, labels: LabelSource, held_out: Sequence[str]) -> tuple[Records, np.ndarray]:
    """Leave out records of held-out findings.

    Records that stay although their name is hidden would be learned as examples against that name.

    Returns:
        `tuple`: The records that stay, and whether they may have each finding, `(num_records, num_findings)`.
    """
    columns = list(labels.columns)
    if isinstance(dataset, RecordShards):
        batches = dataset.iter_columns(columns)
    else:
        batches = dataset.select_columns(columns).with_format(None).iter(batch_size=1000)
    parts = [labels.targets(cast(dict[str, Any], batch)) > 0 for batch in batches]
    is_present = np.concatenate(parts) if parts else np.zeros((0, len(labels.findings)), dtype=bool)
    hidden = [position for position, finding in enumerate(labels.findings) if is_hidden(finding, held_out)]
    stays = ~is_present[:, hidden].any(axis=1)
    if stays.all():
        return dataset, is_present
    return dataset.select(np.flatnonzero(stays)), is_present[stays]


def build_model(arguments: ModelArguments) -> tuple[SupremeModel, SupremeProcessor]:
    """Load a checkpoint to go on from, or start a model with a pretrained text encoder."""
    if arguments.model_name_or_path:
        model = AutoModel.from_pretrained(arguments.model_name_or_path)
        return model, AutoProcessor.from_pretrained(arguments.model_name_or_path)
    source = find_text_encoder(arguments.text_model_name_or_path)
    ecg_config = SupremeEcgConfig.from_preset(arguments.ecg_encoder)
    model = SupremeModel.from_text_pretrained(
        source,
        ecg_config=ecg_config,
        revision=arguments.revision,
        text_pooling=arguments.text_pooling,
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


def embed_wordings(
    model: SupremeModel, processor: SupremeProcessor, data: PretrainingData, *, name_probability: float
) -> QueryWordings:
    """Run the text encoder once, over every wording of every finding."""
    wordings = [query_wordings(finding, held_out=data.held_out) for finding in data.labels.findings]
    texts = [text for group in wordings for text in group]
    embeds = encode_queries(model, processor.tokenizer, texts)
    return QueryWordings(embeds, [len(group) for group in wordings], name_probability=name_probability)


def build_optimizer(model: SupremeModel, arguments: TrainArguments) -> torch.optim.AdamW:
    """AdamW over what is trained; weight decay on matrices only."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": arguments.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=arguments.learning_rate)


class PretrainingRun:
    """The loop: batches in, optimiser steps out, with validation and states on the way.

    Args:
        accelerator (`Accelerator`):
            Device, precision and processes.
        model (`SupremeModel`):
            What is trained.
        processor (`SupremeProcessor`):
            Prepares strips.
        data (`PretrainingData`):
            Records, targets and queries.
        wordings (`QueryWordings`):
            Embedded queries.
        arguments (`TrainArguments`):
            How to train.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        model: SupremeModel,
        processor: SupremeProcessor,
        data: PretrainingData,
        *,
        wordings: QueryWordings,
        arguments: TrainArguments,
    ) -> None:
        self.accelerator, self.arguments, self.wordings = accelerator, arguments, wordings
        self.findings = data.labels.findings
        self.noise = arguments.noise_mv / processor.feature_extractor.scale_mv
        self.collator = StripCollator(processor.feature_extractor, data.labels)
        self.states_dir = Path(arguments.output_dir) / "checkpoints"
        self.progress = Progress()
        self.train_loader = self._build_loader(data.train, is_training=True)
        self.validation_loader = self._build_loader(data.validation)
        self.model, self.optimizer = accelerator.prepare(model, build_optimizer(model, arguments))
        steps_per_epoch = math.ceil(len(self.train_loader) / arguments.gradient_accumulation_steps)
        self.num_steps = arguments.max_train_steps or steps_per_epoch * arguments.num_train_epochs
        num_warmup_steps = arguments.num_warmup_steps
        if num_warmup_steps is None:
            num_warmup_steps = round(self.num_steps * arguments.warmup_ratio)
        self.scheduler = get_scheduler(
            arguments.lr_scheduler_type, self.optimizer, num_warmup_steps, num_training_steps=self.num_steps
        )
        accelerator.register_for_checkpointing(self.scheduler, self.progress)
        if isinstance(self.train_loader.dataset, RecordStream):
            accelerator.register_for_checkpointing(self.train_loader.dataset)

    def _build_loader(self, dataset: Dataset | RecordShards, *, is_training: bool = False) -> Any:
        """Batches of one split, shared among the processes."""
        arguments = self.arguments
        batch_size = arguments.per_device_train_batch_size if is_training else arguments.per_device_eval_batch_size
        if isinstance(dataset, RecordShards):
            return stream_batches(
                dataset,
                self.collator,
                self.accelerator,
                batch_size=batch_size,
                num_workers=arguments.dataloader_num_workers,
                seed=arguments.seed,
                shuffle_buffer_size=arguments.shuffle_buffer_size if is_training else None,
            )
        loader = DataLoader(
            cast(Any, self.collator.select(dataset)),
            batch_size=batch_size,
            shuffle=is_training,
            num_workers=arguments.dataloader_num_workers,
            persistent_workers=arguments.dataloader_num_workers > 0,
            collate_fn=self.collator,
            # Its own source: every pass draws a number, which must not shift the dropout of a resumed run.
            generator=torch.Generator().manual_seed(arguments.seed),
        )
        return self.accelerator.prepare(loader)

    def resume(self) -> None:
        """Go on from a saved state, if one was asked for and exists."""
        if not self.arguments.resume_from_checkpoint:
            return
        state_dir = find_state(self.arguments.resume_from_checkpoint, self.states_dir)
        if state_dir is not None:
            self.accelerator.load_state(str(state_dir))
            logger.info(f"Resuming from step {self.progress.step} ({state_dir}).")

    def train(self) -> dict[str, Any]:
        """Train to the last step.

        Returns:
            `dict`: What train_results.json says of the run.
        """
        started, first_step = time.perf_counter(), self.progress.step
        losses: list[float] = []
        bar = tqdm(
            total=self.num_steps,
            initial=first_step,
            desc="Training",
            unit="step",
            disable=not self.accelerator.is_local_main_process,
        )
        for loss in self._steps():
            losses.append(loss)
            bar.update()
            self._after_step(losses, bar, seconds=time.perf_counter() - started, first_step=first_step)
        bar.close()
        seconds = time.perf_counter() - started
        return {
            "num_steps": self.progress.step,
            "num_strips": (self.progress.step - first_step) * self._strips_per_step,
            "train_loss": float(np.mean(losses[-self.arguments.logging_steps :])) if losses else None,
            "train_runtime_s": round(seconds, 1),
            **self.validate(),
        }

    @property
    def _strips_per_step(self) -> int:
        """Strips of all processes in one optimiser step."""
        per_batch = self.arguments.per_device_train_batch_size * self.accelerator.num_processes
        return per_batch * self.arguments.gradient_accumulation_steps

    def _steps(self) -> Iterator[float]:
        """Take optimiser steps and yield the loss of each, until the last step."""
        progress = self.progress
        self.model.train()
        step_losses: list[torch.Tensor] = []
        while progress.step < self.num_steps:
            for batch in self._remaining_batches():
                with self.accelerator.accumulate(self.model):
                    step_losses.append(self._learn(cast(dict[str, torch.Tensor], batch)))
                progress.batch += 1
                if self.accelerator.sync_gradients:
                    progress.step += 1
                    yield float(torch.stack(step_losses).mean())
                    step_losses = []
                    if progress.step >= self.num_steps:
                        return
            progress.epoch, progress.batch = progress.epoch + 1, 0

    def _remaining_batches(self) -> Any:
        """What the current epoch has left."""
        if isinstance(self.train_loader.dataset, RecordStream):
            self.train_loader.dataset.start_at(epoch=self.progress.epoch, batch=self.progress.batch)
            return self.train_loader
        self.train_loader.set_epoch(self.progress.epoch)
        return skip_first_batches(self.train_loader, self.progress.batch)

    def _learn(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Forward, backward and, at the end of an accumulation, an optimiser step."""
        seed = (self.arguments.seed, self.progress.epoch, self.progress.batch, self.accelerator.process_index)
        generator = torch.Generator().manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
        signal, lead_mask, sample_mask = augment_batch(
            batch["signal"],
            batch["lead_mask"],
            batch["sample_mask"],
            lead_dropout=self.arguments.lead_dropout,
            noise=self.noise,
            generator=generator,
        )
        outputs = self.model(
            signal=signal,
            lead_mask=lead_mask,
            sample_mask=sample_mask,
            query_embeds=self.wordings.sample(generator),
            labels=batch["labels"],
        )
        self.accelerator.backward(outputs.loss)
        if self.accelerator.sync_gradients:
            self.accelerator.clip_grad_norm_(self.model.parameters(), self.arguments.max_grad_norm)
        self.optimizer.step()
        if self.accelerator.sync_gradients:
            self.scheduler.step()
        self.optimizer.zero_grad()
        return outputs.loss.detach()

    def _after_step(self, losses: list[float], bar: tqdm, *, seconds: float, first_step: int) -> None:
        """Log, validate and save where the arguments ask for it."""
        step, arguments = self.progress.step, self.arguments
        if not math.isfinite(losses[-1]):
            raise FloatingPointError(
                f"The loss is {losses[-1]} at step {step}. Lower `--learning_rate`, or resume from an earlier state."
            )
        if step % arguments.logging_steps == 0:
            rate = (step - first_step) * self._strips_per_step / seconds
            mean_loss = float(np.mean(losses[-arguments.logging_steps :]))
            bar.set_postfix({"loss": f"{mean_loss:.4f}", "ECG/s": f"{rate:.0f}"})
            learning_rate = self.scheduler.get_last_lr()[0]
            self.accelerator.log({"train_loss": mean_loss, "learning_rate": learning_rate, "ecg_per_s": rate}, step)
        if arguments.eval_steps and step % arguments.eval_steps == 0 and step < self.num_steps:
            figures = self.validate()
            self.accelerator.log(figures, step)
            if not bar.disable:
                bar.write(f"step {step}: validation AUROC {format_figure(figures['validation_auroc_macro'])}")
        if arguments.checkpointing_steps and step % arguments.checkpointing_steps == 0:
            save_state(self.accelerator, self.states_dir, step=step, total_limit=arguments.checkpoints_total_limit)

    @torch.no_grad()
    def validate(self) -> dict[str, Any]:
        """Loss and macro AUROC on the validation split, every finding asked for by its name."""
        if not len(self.validation_loader.dataset):
            return {"validation_loss": None, "validation_auroc_macro": None, "num_validated_findings": 0}
        self.model.eval()
        logits, targets = [], []
        for batch in self.validation_loader:
            labels = batch.pop("labels")
            outputs = self.model(**batch, query_embeds=self.wordings.names)
            gathered = self._gather(outputs.logits_per_ecg.float(), labels)
            logits.append(gathered[0].cpu())
            targets.append(gathered[1].cpu())
        self.model.train()
        all_logits, all_targets = torch.cat(logits), torch.cat(targets)
        # Uncertain findings are neither positive nor negative: they take no part in the AUROC.
        certain = torch.where((all_targets == 0) | (all_targets == 1), all_targets, torch.nan)
        scores = score_conditions(all_logits.double().numpy(), certain.numpy(), num_bootstrap_samples=0)
        return {
            "validation_loss": multilabel_loss(all_logits, all_targets).item(),
            "validation_auroc_macro": mean_or_none(scores.auroc),
            "num_validated_findings": int((~np.isnan(scores.auroc)).sum()),
        }

    def _gather(self, logits: torch.Tensor, labels: torch.Tensor) -> Any:
        """Logits and labels of all processes, no record twice."""
        if not isinstance(self.validation_loader.dataset, RecordStream):
            return self.accelerator.gather_for_metrics((logits, labels))
        # Batches of a stream may differ by one; a row that fills up has no known label, so it counts for nothing.
        pad = self.accelerator.pad_across_processes
        return self.accelerator.gather((pad(logits), pad(labels, pad_index=cast(int, math.nan))))


def format_figure(value: float | None) -> str:
    """Three decimals, or a word where there is no figure."""
    return "undefined" if value is None else f"{value:.3f}"


def start_accelerator(arguments: TrainArguments) -> Accelerator:
    """Set up devices, logging and trackers."""
    accelerator = Accelerator(
        mixed_precision=arguments.mixed_precision,
        gradient_accumulation_steps=arguments.gradient_accumulation_steps,
        log_with=arguments.report_to,
        project_config=ProjectConfiguration(project_dir=arguments.output_dir),
        dataloader_config=DataLoaderConfiguration(use_seedable_sampler=True),
        step_scheduler_with_optimizer=False,
    )
    logging.basicConfig(format="%(message)s")
    logger.setLevel(logging.INFO if accelerator.is_main_process else logging.ERROR)
    set_seed(arguments.seed)
    return accelerator


def main(argv: Sequence[str] | None = None) -> None:
    """Train, save, describe."""
    model_arguments, data_arguments, arguments = parse_arguments(
        (ModelArguments, DataArguments, TrainArguments), argv, description=__doc__
    )
    accelerator = start_accelerator(arguments)
    output_dir = Path(arguments.output_dir)
    settings = {**asdict(model_arguments), **asdict(data_arguments), **asdict(arguments)}
    if accelerator.is_main_process:
        output_dir.mkdir(parents=True, exist_ok=True)
        (output_dir / "train_arguments.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    if arguments.report_to:
        accelerator.init_trackers("modeling_supreme", config={key: str(value) for key, value in settings.items()})

    with accelerator.main_process_first():
        data = load_data(data_arguments)
    model, processor = build_model(model_arguments)
    if arguments.gradient_checkpointing:
        model.activation_checkpointing_enable()
    model.to(accelerator.device)
    wordings = embed_wordings(model, processor, data, name_probability=arguments.name_probability)
    # A checkpoint that goes on has seen the findings of its earlier training too
    model.config.trained_queries = list(dict.fromkeys([*model.config.trained_queries, *data.labels.findings]))
    logger.info(
        f"Training on {len(data.train)} records, validating on {len(data.validation)}, with"
        f" {len(data.labels.findings)} findings in {len(wordings.embeds)} wordings."
    )

    run = PretrainingRun(accelerator, model, processor, data, wordings=wordings, arguments=arguments)
    run.resume()
    results = run.train()
    results |= {
        "num_train_records": len(data.train),
        "num_validation_records": len(data.validation),
        "num_findings": len(data.labels.findings),
        "held_out_findings": list(data.held_out),
        "sampling_rate": processor.feature_extractor.sampling_rate,
        "num_parameters": sum(p.numel() for p in model.parameters()),
        "num_trained_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
    }
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        save_checkpoint(accelerator.unwrap_model(run.model), processor, output_dir)
        (output_dir / "train_results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        write_model_card(output_dir, settings=settings, results=results, template_path=MODEL_CARD_TEMPLATE)
        logger.info(
            f"Validation AUROC {format_figure(results['validation_auroc_macro'])}. The checkpoint is in {output_dir}."
        )
        if arguments.push_to_hub:
            push_to_hub(output_dir, arguments)
    accelerator.end_training()


def push_to_hub(output_dir: Path, arguments: TrainArguments) -> None:
    """Upload the checkpoint, without the states and logs of the run."""
    api = HfApi()
    repo_id = api.create_repo(str(arguments.hub_model_id), exist_ok=True).repo_id
    api.upload_folder(repo_id=repo_id, folder_path=output_dir, ignore_patterns=["checkpoints/*", "modeling_supreme/*"])


if __name__ == "__main__":
    main()
