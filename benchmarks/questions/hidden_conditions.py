"""What answers for conditions that training never named: a table on real recordings.

python benchmarks/questions/hidden_conditions.py --data_dir ptb-xl/1.0.3 --output_dir runs/hidden

Trains a recipe with the names of ten conditions hidden (`--held_out_findings`), their records kept: a new condition is
one that nobody labelled, not one that nobody had. The checkpoint, or that of `--model_name_or_path`, then answers for
the ten on all of PTB-XL, which it has never seen, in five ways: by their names, by their definitions, by both, by what
the pipeline chooses, and by the rules over named findings of rules_over_findings.yaml, which measure nothing. The
controls of `evaluate.py` stand beside them. The table is written to hidden_conditions.md in `--output_dir`; a
checkpoint that is there already is not trained again. Definitions come from guidelines and are not to be tuned to
these figures.
"""

import argparse
import json
import logging
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluation_scripts.metrics import format_figure
from modeling_supreme.command_line.scripts import ScriptParser


logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
RULES = Path(__file__).with_name("rules_over_findings.yaml")
CONFIG_NAME = "hierarchy"
HELD_OUT = (
    "sinus tachycardia",
    "atrial fibrillation",
    "atrial flutter",
    "premature ventricular contraction",
    "first degree av block",
    "left bundle branch block",
    "right bundle branch block",
    "left anterior fascicular block",
    "left ventricular hypertrophy",
    "inferior myocardial infarction",
)
WAYS = ("name", "definition", "both", "auto", "rule")
CONTROLS = {"normal_ecg": '"normal ecg" alone', "random_queries": "random queries"}

# Entries of `eval_results.json` by finding
Entries = Mapping[str, Mapping[str, Any]]


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = ScriptParser(__doc__)
    parser.add_argument("--data_dir", required=True, help="Folder of PTB-XL, with its tables.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Folder for the checkpoint and the table.")
    parser.add_argument("--model_name_or_path", help="Checkpoint that was trained without the ten names already.")
    parser.add_argument("--recipe", default="configs/simulated.yaml", help="Recipe to train.")
    parser.add_argument("--max_train_steps", type=int, default=1800, help="Steps of 64 strips.")
    parser.add_argument(
        "--held_out_records", choices=["keep", "remove"], default="keep", help="What happens to the hidden conditions."
    )
    parser.add_argument("--definitions", type=Path, help="File of definitions, before those of the checkpoint.")
    return parser.parse_args(arguments)


def run_script(*command: str) -> None:
    """Run a script of the repository."""
    subprocess.run([sys.executable, *command], cwd=ROOT, check=True)


def train(options: argparse.Namespace) -> str:
    """Train the recipe without the names of the held-out conditions, unless that is done; returns the checkpoint."""
    checkpoint = options.output_dir / "checkpoint"
    if not (checkpoint / "train_results.json").is_file():
        flags = ["--held_out_records", options.held_out_records, "--max_train_steps", str(options.max_train_steps)]
        output = ["--output_dir", str(checkpoint), "--overwrite_output_dir"]
        run_script("train.py", options.recipe, "--held_out_findings", *HELD_OUT, *flags, *output)
    return str(checkpoint)


def evaluate(options: argparse.Namespace, checkpoint: str, way: str) -> dict[str, dict[str, Any]]:
    """Entries of `eval_results.json` of the held-out conditions, by name, where they are answered in a way."""
    output_dir = options.output_dir / f"evaluation_{way}"
    definitions = RULES if way == "rule" else options.definitions if way != "name" else None
    flags = ["--answer_by", "definition" if way == "rule" else way]
    flags += [] if definitions is None else ["--definitions", str(definitions)]
    corpus = ["--dataset_name", "ptb_xl", "--dataset_config_name", CONFIG_NAME, "--data_dir", options.data_dir]
    records = ["--split", "train+validation+test", "--on_error", "skip", "--num_bootstrap_samples", "0"]
    model = ["--model_name_or_path", checkpoint, "--output_dir", str(output_dir)]
    run_script("evaluate.py", *model, *corpus, *records, *flags)
    (result,) = json.loads((output_dir / "eval_results.json").read_text(encoding="utf-8"))["results"].values()
    entries = {entry["finding"]: entry for entry in result["conditions"] if entry["finding"] in HELD_OUT}
    check_hidden(entries, checkpoint)
    return entries


