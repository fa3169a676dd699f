"""`StripCollator`: rows of a corpus become a batch, in which what was not recorded is masked."""

import numpy as np
import pytest
import torch
from datasets import Dataset
from helpers.corpus_rows import make_corpus_row

from datasets_scripts.collator import StripCollator
from datasets_scripts.schema import corpus_features
from modeling_supreme import STANDARD_LEADS, SupremeEcgFeatureExtractor


V6 = STANDARD_LEADS.index("V6")


@pytest.fixture
def extractor():
    """Strips as they are: 500 Hz, 10 s, no filter."""
    return SupremeEcgFeatureExtractor()


def make_sines(record_id, *, num_samples=5000, missing=(), labels=()):
    """Sines, in microvolts, of 1000 µV for lead I to 2100 µV for V6."""
    wave = np.sin(2 * np.pi * np.arange(5000) / 500)
    signal = np.rint(wave * (1000 + 100 * np.arange(12)[:, None])).astype(np.int16)
    signal[:, num_samples:] = 0
    lead_mask = np.array([lead not in missing for lead in STANDARD_LEADS])
    signal[~lead_mask] = 0
    columns = {"lead_mask": lead_mask, "num_samples": num_samples, "num_samples_original": num_samples}
    return make_corpus_row(record_id, signal, **columns, labels=list(labels), label_mask=[True, True])


def test_rows_become_one_batch(extractor):
    batch = StripCollator(extractor)([make_sines("a"), make_sines("b")])

    assert {name: tuple(value.shape) for name, value in batch.items()} == {
        "signal": (2, 12, 5000),
        "lead_mask": (2, 12),
        "sample_mask": (2, 5000),
        "recorded_mask": (2, 12, 5000),
    }


def test_microvolts_are_handed_on_as_millivolts(extractor):
    batch = StripCollator(extractor)([make_sines("a")])

    # a quarter of the period of 1 s, where the sine is 1
    assert batch["signal"][0, 0, 125].item() * extractor.scale_mv == pytest.approx(1.0, rel=1e-6)
    assert batch["signal"][0, V6, 125].item() * extractor.scale_mv == pytest.approx(2.1, rel=1e-6)


def test_a_short_row_is_padded_and_masked(extractor):
    batch = StripCollator(extractor)([make_sines("whole"), make_sines("short", num_samples=3000)])

    assert batch["sample_mask"].sum(dim=1).tolist() == [5000, 3000]
    assert batch["sample_mask"][1, :3000].all()
    assert not batch["signal"][1, :, 3000:].any()


def test_a_lead_that_was_not_recorded_is_masked(extractor):
    batch = StripCollator(extractor)([make_sines("whole"), make_sines("eleven leads", missing=["V6"])])

    assert batch["lead_mask"].sum(dim=1).tolist() == [12, 11]
    assert not batch["lead_mask"][1, V6]
    assert not batch["signal"][1, V6].any()


def test_a_row_is_the_same_in_any_company(extractor):
    collator = StripCollator(extractor)
    short = make_sines("short", num_samples=3000)

    alone, among_others = collator([short]), collator([make_sines("whole"), short])

    assert all(torch.equal(alone[name][0], among_others[name][1]) for name in alone)


def test_the_feature_extractor_of_the_checkpoint_is_obeyed():
    extractor = SupremeEcgFeatureExtractor(sampling_rate=100, num_samples=1000)

    batch = StripCollator(extractor)([make_sines("a")])

    assert batch["signal"].shape == (1, 12, 1000)


def test_only_the_columns_of_the_signal_are_read(extractor):
    collator = StripCollator(extractor)

    batch = collator([{name: make_sines("a")[name] for name in collator.columns}])

    assert set(batch) == {"signal", "lead_mask", "sample_mask", "recorded_mask"}


def test_stretches_that_a_lead_lacks_are_masked_in_time(extractor):
    row = make_sines("a") | {"not_recorded": [[V6, 1000, 2000]]}

    batch = StripCollator(extractor)([row])

    assert not batch["recorded_mask"][0, V6, 1000:2000].any()
    assert batch["recorded_mask"].sum() == 12 * 5000 - 1000
    assert batch["lead_mask"].all()
    assert not batch["signal"][0, V6, 1000:2000].any()


def test_a_corpus_of_an_earlier_version_has_none_and_is_read(extractor):
    features = corpus_features(["normal ecg", "atrial flutter"])
    old = Dataset.from_list([make_sines("a", labels=[1])], features=features).remove_columns("not_recorded")
    collator = StripCollator(extractor)

    rows = collator.select(old)

    assert "not_recorded" not in rows.column_names
    assert collator([rows[0]])["recorded_mask"].all()


@pytest.mark.parametrize("format_type", [None, "numpy", "torch"])
def test_every_format_of_a_dataset_gives_the_same_batch(extractor, format_type):
    rows = [make_sines("a", labels=[1]), make_sines("b", num_samples=3000, missing=["V6"])]
    dataset = Dataset.from_list(rows, features=corpus_features(["normal ecg", "atrial flutter"]))
    collator = StripCollator(extractor)

    stored = dataset.select_columns(list(collator.columns)).with_format(format_type)
    batch, expected = collator([stored[0], stored[1]]), collator(rows)

    assert all(torch.equal(batch[name], expected[name]) for name in expected)


def test_a_record_that_cannot_be_used_is_named(extractor):
    row = make_sines("12345", num_samples=0)

    with pytest.raises(ValueError, match="12345"):
        StripCollator(extractor)([row])
