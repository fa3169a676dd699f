"""`measure_strip`: the same figures for real and simulated strips, true to what the strip shows."""

import numpy as np
import pytest

from datasets_scripts.simulator import SimulatorSettings, simulate_record
from datasets_scripts.simulator.realism.strip_features import (
    BAND_EDGES_HZ,
    BEAT_SAMPLES,
    band_powers,
    cut_beats,
    measure_strip,
)


CLEAN = SimulatorSettings(noise_scale=0.0, has_comorbidity=False)
NORMALS = [simulate_record(index, condition="normal ecg", settings=CLEAN) for index in range(12)]


def median_error(name, truths):
    measured = [measure_strip(record.strip).figures[name] for record in NORMALS]
    return np.median(np.abs(np.array(measured) - truths))


def test_the_rate_is_that_of_the_rhythm():
    rates = [60 / np.median(record.rhythm.rr_s) for record in NORMALS]

    assert median_error("rate_per_min", rates) < 1


def test_the_axis_is_that_of_the_heart():
    assert median_error("qrs_axis_deg", [record.axis_deg for record in NORMALS]) < 20


def test_a_bundle_branch_block_widens_the_qrs():
    normal = [measure_strip(record.strip).figures["qrs_ms"] for record in NORMALS]
    blocks = [simulate_record(i, condition="left bundle branch block", settings=CLEAN).strip for i in range(12)]
    wide = [measure_strip(strip).figures["qrs_ms"] for strip in blocks]

    assert np.median(normal) < 110 < np.median(wide)


def test_a_scaled_strip_has_scaled_voltages_and_the_same_intervals():
    strip = NORMALS[0].strip

    once, twice = measure_strip(strip).figures, measure_strip(2 * strip).figures

    assert twice["V5_r_mv"] == pytest.approx(2 * once["V5_r_mv"], rel=1e-3)
    assert twice["qrs_ms"] == once["qrs_ms"]
    assert twice["qrs_axis_deg"] == pytest.approx(once["qrs_axis_deg"], abs=0.1)


def test_noise_is_measured_as_noise():
    noise = np.random.default_rng(0).normal(0, 0.05, NORMALS[0].strip.shape)

    quiet, noisy = (measure_strip(NORMALS[0].strip + added).figures for added in (0, noise))

    # White noise of 0.05 mV has (250 - 45) / 250 of its power above 45 Hz.
    assert noisy["fast_noise_mv"] == pytest.approx(0.05 * np.sqrt(205 / 250), rel=0.05)
    assert quiet["fast_noise_mv"] < 0.01


def test_a_strip_without_beats_has_no_figures():
    assert measure_strip(np.random.default_rng(0).normal(0, 0.01, (12, 5000))[:, :400]) is None


def test_beats_that_the_strip_cuts_off_are_left_out():
    beats = cut_beats(np.zeros((12, 1000)), np.array([100, 400, 900]))

    assert beats.shape == (1, 12, BEAT_SAMPLES)


def test_a_sine_lies_in_the_band_of_its_frequency():
    strip = np.tile(np.sin(2 * np.pi * 30 * np.arange(5000) / 500), (12, 1))

    loudest = band_powers(strip).argmax(axis=1)

    assert set(loudest) == {int(np.digitize(30, BAND_EDGES_HZ)) - 1}
