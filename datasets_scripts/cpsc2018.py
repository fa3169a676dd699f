"""CPSC2018 (Liu et al. 2018, also ICBEB): 6,877 recordings of 6 to 60 s with one to three of nine labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from datasets import DatasetInfo, Features, List, Value, Version

from datasets_scripts.readers.patients import parse_age, parse_sex
from datasets_scripts.readers.wfdb_reader import read_wfdb_record
from modeling_supreme.ecg_files import load_mat
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.recordings import DamagedFileError, EcgRecording, to_microvolts

from .challenge_corpus import HeaderCorpus, HeaderCorpusConfig
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
ROWS_VERSION = Version("1.0.0")


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
        rows = []
        for name, diagnoses in _read_reference(reference):
            path = paths[name] if name in paths else reference.with_name(f"{name}.mat")
            filename = path.relative_to(folder).with_suffix("").as_posix()
            rows.append({"record_id": name, "path": str(path), "filename": filename, "diagnoses": diagnoses})
        return rows

    def _read_recording(self, row: dict) -> EcgRecording:
        if "diagnoses" in row:
            self._ecg = read_ecg_struct(Path(row["path"]))
            return EcgRecording(
                microvolts=self._ecg["microvolts"], leads=STANDARD_LEADS, sampling_rate=SAMPLING_RATE_HZ
            )
        return read_wfdb_record(Path(row["path"]).with_suffix(""), sampling_rate=SAMPLING_RATE_HZ)

    def _read_columns(self, row: dict) -> dict[str, Any]:
        if "diagnoses" not in row:
            return super()._read_columns(row)
        codes = {label: code for code, label in LABEL_OF_CODE.items()}
        return {
            **{name: value for name, value in row.items() if name != "path"},
            "patient_id": None,
            "age": self._ecg["age"],  # of the file that `_read_recording` has just read
            "sex": self._ecg["sex"],
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


def read_ecg_struct(path: Path) -> dict[str, Any]:
    """Read a record of the original layout.

    Args:
        path (`Path`):
            A `.mat` file with the struct `ECG`: `sex`, `age` and `data`, `(12, num_samples)` in millivolts.

    Returns:
        `dict`: `microvolts`, `int16` of shape `(12, num_samples)`, `age` in years and `sex`; the latter two may be
        `None`.

    Raises:
        FileNotFoundError: If there is no such file.
        PermissionError: If this user may not read it.
        ValueError: If the file is damaged, of another layout, or lacks samples.
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
    num_lost = np.count_nonzero(~np.isfinite(strip))
    if num_lost:
        raise ValueError(f"{path} lacks {num_lost} of {strip.size} samples. Repair the record.")
    return {
        "microvolts": to_microvolts(strip),
        "age": parse_age(_text(age)),
        "sex": parse_sex(_text(sex)),
    }


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


def _read_reference(path: Path) -> list[tuple[str, list[str]]]:
    """Names of the records and their labels, in the order of the table."""
    table = pd.read_csv(path, dtype=str, encoding_errors="replace").rename(columns=str.strip)
    missing = [column for column in (RECORD_COLUMN, *LABEL_COLUMNS) if column not in table]
    if missing:
        raise ValueError(f"{path} has no column {', '.join(missing)}. Download the official file again.")
    return [
        (record[RECORD_COLUMN].strip(), _diagnoses(record, path=path))
        for record in table.dropna(subset=[RECORD_COLUMN]).to_dict("records")
    ]


def _diagnoses(record: Mapping[Any, Any], *, path: Path) -> list[str]:
    """Names of the labels of a row of REFERENCE.csv; empty cells say nothing."""
    numbers = [str(record[column]).strip().removesuffix(".0") for column in LABEL_COLUMNS if pd.notna(record[column])]
    names = {str(number): name for number, name in enumerate(LABEL_NAMES, start=1)}
    unknown = [number for number in numbers if number and number not in names]
    labels = [names[number] for number in numbers if number in names]
    if unknown or not labels:
        found = f"the unknown label {unknown[0]}" if unknown else "no label"
        raise ValueError(
            f"{path}: record {record[RECORD_COLUMN]} has {found}, not one to three of 1 to 9. Correct it."
        )
    return list(dict.fromkeys(labels))


def _label_columns(diagnoses: Sequence[str]) -> dict[str, Any]:
    """`labels` in the order of their indices, all known, and `diagnoses` in the order of the source."""
    return {
        "labels": [name for name in LABEL_NAMES if name in diagnoses],
        "label_mask": [True] * len(LABEL_NAMES),
        "diagnoses": list(diagnoses),
    }
