"""Chapman-Shaoxing-Ningbo (PhysioNet `ecg-arrhythmia` 1.0.0): 45,152 patients, one 12-lead ECG of 10 s each."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from datasets import DatasetInfo, Features, List, Value, Version

from datasets_scripts.readers.chapman_csv_reader import (
    MEASUREMENT_COLUMNS,
    SAMPLING_RATE_HZ,
    find_diagnostics,
    open_diagnostics,
    read_csv_strip,
    read_diagnosis,
)
from datasets_scripts.readers.wfdb_reader import header_path, read_wfdb_record
from modeling_supreme.recordings import EcgRecording

from .challenge_corpus import HeaderCorpus, HeaderCorpusConfig
from .schema import corpus_features


# Label -> SNOMED CT codes of the headers that mean it. Source of acronyms and first codes: the publisher's
# ConditionNames_SNOMED-CT.csv. Where several acronyms share a code, the general one is the label: LBBB stands for
# LBBBB and LFBBB too, MI for MIBW, MIFW, MILW and MISW, IDC for IVB, SAAWR for WAVN. Three acronyms of the publisher
# mean something else everywhere else and have the Challenge's abbreviation here: AF is atrial flutter (AFL), VEB a
# ventricular escape beat (VEsB), STE an "ST extension" (STIAb). Further codes of a label are those that the
# PhysioNet/CinC Challenge 2021 counts as the same diagnosis, or gives to the same records.
TABLE_LABELS = {
    "1AVB": ("270492004",),
    "2AVB": ("195042002",),
    "2AVB1": ("54016002",),
    "2AVB2": ("28189009", "426183003"),
    "3AVB": ("27885002",),
    "ABI": ("251173003",),
    "ALS": ("39732003",),
    "APB": ("284470004", "63593006"),
    "AQW": ("164917005",),
    "ARS": ("47665007",),
    "AVB": ("233917008",),
    "CCR": ("251199005",),
    "CR": ("251198002",),
    "ERV": ("428417006",),
    "FQRS": ("164942001",),
    "IDC": ("698252002",),
    "JEB": ("426995002",),
    "JPT": ("251164006",),
    "LBBB": ("164909002", "733534002"),
    "LVH": ("164873001",),
    "LVQRSAL": ("251146004",),
    "LVQRSCL": ("251148003",),
    "LVQRSLL": ("251147008",),
    "MI": ("164865005",),
    "PRIE": ("164947007",),
    "PWC": ("164912004",),
    "QTIE": ("111975006",),
    "RAH": ("446358003",),
    "RBBB": ("59118001", "713427006"),
    "RVH": ("89792004",),
    "STDD": ("429622005",),
    "STIAb": ("164930006",),
    "STTC": ("428750005",),
    "STTU": ("164931005",),
    "TWC": ("164934002",),
    "TWO": ("59931005",),
    "UW": ("164937009",),
    "VB": ("11157007",),
    "VEsB": ("75532003",),
    "VFW": ("13640000",),
    "VPB": ("17338001", "427172004"),
    "VPE": ("195060002",),
    "VET": ("251180001",),
    "WPW": ("74390002",),
    "SB": ("426177001",),
    "SR": ("426783006",),
    "AFIB": ("164889003",),
    "ST": ("427084000",),
    "AFL": ("164890007",),
    "SA": ("427393009",),
    "SVT": ("426761007",),
    "AT": ("713422000",),
    "AVNRT": ("233896004", "251166008"),
    "AVRT": ("233897008",),
    "SAAWR": ("195101003", "17366009"),
}
# Codes of the headers that the publisher's table lacks, by the Challenge's abbreviation (dx_mapping_scored.csv and
# dx_mapping_unscored.csv, columns Chapman_Shaoxing and Ningbo), but for acute infarction, which it calls AMI as PTB-XL
# calls the anterior one.
FURTHER_LABELS = {
    "AAR": ("233892002",),
    "AED": ("251187003",),
    "AIVR": ("61277005",),
    "AJR": ("426664006",),
    "AcuteMI": ("57054005",),
    "AnMI": ("54329005",),
    "ARH": ("106068003",),
    "AVD": ("50799005",),
    "AVJR": ("29320008",),
    "BBB": ("6374002",),
    "BPAC": ("251170000",),
    "Brady": ("426627000",),
    "BRU": ("418818005",),
    "CVCL/CCVCL": ("61721007",),
    "ILBBB": ("251120003",),
    "IRBBB": ("713426002",),
    "JTach": ("426648003",),
    "LAE": ("67741000119109",),
    "LAH": ("446813000",),
    "LAnFB": ("445118002",),
    "LPFB": ("445211001",),
    "LVHV": ("55827005",),
    "PPW": ("251205003",),
    "PR": ("10370003",),
    "PRWP": ("365413008",),
    "PVT": ("425856008",),
    "RAHV": ("67751000119106",),
    "SAB": ("65778007",),
    "SARR": ("5609005",),
    "SPRI": ("49578007",),
    "SQT": ("77867006",),
    "STC": ("55930002",),
    "TPW": ("251223006",),
    "VEsR": ("81898007",),
    "VF": ("164896001",),
    "VFL": ("111288001",),
}
LABEL_OF_CODE = {
    code: label for labels in (TABLE_LABELS, FURTHER_LABELS) for label, codes in labels.items() for code in codes
}
# Acronym of the older layout's table -> label, where the two differ. "SI" is a sinus irregularity (Zheng et al. 2020).
LABEL_OF_ACRONYM = {
    "AF": "AFL",
    "VEB": "VEsB",
    "STE": "STIAb",
    "SI": "SA",
    "IVB": "IDC",
    "WAVN": "SAAWR",
    "LBBBB": "LBBB",
    "LFBBB": "LBBB",
    "MIBW": "MI",
    "MIFW": "MI",
    "MILW": "MI",
    "MISW": "MI",
}
# MERL's (Liu et al. 2024, ICML) 38 classes in the order of its tables, with AFL, VEsB and STIAb for AF, VEB and STE.
MERL_LABELS = (
    *("AQW", "UW", "SR", "WPW", "2AVB", "AT", "VB", "ARS", "STTC", "SA"),
    *("STIAb", "VPB", "TWO", "STTU", "ALS", "APB", "2AVB1", "PRIE", "CCR", "CR"),
    *("AFL", "AVB", "QTIE", "LBBB", "VEsB", "SVT", "RBBB", "1AVB", "STDD", "MI"),
    *("AFIB", "TWC", "PWC", "ERV", "RVH", "LVH", "ST", "JEB"),
)

# Names of the labels of each configuration, in the order of their indices.
LABEL_NAMES = {"default": (*TABLE_LABELS, *FURTHER_LABELS), "merl": MERL_LABELS}
DESCRIPTIONS = {
    "default": "all diagnoses, by the publisher's acronyms",
    "merl": "the 38 classes of MERL, from the codes of the headers and so without the errors of its tables",
}
# Part of the cache's name: raise it when rows change for another reason than the headers.
ROWS_VERSION = Version("1.3.0")


@dataclass
class ChapmanConfig(HeaderCorpusConfig):
    """Options of Chapman-Shaoxing-Ningbo."""

    signals: Literal["raw", "denoised"] = field(
        default="raw",
        metadata={"help": "Which signals of the older layout to read: raw (ECGData) or denoised (ECGDataDenoised)."},
    )

    def create_config_id(self, config_kwargs: dict, custom_features: Features | None = None) -> str:
        """Name of the cache folder: it changes with the table of the older layout too, where there is one."""
        diagnostics = find_diagnostics(self.folder()) if self.data_dir is not None else None
        if diagnostics is not None:
            config_kwargs = {**config_kwargs, "diagnostics": hashlib.md5(diagnostics.read_bytes()).hexdigest()}
        return super().create_config_id(config_kwargs, custom_features)


class ChapmanShaoxingNingbo(HeaderCorpus):
    """Chapman-Shaoxing-Ningbo (Zheng et al. 2020 and 2022) with the publisher's acronyms as labels.

    A label stands for a finding, so codes of one finding share it. All codes of a record are kept in
    `snomed_ct_codes`, also those without a label, and in `diagnoses` by name. All labels count as known. The headers
    of `ecg-arrhythmia` and those of the PhysioNet Challenge are read alike; a folder with `Diagnostics.xlsx` or
    `Diagnostics.csv` has the older layout of 10,646 records, which have other names there and so other splits: do not
    train on one edition and test on the other. Only that table states what the cart measured; `measurements` of the
    other editions are null. Published splits of MERL: `split_dir="merl_splits/chapman"`.
    """

    BUILDER_CONFIG_CLASS = ChapmanConfig
    BUILDER_CONFIGS = [
        ChapmanConfig(name=name, version=ROWS_VERSION, description=DESCRIPTIONS[name]) for name in LABEL_NAMES
    ]
    DEFAULT_CONFIG_NAME = "default"
    one_record_per_patient = True

    def _info(self) -> DatasetInfo:
        return DatasetInfo(
            description=f"Chapman-Shaoxing-Ningbo, {self.config.description}",
            homepage="https://physionet.org/content/ecg-arrhythmia/",
            license="CC BY 4.0",
            features=corpus_features(
                LABEL_NAMES[self.config.name],
                snomed_ct_codes=List(Value("string")),
                diagnoses=List(Value("string")),
                measurements=dict.fromkeys(MEASUREMENT_COLUMNS, Value("float32")),
                filename=Value("string"),
            ),
        )

    def _find_rows(self, folder: Path) -> list[dict[str, Any]]:
        diagnostics = find_diagnostics(folder)
        if diagnostics is None:
            return super()._find_rows(folder)
        make_row = partial(read_diagnosis, signals=self.config.signals)
        return self._read_table(open_diagnostics(diagnostics), make_row)

    def _read_recording(self, row: dict) -> EcgRecording:
        if "diagnoses" in row:
            return read_csv_strip(Path(row["path"]))
        return read_wfdb_record(header_path(row["path"]), sampling_rate=SAMPLING_RATE_HZ)

    def _read_columns(self, row: dict) -> dict[str, Any]:
        if "diagnoses" not in row:
            return {**super()._read_columns(row), "measurements": dict.fromkeys(MEASUREMENT_COLUMNS)}
        columns = {name: value for name, value in row.items() if name != "path"}
        nothing = {"report": None, "statements": [], "snomed_ct_codes": []}
        return {**columns, "patient_id": row["record_id"], **nothing, **self._columns_of(row["diagnoses"])}

    def _label_columns(self, codes: Sequence[str], path: Path) -> dict[str, Any]:
        return self._columns_of([LABEL_OF_CODE[code] for code in codes if code in LABEL_OF_CODE])

    def _columns_of(self, diagnoses: Sequence[str]) -> dict[str, Any]:
        """`labels` in the order of their indices, all known, and `diagnoses` in the order of the source."""
        names = LABEL_NAMES[self.config.name]
        carried = {LABEL_OF_ACRONYM.get(acronym, acronym) for acronym in diagnoses}
        return {
            "labels": [name for name in names if name in carried],
            "label_mask": [True] * len(names),
            "diagnoses": list(diagnoses),
        }
