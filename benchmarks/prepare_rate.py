"""How fast a corpus is prepared, as ratios within one run.

    python benchmarks/prepare_rate.py --num_records 8000

Prints records per second of processor time of bare `wfdb.rdrecord` and of preparing (reading, measuring, writing
Parquet), whose ratio should be 0.9 or more; other work on the machine does not count in it. Then records per second of
two worker processes and of one, whose ratio should be 1.8 or more where two cores are free; the start of the processes
counts, the report at the end does not. The records are simulated, in the layout of PTB-XL, and are read from the page
cache. Each figure is the best of `--num_repeats` turns.
"""

import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


sys.path.insert(0, str(Path(__file__).parents[1]))

import wfdb
from command_line import make_parser, start_logging

from datasets_scripts import BUILDERS
from datasets_scripts.prepare.corpus import prepare_corpus
from datasets_scripts.prepare.shards import plan_shards, write_shard
from datasets_scripts.simulator.export.export_ptb_xl import export_ptb_xl


NUM_SHARDS = 64  # of all records, so that two processes end at nearly the same time

logger = logging.getLogger(__name__)


def processor_rate(run: Callable[[], Any], num_records: int) -> float:
    """Records per second of processor time."""
    began = time.process_time()
    run()
    return num_records / (time.process_time() - began)


def prepare_in_place(source: Path, output_dir: Path, records_per_shard: int) -> None:
    """What a worker does: all shards, one after the other."""
    builder = BUILDERS["ptb_xl"](data_dir=str(source), cache_dir=str(output_dir / "cache"))
    plan = plan_shards(builder, output_dir, records_per_shard=records_per_shard)
    for shard in (shard for shards in plan.values() for shard in shards):
        write_shard(builder, shard)
    shutil.rmtree(output_dir)


def wall_rate(source: Path, output_dir: Path, num_proc: int, records_per_shard: int) -> float:
    """Records per second of the command, in real time."""
    report = prepare_corpus(
        "ptb_xl",
        output_dir=output_dir,
        data_dir=str(source),
        num_proc=num_proc,
        records_per_shard=records_per_shard,
    )
    shutil.rmtree(output_dir)
    return report["timing"]["records_per_s"]


def measure(source: Path, output_dir: Path, paths: list[Path]) -> dict[str, float]:
    """One turn: every way once, so that what slows the machine down meets all of them."""
    num_records, records_per_shard = len(paths), max(1, len(paths) // NUM_SHARDS)
    return {
        "wfdb.rdrecord": processor_rate(lambda: [wfdb.rdrecord(str(path)) for path in paths], num_records),
        "prepare": processor_rate(lambda: prepare_in_place(source, output_dir, records_per_shard), num_records),
        "1 process": wall_rate(source, output_dir, 1, records_per_shard),
        "2 processes": wall_rate(source, output_dir, 2, records_per_shard),
    }


def main() -> None:
    """Write the records, measure, print."""
    start_logging(logger)
    parser = make_parser(__doc__)
    parser.add_argument("--num_records", type=int, default=2000, help="Records to write and read.")
    parser.add_argument("--num_repeats", type=int, default=3, help="Turns of which the best counts.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="prepare_rate_") as name:
        source, output_dir = Path(name) / "source", Path(name) / "output"
        paths = export_ptb_xl(source, arguments.num_records, sampling_rates=[500])
        turns = [measure(source, output_dir, paths) for _ in range(arguments.num_repeats)]
    rates = {way: max(turn[way] for turn in turns) for way in turns[0]}
    for way, rate in rates.items():
        logger.info(f"{way:<20}{rate:>8.0f} records/s")
    logger.info(f"{'prepare / rdrecord':<20}{rates['prepare'] / rates['wfdb.rdrecord']:>8.2f}")
    logger.info(f"{'2 processes / 1':<20}{rates['2 processes'] / rates['1 process']:>8.2f}")


if __name__ == "__main__":
    main()
