"""`measure_qrs`: Q, R and S are told apart by their place."""

import numpy as np
import pytest

from datasets_scripts.simulator.truth.qrs_waves import measure_qrs
from modeling_supreme.leads import STANDARD_LEADS


def test_q_r_and_s_of_a_lead_are_measured_by_their_place():
    qrs = np.zeros((12, 50))
    qrs[STANDARD_LEADS.index("II"), :20] = -0.2  # 40 ms
    qrs[STANDARD_LEADS.index("II"), 20:40] = 0.5
    qrs[STANDARD_LEADS.index("II"), 40:] = -0.1

    waves = {name: values[STANDARD_LEADS.index("II")] for name, values in measure_qrs(qrs, step_ms=2.0).items()}

    assert (waves["q_mv"], waves["q_ms"], waves["r_mv"], waves["s_mv"]) == (0.2, 40.0, 0.5, 0.1)
    assert waves["q_excess"] == pytest.approx(40 / 30)
