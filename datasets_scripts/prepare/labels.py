"""Which labels of a prepared corpus are known at all, and how a corpus without any gets some."""

from collections.abc import Mapping
from typing import Any


def count_labels(splits: Mapping[str, Any]) -> dict[str, int]:
    """Positive rows of each label, over all splits."""
    totals: dict[str, int] = {}
    for split in splits.values():
        for label, counted in split["labels"].items():
            totals[label] = totals.get(label, 0) + counted["num_positives"]
    return totals


def are_known(splits: Mapping[str, Any]) -> bool:
    """Whether any label of any row is known."""
    return any(counted["num_known"] for split in splits.values() for counted in split["labels"].values())


def tell_next(splits: Mapping[str, Any], corpus: str, *, folder: str) -> str:
    """How a corpus of which no label is known gets labels, in a sentence.

    Args:
        splits (`Mapping`):
            What [`make_report`] counted.
        corpus (`str`):
            Its name.
        folder (`str`):
            Where it was prepared.
    """
    if any(split["num_reports"] for split in splits.values()):
        return (
            f"Read them from the reports: `python -m datasets_scripts.extraction --reports {folder} --backend rules"
            " --output_dir labels`, then train with `--report_labels labels/labels.parquet`."
        )
    if corpus == "ecg_folder":
        return "Write them into the column `labels` of metadata.csv, or reports into `report`, and prepare it again."
    return "It has no reports either, from which they could be read."
