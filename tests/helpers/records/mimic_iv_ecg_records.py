"""Simulated records in the layout of MIMIC-IV-ECG."""

import datetime

import numpy as np
import pandas as pd
import wfdb

from datasets_scripts.simulator import simulate_record


# aVF stands before aVL, unlike in every other corpus.
MIMIC_LEADS = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")


STANDARD_ROWS = (0, 1, 2, 3, 5, 4, 6, 7, 8, 9, 10, 11)  # where MIMIC keeps each lead of the standard order
UNITS_PER_MV = 200


# Two recordings a patient; the SHA-256 of the id puts 10000041 into validation and 10000030 into test.
PATIENTS = (10000032, 10000031, 10000033, 10000034, 10000041, 10000030)


STUDIES = tuple(range(40689238, 40689250))
REPORTS = (
    ("POSSIBLE ATRIAL FLUTTER", "LEFT AXIS DEVIATION", "ABNORMAL ECG"),
    ("Sinus rhythm", "Possible left ventricular hypertrophy", "Borderline ECG"),
    ("Atrial fibrillation with PVCs", "Abnormal ECG"),
    ("Normal sinus rhythm", "Normal ECG"),
)
FIGURES = {
    "rr_interval": 659,
    "p_onset": 40,
    "p_end": 128,
    "qrs_onset": 170,
    "qrs_end": 258,
    "t_end": 518,
    "p_axis": 81,
    "qrs_axis": 77,
    "t_axis": 79,
}


def write_mimic_corpus(folder):
    """Twelve recordings with their two tables."""
    records = [make_record(index) for index in range(len(STUDIES))]
    pd.DataFrame([record for record, _ in records]).to_csv(folder / "record_list.csv", index=False)
    pd.DataFrame([measurement for _, measurement in records]).to_csv(folder / "machine_measurements.csv", index=False)
    for index, (record, _) in enumerate(records):
        write_signal(folder / record["path"], make_units(index))


def make_record(index):
    """A row of record_list.csv, and one of machine_measurements.csv."""
    subject_id, study_id = PATIENTS[index // 2], STUDIES[index]
    keys = {"subject_id": subject_id, "study_id": study_id}
    path = f"files/p{subject_id // 10000}/p{subject_id}/s{study_id}/{study_id}"
    record = {**keys, "file_name": study_id, "ecg_time": f"2180-07-{index + 1:02d} 08:44:00", "path": path}
    report = dict.fromkeys(f"report_{number}" for number in range(18))
    # a cart leaves cells empty between filled ones
    report |= {f"report_{2 * number}": text for number, text in enumerate(REPORTS[index % len(REPORTS)])}
    settings = {"bandwidth": "0.005-150 Hz", "filtering": "60 Hz notch Baseline filter"}
    return record, {**keys, "cart_id": 6848296, "ecg_time": record["ecg_time"], **report, **settings, **FIGURES}


def make_units(index):
    """The strip of a simulated record as MIMIC stores it, `(5000, 12)`: steps of 5 microvolts, aVF before aVL."""
    return np.rint(simulate_record(index).strip[list(STANDARD_ROWS)].T * UNITS_PER_MV).astype(np.int16)


def write_signal(path, units, *, leads=MIMIC_LEADS):
    """Write a WFDB record with the time and the comment that MIMIC's headers have."""
    path.parent.mkdir(parents=True, exist_ok=True)
    num_leads = units.shape[1]
    wfdb.wrsamp(
        path.name,
        fs=500,
        units=["mV"] * num_leads,
        sig_name=list(leads),
        d_signal=units,
        fmt=["16"] * num_leads,
        adc_gain=[float(UNITS_PER_MV)] * num_leads,
        baseline=[0] * num_leads,
        comments=["<subject_id>: 10000032"],
        base_time=datetime.time(8, 44),
        base_date=datetime.date(2180, 7, 23),
        write_dir=str(path.parent),
    )
