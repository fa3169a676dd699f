"""The simulated cart: its filters pass what they should, electrodes come off, voltages are clipped and stepped."""

import numpy as np
import pytest
from scipy.signal import butter, sosfilt, sosfilt_zi

from datasets_scripts.simulator.recording.acquisition import (
    LEADS_OF_ELECTRODE,
    acquire,
    apply_filter,
    to_standard_leads,
)


TIMES = np.arange(5000) / 500


def sine(frequency_hz):
    """Eight leads with a sine of 1 mV."""
    return np.tile(np.sin(2 * np.pi * frequency_hz * TIMES), (8, 1)).astype(np.float32)


@pytest.mark.parametrize(("kind", "corner_hz"), [("low", 40.0), ("low", 150.0), ("high", 0.5)])
def test_a_filter_reduces_its_corner_frequency_by_3_db(kind, corner_hz):
    filtered = apply_filter(sine(corner_hz), kind, corner_hz)

    assert np.abs(filtered[:, 2500:]).max() == pytest.approx(np.sqrt(0.5), abs=0.02)


def test_a_low_pass_keeps_slow_waves_and_a_high_pass_fast_ones():
    assert np.abs(apply_filter(sine(1.0), "low", 150.0) - sine(1.0)).max() < 0.02
    assert np.abs(apply_filter(sine(20.0), "high", 0.05)[:, 500:] - sine(20.0)[:, 500:]).max() < 0.02


def test_a_filter_starts_in_balance():
    level = np.full((8, 1000), 0.7, dtype=np.float32)

    assert np.allclose(apply_filter(level, "low", 40.0), 0.7, atol=1e-5)
    assert np.allclose(apply_filter(level, "high", 0.5), 0.0, atol=1e-5)


@pytest.mark.parametrize(("kind", "corner_hz"), [("low", 40.0), ("low", 150.0), ("high", 0.05), ("high", 0.5)])
def test_a_filter_is_the_butterworth_filter_of_scipy(kind, corner_hz):
    leads = np.random.default_rng(0).normal(0, 0.5, (8, 5000)).astype(np.float32)
    sections = butter(1, corner_hz, kind, fs=500, output="sos")
    settled = sosfilt_zi(sections)[:, None] * leads[:, :1]

    expected = sosfilt(sections, leads, axis=1, zi=settled)[0]

    assert apply_filter(leads, kind, corner_hz) == pytest.approx(expected, abs=1e-4)  # 0.1 uV


def test_an_ideal_cart_changes_nothing():
    strip = sine(3.0)

    assert acquire(np.random.default_rng(0), strip, scale=0.0) is strip


def test_voltages_beyond_the_amplifier_are_clipped():
    highest = [np.abs(acquire(np.random.default_rng(seed), 9 * sine(2.0), scale=1.0)).max() for seed in range(30)]

    assert 4.99 < max(highest) < 5.01
    assert min(highest) > 2.49


def test_a_limb_electrode_that_comes_off_takes_its_leads_with_it():
    assert LEADS_OF_ELECTRODE["RA"] == (0, 1)
    assert LEADS_OF_ELECTRODE["V6"] == (7,)


def test_about_one_strip_in_a_hundred_loses_a_lead():
    strips = [acquire(np.random.default_rng(seed), sine(7.0), scale=1.0)[:, 4500:] for seed in range(1000)]
    is_lost = [np.ptp(strip, axis=1).min() < 0.2 for strip in strips]

    assert 1 <= sum(is_lost) <= 16


def test_limb_leads_agree_after_the_cart():
    strip = np.rint(to_standard_leads(acquire(np.random.default_rng(1), sine(7.0), scale=1.0)) * 1000)

    assert np.array_equal(strip[0] + strip[2], strip[1])
