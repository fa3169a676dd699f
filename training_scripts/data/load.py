"""Second stop of a training row: the records of a corpus, split by split, before anything is known of labels."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from datasets_scripts import load_corpus
from datasets_scripts.simulated import SimulatedConfig
from training_scripts.arguments import DataArguments

from .choose import CorpusChoice
from .records import Records, take_first
from .simulated_records import SimulatedRecords
from .streaming import load_shards


class Splits(NamedTuple):
    """The records of one corpus.

    Attributes:
        train (`Records` of length `num_train_records`):
            To learn from, at least one.
        validation (`Records` of length `num_validation_records`):
            To choose a checkpoint by; there may be none.
        test (`Records`, *optional*):
            All test records. Nothing in training looks at them; a streamed or endless corpus has none.
    """

    train: Records
    validation: Records
    test: Records | None = None


def load_splits(choice: CorpusChoice, arguments: DataArguments) -> Splits:
    """Load one corpus, at most `--max_train_samples` and `--max_eval_samples` records of it.

    Returns:
        `Splits`: Rows of `datasets_scripts.schema`, with whatever labels the corpus has.

    Raises:
        ValueError: If it has no training records.
    """
    found = _find_splits(choice, arguments)
    train = take_first(found["train"], arguments.max_train_samples)
    validation = take_first(found["validation"], arguments.max_eval_samples)
    if not len(train):
        raise ValueError(f"Corpus {choice.name} has no training records. Look at its build report.")
    return Splits(train, validation, found.get("test"))


def _find_splits(choice: CorpusChoice, arguments: DataArguments) -> Mapping[str, Any]:
    """The splits that the corpus has, by name: simulated without end, streamed, or mapped into memory."""
    if choice.is_on_the_fly:
        config = SimulatedConfig()
        num_records = config.num_records if arguments.num_records is None else arguments.num_records
        return {
            split: SimulatedRecords.of_corpus(num_records, split, seed=config.seed)
            for split in ("train", "validation")
        }
    if arguments.streaming:
        return load_shards(choice.name)
    options: dict[str, Any] = {}
    if choice.name == "simulated" and arguments.num_records is not None:
        options["num_records"] = arguments.num_records
    loaded = load_corpus(
        choice.name,
        choice.config_name,
        data_dir=choice.data_dir,
        num_proc=arguments.preprocessing_num_workers,
        on_error=arguments.on_error,
        **options,
    )
    return cast(Mapping[str, Any], loaded)
