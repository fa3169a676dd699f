"""What a training step costs, as ratios within one run.

    python benchmarks/train_step.py

Measures, each against its aim,

- queries: a step with 300 queries against one of the encoder alone with a linear layer of 300 outputs (at most 1.8
  times the time with the ViT). Of the hybrid, whose encoder is as small as the fusion network, it is 2.4 times the
  operations (175 MFLOP a strip for the encoder, 246 for the fusion, of which 132 are its MLP; with half of that MLP it
  would still be 2.03 times), and in time 3.5 times with dropout in that network, 2.3 with `--fusion_dropout 0`;
- reports: a step with 300 queries against one that also encodes the report of each strip with a text encoder of the
  size of BERT-base at 256 tokens, the upper six layers trained (at least 10 times the ECG/s);
- loader: steps over a simulated corpus, read and prepared by worker processes, against steps over one batch in memory
  (at least 95 % of the speed);
- layers: forward and backward pass of ViT-tiny against PyTorch's own transformer of that size (at most the time).

The ways that are compared take turns; a ratio is the median over the turns of the ratio within a turn. On a machine
that is busy otherwise, `--clock processor --num_threads 1` gives steadier ratios; the loader is timed by the wall
clock all the same, because its workers are other processes. `--output_file` receives all figures as JSON.
"""

import argparse
import logging
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from command_line import add_timing_flags, make_parser, start_logging, write_report
from loading import iterate_strips, simulate_corpus
from steps import (
    Batch,
    PlainTransformer,
    make_batch,
    make_encoder_step,
    make_model,
    make_query_step,
    make_report_step,
)
from torch import nn
from transformers import BertConfig
from turns import CLOCKS, compare, take_turns


NUM_QUERIES = 300
NUM_TEXT_TOKENS = 256
ENCODERS = ("vit_tiny", "resnet18", "hybrid")

logger = logging.getLogger(__name__)


class Comparison(NamedTuple):
    """A line of the table.

    Attributes:
        name (`str`):
            What is compared.
        ecg_per_s, base_ecg_per_s (`float`):
            Best speed of our way and of the other.
        ratio (`float`):
            The figure that has an aim.
        aim (`str`):
            What it should be.
    """

    name: str
    ecg_per_s: float
    base_ecg_per_s: float
    ratio: float
    aim: str


def measure_queries(encoder: str, arguments: argparse.Namespace) -> Comparison:
    """Time with queries over time without."""
    model = make_model(encoder, fusion_dropout=arguments.fusion_dropout)
    batch = make_batch(model, batch_size=arguments.batch_size, num_queries=NUM_QUERIES)
    query_step, encoder_step = make_query_step(model), make_encoder_step(model.ecg_model, NUM_QUERIES)
    ways = {"queries": lambda: query_step(batch), "encoder": lambda: encoder_step(batch)}
    seconds = take_turns(ways, num_turns=arguments.num_turns, clock=CLOCKS[arguments.clock])
    rates = {name: arguments.batch_size / min(times) for name, times in seconds.items()}
    ratio = compare(seconds, "queries", "encoder")
    aim = "at most 1.8" if encoder != "hybrid" else "none"
    return Comparison(f"{NUM_QUERIES} queries / {encoder} alone, time", rates["queries"], rates["encoder"], ratio, aim)


def measure_reports(arguments: argparse.Namespace, text_config: BertConfig | None = None) -> Comparison:
    """ECG/s with queries over ECG/s with a text tower."""
    model = make_model("vit_tiny")
    batch = make_batch(model, batch_size=arguments.report_batch_size, num_queries=NUM_QUERIES)
    query_step = make_query_step(model)
    report_step = make_report_step(
        make_model("vit_tiny").ecg_model, num_text_tokens=NUM_TEXT_TOKENS, text_config=text_config
    )
    ways = {"queries": lambda: query_step(batch), "reports": lambda: report_step(batch)}
    seconds = take_turns(ways, num_turns=arguments.num_turns, clock=CLOCKS[arguments.clock])
    rates = {name: arguments.report_batch_size / min(times) for name, times in seconds.items()}
    return Comparison(
        f"{NUM_QUERIES} queries / text tower, ECG/s",
        rates["queries"],
        rates["reports"],
        compare(seconds, "reports", "queries"),
        "at least 10",
    )


