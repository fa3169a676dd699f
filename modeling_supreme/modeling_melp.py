"""MELP: strips and reports are aligned token by token, beat by beat and as a whole; MERL is a setting of it.

- Rhythm level: a strip and its report meet in one space, nearer to each other than to those of other records.
- Beat level: every sentence of a report finds what it speaks of among the beats of its strip.
- Token level: a decoder writes the report from what caption queries read in the strip.

A finding is asked for in words, and answered by the cosine between the strip and the query.

Source: MELP (Wang et al. 2025, arXiv 2506.21803) and MERL (Liu et al. 2024, arXiv 2403.06659); the local alignment is
after GLoRIA (Huang et al. 2021). What differs from them is said in docs/melp.md.
"""

import re
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from torch import nn
from transformers import AutoModel, GPT2Config, GPT2LMHeadModel
from transformers import initialization as init
from transformers.activations import ACT2FN
from transformers.utils import ModelOutput

from .configuration_melp import MelpConfig
from .modeling_supreme import QueriedModel, SupremeMeasurements, pad_rows
from .modeling_supreme_ecg import SupremeAttention, SupremeEcgModel, make_attention_mask, multilabel_loss


SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|\s*\n\s*")


@dataclass
class MelpOutput(ModelOutput):
    """What the model returns of strips and, where they were given, of queries and reports.

    Every embedding that is not of the text encoder alone has the length 1.

    Args:
        loss (`torch.Tensor`, *optional*):
            Scalar, where labels were given.
        logits_per_ecg (`torch.Tensor` of shape `(batch_size, num_queries)`, *optional*):
            Its sigmoid is the score of the finding: `score_scale * cosine + score_bias`. A query's logit depends on
            nothing but the strip and that query.
        ecg_embeds (`torch.Tensor` of shape `(batch_size, projection_size)`):
            The strips as a whole.
        query_embeds (`torch.Tensor` of shape `(num_queries, text_hidden_size)`, *optional*):
            The queries as the text encoder embeds them; may be passed back in place of `input_ids`.
        cross_attentions (`tuple[torch.Tensor]`, *optional*):
            What the beats that a query is near to looked at, `(batch_size, num_heads, num_queries, num_tokens)`.
        measurements (`SupremeMeasurements`, *optional*):
            Always None: there is no measurement head.
        beat_embeds (`torch.Tensor` of shape `(batch_size, num_beat_queries, projection_size)`):
            What each beat query found.
        report_embeds (`torch.Tensor` of shape `(batch_size, projection_size)`, *optional*):
            The reports as a whole.
        sentence_embeds (`torch.Tensor` of shape `(batch_size, num_sentences, projection_size)`, *optional*):
            Their sentences.
        sentence_mask (`torch.Tensor` of shape `(batch_size, num_sentences)`, *optional*):
            False where a report has no further sentence.
        view_embeds (`torch.Tensor` of shape `(2, batch_size, projection_size)`, *optional*):
            Two views of each strip.
        caption_losses (`torch.Tensor` of shape `(batch_size, num_report_tokens - 1)`, *optional*):
            Cross-entropy of each token of the reports after the first; zero for padding.
        logit_scale (`torch.Tensor`):
            Scalar, the learned factor on cosines.
    """

    loss: torch.Tensor | None = None
    logits_per_ecg: torch.Tensor | None = None
    ecg_embeds: torch.Tensor | None = None
    query_embeds: torch.Tensor | None = None
    cross_attentions: tuple[torch.Tensor, ...] | None = None
    measurements: SupremeMeasurements | None = None
    beat_embeds: torch.Tensor | None = None
    report_embeds: torch.Tensor | None = None
    sentence_embeds: torch.Tensor | None = None
    sentence_mask: torch.Tensor | None = None
    view_embeds: torch.Tensor | None = None
    caption_losses: torch.Tensor | None = None
    logit_scale: torch.Tensor | None = None


