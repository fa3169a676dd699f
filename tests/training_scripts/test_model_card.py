"""`write_model_card`: a card whose every figure is that of the run, and whose metadata the Hub reads."""

import pytest
from huggingface_hub import ModelCard

from training_scripts.card import PLAIN_CARD, CardStyle, describe_corpus, write_model_card
from training_scripts.objectives.supervised import SupervisedObjective


STYLE = SupervisedObjective.card

SETTINGS = {
    "model_name_or_path": None,
    "ecg_encoder": "hybrid",
    "text_model_name_or_path": "ncbi/MedCPT-Query-Encoder",
    "freeze_text_encoder": True,
    "dataset_name": ["ptb_xl"],
    "dataset_config_name": ["hierarchy"],
    "dataset_weights": [],
    "report_labels": [],
    "per_device_train_batch_size": 64,
    "learning_rate": 0.002,
    "lr_scheduler_type": "cosine",
    "seed": 7,
    "hub_model_id": None,
    "held_out_records": "remove",
}
RESULTS = {
    "num_steps": 900,
    "train_loss": 0.1,
    "validation_loss": 0.25,
    "validation_auroc_macro": 0.87654321,
    "num_validated_findings": 41,
    "num_train_records": 398,
    "num_findings": 83,
    "held_out_findings": [],
    "sampling_rate": 500,
    "num_parameters": 23000000,
    "num_trained_parameters": 700000,
}


def write(folder, *, settings=(), results=()):
    """The text of a card and the card as the Hub reads it."""
    write_model_card(
        folder, settings={**SETTINGS, **dict(settings)}, results={**RESULTS, **dict(results)}, style=STYLE
    )
    return (folder / "README.md").read_text(encoding="utf-8"), ModelCard.load(folder / "README.md")


class TestMetadata:
    def test_the_hub_finds_library_licence_and_task(self, tmp_path):
        data = write(tmp_path)[1].data

        assert (data.library_name, data.license, data.language) == ("transformers", "apache-2.0", "en")
        assert data.pipeline_tag == "zero-shot-classification"
        assert {"ecg", "zero-shot-ecg-classification", "custom_code"} <= set(data.tags)

    def test_the_validation_figure_is_an_evaluation_result(self, tmp_path):
        (figure,) = write(tmp_path)[1].data.eval_results

        assert (figure.metric_type, figure.metric_value) == ("roc_auc", 0.8765)
        assert (figure.dataset_type, figure.dataset_name, figure.dataset_split) == (
            "ptb_xl",
            "ptb_xl (hierarchy)",
            "validation",
        )

    def test_without_a_figure_there_is_no_evaluation_result(self, tmp_path):
        text, card = write(tmp_path, results={"validation_auroc_macro": None})

        assert card.data.eval_results is None
        assert "| undefined |" in text


def test_an_objective_without_a_template_has_a_plain_card(tmp_path):
    style = CardStyle(PLAIN_CARD, task="regression", tags=("contrast",))
    settings, results = {**SETTINGS, "objective": "contrast"}, {**RESULTS, "validation_auroc_macro": None}

    card = write_model_card(tmp_path, settings=settings, results=results, style=style)

    assert "| objective | contrast |" in card.text
    assert "| loss on the validation records | 0.250 |" in card.text
    assert "contrast" in card.data.tags


class TestText:
    @pytest.mark.parametrize(
        "line",
        [
            "| corpus | ptb_xl (hierarchy) |",
            "| labels | the corpus' own |",
            "| training records | 398 |",
            "| findings asked for | 83 |",
            "| held out of training | nothing |",
            "| ECG encoder | hybrid |",
            "| text encoder | ncbi/MedCPT-Query-Encoder, frozen |",
            "| parameters | 23000000, of which 700000 trained |",
            "| optimiser steps | 900 with 64 strips a device |",
            "| learning rate | 0.002, cosine |",
            "| seed | 7 |",
            "| macro AUROC over 41 findings | 0.877 |",
            "| loss | 0.250 |",
        ],
    )
    def test_every_figure_is_that_of_the_run(self, tmp_path, line):
        assert line in write(tmp_path)[0].splitlines()

    def test_held_out_findings_are_named(self, tmp_path):
        text, _ = write(tmp_path, results={"held_out_findings": ["atrial flutter", "pause"]})

        assert "| held out of training | atrial flutter, pause |" in text

    def test_labels_from_reports_are_said_to_be_that(self, tmp_path):
        text, _ = write(tmp_path, settings={"report_labels": ["runs/labels.parquet"]})

        assert "| labels | extracted from reports |" in text

    def test_a_text_encoder_that_learned_is_not_called_frozen(self, tmp_path):
        text, _ = write(tmp_path, settings={"freeze_text_encoder": False})

        assert "| text encoder | ncbi/MedCPT-Query-Encoder, trained |" in text

    def test_a_mixture_is_described_with_its_shares_and_sources_of_labels(self, tmp_path):
        mixture = {"dataset_name": ["simulated", "mimic_iv_ecg"], "dataset_config_name": []}

        text, card = write(
            tmp_path, settings={**mixture, "dataset_weights": [3, 1], "report_labels": ["none", "labels.parquet"]}
        )

        assert "| corpus | 75 % simulated + 25 % mimic_iv_ecg |" in text
        assert "| labels | extracted from reports, or the corpus' own |" in text
        assert card.data.eval_results[0].dataset_type == "simulated+mimic_iv_ecg"

    def test_the_example_names_the_repository(self, tmp_path):
        text, card = write(tmp_path, settings={"hub_model_id": "owner/supreme"})

        assert 'model="owner/supreme"' in text
        assert card.data.model_name == "supreme"

    def test_without_a_repository_the_example_names_the_folder(self, tmp_path):
        (tmp_path / "mini").mkdir()

        assert 'model="mini"' in write(tmp_path / "mini")[0]

    def test_it_says_that_it_is_no_medical_device(self, tmp_path):
        assert "Not a medical device" in write(tmp_path)[0]

    def test_no_place_of_the_template_is_left_open(self, tmp_path):
        text, _ = write(tmp_path)

        assert "{{" not in text
        assert "None" not in text

    @pytest.mark.parametrize(
        "settings",
        [
            {"dataset_name": ["/home/someone/prepared"], "dataset_config_name": []},
            {"text_model_name_or_path": "/home/someone/encoder"},
            {"model_name_or_path": "/home/someone/checkpoint"},
        ],
        ids=["corpus", "text encoder", "checkpoint"],
    )
    def test_no_folder_of_the_machine_is_named(self, tmp_path, settings):
        assert "/home/someone" not in write(tmp_path, settings=settings)[0]


@pytest.mark.parametrize(
    ("name", "config_name", "description"),
    [
        ("ptb_xl", "superclass", "ptb_xl (superclass)"),
        ("simulated", "none", "simulated"),
        ("/data/prepared/mimic", "none", "mimic"),
        ("owner/mimic", "none", "owner/mimic"),
    ],
)
def test_a_corpus_is_described_without_its_folder(name, config_name, description):
    settings = {"dataset_name": [name], "dataset_config_name": [config_name], "dataset_weights": []}

    assert describe_corpus(settings) == description
