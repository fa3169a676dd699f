"""The files that a shard was read from, as they were then: a later run sees which of them have changed since.

Size and time of every file are looked at, which costs one call a file. A file whose time alone differs, such as one
that was copied, is compared by its checksum; `--verify` compares the checksums of all.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import xxhash
from datasets import DatasetBuilder


SOURCES_FILENAME = "sources.npz"
# A corpus in a few large files has each of them in many shards; reading them once more for each would take hours
LARGEST_HASHED_BYTES = 2**26
READ_SIZE = 2**17
ABSENT = -1
NOT_HASHED = 0


class SourceStates(NamedTuple):
    """What is known of the files of a shard.

    Attributes:
        sizes (`np.ndarray` of shape `(num_files,)`, int64):
            In bytes; -1 of a file that is absent.
        times_ns (`np.ndarray` of shape `(num_files,)`, int64):
            Of the last change, in nanoseconds.
        checksums (`np.ndarray` of shape `(num_files,)`, uint64):
            Of the content; 0 of a file that is absent or too large to be read for it.
    """

    sizes: np.ndarray
    times_ns: np.ndarray
    checksums: np.ndarray

    def save(self, path: Path) -> None:
        """Write them beside a shard."""
        np.savez_compressed(path, **self._asdict())


def join_states(states: Sequence[SourceStates]) -> SourceStates:
    """The states of several shards, one after the other."""
    return SourceStates(*map(np.concatenate, zip(*states, strict=True)))


def read_states(path: Path) -> SourceStates | None:
    """The states that were written; `None` where there are none: an earlier version made the shard."""
    if not path.is_file():
        return None
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return SourceStates(*(arrays[name] for name in SourceStates._fields))


def list_sources(builder: DatasetBuilder, gen_kwargs: Mapping[str, Any]) -> list[str]:
    """The files of a shard, each once, in the order of its rows; none of a corpus that is made rather than read."""
    if not hasattr(builder, "source_paths"):
        return []
    rows = (row for value in gen_kwargs.values() if isinstance(value, list) for row in value)
    return list(dict.fromkeys(path for row in rows for path in cast(Any, builder).source_paths(row)))


def look_at(paths: Sequence[str], *, are_hashed: bool) -> SourceStates:
    """The files as they are now."""
    sizes, times = np.empty((2, len(paths)), dtype=np.int64)
    for number, path in enumerate(paths):
        sizes[number], times[number] = _look_at_one(path)
    checksums = np.zeros(len(paths), dtype=np.uint64)
    if are_hashed:
        for number in np.flatnonzero((sizes >= 0) & (sizes <= LARGEST_HASHED_BYTES)).tolist():
            checksums[number] = compute_checksum(paths[number])
    return SourceStates(sizes, times, checksums)


def find_changed(paths: Sequence[str], then: SourceStates, *, verify: bool) -> Iterator[str]:
    """The files that are not what they were.

    Args:
        paths (`Sequence[str]`):
            The files.
        then (`SourceStates`):
            What they were.
        verify (`bool`):
            Whether to read them all, and not only those of another time.
    """
    now = look_at(paths, are_hashed=False)
    if len(paths) != len(then.sizes):
        yield from paths
        return
    is_other = now.sizes != then.sizes
    is_read = ~is_other & (now.sizes != ABSENT) & (verify | (now.times_ns != then.times_ns))
    for number in np.flatnonzero(is_read).tolist():
        if then.checksums[number] != NOT_HASHED:
            is_other[number] = compute_checksum(paths[number]) != int(then.checksums[number])
        else:
            is_other[number] = now.times_ns[number] != then.times_ns[number]
    yield from (paths[number] for number in np.flatnonzero(is_other).tolist())


def compute_checksum(path: str) -> int:
    """A checksum of a file; 0 if it cannot be read, which its reader will say. It tells accidents, not attacks."""
    checksum = xxhash.xxh3_64()
    try:
        with Path(path).open("rb", buffering=0) as file:
            while block := file.read(READ_SIZE):
                checksum.update(block)
    except OSError:
        return NOT_HASHED
    return checksum.intdigest() or 1


def _look_at_one(path: str) -> tuple[int, int]:
    """Size and time of a file."""
    try:
        state = os.stat(path)  # noqa: PTH116 - a third of the time of `Path.stat`, for each of a million files
    except OSError:
        return ABSENT, ABSENT
    return state.st_size, state.st_mtime_ns
