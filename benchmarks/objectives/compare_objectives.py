"""SuPreME, MELP and MERL side by side: same corpus, encoder, steps and seeds.

    python benchmarks/objectives/compare_objectives.py --output_dir runs/objectives --data_dir ptb-xl/1.0.3

Trains configs/melp_simulated.yaml with each objective, several seeds each, on the same strips in the same order; a few
findings are held out, whose records none of them sees. Every model is asked for all findings of the simulated test
records and, with `--data_dir`, of the records of PTB-XL that are there. The table has the zero-shot AUROC of seen and
unseen findings, the latter beside controls that do not know the name, the difference of each objective to SuPreME with
its 95 % interval over the same resampled patients, the linear probe (`--probe`), ECG/s, and memory. What is finished
already is read from `--output_dir`; the table is written to objectives.md there.
"""

import argparse
import json
import logging
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple


sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pandas as pd
from command_line import make_parser

from evaluation_scripts.metrics import bootstrap_auroc, percentile_interval, score_conditions


logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
OBJECTIVES = {"supreme": "zero_shot", "melp": "melp", "merl": "merl"}
BASE = "supreme"
# As in configs/demo.yaml: each has relatives that are trained
HELD_OUT = ("right bundle branch block", "inferior myocardial infarction", "supraventricular tachycardia")
PTB_XL_TASKS = ("superclass", "subclass", "form", "rhythm")
PEAK_MEMORY = "peak_memory.json"
# Runs a script and leaves its largest memory in a file
MEASURED_RUN = """
import json, resource, runpy, sys
sys.argv = sys.argv[2:]
path, name = sys.argv[0], sys.argv[1]
sys.argv = sys.argv[1:]
try:
    runpy.run_path(name, run_name="__main__")
finally:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open(path, "w") as file:
        json.dump({"peak_memory_mib": peak / 1024}, file)
"""


