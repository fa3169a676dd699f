"""A pipeline around a tiny model that also measures, and strips of any length."""

import pytest
from helpers.scores import TASK
from helpers.tiny_models import TINY_MEASUREMENTS, settle_measurements
from transformers import pipeline


@pytest.fixture(scope="module")
def classify(make_tiny_model, tiny_processor):
    """Strips of 10 s at 100 Hz, twelve leads; asks for findings and measures."""
    model = make_tiny_model("hybrid", trained_queries=["normal ecg"], measurements=list(TINY_MEASUREMENTS))
    parts = {"feature_extractor": tiny_processor.feature_extractor, "tokenizer": tiny_processor.tokenizer}
    return pipeline(TASK, model=settle_measurements(model).eval(), **parts)