class ReadStrips(NamedTuple):
    """What strips say before anything is asked.

    Attributes:
        tokens (`torch.Tensor` of shape `(batch_size, num_tokens, hidden_size)`):
            Tokens of the ECG encoder.
        token_mask (`torch.Tensor` of shape `(batch_size, num_tokens)`, *optional*):
            False for tokens that were not recorded.
        beat_embeds (`torch.Tensor` of shape `(batch_size, num_beat_queries, projection_size)`):
            What each beat query found, of length 1.
        mean_beat (`torch.Tensor` of shape `(batch_size, projection_size)`):
            The strip as a whole, of any length.
        beat_attentions (`torch.Tensor` of shape `(batch_size, num_heads, num_beat_queries, num_tokens)`, *optional*):
            What each beat query looked at.
    """

    tokens: torch.Tensor
    token_mask: torch.Tensor | None
    beat_embeds: torch.Tensor
    mean_beat: torch.Tensor
    beat_attentions: torch.Tensor | None

    @property
    def ecg_embeds(self) -> torch.Tensor:
        """The strips as a whole, `(batch_size, projection_size)`, of length 1."""
        return to_unit_length(self.mean_beat)


class MelpPooler(nn.Module):
    """Learned queries, each of which reads the tokens of a strip."""

    def __init__(self, config: MelpConfig, *, num_queries: int, width: int) -> None:
        super().__init__()
        ecg_config: Any = config.ecg_config
        self.queries = nn.Parameter(torch.zeros(1, num_queries, width))
        self.token_projection = nn.Linear(ecg_config.hidden_size, width)
        self.token_norm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.cross_attn = SupremeAttention(
            config, hidden_size=width, num_heads=config.num_pooling_heads, dropout=config.dropout
        )
        self.layer_norm = nn.LayerNorm(width, eps=config.layer_norm_eps)

    def forward(
        self, tokens: torch.Tensor, token_mask: torch.Tensor | None, output_attentions: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Read strips.

        Args:
            tokens (`torch.Tensor` of shape `(batch_size, num_tokens, hidden_size)`):
                Tokens as the ECG encoder returns them.
            token_mask (`torch.Tensor` of shape `(batch_size, num_tokens)`, *optional*):
                False for tokens that were not recorded.
            output_attentions (`bool`):
                Whether to return what each query looked at.

        Returns:
            `tuple`: What each query found, `(batch_size, num_queries, width)`, and the weights, `(batch_size,
            num_heads, num_queries, num_tokens)`, or None.
        """
        tokens = self.token_norm(self.token_projection(tokens))
        found, weights = self.cross_attn(
            self.queries, tokens, make_attention_mask(token_mask, tokens.dtype), output_attentions
        )
        return self.layer_norm(found), weights


class MelpAlignment(nn.Module):
    """Where strips, beats, reports and sentences meet."""

    def __init__(self, config: MelpConfig) -> None:
        super().__init__()
        text_config: Any = config.text_config
        width = config.projection_size
        self.config = config
        self.beat_pooler = MelpPooler(config, num_queries=config.num_beat_queries, width=width)
        self.ecg_projection = nn.Linear(width, width)
        self.text_projection = nn.Sequential(
            nn.Linear(text_config.hidden_size, width), ACT2FN[config.hidden_act], nn.Linear(width, width)
        )
        self.views = nn.ModuleList([nn.Linear(width, width) for _ in range(2)]) if config.has_views else None
        self.dropout = nn.Dropout(config.dropout)
        self.logit_scale = nn.Parameter(torch.tensor(float(config.logit_scale_init_value)))

    @property
    def scale(self) -> torch.Tensor:
        """Scalar, the learned factor on cosines."""
        return self.logit_scale.exp().clamp(max=self.config.max_logit_scale)

    def embed_strips(self, tokens: torch.Tensor, token_mask: torch.Tensor | None, output_attentions: bool) -> Any:
        """Tokens of strips, as the ECG encoder returns them, as [`ReadStrips`]."""
        found, weights = self.beat_pooler(tokens, token_mask, output_attentions)
        beats = self.ecg_projection(found)
        return ReadStrips(tokens, token_mask, to_unit_length(beats), beats.mean(dim=1), weights)

    def embed_texts(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """Pooled states of the text encoder, `(..., text_hidden_size)`, as `(..., projection_size)` of length 1."""
        return to_unit_length(self.text_projection(hidden_states))

    def embed_views(self, mean_beat: torch.Tensor) -> torch.Tensor | None:
        """Two views of strips, `(2, batch_size, projection_size)`, of length 1; None of a model without them."""
        if self.views is None:
            return None
        return to_unit_length(torch.stack([self.dropout(view(mean_beat)) for view in self.views]))

    def score(self, ecg_embeds: torch.Tensor, query_embeds: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Score every query on every strip, so that no logit depends on what else is asked, not even by its last bit.

        Args:
            ecg_embeds (`torch.Tensor` of shape `(batch_size, projection_size)`):
                Strips, of length 1.
            query_embeds (`torch.Tensor` of shape `(num_queries, text_hidden_size)`):
                Queries as the text encoder embeds them.

        Returns:
            `tuple`: Logits, `(batch_size, num_queries)`, and the queries, `(num_queries, projection_size)`.
        """
        num_queries = len(query_embeds)
        num_padded = pad_rows(num_queries)
        padded = nn.functional.pad(query_embeds, (0, 0, 0, num_padded - num_queries))
        queries = self.embed_texts(padded)[:num_queries]
        # Summed product by product: a matrix product adds up in an order that depends on its size
        cosines = (ecg_embeds[:, None] * queries).sum(dim=-1)
        scale = self.config.score_scale
        return (self.scale if scale is None else scale) * cosines + self.config.score_bias, queries


def make_decoder(config: MelpConfig) -> Any:
    """A causal decoder that reads caption tokens besides what is written so far."""
    text_config: Any = config.text_config
    decoder_config: Any = GPT2Config(
        vocab_size=text_config.vocab_size,
        n_positions=config.max_report_tokens,
        n_embd=config.decoder_hidden_size,
        n_layer=config.num_decoder_layers,
        n_head=config.num_decoder_heads,
        resid_pdrop=config.dropout,
        embd_pdrop=config.dropout,
        attn_pdrop=config.dropout,
        add_cross_attention=True,
        bos_token_id=config.bos_token_id,
        eos_token_id=config.eos_token_id,
        pad_token_id=config.pad_token_id,
    )
    return GPT2LMHeadModel._from_config(decoder_config)


class MelpModel(QueriedModel):
    """Aligns strips with reports, answers queries by cosine, and drafts reports."""

    config: MelpConfig
    base_model_prefix = "melp"
    input_modalities = ["time", "text"]

    def __init__(self, config: MelpConfig) -> None:
        super().__init__(config)
        self.ecg_model = SupremeEcgModel._from_config(config.ecg_config)
        self.text_model = AutoModel.from_config(config.text_config)
        self.alignment = MelpAlignment(config)
        self.caption_pooler, self.decoder = None, None
        if config.num_decoder_layers:
            self.caption_pooler = MelpPooler(
                config, num_queries=config.num_caption_queries, width=config.decoder_hidden_size
            )
            self.decoder = make_decoder(config)
        self.post_init()
        self.train(self.training)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, MelpPooler):
            init.normal_(module.queries)
        elif isinstance(module, MelpAlignment):
            init.constant_(module.logit_scale, self.config.logit_scale_init_value)

    def train(self, mode: bool = True) -> "MelpModel":
        """Switch to training mode; what of the text encoder is frozen stays as it is."""
        super().train(mode)
        if not self.config.freeze_text_encoder:
            for part in find_first_layers(self.text_model, self.config.num_frozen_text_layers):
                part.eval().requires_grad_(False)
        return self

    def forward(
        self,
        signal: torch.Tensor,
        lead_mask: torch.Tensor | None = None,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        query_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        *,
        report_ids: torch.Tensor | None = None,
        report_mask: torch.Tensor | None = None,
        sentence_ids: torch.Tensor | None = None,
        sample_mask: torch.Tensor | None = None,
        recorded_mask: torch.Tensor | None = None,
        output_attentions: bool = False,
    ) -> MelpOutput:
        """Score every query on every strip, or embed strips and their reports for the losses of training.

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
            report_ids (`torch.Tensor` of shape `(batch_size, num_report_tokens)`, *optional*):
                The reports of the strips as the tokenizer returns them.
            report_mask (`torch.Tensor` of shape `(batch_size, num_report_tokens)`, *optional*):
                Zero for padding of `report_ids`.
            sentence_ids (`torch.Tensor` of shape `(batch_size, num_report_tokens)`, *optional*):
                Number of the sentence of each token of the reports, from 0; -1 for tokens of none.
            sample_mask (`torch.Tensor` of shape `(batch_size, num_samples)`, *optional*):
                False for padding after the end of the strip.
            recorded_mask (`torch.Tensor` of shape `(batch_size, num_leads, num_samples)`, *optional*):
                False where a lead was not recorded at that time.
            output_attentions (`bool`):
                Whether to return what each query looked at.

        Returns:
            `MelpOutput`: Embeddings; logits where queries were given, and the loss where labels were; what the losses
            of training compare where reports were given.

        Raises:
            ValueError: If queries are given twice, or neither queries nor reports; or if `signal` has another number
                of leads or more samples than the configuration says.
        """
        if (input_ids is not None and query_embeds is not None) or (
            input_ids is None and query_embeds is None and report_ids is None
        ):
            raise ValueError(
                "Give the queries either as `input_ids` or as `query_embeds`, not both and, without `report_ids`, not"
                " neither. `get_query_embeds` turns the first into the second."
            )
        if input_ids is not None:
            query_embeds = self.get_query_embeds(input_ids, attention_mask)
        strips = self.read_strips(signal, lead_mask, sample_mask, recorded_mask, output_attentions)
        outputs = MelpOutput(
            ecg_embeds=strips.ecg_embeds,
            query_embeds=query_embeds,
            beat_embeds=strips.beat_embeds,
            logit_scale=self.alignment.scale,
        )
        if query_embeds is not None:
            self._answer(outputs, strips, query_embeds, labels)
        if report_ids is not None:
            mask = torch.ones_like(report_ids) if report_mask is None else report_mask
            self._read_reports(outputs, strips, report_ids, mask, sentence_ids)
        return outputs

    def read_strips(
        self,
        signal: torch.Tensor,
        lead_mask: torch.Tensor | None = None,
        sample_mask: torch.Tensor | None = None,
        recorded_mask: torch.Tensor | None = None,
        output_attentions: bool = False,
    ) -> ReadStrips:
        """What every strip says before anything is asked; the arguments are those of `forward`."""
        encoded = self.ecg_model(signal, lead_mask, sample_mask, recorded_mask=recorded_mask)
        return self.alignment.embed_strips(encoded.last_hidden_state, encoded.token_mask, output_attentions)

    @torch.no_grad()
    def generate(
        self,
        signal: torch.Tensor,
        lead_mask: torch.Tensor | None = None,
        *,
        sample_mask: torch.Tensor | None = None,
        recorded_mask: torch.Tensor | None = None,
        **options: Any,
    ) -> torch.Tensor:
        """Draft the report of every strip.

        Args:
            signal (`torch.Tensor` of shape `(batch_size, num_leads, num_samples)`):
                Strips as the processor returns them.
            lead_mask (`torch.Tensor` of shape `(batch_size, num_leads)`, *optional*):
                False for leads that were not recorded.
            sample_mask (`torch.Tensor` of shape `(batch_size, num_samples)`, *optional*):
                False for padding after the end of the strip.
            recorded_mask (`torch.Tensor` of shape `(batch_size, num_leads, num_samples)`, *optional*):
                False where a lead was not recorded at that time.
            options:
                What transformers' `generate` takes, such as `num_beams` and `do_sample`.

        Returns:
            `torch.Tensor` of shape `(batch_size, num_report_tokens)`: Tokens, which the tokenizer decodes.

        Raises:
            ValueError: If the model has no decoder.
        """
        if self.decoder is None:
            raise ValueError(
                "This checkpoint has no decoder and writes no reports. Train one with a `--caption_weight` above 0."
            )
        captions = self._pool_captions(self.read_strips(signal, lead_mask, sample_mask, recorded_mask))
        first = torch.full((len(captions), 1), self.config.bos_token_id, device=captions.device)
        if "max_new_tokens" not in options:
            options.setdefault("max_length", self.config.max_report_tokens)
        return self.decoder.generate(
            inputs=first, attention_mask=torch.ones_like(first), encoder_hidden_states=captions, **options
        )

    def _answer(
        self, outputs: MelpOutput, strips: ReadStrips, query_embeds: torch.Tensor, labels: torch.Tensor | None
    ) -> None:
        """Add logits, what they cost, and where the queries looked."""
        logits, queries = self.alignment.score(strips.ecg_embeds, query_embeds.to(self.dtype))
        outputs.logits_per_ecg = logits
        if labels is not None:
            outputs.loss = multilabel_loss(logits, labels)
        if strips.beat_attentions is not None:
            cosines = torch.einsum("bmd,qd->bqm", strips.beat_embeds, queries)
            shares = torch.softmax(self.config.attention_temperature * cosines, dim=-1)
            outputs.cross_attentions = (torch.einsum("bqm,bhmt->bhqt", shares, strips.beat_attentions.float()),)

    def _read_reports(
        self,
        outputs: MelpOutput,
        strips: ReadStrips,
        report_ids: torch.Tensor,
        report_mask: torch.Tensor,
        sentence_ids: torch.Tensor | None,
    ) -> None:
        """Add what the losses of training compare."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.config.freeze_text_encoder):
            hidden_states = self.text_model(input_ids=report_ids, attention_mask=report_mask).last_hidden_state
        outputs.report_embeds = self.alignment.embed_texts(self.pool_text(hidden_states, report_mask))
        if sentence_ids is not None:
            sentences, outputs.sentence_mask = pool_sentences(hidden_states, sentence_ids)
            outputs.sentence_embeds = self.alignment.embed_texts(sentences)
        outputs.view_embeds = self.alignment.embed_views(strips.mean_beat)
        if self.decoder is not None:
            outputs.caption_losses = self._measure_captions(strips, report_ids, report_mask)

    def _pool_captions(self, strips: ReadStrips) -> torch.Tensor:
        """Caption tokens, `(batch_size, num_caption_queries, decoder_hidden_size)`."""
        return cast(Any, self.caption_pooler)(strips.tokens, strips.token_mask)[0]

    def _measure_captions(
        self, strips: ReadStrips, report_ids: torch.Tensor, report_mask: torch.Tensor
    ) -> torch.Tensor:
        """Cross-entropy of each token of the reports after the first; zero for padding."""
        written = {"input_ids": report_ids[:, :-1], "attention_mask": report_mask[:, :-1]}
        decoder = cast(Any, self.decoder)
        logits = decoder(**written, encoder_hidden_states=self._pool_captions(strips), use_cache=False).logits
        targets = report_ids[:, 1:].masked_fill(report_mask[:, 1:] == 0, -100)
        return nn.functional.cross_entropy(logits.float().transpose(1, 2), targets, reduction="none")


def to_unit_length(embeds: torch.Tensor) -> torch.Tensor:
    """Vectors of length 1, `(..., projection_size)`, in float32: cosines are multiplied by up to 100."""
    return nn.functional.normalize(embeds.float(), dim=-1)


def split_sentences(report: str) -> list[str]:
    """Cut a report behind full stops, question and exclamation marks, and semicolons, and at the ends of lines.

    Example:
        >>> split_sentences("Sinus rhythm. PR 0.2 s; normal")
        ['Sinus rhythm.', 'PR 0.2 s;', 'normal']
    """
    return [sentence for part in SENTENCE_END.split(report) if (sentence := part.strip())]


def find_first_layers(text_model: Any, num_layers: int) -> list[nn.Module]:
    """The embeddings and the first layers of a text encoder of any kind; nothing for no layers.

    Raises:
        ValueError: If it has fewer layers, or none that can be told.
    """
    if not num_layers:
        return []
    num_there = getattr(text_model.config, "num_hidden_layers", None)
    stacks = [part for part in text_model.modules() if isinstance(part, nn.ModuleList) and len(part) == num_there]
    if not stacks or num_layers > len(stacks[0]):
        raise ValueError(
            f"`num_frozen_text_layers` is {num_layers}, but the text encoder has {num_there} layers. Freeze no more"
            " than it has."
        )
    return [getattr(text_model, "embeddings", text_model.get_input_embeddings()), *stacks[0][:num_layers]]


def pool_sentences(hidden_states: torch.Tensor, sentence_ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean state of the tokens of each sentence.

    Args:
        hidden_states (`torch.Tensor` of shape `(batch_size, num_tokens, hidden_size)`):
            States of the text encoder.
        sentence_ids (`torch.Tensor` of shape `(batch_size, num_tokens)`):
            Number of the sentence of each token, from 0; -1 for tokens of none.

    Returns:
        `tuple`: Means, `(batch_size, num_sentences, hidden_size)`, and which sentences there are, `(batch_size,
        num_sentences)`.

    Example:
        >>> states = torch.tensor([[[9.0], [1.0], [3.0], [5.0], [9.0]]])
        >>> pool_sentences(states, torch.tensor([[-1, 0, 0, 1, -1]]))[0]
        tensor([[[2.],
                 [5.]]])
    """
    num_sentences = max(1, int(sentence_ids.max()) + 1)
    belongs = sentence_ids[:, None] == torch.arange(num_sentences, device=sentence_ids.device)[:, None]
    counts = belongs.sum(dim=-1, keepdim=True)  # (batch_size, num_sentences, 1)
    return belongs.to(hidden_states.dtype) @ hidden_states / counts.clamp(min=1), counts[..., 0] > 0


