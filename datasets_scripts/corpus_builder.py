"""What the builders of file corpora share: options, a cache key that follows the label tables, and broken records."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from datasets import BuilderConfig, Dataset, Features, GeneratorBasedBuilder, Split, SplitGenerator
from datasets.exceptions import DatasetGenerationError
from datasets.utils import logging

from modeling_supreme.recordings import EcgRecording

from .schema import Window, signal_windows


logger = logging.get_logger(__name__)

SKIPPED_FILENAME = "skipped.jsonl"
WFDB_SUFFIXES = (".hea", ".dat", ".mat")


@dataclass
class CorpusConfig(BuilderConfig):
    """Options of a corpus that is read from files; `metadata["help"]` of a field explains it, to `prepare` as well."""

    TABLES: ClassVar[tuple[str, ...]] = ()

    on_error: Literal["raise", "skip"] = field(
        default="raise",
        metadata={
            "help": "What to do with records that cannot be read: raise stops at the first one; skip leaves them out"
            " and lists them."
        },
    )
    max_records: int | None = field(default=None, metadata={"help": "Records to read per split, for a quick look."})
    window: Window = field(
        default="first",
        metadata={
            "help": "Which 10 s of a longer recording become rows: first, center, or all, one after the other. The"
            " rows of one recording share record_id and patient_id."
        },
    )

    def create_config_id(self, config_kwargs: dict, custom_features: Features | None = None) -> str:
        """Name of the cache folder: it changes with the options, the place and the content of the label tables.

        Signal files are not looked at: after changing one, delete the cache or prepare the corpus anew.
        """
        if self.data_dir is not None:
            config_kwargs = {
                **config_kwargs,
                "data_dir": str(Path(self.data_dir).resolve()),
                "tables": [hashlib.md5(self.table(name).read_bytes()).hexdigest() for name in self.TABLES],
            }
        return super().create_config_id(config_kwargs, custom_features)

    def table(self, name: str) -> Path:
        """Path of a table of the corpus, which must exist."""
        if self.data_dir is None:
            raise ValueError(
                f"The corpus is read from your own copy, and no folder was given. Pass `data_dir=` (`--data_dir`): the"
                f" folder that holds {name}."
            )
        path = Path(self.data_dir) / name
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} does not exist. Let `data_dir` (`--data_dir`) be the folder that holds {name}, or complete"
                " the download."
            )
        return path


class CorpusBuilder(GeneratorBasedBuilder):
    """Base of the corpora read from files: subclasses read one record, this cuts windows and treats broken records."""

    BUILDER_CONFIG_CLASS = CorpusConfig
    DEFAULT_WRITER_BATCH_SIZE = 200  # rows in memory per process, 120 kB each
    config: Any  # an instance of BUILDER_CONFIG_CLASS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.config.on_error not in ("raise", "skip"):
            raise ValueError(f'`on_error` is {self.config.on_error!r}. Pass "raise" or "skip".')
        if self.config.window not in get_args(Window):
            raise ValueError(f"`window` is {self.config.window!r}. Pass one of {', '.join(get_args(Window))}.")

    def download_and_prepare(self, output_dir: str | None = None, **kwargs: Any) -> None:
        """Read the corpus into `output_dir` or the cache, and tell how many records were left out.

        A cached corpus is read again when a file that had been skipped has changed or arrived since.
        """
        if output_dir is None and not all(map(is_unchanged, self.skipped_records)):
            kwargs["download_mode"] = "force_redownload"
            self.info.splits = None  # the sizes of the cached splits, which would be held against the new ones
        super().download_and_prepare(output_dir, **kwargs)
        self._log_skipped(where=None if output_dir else str(Path(str(self._output_dir)) / SKIPPED_FILENAME))

    @property
    def skipped_records(self) -> list[dict]:
        """The records left out: `split`, `record_id`, `path`, `reason` and `state` (size and time of the file)."""
        path = Path(str(self._output_dir)) / SKIPPED_FILENAME
        if not path.is_file():
            return []
        skipped = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return sorted(skipped, key=lambda record: (len(record["record_id"]), record["record_id"]))

    def source_paths(self, row: Any) -> tuple[str, ...]:
        """Files that a row is read from, its tables aside: of a WFDB record, header and signals."""
        path = Path(row["path"])
        if path.suffix not in WFDB_SUFFIXES:
            return (str(path),)
        header = str(path.with_suffix(".hea"))
        if path.suffix != ".hea":
            return (str(path), header)
        return (header, *(str(path.with_suffix(suffix)) for suffix in WFDB_SUFFIXES[1:]))

    def _read_recording(self, row: dict) -> EcgRecording:
        """The signal of one record."""
        raise NotImplementedError

    def _read_columns(self, row: dict) -> dict[str, Any]:
        """The other columns of one record; what its table says, where the files add nothing."""
        return {name: value for name, value in row.items() if name != "path"}

    def _split_generator(self, split: str, rows: list[dict]) -> SplitGenerator:
        """A split of records, each with at least a `record_id` and the `path` of its signal file."""
        return SplitGenerator(name=split, gen_kwargs={"rows": rows[: self.config.max_records], "split": split})

    def _generate_examples(self, rows: list[dict], split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Rows of the corpus; `rows` is the list that `num_proc` shares out."""
        for row in rows:
            record_id = row["record_id"]
            try:
                windows = signal_windows(self._read_recording(row), record_id=record_id, window=self.config.window)
                columns = self._read_columns(row)
            except (OSError, ValueError) as error:
                if self.config.on_error == "raise":
                    raise ValueError(
                        f"Record {record_id} of {self.name} cannot be read: {error} To leave such records"
                        ' out, pass `on_error="skip"` (`--on_error skip`).'
                    ) from error
                self._note_skipped(row, split=split, reason=str(error))
                continue
            for position, window in enumerate(windows):
                yield f"{record_id}/{position}", {**columns, **window}

    def _download_and_prepare(self, *args: Any, **kwargs: Any) -> None:
        """Forget the list that a killed run may have left in the folder that is being written."""
        (Path(str(self._output_dir)) / SKIPPED_FILENAME).unlink(missing_ok=True)
        super()._download_and_prepare(*args, **kwargs)

    def _as_dataset(self, split: Any = Split.TRAIN, in_memory: bool = False) -> Dataset:
        """A split without rows is an empty table; `datasets` would refuse to read it."""
        names = [part.split("[")[0].strip() for part in str(split).split("+")]
        splits = self.info.splits or {}
        if all(name in splits and not splits[name].num_examples for name in names):
            return Dataset.from_dict({name: [] for name in self.info.features or {}}, features=self.info.features)
        return super()._as_dataset(split, in_memory)

    def _prepare_split_single(self, *args: Any, **kwargs: Any) -> Iterator[tuple]:
        """Let the message about a broken record through, which `datasets` would hide behind a general one."""
        failure: BaseException | None = None
        try:
            yield from super()._prepare_split_single(*args, **kwargs)
        except DatasetGenerationError as error:
            failure = error.__cause__ or error
        if failure is not None:
            # Raised out here, it does not have the general message as context: a circle that some cannot pickle.
            raise failure from None

    def _note_skipped(self, row: dict, *, split: str, reason: str) -> None:
        """Append to the list beside the data, which all worker processes share."""
        skipped = {"split": split, "record_id": row["record_id"], "path": row["path"], "reason": reason}
        with (Path(str(self._output_dir)) / SKIPPED_FILENAME).open("a", encoding="utf-8") as file:
            file.write(json.dumps({**skipped, "state": _file_state(skipped)}) + "\n")

    def _log_skipped(self, *, where: str | None) -> None:
        skipped = self.skipped_records
        if not skipped:
            return
        num_read = sum(split.num_examples for split in (self.info.splits or {}).values())
        per_split = Counter(record["split"] for record in skipped)
        logger.warning(
            f"{self.name}: {len(skipped)} of {num_read + len(skipped)} records could not be read and were left out"
            f" ({', '.join(f'{count} in {split}' for split, count in per_split.items())})."
            f" First: {skipped[0]['reason']}" + (f" All are listed in {where}." if where else "")
        )


def is_unchanged(skipped: dict) -> bool:
    """Whether the signal file of a record that was left out is what it was then."""
    return _file_state(skipped) == skipped["state"]


def _file_state(skipped: dict) -> list[int] | None:
    """Size in bytes and time of change of a record's signal file; `None` where it is absent."""
    path = Path(skipped["path"])
    return [path.stat().st_size, path.stat().st_mtime_ns] if path.is_file() else None
