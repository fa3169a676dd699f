"""CPSC2018 (Liu et al. 2018, also ICBEB): 6,877 recordings of 6 to 60 s with one to three of nine labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from datasets import DatasetInfo, Features, List, Value, Version

from datasets_scripts.readers.cells import is_unknown, shorten
from datasets_scripts.readers.patients import parse_age, parse_sex
from datasets_scripts.readers.tables import Row, TableFile
from datasets_scripts.readers.wfdb_reader import header_path, read_wfdb_record
from modeling_supreme.admission import admit
from modeling_supreme.ecg_files import load_mat
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.recordings import DamagedFileError, EcgRecording

from .challenge_corpus import HeaderCorpus, HeaderCorpusConfig
from .corpus_builder import OFFICIAL_FILE
from .schema import corpus_features


SAMPLING_RATE_HZ = 500
REFERENCE_FILENAME = "REFERENCE.csv"
RECORD_COLUMN = "Recording"
LABEL_COLUMNS = ("First_label", "Second_label", "Third_label")

# Names of the labels in the order of their numbers in REFERENCE.csv, which count from 1. Source: the challenge's page;
# MERL calls AF, I-AVB, LBBB, RBBB, PVC and Normal by the names AFIB, 1AVB, CLBBB, CRBBB, VPC and NORM.
LABEL_NAMES = ("Normal", "AF", "I-AVB", "LBBB", "RBBB", "PAC", "PVC", "STD", "STE")
# Codes of the headers of the PhysioNet Challenges 2020 and 2021, which publish the same records. Source:
# dx_mapping_scored.csv and dx_mapping_unscored.csv, column CPSC: nine codes with as many records as the nine labels.
LABEL_OF_CODE = {
    "426783006": "Normal",
    "164889003": "AF",
    "270492004": "I-AVB",
    "164909002": "LBBB",
    "59118001": "RBBB",
    "284470004": "PAC",
    "164884008": "PVC",
    "429622005": "STD",
    "164931005": "STE",
}
# Part of the cache's name: raise it when rows change for another reason than the tables and headers.
ROWS_VERSION = Version("1.1.0")


@dataclass
class Cpsc2018Config(HeaderCorpusConfig):
    """Options of CPSC2018."""

    def create_config_id(self, config_kwargs: dict, custom_features: Features | None = None) -> str:
        """Name of the cache folder: it changes with REFERENCE.csv too, where there is one."""
        reference = self.reference() if self.data_dir is not None else None
        if reference is not None:
            config_kwargs = {**config_kwargs, "reference": reference.read_text(encoding="utf-8", errors="replace")}
        return super().create_config_id(config_kwargs, custom_features)

    def reference(self) -> Path | None:
        """The table of labels of the original layout; `None` where there is none, as in the Challenge's."""
        places = (self.folder(), *sorted(self.folder().glob("TrainingSet*")))
        return next((place / REFERENCE_FILENAME for place in places if (place / REFERENCE_FILENAME).is_file()), None)


class Cpsc2018(HeaderCorpus):
    """CPSC2018 in its original layout (`TrainingSet*/A*.mat`, REFERENCE.csv) or in that of the PhysioNet Challenges.

    Which of the two it is shows in the files. Both hold the same records under the same names. All labels count as
    known; `diagnoses` keeps them in the order of the source. No table of patients exists, so splits are by record.
    Published splits of MERL: `split_dir="merl_splits/icbeb"`.
    """

    BUILDER_CONFIG_CLASS = Cpsc2018Config
    BUILDER_CONFIGS = [Cpsc2018Config(name="default", version=ROWS_VERSION, description="nine labels")]
    DEFAULT_CONFIG_NAME = "default"
    _person: Mapping[str, Any] = MappingProxyType({"age": None, "sex": None})  # until a file says

    def _info(self) -> DatasetInfo:
        return DatasetInfo(
            description="CPSC2018, nine labels",
            homepage="http://2018.icbeb.org/Challenge.html",
            features=corpus_features(
                LABEL_NAMES,
                diagnoses=List(Value("string")),
                snomed_ct_codes=List(Value("string")),
                filename=Value("string"),
            ),
        )

    def _find_rows(self, folder: Path) -> list[dict[str, Any]]:
        reference = self.config.reference()
        if reference is None:
            return super()._find_rows(folder)
        places = (reference.parent, folder, *sorted(folder.glob("TrainingSet*")))
        paths = {path.stem: path for place in places for path in place.glob("*.mat")}

        def make_row(entry: Row) -> dict[str, Any]:
            name = entry.require(RECORD_COLUMN)
            path = paths[name] if name in paths else reference.with_name(f"{name}.mat")
            filename = path.relative_to(folder).with_suffix("").as_posix()
            return {"record_id": name, "path": str(path), "filename": filename, "diagnoses": _diagnoses(entry)}

        columns = (RECORD_COLUMN, *LABEL_COLUMNS)
        return self._read_table(
            TableFile(reference, required=columns, id_column=RECORD_COLUMN, remedy=OFFICIAL_FILE), make_row
        )

    def _read_recording(self, row: dict) -> EcgRecording:
        if "diagnoses" in row:
            recording, self._person = read_ecg_struct(Path(row["path"]))
            return recording
        return read_wfdb_record(header_path(row["path"]), sampling_rate=SAMPLING_RATE_HZ)

    def _read_columns(self, row: dict) -> dict[str, Any]:
        if "diagnoses" not in row:
            return super()._read_columns(row)
        codes = {label: code for code, label in LABEL_OF_CODE.items()}
        return {
            **{name: value for name, value in row.items() if name != "path"},
            "patient_id": None,
            **self._person,  # of the file that `_read_recording` has just read
            "report": None,
            "statements": [],
            "snomed_ct_codes": [codes[label] for label in row["diagnoses"]],
            **_label_columns(row["diagnoses"]),
        }

    def _label_columns(self, codes: Sequence[str], path: Path) -> dict[str, Any]:
        unknown = [code for code in codes if code not in LABEL_OF_CODE]
        if unknown:
            raise ValueError(
                f"{path} lists the code {unknown[0]}, which is none of the nine of CPSC2018. Read other records of the"
                ' Challenge, such as CPSC-Extra, as "challenge2021".'
            )
        return _label_columns([LABEL_OF_CODE[code] for code in codes])


