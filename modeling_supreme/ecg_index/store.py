"""What an index keeps on disk: shards of tokens and of records, each with its checksum, and the manifest of them."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import torch
import xxhash
from safetensors.torch import load, save_file

from ..output_files.atomic_files import write_text


FORMAT_VERSION = 1
MANIFEST_FILENAME, CONFIG_FILENAME, HEAD_FILENAME = "manifest.json", "config.json", "measurement_head.safetensors"
SKIPPED_FILENAME = "skipped.jsonl"
SHARDS_FOLDER = "shards"
TOKENS_FILENAME, RECORDS_FILENAME, SUMMARY_FILENAME = "tokens.safetensors", "records.parquet", "shard.json"
# Columns of the records beside their answers
IDENTITY = ("record_id", "patient_id", "file", "start_s")


class DamagedIndexError(ValueError):
    """A file of an index is not what was written; the message names it."""


@dataclass(frozen=True)
class ShardFile:
    """A file as it was written.

    Attributes:
        size (`int`):
            Bytes.
        xxh3_128 (`str`):
            Checksum.
    """

    size: int
    xxh3_128: str


@dataclass(frozen=True)
class ShardSummary:
    """What is known of a finished shard.

    Attributes:
        num_records (`int`):
            Records that can be asked.
        num_skipped (`int`):
            Records that could not be used.
        files (`dict[str, ShardFile]`):
            By name.
    """

    num_records: int
    num_skipped: int
    files: dict[str, ShardFile]

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "ShardSummary":
        """The summary that `asdict` made this of."""
        files = {name: ShardFile(**each) for name, each in stored["files"].items()}
        return cls(stored["num_records"], stored["num_skipped"], files)


@dataclass(frozen=True)
class Manifest:
    """What an index holds.

    Attributes:
        version (`str`):
            Of this package, which wrote it.
        build (`dict[str, Any]`):
            What decides about its content: the model and its fingerprint, the source and its own, the options.
        trained_queries (`list[str]`):
            Findings whose logits are stored, in the order of their columns.
        measurements (`list[str]`):
            Keys of the measurements that are stored.
        shards (`list[ShardSummary]`):
            In order of the records.
        format_version (`int`):
            Of the files.
    """

    version: str
    build: dict[str, Any]
    trained_queries: list[str]
    measurements: list[str]
    shards: list[ShardSummary]
    format_version: int = FORMAT_VERSION

    @property
    def num_records(self) -> int:
        """Records that can be asked."""
        return sum(shard.num_records for shard in self.shards)

    def save(self, folder: Path) -> None:
        """Write it, whole or not at all."""
        write_text(folder / MANIFEST_FILENAME, json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, folder: Path) -> "Manifest":
        """Read the manifest of an index.

        Raises:
            FileNotFoundError: If the folder is no index, or one that is not complete.
            DamagedIndexError: If it cannot be read.
        """
        path = folder / MANIFEST_FILENAME
        if not path.is_file():
            state = "is not complete" if (folder / SHARDS_FOLDER).is_dir() else "is no index"
            raise FileNotFoundError(
                f"{folder} {state}: it has no {MANIFEST_FILENAME}. Make it with `supreme index FOLDER --output"
                f" {folder}`, which goes on where it was."
            )
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            stored["shards"] = [ShardSummary.from_dict(shard) for shard in stored["shards"]]
            manifest = cls(**stored)
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedIndexError(
                f"{path} cannot be read ({error}). Delete it, and repeat the `supreme index` command that wrote it:"
                " finished shards are kept."
            ) from error
        if manifest.format_version != FORMAT_VERSION:
            raise DamagedIndexError(
                f"{path} has the format {manifest.format_version}, and this version of the package reads"
                f" {FORMAT_VERSION}. Make the index again, or install version {manifest.version}."
            )
        return manifest


def shard_folder(root: Path, place: int) -> Path:
    """Where a shard lies."""
    return root / SHARDS_FOLDER / f"{place:05d}"


def value_column(key: str) -> str:
    """Column of the values of a measurement."""
    return f"value_{key}"


def sd_column(key: str) -> str:
    """Column of its standard deviations."""
    return f"sd_{key}"


def measurable_column(key: str) -> str:
    """Column of the probabilities that there is something to measure."""
    return f"measurable_{key}"


def logit_column(place: int) -> str:
    """Column of the logits of a trained query, by its place among them: names may be any text."""
    return f"logit_{place:05d}"


def write_tokens(path: Path, tokens: torch.Tensor, token_mask: torch.Tensor) -> None:
    """Write the tokens of a shard, `(num_records, num_tokens, hidden_size)`, and which of them were recorded."""
    save_file({"tokens": tokens.contiguous(), "token_mask": token_mask.contiguous()}, path)


def write_records(path: Path, table: pa.Table) -> None:
    """Write identities and answers of a shard; each page has its checksum."""
    floats = [name for name, kind in zip(table.schema.names, table.schema.types, strict=True) if name not in IDENTITY]
    pq.write_table(
        table,
        path,
        compression=cast(Any, {name: "NONE" if name in floats else "ZSTD" for name in table.schema.names}),
        use_dictionary=cast(Any, list(IDENTITY)),
        write_statistics=False,
        write_page_checksum=True,
    )


def describe_file(path: Path) -> ShardFile:
    """Size and checksum of a file."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(2**22):
            digest.update(block)
    return ShardFile(path.stat().st_size, digest.hexdigest())


def read_tokens(root: Path, place: int, summary: ShardSummary) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens and mask of a shard, after their checksum was compared.

    Raises:
        DamagedIndexError: If they are not what was written.
    """
    path = shard_folder(root, place) / TOKENS_FILENAME
    known = summary.files[TOKENS_FILENAME]
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from error
    if len(content) != known.size or xxhash.xxh3_128_hexdigest(content) != known.xxh3_128:
        raise _damaged(path, "its checksum is not that of the manifest")
    tensors = load(content)
    return tensors["tokens"], tensors["token_mask"]


def read_columns(root: Path, place: int, summary: ShardSummary, columns: Sequence[str]) -> pa.Table:
    """Columns of the records of a shard; no others are read.

    Raises:
        DamagedIndexError: If they are not what was written.
    """
    path = shard_folder(root, place) / RECORDS_FILENAME
    try:
        if path.stat().st_size != summary.files[RECORDS_FILENAME].size:
            raise _damaged(path, "its size is not that of the manifest")
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read(columns=list(columns), use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise _damaged(path, str(error)) from error
    if table.num_rows != summary.num_records or len(set(columns)) != table.num_columns:
        raise _damaged(path, "its rows or columns are not those of the manifest")
    return table


def _damaged(path: Path, reason: str) -> DamagedIndexError:
    return DamagedIndexError(
        f"{path} is damaged: {reason}. Repeat the `supreme index` command that wrote it with `--verify`: this shard is"
        " made anew, the others are kept."
    )
