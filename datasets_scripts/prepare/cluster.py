"""Shards written by the workers of a Dask cluster, on one machine or on many that share a file system."""

import copy
from collections.abc import Iterator, Sequence

from datasets import DatasetBuilder

from .shards import Shard, write_shard


def write_shards_on_cluster(builder: DatasetBuilder, shards: Sequence[Shard], *, scheduler: str) -> Iterator[int]:
    """Let the workers of a cluster write shards.

    A shard is made by the same function as on one machine, from the same records: the files are the same bytes.

    Args:
        builder (`DatasetBuilder`):
            Reads the records. The corpus and the folder of the shards must be at the same place on every worker.
        shards (`Sequence[Shard]`):
            What to write.
        scheduler (`str`):
            Address of the Dask scheduler, such as `tcp://10.0.0.1:8786`.

    Yields:
        `int`: Number of records of each shard that is done.

    Raises:
        ImportError: If Dask is not installed.
        OSError: If there is no scheduler at the address.
        ValueError: If a record cannot be read.
    """
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise ImportError(
            "`--dask_scheduler` needs the package distributed: `pip install '.[cluster]'` in a clone of this package."
        ) from error
    with Client(scheduler) as client:
        # `pure=False`: a shard that failed before is to be tried again, not to be answered from memory
        futures = [client.submit(_write_shard_of_copy, builder, shard, pure=False) for shard in shards]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            client.cancel(futures)  # of a run that stops at a broken record; finished ones do not mind


def _write_shard_of_copy(builder: DatasetBuilder, shard: Shard) -> int:
    """`write_shard` for a worker whose threads share the builder that was sent to it."""
    return write_shard(copy.copy(builder), shard)
