"""PhysioNet/CinC Challenge 2021 (Reyna et al. 2021): 12-lead ECGs of many hospitals with SNOMED CT codes."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import DatasetInfo, List, Value, Version

from datasets_scripts.readers.wfdb_reader import read_wfdb_record
from modeling_supreme.recordings import EcgRecording

from .challenge_corpus import HeaderCorpus, HeaderCorpusConfig
from .schema import corpus_features


# Code -> the code that it counts as. Source: notes of dx_mapping_scored.csv, evaluation code of the Challenge 2021.
EQUIVALENT_CODES = {
    "59118001": "713427006",  # right bundle branch block
    "164909002": "733534002",  # left bundle branch block
    "63593006": "284470004",  # supraventricular and atrial premature beats
    "17338001": "427172004",  # ventricular premature beats
}
# Code -> abbreviation. Source: dx_mapping_scored.csv, without the second code of each pair above.
SCORED_CODES = {
    "164889003": "AF",
    "164890007": "AFL",
    "6374002": "BBB",
    "426627000": "Brady",
    "733534002": "CLBBB",
    "713427006": "CRBBB",
    "270492004": "IAVB",
    "713426002": "IRBBB",
    "39732003": "LAD",
    "445118002": "LAnFB",
    "251146004": "LQRSV",
    "698252002": "NSIVCB",
    "426783006": "NSR",
    "284470004": "PAC",
    "10370003": "PR",
    "365413008": "PRWP",
    "427172004": "PVC",
    "164947007": "LPR",
    "111975006": "LQT",
    "164917005": "QAb",
    "47665007": "RAD",
    "427393009": "SA",
    "426177001": "SB",
    "427084000": "STach",
    "164934002": "TAb",
    "59931005": "TInv",
}
# Source: dx_mapping_unscored.csv.
UNSCORED_CODES = {
    "233892002": "AAR",
    "164951009": "abQRS",
    "251187003": "AED",
    "61277005": "AIVR",
    "426664006": "AJR",
    "251139008": "ALR",
    "57054005": "AMI",
    "413444003": "AMIs",
    "426434006": "AnMIs",
    "54329005": "AnMI",
    "251173003": "AB",
    "195080001": "AFAFL",
    "195126007": "AH",
    "251268003": "AP",
    "106068003": "ARH",
    "713422000": "ATach",
    "233917008": "AVB",
    "50799005": "AVD",
    "29320008": "AVJR",
    "251166008": "AVNRT",
    "233897008": "AVRT",
    "251170000": "BPAC",
    "418818005": "BRU",
    "74615001": "BTS",
    "426749004": "CAF",
    "251199005": "CCR",
    "61721007": "CVCL/CCVCL",
    "698247007": "CD",
    "27885002": "CHB",
    "204384007": "CIAHB",
    "53741008": "CHD",
    "413844008": "CMI",
    "251198002": "CR",
    "82226007": "DIB",
    "428417006": "ERe",
    "13640000": "FB",
    "164942001": "FQRS",
    "84114007": "HF",
    "368009": "HVD",
    "251259000": "HTV",
    "251200008": "ICA",
    "195042002": "IIAVB",
    "426183003": "IIAVBII",
    "425419005": "IIs",
    "251120003": "ILBBB",
    "704997005": "ISTD",
    "49260003": "IR",
    "426995002": "JE",
    "251164006": "JPC",
    "426648003": "JTach",
    "253352002": "LAA",
    "67741000119109": "LAE",
    "446813000": "LAH",
    "425623009": "LIs",
    "445211001": "LPFB",
    "164873001": "LVH",
    "55827005": "LVHV",
    "370365005": "LVS",
    "164865005": "MI",
    "164861001": "MIs",
    "54016002": "MoI",
    "428750005": "NSSTTA",
    "164867002": "OldMI",
    "282825002": "PAF",
    "251205003": "PPW",
    "67198005": "PSVT",
    "425856008": "PVT",
    "164912004": "PWC",
    "253339007": "RAAb",
    "164921003": "RAb",
    "446358003": "RAH",
    "67751000119106": "RAHV",
    "314208002": "RAF",
    "89792004": "RVH",
    "17366009": "SAAWR",
    "65778007": "SAB",
    "5609005": "SARR",
    "60423000": "SND",
    "49578007": "SPRI",
    "77867006": "SQT",
    "55930002": "STC",
    "429622005": "STD",
    "164931005": "STE",
    "164930006": "STIAb",
    "251168009": "SVB",
    "426761007": "SVT",
    "266257000": "TIA",
    "251223006": "TPW",
    "164937009": "UAb",
    "11157007": "VBig",
    "164884008": "VEB",
    "75532003": "VEsB",
    "81898007": "VEsR",
    "164896001": "VF",
    "111288001": "VFL",
    "266249003": "VH",
    "195060002": "VPEx",
    "251266004": "VPP",
    "251182009": "VPVC",
    "164895002": "VTach",
    "251180001": "VTrig",
    "195101003": "WAP",
    "74390002": "WPW",
}

# Names of the labels of each configuration, in the order of their indices.
LABEL_NAMES = {"scored": tuple(SCORED_CODES), "all": (*SCORED_CODES, *UNSCORED_CODES)}
DESCRIPTIONS = {
    "scored": "the 26 diagnoses that the Challenge scores",
    "all": "the 26 scored diagnoses and the 103 others of the Challenge's tables",
}
# Part of the cache's name: raise it when rows change for another reason than the headers.
ROWS_VERSION = Version("1.1.0")

RIGHT_GAIN = 1000.0
# Early headers of the Challenge 2020 state other gains, in units per millivolt, over the same integers: Georgia (E),
# PTB-XL (HR) and PTB (S). A gain counts as wrong only together with the names of its corpus.
WRONG_GAINS = ((re.compile(r"E\d{5}"), 4880.0), (re.compile(r"HR\d{5}"), 200.0), (re.compile(r"S\d{4}"), 2_000_000.0))


class Challenge2021(HeaderCorpus):
    """Any folder of records in the layout of the Challenge: Georgia, CPSC-Extra, PTB, INCART, Ningbo, ...

    Labels are SNOMED CT codes; all codes of a record are kept in `snomed_ct_codes`, also those without a label. A
    record without any label of the configuration is kept, as the Challenge does; labels that its header does not list
    count as absent. No table of patients exists, so splits are by record. The hash is that of `cpsc2018` and
    `chapman_shaoxing_ningbo`, so that their records have the same split here; PTB-XL has folds of its own in `ptb_xl`.
    """

    BUILDER_CONFIGS = [
        HeaderCorpusConfig(name=name, version=ROWS_VERSION, description=DESCRIPTIONS[name]) for name in LABEL_NAMES
    ]
    DEFAULT_CONFIG_NAME = "scored"

    def _info(self) -> DatasetInfo:
        return DatasetInfo(
            description=f"PhysioNet/CinC Challenge 2021, {self.config.description}",
            homepage="https://physionet.org/content/challenge-2021/",
            license="CC BY 4.0",
            features=corpus_features(
                LABEL_NAMES[self.config.name], snomed_ct_codes=List(Value("string")), filename=Value("string")
            ),
        )

    def _read_recording(self, row: dict) -> EcgRecording:
        path = Path(row["path"]).with_suffix(".hea")
        return read_wfdb_record(path, sampling_rate=None, gain_corrections=gain_corrections(row["record_id"]))

    def _label_columns(self, codes: Sequence[str], path: Path) -> dict[str, Any]:
        names = LABEL_NAMES[self.config.name]
        return {"labels": labels_of(codes, self.config.name), "label_mask": [True] * len(names)}


def labels_of(codes: Sequence[str], config_name: str) -> list[str]:
    """Names of the labels of a configuration that a record with the given codes carries, in the order of the labels.

    Example:
        >>> labels_of(["426783006", "59118001", "164931005"], "scored")
        ['713427006', '426783006']
        >>> labels_of(["164931005"], "all")
        ['164931005']
    """
    carried = {EQUIVALENT_CODES.get(code, code) for code in codes}
    return [name for name in LABEL_NAMES[config_name] if name in carried]


def gain_corrections(record_id: str) -> dict[float, float]:
    """Gains that are known to be wrong in headers of records of this name, and the right one, in units per millivolt.

    Example:
        >>> gain_corrections("E00001"), gain_corrections("JS00001")
        ({4880.0: 1000.0}, {})
    """
    return {wrong: RIGHT_GAIN for names, wrong in WRONG_GAINS if names.fullmatch(record_id)}
