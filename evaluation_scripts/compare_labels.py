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

from modeling_supreme.command_line import parse_arguments, run_command
from modeling_supreme.command_line.closing import closing_line


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
    """All differences, as [`compare_protocols`] gives them."""
    # Imported here: the libraries take seconds, for which neither `--help` nor a refused flag waits
    from evaluation_scripts.protocols.differences import compare_protocols

    return compare_protocols(arguments.suite, arguments.split_dir, data_root=arguments.data_root)


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
        tqdm.write(closing_line([arguments.output_file], "evaluate under both protocols: docs/evaluation.md"))


if __name__ == "__main__":
    run_command(main, refusals=[ValueError, OSError])
