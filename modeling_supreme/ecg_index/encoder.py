"""Records through the ECG side of a model, as the pipeline sends them, and what tells one model from another."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import torch
import xxhash
from transformers import pipeline

from ..checkpoints import check_logits
from ..command_line.hub import load_config
from ..pipeline_zero_shot_ecg import Entry
from ..queries import encode_queries
from .sources import SourceRecord


TASK = "zero-shot-ecg-classification"
# One record at a time is what the pipeline does, and some convolutions of a CPU round a lone record differently
BATCH_SIZE_CPU, BATCH_SIZE_GPU = 1, 64
INPUTS = ("signal", "lead_mask", "sample_mask", "recorded_mask")


class EncodedRecord(NamedTuple):
    """What a model makes of one record.

    Attributes:
        record (`SourceRecord`):
            The record.
        losses (`str`):
            What of it was not used; empty where it was used whole.
        tokens (`torch.Tensor` of shape `(num_tokens, hidden_size)`), token_mask (`torch.Tensor`):
            What queries read, and which of them were recorded, `(num_tokens,)`.
        logits (`torch.Tensor` of shape `(num_trained_queries,)`):
            Of the findings that the model was trained on.
        measured (`torch.Tensor` of shape `(3, num_measurements)`):
            Value, standard deviation, and probability that there is something to measure.
    """

    record: SourceRecord
    losses: str
    tokens: torch.Tensor
    token_mask: torch.Tensor
    logits: torch.Tensor
    measured: torch.Tensor


class SkippedRecord(NamedTuple):
    """A record that could not be used, and why."""

    record: SourceRecord
    reason: str


class RecordEncoder:
    """Sends records through a model once.

    Args:
        classify (`ZeroShotEcgClassificationPipeline`):
            Reads and prepares records, and holds the model.
        batch_size (`int`, *optional*):
            Records at once; on a CPU one, as in the pipeline, so that answers agree with it to the last bit.
        reading (`dict`):
            What the pipeline is told of files that do not say: `sampling_rate`, `leads`, `unit`; and `on_error`.
    """

    def __init__(self, classify: Any, *, batch_size: int | None = None, **reading: Any) -> None:
        self.classify, self.reading = classify, reading
        self.model = classify.model.eval()
        if not hasattr(self.model, "fusion"):
            raise ValueError(
                f"The index keeps tokens for the fusion network of SuPreME; a {type(self.model).__name__} has none."
                " Build it with a checkpoint of SuPreME."
            )
        default = BATCH_SIZE_CPU if self.model.device.type == "cpu" else BATCH_SIZE_GPU
        self.batch_size = batch_size or default
        trained = self.model.config.trained_queries
        with torch.inference_mode():
            self.query_embeds = encode_queries(self.model, classify.tokenizer, trained) if trained else None

    def encode(self, records: Iterator[SourceRecord]) -> Iterator[EncodedRecord | SkippedRecord]:
        """What the model makes of each record, in their order."""
        while group := list(islice(records, self.batch_size)):
            prepared = [self.classify.preprocess(Entry(each.recording, each.file), **self.reading) for each in group]
            usable = [each for each in prepared if each["failure"] is None]
            answers = iter(self._encode_batch(usable) if usable else ())
            for record, features in zip(group, prepared, strict=True):
                if features["failure"] is not None:
                    yield SkippedRecord(record, features["failure"])
                    continue
                yield EncodedRecord(record, "; ".join(features["account"].losses()), *next(answers))

    @torch.inference_mode()
    def _encode_batch(self, prepared: Sequence[dict[str, Any]]) -> list[tuple[torch.Tensor, ...]]:
        """Tokens, mask, logits and measurements of each record."""
        device, model = self.model.device, self.model
        inputs = {name: torch.cat([each[name] for each in prepared]).to(device) for name in INPUTS}
        inputs["signal"] = inputs["signal"].to(model.dtype)
        signal, lead_mask, sample_mask, recorded_mask = inputs.values()
        outputs, found = model.read_strips(signal, lead_mask, sample_mask, recorded_mask)
        tokens, token_mask = outputs.last_hidden_state, outputs.token_mask
        logits = signal.new_empty(len(prepared), 0)
        if self.query_embeds is not None:
            logits = model.fusion(self.query_embeds.to(model.dtype), tokens, token_mask)[0]
        check_logits(
            torch.cat([logits, tokens.mean(dim=(1, 2))[:, None]], dim=1),
            [each["account"].source or "without a name" for each in prepared],
        )
        measured = signal.new_empty(len(prepared), 3, 0)
        if found is not None:
            measured = torch.stack([found.value, found.sd, found.measurable], dim=1)
        if token_mask is None:  # all of every strip was recorded
            token_mask = torch.ones(tokens.shape[:2], dtype=torch.bool, device=device)
        parts = (tokens, token_mask, logits.float(), measured.float())
        return list(zip(*(part.cpu().unbind() for part in parts), strict=True))


def load_classifier(model: str | Any, *, revision: str | None = None, device: str | None = None) -> Any:
    """The pipeline of a checkpoint; one that is loaded already is taken as it is.

    Args:
        model (`str` or pipeline):
            Folder or Hub id, or a pipeline.
        revision (`str`, *optional*):
            Branch, tag or commit on the Hub.
        device (`str`, *optional*):
            Such as `"cpu"` or `"cuda:0"`; a GPU if there is one.

    Raises:
        CommandLineError: If there is no checkpoint of this name, or the Hub is out of reach.
    """
    if not isinstance(model, str):
        return model
    load_config(model, revision=revision)
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return pipeline(TASK, model=model, revision=revision, device=device)  # pyright: ignore[reportCallIssue, reportArgumentType]


def fingerprint_model(classify: Any) -> str:
    """Of everything that decides about an answer: weights, configuration, preparation of the signal, tokenizer."""
    digest = xxhash.xxh3_128()
    for name, tensor in sorted(classify.model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy())
    extractor = classify.feature_extractor
    settings = {
        name: value for name, value in extractor.to_dict().items() if "class" not in name and "type" not in name
    }
    vocabulary = sorted(classify.tokenizer.get_vocab().items())
    config = classify.model.config
    asked = [config.trained_queries, config.text_pooling, config.to_dict().get("measurements", [])]
    digest.update(json.dumps([settings, vocabulary, asked], sort_keys=True, default=str).encode())
    return digest.hexdigest()