def read_ecg_struct(path: Path) -> tuple[EcgRecording, dict[str, Any]]:
    """Read a record of the original layout.

    Args:
        path (`Path`):
            A `.mat` file with the struct `ECG`: `sex`, `age` and `data`, `(12, num_samples)` in millivolts.

    Returns:
        `tuple[EcgRecording, dict]`: The recording, and `age` in years and `sex`, which may be `None`.

    Raises:
        FileNotFoundError: If there is no such file.
        PermissionError: If this user may not read it.
        ValueError: If the file is damaged or of another layout, or its age or sex is none.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist. Complete the download.")
    try:
        strip, age, sex = _read_struct(load_mat(path))
    except DamagedFileError as error:
        raise ValueError(
            f"{path} is no readable MATLAB file with a struct `ECG` of sex, age and data ({error}). Download it again;"
            f" if it is of the PhysioNet Challenge, take {REFERENCE_FILENAME} away."
        ) from error
    if strip.ndim != 2 or len(strip) != len(STANDARD_LEADS) or not strip.size:
        raise ValueError(f"{path} holds data of shape {strip.shape}, not (12, samples). Download it again.")
    try:
        person = {"age": parse_age(_text(age)), "sex": parse_sex(_text(sex))}
    except ValueError as error:
        raise ValueError(f"{path}: {error}. Correct the struct, or leave the record out.") from error
    recording = admit(strip, names=STANDARD_LEADS, sampling_rate=SAMPLING_RATE_HZ, source=str(path))
    return recording, person


def _read_struct(variables: Mapping[str, Any]) -> tuple[np.ndarray, Any, Any]:
    """`data` of the struct `ECG` as floats, and its `age` and `sex` as they are."""
    try:
        ecg = variables["ECG"]
        return np.asarray(ecg["data"], dtype=np.float64), ecg["age"], ecg["sex"]
    except (KeyError, IndexError, TypeError, ValueError) as error:  # no such struct, or no numbers in it
        raise DamagedFileError(f"{type(error).__name__}: {error}") from error


def _text(cell: Any) -> str:
    """What a MATLAB variable of one value says; nothing for an empty one."""
    values = np.ravel(cell)
    return str(values[0]) if values.size else ""


def _diagnoses(entry: Row) -> list[str]:
    """Names of the labels of a row of REFERENCE.csv; empty cells say nothing."""
    names = {str(number): name for number, name in enumerate(LABEL_NAMES, start=1)}
    cells = [str(entry[column] or "").removesuffix(".0") for column in LABEL_COLUMNS]
    numbers = [cell for cell in cells if not is_unknown(cell)]
    unknown = [number for number in numbers if number not in names]
    if unknown or not numbers:
        found = f"the unknown label {shorten(unknown[0])}" if unknown else "no label"
        raise entry.error(
            f"record {shorten(entry[RECORD_COLUMN])} has {found}, not one to three of 1 to 9. Correct it."
        )
    return list(dict.fromkeys(names[number] for number in numbers))


def _label_columns(diagnoses: Sequence[str]) -> dict[str, Any]:
    """`labels` in the order of their indices, all known, and `diagnoses` in the order of the source."""
    return {
        "labels": [name for name in LABEL_NAMES if name in diagnoses],
        "label_mask": [True] * len(LABEL_NAMES),
        "diagnoses": list(diagnoses),
    }
