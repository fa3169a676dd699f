"""From statements to labels: each distinct statement is read once, its findings go to every record that has it."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
from tqdm import tqdm

from .reading import CERTAINTIES, Reading
from .rules import read_statement
from .terminology import load_terminology


STATEMENTS_FILE = "statements.jsonl"
LABELS_FILE = "labels.parquet"
FINDINGS_FILE = "findings.csv"
BACKENDS = {"rules": read_statement}
# Changes whenever the rules read a statement differently; a backend with a prompt counts its prompts here.
PROMPT_VERSION = "1"
LABELS_SCHEMA = pa.schema(
    [("record_id", pa.string()), *((certainty, pa.list_(pa.string())) for certainty in CERTAINTIES)]
)


@dataclass(frozen=True)
class Extraction:
    """What was read from the reports of a corpus.

    Attributes:
        readings (`dict[str, Reading]`):
            Each distinct statement with its entities, in the order of first appearance.
        counts (`dict[str, int]`):
            How often each statement occurs.
        labels (`pandas.DataFrame`):
            One row per record: `record_id`, and the lists of `positive`, `uncertain` and `negative` findings.
    """

    readings: dict[str, Reading]
    counts: dict[str, int]
    labels: pd.DataFrame

    @property
    def num_unread(self) -> int:
        """Distinct statements of which no word is known."""
        return sum(not reading.is_read for reading in self.readings.values())


def extract_labels(
    records: Iterable[tuple[str, Sequence[str]]],
    *,
    backend: str = "rules",
    num_records: int | None = None,
    show_progress: bool = False,
) -> Extraction:
    """Read the reports of many records.

    Args:
        records (`Iterable[tuple[str, Sequence[str]]]`):
            Identifier and statements of each record, as `iterate_reports` yields them.
        backend (`str`):
            Who reads a statement, one of `BACKENDS`.
        num_records (`int`, *optional*):
            Length of the progress bar.
        show_progress (`bool`):
            Whether to show a progress bar.

    Returns:
        `Extraction`: Readings of the distinct statements and labels of the records.

    Raises:
        ValueError: If there is no such backend.

    Example:
        >>> extraction = extract_labels([("1", ["Sinus rhythm", "Possible LVH"]), ("2", ["Sinus rhythm"])])
        >>> extraction.labels["uncertain"].tolist()
        [['left ventricular hypertrophy'], []]
        >>> extraction.counts
        {'Sinus rhythm': 2, 'Possible LVH': 1}
    """
    if backend not in BACKENDS:
        raise ValueError(f"There is no backend {backend!r}. Pass one of {', '.join(BACKENDS)} with `--backend`.")
    read = BACKENDS[backend]
    readings: dict[str, Reading] = {}
    counts: Counter[str] = Counter()
    rows = []
    for record_id, statements in tqdm(records, total=num_records, unit=" records", disable=not show_progress):
        counts.update(statements)
        for statement in statements:
            if statement not in readings:
                readings[statement] = read(statement)
        rows.append({"record_id": record_id, **join_readings(readings[statement] for statement in statements)})
    return Extraction(readings, dict(counts), pd.DataFrame(rows, columns=pd.Index(LABELS_SCHEMA.names)))


def join_readings(readings: Iterable[Reading]) -> dict[str, list[str]]:
    """Labels of a record: the findings of its statements by certainty, each under the strongest one only.

    Args:
        readings (`Iterable[Reading]`):
            What was read from the statements of one record.

    Returns:
        `dict[str, list[str]]`: Names of the `positive`, `uncertain` and `negative` findings, in alphabetical order.
        A finding that one statement affirms and another doubts or denies is positive; doubted and denied, uncertain.
    """
    stated: dict[str, set[str]] = {certainty: set() for certainty in CERTAINTIES}
    for reading in readings:
        for entity in reading.entities:
            stated[entity.certainty].add(entity.entity)
    joined: dict[str, list[str]] = {}
    taken: set[str] = set()
    for certainty in CERTAINTIES:
        joined[certainty] = sorted(stated[certainty] - taken)
        taken |= stated[certainty]
    return joined


def write_extraction(extraction: Extraction, output_dir: Path, *, backend: str = "rules") -> None:
    """Write `statements.jsonl`, `labels.parquet` and `findings.csv` into a folder, which is made if need be.

    Args:
        extraction (`Extraction`):
            What was read.
        output_dir (`Path`):
            Folder of the three files.
        backend (`str`):
            Named in every line of `statements.jsonl`.
    """
    output_dir.mkdir(parents=True, exist_ok=True)
    with (output_dir / STATEMENTS_FILE).open("w", encoding="utf-8") as file:
        for statement, reading in extraction.readings.items():
            line = {
                "statement": statement,
                "entities": [entity._asdict() for entity in reading.entities],
                "backend": backend,
                "model": "",
                "prompt_version": PROMPT_VERSION,
                "count": extraction.counts[statement],
                "is_read": reading.is_read,
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    table = pa.Table.from_pandas(extraction.labels, schema=LABELS_SCHEMA, preserve_index=False)
    pyarrow.parquet.write_table(table, output_dir / LABELS_FILE)
    count_findings(extraction.labels).to_csv(output_dir / FINDINGS_FILE, index=False)


def count_findings(labels: pd.DataFrame) -> pd.DataFrame:
    """The vocabulary of a corpus with the number of records per finding and certainty, most frequent first.

    Args:
        labels (`pandas.DataFrame`):
            Labels as `extract_labels` returns them.

    Returns:
        `pandas.DataFrame`: Columns `finding`, `snomed_ct`, `scp_code`, `positive`, `uncertain`, `negative`.
    """
    counts = {certainty: Counter(name for names in labels[certainty] for name in names) for certainty in CERTAINTIES}
    names = set().union(*counts.values())
    rows = [
        {
            "finding": finding.name,
            "snomed_ct": finding.snomed_ct,
            "scp_code": finding.scp_code,
            **{certainty: counts[certainty][finding.name] for certainty in CERTAINTIES},
        }
        for finding in load_terminology()
        if finding.name in names
    ]
    table = pd.DataFrame(rows, columns=pd.Index(["finding", "snomed_ct", "scp_code", *CERTAINTIES]))
    return table.sort_values([*CERTAINTIES, "finding"], ascending=[False, False, False, True], ignore_index=True)


def labels_file(path: str | Path) -> Path:
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
    file = labels_file(path)
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


def load_labels(path: str | Path) -> pd.DataFrame:
    """Read the labels that the extraction wrote.

    Args:
        path (`str` or `Path`):
            The folder given with `--output_dir`, or the file `labels.parquet` in it.

    Returns:
        `pandas.DataFrame`: One row per record: `record_id` and the lists `positive`, `uncertain` and `negative`.

    Raises:
        FileNotFoundError: If the extraction has not written there.
        ValueError: If the file is no Parquet file or lacks a column.
    """
    labels = load_labels_table(path).to_pandas()
    labels["record_id"] = labels["record_id"].astype(str)
    for certainty in CERTAINTIES:
        labels[certainty] = [list(names) for names in labels[certainty]]
    return labels
