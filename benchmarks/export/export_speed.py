"""How fast an exported checkpoint scores on one core, against torch, within one run.

    python benchmarks/export/export_speed.py --model runs/demo/checkpoint

Exports the checkpoint as ONNX, in float and in eight bits, and prints ECG per second of torch and of both, with 100
queries that were embedded before, for one strip and for 32 at once; beside them the ratio to torch (aim: eight bits at
least 2). The ways take turns; a ratio is the median over the turns of the ratio within a turn. On a machine that is
busy otherwise, `--clock processor` gives steadier ratios.
"""

import argparse
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any


sys.path.insert(0, str(Path(__file__).parents[1]))  # what benchmarks share
sys.path.insert(0, str(Path(__file__).parents[2]))

import torch
from command_line import add_timing_flags, make_parser, start_logging, write_report
from turns import CLOCKS, compare, take_turns

from modeling_supreme.ecg_index.encoder import load_classifier
from modeling_supreme.export.agreement import run_module
from modeling_supreme.export.formats import Runner, open_part, write_part
from modeling_supreme.export.int8 import quantize
from modeling_supreme.export.parts import Part, make_ecg_part, make_inputs


NUM_QUERIES, BATCH_SIZES = 100, (1, 32)

logger = logging.getLogger(__name__)


def open_ways(part: Part, folder: Path) -> dict[str, Runner]:
    """Torch, the graph in float and the graph in eight bits, each on one thread."""
    names = {}
    for name in ("onnx", "onnx int8"):
        (folder / name).mkdir()
        names[name] = folder / name / write_part(part, "onnx", folder / name).files[0]
    quantize(names["onnx int8"])
    written = {name: open_part(path, part.axes, num_threads=1) for name, path in names.items()}
    return {"torch": lambda inputs: run_module(part, inputs), **written}


def measure_speed(
    ways: dict[str, Runner], config: Any, batch_size: int, arguments: argparse.Namespace
) -> dict[str, Any]:
    """ECG per second of each way, and the ratios to torch."""
    queries = torch.randn(NUM_QUERIES, arguments.text_width, generator=torch.Generator().manual_seed(0))
    inputs = make_inputs(config, queries, num_strips=batch_size, num_samples=config.num_samples, seed=0)
    turns = {name: lambda run=run: run(inputs) for name, run in ways.items()}
    seconds = take_turns(turns, num_turns=arguments.num_turns, clock=CLOCKS[arguments.clock])
    rates = {name: batch_size / min(times) for name, times in seconds.items()}
    return {"ecg_per_s": rates, "times_torch": {name: compare(seconds, "torch", name) for name in ways}}


def main(argv: list[str] | None = None) -> None:
    """Export, measure, print, write."""
    start_logging(logger)
    parser = make_parser(__doc__)
    parser.add_argument("--model", required=True, help="Folder or Hub id of a checkpoint.")
    add_timing_flags(parser, num_turns=10)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    model = load_classifier(arguments.model, device="cpu").model.eval().float()
    arguments.text_width = model.config.text_config.hidden_size
    part = make_ecg_part(model, torch.randn(NUM_QUERIES, arguments.text_width))
    figures = {}
    with tempfile.TemporaryDirectory(prefix="export_speed_") as folder:
        ways = open_ways(part, Path(folder))
        logger.info(f"{'ECG/s':<12}" + "".join(f"{name:>22}" for name in ways))
        for batch_size in BATCH_SIZES:
            figure = figures[f"batch {batch_size}"] = measure_speed(
                ways, model.config.ecg_config, batch_size, arguments
            )
            cells = (f"{figure['ecg_per_s'][name]:>14.1f} ({figure['times_torch'][name]:.2f}x)" for name in ways)
            logger.info(f"batch {batch_size:<6}" + "".join(f"{cell:>22}" for cell in cells))
    if arguments.output_file:
        write_report(arguments.output_file, arguments, figures=figures)


if __name__ == "__main__":
    main()
