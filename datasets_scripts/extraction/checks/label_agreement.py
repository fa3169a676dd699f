"""How far two label sets agree, finding by finding: figures, a table for a terminal, and a page.

The second label set is taken for the truth: `sensitivity` is the share of its records that the first one finds too,
`ppv` the share of the first one's records that are right. Findings are closed upward on both sides.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd
from sklearn.metrics import cohen_kappa_score

from datasets_scripts.extraction.report_findings import ReportFindings
from datasets_scripts.page import key_figures, section, table, write_document
from modeling_supreme.output_files.atomic_files import replace_when_complete


# What an uncertain finding counts as; "excluded" leaves its record out of the comparison of that finding.
UncertainCounts = Literal["present", "absent", "excluded"]
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


def measure_agreement(
    first: LabelSet, second: LabelSet, *, uncertain: UncertainCounts = "present", min_positives: int = 1
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


def _is_ignored(labels: LabelSet, uncertain: UncertainCounts) -> bool:
    """Whether what is uncertain in a label set is not compared."""
    return uncertain == "excluded" or not labels.is_complete


def _counted(labels: LabelSet, said: ReportFindings, uncertain: UncertainCounts) -> Iterable[str]:
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