def contrastive_losses(similarities: torch.Tensor, is_valid: torch.Tensor, *, first: int = 0) -> torch.Tensor:
    """Cross-entropy of each row that its own column, among all, is the one that belongs to it.

    Args:
        similarities (`torch.Tensor` of shape `(num_rows, num_columns)`):
            Logits.
        is_valid (`torch.Tensor` of shape `(num_columns,)`):
            Which columns there are; the others are left out, and a row costs nothing whose own column is not there.
        first (`int`):
            Column of the first row; those of the others follow.

    Returns:
        `torch.Tensor` of shape `(num_rows,)`: In float32.

    Example:
        >>> contrastive_losses(torch.zeros(2, 4), torch.tensor([True, True, True, False]))  # ln 3
        tensor([1.0986, 1.0986])
    """
    similarities = similarities.float()
    similarities = similarities.masked_fill(~is_valid, torch.finfo(similarities.dtype).min)
    targets = torch.arange(first, first + len(similarities), device=similarities.device)
    losses = nn.functional.cross_entropy(similarities, targets, reduction="none")
    return torch.where(is_valid[targets], losses, 0.0)


def compare_beats(
    beat_embeds: torch.Tensor, sentence_embeds: torch.Tensor, sentence_mask: torch.Tensor, config: MelpConfig
) -> torch.Tensor:
    """How well every report is found among the beats of every strip, sentence by sentence.

    A sentence attends to the beats of a strip, and is compared with what it found; a report is the mean of its
    sentences, those that found something weighing more. What a sentence found is never formed: its product with the
    sentence and its length follow from the cosines and from the products of the beats with each other.

    Args:
        beat_embeds (`torch.Tensor` of shape `(num_ecgs, num_beats, projection_size)`):
            Beats of the strips, of length 1.
        sentence_embeds (`torch.Tensor` of shape `(num_reports, num_sentences, projection_size)`):
            Sentences of the reports, of length 1.
        sentence_mask (`torch.Tensor` of shape `(num_reports, num_sentences)`):
            False where a report has no further sentence.
        config (`MelpConfig`):
            Knows the temperatures.

    Returns:
        `torch.Tensor` of shape `(num_ecgs, num_reports)`: Logits, in float32.
    """
    beats, sentences = beat_embeds.float(), sentence_embeds.float()
    cosines = torch.einsum("emd,rsd->ersm", beats, sentences)
    weights = torch.softmax(config.attention_temperature * cosines, dim=-1)
    products = torch.matmul(beats, beats.transpose(1, 2))  # (num_ecgs, num_beats, num_beats)
    squares = (torch.einsum("ersm,emn->ersn", weights, products) * weights).sum(dim=-1)
    found = (weights * cosines).sum(dim=-1) / squares.clamp(min=1e-12).sqrt()  # (num_ecgs, num_reports, num_sentences)
    lowest = torch.finfo(found.dtype).min / 1e6
    scores = (config.sentence_temperature * found).masked_fill(~sentence_mask, lowest)
    num_sentences = sentence_mask.sum(dim=-1).clamp(min=1)
    return config.local_temperature * (torch.logsumexp(scores, dim=-1) - num_sentences.log())


__all__ = [
    "MelpModel",
    "MelpOutput",
    "compare_beats",
    "contrastive_losses",
    "pool_sentences",
    "split_sentences",
]
