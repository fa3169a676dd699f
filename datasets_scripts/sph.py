"""SPH (Liu et al. 2022, Scientific Data 9:272): 25,770 recordings of 24,666 patients with AHA statement codes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
from datasets import DatasetInfo, List, Split, SplitGenerator, Value, Version

from datasets_scripts.readers.hdf5_reader import dataset_of, open_hdf5, recording_of
from datasets_scripts.readers.patients import age_in_years, parse_sex
from modeling_supreme.recordings import EcgRecording

from .corpus_builder import CorpusBuilder, CorpusConfig
from .schema import corpus_features
from .splits import assign_split


METADATA_FILENAME = "metadata.csv"
CODE_FILENAME = "code.csv"
RECORDS_FOLDER = "records"
SAMPLING_RATE_HZ = 500
# Lead order of the publisher (Liu et al. 2022); II = I + III holds for the stored rows.
LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")

# Primary statements: AHA code -> description. Source: code.csv; Mason et al. 2007, Circulation 115:1325.
STATEMENTS = {
    "1": "Normal ECG",
    "21": "Sinus tachycardia",
    "22": "Sinus bradycardia",
    "23": "Sinus arrhythmia",
    "30": "Atrial premature complex(es)",
    "31": "Atrial premature complexes, nonconducted",
    "36": "Junctional premature complex(es)",
    "37": "Junctional escape complex(es)",
    "50": "Atrial fibrillation",
    "51": "Atrial flutter",
    "54": "Junctional tachycardia",
    "60": "Ventricular premature complex(es)",
    "80": "Short PR interval",
    "81": "AV conduction ratio N:D",
    "82": "Prolonged PR interval",
    "83": "Second-degree AV block, Mobitz type I (Wenckebach)",
    "84": "Second-degree AV block, Mobitz type II",
    "85": "2:1 AV block",
    "86": "AV block, varying conduction",
    "87": "AV block, advanced (high-grade)",
    "88": "AV block, complete (third-degree)",
    "101": "Left anterior fascicular block",
    "102": "Left posterior fascicular block",
    "104": "Left bundle-branch block",
    "105": "Incomplete right bundle-branch block",
    "106": "Right bundle-branch block",
    "108": "Ventricular preexcitation",
    "120": "Right-axis deviation",
    "121": "Left-axis deviation",
    "125": "Low voltage",
    "140": "Left atrial enlargement",
    "142": "Left ventricular hypertrophy",
    "143": "Right ventricular hypertrophy",
    "145": "ST deviation",
    "146": "ST deviation with T-wave change",
    "147": "T-wave abnormality",
    "148": "Prolonged QT interval",
    "152": "TU fusion",
    "153": "ST-T change due to ventricular hypertrophy",
    "155": "Early repolarization",
    "160": "Anterior MI",
    "161": "Inferior MI",
    "165": "Anteroseptal MI",
    "166": "Extensive anterior MI",
}
# Modifiers say more about the statement before them, as in "147+367", an inverted T wave. Source: as above.
MODIFIERS = {
    "308": "Occasional",
    "310": "Frequent",
    "330": "Acute",
    "331": "Recent",
    "332": "Old",
    "340": "Couplets",
    "341": "In a bigeminal pattern",
    "342": "In a trigeminal pattern",
    "346": "With a rapid ventricular response",
    "347": "With a slow ventricular response",
    "349": "With aberrancy",
    "350": "Polymorphic",
    "362": "Depression",
    "363": "Elevation",
    "367": "Inversion",
}
LABEL_NAMES = tuple(STATEMENTS.values())

METADATA_COLUMNS = ("ECG_ID", "AHA_Code", "Patient_ID", "Age", "Sex", "N", "Date")
# Part of the cache's name: raise it when rows change for another reason than the tables.
ROWS_VERSION = Version("1.0.0")


@dataclass
class SphConfig(CorpusConfig):
    """Options of SPH."""

    TABLES: ClassVar[tuple[str, ...]] = (METADATA_FILENAME, CODE_FILENAME)


class Sph(CorpusBuilder):
    """SPH with its 44 primary statements as labels, split by patient, since the publisher gives no split.

    A statement counts whatever its modifiers; `aha_codes` keeps them ("50+346").
    """

    BUILDER_CONFIG_CLASS = SphConfig
    BUILDER_CONFIGS = [SphConfig(name="statements", version=ROWS_VERSION, description="44 primary AHA statements")]
    DEFAULT_CONFIG_NAME = "statements"
    config: SphConfig

    def _info(self) -> DatasetInfo:
        return DatasetInfo(
            description=f"SPH, {self.config.description}",
            homepage="https://doi.org/10.6084/m9.figshare.c.5779802",
            license="CC BY 4.0",
            features=corpus_features(LABEL_NAMES, aha_codes=List(Value("string")), date=Value("string")),
        )

    def _split_generators(self, dl_manager: object) -> list[SplitGenerator]:
        check_codes(self.config.table(CODE_FILENAME))
        rows = self._read_metadata(self.config.table(METADATA_FILENAME))
        return [
            self._split_generator(str(split), [row for row in rows if assign_split(row["patient_id"]) == str(split)])
            for split in (Split.TRAIN, Split.VALIDATION, Split.TEST)
        ]

    def _read_metadata(self, path: Path) -> list[dict[str, Any]]:
        """Rows of the recordings."""
        table = pd.read_csv(path, dtype=str)
        missing = [name for name in METADATA_COLUMNS if name not in table]
        if missing:
            raise ValueError(f"{path} has no column {', '.join(missing)}. Download the official file again.")
        repeated = table.loc[table["ECG_ID"].duplicated(), "ECG_ID"].tolist()
        if repeated:
            raise ValueError(f"{path} lists ECG_ID {repeated[0]} more than once. Download the official file again.")
        required = table[["ECG_ID", "AHA_Code", "Patient_ID"]]
        incomplete = table.loc[required.isna().any(axis=1), "ECG_ID"].tolist()
        if incomplete:
            raise ValueError(
                f"{path}: record {incomplete[0]} has an empty ECG_ID, AHA_Code or Patient_ID. Fill the cell, or take"
                " the record out."
            )
        return [_row_of(record, path=path) for record in table.to_dict("records")]

    def _read_recording(self, row: dict) -> EcgRecording:
        path = Path(row["path"])
        with open_hdf5(path) as file:
            # The publisher stores float16: steps of at most 0.5 µV below 1 mV.
            strip = dataset_of(file, "ecg", path=path)[()]
        if row["num_samples_stated"] not in (None, strip.shape[-1]):
            raise ValueError(
                f"{path} holds {strip.shape[-1]} samples, but {METADATA_FILENAME} states {row['num_samples_stated']}."
                " Download the file again."
            )
        return recording_of(strip, LEADS, SAMPLING_RATE_HZ, place=str(path))

    def _read_columns(self, row: dict) -> dict[str, Any]:
        columns = super()._read_columns(row)
        del columns["num_samples_stated"]
        return {**columns, "label_mask": [True] * len(LABEL_NAMES)}


def statements_of(aha_code: str) -> list[str]:
    """Descriptions of the primary statements in a cell of `AHA_Code`, in the order of the labels.

    Example:
        >>> statements_of("147+367;22")
        ['Sinus bradycardia', 'T-wave abnormality']

    Raises:
        ValueError: If a code is unknown, or a modifier stands where a statement should.
    """
    stated = set()
    for entry in aha_code.split(";"):
        statement, *modifiers = (code.strip() for code in entry.split("+"))
        unknown = [code for code in modifiers if code not in MODIFIERS]
        if statement not in STATEMENTS or unknown:
            code = unknown[0] if statement in STATEMENTS else statement
            kind = "a modifier without a statement" if code in MODIFIERS else "an unknown AHA code"
            raise ValueError(f"{code!r} in {aha_code!r} is {kind}")
        stated.add(statement)
    return [description for code, description in STATEMENTS.items() if code in stated]


def check_codes(path: Path) -> None:
    """Refuse a copy of code.csv that has other codes or descriptions than this module.

    Raises:
        ValueError: If a code is added, missing, or has another meaning.
    """
    table = pd.read_csv(path, dtype=str)
    missing = [name for name in ("Category", "Code", "Description") if name not in table]
    if missing:
        raise ValueError(f"{path} has no column {', '.join(missing)}. Download the official file again.")
    is_modifier = table["Category"] == "Modifier"
    differing = set()
    for expected, rows in ((STATEMENTS, table[~is_modifier]), (MODIFIERS, table[is_modifier])):
        read = dict(zip(rows["Code"], rows["Description"], strict=True))
        differing |= dict(set(read.items()) ^ set(expected.items())).keys()
    if differing:
        raise ValueError(f"{path} differs from the official table in {', '.join(sorted(differing))}. Use that one.")


def _row_of(record: dict[str, Any], *, path: Path) -> dict[str, Any]:
    """Columns of a row that come from metadata.csv."""
    record_id = record["ECG_ID"]
    try:
        labels = statements_of(record["AHA_Code"])
        age = age_in_years(record["Age"])
        num_samples = None if pd.isna(record["N"]) else int(record["N"])
    except ValueError as error:
        raise ValueError(f"{path}: record {record_id}: {error}. Correct the cell, or take the record out.") from error
    return {
        "record_id": record_id,
        "patient_id": record["Patient_ID"],
        "path": str(path.parent / RECORDS_FOLDER / f"{record_id}.h5"),
        "num_samples_stated": num_samples,
        "age": age,
        "sex": parse_sex(str(record["Sex"])),
        "report": None,
        "statements": [],
        "labels": labels,
        "aha_codes": [entry.strip() for entry in record["AHA_Code"].split(";")],
        "date": None if pd.isna(record["Date"]) else record["Date"],
    }
