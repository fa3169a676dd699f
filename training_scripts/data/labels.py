"""Training targets: which findings of the terminology each record of a corpus has."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from datasets import Dataset

from datasets_scripts.extraction.labels_file import read_report_findings
from datasets_scripts.extraction.report_findings import ReportFindings, name_findings
from datasets_scripts.extraction.unmentioned import ReportJudge, Unmentioned
from datasets_scripts.terminology.findings import load_terminology, normalize_name
from datasets_scripts.terminology.measured_findings import load_measured_findings


# Ways in which people ask; training on them keeps scores from collapsing when a query is a sentence.
QUERY_TEMPLATES = ("{}", "an ECG showing {}", "this ECG shows {}", "electrocardiogram with {}")


class LabelSource(Protocol):
    """Anything that says which findings a record has."""

    findings: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the corpus that `targets` reads."""
        ...

    def targets(self, rows: Mapping[str, Sequence[Any]]) -> np.ndarray:
        """Targets of a batch of rows, float32 of shape `(batch_size, num_findings)`, NaN where unknown."""
        ...

    def select(self, findings: Collection[str]) -> "LabelSource":
        """The same source, restricted to some findings."""
        ...


class CorpusLabels:
    """Targets from the corpus' own labels; labels that ask for the same finding are united.

    Args:
        label_findings (`Sequence[str]`):
            Name of the finding that each label of the corpus stands for.
        findings (`Sequence[str]`):
            Findings to give targets for.
    """

    columns = ("labels", "label_mask")

    def __init__(self, label_findings: Sequence[str], findings: Sequence[str]) -> None:
        self.label_findings = tuple(label_findings)
        self.findings = tuple(findings)
        positions = {finding: position for position, finding in enumerate(self.findings)}
        # (num_labels, num_findings): which finding a label counts for
        self._belongs = np.zeros((len(self.label_findings), len(self.findings)), dtype=np.float32)
        for label, finding in enumerate(self.label_findings):
            if finding in positions:
                self._belongs[label, positions[finding]] = 1

    @classmethod
    def from_dataset(cls, dataset: Dataset, *, config_name: str | None = None) -> "CorpusLabels":
        """Read the label names of a corpus; they stand for findings of the terminology or for measured findings."""
        terminology, measured = load_terminology(), load_measured_findings()
        names = dataset.features["labels"].feature.names
        findings = [
            name if name in measured else terminology.find_label(name, config_name=config_name).name for name in names
        ]
        return cls(findings, list(dict.fromkeys(findings)))

    def targets(self, rows: Mapping[str, Sequence[Any]]) -> np.ndarray:
        """Targets of a batch of rows."""
        is_positive = np.zeros((len(rows["labels"]), len(self.label_findings)), dtype=np.float32)
        for row, labels in enumerate(rows["labels"]):
            is_positive[row, np.asarray(labels, dtype=int)] = 1
        is_unknown = 1 - np.asarray(rows["label_mask"], dtype=np.float32)
        targets = np.minimum(is_positive @ self._belongs, 1)
        # One positive label settles a finding; one unknown label leaves the rest open.
        targets[(targets == 0) & (is_unknown @ self._belongs > 0)] = np.nan
        return targets

    def select(self, findings: Collection[str]) -> "CorpusLabels":
        """The same labels, restricted to some findings."""
        return CorpusLabels(self.label_findings, [finding for finding in self.findings if finding in findings])