def measure_loader(arguments: argparse.Namespace) -> Comparison:
    """Speed of steps over a corpus, relative to that over one batch in memory."""
    model = make_model("vit_tiny")
    step = make_query_step(model)
    batch_size, num_steps = arguments.batch_size, arguments.num_loaded_steps
    cached = make_batch(model, batch_size=batch_size, num_queries=NUM_QUERIES)
    with tempfile.TemporaryDirectory(prefix="train_step_") as folder:
        corpus = simulate_corpus(Path(folder), num_records=arguments.num_records, num_workers=arguments.num_workers)
        strips = iterate_strips(corpus, batch_size=batch_size, num_workers=arguments.num_workers)

        def run_steps(next_strips: Callable[[], dict[str, torch.Tensor]]) -> None:
            for _ in range(num_steps):
                step(Batch(next_strips(), cached.query_embeds, cached.labels))

        ways = {"loader": lambda: run_steps(lambda: next(strips)), "cached": lambda: run_steps(lambda: cached.strips)}
        seconds = take_turns(ways, num_turns=arguments.num_turns)
    rates = {name: num_steps * batch_size / min(times) for name, times in seconds.items()}
    speed = compare(seconds, "cached", "loader")
    return Comparison("loader / cached batch, speed", rates["loader"], rates["cached"], speed, "at least 0.95")


def measure_layers(arguments: argparse.Namespace) -> Comparison:
    """Time of forward and backward over that of PyTorch's own layers."""
    model = make_model("vit_tiny").ecg_model
    plain = PlainTransformer(model.config).train()
    batch = make_batch(make_model("vit_tiny"), batch_size=arguments.batch_size, num_queries=1)
    ways: dict[str, Callable[[], None]] = {
        "ours": lambda: pass_through(model, model(**batch.strips).pooler_output),
        "plain": lambda: pass_through(plain, plain(batch.strips["signal"])),
    }
    seconds = take_turns(ways, num_turns=arguments.num_turns, clock=CLOCKS[arguments.clock])
    rates = {name: arguments.batch_size / min(times) for name, times in seconds.items()}
    ratio = compare(seconds, "ours", "plain")
    return Comparison("vit_tiny / TransformerEncoder, time", rates["ours"], rates["plain"], ratio, "at most 1")


def pass_through(module: nn.Module, embeds: torch.Tensor) -> None:
    """Backward pass from some embeddings."""
    module.zero_grad()
    embeds.square().mean().backward()


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Flags of the command line."""
    parser = make_parser(__doc__)
    parts = ("queries", "reports", "loader", "layers")
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts, help="What to measure.")
    parser.add_argument("--encoders", nargs="+", default=ENCODERS, help="Encoders of the part on queries.")
    parser.add_argument("--batch_size", type=int, default=32, help="Strips of a step.")
    parser.add_argument("--fusion_dropout", type=float, default=0.1, help="Dropout of the part on queries.")
    parser.add_argument("--report_batch_size", type=int, default=8, help="Strips of a step in the part on reports.")
    parser.add_argument("--num_records", type=int, default=320, help="Records to simulate for the part on the loader.")
    parser.add_argument("--num_loaded_steps", type=int, default=5, help="Steps of a turn in the part on the loader.")
    parser.add_argument("--num_workers", type=int, default=1, help="Processes that read and prepare strips.")
    add_timing_flags(parser, num_turns=10)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Measure, print, write."""
    start_logging(logger)
    arguments = parse_arguments(argv)
    torch.set_num_threads(arguments.num_threads)
    torch.manual_seed(0)
    measures: dict[str, list[Callable[[], Comparison]]] = {
        "queries": [lambda name=name: measure_queries(name, arguments) for name in arguments.encoders],
        "reports": [lambda: measure_reports(arguments)],
        "loader": [lambda: measure_loader(arguments)],
        "layers": [lambda: measure_layers(arguments)],
    }
    logger.info(f"{'':<36}{'ECG/s':>8}{'against':>9}{'ratio':>7}  aim")
    comparisons = []
    for part in arguments.parts:
        for measure in measures[part]:
            comparison = measure()
            comparisons.append(comparison._asdict())
            name, rate, base, ratio, aim = comparison
            logger.info(f"{name:<36}{rate:>8.1f}{base:>9.1f}{ratio:>7.2f}  {aim}")
    if arguments.output_file:
        write_report(arguments.output_file, arguments, comparisons=comparisons)


if __name__ == "__main__":
    main()
