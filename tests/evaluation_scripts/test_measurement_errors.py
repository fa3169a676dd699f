"""Errors of measurements: figures by hand and by SciPy, over records whose reference is known, angles on a circle."""

import numpy as np
import pytest
from scipy.stats import logistic, spearmanr

from evaluation_scripts.measurement_errors import MeasurementPairs, compare_measurements, find_errors, rank_correlation


def compare(value, reference, *, sd=1.0, measurable=1.0, key="qrs_ms", patients=None, **options):
    """The entry of one measurement."""
    value, reference = np.array(value, dtype=float)[:, None], np.array(reference, dtype=float)[:, None]
    filled = [np.broadcast_to(np.array(each, dtype=float).reshape(-1, 1), value.shape) for each in (sd, measurable)]
    measured = MeasurementPairs([key], value, *filled, reference)
    (entry,) = compare_measurements(measured, patients or list(range(len(value))), **options)
    return entry


def draw(num_records, *, seed=0, noise=10.0):
    generator = np.random.default_rng(seed)
    reference = generator.normal(100, 20, num_records)
    return reference + generator.normal(3, noise, num_records), reference


def test_the_error_is_the_mean_distance_and_the_bias_says_who_is_higher():
    entry = compare([100, 90, 130], [104, 88, 120])

    assert entry["mean_absolute_error"] == pytest.approx(16 / 3)
    assert entry["bias"] == pytest.approx(8 / 3)
    assert (entry["measurement"], entry["unit"], entry["num_records"]) == ("qrs_ms", "ms", 3)


def test_the_constant_is_the_median_of_the_references():
    assert compare([0, 0, 0], [90, 100, 140])["mean_absolute_error_of_constant"] == pytest.approx(50 / 3)


def test_a_record_without_a_reference_counts_nowhere():
    entry = compare([100, 90, 500], [104, 88, np.nan], measurable=[1, 0.2, 0.1])

    assert (entry["num_records"], entry["mean_absolute_error"], entry["share_measurable"]) == (2, 3, 0.5)


def test_a_measurement_without_any_reference_has_no_entry():
    shape = (2, 2)
    reference = np.array([[1.0, np.nan], [2.0, np.nan]])

    entries = compare_measurements(
        MeasurementPairs(["qrs_ms", "qt_ms"], np.ones(shape), np.ones(shape), np.ones(shape), reference), ["a", "b"]
    )

    assert [entry["measurement"] for entry in entries] == ["qrs_ms"]


def test_the_interval_holds_four_fifths_of_a_logistic_distribution():
    sd = 5.0
    edge = logistic.ppf(0.9, scale=sd * np.sqrt(3) / np.pi)

    entry = compare([100, 100, 100, 100], [100 + edge - 0.01, 100 - edge + 0.01, 100 + edge + 0.01, 200], sd=sd)

    assert entry["coverage_80"] == 0.5


def test_the_rank_correlation_is_spearmans():
    value, reference = draw(50)

    assert compare(value, reference)["rank_correlation"] == pytest.approx(spearmanr(value, reference).statistic)


def test_a_weight_is_a_repetition_also_among_ties():
    first, second = np.array([1.0, 2.0, 2.0, 4.0, 3.0]), np.array([2.0, 1.0, 3.0, 3.0, 5.0])
    weights = np.array([[1, 1, 1, 1, 1], [3, 0, 2, 1, 1]])

    correlations = rank_correlation(first, second, weights.astype(float))

    expected = [spearmanr(np.repeat(first, each), np.repeat(second, each)).statistic for each in weights]
    assert correlations == pytest.approx(expected)


def test_what_does_not_vary_has_no_rank():
    assert compare([1, 2, 3], [5, 5, 5])["rank_correlation"] is None


class TestAngles:
    def test_the_shorter_way_round_counts(self):
        entry = compare([179, -170], [-179, 170], key="axis_deg")

        assert (entry["mean_absolute_error"], entry["bias"]) == (11, 9)  # -2 and 20 degrees

    @pytest.mark.parametrize(("value", "reference", "error"), [(10, 350, 20), (-180, 180, 0), (90, -90, 180)])
    def test_errors_lie_above_minus_180_and_up_to_180(self, value, reference, error):
        assert find_errors(np.array([value]), np.array([reference]), "deg") == [error]

    def test_the_constant_is_a_direction(self):
        assert compare([0, 0], [170, -170], key="axis_deg")["mean_absolute_error_of_constant"] == pytest.approx(10)


class TestIntervals:
    def test_they_hold_the_figure(self):
        entry = compare(*draw(200), sd=10.0, num_bootstrap_samples=200)

        for name in ("mean_absolute_error", "bias", "rank_correlation", "coverage_80"):
            low, high = entry[f"{name}_ci95"]
            assert low < entry[name] < high

    def test_that_of_the_bias_has_the_width_of_its_standard_error(self):
        value, reference = draw(400)
        errors = value - reference

        low, high = compare(value, reference, num_bootstrap_samples=2000)["bias_ci95"]

        assert high - low == pytest.approx(2 * 1.96 * errors.std() / 20, rel=0.1)

    def test_patients_are_drawn_whole(self):
        value, reference = draw(200)
        patients = [f"p{index // 10}" for index in range(200)]
        shifted = value + np.repeat(np.random.default_rng(1).normal(0, 30, 20), 10)  # of one patient, the same

        by_record = compare(shifted, reference, num_bootstrap_samples=300)["bias_ci95"]
        by_patient = compare(shifted, reference, num_bootstrap_samples=300, patients=patients)["bias_ci95"]

        assert by_patient[1] - by_patient[0] > 2 * (by_record[1] - by_record[0])

    @pytest.mark.parametrize("options", [{"num_bootstrap_samples": 0}, {"patients": ["p"] * 3}])
    def test_without_resamples_or_with_one_patient_there_are_none(self, options):
        assert compare([1, 2, 3], [1, 2, 4], **options)["mean_absolute_error_ci95"] is None