class ReportLabels:
    """Targets from findings that were extracted from reports.

    Args:
        records (`Mapping[str, ReportFindings]`):
            What each report says, by record id.
        findings (`Sequence[str]`):
            Findings to give targets for.
        uncertain_label (`float`):
            Target of uncertain findings, from 0 to 1.
        unmentioned (`str`):
            What a finding is that a report does not mention: `"absent"`, or `"unknown"` unless the report denies it.
            Reports that leave findings out by intent, such as simulated ones, need the second.
    """

    columns = ("record_id",)

    def __init__(
        self,
        records: Mapping[str, ReportFindings],
        findings: Sequence[str],
        *,
        uncertain_label: float = 0.5,
        unmentioned: Unmentioned = "absent",
    ) -> None:
        self.records = records
        self.findings = tuple(findings)
        self.uncertain_label = uncertain_label
        self.unmentioned: Unmentioned = unmentioned
        self._judge = ReportJudge(self.findings, unmentioned=unmentioned)
        # Targets of what is absent, present, uncertain and unknown, in the order of `Verdict`.
        self._target_of = np.array([0, 1, uncertain_label, np.nan], dtype=np.float32)

    @classmethod
    def from_parquet(
        cls, path: str | Path, *, uncertain_label: float = 0.5, unmentioned: Unmentioned = "absent"
    ) -> "ReportLabels":
        """Read `labels.parquet` as the extraction writes it.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it lacks a column.
        """
        records = read_report_findings(path)
        return cls(records, name_findings(records.values()), uncertain_label=uncertain_label, unmentioned=unmentioned)

    def targets(self, rows: Mapping[str, Sequence[Any]]) -> np.ndarray:
        """Targets of a batch of rows; all unknown for a record without labels."""
        verdicts = [self._judge.judge(self.records.get(str(record_id))) for record_id in rows["record_id"]]
        return self._target_of[np.array(verdicts, dtype=int).reshape(len(verdicts), len(self.findings))]

    def select(self, findings: Collection[str]) -> "ReportLabels":
        """The same labels, restricted to some findings."""
        wanted = [finding for finding in self.findings if finding in findings]
        return ReportLabels(self.records, wanted, uncertain_label=self.uncertain_label, unmentioned=self.unmentioned)


def hold_out_findings(names: Sequence[str]) -> tuple[str, ...]:
    """Canonical names of findings that are to be hidden from training.

    Raises:
        ValueError: If the terminology does not know one of them.
    """
    terminology = load_terminology()
    unknown = [name for name in names if terminology.find(name) is None]
    if unknown:
        raise ValueError(
            f"`--held_out_findings` names {unknown[0]!r}, which is not in the terminology."
            " Use a name or synonym of terminology.csv."
        )
    return tuple(finding.name for finding in map(terminology.find, names) if finding is not None)


def is_hidden(finding: str, held_out: Collection[str]) -> bool:
    """Whether a finding is held out, or is a kind of one that is: who has it has the held-out finding too."""
    terminology = load_terminology()
    implied = terminology.ancestors(finding) if finding in terminology else ()
    return not {finding, *implied}.isdisjoint(held_out)


def query_wordings(finding: str, *, held_out: Sequence[str] = ()) -> tuple[str, ...]:
    """All the wordings in which training asks for a finding, its name first.

    Args:
        finding (`str`):
            Name of a finding.
        held_out (`Sequence[str]`):
            Findings whose names and synonyms no wording may contain.

    Returns:
        `tuple[str, ...]`: The name, its synonyms and description, and the name in sentences.

    Example:
        >>> query_wordings("atrial flutter")[-1]
        'electrocardiogram with atrial flutter'
    """
    terminology, measured = load_terminology(), load_measured_findings()
    wordings = terminology.wordings(finding) if finding in terminology else (finding,)
    if finding in measured:
        wordings = (finding, *measured[finding].wordings)
    hidden = [
        f" {normalize_name(wording)} "
        for name in held_out
        for wording in (terminology[name].name, *terminology[name].synonyms)
    ]
    allowed = [
        wording for wording in wordings[1:] if not any(phrase in f" {normalize_name(wording)} " for phrase in hidden)
    ]
    sentences = [template.format(finding) for template in QUERY_TEMPLATES[1:]]
    return tuple(dict.fromkeys([finding, *allowed, *sentences]))


def trainable_findings(
    counts: Mapping[str, float], *, min_positives: int, held_out: Sequence[str] = ()
) -> tuple[str, ...]:
    """Findings with enough positive or uncertain records, held-out ones left out.

    Args:
        counts (`Mapping[str, float]`):
            Training records in which each finding is positive or uncertain: reports name some findings, such as
            ischemia, hardly ever without a hedge.
        min_positives (`int`):
            Fewest such records.
        held_out (`Sequence[str]`):
            Findings to leave out, with all that are kinds of them.

    Raises:
        ValueError: If nothing is left to train on.
    """
    kept = tuple(
        finding for finding, count in counts.items() if count >= min_positives and not is_hidden(finding, held_out)
    )
    if not kept:
        raise ValueError(
            f"None of {len(counts)} findings has {min_positives} positive or uncertain training records."
            " Lower `--min_positives` or give more records. A corpus without labels needs `--report_labels`."
        )
    return kept
