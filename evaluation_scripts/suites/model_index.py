"""Write the figures of test splits into the card of a checkpoint, where the Hub and its leaderboards read them.

    python -m evaluation_scripts.suites.model_index --evaluations O1 O2 --checkpoint DIR

`--evaluations` are folders that `evaluate.py` wrote, `--checkpoint` the folder of the checkpoint that they evaluated.
The `model-index` of its README.md receives the macro AUROC of every set, and of a suite their mean; an entry for the
same set, protocol and split is replaced, the others and the text stay as they are.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from huggingface_hub import EvalResult, ModelCard, ModelCardData
from tqdm import tqdm

from modeling_supreme.command_line import parse_arguments, run_command
from modeling_supreme.output_files.atomic_files import write_text


RESULTS_FILENAME, CARD_FILENAME = "eval_results.json", "README.md"
TEST = "test"


@dataclass
class CardArguments:
    """What to write where."""

    evaluations: list[str] = field(metadata={"help": "Folders that evaluate.py wrote, of the test split."})
    checkpoint: str = field(metadata={"help": "Folder of the checkpoint, whose README.md receives the figures."})


def to_eval_result(name: str, result: Mapping[str, Any], *, protocol: str | None = None) -> EvalResult:
    """The macro AUROC of a label set, for a card's `model-index`.

    Args:
        name (`str`):
            "corpus/configuration/split".
        result (`Mapping`):
            What eval_results.json says of the set.
        protocol (`str`, *optional*):
            Name of the protocol of a suite: figures of different protocols are of different sets.
    """
    corpus, config_name, split = name.split("/")
    config = config_name if protocol is None else f"{config_name}, protocol {protocol}"
    return EvalResult(
        task_type="zero-shot-classification",
        task_name="zero-shot ECG classification",
        dataset_type=corpus,
        dataset_name=f"{corpus} ({config})",
        dataset_config=config,
        dataset_split=split,
        metric_type="roc_auc",
        metric_name="macro AUROC",
        metric_value=round(result["auroc_macro"], 4),
    )


def list_eval_results(source: str | Path, checkpoint: str | Path) -> list[EvalResult]:
    """The figures of one evaluation.

    Args:
        source (`str` or `Path`):
            A folder that `evaluate.py` wrote.
        checkpoint (`str` or `Path`):
            The checkpoint that it is to have evaluated.

    Returns:
        `list[EvalResult]`: A set in which nothing could be averaged is left out.

    Raises:
        FileNotFoundError: If there are no results.
        ValueError: If they are of another checkpoint, of other records than those of test, or of what was fitted.
    """
    path = Path(source) / RESULTS_FILENAME
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist. Name folders that `evaluate.py` wrote.")
    report = json.loads(path.read_text(encoding="utf-8"))
    own, wanted = Path(report["model"]).name, Path(checkpoint).resolve().name
    if own != wanted:
        raise ValueError(
            f"{path} evaluates {own}, not {wanted}. Name the evaluations of this checkpoint, or evaluate it."
        )
    tried = [name for name in report["results"] if name.rpartition("/")[2] != TEST]
    if tried:
        raise ValueError(
            f"{path}: {tried[0]} is no figure of the test split alone. Evaluate with `--split {TEST}` for the card."
        )
    return list(_list_figures(report))


def _list_figures(report: Mapping[str, Any]) -> Iterator[EvalResult]:
    """Every set, and of a suite their mean."""
    protocol = report["protocol"].get("name")
    for name, result in report["results"].items():
        if result["auroc_macro"] is not None:
            yield to_eval_result(name, result, protocol=protocol)
    suite, overall = report["protocol"].get("suite"), report.get("overall") or {}
    if suite and overall.get("auroc_macro") is not None:
        num_all = overall["num_sets"] + len(report["missing"])
        yield to_eval_result(
            f"{suite}/mean of {overall['num_sets']} of {num_all} sets/{TEST}", overall, protocol=protocol
        )


def update_card(checkpoint: str | Path, results: Sequence[EvalResult]) -> Path:
    """Put figures into the `model-index` of a card.

    Args:
        checkpoint (`str` or `Path`):
            Folder of the checkpoint.
        results (`Sequence[EvalResult]`):
            Figures. Each takes the place of one for the same set and metric.

    Returns:
        `Path`: The card.

    Raises:
        FileNotFoundError: If the checkpoint has no card.
    """
    path = Path(checkpoint) / CARD_FILENAME
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist. Training writes a card beside the checkpoint; write one that says what it is."
        )
    card = ModelCard.load(path)
    data = cast("ModelCardData", card.data)
    new = {(result.unique_identifier, result.metric_name): result for result in results}
    known = {(result.unique_identifier, result.metric_name): result for result in data.eval_results or ()}
    data.eval_results = list({**known, **new}.values())
    data.model_name = data.model_name or Path(checkpoint).resolve().name
    write_text(path, str(card))
    return path


def main(argv: Sequence[str] | None = None) -> None:
    """Read the evaluations and update the card."""
    (arguments,) = parse_arguments([CardArguments], argv, description=__doc__)
    results = [
        result for source in arguments.evaluations for result in list_eval_results(source, arguments.checkpoint)
    ]
    path = update_card(arguments.checkpoint, results)
    tqdm.write(f"Wrote {len(results)} figures into {path}.")


if __name__ == "__main__":
    run_command(main, refusals=[ValueError, OSError])
