"""A root with records of the three corpora of the suite, and tables for them as MERL publishes them."""

import numpy as np
import pandas as pd
import scipy.io
from helpers.records.challenge_records import write_challenge_record
from helpers.records.ptb_xl_records import make_microvolts

from datasets_scripts.splits import SPLIT_TABLE_ENDINGS
from evaluation_scripts.protocols.label_sets import SUPREME6


SETS = {label_set.name: label_set for label_set in SUPREME6}
CHAPMAN, CPSC2018 = SETS["chapman_shaoxing_ningbo/merl"], SETS["cpsc2018/default"]
# Class names of the published tables, those of the training table of `subclass` in another order as there
CLASSES = {
    "ptb_xl/superclass": "HYP NORM MI CD STTC",
    "ptb_xl/subclass": "AMI LAFB/LPFB LVH STTC IMI SEHYP CRBBB WPW LAO/LAE NORM ISC AVB RAO/RAE LMI ISCI ISCA NST"
    " CLBBB ILBBB IRBBB PMI RVH IVCD",
    "ptb_xl/form": "PAC DIG HVOLT STD LPR QWAVE VCLVH NDT TAB LOWT ABQRS LNGQT PRC(S) NT STE NST PVC INVT LVOLT",
    "ptb_xl/rhythm": "SVARR BIGU STACH SARRH SBRAD TRIGU AFIB SR SVTAC PSVT AFLT PACE",
    "cpsc2018/default": "AFIB VPC NORM 1AVB CRBBB STE PAC CLBBB STD",
    "chapman_shaoxing_ningbo/merl": "AQW UW SR WPW 2AVB AT VB ARS STTC SA STE VPB TWO STTU ALS APB 2AVB1 PRIE CCR CR"
    " AF AVB QTIE LBBB VEB SVT RBBB 1AVB STDD MI AFIB TWC PWC ERV RVH LVH ST JEB",
}
# Splits of the published tables of PTB-XL: folds 9 and 10 of twenty records, two to a fold
PTB_XL_SPLITS = {9: "validation", 19: "validation", 10: "test", 20: "test"}
# Acronyms of records of Chapman-Shaoxing-Ningbo, with codes and splits
CHAPMAN_RECORDS = {
    "JS00001": ("AFIB", "164889003", "train"),
    "JS00002": ("SR", "426783006", "validation"),
    "JS00003": ("AFIB,STDD", "164889003,429622005", "test"),
    "JS00004": ("SR", "426783006", "test"),
    "JS00005": ("AF", "164890007", "test"),
}
CPSC2018_RECORDS = {"A0001": (2, "AFIB", "train"), "A0002": (1, "NORM", "test"), "A0003": (7, "VPC", "test")}
CPSC2018_SECONDS = {"A0001": 12, "A0002": 10, "A0003": 25}


def write_merl_tables(folder, label_set, rows):
    """Write the three tables of a set.

    Args:
        folder: Of all tables.
        label_set: Which set.
        rows: One dict per record with `record_id`, `patient_id`, `split` and `positives`, the classes that are 1; of
            Chapman-Shaoxing-Ningbo with `diagnose` too.
    """
    stem = folder / label_set.merl_tables
    stem.parent.mkdir(parents=True, exist_ok=True)
    for split, ending in SPLIT_TABLE_ENDINGS.items():
        names = CLASSES[label_set.name].split()
        names = names[::-1] if split == "train" else names
        own = [row for row in rows if row["split"] == split]
        table = pd.DataFrame([_describe(label_set, row) for row in own], columns=_columns(label_set))
        for name in names:
            table[name] = [int(name in row["positives"]) for row in own]
        table.to_csv(f"{stem}{ending}", index=False)


def _columns(label_set):
    """Columns before the classes."""
    if label_set is CHAPMAN:
        return ["ecg_path", "age", "diagnose"]
    if label_set is CPSC2018:
        return ["patient_id", "ecg_id", "filename"]
    return ["ecg_id", "patient_id", "strat_fold"]


def _describe(label_set, row):
    """Cells before the classes."""
    if label_set is CHAPMAN:
        return {"ecg_path": f"/chapman/WFDBRecords/01/010/{row['record_id']}.mat", "age": 12, **row}
    if label_set is CPSC2018:
        return {"patient_id": 7, "ecg_id": 7, "filename": row["record_id"]}
    return {"ecg_id": row["record_id"], "patient_id": float(row["patient_id"]), "strat_fold": 1}


def write_all_merl_tables(folder):
    """Tables of all six sets for the records of `write_suite_root`; the superclass of every second record is NORM."""
    ptb_xl = [
        {
            "record_id": str(ecg_id),
            "patient_id": 1000 + ecg_id,
            "split": PTB_XL_SPLITS.get(ecg_id, "train"),
            "number": ecg_id,
        }
        for ecg_id in range(1, 21)
    ]
    for name, positives in {
        "ptb_xl/superclass": ("NORM", "MI"),
        "ptb_xl/subclass": ("NORM", "ISC"),
        "ptb_xl/form": ("PVC", "NST"),
        "ptb_xl/rhythm": ("SR", "AFIB"),
    }.items():
        write_merl_tables(
            folder, SETS[name], [{**row, "positives": [positives[row["number"] > 10]]} for row in ptb_xl]
        )
    cpsc2018 = [
        {"record_id": name, "positives": [label], "split": split}
        for name, (_, label, split) in CPSC2018_RECORDS.items()
    ]
    write_merl_tables(folder, CPSC2018, cpsc2018)
    chapman = [
        {
            "record_id": name,
            "diagnose": acronyms,
            # As MERL's tables have it: where the letters of the class stand anywhere
            "positives": [label for label in CLASSES[CHAPMAN.name].split() if label in acronyms],
            "split": split,
        }
        for name, (acronyms, _, split) in CHAPMAN_RECORDS.items()
    ]
    write_merl_tables(folder, CHAPMAN, chapman)
    return folder


def write_suite_root(folder, ptb_xl_dir):
    """Records of the three corpora below one folder, under names that people give to such folders."""
    (folder / "ptb-xl").mkdir(parents=True)
    (folder / "ptb-xl" / "1.0.3").symlink_to(ptb_xl_dir, target_is_directory=True)
    cpsc2018 = folder / "CPSC_2018"
    (cpsc2018 / "TrainingSet1").mkdir(parents=True)
    for number, (name, seconds) in enumerate(CPSC2018_SECONDS.items(), start=1):
        millivolts = np.tile(make_microvolts(number).T, 3)[:, : 500 * seconds] / 1000
        ecg = {"sex": "Male", "age": np.array([[50]]), "data": millivolts}
        scipy.io.savemat(cpsc2018 / "TrainingSet1" / f"{name}.mat", {"ECG": ecg})
    reference = [{"Recording": name, "First_label": number} for name, (number, _, _) in CPSC2018_RECORDS.items()]
    pd.DataFrame(reference).assign(Second_label=None, Third_label=None).to_csv(cpsc2018 / "REFERENCE.csv", index=False)
    chapman = folder / "ecg-arrhythmia"
    leaf = chapman / "WFDBRecords" / "01" / "010"
    for number, (name, (_, codes, _)) in enumerate(CHAPMAN_RECORDS.items(), start=1):
        write_challenge_record(leaf / name, make_microvolts(number).T, codes=codes)
    (chapman / "RECORDS").write_text("WFDBRecords/01/010/\n")
    (leaf / "RECORDS").write_text("\n".join(CHAPMAN_RECORDS) + "\n")
    return folder
