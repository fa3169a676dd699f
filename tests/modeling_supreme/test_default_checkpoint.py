"""The checkpoint in the box: found without a name, small, offline, calibrated, and good on real records."""

import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from helpers.forked_python import run_forked
from helpers.repository import ROOT
from huggingface_hub import ModelCard
from sklearn.metrics import roc_auc_score
from transformers import AutoModel, AutoProcessor, pipeline

from datasets_scripts.terminology.definition_table import names_for_checkpoint
from modeling_supreme import SupremeModel, SupremeProcessor, default_checkpoint
from modeling_supreme.definitions import parse_definitions
from training_scripts.run.upload import PATH_IN_TEXT
from training_scripts.shipping.describe import read_rounds
from training_scripts.shipping.zoo import tabulate_cards


FOLDER = Path(default_checkpoint())
TASK = "zero-shot-ecg-classification"
LEADS = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]
LOADS_WITHOUT_A_NETWORK = """
import socket
def refuse(*_): raise AssertionError("somebody asked the network")
socket.socket.connect = refuse
import modeling_supreme
from transformers import pipeline
classify = pipeline("zero-shot-ecg-classification")
print(classify.model.config.num_fusion_layers)
"""


@pytest.fixture(scope="module")
def classify():
    return pipeline(TASK)


class TestFolder:
    def test_it_is_small_and_holds_data_alone(self):
        files = [path for path in FOLDER.iterdir() if path.is_file()]

        assert sum(path.stat().st_size for path in files) <= 25e6
        assert {path.suffix for path in files} <= {".json", ".safetensors", ".md", ".yaml", ".png"}

    def test_it_says_nothing_of_the_machine_it_was_trained_on(self):
        said = [path for path in FOLDER.iterdir() if path.suffix in (".json", ".yaml", ".md")]

        assert [path.name for path in said if PATH_IN_TEXT.search(path.read_text("utf-8"))] == []

    def test_the_recipes_that_are_committed_trained_it(self):
        names = ("default.yaml", "default_rounds/second.yaml", "default_rounds/third.yaml")
        recipes = [yaml.safe_load((ROOT / "configs" / name).read_text()) for name in names]
        rounds = read_rounds(FOLDER)

        settled = [{name: own[name] for name in recipe} for own, recipe in zip(rounds, recipes, strict=True)]
        assert settled == recipes

    def test_the_figures_of_the_readme_are_those_of_the_card(self):
        table = tabulate_cards([str(FOLDER)])

        assert table in (ROOT / "README.md").read_text("utf-8")

    def test_the_card_has_figures_of_records_that_training_has_not_seen(self):
        card = ModelCard.load(FOLDER / "README.md")

        splits = {(result.dataset_type, result.dataset_split) for result in card.data.eval_results}
        assert splits == {("ptb_xl", "test"), ("simulated", "test")}
        assert "PTB-XL" in card.text
        assert "CC BY 4.0" in card.text


class TestLoading:
    @pytest.mark.slow
    def test_the_pipeline_takes_it_without_a_network(self):
        done = run_forked("-c", LOADS_WITHOUT_A_NETWORK)

        assert done.returncode == 0, done.stderr[-2000:]
        assert done.stdout.split() == ["2"]

    def test_auto_classes_take_its_folder(self):
        assert isinstance(AutoModel.from_pretrained(default_checkpoint()), SupremeModel)
        assert isinstance(AutoProcessor.from_pretrained(default_checkpoint()), SupremeProcessor)

    def test_it_is_ready_in_a_few_seconds(self):
        pipeline(TASK)  # whatever is imported late is imported now

        start = time.process_time()
        pipeline(TASK)

        assert time.process_time() - start < 3

    def test_a_missing_folder_is_named(self, monkeypatch, tmp_path):
        monkeypatch.setattr("modeling_supreme.registration.shipped.DEFAULT_FOLDER", tmp_path / "nothing")

        with pytest.raises(FileNotFoundError, match=r"nothing holds no weights.*Install it again"):
            default_checkpoint()


class TestAnswers:
    def test_every_definition_that_it_carries_is_read(self, classify):
        config = classify.model.config

        assert len(parse_definitions(config.definitions)) >= 200
        assert len(config.measurements) > 50

    def test_scores_are_calibrated_and_decided(self, classify):
        decisions = classify.model.config.decisions

        assert len(decisions) > 100
        time_s = np.arange(5000) / 500
        strip = np.tile(np.exp(-(((time_s % 0.8) - 0.4) ** 2) / 2e-4), (12, 1))
        (result,) = classify(strip, sampling_rate=500, leads=LEADS, candidate_labels=["atrial fibrillation"])
        assert set(result) >= {"label", "score", "seen", "source", "present"}

    def test_other_names_of_a_condition_have_its_answer(self, classify):
        names = ["sinus bradycardia", "SBRAD", "SB", "426177001", "Sinus bradycardia?", "this ECG shows sinus brady"]
        strip = {"array": np.random.default_rng(0).normal(0, 0.1, (12, 5000)), "sampling_rate": 500, "leads": LEADS}

        answers = classify(strip, candidate_labels=names)

        assert {answer["score"] for answer in answers} == {answers[0]["score"]}
        assert {answer["seen"] for answer in answers} == {True}
        assert {answer["source"] for answer in answers} == {"query", "query: sinus bradycardia"}

    def test_its_names_are_those_of_the_terminology(self, classify):
        config = classify.model.config

        assert config.condition_names == names_for_checkpoint(config.trained_queries, config.definitions)

    @pytest.mark.data
    def test_it_knows_real_records_that_training_has_not_seen(self, classify, data_dir):
        folder = data_dir / "ptb-xl"
        table = [row for row in read_ptb_xl(folder) if row["strat_fold"] >= 9 and row["ecg_id"] <= 500]
        labels = {"normal ecg": "NORM", "atrial fibrillation": "AFIB", "left bundle branch block": "CLBBB"}

        answers = classify(
            [str(folder / row["filename_hr"]) for row in table], candidate_labels=list(labels), batch_size=16
        )

        for label, code in labels.items():
            truth = [code in row["codes"] for row in table]
            scores = [next(each["score"] for each in answer if each["label"] == label) for answer in answers]
            assert roc_auc_score(truth, scores) > 0.85


def read_ptb_xl(folder):
    """Rows of the table of PTB-XL whose records are at hand."""
    import ast

    import pandas as pd

    table = pd.read_csv(folder / "ptbxl_database.csv")
    table["codes"] = table["scp_codes"].map(ast.literal_eval)
    is_there = table["filename_hr"].map(lambda name: (folder / f"{name}.dat").is_file())
    return table[is_there].to_dict("records")
