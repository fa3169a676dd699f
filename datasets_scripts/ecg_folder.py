"""A folder of ECG files of any kind, with or without a table of what is known about them."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import pandas as pd
from datasets import DatasetInfo, Features, List, Split, SplitGenerator, Value, Version
from datasets.utils import logging

from datasets_scripts.extraction.readings.statements import split_report
from datasets_scripts.readers.patients import SEXES, age_in_years
from modeling_supreme.ecg_files import WFDB_SUFFIXES, is_ecg_file, read_ecg
from modeling_supreme.feature_extraction_supreme import check_voltages
from modeling_supreme.recordings import EcgRecording, to_microvolts

from .corpus_builder import CorpusBuilder, CorpusConfig
from .schema import corpus_features
from .splits import SplitName, assign_split


logger = logging.get_logger(__name__)

METADATA_FILENAME = "metadata.csv"
METADATA_COLUMNS = ("file_name", "record_id", "patient_id", "age", "sex", "report", "labels", "split")
LABEL_SEPARATOR = ";"
NO_LABELS = "none"
# Rates within this share of a whole number of hertz are that number: XML formats state a rounded time step.
RATE_TOLERANCE = 1e-4
NUM_NAMES_IN_WARNING = 20

# Part of the cache's name: raise it when rows change for another reason than the files.
ROWS_VERSION = Version("1.0.0")


@dataclass
class EcgFolderConfig(CorpusConfig):
    """Options of a folder of ECG files."""

    sampling_rate: int | None = field(
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
            table = self.folder() / METADATA_FILENAME
            for path in (*list_files(self.folder()), *([table] if table.is_file() else [])):
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
    `sex` (male, female), `report`, `labels` (names with `;` between them) and `split` (train, validation, test). Its
    names of labels, sorted, are the labels of the corpus. An empty cell of `labels` means that they are unknown,
    `none` that the record has none of them. A file without a line in the table is read, too; nothing is known of it.

    Records without a stated split are split by a hash of the patient, or of the record where no patient is known.
    Hidden files are passed over; other files that are no ECG are listed in a warning and in `unknown_files`.
    """

    BUILDER_CONFIG_CLASS = EcgFolderConfig
    BUILDER_CONFIGS = [EcgFolderConfig(name="default", version=ROWS_VERSION, description="labels of metadata.csv")]
    DEFAULT_CONFIG_NAME = "default"
    config: EcgFolderConfig
    unknown_files: list[Path]

    def _info(self) -> DatasetInfo:
        table = read_metadata(self.config.folder())
        label_names = sorted({label for cell in table["labels"] for label in split_labels(cell) or ()})
        features = corpus_features(label_names, file_name=Value("string"))
        if not label_names:  # Arrow has no lists of the fixed length 0
            features["label_mask"] = List(Value("bool"))
        return DatasetInfo(description="ECG files of a folder", features=features)

    def _split_generators(self, dl_manager: object) -> list[SplitGenerator]:
        rows = self._list_rows()
        check_patients(rows)
        return [
            self._split_generator(str(split), [row for row in rows if row["split"] == str(split)])
            for split in (Split.TRAIN, Split.VALIDATION, Split.TEST)
        ]

    def _list_rows(self) -> list[dict[str, Any]]:
        """A row for each line of metadata.csv and for each other ECG file, in the order of their paths."""
        folder = self.config.folder()
        described = {entry["path"]: entry for entry in read_metadata(folder).to_dict("records")}
        others = [path for path in list_files(folder) if path not in described]
        found = [path for path in others if is_recording(path)]
        self.unknown_files = [path for path in others if path not in set(found) and not _is_companion(path)]
        self._warn_of(folder, others=found if described else [])
        entries = [*described.values(), *({"path": path} for path in found)]
        names = (self.info.features or {})["labels"].feature.names
        rows = [_row_of(entry, folder, names) for entry in entries]
        repeated = [record_id for record_id, count in Counter(row["record_id"] for row in rows).items() if count > 1]
        if repeated:
            raise ValueError(
                f"{folder / METADATA_FILENAME}: record_id {repeated[0]} stands for more than one file. Give each file"
                " an id of its own."
            )
        return sorted(rows, key=lambda row: row["path"])

    def _warn_of(self, folder: Path, *, others: list[Path]) -> None:
        """Name files that are no ECG of a known kind, and ECG files that the table does not describe."""
        unknown = (
            "no ECG files of a known kind and were left out (formats beyond WFDB, CSV, MATLAB, NumPy and HDF5 need"
            " `pip install '.[formats]'` in a clone)"
        )
        undescribed = f"ECG files without a line in {METADATA_FILENAME} and are read without labels"
        for paths, what in ((self.unknown_files, unknown), (others, undescribed)):
            if paths:
                names = ", ".join(str(path.relative_to(folder)) for path in paths[:NUM_NAMES_IN_WARNING])
                more = f" and {len(paths) - NUM_NAMES_IN_WARNING} more" if len(paths) > NUM_NAMES_IN_WARNING else ""
                logger.warning(f"{folder}: {len(paths)} files are {what}: {names}{more}.")

    def _read_recording(self, row: dict) -> EcgRecording:
        ecg = read_ecg(
            row["path"],
            sampling_rate=self.config.sampling_rate,
            leads=self.config.lead_names(),
            unit=self.config.unit,
        )
        sampling_rate = round(ecg.sampling_rate)
        if abs(ecg.sampling_rate / sampling_rate - 1) > RATE_TOLERANCE:
            raise ValueError(f"{row['path']} has {ecg.sampling_rate} Hz. Resample it to a whole number of hertz.")
        recorded = np.flatnonzero(~np.isnan(ecg.strip_mv).all(axis=1))
        strip = ecg.strip_mv[recorded]
        leads = [ecg.leads[int(lead)] for lead in recorded]
        num_missing = np.count_nonzero(~np.isfinite(strip))
        if num_missing or not strip.size:
            raise ValueError(
                f"{row['path']} lacks {num_missing} of {strip.size} samples. Repair the file, or leave it out."
            )
        check_voltages(
            strip, leads, row["path"], unit_remedy="Pass `unit=` for tables and arrays, or correct the file."
        )
        return EcgRecording(microvolts=to_microvolts(strip), leads=leads, sampling_rate=sampling_rate)

    def _read_columns(self, row: dict) -> dict[str, Any]:
        columns = super()._read_columns(row)
        del columns["split"]
        return columns


