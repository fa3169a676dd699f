"""Configurations of the ECG encoder and of the whole zero-shot model."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from huggingface_hub.dataclasses import strict
from huggingface_hub.errors import StrictDataclassClassValidationError
from transformers import AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec

from .decisions import parse_decisions
from .leads import STANDARD_LEADS, standardize_lead_names
from .query_words import check_measurement_keys


# The names are flags' choices too, in `training_scripts/arguments.py`, which is read without this file.
ECG_PRESETS: dict[str, dict[str, Any]] = {
    # 1D ViT in the sizes of DeiT (Touvron et al. 2021, table 1); patches of 100 ms as in MERL (Liu et al. 2024).
    "vit_tiny": {"encoder_type": "vit", "hidden_size": 192, "num_attention_heads": 3, "intermediate_size": 768},
    "vit_small": {"encoder_type": "vit", "hidden_size": 384, "num_attention_heads": 6, "intermediate_size": 1536},
    "vit_base": {"encoder_type": "vit", "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072},
    # ResNet-18 (He et al. 2016, table 1) with its 3x3 kernels turned into kernels of three samples.
    "resnet18": {"encoder_type": "resnet", "hidden_size": 512, "conv_channels": [64, 128, 256, 512]},
    # Ours: learns on a CPU within minutes, because convolutions need not learn from data what a neighbourhood is.
    "hybrid": {
        "encoder_type": "hybrid",
        "hidden_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 192,
        "conv_channels": [32, 64, 96, 96],
        "conv_strides": [5, 4, 2, 2],
        "dropout": 0.1,
    },
    # Widths, depth and stride of wav2vec 2.0 small as MELP takes it (Wang et al. 2025, arXiv 2506.21803).
    "wav2vec2": {
        "encoder_type": "hybrid",
        "hidden_size": 768,
        "num_hidden_layers": 8,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "conv_channels": [256, 256, 256, 768],
        "conv_strides": [2, 2, 2, 2],
        "conv_kernel_size": 3,
        "dropout": 0.1,
    },
}


class Bound(NamedTuple):
    """The smallest and the largest value of a number, far from what anybody uses, and what the largest is far from."""

    least: float
    most: float
    reason: str


# A configuration comes with a download. Beyond these numbers it is damaged or made to exhaust the machine.
BOUNDS = {
    "sampling_rate": Bound(1, 100_000, "Hz; the fastest electrocardiographs take 32,000"),
    "num_samples": Bound(1, 100_000_000, "samples; a day at 1,000 Hz has 86,400,000"),
    "patch_size": Bound(1, 1_000_000, "samples; a patch is a fraction of a second"),
    "hidden_size": Bound(1, 65_536, "the largest language models have 20,480"),
    "intermediate_size": Bound(1, 524_288, "eight times the largest width"),
    "num_hidden_layers": Bound(1, 512, "the deepest language models have 126"),
    "num_attention_heads": Bound(1, 1_024, "the largest language models have 160"),
    "conv_channels": Bound(1, 65_536, "a ResNet ends with 2,048"),
    "conv_strides": Bound(1, 10_000, "samples; a second at 10,000 Hz"),
    "conv_kernel_size": Bound(1, 10_001, "samples; a second at 10,000 Hz"),
    "dropout": Bound(0, 1, "a share"),
    "attention_dropout": Bound(0, 1, "a share"),
    "fusion_dropout": Bound(0, 1, "a share"),
    "layer_norm_eps": Bound(0, 1, "a tiny number"),
    "initializer_range": Bound(0, 1_000, "a standard deviation"),
    "fusion_hidden_size": Bound(1, 65_536, "the largest language models have 20,480"),
    "fusion_intermediate_size": Bound(1, 524_288, "eight times the largest width"),
    "num_fusion_layers": Bound(1, 512, "the deepest language models have 126"),
    "num_fusion_heads": Bound(1, 1_024, "the largest language models have 160"),
    # Of text encoders, by transformers' names
    "vocab_size": Bound(1, 10_000_000, "the largest vocabularies have 1,000,000 words"),
    "max_position_embeddings": Bound(1, 100_000_000, "tokens; the longest context has 10,000,000"),
    "type_vocab_size": Bound(0, 10_000, "kinds of segments"),
    "embedding_size": Bound(1, 65_536, "no wider than a layer"),
    "num_experts": Bound(0, 10_000, "the largest mixtures have 512"),
}
MAX_STAGES = 64  # of convolutions; a token would stand for 2 ** 65 samples
MAX_LABELS = 100_000  # SNOMED CT has 350,000 concepts, a few thousand of which an ECG can show
# Entries of the lists of a zero-shot model; the simulator knows 300 findings and 270 measurements
MOST_ENTRIES = {"measurements": 1_000, "composed_rules": 10_000, "definitions": 10_000}
MOST_ENTRIES |= dict.fromkeys(("trained_queries", "decisions", "condition_names"), 100_000)
NUM_MEASUREMENT_FEATURES, NUM_MEASUREMENT_QUERIES, NUM_LOADINGS = 256, 24, 8
MAX_PARAMETERS = 20_000_000_000  # the largest text encoders have 8,000,000,000
FLOAT_DTYPES = ("float64", "float32", "float16", "bfloat16")


@strict
class CheckedConfig(PreTrainedConfig):
    """What the configurations of this family refuse: they come with a download."""

    def __new__(cls, *args: Any, **fields: Any) -> Any:
        """Refuse lists that take long to look through, before the type of every entry is looked at."""
        with as_validation_error("validate_bounds"):
            for name, most in MOST_ENTRIES.items():
                check_count(name, fields.get(name, ()), most)
        return super().__new__(cls)

    def __post_init__(self, **kwargs: Any) -> None:
        # Before transformers makes lists as long as these numbers say
        with as_validation_error("validate_stored_fields"):
            check_stored_fields({**kwargs, "dtype": self.dtype, "id2label": self.id2label})
        if __package__ == "modeling_supreme":
            # The package registers its own pipeline; `pipeline` would ask for `trust_remote_code` to run the
            # checkpoint's copy. In that copy this module has another name, and the entry stays.
            kwargs.pop("custom_pipelines", None)
        super().__post_init__(**kwargs)

    def to_dict(self) -> dict[str, Any]:
        """What is saved. Of a text encoder that was loaded from a folder of this machine, only the name is told."""
        content = super().to_dict()
        for part in self.sub_configs_defaults:
            source = content[part].get("_name_or_path")
            if source and (Path(source).is_absolute() or Path(source).exists()):
                content[part]["_name_or_path"] = Path(source).name
        return content

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """Make a configuration of what a file holds.

        Args:
            config_dict (`dict`):
                Content of the file.
            kwargs:
                Fields that differ from it.

        Raises:
            StrictDataclassError: If a field is of another kind, out of bounds, or points out of the folder.
        """
        from .checkpoints import check_references  # needs torch, which a configuration does not

        with as_validation_error("validate_references"):
            check_references(config_dict)
        return super().from_dict(config_dict, **kwargs)

    def validate_architectures(self) -> None:
        """Refuse to be loaded by a class of transformers: `pipeline` would try it after ours."""
        import transformers

        foreign = [name for name in self.architectures or () if hasattr(transformers, name)]
        if foreign:
            raise ValueError(
                f"`architectures` names {foreign[0]}, which is no model of an ECG. Take config.json from the same"
                " checkpoint as the weights."
            )

    def validate_definitions(self) -> None:
        """Refuse definitions that cannot be read."""
        if definitions := getattr(self, "definitions", ()):
            from .definitions import parse_definitions  # needs torch, which a configuration does not

            parse_definitions(definitions)

    def validate_hidden_act(self) -> None:
        """Refuse activations that there are not."""
        from transformers.activations import ACT2FN  # needs torch, which a configuration does not

        name = getattr(self, "hidden_act", None)
        if name is not None and name not in ACT2FN:
            raise ValueError(f"There is no activation {name!r} (`hidden_act`). Choose one such as 'gelu' or 'relu'.")

    def validate_labels(self) -> None:
        """Refuse labels that are not named one by one."""
        labels = self.id2label or {}
        if list(labels) != list(range(len(labels))) or len(set(labels.values())) != len(labels):
            raise ValueError(
                "`id2label` does not name each of the labels 0, 1, 2, ... once. Give it as `dict(enumerate(names))`."
            )


@strict
class SupremeEcgConfig(CheckedConfig):
    """Configuration of an ECG encoder: a strip becomes a sequence of tokens.

    Args:
        encoder_type (`Literal["vit", "resnet", "hybrid"]`):
            1D vision transformer, 1D ResNet-18, or convolutions followed by a few transformer layers.
        leads (`list[str]`):
            Names of the rows of `signal`, in order.
        sampling_rate (`int`):
            Samples per second of `signal`, in Hz.
        num_samples (`int`):
            Longest strip, in samples.
        patch_size (`int`):
            Samples of one token of the ViT.
        hidden_size (`int`):
            Width of a token.
        num_hidden_layers (`int`):
            Transformer layers; none in the ResNet.
        num_attention_heads (`int`):
            Heads of each transformer layer.
        intermediate_size (`int`):
            Width of the feed-forward part of each transformer layer.
        conv_channels (`list[int]`):
            Channels of the stages of the ResNet or of the convolutions of the hybrid.
        conv_strides (`list[int]`):
            Strides of the convolutions of the hybrid, in the order of `conv_channels`.
        conv_kernel_size (`int`):
            Samples seen by each convolution of the hybrid after its first.
        hidden_act (`str`):
            Activation, by its transformers name.
        dropout (`float`):
            Dropout on the output of attention and feed-forward parts.
        attention_dropout (`float`):
            Dropout on attention weights.
        layer_norm_eps (`float`):
            Added to the variance in every LayerNorm.
        initializer_range (`float`):
            Standard deviation of freshly initialised position embeddings.

    Example:
        >>> config = SupremeEcgConfig.from_preset("vit_tiny")
        >>> config.num_tokens
        100
    """

    model_type = "supreme_ecg"
    base_config_key = "ecg_config"

    encoder_type: Literal["vit", "resnet", "hybrid"] = "vit"
    leads: list[str] | tuple[str, ...] = STANDARD_LEADS
    sampling_rate: int = 500
    num_samples: int = 5000
    patch_size: int = 50
    hidden_size: int = 192
    num_hidden_layers: int = 12
    num_attention_heads: int = 3
    intermediate_size: int = 768
    conv_channels: list[int] | tuple[int, ...] = (32, 64, 96, 96)
    conv_strides: list[int] | tuple[int, ...] = (5, 4, 2, 2)
    conv_kernel_size: int = 7
    hidden_act: str = "gelu"
    dropout: float | int = 0.0
    attention_dropout: float | int = 0.0
    layer_norm_eps: float = 1e-6
    initializer_range: float = 0.02

    def __post_init__(self, **kwargs: Any) -> None:
        # JSON has no tuples: a reloaded config must equal a fresh one
        self.leads = list(self.leads)
        self.conv_channels = list(self.conv_channels)
        self.conv_strides = list(self.conv_strides)
        with as_validation_error("validate_bounds"):
            self.validate_bounds()
        super().__post_init__(**kwargs)

    @classmethod
    def from_preset(cls, name: str, **overrides: Any) -> "SupremeEcgConfig":
        """Return the configuration of a named encoder, with some fields changed.

        Args:
            name (`str`):
                One of `vit_tiny`, `vit_small`, `vit_base`, `resnet18`, `hybrid`, `wav2vec2`.
            overrides:
                Fields that differ from the preset.

        Raises:
            ValueError: If there is no such preset.
        """
        if name not in ECG_PRESETS:
            raise ValueError(f"There is no ECG encoder {name!r}. Choose one of {', '.join(ECG_PRESETS)}.")
        return cls(**{**ECG_PRESETS[name], **overrides})

    def validate_bounds(self) -> None:
        """Refuse numbers that no encoder has, and more parameters than a machine holds."""
        check_bounds(self)
        if not 1 <= len(self.conv_channels) <= MAX_STAGES:
            raise ValueError(f"`conv_channels` has {len(self.conv_channels)} stages. Choose from 1 to {MAX_STAGES}.")
        check_parameters(self)

    def validate_leads(self) -> None:
        """Refuse leads that are unknown or stand twice."""
        if not self.leads:
            raise ValueError("`leads` is empty. Name the rows of `signal`, as in `leads=['I', 'II']`.")
        standardize_lead_names(self.leads)

    def validate_patch_size(self) -> None:
        """Refuse strips that cannot be cut into whole patches."""
        if self.encoder_type == "vit" and self.num_samples % self.patch_size:
            raise ValueError(
                f"`num_samples` ({self.num_samples}) is not a multiple of `patch_size` ({self.patch_size})."
                f" Use {self.num_samples - self.num_samples % self.patch_size} samples, or another patch size."
            )

    def validate_attention_heads(self) -> None:
        """Refuse widths that do not divide into heads."""
        if self.encoder_type != "resnet":
            check_heads(self, "hidden_size", "num_attention_heads")

    def validate_conv_stages(self) -> None:
        """Refuse convolutions that do not fit the encoder."""
        if self.encoder_type == "vit":
            return
        if self.conv_channels[-1] != self.hidden_size:
            raise ValueError(
                f"The last of `conv_channels` ({self.conv_channels[-1]}) is not `hidden_size` ({self.hidden_size})."
                " Its output is the token: make them equal."
            )
        if self.encoder_type == "hybrid" and len(self.conv_channels) != len(self.conv_strides):
            raise ValueError(
                f"`conv_channels` has {len(self.conv_channels)} stages, `conv_strides` has {len(self.conv_strides)}."
                " Give one stride a stage."
            )

    def validate_conv_kernel_size(self) -> None:
        """Refuse kernels without a middle: strips of some lengths would have a token more than their mask."""
        if self.encoder_type == "hybrid" and self.conv_kernel_size % 2 == 0:
            raise ValueError(
                f"`conv_kernel_size` ({self.conv_kernel_size}) is even."
                f" Use {self.conv_kernel_size - 1} or {self.conv_kernel_size + 1} samples."
            )

    @property
    def token_stride(self) -> int:
        """Samples from one token to the next."""
        if self.encoder_type == "vit":
            return self.patch_size
        if self.encoder_type == "resnet":
            return 2 ** (len(self.conv_channels) + 1)
        stride = 1
        for step in self.conv_strides:
            stride *= step
        return stride

    @property
    def num_tokens(self) -> int:
        """Tokens of the longest strip."""
        return -(-self.num_samples // self.token_stride)

    @property
    def estimated_parameters(self) -> int:
        """Parameters of the encoder with its head, to a few per cent and without making it.

        Example:
            >>> SupremeEcgConfig.from_preset("vit_tiny").estimated_parameters
            5483136
        """
        num_leads, width = len(self.leads), self.hidden_size
        head = width * (len(self.id2label or ()) + 4)
        if self.encoder_type == "resnet":
            # Two blocks of two convolutions of three samples, and the first of seven
            return head + 7 * num_leads * self.conv_channels[0] + sum(12 * each**2 for each in self.conv_channels)
        layers = estimate_layers(self.num_hidden_layers, width, self.intermediate_size) + self.num_tokens * width
        if self.encoder_type == "vit":
            return head + layers + num_leads * self.patch_size * width
        inputs = (4 * self.conv_strides[0] + 1) * num_leads * self.conv_channels[0]
        pairs = zip(self.conv_channels[:-1], self.conv_channels[1:], strict=True)
        return head + layers + inputs + sum(self.conv_kernel_size * first * second for first, second in pairs)


@strict
class SupremeConfig(CheckedConfig):
    """Configuration of the zero-shot model: ECG encoder, text encoder and Cardiac Fusion Network.

    Args:
        ecg_config (`SupremeEcgConfig` or `dict`):
            The ECG encoder.
        text_config (`PreTrainedConfig` or `dict`):
            Any encoder that `AutoModel` knows.
        text_pooling (`Literal["cls", "mean"]`):
            Which hidden state stands for a query: the first token's (MedCPT) or the mean (sentence-transformers).
        freeze_text_encoder (`bool`):
            Whether the text encoder keeps its weights. Query embeddings can then be cached.
        fusion_hidden_size (`int`):
            Width of a query inside the Cardiac Fusion Network.
        num_fusion_layers (`int`):
            Layers of the Cardiac Fusion Network.
        num_fusion_heads (`int`):
            Heads of each cross-attention.
        fusion_intermediate_size (`int`):
            Width of the feed-forward part of each fusion layer.
        fusion_dropout (`float`):
            Dropout on the weights and the output of cross-attention, and on the output of feed-forward parts.
        hidden_act (`str`):
            Activation of the feed-forward parts, by its transformers name.
        layer_norm_eps (`float`):
            Added to the variance in every LayerNorm.
        trained_queries (`list[str]`):
            Findings this checkpoint was trained on, by terminology name. Evaluation tells seen from unseen by them.
        definitions (`list[dict]`):
            Conditions as expressions over measurements and findings, as `definitions.py` reads them.
        measurements (`list[str]`):
            What the measurement head measures, by keys such as `qrs_ms` and `st_mv_V2`; none: no head.
        measurement_head (`Literal["pooled", "queries", "beats"]`):
            What it reads: the mean and the largest token, what learned queries find in the fusion network, or pooled
            tokens and the beat that most beats of the strip are like.
        decisions (`dict[str, dict]`, *optional*):
            What was fitted for each condition, calibration and thresholds, as `decisions.py` reads it.
        condition_names (`dict[str, list[str]]`, *optional*):
            What else conditions are called, trained or defined ones: synonyms, codes, labels of corpora.

    Example:
        >>> config = SupremeConfig(ecg_config=SupremeEcgConfig.from_preset("hybrid"))
        >>> config.text_config.model_type
        'bert'
    """

    model_type = "supreme"
    sub_configs_defaults: ClassVar[dict[str, Any]] = {
        "ecg_config": SupremeEcgConfig,
        "text_config": SubConfigSpec(config_class=AutoConfig, model_type="bert"),
    }

    ecg_config: dict[str, Any] | PreTrainedConfig | None = None
    text_config: dict[str, Any] | PreTrainedConfig | None = None
    text_pooling: Literal["cls", "mean"] = "cls"
    freeze_text_encoder: bool = True
    fusion_hidden_size: int = 192
    num_fusion_layers: int = 2
    num_fusion_heads: int = 4
    fusion_intermediate_size: int = 384
    fusion_dropout: float | int = 0.1
    hidden_act: str = "gelu"
    layer_norm_eps: float = 1e-6
    trained_queries: list[str] | tuple[str, ...] = ()
    definitions: list[dict[str, Any]] | tuple[dict[str, Any], ...] = ()
    measurements: list[str] | tuple[str, ...] = ()
    measurement_head: Literal["pooled", "queries", "beats"] = "pooled"
    decisions: dict[str, Any] | None = None
    condition_names: dict[str, list[str]] | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        with as_validation_error("validate_bounds"):
            check_bounds(self)
            check_text_fields(self.text_config)
        rules = kwargs.pop("composed_rules", ())  # of old checkpoints
        if rules:
            with as_validation_error("validate_definitions"):
                from .composition import define_rules  # needs torch, which a configuration does not

                self.definitions = [*define_rules(rules), *self.definitions]
        for name in ("trained_queries", "definitions", "measurements"):
            setattr(self, name, list(getattr(self, name)))
        self.decisions, self.condition_names = dict(self.decisions or {}), dict(self.condition_names or {})
        super().__post_init__(**kwargs)

    def validate_bounds(self) -> None:
        """Refuse numbers that no model has, and more parameters than a machine holds."""
        check_bounds(self)
        for name, most in MOST_ENTRIES.items():
            check_count(name, getattr(self, name, ()), most)
        check_text_config(self.text_config)
        check_parameters(self)

    def validate_fusion_heads(self) -> None:
        """Refuse widths that do not divide into heads."""
        check_heads(self, "fusion_hidden_size", "num_fusion_heads")

    def validate_measurements(self) -> None:
        """Refuse measurements that there are not, or that stand twice."""
        check_measurement_keys(self.measurements)

    def validate_decisions(self) -> None:
        """Refuse calibrations and thresholds that mean nothing."""
        parse_decisions(self.decisions)

    @property
    def estimated_parameters(self) -> int:
        """Parameters of the whole model, from above and without making it."""
        ecg_config: Any = self.ecg_config
        text_config: Any = self.text_config
        width = self.fusion_hidden_size
        layers = estimate_layers(self.num_fusion_layers, width, self.fusion_intermediate_size)
        inputs = width * (ecg_config.hidden_size + text_config.hidden_size)
        if self.measurements:
            is_asked, has_beats = (self.measurement_head == name for name in ("queries", "beats"))
            read = NUM_MEASUREMENT_QUERIES * width if is_asked else 2 * ecg_config.hidden_size
            # Convolutions over 1.1 s end in 96 channels of every eighth sample
            read += has_beats * (14 * min(ecg_config.sampling_rate, 375) + 200)
            inputs += NUM_MEASUREMENT_FEATURES * read + 4 * (NUM_MEASUREMENT_FEATURES + 50) * len(self.measurements)
            inputs += has_beats * 60_000
        return ecg_config.estimated_parameters + estimate_text(text_config) + layers + inputs


@contextmanager
def as_validation_error(validator: str) -> Iterator[None]:
    """Raise what a validator raises, for checks that cannot wait until the configuration is made."""
    try:
        yield
    except (ValueError, TypeError) as error:
        if isinstance(error, StrictDataclassClassValidationError):
            raise
        raise StrictDataclassClassValidationError(validator=validator, cause=error) from error


def check_bounds(config: PreTrainedConfig, *, prefix: str = "", bounds: Mapping[str, Bound] = BOUNDS) -> None:
    """Refuse numbers of any configuration outside of their bounds; messages say `prefix` before the name of a field.

    Raises:
        ValueError: If a field of that name is out of bounds; the message names it, the value and the bound.
    """
    for name, bound in bounds.items():
        value = getattr(config, name, None)
        for each in value if isinstance(value, list | tuple) else [value]:
            if isinstance(each, int | float) and not bound.least <= each <= bound.most:
                raise ValueError(
                    f"`{prefix}{name}` is {each}, outside {bound.least:,} to {bound.most:,} ({bound.reason})."
                    " Correct it, or take config.json from the same checkpoint as the weights."
                )


def check_heads(config: PreTrainedConfig, width_name: str, heads_name: str) -> None:
    """Refuse a width that does not divide into heads, both given by their fields."""
    width, num_heads = getattr(config, width_name), getattr(config, heads_name)
    if width % num_heads:
        raise ValueError(
            f"`{width_name}` ({width}) is not a multiple of `{heads_name}` ({num_heads}). Change one of them."
        )


def check_count(name: str, entries: Any, most: int) -> None:
    """Refuse lists that are too long to be read one by one."""
    if isinstance(entries, list | tuple | dict) and len(entries) > most:
        raise ValueError(f"`{name}` has {len(entries):,} entries, more than {most:,}. Leave out what is not needed.")


def check_stored_fields(fields: Mapping[str, Any]) -> None:
    """Refuse `num_labels`, `id2label` and `dtype` from which transformers makes something before it checks them.

    Raises:
        ValueError: If there are too many labels, one is no name, or the type is none of floats.
    """
    num_labels, labels, dtype = fields.get("num_labels"), fields.get("id2label"), fields.get("dtype")
    if num_labels is not None and not (isinstance(num_labels, int) and 0 <= num_labels <= MAX_LABELS):
        raise ValueError(f"`num_labels` is {num_labels!r}. Give a whole number up to {MAX_LABELS:,}.")
    if labels is not None:
        check_count("id2label", labels, MAX_LABELS)
        broken = [(key, name) for key, name in labels.items() if not (str(key).isdecimal() and isinstance(name, str))]
        if broken:
            key, name = broken[0]
            raise ValueError(f"`id2label` has the entry {key!r}: {name!r}. Give a number and a name: `{{0: 'AFIB'}}`.")
    dtype = fields.get("torch_dtype") if dtype is None else dtype
    if dtype is not None and str(dtype).removeprefix("torch.") not in FLOAT_DTYPES:
        raise ValueError(f"`dtype` is {dtype}. Weights are one of {', '.join(FLOAT_DTYPES)}.")


def check_text_fields(text_config: Any) -> None:
    """Refuse fields of a text encoder, as they were given, from which lists without end would be made."""
    if not isinstance(text_config, Mapping):
        return
    check_stored_fields({"num_labels": text_config.get("num_labels")})
    most = BOUNDS["num_hidden_layers"].most
    for name, value in text_config.items():
        if re.search("layer|block|group", str(name)) and isinstance(value, int | float) and value > most:
            raise ValueError(
                f"`text_config.{name}` is {value}, more than {most} ({BOUNDS['num_hidden_layers'].reason}). Take"
                " config.json from the same checkpoint as the weights."
            )


def check_text_config(text_config: Any) -> None:
    """Refuse what is no text encoder, and one whose numbers no text encoder has."""
    for name in ("hidden_size", "vocab_size"):
        if not isinstance(getattr(text_config, name, None), int):
            raise ValueError(
                f"`text_config` of type {text_config.model_type!r} has no `{name}`: it is no text encoder. Name an"
                " encoder such as 'bert'."
            )
    check_bounds(text_config, prefix="text_config.")


def check_parameters(config: Any) -> None:
    """Refuse a model of more than [`MAX_PARAMETERS`]: numbers that are small alone may be large together."""
    if config.estimated_parameters > MAX_PARAMETERS:
        raise ValueError(
            f"The model would have about {config.estimated_parameters:,} parameters, more than {MAX_PARAMETERS:,}."
            " Choose fewer layers or smaller widths."
        )


def estimate_layers(num_layers: int, width: int, intermediate_size: int) -> int:
    """Parameters of transformer layers: four square maps and two of the feed-forward part, with biases and norms."""
    return num_layers * (4 * width**2 + 2 * width * intermediate_size + 13 * width + intermediate_size)


def estimate_text(config: PreTrainedConfig) -> int:
    """Parameters of a text encoder of any kind, by the names that transformers gives them."""
    width: int = config.hidden_size
    intermediate_size = getattr(config, "intermediate_size", None) or 4 * width
    num_experts = max(1, getattr(config, "num_experts", None) or 1)
    num_layers = getattr(config, "num_hidden_layers", None) or 1
    # Rotary positions are computed
    positions = 0 if hasattr(config, "rope_parameters") else getattr(config, "max_position_embeddings", None) or 0
    layers = estimate_layers(num_layers, width, 3 * intermediate_size * num_experts)
    return (config.vocab_size + positions) * width + layers


__all__ = ["SupremeConfig", "SupremeEcgConfig"]
