"""`augment_batch`: strips move in time, lose leads and gain noise, and the masks say so."""

import pytest
import torch

from modeling_supreme.augmentation import augment_batch


@pytest.fixture
def batch():
    """Four strips whose samples tell strip, lead and time; the last 20 of 100 samples are padding, V6 is absent."""
    signal = torch.arange(4 * 12 * 100, dtype=torch.float32).view(4, 12, 100)
    lead_mask = torch.ones(4, 12, dtype=torch.bool)
    lead_mask[:, 11] = False
    sample_mask = torch.arange(100).expand(4, 100) < 80
    return signal, lead_mask, sample_mask


def augment(batch, *, lead_dropout=0.0, noise=0.0, seed=0):
    return augment_batch(*batch, lead_dropout=lead_dropout, noise=noise, generator=torch.Generator().manual_seed(seed))


def test_every_sample_stays_in_its_strip_and_lead(batch):
    signal, _, _ = augment(batch)

    assert torch.equal(signal.sort(dim=-1).values, batch[0])


def test_the_whole_batch_moves_by_the_same_time_around_the_end(batch):
    signal, _, _ = augment(batch)

    first = int(signal[0, 0, 0])
    assert first != 0
    assert torch.equal(signal, batch[0].roll(-first, dims=-1))


def test_padding_moves_with_the_strip(batch):
    signal, _, sample_mask = augment(batch)

    recorded_times = signal[0, 0][sample_mask[0]]
    assert sorted(recorded_times.tolist()) == list(range(80))


def test_without_dropout_no_lead_is_hidden(batch):
    _, lead_mask, _ = augment(batch)

    assert torch.equal(lead_mask, batch[1])


@pytest.mark.parametrize("seed", range(5))
def test_even_full_dropout_leaves_each_strip_a_lead(batch, seed):
    _, lead_mask, _ = augment(batch, lead_dropout=1.0, seed=seed)

    assert lead_mask.any(dim=1).all()


def test_a_lead_that_was_not_recorded_is_never_shown(batch):
    _, lead_mask, _ = augment(batch, lead_dropout=0.9)

    assert not lead_mask[:, 11].any()


def test_the_share_of_hidden_leads_averages_half_of_its_largest_value():
    # The share is uniform from 0 to 0.6, so 0.3 of all leads; 2,000 strips have a standard error of 0.005.
    signal, masks = torch.zeros(2000, 12, 4), (torch.ones(2000, 12, dtype=torch.bool), torch.ones(2000, 4).bool())

    _, lead_mask, _ = augment((signal, *masks), lead_dropout=0.6)

    assert 1 - lead_mask.float().mean().item() == pytest.approx(0.3, abs=0.02)


def test_noise_has_the_standard_deviation_asked_for():
    # 120,000 samples: the standard error of the standard deviation is 0.1 / sqrt(240,000) = 0.0002
    batch = (torch.zeros(10, 12, 1000), torch.ones(10, 12).bool(), torch.ones(10, 1000).bool())

    signal, _, _ = augment(batch, noise=0.1)

    assert signal.std().item() == pytest.approx(0.1, abs=0.001)
    assert signal.mean().item() == pytest.approx(0.0, abs=0.001)


def test_the_batch_given_is_left_as_it_was(batch):
    before = [tensor.clone() for tensor in batch]

    augment(batch, lead_dropout=0.5, noise=1.0)

    assert all(torch.equal(old, new) for old, new in zip(before, batch, strict=True))


def test_the_same_seed_gives_the_same_batch_and_another_seed_another(batch):
    first, again, other = (augment(batch, lead_dropout=0.5, noise=1.0, seed=seed)[0] for seed in (1, 1, 2))

    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_shapes_and_kinds_are_those_of_the_batch(batch):
    augmented = augment(batch, lead_dropout=0.5, noise=1.0)

    assert [(tensor.shape, tensor.dtype) for tensor in augmented] == [(tensor.shape, tensor.dtype) for tensor in batch]
