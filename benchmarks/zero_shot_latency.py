"""How long one record takes to score, against its encoding alone, within one run.

    python benchmarks/zero_shot_latency.py

Prints, for each encoder, milliseconds of the bare encoder and of the whole model with 100 and with 200 queries that
were embedded before; what the fusion network makes of them before they meet a strip it remembers of the last set, so
that the first call of a turn computes it. Their ratios should be at most 1.5 (100 queries against the encoder) and 1.2
(200 queries against 100). The batch is one record; the ways take turns; a ratio is the median over the turns of the
ratio within a turn. On a machine that is busy otherwise, `--clock processor --num_threads 1` gives steadier ratios.
"""

import argparse
import logging
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from command_line import add_timing_flags, make_parser, start_logging, write_report
from steps import make_batch, make_model
from turns import CLOCKS, compare, take_turns


ENCODERS = ("vit_tiny", "resnet18", "hybrid")
FEW, MANY = 100, 200

logger = logging.getLogger(__name__)


@torch.inference_mode()
def measure_latency(encoder: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Milliseconds of a record, and the ratios that have an aim."""
    model = make_model(encoder).eval()
    batches = {number: make_batch(model, batch_size=1, num_queries=number) for number in (FEW, MANY)}
    strips = batches[FEW].strips

    def score(number: int) -> None:
        model(**strips, query_embeds=batches[number].query_embeds)

    ways = {
        "encoder": repeat(lambda: model.ecg_model(**strips), arguments.num_calls),
        "few": repeat(lambda: score(FEW), arguments.num_calls),
        "many": repeat(lambda: score(MANY), arguments.num_calls),
    }
    seconds = take_turns(ways, num_turns=arguments.num_turns, clock=CLOCKS[arguments.clock])
    milliseconds = {name: 1000 * statistics.median(times) / arguments.num_calls for name, times in seconds.items()}
    ratios = {"few / encoder": compare(seconds, "few", "encoder"), "many / few": compare(seconds, "many", "few")}
    return {**milliseconds, **ratios}


def repeat(run: Callable[[], Any], num_calls: int) -> Callable[[], None]:
    """Something as often as a clock needs to see it."""

    def run_often() -> None:
        for _ in range(num_calls):
            run()

    return run_often


def main(argv: list[str] | None = None) -> None:
    """Measure, print, write."""
    start_logging(logger)
    parser = make_parser(__doc__)
    parser.add_argument("--encoders", nargs="+", default=ENCODERS, help="Presets to measure.")
    parser.add_argument("--num_calls", type=int, default=5, help="Calls of each way in a turn.")
    add_timing_flags(parser, num_turns=40)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.num_threads)
    torch.manual_seed(0)
    logger.info(
        f"{'ms a record':<12}{'encoder':>9}{f'{FEW} queries':>13}{f'{MANY} queries':>13}  ratios (aims 1.5, 1.2)"
    )
    figures = {}
    for encoder in arguments.encoders:
        figures[encoder] = figure = measure_latency(encoder, arguments)
        alone, few, many, by_queries, by_more = figure.values()
        logger.info(f"{encoder:<12}{alone:>9.2f}{few:>13.2f}{many:>13.2f}  {by_queries:.2f} {by_more:.2f}")
    if arguments.output_file:
        write_report(arguments.output_file, arguments, encoders=figures)


if __name__ == "__main__":
    main()