def check_hidden(entries: Entries, checkpoint: str) -> None:
    """Refuse a checkpoint that was trained on what is to be hidden, under this name or another.

    Raises:
        SystemExit: If it was on any of it.
    """
    seen = [finding for finding, entry in entries.items() if entry["seen"]]
    if seen:
        raise SystemExit(
            f"{checkpoint} was trained on {', '.join(seen)}, so that nothing is hidden from it. Pass one that was"
            " trained with `--held_out_findings`, or leave `--model_name_or_path` out to train one."
        )


def format_table(by_way: Mapping[str, Entries]) -> str:
    """A Markdown table of AUROCs: on all records, and after a stroke among those that are not normal.

    Args:
        by_way (`Mapping[str, Mapping[str, Mapping]]`):
            Entries of `eval_results.json` by finding, for each of `WAYS`.

    Returns:
        `str`: The table, and how many conditions each way knows: better than both controls among the others.
    """
    by_name = by_way["name"]
    columns = [*by_way, *CONTROLS.values()]
    lines = [f"| condition | positives | {' | '.join(columns)} |", "|---" * (len(columns) + 2) + "|"]
    rows = []  # (num_conditions, 2, num_columns)
    for finding, entry in by_name.items():
        entries = [by_way[way][finding] for way in by_way]
        rows.append([_figures_of(entries), _figures_of([each["among_non_normal"] for each in entries])])
        lines.append(f"| {finding} | {entry['num_positives']} | {format_cells(*rows[-1])} |")
    figures = np.array(rows, dtype=float)
    lines.append(f"| mean | | {format_cells(*np.nanmean(figures, axis=0).tolist())} |")
    specific, controls = figures[:, 1, : len(by_way)], figures[:, 1, len(by_way) :].max(axis=1, keepdims=True)
    known = ", ".join(f"{way} {(specific[:, place] > controls[:, 0]).sum()}" for place, way in enumerate(by_way))
    lines += ["", f"Better than both controls among records that are not normal, of {len(rows)}: {known}."]
    return "\n".join(lines)


def _figures_of(entries: Sequence[Mapping[str, Any]]) -> list[float | None]:
    """AUROC in every way, and of the controls, which do not depend on the way."""
    return [*(entry["auroc"] for entry in entries), *(entries[0]["controls"][name] for name in CONTROLS)]


def format_cells(everywhere: Sequence[float | None], specific: Sequence[float | None]) -> str:
    """Cells of a row, with two figures each.

    Example:
        >>> format_cells([0.8763, 0.5], [None, 1.0])
        '.876 / - | .500 / 1.000'
    """
    pairs = zip(everywhere, specific, strict=True)
    return " | ".join(" / ".join(format_figure(figure).removeprefix("0") for figure in pair) for pair in pairs)


def format_definitions(entries: Entries) -> str:
    """What answered for each condition, one a line."""
    return "\n".join(f"- {finding}: `{entry['query']}`" for finding, entry in entries.items())


def main(arguments: Sequence[str] | None = None) -> None:
    """Train unless that is done, evaluate in every way, and write the table."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options = parse_arguments(arguments)
    options.data_dir, options.output_dir = str(Path(options.data_dir).resolve()), options.output_dir.resolve()
    options.definitions = options.definitions and options.definitions.resolve()
    given = options.model_name_or_path
    checkpoint = train(options) if given is None else str(Path(given).resolve() if Path(given).exists() else given)
    by_way = {way: evaluate(options, checkpoint, way) for way in WAYS}
    options.output_dir.mkdir(parents=True, exist_ok=True)
    page = f"{format_table(by_way)}\n\n{format_definitions(by_way['definition'])}\n"
    (options.output_dir / "hidden_conditions.md").write_text(page, encoding="utf-8")
    logger.info("%s", page)


if __name__ == "__main__":
    main()
