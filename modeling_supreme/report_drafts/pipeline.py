"""`pipeline("ecg-report-generation")`: a recording in, a draft of its report out, with the score of each sentence.

A decoder writes something of any strip. Each sentence of a draft is therefore asked of the same model as a query, and
marked where its own zero-shot head does not support it.
"""

from typing import Any, cast

from modeling_supreme.checkpoints import check_logits
from modeling_supreme.feature_extraction_supreme import is_number
from modeling_supreme.modeling_melp import split_sentences
from modeling_supreme.pipeline_zero_shot_ecg import READING_OPTIONS, ZeroShotEcgClassificationPipeline
from modeling_supreme.queries import encode_queries, to_probabilities


WRITING_OPTIONS = ("num_beams", "max_new_tokens", "do_sample", "temperature", "top_p", "repetition_penalty")
OTHER_OPTIONS = ("threshold", "return_details", "batch_size", "num_workers")
USUAL_THRESHOLD = 0.5


class EcgReportGenerationPipeline(ZeroShotEcgClassificationPipeline):
    """Drafts reports of ECG recordings with a checkpoint of MELP.

    Example:
        ```python
        draft = pipeline("ecg-report-generation", model="runs/melp")
        draft("records500/00000/00001_hr")["sentences"][0]
        # {"sentence": "sinus rhythm.", "score": 0.97, "supported": True}
        ```
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if getattr(self.model, "decoder", None) is None:
            raise ValueError(
                f"A {type(self.model).__name__} without a decoder writes no reports. Take a checkpoint of MELP that"
                " was trained with a `--caption_weight` above 0."
            )

    def __call__(self, recordings: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        """Draft the report of one recording or of many.

        Args:
            recordings (`str`, `Path`, array, `dict`, or a list, a `Dataset`, or a generator of them):
                As the zero-shot pipeline takes them.
            kwargs:
                Its arguments `sampling_rate`, `leads`, `unit`, `on_error`, `return_details` and `batch_size`;
                `threshold`, the lowest score of a sentence that counts as supported (0.5 by default); and, of
                transformers' `generate`, `num_beams`, `max_new_tokens`, `do_sample`, `temperature`, `top_p` and
                `repetition_penalty`.

        Returns:
            `dict`: For one recording, `report`, the draft, and `sentences`, of each of which `sentence`, `score`, the
            probability that it is true by the model's own zero-shot head, and `supported`; with `return_details` also
            `account`, of a folder also `record`. A list of such dictionaries for several recordings, an iterator for a
            generator.

        Raises:
            FileNotFoundError: If a path has no record.
            TypeError: If a recording is of an unknown kind, or an option is unknown.
            ValueError: If a recording cannot be used, or an option means nothing.
        """
        return self._run(recordings, **kwargs)

    def measure(self, recordings: Any, **kwargs: Any) -> Any:
        """Nothing: what writes reports measures no numbers.

        Raises:
            TypeError: Always.
        """
        raise TypeError("This pipeline writes reports. Measure with `zero-shot-ecg-classification`.")

    def _sanitize_parameters(  # type: ignore[override]
        self, **kwargs: Any
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        known = (*READING_OPTIONS, *WRITING_OPTIONS, *OTHER_OPTIONS)
        unknown = [name for name in kwargs if name not in known]
        if unknown:
            raise TypeError(f"The pipeline has no option `{unknown[0]}`. There are {', '.join(known)}.")
        given = {key: value for key, value in kwargs.items() if value is not None}
        threshold = given.get("threshold", USUAL_THRESHOLD)
        if not is_number(threshold) or not 0 <= threshold <= 1:
            raise ValueError(f"`threshold` is {threshold!r}. Scores are probabilities: choose a value from 0 to 1.")
        parts = (READING_OPTIONS, WRITING_OPTIONS, ("threshold", "return_details"))
        preprocess, forward, postprocess = ({key: given[key] for key in part if key in given} for part in parts)
        return preprocess, forward, postprocess

    def _forward(self, model_inputs: dict[str, Any], **options: Any) -> dict[str, Any]:  # type: ignore[override]
        notes = {key: model_inputs.pop(key) for key in ("account", "failure")}
        accounts = notes["account"] if isinstance(notes["account"], list) else [notes["account"]]
        strips = {**model_inputs, "signal": model_inputs["signal"].to(self.model.dtype)}
        model, tokenizer = cast(Any, self.model), cast(Any, self.tokenizer)
        written = model.generate(**strips, **options)
        reports = tokenizer.batch_decode(written, skip_special_tokens=True)
        sentences = [split_sentences(report) for report in reports]
        asked = list(dict.fromkeys(sentence for each in sentences for sentence in each))
        scores: list[dict[str, float]] = [{} for _ in reports]
        if asked:
            outputs = model(**strips, query_embeds=encode_queries(model, tokenizer, asked))
            check_logits(outputs.logits_per_ecg, [account.source or "without a name" for account in accounts])
            rows = to_probabilities(outputs.logits_per_ecg).tolist()
            scores = [dict(zip(asked, row, strict=True)) for row in rows]
        drafts = [
            {"report": report, "sentences": [(sentence, row[sentence]) for sentence in each]}
            for report, each, row in zip(reports, sentences, scores, strict=True)
        ]
        return {"draft": drafts, **notes}

    def postprocess(  # type: ignore[override]
        self, model_outputs: dict[str, Any], threshold: float = USUAL_THRESHOLD, return_details: bool = False
    ) -> dict[str, Any] | None:
        """A draft and its sentences; `None` where a recording was skipped."""
        draft, account, failure = (only(model_outputs[key]) for key in ("draft", "account", "failure"))
        if failure is not None:
            return None
        details = {"account": account.to_dict()} if return_details else {}
        sentences = [
            {"sentence": sentence, "score": score, "supported": score >= threshold}
            for sentence, score in draft["sentences"]
        ]
        return {"report": draft["report"], "sentences": sentences, **details}


def only(value: Any) -> Any:
    """What belongs to a single recording; batches hold it in lists."""
    return value[0] if isinstance(value, list) else value


__all__ = ["EcgReportGenerationPipeline"]
