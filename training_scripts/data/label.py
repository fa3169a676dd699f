"""Third stop of a training row: which findings of the terminology each record of a corpus has."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from datasets import Dataset

from datasets_scripts.extraction.labels_file import read_report_findings
from datasets_scripts.extraction.report_findings import ReportFindings, name_findings
from datasets_scripts.extraction.unmentioned import ReportJudge, Unmentioned
from datasets_scripts.terminology.findings import load_terminology
from datasets_scripts.terminology.measured_findings import load_measured_findings
from training_scripts.arguments import DataArguments

from .records import Records
from .streaming import RecordShards


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


class MixedLabels:
    """Targets over the findings of several corpora; what a corpus does not label is unknown of its records.

    Args:
        sources (`Sequence[LabelSource]`):
            Labels of each corpus.
        findings (`Sequence[str]`):
            Findings to give targets for.
    """

    def __init__(self, sources: Sequence[LabelSource], findings: Sequence[str]) -> None:
        self.sources, self.findings = list(sources), tuple(findings)
        positions = {finding: position for position, finding in enumerate(self.findings)}
        self._columns = [[positions[finding] for finding in source.findings] for source in self.sources]

    def targets(self, rows: Sequence[Mapping[str, Any]], corpora: Sequence[int]) -> np.ndarray:
        """Targets of rows and the corpora they are from, float32 `(num_rows, num_findings)`, NaN where unknown."""
        targets = np.full((len(rows), len(self.findings)), np.nan, dtype=np.float32)
        for corpus in sorted(set(corpora)):
            source = self.sources[corpus]
            places = [place for place, other in enumerate(corpora) if other == corpus]
            columns = {name: [rows[place][name] for place in places] for name in source.columns}
            targets[np.ix_(places, self._columns[corpus])] = source.targets(columns)
        return targets


def label_records(
    train: Records, arguments: DataArguments, *, config_name: str | None = None, report_labels: str | None = None
) -> LabelSource:
    """Say where the labels of a corpus come from: its reports, where those were read, or the corpus itself.

    Args:
        train (`Records`):
            Training records, whose features name the labels of the corpus.
        arguments (`DataArguments`):
            What uncertain and unmentioned findings count for.
        config_name (`str`, *optional*):
            Configuration of the corpus: the same label may mean different findings in two of them.
        report_labels (`str`, *optional*):
            `labels.parquet` of an extraction.

    Returns:
        `LabelSource`: Gives targets of shape `(num_rows, num_findings)` for rows of any split of the corpus.
    """
    if report_labels:
        return ReportLabels.from_parquet(
            report_labels, uncertain_label=arguments.uncertain_label, unmentioned=arguments.unmentioned
        )
    if isinstance(train, RecordShards):
        train.check_columns(CorpusLabels.columns)
    return CorpusLabels.from_dataset(cast(Dataset, train), config_name=config_name)
