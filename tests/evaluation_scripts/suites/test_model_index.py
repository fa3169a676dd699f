"""Figures of test splits go into the card of the checkpoint that was evaluated, and nothing else does."""

import json

import pytest
from huggingface_hub import ModelCard

from evaluation_scripts.suites.model_index import main


CARD = """---
language: en
model-index:
- name: heart
  results:
  - task: {type: zero-shot-classification}
    dataset: {type: simulated, name: simulated, split: validation}
    metrics: [{type: roc_auc, value: 0.7, name: macro AUROC}]
---

# heart

It hears.
"""


def write_evaluation(folder, results, *, model="checkpoints/heart", protocol=None, **further):
    folder.mkdir(exist_ok=True)
    sets = {name: {"auroc_macro": figure} for name, figure in results.items()}
    report = {"model": model, "protocol": protocol or {}, "results": sets, **further}
    (folder / "eval_results.json").write_text(json.dumps(report))
    return folder


@pytest.fixture
def checkpoint_dir(tmp_path):
    folder = tmp_path / "heart"
    folder.mkdir()
    (folder / "README.md").write_text(CARD)
    return folder


def write_figures(checkpoint_dir, *evaluations):
    main(["--evaluations", *map(str, evaluations), "--checkpoint", str(checkpoint_dir)])
    card = ModelCard.load(checkpoint_dir / "README.md")
    entries = {(entry.dataset_name, entry.dataset_split): entry.metric_value for entry in card.data.eval_results}
    return card, entries


def test_the_figures_of_the_test_split_stand_in_the_model_index(checkpoint_dir, tmp_path):
    card, entries = write_figures(checkpoint_dir, write_evaluation(tmp_path / "o", {"ptb_xl/form/test": 0.71236}))

    assert entries[("ptb_xl (form)", "test")] == 0.7124
    assert card.data.to_dict()["model-index"][0]["name"] == "heart"


def test_text_and_other_figures_stay_as_they_are(checkpoint_dir, tmp_path):
    card, entries = write_figures(checkpoint_dir, write_evaluation(tmp_path / "o", {"ptb_xl/form/test": 0.7}))

    assert entries[("simulated", "validation")] == 0.7
    assert card.text.strip() == "# heart\n\nIt hears."


def test_a_second_time_replaces_the_first(checkpoint_dir, tmp_path):
    write_figures(checkpoint_dir, write_evaluation(tmp_path / "o", {"ptb_xl/form/test": 0.7}))
    _, entries = write_figures(checkpoint_dir, write_evaluation(tmp_path / "o", {"ptb_xl/form/test": 0.8}))

    assert entries[("ptb_xl (form)", "test")] == 0.8
    assert len(entries) == 2


def test_protocols_stand_apart_and_a_suite_has_its_mean(checkpoint_dir, tmp_path):
    overall = {"auroc_macro": 0.75, "num_sets": 1}
    folders = [
        write_evaluation(
            tmp_path / name,
            {"ptb_xl/form/test": figure, "ptb_xl/rhythm/test": None},
            protocol={"name": name, "suite": "supreme6"},
            overall=overall,
            missing={"cpsc2018/default": "no folder"},
        )
        for name, figure in (("merl", 0.6), ("corrected", 0.8))
    ]

    _, entries = write_figures(checkpoint_dir, *folders)

    assert entries[("ptb_xl (form, protocol merl)", "test")] == 0.6
    assert entries[("ptb_xl (form, protocol corrected)", "test")] == 0.8
    assert entries[("supreme6 (mean of 1 of 2 sets, protocol merl)", "test")] == 0.75
    assert len(entries) == 5


@pytest.mark.parametrize("split", ["validation", "validation+test", "train"])
def test_figures_of_other_splits_are_refused(checkpoint_dir, tmp_path, split):
    folder = write_evaluation(tmp_path / "o", {f"ptb_xl/form/{split}": 0.7})

    with pytest.raises(ValueError, match=r"ptb_xl/form/.* is no figure of the test split alone\. Evaluate with"):
        write_figures(checkpoint_dir, folder)


def test_figures_of_another_checkpoint_are_refused(checkpoint_dir, tmp_path):
    folder = write_evaluation(tmp_path / "o", {"ptb_xl/form/test": 0.9}, model="heart: linear probe")

    with pytest.raises(ValueError, match=r"evaluates heart: linear probe, not heart\. Name the evaluations of this"):
        write_figures(checkpoint_dir, folder)


def test_a_checkpoint_without_a_card_is_named(checkpoint_dir, tmp_path):
    (checkpoint_dir / "README.md").unlink()

    with pytest.raises(FileNotFoundError, match=r"heart/README\.md does not exist\. Training writes a card"):
        write_figures(checkpoint_dir, write_evaluation(tmp_path / "o", {"ptb_xl/form/test": 0.9}))
