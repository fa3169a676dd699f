"""The two parts of a model that are exported, and what each of them is tried on.

The text tower turns queries into embeddings; the ECG side reads strips and scores such embeddings on them. They meet
in `query_embeds` alone, so that queries are embedded once, and where the same ones are always asked, not even on the
machine that scores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn

from ..modeling_supreme import SupremeModel
from .strips import draw_strips


BATCH, QUERIES, SAMPLES, TEXT_TOKENS = "batch", "num_queries", "num_samples", "num_text_tokens"
LEAST_STRIP_S = 1.0  # shorter ones are refused by the feature extractor
MEASURED = ("value", "sd", "measurable")
NUM_CASE_QUERIES = (1, 5, 17)
# As leads are recorded: a watch, limb leads, an exercise test, precordial leads alone
LEAD_SETS = (("II",), ("I", "II", "III", "aVR", "aVL", "aVF"), ("I", "II", "V2"), ("V1", "V2", "V3", "V4", "V5", "V6"))
# Words and padding of a row of queries of several lengths
QUERY_LENGTHS = ((3,), (2, 7, 4), (9, 5, 12, 3, 8))

Inputs = dict[str, torch.Tensor]


class EcgSide(nn.Module):
    """ECG encoder, fusion network and measurement head in one graph."""

    def __init__(self, model: SupremeModel) -> None:
        super().__init__()
        self.ecg_model, self.fusion = model.ecg_model, model.fusion
        self.measurement_head = model.measurement_head
        self.num_samples: int = cast(Any, model.config.ecg_config).num_samples

    def forward(
        self,
        signal: torch.Tensor,
        lead_mask: torch.Tensor,
        sample_mask: torch.Tensor,
        recorded_mask: torch.Tensor,
        query_embeds: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        """Score every query on every strip; the arguments are those of [`SupremeModel`], none is optional.

        Returns:
            `tuple`: Logits, `(batch_size, num_queries)`; with a measurement head also value, standard deviation and
            probability of being measurable, each `(batch_size, num_measurements)`.
        """
        # Short strips are padded as the feature extractor does it: within, every shape but the batch's is then known
        missing = self.num_samples - signal.shape[-1]
        padded = (nn.functional.pad(each, (0, missing)) for each in (signal, sample_mask, recorded_mask))
        signal, sample_mask, recorded_mask = padded
        # That method takes nothing of a model but the parts that are here too
        read = SupremeModel.read_strips(cast(Any, self), signal, lead_mask, sample_mask, recorded_mask)
        outputs, measurements = read
        # Queries are not padded: that is for equality to the last bit, which another library does not promise
        queries = self.fusion.query_projection(self.fusion.query_norm(query_embeds))
        found, _ = self.fusion.read(queries, outputs.last_hidden_state, outputs.token_mask)
        logits = self.fusion.classifier(found)[..., 0]
        return (logits,) if measurements is None else (logits, *(measurements[name] for name in MEASURED))


class TextTower(nn.Module):
    """Text encoder and pooling in one graph."""

    def __init__(self, model: SupremeModel) -> None:
        super().__init__()
        self.text_model, self.config = model.text_model, model.config

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor]:
        """Embed queries: `(num_queries, num_text_tokens)` in, `(num_queries, text_hidden_size)` out."""
        hidden_states = self.text_model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return (SupremeModel.pool_text(cast(Any, self), hidden_states, attention_mask),)


@dataclass(frozen=True)
class Part:
    """What becomes one file.

    Attributes:
        name (`str`):
            Of the file, and in messages.
        module (`nn.Module`):
            What is exported, in evaluation mode and float32.
        axes (`dict[str, tuple]`):
            By the name of each input, in the order of `forward`, its shape: a number, or a name where it may vary.
        bounds (`dict[str, tuple[int, int | None]]`):
            Least and most of what varies.
        outputs (`dict[str, tuple]`):
            By the name of each output, its shape.
        cases (`dict[str, Inputs]`):
            By what is tried, inputs for it.
    """

    name: str
    module: nn.Module
    axes: Mapping[str, tuple[int | str, ...]]
    bounds: Mapping[str, tuple[int, int | None]]
    outputs: Mapping[str, tuple[int | str, ...]]
    cases: Mapping[str, Inputs]

    @property
    def example(self) -> tuple[torch.Tensor, ...]:
        """Inputs by which the graph is found: every size that may vary is more than 1 and none is another's."""
        return tuple(list(self.cases.values())[-1].values())


