"""The command leaves a checkpoint that decides, with what it was fitted on, and scores as the pipeline does."""

import json

import numpy as np
import pytest
from huggingface_hub import ModelCard
from transformers import AutoModel, AutoProcessor, pipeline

from modeling_supreme.command_line import CommandLineError
from training_scripts.decisions.__main__ import main
from training_scripts.decisions.arguments import DecisionArguments
from training_scripts.decisions.score import find_real_truth, list_conditions, score_records, simulate


NUM_RECORDS = 90
TRAINED = ["p waves present", "regular rr intervals", "sinus rhythm", "gout"]
DEFINITION = {
    "condition": "conduction disturbance",
    "names": ["CD"],
    "expression": 'not "sinus rhythm"',
    "source": "Made up",
    "is_reviewed": True,
}
CARD = "---\nlanguage: en\n---\n\n# checkpoint\n\n## Use\n\nAsk it.\n\n## Limits\n\nMany.\n"


@pytest.fixture(scope="module")
def plain_dir(make_checkpoint):
    """A random model with four trained findings and a definition."""
    folder = make_checkpoint("hybrid", trained_queries=TRAINED, definitions=[DEFINITION])
    (folder / "README.md").write_text(CARD)
    return folder


@pytest.fixture(scope="module")
def plain_config(plain_dir):
    """The configuration as it was before."""
    return json.loads((plain_dir / "config.json").read_text())


@pytest.fixture(scope="module")
def folder(plain_dir, plain_config):
    """The checkpoint after the command, run twice."""
    for _ in range(2):
        main(["--model_name_or_path", str(plain_dir), "--num_records", str(NUM_RECORDS)])
    return plain_dir


@pytest.fixture(scope="module")
def results(folder):
    return json.loads((folder / "decision_results.json").read_text())


@pytest.fixture(scope="module")
def classify(folder):
    return pipeline("zero-shot-ecg-classification", model=str(folder), device="cpu")


class TestFolder:
    def test_nothing_else_of_the_configuration_changes(self, folder, plain_config):
        after = json.loads((folder / "config.json").read_text())

        assert {**after, "decisions": {}} == plain_config

    def test_it_decides_what_simulated_records_show(self, classify):
        decisions = classify.model.config.decisions

        assert set(decisions) == {"p waves present", "regular rr intervals", "sinus rhythm", "conduction disturbance"}
        assert {entry["records"] for entry in decisions.values()} == {"simulated"}
        assert decisions["conduction disturbance"]["answered_by"] == 'composed: not "sinus rhythm"'

    def test_what_nobody_knows_is_listed_with_a_reason(self, results):
        assert results["undecided"] == {"gout": "no record says whether it shows it"}

    def test_the_calibration_error_falls(self, results):
        mean = results["mean"]["simulated"]

        assert mean["num_conditions"] == 4
        assert mean["ece_after"] < mean["ece_before"]

    def test_the_figures_are_of_the_records_that_were_not_fitted(self, results):
        entry = results["conditions"]["sinus rhythm"]

        assert entry["num_records"] + entry["checked"]["num_records"] == NUM_RECORDS
        assert entry["youden"]["threshold"] == entry["checked"]["youden"]["threshold"]

    def test_the_card_has_one_section_before_the_limits(self, folder):
        card = ModelCard.load(folder / "README.md").text

        assert card.count("## Decisions") == 1
        assert card.index("## Use") < card.index("## Decisions") < card.index("## Limits")
        assert "The scores of 4 conditions are calibrated" in card
        assert "\nMany.\n" in card

    def test_a_picture_is_drawn(self, folder):
        assert (folder / "calibration.png").read_bytes().startswith(b"\x89PNG")


class TestScores:
    def test_they_are_those_of_the_pipeline_without_decisions(self, plain_dir, plain_config, tmp_path):
        model, processor = (each.from_pretrained(plain_dir) for each in (AutoModel, AutoProcessor))
        model.config.decisions = {}
        conditions = list_conditions(model.config)
        options = {"num_records": 3, "batch_size": 1, "description": ""}
        scores = score_records(model.eval(), processor, conditions, simulate(conditions, 3), **options)
        parts = {"feature_extractor": processor.feature_extractor, "tokenizer": processor.tokenizer}
        ask = pipeline("zero-shot-ecg-classification", model=model, **parts)

        entries = [each.recording for each in simulate(conditions, 3)]
        answers = [{each["label"]: each["score"] for each in ask(entry, conditions)} for entry in entries]

        np.testing.assert_array_equal(scores.scores, [[found[name] for name in conditions] for found in answers])

    def test_the_truth_is_what_the_simulator_shows(self):
        records = list(simulate(["sinus rhythm", "Heart Rate above 100 per minute"], 40))

        fast = [record.truth[1] for record in records]
        assert 0 < sum(fast) < 40
        assert {value for record in records for value in record.truth} == {0.0, 1.0}


class TestRealTruth:
    class Records:
        """Three records of PTB-XL with two labels, of the second of which one is unknown."""

        label_names, config_name = ["AFIB", "NORM"], "rhythm"

        def read_labels(self):
            return np.array([[1.0, 0.0], [0.0, np.nan], [0.0, 1.0]])

    def test_labels_stand_for_conditions(self):
        named, truth = find_real_truth(self.Records(), ["normal ecg", "gout", "atrial fibrillation"])

        assert named == ("normal ecg", "atrial fibrillation")
        np.testing.assert_array_equal(truth, [[0, 1], [np.nan, 0], [1, 0]])


class TestRefusals:
    def test_a_folder_without_a_checkpoint(self, tmp_path):
        with pytest.raises(CommandLineError, match=r"there is no config.json. Name the folder of a checkpoint"):
            main(["--model_name_or_path", str(tmp_path)])

    def test_a_data_folder_without_a_corpus(self):
        with pytest.raises(ValueError, match=r"came without `--dataset_name`. Name the corpus"):
            DecisionArguments("folder", data_dir="ptb-xl")

    def test_too_few_records(self):
        with pytest.raises(ValueError, match=r"`--num_records` is 3. Give 30 or more"):
            DecisionArguments("folder", num_records=3)
