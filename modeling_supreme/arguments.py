"""Arguments of the training script, and how a YAML recipe and flags become them."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml
from transformers import HfArgumentParser


POSITIVE_COUNTS = (
    "per_device_train_batch_size",
    "per_device_eval_batch_size",
    "gradient_accumulation_steps",
    "num_train_epochs",
    "checkpoints_total_limit",
    "logging_steps",
    "shuffle_buffer_size",
)


@dataclass
class ModelArguments:
    """What is trained."""

    model_name_or_path: str | None = field(
        default=None, metadata={"help": "Checkpoint to go on from; by default a new model is made from the presets."}
    )
    ecg_encoder: str = field(
        default="vit_tiny",
        metadata={"help": "ECG encoder of a new model: vit_tiny, vit_small, vit_base, resnet18 or hybrid."},
    )
    text_model_name_or_path: str = field(
        default="ncbi/MedCPT-Query-Encoder",
        metadata={"help": "Text encoder of a new model: a folder or a Hub id that AutoModel loads."},
    )
    text_pooling: str = field(
        default="cls", metadata={"help": "Hidden state that stands for a query: cls or mean, as the encoder needs."}
    )
    revision: str | None = field(
        default=None, metadata={"help": "Branch, tag or commit of the text encoder on the Hub."}
    )
    fusion_hidden_size: int = field(default=192, metadata={"help": "Width of the Cardiac Fusion Network."})
    num_fusion_layers: int = field(default=2, metadata={"help": "Layers of the Cardiac Fusion Network."})
    do_bandpass: bool = field(default=False, metadata={"help": "Filter strips from 0.5 to 40 Hz."})


@dataclass
class DataArguments:
    """What it is trained on."""

    dataset_name: str = field(
        default="", metadata={"help": "Corpus: a builder (ptb_xl, simulated), a prepared folder, or a Hub id."}
    )
    dataset_config_name: str | None = field(
        default=None, metadata={"help": "Labels of the corpus, such as hierarchy."}
    )
    data_dir: str | None = field(default=None, metadata={"help": "Folder with the official files of the corpus."})
    num_records: int | None = field(default=None, metadata={"help": "Records of the simulated corpus."})
    streaming: bool = field(
        default=False,
        metadata={
            "help": "Read Parquet shards while training: a prepared folder, a Hub id, or s3://b/train-*.parquet."
        },
    )
    report_labels: str | None = field(
        default=None,
        metadata={"help": "labels.parquet written by datasets_scripts.extraction; replaces the corpus' own labels."},
    )
    uncertain_label: float = field(
        default=0.5, metadata={"help": "Target, from 0 to 1, of findings a report calls uncertain."}
    )
    min_positives: int = field(
        default=5, metadata={"help": "Findings with fewer positive or uncertain training records are not trained on."}
    )
    held_out_findings: list[str] = field(
        default_factory=list,
        metadata={"help": "Findings hidden from training: their names, wordings and positive records are left out."},
    )
    max_train_samples: int | None = field(default=None, metadata={"help": "Train on the first records only."})
    max_eval_samples: int | None = field(default=None, metadata={"help": "Validate on the first records only."})
    preprocessing_num_workers: int | None = field(default=None, metadata={"help": "Processes that read a corpus."})
    on_error: str = field(default="raise", metadata={"help": "At a record that cannot be read: raise or skip."})

    def __post_init__(self) -> None:
        if not self.dataset_name:
            raise ValueError("`--dataset_name` is missing. Name a corpus: ptb_xl, simulated, a folder or a Hub id.")
        if not 0 <= self.uncertain_label <= 1:
            raise ValueError(f"`--uncertain_label` is {self.uncertain_label}. It is a probability: choose 0 to 1.")
        refused = [name for name in ("data_dir", "num_records") if self.streaming and getattr(self, name) is not None]
        if refused:
            raise ValueError(
                f"`--streaming` reads prepared shards and takes no `--{refused[0]}`. Leave it out, and write the"
                " shards with `python -m datasets_scripts.prepare`."
            )


@dataclass
class TrainArguments:
    """How it is trained."""

    output_dir: str = field(default="", metadata={"help": "Folder for the trained model and its states."})
    seed: int = field(default=0, metadata={"help": "Seed of everything random."})
    per_device_train_batch_size: int = field(default=64, metadata={"help": "Strips per device and step."})
    per_device_eval_batch_size: int = field(default=64, metadata={"help": "Strips per device in validation."})
    gradient_accumulation_steps: int = field(default=1, metadata={"help": "Batches per optimiser step."})
    learning_rate: float = field(default=1e-3, metadata={"help": "Highest learning rate of AdamW."})
    weight_decay: float = field(default=0.01, metadata={"help": "Weight decay of matrices; none on biases and norms."})
    num_train_epochs: int = field(default=20, metadata={"help": "Passes over the training records."})
    max_train_steps: int | None = field(
        default=None, metadata={"help": "Optimiser steps; takes the place of num_train_epochs."}
    )
    lr_scheduler_type: str = field(default="cosine", metadata={"help": "Schedule, by its transformers name."})
    warmup_ratio: float = field(default=0.1, metadata={"help": "Share of the steps in which the rate rises."})
    num_warmup_steps: int | None = field(
        default=None, metadata={"help": "Steps in which the rate rises; takes the place of warmup_ratio."}
    )
    max_grad_norm: float = field(default=1.0, metadata={"help": "Gradients are scaled down to this norm."})
    mixed_precision: str | None = field(default=None, metadata={"help": "no, fp16 or bf16; else Accelerate's own."})
    gradient_checkpointing: bool = field(default=False, metadata={"help": "Trade time for memory."})
    lead_dropout: float = field(default=0.1, metadata={"help": "Largest share of leads hidden from a strip."})
    noise_mv: float = field(default=0.02, metadata={"help": "Standard deviation of white noise added, in mV."})
    name_probability: float = field(
        default=0.5, metadata={"help": "How often a finding is asked for by its name rather than in other words."}
    )
    dataloader_num_workers: int = field(default=0, metadata={"help": "Processes that prepare batches."})
    shuffle_buffer_size: int = field(
        default=2048, metadata={"help": "Records, of 0.12 MB each, that every worker of a stream holds and shuffles."}
    )
    checkpointing_steps: int | None = field(default=None, metadata={"help": "Save the state every so many steps."})
    checkpoints_total_limit: int = field(default=2, metadata={"help": "States that are kept."})
    resume_from_checkpoint: str | None = field(
        default=None, metadata={"help": "State to go on from: its folder, or latest."}
    )
    eval_steps: int | None = field(default=None, metadata={"help": "Validate every so many steps; always at the end."})
    logging_steps: int = field(default=10, metadata={"help": "Steps between two entries of the log."})
    report_to: str | None = field(default=None, metadata={"help": "Tracker: tensorboard, wandb, trackio or all."})
    push_to_hub: bool = field(default=False, metadata={"help": "Upload the trained model to the Hub."})
    hub_model_id: str | None = field(default=None, metadata={"help": "Repository on the Hub, as owner/name."})

    def __post_init__(self) -> None:
        if not self.output_dir:
            raise ValueError("`--output_dir` is missing. Name a folder for the trained model.")
        for name in POSITIVE_COUNTS:
            if getattr(self, name) < 1:
                raise ValueError(f"`--{name}` is {getattr(self, name)}. It must be at least 1.")
        if self.push_to_hub and not self.hub_model_id:
            raise ValueError("`--push_to_hub` needs `--hub_model_id owner/name`.")


def parse_arguments(
    argument_classes: Sequence[type], argv: Sequence[str] | None = None, *, description: str | None = None
) -> tuple[Any, ...]:
    """Read dataclasses from a YAML recipe and from flags; a flag wins over the recipe.

    Args:
        argument_classes (`Sequence[type]`):
            Dataclasses whose fields are the flags.
        argv (`Sequence[str]`, *optional*):
            Words of the command line; those of this process by default. The first may be the path of a recipe.
        description (`str`, *optional*):
            First lines of `--help`.

    Returns:
        `tuple`: One instance of each class.

    Raises:
        FileNotFoundError: If the recipe does not exist.
        ValueError: If the recipe is no table of flags, or sets one that does not exist.
    """
    parser = HfArgumentParser(cast(Any, list(argument_classes)), description=description, allow_abbrev=False)
    words = list(sys.argv[1:] if argv is None else argv)
    recipe: dict[str, Any] = {}
    if words and not words[0].startswith("-"):
        recipe = read_recipe(Path(words.pop(0)), known={action.dest for action in parser._actions})
    return parser.parse_args_into_dataclasses([*recipe_to_flags(recipe), *words])


def read_recipe(path: Path, *, known: set[str]) -> dict[str, Any]:
    """Read a YAML recipe and check that every key is a flag."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no recipe {path}. Recipes are YAML files, such as those in configs/.")
    recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(recipe, dict):
        raise ValueError(f"{path} holds a {type(recipe).__name__}, not a table. Write one `flag: value` a line.")
    unknown = sorted(set(recipe) - known)
    if unknown:
        raise ValueError(f"{path} sets {', '.join(unknown)}, which no flag is called. See --help for their names.")
    return recipe


def recipe_to_flags(recipe: dict[str, Any]) -> list[str]:
    """Spell a recipe as words of a command line.

    Example:
        >>> recipe_to_flags({"seed": 1, "held_out_findings": ["atrial flutter", "pause"], "data_dir": None})
        ['--seed', '1', '--held_out_findings', 'atrial flutter', 'pause']
    """
    words = []
    for name, value in recipe.items():
        if value is None or value == []:
            continue  # the default; argparse has no words for an empty list
        words.append(f"--{name}")
        words.extend(str(item) for item in (value if isinstance(value, list) else [value]))
    return words
