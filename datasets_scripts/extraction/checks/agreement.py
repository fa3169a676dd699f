"""How far two label sets agree, finding by finding: two extractions, or an extraction and the codes of a corpus.

    python -m datasets_scripts.extraction.agreement labels_llm labels_rules
    python -m datasets_scripts.extraction.agreement labels --dataset_name ptb_xl --dataset_config_name all --data_dir D

The second label set is taken for the truth: `sensitivity` is the share of its records that the first one finds too,
`ppv` the share of the first one's records that are right. Findings are closed upward on both sides. With
`--output_dir` the table is also written as `agreement.csv` and `agreement.html`.
"""

import logging
import math
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import pandas as pd
from datasets import DatasetDict
from sklearn.metrics import cohen_kappa_score
from transformers import HfArgumentParser

from datasets_scripts import load_corpus
from datasets_scripts.extraction.atomic_files import replace_when_complete
from datasets_scripts.extraction.record_labels import known_ancestors
from datasets_scripts.page import key_figures, section, table, write_document
from datasets_scripts.report_labels import ReportFindings, name_findings, read_report_findings
from datasets_scripts.terminology.findings import load_terminology


logger = logging.getLogger("datasets_scripts.extraction")

COLUMNS = ("finding", "num_records", "num_first", "num_second", "num_both", "kappa", "sensitivity", "ppv")
HEADER = ("finding", "records", "first", "second", "both", "kappa", "sensitivity", "PPV")


class LabelSet(NamedTuple):
    """Labels of records from one source.

    Attributes:
        records (`Mapping[str, ReportFindings]`):
            What is said of each record, closed upward; `uncertain` also holds what is unknown.
        findings (`frozenset[str]`):
            What the source can say anything about.
        is_complete (`bool`):
            Whether a finding outside `findings` might have been named, too.
    """

    records: Mapping[str, ReportFindings]
    findings: frozenset[str]
    is_complete: bool


@dataclass
class AgreementArguments:
    """Flags of the command."""

    labels: list[Path] = field(metadata={"help": "One or two label sets: output folders of the extraction."})
    dataset_name: str | None = field(
        default=None, metadata={"help": "Corpus whose own labels are compared, in place of a second label set."}
    )
    dataset_config_name: str | None = field(default=None, metadata={"help": "Labels of the corpus, such as all."})
    data_dir: str | None = field(default=None, metadata={"help": "Folder with the official files of the corpus."})
    on_error: Literal["raise", "skip"] = field(
        default="raise", metadata={"help": "What to do with a record of the corpus that cannot be read."}
    )
    uncertain: Literal["present", "absent", "excluded"] = field(
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
    name: str, *, config_name: str | None = None, data_dir: str | None = None, on_error: str = "raise"
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


def measure_agreement(
    first: LabelSet, second: LabelSet, *, uncertain: str = "present", min_positives: int = 1
) -> pd.DataFrame:
    """Compare two label sets on the records that both have.

    Args:
        first (`LabelSet`):
            The one that is judged.
        second (`LabelSet`):
            The one taken for the truth.
        uncertain (`str`):
            What an uncertain finding counts as: `"present"`, `"absent"`, or `"excluded"`, which leaves its record out
            of the comparison of that finding. What a corpus does not know is always left out.
        min_positives (`int`):
            Findings with fewer positive records in either label set are not listed.

    Returns:
        `pandas.DataFrame`: One row per finding, the most frequent in the second label set first, with the columns
        `COLUMNS`. `kappa` is Cohen's, missing where both sets say the same of all records; `sensitivity` and `ppv`
        are missing where their denominator is zero.

    Raises:
        ValueError: If the label sets have no record in common.

    Source: Cohen (1960), Educ Psychol Meas 20:37.
    """
    shared = first.records.keys() & second.records.keys()
    if not shared:
        raise ValueError(
            f"The two label sets have no record in common: the first has {len(first.records)}, the second"
            f" {len(second.records)}. Compare labels of one corpus."
        )
    positives: tuple[Counter[str], ...] = (Counter(), Counter(), Counter())  # first, second, both
    excluded: Counter[str] = Counter()
    for record_id in shared:
        pairs = [(labels, labels.records[record_id]) for labels in (first, second)]
        ignored = {name for labels, said in pairs if _is_ignored(labels, uncertain) for name in said.uncertain}
        named = [set(said.positive).union(_counted(labels, said, uncertain)) - ignored for labels, said in pairs]
        for counter, names in zip(positives, (*named, named[0] & named[1]), strict=True):
            counter.update(names)
        excluded.update(ignored)
    compared = set(positives[0] | positives[1])
    for labels in (first, second):
        compared &= compared if labels.is_complete else labels.findings
    rows = [
        _compare(name, len(shared) - excluded[name], *(counter[name] for counter in positives))
        for name in compared
        if max(positives[0][name], positives[1][name]) >= min_positives
    ]
    found = pd.DataFrame(rows, columns=pd.Index(COLUMNS))
    return found.sort_values(["num_second", "num_first", "finding"], ascending=[False, False, True], ignore_index=True)


def _is_ignored(labels: LabelSet, uncertain: str) -> bool:
    """Whether what is uncertain in a label set is not compared."""
    return uncertain == "excluded" or not labels.is_complete


def _counted(labels: LabelSet, said: ReportFindings, uncertain: str) -> Iterable[str]:
    """Uncertain findings that count as present."""
    return said.uncertain if uncertain == "present" and labels.is_complete else ()


def _compare(name: str, num_records: int, num_first: int, num_second: int, num_both: int) -> tuple:
    """Figures of one finding."""
    counts = [num_both, num_first - num_both, num_second - num_both, num_records - num_first - num_second + num_both]
    is_constant = num_records in (counts[0], counts[3])
    kappa = math.nan if is_constant else cohen_kappa_score([1, 1, 0, 0], [1, 0, 1, 0], sample_weight=counts)
    sensitivity = num_both / num_second if num_second else math.nan
    ppv = num_both / num_first if num_first else math.nan
    return name, num_records, num_first, num_second, num_both, kappa, sensitivity, ppv


def summarize_agreement(agreement: pd.DataFrame) -> dict[str, float | int]:
    """Number of findings, mean kappa of those that have one, and kappa, sensitivity and PPV over all together."""
    sums = {name: int(agreement[name].sum()) for name in COLUMNS[1:5]}
    *_, kappa, sensitivity, ppv = _compare("", *sums.values())
    return {
        "num_findings": len(agreement),
        "mean_kappa": float(agreement["kappa"].mean()),
        "pooled_kappa": kappa,
        "pooled_sensitivity": sensitivity,
        "pooled_ppv": ppv,
    }


def format_agreement(agreement: pd.DataFrame) -> str:
    """The table for a terminal, and below it the summary."""
    rows = [HEADER, *_cells(agreement)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    lines = [
        "  ".join(cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(cells))
        for cells in ([*zip(row, widths, strict=True)] for row in rows)
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], "", _describe(agreement)]) + "\n"


