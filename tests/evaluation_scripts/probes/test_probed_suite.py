"""`--baselines`, `--probe`, `--transfer`: what is fitted stands beside the system, on the same records."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers.score_files import script
from sklearn.metrics import roc_auc_score

from evaluation_scripts.suites.comparison import compare_all
from modeling_supreme.command_line import CommandLineError


SPLIT = "validation+test"
RHYTHM = f"ptb_xl/rhythm/{SPLIT}"


@pytest.fixture(scope="module")
def probed(make_checkpoint, suite_root, split_dir, tmp_path_factory):
    """eval_results.json and the folder of an evaluation with all that can be fitted."""
    folder = tmp_path_factory.mktemp("probed")
    checkpoint_dir = make_checkpoint("hybrid", trained_queries=["normal ecg", "atrial fibrillation"])
    script.main(
        [
            *("--model_name_or_path", str(checkpoint_dir), "--suite", "supreme6", "--output_dir", str(folder)),
            *("--protocol", "merl", "--split_dir", str(split_dir), "--data_root", str(suite_root), "--split", SPLIT),
            *("--baselines", "all", "--probe", "25", "100", "--probe_seeds", "3", "--transfer"),
            *("--html", str(folder / "page.html"), "--num_bootstrap_samples", "5"),
        ]
    )
    return json.loads((folder / "eval_results.json").read_text(encoding="utf-8")), folder


def test_probe_and_baselines_stand_in_the_result_of_every_set_that_has_training_records(probed):
    results = probed[0]["results"]

    assert set(results[RHYTHM]["baselines"]) == {"random", "demographics", "intervals"}
    assert {name for name, result in results.items() if "probe" in result} == set(results)
    assert results[RHYTHM]["probe"]["num_train_records"] == 16


def test_the_figure_of_a_baseline_follows_from_its_own_predictions(probed):
    results, folder = probed
    table = pd.read_parquet(folder / "baselines" / "demographics" / "predictions.parquet").query("config == 'rhythm'")

    entry = next(entry for entry in results["results"][RHYTHM]["conditions"] if entry["label"] == "AFIB")

    expected = roc_auc_score(table["label_AFIB"].astype(int), table["score_AFIB"])
    assert entry["baselines"]["demographics"] == pytest.approx(expected)


def test_the_difference_is_that_of_the_figures(probed):
    result = probed[0]["results"][RHYTHM]

    entry = result["baselines"]["random"]

    assert entry["system_less_this"] == pytest.approx(result["auroc_macro"] - entry["auroc_macro"])


def test_system_and_baseline_are_tested_on_the_same_records(probed):
    _, folder = probed
    tables = [pd.read_parquet(path / "predictions.parquet") for path in (folder, folder / "baselines" / "intervals")]

    keys = ["corpus", "config", "record_id", "split"]
    assert tables[0][keys].equals(tables[1][keys])


def test_a_baseline_is_an_evaluation_that_can_be_compared(probed):
    _, folder = probed

    report = compare_all([folder / "baselines" / "random", folder / "probe"], splits=SPLIT.split("+"))

    assert report["protocol"] == "merl"
    assert "ptb_xl/rhythm" in report["systems"][0]["sets"]


def test_a_share_of_the_labels_is_drawn_by_every_seed_and_all_of_them_once(probed):
    curve = probed[0]["results"][RHYTHM]["probe"]["curve"]

    assert [(point["percent"], point["num_train_records"]) for point in curve] == [(25, 4), (100, 16)]
    assert [len(point["auroc_macro_by_seed"]) for point in curve] == [3, 1]
    assert curve[0]["auroc_macro"] == pytest.approx(np.mean(curve[0]["auroc_macro_by_seed"]))
    assert curve[1]["auroc_macro_sd"] is None


def test_the_random_encoder_has_a_curve_and_age_has_none(probed):
    baselines = probed[0]["results"][RHYTHM]["baselines"]

    assert ["curve" in baselines[name] for name in ("random", "demographics")] == [True, False]


def test_records_in_which_nothing_is_measured_are_counted(probed):
    assert probed[0]["results"][RHYTHM]["baselines"]["intervals"]["num_unmeasured_records"] >= 0


def test_transfer_goes_between_corpora_only(probed):
    pairs = [(entry["learnt"], entry["tested"]) for entry in probed[0]["transfer"]]

    assert ("ptb_xl/rhythm", "cpsc2018/default") in pairs
    assert all(learnt.split("/")[0] != tested.split("/")[0] for learnt, tested in pairs)


def test_the_protocol_says_what_was_fitted(probed):
    assert probed[0]["protocol"]["probe"] == [25, 100]
    own = json.loads((probed[1] / "probe" / "eval_results.json").read_text(encoding="utf-8"))
    assert own["protocol"]["fitted_on"] == "train"


def test_page_and_table_of_conditions_show_them(probed):
    page = (probed[1] / "page.html").read_text(encoding="utf-8")

    assert "Fitted on the training labels" in page
    assert "Transfer across corpora" in page
    assert {"auroc_of_probe", "auroc_of_demographics"} <= set(pd.read_csv(probed[1] / "conditions.csv").columns)


def test_nothing_unfinished_is_left(probed):
    assert not (probed[1] / "unfinished").exists()


ASKED = ("--model_name_or_path", "m", "--output_dir", "o")
SUITE = ("--suite", "supreme6", "--data_root", "r")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            [*ASKED, *SUITE, "--probe", "0"],
            r"--probe 0 is no share of labels\. Give percent, as in `--probe 1 10 100`",
        ),
        ([*ASKED, *SUITE, "--probe", "1", "--probe_seeds", "0"], r"--probe_seeds is 0\. Give 1 or more"),
        ([*ASKED, *SUITE, "--baselines", "weight"], r"--baselines knows no weight\. Choose among all, random"),
        (
            [*ASKED, "--dataset_name", "ptb_xl", "--probe", "1"],
            r"--probe is fitted on the sets of a suite\. Add `--su",
        ),
        (
            [*ASKED, *SUITE, "--transfer", "--split", "train+test"],
            r"--transfer is fitted on the training.*Leave",
        ),
    ],
)
def test_what_cannot_be_fitted_is_refused_before_anything_is_read(flags, message):
    with pytest.raises(CommandLineError, match=message):
        script.main(flags)


def test_a_missing_library_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setattr("evaluation_scripts.probes.arguments.find_spec", lambda name: None)

    with pytest.raises(CommandLineError, match=r"neurokit2, which is not installed\. Install it with `pip"):
        script.main([*ASKED, *SUITE, "--baselines", "intervals"])
