"""A smaller copy of a BERT: some of its layers, and the embeddings of some of its pieces."""

import copy
import re
from collections.abc import Sequence
from typing import Any

import torch

from modeling_supreme.command_line import CommandLineError


_LAYER = re.compile(r"encoder\.layer\.(\d+)\.(.+)")
WORD_EMBEDDINGS = "embeddings.word_embeddings.weight"


def make_student(teacher: Any, *, layers: Sequence[int], piece_ids: Sequence[int]) -> Any:
    """A BERT that begins with weights of another one.

    Args:
        teacher (`BertModel`):
            The large one.
        layers (`Sequence[int]`):
            Its layers to keep, counted from 0, in order.
        piece_ids (`Sequence[int]`):
            Its pieces to keep: row i of the new embeddings is row `piece_ids[i]` of the old ones.

    Returns:
        `BertModel`: In evaluation mode, of the same width.

    Raises:
        CommandLineError: If the teacher is no BERT, or has not so many layers.
    """
    config = copy.deepcopy(teacher.config)
    if config.model_type != "bert":
        raise CommandLineError(
            f"`--text_model_name_or_path` is a {config.model_type}. Name a BERT, such as"
            " sentence-transformers/all-MiniLM-L6-v2: the small one begins with some of its layers."
        )
    missing = [layer for layer in layers if not 0 <= layer < config.num_hidden_layers]
    if missing:
        raise CommandLineError(
            f"`--layers` names {missing[0]}, and the encoder has layers 0 to {config.num_hidden_layers - 1}. Choose"
            " among these."
        )
    config.num_hidden_layers, config.vocab_size = len(layers), len(piece_ids)
    student = type(teacher)(config)
    student.load_state_dict(_choose_weights(teacher.state_dict(), layers, piece_ids))
    return student.eval()


def _choose_weights(
    weights: dict[str, torch.Tensor], layers: Sequence[int], piece_ids: Sequence[int]
) -> dict[str, torch.Tensor]:
    """The weights that stay, under their new names."""
    places = {layer: place for place, layer in enumerate(layers)}
    chosen = {}
    for name, weight in weights.items():
        match = _LAYER.fullmatch(name)
        if match is None:
            chosen[name] = weight[list(piece_ids)] if name == WORD_EMBEDDINGS else weight
        elif int(match[1]) in places:
            chosen[f"encoder.layer.{places[int(match[1])]}.{match[2]}"] = weight
    return chosen
