"""Files that are there whole or not at all: a run that is killed leaves no half-written output."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replace_when_complete(path: Path) -> Iterator[Path]:
    """Write to a temporary file beside `path`, which takes its place when the block ends without an error.

    Args:
        path (`Path`):
            The file to write; its folder is made if need be.

    Yields:
        `Path`: The temporary file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
