"""Arguments of the training script."""

import types
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints


# The keys of `ECG_PRESETS`, which a test compares: its file loads transformers
EcgPreset = Literal["vit_tiny", "vit_small", "vit_base", "resnet18", "hybrid", "wav2vec2"]
# Schedules of transformers that need no options of their own
Schedule = Literal[
    "linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup", "inverse_sqrt"
]
POSITIVE_COUNTS = (
    "per_device_train_batch_size",
    "per_device_eval_batch_size",
    "gradient_accumulation_steps",
    "num_train_epochs",
    "max_train_steps",
    "checkpointing_steps",
    "checkpoints_total_limit",
    "eval_steps",
    "early_stopping_patience",
    "logging_steps",
    "shuffle_buffer_size",
    "dataloader_prefetch_factor",
)
# Largest value of every change to a strip, and of a weight; what a cardiologist reads from the strip must stay true.
HIGHEST_CHANGES = {
    "name_probability": 1.0,
    "lead_dropout": 1.0,
    "noise_mv": 1.0,
    "time_shift_s": 10.0,
    "gain": 0.5,
    "baseline_wander_mv": 2.0,
    "rate_jitter": 0.1,
    "sheet_probability": 1.0,
    "lead_set_probability": 1.0,
    "measurement_weight": 100.0,
    "global_weight": 100.0,
    "caption_weight": 100.0,
    "local_weight": 100.0,
    "view_weight": 100.0,
    "mlm_probability": 1.0,
    "mask_probability": 0.9,
}


@dataclass
class ModelArguments:
    """What is trained."""

    model_name_or_path: str | None = field(
        default=None, metadata={"help": "Checkpoint to go on from; by default a new model is made from the presets."}
    )
    ecg_model_name_or_path: str | None = field(
        default=None,
        metadata={
            "help": "Checkpoint whose ECG encoder a new model of zero_shot, melp or merl begins with, such as one of"
            " masked_signal; it takes the place of ecg_encoder."
        },
    )
    ecg_encoder: EcgPreset = field(
        default="vit_tiny", metadata={"help": "ECG encoder of a new model, by the name of its preset."}
    )
    text_model_name_or_path: str = field(
        default="ncbi/MedCPT-Query-Encoder",
        metadata={"help": "Text encoder of a new model: a folder or a Hub id that AutoModel loads."},
    )
    text_pooling: Literal["cls", "mean"] = field(
        default="cls", metadata={"help": "Hidden state that stands for a query, as the text encoder needs."}
    )
    revision: str | None = field(
        default=None, metadata={"help": "Branch, tag or commit of the text encoder on the Hub."}
    )
    fusion_hidden_size: int = field(default=192, metadata={"help": "Width of the Cardiac Fusion Network."})
    num_fusion_layers: int = field(default=2, metadata={"help": "Layers of the Cardiac Fusion Network."})
    fusion_dropout: float = field(
        default=0.1,
        metadata={"help": "Dropout in that network, from 0 to 1; on a CPU a third of a step with 300 queries."},
    )
    measurement_head: Literal["none", "pooled", "queries", "beats"] | None = field(
        default=None,
        metadata={
            "help": "Also learn intervals, rates, axes and voltages: read from pooled tokens, by learned queries, or"
            " from the usual beat too. By default as the checkpoint does; a new model does not."
        },
    )
    freeze_text_encoder: bool = field(
        default=True,
        metadata={"help": "Keep the text encoder as it is: it then runs once; otherwise in every step."},
    )
    freeze_encoder: bool = field(
        default=False, metadata={"help": "Train the head of a classifier alone: a linear probe."}
    )
    do_bandpass: bool = field(default=False, metadata={"help": "Filter strips from 0.5 to 40 Hz."})
    num_frozen_text_layers: int = field(
        default=0,
        metadata={"help": "First layers of a text encoder that learns (melp, merl) which keep their weights."},
    )
    text_weights: Literal["pretrained", "random"] = field(
        default="pretrained", metadata={"help": "Weights that mlm begins with: those of the text encoder, or none."}
    )
    projection_size: int = field(
        default=256, metadata={"help": "Width of the space in which melp and merl compare strips and texts."}
    )
    num_beat_queries: int | None = field(
        default=None,
        metadata={"help": "Queries that read a strip; 12 for melp, 1 for merl by default."},
    )
    num_caption_queries: int = field(
        default=128, metadata={"help": "Queries whose findings the decoder of melp reads when it writes a report."}
    )
    num_decoder_layers: int = field(default=6, metadata={"help": "Layers of that decoder."})
    decoder_hidden_size: int = field(default=768, metadata={"help": "Width of that decoder, a multiple of 8."})

    def __post_init__(self) -> None:
        check_choices(self)
        if self.model_name_or_path and self.ecg_model_name_or_path:
            raise ValueError(
                "`--ecg_model_name_or_path` is for a new model, and `--model_name_or_path` goes on with one that has"
                " its encoder. Leave one of them out."
            )
        _check_counts(self, ("projection_size", "num_beat_queries", "num_caption_queries", "num_decoder_layers"))


