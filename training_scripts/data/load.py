"""Second stop of a training row: the records of a corpus, split by split, before anything is known of labels."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from datasets_scripts import load_corpus
from datasets_scripts.simulated import SimulatedConfig
from training_scripts.arguments import DataArguments

from .records import Records, take_first
from .simulated_records import SimulatedRecords
from .streaming import load_shards


SIMULATED = "simulated"


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


def load_splits(
    name: str,
    arguments: DataArguments,
    *,
    config_name: str | None = None,
    data_dir: str | None = None,
    is_on_the_fly: bool = False,
    has_measurements: bool = False,
) -> Splits:
    """Load one corpus, at most `--max_train_samples` and `--max_eval_samples` records of it.

    Args:
        name (`str`):
            Builder, prepared folder or Hub id.
        arguments (`DataArguments`):
            What is said of all corpora.
        config_name (`str`, *optional*):
            Labels of the corpus.
        data_dir (`str`, *optional*):
            Folder with the official files.
        is_on_the_fly (`bool`):
            Whether its records are simulated while a model trains on them.
        has_measurements (`bool`):
            Whether the corpus is to have its numbers, if it is the simulator that makes it.

    Returns:
        `Splits`: Rows of `datasets_scripts.schema`, with whatever labels the corpus has.

    Raises:
        ValueError: If it has no training records.
    """
    if is_on_the_fly:
        found = _simulate_splits(arguments.num_records)
    elif arguments.streaming:
        found = load_shards(name)
    else:
        options: dict[str, Any] = {"has_measurements": True} if has_measurements and name == SIMULATED else {}
        found = _load_stored_splits(name, arguments, config_name=config_name, data_dir=data_dir, **options)
    train = take_first(found["train"], arguments.max_train_samples)
    validation = take_first(found["validation"], arguments.max_eval_samples)
    if not len(train):
        raise ValueError(f"Corpus {name} has no training records. Look at its build report.")
    return Splits(train, validation, found.get("test"))


def _simulate_splits(num_records: int | None) -> Mapping[str, Any]:
    """Training and validation records without end, of which a pass has as many as a corpus of so many records."""
    config = SimulatedConfig()
    num_records = config.num_records if num_records is None else num_records
    return {
        split: SimulatedRecords.of_corpus(num_records, split, seed=config.seed) for split in ("train", "validation")
    }


def _load_stored_splits(
    name: str, arguments: DataArguments, *, config_name: str | None, data_dir: str | None, **options: Any
) -> Mapping[str, Any]:
    """All splits of a corpus, mapped into memory."""
    if name == SIMULATED and arguments.num_records is not None:
        options["num_records"] = arguments.num_records
    loaded = load_corpus(
        name,
        config_name,
        data_dir=data_dir,
        num_proc=arguments.preprocessing_num_workers,
        on_error=arguments.on_error,
        **options,
    )
    return cast(Mapping[str, Any], loaded)
