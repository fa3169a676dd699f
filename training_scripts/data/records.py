"""The three kinds of records that training reads, and what can be asked of any of them."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias, cast

import numpy as np
from datasets import Dataset

from .simulated_records import SimulatedRecords
from .streaming import RecordShards


# Prepared and mapped into memory; in Parquet shards, read as they are needed; simulated without end.
Records: TypeAlias = Dataset | RecordShards | SimulatedRecords
# Simulated records that stand for all that an endless corpus will make
NUM_COUNTED_RECORDS = 1000


def iterate_columns(records: Records, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Some columns of all records, some hundreds at once; of an endless corpus those of its first ones.

    Yields:
        `dict`: For each column a sequence with one entry per record.
    """
    if isinstance(records, RecordShards):
        yield from records.iter_columns(columns)
    elif isinstance(records, SimulatedRecords):
        rows = [records[position] for position in range(min(len(records), NUM_COUNTED_RECORDS))]
        yield {name: [row[name] for row in rows] for name in columns}
    else:
        yield from cast(Any, records.select_columns(list(columns)).with_format(None).iter(batch_size=1000))


def take_first(records: Records, num_records: int | None) -> Records:
    """The first records of a split, in their order; all of them for `None`."""
    return records if num_records is None else records.select(range(min(num_records, len(records))))


def draw_fraction(records: Any, fraction: float, *, seed: int) -> Any:
    """A share of the records, in their order, at least one; with the same seed, a smaller share is part of a larger.

    Example:
        >>> draw_fraction(Dataset.from_dict({"age": [50, 60, 70, 80]}), 0.5, seed=0)["age"][:]
        [50, 70]
    """
    if fraction == 1:
        return records
    order = np.random.default_rng(seed).permutation(len(records))
    return records.select(np.sort(order[: max(1, round(fraction * len(records)))]))
