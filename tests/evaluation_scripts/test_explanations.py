"""`evaluate.py --explanations`: maps are held against chance and against random weights."""

import json

import numpy as np
import pytest
import torch
from helpers.repository import load_script
from helpers.tiny_models import TINY_MEASUREMENTS, settle_measurements

from evaluation_scripts.explanations import (
    choose_positives,
    correlate,
    format_explanations,
    with_random_weights,
)


@pytest.fixture(scope="module")
def result(make_checkpoint, ptb_xl_dir, tmp_path_factory):
    """Of the superclasses of twenty records, two explained for each."""
    output_dir = tmp_path_factory.mktemp("explained")
    checkpoint = make_checkpoint("hybrid", trained_queries=["normal ecg"])
    load_script("evaluate").main(
        [
            *("--model_name_or_path", str(checkpoint), "--output_dir", str(output_dir), "--dataset_name", "ptb_xl"),
            *("--data_dir", str(ptb_xl_dir), "--dataset_config_name", "superclass"),
            *("--split", "train+validation+test", "--num_bootstrap_samples", "20", "--explanations", "2"),
        ]
    )
    return json.loads((output_dir / "eval_results.json").read_text(encoding="utf-8"))


def test_every_kind_of_map_has_its_figures(result):
    (entry,) = result["results"].values()

    found = entry["explanations"]
    assert found["num_positives_per_condition"] == 2
    assert result["protocol"]["explanations"] == 2
    for kind in ("leads", "time", "attention"):
        figures = found[kind]
        assert figures["num_maps"] == sum(each[kind]["num_maps"] for each in found["conditions"])
        assert figures["drop_less_random"] == pytest.approx(figures["drop"] - figures["random_drop"])
        assert 0 <= figures["share_faithful"] <= figures["share_above_random"] <= 1
        assert len(figures["drop_less_random_ci95"]) == 2


def test_they_stay_out_of_the_flat_keys(result):
    assert "explanations" not in result


def test_the_table_has_a_line_for_each_kind(result):
    (entry,) = result["results"].values()

    lines = format_explanations(entry["explanations"]).splitlines()

    assert [line.split()[0] for line in lines[:4]] == ["explanations", "leads", "time", "attention"]


def test_the_first_positive_records_of_each_condition_are_explained():
    labels = np.array([[1, 0], [np.nan, 1], [1, 1], [1, 1]])

    assert choose_positives(labels, most=2) == {0: [0], 1: [1], 2: [0, 1]}


def test_random_weights_keep_the_words_and_the_units_and_nothing_else(make_tiny_model):
    model = settle_measurements(make_tiny_model("hybrid", measurements=list(TINY_MEASUREMENTS)))

    random = with_random_weights(model, seed=1)

    kept, own = random.state_dict(), model.state_dict()
    assert all(torch.equal(kept[name], own[name]) for name in own if name.startswith("text_model."))
    assert torch.equal(random.measurement_head.center, model.measurement_head.center)
    assert not torch.equal(random.fusion.token_projection.weight, model.fusion.token_projection.weight)
    again = with_random_weights(model, seed=1).state_dict()
    assert all(torch.equal(kept[name], again[name]) for name in kept)


@pytest.mark.parametrize(("other", "expected"), [([1.0, 5.0, 6.0], 1.0), ([3.0, 2.0, 1.0], -1.0)])
def test_correlation_is_of_ranks(other, expected):
    assert correlate([0.1, 0.2, 0.9], other) == pytest.approx(expected)


def test_a_flat_map_has_no_correlation():
    assert np.isnan(correlate([0.1, 0.2], [1.0, 1.0]))