def _cells(agreement: pd.DataFrame) -> list[list[str]]:
    """Figures as text, three decimals where they are shares."""
    return [
        [
            row[0],
            *(f"{count:,}" for count in row[1:5]),
            *("-" if pd.isna(share) else f"{share:.3f}" for share in row[5:]),
        ]
        for row in agreement.itertuples(index=False)
    ]


def _describe(agreement: pd.DataFrame) -> str:
    """The summary in a sentence."""
    summary = summarize_agreement(agreement)
    return (
        f"{summary['num_findings']} findings; mean kappa {summary['mean_kappa']:.3f}; all together: kappa"
        f" {summary['pooled_kappa']:.3f}, sensitivity {summary['pooled_sensitivity']:.3f},"
        f" PPV {summary['pooled_ppv']:.3f}."
    )


def write_agreement(agreement: pd.DataFrame, output_dir: Path, *, names: tuple[str, str]) -> None:
    """Write `agreement.csv` and `agreement.html`.

    Args:
        agreement (`pandas.DataFrame`):
            What `measure_agreement` returns.
        output_dir (`Path`):
            Folder for the two files.
        names (`tuple[str, str]`):
            What the label sets are called.
    """
    with replace_when_complete(output_dir / "agreement.csv") as path:
        agreement.to_csv(path, index=False)
    summary = summarize_agreement(agreement)
    figures = [
        (f"{summary['num_findings']}", "findings"),
        (f"{summary['mean_kappa']:.3f}", "mean kappa of the findings"),
        (f"{summary['pooled_kappa']:.3f}", "kappa, all together"),
        (f"{summary['pooled_sensitivity']:.3f}", "sensitivity, all together"),
        (f"{summary['pooled_ppv']:.3f}", "PPV, all together"),
    ]
    note = f"First: {names[0]}. Second, taken for the truth: {names[1]}. Kappa is Cohen's; a dash stands where both"
    note += " say the same of all records, or nobody has the finding."
    content = f'<div style="overflow-x:auto">{table(HEADER, _cells(agreement))}</div>'
    parts = ["<header><h1>Agreement of two label sets</h1></header>", key_figures(figures)]
    with replace_when_complete(output_dir / "agreement.html") as path:
        write_document(path, title="Agreement", parts=[*parts, section("Findings", content, note=note)])


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare, and show the table on standard output."""
    logging.basicConfig(format="%(message)s")
    parser = HfArgumentParser(AgreementArguments)  # type: ignore[arg-type]
    given = list(sys.argv[1:] if arguments is None else arguments)
    given = ["--labels", *given] if given and not given[0].startswith("-") else given  # folders may come first
    try:
        (flags,) = parser.parse_args_into_dataclasses(args=given)
        sets = [read_extraction(path) for path in flags.labels]
        names = [str(path) for path in flags.labels]
        if flags.dataset_name:
            own = {"config_name": flags.dataset_config_name, "data_dir": flags.data_dir, "on_error": flags.on_error}
            sets.append(read_corpus(flags.dataset_name, **own))
            names.append(" ".join(filter(None, ("labels of", flags.dataset_name, flags.dataset_config_name))))
        agreement = measure_agreement(*sets, uncertain=flags.uncertain, min_positives=flags.min_positives)
    except (FileNotFoundError, ValueError) as error:
        logger.error("%s", error)
        sys.exit(2)
    sys.stdout.write(format_agreement(agreement))
    if flags.output_dir:
        write_agreement(agreement, flags.output_dir, names=(names[0], names[1]))
