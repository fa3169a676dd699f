"""What reading a damaged file ends in: words for whoever has the file, never a library's own failure."""

import struct
import tokenize
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


# No library that reads ECG files has one exception for damaged ones: bytes that it trusts take it anywhere. These are
# caught around the library's call alone, so that a mistake in our own code is not taken for a damaged file.
LIBRARY_ERRORS = (
    *(OSError, EOFError, ValueError, RuntimeError),  # files that end early or hold nonsense; h5py raises the last
    *(LookupError, ArithmeticError),  # counts, codes and frames of 0 samples, with which wfdb looks up and divides
    *(TypeError, AttributeError),  # wfdb goes on with the `None` of a field that it did not find
    *(SyntaxError, tokenize.TokenError),  # NumPy parses the header of a `.npy` as Python
    *(struct.error, zlib.error),  # fields cut short, and MATLAB's compressed variables
    MemoryError,  # a header states more samples than any memory holds
)


class DamagedFileError(ValueError):
    """What is wrong with a file; whoever asked for it adds which file it is and what to do."""


@contextmanager
def library_call(path: Path, *own_errors: type[Exception]) -> Iterator[None]:
    """Run one call of a library on a file; nothing else belongs inside.

    Args:
        path (`Path`):
            The file, or one that the library itself names in its error.
        own_errors (`type[Exception]`):
            What this library raises besides Python's exceptions.

    Raises:
        DamagedFileError: If the library fails on the file, however it does so.
        FileNotFoundError: If the library finds no such file.
        PermissionError: If this user may not read the file.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except PermissionError as error:
        raise forbidden(path, error) from error
    except (*LIBRARY_ERRORS, *own_errors) as error:
        raise DamagedFileError(f"{type(error).__name__}: {error}") from error


def forbidden(path: str | Path, error: PermissionError) -> PermissionError:
    """The error for a file, or for the one that the system names, which this user may not read."""
    return PermissionError(
        f"{error.filename or path} cannot be read: this user lacks the permission. Change it (`chmod u+r`), or run as"
        " the file's owner."
    )
