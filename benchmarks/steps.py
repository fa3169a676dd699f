"""What benchmarks of the model time: training steps with random weights on random strips.

The queries are embedded beforehand, as in training with a frozen text encoder; the text encoder is therefore a stub of
the right width. Encoders are paired with the text width and the fusion width of the recipes in configs/.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn
from transformers import BertConfig, BertModel

from modeling_supreme import SupremeConfig, SupremeEcgConfig, SupremeEcgModel, SupremeModel
from modeling_supreme.modeling_supreme_ecg import multilabel_loss


NUM_SAMPLES, NUM_LEADS = 5000, 12
MEDCPT_WIDTH, MINILM_WIDTH = 768, 384
# Width of a text embedding, width of the Cardiac Fusion Network
WIDTHS = {"hybrid": (MINILM_WIDTH, 96)}
DEFAULT_WIDTHS = (MEDCPT_WIDTH, 192)


@dataclass(frozen=True)
class Batch:
    """Inputs of a step.

    Attributes:
        strips (`dict[str, torch.Tensor]`):
            `signal`, `lead_mask` and `sample_mask`, as the collator returns them.
        query_embeds (`torch.Tensor` of shape `(num_queries, text_hidden_size)`):
            Random queries.
        labels (`torch.Tensor` of shape `(batch_size, num_queries)`):
            Random labels.
    """

    strips: dict[str, torch.Tensor]
    query_embeds: torch.Tensor
    labels: torch.Tensor


def make_model(encoder: str, *, fusion_dropout: float = 0.1, **ecg_fields: Any) -> SupremeModel:
    """A model with random weights, in training mode.

    Args:
        encoder (`str`):
            Name of a preset.
        fusion_dropout (`float`):
            Share that is dropped in the fusion network.
        ecg_fields:
            Fields of the encoder that differ from the preset.
    """
    text_width, fusion_width = WIDTHS.get(encoder, DEFAULT_WIDTHS)
    stub = BertConfig(
        vocab_size=2, hidden_size=text_width, num_hidden_layers=1, num_attention_heads=1, intermediate_size=1
    )
    config = SupremeConfig(
        ecg_config=SupremeEcgConfig.from_preset(encoder, **ecg_fields),
        text_config=stub,
        fusion_hidden_size=fusion_width,
        fusion_intermediate_size=2 * fusion_width,
        fusion_dropout=fusion_dropout,
    )
    return SupremeModel(config).train()


def make_batch(model: SupremeModel, *, batch_size: int, num_queries: int, device: torch.device | str = "cpu") -> Batch:
    """Strips of white noise, recorded in full, and random queries and labels."""
    text_width = cast(Any, model.config.text_config).hidden_size
    strips = {
        "signal": torch.randn(batch_size, NUM_LEADS, NUM_SAMPLES),
        "lead_mask": torch.ones(batch_size, NUM_LEADS, dtype=torch.bool),
        "sample_mask": torch.ones(batch_size, NUM_SAMPLES, dtype=torch.bool),
    }
    return Batch(
        {name: value.to(device) for name, value in strips.items()},
        torch.randn(num_queries, text_width).to(device),
        torch.randint(2, (batch_size, num_queries)).float().to(device),
    )


def make_step(measure_loss: Callable[..., torch.Tensor], *modules: nn.Module) -> Callable[..., None]:
    """A training step of some modules: forward, backward, AdamW. What it is called with goes to `measure_loss`."""
    parameters = [each for module in modules for each in module.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4)

    def step(*inputs: Any) -> None:
        loss = measure_loss(*inputs)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def make_query_step(model: SupremeModel) -> Callable[[Batch], None]:
    """A step of the whole model, as in training."""

    def measure_loss(batch: Batch) -> torch.Tensor:
        return model(**batch.strips, query_embeds=batch.query_embeds, labels=batch.labels).loss

    return make_step(measure_loss, model)


def make_encoder_step(model: SupremeEcgModel, num_outputs: int) -> Callable[[Batch], None]:
    """A step of the encoder with a linear layer, as if there were no queries."""
    classifier = nn.Linear(model.config.hidden_size, num_outputs).to(model.device)

    def measure_loss(batch: Batch) -> torch.Tensor:
        return multilabel_loss(classifier(model(**batch.strips).pooler_output), batch.labels)

    return make_step(measure_loss, model, classifier)


class ReportTower(nn.Module):
    """A text encoder of the size of BERT-base with random weights, its embeddings and lower layers frozen.

    Source: MELP (Wang et al. 2025, arXiv 2506.21803) and MERL (Liu et al. 2024, arXiv 2403.06659) train an encoder of
    this size on every report, the first six of its layers frozen, and project to 256 dimensions.
    """

    def __init__(self, ecg_width: int, config: BertConfig | None = None, *, num_frozen_layers: int = 6) -> None:
        super().__init__()
        self.text_model = BertModel(config or BertConfig(), add_pooling_layer=False)
        frozen = [self.text_model.embeddings, *list(self.text_model.encoder.layer)[:num_frozen_layers]]
        for module in frozen:
            module.requires_grad_(False)
        width = self.text_model.config.hidden_size
        self.text_projection = nn.Sequential(nn.Linear(width, 256), nn.GELU(), nn.Linear(256, 256))
        self.ecg_projection = nn.Linear(ecg_width, 256)

    def forward(self, input_ids: torch.Tensor, ecg_embeds: torch.Tensor) -> torch.Tensor:
        """Contrastive loss between reports, `(batch_size, num_text_tokens)`, and the strips they belong to."""
        hidden_states = self.text_model(input_ids=input_ids).last_hidden_state
        texts = nn.functional.normalize(self.text_projection(hidden_states[:, 0]), dim=-1)
        strips = nn.functional.normalize(self.ecg_projection(ecg_embeds), dim=-1)
        logits = strips @ texts.T / 0.07  # temperature of both papers
        places = torch.arange(len(logits), device=logits.device)
        return (nn.functional.cross_entropy(logits, places) + nn.functional.cross_entropy(logits.T, places)) / 2


def make_report_step(
    model: SupremeEcgModel, *, num_text_tokens: int, text_config: BertConfig | None = None
) -> Callable[[Batch], None]:
    """A step that encodes a report of `num_text_tokens` tokens beside each strip."""
    tower = ReportTower(model.config.hidden_size, text_config).to(model.device).train()

    def measure_loss(batch: Batch) -> torch.Tensor:
        shape = (len(batch.labels), num_text_tokens)
        input_ids = torch.randint(tower.text_model.config.vocab_size, shape, device=model.device)
        return tower(input_ids, model(**batch.strips).pooler_output)

    return make_step(measure_loss, model, tower)


class PlainTransformer(nn.Module):
    """PyTorch's own transformer with the tokens, width, depth and heads of a ViT preset.

    Args:
        config (`SupremeEcgConfig`):
            Of the ViT.
    """

    def __init__(self, config: SupremeEcgConfig) -> None:
        super().__init__()
        width = config.hidden_size
        layer = nn.TransformerEncoderLayer(
            width,
            config.num_attention_heads,
            config.intermediate_size,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.patches = nn.Conv1d(len(config.leads), width, config.patch_size, stride=config.patch_size)
        self.positions = nn.Parameter(torch.zeros(1, config.num_tokens, width))
        self.encoder = nn.TransformerEncoder(
            layer, config.num_hidden_layers, norm=nn.LayerNorm(width), enable_nested_tensor=False
        )

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        """Mean token of each strip."""
        return self.encoder(self.patches(signal).transpose(1, 2) + self.positions).mean(dim=1)
