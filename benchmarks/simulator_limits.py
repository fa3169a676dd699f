"""How fast strips are simulated, and whether any of very many has a voltage that no heart has.

python benchmarks/simulator_limits.py --num_records 100000

Writes as JSON the records per second of processor time, the highest voltage, and the records with a voltage that is
not finite or beyond 20 mV, of which there must be none.
"""

import json
import sys
import time
from collections.abc import Sequence

import numpy as np
from command_line import make_parser

from datasets_scripts.simulator import SIMULATOR_VERSION, simulate_record


LIMIT_MV = 20.0


def measure(num_records: int, *, first: int, seed: int) -> dict[str, object]:
    """Simulate records in a row and look at their voltages."""
    highest_mv, refused = 0.0, []
    started = time.process_time()
    for index in range(first, first + num_records):
        record = simulate_record(index, seed=seed)
        size_mv = float(np.abs(record.strip).max())
        if not size_mv <= LIMIT_MV:  # also true of NaN
            refused.append(record.record_id)
        highest_mv = max(highest_mv, size_mv)
    seconds = time.process_time() - started
    return {
        "simulator_version": SIMULATOR_VERSION,
        "num_records": num_records,
        "records_per_cpu_second": round(num_records / seconds, 1),
        "highest_mv": highest_mv,
        "refused": refused,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the figures."""
    parser = make_parser(__doc__)
    parser.add_argument("--num_records", type=int, default=2000, help="Records to simulate.")
    parser.add_argument("--first", type=int, default=0, help="Number of the first record.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the corpus.")
    options = parser.parse_args(arguments)
    figures = measure(options.num_records, first=options.first, seed=options.seed)
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
