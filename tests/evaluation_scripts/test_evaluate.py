"""`evaluate.py`: scores are the model's, figures follow from `predictions.parquet`, and the library keeps its name."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.records.ptb_xl_records import make_microvolts, write_ptb_xl_record
from helpers.repository import ROOT, load_script
from helpers.training_runs import InterruptedRunError
from sklearn.metrics import roc_auc_score
from transformers import AutoModel, AutoProcessor

from datasets_scripts import load_corpus
from datasets_scripts.collator import StripCollator
from evaluation_scripts.passes import records_pass
from evaluation_scripts.passes.kept_shards import KeptShards


script = load_script("evaluate")


def run_in_root(*command):
    """Run Python in the folder of the scripts, warnings being errors."""
    environment = {**os.environ, "PYTHONWARNINGS": "error", "TQDM_DISABLE": "1"}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def checkpoint_dir(make_checkpoint):
    """A checkpoint trained on the normal ECG and on myocardial infarction, the latter in another spelling."""
    return make_checkpoint("hybrid", trained_queries=["normal ecg", "Myocardial-Infarction"])


def evaluate_corpus(checkpoint_dir, data_dir, output_dir, *flags):
    """Run the script in this process on PTB-XL's layout; returns both files it leaves."""
    script.main(
        [
            *("--model_name_or_path", str(checkpoint_dir), "--output_dir", str(output_dir)),
            *("--dataset_name", "ptb_xl", "--data_dir", str(data_dir), "--num_bootstrap_samples", "20", *flags),
        ]
    )
    results = json.loads((output_dir / "eval_results.json").read_text(encoding="utf-8"))
    return results, pd.read_parquet(output_dir / "predictions.parquet")


ALL_SPLITS = ("--split", "train+validation+test")


@pytest.fixture(scope="module")
def evaluated(checkpoint_dir, ptb_xl_dir, tmp_path_factory):
    """Superclasses and rhythms of all twenty records."""
    output_dir = tmp_path_factory.mktemp("evaluated")
    return evaluate_corpus(
        checkpoint_dir, ptb_xl_dir, output_dir, *ALL_SPLITS, "--dataset_config_name", "superclass,rhythm"
    )


SUPERCLASS = "ptb_xl/superclass/train+validation+test"
RHYTHM = "ptb_xl/rhythm/train+validation+test"


def test_the_auroc_follows_from_the_predictions(evaluated):
    results, table = evaluated
    table = table.query("config == 'superclass'")

    figures = results["results"][SUPERCLASS]

    assert figures["auroc_MI"] == pytest.approx(roc_auc_score(table["label_MI"].astype(int), table["score_MI"]))
    assert figures["conditions"][1]["auroc"] == figures["auroc_MI"]


def test_the_normal_ecg_control_is_minus_the_score_of_the_normal_ecg(evaluated):
    results, table = evaluated
    table = table.query("config == 'superclass'")
    abnormal = table.query("label_NORM == 0")

    entry = results["results"][SUPERCLASS]["conditions"][4]

    assert entry["label"] == "HYP"
    assert entry["controls"]["normal_ecg"] == pytest.approx(
        roc_auc_score(table["label_HYP"].astype(int), -table["score_NORM"])
    )
    assert entry["among_non_normal"]["controls"]["normal_ecg"] == pytest.approx(
        roc_auc_score(abnormal["label_HYP"].astype(int), -abnormal["score_NORM"])
    )
    assert entry["among_non_normal"]["auroc"] == pytest.approx(
        roc_auc_score(abnormal["label_HYP"].astype(int), abnormal["score_HYP"])
    )


def test_seen_is_what_training_asked_for(evaluated):
    conditions = evaluated[0]["results"][SUPERCLASS]["conditions"]

    assert {entry["label"]: entry["seen"] for entry in conditions} == {
        "NORM": True,
        "MI": True,
        "STTC": False,
        "CD": False,
        "HYP": False,
    }


def test_a_label_set_without_a_normal_ecg_has_nothing_among_non_normal_records(evaluated):
    assert evaluated[0]["results"][RHYTHM]["unseen"]["among_non_normal"] is None


