"""CODE-15 % (Ribeiro et al. 2021, Zenodo 4916206): 345,779 exams of 233,770 patients from Brazilian telehealth."""

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from datasets import DatasetInfo, SplitGenerator, Value, Version

from datasets_scripts.readers.cells import parse_flag, parse_whole
from datasets_scripts.readers.hdf5_reader import dataset_of, open_hdf5, recording_of
from datasets_scripts.readers.patients import parse_age
from datasets_scripts.readers.tables import Row, TableFile
from modeling_supreme.recordings import EcgRecording

from .corpus_builder import OFFICIAL_FILE, CorpusBuilder, CorpusConfig
from .schema import corpus_features
from .splits import assign_split


EXAMS_FILENAME = "exams.csv"
SAMPLING_RATE_HZ = 400
# Lead order of the publisher, in the spelling of Latin America.
LEADS = ("DI", "DII", "DIII", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6")

# Columns of exams.csv. Source: Ribeiro et al. 2020, Nature Communications 11:1760, which evaluates the six.
ABNORMALITIES = ("1dAVb", "RBBB", "LBBB", "SB", "ST", "AF")
LABEL_NAMES = {"abnormalities": ABNORMALITIES, "with_normal": (*ABNORMALITIES, "normal_ecg")}
DESCRIPTIONS = {"abnormalities": "6 abnormalities", "with_normal": "6 abnormalities and normal ECG"}
EXAM_COLUMNS = ("exam_id", "age", "is_male", "patient_id", "trace_file", *LABEL_NAMES["with_normal"])

SEXES = {True: "male", False: "female"}
# Part of the cache's name: raise it when rows change for another reason than the table.
ROWS_VERSION = Version("1.1.0")


@dataclass
class Code15Config(CorpusConfig):
    """Options of CODE-15 %."""

    TABLES: ClassVar[tuple[str, ...]] = (EXAMS_FILENAME,)


class Code15(CorpusBuilder):
    """CODE-15 % with `exams.csv` and `exams_part*.hdf5`, split by patient, since the publisher gives no split.

    The zeros with which the publisher fills exams up to 4096 samples, half before and half after, are cut off. Six
    columns of labels were read from the exams' reports; a cell without a value is an unknown label.
    """

    BUILDER_CONFIG_CLASS = Code15Config
    BUILDER_CONFIGS = [
        Code15Config(name=name, version=ROWS_VERSION, description=DESCRIPTIONS[name]) for name in LABEL_NAMES
    ]
    DEFAULT_CONFIG_NAME = "abnormalities"
    config: Code15Config

    def _info(self) -> DatasetInfo:
        return DatasetInfo(
            description=f"CODE-15 %, {self.config.description}",
            homepage="https://doi.org/10.5281/zenodo.4916206",
            license="CC BY 4.0",
            features=corpus_features(
                LABEL_NAMES[self.config.name],
                normal_ecg=Value("bool"),
                trace_file=Value("string"),
            ),
        )

    def _split_generators(self, dl_manager: object) -> list[SplitGenerator]:
        rows = self._read_exams(self.config.table(EXAMS_FILENAME))
        return self._split_rows(rows, lambda row: assign_split(row["patient_id"]))

    def _read_exams(self, path: Path) -> list[dict[str, Any]]:
        """Rows of the exams in the order in which the HDF5 files hold them, so that those are read front to back."""
        positions: dict[str, dict[int, int]] = {}

        def make_row(entry: Row) -> dict[str, Any]:
            row = _row_of(entry, self.config.name)
            file = path.parent / row["trace_file"]
            if row["trace_file"] not in positions:
                positions[row["trace_file"]] = _positions(file)
            position = positions[row["trace_file"]].get(int(row["record_id"]))
            return {**row, "path": str(file), "position": position}

        table = TableFile(path, required=EXAM_COLUMNS, id_column="exam_id", remedy=OFFICIAL_FILE)
        return sorted(self._read_table(table, make_row), key=_place)

    def _read_recording(self, row: dict) -> EcgRecording:
        path = Path(row["path"])
        place = f"{path}: exam {row['record_id']}"
        shard = _open_shard(path, os.getpid())
        if row["position"] is None:
            raise ValueError(f"{place} is not among its exam_id. Download the file again, or leave the exam out.")
        tracing = dataset_of(shard, "tracings", path=path)[row["position"]]  # (4096, 12)
        recorded = np.flatnonzero((tracing != 0).any(axis=-1))
        tracing = tracing[recorded[0] : recorded[-1] + 1] if recorded.size else tracing
        return recording_of(tracing.T, LEADS, SAMPLING_RATE_HZ, place=place)

    def _read_columns(self, row: dict) -> dict[str, Any]:
        columns = super()._read_columns(row)
        del columns["position"]
        return columns


def _place(row: dict[str, Any]) -> tuple[str, bool, int]:
    """Where a row's exam lies: by file, and in it from front to back; what has no place comes last."""
    position = row.get("position")
    return row.get("trace_file", ""), position is None, position or 0


@lru_cache(maxsize=1)
def _open_shard(path: Path, process_id: int) -> Any:
    """The file that a process reads from; rows come in its order, so it is opened once. It must not cross a fork."""
    return open_hdf5(path)


def _positions(path: Path) -> dict[int, int]:
    """Exam id -> place in an HDF5 file; empty for a file that cannot be read, which its exams will report.

    Official files end with a place that belongs to no exam (exam_id 0).
    """
    try:
        with open_hdf5(path) as file:
            exam_ids = dataset_of(file, "exam_id", path=path)[:]
    except (OSError, ValueError):
        return {}
    return {int(exam_id): position for position, exam_id in reversed(list(enumerate(exam_ids)))}


def _row_of(entry: Row, config_name: str) -> dict[str, Any]:
    """Columns of a row that come from exams.csv."""
    names = LABEL_NAMES[config_name]
    entry.require("patient_id")
    flags = {name: entry.read(name, parse_flag) for name in LABEL_NAMES["with_normal"]}
    is_male = entry.read("is_male", parse_flag)
    return {
        "record_id": str(entry.read("exam_id", parse_whole)),
        "patient_id": str(entry.read("patient_id", parse_whole)),
        "age": entry.read("age", parse_age),
        "sex": None if is_male is None else SEXES[is_male],
        "report": None,
        "statements": [],
        "labels": [name for name in names if flags[name]],
        "label_mask": [flags[name] is not None for name in names],
        "normal_ecg": flags["normal_ecg"],
        "trace_file": entry.require("trace_file"),
    }
