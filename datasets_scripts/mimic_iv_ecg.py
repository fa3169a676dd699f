"""MIMIC-IV-ECG (Gow et al. 2023, PhysioNet): 800,035 recordings of 161,352 patients with the reports of the carts."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

from datasets import DatasetInfo, Features, SplitGenerator, Value, Version
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
from datasets_scripts.readers.cells import parse_number, parse_whole
from datasets_scripts.readers.mimic_iv_ecg_layout import (
    FIGURES,
    MEASUREMENT_COLUMNS,
    MEASUREMENTS_FILENAME,
    NOT_MEASURED,
    RECORD_COLUMNS,
    RECORDS_FILENAME,
    SETTINGS,
)
from datasets_scripts.readers.stated_measurements import measurements_of_cart
from datasets_scripts.readers.tables import Row, TableFile, is_refused, make_rows
from datasets_scripts.readers.wfdb_reader import header_path, read_wfdb_record
from datasets_scripts.terminology.findings import load_terminology
from modeling_supreme.recordings import EcgRecording

from .corpus_builder import OFFICIAL_FILE, CorpusBuilder, CorpusConfig
from .schema import SAMPLING_RATE, corpus_features
from .splits import assign_split


# Part of the cache's name: raise it when rows change for another reason than the tables.
ROWS_VERSION = Version("1.3.0")
MEASURED_KEYS = tuple(measurements_of_cart(dict.fromkeys(FIGURES)))

T = TypeVar("T")


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
        figures (`tuple[float | None, ...]`):
            Values of `FIGURES`; NaN where the cart found nothing to measure, `None` where it says nothing.
        statements (`tuple[str, ...]`):
            The report.
    """

    study_id: int
    subject_id: int
    path: str
    ecg_time: str | None
    settings: tuple[str | None, ...]
    figures: tuple[float | None, ...]
    statements: tuple[str, ...]


class _Measurement(NamedTuple):
    """What machine_measurements.csv says of a recording, as the fields of [`MimicRecord`] of these names."""

    settings: tuple[str | None, ...]
    figures: tuple[float | None, ...]
    statements: tuple[str, ...]


