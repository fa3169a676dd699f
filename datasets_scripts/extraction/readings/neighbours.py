"""Names that the terminology does not know, compared with its wordings in the space of a text encoder."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from transformers import AutoTokenizer

from datasets_scripts.terminology.findings import load_terminology
from modeling_supreme.checkpoints import load_text_encoder
from modeling_supreme.modeling_supreme_ecg import masked_mean
from modeling_supreme.queries import encode_queries, find_text_encoder

from .distinctions import find_distinctions


class Neighbour(NamedTuple):
    """The finding whose wording is nearest to a name.

    Attributes:
        finding (`str`):
            Name of the finding.
        similarity (`float`):
            Cosine of the angle between the two embeddings.
        is_same (`bool`):
            Whether it is near enough, and no word tells the two apart.
    """

    finding: str
    similarity: float
    is_same: bool


class NameEncoder:
    """A text encoder as `SupremeModel` uses one, for names.

    Args:
        name_or_path (`str`):
            Folder or Hub id of an encoder that `AutoModel` loads.
        pooling (`str`):
            What stands for a text: `"cls"`, its first token, or `"mean"`, the mean over its tokens.

    Raises:
        ValueError: If it cannot be loaded.
    """

    def __init__(self, name_or_path: str, *, pooling: Literal["cls", "mean"] = "cls") -> None:
        source = find_text_encoder(name_or_path)
        try:
            self.model = load_text_encoder(source)
            self.tokenizer = AutoTokenizer.from_pretrained(source)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"The text encoder {name_or_path} cannot be loaded ({error}). Check `--text_model_name_or_path`, or"
                " leave it out: entities that match no wording of the terminology then keep their own names."
            ) from error
        self.pooling = pooling

    @property
    def device(self) -> torch.device:
        """Where the encoder is."""
        return self.model.device

    def get_query_embeds(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Embed token sequences, `(num_texts, text_hidden_size)`."""
        hidden_states = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return hidden_states[:, 0] if self.pooling == "cls" else masked_mean(hidden_states, attention_mask)

    def __call__(self, names: Sequence[str]) -> np.ndarray:
        """Embed names as vectors of length 1, `(num_names, text_hidden_size)`."""
        order = sorted(range(len(names)), key=lambda index: len(names[index]))  # a batch is padded to its longest name
        embeds = encode_queries(self, self.tokenizer, [names[index] for index in order])
        return torch.nn.functional.normalize(embeds, dim=-1).float().cpu().numpy()[np.argsort(order)]


def find_neighbours(
    names: Sequence[str], *, encode: Callable[[Sequence[str]], np.ndarray], min_similarity: float
) -> dict[str, Neighbour]:
    """Compare names with the names and synonyms of all findings.

    Args:
        names (`Sequence[str]`):
            Names that are no wording of the terminology.
        encode (`Callable`):
            Embeds texts as vectors of length 1, such as a `NameEncoder`.
        min_similarity (`float`):
            Smallest cosine at which two names may mean the same.

    Returns:
        `dict[str, Neighbour]`: For each name the nearest finding that it may mean; where there is none, the nearest.
    """
    wordings = [(wording, finding.name) for finding in load_terminology() for wording in finding.synonyms]
    wordings += [(finding.name, finding.name) for finding in load_terminology()]
    similarities = encode(list(names)) @ encode([wording for wording, _ in wordings]).T  # (num_names, num_wordings)
    neighbours = {}
    for name, row in zip(names, similarities, strict=True):
        ranked = np.argsort(-row, kind="stable")
        near = ranked[row[ranked] >= min_similarity]
        own = find_distinctions(name)
        same = next((index for index in near if find_distinctions(wordings[index][0]) == own), None)
        best = ranked[0] if same is None else same
        neighbours[name] = Neighbour(wordings[best][1], round(float(row[best]), 3), same is not None)
    return neighbours
