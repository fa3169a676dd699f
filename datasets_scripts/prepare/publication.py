"""Finished shards as a dataset of the Hub: the names of its files, and the upload."""

import json
import re
from pathlib import Path

from huggingface_hub import DatasetCard

from datasets_scripts.corpus_builder import ACCOUNTS_FILENAME
from modeling_supreme.command_line.hub import upload_files

from .card import CARD
from .croissant import CROISSANT
from .shards import ROWS_FILENAME, Shard


PARQUET = re.compile(r"[a-z]+-\d{5}-of-\d{5}\.parquet")


def place_files(plan: dict[str, list[Shard]], output_dir: Path) -> dict[str, list[Path]]:
    """Give the Parquet files of finished shards the names of the Hub; a shard without rows gets none."""
    files: dict[str, list[Path]] = {}
    for split, shards in plan.items():
        filled = [shard for shard in shards if shard.summary["num_rows"]]
        files[split] = [output_dir / f"{split}-{i:05d}-of-{len(filled):05d}.parquet" for i in range(len(filled))]
        for shard, file in zip(filled, files[split], strict=True):
            if (shard.folder / ROWS_FILENAME).exists():  # else a run that was killed here has moved it
                (shard.folder / ROWS_FILENAME).rename(file)
    return files


def write_accounts(plan: dict[str, list[Shard]], output_dir: Path) -> None:
    """List, in the order of the records, those of which not all was used; no file where there is none."""
    accounts = [account for shards in plan.values() for shard in shards for account in shard.accounts]
    if accounts:
        lines = [json.dumps(account, ensure_ascii=False) + "\n" for account in accounts]
        (output_dir / ACCOUNTS_FILENAME).write_text("".join(lines), encoding="utf-8")


def choose_files(output_dir: Path) -> list[Path]:
    """The files of a prepared corpus that are uploaded: rows, card, description, and nothing below a folder."""
    described = (CARD, CROISSANT)
    return sorted(path for path in output_dir.iterdir() if path.name in described or PARQUET.fullmatch(path.name))


def describe_upload(output_dir: Path, repo_id: str, *, is_public: bool) -> str:
    """What would be uploaded where, for people to read."""
    names = [path.name for path in choose_files(output_dir)] if output_dir.is_dir() else []
    kind = "public" if is_public else "private"
    there = f"; now there: {', '.join(names)}" if names else ""
    return (
        f"Would go to the dataset {repo_id} ({kind}): {CARD}, {CROISSANT} and the rows, SPLIT-*-of-*.parquet{there}."
    )


def push_to_hub(
    output_dir: str | Path, repo_id: str, *, is_public: bool = False, source_license: str | None = None
) -> list[str]:
    """Upload rows and card to a dataset of the Hub; the report, which names local paths, stays.

    Args:
        output_dir (`str` or `Path`):
            A prepared corpus.
        repo_id (`str`):
            Dataset on the Hub, as owner/name; it is made where there is none.
        is_public (`bool`):
            Whether a public one was asked for.
        source_license (`str`, *optional*):
            Licence under which the source is passed on, by its name on the Hub; the card then says so.

    Returns:
        `list[str]`: Names of the files uploaded.

    Raises:
        UploadError: If the Hub refuses the files, or does not answer.
    """
    files: dict[str, Path | bytes] = {path.name: path for path in choose_files(Path(output_dir))}
    if source_license:
        card = DatasetCard.load(Path(output_dir) / CARD)
        card.data["license"] = source_license
        files[CARD] = str(card).encode()
    return upload_files(
        files,
        repo_id,
        message="Upload the prepared corpus",
        remedy=f"The corpus is whole in {output_dir}: repeat the command, which reads no record again.",
        is_public=is_public,
        repo_type="dataset",
    )
