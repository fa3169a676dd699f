"""Flags of the command; nothing here loads a library."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass
class DecisionArguments:
    """Whose decisions are fitted, and on what."""

    model_name_or_path: str = field(metadata={"help": "Folder of a checkpoint, which is changed in place."})
    dataset_name: str | None = field(
        default=None,
        metadata={"help": "Corpus of datasets_scripts, or folder of a prepared one, with real records to fit on."},
    )
    dataset_config_name: str | None = field(default=None, metadata={"help": "Label set of the corpus."})
    data_dir: str | None = field(default=None, metadata={"help": "Folder with the official files of the corpus."})
    split: str = field(
        default="validation", metadata={"help": "Its split, or several joined by +; none that was trained on."}
    )
    on_error: Literal["raise", "skip"] = field(
        default="raise", metadata={"help": "What to do with a record that cannot be read."}
    )
    num_records: int = field(default=4000, metadata={"help": "Simulated records of other patients."})
    min_positives: int = field(
        default=10, metadata={"help": "Positive records that it takes to decide about a condition."}
    )
    min_real_positives: int = field(
        default=20, metadata={"help": "Positive records of the corpus that it takes to fit a condition there."}
    )
    per_device_eval_batch_size: int = field(default=64, metadata={"help": "Records per batch."})

    def __post_init__(self) -> None:
        for name, least in (("num_records", 30), ("min_positives", 5), ("min_real_positives", 5)):
            if getattr(self, name) < least:
                raise ValueError(f"`--{name}` is {getattr(self, name)}. Give {least} or more.")
        if self.per_device_eval_batch_size < 1:
            raise ValueError(f"`--per_device_eval_batch_size` is {self.per_device_eval_batch_size}. Give 1 or more.")
        if self.dataset_name is None and (self.data_dir is not None or self.dataset_config_name is not None):
            raise ValueError("`--data_dir` or `--dataset_config_name` came without `--dataset_name`. Name the corpus.")
