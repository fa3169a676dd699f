"""Scores of records and what is true of them, for the conditions that a checkpoint answers."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm.auto import tqdm

from datasets_scripts.simulator import label_names
from evaluation_scripts.conditions import describe_conditions
from evaluation_scripts.load import LabelledRecords
from evaluation_scripts.prediction_table import MEASURED
from modeling_supreme.checkpoints import check_logits
from modeling_supreme.composition import Composition
from modeling_supreme.definitions import Measured
from modeling_supreme.queries import encode_queries, to_probabilities
from modeling_supreme.query_grammar import normalize_name
from modeling_supreme.recordings import EcgRecording, recording_from_row
from training_scripts.objectives.calibration import simulate_held_out


class TrueRecord(NamedTuple):
    """A recording, whose it is, and what is true of it.

    Attributes:
        recording (`EcgRecording`):
            As it would come from a file.
        patient_id (`str`):
            Records of one patient are fitted together or not at all.
        truth (`np.ndarray` of shape `(num_conditions,)`):
            1 present, 0 absent, NaN unknown.
    """

    recording: EcgRecording
    patient_id: str
    truth: np.ndarray


class Scores(NamedTuple):
    """What a checkpoint answers about some records, as the pipeline would without decisions.

    Attributes:
        conditions (`tuple[str, ...]`):
            What was asked.
        sources (`tuple[str, ...]`):
            What answered.
        patients (`np.ndarray` of shape `(num_records,)`):
            Whose records these are.
        scores (`np.ndarray` of shape `(num_records, num_conditions)`):
            In single precision.
        truth (`np.ndarray` of shape `(num_records, num_conditions)`):
            1 present, 0 absent, NaN unknown.
    """

    conditions: tuple[str, ...]
    sources: tuple[str, ...]
    patients: np.ndarray
    scores: np.ndarray
    truth: np.ndarray


def list_conditions(config: Any) -> tuple[str, ...]:
    """Conditions that a checkpoint can answer, trained ones first; each once.

    Args:
        config (`SupremeConfig`):
            Of the checkpoint.
    """
    names = (*config.trained_queries, *(entry["condition"] for entry in config.definitions))
    known: dict[str, str] = {}
    for name in names:
        known.setdefault(normalize_name(name), name)
    answers = Composition.of(config, tuple(known.values()))
    pairs = zip(answers.labels, answers.seen, answers.answers, strict=True)
    return tuple(label for label, seen, answer in pairs if seen or answer.expression is not None)


def simulated_conditions(conditions: Iterable[str]) -> tuple[str, ...]:
    """Those whose truth is known of simulated records."""
    known = set(map(normalize_name, label_names()))
    return tuple(condition for condition in conditions if normalize_name(condition) in known)


def simulate(conditions: Sequence[str], num_records: int) -> Iterator[TrueRecord]:
    """Records of simulated patients of the validation split, with other carts, noise and rates than in training."""
    names = tuple(map(normalize_name, conditions))
    for recording, record in simulate_held_out(num_records):
        shown = set(map(normalize_name, record.labels))
        truth = np.array([name in shown for name in names], dtype=float)
        yield TrueRecord(recording, record.patient_id, truth)


def find_real_truth(records: LabelledRecords, conditions: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Conditions that the labels of a corpus stand for.

    Returns:
        `tuple`: The conditions among those given, and their truth, `(num_records, num_conditions)`: present if one of
        the labels that stand for a condition is, else absent if one is known to be.
    """
    described = describe_conditions(records.label_names, config_name=records.config_name, trained_queries=None)
    labels = records.read_labels()
    places: dict[str, list[int]] = {}
    for place, condition in enumerate(described):
        places.setdefault(normalize_name(condition.query), []).append(place)
    named = tuple(condition for condition in conditions if normalize_name(condition) in places)
    truth = np.full((len(labels), len(named)), np.nan)
    for column, condition in enumerate(named):
        truth[:, column] = np.fmax.reduce(labels[:, places[normalize_name(condition)]], axis=1)
    return named, truth


def read_real(records: LabelledRecords, truth: np.ndarray) -> Iterator[TrueRecord]:
    """Records of a corpus, one after the other."""
    rows: Any = records.rows
    for row, known in zip(rows, truth, strict=True):
        yield TrueRecord(recording_from_row(row), str(row["patient_id"]), known)


@torch.inference_mode()
def score_records(
    model: Any,
    processor: Any,
    conditions: Sequence[str],
    records: Iterator[TrueRecord],
    *,
    num_records: int,
    batch_size: int,
    description: str,
) -> Scores:
    """Ask a checkpoint about records, as the pipeline does.

    Args:
        model ([`SupremeModel`]):
            In evaluation mode, without decisions.
        processor ([`SupremeProcessor`]):
            Its own.
        conditions (`Sequence[str]`):
            What is asked.
        records (`Iterator[TrueRecord]`):
            Of whom, with the truth of the conditions.
        num_records (`int`):
            How many there are.
        batch_size (`int`):
            Records at once.
        description (`str`):
            Title of the progress bar.

    Raises:
        ValueError: If the model answers NaN or infinity, or a record cannot be used.
    """
    composition = Composition.of(model.config, conditions)
    asked = composition.ask()
    query_embeds = torch.zeros((0, model.config.text_config.hidden_size), device=model.device)
    if asked:
        query_embeds = encode_queries(model, processor.tokenizer, asked)
    parts: dict[str, list[torch.Tensor]] = {}
    patients: list[str] = []
    truth: list[np.ndarray] = []
    with tqdm(total=num_records, desc=description, unit="record") as progress:
        while batch := list(islice(records, batch_size)):
            features = processor.feature_extractor.prepare([each.recording for each in batch], return_tensors="pt")
            inputs = {name: value.to(model.device) for name, value in features.items()}
            outputs = model(**inputs, query_embeds=query_embeds)
            check_logits(outputs.logits_per_ecg, [each.patient_id for each in batch])
            answers = {"logits": outputs.logits_per_ecg}
            if outputs.measurements is not None:
                answers |= {name: outputs.measurements[name] for name in MEASURED}
            for name, answer in answers.items():
                parts.setdefault(name, []).append(answer.float().cpu())
            patients += [each.patient_id for each in batch]
            truth += [each.truth for each in batch]
            progress.update(len(batch))
    joined = {name: torch.cat(part) for name, part in parts.items()}
    probabilities = to_probabilities(joined.pop("logits"))
    measured = Measured.of(model, SimpleNamespace(**joined) if joined else None)
    scores = composition.evaluate(probabilities, measured).numpy()
    return Scores(tuple(conditions), tuple(composition.sources), np.array(patients), scores, np.stack(truth))
