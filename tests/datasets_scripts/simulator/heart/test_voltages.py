"""Axis and voltage sums by hand arithmetic."""

import numpy as np
import pytest

from datasets_scripts.simulator.heart.voltages import axis_deg, extremes_of, hypertrophy_ratio
from datasets_scripts.simulator.patient.body import ROW


def test_the_axis_of_equal_i_and_avf_is_45_degrees():
    # aVF = II - I / 2; in the frontal plane aVF has to be scaled by 2 / sqrt(3).
    lead_ii = 0.5 + np.sqrt(3) / 2

    assert axis_deg(1.0, lead_ii) == pytest.approx(45)


def test_the_sokolow_lyon_sum_counts_s_in_v1_and_r_in_v5():
    qrs = np.zeros((12, 2))
    qrs[ROW["V1"], 0], qrs[ROW["V5"], 1] = -1.5, 2.0

    assert hypertrophy_ratio(extremes_of(qrs), "male") == pytest.approx(1.0)


def test_the_cornell_limit_depends_on_sex():
    qrs = np.zeros((12, 2))
    qrs[ROW["V3"], 0], qrs[ROW["aVL"], 1] = -1.4, 1.4

    assert hypertrophy_ratio(extremes_of(qrs), "female") == pytest.approx(1.4)
    assert hypertrophy_ratio(extremes_of(qrs), "male") == pytest.approx(1.0)
