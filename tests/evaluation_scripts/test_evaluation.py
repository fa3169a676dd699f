"""`evaluation`: seen and unseen conditions apart, controls beside every unseen figure, nothing undefined averaged."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from evaluation_scripts.results import Condition, Predictions, compile_result, format_result, tabulate_predictions


NORMAL = Condition("NORM", "normal ecg", "normal ecg", seen=True)
SEEN = Condition("CLBBB", "left bundle branch block", "left bundle branch block", seen=True)
UNSEEN = Condition("IMI", "inferior myocardial infarction", "inferior myocardial infarction", seen=False)
RARE = Condition("WPW", "wolff-parkinson-white pattern", "wolff-parkinson-white pattern", seen=False)
CONDITIONS = (NORMAL, SEEN, UNSEEN, RARE)


def make_predictions(num_records=80, num_conditions=4, *, seed=0):
    """Two records per patient; every other record is normal and has no other label; `RARE` is positive twice."""
    generator = np.random.default_rng(seed)
    labels = (generator.random((num_records, num_conditions)) < 0.4).astype(float)
    labels[::2] = np.eye(num_conditions)[0]
    labels[1::2, 0] = 0.0
    labels[:, 3:] = 0.0
    labels[1:5:2, 3:] = 1.0
    records = pd.DataFrame(
        {
            "record_id": [f"r{index}" for index in range(num_records)],
            "patient_id": [f"p{index // 2}" for index in range(num_records)],
            "corpus": "simulated",
            "config": "default",
            "split": "test",
        }
    )
    draws = {name: generator.random(labels.shape) for name in ("scores", "normal_ecg", "random_queries")}
    return Predictions(records, labels, draws.pop("scores"), draws)


def compile_quickly(predictions, conditions=CONDITIONS, **options):
    return compile_result(predictions, conditions, num_bootstrap_samples=20, **options)


def test_the_figures_of_a_condition_are_those_of_scikit_learn():
    predictions = make_predictions()

    entry = compile_quickly(predictions)["conditions"][1]

    labels, scores = predictions.labels[:, 1], predictions.scores[:, 1]
    assert entry["auroc"] == pytest.approx(roc_auc_score(labels, scores))
    assert entry["auprc"] == pytest.approx(average_precision_score(labels, scores))
    assert entry["num_positives"] == labels.sum()
    assert entry["auroc_ci95"][0] < entry["auroc"] < entry["auroc_ci95"][1]


def test_seen_and_unseen_conditions_are_averaged_apart():
    predictions = make_predictions()

    result = compile_quickly(predictions)

    aurocs = [entry["auroc"] for entry in result["conditions"]]
    assert result["auroc_macro"] == pytest.approx(np.mean(aurocs))
    assert result["seen"]["auroc_macro"] == pytest.approx(np.mean(aurocs[:2]))
    assert result["unseen"]["auroc_macro"] == pytest.approx(np.mean(aurocs[2:]))
    assert (result["seen"]["num_conditions"], result["unseen"]["num_conditions"]) == (2, 2)


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


def test_a_checkpoint_that_does_not_say_what_it_saw_gets_controls_everywhere_and_no_groups():
    conditions = [Condition(one.label, one.finding, one.query, seen=None) for one in CONDITIONS]

    result = compile_quickly(make_predictions(), conditions)

    assert result["seen"] is None
    assert result["unseen"] is None
    assert all("controls" in entry for entry in result["conditions"])


def test_rare_conditions_are_listed_but_stay_out_of_every_average():
    result = compile_quickly(make_predictions(), min_positives=5)

    assert result["skipped_conditions"] == {"WPW": "2 positive records, fewer than 5"}
    assert result["conditions"][3]["is_averaged"] is False
    assert result["unseen"]["num_conditions"] == 1
    assert result["unseen"]["auroc_macro"] == result["conditions"][2]["auroc"]
    assert result["unseen"]["controls"]["normal_ecg"]["auroc_macro"] == pytest.approx(
        result["conditions"][2]["controls"]["normal_ecg"]
    )


def test_the_result_is_valid_json_even_where_nothing_can_be_scored():
    predictions = make_predictions()
    predictions.labels[:] = 0.0

    result = compile_quickly(predictions)

    assert json.loads(json.dumps(result, allow_nan=False))["auroc_macro"] is None
    assert format_result("simulated/default/test", result)


def test_intervals_can_be_left_out():
    result = compile_result(make_predictions(), CONDITIONS, num_bootstrap_samples=0)

    assert result["auroc_macro_ci95"] is None
    assert "0." in format_result("simulated/default/test", result)


def test_records_and_patients_are_counted():
    result = compile_quickly(make_predictions())

    assert (result["num_records"], result["num_patients"]) == (80, 40)


def test_the_table_marks_unseen_conditions_and_explains_the_controls():
    table = format_result("simulated/default/test", compile_quickly(make_predictions(), min_positives=5))

    lines = table.splitlines()
    assert lines[0] == "simulated/default/test: 80 records of 40 patients"
    assert [line.split()[0] for line in lines if "UNSEEN" in line] == ["IMI", "WPW"]
    assert "Not averaged: WPW (2 positive records, fewer than 5)." in lines
    assert "training never named is recognised by its name only where its AUROC beats both controls" in table


def test_the_columns_of_the_table_line_up():
    lines = format_result("simulated/default/test", compile_quickly(make_predictions())).splitlines()

    header, row = lines[1], next(line for line in lines if line.startswith("IMI"))
    assert row[header.index("AUROC") :].startswith("0.")
    assert row[header.index("random*") :].startswith("0.")


def test_the_table_does_not_repeat_a_query_that_is_the_label():
    conditions = [Condition(one.query, one.finding, one.query, one.seen) for one in CONDITIONS]

    table = format_result("simulated/default/test", compile_quickly(make_predictions(), conditions))

    assert table.count("left bundle branch block") == 1


def test_the_table_of_seen_conditions_says_nothing_of_controls():
    predictions = make_predictions(num_conditions=2)

    table = format_result("simulated/default/test", compile_quickly(predictions, CONDITIONS[:2]))

    assert "random" not in table
    assert "mean of unseen" not in table


def test_predictions_are_one_row_per_record_with_unknown_labels_missing():
    predictions = make_predictions()
    predictions.labels[0, 1] = np.nan

    table = tabulate_predictions(predictions, CONDITIONS)

    assert len(table) == 80
    assert table["score_IMI"].tolist() == predictions.scores[:, 2].tolist()
    assert pd.isna(table["label_CLBBB"][0])
    assert table["label_NORM"][:2].tolist() == [1, 0]


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
