"""The ECG side of the models: encoders that turn a strip into tokens, and a classifier with fixed labels.

A strip goes through one of three encoders (1D vision transformer, 1D ResNet-18, or convolutions followed by a
transformer), all of which return the same output. Models that read the tokens, such as the Cardiac Fusion Network of
`modeling_supreme.py`, build on this file; it knows none of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedConfig
from transformers import initialization as init
from transformers.activations import ACT2FN
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.utils import ModelOutput

from .checkpoints import CheckedPreTrainedModel, StoredTensor
from .configuration_supreme import SupremeEcgConfig


NUMBERS_AT_ONCE = 2**17  # of attention on a CPU: weights, keys and values of half a megabyte


@dataclass
class SupremeEcgModelOutput(ModelOutput):
    """What the ECG encoder returns.

    Args:
        last_hidden_state (`torch.Tensor` of shape `(batch_size, num_tokens, hidden_size)`):
            Tokens of the strip, in order of time.
        pooler_output (`torch.Tensor` of shape `(batch_size, hidden_size)`):
            Mean of the tokens that were recorded.
        token_mask (`torch.Tensor` of shape `(batch_size, num_tokens)`, *optional*):
            True for tokens that were recorded; None where nothing is padded.
        hidden_states (`tuple[torch.Tensor]`, *optional*):
            Tokens before the first transformer layer and after each.
        attentions (`tuple[torch.Tensor]`, *optional*):
            Weights of each transformer layer, `(batch_size, num_heads, num_tokens, num_tokens)`.
    """

    last_hidden_state: torch.Tensor | None = None
    pooler_output: torch.Tensor | None = None
    token_mask: torch.Tensor | None = None
    hidden_states: tuple[torch.Tensor, ...] | None = None
    attentions: tuple[torch.Tensor, ...] | None = None


@dataclass
class SupremeEcgClassifierOutput(ModelOutput):
    """What the classifier returns.

    Args:
        loss (`torch.Tensor`, *optional*):
            Scalar, where labels were given.
        logits (`torch.Tensor` of shape `(batch_size, num_labels)`):
            Of multi-label models, each sigmoid is the probability that the finding is present; of single-label
            models, the softmax is the probability of each class.
        ecg_embeds (`torch.Tensor` of shape `(batch_size, hidden_size)`):
            Mean token of each strip, which the logits are computed from.
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    ecg_embeds: torch.Tensor | None = None


