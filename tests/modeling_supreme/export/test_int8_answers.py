"""What eight bits cost is measured on records whose findings are known: differences, and AUROC by finding."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from datasets import Dataset
from helpers.corpus_rows import make_corpus_row

from datasets_scripts.schema import corpus_features
from modeling_supreme import SupremeEcgFeatureExtractor
from modeling_supreme.export.answers import LabelledStrips, compare_answers, format_answers, read_labelled
from modeling_supreme.export.strips import draw_strips


NAMES = ["normal ecg", "atrial fibrillation", "pause"]


def make_strips():
    """Ten records, the last five normal, one of them of unknown rhythm; `signal` is their place."""
    truth = np.zeros((10, 3))
    truth[5:, 0] = 1
    truth[9, 1] = np.nan
    batches = [{"signal": torch.arange(5.0)[:, None]}, {"signal": torch.arange(5.0, 10.0)[:, None]}]
    return LabelledStrips(batches, NAMES, truth, "ten records")


def compare_made(scores_of_file):
    """The comparison of a model that ranks records by their place with a file that gives these logits."""
    part = SimpleNamespace(module=lambda signal, query_embeds: (signal.expand(-1, len(query_embeds)),))

    def run(inputs):
        return [np.asarray([[scores_of_file[int(place)]] * 2 for place in inputs["signal"][:, 0]], dtype=np.float32)]

    embeds = torch.zeros(2, 4)
    queries = ["Normal ECG", "atrial fibrillation"]
    return compare_answers(part, run, make_strips(), queries, query_embeds=embeds, found_embeds=embeds)


def test_the_auroc_of_both_is_given_for_findings_with_enough_records():
    report = compare_made([0, 1, 2, 3, 7, 5, 6, 4, 8, 9])

    # Of 25 pairs, three are in the wrong order: 7 before 5, 6 and 4
    assert report["auroc"] == [
        {
            "finding": "Normal ECG",
            "num_positives": 5,
            "torch": 1.0,
            "int8": pytest.approx(0.88),
            "change": pytest.approx(-0.12),
        }
    ]
    assert report["auroc_macro"] == {"torch": 1.0, "int8": pytest.approx(0.88), "change": pytest.approx(-0.12)}


def test_the_same_answers_differ_by_nothing():
    report = compare_made(range(10))

    assert report["probabilities"] == {"mean_difference": 0.0, "largest_difference": 0.0}
    assert report["num_records"] == 10
    assert report["measurements"] is None


def test_the_table_names_findings_and_changes():
    text = format_answers(compare_made([0, 1, 2, 3, 7, 5, 6, 4, 8, 9]))

    assert "10 records (ten records)" in text
    assert "Normal ECG" in text
    assert "-0.1200" in text


def test_records_of_a_prepared_corpus_bring_their_labels(tmp_path):
    signal = np.round(200 * draw_strips(1, 12, 5000, rate_hz=500, seed=0)[0].numpy()).astype(np.int16)
    rows = [
        make_corpus_row(f"r{place}", signal, labels=[place % 2], label_mask=[True, True, False]) for place in range(4)
    ]
    features = corpus_features(NAMES)
    Dataset.from_list(rows, features=features).to_parquet(tmp_path / "test-00000-of-00001.parquet")

    strips = read_labelled(tmp_path, SupremeEcgFeatureExtractor(), source="made")

    assert strips.names == NAMES
    np.testing.assert_array_equal(strips.truth[:, 0], [1, 0, 1, 0])
    assert np.isnan(strips.truth[:, 2]).all()
    assert strips.batches[0]["signal"].shape == (4, 12, 5000)
