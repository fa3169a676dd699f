"""The card of the shipped checkpoint: what it was made of, and what its evaluations say."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import ModelCard, ModelCardData

from evaluation_scripts.metrics import format_figure
from evaluation_scripts.suites.model_index import CARD_FILENAME, to_eval_result
from modeling_supreme.output_files.atomic_files import write_text
from training_scripts.decisions.decide import RESULTS_FILENAME as DECISIONS_FILENAME
from training_scripts.decisions.report import write_section

from .make import EARLIER_FILE, RUN_FILE
from .robustness import collect_curves, list_conditions_by_leads, list_levels, write_curves


CARD = Path(__file__).parents[1] / "cards" / "shipped.md"
RESULTS_FILE = "eval_results.json"
MODEL_NAME = "modeling-supreme-default"
MEGABYTE = 1e6


def write_shipped_card(folder: str | Path, evaluations: Sequence[str | Path], *, training: str = "") -> ModelCard:
    """Write README.md beside the checkpoint, and where an evaluation disturbed its recordings, what that costs.

    Args:
        folder (`str` or `Path`):
            Of the checkpoint, as [`make_checkpoint`] wrote it.
        evaluations (`Sequence[str | Path]`):
            Folders of evaluations, or their eval_results.json.
        training (`str`):
            One sentence on the time and machine that training took.

    Returns:
        `ModelCard`: The card as written.

    Raises:
        ValueError: If an evaluation is of records that training has seen.
    """
    folder = Path(folder)
    results = read_evaluations(evaluations)
    curves = collect_curves(results)
    write_curves(folder, curves)
    weights = folder / "model.safetensors"
    rounds = read_rounds(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    card = ModelCard.from_template(
        card_data=ModelCardData(
            language="en",
            license="apache-2.0",
            library_name="transformers",
            pipeline_tag="zero-shot-classification",
            tags=["ecg", "electrocardiogram", "supreme", "zero-shot-ecg-classification"],
            model_name=MODEL_NAME,
            eval_results=[to_eval_result(name, result) for name, result in results.items()],
        ),
        template_path=str(CARD),
        rounds=rounds,
        num_queries=len(config["trained_queries"]),
        num_definitions=len(config["definitions"]),
        num_measurements=len(config["measurements"]),
        sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
        num_megabytes=f"{sum(path.stat().st_size for path in folder.iterdir()) / MEGABYTE:.1f}",
        training=training,
        sets=[describe_set(name, result) for name, result in results.items()],
        conditions=[row for name, result in results.items() for row in list_conditions(name, result)],
        disturbed=list(curves),
        levels=list_levels(curves),
        by_leads=list_conditions_by_leads(results),
    )
    write_text(folder / CARD_FILENAME, str(card).rstrip() + "\n")
    decisions = folder / DECISIONS_FILENAME
    if decisions.is_file():
        write_section(folder / CARD_FILENAME, json.loads(decisions.read_text(encoding="utf-8")))
    return ModelCard.load(folder / CARD_FILENAME)


def read_rounds(folder: Path) -> list[dict[str, Any]]:
    """Flags of the trainings of a checkpoint, each of which went on from the one before."""
    earlier = folder / EARLIER_FILE
    rounds = yaml.safe_load(earlier.read_text(encoding="utf-8")) if earlier.is_file() else []
    return [*rounds, yaml.safe_load((folder / RUN_FILE).read_text(encoding="utf-8"))]


def read_evaluations(evaluations: Sequence[str | Path]) -> dict[str, Mapping[str, Any]]:
    """Results by "corpus/configuration/split".

    Raises:
        ValueError: If one of them took the training split.
    """
    results: dict[str, Mapping[str, Any]] = {}
    for source in map(Path, evaluations):
        path = source / RESULTS_FILE if source.is_dir() else source
        results |= json.loads(path.read_text(encoding="utf-8"))["results"]
    seen = [name for name in results if name.startswith("ptb_xl/") and "train" in name.split("/")[-1]]
    if seen:
        raise ValueError(
            f"{', '.join(seen)}: training has seen these records. Evaluate with `--split test` for the card."
        )
    return results


def describe_set(name: str, result: Mapping[str, Any]) -> dict[str, str]:
    """A row of the table of label sets."""
    interval = result["auroc_macro_ci95"]
    return {
        "name": name,
        "records": str(result["num_records"]),
        "conditions": str(result["num_conditions"]),
        "auroc": format_figure(result["auroc_macro"]),
        "interval": "-" if interval is None else " to ".join(format_figure(each) for each in interval),
    }


def list_conditions(name: str, result: Mapping[str, Any]) -> list[dict[str, str]]:
    """Rows of the table of conditions: those that are averaged."""
    return [
        {
            "set": name,
            "condition": entry["finding"] or entry["label"],
            "positives": str(entry["num_positives"]),
            "auroc": format_figure(entry["auroc"]),
        }
        for entry in result["conditions"]
        if entry["is_averaged"]
    ]
