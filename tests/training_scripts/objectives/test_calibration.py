"""Calibration: the middle 80 % of every distribution hold 80 % of the values, and errors go together as they do."""

import math

import numpy as np
import pytest
import torch
from helpers.tiny_models import TINY_MEASUREMENTS, settle_measurements
from scipy.stats import logistic, norm, pearsonr

from modeling_supreme.modeling_supreme import LOGISTIC_SD
from training_scripts.objectives.calibration import (
    Measured,
    calibrate_head,
    correlate,
    describe_measured,
    find_loadings,
    fit_calibration,
    measure_held_out,
    simulate_held_out,
)


RNG = np.random.default_rng(0)
NAN = math.nan


def make_measured(errors, sd):
    """Predictions of 100 that are off by errors of shape `(num_records, num_measurements)`."""
    errors = np.asarray(errors)
    return Measured(np.full_like(errors, 100.0), np.full_like(errors, sd), 100.0 + errors)


def logistic_errors(num_records, scale, shift=0.0):
    """The quantiles of a logistic distribution, one measurement."""
    return logistic(shift, scale).ppf((np.arange(num_records) + 0.5) / num_records)[:, None]


class TestBiasAndSpread:
    def test_values_that_are_too_low_and_too_sure_are_raised_and_widened(self):
        measured = make_measured(logistic_errors(1001, scale=4.0, shift=7.0), sd=2.0 * LOGISTIC_SD)

        found = fit_calibration(measured, (), num_factors=1)

        assert found.bias[0] == pytest.approx(7.0, abs=0.05)
        assert found.sd_factor[0] == pytest.approx(2.0, rel=0.02)

    @pytest.mark.parametrize("errors", [norm(3, 10), logistic(-2, 5)], ids=["normal", "logistic"])
    def test_it_covers_other_records_whatever_the_errors(self, errors):
        fitted, checked = (make_measured(errors.rvs((2000, 1), random_state=seed), 1e1) for seed in (0, 1))
        found = fit_calibration(fitted, (), num_factors=1)
        checked = checked._replace(value=checked.value + found.bias, sd=checked.sd * found.sd_factor)

        figures = describe_measured(checked, ["qrs_ms"])["qrs_ms"]

        assert figures["coverage_80"] == pytest.approx(0.8, abs=0.03)
        assert figures["bias"] == pytest.approx(0.0, abs=0.6)

    def test_an_axis_errs_the_shorter_way_round(self):
        truth, value = np.full((40, 1), -178.0), np.full((40, 1), 178.0)

        found = fit_calibration(Measured(value, np.ones((40, 1)), truth), (0,), num_factors=1)

        assert found.bias.tolist() == [4.0]

    def test_few_values_leave_the_head_as_it_is(self):
        errors = np.full((40, 2), 5.0)
        errors[29:, 1] = NAN

        found = fit_calibration(make_measured(errors, 1.0), (), num_factors=1)

        assert found.bias.tolist() == [5.0, 0.0]
        assert found.sd_factor[1] == 1.0
        assert found.loadings[1].tolist() == [0.0]

    @pytest.mark.parametrize(("scale", "factor"), [(1e-6, 1 / 3), (1e6, 3.0)])
    def test_no_spread_becomes_more_than_three_times_as_large_or_small(self, scale, factor):
        found = fit_calibration(make_measured(logistic_errors(101, scale), sd=1.0), (), num_factors=1)

        assert found.sd_factor.tolist() == pytest.approx([factor])


