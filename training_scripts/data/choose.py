"""First stop of a training row: which corpora are asked for, each with its own options."""

from collections.abc import Sequence
from typing import NamedTuple

from training_scripts.arguments import DataArguments


class CorpusChoice(NamedTuple):
    """What the arguments say of one corpus.

    Attributes:
        name (`str`):
            Builder, prepared folder or Hub id, as `--dataset_name` gives it.
        config_name (`str`, *optional*):
            Labels of the corpus.
        data_dir (`str`, *optional*):
            Folder with the official files.
        report_labels (`str`, *optional*):
            `labels.parquet` that takes the place of the corpus' own labels.
        is_on_the_fly (`bool`):
            Whether its records are simulated while a model trains on them.
    """

    name: str
    config_name: str | None = None
    data_dir: str | None = None
    report_labels: str | None = None
    is_on_the_fly: bool = False


def choose_corpora(arguments: DataArguments) -> list[CorpusChoice]:
    """Give each corpus of `--dataset_name` its part of the lists beside it.

    Returns:
        `list[CorpusChoice]`, one per corpus, in the order of the arguments.
    """
    return [
        CorpusChoice(
            name,
            config_name=_pick(arguments.dataset_config_name, index),
            # The simulator reads no files, whatever folder the corpora beside it are in
            data_dir=None if name == "simulated" else _pick(arguments.data_dir, index),
            report_labels=_pick(arguments.report_labels, index),
            is_on_the_fly=arguments.on_the_fly and name == "simulated",
        )
        for index, name in enumerate(arguments.dataset_name)
    ]


def _pick(values: Sequence[str], index: int) -> str | None:
    """The value for a corpus; a single one is for all."""
    if not values:
        return None
    value = values[index if len(values) > 1 else 0]
    return None if value == "none" else value
