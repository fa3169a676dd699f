"""What each part of the simulator is worth on real recordings: a table of models trained without it.

python benchmarks/simulator_ablation.py --data_dir ptb-xl/1.0.3 --output_dir runs/ablation

Every variant simulates its own records, trains the recipe configs/simulated.yaml on them for a few minutes and is
evaluated on all of PTB-XL, which it has never seen, and on the test split of the corpus `simulated`, which seed 0
makes: leave that seed to it. What is finished already is read from `--output_dir`, so that a
run that was interrupted goes on; the table is written to ablation.md there. Real records judge, they never choose:
nothing of the simulator is to be tuned to these figures.
"""

import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from command_line import make_parser
from datasets import Dataset

from datasets_scripts.schema import corpus_features
from datasets_scripts.simulated import columns_of, measurement_features, measurements_of
from datasets_scripts.simulator import SimulatorSettings, label_names, simulate_record


logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[1]
TASKS = ("superclass", "subclass", "rhythm", "form")
SIMULATED_TASK = "conditions"
CACHE_NAME = "arrow"  # folder of the Arrow files that `datasets` makes of a corpus
NUM_TEST_RECORDS = 300  # simulated ones
VARIANTS = {
    "everything": SimulatorSettings(),
    "without co-morbidity": SimulatorSettings(has_comorbidity=False),
    "without noise": SimulatorSettings(noise_scale=0.0),
    "without variety of the beats": SimulatorSettings(variety=0.0),
    "without rotation of the heart": SimulatorSettings(rotation=0.0),
    "without variety of torsos and electrodes": SimulatorSettings(lead_field=0.0),
    "without priors of age, sex and disease": SimulatorSettings(has_patient_priors=False),
}


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--data_dir", required=True, help="Folder of PTB-XL, with its tables.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Folder for the table and what it is made of.")
    parser.add_argument("--num_records", type=int, default=8000, help="Simulated records to train on.")
    parser.add_argument("--max_train_steps", type=int, default=400, help="Steps of 64 strips.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2], help="One model of each variant per seed.")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), help="Which to compare.")
    return parser.parse_args(arguments)


def iterate_rows(num_records: int, seed: int, settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Rows of a corpus simulated with other settings than the usual ones."""
    changed = SimulatorSettings(**{name: value for name, value in settings.items() if name != "report"})
    for index in range(num_records):
        record = simulate_record(index, seed=seed, settings=changed)
        yield {**columns_of(record, label_names()), "measurements": measurements_of(record)}


def write_corpus(folder: Path, *, num_records: int, seed: int, settings: SimulatorSettings) -> None:
    """Write the Parquet files of a simulated corpus; a tenth of its records is for validation."""
    rows = Dataset.from_generator(
        iterate_rows,
        features=corpus_features(label_names(), measurements=measurement_features()),
        cache_dir=str(folder / "cache"),
        gen_kwargs={"num_records": num_records, "seed": seed, "settings": asdict(settings)},
    )
    first = num_records // 10
    rows.select(range(first)).to_parquet(folder / "validation-00000.parquet")
    rows.select(range(first, num_records)).to_parquet(folder / "train-00000.parquet")
    shutil.rmtree(folder / "cache")


def train_and_evaluate(folder: Path, *, seed: int, options: argparse.Namespace) -> None:
    """Train the recipe on the corpus in a folder, and evaluate it on all of PTB-XL and on simulated records."""
    recipe = yaml.safe_load((ROOT / "configs" / "simulated.yaml").read_text(encoding="utf-8"))
    recipe = {key: value for key, value in recipe.items() if key not in ("on_the_fly", "num_records")}
    recipe["dataset_name"] = str(folder / "corpus")
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    train = ["train.py", str(folder / "recipe.yaml")]
    train += ["--seed", str(seed), "--max_train_steps", str(options.max_train_steps), "--max_eval_samples", "500"]
    train += ["--num_calibration_records", "0"]
    evaluate = ["evaluate.py", "--model_name_or_path", str(folder / "model"), "--num_bootstrap_samples", "0"]
    evaluate += ["--min_positives", "3"]
    on_real = ["--dataset_name", "ptb_xl", "--data_dir", options.data_dir, "--on_error", "skip"]
    on_real += ["--dataset_config_name", ",".join(TASKS), "--split", "train+validation+test"]
    on_simulated = ["--dataset_name", "simulated", "--dataset_config_name", SIMULATED_TASK, "--split", "test"]
    on_simulated += ["--num_records", str(10 * NUM_TEST_RECORDS)]
    shared_cache = folder.parent / CACHE_NAME  # every model is evaluated on the same records
    for command, cache in (
        ([*train, "--output_dir", str(folder / "model"), "--overwrite_output_dir"], folder / CACHE_NAME),
        ([*evaluate, *on_simulated, "--output_dir", str(folder / "simulated")], shared_cache),
        ([*evaluate, *on_real, "--output_dir", str(folder)], shared_cache),
    ):
        environment = {**os.environ, "HF_DATASETS_CACHE": str(cache), "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=True)
    for name in ("corpus", CACHE_NAME):
        shutil.rmtree(folder / name, ignore_errors=True)


def read_figures(folder: Path) -> dict[str, float] | None:
    """Macro AUROC of each task, or `None` where the variant is not finished."""
    paths = [folder / "eval_results.json", folder / "simulated" / "eval_results.json"]
    if not all(path.is_file() for path in paths):
        return None
    results = [json.loads(path.read_text(encoding="utf-8"))["results"] for path in paths]
    return {key.split("/")[1]: one["auroc_macro"] for result in results for key, one in result.items()}


def format_table(figures: dict[str, list[dict[str, float]]]) -> str:
    """A Markdown table: for each variant the mean over the seeds, and their range in brackets.

    Example:
        >>> runs = [{"superclass": 0.8, "subclass": 0.7, "rhythm": 0.9, "form": 0.6, "conditions": 0.5}] * 2
        >>> format_table({"everything": runs}).splitlines()[-1]
        '| everything | .800 (.000) | .700 (.000) | .900 (.000) | .600 (.000) | .500 (.000) |'
    """
    lines = [f"| variant | {' | '.join(TASKS)} | simulated |", "|---" * (len(TASKS) + 2) + "|"]
    for name, runs in figures.items():
        columns = [np.array([run[task] for run in runs]) for task in (*TASKS, SIMULATED_TASK)]
        cells = [f"{column.mean():.3f} ({np.ptp(column):.3f})".replace("0.", ".") for column in columns]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing, then write the table."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options = parse_arguments(arguments)
    options.data_dir = str(Path(options.data_dir).resolve())
    figures: dict[str, list[dict[str, float]]] = {}
    table = format_table(figures)
    for name in options.variants:
        settings = VARIANTS[name]
        for seed in options.seeds:
            folder = (options.output_dir / f"{name.replace(' ', '_')}_{seed}").resolve()
            if read_figures(folder) is None:
                logger.info("Running %s, seed %d.", name, seed)
                shutil.rmtree(folder, ignore_errors=True)
                (folder / "corpus").mkdir(parents=True)
                write_corpus(folder / "corpus", num_records=options.num_records, seed=seed, settings=settings)
                train_and_evaluate(folder, seed=seed, options=options)
            figures.setdefault(name, []).append(read_figures(folder) or {})
            table = format_table(figures)
            (options.output_dir / "ablation.md").write_text(table + "\n", encoding="utf-8")
    shutil.rmtree(options.output_dir / CACHE_NAME, ignore_errors=True)
    logger.info("%s", table)


if __name__ == "__main__":
    main()