def list_files(folder: Path) -> list[Path]:
    """Files below a folder, sorted, without hidden ones and without its `metadata.csv`."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path != folder / METADATA_FILENAME
    )


def read_metadata(folder: Path) -> pd.DataFrame:
    """The table of a folder with all columns, `None` in empty cells, and `path`; without lines if there is none.

    Raises:
        ValueError: If a column is missing or unknown, a cell of `file_name` is empty, or a file stands twice.
    """
    path = folder / METADATA_FILENAME
    if not path.is_file():
        return pd.DataFrame({name: [] for name in ("path", *METADATA_COLUMNS)})
    try:
        table = pd.read_csv(path, dtype=str, encoding="utf-8-sig")
    except (ValueError, pd.errors.ParserError) as error:
        raise ValueError(f"{path} is not a readable table ({error}). Save it as CSV in UTF-8.") from error
    unknown = [name for name in table if name not in METADATA_COLUMNS]
    if "file_name" not in table or unknown:
        problem = f"has the unknown column {unknown[0]}" if unknown else "has no column file_name"
        raise ValueError(f"{path} {problem}. Its columns may be {', '.join(METADATA_COLUMNS)}.")
    table = table.reindex(columns=list(METADATA_COLUMNS)).astype(object)
    table = table.where(table.notna(), None)
    empty = [line for line, name in enumerate(table["file_name"], start=2) if name is None]
    if empty:
        raise ValueError(f"{path}, line {empty[0]}: the cell of file_name is empty. Fill it, or delete the line.")
    table["path"] = [_find_file(folder / name) for name in table["file_name"]]
    repeated = table.loc[table["path"].duplicated(), "file_name"].tolist()
    if repeated:
        raise ValueError(f"{path} describes the file {repeated[0]} more than once. Keep one line.")
    return table


def split_labels(cell: str | None) -> list[str] | None:
    """Names of the labels in a cell; `None` where they are unknown.

    Example:
        >>> split_labels("AF; LBBB"), split_labels("none"), split_labels(None)
        (['AF', 'LBBB'], [], None)
    """
    if cell is None or not cell.strip():
        return None
    labels = [label.strip() for label in cell.split(LABEL_SEPARATOR)]
    return [label for label in dict.fromkeys(labels) if label and label.lower() != NO_LABELS]


def is_recording(path: Path) -> bool:
    """Whether a file is an ECG of its own, and not the signal file of a WFDB record."""
    return not _is_companion(path) and is_ecg_file(path)


def check_patients(rows: list[dict[str, Any]]) -> None:
    """Refuse splits that share a patient.

    Raises:
        ValueError: If a patient has records in two splits.
    """
    split_of: dict[str, str] = {}
    for row in rows:
        patient_id = row["patient_id"]
        if patient_id is not None and split_of.setdefault(patient_id, row["split"]) != row["split"]:
            raise ValueError(
                f"{METADATA_FILENAME}: patient {patient_id} has records in {split_of[patient_id]} and {row['split']}."
                " State the same split for all records of a patient."
            )


def _is_companion(path: Path) -> bool:
    """Whether a file belongs to the WFDB header beside it: signals, annotations."""
    return path.suffix.lower() != ".hea" and path.with_suffix(".hea").is_file()


def _find_file(path: Path) -> Path:
    """The path under which the folder lists a file: of a WFDB record, the header."""
    header = path.with_suffix(".hea")
    return header if path.suffix.lower() in WFDB_SUFFIXES and header.is_file() else path


def _row_of(entry: dict[str, Any], folder: Path, label_names: list[str]) -> dict[str, Any]:
    """Columns of a row that do not come from the file."""
    path = entry["path"]
    file_name = path.relative_to(folder).as_posix()
    record_id = entry.get("record_id") or file_name.removesuffix(".hea")
    patient_id, report = entry.get("patient_id"), entry.get("report")
    labels = split_labels(entry.get("labels"))
    try:
        split = _read_split(entry.get("split")) or assign_split(patient_id or record_id)
        age = None if entry.get("age") is None else age_in_years(entry["age"])
        sex = _read_sex(entry.get("sex"))
    except ValueError as error:
        raise ValueError(f"{folder / METADATA_FILENAME}: file {file_name}: {error}. Correct the cell.") from error
    return {
        "record_id": record_id,
        "path": str(path),
        "split": split,
        "patient_id": patient_id,
        "age": age,
        "sex": sex,
        "report": report,
        "statements": split_report(report or ""),
        "labels": labels or [],
        "label_mask": [labels is not None] * len(label_names),
        "file_name": file_name,
    }


def _read_split(cell: str | None) -> SplitName | None:
    """A stated split; `None` for an empty cell."""
    if cell is not None and cell not in get_args(SplitName):
        raise ValueError(f"the split {cell!r} is none of {', '.join(get_args(SplitName))}")
    return cast("SplitName | None", cell)


def _read_sex(cell: str | None) -> str | None:
    """A stated sex; `None` for an empty cell."""
    if cell is not None and cell.lower() not in SEXES:
        raise ValueError(f"the sex {cell!r} is none of male, female, M, F")
    return None if cell is None else SEXES[cell.lower()]
