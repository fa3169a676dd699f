"""The whole road on a simulated corpus, from nothing to a score and a picture: `make demo`.

Each step is a command of this repository that works the same way on real data. Everything is left in runs/demo/.
"""

import json
import logging
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import wfdb
from transformers import pipeline

from datasets_scripts import load_corpus
from evaluation_scripts.metrics import format_figure
from modeling_supreme.command_line import parse_arguments, run_command
from modeling_supreme.command_line.threads import count_free_cores, find_chosen
from modeling_supreme.ecg_files import read_ecg
from modeling_supreme.plotting import plot_strip
from modeling_supreme.recordings import recording_from_row


logger = logging.getLogger("demo")

ROOT = Path(__file__).parent
LAUNCH = ("-m", "accelerate.commands.launch")
# What `accelerate launch` would warn of if it were left out
LAUNCH_OPTIONS = (
    *("--num_processes", "1", "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"),
)
NUM_PLOTTED_SCORES = 9
MIN_POSITIVES = 5  # positive test records without which an AUROC says little
MAX_MICROVOLTS = 2500  # taller beats are drawn at half the usual gain


@dataclass
class DemoArguments:
    """Flags of the demo; the defaults take a few minutes on two CPU cores."""

    num_records: int = field(default=3000, metadata={"help": "Records to simulate."})
    max_train_steps: int = field(default=700, metadata={"help": "Optimiser steps of 64 strips."})
    output_dir: Path = field(default=ROOT / "runs" / "demo", metadata={"help": "Folder that is made anew."})


def run_step(title: str, *words: str) -> None:
    """Say what comes, show the command, and run it with this Python.

    Raises:
        SystemExit: If the command fails; it has then said why.
    """
    shown = shlex.join(["python", *words])
    launch = shlex.join(["python", *LAUNCH, *LAUNCH_OPTIONS])
    shown = shown.replace(launch, "accelerate launch")
    logger.info("\n%s\n  $ %s\n", title, shown)
    if words[: len(LAUNCH)] == LAUNCH:
        words = (*LAUNCH, *choose_launch_threads(), *words[len(LAUNCH) :])
    if subprocess.run([sys.executable, *words], check=False).returncode:
        raise SystemExit(f"This step failed: {shown}")


def choose_launch_threads() -> tuple[str, str]:
    """As many threads for `accelerate launch` as there are free cores now, unless the user has chosen."""
    threads = count_free_cores()
    number = os.environ.get("OMP_NUM_THREADS") or str(threads.number)
    logger.info("Computing with %s threads: %s.\n", number, find_chosen() or threads.reason)
    return "--num_cpu_threads_per_process", number


def make_labels(corpus_dir: Path, labels_dir: Path, *, num_records: int) -> None:
    """Simulate records with reports, and read the findings out of the reports."""
    run_step(
        f"1. Simulate {num_records} ECGs with reports. No patient is involved.",
        *("-m", "datasets_scripts.prepare", "simulated", "--config_name", "conditions", "--has_measurements", "true"),
        *("--num_records", str(num_records), "--num_proc", "2", "--output_dir", str(corpus_dir)),
    )
    run_step(
        "2. Read every distinct statement of the reports once, and turn it into standard findings.",
        *("-m", "datasets_scripts.extraction", "--reports", str(corpus_dir), "--backend", "rules"),
        *("--output_dir", str(labels_dir)),
    )


def train_and_evaluate(corpus_dir: Path, labels_dir: Path, output_dir: Path, *, max_train_steps: int) -> None:
    """Pretrain on the findings of the reports, then score the test records on the simulator's truth."""
    checkpoint_dir = output_dir / "checkpoint"
    run_step(
        "3. Pretrain: text queries learn to find their condition in the ECG. Three conditions are kept secret.",
        *(*LAUNCH, *LAUNCH_OPTIONS, "train.py", "configs/demo.yaml", "--dataset_name", str(corpus_dir)),
        *("--report_labels", str(labels_dir / "labels.parquet"), "--output_dir", str(checkpoint_dir)),
        *("--max_train_steps", str(max_train_steps)),
    )
    run_step(
        "4. Evaluate zero-shot on patients that training never saw, the secret conditions among the questions.",
        *(*LAUNCH, *LAUNCH_OPTIONS, "evaluate.py", "--model_name_or_path", str(checkpoint_dir)),
        *("--dataset_name", str(corpus_dir), "--split", "test", "--min_positives", str(MIN_POSITIVES)),
        *("--answer_by", "name", "--output_dir", str(output_dir)),
    )


