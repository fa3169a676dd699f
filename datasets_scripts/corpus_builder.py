"""What the builders of file corpora share: options, cache keys, tables, broken records, and accounts of the others."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from datasets import BuilderConfig, Dataset, Features, GeneratorBasedBuilder, Split, SplitGenerator
from datasets.exceptions import DatasetGenerationError
from datasets.utils import logging

from datasets_scripts.readers.losses import summarize_accounts, tell_losses
from datasets_scripts.readers.stated_measurements import keep_possible
from datasets_scripts.readers.tables import REFUSED, Row, TableFile, is_refused, make_rows
from datasets_scripts.readers.wfdb_reader import header_path
from modeling_supreme.recordings import Account, EcgRecording

from .schema import Window, account_of_rows, signal_windows


logger = logging.get_logger(__name__)

SKIPPED_FILENAME = "skipped.jsonl"
ACCOUNTS_FILENAME = "accounts.jsonl"
OFFICIAL_FILE = "Download the official file again."
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
    """Base of the corpora read from files: subclasses read one record, this cuts windows and treats broken records.

    What of a record is not used is written beside the data, to `ACCOUNTS_FILENAME`, and told in one line at the end.
    """

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
        self._log_losses(where=None if output_dir else str(Path(str(self._output_dir)) / ACCOUNTS_FILENAME))

    @property
    def skipped_records(self) -> list[dict]:
        """The records left out: `split`, `record_id`, `path`, `reason` and `state` (size and time of the file)."""
        return _read_list(Path(str(self._output_dir)) / SKIPPED_FILENAME)

    @property
    def accounts(self) -> list[dict]:
        """The records of which not all was used: `split`, `record_id`, and what is not zero of their account."""
        return _read_list(Path(str(self._output_dir)) / ACCOUNTS_FILENAME)

    def list_records(self) -> list[dict[str, Any]]:
        """The columns of every record that tables and headers give, with its `split`; no signal is read.

        A record whose row or header cannot be right stops the list, or is left out of it, as `on_error` says.
        """
        records = []
        for split in self._split_generators(None):
            for row in split.gen_kwargs["rows"]:
                try:
                    if is_refused(row):
                        raise ValueError(row[REFUSED])
                    records.append({**self._read_columns(row), "split": str(split.name)})
                except (OSError, ValueError):
                    if self.config.on_error == "raise":
                        raise
        return records

    def source_paths(self, row: Any) -> tuple[str, ...]:
        """Files that a row is read from, its tables aside: of a WFDB record, header and signals."""
        path = row["path"]
        if not path.endswith(WFDB_SUFFIXES):
            return (path,)
        header = header_path(path)
        if path != header:
            return (path, header)
        return (header, *(header.removesuffix(".hea") + suffix for suffix in WFDB_SUFFIXES[1:]))

    def _split_generators(self, dl_manager: Any) -> list[SplitGenerator]:
        """The splits, with the rows of each."""
        raise NotImplementedError

    def _read_recording(self, row: dict) -> EcgRecording:
        """The signal of one record."""
        raise NotImplementedError

    def _read_columns(self, row: dict) -> dict[str, Any]:
        """The other columns of one record; what its table says, where the files add nothing."""
        return {name: value for name, value in row.items() if name != "path"}

    def _read_table(self, table: TableFile, make_row: Callable[[Row], Any]) -> list[Any]:
        """Make something of each row of a table; one that cannot be right is treated as `on_error` says."""
        return make_rows(table, make_row, on_error=self.config.on_error)

    def _split_rows(self, rows: Iterable[Any], split_of: Callable[[Any], str | None]) -> list[SplitGenerator]:
        """The three splits; rows of tables that cannot be right come last in the first, to be listed."""
        splits: dict[str, list[Any]] = {str(split): [] for split in (Split.TRAIN, Split.VALIDATION, Split.TEST)}
        refused = []
        for row in rows:
            if is_refused(row):
                refused.append(row)
            elif (split := split_of(row)) is not None:
                splits[split].append(row)
        splits[str(Split.TRAIN)] += refused
        return [self._split_generator(split, own) for split, own in splits.items()]

    def _split_generator(self, split: str, rows: list[Any]) -> SplitGenerator:
        """A split of records, each with at least a `record_id` and the `path` of its signal file."""
        return SplitGenerator(name=split, gen_kwargs={"rows": rows[: self.config.max_records], "split": split})

    def _generate_examples(self, rows: list[dict], split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Rows of the corpus; `rows` is the list that `num_proc` shares out."""
        for row in rows:
            record_id = row["record_id"]
            if is_refused(row):
                self._note_skipped(row, split=split, reason=row[REFUSED])
                continue
            try:
                recording = self._read_recording(row)
                windows = signal_windows(recording, record_id=record_id, window=self.config.window)
                columns = self._read_columns(row)
            except (OSError, ValueError) as error:
                if self.config.on_error == "raise":
                    raise ValueError(
                        f"Record {record_id} of {self.name} cannot be read: {error} To leave such records"
                        ' out, pass `on_error="skip"` (`--on_error skip`).'
                    ) from error
                self._note_skipped(row, split=split, reason=str(error))
                continue
            account = account_of_rows(recording, windows)
            if "measurements" in columns:
                columns["measurements"], remarks = keep_possible(columns["measurements"])
                account = replace(account, remarks=(*account.remarks, *remarks))
            self._note_account(account, record_id=record_id, split=split)
            for position, window in enumerate(windows):
                yield f"{record_id}/{position}", {**columns, **window}

    def _download_and_prepare(self, *args: Any, **kwargs: Any) -> None:
        """Forget the lists that a killed run may have left in the folder that is being written."""
        for filename in (SKIPPED_FILENAME, ACCOUNTS_FILENAME):
            (Path(str(self._output_dir)) / filename).unlink(missing_ok=True)
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
        self._append(SKIPPED_FILENAME, {**skipped, "state": _file_state(skipped)})

    def _note_account(self, account: Account, *, record_id: str, split: str) -> None:
        """Append the account of a record to the list beside the data, if not all of it was used."""
        if account.losses():
            told = {name: value for name, value in account.to_dict().items() if value}
            self._append(ACCOUNTS_FILENAME, {"split": split, "record_id": record_id, **told})

    def _append(self, filename: str, entry: dict) -> None:
        """Add a line to a list; whole lines, so that processes do not cut into each other's."""
        with (Path(str(self._output_dir)) / filename).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def _log_losses(self, *, where: str | None) -> None:
        accounts = self.accounts
        if accounts:
            logger.warning(
                f"{self.name}: {tell_losses(summarize_accounts(accounts))}"
                + (f" All are listed in {where}." if where else "")
            )

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


def _read_list(path: Path) -> list[dict]:
    """Entries of a list beside the data, by record; there is none where there is nothing to list."""
    if not path.is_file():
        return []
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return sorted(entries, key=lambda entry: (len(entry["record_id"]), entry["record_id"]))


def is_unchanged(skipped: dict) -> bool:
    """Whether the signal file of a record that was left out is what it was then."""
    return _file_state(skipped) == skipped["state"]


def _file_state(skipped: dict) -> list[int] | None:
    """Size in bytes and time of change of a record's signal file; `None` where it is absent."""
    path = Path(skipped["path"])
    return [path.stat().st_size, path.stat().st_mtime_ns] if path.is_file() else None
