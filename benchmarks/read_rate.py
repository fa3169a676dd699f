"""How fast a prepared corpus is read, and how much memory preparing and reading take, within one run.

    python benchmarks/read_rate.py --num_records 2000

Prints strips per second on one core: of `wfdb.rdsamp`, and of a prepared corpus, read from the page cache in order as

    rows = load_corpus(folder, split="train").with_format("numpy", columns=["signal"], dtype=np.int16)
    rows[start : start + 64]["signal"]  # (64, 12, 5000), microvolts

which should reach 20,000 strips/s and 25 times `wfdb.rdsamp`. Both are strips per second of processor time, so that
other work on the machine does not count. Then the peak memory of a process that prepares that many records, of one
that opens and reads what was prepared, and of both with ten times as many records, which should be at most 10 % more
from 2,000 records on. Only memory of the process itself counts, not the pages of files, which the system takes back
when it needs them. The records are simulated, in the layout of PTB-XL. Linux only.
"""

import argparse
import logging
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast


sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pyarrow as pa
import wfdb
from command_line import make_parser, start_logging
from datasets import Dataset

from datasets_scripts import load_corpus
from datasets_scripts.prepare.corpus import prepare_corpus
from datasets_scripts.simulator.export.export_ptb_xl import export_ptb_xl


BATCH_SIZE = 64
TIMES_LARGER = 10
SOURCE, PREPARED, CACHE = "source", "prepared", "cache"  # within the folder of one corpus
SAMPLING_INTERVAL_S = 0.005

logger = logging.getLogger(__name__)


def open_prepared(folder: Path) -> Dataset:
    """The signals of the training split."""
    rows = cast(Dataset, load_corpus(str(folder / PREPARED), split="train", cache_dir=folder / CACHE))
    return rows.with_format("numpy", columns=["signal"], dtype=np.int16)


def read_batches(signals: Dataset) -> int:
    """Read all signals as batches of `int16`; returns the number of strips."""
    for start in range(0, len(signals), BATCH_SIZE):
        batch = cast(np.ndarray, signals[start : start + BATCH_SIZE]["signal"])
        if batch.dtype != np.int16:
            raise TypeError(f"The signals came as {batch.dtype}, not int16. Install the tested version of datasets.")
    return len(signals)


def best_rate(run: Callable[[], int], *, num_repeats: int) -> float:
    """Strips per second of processor time in the best of several turns; `run` returns the number of strips."""
    rates = []
    for _ in range(num_repeats):
        began = time.process_time()
        num_strips = run()
        rates.append(num_strips / (time.process_time() - began))
    return max(rates)


def prepare(folder: Path) -> None:
    """Write the Parquet files."""
    prepare_corpus("ptb_xl", output_dir=folder / PREPARED, data_dir=str(folder / SOURCE))


def read(folder: Path) -> None:
    """A first pass: Parquet becomes Arrow in the cache, which is then mapped and read."""
    read_batches(open_prepared(folder))


TASKS = {"prepare": prepare, "read": read}


def measure_memory(task: str, folder: Path) -> float:
    """Peak memory of this process during a task, in MB."""
    peak = [0.0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLING_INTERVAL_S):
            lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
            peak[0] = max(peak[0], *(int(line.split()[1]) / 1000 for line in lines if line.startswith("RssAnon")))

    watcher = threading.Thread(target=watch)
    watcher.start()
    TASKS[task](folder)
    done.set()
    watcher.join()
    return peak[0]


def measure_memory_elsewhere(task: str, folder: Path) -> float:
    """`measure_memory` in a process of its own, which nothing has grown before."""
    command = [sys.executable, __file__, "--measure_memory", task, str(folder)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Write the records, measure, print."""
    start_logging(logger)
    parser = make_parser(__doc__)
    parser.add_argument("--num_records", type=int, default=1000, help="Records of the smaller of the two corpora.")
    parser.add_argument("--num_repeats", type=int, default=5, help="Turns of which the best counts.")
    parser.add_argument("--measure_memory", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure_memory:
        task, folder = arguments.measure_memory
        sys.stdout.write(f"{measure_memory(task, Path(folder)):.1f}")
        return
    with tempfile.TemporaryDirectory(prefix="read_rate_") as name:
        small, large = Path(name) / "small", Path(name) / "large"
        paths = export_ptb_xl(small / SOURCE, arguments.num_records, sampling_rates=[500])
        export_ptb_xl(large / SOURCE, TIMES_LARGER * arguments.num_records, sampling_rates=[500])
        memory = {
            task: [measure_memory_elsewhere(task, folder) for folder in (small, large)] for task in ("prepare", "read")
        }
        pa.set_cpu_count(1)
        rdsamp = best_rate(lambda: len([wfdb.rdsamp(str(path)) for path in paths]), num_repeats=arguments.num_repeats)
        signals = open_prepared(small)
        read_batches(signals)  # fills the page cache
        prepared = best_rate(lambda: read_batches(signals), num_repeats=arguments.num_repeats)
    logger.info(f"wfdb.rdsamp          {rdsamp:>10,.0f} strips/s")
    logger.info(f"prepared, int16      {prepared:>10,.0f} strips/s")
    logger.info(f"prepared / rdsamp    {prepared / rdsamp:>10,.1f}")
    logger.info(f"peak memory of      {arguments.num_records:>8,} {TIMES_LARGER * arguments.num_records:>8,} records")
    for task, (few, many) in memory.items():
        logger.info(f"{task:<20}{few:>8,.0f} {many:>8,.0f} MB, {many / few - 1:+.0%}")


if __name__ == "__main__":
    main()