def write_record(corpus_dir: Path, record_path: Path) -> str:
    """Write the test record with the most findings as a WFDB file, and return its report."""
    rows = load_corpus(str(corpus_dir), split="test").with_format("numpy", columns=["signal"], output_all_columns=True)
    fits = [row for row in cast(Any, rows) if np.abs(row["signal"]).max() < MAX_MICROVOLTS]
    row = max(fits, key=lambda row: len(row["labels"]))
    recording = recording_from_row(row)
    wfdb.wrsamp(
        record_path.name,
        fs=recording.sampling_rate,
        units=["mV"] * len(recording.leads),
        sig_name=list(recording.leads),
        p_signal=recording.strip_mv.T.astype(np.float64),
        fmt=["16"] * len(recording.leads),
        write_dir=str(record_path.parent),
    )
    return " / ".join(row["statements"])


def classify_record(output_dir: Path, record_path: Path, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Score findings on one record file and draw it with the best of them."""
    classify = cast(Any, pipeline)("zero-shot-ecg-classification", model=str(output_dir / "checkpoint"))
    scores = classify(str(record_path), candidate_labels=list(labels))
    recording = read_ecg(record_path)
    plot_strip(
        recording.strip_mv,
        sampling_rate=recording.sampling_rate,
        leads=recording.leads,
        title="Simulated record, scored zero-shot. Not a medical device.",
        scores=scores[:NUM_PLOTTED_SCORES],
        path=output_dir / "strip.png",
    )
    return scores


def describe(
    result: dict[str, Any], scores: Sequence[dict[str, Any]], report: str, *, num_records: int, minutes: float
) -> str:
    """README.md of the demo: what was done and what came out."""
    best = [(score["label"], f"{score['score']:.2f}") for score in scores[:NUM_PLOTTED_SCORES]]
    defined = [
        entry
        for entry in result["conditions"]
        if entry["auroc"] is not None and entry["num_positives"] >= MIN_POSITIVES
    ]
    seen = [
        (entry["query"], entry["num_positives"], format_figure(entry["auroc"])) for entry in defined if entry["seen"]
    ]
    secret = [
        (entry["query"], entry["num_positives"], *map(format_figure, figures))
        for entry in defined
        if not entry["seen"]
        for figures in [(entry["auroc"], *(entry["controls"][name] for name in ("normal_ecg", "random_queries")))]
    ]
    return f"""# What `make demo` did

Made in {minutes:.1f} minutes from {num_records} simulated ECGs. No patient is involved, and no figure here says how
well the model does on real ones. Every step is a command of this repository; demo.py lists them.

- `corpus/`, `labels/`: the simulated records, and the findings read from their reports
- `checkpoint/`: the model; `pipeline("zero-shot-ecg-classification", model="runs/demo/checkpoint")` loads it
- `eval_results.json`, `predictions.parquet`: all figures with intervals and controls, all scores
- `record.hea`, `record.dat`, `strip.png`: one test record as a file, and as a sheet with its scores

## One record

Its report: {report}

{format_table(("finding asked for", "score"), best)}

![ECG sheet](strip.png)

## Conditions that training never named

AUROC on {result["num_records"]} test records, of conditions with at least {MIN_POSITIVES} positive ones. Records whose
reports name one of the three secret conditions were left out of training. The two controls do not know what is asked
for: "normal ecg" ranks records by how little they look normal, the random queries by vectors without meaning. A
condition is recognised by its name only where its AUROC beats both.

{format_table(("condition", "positives", "AUROC", "normal ecg", "random queries"), secret)}

## Conditions that training named

Macro AUROC {format_figure((result["seen"] or {}).get("auroc_macro"))}.

{format_table(("condition", "positives", "AUROC"), seen)}
"""


def format_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Run every step."""
    (arguments,) = parse_arguments([DemoArguments], argv, description=__doc__)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    started = time.perf_counter()
    output_dir = Path(os.path.relpath(arguments.output_dir, ROOT))
    os.chdir(ROOT)
    shutil.rmtree(output_dir, ignore_errors=True)
    corpus_dir, labels_dir, record_path = (output_dir / name for name in ("corpus", "labels", "record"))
    make_labels(corpus_dir, labels_dir, num_records=arguments.num_records)
    train_and_evaluate(corpus_dir, labels_dir, output_dir, max_train_steps=arguments.max_train_steps)

    logger.info("\n5. Write one test record to a file, score it with the pipeline, and draw it.\n")
    report = write_record(corpus_dir, record_path)
    results = json.loads((output_dir / "eval_results.json").read_text(encoding="utf-8"))
    (result,) = results["results"].values()
    scores = classify_record(output_dir, record_path, [entry["query"] for entry in result["conditions"]])
    for score in scores[:NUM_PLOTTED_SCORES]:
        logger.info("  %4.0f %%  %s", 100 * score["score"], score["label"])
    logger.info("  its report says: %s", report)

    minutes = (time.perf_counter() - started) / 60
    summary = describe(result, scores, report, num_records=arguments.num_records, minutes=minutes)
    (output_dir / "README.md").write_text(summary, encoding="utf-8")
    logger.info(
        "\nDone in %.1f minutes. Look at %s, then read %s.",
        minutes,
        output_dir / "strip.png",
        output_dir / "README.md",
    )


if __name__ == "__main__":
    run_command(main)
