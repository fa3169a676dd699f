"""A folder of ECG files of any kind, with or without a table of what is known about them."""

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast, get_args

from datasets import DatasetInfo, Features, List, SplitGenerator, Value, Version
from datasets.utils import logging

from datasets_scripts.extraction.readings.statements import split_report
from datasets_scripts.readers.cells import LabelCell, find_separator, fold, is_unknown, parse_labels, shorten
from datasets_scripts.readers.patients import parse_age, parse_sex
from datasets_scripts.readers.stated_measurements import MEASUREMENT_KEYS, read_measurements
from datasets_scripts.readers.tables import Row, TableFile, is_refused
from modeling_supreme.ecg_files import WFDB_SUFFIXES, is_ecg_file, read_ecg
from modeling_supreme.feature_extraction_supreme import check_voltages
from modeling_supreme.recordings import EcgRecording

from .corpus_builder import CorpusBuilder, CorpusConfig
from .schema import corpus_features
from .splits import SplitName, assign_split


logger = logging.get_logger(__name__)

METADATA_FILENAMES = ("metadata.csv", "metadata.tsv", "metadata.xlsx")
METADATA_COLUMNS = ("file_name", "record_id", "patient_id", "age", "sex", "report", "labels", "split")
COLUMNS_IN_WORDS = f"{', '.join(METADATA_COLUMNS)} and measurements such as qrs_ms, pr_ms, axis_deg and st_mv_V2"
NUM_NAMES_IN_WARNING = 20
NOTHING_KNOWN = LabelCell((), is_known=False)

# Part of the cache's name: raise it when rows change for another reason than the files.
ROWS_VERSION = Version("1.3.0")