@dataclass
class DataArguments:
    """What it is trained on."""

    dataset_name: list[str] = field(
        default_factory=list,
        metadata={"help": "Corpus: a builder (ptb_xl, simulated), a prepared folder, or a Hub id; several are mixed."},
    )
    dataset_config_name: list[str] = field(
        default_factory=list,
        metadata={"help": "Labels of the corpus, such as hierarchy; of several corpora one each, or none."},
    )
    data_dir: list[str] = field(
        default_factory=list,
        metadata={"help": "Folder with the official files; of several corpora one each, or none, or one for all."},
    )
    train_file: list[str] = field(
        default_factory=list,
        metadata={
            "help": "Texts that mlm learns from, beside the reports of corpora or alone: .txt with one a line, or"
            " .csv or .parquet with a column report or text."
        },
    )
    dataset_weights: list[float] = field(
        default_factory=list,
        metadata={"help": "Share of each corpus in every batch; by default as many as it has records."},
    )
    num_records: int | None = field(
        default=None, metadata={"help": "Records of the simulated corpus, those of validation and testing included."}
    )
    on_the_fly: bool = field(
        default=False,
        metadata={"help": "Simulate records while training, new ones in every epoch; nothing is stored."},
    )
    streaming: bool = field(
        default=False,
        metadata={
            "help": "Read Parquet shards while training: a prepared folder, a Hub id, or s3://b/train-*.parquet."
        },
    )
    report_labels: list[str] = field(
        default_factory=list,
        metadata={
            "help": "labels.parquet written by datasets_scripts.extraction; replaces the corpus' own labels."
            " Of several corpora one each, or none."
        },
    )
    uncertain_label: float = field(
        default=0.5, metadata={"help": "Target, from 0 to 1, of findings a report calls uncertain."}
    )
    unmentioned: Literal["absent", "unknown"] = field(
        default="absent", metadata={"help": "What it means that a report does not name a finding."}
    )
    min_positives: int = field(
        default=5, metadata={"help": "Findings with fewer positive or uncertain training records are not trained on."}
    )
    held_out_findings: list[str] = field(
        default_factory=list,
        metadata={"help": "Findings hidden from training: no query is worded like them, no record has them."},
    )
    held_out_records: Literal["remove", "keep"] = field(
        default="remove",
        metadata={
            "help": "Whether records that have a held-out finding are left out too (remove), or stay, labelled with"
            " everything but its name (keep)."
        },
    )
    train_fraction: float = field(
        default=1.0,
        metadata={"help": "Train on this share of the records, drawn by the seed; the findings stay those of all."},
    )
    max_train_samples: int | None = field(
        default=None, metadata={"help": "Train on the first records of each corpus only."}
    )
    max_eval_samples: int | None = field(
        default=None, metadata={"help": "Validate on the first records of each corpus only."}
    )
    preprocessing_num_workers: int | None = field(default=None, metadata={"help": "Processes that read a corpus."})
    on_error: Literal["raise", "skip"] = field(
        default="raise", metadata={"help": "What to do with a record that cannot be read."}
    )

    def __post_init__(self) -> None:
        check_choices(self)
        if not self.dataset_name and not self.train_file:
            raise ValueError("`--dataset_name` is missing. Name a corpus: ptb_xl, simulated, a folder or a Hub id.")
        if not 0 <= self.uncertain_label <= 1:
            raise ValueError(f"`--uncertain_label` is {self.uncertain_label}. It is a probability: choose 0 to 1.")
        if not 0 < self.train_fraction <= 1:
            raise ValueError(f"`--train_fraction` is {self.train_fraction}. It is a share: choose above 0, up to 1.")
        self._check_lists()
        self._check_sources()

    def _check_lists(self) -> None:
        """Refuse lists that do not fit the corpora."""
        num_corpora = len(self.dataset_name)
        for name in ("dataset_config_name", "data_dir", "report_labels", "dataset_weights"):
            num_values = len(getattr(self, name))
            is_shared = name == "data_dir" and num_values == 1
            if num_values not in (0, num_corpora) and not is_shared:
                raise ValueError(
                    f"`--{name}` has {num_values} values for {num_corpora} corpora. Give one each, in the order of"
                    " `--dataset_name`; write none where a corpus needs no value."
                )
        if any(not weight > 0 for weight in self.dataset_weights):
            raise ValueError(
                f"`--dataset_weights` are {', '.join(f'{weight:g}' for weight in self.dataset_weights)}. Each must be"
                " above 0; leave out a corpus that is not wanted."
            )

    def _check_sources(self) -> None:
        """Refuse options that the corpora do not have."""
        refused = [name for name in ("data_dir", "num_records") if self.streaming and getattr(self, name)]
        if refused:
            raise ValueError(
                f"`--streaming` reads prepared shards and takes no `--{refused[0]}`. Leave it out, and write the"
                " shards with `python -m datasets_scripts.prepare`."
            )
        if self.streaming and len(self.dataset_name) > 1:
            raise ValueError(
                f"`--streaming` reads one corpus, not the {len(self.dataset_name)} of `--dataset_name`. Leave it out:"
                " prepared corpora are mapped into memory, so that they need not fit there."
            )
        if self.on_the_fly and "simulated" not in self.dataset_name:
            raise ValueError(
                f"`--on_the_fly` simulates records, but `--dataset_name` is {' '.join(self.dataset_name)}. Name the"
                " corpus simulated, alone or among others."
            )
        if self.on_the_fly and self.train_fraction < 1:
            raise ValueError(
                f"`--train_fraction` is {self.train_fraction}, but `--on_the_fly` makes new records without end. Leave"
                " one of them out."
            )
        if self.num_records is not None and "simulated" not in self.dataset_name:
            raise ValueError(
                f"`--num_records` is for the corpus simulated, but `--dataset_name` is {' '.join(self.dataset_name)}."
                " Use `--max_train_samples` to train on the first records."
            )
        labelled = zip(self.dataset_name, self.report_labels, strict=False)
        if self.on_the_fly and any(name == "simulated" and labels != "none" for name, labels in labelled):
            raise ValueError(
                "`--report_labels` has no labels of records that `--on_the_fly` makes. Write none for the corpus"
                " simulated: it knows its own."
            )


