"""Corpora of ECG records as `datasets`, all with the row format of `schema.py`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .registry import CORPORA


if TYPE_CHECKING:  # naming a corpus does not load the library
    from datasets import Dataset, DatasetDict


__all__ = ["BUILDERS", "load_corpus"]

SPLITS = ("train", "validation", "test")


# Every builder, the one that labels another corpus by its reports included.
BUILDERS = CORPORA | {"report_labels": "LabelledByReports"}


def load_corpus(
    name: str,
    config_name: str | None = None,
    *,
    data_dir: str | Path | None = None,
    num_proc: int | None = None,
    split: str | None = None,
    on_error: str = "raise",
    cache_dir: str | Path | None = None,
    **builder_kwargs: Any,
) -> DatasetDict | Dataset:
    """Load a corpus, reading its files on the first call and the cache afterwards.

    Args:
        name (`str`):
            A key of `BUILDERS`, a folder written by `python -m datasets_scripts.prepare`, or a dataset of the Hub.
        config_name (`str`, *optional*):
            Which labels the rows carry, such as `"superclass"`; the builder's default otherwise.
        data_dir (`str`, *optional*):
            Folder that holds the files of the corpus as its publisher distributes them.
        num_proc (`int`, *optional*):
            Processes that read. The order of the rows does not depend on it.
        split (`str`, *optional*):
            One split, or several as in `"validation+test"`.
        on_error (`str`, defaults to `"raise"`):
            `"raise"` stops at the first record that cannot be read; `"skip"` leaves such records out and counts them.
        cache_dir (`str`, *optional*):
            Where the rows are kept, instead of the cache of `datasets`.
        builder_kwargs:
            Options of the corpus, such as `sampling_rate=100` for `"ptb_xl"` or `num_records=` for `"simulated"`.

    Returns:
        `DatasetDict` of `train`, `validation` and `test`, or the `Dataset` of `split`. A split may have no rows.

    Raises:
        ValueError: If `name` is none of the three, or a record cannot be read.
    """
    from datasets import DatasetDict, load_dataset

    cache_dir = None if cache_dir is None else str(cache_dir)
    if name not in BUILDERS:
        _check_stored_corpus(name, data_dir=data_dir, **builder_kwargs)
        stored = load_dataset(name, config_name, split=split, cache_dir=cache_dir, num_proc=num_proc)
        return _complete(stored) if isinstance(stored, DatasetDict) else cast("Dataset", stored)
    builder_class = BUILDERS[name]
    if hasattr(builder_class.BUILDER_CONFIG_CLASS, "on_error"):
        builder_kwargs["on_error"] = on_error
    if data_dir is not None:
        builder_kwargs["data_dir"] = str(data_dir)
    builder = builder_class(cache_dir=cache_dir, config_name=config_name, **builder_kwargs)
    builder.download_and_prepare(num_proc=num_proc)
    return builder.as_dataset(split=split)


def _complete(stored: DatasetDict) -> DatasetDict:
    """The three splits in their order; Parquet has no file for a split without rows, so it is added here."""
    from datasets import Dataset, DatasetDict

    features = next(iter(stored.values())).features
    empty = Dataset.from_dict({name: [] for name in features}, features=features)
    return DatasetDict({split: stored.get(split, empty) for split in dict.fromkeys((*SPLITS, *stored))})


def _check_stored_corpus(name: str, **options: Any) -> None:
    """Refuse a name that is neither a folder nor of the form `owner/dataset`, and options that only builders have."""
    if not Path(name).is_dir() and (name.count("/") != 1 or name.startswith((".", "/", "~"))):
        from modeling_supreme.command_line import suggest  # not before it is needed: its package imports torch

        raise ValueError(
            f"There is no corpus {name!r}.{suggest([name], BUILDERS)} Pass one of {', '.join(BUILDERS)}, a folder"
            " written by `python -m datasets_scripts.prepare`, or the name of a dataset on the Hub (owner/dataset)."
        )
    given = [option for option, value in options.items() if value is not None]
    if given:
        raise ValueError(
            f"{name} is a prepared corpus, which takes no {', '.join(given)}. Leave the option out, or prepare the"
            " corpus again with it."
        )
