"""The card of a prepared corpus: README.md, whose header `load_dataset` reads, and croissant.json beside it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import DatasetBuilder, Features, SplitDict, SplitInfo
from datasets.info import DatasetInfosDict
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCardData

from datasets_scripts.readers.losses import tell_losses
from modeling_supreme.output_files.atomic_files import write_text

from .catalogue import CorpusEntry, describe_corpus
from .croissant import CROISSANT, describe_as_croissant
from .labels import are_known, count_labels, tell_next
from .shards import Shard, checksum_of


CARD = "README.md"
# Names of the Hub for how many rows there are, by the number that they stay below
SIZE_CATEGORIES = {
    1_000: "n<1K",
    10_000: "1K<n<10K",
    100_000: "10K<n<100K",
    1_000_000: "100K<n<1M",
    10_000_000: "1M<n<10M",
}
ROW = (
    "A row is a strip of 12 leads at 500 Hz and 10 s, in `int16` microvolts, with its labels, report, patient and what"
    " was recorded of it. `datasets.load_dataset` reads it without any other package."
)


def write_card(
    output_dir: Path,
    corpus: str,
    builder: DatasetBuilder,
    plan: Mapping[str, Sequence[Shard]],
    files: Mapping[str, Sequence[Path]],
    report: Mapping[str, Any],
) -> None:
    """Write README.md and croissant.json, which may be passed on: they name no record, patient or local path.

    Args:
        output_dir (`Path`):
            The folder of the corpus.
        corpus (`str`):
            Its name.
        builder (`DatasetBuilder`):
            What read it.
        plan (`Mapping[str, Sequence[Shard]]`):
            The finished shards of each split.
        files (`Mapping[str, Sequence[Path]]`):
            The Parquet files of each split.
        report (`Mapping`):
            What [`make_report`] counted.
    """
    entry = describe_corpus(corpus, labelled_corpus=getattr(builder.config, "corpus_name", None))
    title = f"{corpus}, {builder.config.name}"
    description = str(builder.info.description).rstrip(".") + "."
    parts = [
        f"---\n{make_header(builder, plan, entry)}\n---\n",
        f"# {title}\n",
        f"{description} {ROW}\n",
        _format_splits(report["splits"]),
        _format_labels(report["splits"], corpus=corpus),
        _format_losses(report),
        _format_source(entry),
    ]
    write_text(output_dir / CARD, "\n".join(parts))
    croissant = describe_as_croissant(
        title,
        builder.info.features or Features(),
        files,
        entry=entry,
        description=description,
        checksums=_list_checksums(plan, files),
    )
    write_text(output_dir / CROISSANT, json.dumps(croissant, indent=2, ensure_ascii=False) + "\n")


def _list_checksums(plan: Mapping[str, Sequence[Shard]], files: Mapping[str, Sequence[Path]]) -> dict[str, str]:
    """SHA-256 of every Parquet file, by its name; it was taken where the shard was written."""
    summaries = [shard.summary for split in files for shard in plan[split]]
    filled = [summary for summary in summaries if summary["num_rows"]]
    paths = [path for split in files for path in files[split]]
    # Without one are shards that an earlier version finished, and was killed before it described them
    return {path.name: summary.get("sha256") or checksum_of(path) for path, summary in zip(paths, filled, strict=True)}


def make_header(builder: DatasetBuilder, plan: Mapping[str, Sequence[Shard]], entry: CorpusEntry) -> DatasetCardData:
    """The header of the card: licence, size, and the splits, their files and the features for `load_dataset`."""
    info = builder.info.copy()
    info.splits = SplitDict()
    for split, shards in plan.items():
        summaries = [shard.summary for shard in shards]
        num_rows, num_bytes = (sum(summary[name] for summary in summaries) for name in ("num_rows", "num_bytes"))
        if num_rows:
            info.splits[split] = SplitInfo(split, num_bytes=num_bytes, num_examples=num_rows)
    info.download_size = sum(shard.summary["file_size"] for shards in plan.values() for shard in shards)
    num_rows = info.splits.total_num_examples
    info.dataset_size = num_rows and sum(split.num_bytes for split in info.splits.values())
    header = DatasetCardData(
        pretty_name=entry.title, license=entry.license_id, tags=["ecg"], size_categories=[name_size(num_rows)]
    )
    DatasetInfosDict({builder.config.name: info}).to_dataset_card_data(header)
    data_files = [{"split": split, "path": f"{split}-*.parquet"} for split in info.splits]
    MetadataConfigs({builder.config.name: {"data_files": data_files}}).to_dataset_card_data(header)
    return header


def name_size(num_rows: int) -> str:
    """What the Hub calls a data set of so many rows.

    Example:
        >>> name_size(999), name_size(1000)
        ('n<1K', '1K<n<10K')
    """
    return next((name for limit, name in SIZE_CATEGORIES.items() if num_rows < limit), "10M<n<100M")


def _format_splits(splits: Mapping[str, Any]) -> str:
    """How much each split holds."""
    keys = ("num_records", "num_patients", "num_rows", "num_skipped")
    rows = [[name, *(f"{split[key]:,}" for key in keys)] for name, split in splits.items()]
    return "## Splits\n\n" + _format_table(["split", "records", "patients", "rows", "left out"], rows)


def _format_labels(splits: Mapping[str, Any], *, corpus: str) -> str:
    """How often each label is positive, and of how many rows it is known."""
    if not are_known(splits):
        return f"## Labels\n\nNo labels yet: of no row is any label known. {tell_next(splits, corpus, folder='.')}\n"
    counted = {name: split["labels"] for name, split in splits.items() if split["num_rows"]}
    totals = count_labels(splits)
    present = sorted((label for label in totals if totals[label]), key=lambda label: -totals[label])
    head = ["label", *(cell for name in counted for cell in (f"positive in {name}", "known"))]
    rows = [
        [label, *(f"{split[label][key]:,}" for split in counted.values() for key in ("num_positives", "num_known"))]
        for label in present
    ]
    absent = len(totals) - len(present)
    rest = f"\n{absent} of {len(totals)} labels are positive in no row.\n" if absent else ""
    return "## Labels\n\nPositive rows, and rows of which the label is known.\n\n" + _format_table(head, rows) + rest


def _format_losses(report: Mapping[str, Any]) -> str:
    """What of the source is not in the rows, in numbers alone."""
    told = tell_losses(report["losses"])
    num_skipped = len(report["skipped"])
    left_out = f"{num_skipped:,} records could not be read" if num_skipped else "No record"
    verb = "and were left out" if num_skipped else "was left out"
    channels = [
        [entry["channel"], entry["reason"], f"{entry['num_records']:,}"]
        for entry in report["losses"]["channels_left_out"]["most_frequent"]
    ]
    table = "\n" + _format_table(["channel left out", "reason", "records"], channels) if channels else ""
    return f"## What was left out\n\n{left_out} {verb}. {told[0].upper()}{told[1:]}\n{table}"


def _format_source(entry: CorpusEntry) -> str:
    """Licence, publisher and citation."""
    licence = f"{entry.license} ({entry.license_url})" if entry.license else "see its publisher"
    told = [f"Before passing it on, mind the licence of the source: {licence}."]
    if entry.license and not entry.is_confirmed:
        told.append("Read it on the publisher's page: it was not confirmed there.")
    if entry.homepage:
        told.append(f"Source: {entry.homepage}")
    cited = f"\n## Citation\n\n{entry.citation}\n" if entry.citation else ""
    return f"## Licence\n\n{' '.join(told)}\n{cited}"


def _format_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines]
    return "".join("| " + " | ".join(line) + " |\n" for line in cells)
