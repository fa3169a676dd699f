"""A simulator of 12-lead ECG records with known conditions and reports: the corpus that ships with the package.

Rooms from below: `population` (in numbers), `patient`, `rhythm`, `heart`, `recording`, `truth`. A record goes through
all of them in `simulated_record`, its report through `report_writer`; `export` and `realism` use whole records.
"""

from datasets_scripts.simulator.population.folds import (
    FOLDS_OF_SPLIT,
    PATIENTS_PER_FOLD_CYCLE,
    RECORDS_PER_PATIENT,
    fold_of,
)
from datasets_scripts.simulator.truth.catalogue import CONDITIONS, condition_names, label_names
from datasets_scripts.simulator.truth.measurement_keys import measurement_keys

from .report_templates import Language
from .report_writer import ReportStyle
from .simulated_record import SIMULATOR_VERSION, SimulatedRecord, SimulatorSettings, simulate_record


__all__ = [
    "CONDITIONS",
    "FOLDS_OF_SPLIT",
    "PATIENTS_PER_FOLD_CYCLE",
    "RECORDS_PER_PATIENT",
    "SIMULATOR_VERSION",
    "Language",
    "ReportStyle",
    "SimulatedRecord",
    "SimulatorSettings",
    "condition_names",
    "fold_of",
    "label_names",
    "measurement_keys",
    "simulate_record",
]
