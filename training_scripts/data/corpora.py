"""What a run trains on: corpora with their weights, the findings they label, and what is held out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
from datasets import Dataset

from datasets_scripts import load_corpus
from datasets_scripts.simulated import SimulatedConfig
from training_scripts.arguments import CorpusArguments, DataArguments

from .endless_records import SimulatedRecords
from .labels import CorpusLabels, LabelSource, ReportLabels, hold_out_findings, is_hidden, trainable_findings
from .streaming import RecordShards, load_shards


Records: TypeAlias = Dataset | RecordShards | SimulatedRecords
# Simulated records that stand for all that an endless corpus will make
NUM_COUNTED_RECORDS = 1000
AnyRecords = TypeVar("AnyRecords", Dataset, RecordShards, SimulatedRecords)


@dataclass(frozen=True)
class Corpus:
    """One of the corpora of a run.

    Attributes:
        name (`str`):
            As `--dataset_name` gives it.
        train, validation (`Dataset`, `RecordShards` or `SimulatedRecords`):
            Records without those that have a held-out finding.
        labels (`LabelSource`):
            Which of the findings that are trained on its records have.
        test (`Dataset`, `RecordShards` or `SimulatedRecords`, *optional*):
            All test records. Nothing in training looks at them.
    """

    name: str
    train: Records
    validation: Records
    labels: LabelSource
    test: Records | None = None


@dataclass(frozen=True)
class PretrainingData:
    """Records, targets and queries of a run.

    Attributes:
        corpora (`tuple[Corpus, ...]`):
            What is mixed.
        weights (`tuple[float, ...]`, *optional*):
            Share of each corpus in a batch; by default as many as it has records.
        findings (`tuple[str, ...]`):
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

    def count_labels(self) -> tuple[np.ndarray, np.ndarray]:
        """Training records in which each finding is present, and of which it is known, both `(num_findings,)`.

        With weights, a corpus counts as if it had its share of all records; of an endless one the first records stand
        for all.
        """
        num_positive, num_known = np.zeros((2, len(self.findings)))
        num_trained = sum(len(corpus.train) for corpus in self.corpora)
        for number, corpus in enumerate(self.corpora):
            columns = [self.findings.index(finding) for finding in corpus.labels.findings]
            num_records, weight = 0, 1.0
            present, known = np.zeros((2, len(columns)))
            for rows in _iterate_columns(corpus.train, list(corpus.labels.columns)):
                targets = corpus.labels.targets(rows)
                present += np.nansum(targets, axis=0)
                known += (~np.isnan(targets)).sum(axis=0)
                num_records += len(targets)
            if self.weights:
                weight = self.weights[number] / sum(self.weights) * num_trained / num_records
            num_positive[columns] += weight * present
            num_known[columns] += weight * known
        return num_positive, num_known


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


def load_data(arguments: DataArguments, *, seed: int = 0) -> PretrainingData:
    """Load the corpora, choose the findings to train on, and leave out what is held out.

    Args:
        arguments (`DataArguments`):
            What to train on.
        seed (`int`):
            Draws the records, if `train_fraction` asks for some of them only.

    Raises:
        ValueError: If a corpus has no training records, or no finding has enough of them.
    """
    held_out = hold_out_findings(arguments.held_out_findings)
    corpora, counts = [], {}
    for corpus_arguments in arguments.corpora:
        corpus = _load_corpus(corpus_arguments, arguments)
        does_remove = arguments.held_out_records == "remove"
        hidden = [does_remove and is_hidden(finding, held_out) for finding in corpus.labels.findings]
        train, found = drop_hidden(cast(Any, corpus.train), corpus.labels, hidden)
        validation, _ = drop_hidden(cast(Any, corpus.validation), corpus.labels, hidden)
        corpora.append(replace(corpus, train=train, validation=validation))
        for finding, count in zip(corpus.labels.findings, found, strict=True):
            counts[finding] = counts.get(finding, 0) + count
    findings = trainable_findings(counts, min_positives=arguments.min_positives, held_out=held_out)
    corpora = [
        replace(
            corpus,
            labels=corpus.labels.select(findings),
            train=draw_fraction(corpus.train, arguments.train_fraction, seed=seed),
        )
        for corpus in corpora
    ]
    return PretrainingData(tuple(corpora), tuple(arguments.dataset_weights) or None, findings, held_out)


def _load_corpus(corpus: CorpusArguments, arguments: DataArguments) -> Corpus:
    """One corpus with all its labels."""
    splits = _load_splits(corpus, arguments)
    train = _take(splits["train"], arguments.max_train_samples)
    validation = _take(splits["validation"], arguments.max_eval_samples)
    if not len(train):
        raise ValueError(f"Corpus {corpus.name} has no training records. Look at its build report.")
    return Corpus(corpus.name, train, validation, _load_labels(corpus, arguments, train), splits.get("test"))


