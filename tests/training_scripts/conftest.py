"""Shared by the tests of training: the flags of tiny runs, and records to learn."""

import numpy as np
import pytest
from datasets import Dataset
from helpers.corpus_rows import make_corpus_row
from helpers.training_runs import TINY_VIT

from datasets_scripts.schema import corpus_features
from modeling_supreme import ECG_PRESETS


@pytest.fixture(scope="module")
def tiny_preset():
    """`--ecg_encoder vit_tiny` as an encoder that trains in no time and has dropout."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ECG_PRESETS, "vit_tiny", TINY_VIT)
        yield


@pytest.fixture(scope="module")
def model_flags(text_encoder_dir):
    return [
        *("--text_model_name_or_path", str(text_encoder_dir), "--text_pooling", "mean", "--ecg_encoder", "vit_tiny"),
        *("--fusion_hidden_size", "16", "--num_fusion_layers", "1", "--learning_rate", "0.002"),
    ]


@pytest.fixture(scope="module")
def flags(model_flags, ptb_xl_dir):
    """Sixteen records: four batches of four strips an epoch. A last `--max_train_steps` wins over an earlier one."""
    return [
        *model_flags,
        *("--dataset_name", "ptb_xl", "--dataset_config_name", "hierarchy", "--data_dir", str(ptb_xl_dir)),
        *("--min_positives", "1", "--per_device_train_batch_size", "4", "--max_train_steps", "1"),
    ]


@pytest.fixture(scope="module")
def voltage_dir(tmp_path_factory):
    """A prepared corpus of eight records, of 0.2 mV or, with hypertrophy, of 2 mV. It validates on the same."""
    folder = tmp_path_factory.mktemp("voltage")
    names = ["left ventricular hypertrophy", "hypertrophy"]
    wave = np.sin(2 * np.pi * 1.2 * np.arange(5000) / 500) ** 2
    rows = [
        make_corpus_row(
            f"v{number}",
            np.tile(wave * (200, 2000)[number % 2] * (1 + number / 20), (12, 1)).astype(np.int16),
            labels=[0, 1] * (number % 2),
            label_mask=[True, True],
        )
        for number in range(8)
    ]
    corpus = Dataset.from_list(rows, features=corpus_features(names))
    corpus.to_parquet(folder / "train-00000-of-00001.parquet")
    corpus.to_parquet(folder / "validation-00000-of-00001.parquet")
    return folder
