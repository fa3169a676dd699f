"""`drop`: dropout as torch's, from fewer random bits."""

import pytest
import torch

from modeling_supreme import SupremeEcgConfig
from modeling_supreme.modeling_supreme_ecg import SupremeAttention, SupremeDropout, drop


NUM = 100_000
# Standard deviation of the share that falls of so many: sqrt(.1 * .9 / 100,000) = .00095; four of them
SLACK = 0.004


@pytest.fixture
def ones():
    torch.manual_seed(0)
    return torch.ones(NUM, requires_grad=True)


def test_a_share_falls_and_the_others_make_up_for_it(ones):
    dropped = drop(ones, 0.1)

    assert set(dropped.detach().unique().tolist()) == {0.0, torch.tensor(1 / 0.9).item()}
    assert (dropped == 0).float().mean().item() == pytest.approx(0.1, abs=SLACK)


def test_neighbours_fall_for_themselves(ones):
    has_fallen = (drop(ones, 0.1) == 0).float()

    for distance in range(1, 9):  # four of them are drawn at once
        both = (has_fallen[distance:] * has_fallen[:-distance]).mean().item()
        assert both == pytest.approx(0.01, abs=0.0015)


def test_gradients_go_where_numbers_stayed(ones):
    dropped = drop(ones, 0.25)

    dropped.sum().backward()

    assert ones.grad is not None
    assert torch.equal(ones.grad, dropped.detach())


def test_a_seed_decides(ones):
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(drop(ones, 0.5))

    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


@pytest.mark.parametrize(("share", "left"), [(0.0, 1.0), (1e-9, 1.0), (1.0, 0.0)])
def test_nothing_and_all_can_fall(ones, share, left):
    assert drop(ones, share).mean().item() == pytest.approx(left)


@pytest.mark.parametrize("shape", [(0,), (1,), (3, 5)])
def test_every_shape_will_do(shape):
    assert drop(torch.ones(shape), 0.1).shape == shape


def test_in_evaluation_nothing_falls(ones):
    assert SupremeDropout(0.5).eval()(ones) is ones


def test_attention_that_drops_weights_is_written_out_on_a_cpu(monkeypatch):
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", None)  # which does so slowly
    attention = SupremeAttention(SupremeEcgConfig(), hidden_size=8, num_heads=2, dropout=0.1).train()
    tokens = torch.randn(2, 5, 8)

    read, weights = attention(tokens, tokens)

    assert read.shape == tokens.shape
    assert (weights == 0).any()