@dataclass
class ObjectiveArguments:
    """What it is trained for, and how strips are changed on the way."""

    objective: str = field(
        default="zero_shot",
        metadata={
            "help": "What is learnt: zero_shot, to be asked in words; melp or merl, from pairs of strip and report;"
            " classification, of fixed labels; mlm, the language of reports; or masked_signal, hidden stretches of"
            " strips."
        },
    )
    loss_type: Literal["bce", "focal", "asymmetric"] = field(
        default="bce", metadata={"help": "Loss: focal is of Lin et al. 2017, asymmetric of Ridnik et al. 2021."}
    )
    positive_weighting: Literal["none", "sqrt", "balanced"] = field(
        default="none",
        metadata={"help": "Weight of present findings: none, balanced (absent records per present one) or its sqrt."},
    )
    measurement_weight: float = field(
        default=0.1, metadata={"help": "Weight of numbers in the loss, where labels weigh 1, from 0 to 100."}
    )
    num_calibration_records: int = field(
        default=3000,
        metadata={
            "help": "Simulated records of other patients that numbers are calibrated on after training; 0 for none."
        },
    )
    num_queries_per_step: int | None = field(
        default=None,
        metadata={"help": "Ask for what is present in the step's strips and, up to this number, other findings."},
    )
    global_weight: float | None = field(
        default=None, metadata={"help": "Weight of strip against report in melp (1) and merl (1), from 0 to 100."}
    )
    caption_weight: float | None = field(
        default=None, metadata={"help": "Weight of writing the report in melp (2) and merl (0), from 0 to 100."}
    )
    local_weight: float | None = field(
        default=None, metadata={"help": "Weight of sentences against beats in melp (0.2) and merl (0), from 0 to 100."}
    )
    view_weight: float | None = field(
        default=None, metadata={"help": "Weight of two views of a strip in melp (0) and merl (1), from 0 to 100."}
    )
    max_report_tokens: int = field(default=128, metadata={"help": "Longest report of melp, merl and mlm, in tokens."})
    min_report_words: int = field(
        default=1, metadata={"help": "Reports with fewer words are no pair for their strip in melp and merl."}
    )
    shuffle_reports: bool = field(
        default=False, metadata={"help": "Give every strip the report of another one: a control that learns nothing."}
    )
    calibrate_scores: bool = field(
        default=True,
        metadata={"help": "Make cosines of melp and merl probabilities, by the labels of validation records."},
    )
    mlm_probability: float = field(default=0.15, metadata={"help": "Share of the words that mlm hides, from 0 to 1."})
    mask_probability: float = field(
        default=0.4, metadata={"help": "Share of every strip that masked_signal hides, from 0 to 0.9."}
    )
    name_probability: float = field(
        default=0.5, metadata={"help": "How often a finding is asked for by its name rather than in other words."}
    )
    lead_dropout: float = field(
        default=0.1, metadata={"help": "Largest share of leads hidden from a strip, from 0 to 1."}
    )
    noise_mv: float = field(
        default=0.02, metadata={"help": "Standard deviation of white noise added, in mV, from 0 to 1."}
    )
    time_shift_s: float = field(
        default=10.0, metadata={"help": "Longest shift in time, around the end of the strip, in s, from 0 to 10."}
    )
    gain: float = field(
        default=0.0,
        metadata={"help": "Largest relative change of voltage, the same for all leads, from 0 to 0.5."},
    )
    baseline_wander_mv: float = field(
        default=0.0, metadata={"help": "Largest amplitude of a wandering baseline, in mV, from 0 to 2."}
    )
    rate_jitter: float = field(
        default=0.0, metadata={"help": "Largest relative change of heart rate and intervals, from 0 to 0.1."}
    )
    sheet_probability: float = field(
        default=0.0,
        metadata={
            "help": "How often a strip is shown as a printed sheet, each lead for 2.5 or 5 of its 10 s, from 0 to 1."
        },
    )
    lead_set_probability: float = field(
        default=0.0,
        metadata={
            "help": "How often a strip is reduced to the leads of other recorders, from 0 to 1: limb leads alone or"
            " with one or two chest leads, I, II or V1 alone, chest leads alone."
        },
    )

    def __post_init__(self) -> None:
        check_choices(self)
        _check_counts(self, ("num_queries_per_step", "max_report_tokens", "min_report_words"))
        if self.num_calibration_records < 0:
            raise ValueError(
                f"`--num_calibration_records` is {self.num_calibration_records}. Give a number of records; 0 for none."
            )
        for name, highest in HIGHEST_CHANGES.items():
            if not 0 <= (getattr(self, name) or 0) <= highest:
                raise ValueError(f"`--{name}` is {getattr(self, name)}. Choose a number from 0 to {highest:g}.")