@dataclass
class EcgFolderConfig(CorpusConfig):
    """Options of a folder of ECG files."""

    sampling_rate: float | None = field(
        default=None,
        metadata={"help": "Samples per second, in hertz, of files that do not say: tables and arrays."},
    )
    leads: Sequence[str] | str | None = field(
        default=None,
        metadata={
            "help": "Names of the leads, in their order, of files that do not say: one word with commas, as in"
            " I,II,V1; in Python also a list."
        },
    )
    unit: str = field(default="mV", metadata={"help": "Unit of the voltages in files that do not say: mV, uV or V."})

    def create_config_id(self, config_kwargs: dict, custom_features: Features | None = None) -> str:
        """Name of the cache folder: it changes with the options and with the files of the folder."""
        if self.data_dir is not None:
            content = hashlib.md5()
            table = find_metadata(self.folder())
            for path in (*list_files(self.folder()), *([table] if table else [])):
                state = path.stat()
                content.update(f"{path}\0{state.st_size}\0{state.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
            config_kwargs = {**config_kwargs, "files": content.hexdigest()}
        return super().create_config_id(config_kwargs, custom_features)

    def folder(self) -> Path:
        """The folder, which must exist."""
        if self.data_dir is None:
            raise ValueError("No folder was given. Pass `data_dir=` (`--data_dir`): the folder of your ECG files.")
        path = Path(self.data_dir)
        if not path.is_dir():
            raise FileNotFoundError(f"The folder {path} does not exist. Correct `data_dir` (`--data_dir`).")
        return path

    def lead_names(self) -> Sequence[str] | None:
        """`leads` as a list."""
        return [lead.strip() for lead in self.leads.split(",")] if isinstance(self.leads, str) else self.leads


class EcgFolder(CorpusBuilder):
    """All ECG files of a folder and its subfolders; what is known about them stands in its `metadata.csv`.

    The table may have the columns `file_name` (relative to the folder), `record_id`, `patient_id`, `age` (years),
    `sex` (male, female), `report`, `labels` (names with `;` between them), `split` (train, validation, test), and
    numbers under the names and in the units of `modeling_supreme.query_grammar.MEASUREMENTS`, such as `qrs_ms` and
    `st_mv_V2`, which become `measurements`; others are named in a warning and not used. It may be a `metadata.tsv` or
    `metadata.xlsx` as well, see [`~datasets_scripts.readers.tables.TableFile`] for the dialects that are read. Its
    names of labels, sorted, are the labels of the corpus. An empty cell of `labels`, `NaN` and `unknown` mean that
    they are unknown, `none` in any spelling that the record has none of them; in a column of numbers, that there is
    nothing to measure. A file without a line in the table is
    read, too; nothing is known of it.

    Records without a stated split are split by a hash of the patient, or of the record where no patient is known.
    Hidden files are passed over; other files that are no ECG are listed in a warning and in `unknown_files`.
    """

    BUILDER_CONFIG_CLASS = EcgFolderConfig
    BUILDER_CONFIGS = [EcgFolderConfig(name="default", version=ROWS_VERSION, description="labels of metadata.csv")]
    DEFAULT_CONFIG_NAME = "default"
    config: EcgFolderConfig
    unknown_files: list[Path]

    def _info(self) -> DatasetInfo:
        self._described = self._read_metadata(find_metadata(self.config.folder()))
        label_names = sorted({name for row in self._described for name in row.get("labels", ())})
        measured = {"measurements": dict.fromkeys(self._measured, Value("float32"))} if self._measured else {}
        features = corpus_features(label_names, file_name=Value("string"), **measured)
        if not label_names:  # Arrow has no lists of the fixed length 0
            features["label_mask"] = List(Value("bool"))
        return DatasetInfo(description="ECG files of a folder", features=features)

    def _split_generators(self, dl_manager: object) -> list[SplitGenerator]:
        return self._split_rows(self._list_rows(), lambda row: row["split"])

    def _read_metadata(self, path: Path | None) -> list[dict[str, Any]]:
        """A row for each line of the table, `labels_known` in place of `label_mask`."""
        self._measured: dict[str, str] = {}
        if path is None:
            return []
        table = TableFile(
            path,
            required=METADATA_COLUMNS[:1],
            optional=(*METADATA_COLUMNS[1:], *MEASUREMENT_KEYS),
            id_column="file_name",
            remedy=f"Its columns may be {COLUMNS_IN_WORDS}.",
        )
        self._measured = {key: key for key in MEASUREMENT_KEYS if key in table.places}
        if table.unused:
            logger.warning(f"{path}: {describe_unused(table.unused)}")
        cells = [row["labels"] for row in table]
        separator = find_separator(cells)
        if separator is None and any("," in (cell or "") for cell in cells):
            logger.warning(f"{path}: commas in column labels were taken for parts of names. Put `;` between labels.")
        return self._read_table(table, MetadataReader(self.config.folder(), separator, self._measured).read)

    def _list_rows(self) -> list[dict[str, Any]]:
        """A row for each line of metadata.csv and for each other ECG file, in the order of their paths."""
        folder = self.config.folder()
        described = {find_file(folder, row["record_id"]) for row in self._described if is_refused(row)}
        described |= {Path(row["path"]) for row in self._described if not is_refused(row)}
        others = [path for path in list_files(folder) if path not in described]
        found = [path for path in others if is_recording(path)]
        self.unknown_files = [path for path in others if path not in set(found) and not _is_companion(path)]
        self._warn_of(folder, others=found if described else [])
        nothing_measured: dict[str, float | None] = dict.fromkeys(self._measured)
        rows = [*self._described, *(row_of(path, folder, measurements=nothing_measured) for path in found)]
        names = [row["record_id"] for row in rows if not is_refused(row)]
        repeated = [record_id for record_id, count in Counter(names).items() if count > 1]
        if repeated:
            raise ValueError(
                f"{folder}: record_id {repeated[0]} stands for more than one file. Give each file an id of its own."
            )
        return sorted(rows, key=lambda row: row["path"])

    def _warn_of(self, folder: Path, *, others: list[Path]) -> None:
        """Name files that are no ECG of a known kind, and ECG files that the table does not describe."""
        unknown = (
            "no ECG files of a known kind and were left out (formats beyond WFDB, CSV, MATLAB, NumPy and HDF5 need"
            " `pip install '.[formats]'` in a clone)"
        )
        undescribed = "ECG files without a line in metadata.csv and are read without labels"
        for paths, what in ((self.unknown_files, unknown), (others, undescribed)):
            if paths:
                names = ", ".join(str(path.relative_to(folder)) for path in paths[:NUM_NAMES_IN_WARNING])
                more = f" and {len(paths) - NUM_NAMES_IN_WARNING} more" if len(paths) > NUM_NAMES_IN_WARNING else ""
                logger.warning(f"{folder}: {len(paths)} files are {what}: {names}{more}.")

    def _read_recording(self, row: dict) -> EcgRecording:
        recording = read_ecg(
            row["path"],
            sampling_rate=self.config.sampling_rate,
            leads=self.config.lead_names(),
            unit=self.config.unit,
        )
        unit_remedy = "Pass `unit=` for tables and arrays, or correct the file."
        check_voltages(recording.strip_mv, recording.leads, row["path"], unit_remedy=unit_remedy)
        return recording

    def _read_columns(self, row: dict) -> dict[str, Any]:
        columns = super()._read_columns(row)
        del columns["split"]
        if not self._measured:
            del columns["measurements"]
        names = (self.info.features or {})["labels"].feature.names
        return {**columns, "label_mask": LabelCell(tuple(row["labels"]), columns.pop("labels_known")).mask(names)}


def find_metadata(folder: Path) -> Path | None:
    """The table of a folder; `None` where there is none.

    Raises:
        ValueError: If there are two.
    """
    found = sorted(path for path in folder.iterdir() if path.name.lower() in METADATA_FILENAMES and path.is_file())
    if len(found) > 1:
        raise ValueError(f"{folder} holds {found[0].name} and {found[1].name}. Keep the one that you mean.")
    return found[0] if found else None


def list_files(folder: Path) -> list[Path]:
    """Files below a folder, sorted, without hidden ones and without its table."""
    table = find_metadata(folder)
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path != table
    )


