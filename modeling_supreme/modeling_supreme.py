"""The zero-shot model: an ECG encoder whose tokens are read by text queries in a Cardiac Fusion Network.

A model with a measurement head also says how much: intervals, rates, axes and voltages, each with its uncertainty.

Source: SuPreME (Cai et al. 2025, arXiv 2502.19668) for the idea; the paper's layer counts and widths were not
available, so those of the Cardiac Fusion Network here are our own.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, cast

import torch
from torch import nn
from transformers import AutoConfig, AutoModel
from transformers import initialization as init
from transformers.activations import ACT2FN
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.utils import ModelOutput

from .checkpoints import load_text_encoder
from .configuration_supreme import (
    NUM_LOADINGS,
    NUM_MEASUREMENT_FEATURES,
    NUM_MEASUREMENT_QUERIES,
    SupremeConfig,
    SupremeEcgConfig,
)
from .modeling_supreme_ecg import (
    SupremeAttention,
    SupremeEcgModel,
    SupremeMLP,
    SupremePreTrainedModel,
    blank_signal,
    make_attention_mask,
    masked_max,
    masked_mean,
    multilabel_loss,
    wrap_angles,
)
from .queries import LastResult
from .query_words import check_measurement_keys, find_measurement


# Standard deviation of the logistic distribution whose scale is 1
LOGISTIC_SD = math.pi / math.sqrt(3)
# Libraries sum in another order where a matrix has few rows. With no fewer than these in all, and a multiple of those
# for each strip, which queries are padded to, the logit of a query is the same to the last bit whatever is asked
# beside it, and on a CPU in batches of any size.
LEAST_ROWS, ROWS_AT_ONCE = 16, 4
# The usual beat is drawn at about this rate, in Hz, so long before and after the middle of its QRS, in seconds
BEAT_RATE_HZ, BEFORE_BEAT_S, AFTER_BEAT_S = 250, 0.45, 0.65
# A QRS complex is where the voltages of all leads change most, over the width of a QRS and in this distance
QRS_WIDTH_S, LEAST_RR_S = 0.08, 0.2
LEVEL_WINDOW_S = 2.0  # the usual QRS is the median of the largest changes of so many seconds
LEAST_QRS_SHARE, ROUNDING = 0.35, 1e-4  # of the change of the usual QRS; of the largest error of a beat
MOST_BEATS, MOST_AVERAGED = 50, 16  # the first are 300 a minute
NUM_RHYTHM_FEATURES, RATE_KEY = 6, "rate_per_min"
# What is read off directly is made large: an optimiser moves a weight by so much a step, and 60 a minute is 1 a second
RHYTHM_GAIN, VOLTAGE_GAIN = 20.0, 5.0
BEAT_CHANNELS = (64, 64, 96)
# Smallest scale of a predicted distribution, in spreads: certainty beyond it is learnt from records that are alike
LEAST_SCALE = 0.01


@dataclass
class SupremeMeasurements(ModelOutput):
    """What the measurement head says of every measurement of the configuration, in its order.

    A value is distributed logistically: it lies below `x` with the probability `sigmoid((x - value) / scale)`, where
    `scale` is `sd` divided by [`LOGISTIC_SD`]. Of an angle, `x - value` is the way round the circle that is shorter.

    Args:
        value (`torch.Tensor` of shape `(batch_size, num_measurements)`):
            Middle of the distribution, in the unit of the measurement; angles above -180 and up to 180 degrees.
        sd (`torch.Tensor` of shape `(batch_size, num_measurements)`):
            Standard deviation of the distribution, in the same unit.
        measurable (`torch.Tensor` of shape `(batch_size, num_measurements)`):
            Probability that there is something to measure: no PR interval without P waves.
        measurable_logits (`torch.Tensor` of shape `(batch_size, num_measurements)`):
            Logits of `measurable`.
    """

    value: torch.Tensor | None = None
    sd: torch.Tensor | None = None
    measurable: torch.Tensor | None = None
    measurable_logits: torch.Tensor | None = None


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
        measurements (`SupremeMeasurements`, *optional*):
            Numbers of each strip, where the model has a measurement head.
    """

    loss: torch.Tensor | None = None
    logits_per_ecg: torch.Tensor | None = None
    ecg_embeds: torch.Tensor | None = None
    query_embeds: torch.Tensor | None = None
    cross_attentions: tuple[torch.Tensor, ...] | None = None
    measurements: SupremeMeasurements | None = None