def test_a_corpus_is_asked_again_with_every_disturbance(checkpoint_dir, ptb_xl_dir, tmp_path, capsys):
    flags = (*ALL_SPLITS, "--dataset_config_name", "superclass", "--robustness", "arms", "length")

    results, _ = evaluate_corpus(checkpoint_dir, ptb_xl_dir, tmp_path, *flags)

    result = results["results"][SUPERCLASS]
    assert [level["level"] for level in result["robustness"]["length"]] == ["10 s", "5 s", "2.5 s"]
    unchanged = result["robustness"]["length"][0]
    assert unchanged["auroc"]["MI"] == pytest.approx(result["auroc_MI"])
    assert unchanged["auroc_macro"] == pytest.approx(result["auroc_macro"])
    assert result["robustness"]["arms"][0]["auroc"] != unchanged["auroc"]
    assert "\nlength  10 s " in capsys.readouterr().out


def test_several_configurations_share_both_files(evaluated):
    results, table = evaluated

    assert list(results["results"]) == [SUPERCLASS, RHYTHM]
    assert "auroc_macro" not in results
    assert table.groupby("config").size().to_dict() == {"rhythm": 20, "superclass": 18}
    assert table.query("config == 'rhythm'")["score_MI"].isna().all()


def test_predictions_say_which_split_a_record_is_of(evaluated):
    table = evaluated[1].query("config == 'rhythm'")

    assert table.groupby("split").size().to_dict() == {"test": 2, "train": 16, "validation": 2}
    assert set(table.query("split == 'test'")["patient_id"]) == {"1010", "1020"}


def test_the_protocol_is_written_beside_the_figures(evaluated):
    protocol = evaluated[0]["protocol"]

    assert protocol["min_positives"] == 1
    assert protocol["hypothesis_template"] == "{}"
    assert "at least 1 positive" in protocol["description"]


def test_a_single_result_stands_at_the_top_level_too(checkpoint_dir, ptb_xl_dir, tmp_path):
    results, _ = evaluate_corpus(
        checkpoint_dir, ptb_xl_dir, tmp_path, *ALL_SPLITS, "--dataset_config_name", "superclass"
    )

    assert results["auroc_macro"] == results["results"][SUPERCLASS]["auroc_macro"]
    assert results["auroc_HYP"] == results["results"][SUPERCLASS]["auroc_HYP"]
    assert results["num_records"] == 18


def test_figures_depend_neither_on_the_batch_size_nor_on_the_run(evaluated, checkpoint_dir, ptb_xl_dir, tmp_path):
    flags = (*ALL_SPLITS, "--dataset_config_name", "superclass", "rhythm", "--per_device_eval_batch_size", "3")

    _, table = evaluate_corpus(checkpoint_dir, ptb_xl_dir, tmp_path, *flags)

    pd.testing.assert_frame_equal(table, evaluated[1], atol=1e-5)


def test_an_evaluation_that_was_ended_goes_on_and_leaves_the_files_of_one_that_was_not(
    checkpoint_dir, ptb_xl_dir, tmp_path, monkeypatch
):
    flags = (*ALL_SPLITS, "--dataset_config_name", "superclass", "--per_device_eval_batch_size", "4")
    monkeypatch.setattr(records_pass, "RECORDS_PER_SHARD", 8)
    with monkeypatch.context() as patch:
        patch.setattr(KeptShards, "write", write_once_and_end)
        with pytest.raises(InterruptedRunError, match="after shard 0"):
            evaluate_corpus(checkpoint_dir, ptb_xl_dir, tmp_path / "ended", *flags)
    kept = [path.name for path in (tmp_path / "ended" / "unfinished").rglob("*.safetensors")]

    evaluate_corpus(checkpoint_dir, ptb_xl_dir, tmp_path / "ended", *flags)

    evaluate_corpus(checkpoint_dir, ptb_xl_dir, tmp_path / "whole", *flags)
    files = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("ended", "whole")]
    assert kept == ["shard-00000.safetensors"]
    assert files[0].keys() == {"eval_results.json", "predictions.parquet"}
    assert files[0] == files[1]


def write_once_and_end(shards, number, arrays, write=KeptShards.write):
    write(shards, number, arrays)
    raise InterruptedRunError(f"after shard {number}")


def test_the_number_of_records_can_be_limited(checkpoint_dir, ptb_xl_dir, tmp_path):
    flags = (*ALL_SPLITS, "--max_eval_samples", "3", "--dataset_config_name", "superclass")

    results, table = evaluate_corpus(checkpoint_dir, ptb_xl_dir, tmp_path, *flags)

    assert results["num_records"] == len(table) == 3
    assert results["protocol"]["max_eval_samples"] == 3


def test_a_checkpoint_without_trained_queries_is_evaluated_with_a_warning(
    make_checkpoint, ptb_xl_dir, tmp_path, caplog
):
    checkpoint_dir = make_checkpoint("hybrid", trained_queries=[])

    with caplog.at_level(logging.WARNING):
        results, _ = evaluate_corpus(checkpoint_dir, ptb_xl_dir, tmp_path, "--dataset_config_name", "superclass")

    assert results["results"]["ptb_xl/superclass/test"]["seen"] is None
    assert results["results"]["ptb_xl/superclass/test"]["unseen"] is None
    assert "does not list the queries it was trained on" in caplog.text


def test_flags_override_the_recipe(checkpoint_dir, ptb_xl_dir, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"model_name_or_path: {checkpoint_dir}\ndataset_name: ptb_xl\ndata_dir: {ptb_xl_dir}\noutput_dir: {tmp_path}\n"
        "dataset_config_name: [superclass]\nsplit: train\nnum_bootstrap_samples: 0\n",
        encoding="utf-8",
    )

    script.main([str(recipe), "--split", "test"])

    results = json.loads((tmp_path / "eval_results.json").read_text(encoding="utf-8"))
    assert list(results["results"]) == ["ptb_xl/superclass/test"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six records without labels, with the QRS durations that a table states of all but one."""
    folder = tmp_path_factory.mktemp("measured")
    for index in range(6):
        write_ptb_xl_record(folder / f"r{index}", make_microvolts(index), sampling_rate=500)
    table = {"file_name": [f"r{index}" for index in range(6)], "qrs_ms": [90, 100, None, 110, 95, 105]}
    pd.DataFrame(table).to_csv(folder / "metadata.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def measuring_dir(make_checkpoint):
    """A checkpoint that measures QRS duration and axis."""
    return make_checkpoint("hybrid", trained_queries=["normal ecg"], measurements=["axis_deg", "qrs_ms"])


class TestMeasurements:
    def test_figures_follow_from_the_predictions(self, measuring_dir, folder, tmp_path):
        flags = ("--dataset_name", "ecg_folder", "--measurements", *ALL_SPLITS)

        results, table = evaluate_corpus(measuring_dir, folder, tmp_path, *flags)

        (entry,) = results["results"]["ecg_folder/default/train+validation+test"]["measurements"]
        errors = (table["value_qrs_ms"] - table["reference_qrs_ms"]).dropna()
        assert (entry["measurement"], entry["num_records"]) == ("qrs_ms", 5)
        assert entry["mean_absolute_error"] == pytest.approx(errors.abs().mean())
        assert results["protocol"]["measurements"] is True
        assert (tmp_path / "measurements.png").is_file()

    def test_the_value_is_that_of_the_model(self, measuring_dir, folder, tmp_path):
        flags = ("--dataset_name", "ecg_folder", "--measurements", *ALL_SPLITS)
        rows = load_corpus("ecg_folder", data_dir=folder, split="train+validation+test")
        model, processor = AutoModel.from_pretrained(measuring_dir), AutoProcessor.from_pretrained(measuring_dir)
        batch = StripCollator(processor.feature_extractor)(rows.with_format("numpy"))
        queries = model.get_query_embeds(**processor.tokenizer(["normal ecg"], return_tensors="pt"))

        expected = model(**batch, query_embeds=queries).measurements.value[:, 1]

        _, table = evaluate_corpus(measuring_dir, folder, tmp_path, *flags)
        values = table.set_index("record_id")["value_qrs_ms"].loc[rows["record_id"][:]]
        np.testing.assert_allclose(values, expected.detach(), rtol=1e-4)

    def test_simulated_records_have_references_of_everything(self, measuring_dir, tmp_path):
        flags = (
            "--dataset_name",
            "simulated",
            "--num_records",
            "40",
            "--measurements",
            "--num_bootstrap_samples",
            "5",
        )

        script.main(["--model_name_or_path", str(measuring_dir), "--output_dir", str(tmp_path), *flags])

        results = json.loads((tmp_path / "eval_results.json").read_text(encoding="utf-8"))
        entries = results["results"]["simulated/default/test"]["measurements"]
        assert [entry["measurement"] for entry in entries] == ["axis_deg", "qrs_ms"]
        assert results["results"]["simulated/default/test"]["conditions"]

    def test_a_checkpoint_that_measures_nothing_is_refused(self, checkpoint_dir, folder, tmp_path):
        with pytest.raises(ValueError, match=r"has no measurement head.*Leave `--measurements` out"):
            evaluate_corpus(checkpoint_dir, folder, tmp_path, "--dataset_name", "ecg_folder", "--measurements")

    def test_records_without_labels_have_nothing_else_to_evaluate(self, measuring_dir, folder, tmp_path):
        with pytest.raises(ValueError, match=r"ecg_folder/default/.* has no labels to evaluate.*`--measurements`"):
            evaluate_corpus(measuring_dir, folder, tmp_path, "--dataset_name", "ecg_folder", *ALL_SPLITS)


@pytest.mark.slow
def test_importing_evaluate_beside_the_script_gives_the_library_which_loads_the_metric():
    code = """
import evaluate
metric = evaluate.load("metrics/multilabel_auroc")
print(evaluate.__file__, metric.compute(predictions=[[0.1], [0.8]], references=[[0], [1]])["auroc_macro"])
"""

    done = run_in_root("-c", code)

    assert done.returncode == 0, done.stderr
    path, auroc = done.stdout.split()[-2:]
    assert Path(path).parent != ROOT
    assert auroc == "1.0"


@pytest.mark.slow
def test_the_metric_finds_the_library_when_it_is_imported_first():
    code = """
from metrics.multilabel_auroc import multilabel_auroc
import evaluate
print(multilabel_auroc.evaluate is evaluate)
"""

    done = run_in_root("-c", code)

    assert (done.returncode, done.stdout.strip()) == (0, "True"), done.stderr


@pytest.mark.slow
def test_pytest_started_beside_the_script_sees_the_library(tmp_path):
    (tmp_path / "test_import.py").write_text(
        "import evaluate\n\n\ndef test_library():\n    assert evaluate.load and evaluate.Metric\n", encoding="utf-8"
    )

    done = run_in_root("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path))

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_missing_library_is_reported_with_the_remedy(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT), ""])
    monkeypatch.chdir(ROOT)

    with pytest.raises(ModuleNotFoundError, match=r"`evaluate` is not installed for .*pip install evaluate"):
        script.import_library_of_this_name()


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [(), ("-m", "accelerate.commands.launch", "--cpu")], ids=["python", "accelerate"])
def test_the_script_runs_from_the_command_line(launcher, checkpoint_dir, ptb_xl_dir, tmp_path):
    flags = ("--model_name_or_path", str(checkpoint_dir), "--output_dir", str(tmp_path), "--dataset_name", "ptb_xl")

    done = run_in_root(
        *launcher, "evaluate.py", *flags, "--data_dir", str(ptb_xl_dir), "--dataset_config_name", "superclass"
    )

    assert done.returncode == 0, done.stderr
    assert "ptb_xl/superclass/test: 2 records of 2 patients" in done.stdout
    assert (tmp_path / "eval_results.json").is_file()
