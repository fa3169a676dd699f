"""Fibrillation waves have the frequencies of the textbooks."""

import numpy as np

from datasets_scripts.simulator.heart.atria import draw_fibrillation_waves
from datasets_scripts.simulator.patient.body import DOWER_MATRIX


def test_most_of_the_power_of_fibrillation_waves_lies_between_3_and_20_hz():
    waves = draw_fibrillation_waves(np.random.default_rng(0), DOWER_MATRIX, 5000)

    power = (np.abs(np.fft.rfft(waves)) ** 2).sum(axis=0)  # 0.1 Hz per bin

    assert power[30:200].sum() > 0.9 * power.sum()