class MetadataReader:
    """Makes rows of the lines of a folder's table, each held against those before it.

    Args:
        folder (`Path`):
            What `file_name` is relative to.
        separator (`str`, *optional*):
            What stands between labels; `None` where a cell is one label.
        measured (`Mapping[str, str]`):
            Columns with measurements, by their names.
    """

    def __init__(self, folder: Path, separator: str | None, measured: Mapping[str, str]) -> None:
        self._folder, self._separator, self._measured = folder, separator, measured
        self._lines: dict[tuple[str, str], int] = {}  # of a file or a record_id, by which of the two it is
        self._splits: dict[str, tuple[str, int]] = {}  # of a patient, and where it was stated

    def read(self, entry: Row) -> dict[str, Any]:
        """The columns of a row that a line of the table states.

        Raises:
            ValueError: If a cell cannot be right, or contradicts an earlier line.
        """
        path = find_file(self._folder, entry.require("file_name"))
        if not path.is_relative_to(self._folder):
            raise entry.error(f"column file_name: {path} does not lie in {self._folder}. Correct the cell.")
        labels = entry.read("labels", lambda cell: parse_labels(cell, separator=self._separator))
        row = row_of(
            path,
            self._folder,
            record_id=_known(entry["record_id"]),
            patient_id=_known(entry["patient_id"]),
            split=entry.read("split", _read_split),
            age=entry.read("age", parse_age),
            sex=entry.read("sex", parse_sex),
            report=_known(entry["report"]),
            labels=labels,
            measurements=read_measurements(entry, self._measured),
        )
        self._check(entry, "file_name", row["path"])
        self._check(entry, "record_id", row["record_id"])
        split, line = self._splits.setdefault(row["patient_id"] or row["path"], (row["split"], entry.line))
        if split != row["split"]:
            raise entry.error(
                f"patient {row['patient_id']} has records in {row['split']} here and in {split} in line {line}. State"
                " the same split for all records of a patient."
            )
        return row

    def _check(self, entry: Row, column: str, value: str) -> None:
        """Refuse a file or an identifier that an earlier line has."""
        line = self._lines.setdefault((column, value), entry.line)
        if line != entry.line:
            raise entry.error(
                f"{column} {shorten(entry[column] or value)} stands for what line {line} describes. Keep one of the"
                " lines, or give each file an id of its own."
            )


def row_of(path: Path, folder: Path, *, labels: LabelCell = NOTHING_KNOWN, **known: Any) -> dict[str, Any]:
    """Columns of a row that do not come from the file; what is not given is not known.

    Args:
        path (`Path`):
            The file.
        folder (`Path`):
            The folder that is read.
        labels (`LabelCell`, *optional*):
            What is known of its labels.
        known:
            Values of other columns, and `split`.
    """
    file_name = path.relative_to(folder).as_posix()
    record_id = known.get("record_id") or file_name.removesuffix(".hea")
    patient_id, report = known.get("patient_id"), known.get("report")
    return {
        "record_id": record_id,
        "path": str(path),
        "split": known.get("split") or assign_split(patient_id or record_id),
        "patient_id": patient_id,
        "age": known.get("age"),
        "sex": known.get("sex"),
        "report": report,
        "statements": split_report(report or ""),
        "labels": list(labels.names),
        "labels_known": labels.is_known,
        "measurements": known.get("measurements"),
        "file_name": file_name,
    }


def is_recording(path: Path) -> bool:
    """Whether a file is an ECG of its own, and not the signal file of a WFDB record."""
    return not _is_companion(path) and is_ecg_file(path)


def find_file(folder: Path, name: str) -> Path:
    """The path under which the folder lists a file that its table names, also with the slashes of Windows.

    Of a WFDB record, named with or without an extension, it is the header.
    """
    spellings = [Path(os.path.normpath(folder / spelling)) for spelling in (name, name.replace("\\", "/"))]
    for path in spellings:
        header = path.with_suffix(".hea")
        if path.suffix.lower() in WFDB_SUFFIXES and header.is_file():
            return header
        if path.is_file():
            return path
    return spellings[-1]


def describe_unused(names: Sequence[str]) -> str:
    """Which columns of a table are not used, and which one of those that are may be meant."""
    what = f"column {names[0]} is" if len(names) == 1 else f"columns {', '.join(names)} are"
    known = (*METADATA_COLUMNS, *MEASUREMENT_KEYS)
    close = {name: get_close_matches(name.casefold(), known, n=1, cutoff=0.75) for name in names}
    meant = [f"is {name} to be {found[0]}?" for name, found in close.items() if found]
    return " ".join([f"{what} not used; those used are {COLUMNS_IN_WORDS}.", *meant])


def _is_companion(path: Path) -> bool:
    """Whether a file belongs to the WFDB header beside it: signals, annotations."""
    return path.suffix.lower() != ".hea" and path.with_suffix(".hea").is_file()


def _known(cell: str | None) -> str | None:
    """A cell, or `None` where it says that nothing is known."""
    return None if is_unknown(cell) else cell


def _read_split(cell: str | None) -> SplitName | None:
    """A stated split; `None` where none is."""
    if is_unknown(cell):
        return None
    if fold(cell) not in get_args(SplitName):
        raise ValueError(f"the split {shorten(cell)} is none of {', '.join(get_args(SplitName))}")
    return cast("SplitName", fold(cell))
