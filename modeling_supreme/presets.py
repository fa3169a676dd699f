"""ECG encoders by name. Command lines offer the names, and load neither torch nor transformers for it."""

from typing import Any, Literal


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
