"""Simulated records in the official layout of MIMIC-IV-ECG (Gow et al. 2023): what reads MIMIC-IV-ECG reads them.

The machine's intervals and axes are those of the noiseless beat, rounded as a cart rounds them.
"""

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from datasets_scripts.readers.mimic_iv_ecg_layout import MEASUREMENTS_FILENAME, NOT_MEASURED, RECORDS_FILENAME
from datasets_scripts.schema import SAMPLING_RATE, to_microvolts
from datasets_scripts.simulator.heart.voltages import axis_deg
from datasets_scripts.simulator.population.folds import RECORDS_PER_PATIENT
from datasets_scripts.simulator.simulated_record import SimulatedRecord, SimulatorSettings, simulate_record
from modeling_supreme.leads import STANDARD_LEADS

from .wfdb_export import write_annotations, write_recording


# aVF stands before aVL, unlike in every other corpus.
LEADS = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
UNITS_PER_MV = 200.0
FIRST_SUBJECT_ID, FIRST_STUDY_ID = 10_000_000, 40_000_000
FIRST_DAY = datetime.datetime(2150, 1, 1, 8)  # the corpus moves its dates into the future
NUM_STATEMENT_COLUMNS = 18
P_ONSET_MS = 40  # where a cart's median beat starts P
STEP_MS = 2
CART = {"cart_id": 1000000, "bandwidth": "0.005-150 Hz", "filtering": "60 Hz notch Baseline filter"}


def export_mimic_iv_ecg(
    output_dir: str | Path,
    num_records: int,
    *,
    seed: int = 0,
    settings: SimulatorSettings | None = None,
    has_annotations: bool = False,
) -> list[Path]:
    """Write simulated records as MIMIC-IV-ECG.

    Args:
        output_dir (`str` or `Path`):
            Receives record_list.csv, machine_measurements.csv and files/.
        num_records (`int`):
            Records to write: the first of the corpus.
        seed (`int`):
            Seed of the corpus.
        settings (`SimulatorSettings`, *optional*):
            Noise, reports; by default those of the corpus.
        has_annotations (`bool`):
            Whether to write the annotations of beats and waves too.

    Returns:
        `list[Path]`: The recordings, without extension. Voltages are in steps of 5 µV, as in the corpus.
    """
    output_dir = Path(output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    order = [STANDARD_LEADS.index(lead) for lead in LEADS]
    rows, measurements, paths = [], [], []
    for index in tqdm(range(num_records), desc="Simulating", unit=" records"):
        record = simulate_record(index, seed=seed, settings=settings)
        row = _make_row(index)
        path = output_dir / row["path"]
        microvolts = to_microvolts(record.strip)[order]
        write_recording(path, microvolts, sampling_rate=SAMPLING_RATE, leads=LEADS, units_per_mv=UNITS_PER_MV)
        if has_annotations:
            write_annotations(path, record.annotations, sampling_rate=SAMPLING_RATE)
        rows.append(row)
        measurements.append(_make_measurements(row, record))
        paths.append(path)
    pd.DataFrame(rows).to_csv(output_dir / RECORDS_FILENAME, index=False)
    pd.DataFrame(measurements).to_csv(output_dir / MEASUREMENTS_FILENAME, index=False)
    return paths


def _make_row(index: int) -> dict[str, Any]:
    """A row of record_list.csv."""
    subject_id, study_id = FIRST_SUBJECT_ID + index // RECORDS_PER_PATIENT, FIRST_STUDY_ID + index
    return {
        "subject_id": subject_id,
        "study_id": study_id,
        "file_name": study_id,
        "ecg_time": str(FIRST_DAY + datetime.timedelta(hours=index)),
        "path": f"files/p{subject_id // 10000}/p{subject_id}/s{study_id}/{study_id}",
    }


def _make_measurements(row: dict[str, Any], record: SimulatedRecord) -> dict[str, Any]:
    """A row of machine_measurements.csv."""
    statements = dict.fromkeys(f"report_{number}" for number in range(NUM_STATEMENT_COLUMNS))
    statements |= {f"report_{number}": statement for number, statement in enumerate(record.report)}
    keys = {name: row[name] for name in ("subject_id", "study_id", "ecg_time")}
    return {**keys, **CART, **statements, **machine_figures(record)}


def machine_figures(record: SimulatedRecord) -> dict[str, int]:
    """Intervals in ms and axes in degrees as a cart prints them: times count from a point before P.

    What cannot be measured, such as the P wave in atrial fibrillation, is 29999.
    """
    measured = record.measurements
    qrs_onset = P_ONSET_MS + measured.get("pr_ms", 130.0)
    figures = {
        "rr_interval": 60_000 / measured["rate_per_min"],
        "p_onset": P_ONSET_MS if "pr_ms" in measured else None,
        "p_end": P_ONSET_MS + measured["p_ms"] if {"pr_ms", "p_ms"} <= measured.keys() else None,
        "qrs_onset": qrs_onset,
        "qrs_end": qrs_onset + measured["qrs_ms"],
        "t_end": qrs_onset + measured["qt_ms"] if "qt_ms" in measured else None,
    }
    axes = {
        "p_axis": _axis_of(measured, "p_net_mv") if figures["p_end"] else None,
        "qrs_axis": measured["axis_deg"],
        "t_axis": _axis_of(measured, "t_mv"),
    }
    rounded = {name: STEP_MS * round(value / STEP_MS) for name, value in figures.items() if value is not None}
    rounded |= {name: round(value) for name, value in axes.items() if value is not None}
    return {name: rounded.get(name, NOT_MEASURED[0]) for name in (*figures, *axes)}


def _axis_of(measured: Mapping[str, float], name: str) -> float | None:
    """Axis of a wave from its voltage in I and II, `None` where either is not known."""
    lead_i, lead_ii = measured.get(f"{name}_I"), measured.get(f"{name}_II")
    return None if lead_i is None or lead_ii is None else axis_deg(lead_i, lead_ii)
