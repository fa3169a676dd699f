"""What it takes to ask a recording for thousands of labels at once: seconds and memory, by the number of labels.

python benchmarks/questions/many_labels.py --num_labels 100 1000 10000

Labels are names and other names of conditions, questions of numbers that nobody trained, words that mean nothing and
letters of other alphabets, in equal parts as long as names last. One recording that the package brings is asked for
them through the pipeline, twice, since labels are read and embedded once; and through `supreme classify --csv`, which
is a process of its own. Memory is the most that was held, with the checkpoint.
"""

import argparse
import csv
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import chain, count, islice
from pathlib import Path
from typing import Any


sys.path.insert(0, str(Path(__file__).parents[1]))  # what benchmarks share
sys.path.insert(0, str(Path(__file__).parents[2]))

from command_line import make_parser, start_logging, write_report
from questions.ask_corpus import measure_peak_mib

import modeling_supreme
from modeling_supreme import default_checkpoint
from modeling_supreme.ecg_index.encoder import load_classifier
from modeling_supreme.query_grammar import normalize_name


logger = logging.getLogger(__name__)

BENCHMARKS = Path(__file__).parents[1]
COMMAND = """
import sys
from modeling_supreme.supreme_command.main import main
from questions.ask_corpus import measure_peak_mib
main(sys.argv[1:])
print(measure_peak_mib())
"""
RECORDING = Path(modeling_supreme.__file__).parent / "browser_app" / "examples" / "atrial_fibrillation.npz"


def name_labels(config: Any) -> Iterator[str]:
    """Labels without end, each another one.

    Args:
        config (`SupremeConfig`):
            Of the checkpoint, which knows the names.
    """
    others = chain.from_iterable(config.condition_names.values())
    defined = (each["condition"] for each in config.definitions)
    names = iter(dict.fromkeys(map(normalize_name, chain(config.trained_queries, defined, others))))
    for number in count():
        name = next(names, None)
        if name is not None:
            yield name
        yield f"qrs > {number + 1} ms and no P waves"
        yield f"sign number {number} of nobody"
        yield f"心房細動 {number} — Vorhofflimmern ❤ ñ"


def ask_pipeline(classify: Any, labels: Sequence[str]) -> dict[str, float]:
    """Seconds of the first and the second time, and the most megabytes held so far."""
    seconds, results = [], []
    for _ in range(2):
        began = time.perf_counter(), time.process_time()
        results = classify(str(RECORDING), candidate_labels=list(labels))
        seconds.append((time.perf_counter() - began[0], time.process_time() - began[1]))
    if len(results) != len(labels) or not all(0 <= each["score"] <= 1 for each in results):
        raise SystemExit(f"{len(results)} answers to {len(labels)} labels, or one that is no probability.")
    (first, first_cpu), (again, again_cpu) = seconds
    return {
        "first_s": first,
        "first_processor_s": first_cpu,
        "again_s": again,
        "again_processor_s": again_cpu,
        "megabytes": measure_peak_mib(),
    }


def ask_command(model: str, labels: Sequence[str]) -> dict[str, float]:
    """Seconds of the command with the start of Python, and the most megabytes that it held."""
    with tempfile.TemporaryDirectory() as folder:
        names, table = Path(folder) / "labels.txt", Path(folder) / "scores.csv"
        names.write_text("\n".join(labels) + "\n", encoding="utf-8")
        flags = ["--model", model, "--list", str(names), "--csv", str(table)]
        began = time.perf_counter(), sum(os.times()[2:4])
        ran = subprocess.run(
            [sys.executable, "-c", COMMAND, "classify", str(RECORDING), *flags],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (BENCHMARKS, BENCHMARKS.parent)))},
        )
        seconds, used = time.perf_counter() - began[0], sum(os.times()[2:4]) - began[1]
        with table.open(encoding="utf-8", newline="") as lines:
            num_rows = sum(1 for _ in csv.DictReader(lines))
    if num_rows != len(labels):
        raise SystemExit(f"The table has {num_rows} rows for {len(labels)} labels.")
    return {"seconds": seconds, "processor_s": used, "megabytes": float(ran.stdout.split()[-1])}


def main(argv: list[str] | None = None) -> None:
    """Ask ever more, print, write."""
    start_logging(logger)
    parser = make_parser(__doc__)
    parser.add_argument("--model_name_or_path", help="Checkpoint; by default the one that the package ships.")
    parser.add_argument("--num_labels", type=int, nargs="+", default=[100, 1000, 10_000], help="Labels at once.")
    parser.add_argument("--output_file", type=Path, help="JSON file that receives the figures.")
    arguments: argparse.Namespace = parser.parse_args(argv)
    model = str(arguments.model_name_or_path or default_checkpoint())
    classify = load_classifier(model, device="cpu")
    figures, labels = {}, []
    for number in sorted(arguments.num_labels):
        labels = list(islice(name_labels(classify.model.config), number))
        figures[f"{number} labels"] = ask_pipeline(classify, labels)
    figures[f"{len(labels)} labels, command"] = ask_command(model, labels)
    for name, found in figures.items():
        logger.info("%s: %s", name, ", ".join(f"{what} {value:.2f}" for what, value in found.items()))
    if arguments.output_file:
        write_report(arguments.output_file, arguments, figures=figures)


if __name__ == "__main__":
    main()
