"""The shipped checkpoint: made of a training run and a text tower, data alone, described by its evaluations."""

import json

import pytest
import torch
import yaml
from helpers.tiny_models import save_text_encoder
from huggingface_hub import ModelCard, ModelCardData
from safetensors.torch import load_file
from transformers import AutoTokenizer, pipeline

from evaluation_scripts.robustness.disturbances import FAMILIES
from evaluation_scripts.suites.model_index import to_eval_result
from modeling_supreme import SupremeModel
from training_scripts.shipping.describe import write_shipped_card
from training_scripts.shipping.make import make_checkpoint as make_shipped
from training_scripts.shipping.names import refresh_names
from training_scripts.shipping.robustness import TITLES
from training_scripts.shipping.zoo import tabulate_cards


@pytest.fixture(scope="module")
def run_dir(make_checkpoint):
    """A checkpoint as training leaves it, with what it says of this machine."""
    folder = make_checkpoint("hybrid", trained_queries=["atrial fibrillation", "normal ecg"])
    settings = {
        "text_model_name_or_path": "/home/somebody/encoders/minilm",
        "ecg_encoder": "hybrid",
        "fusion_hidden_size": 16,
        "max_train_steps": 10,
        "per_device_train_batch_size": 4,
        "positive_weighting": "none",
        "dataset_weights": [4, 1],
        "seed": 0,
        "data_dir": ["/home/somebody/ptb-xl"],
    }
    (folder / "train_arguments.yaml").write_text(yaml.safe_dump(settings))
    return folder


@pytest.fixture(scope="module")
def tower_dir(text_encoder_dir, tmp_path_factory):
    """A smaller encoder of the same width and vocabulary."""
    tokenizer = AutoTokenizer.from_pretrained(text_encoder_dir)
    return save_text_encoder(tmp_path_factory.mktemp("tower"), tokenizer, num_layers=1)


