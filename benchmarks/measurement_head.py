"""What a measurement head costs and gives: seen conditions and errors of the numbers, with an equal budget.

python benchmarks/measurement_head.py --output_dir runs/measurement_head --data_dir ptb-xl/1.0.3

Trains configs/simulated.yaml without a head and with each kind of it, several seeds each, on the same records in the
same order. Seen conditions are judged by the macro AUROC over the findings of simulated validation records and, with
`--data_dir`, over the records of PTB-XL that are there, which no model has seen; numbers by their mean absolute error
on the validation records and, after calibration, on other simulated patients. What is finished already is read from
`--output_dir`; the table is written to measurement_head.md there.
"""

import argparse
import json
import logging
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from command_line import make_parser


logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[1]
HEADS = ("none", "pooled", "queries", "beats")
# Of the simulated patients of the calibration; a voltage is the mean over the leads
ERRORS = {
    "rate, 1/min": ("rate_per_min",),
    "PR, ms": ("pr_ms",),
    "QRS, ms": ("qrs_ms",),
    "QT, ms": ("qt_ms",),
    "axis, degrees": ("axis_deg",),
    "R, mV": ("r_mv_I", "r_mv_II", "r_mv_V1", "r_mv_V2", "r_mv_V5"),
    "S, mV": ("s_mv_I", "s_mv_II", "s_mv_V1", "s_mv_V2", "s_mv_V5"),
}
TASKS, EVALUATED = ("superclass", "subclass", "form", "rhythm"), "ptb_xl"


class Variant(NamedTuple):
    """A training of the comparison."""

    head: str
    weight: float
    seed: int

    @property
    def folder(self) -> str:
        """Name of its folder in `--output_dir`."""
        return f"{self.head}-{self.weight:g}-{self.seed}"


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--output_dir", type=Path, required=True, help="Folder for the checkpoints and the table.")
    parser.add_argument("--data_dir", help="Folder of PTB-XL, with its tables; without it, real records are left out.")
    parser.add_argument("--heads", nargs="+", choices=HEADS, default=list(HEADS), help="Which to compare.")
    parser.add_argument("--weights", type=float, nargs="+", default=[0.1], help="Weights of the numbers in the loss.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], help="One model of each variant per seed.")
    parser.add_argument("--max_train_steps", type=int, default=600, help="Steps of 64 strips.")
    parser.add_argument("--flags", nargs=argparse.REMAINDER, default=[], help="Further flags of train.py, at the end.")
    return parser.parse_args(arguments)


def list_variants(heads: Sequence[str], weights: Sequence[float], seeds: Sequence[int]) -> Iterator[Variant]:
    """Every training; without a head a weight means nothing.

    Example:
        >>> [variant.folder for variant in list_variants(["none", "pooled"], [0.1, 1.0], [3])]
        ['none-0-3', 'pooled-0.1-3', 'pooled-1-3']
    """
    for head in heads:
        for weight in weights if head != "none" else [0.0]:
            for seed in seeds:
                yield Variant(head, weight, seed)


def run_script(*command: str) -> None:
    """Run a script of the repository."""
    subprocess.run([sys.executable, *command], cwd=ROOT, check=True)


def train(variant: Variant, arguments: argparse.Namespace) -> Path:
    """Train a variant, unless it is there, and return its folder."""
    folder = arguments.output_dir.resolve() / variant.folder
    if not (folder / "train_results.json").exists():
        run_script(
            *("train.py", "configs/simulated.yaml", "--output_dir", str(folder), "--seed", str(variant.seed)),
            *("--measurement_head", variant.head, "--measurement_weight", str(variant.weight)),
            *("--max_train_steps", str(arguments.max_train_steps), "--overwrite_output_dir", *arguments.flags),
        )
    return folder


def evaluate(folder: Path, data_dir: str) -> None:
    """Score a checkpoint on the records of PTB-XL that are there, unless that is done."""
    if not (folder / EVALUATED / "eval_results.json").exists():
        run_script(
            *("evaluate.py", "--model_name_or_path", str(folder), "--dataset_name", "ptb_xl", "--data_dir", data_dir),
            *("--dataset_config_name", ",".join(TASKS), "--split", "train+validation+test", "--on_error", "skip"),
            *("--min_positives", "3", "--num_bootstrap_samples", "0", "--output_dir", str(folder / EVALUATED)),
        )


def read_figures(folder: Path) -> dict[str, float]:
    """Figures of one training, by the columns of the table."""
    results = read_json(folder / "train_results.json")
    figures = {"simulated": results["validation_auroc_macro"]}
    path = folder / EVALUATED / "eval_results.json"
    if path.exists():
        found = read_json(path)["results"].items()
        figures |= {name.split("/")[1]: result["auroc_macro"] for name, result in found}
    measured = results.get("measurements", {}).get("figures", {})
    for name, keys in ERRORS.items():
        if all(key in measured for key in keys):
            figures[name] = float(np.mean([measured[key]["mae"] for key in keys]))
    if measured:
        figures["coverage of 80 %"] = float(np.mean([entry["coverage_80"] for entry in measured.values()]))
    return figures


def read_json(path: Path) -> Any:
    """Content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def format_table(figures: dict[tuple[str, float], list[dict[str, float]]]) -> str:
    """Means over the seeds, and in brackets how far they lie apart, one row for each head and weight.

    Example:
        >>> print(format_table({("pooled", 0.1): [{"QRS, ms": 8.0}, {"QRS, ms": 9.0}]}))
        | head | weight | QRS, ms |
        |---|---|---|
        | pooled | 0.1 | 8.500 (1.000) |
    """
    columns = list(dict.fromkeys(name for seeds in figures.values() for entry in seeds for name in entry))
    lines = [f"| head | weight | {' | '.join(columns)} |", f"|{'---|' * (2 + len(columns))}"]
    for (head, weight), seeds in figures.items():
        cells = []
        for column in columns:
            values = [entry[column] for entry in seeds if column in entry]
            cells.append(f"{np.mean(values):.3f} ({np.ptp(values):.3f})" if values else "")
        lines.append(f"| {head} | {weight:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Train and evaluate every variant, and write the table."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    arguments = parse_arguments()
    figures: dict[tuple[str, float], list[dict[str, float]]] = {}
    table = ""
    for variant in list_variants(arguments.heads, arguments.weights, arguments.seeds):
        folder = train(variant, arguments)
        if arguments.data_dir:
            evaluate(folder, str(Path(arguments.data_dir).resolve()))
        figures.setdefault((variant.head, variant.weight), []).append(read_figures(folder))
        table = format_table(figures)
        (arguments.output_dir / "measurement_head.md").write_text(table + "\n", encoding="utf-8")
    logger.info(table)


if __name__ == "__main__":
    main()
