"""Configuration of MELP and MERL: encoders of strips and texts that meet in one space, and a writer of reports."""

from typing import Any, ClassVar, Literal

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec

from .configuration_supreme import (
    Bound,
    CheckedConfig,
    SupremeEcgConfig,
    as_validation_error,
    check_bounds,
    check_heads,
    check_parameters,
    check_text_config,
    check_text_fields,
    estimate_layers,
    estimate_text,
)


# Beside those of every model; a configuration comes with a download.
MELP_BOUNDS = {
    "projection_size": Bound(1, 65_536, "the largest language models have 20,480"),
    "num_pooling_heads": Bound(1, 1_024, "the largest language models have 160"),
    "num_beat_queries": Bound(1, 4_096, "a strip of 10 s has 50 beats at most"),
    "num_caption_queries": Bound(1, 65_536, "the encoders make 1,250 tokens of a strip at most"),
    "num_decoder_layers": Bound(0, 512, "the deepest language models have 126"),
    "decoder_hidden_size": Bound(1, 65_536, "the largest language models have 20,480"),
    "num_decoder_heads": Bound(1, 1_024, "the largest language models have 160"),
    "max_report_tokens": Bound(2, 1_000_000, "tokens; a report has some hundred"),
    "num_frozen_text_layers": Bound(0, 512, "the deepest language models have 126"),
    "logit_scale_init_value": Bound(-10, 10, "the logarithm of a factor"),
    "max_logit_scale": Bound(1, 10_000, "a factor on cosines; CLIP has 100"),
    "score_scale": Bound(0, 10_000, "a factor on cosines"),
    "score_bias": Bound(-10_000, 10_000, "a logit"),
    "attention_temperature": Bound(0, 1_000, "a factor on cosines"),
    "sentence_temperature": Bound(1e-6, 1_000, "a factor on cosines"),
    "local_temperature": Bound(0, 1_000, "a factor on cosines"),
    "view_temperature": Bound(0, 1_000, "a factor on cosines"),
}


