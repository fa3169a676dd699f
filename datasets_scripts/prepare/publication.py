"""Finished shards as a dataset of the Hub: the names of its files, its card, and the upload."""

import json
from pathlib import Path

from datasets import DatasetBuilder, SplitDict, SplitInfo
from datasets.info import DatasetInfosDict
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCardData, HfApi

from datasets_scripts.corpus_builder import ACCOUNTS_FILENAME

from .shards import ROWS_FILENAME, Shard


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


def write_readme(output_dir: Path, corpus: str, builder: DatasetBuilder, plan: dict[str, list[Shard]]) -> None:
    """A dataset card whose header tells `load_dataset` the splits, their files and the features."""
    info = builder.info.copy()
    info.splits = SplitDict()
    for split, shards in plan.items():
        summaries = [shard.summary for shard in shards]
        num_rows, num_bytes = (sum(summary[name] for summary in summaries) for name in ("num_rows", "num_bytes"))
        if num_rows:
            info.splits[split] = SplitInfo(split, num_bytes=num_bytes, num_examples=num_rows)
    info.download_size = sum(shard.summary["file_size"] for shards in plan.values() for shard in shards)
    info.dataset_size = info.splits.total_num_examples and sum(split.num_bytes for split in info.splits.values())
    card = DatasetCardData(tags=["ecg"])
    DatasetInfosDict({builder.config.name: info}).to_dataset_card_data(card)
    data_files = [{"split": split, "path": f"{split}-*.parquet"} for split in info.splits]
    MetadataConfigs({builder.config.name: {"data_files": data_files}}).to_dataset_card_data(card)
    (output_dir / "README.md").write_text(
        f"---\n{card}\n---\n\n# {corpus}, {builder.config.name}\n\n{info.description}\n\n"
        "12-lead ECG at 500 Hz, 10 s, `int16` microvolts. Read it with `datasets.load_dataset`. Before passing it on,"
        f" mind the licence of the source: {info.license or 'see its publisher'} {info.homepage}\n",
        "utf-8",
    )


def push_to_hub(output_dir: str | Path, repo_id: str) -> None:
    """Upload Parquet and README.md to a private dataset of the Hub; the report, which names local paths, stays."""
    api = HfApi()
    api.create_repo(repo_id, repo_type="dataset", private=True, exist_ok=True)
    api.upload_folder(
        repo_id=repo_id,
        repo_type="dataset",
        folder_path=str(output_dir),
        allow_patterns=["README.md", "*.parquet"],
        commit_message="Upload the prepared corpus",
    )
