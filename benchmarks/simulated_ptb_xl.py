"""Simulated records in the layout of PTB-XL, for benchmarks that must not depend on real data."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import wfdb

from datasets_scripts.ptb_xl import ALL_CODES, DIAGNOSTIC_CODES, FORM_CODES, RHYTHM_CODES
from datasets_scripts.schema import to_microvolts
from datasets_scripts.simulator import simulate_record
from modeling_supreme.leads import STANDARD_LEADS


NUM_SIGNALS = 100  # different strips; the records repeat them, which no reader notices


def write_ptb_xl(folder: Path, num_records: int) -> list[Path]:
    """Write tables and 500 Hz recordings; returns the paths of the recordings without extension."""
    folder.mkdir(parents=True, exist_ok=True)
    strips = [to_microvolts(simulate_record(i, seed=0).strip).T for i in range(min(NUM_SIGNALS, num_records))]
    rows = [_make_row(ecg_id) for ecg_id in range(1, num_records + 1)]
    pd.DataFrame(rows).to_csv(folder / "ptbxl_database.csv", index=False)
    _write_statements(folder / "scp_statements.csv")
    paths = [folder / row["filename_hr"] for row in rows]
    for index, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_recording(path, strips[index % len(strips)])
    return paths


def _make_row(ecg_id: int) -> dict[str, Any]:
    """A row of ptbxl_database.csv: folds 1 to 10 in turn."""
    place = f"{ecg_id // 1000:02d}000/{ecg_id:05d}"
    return {
        "ecg_id": ecg_id,
        "patient_id": ecg_id,
        "age": 40 + ecg_id % 40,
        "sex": ecg_id % 2,
        "report": "sinus rhythm. normal ecg.",
        "scp_codes": "{'NORM': 100.0, 'SR': 0.0}",
        "validated_by_human": True,
        "strat_fold": ecg_id % 10 + 1,
        "filename_lr": f"records100/{place}_lr",
        "filename_hr": f"records500/{place}_hr",
    }


def _write_statements(path: Path) -> None:
    """scp_statements.csv with the columns that the builder checks."""
    classes = {
        code: (superclass, subclass)
        for superclass, subclasses in DIAGNOSTIC_CODES.items()
        for subclass, codes in subclasses.items()
        for code in codes
    }
    rows = [
        {
            "": code,
            "diagnostic": 1.0 if code in classes else None,
            "form": 1.0 if code in FORM_CODES else None,
            "rhythm": 1.0 if code in RHYTHM_CODES else None,
            "diagnostic_class": classes.get(code, (None, None))[0],
            "diagnostic_subclass": classes.get(code, (None, None))[1],
        }
        for code in ALL_CODES
    ]
    pd.DataFrame(rows).to_csv(path, index=False)


def _write_recording(path: Path, microvolts: np.ndarray) -> None:
    """One recording, `(num_samples, 12)`, as PTB-XL stores it: format 16, gain of 1000 per mV."""
    num_leads = len(STANDARD_LEADS)
    wfdb.wrsamp(
        path.name,
        fs=500,
        units=["mV"] * num_leads,
        sig_name=[lead.upper() for lead in STANDARD_LEADS],
        d_signal=microvolts,
        fmt=["16"] * num_leads,
        adc_gain=[1000.0] * num_leads,
        baseline=[0] * num_leads,
        write_dir=str(path.parent),
    )