@strict
class MelpConfig(CheckedConfig):
    """Configuration of a model that aligns strips with their reports.

    The defaults are those of MELP (arXiv 2506.21803). A model of MERL (arXiv 2403.06659) has one beat query, two views
    and no decoder: `MelpConfig(num_beat_queries=1, has_views=True, num_decoder_layers=0)`.

    Args:
        ecg_config (`SupremeEcgConfig` or `dict`):
            The ECG encoder.
        text_config (`PreTrainedConfig` or `dict`):
            Any encoder that `AutoModel` knows.
        text_pooling (`Literal["cls", "mean"]`):
            Which hidden state stands for a report or a query: the first token's or the mean.
        freeze_text_encoder (`bool`):
            Whether the whole text encoder keeps its weights.
        num_frozen_text_layers (`int`):
            Of a text encoder that learns, the first layers that keep their weights, with the embeddings.
        projection_size (`int`):
            Width of the space in which strips, beats, reports and sentences meet.
        num_beat_queries (`int`):
            Learned queries that read the tokens of a strip; their mean stands for the strip.
        num_pooling_heads (`int`):
            Heads of the attention of these queries, and of the caption queries.
        has_views (`bool`):
            Whether two further layers with dropout make two views of a strip: the uni-modal alignment of MERL.
        num_decoder_layers (`int`):
            Layers of the decoder that writes reports; 0 for no decoder.
        decoder_hidden_size (`int`):
            Width of the decoder and of the caption tokens that it reads.
        num_decoder_heads (`int`):
            Heads of each layer of the decoder.
        num_caption_queries (`int`):
            Learned queries whose findings in a strip are the caption tokens.
        max_report_tokens (`int`):
            Longest report, in tokens; what is longer is cut.
        dropout (`float`):
            Dropout in pooling, views and decoder.
        hidden_act (`str`):
            Activation of the projection of texts, by its transformers name.
        layer_norm_eps (`float`):
            Added to the variance in every LayerNorm.
        logit_scale_init_value (`float`):
            Logarithm of the factor on cosines with which training begins, as in CLIP.
        max_logit_scale (`float`):
            Largest factor.
        attention_temperature, sentence_temperature, local_temperature (`float`):
            Of the local alignment: factors on the cosines of sentence and beats, on those of sentence and what it
            found, and on those of report and strip.
        view_temperature (`float`):
            Factor on the cosines of two views.
        score_scale (`float`, *optional*):
            Factor on the cosine of strip and query in a score; the learned one if it is not given.
        score_bias (`float`):
            Added to it: `score = sigmoid(score_scale * cosine + score_bias)`.
        bos_token_id, eos_token_id, pad_token_id (`int`):
            The tokens with which reports begin, end, and are padded: those of the tokenizer.
        trained_queries (`list[str]`):
            Findings of the training records, by terminology name. Evaluation tells seen from unseen by them.
        definitions (`list[dict]`):
            Conditions as expressions over findings, as `definitions.py` reads them.
        condition_names (`dict[str, list[str]]`, *optional*):
            What else conditions are called, trained or defined ones: synonyms, codes, labels of corpora.

    Example:
        >>> config = MelpConfig(ecg_config=SupremeEcgConfig.from_preset("wav2vec2"))
        >>> config.num_beat_queries, config.text_config.model_type
        (12, 'bert')
    """

    model_type = "melp"
    sub_configs_defaults: ClassVar[dict[str, Any]] = {
        "ecg_config": SupremeEcgConfig,
        "text_config": SubConfigSpec(config_class=AutoConfig, model_type="bert"),
    }

    ecg_config: dict[str, Any] | PreTrainedConfig | None = None
    text_config: dict[str, Any] | PreTrainedConfig | None = None
    text_pooling: Literal["cls", "mean"] = "cls"
    freeze_text_encoder: bool = False
    num_frozen_text_layers: int = 6
    projection_size: int = 256
    num_beat_queries: int = 12
    num_pooling_heads: int = 8
    has_views: bool = False
    num_decoder_layers: int = 6
    decoder_hidden_size: int = 768
    num_decoder_heads: int = 8
    num_caption_queries: int = 128
    max_report_tokens: int = 128
    dropout: float | int = 0.1
    hidden_act: str = "gelu"
    layer_norm_eps: float = 1e-6
    logit_scale_init_value: float | int = 2.6592600369327783  # ln(1 / 0.07)
    max_logit_scale: float | int = 100.0
    attention_temperature: float | int = 4.0
    sentence_temperature: float | int = 5.0
    local_temperature: float | int = 10.0
    view_temperature: float | int = 14.285714285714286  # 1 / 0.07
    score_scale: float | int | None = None
    score_bias: float | int = 0.0
    bos_token_id: int = 101
    eos_token_id: int = 102
    pad_token_id: int = 0
    trained_queries: list[str] | tuple[str, ...] = ()
    definitions: list[dict[str, Any]] | tuple[dict[str, Any], ...] = ()
    condition_names: dict[str, list[str]] | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        with as_validation_error("validate_bounds"):
            self._check_numbers()
            check_text_fields(self.text_config)
        self.trained_queries, self.definitions = list(self.trained_queries), list(self.definitions)
        self.condition_names = dict(self.condition_names or {})
        super().__post_init__(**kwargs)

    def validate_bounds(self) -> None:
        """Refuse numbers that no model has, and more parameters than a machine holds."""
        self._check_numbers()
        check_text_config(self.text_config)
        check_parameters(self)

    def validate_heads(self) -> None:
        """Refuse widths that do not divide into heads."""
        check_heads(self, "projection_size", "num_pooling_heads")
        if self.num_decoder_layers:
            check_heads(self, "decoder_hidden_size", "num_decoder_heads")
            check_heads(self, "decoder_hidden_size", "num_pooling_heads")

    def validate_report_tokens(self) -> None:
        """Refuse tokens that the text encoder does not have, and reports that are longer than it reads."""
        text_config: Any = self.text_config
        for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
            if self.num_decoder_layers and not 0 <= getattr(self, name) < text_config.vocab_size:
                raise ValueError(
                    f"`{name}` ({getattr(self, name)}) is not among the {text_config.vocab_size} tokens of the text"
                    " encoder. Take it from the tokenizer."
                )
        longest = getattr(text_config, "max_position_embeddings", None)
        if longest and longest > 0 and self.max_report_tokens > longest:
            raise ValueError(
                f"`max_report_tokens` ({self.max_report_tokens}) is more than the {longest} that the text encoder"
                " reads. Lower it."
            )

    def _check_numbers(self) -> None:
        check_bounds(self)
        check_bounds(self, bounds=MELP_BOUNDS)

    @property
    def measurements(self) -> list[str]:
        """None: this model has no measurement head."""
        return []

    @property
    def estimated_parameters(self) -> int:
        """Parameters of the whole model, from above and without making it."""
        ecg_config: Any = self.ecg_config
        text_config: Any = self.text_config
        width = self.projection_size
        shared = width * (text_config.hidden_size + 10 * width + self.num_beat_queries + 50)
        pooled = ecg_config.hidden_size * width
        if self.num_decoder_layers:
            decoder = self.decoder_hidden_size
            # A layer of the decoder has two attentions
            layers = estimate_layers(2 * self.num_decoder_layers, decoder, 4 * decoder)
            words = text_config.vocab_size + self.max_report_tokens + self.num_caption_queries
            pooled += layers + decoder * (words + ecg_config.hidden_size + 5 * decoder + 50)
        return ecg_config.estimated_parameters + estimate_text(text_config) + shared + pooled


__all__ = ["MelpConfig"]
