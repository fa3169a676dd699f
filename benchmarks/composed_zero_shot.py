"""What rules over findings are worth for conditions that training never named: a table on real recordings.

python benchmarks/composed_zero_shot.py --data_dir ptb-xl/1.0.3 --output_dir runs/composed

Trains configs/simulated.yaml with the names of ten conditions hidden (`--held_out_findings`), their records kept: a
new condition is one that nobody labelled, not one that nobody had. The checkpoint then answers for the ten on all of
PTB-XL, which it has never seen, by its rules (`evaluate.py --composed_rules`) and by their names; the controls of
`evaluate.py` stand beside them. The table is written to composed.md in `--output_dir`; a checkpoint that is there
already is not trained again. The rules come from guidelines and are not to be tuned to these figures.
"""

import argparse
import json
import logging
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from command_line import make_parser

from evaluation_scripts.metrics import format_figure


logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[1]
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
COLUMNS = ("rule", "its name", '"normal ecg" alone', "random queries")


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--data_dir", required=True, help="Folder of PTB-XL, with its tables.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Folder for the checkpoint and the table.")
    parser.add_argument("--max_train_steps", type=int, default=1800, help="Steps of 64 strips.")
    parser.add_argument(
        "--held_out_records", choices=["keep", "remove"], default="keep", help="What happens to the hidden conditions."
    )
    return parser.parse_args(arguments)


def run_script(*command: str) -> None:
    """Run a script of the repository."""
    subprocess.run([sys.executable, *command], cwd=ROOT, check=True)


def train(options: argparse.Namespace) -> None:
    """Train the recipe without the names of the held-out conditions."""
    flags = ["--held_out_records", options.held_out_records, "--max_train_steps", str(options.max_train_steps)]
    checkpoint = str(options.output_dir / "checkpoint")
    recipe = "configs/simulated.yaml"
    run_script(
        "train.py",
        recipe,
        "--held_out_findings",
        *HELD_OUT,
        *flags,
        "--output_dir",
        checkpoint,
        "--overwrite_output_dir",
    )


def evaluate(options: argparse.Namespace, *flags: str) -> dict[str, dict[str, Any]]:
    """Entries of `eval_results.json` of the held-out conditions, by name."""
    output_dir = options.output_dir / "_".join(["evaluation", *(flag.lstrip("-") for flag in flags)])
    model = ["--model_name_or_path", str(options.output_dir / "checkpoint"), "--output_dir", str(output_dir)]
    corpus = ["--dataset_name", "ptb_xl", "--dataset_config_name", CONFIG_NAME, "--data_dir", options.data_dir]
    run_script(
        "evaluate.py",
        *model,
        *corpus,
        "--split",
        "train+validation+test",
        "--on_error",
        "skip",
        "--num_bootstrap_samples",
        "0",
        *flags,
    )
    (result,) = json.loads((output_dir / "eval_results.json").read_text(encoding="utf-8"))["results"].values()
    return {entry["finding"]: entry for entry in result["conditions"] if entry["finding"] in HELD_OUT}


def figures_of(by_rule: dict[str, Any], by_name: dict[str, Any]) -> list[float | None]:
    """AUROC of the rule, of the name and of the two controls."""
    return [by_rule["auroc"], by_name["auroc"], *by_name["controls"].values()]


def format_table(by_rule: dict[str, dict[str, Any]], by_name: dict[str, dict[str, Any]]) -> str:
    """A Markdown table of AUROCs: on all records, and after a stroke among those that are not normal."""
    lines = [f"| condition | positives | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 2) + "|"]
    rows = []
    for name, entry in by_name.items():
        rule = by_rule[name]
        rows.append([figures_of(rule, entry), figures_of(rule["among_non_normal"], entry["among_non_normal"])])
        lines.append(f"| {name} | {entry['num_positives']} | {format_cells(*rows[-1])} |")
    means = np.nanmean(np.array(rows, dtype=float), axis=0).tolist()  # (2, number of columns)
    return "\n".join([*lines, f"| mean | | {format_cells(*means)} |"])


def format_cells(everywhere: Sequence[float | None], specific: Sequence[float | None]) -> str:
    """Cells of a row, with two figures each.

    Example:
        >>> format_cells([0.8763, 0.5], [None, 1.0])
        '.876 / - | .500 / 1.000'
    """
    pairs = zip(everywhere, specific, strict=True)
    return " | ".join(" / ".join(format_figure(figure).removeprefix("0") for figure in pair) for pair in pairs)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train unless that is done, evaluate twice, and write the table."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options = parse_arguments(arguments)
    options.data_dir, options.output_dir = str(Path(options.data_dir).resolve()), options.output_dir.resolve()
    if not (options.output_dir / "checkpoint" / "train_results.json").is_file():
        train(options)
    table = format_table(evaluate(options, "--composed_rules"), evaluate(options))
    (options.output_dir / "composed.md").write_text(table + "\n", encoding="utf-8")
    logger.info("%s", table)


if __name__ == "__main__":
    main()
