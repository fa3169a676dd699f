"""Axis and voltages of a QRS complex: what a heart is drawn to show and what its label says are measured alike.

Limits of voltage: Hancock et al. 2009, J Am Coll Cardiol 53:992.
"""

import math
from typing import NamedTuple

import numpy as np

from datasets_scripts.simulator.patient.body import ROW
from datasets_scripts.terminology.measured_findings import load_measured_findings


SOKOLOW_LYON_MV = load_measured_findings()["sokolow-lyon sum above 3.5 mV"].above  # S in V1 + R in V5 or V6
CORNELL_MV = {"male": 2.8, "female": 2.0}  # R in aVL + S in V3

LIMB_ROWS, CHEST_ROWS = slice(0, ROW["V1"]), slice(ROW["V1"], None)


def axis_deg(lead_i: float, lead_ii: float) -> float:
    """Direction of a vector in the frontal plane from its size in leads I and II, in degrees from -180 to 180.

    Example:
        >>> round(axis_deg(1.0, 1.0)), round(axis_deg(1.0, 0.5)), round(axis_deg(0.0, 1.0))
        (30, 0, 90)
    """
    return math.degrees(math.atan2((2 * lead_ii - lead_i) / math.sqrt(3), lead_i))


class Extremes(NamedTuple):
    """Highest and lowest voltage of a QRS complex in each lead; arrays of shape `(12,)`, millivolts."""

    peak: np.ndarray
    trough: np.ndarray


def extremes_of(qrs: np.ndarray) -> Extremes:
    """Extremes of a QRS complex of shape `(12, num_samples)`, in millivolts."""
    return Extremes(qrs.max(axis=1), qrs.min(axis=1))


def limb_voltage_mv(qrs: Extremes) -> float:
    """Largest peak-to-peak voltage of a limb lead, in millivolts."""
    return float((qrs.peak - qrs.trough)[LIMB_ROWS].max())


def chest_voltage_mv(qrs: Extremes) -> float:
    """Largest peak-to-peak voltage of a chest lead, in millivolts."""
    return float((qrs.peak - qrs.trough)[CHEST_ROWS].max())


def voltage_sums_mv(qrs: Extremes) -> tuple[float, float]:
    """Sums of Sokolow and Lyon (S in V1, R in V5 or V6) and of Cornell (R in aVL, S in V3), in millivolts."""
    peak, trough = qrs
    sokolow_lyon = max(peak[ROW["V5"]], peak[ROW["V6"]]) - trough[ROW["V1"]]
    return float(sokolow_lyon), float(peak[ROW["aVL"]] - trough[ROW["V3"]])


def hypertrophy_ratio(qrs: Extremes, sex: str) -> float:
    """How far the voltage reaches towards a criterion of left ventricular hypertrophy; above 1 it is met.

    Args:
        qrs (`Extremes`):
            Of the QRS complex.
        sex (`str`):
            `"male"` or `"female"`.

    Returns:
        `float`: The larger of the Sokolow-Lyon and the Cornell sum, each relative to its limit.
    """
    sokolow_lyon, cornell = voltage_sums_mv(qrs)
    return max(sokolow_lyon / SOKOLOW_LYON_MV, cornell / CORNELL_MV[sex])