def make_ecg_part(model: SupremeModel, query_embeds: torch.Tensor) -> Part:
    """The ECG side of a model.

    Args:
        model (`SupremeModel`):
            In evaluation mode.
        query_embeds (`torch.Tensor` of shape `(num_queries, text_hidden_size)`):
            Queries to try it with, such as those of training.
    """
    config: Any = model.config.ecg_config
    num_leads, width = len(config.leads), query_embeds.shape[1]
    sizes = dict.fromkeys(MEASURED, (BATCH, len(model.config.measurements))) if model.config.measurements else {}
    return Part(
        name="ecg",
        module=EcgSide(model).eval(),
        axes={
            "signal": (BATCH, num_leads, SAMPLES),
            "lead_mask": (BATCH, num_leads),
            "sample_mask": (BATCH, SAMPLES),
            "recorded_mask": (BATCH, num_leads, SAMPLES),
            "query_embeds": (QUERIES, width),
        },
        bounds={
            BATCH: (1, None),
            QUERIES: (1, None),
            SAMPLES: (round(LEAST_STRIP_S * config.sampling_rate), config.num_samples),
        },
        outputs={"logits": (BATCH, QUERIES), **sizes},
        cases=draw_ecg_cases(config, query_embeds),
    )


def draw_ecg_cases(config: Any, query_embeds: torch.Tensor) -> dict[str, Inputs]:
    """Strips of every kind that a user may have.

    Args:
        config (`SupremeEcgConfig`):
            Rate, length and leads of the strips.
        query_embeds (`torch.Tensor` of shape `(num_queries, text_hidden_size)`):
            From which the queries of a case are taken.
    """
    few, some, many = (_take(query_embeds, number) for number in NUM_CASE_QUERIES)
    whole, short = config.num_samples, round(0.437 * config.num_samples)
    padded = make_inputs(config, some, num_strips=2, num_samples=whole, seed=2)
    padded["sample_mask"][:, short:] = False
    sheet = make_inputs(config, many, num_strips=2, num_samples=whole, seed=3)
    columns = (torch.arange(len(config.leads)) * 4) // len(config.leads)  # three rows of four, as sheets are printed
    sheet["recorded_mask"] = ((torch.arange(whole) * 4) // whole == columns[:, None]).expand(2, -1, -1).clone()
    few_leads = make_inputs(config, some, num_strips=len(LEAD_SETS), num_samples=whole, seed=4)
    few_leads["lead_mask"] = torch.tensor([[lead in leads for lead in config.leads] for leads in LEAD_SETS])
    few_leads["lead_mask"][:, 0] |= ~few_leads["lead_mask"].any(dim=1)  # a model may have other leads
    return {
        "one strip, one query": make_inputs(config, few, num_strips=1, num_samples=whole, seed=1),
        "padded strips": padded,
        "leads recorded in turn": sheet,
        "few leads": few_leads,
        "short strips": make_inputs(config, some, num_strips=3, num_samples=short, seed=5),
    }


def make_inputs(config: Any, query_embeds: torch.Tensor, *, num_strips: int, num_samples: int, seed: int) -> Inputs:
    """Drawn strips, recorded in full, and queries."""
    num_leads = len(config.leads)
    strips = draw_strips(num_strips, num_leads, num_samples, rate_hz=config.sampling_rate, seed=seed)
    masks = {"lead_mask": (num_leads,), "sample_mask": (num_samples,), "recorded_mask": (num_leads, num_samples)}
    return {
        "signal": strips,
        **{name: torch.ones(num_strips, *shape, dtype=torch.bool) for name, shape in masks.items()},
        "query_embeds": query_embeds,
    }


def make_text_part(model: SupremeModel, *, max_tokens: int) -> Part:
    """The text tower of a model.

    Args:
        model (`SupremeModel`):
            In evaluation mode.
        max_tokens (`int`):
            Of a query.
    """
    config: Any = model.config.text_config
    return Part(
        name="text",
        module=TextTower(model).eval(),
        axes={"input_ids": (QUERIES, TEXT_TOKENS), "attention_mask": (QUERIES, TEXT_TOKENS)},
        bounds={QUERIES: (1, None), TEXT_TOKENS: (2, max_tokens)},
        outputs={"query_embeds": (QUERIES, config.hidden_size)},
        cases={
            f"{len(lengths)} queries": _draw_words(lengths, config.vocab_size, seed=place)
            for place, lengths in enumerate(QUERY_LENGTHS)
        },
    )


def _draw_words(lengths: Sequence[int], vocab_size: int, *, seed: int) -> Inputs:
    """Queries of random words, padded to the longest."""
    generator = torch.Generator().manual_seed(seed)
    input_ids = torch.randint(vocab_size, (len(lengths), max(lengths)), generator=generator)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return {"input_ids": input_ids * mask, "attention_mask": mask.long()}


def _take(query_embeds: torch.Tensor, number: int) -> torch.Tensor:
    """So many queries, over and over where there are fewer."""
    return query_embeds[torch.arange(number) % len(query_embeds)]
