"""`SupremeProcessor`: strips become what the feature extractor makes of them, queries what the tokenizer does."""

import numpy as np
import pytest
import torch
from transformers import AutoFeatureExtractor, AutoProcessor

from modeling_supreme import SupremeEcgFeatureExtractor, SupremeProcessor


SIGNAL_KEYS = ["lead_mask", "recorded_mask", "sample_mask", "signal"]
TEXT_KEYS = ["attention_mask", "input_ids"]


@pytest.fixture
def strip():
    """Leads I and II, 5 s at 500 Hz, 1 mV."""
    seconds = np.arange(2500) / 500
    return np.stack([np.sin(2 * np.pi * seconds), np.cos(2 * np.pi * seconds)])


def test_strips_alone_give_what_the_feature_extractor_gives(tiny_processor, strip):
    features = tiny_processor(strip, sampling_rate=500, leads=["I", "II"], return_tensors="np")

    expected = tiny_processor.feature_extractor(strip, sampling_rate=500, leads=["I", "II"], return_tensors="np")
    assert sorted(features) == SIGNAL_KEYS
    assert all(np.array_equal(features[key], expected[key]) for key in SIGNAL_KEYS)


def test_queries_alone_give_what_the_tokenizer_gives(tiny_processor):
    queries = ["normal ecg", "first degree av block"]

    features = tiny_processor(text=queries, return_tensors="pt")

    expected = tiny_processor.tokenizer(queries, padding=True, return_tensors="pt")
    assert sorted(features) == TEXT_KEYS
    assert all(torch.equal(features[key], expected[key]) for key in TEXT_KEYS)


def test_strips_and_queries_together_are_what_the_model_takes(tiny_processor, tiny_model, strip):
    inputs = tiny_processor([strip, strip], ["a", "b", "c"], sampling_rate=500, leads=["I", "II"], return_tensors="pt")

    assert sorted(inputs) == sorted(SIGNAL_KEYS + TEXT_KEYS)
    assert tiny_model(**inputs).logits_per_ecg.shape == (2, 3)


def test_one_query_needs_no_list(tiny_processor):
    assert tiny_processor(text="normal ecg") == tiny_processor(text=["normal ecg"])


def test_queries_of_any_sequence_are_taken(tiny_processor):
    assert tiny_processor(text=("normal ecg", "a")) == tiny_processor(text=["normal ecg", "a"])


def test_a_query_is_cut_at_the_length_the_text_encoder_can_take(tiny_processor):
    features = tiny_processor(text=["atrial " * 100], return_tensors="pt")

    assert features["input_ids"].shape == (1, 64)


def test_nothing_to_prepare_is_refused(tiny_processor):
    with pytest.raises(ValueError, match=r"given nothing to prepare\. Pass `strips`, `text`, or both"):
        tiny_processor(sampling_rate=500, leads=["I"])


@pytest.mark.parametrize(
    "known", [{}, {"sampling_rate": 500}, {"leads": ["I", "II"]}], ids=["neither", "rate only", "leads only"]
)
def test_strips_without_rate_or_leads_are_refused(tiny_processor, strip, known):
    with pytest.raises(ValueError, match=r"without `sampling_rate` or `leads`\. Pass both: they cannot be told"):
        tiny_processor(strip, **known)


def test_messages_name_the_record(tiny_processor, strip):
    with pytest.raises(ValueError, match=r"Record s0001: .*looks like volts.*multiply by 1000"):
        tiny_processor(strip / 1000, sampling_rate=500, leads=["I", "II"], record_id="s0001")


@pytest.fixture(scope="module")
def unusual_processor(tiny_processor):
    """No setting of the feature extractor is the default."""
    extractor = SupremeEcgFeatureExtractor(
        leads=["II", "V1"],
        sampling_rate=250,
        num_samples=1000,
        do_bandpass=True,
        low_cutoff_hz=1.0,
        high_cutoff_hz=30.0,
        do_remove_baseline=True,
        scale_mv=1.0,
        clip_mv=2.0,
    )
    return SupremeProcessor(extractor, tiny_processor.tokenizer)


def test_a_reloaded_processor_prepares_the_same(unusual_processor, strip, tmp_path):
    unusual_processor.save_pretrained(tmp_path)

    reloaded = SupremeProcessor.from_pretrained(tmp_path)

    before, after = (
        processor(strip, ["normal ecg"], sampling_rate=500, leads=["I", "II"], return_tensors="np")
        for processor in (unusual_processor, reloaded)
    )
    assert sorted(before) == sorted(after)
    assert all(np.array_equal(before[key], after[key]) for key in before)


def test_a_reloaded_processor_has_the_same_settings(unusual_processor, tmp_path):
    unusual_processor.save_pretrained(tmp_path)

    reloaded = SupremeProcessor.from_pretrained(tmp_path)

    assert reloaded.feature_extractor.to_dict() == unusual_processor.feature_extractor.to_dict()


def test_auto_processor_finds_the_class(tiny_checkpoint_dir):
    processor = AutoProcessor.from_pretrained(tiny_checkpoint_dir)

    assert type(processor) is SupremeProcessor
    assert processor.feature_extractor.sampling_rate == 100


def test_auto_feature_extractor_finds_the_class(tiny_checkpoint_dir):
    extractor = AutoFeatureExtractor.from_pretrained(tiny_checkpoint_dir)

    assert type(extractor) is SupremeEcgFeatureExtractor
    assert extractor.sampling_rate == 100
