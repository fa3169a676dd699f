"""Whether explanations can be believed: a deletion test against chance, and a test against random weights."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from scipy.stats import spearmanr
from tqdm.auto import tqdm
from transformers import PreTrainedModel, ProcessorMixin

from datasets_scripts.collator import StripCollator
from modeling_supreme.evidence.explainer import MAPS, Explainer, ImportanceMap
from modeling_supreme.evidence.occlusion import Occluder, select_record

from .answers import choose_answers
from .arguments import EvaluationArguments
from .conditions import describe_conditions
from .load import LabelledRecords
from .metrics import draw_resamples, format_figure, mean_or_none, percentile_interval


EXPLANATION = (
    "drop: of the logit without the tenth of the leads or of the time that a map calls most important; random:",
    "without a tenth at random; above: share of the maps with the larger drop; random weights: rank correlation with",
    "the map of a model whose weights are random. An explanation is worth something where drop is above random, and",
    "that correlation near 0.",
)


class _Tested(NamedTuple):
    """One map of one record."""

    kind: str
    label: str
    patient_id: str
    found: ImportanceMap
    rank_correlation: float


def evaluate_explanations(
    model: PreTrainedModel,
    processor: ProcessorMixin,
    records: LabelledRecords,
    labels: np.ndarray,
    *,
    arguments: EvaluationArguments,
) -> dict[str, Any]:
    """Test the explanations of a checkpoint on positive records.

    Conditions are asked for by their names, whatever `query_wording` says.

    Args:
        model ([`SupremeModel`]):
            In evaluation mode.
        processor ([`SupremeProcessor`]):
            The checkpoint's own.
        records ([`LabelledRecords`]):
            What was evaluated.
        labels (`np.ndarray` of shape `(num_records, num_conditions)`):
            1 for positive records.
        arguments ([`EvaluationArguments`]):
            How conditions are asked for, how many positive records are explained, and the seed.

    Returns:
        `dict`: By kind of map, its figures over all conditions; and `conditions`, with the figures of each.
    """
    config = model.config
    described = describe_conditions(
        records.label_names, config_name=records.config_name, trained_queries=config.trained_queries
    )
    composition = choose_answers(
        config, [each.query for each in described], arguments.answer_by, definitions=arguments.definitions
    )
    options = {"template": arguments.hypothesis_template, "definitions": arguments.definitions}
    tokenizer = cast("Any", processor).tokenizer
    trained, random = (
        Explainer(each, tokenizer, composition, **options)
        for each in (model, with_random_weights(model, arguments.seed))
    )
    tested = list(_test_maps(trained, random, processor, records, labels, most=cast("int", arguments.explanations)))
    bootstrap = {"num_bootstrap_samples": arguments.num_bootstrap_samples, "seed": arguments.seed}
    return {
        "num_positives_per_condition": arguments.explanations,
        **{kind: summarize([each for each in tested if each.kind == kind], **bootstrap) for kind in MAPS},
        "conditions": [
            {
                "label": label,
                **{
                    kind: summarize([each for each in tested if (each.kind, each.label) == (kind, label)])
                    for kind in MAPS
                },
            }
            for label in dict.fromkeys(each.label for each in tested)
        ],
    }


def with_random_weights(model: Any, seed: int) -> Any:
    """The same model, which has learnt nothing: only its text encoder and the units of its measurements are kept.

    Args:
        model ([`SupremeModel`]):
            Of which the ECG encoder, the fusion network and the measurement head are drawn anew.
        seed (`int`):
            Of the draw.

    Returns:
        [`SupremeModel`]: In evaluation mode, on the same device.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        random = type(model)(model.config)
    random.text_model.load_state_dict(model.text_model.state_dict())
    if model.measurement_head is not None:
        random.measurement_head.load_state_dict(dict(model.measurement_head.named_buffers()), strict=False)
    return random.to(model.device, model.dtype).eval()


def choose_positives(labels: np.ndarray, most: int) -> dict[int, list[int]]:
    """Which conditions are explained on which records: on the first positive ones of each.

    Example:
        >>> choose_positives(np.array([[1, 0], [1, 1], [1, 0]]), most=2)
        {0: [0], 1: [0, 1]}
    """
    chosen: dict[int, list[int]] = {}
    for condition in range(labels.shape[1]):
        for record in np.flatnonzero(labels[:, condition] == 1)[:most].tolist():
            chosen.setdefault(record, []).append(condition)
    return dict(sorted(chosen.items()))


def _test_maps(
    trained: Explainer,
    random: Explainer,
    processor: Any,
    records: LabelledRecords,
    labels: np.ndarray,
    *,
    most: int,
) -> Iterable[_Tested]:
    """Maps of the positive records, each with what random weights make of it."""
    collator = StripCollator(processor.feature_extractor)
    rows = collator.select(records.rows)
    patients = records.locate()["patient_id"].tolist()
    for place, conditions in tqdm(choose_positives(labels, most).items(), desc=f"{records.name}, explanations"):
        batch = collator([cast("dict[str, Any]", rows[place])])
        inputs = select_record({name: each.to(trained.model.device) for name, each in batch.items()}, 0)
        maps, others = (
            each.find_maps(Occluder(inputs, each.sampling_rate), each.answer(inputs, with_attention=True), conditions)
            for each in (trained, random)
        )
        for condition in conditions:
            for kind, found in maps[condition].items():
                other = others[condition][kind].importance
                label = records.label_names[condition]
                yield _Tested(kind, label, patients[place], found, correlate(found.importance, other))


def correlate(importance: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's rank correlation; NaN where a map is the same everywhere.

    Example:
        >>> correlate([0.1, 0.2, 0.3], [3.0, 2.0, 1.0])
        -1.0
    """
    if len(set(importance)) < 2 or len(set(other)) < 2:
        return float("nan")
    return float(cast("Any", spearmanr(importance, other)).statistic)


def summarize(tested: Sequence[_Tested], *, num_bootstrap_samples: int = 0, seed: int = 0) -> dict[str, Any] | None:
    """Figures of maps; `None` where there is none.

    Args:
        tested (`Sequence`):
            Maps of one kind.
        num_bootstrap_samples (`int`):
            Of the interval over patients; 0 for none.
        seed (`int`):
            Of these samples.
    """
    if not tested:
        return None
    drops, by_chance = (
        np.array([getattr(each.found.deletion, name) for each in tested]) for name in ("drop", "random_drop")
    )
    figures = {
        "num_maps": len(tested),
        "drop": float(drops.mean()),
        "random_drop": float(by_chance.mean()),
        "drop_less_random": float((drops - by_chance).mean()),
        "share_above_random": float((drops > by_chance).mean()),
        "share_faithful": float(np.mean([each.found.deletion.is_faithful for each in tested])),
        "rank_correlation_with_random_weights": mean_or_none(np.array([each.rank_correlation for each in tested])),
    }
    if num_bootstrap_samples:
        patients = [each.patient_id for each in tested]
        weights = draw_resamples(patients, num_bootstrap_samples=num_bootstrap_samples, seed=seed).astype(float)
        means = weights @ (drops - by_chance) / weights.sum(axis=1)
        figures["drop_less_random_ci95"] = percentile_interval(means)
    return figures


def format_explanations(result: Mapping[str, Any]) -> str:
    """A table of the kinds of maps.

    Args:
        result (`Mapping`):
            What [`evaluate_explanations`] gives.

    Returns:
        `str`: Lines that end in a line break.
    """
    rows = [["explanations", "maps", "drop", "random", "above", "faithful", "random weights"]]
    names = ("drop", "random_drop", "share_above_random", "share_faithful", "rank_correlation_with_random_weights")
    for kind in MAPS:
        if result[kind] is not None:
            figures = [format_figure(result[kind][name]) for name in names]
            rows.append([kind, str(result[kind]["num_maps"]), *figures])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, *EXPLANATION]) + "\n"
