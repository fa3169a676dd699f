"""PTB-XL (Wagner et al. 2020, Scientific Data 7:154): 21,799 recordings with SCP-ECG codes and reports."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from datasets import DatasetInfo, List, Split, SplitGenerator, Value, Version

from datasets_scripts.extraction.readings.statements import split_report
from datasets_scripts.readers.cells import parse_flag, parse_whole
from datasets_scripts.readers.patients import parse_age, parse_sex
from datasets_scripts.readers.ptb_xl_layout import (
    ALL_CODES,
    CLASSES_OF_CODE,
    DATABASE_COLUMNS,
    DATABASE_FILENAME,
    DIAGNOSTIC_CODES,
    FILENAME_COLUMN,
    FORM_CODES,
    RHYTHM_CODES,
    SEX_OF_CODE,
    STATEMENTS_FILENAME,
    parse_scp_codes,
)
from datasets_scripts.readers.tables import Row, TableFile
from datasets_scripts.readers.wfdb_reader import header_path, read_wfdb_record
from modeling_supreme.recordings import EcgRecording

from .corpus_builder import OFFICIAL_FILE, CorpusBuilder, CorpusConfig
from .schema import corpus_features


# Names of the labels of each configuration, in the order of their indices.
LABEL_NAMES = {
    "superclass": tuple(DIAGNOSTIC_CODES),
    "subclass": tuple(subclass for subclasses in DIAGNOSTIC_CODES.values() for subclass in subclasses),
    "diagnostic": tuple(CLASSES_OF_CODE),
    "form": FORM_CODES,
    "rhythm": RHYTHM_CODES,
    "all": ALL_CODES,
}
LABEL_NAMES["hierarchy"] = (
    *(f"superclass:{name}" for name in LABEL_NAMES["superclass"]),
    *(f"subclass:{name}" for name in LABEL_NAMES["subclass"]),
    *ALL_CODES,
)

DESCRIPTIONS = {
    "superclass": "5 diagnostic superclasses",
    "subclass": "23 diagnostic subclasses",
    "diagnostic": "44 diagnostic codes",
    "form": "19 codes for the form of the waves",
    "rhythm": "12 codes for the rhythm",
    "all": "all 71 codes",
    "hierarchy": "all 71 codes with the subclasses and superclasses they belong to, for pretraining",
}

# strat_fold 9 and 10 were read by cardiologists more often; patients do not cross folds (Wagner et al. 2020).
FOLDS = {Split.TRAIN: range(1, 9), Split.VALIDATION: (9,), Split.TEST: (10,)}
# Part of the cache's name: raise it when rows change for another reason than the tables.
ROWS_VERSION = Version("1.1.0")


@dataclass
class PtbXlConfig(CorpusConfig):
    """Options of PTB-XL."""

    TABLES: ClassVar[tuple[str, ...]] = (DATABASE_FILENAME, STATEMENTS_FILENAME)

    sampling_rate: int = field(
        default=500,
        metadata={
            "help": "Which of the two releases of each recording to read: 500 or 100, in hertz. Rows are at 500 Hz"
            " either way."
        },
    )


class PtbXl(CorpusBuilder):
    """PTB-XL with the labels of Strodthoff et al. (2021, IEEE JBHI 25(5)) and its recommended folds as splits.

    A code counts as positive whatever its likelihood, since 0 means "not stated". A record without any label of the
    configuration is left out, as in that benchmark; all labels of the others are taken as known.
    """

    BUILDER_CONFIG_CLASS = PtbXlConfig
    BUILDER_CONFIGS = [
        PtbXlConfig(name=name, version=ROWS_VERSION, description=DESCRIPTIONS[name]) for name in LABEL_NAMES
    ]
    DEFAULT_CONFIG_NAME = "superclass"
    config: PtbXlConfig

    def _info(self) -> DatasetInfo:
        return DatasetInfo(
            description=f"PTB-XL, {self.config.description}",
            homepage="https://physionet.org/content/ptb-xl/",
            license="CC BY 4.0",
            features=corpus_features(
                LABEL_NAMES[self.config.name],
                scp_codes=List({"code": Value("string"), "likelihood": Value("float32")}),
                strat_fold=Value("int32"),
                validated_by_human=Value("bool"),
                filename=Value("string"),
            ),
        )

    def _split_generators(self, dl_manager: object) -> list[SplitGenerator]:
        if self.config.sampling_rate not in FILENAME_COLUMN:
            raise ValueError(
                f"PTB-XL is released at 500 and 100 Hz, not at {self.config.sampling_rate} Hz. Pass"
                " `sampling_rate=500` or `sampling_rate=100`."
            )
        check_statements(self.config.table(STATEMENTS_FILENAME))
        split_of = {fold: str(split) for split, folds in FOLDS.items() for fold in folds}
        rows = self._read_database(self.config.table(DATABASE_FILENAME))
        return self._split_rows(rows, lambda row: split_of[row["strat_fold"]])

    def _read_database(self, path: Path) -> list[dict]:
        """One dict per record that carries a label of the configuration, in the order of the table."""
        column = FILENAME_COLUMN[self.config.sampling_rate]
        table = TableFile(path, required=(*DATABASE_COLUMNS, column), id_column="ecg_id", remedy=OFFICIAL_FILE)

        def make_row(entry: Row) -> dict[str, Any] | None:
            row = _row_of(entry, filename=entry.require(column).replace("\\", "/"))
            row["path"] = str(path.parent / f"{row['filename']}.dat")
            row["labels"] = labels_of([code["code"] for code in row["scp_codes"]], self.config.name)
            return row if row["labels"] else None

        return self._read_table(table, make_row)

    def _read_recording(self, row: dict) -> EcgRecording:
        return read_wfdb_record(header_path(row["path"]), sampling_rate=self.config.sampling_rate)

    def _read_columns(self, row: dict) -> dict[str, Any]:
        return {**super()._read_columns(row), "label_mask": [True] * len(LABEL_NAMES[self.config.name])}


def labels_of(codes: list[str], config_name: str) -> list[str]:
    """Names of the labels of a configuration that a record with the given codes carries, in the order of the labels.

    Example:
        >>> labels_of(["ASMI", "SR"], "superclass"), labels_of(["ASMI", "SR"], "all")
        (['MI'], ['ASMI', 'SR'])
        >>> labels_of(["1AVB"], "hierarchy")
        ['superclass:CD', 'subclass:_AVB', '1AVB']
    """
    classes = [CLASSES_OF_CODE[code] for code in codes if code in CLASSES_OF_CODE]
    carried = {
        "superclass": {superclass for superclass, _ in classes},
        "subclass": {subclass for _, subclass in classes},
        "hierarchy": {f"superclass:{superclass}" for superclass, _ in classes}
        | {f"subclass:{subclass}" for _, subclass in classes}
        | set(codes),
    }.get(config_name, set(codes))
    return [name for name in LABEL_NAMES[config_name] if name in carried]


def check_statements(path: Path) -> None:
    """Refuse a copy of scp_statements.csv that groups the codes in another way than this module.

    Raises:
        ValueError: If a code is added, missing, or has another class.
    """
    columns = ("", "diagnostic", "form", "rhythm", "diagnostic_class", "diagnostic_subclass")
    read = {}
    for row in TableFile(path, required=columns, remedy=OFFICIAL_FILE):
        row.check()
        is_diagnostic, is_form, is_rhythm = (
            row.read(name, lambda cell: float(cell or 0) == 1, remedy=OFFICIAL_FILE) for name in columns[1:4]
        )
        classes = (row["diagnostic_class"], row["diagnostic_subclass"])
        read[row[""]] = (classes if is_diagnostic else None, is_form, is_rhythm)
    expected = {code: (CLASSES_OF_CODE.get(code), code in FORM_CODES, code in RHYTHM_CODES) for code in ALL_CODES}
    differing = sorted(str(code) for code in read.keys() | expected.keys() if read.get(code) != expected.get(code))
    if differing:
        raise ValueError(
            f"{path} differs from the official table in {', '.join(differing)}. Use the file that PhysioNet"
            " distributes with PTB-XL 1.0.1 to 1.0.3."
        )


def _row_of(entry: Row, *, filename: str) -> dict[str, Any]:
    """Columns of a row that come from the database table."""
    entry.require("patient_id")
    entry.require("strat_fold")
    codes = entry.read("scp_codes", parse_scp_codes)
    report = entry["report"]
    return {
        "record_id": str(entry.read("ecg_id", parse_whole)),
        "patient_id": str(entry.read("patient_id", parse_whole)),
        "age": entry.read("age", parse_age),
        "sex": entry.read("sex", partial(parse_sex, codes=SEX_OF_CODE)),
        "report": report,
        "statements": split_report(report or ""),
        "scp_codes": [{"code": code, "likelihood": likelihood} for code, likelihood in codes.items()],
        "strat_fold": entry.read("strat_fold", _parse_fold),
        "validated_by_human": entry.read("validated_by_human", parse_flag) or False,
        "filename": filename,
    }


def _parse_fold(cell: str | None) -> int:
    """A fold, 1 to 10."""
    fold = parse_whole(cell)
    if not any(fold in folds for folds in FOLDS.values()):
        raise ValueError(f"{fold} is no fold of 1 to 10")
    return fold
