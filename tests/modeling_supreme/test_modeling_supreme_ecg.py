"""The ECG encoders: tokens cover what was recorded and nothing else; sizes are those of the named architectures."""

import math

import pytest
import torch

from modeling_supreme import SupremeEcgConfig, SupremeEcgModel


@pytest.fixture(params=["vit", "resnet", "hybrid"])
def encoder_type(request):
    return request.param


@pytest.fixture
def encoder(make_tiny_model, encoder_type):
    """A tiny encoder of each kind in evaluation mode, its running statistics those of a batch."""
    encoder = make_tiny_model(encoder_type).ecg_model.train()
    with torch.no_grad():
        encoder(make_signal(8, seed=9))
    return encoder.eval()


def make_signal(num_strips, seed=0):
    """Strips of white noise, `(num_strips, 12, 1000)`."""
    return torch.randn(num_strips, 12, 1000, generator=torch.Generator().manual_seed(seed))


def test_the_mask_of_tokens_covers_every_token_that_was_begun(encoder):
    sample_mask = (torch.arange(1000) < 610)[None]

    outputs = encoder(make_signal(1), None, sample_mask)

    assert outputs.token_mask.shape == outputs.last_hidden_state.shape[:2]
    assert outputs.token_mask.sum().item() == math.ceil(610 / encoder.config.token_stride)


class TestAttention:
    @pytest.fixture
    def inputs(self):
        """Two strips, the second 5 s long and without V6."""
        sample_mask = torch.ones(2, 1000, dtype=torch.bool)
        sample_mask[1, 500:] = False
        lead_mask = torch.ones(2, 12, dtype=torch.bool)
        lead_mask[1, 11] = False
        return {"signal": make_signal(2), "lead_mask": lead_mask, "sample_mask": sample_mask}

    @pytest.mark.parametrize("encoder_type", ["vit", "hybrid"], indirect=True)
    def test_no_token_looks_at_padding(self, encoder, inputs):
        outputs = encoder(**inputs, output_attentions=True)

        num_recorded = math.ceil(500 / encoder.config.token_stride)
        weights = torch.stack(outputs.attentions)
        assert weights[:, 1, ..., num_recorded:].abs().max() == 0
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(weights.shape[:-1]))

    @pytest.mark.parametrize(("encoder_type", "num_layers"), [("vit", 2), ("hybrid", 1)], indirect=["encoder_type"])
    def test_the_encoder_returns_weights_and_tokens_of_every_layer(self, encoder, inputs, num_layers):
        outputs = encoder(**inputs, output_attentions=True, output_hidden_states=True)

        num_tokens = encoder.config.num_tokens
        assert [weights.shape for weights in outputs.attentions] == [(2, 2, num_tokens, num_tokens)] * num_layers
        assert [tokens.shape for tokens in outputs.hidden_states] == [(2, num_tokens, 32)] * (num_layers + 1)


class TestSizes:
    @pytest.mark.parametrize(
        ("preset", "num_parameters"),
        # Patches 12 * 50 * 192 + 192, positions 100 * 192, twelve layers of 12 * 192² + 13 * 192, a norm of 2 * 192;
        # ResNet-18 in one dimension: 5,504 before the stages, 49,664 + 181,504 + 723,456 + 2,888,704 in them.
        [("vit_tiny", 5_473_344), ("resnet18", 3_848_832)],
    )
    def test_an_encoder_has_the_size_of_the_architecture_it_is_named_after(self, preset, num_parameters):
        assert count_parameters(SupremeEcgConfig.from_preset(preset)) == num_parameters

    def test_the_hybrid_is_light(self):
        assert count_parameters(SupremeEcgConfig.from_preset("hybrid")) < 1_000_000

    @pytest.mark.parametrize(("preset", "millions"), [("vit_small", 22), ("vit_base", 86)])
    def test_larger_transformers_have_the_sizes_of_deit(self, preset, millions):
        # Touvron et al. 2021, table 1; our patches of 600 values are somewhat smaller than theirs of 768.
        assert count_parameters(SupremeEcgConfig.from_preset(preset)) / 1e6 == pytest.approx(millions, rel=0.04)


def count_parameters(config):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in SupremeEcgModel(config).parameters())
