"""Labels extracted from reports: as a dataset, joined to a corpus by record, and as a builder that does both."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar, cast

import numpy as np
import pandas as pd
import pyarrow as pa
from datasets import (
    ClassLabel,
    Dataset,
    DatasetBuilder,
    DatasetDict,
    DatasetInfo,
    Features,
    List,
    SplitGenerator,
    Value,
    concatenate_datasets,
)
from datasets.fingerprint import Hasher
from datasets.utils import logging

from datasets_scripts.extraction.labels import are_parents_added, iterate_labels, labels_file, load_labels_table
from datasets_scripts.extraction.record_labels import known_ancestors, settle_findings
from datasets_scripts.terminology.findings import NORMAL_FINDING, load_terminology

from .corpus_builder import CorpusBuilder, CorpusConfig
from .registry import CORPORA


logger = logging.get_logger(__name__)

LABEL_COLUMNS = ("labels", "label_mask")
RECORDS_PER_CHUNK = 20_000

Corpus = TypeVar("Corpus", Dataset, DatasetDict)
# What it means that a report does not mention a finding: that it is absent, or nothing.
Unmentioned = Literal["absent", "unknown"]


class ReportFindings(NamedTuple):
    """What the report of one record says, closed upward: who has a finding has all that it is a kind of.

    Attributes:
        positive (`tuple[str, ...]`):
            Names of the findings that are there.
        uncertain (`tuple[str, ...]`):
            Names of those that may be there, without the positive ones.
        negative (`tuple[str, ...]`):
            Names of those that the report says are not there, without all others.
    """

    positive: tuple[str, ...]
    uncertain: tuple[str, ...]
    negative: tuple[str, ...] = ()


def read_report_findings(path: str | Path) -> dict[str, ReportFindings]:
    """Findings by record id; equal reports share one entry, so that a corpus of a million records fits in memory.

    Args:
        path (`str` or `Path`):
            Output folder of `python -m datasets_scripts.extraction`, or the file `labels.parquet` in it. Findings are
            closed upward here too, unless the extraction was told not to (`--no_add_parents`).

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not what the extraction writes.
    """
    table = load_labels_table(path)
    find_ancestors = (lambda name: ()) if are_parents_added(table) is False else known_ancestors
    shared: dict[tuple[tuple[str, ...], ...], ReportFindings] = {}
    records = {}
    for record_id, stated in iterate_labels(table):
        if stated not in shared:
            settled = settle_findings(*stated, find_ancestors=find_ancestors)
            shared[stated] = ReportFindings(settled.positive, settled.uncertain, settled.negative)
        records[record_id] = shared[stated]
    return records


def read_finding_names(path: str | Path) -> tuple[str, ...]:
    """Names, in alphabetical order, of the findings that are positive or uncertain in any record, closed upward.

    Args:
        path (`str` or `Path`):
            Output folder of `python -m datasets_scripts.extraction`, or the file `labels.parquet` in it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not what the extraction writes, or no record has a finding.
    """
    records = read_report_findings(path)
    names = name_findings(records.values())
    if not names:
        raise ValueError(
            f"{path} holds no finding for any of {len(records)} records. Give the extraction the column of reports."
        )
    return names


def name_findings(records: Iterable[ReportFindings]) -> tuple[str, ...]:
    """Names, in alphabetical order, of the findings that are positive or uncertain in any record."""
    return tuple(sorted({name for stated in set(records) for names in stated[:2] for name in names}))


class Denials:
    """Says which findings a report denies, though it may not name them.

    A denied finding denies all kinds of it: without infarction there is no inferior infarction. A report that calls
    the ECG normal denies what PTB-XL's superclasses other than NORM stand for, with all kinds, unless it names them.

    Args:
        names (`Sequence[str]`):
            Findings to say it of.
    """

    def __init__(self, names: Sequence[str]) -> None:
        terminology = load_terminology()
        self._kind_of = {name: {name, *known_ancestors(name)} for name in names}
        self._abnormal = {
            finding.name
            for finding in terminology
            if finding.name != NORMAL_FINDING and any(label.startswith("superclass:") for label in finding.ptb_xl)
        }
        self._remembered: dict[tuple[tuple[str, ...], bool], frozenset[str]] = {}

    def find(self, stated: ReportFindings) -> frozenset[str]:
        """The findings that one report denies."""
        key = stated.negative, NORMAL_FINDING in stated.positive
        if key not in self._remembered:
            denied = {*stated.negative, *(self._abnormal if key[1] else ())}
            self._remembered[key] = frozenset(
                name for name, kinds in self._kind_of.items() if not denied.isdisjoint(kinds)
            )
        return self._remembered[key].difference(stated.positive, stated.uncertain)


def load_report_labels(path: str | Path, *, unmentioned: Unmentioned = "absent") -> Dataset:
    """The output of an extraction as a dataset, to join to a corpus or to share.

    Args:
        path (`str` or `Path`):
            Output folder of `python -m datasets_scripts.extraction`, or the file `labels.parquet` in it.
        unmentioned (`str`):
            `"absent"`: what a report does not mention is not there. `"unknown"`: only what the report denies is not
            there.

    Returns:
        `Dataset`: One row per record with `record_id`, `labels` (indices of the positive findings, closed upward) and
        `label_mask`, false for uncertain findings, and for unmentioned ones if they are unknown. The names of the
        labels are those of all findings that are positive or uncertain in any record.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not what the extraction writes, or no record has a finding.
    """
    names, records = read_finding_names(path), read_report_findings(path)
    denials = Denials(names) if unmentioned == "unknown" else None
    ids = list(records)
    tables = [
        _label_table(chunk, [records[record_id] for record_id in chunk], names, denials=denials)
        for chunk in _chunks(ids)
    ]
    return Dataset(
        pa.concat_tables(tables),
        info=DatasetInfo(features=label_features(names)),
        fingerprint=Hasher.hash([labels_file(path).read_bytes(), names, unmentioned]),
    )


def _chunks(values: Any) -> Iterator[Any]:
    """Pieces of a sequence: Arrow takes eight bytes for every label that it moves."""
    for start in range(0, len(values), RECORDS_PER_CHUNK):
        yield values[start : start + RECORDS_PER_CHUNK]


def label_features(names: Sequence[str]) -> Features:
    """Features of a dataset of labels."""
    return Features(
        {
            "record_id": Value("string"),
            "labels": List(ClassLabel(names=list(names))),
            "label_mask": List(Value("bool"), length=len(names)),
        }
    )


def _label_table(
    ids: Sequence[str], findings: Sequence[ReportFindings], names: Sequence[str], *, denials: Denials | None = None
) -> pa.Table:
    """Rows as Arrow keeps them, made without a Python object per label."""
    position = {name: index for index, name in enumerate(names)}
    mask = np.full((len(ids), len(names)), denials is None)
    for row, stated in enumerate(findings):
        if denials is None:
            mask[row, [position[name] for name in stated.uncertain]] = False
        else:
            mask[row, [position[name] for name in (*stated.positive, *denials.find(stated))]] = True
    return pa.table(
        {
            "record_id": pa.array(ids, pa.string()),
            "labels": pa.array(
                [[position[name] for name in stated.positive] for stated in findings], pa.list_(pa.int64())
            ),
            "label_mask": pa.FixedSizeListArray.from_arrays(pa.array(mask.ravel()), len(names)),
        }
    ).cast(label_features(names).arrow_schema)


def join_report_labels(corpus: Corpus, labels: Dataset | str | Path, *, unmentioned: Unmentioned = "absent") -> Corpus:
    """Give a corpus the labels of its reports, in place of labels it may have; signals are not copied.

    Args:
        corpus (`Dataset` or `DatasetDict`):
            Rows with a `record_id`, from any builder, or reports without signals. Join before selecting rows: a
            selection has to be copied.
        labels (`Dataset`, `str` or `Path`):
            What `load_report_labels` returns, or the path to give to it.
        unmentioned (`str`):
            Given to `load_report_labels` with a path.

    Returns:
        `Dataset` or `DatasetDict`: The corpus with `labels` and `label_mask`. A record without an entry has no label
        and all of them unknown.

    Raises:
        ValueError: If none of the records has an entry, or one has several.
    """
    if not isinstance(labels, Dataset):
        labels = load_report_labels(labels, unmentioned=unmentioned)
    splits = corpus if isinstance(corpus, DatasetDict) else {"": corpus}
    positions = {name: _positions_in(labels, rows["record_id"][:]) for name, rows in splits.items()}
    every = np.concatenate(list(positions.values()))
    report_missing(int(np.count_nonzero(every < 0)), len(every))
    joined = {name: _append_labels(rows, labels, positions[name]) for name, rows in splits.items()}
    return cast(Corpus, DatasetDict(joined) if isinstance(corpus, DatasetDict) else joined[""])


def report_missing(num_missing: int, num_records: int) -> None:
    """Tell how many records have no extracted labels; refuse labels that have none of them."""
    if num_missing and num_missing == num_records:
        raise ValueError(
            f"None of {num_records} records of the corpus is in the report labels. Extract labels from the reports of"
            " this corpus: `python -m datasets_scripts.extraction --reports`."
        )
    if num_missing:
        logger.warning(f"{num_missing} of {num_records} records have no report labels: all labels are unknown there.")


def _positions_in(labels: Dataset, record_ids: Sequence[str]) -> np.ndarray:
    """Row of each record in the labels, -1 where there is none."""
    index = pd.Index(labels["record_id"][:])
    if not index.is_unique:
        raise ValueError(
            f"The report labels list record {index[index.duplicated()][0]} more than once. Load them with"
            " `load_report_labels`, or drop the repeated rows."
        )
    return index.get_indexer(pd.Index(record_ids, dtype=object))


def _append_labels(rows: Dataset, labels: Dataset, positions: np.ndarray) -> Dataset:
    """Put the labels at the given positions beside the rows of a corpus."""
    others = [name for name in rows.column_names if name not in LABEL_COLUMNS]
    features = Features({**{name: rows.features[name] for name in others}, **labels.features})
    order = list(dict.fromkeys([*rows.column_names, *LABEL_COLUMNS]))
    if not len(rows):
        return Dataset.from_dict({name: [] for name in order}, features=Features({n: features[n] for n in order}))
    names = labels.features["labels"].feature.names
    unknown = _label_table([""], [ReportFindings((), tuple(names))], names)
    entries = pa.concat_tables([cast(pa.Table, labels.with_format("arrow")[:]).select(unknown.column_names), unknown])
    entries = entries.select(list(LABEL_COLUMNS))
    columns = Dataset(
        pa.concat_tables(entries.take(chunk) for chunk in _chunks(np.where(positions < 0, len(labels), positions))),
        info=DatasetInfo(features=Features({name: labels.features[name] for name in LABEL_COLUMNS})),
        fingerprint=Hasher.hash([rows._fingerprint, labels._fingerprint]),
    )
    return concatenate_datasets([rows.select_columns(others), columns], axis=1).select_columns(order)


@dataclass
class ReportLabelsConfig(CorpusConfig):
    """Options of a corpus that is labelled by its reports; `data_dir` and the rest are those of the corpus.

    Attributes:
        report_labels (`str`, *optional*):
            Output folder of `python -m datasets_scripts.extraction`, or the file `labels.parquet` in it.
        corpus_name (`str`, defaults to `"ptb_xl"`):
            The corpus whose records are labelled, a key of `CORPORA`.
        corpus_config_name (`str`, *optional*):
            Its configuration.
        unmentioned (`str`, defaults to `"absent"`):
            What a finding is that a report does not mention: `"absent"` or `"unknown"`.
    """

    report_labels: str | None = None
    corpus_name: str = "ptb_xl"
    corpus_config_name: str | None = None
    unmentioned: Unmentioned = "absent"

    def create_config_id(self, config_kwargs: dict, custom_features: Features | None = None) -> str:
        """Name of the cache folder; it changes with the extracted labels and with the corpus."""
        content = [hashlib.md5(self.labels_path.read_bytes()).hexdigest(), self.make_builder().config_id]
        return super().create_config_id({**config_kwargs, "content": Hasher.hash(content)}, custom_features)

    @property
    def labels_path(self) -> Path:
        """The labels, which must exist."""
        if self.report_labels is None:
            raise ValueError(
                "The corpus is labelled by its reports, and no labels were given. Pass `report_labels=`"
                " (`--report_labels`): the output folder of `python -m datasets_scripts.extraction`."
            )
        return labels_file(self.report_labels)

    def make_builder(self) -> DatasetBuilder:
        """The builder of the corpus, with the options that it knows."""
        if self.corpus_name not in CORPORA:
            raise ValueError(
                f"There is no corpus {self.corpus_name!r} to label. Pass one of {', '.join(CORPORA)} as"
                " `corpus_name` (`--corpus_name`)."
            )
        builder_class = CORPORA[self.corpus_name]
        known = {field.name for field in fields(builder_class.BUILDER_CONFIG_CLASS)} - {"name", "version"}
        own = {field.name for field in fields(CorpusConfig)}
        options = {name: getattr(self, name) for name in known & own}
        return builder_class(config_name=self.corpus_config_name, **options)


class LabelledByReports(CorpusBuilder):
    """A corpus with the findings of its reports in place of labels it may have; a record without any is unknown."""

    BUILDER_CONFIG_CLASS = ReportLabelsConfig
    BUILDER_CONFIGS = [ReportLabelsConfig(name="default")]
    config: ReportLabelsConfig

    @cached_property
    def corpus(self) -> Any:
        """The builder of the corpus."""
        return self.config.make_builder()

    def _info(self) -> DatasetInfo:
        info = self.corpus.info
        names = read_finding_names(self.config.labels_path)
        features = Features({**info.features, **{name: label_features(names)[name] for name in LABEL_COLUMNS}})
        return DatasetInfo(
            description=f"{info.description}, labelled by its reports", homepage=info.homepage, features=features
        )

    def _split_generators(self, dl_manager: object) -> list[SplitGenerator]:
        return self.corpus._split_generators(dl_manager)

    def _generate_examples(self, **gen_kwargs: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        """Rows of the corpus with other labels."""
        self.corpus._output_dir = self._output_dir  # where it lists the records that it leaves out
        path = self.config.labels_path
        records, denials = _read_labels(str(path), path.stat().st_mtime_ns, self.config.unmentioned)
        names = (self.info.features or {})["labels"].feature.names
        for key, row in self.corpus._generate_examples(**gen_kwargs):
            yield key, {**row, **label_columns(records.get(row["record_id"]), names, denials=denials)}


@lru_cache(maxsize=1)
def _read_labels(
    path: str, changed_ns: int, unmentioned: Unmentioned
) -> tuple[dict[str, ReportFindings], Denials | None]:
    """Findings by record and what they deny, read once per process."""
    denials = Denials(read_finding_names(path)) if unmentioned == "unknown" else None
    return read_report_findings(path), denials


def label_columns(
    findings: ReportFindings | None, label_names: Sequence[str], *, denials: Denials | None = None
) -> dict[str, Any]:
    """`labels` and `label_mask` of a record; without findings all labels are unknown.

    Args:
        findings (`ReportFindings`, *optional*):
            What the report says.
        label_names (`Sequence[str]`):
            Names of the labels.
        denials (`Denials`, *optional*):
            Given where what a report does not mention is unknown unless the report denies it.

    Returns:
        `dict`: Names of the positive findings, and for each label whether it is known.
    """
    if findings is None:
        return {"labels": [], "label_mask": [False] * len(label_names)}
    known = set(label_names).difference(findings.uncertain)
    if denials is not None:
        known = denials.find(findings).union(findings.positive)
    return {"labels": list(findings.positive), "label_mask": [name in known for name in label_names]}
