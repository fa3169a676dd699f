"""Records in the layout of PTB-XL, whose sines tell the lead and the record."""

import numpy as np
import pandas as pd
import wfdb

from datasets_scripts.ptb_xl import ALL_CODES, CLASSES_OF_CODE, FORM_CODES, RHYTHM_CODES


PTB_XL_LEADS = ["I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6"]


# One per record of `ptb_xl_dir`, twice in turn; record 6 and 16 have neither a diagnosis nor a form.
PTB_XL_CODES = (
    {"NORM": 100.0, "SR": 0.0},
    {"IMI": 80.0, "1AVB": 100.0, "SR": 0.0},
    {"ASMI": 0.0, "LAFB": 100.0, "AFIB": 0.0},
    {"LVH": 50.0, "NDT": 100.0, "SR": 0.0},
    {"NST_": 100.0, "SBRAD": 0.0},
    {"SR": 0.0},
    {"CRBBB": 100.0, "PVC": 100.0, "SR": 0.0},
    {"ISC_": 100.0, "LVOLT": 100.0, "STACH": 0.0},
    {"LAO/LAE": 100.0, "SARRH": 0.0},
    {"NORM": 80.0, "SBRAD": 0.0},
)


def make_microvolts(ecg_id):
    """`(5000, 12)` sines whose amplitude tells the lead (100 µV for I to 1200 µV for V6) and whose rate the record."""
    seconds = np.arange(5000) / 500
    sine = np.sin(2 * np.pi * (1 + ecg_id / 20) * seconds)
    return np.rint(sine[:, None] * 100 * np.arange(1, 13)).astype(np.int16)


def write_ptb_xl_record(path, microvolts, *, sampling_rate, leads=PTB_XL_LEADS, gain=1000.0):
    """Write a WFDB record as PTB-XL does: one `.dat` of `int16` with a gain of 1000 per mV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    num_leads = microvolts.shape[1]
    wfdb.wrsamp(
        path.name,
        fs=sampling_rate,
        units=["mV"] * num_leads,
        sig_name=list(leads),
        d_signal=microvolts,
        fmt=["16"] * num_leads,
        adc_gain=[gain] * num_leads,
        baseline=[0] * num_leads,
        write_dir=str(path.parent),
    )


def make_ptb_xl_row(ecg_id):
    """A row of ptbxl_database.csv; record 1 is over 89 years old, record 2 of unknown age."""
    return {
        "ecg_id": ecg_id,
        "patient_id": 1000.0 + ecg_id,
        "age": {1: 300.0, 2: None}.get(ecg_id, 40.0 + ecg_id),
        "sex": ecg_id % 2,
        "report": "sinus rhythm. left axis deviation.\nqrs 0.12 s.",
        "scp_codes": str(PTB_XL_CODES[(ecg_id - 1) % 10]),
        "validated_by_human": True,
        "strat_fold": (ecg_id - 1) % 10 + 1,
        "filename_lr": f"records100/00000/{ecg_id:05d}_lr",
        "filename_hr": f"records500/00000/{ecg_id:05d}_hr",
    }


def write_scp_statements(path):
    """The columns of the official table that a reader needs; tests marked `data` read the real one."""
    rows = {
        code: {
            "diagnostic": 1.0 if code in CLASSES_OF_CODE else None,
            "form": 1.0 if code in FORM_CODES else None,
            "rhythm": 1.0 if code in RHYTHM_CODES else None,
            "diagnostic_class": CLASSES_OF_CODE.get(code, (None, None))[0],
            "diagnostic_subclass": CLASSES_OF_CODE.get(code, (None, None))[1],
        }
        for code in ALL_CODES
    }
    pd.DataFrame.from_dict(rows, orient="index").to_csv(path)