@dataclass
class TrainArguments:
    """How it is trained."""

    output_dir: str = field(default="", metadata={"help": "Folder for the trained model and its states."})
    overwrite_output_dir: bool = field(
        default=False, metadata={"help": "Remove the run that output_dir holds, and nothing else, and begin anew."}
    )
    seed: int = field(default=0, metadata={"help": "Seed of everything random."})
    per_device_train_batch_size: int = field(default=64, metadata={"help": "Strips per device and batch."})
    per_device_eval_batch_size: int = field(default=64, metadata={"help": "Strips per device in validation."})
    gradient_accumulation_steps: int = field(default=1, metadata={"help": "Batches per optimiser step."})
    learning_rate: float = field(default=1e-3, metadata={"help": "Highest learning rate of AdamW."})
    weight_decay: float = field(default=0.01, metadata={"help": "Weight decay of matrices; none on biases and norms."})
    num_train_epochs: int = field(default=20, metadata={"help": "Passes over the training records."})
    max_train_steps: int | None = field(
        default=None, metadata={"help": "Optimiser steps; takes the place of num_train_epochs."}
    )
    lr_scheduler_type: Schedule = field(default="cosine", metadata={"help": "Schedule, by its transformers name."})
    warmup_ratio: float = field(default=0.1, metadata={"help": "Share of the steps in which the rate rises."})
    num_warmup_steps: int | None = field(
        default=None, metadata={"help": "Steps in which the rate rises; takes the place of warmup_ratio."}
    )
    max_grad_norm: float = field(default=1.0, metadata={"help": "Gradients are scaled down to this norm."})
    max_loss_ratio: float = field(
        default=20.0,
        metadata={"help": "Stop where the loss is this many times the median of the 100 steps before; 0 never stops."},
    )
    ema_decay: float | None = field(
        default=None,
        metadata={"help": "Validate and save a moving average of the weights that keeps this share in a step: 0.999."},
    )
    mixed_precision: Literal["no", "fp16", "bf16"] | None = field(
        default=None, metadata={"help": "Precision of forward and backward; else Accelerate's own."}
    )
    torch_compile: bool = field(default=False, metadata={"help": "Compile the model with TorchInductor."})
    gradient_checkpointing: bool = field(default=False, metadata={"help": "Trade time for memory."})
    dataloader_num_workers: int = field(default=0, metadata={"help": "Processes that prepare batches."})
    dataloader_prefetch_factor: int = field(
        default=4, metadata={"help": "Batches that each of them has ready beforehand."}
    )
    shuffle_buffer_size: int = field(
        default=2048, metadata={"help": "Records, of 0.12 MB each, that every worker of a stream holds and shuffles."}
    )
    checkpointing_steps: int | None = field(default=None, metadata={"help": "Save the state every so many steps."})
    checkpoints_total_limit: int = field(default=2, metadata={"help": "States that are kept."})
    resume_from_checkpoint: str | None = field(
        default=None, metadata={"help": "State to go on from: its folder, or latest."}
    )
    eval_steps: int | None = field(default=None, metadata={"help": "Validate every so many steps; always at the end."})
    metric_for_best_model: str | None = field(
        default=None,
        metadata={
            "help": "Figure of validation that the checkpoint in best/ is best in: validation_loss or, unless said"
            " otherwise, the objective's own, such as validation_auroc_macro."
        },
    )
    load_best_model_at_end: bool = field(
        default=False, metadata={"help": "Leave the best checkpoint in the output folder rather than the last."}
    )
    early_stopping_patience: int | None = field(
        default=None, metadata={"help": "Stop after so many validations in a row that were not the best."}
    )
    logging_steps: int = field(default=10, metadata={"help": "Steps between two entries of the tracker."})
    report_to: Literal["tensorboard", "wandb", "trackio", "all"] | None = field(
        default=None, metadata={"help": "Tracker of the run's figures."}
    )
    dry_run: bool = field(
        default=False, metadata={"help": "Take a few steps, say what the run would need, and leave nothing behind."}
    )
    push_to_hub: bool = field(
        default=False,
        metadata={"help": "Upload the trained model, its card, code and figures to a private repository of the Hub."},
    )
    hub_public: bool = field(default=False, metadata={"help": "Make the repository on the Hub a public one."})
    hub_model_id: str | None = field(default=None, metadata={"help": "Repository on the Hub, as owner/name."})

    def __post_init__(self) -> None:
        if not self.output_dir:
            raise ValueError("`--output_dir` is missing. Name a folder for the trained model.")
        _check_counts(self, POSITIVE_COUNTS)
        check_choices(self)
        if self.ema_decay is not None and not 0 < self.ema_decay < 1:
            raise ValueError(f"`--ema_decay` is {self.ema_decay}. Choose a share between 0 and 1, such as 0.999.")
        if self.push_to_hub and not self.hub_model_id:
            raise ValueError("`--push_to_hub` needs `--hub_model_id owner/name`.")
        if self.hub_public and not self.push_to_hub:
            raise ValueError("`--hub_public` is for an upload. Ask for it with `--push_to_hub`, or leave it out.")
        dependent = [name for name in ("load_best_model_at_end", "early_stopping_patience") if getattr(self, name)]
        if dependent and not self.eval_steps:
            raise ValueError(f"`--{dependent[0]}` compares validations. Say with `--eval_steps` when to validate.")


def _check_counts(arguments: object, names: Sequence[str]) -> None:
    """Refuse counts below one."""
    for name in names:
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise ValueError(f"`--{name}` is {value}. It must be at least 1.")


def check_choices(arguments: Any) -> None:
    """Refuse words that are not among the choices of a field.

    Raises:
        ValueError: If a field whose type is a `Literal`, or optionally one, has another value.
    """
    for name, hint in get_type_hints(type(arguments)).items():
        parts = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
        choices = [choice for part in parts if get_origin(part) is Literal for choice in get_args(part)]
        value = getattr(arguments, name)
        if choices and value not in choices and not (value is None and type(None) in parts):
            raise ValueError(f"`--{name}` is {value}. Choose one of {', '.join(choices)}.")


class RunArguments(NamedTuple):
    """All that is said of a run."""

    model: ModelArguments
    data: DataArguments
    objective: ObjectiveArguments
    training: TrainArguments
