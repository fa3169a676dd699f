"""Simulated records in the official layout of PTB-XL (Wagner et al. 2020): what reads PTB-XL reads them.

Folds 1 to 8 hold the patients whom the corpus `simulated` trains on, 9 and 10 those of validation and test.
"""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.signal import resample_poly
from tqdm import tqdm

from datasets_scripts.readers.patients import AGE_CODE_OVER_89, AGE_OVER_89
from datasets_scripts.readers.ptb_xl_layout import (
    ALL_CODES,
    CLASSES_OF_CODE,
    DATABASE_FILENAME,
    FILENAME_COLUMN,
    FORM_CODES,
    RHYTHM_CODES,
    SEX_OF_CODE,
    STATEMENTS_FILENAME,
)
from datasets_scripts.schema import SAMPLING_RATE, to_microvolts
from datasets_scripts.simulator.population.folds import RECORDS_PER_PATIENT, fold_of
from datasets_scripts.simulator.simulated_record import SimulatedRecord, SimulatorSettings, simulate_record
from datasets_scripts.terminology.findings import load_terminology
from modeling_supreme.leads import STANDARD_LEADS

from .wfdb_export import write_annotations, write_recording


UNITS_PER_MV = 1000.0
LABEL_PREFIX = "all:"  # of the terminology's column `ptb_xl`
LIKELIHOOD_CERTAIN, LIKELIHOOD_NOT_STATED = 100.0, 0.0
SUFFIXES = {500: "hr", 100: "lr"}
FIRST_DAY = datetime.datetime(1990, 1, 1, 8)
# Columns that the official table has and a simulation has nothing to say on.
EMPTY_COLUMNS = (
    *("height", "weight", "nurse", "site", "heart_axis", "infarction_stadium1", "infarction_stadium2"),
    *("validated_by", "baseline_drift", "static_noise", "burst_noise", "electrodes_problems", "extra_beats"),
    "pacemaker",
)


def export_ptb_xl(
    output_dir: str | Path,
    num_records: int,
    *,
    seed: int = 0,
    settings: SimulatorSettings | None = None,
    sampling_rates: Sequence[int] = tuple(FILENAME_COLUMN),
    has_annotations: bool = False,
) -> list[Path]:
    """Write simulated records as PTB-XL.

    Args:
        output_dir (`str` or `Path`):
            Receives ptbxl_database.csv, scp_statements.csv, records500/ and records100/.
        num_records (`int`):
            Records to write: the first of the corpus.
        seed (`int`):
            Seed of the corpus.
        settings (`SimulatorSettings`, *optional*):
            Noise, reports; by default those of the corpus.
        sampling_rates (`Sequence[int]`):
            Which of the two releases of each recording to write, in hertz.
        has_annotations (`bool`):
            Whether to write the annotations of beats and waves too, at 500 Hz.

    Returns:
        `list[Path]`: The recordings at the first of the rates, without extension.
    """
    output_dir = Path(output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    rows = []
    for index in tqdm(range(num_records), desc="Simulating", unit=" records"):
        record = simulate_record(index, seed=seed, settings=settings)
        row = _make_row(index, record)
        microvolts = to_microvolts(record.strip)
        for rate in sampling_rates:
            path = output_dir / row[FILENAME_COLUMN[rate]]
            signal = microvolts if rate == SAMPLING_RATE else resample_poly(microvolts, rate, SAMPLING_RATE, axis=1)
            leads = [lead.upper() for lead in STANDARD_LEADS]
            write_recording(path, signal, sampling_rate=rate, leads=leads, units_per_mv=UNITS_PER_MV)
        if has_annotations:
            path = output_dir / row[FILENAME_COLUMN[SAMPLING_RATE]]
            write_annotations(path, record.annotations, sampling_rate=SAMPLING_RATE)
        rows.append(row)
    pd.DataFrame(rows).to_csv(output_dir / DATABASE_FILENAME, index=False)
    _write_statements(output_dir / STATEMENTS_FILENAME)
    return [output_dir / row[FILENAME_COLUMN[sampling_rates[0]]] for row in rows]


def scp_codes_of(conditions: frozenset[str]) -> dict[str, float]:
    """SCP-ECG codes of the most precise of a record's conditions, with the likelihoods that PTB-XL gives.

    Example:
        >>> scp_codes_of(frozenset({"sinus rhythm", "anteroseptal myocardial infarction", "myocardial infarction"}))
        {'ASMI': 100.0, 'SR': 0.0}
    """
    terminology = load_terminology()
    implied = {name for condition in conditions for name in terminology.ancestors(condition)}
    codes = {
        label.removeprefix(LABEL_PREFIX)
        for condition in conditions - implied
        for label in terminology[condition].ptb_xl
        if label.startswith(LABEL_PREFIX)
    }
    return {
        code: LIKELIHOOD_CERTAIN if code in CLASSES_OF_CODE else LIKELIHOOD_NOT_STATED
        for code in ALL_CODES
        if code in codes
    }


def _make_row(index: int, record: SimulatedRecord) -> dict[str, Any]:
    """A row of ptbxl_database.csv."""
    ecg_id = index + 1
    place = f"{ecg_id // 1000:02d}000/{ecg_id:05d}"
    return {
        "ecg_id": ecg_id,
        "patient_id": float(index // RECORDS_PER_PATIENT + 1),
        "age": float(AGE_CODE_OVER_89) if record.age >= AGE_OVER_89 else record.age,
        "sex": next(code for code, sex in SEX_OF_CODE.items() if sex == record.sex),
        **dict.fromkeys(EMPTY_COLUMNS),
        "device": "simulator",
        "recording_date": str(FIRST_DAY + datetime.timedelta(hours=index)),
        "report": "\n".join(record.report),
        "scp_codes": str(scp_codes_of(record.conditions)),
        "second_opinion": False,
        "initial_autogenerated_report": True,
        "validated_by_human": False,
        "strat_fold": fold_of(index) + 1,
        **{column: f"records{rate}/{place}_{SUFFIXES[rate]}" for rate, column in FILENAME_COLUMN.items()},
    }


def _write_statements(path: Path) -> None:
    """scp_statements.csv with the columns by which the codes are grouped."""
    terminology = load_terminology()
    rows = {
        code: {
            "description": terminology.find_label(code, config_name="all").name,
            "diagnostic": 1.0 if code in CLASSES_OF_CODE else None,
            "form": 1.0 if code in FORM_CODES else None,
            "rhythm": 1.0 if code in RHYTHM_CODES else None,
            "diagnostic_class": CLASSES_OF_CODE.get(code, (None, None))[0],
            "diagnostic_subclass": CLASSES_OF_CODE.get(code, (None, None))[1],
        }
        for code in ALL_CODES
    }
    pd.DataFrame.from_dict(rows, orient="index").to_csv(path)