@pytest.fixture(scope="module")
def shipped_dir(run_dir, tower_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shipped") / "checkpoint"
    make_shipped(run_dir, tower_dir, folder)
    return folder


class TestMake:
    def test_its_queries_are_embedded_by_the_tower_and_its_ecg_side_is_that_of_the_run(self, run_dir, shipped_dir):
        trained, shipped = (SupremeModel.from_pretrained(folder) for folder in (run_dir, shipped_dir))

        assert shipped.config.text_config.num_hidden_layers == 1
        for name, weight in trained.state_dict().items():
            if not name.startswith("text_model."):
                # 11 bits of a number are kept: it is off by half of the last one at most
                torch.testing.assert_close(shipped.state_dict()[name], weight, rtol=2**-11, atol=1e-7)

    def test_matrices_have_16_bits_in_the_file_and_32_in_memory(self, shipped_dir):
        stored = load_file(shipped_dir / "model.safetensors")

        of_ecg = {
            (weight.dim() > 1, weight.dtype)
            for name, weight in stored.items()
            if weight.is_floating_point() and not name.startswith("text_model.")
        }
        assert of_ecg == {(True, torch.float16), (False, torch.float32)}
        assert {weight.dtype for weight in SupremeModel.from_pretrained(shipped_dir).parameters()} == {torch.float32}

    def test_it_holds_no_code_and_says_nothing_of_this_machine(self, shipped_dir):
        assert list(shipped_dir.glob("*.py")) == []
        texts = [path.read_text() for path in shipped_dir.iterdir() if path.suffix in (".json", ".yaml")]
        assert not any("somebody" in text or "auto_map" in text or str(shipped_dir) in text for text in texts)

    def test_the_pipeline_answers_with_it(self, shipped_dir):
        classify = pipeline("zero-shot-ecg-classification", model=str(shipped_dir))

        (result,) = classify(
            torch.arange(5000).remainder(500).div(500).expand(12, -1).numpy(),
            sampling_rate=500,
            leads=["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"],
            candidate_labels="atrial fibrillation",
        )

        assert 0 < result["score"] < 1

    def test_a_tower_of_another_width_is_refused(self, run_dir, text_encoder_dir, tmp_path):
        tokenizer = AutoTokenizer.from_pretrained(text_encoder_dir)
        wide = save_text_encoder(tmp_path / "wide", tokenizer, num_layers=1, hidden_size=64)

        with pytest.raises(ValueError, match=r"embeds a text in 64 numbers.*have 32\. Distil the tower"):
            make_shipped(run_dir, wide, tmp_path / "out")

    def test_nothing_is_overwritten(self, run_dir, tower_dir, shipped_dir):
        with pytest.raises(FileExistsError, match="holds files already"):
            make_shipped(run_dir, tower_dir, shipped_dir)


def make_result(auroc):
    """What evaluate.py says of a label set with two conditions, of which one is averaged."""
    entry = {
        "label": "AFIB",
        "finding": "atrial fibrillation",
        "num_positives": 12,
        "auroc": auroc,
        "is_averaged": True,
    }
    rare = {"label": "SVTAC", "finding": None, "num_positives": 1, "auroc": None, "is_averaged": False}
    return {
        "num_records": 43,
        "num_conditions": 1,
        "auroc_macro": auroc,
        "auroc_macro_ci95": [auroc - 0.1, auroc + 0.05],
        "conditions": [entry, rare],
    }


class TestDescribe:
    def test_the_card_has_the_figures_of_the_evaluations(self, shipped_dir, tmp_path):
        report = {"results": {"ptb_xl/rhythm/test": make_result(0.9312)}}
        (tmp_path / "eval_results.json").write_text(json.dumps(report))

        write_shipped_card(shipped_dir, [tmp_path], training="Two hours of two cores.")

        card = ModelCard.load(shipped_dir / "README.md")
        (entry,) = card.data.eval_results
        assert (entry.metric_value, entry.dataset_split) == (0.9312, "test")
        assert "| ptb_xl/rhythm/test | 43 | 1 | 0.931 | 0.831 to 0.981 |" in card.text
        assert "| ptb_xl/rhythm/test | atrial fibrillation | 12 | 0.931 |" in card.text
        assert "SVTAC" not in card.text
        assert "somebody" not in card.text

    def test_the_card_names_every_round_of_the_training(self, run_dir, tower_dir, tmp_path):
        first = yaml.safe_load((run_dir / "train_arguments.yaml").read_text())
        (tmp_path / "first").mkdir()
        flags = {**first, "max_train_steps": 7, "seed": 3, "dataset_weights": [0.5, 0.5]}
        (tmp_path / "first" / "train_arguments.yaml").write_text(yaml.safe_dump(flags))
        (tmp_path / "eval_results.json").write_text(json.dumps({"results": {}}))
        make_shipped(run_dir, tower_dir, tmp_path / "shipped", earlier=[tmp_path / "first"])

        card = write_shipped_card(tmp_path / "shipped", [tmp_path])

        assert "| training | 7 steps of 4 strips, seed 3, then 10 steps of 4 strips, seed 0 |" in card.text
        assert "Most strips are simulated (50 %, then 80 %)" in card.text
        assert "somebody" not in (tmp_path / "shipped" / "earlier_train_arguments.yaml").read_text()

    def test_figures_of_records_that_training_saw_are_refused(self, shipped_dir, tmp_path):
        report = {"results": {"ptb_xl/rhythm/train+test": make_result(0.9)}}
        (tmp_path / "eval_results.json").write_text(json.dumps(report))

        with pytest.raises(ValueError, match=r"training has seen these records\. Evaluate with `--split test`"):
            write_shipped_card(shipped_dir, [tmp_path])


def make_disturbed_result(auroc, *, losses):
    """[`make_result`] with curves: each level of two families loses so much."""
    result = make_result(auroc)
    result["robustness"] = {
        family: [
            {"level": level, "auroc_macro": auroc - loss, "auroc": {"AFIB": auroc - loss, "SVTAC": None}}
            for level, loss in zip(levels, losses, strict=True)
        ]
        for family, levels in {"leads": ["12 leads", "II"], "length": ["10 s", "2.5 s"]}.items()
    }
    return result


class TestRobustness:
    @pytest.fixture
    def card(self, shipped_dir, tmp_path):
        report = {
            "results": {
                "ptb_xl/rhythm/test": make_disturbed_result(0.93, losses=[0.0, 0.11]),
                "simulated/default/test": make_result(0.95),
            }
        }
        (tmp_path / "eval_results.json").write_text(json.dumps(report))
        return write_shipped_card(shipped_dir, [tmp_path]).text

    def test_the_card_has_the_figure_of_each_level_and_of_each_condition_by_leads(self, card):
        assert "| disturbance | level | ptb_xl/rhythm/test |\n|---|---|---|\n| leads | 12 leads | 0.930 |" in card
        assert "| leads | II | 0.820 |\n| length | 10 s | 0.930 |\n| length | 2.5 s | 0.820 |" in card
        assert "| corpus/labels/split | condition | 12 leads | II |\n|---|---|---|---|\n" in card
        assert "| ptb_xl/rhythm/test | atrial fibrillation | 0.930 | 0.820 |" in card
        assert card.index("## Figures") < card.index("## Robustness") < card.index("## Limits")

    def test_every_disturbance_has_a_title(self):
        assert list(TITLES) == list(FAMILIES)

    def test_the_picture_and_every_figure_lie_beside_the_card(self, card, shipped_dir):
        assert (shipped_dir / "robustness.png").read_bytes().startswith(b"\x89PNG")
        assert "](robustness.png)" in card
        curves = json.loads((shipped_dir / "robustness.json").read_text(encoding="utf-8"))
        assert curves["ptb_xl/rhythm/test"]["length"][1]["auroc"] == {"AFIB": 0.82, "SVTAC": None}

    def test_evaluations_without_disturbances_leave_no_curves_of_other_weights(self, card, shipped_dir, tmp_path):
        (tmp_path / "eval_results.json").write_text(
            json.dumps({"results": {"simulated/default/test": make_result(0.95)}})
        )

        assert "Robustness" not in write_shipped_card(shipped_dir, [tmp_path]).text
        assert not list(shipped_dir.glob("robustness.*"))


class TestNames:
    def test_a_checkpoint_takes_the_names_of_the_terminology_and_keeps_all_else(self, shipped_dir, tmp_path):
        before = json.loads((shipped_dir / "config.json").read_text("utf-8"))
        stale = before | {"trained_queries": ["sinus bradycardia"], "condition_names": {"sinus bradycardia": ["old"]}}
        (tmp_path / "config.json").write_text(json.dumps(stale), encoding="utf-8")

        refresh_names(tmp_path)

        after = json.loads((tmp_path / "config.json").read_text("utf-8"))
        assert {"SB", "426177001"} <= set(after["condition_names"]["sinus bradycardia"])
        assert "old" not in after["condition_names"]["sinus bradycardia"]
        assert {**after, "condition_names": None} == {**stale, "condition_names": None}


class TestZoo:
    def test_a_row_for_each_card_and_a_column_for_each_label_set(self, tmp_path):
        for name, sets in {
            "a": {"ptb_xl/rhythm/test": 0.93},
            "b": {"ptb_xl/rhythm/test": 0.9, "csn/merl/test": 0.8},
        }.items():
            write_card(tmp_path / name, name, sets)

        assert tabulate_cards([str(tmp_path / "a"), str(tmp_path / "b")]) == (
            "| checkpoint | ptb_xl (rhythm), test | csn (merl), test |\n"
            "|---|---|---|\n"
            "| `a` | 0.930 | - |\n"
            "| `b` | 0.900 | 0.800 |"
        )

    def test_a_card_without_figures_is_named(self, tmp_path):
        write_card(tmp_path / "a", "a", {})

        with pytest.raises(ValueError, match=r"card of .*a has no figures\. Evaluate it"):
            tabulate_cards([str(tmp_path / "a")])


def write_card(folder, name, sets):
    """A card with the macro AUROC of some label sets."""
    folder.mkdir()
    results = [to_eval_result(each, make_result(auroc)) for each, auroc in sets.items()]
    data = ModelCardData(model_name=name, eval_results=results or None)
    (folder / "README.md").write_text(f"---\n{data.to_yaml()}\n---\n\n# {name}\n")
