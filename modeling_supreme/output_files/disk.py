"""A disk that takes no more, in words: what could not be written where, and how many bytes are free."""

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


# No room, no room for this user, no writing at all, no right to write, a file larger than allowed, a broken disk
DISK_ERRORS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "this user's share of the disk is used up",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "this user may not write there",
    errno.EPERM: "this user may not write there",
    errno.EFBIG: "the file is larger than this process may write",
    errno.EIO: "the disk failed",
}
# Those that no reading of a file runs into
WRITING_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
# How libraries that write in another language, such as safetensors and Arrow, report what the system said
SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)|\[[Ee]rrno (\d+)\]")
MIB = 2**20


class DiskError(OSError):
    """Something could not be written; the message says what, where, why and what is left."""


def find_disk_error(error: BaseException) -> int | None:
    """The system's number of what kept a file from being written, whoever reports it; `None` for anything else."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno if error.errno in DISK_ERRORS else None
    match = SYSTEM_ERROR.search(str(error))
    number = int(match[1] or match[2]) if match else None
    return number if number in WRITING_ERRORS else None


def describe_disk_error(error: BaseException, folder: Path) -> str:
    """Why a file could not be written to a folder, and how much room there is.

    Example:
        >>> describe_disk_error(OSError(errno.EROFS, "Read-only file system"), Path("/no/such/folder"))[:21]
        'the disk is read-only'
    """
    number = find_disk_error(error)
    reason = DISK_ERRORS[number] if number is not None else str(error)
    return f"{reason}; {count_free_bytes(folder) / MIB:.1f} MiB are free"


def count_free_bytes(folder: Path) -> int:
    """Bytes that this user may still write to the disk of a folder, which need not exist yet."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


@contextmanager
def told_when_refused(what: str, folder: Path, remedy: str) -> Iterator[None]:
    """Turn the error of a disk that refuses to be written to into a [`DiskError`].

    Args:
        what (`str`):
            What is written, as the beginning of a sentence: "The model".
        folder (`Path`):
            Where to.
        remedy (`str`):
            Sentences on what is left and what to do.

    Raises:
        DiskError: If the disk refuses.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, DiskError) or find_disk_error(error) is None or _is_elsewhere(error, folder):
            raise
        reason = describe_disk_error(error, folder)
        raise DiskError(f"{what} could not be written to {folder}: {reason}. {remedy}") from error


def _is_elsewhere(error: Exception, folder: Path) -> bool:
    """Whether an error names a file that does not lie in a folder: one that was to be read, say."""
    name = getattr(error, "filename", None)
    return isinstance(name, str) and not Path(name).resolve().is_relative_to(folder.resolve())
