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
import torch
from accelerate import Accelerator
from conftest import ROOT, load_script
from sklearn.metrics import roc_auc_score
from transformers import AutoModel, AutoProcessor, pipeline

from datasets_scripts import load_corpus
from datasets_scripts.collator import StripCollator
from datasets_scripts.terminology.findings import load_terminology
from modeling_supreme import STANDARD_LEADS, SupremeEcgConfig, SupremeEcgFeatureExtractor, SupremeForEcgClassification
from modeling_supreme.queries import encode_query_wordings


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


def test_a_score_is_the_models_probability_for_the_name_of_the_finding(evaluated, checkpoint_dir, ptb_xl_dir):
    row = load_corpus("ptb_xl", "superclass", data_dir=ptb_xl_dir)["test"][0]
    model, processor = AutoModel.from_pretrained(checkpoint_dir), AutoProcessor.from_pretrained(checkpoint_dir)
    strip = np.array(row["signal"], dtype=np.float32) / 1000

    inputs = processor(strip, ["hypertrophy"], sampling_rate=500, leads=STANDARD_LEADS, return_tensors="pt")
    score = model(**inputs).logits_per_ecg.sigmoid().item()

    table = evaluated[1].query("config == 'superclass'").set_index("record_id")
    assert table.loc[row["record_id"], "score_HYP"] == pytest.approx(score, abs=1e-5)


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


def test_the_template_surrounds_the_query(checkpoint_dir, ptb_xl_dir, tmp_path):
    flags = ("--dataset_config_name", "superclass", "--hypothesis_template", "an ecg showing {}")
    model, processor = AutoModel.from_pretrained(checkpoint_dir), AutoProcessor.from_pretrained(checkpoint_dir)
    row = load_corpus("ptb_xl", "superclass", data_dir=ptb_xl_dir)["test"][0]

    _, table = evaluate_corpus(checkpoint_dir, ptb_xl_dir, tmp_path, *flags)

    strip, queries = np.array(row["signal"], dtype=np.float32) / 1000, ["an ecg showing hypertrophy"]
    inputs = processor(strip, queries, sampling_rate=500, leads=STANDARD_LEADS, return_tensors="pt")
    assert table["score_HYP"][0] == pytest.approx(model(**inputs).logits_per_ecg.sigmoid().item(), abs=1e-5)


def test_a_finding_can_be_asked_for_in_all_its_wordings(checkpoint_dir, ptb_xl_dir, tmp_path):
    flags = ("--dataset_config_name", "superclass", "--query_wording", "all")
    model, processor = AutoModel.from_pretrained(checkpoint_dir), AutoProcessor.from_pretrained(checkpoint_dir)
    row = load_corpus("ptb_xl", "superclass", data_dir=ptb_xl_dir)["test"][0]
    embeds = encode_query_wordings(model, processor.tokenizer, [load_terminology().wordings("hypertrophy")])

    results, table = evaluate_corpus(checkpoint_dir, ptb_xl_dir, tmp_path, *flags)

    batch = StripCollator(processor.feature_extractor)([row])
    expected = model(**batch, query_embeds=embeds).logits_per_ecg.sigmoid().item()
    assert table["score_HYP"][0] == pytest.approx(expected, abs=1e-5)
    assert results["protocol"]["query_wording"] == "all"


@pytest.mark.parametrize(
    ("text", "query_wording", "wordings"),
    [
        ("hypertrophy", "name", ("hypertrophy",)),
        ("hypertrophy", "all", load_terminology().wordings("hypertrophy")),
        ("blue moon", "all", ("blue moon",)),
    ],
)
def test_wordings_are_those_of_the_terminology_where_it_knows_the_finding(text, query_wording, wordings):
    assert script.word_query(text, query_wording) == wordings


def test_composed_rules_answer_what_training_did_not_name(make_checkpoint, ptb_xl_dir, tmp_path):
    rule = {"findings": ["fast heart rate", "not p waves absent"], "source": "Page et al. 2016"}
    rules = [{"condition": "sinus tachycardia", "names": ["STACH"], "alternatives": [rule]}]
    trained = ["fast heart rate", "p waves absent", "sinus bradycardia"]
    checkpoint_dir = make_checkpoint("hybrid", trained_queries=trained, composed_rules=rules)
    flags = ("--dataset_config_name", "rhythm", "--composed_rules")

    results, table = evaluate_corpus(checkpoint_dir, ptb_xl_dir, tmp_path, *ALL_SPLITS, *flags)
    classify = pipeline("zero-shot-ecg-classification", model=str(checkpoint_dir))
    row = load_corpus("ptb_xl", "rhythm", data_dir=ptb_xl_dir)["test"].with_format("numpy")[0]
    (expected,) = classify(row, candidate_labels=["sinus tachycardia"], composed=True)

    queries = {entry["label"]: entry["query"] for entry in results["results"][RHYTHM]["conditions"]}
    score = table.set_index("record_id").loc[row["record_id"], "score_STACH"]
    assert queries["STACH"] == expected["source"] == "composed: fast heart rate and not p waves absent"
    assert queries["SBRAD"] == "sinus bradycardia"
    assert score == pytest.approx(expected["score"], abs=1e-4)


def test_the_number_of_records_can_be_limited(checkpoint_dir, ptb_xl_dir, tmp_path):
    flags = (*ALL_SPLITS, "--max_eval_samples", "3", "--dataset_config_name", "superclass")

    results, table = evaluate_corpus(checkpoint_dir, ptb_xl_dir, tmp_path, *flags)

    assert results["num_records"] == len(table) == 3
    assert results["protocol"]["max_eval_samples"] == 3


