"""How far two label sets agree, finding by finding: two extractions, or an extraction and the codes of a corpus.

    python -m datasets_scripts.extraction.agreement labels_llm labels_rules
    python -m datasets_scripts.extraction.agreement labels --dataset_name ptb_xl --dataset_config_name all --data_dir D

The second label set is taken for the truth: `sensitivity` is the share of its records that the first one finds too,
`ppv` the share of the first one's records that are right. Findings are closed upward on both sides. With
`--output_dir` the table is also written as `agreement.csv` and `agreement.html`.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from datasets import DatasetDict

from datasets_scripts import load_corpus
from datasets_scripts.extraction.checks.label_agreement import (
    LabelSet,
    UncertainCounts,
    format_agreement,
    measure_agreement,
    write_agreement,
)
from datasets_scripts.terminology.findings import load_terminology
from modeling_supreme.command_line import parse_arguments, run_command
from modeling_supreme.command_line.closing import closing_line

from .labels_file import read_report_findings
from .report_findings import ReportFindings, known_ancestors, name_findings


OnError = Literal["raise", "skip"]


@dataclass
class AgreementArguments:
    """What to compare, and where to write."""

    labels: list[Path] = field(metadata={"help": "One or two label sets: output folders of the extraction."})
    dataset_name: str | None = field(
        default=None, metadata={"help": "Corpus whose own labels are compared, in place of a second label set."}
    )
    dataset_config_name: str | None = field(default=None, metadata={"help": "Labels of the corpus, such as all."})
    data_dir: str | None = field(default=None, metadata={"help": "Folder with the official files of the corpus."})
    on_error: OnError = field(
        default="raise", metadata={"help": "What to do with a record of the corpus that cannot be read."}
    )
    uncertain: UncertainCounts = field(
        default="present",
        metadata={"help": "What an uncertain finding counts as; excluded leaves its record out of that finding."},
    )
    min_positives: int = field(
        default=1, metadata={"help": "Findings with fewer positive records in either label set are not listed."}
    )
    output_dir: Path | None = field(default=None, metadata={"help": "Folder for agreement.csv and agreement.html."})

    def __post_init__(self) -> None:
        num_sets = len(self.labels) + (self.dataset_name is not None)
        if num_sets != 2:
            raise ValueError(
                f"Two label sets are compared, not {num_sets}. Give two output folders of the extraction, or one and"
                " `--dataset_name`."
            )


def read_extraction(path: Path) -> LabelSet:
    """The labels that the extraction wrote.

    Raises:
        FileNotFoundError: If there are none.
        ValueError: If they are not what the extraction writes.
    """
    records = read_report_findings(path)
    return LabelSet(records, frozenset(name_findings(records.values())), is_complete=True)


def read_corpus(
    name: str, *, config_name: str | None = None, data_dir: str | None = None, on_error: OnError = "raise"
) -> LabelSet:
    """The labels that a corpus was published with, as findings; labels whose finding is the same are united.

    Args:
        name (`str`):
            As for `load_corpus`.
        config_name (`str`, *optional*):
            Which labels the rows carry.
        data_dir (`str`, *optional*):
            Folder with the official files.
        on_error (`str`):
            `"raise"` or `"skip"` records that cannot be read.

    Raises:
        ValueError: If the terminology does not know a label.
    """
    corpus = cast(DatasetDict, load_corpus(name, config_name, data_dir=data_dir, on_error=on_error))
    splits = [rows.select_columns(["record_id", "labels", "label_mask"]) for rows in corpus.values()]
    terminology = load_terminology()
    labels = splits[0].features["labels"].feature.names
    findings = [terminology.find_label(label, config_name=config_name).name for label in labels]
    kinds = [frozenset((finding, *known_ancestors(finding))) for finding in findings]
    records = {row["record_id"]: _findings_of(row, kinds) for rows in splits for row in cast(Iterable[dict], rows)}
    return LabelSet(records, frozenset().union(*kinds), is_complete=False)


def _findings_of(row: Mapping[str, Any], kinds: Sequence[frozenset[str]]) -> ReportFindings:
    """What the labels of a row say: the positive findings, and those that an unknown label might add."""
    positive = frozenset().union(*(kinds[label] for label in row["labels"]))
    unknown = frozenset().union(*(names for names, known in zip(kinds, row["label_mask"], strict=True) if not known))
    return ReportFindings(tuple(sorted(positive)), tuple(sorted(unknown - positive)))


def main(argv: Sequence[str] | None = None) -> None:
    """Compare, and show the table on standard output."""
    (flags,) = parse_arguments([AgreementArguments], argv, description=__doc__, positional="labels")
    sets = [read_extraction(path) for path in flags.labels]
    names = [str(path) for path in flags.labels]
    if flags.dataset_name:
        own = {"config_name": flags.dataset_config_name, "data_dir": flags.data_dir, "on_error": flags.on_error}
        sets.append(read_corpus(flags.dataset_name, **own))
        names.append(" ".join(filter(None, ("labels of", flags.dataset_name, flags.dataset_config_name))))
    agreement = measure_agreement(*sets, uncertain=flags.uncertain, min_positives=flags.min_positives)
    sys.stdout.write(format_agreement(agreement))
    if flags.output_dir:
        write_agreement(agreement, flags.output_dir, names=(names[0], names[1]))
        sys.stderr.write(f"{closing_line([flags.output_dir], f'open {flags.output_dir}/agreement.html')}\n")


if __name__ == "__main__":
    run_command(main, refusals=(OSError, ValueError))
