"""What is evaluated: a checkpoint that answers queries, and the labelled records of a corpus."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from accelerate.logging import get_logger
from datasets import Dataset, concatenate_datasets
from transformers import AutoConfig, AutoModel, AutoProcessor

from datasets_scripts import load_corpus
from modeling_supreme.command_line.hub import told_when_absent
from modeling_supreme.modeling_supreme import QueriedModel

from .arguments import EvaluationArguments
from .metrics import label_matrix
from .prediction_table import locate_records


logger = get_logger(__name__)


@dataclass(frozen=True)
class LabelledRecords:
    """The records of one configuration of a corpus, in the splits asked for.

    Args:
        rows (`Dataset` of `num_records` rows):
            Rows of the corpus.
        row_splits (`list[str]`, one per row):
            The split of each.
        corpus (`str`):
            Name of the corpus, without the folders before it.
        config_name (`str`):
            Its configuration, which a prepared corpus knows even where none was asked for.
        split (`str`):
            The splits as they were asked for, as in `"validation+test"`.
    """

    rows: Dataset
    row_splits: list[str]
    corpus: str
    config_name: str
    split: str

    @property
    def name(self) -> str:
        """What the figures are written under: "corpus/configuration/split"."""
        return f"{self.corpus}/{self.config_name}/{self.split}"

    @property
    def label_names(self) -> list[str]:
        """Names of the labels, in the order of their indices."""
        return self.rows.features["labels"].feature.names

    @property
    def corpus_labels(self) -> list[str]:
        """What the corpus calls the labels, which is what the terminology is asked."""
        return self.label_names

    def locate(self) -> pd.DataFrame:
        """`record_id`, `patient_id`, `corpus`, `config` and `split` of every row."""
        keys = pd.DataFrame(self.rows.select_columns(["record_id", "patient_id"])[:])
        return locate_records(keys, corpus=self.corpus, config_name=self.config_name, split=self.row_splits)

    def read_labels(self) -> np.ndarray:
        """Labels of shape `(num_records, num_labels)`: 1 positive, 0 negative, NaN unknown."""
        truth = self.rows.select_columns(["labels", "label_mask"])[:]
        return label_matrix(truth["labels"], len(self.label_names), label_masks=truth["label_mask"])


def load_records(arguments: EvaluationArguments, config_name: str | None) -> LabelledRecords:
    """Load the splits asked for, one after the other, and of them at most `max_eval_samples` records.

    Args:
        arguments ([`EvaluationArguments`]):
            Corpus, splits and limits.
        config_name (`str`, *optional*):
            Label set of the corpus; its own default otherwise.

    Returns:
        [`LabelledRecords`]

    Raises:
        ValueError: If a split does not exist, or there is no record at all.
    """
    options: dict[str, Any] = {} if arguments.num_records is None else {"num_records": arguments.num_records}
    if arguments.measurements and arguments.dataset_name == "simulated":
        options["has_measurements"] = True
    corpus = load_corpus(
        arguments.dataset_name,
        config_name,
        data_dir=arguments.data_dir,
        num_proc=arguments.preprocessing_num_workers,
        on_error=arguments.on_error,
        **options,
    )
    names = [name.strip() for name in arguments.split.split("+")]
    missing = [name for name in names if name not in corpus]
    if missing:
        raise ValueError(
            f"{arguments.dataset_name} has no split {', '.join(missing)}. Choose among {', '.join(map(str, corpus))}"
            " with `--split`."
        )
    rows = concatenate_datasets([cast("Dataset", corpus[name]) for name in names])
    if not len(rows):
        raise ValueError(
            f"{arguments.dataset_name}, configuration {config_name}: split {arguments.split} has no record."
            " Choose another split with `--split`, or check what `--on_error skip` left out."
        )
    num_records = min(len(rows), arguments.max_eval_samples or len(rows))
    return LabelledRecords(
        rows.select(range(num_records)),
        [name for name in names for _ in range(len(corpus[name]))][:num_records],
        corpus=Path(arguments.dataset_name).name,
        config_name=config_name or cast("Dataset", corpus[names[0]]).info.config_name or "default",
        split=arguments.split,
    )


def load_checkpoint(
    name_or_path: str, *, revision: str | None = None, has_to_measure: bool = False
) -> tuple[Any, Any]:
    """Load the model that answers queries, and its processor.

    Args:
        name_or_path (`str`):
            Folder or Hub id of the checkpoint.
        revision (`str`, *optional*):
            Branch, tag or commit on the Hub.
        has_to_measure (`bool`, defaults to `False`):
            Whether measurements are asked for.

    Returns:
        `tuple`: A [`SupremeModel`] or [`MelpModel`], and a [`SupremeProcessor`].

    Raises:
        CommandLineError: If there is no checkpoint of this name, or the Hub is out of reach.
        ValueError: If the checkpoint is a classifier, which answers no queries, or lacks a head that has to measure.
        CheckpointError: If its weights are no safetensors, do not fit its configuration, or are not finite.
    """
    remedy = "Correct `--model_name_or_path`: the folder of a checkpoint, or an id of the Hub."
    with told_when_absent("The checkpoint", name_or_path, remedy=remedy):
        AutoConfig.from_pretrained(name_or_path, revision=revision)
    model = AutoModel.from_pretrained(name_or_path, revision=revision, use_safetensors=True)
    if not isinstance(model, QueriedModel):
        raise ValueError(
            f"{name_or_path} holds a {type(model).__name__}, which answers no queries. Pass a"
            " zero-shot checkpoint; the figures of a classifier are in the eval_results.json beside it."
        )
    if has_to_measure and not model.config.measurements:
        raise ValueError(
            f"{name_or_path} has no measurement head, so that there is nothing to compare. Leave `--measurements` out,"
            " or pass a checkpoint that was trained with one."
        )
    if not model.config.trained_queries:
        logger.warning(
            f"{name_or_path} does not list the queries it was trained on, so that seen and unseen"
            " conditions cannot be told apart. Set `config.trained_queries` and save the checkpoint again."
        )
    return model, AutoProcessor.from_pretrained(name_or_path, revision=revision)
