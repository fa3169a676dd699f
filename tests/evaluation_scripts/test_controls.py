"""Controls: what is reached without the name of a condition stands beside every figure that training did not see."""

import numpy as np
import pytest
import torch
from helpers.made_predictions import RARE, SEEN, UNSEEN, compile_quickly, make_predictions
from sklearn.metrics import roc_auc_score

from evaluation_scripts.conditions import Condition
from evaluation_scripts.controls import random_queries
from evaluation_scripts.prediction_table import Predictions
from evaluation_scripts.result_table import format_result
from evaluation_scripts.results import compile_result


def test_random_queries_have_the_mean_and_spread_of_the_real_ones():
    query_embeds = torch.tensor([[1.0, 10.0], [3.0, 10.0]])

    drawn = random_queries(query_embeds, 4000, seed=0)

    assert drawn.mean(dim=0).tolist() == pytest.approx([2.0, 10.0], abs=0.1)
    assert drawn.std(dim=0).tolist() == pytest.approx([1.0, 0.0], abs=0.05)


def test_random_queries_differ_from_each_other_and_come_from_the_seed():
    query_embeds = torch.tensor([[1.0, 10.0], [3.0, 12.0]])

    first, again, other = (random_queries(query_embeds, 2, seed=seed) for seed in (0, 0, 1))

    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])


def test_the_controls_of_an_unseen_condition_are_ranked_against_its_own_labels():
    predictions = make_predictions()

    entry = compile_quickly(predictions)["conditions"][2]

    labels = predictions.labels[:, 2]
    assert entry["controls"]["normal_ecg"] == pytest.approx(
        roc_auc_score(labels, predictions.controls["normal_ecg"][:, 2])
    )
    assert entry["controls"]["random_queries"] == pytest.approx(
        roc_auc_score(labels, predictions.controls["random_queries"][:, 2])
    )


def test_all_three_figures_are_repeated_among_records_that_are_not_normal():
    predictions = make_predictions()

    entry = compile_quickly(predictions)["conditions"][2]["among_non_normal"]

    labels = predictions.labels[1::2, 2]
    assert entry["num_records"] == 40
    assert entry["auroc"] == pytest.approx(roc_auc_score(labels, predictions.scores[1::2, 2]))
    assert entry["controls"] == {
        name: pytest.approx(roc_auc_score(labels, scores[1::2, 2])) for name, scores in predictions.controls.items()
    }


def test_the_unseen_average_stands_beside_the_averages_of_its_controls():
    predictions = make_predictions()

    result = compile_quickly(predictions)

    entries, unseen = result["conditions"][2:], result["unseen"]
    assert unseen["controls"]["normal_ecg"]["auroc_macro"] == pytest.approx(
        np.mean([entry["controls"]["normal_ecg"] for entry in entries])
    )
    assert unseen["among_non_normal"]["auroc_macro"] == pytest.approx(
        np.mean([entry["among_non_normal"]["auroc"] for entry in entries])
    )
    assert unseen["among_non_normal"]["controls"]["random_queries"]["auroc_macro"] == pytest.approx(
        np.mean([entry["among_non_normal"]["controls"]["random_queries"] for entry in entries])
    )


def test_a_score_that_only_tells_abnormal_from_normal_is_unmasked():
    # Abnormality is all that this score knows: perfect on all records, worthless among those that are not normal
    predictions = make_predictions()
    abnormal = np.broadcast_to(1 - predictions.labels[:, :1], predictions.labels.shape)
    labels = predictions.labels.copy()
    labels[1::2, 2] = np.arange(40) % 2
    predictions = Predictions(predictions.records, labels, abnormal, {**predictions.controls, "normal_ecg": abnormal})

    entry = compile_quickly(predictions)["conditions"][2]

    assert entry["auroc"] == entry["controls"]["normal_ecg"] == pytest.approx((40 + 20 / 2) / 60)
    assert entry["among_non_normal"]["auroc"] == 0.5


def test_seen_conditions_carry_no_controls():
    entries = compile_quickly(make_predictions())["conditions"]

    assert ["controls" in entry for entry in entries] == [False, False, True, True]


def test_a_label_set_without_a_normal_ecg_has_no_figures_among_non_normal_records():
    predictions = make_predictions()
    conditions = (Condition("SR", "sinus rhythm", "sinus rhythm", seen=True), SEEN, UNSEEN, RARE)

    result = compile_quickly(predictions, conditions)

    assert result["unseen"]["among_non_normal"] is None
    assert result["conditions"][2]["among_non_normal"] is None
    assert result["unseen"]["controls"]["normal_ecg"]["auroc_macro"] is not None


