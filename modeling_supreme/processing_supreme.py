"""Processor of the zero-shot model: its feature extractor for strips and its tokenizer for queries."""

from collections.abc import Sequence
from typing import Any

from transformers import BatchFeature, ProcessorMixin
from transformers.utils import TensorType

from .feature_extraction_supreme import SupremeEcgFeatureExtractor


class SupremeProcessor(ProcessorMixin):
    """Prepares strips and queries.

    Args:
        feature_extractor (`SupremeEcgFeatureExtractor`):
            Prepares strips.
        tokenizer (`PreTrainedTokenizerBase`):
            Prepares queries; the text encoder's own.
    """

    def __init__(self, feature_extractor: SupremeEcgFeatureExtractor, tokenizer: Any) -> None:
        super().__init__(feature_extractor, tokenizer)

    def __call__(
        self,
        strips: Any = None,
        text: str | Sequence[str] | None = None,
        *,
        sampling_rate: float | None = None,
        leads: Sequence[str] | None = None,
        record_id: str | Sequence[str] | None = None,
        return_tensors: str | TensorType | None = None,
    ) -> BatchFeature:
        """Prepare strips, queries, or both for `SupremeModel`.

        Args:
            strips (`np.ndarray` of shape `(num_leads, num_samples)` or a list of them, *optional*):
                Voltages, in millivolts.
            text (`str` or `Sequence[str]`, *optional*):
                Queries.
            sampling_rate (`float`, *optional*):
                Sampling rate of `strips`, in Hz. Required with `strips`.
            leads (`Sequence[str]`, *optional*):
                Names of the rows of `strips`. Required with `strips`.
            record_id (`str` or `Sequence[str]`, *optional*):
                One per strip; named in messages.
            return_tensors (`str`, *optional*):
                `"np"` or `"pt"`.

        Returns:
            `BatchFeature`: `signal`, `lead_mask` and `sample_mask` where strips were given; `input_ids` and
            `attention_mask` where queries were given.

        Raises:
            ValueError: If nothing was given, or strips came without their sampling rate or leads.
        """
        if strips is None and text is None:
            raise ValueError("The processor was given nothing to prepare. Pass `strips`, `text`, or both.")
        features: dict[str, Any] = {}
        if strips is not None:
            if sampling_rate is None or leads is None:
                raise ValueError(
                    "Strips came without `sampling_rate` or `leads`. Pass both: they cannot be told from the voltages."
                )
            features |= self.feature_extractor(
                strips, sampling_rate=sampling_rate, leads=leads, record_id=record_id, return_tensors=return_tensors
            )
        if text is not None:
            queries = [text] if isinstance(text, str) else list(text)
            encoding = self.tokenizer(queries, padding=True, truncation=True, return_tensors=return_tensors)
            features |= {key: encoding[key] for key in ("input_ids", "attention_mask")}
        return BatchFeature(features)


__all__ = ["SupremeProcessor"]
