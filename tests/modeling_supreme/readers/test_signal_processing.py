"""Resampling, band-pass and baseline: voltages keep their size and their place in time."""

from fractions import Fraction

import numpy as np
import pytest
from helpers.strips import make_strip, spike_train
from scipy.signal import butter, sosfiltfilt

from modeling_supreme.signal_processing import (
    bandpass_strip,
    estimate_baseline,
    find_flat,
    resample_by,
    resample_strip,
)


class TestResampling:
    def test_an_offset_does_not_ring_at_the_ends(self):
        strip = np.full((1, 1000), 3.0, dtype=np.float32)

        np.testing.assert_allclose(resample_strip(strip, 100, 500), 3.0, atol=0.003)

    def test_frequencies_above_the_new_nyquist_frequency_do_not_fold_back(self):
        time = np.arange(10_000) / 1000
        strip = np.sin(2 * np.pi * 400 * time)[None].astype(np.float32)

        assert np.abs(resample_strip(strip, 1000, 500)[:, 100:-100]).max() < 0.005

    @pytest.mark.parametrize("sampling_rate", [100, 257, 1000])
    def test_one_sample_has_no_line_and_is_resampled_all_the_same(self, sampling_rate):
        strip = np.full((12, 1), 0.5, dtype=np.float32)

        resampled = resample_strip(strip, sampling_rate, 500)

        assert resampled.shape == (12, -(-500 // sampling_rate))
        np.testing.assert_allclose(resampled, 0.5, atol=0.01)

    def test_the_type_of_the_samples_is_kept(self):
        strip = make_strip(sampling_rate=250)

        assert resample_strip(strip, 250, 500).dtype == np.float32
        assert resample_strip(strip.astype(np.float64), 250, 500).dtype == np.float64

    def test_an_odd_ratio_is_rounded_for_a_model_and_exact_for_a_corpus(self):
        strip = np.zeros((1, 2002))

        assert resample_by(strip, Fraction(500, 1001)).shape == (1, 1000)
        assert resample_strip(strip, 1001, 500).shape == resample_by(strip, Fraction(499, 999)).shape


class TestBandpass:
    @pytest.mark.parametrize(
        ("frequency", "gain"), [(0.1, 0.0), (0.5, 0.5), (10.0, 1.0), (40.0, 0.5), (60.0, 0.067), (120.0, 0.0)]
    )
    def test_a_sine_passes_with_the_gain_of_its_frequency(self, frequency, gain):
        time = np.arange(15_000) / 500
        sine = np.sin(2 * np.pi * frequency * time)[None].astype(np.float32)

        filtered = bandpass_strip(sine, 500, 0.5, 40.0)

        np.testing.assert_allclose(filtered[:, 2500:-2500], gain * sine[:, 2500:-2500], atol=0.015)

    def test_it_agrees_with_scipys_filter_run_both_ways(self):
        strip = make_strip(duration_s=20) + 1
        sections = butter(3, (0.5, 40.0), "bandpass", fs=500, output="sos")

        filtered = bandpass_strip(strip, 500, 0.5, 40.0)

        expected = sosfiltfilt(sections, strip.astype(np.float64), axis=1, padlen=2000)
        np.testing.assert_allclose(filtered[:, 2000:-2000], expected[:, 2000:-2000], atol=1e-3)

    def test_nothing_moves_in_time(self):
        strip = spike_train()

        filtered = bandpass_strip(strip, 500, 0.5, 40.0)

        peaks = [int(filtered[0, second * 500 : (second + 1) * 500].argmax()) for second in range(10)]
        assert peaks == [150] * 10

    def test_a_straight_line_is_removed_up_to_the_ends(self):
        line = np.linspace(-2, 5, 5000, dtype=np.float32)[None]

        np.testing.assert_allclose(bandpass_strip(line, 500, 0.5, 40.0), 0, atol=0.03)

    def test_a_strip_that_ends_on_an_r_wave_is_not_bent(self):
        whole = spike_train()
        cut = whole[:, :4650]  # ends at the top of the QRS at 9.3 s

        filtered = bandpass_strip(cut, 500, 0.5, 40.0)

        middle_of_strip = bandpass_strip(whole, 500, 0.5, 40.0)
        np.testing.assert_allclose(filtered[:, :4600], middle_of_strip[:, :4600], atol=0.15)

    @pytest.mark.parametrize("num_samples", [2, 3, 50, 501])
    def test_very_short_strips_stay_finite(self, num_samples):
        strip = make_strip()[:, :num_samples]

        filtered = bandpass_strip(strip, 500, 0.5, 40.0)

        assert filtered.shape == strip.shape
        assert np.abs(filtered).max() < 3

    def test_an_offset_of_a_hundred_millivolts_leaves_no_trace(self):
        strip = make_strip()

        filtered = bandpass_strip(strip + 100, 500, 0.5, 40.0)

        np.testing.assert_allclose(filtered, bandpass_strip(strip, 500, 0.5, 40.0), atol=2e-4)


class TestBaseline:
    def test_four_fifths_of_the_wander_are_found_under_the_beats(self):
        time = np.arange(5000) / 500
        wander = (1 + 0.4 * np.sin(2 * np.pi * 0.2 * time)).astype(np.float32)[None]

        baseline = estimate_baseline(spike_train() + wander, 500)

        assert (baseline - wander).std() < 0.2 * wander.std()

    def test_beats_on_a_level_baseline_are_left_alone(self):
        np.testing.assert_allclose(estimate_baseline(spike_train() + 2, 500), 2, atol=1e-6)

    @pytest.mark.parametrize("num_samples", [1, 2, 21, 333])
    def test_any_length_has_a_baseline(self, num_samples):
        strip = np.full((2, num_samples), 0.7, dtype=np.float32)

        np.testing.assert_allclose(estimate_baseline(strip, 500), 0.7, atol=1e-6)


def test_a_step_wider_than_int16_has_numbers_for_is_not_flat():
    values = np.repeat(np.array([[100, -32768]], dtype=np.int16), 1000, axis=1)
    values[0, :1000:2] = -100  # noise of 200, then one value, 32,868 below

    assert np.flatnonzero(find_flat(values, 500, 10)).tolist() == list(range(1000, 2000))
