"""What a resumed stream of `datasets` skips and repeats when it was broken off in a shuffle buffer.

    python benchmarks/resume_streaming.py

The figure is the reason why training streams by itself (training_scripts/data/streaming.py).
"""

import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from datasets import Dataset, disable_progress_bars, load_dataset


NUM_RECORDS, NUM_SHARDS, BUFFER_SIZE = 20_000, 4, 2048


def write_shards(folder: Path) -> None:
    """Numbered records in Parquet."""
    size = NUM_RECORDS // NUM_SHARDS
    for shard in range(NUM_SHARDS):
        numbers = list(range(shard * size, (shard + 1) * size))
        Dataset.from_dict({"number": numbers}).to_parquet(folder / f"train-{shard}.parquet")


def open_stream(folder: Path) -> Any:
    """The stream of an epoch, in the same order every time."""
    return load_dataset(str(folder), split="train", streaming=True).shuffle(seed=0, buffer_size=BUFFER_SIZE)


def read_numbers(stream: Any) -> Iterator[int]:
    """The numbers of the records, in their order."""
    return (row["number"] for row in stream)


def main() -> None:
    """Break a stream off halfway, resume it, and compare with an unbroken one."""
    disable_progress_bars()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_shards(folder)
        whole = list(read_numbers(open_stream(folder)))
        broken = open_stream(folder)
        first = list(islice(read_numbers(broken), NUM_RECORDS // 2))
        resumed = open_stream(folder)
        resumed.load_state_dict(broken.state_dict())
        second = list(read_numbers(resumed))
    num_different = len({*first, *second})
    sys.stdout.write(
        f"of {len(whole)} records a resumed stream skipped {NUM_RECORDS - num_different} and repeated"
        f" {len(first) + len(second) - num_different}; order kept: {[*first, *second] == whole}\n"
    )


if __name__ == "__main__":
    main()
