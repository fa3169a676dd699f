"""What a run trains on: corpora with their weights, the findings they label, and what is held out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from training_scripts.arguments import DataArguments

from .choose import choose_corpora
from .filter import drop_hidden, hold_out_findings, is_hidden, trainable_findings
from .label import LabelSource, MixedLabels, label_records
from .load import load_splits
from .measure import MeasurementTargets, measured_keys
from .records import Records, draw_fraction, iterate_columns


class Corpus(NamedTuple):
    """One of the corpora of a run.

    Attributes:
        name (`str`):
            As `--dataset_name` gives it.
        train, validation (`Records`):
            Records without those that have a held-out finding.
        test (`Records`, *optional*):
            All test records. Nothing in training looks at them.
        labels (`LabelSource`):
            Which of the findings that are trained on its records have.
        measurements (`tuple[str, ...]`):
            Keys of the numbers that its records have.
    """

    name: str
    train: Records
    validation: Records
    test: Records | None
    labels: LabelSource
    measurements: tuple[str, ...] = ()


class TrainingData(NamedTuple):
    """Records and targets of a run.

    Attributes:
        corpora (`tuple[Corpus, ...]`):
            What is mixed.
        weights (`tuple[float, ...]` of length `num_corpora`, *optional*):
            Share of each corpus in a batch; by default as many as it has records.
        findings (`tuple[str, ...]` of length `num_findings`):
            What any of the corpora labels and has enough positive records of, held-out ones left out.
        held_out (`tuple[str, ...]`):
            Findings hidden from training.
    """

    corpora: tuple[Corpus, ...]
    weights: tuple[float, ...] | None
    findings: tuple[str, ...]
    held_out: tuple[str, ...]

    @property
    def labels(self) -> MixedLabels:
        """Targets of records of all corpora."""
        return MixedLabels([corpus.labels for corpus in self.corpora], self.findings)

    @property
    def measurements(self) -> tuple[str, ...]:
        """Keys of the numbers that records of any of the corpora have."""
        return tuple(dict.fromkeys(key for corpus in self.corpora for key in corpus.measurements))

    def measure(self, keys: Sequence[str]) -> MeasurementTargets:
        """Numbers of records of all corpora, by the keys that are to be learnt."""
        return MeasurementTargets(keys, [corpus.measurements for corpus in self.corpora])


def load_data(
    arguments: DataArguments, *, seed: int = 0, has_measurements: bool = False, needs_findings: bool = True
) -> TrainingData:
    """Choose the corpora, load and label them, and leave out what training must not see or has too little of.

    Args:
        arguments (`DataArguments`):
            What to train on.
        seed (`int`):
            Draws the records, if `train_fraction` asks for some of them only.
        has_measurements (`bool`):
            Whether simulated corpora are to have their numbers.
        needs_findings (`bool`):
            Whether there is nothing to learn without labels.

    Returns:
        `TrainingData`: `num_corpora` corpora over one list of `num_findings` findings.

    Raises:
        ValueError: If a corpus has no training records, or no finding has enough of them where findings are needed.
    """
    held_out = hold_out_findings(arguments.held_out_findings)
    corpora: list[Corpus] = []
    totals: dict[str, float] = {}
    for choice in choose_corpora(arguments):
        splits = load_splits(
            choice.name,
            arguments,
            config_name=choice.config_name,
            data_dir=choice.data_dir,
            is_on_the_fly=choice.is_on_the_fly,
            has_measurements=has_measurements,
        )
        labels = label_records(
            splits.train, arguments, config_name=choice.config_name, report_labels=choice.report_labels
        )
        does_remove = arguments.held_out_records == "remove"
        hidden = [does_remove and is_hidden(finding, held_out) for finding in labels.findings]
        train = drop_hidden(splits.train, labels, hidden)
        validation = drop_hidden(splits.validation, labels, hidden)
        for finding, count in zip(labels.findings, train.counts.tolist(), strict=True):
            totals[finding] = totals.get(finding, 0) + count
        measurements = measured_keys(splits.train)
        corpora.append(Corpus(choice.name, train.records, validation.records, splits.test, labels, measurements))
    has_any = needs_findings or any(count >= arguments.min_positives for count in totals.values())
    findings = trainable_findings(totals, min_positives=arguments.min_positives, held_out=held_out) if has_any else ()
    learnt = (
        corpus._replace(
            labels=corpus.labels.select(findings),
            train=draw_fraction(corpus.train, arguments.train_fraction, seed=seed),
        )
        for corpus in corpora
    )
    return TrainingData(tuple(learnt), tuple(arguments.dataset_weights) or None, findings, held_out)


def count_labels(data: TrainingData) -> tuple[np.ndarray, np.ndarray]:
    """In how many training records each finding is present, and of how many it is known whether it is.

    With weights, a corpus counts as if it had its share of all records; of an endless one the first records stand for
    all.

    Returns:
        `tuple` of two `np.ndarray` of shape `(num_findings,)`, float64.
    """
    num_positive, num_known = np.zeros((2, len(data.findings)))
    num_trained = sum(len(corpus.train) for corpus in data.corpora)
    for number, corpus in enumerate(data.corpora):
        columns = [data.findings.index(finding) for finding in corpus.labels.findings]
        num_records, weight = 0, 1.0
        present, known = np.zeros((2, len(columns)))
        for rows in iterate_columns(corpus.train, corpus.labels.columns):
            targets = corpus.labels.targets(rows)
            present += np.nansum(targets, axis=0)
            known += (~np.isnan(targets)).sum(axis=0)
            num_records += len(targets)
        if data.weights:
            weight = data.weights[number] / sum(data.weights) * num_trained / num_records
        num_positive[columns] += weight * present
        num_known[columns] += weight * known
    return num_positive, num_known
