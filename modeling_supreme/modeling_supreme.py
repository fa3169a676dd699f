"""The zero-shot model: an ECG encoder whose tokens are read by text queries in a Cardiac Fusion Network.

Source: SuPreME (Cai et al. 2025, arXiv 2502.19668) for the idea; the paper's layer counts and widths were not
available, so those of the Cardiac Fusion Network here are our own.
"""

import os
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.utils import ModelOutput

from .checkpoints import load_text_encoder
from .configuration_supreme import SupremeConfig, SupremeEcgConfig
from .modeling_supreme_ecg import (
    SupremeAttention,
    SupremeEcgModel,
    SupremeMLP,
    SupremePreTrainedModel,
    make_attention_mask,
    masked_mean,
    multilabel_loss,
)


@dataclass
class SupremeOutput(ModelOutput):
    """What the zero-shot model returns.

    Args:
        loss (`torch.Tensor`, *optional*):
            Scalar, where labels were given.
        logits_per_ecg (`torch.Tensor` of shape `(batch_size, num_queries)`):
            Its sigmoid is the probability that the finding is present. A query's logit depends on nothing but the
            strip and that query.
        ecg_embeds (`torch.Tensor` of shape `(batch_size, hidden_size)`):
            Mean token of each strip.
        query_embeds (`torch.Tensor` of shape `(num_queries, text_hidden_size)`):
            The queries as the text encoder embeds them; may be passed back in place of `input_ids`.
        cross_attentions (`tuple[torch.Tensor]`, *optional*):
            Weights of each fusion layer, `(batch_size, num_heads, num_queries, num_tokens)`.
    """

    loss: torch.Tensor | None = None
    logits_per_ecg: torch.Tensor | None = None
    ecg_embeds: torch.Tensor | None = None
    query_embeds: torch.Tensor | None = None
    cross_attentions: tuple[torch.Tensor, ...] | None = None


