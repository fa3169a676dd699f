"""The benchmark of text towers compares with the right texts, and leaves a checkpoint that answers."""

import sys

import pytest
import torch
from helpers.repository import ROOT
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer


sys.path.insert(0, str(ROOT / "benchmarks"))
sys.path.insert(0, str(ROOT / "benchmarks" / "text"))

import text_tower

from modeling_supreme import SupremeModel
from training_scripts.text_tower.texts import load_sources


@pytest.fixture(scope="module")
def encoder(text_encoder_dir):
    return text_tower.Encoder(
        AutoModel.from_pretrained(text_encoder_dir), AutoTokenizer.from_pretrained(text_encoder_dir), "mean"
    )


def test_embeddings_come_in_the_order_of_the_texts(encoder):
    texts = ["atrial fibrillation of the left", "sinus", "block"]

    alone = torch.cat([encoder.embed([text]) for text in texts])
    assert torch.allclose(encoder.embed(texts), alone, atol=1e-5)


def test_an_encoder_agrees_with_itself(encoder):
    embeds = encoder.embed(["sinus", "atrial flutter", "left block"])

    figures = text_tower.measure_agreement(embeds, embeds)
    assert (figures["cosine"], figures["rank_agreement"]) == pytest.approx((1, 1), abs=1e-3)


def test_unseen_lines_equal_no_text_of_the_tables():
    lines = ["Atrial Fibrillation", "a line of its own", "", "A line of its own."]

    assert text_tower.choose_unseen(lines, load_sources(["house"]), 10) == ["A line of its own."]


def test_the_tower_takes_the_place_of_the_text_encoder(encoder, tiny_checkpoint_dir, tmp_path):
    halved = text_tower.Tower(tmp_path, encoder, {})

    text_tower.swap_text_tower(tiny_checkpoint_dir, halved, tmp_path)

    model = SupremeModel.from_pretrained(tmp_path)
    stored = load_file(tmp_path / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values() if tensor.is_floating_point()} == {torch.float16}
    assert model.dtype == torch.float32
    assert model.config.trained_queries == ["atrial fibrillation", "normal ecg"]


def test_the_tower_within_a_checkpoint_is_measured_as_it_stands(tiny_checkpoint_dir):
    model = SupremeModel.from_pretrained(tiny_checkpoint_dir)

    tower = text_tower.load_tower(tiny_checkpoint_dir)

    inputs = tower.encoder.tokenizer(["atrial flutter"], return_tensors="pt")
    hidden_states = model.text_model(**inputs).last_hidden_state
    assert torch.allclose(tower.encoder.embed(["atrial flutter"]), hidden_states.mean(dim=1), atol=1e-5)
    assert tower.settings["text_model_name_or_path"] == "sentence-transformers/all-MiniLM-L6-v2"
