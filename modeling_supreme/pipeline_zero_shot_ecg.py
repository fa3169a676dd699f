"""`pipeline("zero-shot-ecg-classification")`: a recording and any findings in, a probability for each out."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import Pipeline

from .checkpoints import check_logits
from .composed_rules import Composed, Composition
from .ecg_files import read_ecg
from .queries import encode_queries, fill_template
from .recordings import EcgRecording, recording_from_row


LONE_SURROGATE = re.compile("[\ud800-\udfff]")
ARRAY_KEYS = ("array", "strip", "signal")


class ZeroShotEcgClassificationPipeline(Pipeline):
    """Scores any findings on ECG recordings, without training for them.

    Scores are probabilities of presence, each finding for itself: they do not sum to one.

    Example:
        ```python
        classify = pipeline("zero-shot-ecg-classification", model="runs/demo/checkpoint")
        classify("records500/00000/00001_hr", candidate_labels=["atrial fibrillation", "left bundle branch block"])
        ```
    """

    _load_processor = False
    _load_image_processor = False
    _load_feature_extractor = True
    _load_tokenizer = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._query_cache: dict[tuple[str, ...], torch.Tensor] = {}
        self._compositions: dict[tuple[tuple[str, ...], Composed], Composition] = {}
        super().__init__(*args, **kwargs)

    def __call__(self, recordings: Any, **kwargs: Any) -> Any:
        """Score findings on one recording or on many.

        Args:
            recordings (`str`, `Path`, `np.ndarray`, `dict`, or a list or generator of them):
                - the path of an ECG file: a WFDB record, a table, an array, or what `ecgdatakit` reads;
                - an array of shape `(num_leads, num_samples)` in millivolts, with `sampling_rate` and `leads`;
                - a dictionary with `array`, `sampling_rate` and `leads`;
                - a row of a corpus (`datasets_scripts.load_corpus`).
            candidate_labels (`str` or `list[str]`):
                Findings to score; a string is cut at its commas.
            sampling_rate (`int`, *optional*):
                Samples per second of arrays, and of files that do not say, in Hz.
            leads (`list[str]`, *optional*):
                Names of the rows of arrays, and of files that do not say.
            hypothesis_template (`str`, *optional*, defaults to `"{}"`):
                Sentence with a `{}` for each label.
            top_k (`int`, *optional*):
                How many of the best labels to return; all by default.
            threshold (`float`, *optional*):
                Lowest score to return.
            return_attention (`bool`, *optional*, defaults to `False`):
                Whether to say where in the strip each label looked.
            composed (`bool` or `"auto"`, *optional*, defaults to `False`):
                Whether labels are answered by their rule over measured findings instead of by their own query: all of
                them (`True`), or those that the checkpoint was not trained on where it has a rule (`"auto"`).
            batch_size (`int`, *optional*, defaults to 1):
                Recordings scored at once.
            kwargs:
                The arguments above from `candidate_labels` on.

        Returns:
            `list[dict]`: For one recording, `label` and `score` of each finding, best first; with `return_attention`
            also `attention`, the share of attention each token received (mean over layers and heads), and
            `attention_step_s`, the time from one token to the next, in seconds; with `composed` also `source`, either
            `"query"` or `"composed: "` and the rule. A list of such lists for a list of recordings, an iterator for a
            generator.

        Raises:
            FileNotFoundError: If a path has no record.
            TypeError: If a recording is none of the kinds above.
            ValueError: If labels are missing, empty or repeated, a recording cannot be used, or a rule is asked for
                that the checkpoint does not have or was not trained for.
        """
        if isinstance(recordings, tuple):
            recordings = list(recordings)
        if isinstance(recordings, list) and not recordings:
            return []  # transformers looks at the first of them
        return super().__call__(recordings, **kwargs)

    def _sanitize_parameters(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        preprocess = {key: kwargs[key] for key in ("sampling_rate", "leads") if kwargs.get(key) is not None}
        postprocess = {key: kwargs[key] for key in ("top_k", "threshold") if kwargs.get(key) is not None}
        forward = {}
        if "candidate_labels" in kwargs:
            labels = check_labels(kwargs["candidate_labels"])
            forward["candidate_labels"] = postprocess["candidate_labels"] = labels
        for key in ("hypothesis_template", "return_attention"):
            if kwargs.get(key) is not None:
                forward[key] = kwargs[key]
        if kwargs.get("composed") is not None:
            forward["composed"] = postprocess["composed"] = kwargs["composed"]
        check_selection(postprocess.get("top_k"), postprocess.get("threshold"))
        fill_template(forward.get("hypothesis_template", "{}"), [])
        return preprocess, forward, postprocess

    def preprocess(
        self, recording: Any, sampling_rate: float | None = None, leads: Sequence[str] | None = None
    ) -> dict[str, torch.Tensor]:
        """Read one recording and prepare it for the model."""
        name = str(recording) if isinstance(recording, (str, Path)) else None
        if isinstance(recording, Mapping) and "record_id" in recording:
            name = str(recording["record_id"])
        source = load_recording(recording, sampling_rate=sampling_rate, leads=leads)
        extractor: Any = self.feature_extractor
        features = extractor(
            source.strip_mv,
            sampling_rate=source.sampling_rate,
            leads=source.leads,
            record_id=name,
            return_tensors="pt",
        )
        return {**features, "record": name or "without a name"}

    def _forward(
        self,
        model_inputs: dict[str, Any],
        candidate_labels: Sequence[str] | None = None,
        hypothesis_template: str = "{}",
        return_attention: bool = False,
        composed: Composed = False,
    ) -> dict[str, torch.Tensor]:
        composition = self._compose(check_labels(candidate_labels), composed)
        if return_attention and composition.findings:
            raise ValueError(
                "`return_attention` and `composed` were both given: a rule has no attention of its own. Ask for the"
                " attention of its findings, as `candidate_labels`."
            )
        queries = (*fill_template(hypothesis_template, composition.queries), *composition.findings)
        records = model_inputs.pop("record")
        outputs = self.model(
            **{**model_inputs, "signal": model_inputs["signal"].to(self.model.dtype)},
            query_embeds=self._embed(queries),
            output_attentions=return_attention,
        )
        check_logits(outputs.logits_per_ecg, [records] if isinstance(records, str) else records)
        model_outputs = {"logits": outputs.logits_per_ecg.float()}
        if return_attention:
            weights = torch.stack(outputs.cross_attentions)  # (num_layers, batch_size, num_heads, num_queries, tokens)
            model_outputs["attention"] = weights.float().mean(dim=(0, 2))
        return model_outputs

    def postprocess(
        self,
        model_outputs: dict[str, torch.Tensor],
        candidate_labels: Sequence[str] = (),
        top_k: int | None = None,
        threshold: float = 0.0,
        composed: Composed = False,
    ) -> list[dict[str, Any]]:
        """Turn logits into labels with scores, best first."""
        composition = self._compose(candidate_labels, composed)
        scores = composition.evaluate(torch.sigmoid(model_outputs["logits"][0])).tolist()
        results: list[dict[str, Any]] = [
            {"label": label, "score": score} for label, score in zip(candidate_labels, scores, strict=True)
        ]
        if composed:
            for result, source in zip(results, composition.sources, strict=True):
                result["source"] = source
        if "attention" in model_outputs:
            ecg_config = self.model.config.ecg_config
            for result, weights in zip(results, model_outputs["attention"][0], strict=True):
                result["attention"] = weights.tolist()
                result["attention_step_s"] = ecg_config.token_stride / ecg_config.sampling_rate
        results.sort(key=lambda result: -result["score"])
        return [result for result in results[:top_k] if result["score"] >= threshold]

    def _compose(self, labels: Sequence[str], composed: Composed) -> Composition:
        """Decide which labels are answered by a rule of the checkpoint; the last decision is remembered."""
        asked = (tuple(labels), composed)
        if asked not in self._compositions:
            config = self.model.config
            composition = Composition(
                labels, composed, stored_rules=config.composed_rules, trained_queries=config.trained_queries
            )
            self._compositions = {asked: composition}
        return self._compositions[asked]

    def _embed(self, queries: tuple[str, ...]) -> torch.Tensor:
        """Embed queries; the last set asked for is remembered."""
        if queries not in self._query_cache:
            self._query_cache = {queries: encode_queries(self.model, self.tokenizer, queries)}
        return self._query_cache[queries]


def check_labels(candidate_labels: str | Sequence[str] | None) -> list[str]:
    """Return labels without blanks around them, refusing what cannot be asked.

    Raises:
        TypeError: If a label is no string.
        ValueError: If there is no label, an empty one, the same one twice, or one that is no text.
    """
    if isinstance(candidate_labels, str):
        candidate_labels = candidate_labels.split(",")
    candidate_labels = list(candidate_labels or [])
    if not candidate_labels:
        raise ValueError(
            "There are no `candidate_labels`. Name the findings to score,"
            ' as in `candidate_labels=["atrial fibrillation", "left bundle branch block"]`.'
        )
    for label in candidate_labels:
        if not isinstance(label, str):
            raise TypeError(f"The candidate label {label!r} is a {type(label).__name__}. Labels are strings.")
    labels = [label.strip() for label in candidate_labels]
    if "" in labels:
        raise ValueError(f"Candidate label {labels.index('')} of {len(labels)} is empty. Remove it or name a finding.")
    repeated = [label for label, count in Counter(labels).items() if count > 1]
    if repeated:
        raise ValueError(f"Candidate label {min(repeated)!r} is given more than once. Give each label once.")
    broken = next((label for label in labels if LONE_SURROGATE.search(label)), None)
    if broken is not None:
        raise ValueError(
            f"The candidate label {broken!r} holds half a character (a lone surrogate), which no text encoder reads."
            " Decode the text with the encoding that it was written in."
        )
    return labels


def check_selection(top_k: int | None, threshold: float | None) -> None:
    """Refuse a `top_k` or a `threshold` that selects nothing sensible."""
    if top_k is not None and top_k < 1:
        raise ValueError(f"`top_k` is {top_k}. Ask for at least one label, or leave it out for all.")
    if threshold is not None and not 0 <= threshold <= 1:
        raise ValueError(f"`threshold` is {threshold}. Scores are probabilities: choose a value from 0 to 1.")


def load_recording(
    recording: Any, *, sampling_rate: float | None = None, leads: Sequence[str] | None = None
) -> EcgRecording:
    """Turn any input of the pipeline into a strip in millivolts.

    Args:
        recording (`str`, `Path`, `np.ndarray` or `dict`):
            A path, an array, a dictionary, or a row of a corpus.
        sampling_rate (`float`, *optional*):
            Samples per second of an array, and of a file that does not say, in Hz.
        leads (`Sequence[str]`, *optional*):
            Names of the rows of an array, and of a file that does not say.

    Returns:
        `EcgRecording`: Strip, sampling rate and leads.

    Raises:
        TypeError: If the input is of another kind.
        ValueError: If an array comes without sampling rate or leads, or is not one strip.
    """
    if isinstance(recording, (str, Path)):
        return read_ecg(recording, sampling_rate=sampling_rate, leads=leads)
    if isinstance(recording, Mapping):
        if "lead_mask" in recording and "signal" in recording:
            return recording_from_row(recording)
        keys = [key for key in ARRAY_KEYS if key in recording]
        if not keys:
            raise ValueError(
                f"A recording was given as a dictionary with the keys {', '.join(map(str, recording))}."
                " Pass `array`, `sampling_rate` and `leads`, or a row of a corpus."
            )
        sampling_rate = recording.get("sampling_rate", sampling_rate)
        leads = recording.get("leads", leads)
        recording = recording[keys[0]]
    if not isinstance(recording, (np.ndarray, torch.Tensor)):
        raise TypeError(
            f"A recording was given as {type(recording).__name__}."
            " Pass the path of an ECG file, an array, a dictionary, or a row of a corpus."
        )
    if sampling_rate is None or leads is None:
        raise ValueError(
            "An array was given without `sampling_rate` or `leads`. Pass both: they cannot be told from the voltages."
        )
    if recording.ndim != 2:
        raise ValueError(
            f"An array of shape {tuple(recording.shape)} is not one strip of shape (num_leads, num_samples)."
            " Pass a list of strips for many recordings, and `strip[None]` for a single lead."
        )
    return EcgRecording(strip_mv=np.asarray(recording), sampling_rate=sampling_rate, leads=leads)


__all__ = ["ZeroShotEcgClassificationPipeline"]
