"""Files that are there whole or not at all: a run that is killed leaves no half-written output."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replace_when_complete(path: Path) -> Iterator[Path]:
    """Write to a temporary file beside `path`, which takes its place when the block ends without an error.

    Args:
        path (`Path`):
            The file to write; its folder is made if need be. It gets the permissions of a file that was opened, not
            those of a temporary one.

    Yields:
        `Path`: The temporary file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    try:
        yield temporary
        temporary.chmod(usual_mode())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a small file, whole or not at all."""
    with replace_when_complete(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def move_files(source_dir: Path, target_dir: Path) -> None:
    """Let every file of a folder take the place of that of the same name in another one; folders are gone into.

    Args:
        source_dir (`Path`):
            Gone afterwards. It must be on the same disk, so that each file is there whole or not at all.
        target_dir (`Path`):
            Made if need be; what else it holds stays.
    """
    for path in sorted(path for path in source_dir.rglob("*") if path.is_file()):
        target = target_dir / path.relative_to(source_dir)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.chmod(usual_mode())
        path.replace(target)
    for folder in sorted(source_dir.rglob("*"), reverse=True):
        folder.rmdir()
    source_dir.rmdir()


def usual_mode() -> int:
    """The permissions that this user's files have: those that the umask leaves."""
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask
