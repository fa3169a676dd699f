"""How long a record takes to score: against its encoding alone, and alone against in a batch, within one run.

    python benchmarks/zero_shot_latency.py
    python benchmarks/zero_shot_latency.py --parts batches --model runs/demo/checkpoint

The part `queries` prints, for each encoder, milliseconds of the bare encoder and of the whole model with 100 and with
200 queries that were embedded before; what the fusion network makes of them before they meet a strip it remembers of
the last set, so that the first call of a turn computes it. Their ratios should be at most 1.5 (100 queries against the
encoder) and 1.2 (200 queries against 100). The batch is one record; the ways take turns; a ratio is the median over
the turns of the ratio within a turn.

The part `batches` prints ECG per second through the pipeline of a checkpoint, the shipped one by default, for records
in memory: one at a time and 32 at a time. The second should be at least 2.5 times the first. The limb leads of the
records obey Einthoven, as recorded ones do: each record of which they contradict each other costs a warning.

On a machine that is busy otherwise, `--clock processor --num_threads 1` gives steadier ratios.
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

import modeling_supreme
from modeling_supreme.ecg_index.encoder import load_classifier
from modeling_supreme.export.strips import UNIT_MV, draw_strips
from modeling_supreme.leads import derive_limb_leads


ENCODERS = ("vit_tiny", "resnet18", "hybrid")
FEW, MANY = 100, 200
BATCH_SIZE, NUM_RECORDS = 32, 128
LABELS = ("atrial fibrillation", "left bundle branch block", "sinus rhythm", "inferior myocardial infarction")
RATE_HZ, NUM_SAMPLES = 500, 5000
DRAWN_LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")  # the others follow

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


def measure_batches(arguments: argparse.Namespace) -> dict[str, float]:
    """ECG per second through the pipeline, alone and in batches, and how many times as many in batches."""
    classify = load_classifier(arguments.model or str(modeling_supreme.default_checkpoint()), device="cpu")
    strips_mv = UNIT_MV * draw_strips(NUM_RECORDS, len(DRAWN_LEADS), NUM_SAMPLES, rate_hz=RATE_HZ, seed=0).numpy()
    completed = (derive_limb_leads(strip_mv, DRAWN_LEADS) for strip_mv in strips_mv)
    records = [{"array": strip_mv, "sampling_rate": RATE_HZ, "leads": leads} for strip_mv, leads in completed]
    ways = {
        str(size): lambda size=size: classify(records, candidate_labels=list(LABELS), batch_size=size)
        for size in (1, BATCH_SIZE)
    }
    seconds = take_turns(ways, num_turns=max(1, arguments.num_turns // 4), clock=CLOCKS[arguments.clock])
    rates = {f"ecg_per_s_batch_{size}": NUM_RECORDS / statistics.median(times) for size, times in seconds.items()}
    return {**rates, "times": compare(seconds, "1", str(BATCH_SIZE))}


def repeat(run: Callable[[], Any], num_calls: int) -> Callable[[], None]:
    """Something as often as a clock needs to see it."""

    def run_often() -> None:
        for _ in range(num_calls):
            run()

    return run_often


def report_queries(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure and print the part on queries."""
    logger.info(
        f"{'ms a record':<12}{'encoder':>9}{f'{FEW} queries':>13}{f'{MANY} queries':>13}  ratios (aims 1.5, 1.2)"
    )
    figures = {}
    for encoder in arguments.encoders:
        figures[encoder] = figure = measure_latency(encoder, arguments)
        alone, few, many, by_queries, by_more = figure.values()
        logger.info(f"{encoder:<12}{alone:>9.2f}{few:>13.2f}{many:>13.2f}  {by_queries:.2f} {by_more:.2f}")
    return figures


def report_batches(arguments: argparse.Namespace) -> dict[str, float]:
    """Measure and print the part on batches."""
    figures = measure_batches(arguments)
    alone, together, times = figures.values()
    logger.info(
        f"pipeline, ECG/s: {alone:.0f} alone, {together:.0f} in batches of {BATCH_SIZE}: {times:.2f} (aim 2.5)"
    )
    return figures


PARTS = {"queries": report_queries, "batches": report_batches}


def main(argv: list[str] | None = None) -> None:
    """Measure, print, write."""
    start_logging(logger)
    parser = make_parser(__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=tuple(PARTS), help="What to measure.")
    parser.add_argument("--encoders", nargs="+", default=ENCODERS, help="Presets of the part on queries.")
    parser.add_argument("--model", help="Checkpoint of the part on batches; the shipped one by default.")
    parser.add_argument("--num_calls", type=int, default=5, help="Calls of each way in a turn of the part on queries.")
    add_timing_flags(parser, num_turns=40)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.num_threads)
    torch.manual_seed(0)
    figures = {part: PARTS[part](arguments) for part in arguments.parts}
    if arguments.output_file:
        write_report(arguments.output_file, arguments, **figures)


if __name__ == "__main__":
    main()
