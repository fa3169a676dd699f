"""A simulator of 12-lead ECG records with known conditions and reports: the corpus that ships with the package."""

from datasets_scripts.simulator.truth.conditions import CONDITIONS, condition_names, label_names

from .record import SIMULATOR_VERSION, SimulatedRecord, SimulatorSettings, simulate_record


__all__ = [
    "CONDITIONS",
    "SIMULATOR_VERSION",
    "SimulatedRecord",
    "SimulatorSettings",
    "condition_names",
    "label_names",
    "simulate_record",
]
