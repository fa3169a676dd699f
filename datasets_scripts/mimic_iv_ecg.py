"""MIMIC-IV-ECG (Gow et al. 2023, PhysioNet): 800,035 recordings of 161,352 patients with the reports of the carts."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from datasets import DatasetInfo, Features, Split, SplitGenerator, Value, Version
from datasets.fingerprint import Hasher

from datasets_scripts.extraction.labels_file import (
    find_labels_file,
    read_finding_names,
    read_report_findings,
    report_missing,
)
from datasets_scripts.extraction.report_findings import ReportFindings
from datasets_scripts.extraction.report_tables import MIMIC_REPORT_COLUMN
from datasets_scripts.extraction.unmentioned import ReportJudge
from datasets_scripts.readers.mimic_iv_ecg_layout import (
    FIGURES,
    MEASUREMENT_COLUMNS,
    MEASUREMENTS_FILENAME,
    NOT_MEASURED,
    RECORD_COLUMNS,
    RECORDS_FILENAME,
    SETTINGS,
)
from datasets_scripts.readers.wfdb_reader import read_wfdb_record
from datasets_scripts.terminology.findings import load_terminology
from modeling_supreme.recordings import EcgRecording

from .corpus_builder import CorpusBuilder, CorpusConfig
from .schema import SAMPLING_RATE, corpus_features
from .splits import assign_split


# Part of the cache's name: raise it when rows change for another reason than the tables.
ROWS_VERSION = Version("1.0.0")

# Half a normal QRS complex, so that no wave can hide in what is bridged. Ours.
MAX_GAP_S = 0.04


class MimicRecord(NamedTuple):
    """What the tables say of one recording; a million of them take less than a gigabyte.

    Attributes:
        study_id, subject_id (`int`):
            Keys of the recording and of the patient.
        path (`str`):
            The recording without extension, below the corpus' folder.
        ecg_time (`str`):
            As in record_list.csv.
        settings (`tuple[str | None, ...]`):
            Values of `SETTINGS`.
        figures (`tuple[int | None, ...]`):
            Values of `FIGURES`; `None` where nothing was measured.
        statements (`tuple[str, ...]`):
            The report.
    """

    study_id: int
    subject_id: int
    path: str
    ecg_time: str | None
    settings: tuple[str | None, ...]
    figures: tuple[int | None, ...]
    statements: tuple[str, ...]


@dataclass
class MimicIvEcgConfig(CorpusConfig):
    """Options of MIMIC-IV-ECG."""

    TABLES: ClassVar[tuple[str, ...]] = (RECORDS_FILENAME, MEASUREMENTS_FILENAME)

    report_labels: str | None = field(
        default=None,
        metadata={
            "help": "Where the labels come from: the output folder of python -m datasets_scripts.extraction, or the"
            " file labels.parquet in it. Without it the labels are all findings of the terminology, all unknown."
        },
    )

    def create_config_id(self, config_kwargs: dict, custom_features: Features | None = None) -> str:
        """Name of the cache folder; it changes with the extracted labels and with what a finding implies, too."""
        terminology = load_terminology()
        labels = Hasher.hash([(finding.name, terminology.ancestors(finding.name)) for finding in terminology])
        if self.report_labels is not None:
            labels += hashlib.md5(find_labels_file(self.report_labels).read_bytes()).hexdigest()
        return super().create_config_id({**config_kwargs, "labels": labels}, custom_features)


class MimicIvEcg(CorpusBuilder):
    """MIMIC-IV-ECG, read from record_list.csv, machine_measurements.csv and `files/`.

    - `labels` come from `report_labels`, an extraction from the reports: positive findings are labels, uncertain ones
      are unknown, and what a report does not mention counts as absent.
    - Splits are by patient: `assign_split(subject_id)`. `age` and `sex` are not part of MIMIC-IV-ECG.
    - `report` has one statement a line; `statements` are the filled cells of `report_0`, `report_1`, ... in order.
    - The cart's intervals (ms) and axes (degrees) are null where it wrote a stand-in such as 29999.
    - `ecg_time` is that of record_list.csv; machine_measurements.csv has another one for some records.
    - Of missing samples, gaps up to 40 ms become a straight line and are counted in `num_bridged_samples`; a lead with
      a longer gap is masked.
    """

    BUILDER_CONFIG_CLASS = MimicIvEcgConfig
    BUILDER_CONFIGS = [MimicIvEcgConfig(name="default", version=ROWS_VERSION)]
    DEFAULT_CONFIG_NAME = "default"
    config: MimicIvEcgConfig

    def _info(self) -> DatasetInfo:
        names = tuple(finding.name for finding in load_terminology())
        if self.config.report_labels is not None:
            names = read_finding_names(self.config.report_labels)
        return DatasetInfo(
            description="MIMIC-IV-ECG with the findings of the carts' reports",
            homepage="https://physionet.org/content/mimic-iv-ecg/",
            license="ODbL 1.0",
            features=corpus_features(
                names,
                ecg_time=Value("string"),
                **dict.fromkeys(SETTINGS, Value("string")),
                **dict.fromkeys(FIGURES, Value("int32")),
                num_bridged_samples=Value("int32"),
                filename=Value("string"),
            ),
        )

    def _split_generators(self, dl_manager: object) -> list[SplitGenerator]:
        records = read_records(self.config.table(RECORDS_FILENAME), self.config.table(MEASUREMENTS_FILENAME))
        findings: list[ReportFindings | None] = [None] * len(records)
        if self.config.report_labels is not None:
            known = read_report_findings(self.config.report_labels)
            findings = [known.get(str(record.study_id)) for record in records]
            report_missing(findings.count(None), len(records))
        rows: dict[str, list] = {str(split): [] for split in (Split.TRAIN, Split.VALIDATION, Split.TEST)}
        for row in zip(records, findings, strict=True):
            rows[assign_split(str(row[0].subject_id))].append(row)
        return [self._split_generator(split, rows[split]) for split in rows]

    def _generate_examples(
        self, rows: list[tuple[MimicRecord, ReportFindings | None]], split: str
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Rows of the corpus; `rows` is the list that `num_proc` shares out."""
        judge = ReportJudge((self.info.features or {})["labels"].feature.names)
        for record, findings in rows:
            row = {**self._columns_of(record), **judge.label_columns(findings)}
            yield from super()._generate_examples([row], split)

    def source_paths(self, row: tuple[MimicRecord, ReportFindings | None]) -> tuple[str, ...]:
        """Signals and header."""
        path = Path(str(self.config.data_dir)) / row[0].path
        return (f"{path}.dat", f"{path}.hea")

    def _columns_of(self, record: MimicRecord) -> dict[str, Any]:
        """Columns of a row that come from the tables, and the `path` of its signal file."""
        return {
            "record_id": str(record.study_id),
            "patient_id": str(record.subject_id),
            "age": None,
            "sex": None,
            "report": "\n".join(record.statements) or None,
            "statements": list(record.statements),
            "ecg_time": record.ecg_time,
            **dict(zip(SETTINGS, record.settings, strict=True)),
            **dict(zip(FIGURES, record.figures, strict=True)),
            "filename": record.path,
            "path": str(Path(str(self.config.data_dir)) / f"{record.path}.dat"),
        }

    def _read_recording(self, row: dict) -> EcgRecording:
        path = Path(row["path"]).with_suffix("")
        recording = read_wfdb_record(path, sampling_rate=SAMPLING_RATE, max_gap_s=MAX_GAP_S)
        row["num_bridged_samples"] = recording.num_bridged_samples
        return recording


