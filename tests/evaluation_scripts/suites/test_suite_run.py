"""`--suite`: a checkpoint on all six sets under either protocol, with what is missing named."""

import json

import pandas as pd
import pytest
from helpers.records.suite_records import CLASSES
from helpers.score_files import script

from modeling_supreme.command_line import CommandLineError


def run_suite(checkpoint_dir, output_dir, *flags):
    script.main(
        [
            *("--model_name_or_path", str(checkpoint_dir), "--suite", "supreme6", "--output_dir", str(output_dir)),
            *("--num_bootstrap_samples", "10", *flags),
        ]
    )
    return json.loads((output_dir / "eval_results.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module", params=["merl", "corrected"])
def evaluated(request, make_checkpoint, suite_root, split_dir, tmp_path_factory):
    """Name of the protocol, eval_results.json and its folder, of all records."""
    checkpoint_dir = make_checkpoint("hybrid", trained_queries=["normal ecg", "atrial fibrillation"])
    output_dir = tmp_path_factory.mktemp(request.param)
    results = run_suite(
        checkpoint_dir,
        output_dir,
        *("--protocol", request.param, "--split_dir", str(split_dir), "--data_root", str(suite_root)),
        *("--split", "train+validation+test"),
    )
    return request.param, results, output_dir


def test_all_six_sets_run_under_either_protocol(evaluated):
    protocol, results, _ = evaluated

    assert [name.rpartition("/")[0] for name in results["results"]] == list(CLASSES)
    assert {result["protocol"] for result in results["results"].values()} == {protocol}
    assert sum(len(result["conditions"]) for result in results["results"].values()) == 106
    assert results["missing"] == {}


def test_only_the_corrected_protocol_asks_for_ten_positives(evaluated):
    protocol, results, _ = evaluated

    fewest = results["protocol"]["min_positives"]
    averaged = [
        entry for result in results["results"].values() for entry in result["conditions"] if entry["is_averaged"]
    ]
    assert fewest == {"merl": 1, "corrected": 10}[protocol]
    assert all(entry["num_positives"] >= fewest for entry in averaged)


def test_the_names_of_the_classes_are_those_of_the_protocol(evaluated):
    protocol, results, _ = evaluated

    entries = results["results"]["cpsc2018/default/train+validation+test"]["conditions"]
    named = {entry["label"]: entry["query"] for entry in entries}
    assert named["VPC" if protocol == "merl" else "PVC"] == "premature ventricular contraction"


def test_every_record_has_one_row_and_every_condition_one_line(evaluated):
    _, results, output_dir = evaluated

    table = pd.read_parquet(output_dir / "predictions.parquet")
    assert not table.duplicated(["record_id", "config", "corpus"]).any()
    assert table.groupby("corpus").size()["cpsc2018"] == 3
    assert len(pd.read_csv(output_dir / "conditions.csv")) == 106
    assert [row["is_measured_here"] for row in results["published"]] == [False] * 6


def test_unseen_conditions_stand_beside_their_controls(evaluated):
    result = evaluated[1]["results"]["ptb_xl/superclass/train+validation+test"]

    assert [entry["seen"] for entry in result["conditions"] if entry["label"] in ("NORM", "MI")] in (
        [True, False],
        [False, True],
    )
    assert set(result["unseen"]["controls"]) == {"normal_ecg", "random_queries"}


def test_sets_that_are_not_there_are_named_and_the_others_are_run(make_checkpoint, ptb_xl_dir, tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "ptb-xl").symlink_to(ptb_xl_dir, target_is_directory=True)

    results = run_suite(make_checkpoint("hybrid"), tmp_path, "--data_root", str(tmp_path / "root"))

    # Neither of the two records of the test fold has a form
    assert list(results["missing"]) == ["cpsc2018/default", "chapman_shaoxing_ningbo/merl", "ptb_xl/form"]
    assert list(results["results"]) == [f"ptb_xl/{name}/test" for name in ("superclass", "subclass", "rhythm")]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], r"`--model_name_or_path`, `--dataset_name`, `--output_dir` are missing\. See --help for what they are"),
        (
            ["--suite", "supreme6", "--protocol", "merl"],
            r"merl reads MERL's own tables\. Name their folder with `--split",
        ),
        (["--suite", "supreme6"], r"--suite supreme6 reads corpora\. Name the folder above them with `--data_root`"),
        (["--compare", "a"], r"--compare a has nothing to be compared with\. Name two or more"),
        (["--control_columns", "noise"], r"--control_columns noise are columns of a file.*Add `--predictions`"),
        (["--fold_table", "folds.csv"], r"--fold_table folds\.csv splits the sets of a suite\. Add `--suite`"),
        (["--html", "page.html"], r"--html page\.html shows a suite or anybody's scores\. Add `--suite` or"),
        (
            ["--predictions", "a.csv", "--robustness", "all"],
            r"--robustness asks a checkpoint about disturbed recordings\. Leave `--predictions` and `--compare` out",
        ),
        (
            ["--compare_wordings"],
            r"--compare_wordings asks a checkpoint about a suite\. Add `--suite` and a checkpoint",
        ),
        (["--predictions", "a.csv"], r"`--output_dir` is missing"),
    ],
)
def test_a_command_line_that_says_too_little_is_refused(flags, message):
    with pytest.raises(CommandLineError, match=message):
        script.main(flags)


def test_other_wordings_and_disturbances_are_tried_where_they_are_asked_for(make_checkpoint, suite_root, tmp_path):
    results = run_suite(
        make_checkpoint("hybrid"),
        tmp_path,
        *("--data_root", str(suite_root / "CPSC_2018"), "--split", "train+validation+test"),
        *("--compare_wordings", "--robustness", "arms", "leads", "--html", str(tmp_path / "page.html")),
    )

    result = results["results"]["cpsc2018/default/train+validation+test"]
    entry = next(entry for entry in result["conditions"] if entry["label"] == "PVC")
    assert entry["wordings"]["names"] == pytest.approx(entry["auroc"])
    assert entry["auroc_worst_wording"] == min(entry["wordings"].values())
    assert entry["wording_spread"] == pytest.approx(max(entry["wordings"].values()) - entry["auroc_worst_wording"])
    curves = result["robustness"]
    assert curves["leads"][0]["level"] == "12 leads"
    assert curves["leads"][0]["auroc"]["PVC"] == pytest.approx(entry["auroc"])
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "leads: AUROC of each condition, and the mean" in page


def test_a_disturbance_that_does_not_exist_is_refused_before_anything_is_read(make_checkpoint, suite_root, tmp_path):
    with pytest.raises(ValueError, match=r"--robustness knows no gravity\. Choose among all, leads"):
        run_suite(make_checkpoint("hybrid"), tmp_path, "--data_root", str(suite_root), "--robustness", "gravity")