class TestCorrelation:
    def test_a_pair_is_compared_where_both_are_known(self):
        scores = RNG.normal(size=(200, 2)) @ np.array([[1.0, 0.6], [0.0, 0.8]])
        scores[150:, 0] = NAN

        found = correlate(scores)

        known = scores[:150] / np.sqrt((scores[:150] ** 2).mean(axis=0))
        assert found[0, 1] == found[1, 0] == pytest.approx((known[:, 0] * known[:, 1]).mean())
        assert found[0, 1] == pytest.approx(pearsonr(*scores[:150].T).statistic, abs=0.02)

    def test_a_pair_that_is_rarely_together_is_taken_for_independent(self):
        scores = np.ones((100, 2))
        scores[:60, 0], scores[80:, 1] = NAN, NAN

        assert correlate(scores)[0, 1] == 0

    def test_loadings_give_back_the_correlations_of_common_causes(self):
        loadings = np.array([[0.8, 0.0], [0.7, 0.3], [0.0, 0.6], [0.5, -0.5], [0.1, 0.4]])
        correlation = loadings @ loadings.T
        np.fill_diagonal(correlation, 1.0)

        found = find_loadings(correlation, 2)

        products = found @ found.T
        np.fill_diagonal(products, 1.0)
        np.testing.assert_allclose(products, correlation, atol=0.01)

    def test_loadings_explain_no_measurement_wholly(self):
        assert (find_loadings(np.ones((4, 4)), 3) ** 2).sum(axis=1) == pytest.approx([0.95] * 4, abs=1e-6)

    def test_what_errs_alone_has_no_loadings(self):
        np.testing.assert_allclose(find_loadings(np.eye(3), 8), np.zeros((3, 8)), atol=1e-6)

    def test_errors_that_go_together_are_found_in_what_was_measured(self):
        common = logistic.rvs(size=(3000, 1), random_state=0)
        errors = np.hstack([common, -common, logistic.rvs(size=(3000, 1), random_state=1)])
        errors += 0.3 * logistic.rvs(size=errors.shape, random_state=2)

        loadings = fit_calibration(make_measured(errors, LOGISTIC_SD), (), num_factors=2).loadings

        products = loadings @ loadings.T
        assert products[0, 1] < -0.8
        assert abs(products[0, 2]) < 0.1


class TestHeldOutRecords:
    def test_their_patients_are_those_of_validation(self, monkeypatch):
        import training_scripts.objectives.calibration as calibration

        asked, simulate = [], calibration.simulate_record
        monkeypatch.setattr(
            calibration, "simulate_record", lambda index, **options: asked.append(index) or simulate(index, **options)
        )
        list(simulate_held_out(6))

        # of ten patients in a row, with two records each, the ninth is for validation
        assert asked == [16, 17, 36, 37, 56, 57]

    def test_they_come_from_carts_of_different_rates(self):
        recordings = [recording for recording, _ in simulate_held_out(12)]

        assert len({recording.sampling_rate for recording in recordings}) > 1
        assert {recording.num_samples / recording.sampling_rate for recording in recordings} == {10.0}

    def test_they_are_the_same_every_time(self):
        (first, record), (again, same) = (next(simulate_held_out(1)) for _ in range(2))

        np.testing.assert_array_equal(first.strip_mv, again.strip_mv)
        assert record.measurements["qrs_ms"] == same.measurements["qrs_ms"]


class TestHead:
    @pytest.fixture
    def model(self, make_tiny_model):
        return settle_measurements(make_tiny_model(measurements=list(TINY_MEASUREMENTS))).eval()

    def test_its_intervals_cover_records_that_were_not_fitted(self, model, tiny_processor):
        told = calibrate_head(model, tiny_processor.feature_extractor, 900)

        assert (told["num_fitted"], told["num_checked"]) == (600, 300)
        coverages = {key: told["figures"][key]["coverage_80"] for key in ("rate_per_min", "qrs_ms", "st_mv_V2")}
        assert coverages == dict.fromkeys(coverages, pytest.approx(0.8, abs=0.07))

    def test_the_head_answers_as_the_figures_say(self, model, tiny_processor):
        told = calibrate_head(model, tiny_processor.feature_extractor, 90)

        after = measure_held_out(model, tiny_processor.feature_extractor, 90)
        figures = describe_measured(Measured(*(part[60:] for part in after)), model.config.measurements)
        assert figures["qrs_ms"]["mae"] == pytest.approx(told["figures"]["qrs_ms"]["mae"], rel=1e-3)

    def test_a_second_calibration_finds_what_the_first_did(self, model, tiny_processor):
        buffers = []
        for _ in range(2):
            calibrate_head(model, tiny_processor.feature_extractor, 90)
            buffers.append(torch.cat([buffer.flatten() for buffer in model.measurement_head.buffers()]))

        assert torch.equal(*buffers)