def test_a_record_that_may_be_normal_is_not_among_the_non_normal_ones():
    predictions = make_predictions()
    predictions.labels[1, 0] = np.nan

    assert compile_quickly(predictions)["conditions"][2]["among_non_normal"]["num_records"] == 39


def test_the_figure_of_several_random_draws_is_their_mean():
    predictions = make_predictions()
    first = predictions.controls["random_queries"]
    draws = np.stack([first, 1 - first[::-1], first**2 + first[::-1]])
    several = Predictions(
        predictions.records, predictions.labels, predictions.scores, {**predictions.controls, "random_queries": draws}
    )

    entry = compile_quickly(several)["conditions"][2]

    assert entry["controls"]["random_queries"] == pytest.approx(
        np.mean([roc_auc_score(predictions.labels[:, 2], draw[:, 2]) for draw in draws])
    )


def make_simulated(num_understood, *, num_conditions=12, num_records=600, seed=0):
    """Scores that know abnormality and, of some conditions, the name; the first label is the normal ECG."""
    generator = np.random.default_rng(seed)
    predictions = make_predictions(num_records, num_conditions + 1, seed=seed)
    labels = (generator.random(predictions.labels.shape) < 0.25).astype(float)
    labels[::2] = np.eye(num_conditions + 1)[0]
    labels[1::2, 0] = 0.0
    abnormality = 1 - labels[:, :1] + generator.normal(size=(num_records, 1))
    scores = np.tile(abnormality, num_conditions + 1)
    known = slice(1, 1 + num_understood)
    scores[:, known] = labels[:, known] + generator.normal(size=labels[:, known].shape)
    draws = np.stack([abnormality * share for share in generator.normal(size=8)])
    controls = {
        "normal_ecg": np.tile(abnormality, num_conditions + 1),
        "random_queries": np.tile(draws, num_conditions + 1),
    }
    conditions = [Condition("NORM", "normal ecg", "normal ecg", seen=True)]
    conditions += [Condition(f"c{index}", None, f"c{index}", seen=False) for index in range(1, num_conditions + 1)]
    return Predictions(predictions.records, labels, scores, controls), conditions


@pytest.mark.parametrize("num_understood", [0, 3])
def test_a_detector_of_abnormality_understands_nothing_and_one_that_knows_three_understands_three(num_understood):
    predictions, conditions = make_simulated(num_understood)

    result = compile_result(predictions, conditions, num_bootstrap_samples=200)

    expected = [f"c{index}" for index in range(1, num_understood + 1)]
    assert result["understood"] == {"num_understood": num_understood, "num_conditions": 12, "labels": expected}
    assert f"Understood: {num_understood} of 12 conditions" in format_result("made/up/test", result)


def test_the_margin_is_the_query_less_its_best_control():
    predictions, conditions = make_simulated(1)

    entry = compile_result(predictions, conditions, num_bootstrap_samples=50)["conditions"][1]["among_non_normal"]

    best = max(entry["controls"], key=lambda name: entry["controls"][name])
    assert entry["best_control"] == best
    assert entry["margin"] == pytest.approx(entry["auroc"] - entry["controls"][best])
    assert 0 < entry["margin_ci95"][0] < entry["margin"] < entry["margin_ci95"][1]


def test_the_null_line_is_the_mean_of_the_best_controls():
    predictions, conditions = make_simulated(2)

    result = compile_result(predictions, conditions, num_bootstrap_samples=20)

    best = [max(entry["controls"].values()) for entry in result["conditions"][1:]]
    assert result["unseen"]["null"]["auroc_macro"] == pytest.approx(np.mean(best))
    specific = [max(entry["among_non_normal"]["controls"].values()) for entry in result["conditions"][1:]]
    assert result["unseen"]["among_non_normal"]["null"]["auroc_macro"] == pytest.approx(np.mean(specific))


def test_without_resamples_nobody_says_what_was_understood():
    predictions, conditions = make_simulated(2)

    assert compile_result(predictions, conditions, num_bootstrap_samples=0)["understood"] is None


def test_records_that_the_corpus_calls_normal_are_left_out_where_no_label_asks_for_it():
    predictions = make_predictions()
    records = predictions.records.assign(is_normal=[True] * 60 + [False] * 20)
    conditions = (Condition("SR", "sinus rhythm", "sinus rhythm", seen=True), SEEN, UNSEEN, RARE)

    predictions = Predictions(records, predictions.labels, predictions.scores, predictions.controls)

    entry = compile_quickly(predictions, conditions)["conditions"][2]["among_non_normal"]
    assert entry["num_records"] == 20
