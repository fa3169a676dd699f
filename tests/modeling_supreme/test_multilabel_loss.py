"""The loss counts the labels that are known, whether certain or not."""

import math

import pytest
import torch

from modeling_supreme.modeling_supreme_ecg import multilabel_loss


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