def eager_attention_forward(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention written out, for those who want the weights, and for CPUs.

    Args:
        module (`nn.Module`):
            The caller; tells training from evaluation.
        query (`torch.Tensor` of shape `(batch_size, num_heads, num_queries, head_size)`):
            What asks.
        key (`torch.Tensor` of shape `(batch_size, num_heads, num_tokens, head_size)`):
            What is asked.
        value (`torch.Tensor` of shape `(batch_size, num_heads, num_tokens, head_size)`):
            What is answered.
        attention_mask (`torch.Tensor` of shape `(batch_size, 1, 1, num_tokens)`, *optional*):
            The lowest number there is where no one may look, else zero.
        scaling (`float`):
            Factor on the products.
        dropout (`float`):
            Share of weights to drop in training.
        kwargs:
            Ignored; other implementations need more.

    Returns:
        `tuple`: The answers, `(batch_size, num_queries, num_heads, head_size)`, and the weights,
        `(batch_size, num_heads, num_queries, num_tokens)`.
    """
    scores = torch.matmul(query, key.transpose(-1, -2))
    scores = scores.mul_(scaling) if attention_mask is None else torch.add(attention_mask, scores, alpha=scaling)
    weights = nn.functional.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)
    weights = nn.functional.dropout(weights, p=dropout, training=module.training)
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), weights


def attend_in_parts(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """[`eager_attention_forward`] for a few strips at a time, so that all of it stays in the cache of a core.

    With as few tokens as a strip has, that is faster on a CPU than torch's fused attention; a strip's answer is the
    same to the last bit whatever is beside it.
    """
    num_heads, num_queries, num_tokens, head_size = *query.shape[1:3], *key.shape[2:]
    at_once = max(1, NUMBERS_AT_ONCE // (num_heads * num_tokens * (num_queries + 2 * head_size)))
    if len(key) <= at_once:
        return eager_attention_forward(module, query, key, value, attention_mask, **options)[0], None
    masks = [None] * len(key) if attention_mask is None else attention_mask.split(at_once)
    parts = zip(query.split(at_once), key.split(at_once), value.split(at_once), masks, strict=False)
    attended = [eager_attention_forward(module, *part, **options)[0] for part in parts]
    return torch.cat(attended), None


class SupremeAttention(nn.Module):
    """Multi-head attention from one sequence to another, or to itself."""

    def __init__(self, config: PreTrainedConfig, *, hidden_size: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.config = config
        self.head_size = hidden_size // num_heads
        self.scaling = self.head_size**-0.5
        self.dropout = dropout
        self.is_causal = False
        self.q_proj = nn.Linear(hidden_size, hidden_size)
        self.k_proj = nn.Linear(hidden_size, hidden_size)
        self.v_proj = nn.Linear(hidden_size, hidden_size)
        self.out_proj = nn.Linear(hidden_size, hidden_size)

    def forward(
        self,
        hidden_states: torch.Tensor,
        key_value_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        output_attentions: bool = False,
        asked: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Let one sequence read another.

        Args:
            hidden_states (`torch.Tensor` of shape `(batch_size or 1, length, hidden_size)`):
                What asks; one for all strips of the batch, or one for each.
            key_value_states (`torch.Tensor` of shape `(batch_size, num_tokens, hidden_size)`):
                What is read.
            attention_mask (`torch.Tensor` of shape `(batch_size, 1, 1, num_tokens)`, *optional*):
                As [`make_attention_mask`] returns it.
            output_attentions (`bool`):
                Whether to return the weights. The fast implementations have none to return, so this takes the slow
                one.
            asked (`torch.Tensor`, *optional*):
                What [`ask`] made of `hidden_states` before.

        Returns:
            `tuple`: What was read, `(batch_size, length, hidden_size)`, and the weights,
            `(batch_size, num_heads, length, num_tokens)`, or None.
        """
        batch_size = key_value_states.shape[0]
        # Queries that every strip shares are projected once, then repeated without a copy.
        query = (self.ask(hidden_states) if asked is None else asked).expand(batch_size, -1, -1, -1)
        key = self._split_heads(self.k_proj(key_value_states))
        value = self._split_heads(self.v_proj(key_value_states))

        attention_interface: Callable = eager_attention_forward
        if not output_attentions:
            attention_interface = attend_in_parts
            if self.training or is_traced() or key.device.type != "cpu":  # the way back needs all parts at once
                attention_interface = ALL_ATTENTION_FUNCTIONS.get_interface(
                    self.config._attn_implementation or "eager", eager_attention_forward
                )
        attended, weights = attention_interface(
            self,
            query,
            key,
            value,
            attention_mask,
            dropout=self.dropout if self.training else 0.0,
            scaling=self.scaling,
            is_causal=False,
        )
        attended = attended.reshape(batch_size, hidden_states.shape[1], -1)
        return self.out_proj(attended), weights

    def ask(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """Project what asks, which takes nothing of what is read: `(batch_size, num_heads, length, head_size)`."""
        return self._split_heads(self.q_proj(hidden_states))

    def _split_heads(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """Turn `(batch_size, length, hidden_size)` into `(batch_size, num_heads, length, head_size)`."""
        return hidden_states.view(*hidden_states.shape[:2], -1, self.head_size).transpose(1, 2)


class SupremeMLP(nn.Module):
    """Two linear layers with an activation between."""

    def __init__(self, hidden_size: int, intermediate_size: int, hidden_act: str) -> None:
        super().__init__()
        self.fc1 = nn.Linear(hidden_size, intermediate_size)
        self.activation_fn = ACT2FN[hidden_act]
        self.fc2 = nn.Linear(intermediate_size, hidden_size)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """Map each token for itself: `(batch_size, length, hidden_size)` in and out."""
        return self.fc2(self.activation_fn(self.fc1(hidden_states)))


class SupremeEcgLayer(GradientCheckpointingLayer):
    """Pre-norm transformer layer over the tokens of a strip."""

    def __init__(self, config: SupremeEcgConfig) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.self_attn = SupremeAttention(
            config,
            hidden_size=config.hidden_size,
            num_heads=config.num_attention_heads,
            dropout=config.attention_dropout,
        )
        self.layer_norm2 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.mlp = SupremeMLP(config.hidden_size, config.intermediate_size, config.hidden_act)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None, output_attentions: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Let the tokens of each strip read each other; the arguments are those of [`SupremeAttention.forward`].

        Returns:
            `tuple`: Tokens of the same shape, and the weights, `(batch_size, num_heads, num_tokens, num_tokens)`, or
            None.
        """
        normed = self.layer_norm1(hidden_states)
        attended, weights = self.self_attn(normed, normed, attention_mask, output_attentions)
        hidden_states = hidden_states + self.dropout(attended)
        hidden_states = hidden_states + self.dropout(self.mlp(self.layer_norm2(hidden_states)))
        return hidden_states, weights


class SupremeEcgTransformer(nn.Module):
    """Position embeddings and transformer layers, shared by the ViT and the hybrid."""

    def __init__(self, config: SupremeEcgConfig) -> None:
        super().__init__()
        self.position_embeddings = nn.Parameter(torch.zeros(1, config.num_tokens, config.hidden_size))
        self.layers = nn.ModuleList([SupremeEcgLayer(config) for _ in range(config.num_hidden_layers)])
        self.layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(
        self, tokens: torch.Tensor, token_mask: torch.Tensor | None, output_attentions: bool
    ) -> SupremeEcgModelOutput:
        """Add positions and run the layers.

        Tokens, `(batch_size, num_tokens, hidden_size)`, begin where the strip does; those of short strips are fewer.
        `token_mask`, `(batch_size, num_tokens)`, is false for those that were not recorded.

        Returns:
            `SupremeEcgModelOutput`: Tokens, `(batch_size, num_tokens, hidden_size)`, those between the layers, and the
            weights where asked for.
        """
        hidden_states = tokens + self.position_embeddings[:, : tokens.shape[1]]
        attention_mask = make_attention_mask(token_mask, hidden_states.dtype)
        all_hidden_states, all_attentions = (hidden_states,), ()
        for layer in self.layers:
            hidden_states, weights = layer(hidden_states, attention_mask, output_attentions)
            all_hidden_states += (hidden_states,)
            all_attentions += (weights,)
        return SupremeEcgModelOutput(
            last_hidden_state=self.layer_norm(hidden_states),
            hidden_states=all_hidden_states,
            attentions=all_attentions if output_attentions else None,
        )


class SupremeEcgVitEncoder(nn.Module):
    """1D vision transformer: a token is a linear map of one patch of all leads."""

    def __init__(self, config: SupremeEcgConfig) -> None:
        super().__init__()
        self.patch_embedding = nn.Conv1d(
            len(config.leads), config.hidden_size, kernel_size=config.patch_size, stride=config.patch_size
        )
        self.transformer = SupremeEcgTransformer(config)

    def forward(
        self, signal: torch.Tensor, sample_mask: torch.Tensor | None, output_attentions: bool
    ) -> SupremeEcgModelOutput:
        """Turn strips into tokens.

        Args:
            signal (`torch.Tensor` of shape `(batch_size, num_leads, num_samples)`):
                Strips, zero where nothing was recorded.
            sample_mask (`torch.Tensor` of shape `(batch_size, num_samples)`, *optional*):
                False for padding after the end of the strip.
            output_attentions (`bool`):
                Whether to return the attention weights.

        Returns:
            `SupremeEcgModelOutput`: Tokens, `(batch_size, num_tokens, hidden_size)`, one for each patch, and
            their mask.
        """
        patch_size = self.patch_embedding.stride[0]
        signal = nn.functional.pad(signal, (0, -signal.shape[-1] % patch_size))  # a short strip may end within a patch
        patches = self.patch_embedding(signal)  # (batch_size, hidden_size, num_tokens)
        token_mask = thin_sample_mask(sample_mask, patch_size)
        outputs = self.transformer(patches.transpose(1, 2), token_mask, output_attentions)
        outputs.token_mask = token_mask
        return outputs


class SupremeEcgConvLayer(nn.Module):
    """Strided convolution, batch normalisation and activation.

    Normalising over the batch, not over the strip, keeps absolute voltage: a strip of low voltage stays one.
    """

    def __init__(self, width_in: int, width_out: int, *, kernel_size: int, stride: int, hidden_act: str) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width_in, width_out, kernel_size, stride=stride, padding=kernel_size // 2, bias=False)
        self.norm = nn.BatchNorm1d(width_out)
        self.activation_fn = ACT2FN[hidden_act]

    def forward(self, hidden_states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Convolve, normalise, and blank what was not recorded.

        Args:
            hidden_states (`torch.Tensor` of shape `(batch_size, width_in, length)`):
                A strip, or what the layer before made of it.
            mask (`torch.Tensor` of shape `(batch_size, ceil(length / stride))`, *optional*):
                False where the result was not recorded.

        Returns:
            `torch.Tensor` of shape `(batch_size, width_out, ceil(length / stride))`: Zero where the mask is False.
        """
        return apply_mask(self.activation_fn(self.norm(self.conv(hidden_states))), mask)


class SupremeEcgHybridEncoder(nn.Module):
    """Strided convolutions that turn the strip into tokens, then a few transformer layers."""

    def __init__(self, config: SupremeEcgConfig) -> None:
        super().__init__()
        self.strides = config.conv_strides
        widths = [len(config.leads), *config.conv_channels]
        # The first kernel spans four strides: it takes the part of a low-pass filter before decimation.
        kernel_sizes = [4 * config.conv_strides[0] + 1] + [config.conv_kernel_size] * (len(config.conv_strides) - 1)
        self.conv_layers = nn.ModuleList(
            SupremeEcgConvLayer(
                width_in, width_out, kernel_size=kernel_size, stride=stride, hidden_act=config.hidden_act
            )
            for width_in, width_out, kernel_size, stride in zip(
                widths[:-1], widths[1:], kernel_sizes, config.conv_strides, strict=True
            )
        )
        self.transformer = SupremeEcgTransformer(config)

    def forward(
        self, signal: torch.Tensor, sample_mask: torch.Tensor | None, output_attentions: bool
    ) -> SupremeEcgModelOutput:
        """Turn strips into tokens, as [`SupremeEcgVitEncoder.forward`] does."""
        hidden_states, mask = signal, sample_mask
        for layer, stride in zip(self.conv_layers, self.strides, strict=True):
            mask = thin_sample_mask(mask, stride)
            hidden_states = layer(hidden_states, mask)
        outputs = self.transformer(hidden_states.transpose(1, 2), mask, output_attentions)
        outputs.token_mask = mask
        return outputs


class SupremeEcgResNetBlock(nn.Module):
    """Two convolutions of three samples with a shortcut (He et al. 2016, figure 2)."""

    def __init__(self, width_in: int, width_out: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv1 = nn.Conv1d(width_in, width_out, kernel_size=3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm1d(width_out)
        self.conv2 = nn.Conv1d(width_out, width_out, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm1d(width_out)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or width_in != width_out:
            self.shortcut = nn.Sequential(
                nn.Conv1d(width_in, width_out, kernel_size=1, stride=stride, bias=False), nn.BatchNorm1d(width_out)
            )

    def forward(self, hidden_states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Convolve twice, add what came in, and blank what was not recorded.

        Args:
            hidden_states (`torch.Tensor` of shape `(batch_size, width_in, length)`):
                What the block before made of the strip.
            mask (`torch.Tensor` of shape `(batch_size, ceil(length / stride))`, *optional*):
                False where the result was not recorded.

        Returns:
            `torch.Tensor` of shape `(batch_size, width_out, ceil(length / stride))`: Zero where the mask is False.
        """
        residual = self.shortcut(hidden_states)
        hidden_states = nn.functional.relu(self.norm1(self.conv1(hidden_states)))
        # Between the convolutions too: the second would carry padding back into what was recorded.
        hidden_states = self.norm2(self.conv2(apply_mask(hidden_states, mask)))
        return apply_mask(nn.functional.relu(hidden_states + residual), mask)


class SupremeEcgResNetEncoder(nn.Module):
    """1D ResNet-18: two blocks in each of four stages."""

    def __init__(self, config: SupremeEcgConfig) -> None:
        super().__init__()
        widths = config.conv_channels
        self.conv = nn.Conv1d(len(config.leads), widths[0], kernel_size=7, stride=2, padding=3, bias=False)
        self.norm = nn.BatchNorm1d(widths[0])
        self.max_pool = nn.MaxPool1d(kernel_size=3, stride=2, padding=1)
        blocks = []
        for stage, (width_in, width_out) in enumerate(zip([widths[0], *widths[:-1]], widths, strict=True)):
            blocks.append(SupremeEcgResNetBlock(width_in, width_out, stride=1 if stage == 0 else 2))
            blocks.append(SupremeEcgResNetBlock(width_out, width_out, stride=1))
        self.blocks = nn.ModuleList(blocks)
        self.strides = [block.stride for block in blocks]

    def forward(
        self, signal: torch.Tensor, sample_mask: torch.Tensor | None, output_attentions: bool
    ) -> SupremeEcgModelOutput:
        """Turn strips into tokens, as [`SupremeEcgVitEncoder.forward`] does; those between blocks are wider."""
        mask = thin_sample_mask(sample_mask, 2)
        hidden_states = apply_mask(nn.functional.relu(self.norm(self.conv(signal))), mask)
        mask = thin_sample_mask(mask, 2)
        hidden_states = apply_mask(self.max_pool(hidden_states), mask)
        all_hidden_states = (hidden_states.transpose(1, 2),)
        for block, stride in zip(self.blocks, self.strides, strict=True):
            mask = thin_sample_mask(mask, stride)
            hidden_states = block(hidden_states, mask)
            all_hidden_states += (hidden_states.transpose(1, 2),)
        return SupremeEcgModelOutput(
            last_hidden_state=hidden_states.transpose(1, 2), token_mask=mask, hidden_states=all_hidden_states
        )


def blank_signal(
    signal: torch.Tensor,
    lead_mask: torch.Tensor | None,
    sample_mask: torch.Tensor | None,
    recorded_mask: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Put zeros where nothing was recorded; masks as [`SupremeEcgModel`] takes them.

    Returns:
        `tuple`: The signal, and when any lead was recorded, `(batch_size, num_samples)`, or None for throughout.
    """
    lead_mask, sample_mask, recorded_mask = map(drop_idle_mask, (lead_mask, sample_mask, recorded_mask))
    # Not by multiplication: a missing sample may be NaN, and NaN times zero is NaN
    if lead_mask is not None:
        signal = signal.masked_fill(lead_mask.logical_not()[..., None], 0.0)
    if sample_mask is not None:
        signal = signal.masked_fill(sample_mask.logical_not()[:, None, :], 0.0)
    if recorded_mask is not None:
        signal = signal.masked_fill(recorded_mask.logical_not(), 0.0)
        is_any = recorded_mask.any(dim=1)
        sample_mask = is_any if sample_mask is None else sample_mask & is_any
    return signal, sample_mask


def is_traced() -> bool:
    """Whether a graph is being made, which may not depend on numbers and hardly on sizes."""
    return torch.jit.is_tracing() or torch.compiler.is_compiling()


def drop_idle_mask(mask: torch.Tensor | None) -> torch.Tensor | None:
    """None in place of a mask that is true throughout, where a look at it costs next to nothing: on a CPU.

    Example:
        >>> drop_idle_mask(torch.tensor([[True, True]])), drop_idle_mask(torch.tensor([[True, False]]))
        (None, tensor([[ True, False]]))
    """
    if mask is None or is_traced() or mask.device.type != "cpu":
        return mask
    return None if mask.numpy().all() else mask


def thin_sample_mask(sample_mask: torch.Tensor | None, stride: int) -> torch.Tensor | None:
    """Keep every `stride`-th entry: a token counts as recorded if its first sample was.

    Example:
        >>> thin_sample_mask(torch.tensor([[True, True, True, False, False]]), 2)
        tensor([[ True,  True, False]])
    """
    return None if sample_mask is None else sample_mask[:, ::stride]


def make_attention_mask(token_mask: torch.Tensor | None, dtype: torch.dtype) -> torch.Tensor | None:
    """What attention adds to its scores, made once for all layers: the lowest number for tokens not recorded.

    Example:
        >>> make_attention_mask(torch.tensor([[True, False]]), torch.float32)
        tensor([[[[ 0.0000e+00, -3.4028e+38]]]])
    """
    token_mask = drop_idle_mask(token_mask)
    if token_mask is None:
        return None
    lowest = torch.finfo(dtype).min  # beside an infinity, a strip of which nothing was recorded would have no weights
    return torch.zeros_like(token_mask, dtype=dtype).masked_fill_(~token_mask, lowest)[:, None, None, :]


def apply_mask(hidden_states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Put zeros where nothing was recorded: `(batch_size, channels, length)` by `(batch_size, length)`."""
    return hidden_states if mask is None else hidden_states * mask[:, None, :]


def masked_mean(hidden_states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Average `(batch_size, length, hidden_size)` over the entries of `mask`, `(batch_size, length)`."""
    if mask is None:
        return hidden_states.mean(dim=1)
    weights = mask.to(hidden_states.dtype)[..., None]
    return (hidden_states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def masked_max(hidden_states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Largest of `(batch_size, length, hidden_size)` over the entries of `mask`, `(batch_size, length)`; 0 of none."""
    if mask is None:
        return hidden_states.amax(dim=1)
    lowest = torch.finfo(hidden_states.dtype).min
    largest = hidden_states.masked_fill(~mask[..., None], lowest).amax(dim=1)
    return largest.masked_fill(~mask.any(dim=1, keepdim=True), 0.0)


def wrap_angles(values: torch.Tensor, circular: Sequence[int]) -> torch.Tensor:
    """Bring the angles among values of shape `(..., num_measurements)` above -180 and up to 180 degrees.

    Example:
        >>> wrap_angles(torch.tensor([[400.0, 190.0]]), circular=[1])
        tensor([[ 400., -170.]])
    """
    is_circular = torch.zeros(values.shape[-1], dtype=torch.bool, device=values.device)
    is_circular[list(circular)] = True
    return torch.where(is_circular, 180 - torch.remainder(180 - values, 360), values)


class SupremePreTrainedModel(CheckedPreTrainedModel):
    """Weight initialisation and what this family can do."""

    main_input_name = "signal"
    input_modalities = ["time"]
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_attention_backend = True
    _no_split_modules = ["SupremeEcgLayer", "SupremeEcgConvLayer", "SupremeEcgResNetBlock"]

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, nn.Linear):
            # A fixed standard deviation of 0.02 leaves narrow layers near zero: few hundred steps do not recover
            init.xavier_uniform_(module.weight)
        elif isinstance(module, nn.Conv1d):
            init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, SupremeEcgTransformer):
            init.normal_(module.position_embeddings, std=self.config.initializer_range)


ECG_ENCODERS = {"vit": SupremeEcgVitEncoder, "resnet": SupremeEcgResNetEncoder, "hybrid": SupremeEcgHybridEncoder}


class SupremeEcgModel(SupremePreTrainedModel):
    """ECG encoder: turns a strip into tokens."""

    config: SupremeEcgConfig
    base_model_prefix = "ecg_model"
    other_parts = (
        *("text_model.", "fusion.", "measurement_head.", "alignment.", "caption_pooler.", "decoder."),
        *("layer_norm.", "classifier."),
    )

    def __init__(self, config: SupremeEcgConfig) -> None:
        super().__init__(config)
        self.encoder = ECG_ENCODERS[config.encoder_type](config)
        self.post_init()

    def forward(
        self,
        signal: torch.Tensor,
        lead_mask: torch.Tensor | None = None,
        sample_mask: torch.Tensor | None = None,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
        recorded_mask: torch.Tensor | None = None,
    ) -> SupremeEcgModelOutput:
        """Encode strips.

        Args:
            signal (`torch.Tensor` of shape `(batch_size, num_leads, num_samples)`):
                Strips as the feature extractor returns them.
            lead_mask (`torch.Tensor` of shape `(batch_size, num_leads)`, *optional*):
                False for leads that were not recorded: what `signal` holds there is ignored.
            sample_mask (`torch.Tensor` of shape `(batch_size, num_samples)`, *optional*):
                False for padding after the end of the strip: what `signal` holds there is ignored.
            output_attentions (`bool`):
                Whether to return the attention weights.
            output_hidden_states (`bool`):
                Whether to return the tokens after every layer.
            recorded_mask (`torch.Tensor` of shape `(batch_size, num_leads, num_samples)`, *optional*):
                False where a lead was not recorded at that time, such as beside its part of a printed sheet: what
                `signal` holds there is ignored, and so is a token when no lead was recorded.

        Returns:
            `SupremeEcgModelOutput`: Tokens, their mean and their mask.

        Raises:
            ValueError: If `signal` has another number of leads or more samples than the configuration says.
        """
        self._check_signal(signal)
        signal, sample_mask = blank_signal(signal, lead_mask, sample_mask, recorded_mask)
        outputs = self.encoder(signal.to(self.dtype), sample_mask, output_attentions)
        outputs.pooler_output = masked_mean(outputs.last_hidden_state, outputs.token_mask)
        if not output_hidden_states:
            outputs.hidden_states = None
        return outputs

    def _check_signal(self, signal: torch.Tensor) -> None:
        """Refuse strips that do not fit the configuration."""
        num_leads, num_samples = len(self.config.leads), self.config.num_samples
        if signal.ndim != 3 or signal.shape[1] != num_leads or signal.shape[2] > num_samples:
            raise ValueError(
                f"`signal` has shape {tuple(signal.shape)}, expected (batch_size, {num_leads}, at most {num_samples})."
                " Prepare strips with the checkpoint's processor."
            )


class SupremeForEcgClassification(SupremePreTrainedModel):
    """Classifier with fixed labels: LayerNorm and a linear layer on the mean token of the strip.

    `from_pretrained` takes the ECG encoder of a [`SupremeModel`], a [`MelpModel`], a [`SupremeEcgModel`] or another
    classifier.
    With [`~SupremeForEcgClassification.freeze_encoder`] only the head learns, a linear probe; without it, everything
    does.

    The LayerNorm makes one learning rate fit all encoders: only those with transformer layers normalise their tokens,
    and a batch normalisation in its place would make a score depend on the other strips of a training batch.

    Args:
        config (`SupremeEcgConfig`):
            The encoder, with `id2label` (the names of the labels) and `problem_type`: `multi_label_classification`,
            the default, or `single_label_classification`.

    Raises:
        ValueError: If `problem_type` is `regression`.

    Example:
        ```python
        labels = ["atrial fibrillation", "left bundle branch block"]
        model = SupremeForEcgClassification.from_pretrained(
            "runs/demo/checkpoint",
            id2label=dict(enumerate(labels)),
            label2id={label: index for index, label in enumerate(labels)},
        ).freeze_encoder()
        ```
    """

    config: SupremeEcgConfig
    base_model_prefix = "ecg_model"
    # What else a checkpoint of a model holds that is asked in words
    _keys_to_ignore_on_load_unexpected = [r"^(text_model|fusion|measurement_head|alignment|caption_pooler|decoder)\."]

    def __init__(self, config: SupremeEcgConfig) -> None:
        super().__init__(config)
        if config.problem_type == "regression":
            raise ValueError(
                "`problem_type` is regression, but this head classifies. Use multi_label_classification or"
                " single_label_classification."
            )
        self.is_encoder_frozen = False
        self.ecg_model = SupremeEcgModel(config)
        self.layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.classifier = nn.Linear(config.hidden_size, len(config.id2label or ()))
        self.post_init()

    @classmethod
    def _new_parts(
        cls, described: Mapping[str, Any], stored: Mapping[str, StoredTensor], options: Mapping[str, Any]
    ) -> tuple[str, ...]:
        """The head, unless the checkpoint has some of it, is a classifier, or has labels that nobody replaced."""
        head = ("layer_norm.", "classifier.")
        is_classifier = cls.__name__ in (described.get("architectures") or ())
        labels = described.get("id2label")
        config = options.get("config")
        is_relabelled = "id2label" in options or (
            isinstance(config, PreTrainedConfig)
            and list((config.id2label or {}).values()) != list((labels or {}).values())
        )
        has_head = any(name.startswith(head) for name in stored)
        return () if has_head or is_classifier or (labels and not is_relabelled) else head

    def freeze_encoder(self) -> "SupremeForEcgClassification":
        """Let only the head learn. Loading a checkpoint undoes it: whether to freeze is a matter of the run.

        The encoder stays in evaluation mode, so that neither its weights nor its running statistics move.
        """
        self.is_encoder_frozen = True
        self.ecg_model.requires_grad_(False)
        return self.train(self.training)

    def train(self, mode: bool = True) -> "SupremeForEcgClassification":
        """Switch to training mode; a frozen encoder stays in evaluation mode."""
        super().train(mode)
        if self.is_encoder_frozen:
            self.ecg_model.eval()
        return self

    def forward(
        self,
        signal: torch.Tensor,
        lead_mask: torch.Tensor | None = None,
        sample_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        recorded_mask: torch.Tensor | None = None,
    ) -> SupremeEcgClassifierOutput:
        """Score every label on every strip.

        Args:
            signal (`torch.Tensor` of shape `(batch_size, num_leads, num_samples)`):
                Strips as the feature extractor returns them.
            lead_mask (`torch.Tensor` of shape `(batch_size, num_leads)`, *optional*):
                False for leads that were not recorded.
            sample_mask (`torch.Tensor` of shape `(batch_size, num_samples)`, *optional*):
                False for padding after the end of the strip.
            labels (`torch.Tensor`, *optional*):
                Of multi-label models, `(batch_size, num_labels)`: 1 present, 0 absent, in between uncertain, NaN
                unknown. Of single-label models, `(batch_size,)`: the index of the class.
            recorded_mask (`torch.Tensor` of shape `(batch_size, num_leads, num_samples)`, *optional*):
                False where a lead was not recorded at that time.

        Returns:
            `SupremeEcgClassifierOutput`: Logits, embeddings, and the loss where labels were given.

        Raises:
            ValueError: If `signal` has another number of leads or more samples than the configuration says.
        """
        ecg_embeds = self.ecg_model(signal, lead_mask, sample_mask, recorded_mask=recorded_mask).pooler_output
        logits = self.classifier(self.layer_norm(ecg_embeds))
        return SupremeEcgClassifierOutput(
            loss=None if labels is None else self._measure_loss(logits, labels), logits=logits, ecg_embeds=ecg_embeds
        )

    def _measure_loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The loss of the kind of problem."""
        if self.config.problem_type == "single_label_classification":
            return nn.functional.cross_entropy(logits.float(), labels)
        return multilabel_loss(logits, labels)


def multilabel_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean binary cross-entropy over the labels that are known.

    Args:
        logits (`torch.Tensor` of shape `(batch_size, num_queries)`):
            One logit per strip and query.
        labels (`torch.Tensor` of shape `(batch_size, num_queries)`):
            1 present, 0 absent, in between uncertain (the value is the probability of presence), NaN unknown.

    Returns:
        `torch.Tensor`: A scalar in float32; zero, with a gradient of zero, where no label is known.

    Example:
        >>> loss = multilabel_loss(torch.zeros(1, 3), torch.tensor([[1.0, 0.5, float("nan")]]))
        >>> round(loss.item(), 4)  # ln 2, whatever the label: the logit says one half
        0.6931
    """
    is_known = ~torch.isnan(labels)
    targets = torch.where(is_known, labels, 0.0).float()
    losses = nn.functional.binary_cross_entropy_with_logits(logits.float(), targets, reduction="none")
    return (losses * is_known).sum() / is_known.sum().clamp(min=1)


__all__ = [
    "SupremeEcgClassifierOutput",
    "SupremeEcgModel",
    "SupremeEcgModelOutput",
    "SupremeForEcgClassification",
    "SupremePreTrainedModel",
]