def test_a_split_that_does_not_exist_is_refused(checkpoint_dir, ptb_xl_dir, tmp_path):
    with pytest.raises(ValueError, match=r"ptb_xl has no split dev\. Choose among train, validation, test"):
        evaluate_corpus(checkpoint_dir, ptb_xl_dir, tmp_path, "--split", "dev+test")


def test_a_checkpoint_without_trained_queries_is_evaluated_with_a_warning(
    make_checkpoint, ptb_xl_dir, tmp_path, caplog
):
    checkpoint_dir = make_checkpoint("hybrid", trained_queries=[])

    with caplog.at_level(logging.WARNING):
        results, _ = evaluate_corpus(checkpoint_dir, ptb_xl_dir, tmp_path, "--dataset_config_name", "superclass")

    assert results["results"]["ptb_xl/superclass/test"]["seen"] is None
    assert results["results"]["ptb_xl/superclass/test"]["unseen"] is None
    assert "does not list the queries it was trained on" in caplog.text


def test_a_classifier_is_refused_with_the_place_of_its_figures(ptb_xl_dir, tmp_path):
    config = SupremeEcgConfig.from_preset("hybrid", id2label={0: "normal ecg"}, label2id={"normal ecg": 0})
    SupremeForEcgClassification(config).save_pretrained(tmp_path / "classifier")

    with pytest.raises(
        ValueError, match=r"classifier holds a SupremeEcgModel, which answers no queries.*eval_results"
    ):
        evaluate_corpus(tmp_path / "classifier", ptb_xl_dir, tmp_path)


def describe(label_names, trained_queries, *, config_name=None):
    Accelerator()  # accelerate's logger asks for it
    return script.describe_conditions(label_names, config_name=config_name, trained_queries=trained_queries)


@pytest.mark.parametrize(
    "trained", ["left bundle branch block", "Left-Bundle Branch  Block", "LBBB", "CLBBB", "164909002"]
)
def test_a_condition_is_seen_by_name_synonym_or_code(trained):
    assert [one.seen for one in describe(["CLBBB", "AFIB"], [trained])] == [True, False]


def test_a_kind_of_a_seen_condition_is_unseen():
    conditions = describe(["myocardial infarction", "inferior myocardial infarction"], ["myocardial infarction"])

    assert [one.seen for one in conditions] == [True, False]


def test_the_same_label_asks_for_another_finding_in_another_configuration():
    superclass, subclass = (
        describe(["STTC"], ["normal ecg"], config_name=name)[0] for name in ("superclass", "subclass")
    )

    assert superclass.query == "st-t changes"
    assert subclass.query == "nondiagnostic st-t changes"


def test_a_label_the_terminology_does_not_know_is_asked_for_by_its_own_name(caplog):
    with caplog.at_level(logging.WARNING):
        unknown, known = describe(["Blue Moon", "AFIB"], ["blue moon"])

    assert (unknown.query, unknown.finding, unknown.seen) == ("Blue Moon", None, True)
    assert (known.query, known.seen) == ("atrial fibrillation", False)
    assert caplog.text.count("does not know Blue Moon") == 1


def test_random_queries_have_the_mean_and_spread_of_the_real_ones():
    query_embeds = torch.tensor([[1.0, 10.0], [3.0, 10.0]])

    drawn = script.random_queries(query_embeds, 4000, seed=0)

    assert drawn.mean(dim=0).tolist() == pytest.approx([2.0, 10.0], abs=0.1)
    assert drawn.std(dim=0).tolist() == pytest.approx([1.0, 0.0], abs=0.05)


def test_random_queries_differ_from_each_other_and_come_from_the_seed():
    query_embeds = torch.tensor([[1.0, 10.0], [3.0, 12.0]])

    first, again, other = (script.random_queries(query_embeds, 2, seed=seed) for seed in (0, 0, 1))

    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])


def test_samples_and_leads_that_were_not_recorded_are_not_handed_on():
    signal = np.zeros((12, 5000), dtype=np.int16)
    signal[[1, 6], :3000] = np.array([[1000], [-500]]) * np.sign(np.sin(np.arange(3000)))
    lead_mask = np.isin(STANDARD_LEADS, ["II", "V1"])
    row = {"record_id": "short", "signal": signal, "lead_mask": lead_mask, "num_samples": 3000}

    batch = StripCollator(SupremeEcgFeatureExtractor(scale_mv=0.5))([row, row])

    assert batch["signal"].shape == (2, 12, 5000)
    assert batch["signal"].abs().amax(dim=-1)[0].tolist() == [0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]
    assert batch["lead_mask"][1].tolist() == lead_mask.tolist()
    assert batch["sample_mask"].sum(dim=-1).tolist() == [3000, 3000]


def make_arguments(**changes):
    return script.EvaluationArguments(
        **{"model_name_or_path": "checkpoint", "dataset_name": "ptb_xl", "output_dir": "out", **changes}
    )


@pytest.mark.parametrize(
    "given",
    [["superclass,rhythm"], ["superclass", "rhythm"], ["superclass,", " rhythm"]],
    ids=["commas", "blanks", "both"],
)
def test_configurations_may_be_separated_by_commas_or_blanks(given):
    assert make_arguments(dataset_config_name=given).dataset_config_name == ["superclass", "rhythm"]


def test_a_template_without_a_place_for_the_query_is_refused():
    with pytest.raises(ValueError, match=r"--hypothesis_template 'an ECG' has no place.*Write \{\} where"):
        make_arguments(hypothesis_template="an ECG")


@pytest.mark.parametrize(
    ("flag", "value"), [("max_eval_samples", 0), ("per_device_eval_batch_size", 0), ("num_bootstrap_samples", -1)]
)
def test_numbers_that_cannot_be_meant_are_refused(flag, value):
    with pytest.raises(ValueError, match=rf"--{flag} is {value}\. Give \d or more"):
        make_arguments(**{flag: value})


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
