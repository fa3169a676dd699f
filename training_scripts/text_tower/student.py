"""A smaller copy of a BERT: some of its layers, their neurons that do most, and the embeddings of some pieces."""

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from modeling_supreme.command_line import CommandLineError


_LAYER = re.compile(r"encoder\.layer\.(\d+)\.(.+)")
WORD_EMBEDDINGS = "embeddings.word_embeddings.weight"


def make_student(
    teacher: Any, *, layers: Sequence[int], piece_ids: Sequence[int], neurons: Sequence[torch.Tensor] | None = None
) -> Any:
    """A BERT that begins with weights of another one.

    Args:
        teacher (`BertModel`):
            The large one.
        layers (`Sequence[int]`):
            Its layers to keep, counted from 0, in order.
        piece_ids (`Sequence[int]`):
            Its pieces to keep: row i of the new embeddings is row `piece_ids[i]` of the old ones.
        neurons (`Sequence[torch.Tensor]`, *optional*):
            Of each layer that is kept, the neurons of its feed-forward part to keep, as many everywhere; all by
            default.

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
    weights = _choose_weights(teacher.state_dict(), layers, piece_ids)
    if neurons is not None:
        config.intermediate_size = len(neurons[0])
        for place, kept in enumerate(neurons):
            prefix = f"encoder.layer.{place}"
            for name in (f"{prefix}.intermediate.dense.weight", f"{prefix}.intermediate.dense.bias"):
                weights[name] = weights[name][kept]
            weights[f"{prefix}.output.dense.weight"] = weights[f"{prefix}.output.dense.weight"][:, kept]
    student = type(teacher)(config)
    student.load_state_dict(weights)
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


@torch.no_grad()
def choose_neurons(
    teacher: Any, encodings: Iterable[Mapping[str, torch.Tensor]], *, layers: Sequence[int], size: int
) -> list[torch.Tensor]:
    """The neurons of the feed-forward part of each layer that add most to what it returns.

    Args:
        teacher (`BertModel`):
            The large encoder.
        encodings (`Iterable[Mapping]`):
            Batches of texts, `input_ids` and `attention_mask` of shape `(batch_size, num_tokens)`.
        layers (`Sequence[int]`):
            Its layers to look at.
        size (`int`):
            Neurons of each to choose.

    Returns:
        `list[torch.Tensor]`: Of each layer the places of its neurons, ascending, by the root mean square of their
        activation times the length of what they add.

    Raises:
        CommandLineError: If a layer has not so many.
    """
    if size > teacher.config.intermediate_size:
        raise CommandLineError(
            f"`--intermediate_size` is {size}, and the layers of the encoder have {teacher.config.intermediate_size}."
            " Give no more."
        )
    squares = [torch.zeros(teacher.config.intermediate_size) for _ in layers]
    is_token = torch.empty(0)

    def note(place: int, activation: torch.Tensor) -> None:
        squares[place] += activation[is_token].float().square().sum(dim=0).cpu()

    hooks = [
        teacher.encoder.layer[layer].intermediate.register_forward_hook(
            lambda module, inputs, output, place=place: note(place, output)
        )
        for place, layer in enumerate(layers)
    ]
    for encoding in encodings:
        is_token = encoding["attention_mask"].bool()
        teacher(**encoding)
    for hook in hooks:
        hook.remove()
    chosen = []
    for place, layer in enumerate(layers):
        added = teacher.encoder.layer[layer].output.dense.weight.norm(dim=0).cpu()
        chosen.append((squares[place].sqrt() * added).topk(size).indices.sort().values)
    return chosen