def _load_splits(corpus: CorpusArguments, arguments: DataArguments) -> Mapping[str, Any]:
    """Training and validation records."""
    if corpus.is_on_the_fly:
        config = SimulatedConfig()
        num_records = config.num_records if arguments.num_records is None else arguments.num_records
        return {
            split: SimulatedRecords.of_corpus(num_records, split, seed=config.seed)
            for split in ("train", "validation")
        }
    if arguments.streaming:
        return load_shards(corpus.name)
    options: dict[str, Any] = {}
    if corpus.name == "simulated" and arguments.num_records is not None:
        options["num_records"] = arguments.num_records
    loaded = load_corpus(
        corpus.name,
        corpus.config_name,
        data_dir=corpus.data_dir,
        num_proc=arguments.preprocessing_num_workers,
        on_error=arguments.on_error,
        **options,
    )
    return cast(Mapping[str, Any], loaded)


def _load_labels(corpus: CorpusArguments, arguments: DataArguments, train: Records) -> LabelSource:
    """Labels from reports, where they are given, or those of the corpus."""
    if corpus.report_labels:
        return ReportLabels.from_parquet(
            corpus.report_labels, uncertain_label=arguments.uncertain_label, unmentioned=arguments.unmentioned
        )
    if isinstance(train, RecordShards):
        train.check_columns(CorpusLabels.columns)
    return CorpusLabels.from_dataset(cast(Dataset, train), config_name=corpus.config_name)


def _take(records: AnyRecords, num_records: int | None) -> AnyRecords:
    """The first records of a split."""
    return records if num_records is None else records.select(range(min(num_records, len(records))))


def draw_fraction(records: Any, fraction: float, *, seed: int) -> Any:
    """A share of the records, in their order, at least one; with the same seed, a smaller share is part of a larger.

    Example:
        >>> draw_fraction(Dataset.from_dict({"age": [50, 60, 70, 80]}), 0.5, seed=0)["age"][:]
        [50, 70]
    """
    if fraction == 1:
        return records
    order = np.random.default_rng(seed).permutation(len(records))
    return records.select(np.sort(order[: max(1, round(fraction * len(records)))]))


def drop_hidden(records: AnyRecords, labels: LabelSource, hidden: Sequence[bool]) -> tuple[AnyRecords, np.ndarray]:
    """Leave out records that have, or may have, a hidden finding.

    Records that stay although their name is hidden would be learned as examples against that name.

    Args:
        records (`Dataset`, `RecordShards` or `SimulatedRecords`):
            Records of a split.
        labels (`LabelSource`):
            Their labels.
        hidden (`Sequence[bool]`):
            For each finding of `labels`, whether it is hidden.

    Returns:
        `tuple`: The records that stay, and in how many of them each finding is positive or uncertain,
        `(num_findings,)`. An endless corpus has any number of records with whatever it labels.
    """
    if isinstance(records, SimulatedRecords):
        names = {finding for finding, is_out in zip(labels.findings, hidden, strict=True) if is_out}
        found = cast(CorpusLabels, labels).label_findings
        records = records.without_labels([label for label, finding in enumerate(found) if finding in names])
        return records, np.full(len(labels.findings), np.inf)
    is_hidden_column = np.asarray(hidden, dtype=bool)
    stays: list[np.ndarray] = [np.zeros(0, dtype=bool)]
    counts = np.zeros(len(labels.findings), dtype=int)
    for columns in _iterate_columns(records, list(labels.columns)):
        is_present = labels.targets(columns) > 0
        stays.append(np.atleast_1d(~is_present[:, is_hidden_column].any(axis=1)))
        counts += is_present[stays[-1]].sum(axis=0)
    is_kept = np.concatenate(stays)
    return (records if is_kept.all() else records.select(np.flatnonzero(is_kept))), counts


def _iterate_columns(records: Records, columns: list[str]) -> Iterator[dict[str, Any]]:
    """Some columns of all records, some hundreds at once; of an endless corpus those of its first ones."""
    if isinstance(records, RecordShards):
        yield from records.iter_columns(columns)
    elif isinstance(records, SimulatedRecords):
        rows = [records[position] for position in range(min(len(records), NUM_COUNTED_RECORDS))]
        yield {name: [row[name] for row in rows] for name in columns}
    else:
        yield from cast(Any, records.select_columns(columns).with_format(None).iter(batch_size=1000))
