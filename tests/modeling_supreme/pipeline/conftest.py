"""A pipeline around a tiny model, and recordings for it."""

import pytest
from helpers.scores import TASK
from transformers import pipeline

from datasets_scripts import load_corpus


@pytest.fixture(scope="module")
def classify(tiny_checkpoint_dir):
    return pipeline(TASK, model=str(tiny_checkpoint_dir))


@pytest.fixture(scope="module")
def paths(ptb_xl_dir):
    """Paths of seven records, without extension."""
    return [ptb_xl_dir / f"records500/00000/{ecg_id:05d}_hr" for ecg_id in range(1, 8)]


@pytest.fixture(scope="module")
def corpus(ptb_xl_dir):
    return load_corpus("ptb_xl", "superclass", data_dir=ptb_xl_dir)["test"]
