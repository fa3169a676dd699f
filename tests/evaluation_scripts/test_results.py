"""`compile_result`, `write_results`: seen and unseen apart, nothing undefined averaged, one pair of files."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers.made_predictions import CONDITIONS, compile_quickly, make_predictions
from sklearn.metrics import average_precision_score, roc_auc_score

from evaluation_scripts.conditions import Condition
from evaluation_scripts.prediction_table import tabulate_predictions
from evaluation_scripts.result_table import format_result
from evaluation_scripts.results import compile_result, write_results


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


def write(output_dir, *names, **changes):
    """Write the same made-up predictions under each name; returns what both files hold."""
    predictions = make_predictions()
    result, table = compile_quickly(predictions), tabulate_predictions(predictions, CONDITIONS)
    results_path, predictions_path = write_results(
        output_dir,
        model="checkpoint",
        protocol={"description": "made up"},
        results={name: {**result, **changes} for name in names},
        tables=[table] * len(names),
    )
    return json.loads(results_path.read_text(encoding="utf-8")), pd.read_parquet(predictions_path)


def test_both_files_are_written_into_a_new_folder(tmp_path):
    report, table = write(tmp_path / "new" / "folder", "ptb_xl/rhythm/test")

    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == [
        "eval_results.json",
        "predictions.parquet",
    ]
    assert (report["model"], report["protocol"]) == ("checkpoint", {"description": "made up"})
    assert len(table) == 80


def test_the_flat_figures_of_a_single_result_stand_at_the_top_level(tmp_path):
    report, _ = write(tmp_path, "ptb_xl/rhythm/test")

    assert report["auroc_macro"] == report["results"]["ptb_xl/rhythm/test"]["auroc_macro"]
    assert report.keys().isdisjoint({"conditions", "seen", "unseen"})


def test_several_results_have_no_figures_at_the_top_level_and_one_table(tmp_path):
    report, table = write(tmp_path, "ptb_xl/rhythm/test", "ptb_xl/form/test")

    assert list(report) == ["schema_version", "model", "protocol", "results"]
    assert len(table) == 160
    assert table.index.tolist() == list(range(160))


def test_a_figure_that_is_not_a_number_is_never_written(tmp_path):
    with pytest.raises(ValueError, match=r"not JSON compliant"):
        write(tmp_path, "ptb_xl/rhythm/test", auroc_macro=float("nan"))
