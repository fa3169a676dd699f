"""What reading the reports of a whole corpus costs: time, memory, and the calls a language model would receive.

    python benchmarks/extract_reports.py
    python benchmarks/extract_reports.py --statements statements.txt --num_records 80000 800000

Writes tables in the layout of MIMIC-IV-ECG's `machine_measurements.csv`, whose reports draw their statements from a
file with one statement a line (default: the wordings of the simulator). As in real reports few statements are most of
the text: the n-th most frequent one comes 1/n times as often as the first. Then runs `python -m
datasets_scripts.extraction --backend rules` on each table, on one core, and prints as JSON its seconds of wall clock
and of processor, its peak memory, and the share of reports for which a language model would have been asked, which
should be 1 % or less of 800,000. Memory should not grow with the number of reports: the ratio of the last peak to the
first should be 1.2 or less.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
from command_line import make_parser


sys.path.insert(0, str(Path(__file__).parents[1]))

from datasets_scripts.extraction.readings.statements import statement_key
from datasets_scripts.simulator.report_templates import load_templates


NUM_REPORT_COLUMNS = 18
MAX_STATEMENTS = 8  # of one report
ROWS_PER_CHUNK = 20_000

logger = logging.getLogger(__name__)


def simulated_statements() -> list[str]:
    """Distinct statements in the wordings of the simulator: alone and joined by "with", in three ways of printing."""
    templates = load_templates("en")
    rhythms = [template.text for template in templates if template.place == "rhythm"]
    added = [template.text for template in templates if template.place == "added"]
    others = [template.text for template in templates if template.place not in ("rhythm", "added")]
    texts = [*rhythms, *others, *(f"{rhythm} with {text}" for rhythm, text in product(rhythms, added))]
    return list(dict.fromkeys(spelling for text in texts for spelling in (text, f"{text}.", text.upper())))


def write_table(path: Path, statements: list[str], num_records: int, *, seed: int = 0) -> None:
    """Write a table of reports with one to eight statements each, in columns with empty ones between.

    Args:
        path (`Path`):
            The CSV file.
        statements (`list[str]`):
            Statements to draw from; the first ones of a random order are the frequent ones.
        num_records (`int`):
            Rows.
        seed (`int`):
            Of the random draws.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(statements))
    weights = 1 / np.arange(1, len(statements) + 1)
    vocabulary = np.array([statements[index] for index in order] + [""], dtype=object)
    writer = None
    for start in range(0, num_records, ROWS_PER_CHUNK):
        num_rows = min(ROWS_PER_CHUNK, num_records - start)
        columns = rng.random((num_rows, NUM_REPORT_COLUMNS)).argsort(axis=1)
        is_filled = columns < rng.integers(1, MAX_STATEMENTS + 1, size=(num_rows, 1))
        drawn = rng.choice(len(statements), size=is_filled.shape, p=weights / weights.sum())
        texts = vocabulary[np.where(is_filled, drawn, len(statements))]
        study_ids = pa.array(np.arange(40_000_000 + start, 40_000_000 + start + num_rows))
        reports = {f"report_{number}": pa.array(texts[:, number]) for number in range(NUM_REPORT_COLUMNS)}
        table = pa.table({"subject_id": study_ids, "study_id": study_ids, **reports, "rr_interval": study_ids})
        writer = writer or pyarrow.csv.CSVWriter(path, table.schema)
        writer.write(table)
    if writer:
        writer.close()


def run_extraction(table: Path, output_dir: Path) -> dict:
    """Run the command on one core and measure it.

    Args:
        table (`Path`):
            The reports.
        output_dir (`Path`):
            Where the command writes.

    Returns:
        `dict`: `wall_s` and `processor_s` in seconds, `peak_memory_mb` in megabytes, `num_keys`, the distinct
        statements that a language model would be asked for.

    Raises:
        RuntimeError: If the command fails.
    """
    command = [sys.executable, "-m", "datasets_scripts.extraction", "--backend", "rules"]
    command += ["--reports", str(table), "--output_dir", str(output_dir)]
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=Path(__file__).parents[1],
        env={**os.environ, "OMP_NUM_THREADS": "1", "ARROW_NUM_THREADS": "1"},
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with status {process.returncode}. Run it by hand to see why.")
    with (output_dir / "statements.jsonl").open(encoding="utf-8") as file:
        num_keys = len({statement_key(json.loads(line)["statement"]) for line in file})
    return {
        "wall_s": round(time.perf_counter() - began, 1),
        "processor_s": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_memory_mb": round(usage.ru_maxrss / 1024),  # Linux counts in KiB
        "num_keys": num_keys,
    }


def main() -> None:
    """Measure each size and print the figures."""
    parser = make_parser(__doc__)
    parser.add_argument("--statements", type=Path, help="Text file with one statement a line.")
    parser.add_argument("--num_records", type=int, nargs="+", default=[80_000, 800_000], help="Reports of each table.")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if arguments.statements:
        statements = list(dict.fromkeys(arguments.statements.read_text(encoding="utf-8").splitlines()))
    else:
        statements = simulated_statements()
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for num_records in arguments.num_records:
            table = Path(folder) / f"{num_records}.csv"
            write_table(table, statements, num_records)
            figures = run_extraction(table, Path(folder) / str(num_records))
            share = figures["num_keys"] / num_records
            runs.append({"num_records": num_records, **figures, "share_asked": round(share, 5)})
            logger.info("%s", json.dumps(runs[-1]))
    ratio = runs[-1]["peak_memory_mb"] / runs[0]["peak_memory_mb"]
    logger.info("%s", json.dumps({"num_spellings": len(statements), "peak_memory_ratio": round(ratio, 3)}))


if __name__ == "__main__":
    main()
