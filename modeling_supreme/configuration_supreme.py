"""Configurations of the ECG encoder and of the whole zero-shot model."""

from pathlib import Path
from typing import Any, ClassVar, Literal

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec

from .leads import STANDARD_LEADS


EcgPreset = Literal["vit_tiny", "vit_small", "vit_base", "resnet18", "hybrid"]
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
        "conv_kernel_size": 7,
        "dropout": 0.1,
    },
}


@strict
class SupremeEcgConfig(PreTrainedConfig):
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
        super().__post_init__(**kwargs)

    @classmethod
    def from_preset(cls, name: str, **overrides: Any) -> "SupremeEcgConfig":
        """Return the configuration of a named encoder, with some fields changed.

        Args:
            name (`str`):
                One of `vit_tiny`, `vit_small`, `vit_base`, `resnet18`, `hybrid`.
            overrides:
                Fields that differ from the preset.

        Raises:
            ValueError: If there is no such preset.
        """
        if name not in ECG_PRESETS:
            raise ValueError(f"There is no ECG encoder {name!r}. Choose one of {', '.join(ECG_PRESETS)}.")
        return cls(**{**ECG_PRESETS[name], **overrides})

    def validate_patch_size(self) -> None:
        """Refuse strips that cannot be cut into whole patches."""
        if self.encoder_type == "vit" and self.num_samples % self.patch_size:
            raise ValueError(
                f"`num_samples` ({self.num_samples}) is not a multiple of `patch_size` ({self.patch_size})."
                f" Use {self.num_samples - self.num_samples % self.patch_size} samples, or another patch size."
            )

    def validate_attention_heads(self) -> None:
        """Refuse widths that do not divide into heads."""
        if self.encoder_type != "resnet" and self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"`hidden_size` ({self.hidden_size}) is not a multiple of `num_attention_heads`"
                f" ({self.num_attention_heads}). Change one of them."
            )

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


@strict
class SupremeConfig(PreTrainedConfig):
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
        composed_rules (`list[dict]`):
            Conditions as rules over findings, as `composed_rules.py` reads them: the pipeline's `composed`.

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
    composed_rules: list[dict[str, Any]] | tuple[dict[str, Any], ...] = ()

    def __post_init__(self, **kwargs: Any) -> None:
        self.trained_queries = list(self.trained_queries)
        self.composed_rules = list(self.composed_rules)
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

    def validate_fusion_heads(self) -> None:
        """Refuse widths that do not divide into heads."""
        if self.fusion_hidden_size % self.num_fusion_heads:
            raise ValueError(
                f"`fusion_hidden_size` ({self.fusion_hidden_size}) is not a multiple of `num_fusion_heads`"
                f" ({self.num_fusion_heads}). Change one of them."
            )


__all__ = ["ECG_PRESETS", "SupremeConfig", "SupremeEcgConfig"]
