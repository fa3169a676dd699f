"""`recorded_mask`: what the signal holds where a lead was not recorded changes nothing, in any encoder."""

import pytest
import torch
from helpers.tiny_models import TINY_ENCODERS


NUM_LEADS, NUM_SAMPLES = 12, 1000


@pytest.fixture(params=TINY_ENCODERS)
def model(request, make_tiny_model):
    return make_tiny_model(request.param).eval()


@pytest.fixture
def signal():
    return torch.randn(2, NUM_LEADS, NUM_SAMPLES, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def sheet():
    """A printed sheet: every lead in its quarter of the time, lead II throughout."""
    is_recorded = torch.zeros(2, NUM_LEADS, NUM_SAMPLES, dtype=torch.bool)
    for lead in range(NUM_LEADS):
        is_recorded[:, lead, lead // 3 * 250 : (lead // 3 + 1) * 250] = True
    is_recorded[:, 1] = True
    return is_recorded


def score(model, signal, **masks):
    queries = torch.randn(3, model.config.text_config.hidden_size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        return model(signal=signal, query_embeds=queries, **masks).logits_per_ecg


@pytest.mark.parametrize("value", [0.0, 1e4, float("nan"), float("inf")])
def test_what_stands_where_nothing_was_recorded_changes_nothing(model, signal, sheet, value):
    expected = score(model, signal, recorded_mask=sheet)

    torch.testing.assert_close(score(model, signal.masked_fill(~sheet, value), recorded_mask=sheet), expected)


def test_what_was_recorded_does_change_the_scores(model, signal, sheet):
    assert not torch.allclose(score(model, signal, recorded_mask=sheet), score(model, -signal, recorded_mask=sheet))


def test_a_lead_that_was_never_recorded_is_an_absent_lead(model, signal):
    lead_mask = torch.ones(2, NUM_LEADS, dtype=torch.bool)
    lead_mask[:, 7] = False

    by_time = score(model, signal, recorded_mask=lead_mask[:, :, None].expand(signal.shape))

    torch.testing.assert_close(by_time, score(model, signal, lead_mask=lead_mask))


def test_a_time_at_which_no_lead_was_recorded_is_padding(model, signal):
    sample_mask = torch.arange(NUM_SAMPLES).expand(2, NUM_SAMPLES) < 600

    by_lead = score(model, signal, recorded_mask=sample_mask[:, None, :].expand(signal.shape))

    torch.testing.assert_close(by_lead, score(model, signal, sample_mask=sample_mask))


def test_a_mask_of_one_strip_leaves_the_others_of_its_batch_alone(model, signal, sheet):
    alone = score(model, signal[1:])

    together = score(model, signal, recorded_mask=torch.cat([sheet[:1], torch.ones_like(sheet[1:])]))

    torch.testing.assert_close(together[1:], alone, atol=1e-5, rtol=1e-5)
