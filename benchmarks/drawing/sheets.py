"""How long an ECG sheet takes from the voltages to the file, for each format of sheets and of files.

    python benchmarks/drawing/sheets.py

Prints seconds of a strip of twelve leads and 10 s at 500 Hz, with a title and fifteen scores, as PNG, PDF and SVG; the
median over the turns. A sheet of three rows and four columns should take at most .5 s in each. On a machine that is
busy otherwise, `--clock processor` gives steadier figures.
"""

import argparse
import logging
import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path


sys.path.insert(0, str(Path(__file__).parents[1]))  # what benchmarks share
sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
from command_line import add_timing_flags, make_parser, start_logging, write_report
from turns import CLOCKS, take_turns

from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.plotting import plot_strip


LAYOUTS = ("3x4", "6x2", "12x1", "1x1")
SUFFIXES = (".png", ".pdf", ".svg")
AIM_S = 0.5

logger = logging.getLogger(__name__)


def make_strip() -> np.ndarray:
    """Beats of 1 mV with noise of 10 µV, `(12, 5000)` in mV at 500 Hz."""
    time = np.arange(5000) / 500 % 0.8
    beat = np.exp(-(((time - 0.3) / 0.02) ** 2)) + 0.3 * np.exp(-(((time - 0.55) / 0.05) ** 2))
    return beat + 0.01 * np.random.default_rng(0).standard_normal((12, 5000))


def measure_sheets(arguments: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Seconds of each layout in each format of files."""
    scores = [{"label": f"condition number {place}", "score": place / 15, "threshold": 0.4} for place in range(15)]
    ways = {
        f"{layout} {suffix}": partial(
            plot_strip,
            make_strip(),
            sampling_rate=500,
            leads=STANDARD_LEADS,
            title="A record",
            scores=scores,
            layout=layout,
            path=folder / f"sheet{suffix}",
        )
        for layout in arguments.layouts
        for suffix in SUFFIXES
    }
    seconds = take_turns(ways, num_turns=arguments.num_turns, clock=CLOCKS[arguments.clock])
    return {name: statistics.median(times) for name, times in seconds.items()}


def main(argv: list[str] | None = None) -> None:
    """Measure, print, write."""
    start_logging(logger)
    parser = make_parser(__doc__)
    parser.add_argument("--layouts", nargs="+", choices=LAYOUTS, default=LAYOUTS, help="Formats to measure.")
    add_timing_flags(parser, num_turns=5)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure_sheets(arguments, Path(folder))
    for name, seconds in figures.items():
        logger.info(f"{name:10} {seconds:.3f} s{'' if seconds <= AIM_S else f', above the aim of {AIM_S:g} s'}")
    if arguments.output_file:
        write_report(arguments.output_file, arguments, seconds=figures)


if __name__ == "__main__":
    main()
