"""One recording in memory, and what is said of a file that holds none that can be read."""

import struct
import tokenize
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .leads import STANDARD_LEADS


MICROVOLTS_PER_MILLIVOLT = 1000
MILLIVOLTS_PER_UNIT = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "v": 1e3}  # units in small letters

# Every row of a corpus has this rate and this length, see datasets_scripts/schema.py: a checkpoint takes this file
# along, but not that one.
SAMPLING_RATE = 500  # Hz
NUM_SAMPLES = 5000

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


class EcgRecording:
    """A recording of any length, rate and lead order.

    It keeps the voltages as its source has them, floats in millivolts or integers in microvolts, so that neither is
    rounded on its way. The other of the two is computed when it is asked for.

    Args:
        sampling_rate (`float`):
            Samples per second, in Hz.
        leads (`Sequence[str]`):
            Names of the rows, as the source spells them.
        strip_mv (`np.ndarray` of shape `(num_leads, num_samples)`, *optional*):
            Voltages as floats, in millivolts; NaN where a sample was not recorded.
        microvolts (`np.ndarray` of shape `(num_leads, num_samples)`, *optional*):
            Voltages as `int16`, in microvolts, instead of `strip_mv`.
        num_bridged_samples (`int`, defaults to 0):
            Missing samples, of all leads together, that a reader replaced by straight lines.

    Raises:
        TypeError: If voltages are given in both units, or in none.

    Example:
        >>> recording = EcgRecording(sampling_rate=500, leads=["II"], microvolts=np.array([[250, -1000]], np.int16))
        >>> recording.strip_mv
        array([[ 0.25, -1.  ]], dtype=float32)
    """

    def __init__(
        self,
        *,
        sampling_rate: float,
        leads: Sequence[str],
        strip_mv: np.ndarray | None = None,
        microvolts: np.ndarray | None = None,
        num_bridged_samples: int = 0,
    ) -> None:
        if (strip_mv is None) == (microvolts is None):
            raise TypeError("A recording takes its voltages in one unit. Pass either `strip_mv` or `microvolts`.")
        self.sampling_rate = sampling_rate
        self.leads = tuple(leads)
        self.num_bridged_samples = num_bridged_samples
        self._strip_mv = strip_mv
        self._microvolts = microvolts

    @property
    def strip_mv(self) -> np.ndarray:
        """Voltages in millivolts, `(num_leads, num_samples)`: as given, or `float32` made from the microvolts."""
        if self._strip_mv is not None:
            return self._strip_mv
        return np.asarray(self._microvolts, np.float32) * np.float32(1 / MICROVOLTS_PER_MILLIVOLT)

    @property
    def microvolts(self) -> np.ndarray:
        """Voltages in `int16` microvolts, `(num_leads, num_samples)`: as given, or rounded from the millivolts."""
        return to_microvolts(self.strip_mv) if self._microvolts is None else self._microvolts


def to_microvolts(strip_mv: np.ndarray) -> np.ndarray:
    """Store a strip in millivolts as `int16` microvolts; what does not fit is cut at ±32.767 mV.

    Example:
        >>> to_microvolts(np.array([[0.5, -1.25, 40.0]]))
        array([[  500, -1250, 32767]], dtype=int16)
    """
    return round_to_int16(np.asarray(strip_mv, dtype=np.float64) * MICROVOLTS_PER_MILLIVOLT)


def round_to_int16(microvolts: np.ndarray) -> np.ndarray:
    """Nearest `int16` values of any shape, cut at the limits of the type."""
    limits = np.iinfo(np.int16)
    return np.clip(np.rint(microvolts), limits.min, limits.max).astype(np.int16)


def recording_from_row(row: Mapping[str, Any]) -> EcgRecording:
    """The recorded part of a row of a corpus.

    Args:
        row (`Mapping[str, Any]`):
            At least `signal`, `(12, 5000)` in microvolts, `lead_mask` and `num_samples`, in any format of `datasets`.

    Returns:
        `EcgRecording`: Without the leads that were not recorded and without padding.
    """
    is_recorded = np.asarray(row["lead_mask"], dtype=bool)
    microvolts = np.asarray(row["signal"])[is_recorded, : int(row["num_samples"])].astype(np.int16, copy=False)
    leads = [lead for lead, recorded in zip(STANDARD_LEADS, is_recorded, strict=True) if recorded]
    return EcgRecording(sampling_rate=SAMPLING_RATE, leads=leads, microvolts=microvolts)


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
