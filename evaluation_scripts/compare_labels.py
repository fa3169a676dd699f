"""Print where the labels of the published protocol differ from what the corpora say, in numbers of records.

    python -m evaluation_scripts.compare_labels --split_dir MERL/finetune/data_split [--data_root R]

Compares MERL's tables (Liu et al. 2024, ICML) with themselves: the table of Chapman-Shaoxing-Ningbo quotes all
acronyms of every record, and its columns were set by a search for substrings. With `--data_root`, compares all six
sets with the codes of the records that lie there as well. Says of the signals what the protocol changes: the crop of
CPSC2018, and the two leads that change places for models trained by position. `--output_file` writes it as JSON.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from evaluation_scripts.protocols.differences import (
    CHAPMAN,
    compare_with_corpus,
    count_signal_differences,
    find_substring_errors,
    to_rows,
)
from evaluation_scripts.protocols.label_sets import CORRECTED, MERL, SUITES
from evaluation_scripts.protocols.read import read_suite
from modeling_supreme.command_line import parse_arguments, run_command


COLUMNS = {
    "set": "set",
    "label": "class",
    "against": "compared with",
    "num_true": "true",
    "num_table": "table",
    "num_true_test": "true, test",
    "num_table_test": "table, test",
    "num_added": "added",
    "num_lost": "lost",
    "reason": "",
}


@dataclass
class CompareArguments:
    """What to compare."""

    split_dir: str = field(metadata={"help": "MERL's folder finetune/data_split, with ptbxl/, icbeb/ and chapman/."})
    data_root: str | None = field(default=None, metadata={"help": "Folder that holds the folders of the corpora."})
    suite: str = field(default="supreme6", metadata={"help": "Which sets: supreme6."})
    output_file: str | None = field(default=None, metadata={"help": "JSON file that receives the same."})


def compare_labels(arguments: CompareArguments) -> dict[str, Any]:
    """All differences.

    Args:
        arguments ([`CompareArguments`]):
            Where tables and corpora lie.

    Returns:
        `dict`: `labels` (a list of differences), `records` (counts by set) and `signals` (what the protocol changes).

    Raises:
        ValueError: If there is no such suite, or the tables are not those that were published.
    """
    if arguments.suite not in SUITES:
        raise ValueError(f"There is no suite {arguments.suite!r}. Choose one of {', '.join(SUITES)} with `--suite`.")
    sets = SUITES[arguments.suite]
    published = read_suite(sets, MERL, split_dir=arguments.split_dir, needs_signals=False)
    if not published.tables:
        raise ValueError(next(iter(published.missing.values())))
    present = [table.label_set for table in published.tables]
    errors = [
        error
        for label_set in present
        if label_set.corpus == CHAPMAN
        for error in find_substring_errors(label_set, arguments.split_dir)
    ]
    counts: dict[str, Any] = {}
    if arguments.data_root is not None:
        corrected = read_suite(sets, CORRECTED, data_root=arguments.data_root).tables
        at_hand = {table.label_set.name: table for table in corrected}
        for table in published.tables:
            name = table.label_set.name
            if name in at_hand:
                found, counts[name] = compare_with_corpus(table, at_hand[name])
                errors += found
    return {"labels": to_rows(errors), "records": counts, "signals": count_signal_differences(published.tables)}


def format_differences(report: dict[str, Any]) -> str:
    """The differences for people, best read in a wide terminal."""
    rows = [list(COLUMNS.values()), *([str(row[name]) for name in COLUMNS] for row in report["labels"])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += [
        f"{name}: {count['shared']} records of the table are at hand, {count['only_published']} are not;"
        f" {count['only_corrected']} at hand are not in it, {count['other_split']} are in another split."
        for name, count in report["records"].items()
    ]
    lines += [
        f"{note['set']}: {note['what']} ({note['num_records']} records, {note['num_test_records']} of them test)."
        for note in report["signals"]
    ]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> None:
    """Compare, print, write."""
    (arguments,) = parse_arguments([CompareArguments], argv, description=__doc__)
    report = compare_labels(arguments)
    tqdm.write(format_differences(report), end="")
    if arguments.output_file is not None:
        Path(arguments.output_file).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_command(main, refusals=[ValueError, OSError])