NOTHING_MEASURED = _Measurement((None,) * len(SETTINGS), (None,) * len(FIGURES), ())


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
    - The cart's intervals (ms) and axes (degrees) are null where it wrote a stand-in such as 29999. `measurements`
      are made from them: NaN for P and PR where the cart marked the beats and no P wave, else null where a mark is
      missing; what no heart can do is null, too.
    - `ecg_time` is that of record_list.csv; machine_measurements.csv has another one for some records.
    - Of missing samples, gaps up to 40 ms become a straight line and are counted in `num_bridged_samples`; longer ones
      are masked, as in every corpus.
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
                measurements=dict.fromkeys(MEASURED_KEYS, Value("float32")),
                num_bridged_samples=Value("int32"),
                filename=Value("string"),
            ),
        )

    def _split_generators(self, dl_manager: object) -> list[SplitGenerator]:
        paths = (self.config.table(RECORDS_FILENAME), self.config.table(MEASUREMENTS_FILENAME))
        listed = read_records(*paths, on_error=self.config.on_error)
        records = [record for record in listed if not is_refused(record)]
        findings: list[ReportFindings | None] = [None] * len(records)
        if self.config.report_labels is not None:
            known = read_report_findings(self.config.report_labels)
            findings = [known.get(str(record.study_id)) for record in records]
            report_missing(findings.count(None), len(records))
        rows = [*zip(records, findings, strict=True), *filter(is_refused, listed)]
        return self._split_rows(rows, lambda row: assign_split(str(row[0].subject_id)))

    def _generate_examples(
        self, rows: list[tuple[MimicRecord, ReportFindings | None] | dict], split: str
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Rows of the corpus; `rows` is the list that `num_proc` shares out."""
        judge = ReportJudge((self.info.features or {})["labels"].feature.names)
        for row in rows:
            if not isinstance(row, dict):
                record, findings = row
                row = {**self._columns_of(record), **judge.label_columns(findings)}
            yield from super()._generate_examples([row], split)

    def source_paths(self, row: tuple[MimicRecord, ReportFindings | None]) -> tuple[str, ...]:
        """Signals and header."""
        path = Path(str(self.config.data_dir)) / row[0].path
        return (f"{path}.dat", f"{path}.hea")

    def _columns_of(self, record: MimicRecord) -> dict[str, Any]:
        """Columns of a row that come from the tables, and the `path` of its signal file."""
        figures: dict[str, float | None] = dict(zip(FIGURES, record.figures, strict=True))
        return {
            "record_id": str(record.study_id),
            "patient_id": str(record.subject_id),
            "age": None,
            "sex": None,
            "report": "\n".join(record.statements) or None,
            "statements": list(record.statements),
            "ecg_time": record.ecg_time,
            **dict(zip(SETTINGS, record.settings, strict=True)),
            **{name: None if figure is None or math.isnan(figure) else figure for name, figure in figures.items()},
            "measurements": measurements_of_cart(figures),
            "filename": record.path,
            "path": str(Path(str(self.config.data_dir)) / f"{record.path}.dat"),
        }

    def _read_recording(self, row: dict) -> EcgRecording:
        recording = read_wfdb_record(header_path(row["path"]), sampling_rate=SAMPLING_RATE)
        row["num_bridged_samples"] = recording.account.num_bridged_samples
        return recording


def read_records(records_path: Path, measurements_path: Path, *, on_error: str = "raise") -> list[Any]:
    """The recordings of the corpus with their reports and measurements, in the order of record_list.csv.

    Args:
        records_path (`Path`):
            record_list.csv.
        measurements_path (`Path`):
            machine_measurements.csv; a recording that it lacks has an empty report.
        on_error (`str`, defaults to `"raise"`):
            What to do with rows that cannot be right, as in [`~datasets_scripts.readers.tables.make_rows`].

    Returns:
        `list[MimicRecord]`: With `"skip"`, what stands for rows that cannot be right comes first.

    Raises:
        ValueError: If a table lacks a column, a cell cannot be right, a recording is listed twice, or the tables
            disagree.
    """
    share = _Shared()
    measured: dict[int, tuple[int, _Measurement]] = {}
    measurements = TableFile(
        measurements_path, required=MEASUREMENT_COLUMNS, id_column="study_id", remedy=OFFICIAL_FILE
    )
    numbered = [name for name in measurements.columns if MIMIC_REPORT_COLUMN.fullmatch(name)]
    numbered.sort(key=lambda name: int(name.rpartition("_")[2]))

    def measure(entry: Row) -> None:
        subject_id, measurement = (
            entry.read("subject_id", parse_whole),
            _Measurement(
                settings=share(tuple(entry[name] for name in SETTINGS)),
                figures=share(tuple(entry.read(name, parse_figure) for name in FIGURES)),
                statements=share(tuple(text for text in map(entry.__getitem__, numbered) if text)),
            ),
        )
        measured[entry.read("study_id", parse_whole)] = (share(subject_id), measurement)

    refused = make_rows(measurements, measure, on_error=on_error)
    faulty = {row["record_id"] for row in refused}

    def make_record(entry: Row) -> MimicRecord | None:
        if entry["study_id"] in faulty:
            return None
        study_id, subject_id = entry.read("study_id", parse_whole), entry.read("subject_id", parse_whole)
        other_id, measurement = measured.get(study_id, (subject_id, NOTHING_MEASURED))
        if subject_id != other_id:
            raise entry.error(
                f"{measurements_path} gives study_id {study_id} to another subject_id than {records_path.name} does."
                " Download both files from one release."
            )
        path = entry.require("path").replace("\\", "/")
        return MimicRecord(study_id, share(subject_id), path, entry["ecg_time"], *measurement)

    records = TableFile(records_path, required=RECORD_COLUMNS, id_column="study_id", remedy=OFFICIAL_FILE)
    return refused + make_rows(records, make_record, on_error=on_error)


class _Shared(dict):
    """Hands out one object for all equal ones."""

    def __call__(self, value: T) -> T:
        return self.setdefault(value, value)


@lru_cache(maxsize=100_000)
def parse_figure(cell: str | None) -> float | None:
    """An interval in ms or an axis in degrees; NaN where the cart found nothing to measure, `None` for an empty cell.

    Raises:
        ValueError: If the cell is no number.

    Example:
        >>> parse_figure("659"), parse_figure("81.0"), parse_figure("29999"), parse_figure("")
        (659, 81, nan, None)
    """
    figure = parse_number(cell)
    if figure is None:
        return None
    return math.nan if figure in NOT_MEASURED else round(figure)