def read_records(records_path: Path, measurements_path: Path) -> list[MimicRecord]:
    """The recordings of the corpus with their reports and measurements, in the order of record_list.csv.

    Args:
        records_path (`Path`):
            record_list.csv.
        measurements_path (`Path`):
            machine_measurements.csv; a recording that it lacks has an empty report.

    Raises:
        ValueError: If a table is not the official one, lists a recording twice, or disagrees with the other.
    """
    table = read_tables(records_path, measurements_path)
    numbered = sorted(filter(MIMIC_REPORT_COLUMN.fullmatch, table), key=lambda name: int(name.rpartition("_")[2]))
    cells = zip(*(table[name].tolist() for name in numbered), strict=True)
    settings = zip(*(table[name].tolist() for name in SETTINGS), strict=True)
    figures = zip(*(table[name].tolist() for name in FIGURES), strict=True)
    share: Callable[[Any], Any] = _Shared()
    return [
        MimicRecord(
            study_id=study_id,
            subject_id=share(subject_id),
            path=path,
            ecg_time=time if isinstance(time, str) else None,
            settings=share(tuple(value if isinstance(value, str) else None for value in own_settings)),
            figures=tuple(share(None if np.isnan(value) else round(value)) for value in own_figures),
            statements=share(_statements(own_cells)),
        )
        for study_id, subject_id, path, time, own_settings, own_figures, own_cells in zip(
            *(table[name].tolist() for name in ("study_id", "subject_id", "path", "ecg_time")),
            *(settings, figures, cells),
            strict=True,
        )
    ]


class _Shared(dict):
    """Hands out one object for all equal ones."""

    def __call__(self, value: Any) -> Any:
        return self.setdefault(value, value)


def _statements(cells: Iterable[object]) -> tuple[str, ...]:
    """The report: the filled cells in order."""
    texts = (cell.strip() for cell in cells if isinstance(cell, str))
    return tuple(text for text in texts if text)


def read_tables(records_path: Path, measurements_path: Path) -> pd.DataFrame:
    """The two tables as one, in the order of the first; figures that stand for "not measured" are empty."""
    records = _read_table(records_path, RECORD_COLUMNS)
    empty = records.loc[records["path"].isna(), "study_id"].tolist()
    if empty:
        raise ValueError(f"{records_path}: study_id {empty[0]} has no path. Download the official file again.")
    measurements = _read_table(measurements_path, MEASUREMENT_COLUMNS)
    for name in FIGURES:
        figures = measurements[name]
        measurements[name] = figures.mask(figures.isin(NOT_MEASURED) | np.isinf(figures))
    table = records.merge(measurements, on="study_id", how="left", suffixes=("", "_measured"))
    others = table.pop("subject_id_measured")
    differing = table.loc[others.notna() & (others != table["subject_id"]), "study_id"].tolist()
    if differing:
        raise ValueError(
            f"{measurements_path} gives study_id {differing[0]} to another subject_id than {records_path.name} does."
            " Download both files from one release."
        )
    return table


def _read_table(path: Path, columns: dict[str, str]) -> pd.DataFrame:
    """The named columns of a table, and those of statements."""
    try:
        names = pd.read_csv(path, nrows=0).columns.tolist()
        missing = [name for name in columns if name not in names]
        if missing:
            raise ValueError(f"it has no column {', '.join(missing)}")
        types: Any = {**{name: "category" for name in names if MIMIC_REPORT_COLUMN.fullmatch(name)}, **columns}
        table = pd.read_csv(path, usecols=lambda name: name in types, dtype=types)
    except ValueError as error:
        raise ValueError(f"{path} is not the official table: {error}. Download it again.") from error
    repeated = table.loc[table["study_id"].duplicated(), "study_id"].tolist()
    if repeated:
        raise ValueError(f"{path} lists study_id {repeated[0]} more than once. Download the official file again.")
    return table
