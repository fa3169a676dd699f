"""Losses of training weigh some decisions more than others, and add up over batches."""

import math

import pytest
import torch

from modeling_supreme.modeling_supreme_ecg import multilabel_loss
from training_scripts.objectives.losses import LOSSES, MultilabelLoss, weigh_positives


NAN = float("nan")


def sum_one(multilabel, *, logit, label):
    """What one decision costs."""
    return multilabel.sum_losses(torch.tensor([[logit]]), torch.tensor([[label]])).item()


class TestLosses:
    """sigmoid(ln 3) = 3/4"""

    def test_the_plain_one_is_the_sum_of_what_the_loss_averages(self):
        logits, labels = torch.tensor([[0.3, -1.0, 2.0]]), torch.tensor([[1.0, NAN, 0.0]])

        summed = LOSSES["bce"].sum_losses(logits, labels)

        assert summed.item() == pytest.approx(2 * multilabel_loss(logits, labels).item())

    def test_batches_add_up_to_one_large_batch(self):
        logits, labels = torch.randn(6, 4), (torch.rand(6, 4) > 0.5).float()
        multilabel = LOSSES["asymmetric"]

        parts = sum(multilabel.sum_losses(logits[rows], labels[rows]) for rows in (slice(0, 2), slice(2, 6)))

        torch.testing.assert_close(parts, multilabel.sum_losses(logits, labels))

    @pytest.mark.parametrize(("label", "cost"), [(1.0, 0.25**2 * -math.log(0.75)), (0.0, 0.75**2 * -math.log(0.25))])
    def test_focal_loss_weighs_a_decision_by_the_square_of_its_error(self, label, cost):
        assert sum_one(LOSSES["focal"], logit=math.log(3), label=label) == pytest.approx(cost)

    @pytest.mark.parametrize(("label", "cost"), [(1.0, -math.log(0.75)), (0.0, 0.7**4 * -math.log(0.3))])
    def test_asymmetric_loss_shifts_and_weighs_absent_findings_alone(self, label, cost):
        assert sum_one(LOSSES["asymmetric"], logit=math.log(3), label=label) == pytest.approx(cost)

    def test_an_absent_finding_below_the_margin_costs_nothing(self):
        assert sum_one(LOSSES["asymmetric"], logit=-math.log(99), label=0.0) == 0

    def test_an_uncertain_label_weighs_both_outcomes(self):
        cost = 0.25 * 0.25**2 * -math.log(0.75) + 0.75 * 0.75**2 * -math.log(0.25)

        assert sum_one(LOSSES["focal"], logit=math.log(3), label=0.25) == pytest.approx(cost)

    def test_weights_count_for_present_findings_alone(self):
        multilabel = MultilabelLoss(positive_weights=torch.tensor([5.0, 5.0]))

        losses = multilabel.sum_losses(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]))

        assert losses.item() == pytest.approx(6 * math.log(2))

    def test_weights_follow_the_queries_that_are_asked(self):
        multilabel = MultilabelLoss(positive_weights=torch.tensor([1.0, 2.0, 3.0]))

        assert multilabel.select(torch.tensor([2, 0])).positive_weights.tolist() == [3, 1]

    @pytest.mark.parametrize("name", LOSSES)
    def test_a_gradient_reaches_every_known_label_and_no_other(self, name):
        logits = torch.tensor([[0.3, -1.0, 2.0]], requires_grad=True)

        LOSSES[name].sum_losses(logits, torch.tensor([[1.0, NAN, 0.0]])).backward()

        assert logits.grad.ne(0).tolist() == [[True, False, True]]

    @pytest.mark.parametrize("name", LOSSES)
    @pytest.mark.parametrize("logit", [-1e4, 1e4])
    def test_extreme_logits_stay_finite(self, name, logit):
        logits = torch.full((1, 2), logit, requires_grad=True)

        loss = LOSSES[name].sum_losses(logits, torch.tensor([[1.0, 0.0]]))
        loss.backward()

        assert math.isfinite(loss.item())
        assert logits.grad.isfinite().all()


class TestWeights:
    @pytest.mark.parametrize(("weighting", "expected"), [("balanced", [9, 1, 100]), ("sqrt", [3, 1, 10])])
    def test_rare_findings_weigh_more_and_common_ones_no_less_than_one(self, weighting, expected):
        # present in 10 of 100, 80 of 100 and none of 100 records
        weights = weigh_positives(torch.tensor([10.0, 80.0, 0.0]), torch.full((3,), 100.0), weighting)

        assert weights.tolist() == pytest.approx(expected)

    def test_without_weighting_there_are_no_weights(self):
        assert weigh_positives(torch.ones(2), torch.ones(2), "none") is None
