"""`labels.parquet`: one row per record with its findings, written and read without holding a corpus in memory."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from datasets_scripts.extraction.readings.reading import CERTAINTIES, Certainty
from datasets_scripts.terminology.findings import NORMAL_FINDING
from modeling_supreme.output_files.atomic_files import replace_when_complete

from .report_findings import ReportFindings, known_ancestors, name_findings, settle_findings


logger = logging.getLogger(__name__)

LABELS_FILE = "labels.parquet"
LABELS_SCHEMA = pa.schema(
    [("record_id", pa.string()), *((certainty, pa.list_(pa.string())) for certainty in CERTAINTIES)]
)
# Says in the file whether ancestors were added to the findings as stated. A file that does not say is closed upward.
PARENTS_KEY, PARENTS_ADDED, PARENTS_NOT_ADDED = b"parents", b"added", b"not added"
RECORDS_PER_ROW_GROUP = 50_000
REPORTS_REMEMBERED = 50_000  # machine reports repeat: most records have the statements of an earlier one


@dataclass
class LabelCounts:
    """What was counted while the labels of records were written.

    Attributes:
        num_records (`int`):
            Records written.
        num_without_findings (`int`):
            Records of which no finding is positive, uncertain or negative.
        findings (`dict[Certainty, Counter]`):
            Records of each finding, by certainty.
        overruled (`Counter`):
            Records in which a finding was stated with several certainties.
        beside_normal (`Counter`):
            Records in which a finding is positive beside `normal ecg`.
    """

    num_records: int = 0
    num_without_findings: int = 0
    findings: dict[Certainty, Counter] = field(
        default_factory=lambda: {certainty: Counter() for certainty in CERTAINTIES}
    )
    overruled: Counter = field(default_factory=Counter)
    beside_normal: Counter = field(default_factory=Counter)

    def add(self, labels: ReportFindings) -> None:
        """Count one record."""
        self.num_records += 1
        stated = labels[: len(CERTAINTIES)]
        self.num_without_findings += not any(stated)
        for certainty, names in zip(CERTAINTIES, stated, strict=True):
            self.findings[certainty].update(names)
        self.overruled.update(labels.overruled)
        if NORMAL_FINDING in labels.positive:
            self.beside_normal.update(name for name in labels.positive if name != NORMAL_FINDING)

    def num_mentioning(self, name: str) -> int:
        """Records in which a finding is positive or uncertain."""
        positive, uncertain, _ = (self.findings[certainty][name] for certainty in CERTAINTIES)
        return positive + uncertain

    @property
    def names(self) -> set[str]:
        """Names of all findings of any record."""
        return set().union(*self.findings.values())


def write_labels(
    records: Iterable[tuple[str, Sequence[str]]],
    path: Path,
    *,
    label: Callable[[tuple[str, ...]], ReportFindings],
    parents_added: bool = True,
) -> LabelCounts:
    """Write the labels of records, a row group at a time; memory does not grow with their number.

    Args:
        records (`Iterable[tuple[str, Sequence[str]]]`):
            Identifier and statements of each record, as `iterate_reports` yields them.
        path (`Path`):
            The Parquet file to write.
        label (`Callable`):
            Gives the labels of a report from its statements; called once for equal reports in a row of many.
        parents_added (`bool`):
            Whether `label` gives the ancestors of a finding too; noted in the file.

    Returns:
        `LabelCounts`: What was counted on the way.
    """
    label, counts, remaining = lru_cache(maxsize=REPORTS_REMEMBERED)(label), LabelCounts(), iter(records)
    schema = LABELS_SCHEMA.with_metadata({PARENTS_KEY: PARENTS_ADDED if parents_added else PARENTS_NOT_ADDED})
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        while chunk := list(islice(remaining, RECORDS_PER_ROW_GROUP)):
            rows = [label(tuple(statements)) for _, statements in chunk]
            for row in rows:
                counts.add(row)
            columns = [[row[index] for row in rows] for index in range(len(CERTAINTIES))]
            ids = [record_id for record_id, _ in chunk]
            writer.write_table(pa.table([pa.array(ids, pa.string()), *map(_as_lists, columns)], schema=schema))
    return counts


def _as_lists(names: Sequence[tuple[str, ...]]) -> pa.Array:
    """A column of lists of names."""
    return pa.array(names, pa.list_(pa.string()))


def drop_findings(path: Path, kept: Collection[str]) -> None:
    """Write labels again without the findings that are not kept, a row group at a time."""
    file = pyarrow.parquet.ParquetFile(path)
    with (
        replace_when_complete(path) as temporary,
        pyarrow.parquet.ParquetWriter(temporary, file.schema_arrow) as writer,
    ):
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            for certainty in CERTAINTIES:
                column = _filter_lists(table[certainty].combine_chunks(), kept)
                table = table.set_column(table.column_names.index(certainty), certainty, column)
            writer.write_table(table.cast(file.schema_arrow))


def _filter_lists(column: pa.ListArray, kept: Collection[str]) -> pa.Array:
    """Lists without the values that are not kept."""
    values = column.values.dictionary_encode()
    is_name_kept = np.array([name in kept for name in values.dictionary.to_pylist()], dtype=bool)
    is_kept = is_name_kept[values.indices.to_numpy()] if len(values) else np.zeros(0, dtype=bool)
    num_kept_before = np.concatenate([[0], np.cumsum(is_kept)]).astype(np.int32)
    return pa.ListArray.from_arrays(
        num_kept_before[column.offsets.to_numpy()], column.values.filter(pa.array(is_kept))
    )


def find_labels_file(path: str | Path) -> Path:
    """Path of the labels that the extraction wrote.

    Args:
        path (`str` or `Path`):
            The folder given with `--output_dir`, or the file `labels.parquet` in it.

    Raises:
        FileNotFoundError: If the extraction has not written there.
    """
    file = Path(path)
    file = file / LABELS_FILE if file.is_dir() else file
    if not file.is_file():
        raise FileNotFoundError(
            f"There are no labels at {file}. Write them with `python -m datasets_scripts.extraction --output_dir`."
        )
    return file


def load_labels_table(path: str | Path) -> pa.Table:
    """Read the labels that the extraction wrote, as Arrow keeps them.

    Args:
        path (`str` or `Path`):
            The folder given with `--output_dir`, or the file `labels.parquet` in it.

    Returns:
        `pyarrow.Table`: One row per record, with the columns of `LABELS_SCHEMA`.

    Raises:
        FileNotFoundError: If the extraction has not written there.
        ValueError: If the file is no Parquet file or lacks a column.
    """
    file = find_labels_file(path)
    try:
        table = pyarrow.parquet.read_table(file)
    except pa.ArrowInvalid as error:
        raise ValueError(
            f"{file} is no Parquet file ({error}). Write it with `python -m datasets_scripts.extraction`."
        ) from error
    missing = [name for name in LABELS_SCHEMA.names if name not in table.column_names]
    if missing:
        raise ValueError(
            f"{file} has no column {', '.join(missing)}. Write it with `python -m datasets_scripts.extraction`."
        )
    return table.select(LABELS_SCHEMA.names)


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
    is_left_as_stated = (table.schema.metadata or {}).get(PARENTS_KEY) == PARENTS_NOT_ADDED
    find_ancestors = (lambda name: ()) if is_left_as_stated else known_ancestors
    shared: dict[tuple[tuple[str, ...], ...], ReportFindings] = {}
    records = {}
    for record_id, stated in _iterate_labels(table):
        if stated not in shared:
            shared[stated] = settle_findings(*stated, find_ancestors=find_ancestors)
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


def report_missing(num_missing: int, num_records: int) -> None:
    """Tell how many records of a corpus have no extracted labels.

    Raises:
        ValueError: If no record has any.
    """
    if num_missing and num_missing == num_records:
        raise ValueError(
            f"None of {num_records} records of the corpus is in the report labels. Extract labels from the reports of"
            " this corpus: `python -m datasets_scripts.extraction --reports`."
        )
    if num_missing:
        logger.warning(
            "%d of %d records have no report labels: all labels are unknown there.", num_missing, num_records
        )


def _iterate_labels(table: pa.Table) -> Iterator[tuple[str, tuple[tuple[str, ...], ...]]]:
    """Records of a table of labels, each with its positive, uncertain and negative findings."""
    for batch in table.to_batches(max_chunksize=RECORDS_PER_ROW_GROUP):
        columns = [batch.column(certainty).to_pylist() for certainty in CERTAINTIES]
        for record_id, *names in zip(batch.column("record_id").to_pylist(), *columns, strict=True):
            yield str(record_id), tuple(tuple(part or ()) for part in names)


def count_by_finding(counts: LabelCounts, codes: Mapping[str, tuple[str, str]]) -> pd.DataFrame:
    """The vocabulary of a corpus with the number of records per finding and certainty, most frequent first.

    Args:
        counts (`LabelCounts`):
            What `write_labels` counted.
        codes (`Mapping[str, tuple[str, str]]`):
            SNOMED CT and SCP code of each finding, empty where there is none.

    Returns:
        `pandas.DataFrame`: Columns `finding`, `snomed_ct`, `scp_code`, `positive`, `uncertain`, `negative`.
    """
    rows = [
        (name, *codes[name], *(counts.findings[certainty][name] for certainty in CERTAINTIES)) for name in counts.names
    ]
    table = pd.DataFrame(rows, columns=pd.Index(["finding", "snomed_ct", "scp_code", *CERTAINTIES]))
    return table.sort_values([*CERTAINTIES, "finding"], ascending=[False, False, False, True], ignore_index=True)
