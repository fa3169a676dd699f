"""What each level of MELP costs in a training step, as ratios within one run.

    python benchmarks/objectives/melp_step.py
    python benchmarks/objectives/melp_step.py --encoder vit_base --batch_size 512 --device cuda --dtype bfloat16

Compares a step of the rhythm level alone with one that has the beat level too (at most 1.5 times the time: published
code loops over the records), and with one that writes captions besides. Reports are random tokens, of five sentences
each. The ways take turns; a ratio is the median over the turns of the ratio within a turn.
"""

import argparse
import logging
import sys
from pathlib import Path
from typing import Any


sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from command_line import add_timing_flags, make_parser, start_logging, write_report
from steps import NUM_LEADS, NUM_SAMPLES, make_step
from transformers import BertConfig
from turns import CLOCKS, compare, take_turns

from modeling_supreme import MelpConfig, MelpModel, SupremeEcgConfig
from training_scripts.objectives.gathering import RowGatherer
from training_scripts.objectives.melp import contrast, contrast_beats


NUM_REPORT_TOKENS, NUM_SENTENCES = 64, 5
LEVELS = {"rhythm": (), "rhythm and beat": ("local",), "rhythm, beat and token": ("local", "caption")}
AIM = "at most 1.5"

logger = logging.getLogger(__name__)


def make_model(arguments: argparse.Namespace, *, has_decoder: bool) -> MelpModel:
    """A model with random weights whose text encoder is MiniLM's size, its first layers frozen."""
    text_config = BertConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536)
    config = MelpConfig(
        ecg_config=SupremeEcgConfig.from_preset(arguments.encoder),
        text_config=text_config,
        num_frozen_text_layers=3,
        num_decoder_layers=2 if has_decoder else 0,
        decoder_hidden_size=256,
    )
    return MelpModel(config).to(arguments.device).train()


def make_inputs(arguments: argparse.Namespace) -> dict[str, torch.Tensor]:
    """Strips of white noise and reports of random tokens."""
    shape = (arguments.batch_size, NUM_REPORT_TOKENS)
    sentence_ids = torch.arange(NUM_REPORT_TOKENS) * NUM_SENTENCES // NUM_REPORT_TOKENS
    inputs = {
        "signal": torch.randn(arguments.batch_size, NUM_LEADS, NUM_SAMPLES),
        "report_ids": torch.randint(1000, 30_000, shape),
        "report_mask": torch.ones(shape, dtype=torch.long),
        "sentence_ids": sentence_ids.expand(shape),
    }
    return {name: value.to(arguments.device) for name, value in inputs.items()}


def make_level_step(arguments: argparse.Namespace, inputs: dict[str, torch.Tensor], levels: tuple[str, ...]) -> Any:
    """A training step with some levels besides the rhythm."""
    model = make_model(arguments, has_decoder="caption" in levels)
    gatherer = RowGatherer(torch.ones(arguments.batch_size, dtype=torch.bool, device=arguments.device))
    given = {name: value for name, value in inputs.items() if name != "sentence_ids" or "local" in levels}

    def measure_loss() -> torch.Tensor:
        with torch.autocast(arguments.device, torch.bfloat16, enabled=arguments.dtype == "bfloat16"):
            outputs = model(**given)
            loss = contrast(outputs.ecg_embeds, outputs.report_embeds, gatherer, outputs.logit_scale).mean()
            if "local" in levels:
                loss = loss + 0.2 * contrast_beats(outputs, gatherer, model.config).mean()
            if "caption" in levels:
                loss = loss + 2 * outputs.caption_losses.mean()
        return loss

    step = make_step(measure_loss, model)

    def run() -> None:
        step()
        if arguments.device == "cuda":
            torch.cuda.synchronize()

    return run


def main(argv: list[str] | None = None) -> None:
    """Measure, print, write."""
    start_logging(logger)
    parser = make_parser(__doc__)
    parser.add_argument("--encoder", default="hybrid", help="Preset of the ECG encoder.")
    parser.add_argument("--batch_size", type=int, default=64, help="Pairs of a step.")
    parser.add_argument("--device", default="cpu", help="cpu or cuda.")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32", help="Of the forward pass.")
    add_timing_flags(parser, num_turns=5)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.num_threads)
    torch.manual_seed(0)
    inputs = make_inputs(arguments)
    ways = {name: make_level_step(arguments, inputs, levels) for name, levels in LEVELS.items()}
    seconds = take_turns(ways, num_turns=arguments.num_turns, clock=CLOCKS[arguments.clock])
    logger.info(f"{'levels':<26}{'ECG/s':>8}{'ratio':>7}  aim")
    figures = []
    for name in LEVELS:
        rate, ratio = arguments.batch_size / min(seconds[name]), compare(seconds, name, "rhythm")
        figures.append({"levels": name, "ecg_per_s": rate, "ratio": ratio})
        logger.info(f"{name:<26}{rate:>8.1f}{ratio:>7.2f}  {AIM if name == 'rhythm and beat' else ''}")
    if arguments.output_file:
        write_report(arguments.output_file, arguments, figures=figures)


if __name__ == "__main__":
    main()