class SupremeFusionLayer(GradientCheckpointingLayer):
    """Pre-norm layer in which each query reads the tokens of the strip; queries do not see each other."""

    def __init__(self, config: SupremeConfig) -> None:
        super().__init__()
        width = config.fusion_hidden_size
        self.layer_norm1 = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.cross_attn = SupremeAttention(
            config, hidden_size=width, num_heads=config.num_fusion_heads, dropout=config.fusion_dropout
        )
        self.layer_norm2 = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.mlp = SupremeMLP(width, config.fusion_intermediate_size, config.hidden_act)
        self.dropout = nn.Dropout(config.fusion_dropout)

    def forward(
        self,
        queries: torch.Tensor,
        tokens: torch.Tensor,
        attention_mask: torch.Tensor | None,
        output_attentions: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Let every query read the tokens of every strip.

        Args:
            queries (`torch.Tensor` of shape `(batch_size or 1, num_queries, fusion_hidden_size)`):
                In the first layer one set for all strips, from then on one set for each.
            tokens (`torch.Tensor` of shape `(batch_size, num_tokens, fusion_hidden_size)`):
                Tokens of the strips.
            attention_mask (`torch.Tensor` of shape `(batch_size, 1, 1, num_tokens)`, *optional*):
                As `make_attention_mask` returns it.
            output_attentions (`bool`):
                Whether to return what each query looked at.

        Returns:
            `tuple`: Queries, `(batch_size, num_queries, fusion_hidden_size)`, and the weights,
            `(batch_size, num_heads, num_queries, num_tokens)`, or None.
        """
        attended, weights = self.cross_attn(self.layer_norm1(queries), tokens, attention_mask, output_attentions)
        queries = queries + self.dropout(attended)  # (batch_size, num_queries, fusion_hidden_size)
        queries = queries + self.dropout(self.mlp(self.layer_norm2(queries)))
        return queries, weights


class CardiacFusionNetwork(nn.Module):
    """Queries in, one logit per strip and query out.

    No layer lets queries read each other: the score of a finding must not change with what else is asked.
    """

    def __init__(self, config: SupremeConfig) -> None:
        super().__init__()
        width, eps = config.fusion_hidden_size, config.layer_norm_eps
        text_config: Any = config.text_config
        ecg_config: Any = config.ecg_config
        self.query_norm = nn.LayerNorm(text_config.hidden_size, eps=eps)
        self.query_projection = nn.Linear(text_config.hidden_size, width)
        self.token_projection = nn.Linear(ecg_config.hidden_size, width)
        self.token_norm = nn.LayerNorm(width, eps=eps)
        self.layers = nn.ModuleList([SupremeFusionLayer(config) for _ in range(config.num_fusion_layers)])
        self.layer_norm = nn.LayerNorm(width, eps=eps)
        self.classifier = nn.Linear(width, 1)

    def forward(
        self,
        query_embeds: torch.Tensor,
        tokens: torch.Tensor,
        token_mask: torch.Tensor | None = None,
        output_attentions: bool = False,
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...] | None]:
        """Score every query on every strip.

        Args:
            query_embeds (`torch.Tensor` of shape `(num_queries, text_hidden_size)`):
                Queries as the text encoder embeds them, shared by the batch.
            tokens (`torch.Tensor` of shape `(batch_size, num_tokens, hidden_size)`):
                Tokens as the ECG encoder returns them.
            token_mask (`torch.Tensor` of shape `(batch_size, num_tokens)`, *optional*):
                False for tokens that were not recorded.
            output_attentions (`bool`):
                Whether to return what each query looked at.

        Returns:
            `tuple`: The `logits_per_ecg`, `(batch_size, num_queries)`, and the `cross_attentions` of `SupremeOutput`,
            or None.
        """
        queries = self.query_projection(self.query_norm(query_embeds))[None]  # (1, num_queries, fusion_hidden_size)
        tokens = self.token_norm(self.token_projection(tokens))
        attention_mask = make_attention_mask(token_mask, tokens.dtype)
        cross_attentions = ()
        for layer in self.layers:
            queries, weights = layer(queries, tokens, attention_mask, output_attentions)
            cross_attentions += (weights,)
        logits = self.classifier(self.layer_norm(queries))[..., 0]  # (batch_size, num_queries)
        return logits, cross_attentions if output_attentions else None


class SupremeModel(SupremePreTrainedModel):
    """Zero-shot ECG classifier: text queries attend to the tokens of a strip, each yields one logit."""

    config: SupremeConfig
    base_model_prefix = "supreme"
    input_modalities = ["time", "text"]
    _no_split_modules = ["SupremeFusionLayer"]  # transformers adds those of the encoders

    def __init__(self, config: SupremeConfig) -> None:
        super().__init__(config)
        self.ecg_model = SupremeEcgModel._from_config(config.ecg_config)
        self.text_model = AutoModel.from_config(config.text_config)
        self.fusion = CardiacFusionNetwork(config)
        self.post_init()
        self.train(self.training)

    @classmethod
    def from_text_pretrained(
        cls,
        text_model_name_or_path: str,
        *,
        ecg_config: SupremeEcgConfig,
        revision: str | None = None,
        **config_fields: Any,
    ) -> "SupremeModel":
        """Start a model from a pretrained text encoder; everything else is freshly initialised.

        Args:
            text_model_name_or_path (`str`):
                Folder or Hub id of an encoder that `AutoModel` loads.
            ecg_config (`SupremeEcgConfig`):
                The ECG encoder.
            revision (`str`, *optional*):
                Branch, tag or commit of the text encoder on the Hub.
            config_fields:
                Fields of `SupremeConfig`.

        Returns:
            `SupremeModel`: In evaluation mode.

        Raises:
            OSError: If there is no text encoder of this name.
            CheckpointError: If its weights are no safetensors, not all there, or not finite.
        """
        text_config = AutoConfig.from_pretrained(text_model_name_or_path, revision=revision)
        model = cls(SupremeConfig(ecg_config=ecg_config, text_config=text_config, **config_fields))
        text_model = load_text_encoder(text_model_name_or_path, revision=revision, dtype=model.dtype)
        model.text_model.load_state_dict(text_model.state_dict())
        return model.eval()

    def train(self, mode: bool = True) -> "SupremeModel":
        """Switch to training mode; a frozen text encoder stays in evaluation mode and without gradients."""
        super().train(mode)
        if self.config.freeze_text_encoder:
            # `from_pretrained` replaces the parameters, and with them `requires_grad`, then calls `eval`.
            self.text_model.eval().requires_grad_(False)
        return self

    def save_pretrained(self, save_directory: str | os.PathLike, *args: Any, **kwargs: Any) -> None:
        """Write weights, configuration and all code that answering takes, the pipeline's too.

        transformers takes the files along that this one imports with a dot; where this package is absent, a checkpoint
        that was loaded and saved again would otherwise have lost its pipeline.
        """
        from .pipeline_zero_shot_ecg import PIPELINE_ENTRY

        config: Any = self.config
        known = getattr(config, "custom_pipelines", None)
        config.custom_pipelines = PIPELINE_ENTRY
        try:
            super().save_pretrained(save_directory, *args, **kwargs)
        finally:
            if known is None:
                del config.custom_pipelines
            else:
                config.custom_pipelines = known

    def get_query_embeds(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> torch.Tensor:
        """Embed queries with the text encoder.

        Args:
            input_ids (`torch.Tensor` of shape `(num_queries, num_text_tokens)`):
                Queries as the tokenizer returns them.
            attention_mask (`torch.Tensor` of shape `(num_queries, num_text_tokens)`, *optional*):
                Zero for padding.

        Returns:
            `torch.Tensor` of shape `(num_queries, text_hidden_size)`: What `forward` takes as `query_embeds`.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.config.freeze_text_encoder):
            hidden_states = self.text_model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        if self.config.text_pooling == "cls":
            return hidden_states[:, 0]
        return masked_mean(hidden_states, attention_mask)

    def forward(
        self,
        signal: torch.Tensor,
        lead_mask: torch.Tensor | None = None,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        query_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        *,
        sample_mask: torch.Tensor | None = None,
        recorded_mask: torch.Tensor | None = None,
        output_attentions: bool = False,
    ) -> SupremeOutput:
        """Score every query on every strip.

        Args:
            signal (`torch.Tensor` of shape `(batch_size, num_leads, num_samples)`):
                Strips as the processor returns them.
            lead_mask (`torch.Tensor` of shape `(batch_size, num_leads)`, *optional*):
                False for leads that were not recorded.
            input_ids (`torch.Tensor` of shape `(num_queries, num_text_tokens)`, *optional*):
                Queries as the tokenizer returns them.
            attention_mask (`torch.Tensor` of shape `(num_queries, num_text_tokens)`, *optional*):
                Zero for padding of `input_ids`.
            query_embeds (`torch.Tensor` of shape `(num_queries, text_hidden_size)`, *optional*):
                Queries already embedded by `get_query_embeds`; the text encoder then does not run.
            labels (`torch.Tensor` of shape `(batch_size, num_queries)`, *optional*):
                1 present, 0 absent, in between uncertain, NaN unknown.
            sample_mask (`torch.Tensor` of shape `(batch_size, num_samples)`, *optional*):
                False for padding after the end of the strip.
            recorded_mask (`torch.Tensor` of shape `(batch_size, num_leads, num_samples)`, *optional*):
                False where a lead was not recorded at that time.
            output_attentions (`bool`):
                Whether to return what each query looked at.

        Returns:
            `SupremeOutput`: Logits, embeddings, and the loss where labels were given.

        Raises:
            ValueError: If queries are given twice, or not at all; or if `signal` has another number of leads or more
                samples than the configuration says.
        """
        if query_embeds is None and input_ids is not None:
            query_embeds = self.get_query_embeds(input_ids, attention_mask)
        elif query_embeds is None or input_ids is not None:
            raise ValueError(
                "Give the queries either as `input_ids` or as `query_embeds`, not both and not neither."
                " `get_query_embeds` turns the first into the second."
            )
        ecg_outputs = self.ecg_model(signal, lead_mask, sample_mask, recorded_mask=recorded_mask)
        logits, cross_attentions = self.fusion(
            query_embeds.to(self.dtype), ecg_outputs.last_hidden_state, ecg_outputs.token_mask, output_attentions
        )
        return SupremeOutput(
            loss=None if labels is None else multilabel_loss(logits, labels),
            logits_per_ecg=logits,
            ecg_embeds=ecg_outputs.pooler_output,
            query_embeds=query_embeds,
            cross_attentions=cross_attentions,
        )


__all__ = [
    "CardiacFusionNetwork",
    "SupremeModel",
    "SupremeOutput",
]
