"""Losses count the labels that are known, whether certain or not, and weigh some decisions more than others."""

import math

import pytest
import torch

from modeling_supreme.losses import OBJECTIVES, MultilabelObjective, multilabel_loss, weigh_positives


NAN = float("nan")


def test_a_certain_label_costs_minus_the_log_of_its_probability():
    # sigmoid(ln 3) = 3/4: a present finding costs -ln(3/4), an absent one -ln(1/4); their mean is ln(16/3) / 2.
    loss = multilabel_loss(torch.full((1, 2), math.log(3)), torch.tensor([[1.0, 0.0]]))

    assert loss.item() == pytest.approx(math.log(16 / 3) / 2)


def test_an_uncertain_label_weighs_both_outcomes():
    # label 0.25 at probability 3/4: -0.25 ln(3/4) - 0.75 ln(1/4)
    loss = multilabel_loss(torch.full((1, 1), math.log(3)), torch.tensor([[0.25]]))

    assert loss.item() == pytest.approx(-0.25 * math.log(0.75) - 0.75 * math.log(0.25))


def test_the_loss_of_an_uncertain_label_is_least_at_its_own_probability():
    logits = torch.logit(torch.tensor([[0.3]])).requires_grad_()

    multilabel_loss(logits, torch.tensor([[0.3]])).backward()

    assert logits.grad.item() == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize("logit", [-100.0, 0.0, 100.0])
def test_an_unknown_label_changes_neither_loss_nor_gradient(logit):
    logits = torch.tensor([[0.5, logit, -1.0]], requires_grad=True)
    known = logits.detach()[:, [0, 2]].requires_grad_()

    loss = multilabel_loss(logits, torch.tensor([[1.0, NAN, 0.0]]))
    expected = multilabel_loss(known, torch.tensor([[1.0, 0.0]]))
    torch.autograd.backward([loss, expected])

    assert loss.item() == expected.item()
    assert logits.grad.tolist() == [[known.grad[0, 0].item(), 0.0, known.grad[0, 1].item()]]


def test_the_mean_is_over_known_labels_not_over_strips():
    # Strip 0 has one known label, strip 1 two; each costs ln 2 or ln 4 (probability 1/4 of what is true).
    logits = torch.tensor([[0.0, 9.0], [0.0, -math.log(3)]])
    labels = torch.tensor([[1.0, NAN], [0.0, 1.0]])

    assert multilabel_loss(logits, labels).item() == pytest.approx((2 * math.log(2) + math.log(4)) / 3)


def test_a_batch_without_a_known_label_costs_nothing_and_pulls_nowhere():
    logits = torch.randn(2, 3, requires_grad=True)

    loss = multilabel_loss(logits, torch.full((2, 3), NAN))
    loss.backward()

    assert loss.item() == 0.0
    assert logits.grad.tolist() == [[0.0] * 3] * 2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_loss_is_summed_in_float32_whatever_the_logits_are(dtype):
    loss = multilabel_loss(torch.zeros(1, 1, dtype=dtype), torch.ones(1, 1, dtype=dtype))

    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(math.log(2))


def test_a_confident_mistake_costs_its_logit_instead_of_overflowing():
    loss = multilabel_loss(torch.tensor([[1e4]]), torch.tensor([[0.0]]))

    assert loss.item() == pytest.approx(1e4)


def sum_one(objective, *, logit, label):
    """What an objective makes one decision cost."""
    return objective.sum_losses(torch.tensor([[logit]]), torch.tensor([[label]])).item()


class TestObjectives:
    """sigmoid(ln 3) = 3/4"""

    def test_the_plain_one_is_the_sum_of_what_the_loss_averages(self):
        logits, labels = torch.tensor([[0.3, -1.0, 2.0]]), torch.tensor([[1.0, NAN, 0.0]])

        summed = OBJECTIVES["bce"].sum_losses(logits, labels)

        assert summed.item() == pytest.approx(2 * multilabel_loss(logits, labels).item())

    def test_batches_add_up_to_one_large_batch(self):
        logits, labels = torch.randn(6, 4), (torch.rand(6, 4) > 0.5).float()
        objective = OBJECTIVES["asymmetric"]

        parts = sum(objective.sum_losses(logits[rows], labels[rows]) for rows in (slice(0, 2), slice(2, 6)))

        torch.testing.assert_close(parts, objective.sum_losses(logits, labels))

    @pytest.mark.parametrize(("label", "cost"), [(1.0, 0.25**2 * -math.log(0.75)), (0.0, 0.75**2 * -math.log(0.25))])
    def test_focal_loss_weighs_a_decision_by_the_square_of_its_error(self, label, cost):
        assert sum_one(OBJECTIVES["focal"], logit=math.log(3), label=label) == pytest.approx(cost)

    @pytest.mark.parametrize(("label", "cost"), [(1.0, -math.log(0.75)), (0.0, 0.7**4 * -math.log(0.3))])
    def test_asymmetric_loss_shifts_and_weighs_absent_findings_alone(self, label, cost):
        assert sum_one(OBJECTIVES["asymmetric"], logit=math.log(3), label=label) == pytest.approx(cost)

    def test_an_absent_finding_below_the_margin_costs_nothing(self):
        assert sum_one(OBJECTIVES["asymmetric"], logit=-math.log(99), label=0.0) == 0

    def test_an_uncertain_label_weighs_both_outcomes(self):
        cost = 0.25 * 0.25**2 * -math.log(0.75) + 0.75 * 0.75**2 * -math.log(0.25)

        assert sum_one(OBJECTIVES["focal"], logit=math.log(3), label=0.25) == pytest.approx(cost)

    def test_weights_count_for_present_findings_alone(self):
        objective = MultilabelObjective(positive_weights=torch.tensor([5.0, 5.0]))

        losses = objective.sum_losses(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]))

        assert losses.item() == pytest.approx(6 * math.log(2))

    def test_weights_follow_the_queries_that_are_asked(self):
        objective = MultilabelObjective(positive_weights=torch.tensor([1.0, 2.0, 3.0]))

        assert objective.select(torch.tensor([2, 0])).positive_weights.tolist() == [3, 1]

    @pytest.mark.parametrize("name", OBJECTIVES)
    def test_a_gradient_reaches_every_known_label_and_no_other(self, name):
        logits = torch.tensor([[0.3, -1.0, 2.0]], requires_grad=True)

        OBJECTIVES[name].sum_losses(logits, torch.tensor([[1.0, NAN, 0.0]])).backward()

        assert logits.grad.ne(0).tolist() == [[True, False, True]]

    @pytest.mark.parametrize("name", OBJECTIVES)
    @pytest.mark.parametrize("logit", [-1e4, 1e4])
    def test_extreme_logits_stay_finite(self, name, logit):
        logits = torch.full((1, 2), logit, requires_grad=True)

        loss = OBJECTIVES[name].sum_losses(logits, torch.tensor([[1.0, 0.0]]))
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
