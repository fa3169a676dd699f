"""Shards written by processes of this machine."""

import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait

from datasets import DatasetBuilder
from threadpoolctl import threadpool_limits

from .shards import Shard, write_shard


def write_shards_in_processes(builder: DatasetBuilder, shards: Sequence[Shard], *, num_proc: int) -> Iterator[int]:
    """Write shards, in this process or in several others.

    Args:
        builder (`DatasetBuilder`):
            Reads the records.
        shards (`Sequence[Shard]`):
            What to write.
        num_proc (`int`):
            Processes that read and write; 1 is this one.

    Yields:
        `int`: Number of records of each shard that is done.

    Raises:
        RuntimeError: If a worker process was killed or crashed.
        ValueError: If a record cannot be read.
    """
    if num_proc <= 1:
        yield from (write_shard(builder, shard) for shard in shards)
        return
    with ProcessPoolExecutor(num_proc, initializer=start_worker, initargs=(builder,)) as pool:
        futures = [pool.submit(write_shard_in_worker, shard) for shard in shards]
        try:
            yield from (future.result() for future in as_completed(futures))
        except BrokenProcessPool as error:
            raise RuntimeError(
                "A worker process ended without a word: memory ran out, or a damaged file crashed its reader. Finished"
                " shards are kept. Repeat the command with a smaller `--num_proc`; with 1, `python -X faulthandler -m"
                " datasets_scripts.prepare` shows the reader that crashes."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)  # of a run that stops at a broken record


_worker_builder: list[DatasetBuilder] = []


def start_worker(builder: DatasetBuilder) -> None:
    """Keep the builder for all shards of this process, and end with the process that started this one."""
    _worker_builder[:] = [builder]
    threadpool_limits(1, user_api="blas")  # every worker has a core; more threads would only wait, and wait busily
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    """A killed parent cannot stop its workers, which would wait for work for ever."""
    wait([sentinel])
    os._exit(1)


def write_shard_in_worker(shard: Shard) -> int:
    """`write_shard` with the builder that `start_worker` kept."""
    return write_shard(_worker_builder[0], shard)
