"""Work on many shards: in this process, in several of this machine, or on a Dask cluster, with the same result."""

import copy
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import Any, Literal

from threadpoolctl import threadpool_limits


def work_through(
    write: Callable[[Any, Any], int],
    writer: Any,
    shards: Sequence[Any],
    *,
    num_proc: int = 1,
    dask_scheduler: str | None = None,
    start_method: Literal["fork", "spawn"] | None = None,
    crash_remedy: str = "",
) -> Iterator[int]:
    """Write shards.

    Args:
        write (`Callable`):
            Takes `writer` and a shard, and returns the number of records of it; a function of a module.
        writer (`Any`):
            What writing takes besides; each process gets a copy and keeps it for all of its shards.
        shards (`Sequence`):
            What to write.
        num_proc (`int`):
            Processes of this machine; 1 is this one.
        dask_scheduler (`str`, *optional*):
            Address of a Dask scheduler, such as `tcp://10.0.0.1:8786`, whose workers write instead. They must see the
            same folders.
        start_method (`str`, *optional*):
            How processes are started; a library that runs threads of its own, such as torch, needs `"spawn"`.
        crash_remedy (`str`):
            Last sentence to the user where a process ended without a word.

    Yields:
        `int`: Number of records of each shard that is done.

    Raises:
        ImportError: If Dask is asked for and not installed.
        OSError: If there is no scheduler at the address.
        RuntimeError: If a process was killed or crashed.
    """
    if dask_scheduler:
        yield from _work_on_cluster(write, writer, shards, scheduler=dask_scheduler)
    elif num_proc <= 1:
        yield from (write(writer, shard) for shard in shards)
    else:
        context = multiprocessing.get_context(start_method)
        yield from _work_in_processes(write, writer, shards, num_proc, context, crash_remedy)


def _work_in_processes(
    write: Callable[[Any, Any], int], writer: Any, shards: Sequence[Any], num_proc: int, context: Any, remedy: str
) -> Iterator[int]:
    """Write shards in processes of this machine."""
    with ProcessPoolExecutor(num_proc, mp_context=context, initializer=start_worker, initargs=(write, writer)) as pool:
        futures = [pool.submit(write_in_worker, shard) for shard in shards]
        try:
            yield from (future.result() for future in as_completed(futures))
        except BrokenProcessPool as error:
            raise RuntimeError(
                "A worker process ended without a word: memory ran out, or a damaged file crashed its reader. Finished"
                f" shards are kept. Repeat the command with a smaller `--num_proc`{remedy}."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)  # of a run that stops at a broken record


_kept: list[Any] = []


def start_worker(write: Callable[[Any, Any], int], writer: Any) -> None:
    """Keep what writes for all shards of this process, and end with the process that started this one."""
    _kept[:] = [write, writer]
    threadpool_limits(1, user_api="blas")  # every worker has a core; more threads would only wait, and wait busily
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    """A killed parent cannot stop its workers, which would wait for work for ever."""
    wait([sentinel])
    os._exit(1)


def write_in_worker(shard: Any) -> int:
    """Write a shard with what `start_worker` kept."""
    write, writer = _kept
    return write(writer, shard)


def _work_on_cluster(
    write: Callable[[Any, Any], int], writer: Any, shards: Sequence[Any], *, scheduler: str
) -> Iterator[int]:
    """Write shards on the workers of a cluster: by the same function, from the same records, the same bytes."""
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise ImportError(
            "`--dask_scheduler` needs the package distributed: `pip install '.[cluster]'` in a clone of this package."
        ) from error
    with Client(scheduler) as client:
        # Sent once, however many shards there are: it may name a million files
        kept = client.submit(copy.copy, writer, pure=False)
        # `pure=False`: a shard that failed before is to be tried again, not to be answered from memory
        futures = [client.submit(_write_with_copy, write, kept, shard, pure=False) for shard in shards]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            client.cancel(futures)  # of a run that stops at a broken record; finished ones do not mind


def _write_with_copy(write: Callable[[Any, Any], int], writer: Any, shard: Any) -> int:
    """Write a shard in a worker whose threads share what was sent to it."""
    return write(copy.copy(writer), shard)