def pad_rows(num_queries: int, num_strips: int = 1) -> int:
    """How many queries are to be asked of each of some strips where these are wanted; the others are padding.

    Example:
        >>> pad_rows(1), pad_rows(101), pad_rows(1, num_strips=2), pad_rows(1, num_strips=32)
        (16, 104, 8, 4)
    """
    least = max(num_queries, -(-LEAST_ROWS // max(1, num_strips)))
    return -(-least // ROWS_AT_ONCE) * ROWS_AT_ONCE


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
        asked: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Let every query read the tokens of every strip.

        Queries are `(batch_size or 1, num_queries, fusion_hidden_size)`: in the first layer one set for all strips,
        from then on one set for each. All arguments are those of [`SupremeAttention.forward`].

        Returns:
            `tuple`: Queries, `(batch_size, num_queries, fusion_hidden_size)`, and the weights,
            `(batch_size, num_heads, num_queries, num_tokens)`, or None.
        """
        normed = self.layer_norm1(queries) if asked is None else queries
        attended, weights = self.cross_attn(normed, tokens, attention_mask, output_attentions, asked)
        queries = queries + self.dropout(attended)  # (batch_size, num_queries, fusion_hidden_size)
        queries = queries + self.dropout(self.mlp(self.layer_norm2(queries)))
        return queries, weights


class CardiacFusionNetwork(nn.Module):
    """Queries in, one logit per strip and query out.

    No layer lets queries read each other: what else is asked does not change a score, not even by its rounding.
    """

    def __init__(self, config: SupremeConfig) -> None:
        super().__init__()
        width, eps = config.fusion_hidden_size, config.layer_norm_eps
        text_config, ecg_config = cast(Any, config.text_config), cast(Any, config.ecg_config)
        self.query_norm = nn.LayerNorm(text_config.hidden_size, eps=eps)
        self.query_projection = nn.Linear(text_config.hidden_size, width)
        self.token_projection = nn.Linear(ecg_config.hidden_size, width)
        self.token_norm = nn.LayerNorm(width, eps=eps)
        self.layers = nn.ModuleList([SupremeFusionLayer(config) for _ in range(config.num_fusion_layers)])
        self.layer_norm = nn.LayerNorm(width, eps=eps)
        self.classifier = nn.Linear(width, 1)
        self.prepared = LastResult()

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
        num_queries = len(query_embeds)
        queries, asked = self.prepare(query_embeds)
        if asked is not None:
            num_rows = pad_rows(num_queries, len(tokens))  # several strips take less padding than one
            queries, asked = queries[:num_rows], asked[:, :, :num_rows]
        found, weights = self.read(queries, tokens, token_mask, output_attentions, asked)
        # As a product with a vector, sums would depend on the rows beside it
        products = found[:, :num_queries] * self.classifier.weight[0]
        logits = products.sum(dim=-1) + self.classifier.bias  # (batch_size, num_queries)
        shown = tuple(each[:, :, :num_queries] for each in weights if each is not None)
        return logits, shown if output_attentions else None

    def prepare(self, query_embeds: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Padded and projected queries, and what the first layer makes of them alone, or None for it to see to that.

        Both follow from the queries before they meet a strip, and are remembered of the last ones.
        """
        first: Any = self.layers[0]
        parts = (self.query_norm, self.query_projection, first.layer_norm1, first.cross_attn.q_proj)
        inputs = [query_embeds, *(each for part in parts for each in (part.weight, part.bias))]
        if self.training or not LastResult.may_remember(inputs):
            return self._project(query_embeds), None

        def ask() -> tuple[torch.Tensor, torch.Tensor]:
            queries = self._project(query_embeds)
            return queries, first.cross_attn.ask(first.layer_norm1(queries[None]))

        return self.prepared.of(inputs, ask)

    def _project(self, query_embeds: torch.Tensor) -> torch.Tensor:
        """Queries in the width of this network, with others that are padding."""
        num_queries, has_dropout = len(query_embeds), self.training  # which would fall on padding, too
        num_padded = num_queries if has_dropout and num_queries else pad_rows(num_queries)
        padded = nn.functional.pad(query_embeds, (0, 0, 0, num_padded - num_queries))
        return self.query_projection(self.query_norm(padded))

    def read(
        self,
        queries: torch.Tensor,
        tokens: torch.Tensor,
        token_mask: torch.Tensor | None = None,
        output_attentions: bool = False,
        asked: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, tuple[torch.Tensor | None, ...]]:
        """Let queries, `(num_queries, fusion_hidden_size)`, read every strip; the rest as [`forward`] takes it.

        Returns:
            `tuple`: What each query found, `(batch_size, num_queries, fusion_hidden_size)`, and its weights by layer.
        """
        found, tokens = queries[None], self.token_norm(self.token_projection(tokens))
        attention_mask = make_attention_mask(token_mask, tokens.dtype)
        cross_attentions = ()
        for layer in self.layers:
            found, weights = layer(found, tokens, attention_mask, output_attentions, asked)
            cross_attentions, asked = (*cross_attentions, weights), None
        return self.layer_norm(found), cross_attentions


class BeatReader(nn.Module):
    """Finds the beats of a strip, and reads the one that is like most of them.

    A mean over tokens blurs what a ruler measures. The mean over beats, laid upon each other at their QRS complexes,
    does the opposite: noise leaves, and every wave has its place.
    """

    def __init__(self, config: SupremeConfig) -> None:
        super().__init__()
        ecg_config: Any = config.ecg_config
        num_leads = len(ecg_config.leads)
        self.thinning = max(1, round(ecg_config.sampling_rate / BEAT_RATE_HZ))
        self.rate_hz = ecg_config.sampling_rate / self.thinning
        self.window = range(-round(BEFORE_BEAT_S * self.rate_hz), round(AFTER_BEAT_S * self.rate_hz) + 1)
        widths = zip((num_leads, *BEAT_CHANNELS), BEAT_CHANNELS, strict=False)
        self.convs = nn.ModuleList([nn.Conv1d(*pair, 5, stride=2, padding=2) for pair in widths])
        self.activation_fn = ACT2FN[config.hidden_act]
        length = len(self.window)
        for _ in self.convs:
            length = -(-length // 2)
        self.width = BEAT_CHANNELS[-1] * length
        self.num_direct = NUM_RHYTHM_FEATURES + 3 * num_leads

    def forward(self, signal: torch.Tensor, sample_mask: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Read the usual beat of every strip.

        Args:
            signal (`torch.Tensor` of shape `(batch_size, num_leads, num_samples)`):
                Strips, zero where nothing was recorded.
            sample_mask (`torch.Tensor` of shape `(batch_size, num_samples)`, *optional*):
                False for padding after the end of the strip.

        Returns:
            `tuple`: What convolutions see in the usual beat, `(batch_size, width)`, and what is read off directly,
            `(batch_size, num_direct)`: rhythm, highest and lowest voltage of each lead, and whether it was there.
        """
        with torch.no_grad():
            strips = nn.functional.avg_pool1d(signal.float(), self.thinning)
            mask = None if sample_mask is None else sample_mask[:, :: self.thinning][:, : strips.shape[-1]]
            places, is_beat = find_beats(strips, mask, self.rate_hz)
            beat, is_shown = find_usual_beat(strips, mask, places, is_beat, self.window)
            extremes = torch.cat([beat.amax(dim=-1), beat.amin(dim=-1), is_shown.float()], dim=-1)
            rhythm = describe_rhythm(places / self.rate_hz, is_beat)
            direct = torch.cat([RHYTHM_GAIN * rhythm, VOLTAGE_GAIN * extremes], dim=-1)
        hidden_states = beat
        for conv in self.convs:
            hidden_states = self.activation_fn(conv(hidden_states.to(cast(torch.Tensor, conv.weight).dtype)))
        return hidden_states.flatten(1), direct


class MeasurementHead(nn.Module):
    """Tokens in, the distribution of every measurement out, in real units.

    Locations and scales are learnt in standard units, of which `spread` is one and `center` is zero. What a strip
    measures is then `center` + `bias` + `spread` x location, with a scale of `spread` x `sd_factor` x scale.

    Angles are learnt as points on a circle, from `center` on: between -179 and 179 degrees lie two, not 358.

    Attributes:
        center, spread (`torch.Tensor` of shape `(num_measurements,)`):
            Mean and standard deviation over training records, in real units.
        bias, sd_factor (`torch.Tensor` of shape `(num_measurements,)`):
            What calibration found: by how much values are too low, in real units, and how much too narrow `sd` is. 0
            and 1 until then.
        loadings (`torch.Tensor` of shape `(num_measurements, num_factors)`):
            Errors of measurements go together: off the diagonal, the correlation of their normal scores is `loadings @
            loadings.T`. Zero until calibrated; the squares of a row add up to less than 1.
    """

    center: torch.Tensor
    spread: torch.Tensor
    bias: torch.Tensor
    sd_factor: torch.Tensor
    loadings: torch.Tensor

    def __init__(self, config: SupremeConfig) -> None:
        super().__init__()
        ecg_config: Any = config.ecg_config
        self.circular = find_circular(config.measurements)
        self.rate_places = [place for place, key in enumerate(config.measurements) if key == RATE_KEY]
        num_measurements, width = len(config.measurements), 2 * ecg_config.hidden_size
        self.beats = BeatReader(config) if config.measurement_head == "beats" else None
        if config.measurement_head == "queries":
            width = NUM_MEASUREMENT_QUERIES * config.fusion_hidden_size
            self.queries = nn.Parameter(torch.zeros(NUM_MEASUREMENT_QUERIES, config.fusion_hidden_size))
        else:
            self.register_parameter("queries", None)
        self.layer_norm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.features = nn.Linear(width + (self.beats.width if self.beats else 0), NUM_MEASUREMENT_FEATURES)
        self.activation_fn = ACT2FN[config.hidden_act]
        self.num_outputs = [num_measurements + len(self.circular), num_measurements, num_measurements]
        self.location, self.scale, self.presence = (
            nn.Linear(NUM_MEASUREMENT_FEATURES, number) for number in self.num_outputs
        )
        self.direct = nn.Linear(self.beats.num_direct, sum(self.num_outputs), bias=False) if self.beats else None
        for name in ("center", "bias"):
            self.register_buffer(name, torch.zeros(num_measurements))
        for name in ("spread", "sd_factor"):
            self.register_buffer(name, torch.ones(num_measurements))
        self.register_buffer("loadings", torch.zeros(num_measurements, NUM_LOADINGS))

    def forward(
        self,
        tokens: torch.Tensor,
        token_mask: torch.Tensor | None,
        *,
        fusion: CardiacFusionNetwork,
        strips: torch.Tensor,
        sample_mask: torch.Tensor | None,
    ) -> SupremeMeasurements:
        """Measure every strip.

        Args:
            tokens (`torch.Tensor` of shape `(batch_size, num_tokens, hidden_size)`):
                Tokens as the ECG encoder returns them.
            token_mask (`torch.Tensor` of shape `(batch_size, num_tokens)`, *optional*):
                False for tokens that were not recorded.
            fusion (`CardiacFusionNetwork`):
                In which the queries of the head read, if it has any.
            strips (`torch.Tensor` of shape `(batch_size, num_leads, num_samples)`):
                Signals, zero where nothing was recorded, for the beats.
            sample_mask (`torch.Tensor` of shape `(batch_size, num_samples)`, *optional*):
                False for padding after the end of the strip.

        Returns:
            `SupremeMeasurements`: In float32, whatever the precision of the model.
        """
        if self.queries is None:
            read = torch.cat([masked_mean(tokens, token_mask), masked_max(tokens, token_mask)], dim=-1)
        else:
            read = fusion.read(self.queries, tokens, token_mask)[0].flatten(1)
        read = self.layer_norm(read)
        direct: torch.Tensor | None = None
        if self.beats is not None:
            beat, direct = self.beats(strips, sample_mask)
            read = torch.cat([read, beat.to(read.dtype)], dim=-1)
        features = self.activation_fn(self.features(read)).to(self.scale.weight.dtype)
        # In the precision of the weights: a heart rate in bfloat16 is off by up to 0.3 a minute
        with torch.autocast(tokens.device.type, enabled=False):
            outputs = torch.cat([self.location(features), self.scale(features), self.presence(features)], dim=-1)
            if direct is not None and self.direct is not None:
                outputs = outputs + self.direct(direct.to(features.dtype))
        location, scale, presence = outputs.float().split(self.num_outputs, dim=-1)
        scale = nn.functional.softplus(scale) + LEAST_SCALE
        return SupremeMeasurements(
            value=self._to_values(location, None if direct is None else 60 * direct[:, 0] / RHYTHM_GAIN),
            sd=LOGISTIC_SD * scale * (self.spread * self.sd_factor).float(),
            measurable=torch.sigmoid(presence),
            measurable_logits=presence,
        )

    def _to_values(self, locations: torch.Tensor, counted_per_min: torch.Tensor | None) -> torch.Tensor:
        """Real units of locations; those of angles are their cosines, and behind all others their sines."""
        num_measurements = len(self.center)
        shifts = locations[:, :num_measurements] * self.spread.float()
        zero = (self.center + self.bias).float()
        if counted_per_min is not None and self.rate_places:
            # A rate that was counted needs no more than correction
            excess = counted_per_min[:, None] - self.center[self.rate_places]
            zero = zero.expand_as(shifts).clone()
            zero[:, self.rate_places] += torch.where(counted_per_min[:, None] > 0, excess, 0.0)
        if not self.circular:
            return zero + shifts
        columns = torch.tensor(self.circular, device=locations.device)
        turns = torch.atan2(locations[:, num_measurements:], locations[:, columns])
        return wrap_angles(zero + shifts.index_copy(1, columns, torch.rad2deg(turns)), self.circular)


def find_beats(
    strips: torch.Tensor, sample_mask: torch.Tensor | None, rate_hz: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Find the QRS complexes: where the voltages of all leads together change most, and much.

    Args:
        strips (`torch.Tensor` of shape `(batch_size, num_leads, num_samples)`):
            Voltages in any unit, zero where nothing was recorded.
        sample_mask (`torch.Tensor` of shape `(batch_size, num_samples)`, *optional*):
            False for padding after the end of the strip.
        rate_hz (`float`):
            Samples per second.

    Returns:
        `tuple` of two `torch.Tensor` of shape `(batch_size, MOST_BEATS)`: The sample in the middle of each QRS, in
        order of time, and whether there is one.
    """
    change = nn.functional.pad(strips[..., 2:] - strips[..., :-2], (1, 1)).square().sum(dim=1).sqrt()
    if sample_mask is not None:
        change = change * sample_mask * sample_mask.roll(-1, dims=-1)
    half = round(QRS_WIDTH_S * rate_hz / 2)
    change = nn.functional.avg_pool1d(change, 2 * half + 1, stride=1, padding=half)
    size = round(LEVEL_WINDOW_S * rate_hz)
    largest = nn.functional.pad(change, (0, -change.shape[-1] % size)).unfold(-1, size, size).amax(dim=-1)
    level = largest.masked_fill(largest == 0, torch.nan).nanmedian(dim=-1, keepdim=True).values.nan_to_num(torch.inf)
    half = round(LEAST_RR_S * rate_hz)
    is_peak = change == nn.functional.max_pool1d(change, 2 * half + 1, stride=1, padding=half)
    is_peak &= change > LEAST_QRS_SHARE * level
    is_peak = is_peak & ~nn.functional.pad(is_peak, (1, 0))[:, :-1]  # of equal samples in a row the first
    num_samples = change.shape[-1]
    order = torch.where(is_peak, torch.arange(num_samples, 0, -1, device=change.device), 0)
    order = nn.functional.pad(order, (0, max(0, MOST_BEATS - num_samples))).topk(MOST_BEATS, dim=-1).values
    return (num_samples - order).clamp(max=num_samples - 1), order > 0


def find_usual_beat(
    strips: torch.Tensor,
    sample_mask: torch.Tensor | None,
    places: torch.Tensor,
    is_beat: torch.Tensor,
    window: Sequence[int],
) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean of those beats that are most alike: half of them, which leaves out the premature and the disturbed.

    Args:
        strips (`torch.Tensor` of shape `(batch_size, num_leads, num_samples)`):
            Voltages, zero where nothing was recorded.
        sample_mask (`torch.Tensor` of shape `(batch_size, num_samples)`, *optional*):
            False for padding after the end of the strip.
        places (`torch.Tensor` of shape `(batch_size, num_beats)`):
            As [`find_beats`] gives them.
        is_beat (`torch.Tensor` of shape `(batch_size, num_beats)`):
            Whether there is a beat.
        window (`Sequence[int]` of length `num_window_samples`):
            Samples of a beat, from its middle.

    Returns:
        `tuple`: Voltages, `(batch_size, num_leads, num_window_samples)`, and which leads were recorded in any beat,
        `(batch_size, num_leads)`; zeros where there is no beat.
    """
    # Some of many, from all of the strip
    num_beats = is_beat.sum(dim=1, keepdim=True)
    chosen = torch.arange(MOST_AVERAGED, device=places.device) * (num_beats / MOST_AVERAGED).clamp(min=1)
    is_beat, places = chosen < num_beats, places.gather(1, chosen.long().clamp(max=places.shape[1] - 1))
    length, edges = len(window), (-window[0], window[-1])
    lasts = torch.ones_like(strips[:, 0], dtype=torch.bool) if sample_mask is None else sample_mask
    lasts = nn.functional.pad(lasts, edges)
    # Of padded strips, a window begins at the place of its middle
    is_whole = is_beat & lasts.gather(1, places) & lasts.gather(1, places + length - 1)
    is_used = torch.where(is_whole.any(dim=1, keepdim=True), is_whole, is_beat)
    rows, leads = (torch.arange(size, device=strips.device) for size in strips.shape[:2])
    chosen = (rows[:, None, None], leads[:, None], places[:, None])
    samples = (places[:, :, None] + torch.arange(length, device=strips.device)).flatten(1)[:, None]
    # Voltages of every beat, (batch_size, num_leads, num_beats, length)
    beats = nn.functional.pad(strips, edges).gather(-1, samples.expand(-1, len(leads), -1)).unflatten(-1, (-1, length))
    # A printed sheet shows a lead for a part of the time only
    num_there = nn.functional.pad((strips != 0).float(), (1 + edges[0], edges[1])).cumsum(dim=-1)
    num_there = num_there[..., length:][chosen] - num_there[chosen]
    weights = (num_there > 0.5 * length) & is_used[:, None]  # (batch_size, num_leads, num_beats)
    mean = _weighted_mean(beats, weights)
    # (beat - mean) ** 2, without a copy of the beats
    products = torch.matmul(beats, mean[..., None])[..., 0]
    errors = torch.linalg.vector_norm(beats, dim=-1) ** 2 - 2 * products + mean.square().sum(dim=-1, keepdim=True)
    errors = (errors * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
    errors = errors.masked_fill(~is_used, torch.nan)
    slack = ROUNDING * errors.nan_to_num().amax(dim=1, keepdim=True)  # so that no machine's rounding decides
    alike = weights & (errors <= errors.nanmedian(dim=1, keepdim=True).values + slack)[:, None]
    alike = torch.where(alike.any(dim=-1, keepdim=True), alike, weights)
    return _weighted_mean(beats, alike), weights.any(dim=-1)


def _weighted_mean(beats: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean of `(batch_size, num_leads, num_beats, length)` over beats by `(batch_size, num_leads, num_beats)`."""
    shares = weights / weights.sum(dim=-1, keepdim=True).clamp(min=1)
    return torch.matmul(shares[:, :, None], beats)[:, :, 0]


def describe_rhythm(seconds: torch.Tensor, is_beat: torch.Tensor) -> torch.Tensor:
    """The rhythm of beats in numbers about 1: rates, variation, and extremes.

    Args:
        seconds (`torch.Tensor` of shape `(batch_size, num_beats)`):
            When each beat is.
        is_beat (`torch.Tensor` of shape `(batch_size, num_beats)`):
            Whether there is one.

    Returns:
        `torch.Tensor` of shape `(batch_size, NUM_RHYTHM_FEATURES)`: Mean and median rate in beats per second, the
        variation of the RR intervals, the longest and the shortest of them in seconds, and tens of beats; zeros where
        there are not two beats.

    Example:
        >>> describe_rhythm(torch.tensor([[1.0, 1.5, 2.0, 0.0]]), torch.tensor([[True, True, True, False]]))
        tensor([[2.0000, 2.0000, 0.0000, 0.5000, 0.5000, 0.3000]])
    """
    is_interval = is_beat[:, 1:] & is_beat[:, :-1]
    intervals = (seconds[:, 1:] - seconds[:, :-1]).float().masked_fill(~is_interval, torch.nan)
    mean = intervals.nanmean(dim=1)
    spread = (intervals - mean[:, None]).square().nanmean(dim=1).sqrt()
    known = is_interval.any(dim=1)
    features = [
        *(1 / mean, 1 / intervals.nanmedian(dim=1).values, spread / mean),
        intervals.nan_to_num(-torch.inf).amax(dim=1),
        intervals.nan_to_num(torch.inf).amin(dim=1),
        is_beat.sum(dim=1) / 10,
    ]
    return torch.stack([torch.where(known, feature, 0.0) for feature in features], dim=1)


def find_circular(keys: Sequence[str]) -> list[int]:
    """Places of the measurements that are angles.

    Example:
        >>> find_circular(["qrs_ms", "axis_deg"])
        [1]
    """
    return [place for place, key in enumerate(keys) if (found := find_measurement(key)) and found.unit == "deg"]


class QueriedModel(SupremePreTrainedModel):
    """What models share that are asked in words: a `text_model`, which may be frozen, and a pipeline that travels."""

    text_model: Any

    @classmethod
    def from_text_pretrained(
        cls,
        text_model_name_or_path: str,
        *,
        ecg_config: SupremeEcgConfig,
        revision: str | None = None,
        **config_fields: Any,
    ) -> Any:
        """Start a model from a pretrained text encoder; everything else is freshly initialised.

        Args:
            text_model_name_or_path (`str`):
                Folder or Hub id of an encoder that `AutoModel` loads.
            ecg_config (`SupremeEcgConfig`):
                The ECG encoder.
            revision (`str`, *optional*):
                Branch, tag or commit of the text encoder on the Hub.
            config_fields:
                Fields of the model's configuration.

        Returns:
            The model, in evaluation mode.

        Raises:
            OSError: If there is no text encoder of this name.
            CheckpointError: If its weights are no safetensors, not all there, or not finite.
        """
        text_config = AutoConfig.from_pretrained(text_model_name_or_path, revision=revision)
        config_class: Any = cls.config_class
        model: Any = cls(config_class(ecg_config=ecg_config, text_config=text_config, **config_fields))
        text_model = load_text_encoder(text_model_name_or_path, revision=revision, dtype=model.dtype)
        model.text_model.load_state_dict(text_model.state_dict())
        return model.eval()

    def train(self, mode: bool = True) -> Self:
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
        from .pipeline_zero_shot_ecg import naming_pipeline

        with naming_pipeline(self.config):
            super().save_pretrained(save_directory, *args, **kwargs)

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
        return self.pool_text(hidden_states, attention_mask)

    def pool_text(self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None) -> torch.Tensor:
        """Of the states of texts, `(num_texts, num_tokens, hidden_size)`, the one that stands for each."""
        return hidden_states[:, 0] if self.config.text_pooling == "cls" else masked_mean(hidden_states, attention_mask)


class SupremeModel(QueriedModel):
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
        self.measurement_head = MeasurementHead(config) if config.measurements else None
        self.post_init()
        self.train(self.training)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, MeasurementHead):
            for buffer in (module.center, module.bias, module.loadings):
                init.zeros_(buffer)
            for buffer in (module.spread, module.sd_factor):
                init.ones_(buffer)
            if module.queries is not None:
                init.normal_(module.queries)
            if module.direct is not None:
                init.zeros_(module.direct.weight)

    def set_measurements(self, keys: Sequence[str], *, head: str = "pooled") -> None:
        """Replace the measurement head by a new one, which is still to be trained.

        Args:
            keys (`Sequence[str]`):
                What to measure; none for no head.
            head (`str`):
                What it reads, as in `SupremeConfig`.

        Raises:
            ValueError: If a key names no measurement, or two are the same.
        """
        check_measurement_keys(keys)
        self.config.measurements, self.config.measurement_head = list(keys), cast(Any, head)
        self.measurement_head = MeasurementHead(self.config).to(self.device, self.dtype) if keys else None
        if self.measurement_head is not None:
            self.measurement_head.apply(self._init_weights)

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
        output_measurements: bool = True,
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
            output_measurements (`bool`):
                Whether to measure, where there is a head for it, which may take as long as the encoder.

        Returns:
            `SupremeOutput`: Logits, embeddings, measurements where there is a head for them, and the loss where
            labels were given.

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
        ecg_outputs, measurements = self.read_strips(
            signal, lead_mask, sample_mask, recorded_mask, output_measurements=output_measurements
        )
        read = (ecg_outputs.last_hidden_state, ecg_outputs.token_mask)
        logits, cross_attentions = self.fusion(query_embeds.to(self.dtype), *read, output_attentions)
        return SupremeOutput(
            loss=None if labels is None else multilabel_loss(logits, labels),
            logits_per_ecg=logits,
            ecg_embeds=ecg_outputs.pooler_output,
            query_embeds=query_embeds,
            cross_attentions=cross_attentions,
            measurements=measurements,
        )

    def read_strips(
        self,
        signal: torch.Tensor,
        lead_mask: torch.Tensor | None = None,
        sample_mask: torch.Tensor | None = None,
        recorded_mask: torch.Tensor | None = None,
        *,
        output_measurements: bool = True,
    ) -> tuple[Any, SupremeMeasurements | None]:
        """What every strip says before anything is asked; the arguments are those of `forward`.

        Returns:
            `tuple`: What the ECG encoder returns, and the measurements, where there is a head that is to measure.
        """
        ecg_outputs = self.ecg_model(signal, lead_mask, sample_mask, recorded_mask=recorded_mask)
        if self.measurement_head is None or not output_measurements:
            return ecg_outputs, None
        strips, is_any = blank_signal(signal, lead_mask, sample_mask, recorded_mask)
        read = (ecg_outputs.last_hidden_state, ecg_outputs.token_mask)
        return ecg_outputs, self.measurement_head(*read, fusion=self.fusion, strips=strips, sample_mask=is_any)


__all__ = [
    "CardiacFusionNetwork",
    "MeasurementHead",
    "QueriedModel",
    "SupremeMeasurements",
    "SupremeModel",
    "SupremeOutput",
]
