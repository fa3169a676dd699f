"""Numbers are learnt as distributions: what a value costs, what is masked, and how targets follow a changed strip."""

import math

import numpy as np
import pytest
import torch
from scipy.signal import find_peaks
from scipy.stats import logistic

from modeling_supreme.modeling_supreme import LOGISTIC_SD, SupremeMeasurements
from training_scripts.objectives.augmentation import Augmentation
from training_scripts.objectives.measurements import MeasurementTask, logistic_losses, sum_presence_losses
from training_scripts.steps import TrainingBatch


NAN = math.nan
DRAWS = Augmentation(["I"], 500, 1.0).draw(2, torch.Generator())


def make_task(*keys, spread=1.0):
    return MeasurementTask(keys, torch.full((len(keys),), spread))


def make_batch(values, measurable=None):
    """Strips of which a row of values is known, in the order of the step."""
    values = torch.tensor(values)
    present = (~torch.isnan(values)).float() if measurable is None else torch.tensor(measurable)
    inputs = {"measurements": values, "measurable": present}
    return TrainingBatch(inputs, tuple("ab"[: len(values)]), torch.arange(len(values)))


def found(value, sd=1.0, logit=0.0):
    """Distributions about values of shape `(batch_size, num_measurements)`."""
    value = torch.tensor(value).requires_grad_()
    logits = torch.full_like(value, logit)
    return SupremeMeasurements(value, torch.full_like(value, sd), torch.sigmoid(logits), logits)


def changed(gain=1.0, rate=1.0):
    """Draws of a step of two strips with another voltage and another speed."""
    return DRAWS._replace(gain=torch.tensor([gain, 1.0]), rate=torch.tensor([rate, 1.0]))


class TestValues:
    @pytest.mark.parametrize("sd", [0.5, 1.0, 12.0])
    def test_an_error_costs_the_logarithm_of_a_logistic_density(self, sd):
        errors = np.array([-30.0, -1.2, 0.0, 0.7, 5.0])

        losses = logistic_losses(torch.from_numpy(errors), torch.tensor(sd, dtype=torch.double))

        np.testing.assert_allclose(losses, -logistic(scale=sd / LOGISTIC_SD).logpdf(errors))

    def test_a_loss_is_counted_in_spreads(self):
        task = make_task("qrs_ms", spread=20.0)

        cost = task.sum_losses(found([[100.0]], sd=20.0 * LOGISTIC_SD), make_batch([[100.0]]), DRAWS)

        # In spreads the scale is 1, and the density of no error 1/4
        assert cost["measurements"].item() == pytest.approx(math.log(4), rel=1e-6)

    def test_values_that_are_not_known_cost_nothing_and_teach_nothing(self):
        prediction = found([[100.0, 200.0]])

        cost = make_task("qrs_ms", "pr_ms").sum_losses(prediction, make_batch([[90.0, NAN]]), DRAWS)["measurements"]
        cost.backward()

        assert cost.item() == pytest.approx(-logistic(scale=1 / LOGISTIC_SD).logpdf(10), rel=1e-5)
        assert (prediction.value.grad != 0).tolist() == [[True, False]]

    def test_an_axis_is_compared_the_shorter_way_round(self):
        task = make_task("axis_deg")

        costs = [
            task.sum_losses(found([[predicted]], sd=5.0), make_batch([[true]]), DRAWS)["measurements"].item()
            for predicted, true in ((179.0, -179.0), (10.0, 12.0))
        ]

        assert costs[0] == pytest.approx(costs[1], rel=1e-5)

    @pytest.mark.parametrize("error", [1e4, -1e4])
    def test_an_enormous_error_has_a_finite_cost_and_gradient(self, error):
        prediction = found([[0.0]], sd=0.1)

        cost = make_task("qrs_ms").sum_losses(prediction, make_batch([[error]]), DRAWS)["measurements"]
        cost.backward()

        assert math.isfinite(cost.item())
        assert prediction.value.grad.abs().item() == pytest.approx(LOGISTIC_SD / 0.1, rel=1e-5)


class TestPresence:
    def test_it_costs_the_cross_entropy_of_what_is_known(self):
        cost = sum_presence_losses(found([[0.0, 0.0, 0.0]], logit=2.0), torch.tensor([[1.0, 0.0, NAN]]))

        # -ln sigmoid(2) and -ln sigmoid(-2)
        assert cost.item() == pytest.approx(0.126928 + 2.126928, abs=1e-5)

    def test_what_is_not_there_has_a_cost_but_no_value(self):
        task, batch = make_task("pr_ms"), make_batch([[NAN]], [[0.0]])

        assert task.count(batch, DRAWS) == {"measurements": 0, "measurable": 1}
        costs = task.sum_losses(found([[160.0]]), batch, DRAWS)
        assert costs["measurements"].item() == 0
        assert costs["measurable"].item() == pytest.approx(math.log(2))

    def test_batches_add_up_to_one_large_batch(self):
        task, values = make_task("qrs_ms", "pr_ms"), [[90.0, NAN], [100.0, 170.0]]

        whole = task.sum_losses(found([[95.0, 160.0]] * 2), make_batch(values), DRAWS)
        parts = [task.sum_losses(found([[95.0, 160.0]]), make_batch([row]), DRAWS) for row in values]

        for part in task.parts:
            assert whole[part].item() == pytest.approx(sum(cost[part].item() for cost in parts))


