"""What the command lines of the benchmarks have in common: help, messages, flags of timing, and the report."""

import argparse
import json
import logging
from importlib.metadata import version
from pathlib import Path
from typing import Any

from datasets import disable_progress_bars
from turns import CLOCKS

from modeling_supreme.command_line.scripts import ScriptParser


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser whose help shows the docstring of a script as it is written."""
    return ScriptParser(description)


def add_timing_flags(parser: argparse.ArgumentParser, *, num_turns: int) -> None:
    """Add the flags of a comparison in turns.

    Args:
        parser (`argparse.ArgumentParser`):
            Receives the flags.
        num_turns (`int`):
            Turns unless the flag says otherwise.
    """
    parser.add_argument("--num_turns", type=int, default=num_turns, help="Turns over which the median is taken.")
    parser.add_argument("--num_threads", type=int, default=2, help="Threads of PyTorch.")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="What a second is.")
    parser.add_argument("--output_file", type=Path, help="JSON file that receives the figures.")


def start_logging(logger: logging.Logger) -> None:
    """Show all that a benchmark says, of libraries no more than warnings, and no progress bars."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logger.setLevel(logging.INFO)
    disable_progress_bars()


def write_report(path: Path, arguments: argparse.Namespace, **figures: Any) -> None:
    """Write figures as JSON, with the version of PyTorch and the flags they were measured with.

    Args:
        path (`Path`):
            The file.
        arguments (`argparse.Namespace`):
            Flags of the command line.
        figures:
            What was measured.
    """
    settings = {name: str(value) for name, value in vars(arguments).items()}
    report = {"torch": version("torch"), "settings": settings, **figures}
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
