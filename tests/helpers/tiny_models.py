"""Encoders, a tokenizer and a training of models that learn in no time."""

import torch


def make_tokenizer():
    """WordPiece over some words of the field, with every letter as a fallback: no query becomes `[UNK]`.

    The words do not follow the terminology: the random weights, and so every score, would change with its size.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    characters = "abcdefghijklmnopqrstuvwxyz0123456789-/().,'"
    words = {"atrial", "block", "branch", "bundle", "fibrillation", "flutter", "infarction", "left", "normal", "sinus"}
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *characters, *(f"##{letter}" for letter in characters)]
    vocabulary = {piece: index for index, piece in enumerate([*pieces, *sorted(words)])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(
        ("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"])
    )
    special_tokens = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **special_tokens)


# Encoders of a few thousand parameters for 10 s at 100 Hz.
TINY_ENCODERS = {
    "vit": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64},
    "resnet": {"hidden_size": 32, "conv_channels": [8, 16, 24, 32]},
    "hybrid": {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "conv_channels": [8, 16, 24, 32],
        "conv_strides": [5, 2, 2, 2],
    },
}


def save_text_encoder(folder, tokenizer, *, num_layers, hidden_size=32):
    """Save a random BERT, 32 wide by default, with its tokenizer to a folder, and return the folder."""
    from transformers import BertConfig, BertModel

    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden_size,
        num_hidden_layers=num_layers,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.2,
    )
    BertModel(config).save_pretrained(folder)
    return folder


# MELP in a few ten thousand parameters, all of which learn
TINY_MELP = {
    "projection_size": 32,
    "num_beat_queries": 4,
    "num_pooling_heads": 2,
    "num_decoder_layers": 1,
    "decoder_hidden_size": 32,
    "num_decoder_heads": 2,
    "num_caption_queries": 8,
    "max_report_tokens": 48,
    "num_frozen_text_layers": 0,
    "dropout": 0.0,
    "bos_token_id": 2,
    "eos_token_id": 3,
}


def make_melp(text_encoder_dir, **config_fields):
    """A tiny MELP around a text encoder of `save_text_encoder`, in evaluation mode."""
    from modeling_supreme import MelpModel, SupremeEcgConfig

    torch.manual_seed(0)
    ecg_config = SupremeEcgConfig(
        encoder_type="hybrid", sampling_rate=100, num_samples=1000, **TINY_ENCODERS["hybrid"]
    )
    return MelpModel.from_text_pretrained(
        str(text_encoder_dir), ecg_config=ecg_config, **{**TINY_MELP, **config_fields}
    )


def fit(model, *, num_steps, learning_rate=3e-3, **inputs):
    """The loss before each step of AdamW."""
    optimizer = torch.optim.AdamW([each for each in model.parameters() if each.requires_grad], lr=learning_rate)
    losses = []
    for _ in range(num_steps):
        loss = model(**inputs).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# For `make_tiny_model(measurements=list(TINY_MEASUREMENTS))`: usual value and spread of each, in real units.
TINY_MEASUREMENTS = {
    "rate_per_min": (80.0, 25.0),
    "pr_ms": (160.0, 30.0),
    "qrs_ms": (96.0, 20.0),
    "axis_deg": (30.0, 50.0),
    "st_mv_V2": (0.1, 0.1),
    "num_early_wide": (3.0, 2.0),
}


def settle_measurements(model):
    """Give the head of a tiny model the usual values and spreads, so that it answers in real units; returns it."""
    for place, key in enumerate(model.config.measurements):
        model.measurement_head.center[place], model.measurement_head.spread[place] = TINY_MEASUREMENTS[key]
    return model
