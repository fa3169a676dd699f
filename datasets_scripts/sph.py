"""SPH (Liu et al. 2022, Scientific Data 9:272): 25,770 recordings of 24,666 patients with AHA statement codes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from datasets import DatasetInfo, List, SplitGenerator, Value, Version

from datasets_scripts.readers.cells import is_unknown, parse_whole
from datasets_scripts.readers.hdf5_reader import dataset_of, open_hdf5, recording_of
from datasets_scripts.readers.patients import parse_age, parse_sex
from datasets_scripts.readers.tables import Row, TableFile
from modeling_supreme.recordings import EcgRecording

from .corpus_builder import OFFICIAL_FILE, CorpusBuilder, CorpusConfig
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
ROWS_VERSION = Version("1.1.0")


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
        path = self.config.table(METADATA_FILENAME)
        table = TableFile(path, required=METADATA_COLUMNS, id_column="ECG_ID", remedy=OFFICIAL_FILE)
        return self._split_rows(self._read_table(table, _row_of), lambda row: assign_split(row["patient_id"]))

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
    read: dict[bool, dict[str | None, str | None]] = {False: {}, True: {}}
    for row in TableFile(path, required=("Category", "Code", "Description"), remedy=OFFICIAL_FILE):
        row.check()
        read[row["Category"] == "Modifier"][row["Code"]] = row["Description"]
    differing = set()
    for expected, found in ((STATEMENTS, read[False]), (MODIFIERS, read[True])):
        differing |= dict(set(found.items()) ^ set(expected.items())).keys()
    if differing:
        raise ValueError(
            f"{path} differs from the official table in {', '.join(sorted(map(str, differing)))}. Use that one."
        )


def _row_of(entry: Row) -> dict[str, Any]:
    """Columns of a row that come from metadata.csv."""
    record_id, code = entry.require("ECG_ID"), entry.require("AHA_Code")
    return {
        "record_id": record_id,
        "patient_id": entry.require("Patient_ID"),
        "path": str(entry.table.path.parent / RECORDS_FOLDER / f"{record_id}.h5"),
        "num_samples_stated": entry.read("N", lambda cell: None if is_unknown(cell) else parse_whole(cell)),
        "age": entry.read("Age", parse_age),
        "sex": entry.read("Sex", parse_sex),
        "report": None,
        "statements": [],
        "labels": entry.read("AHA_Code", statements_of),
        "aha_codes": [part.strip() for part in code.split(";")],
        "date": entry["Date"],
    }