class TestTargetsFollowTheStrip:
    @pytest.mark.parametrize(
        ("key", "shown"),
        [
            ("r_mv_V5", 3.0),
            ("p_terminal_force_mv_ms_V1", 3.0),
            ("cornell_ratio", 3.0),
            ("st_elevation_ratio_V2", 3.0),
            ("qrs_ms", 2.0),
            ("axis_deg", 2.0),
            ("r_to_s_V1", 2.0),
            ("rate_per_min", 2.0),
            ("num_p_waves", 2.0),
        ],
    )
    def test_voltages_follow_the_gain_and_nothing_else_does(self, key, shown):
        targets = make_task(key).follow(make_batch([[2.0], [2.0]]), changed(gain=1.5))

        assert targets.measurements.tolist() == [[shown], [2.0]]

    @pytest.mark.parametrize(
        ("key", "shown"),
        [
            ("rate_per_min", 125.0),
            ("atrial_rate_per_min", 125.0),
            ("qt_ms", 80.0),
            ("longest_rr_s", 80.0),
            ("s_ms_V2", 80.0),
            ("p_terminal_force_mv_ms_V1", 80.0),
            ("qtc_ms", 100 / math.sqrt(1.25)),
            ("qtc_fridericia_ms", 100 / 1.25 ** (2 / 3)),
            ("axis_deg", 100.0),
            ("st_mv_V2", 100.0),
            ("num_early_wide", 100.0),
        ],
    )
    def test_times_and_rates_follow_the_speed(self, key, shown):
        targets = make_task(key).follow(make_batch([[100.0], [100.0]]), changed(rate=1.25))

        np.testing.assert_allclose(targets.measurements, [[shown], [100.0]], rtol=1e-6)

    def test_a_corrected_interval_is_that_of_the_faster_strip(self):
        qt_ms, rr_s, rate = 400.0, 0.9, 1.25
        batch = make_batch([[qt_ms / math.sqrt(rr_s), qt_ms / rr_s ** (1 / 3)]])

        shown = make_task("qtc_ms", "qtc_fridericia_ms").follow(batch, changed(rate=rate)).measurements

        expected = [qt_ms / rate / math.sqrt(rr_s / rate), qt_ms / rate / (rr_s / rate) ** (1 / 3)]
        np.testing.assert_allclose(shown[0], expected, rtol=1e-6)

    @pytest.mark.parametrize("key", ["num_early_wide", "longest_rr_s", "longest_wide_run"])
    def test_what_a_slower_strip_may_have_lost_is_not_known(self, key):
        targets = make_task(key).follow(make_batch([[3.0], [NAN]], [[1.0], [0.0]]), changed(rate=0.95))

        assert torch.isnan(targets.measurements).tolist() == [[True], [True]]
        np.testing.assert_array_equal(targets.measurable, [[NAN], [0.0]])

    def test_the_strip_that_is_learnt_from_shows_its_target(self):
        """A wave of 1 mV twice a second, with the gain and speed of one draw."""
        change = Augmentation(["I"], 500, 1.0, gain=0.5, rate_jitter=0.1)
        draws = change.draw(1, torch.Generator().manual_seed(3))
        signal = torch.sin(2 * torch.pi * 2 * torch.arange(5000) / 500)[None, None]
        shown, _, _ = change.apply(
            signal,
            torch.ones(1, 1, dtype=torch.bool),
            torch.ones(1, 5000, dtype=torch.bool),
            draws=draws,
            positions=torch.arange(1),
            noise_bank=torch.zeros(1),
        )

        targets = make_task("r_mv_I", "rate_per_min").follow(make_batch([[1.0, 120.0]]), draws).measurements[0]

        peaks, _ = find_peaks(shown[0, 0, :4000].numpy())
        assert shown.max().item() == pytest.approx(targets[0].item(), rel=1e-3)
        assert 60 * 500 / np.diff(peaks).mean() == pytest.approx(targets[1].item(), rel=5e-3)


class TestFigures:
    def test_the_error_of_a_measurement_is_a_mean_over_the_records_that_have_it(self):
        task = make_task("qrs_ms", "pr_ms", "qt_ms")
        truth = torch.tensor([[90.0, NAN, NAN], [100.0, 170.0, NAN]])
        value = torch.tensor([[94.0, 1.0, 1.0], [98.0, 160.0, 1.0]])

        assert task.score({"value": value, "measurements": truth}) == {"qrs_ms": 3.0, "pr_ms": 10.0}

    def test_an_axis_errs_the_shorter_way_round(self):
        scores = make_task("axis_deg").score(
            {"value": torch.tensor([[-175.0]]), "measurements": torch.tensor([[175.0]])}
        )

        assert scores == {"axis_deg": 10.0}
