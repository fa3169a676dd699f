"""`--compare`: paired differences per set and over all sets, of systems that were judged alike."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers.score_files import read_truth, replace_scores, score_suite, script

from evaluation_scripts.suites.comparison import compare_all, format_comparison


ALL = ("--split", "train+validation+test")
SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def systems(split_dir, tmp_path_factory):
    """Folders of a system that guesses and of one that knows something."""
    truth, generator = read_truth(split_dir), np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("systems")
    for name, knowledge in {"guess": 0.0, "know": 1.5}.items():
        scores = replace_scores(
            truth, lambda labels, share=knowledge: share * np.nan_to_num(labels) + generator.normal(size=labels.shape)
        )
        score_suite(scores, split_dir, folder / name, *ALL)
    return folder


def test_the_difference_is_that_of_the_figures(systems):
    report = compare_all([systems / "guess", systems / "know"], splits=SPLITS, num_bootstrap_samples=20)

    figures = [json.loads((systems / name / "eval_results.json").read_text()) for name in ("guess", "know")]
    (system,) = report["systems"]
    macros = [own["overall"]["auroc_macro"] for own in figures]
    assert system["overall"]["difference"] == pytest.approx(macros[1] - macros[0])
    assert system["sets"]["ptb_xl/rhythm"]["auroc_macro"] == pytest.approx(
        [own["results"]["ptb_xl/rhythm/train+validation+test"]["auroc_macro"] for own in figures]
    )
    assert report["protocol"] == "merl"


def test_every_system_is_compared_with_the_first(systems):
    report = compare_all(
        [systems / "know", systems / "guess", systems / "know"], splits=SPLITS, num_bootstrap_samples=10
    )

    assert [system["overall"]["difference"] < 0 for system in report["systems"]] == [True, False]
    assert report["systems"][1]["overall"]["difference_ci95"] == [0.0, 0.0]
    assert "mean of 6 sets" in format_comparison(report)


def test_the_command_prints_the_differences_and_writes_them(systems, tmp_path, capsys):
    flags = ("--num_bootstrap_samples", "5", "--output_dir", str(tmp_path), *ALL)
    script.main(["--compare", str(systems / "guess"), str(systems / "know"), *flags])

    assert "protocol: merl" in capsys.readouterr().out
    assert json.loads((tmp_path / "comparison.json").read_text())["systems"][0]["overall"]["num_sets"] == 6


def copy_system(systems, target, *, protocol="merl", change=None):
    target.mkdir()
    table = pd.read_parquet(systems / "know" / "predictions.parquet")
    (table if change is None else change(table)).to_parquet(target / "predictions.parquet", index=False)
    (target / "eval_results.json").write_text(json.dumps({"protocol": {"name": protocol}}))
    return target


def test_systems_under_different_protocols_are_not_compared(systems, tmp_path):
    other = copy_system(systems, tmp_path / "other", protocol="corrected")

    with pytest.raises(
        ValueError, match=r"under the protocol merl and .*other under corrected\. Evaluate both under one"
    ):
        compare_all([systems / "know", other], splits=SPLITS)


def test_systems_that_disagree_about_the_truth_are_not_compared(systems, tmp_path):
    def turn(table):
        is_first = (table["config"] == "rhythm") & (table["record_id"] == "1")
        return table.assign(label_SR=table["label_SR"].mask(is_first, 1 - table["label_SR"]))

    other = copy_system(systems, tmp_path / "other", change=turn)

    with pytest.raises(ValueError, match=r"ptb_xl/rhythm: .* disagree whether SR is true of record 1\. Evaluate both"):
        compare_all([systems / "know", other], splits=SPLITS)


def test_systems_without_a_shared_record_are_refused(systems, tmp_path):
    other = copy_system(
        systems, tmp_path / "other", change=lambda table: table.assign(record_id="x" + table["record_id"])
    )

    with pytest.raises(ValueError, match=r"share no record and condition of the split test"):
        compare_all([systems / "know", other])


def test_a_folder_without_predictions_is_refused(systems, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"predictions\.parquet does not exist\. Let `--compare` name folders"):
        compare_all([systems / "know", tmp_path])
