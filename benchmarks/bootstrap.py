"""How long the bootstrap intervals of a large label set take, and how much memory.

    python benchmarks/bootstrap.py
    python benchmarks/bootstrap.py --num_labels 40

Prints seconds for 1,000 resamples of the patients of 5,000 records with 3,000 labels (at most 60 s on one core; 30 s
with 40 labels, the size of a test set), and
the highest memory of the process, 240 MB of which are scores and labels. Positives are .5 to 30 % of the records of a
label, 5 % are unknown, a quarter of the records are repeats of a patient. Scores are continuous; `--decimals 1` makes
most of them tie.
"""

import argparse
import logging
import resource
import sys
from pathlib import Path


sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from command_line import make_parser, start_logging, write_report
from turns import CLOCKS

from evaluation_scripts.metrics import bootstrap_auroc


logger = logging.getLogger(__name__)


def make_predictions(num_records: int, num_labels: int, *, decimals: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores that rank the positives of each label higher, and labels, each `(num_records, num_labels)`."""
    generator = np.random.default_rng(0)
    shares = generator.uniform(0.005, 0.3, num_labels)
    labels = (generator.random((num_records, num_labels)) < shares).astype(float)
    scores = np.round(labels + generator.normal(size=labels.shape), decimals)
    labels[generator.random(labels.shape) < 0.05] = np.nan
    return scores, labels


def measure_bootstrap(arguments: argparse.Namespace) -> dict[str, float]:
    """Seconds by both clocks, and megabytes."""
    scores, labels = make_predictions(arguments.num_records, arguments.num_labels, decimals=arguments.decimals)
    patients = np.random.default_rng(1).permutation(arguments.num_records) % max(2, arguments.num_records * 3 // 4)
    bootstrap_auroc(scores[:, :1], labels[:, :1], num_bootstrap_samples=1)  # imports what it needs
    began = {name: clock() for name, clock in CLOCKS.items()}
    bootstrap_auroc(
        scores, labels, patient_ids=patients.tolist(), num_bootstrap_samples=arguments.num_bootstrap_samples
    )
    seconds = {f"{name}_s": clock() - began[name] for name, clock in CLOCKS.items()}
    peak_memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB
    return {**seconds, "peak_memory_mb": peak_memory_mb}


def main(argv: list[str] | None = None) -> None:
    """Measure, print, write."""
    start_logging(logger)
    parser = make_parser(__doc__)
    parser.add_argument("--num_labels", type=int, default=3000, help="Labels.")
    parser.add_argument("--num_records", type=int, default=5000, help="Records.")
    parser.add_argument("--num_bootstrap_samples", type=int, default=1000, help="Resamples.")
    parser.add_argument("--decimals", type=int, default=8, help="Decimals of the scores; few make ties.")
    parser.add_argument("--output_file", type=Path, help="JSON file that receives the figures.")
    arguments = parser.parse_args(argv)
    figures = measure_bootstrap(arguments)
    logger.info(
        f"{figures['wall_s']:.1f} s ({figures['processor_s']:.1f} s of processor time),"
        f" at most {figures['peak_memory_mb']:.0f} MB"
    )
    if arguments.output_file:
        write_report(arguments.output_file, arguments, **figures)


if __name__ == "__main__":
    main()
