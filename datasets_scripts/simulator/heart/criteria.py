"""Textbook criteria, measured on the noiseless dominant beat, so that a label says what the strip shows.

Limits: Thygesen et al. 2018, Circulation 138:e618, Table 2 (ST elevation); Hancock et al. 2009, J Am Coll Cardiol
53:992 (voltage).
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from datasets_scripts.terminology.measured_findings import load_measured_findings
from modeling_supreme.leads import STANDARD_LEADS


# Our choice, a usual point of measurement: Thygesen et al. measure at the J point, where a notch or slur counts too.
ST_POINT_AFTER_J_MS = 60.0
FAST_ST_POINT_AFTER_J_MS = 30.0  # above 120 per minute T begins too early for the usual point
FAST_RR_S = 0.5
ST_ELEVATION_MV = 0.1
ST_ELEVATION_V2_V3_MV = {"female": 0.15, "male": 0.2, "male under 40": 0.25}
SOKOLOW_LYON_MV = load_measured_findings()["sokolow-lyon sum above 3.5 mV"].above  # S in V1 + R in V5 or V6
CORNELL_MV = {"male": 2.8, "female": 2.0}  # R in aVL + S in V3

ROW = {lead: row for row, lead in enumerate(STANDARD_LEADS)}
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


@lru_cache(maxsize=3)
def st_elevation_limits_mv(sex: str, *, is_under_40: bool) -> np.ndarray:
    """What counts as ST elevation in each lead, in millivolts; shape `(12,)`."""
    limits = np.full(len(STANDARD_LEADS), ST_ELEVATION_MV)
    group = "male under 40" if is_under_40 and sex == "male" else sex
    limits[[ROW["V2"], ROW["V3"]]] = ST_ELEVATION_V2_V3_MV[group]
    limits.setflags(write=False)
    return limits


def extreme_of_wave(wave: np.ndarray) -> np.ndarray:
    """The most negative or most positive voltage of each lead, whichever is larger; shape `(12,)`."""
    return wave[np.arange(len(wave)), np.abs(wave).argmax(axis=1)]