class Answers(NamedTuple):
    """Scores of one model on one label set.

    Attributes:
        labels (`list[str]`):
            Conditions that are averaged, seen ones first.
        is_seen (`np.ndarray` of shape `(num_conditions,)`):
            Whether training named them.
        scores, truth (`np.ndarray` of shape `(num_records, num_conditions)`):
            Scores and labels.
        patient_ids (`list[str]`):
            Patient of each record.
    """

    labels: list[str]
    is_seen: np.ndarray
    scores: np.ndarray
    truth: np.ndarray
    patient_ids: list[str]


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--output_dir", type=Path, required=True, help="Folder for the checkpoints and the table.")
    parser.add_argument("--data_dir", help="Folder of PTB-XL, with its tables; without it, real records are left out.")
    parser.add_argument("--objectives", nargs="+", choices=list(OBJECTIVES), default=list(OBJECTIVES), help="Which.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], help="One model of each objective per seed.")
    parser.add_argument("--recipe", default="configs/melp_simulated.yaml", help="What is the same for all.")
    parser.add_argument("--max_train_steps", type=int, default=400, help="Steps of each training.")
    parser.add_argument("--num_test_records", type=int, default=5000, help="Size of the simulated corpus to test on.")
    parser.add_argument("--num_bootstrap_samples", type=int, default=1000, help="Resamples of the patients.")
    parser.add_argument("--probe", action="store_true", help="Also train a linear probe of every encoder on PTB-XL.")
    parser.add_argument("--flags", nargs=argparse.REMAINDER, default=[], help="Further flags of train.py, at the end.")
    return parser.parse_args(arguments)


def run_script(*command: str, memory_file: Path | None = None) -> None:
    """Run a script of the repository; with a file, note its largest memory there."""
    measured = ["-c", MEASURED_RUN, "", str(memory_file)] if memory_file else []
    subprocess.run([sys.executable, *measured, *command], cwd=ROOT, check=True)


def train(objective: str, seed: int, arguments: argparse.Namespace) -> Path:
    """Train a model, unless it is there, and return its folder."""
    folder = arguments.output_dir.resolve() / f"{objective}-{seed}"
    if not (folder / "train_results.json").exists():
        memory_file = arguments.output_dir.resolve() / f"{objective}-{seed}-{PEAK_MEMORY}"
        run_script(
            *("train.py", arguments.recipe, "--objective", OBJECTIVES[objective], "--seed", str(seed)),
            *("--output_dir", str(folder), "--max_train_steps", str(arguments.max_train_steps)),
            *("--held_out_findings", *HELD_OUT, "--overwrite_output_dir", *arguments.flags),
            memory_file=memory_file,
        )
    return folder


def evaluate(folder: Path, arguments: argparse.Namespace) -> None:
    """Score a checkpoint on every label set, unless that is done."""
    suites = {"simulated": ["--dataset_name", "simulated", "--num_records", str(arguments.num_test_records)]}
    if arguments.data_dir:
        suites["ptb_xl"] = [
            *("--dataset_name", "ptb_xl", "--data_dir", str(Path(arguments.data_dir).resolve())),
            *("--dataset_config_name", ",".join(PTB_XL_TASKS), "--split", "train+validation+test"),
            *("--on_error", "skip", "--min_positives", "3"),
        ]
    for name, flags in suites.items():
        if not (folder / name / "eval_results.json").exists():
            run_script(
                *("evaluate.py", "--model_name_or_path", str(folder), "--output_dir", str(folder / name), *flags),
                *("--num_bootstrap_samples", str(arguments.num_bootstrap_samples)),
            )


def probe(folder: Path, arguments: argparse.Namespace) -> None:
    """Train a linear probe of the encoder on the superclasses of PTB-XL, unless it is there."""
    if arguments.probe and arguments.data_dir and not (folder / "probe" / "train_results.json").exists():
        run_script(
            *("train.py", "configs/ptb_xl_probe.yaml", "--model_name_or_path", str(folder), "--on_error", "skip"),
            *("--data_dir", str(Path(arguments.data_dir).resolve()), "--output_dir", str(folder / "probe")),
            *("--max_train_steps", "400", "--dataloader_num_workers", "0"),
        )


def read_json(path: Path) -> Any:
    """Content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_answers(folder: Path, name: str) -> Answers:
    """Scores of a checkpoint on one label set, by its name in eval_results.json."""
    suite = folder / name.split("/")[0]
    conditions = [
        each for each in read_json(suite / "eval_results.json")["results"][name]["conditions"] if each["is_averaged"]
    ]
    table = pd.read_parquet(suite / "predictions.parquet")
    rows: Any = table[table["config"] == name.split("/")[1]]
    labels = [condition["label"] for condition in conditions]
    return Answers(
        labels,
        np.array([condition["seen"] is True for condition in conditions]),
        rows[[f"score_{label}" for label in labels]].to_numpy(float),
        rows[[f"label_{label}" for label in labels]].to_numpy(float, na_value=np.nan),
        rows["patient_id"].tolist(),
    )


def compare(
    ours: Sequence[Answers], base: Sequence[Answers], members: np.ndarray, num_samples: int
) -> tuple[Any, ...]:
    """Difference of the macro AUROC, mean over seeds, with its interval over the same resampled patients.

    Returns:
        `tuple`: The difference and its 95 % interval; None for both where no condition is a member.
    """
    if not members.any():
        return None, None
    differences, resampled = [], []
    for one, other in zip(ours, base, strict=False):
        pair = []
        for answers in (one, other):
            scores, truth = answers.scores[:, members], answers.truth[:, members]
            found = score_conditions(scores, truth, num_bootstrap_samples=0).auroc
            draws = bootstrap_auroc(
                scores, truth, patient_ids=answers.patient_ids, num_bootstrap_samples=num_samples, seed=0
            )
            pair.append((float(np.nanmean(found)), np.nanmean(draws, axis=1)))
        differences.append(pair[0][0] - pair[1][0])
        resampled.append(pair[0][1] - pair[1][1])
    return float(np.mean(differences)), percentile_interval(np.mean(resampled, axis=0))


def describe_costs(folders: Sequence[Path], objective: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Speed, memory and the probe of an objective, means over its seeds."""
    results = [read_json(folder / "train_results.json") for folder in folders]
    costs = {"ECG/s": float(np.mean([result["train_ecg_per_s"] for result in results]))}
    paths = [arguments.output_dir / f"{objective}-{seed}-{PEAK_MEMORY}" for seed in arguments.seeds]
    peaks = [read_json(path)["peak_memory_mib"] for path in paths if path.exists()]
    if peaks:
        costs["MiB"] = float(np.mean(peaks))
    probes = [folder / "probe" / "train_results.json" for folder in folders]
    if all(path.exists() for path in probes):
        costs["probe"] = float(np.mean([read_json(path)["test_auroc_macro"] for path in probes]))
    return costs


def describe_label_set(name: str, folders: dict[str, list[Path]], num_samples: int) -> list[str]:
    """Rows of the table on one label set: of each objective seen and unseen AUROC, controls, and differences."""
    lines = []
    answers = {objective: [read_answers(folder, name) for folder in found] for objective, found in folders.items()}
    for objective, found in folders.items():
        results = [read_json(folder / name.split("/")[0] / "eval_results.json")["results"][name] for folder in found]
        for group in ("seen", "unseen"):
            groups = [result[group] for result in results if result[group]]
            groups = [each for each in groups if each["auroc_macro"] is not None]
            if not groups:
                continue
            auroc = np.mean([each["auroc_macro"] for each in groups])
            controls = "; ".join(
                f"{control} {np.mean([each['controls'][control]['auroc_macro'] for each in groups]):.3f}"
                for control, figures in (groups[0].get("controls") or {}).items()
                if figures["auroc_macro"] is not None
            )
            members = answers[objective][0].is_seen == (group == "seen")
            cell = ""
            if objective != BASE and BASE in answers:
                difference, interval = compare(answers[objective], answers[BASE], members, num_samples)
                cell = (
                    f"{difference:+.3f} [{interval[0]:+.3f}, {interval[1]:+.3f}]" if interval else f"{difference:+.3f}"
                )
            lines.append(f"| {name} | {objective} | {group} | {auroc:.3f} | {cell} | {controls} |")
    return lines


def write_table(folders: dict[str, list[Path]], arguments: argparse.Namespace) -> str:
    """The whole table."""
    first = next(iter(folders.values()))[0]
    names = [
        name
        for suite in ("simulated", "ptb_xl")
        if (first / suite / "eval_results.json").exists()
        for name in read_json(first / suite / "eval_results.json")["results"]
    ]
    lines = ["| label set | objective | findings | AUROC | less that of SuPreME | controls |", f"|{'---|' * 6}"]
    for name in names:
        lines += describe_label_set(name, folders, arguments.num_bootstrap_samples)
    costs = {objective: describe_costs(found, objective, arguments) for objective, found in folders.items()}
    columns = list(dict.fromkeys(column for each in costs.values() for column in each))
    lines += ["", f"| objective | {' | '.join(columns)} |", f"|{'---|' * (1 + len(columns))}"]
    for objective, each in costs.items():
        cells = [f"{each[column]:.3f}" if column in each else "" for column in columns]
        lines.append(f"| {objective} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Train and evaluate every model, and write the table."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    arguments = parse_arguments(argv)
    arguments.output_dir.mkdir(parents=True, exist_ok=True)
    folders: dict[str, list[Path]] = {objective: [] for objective in arguments.objectives}
    for seed in arguments.seeds:
        for objective in arguments.objectives:
            folder = train(objective, seed, arguments)
            evaluate(folder, arguments)
            probe(folder, arguments)
            folders[objective].append(folder)
    table = write_table(folders, arguments)
    (arguments.output_dir / "objectives.md").write_text(table + "\n", encoding="utf-8")
    logger.info(table)


if __name__ == "__main__":
    main()
