"""One recording in memory, the account of what was used of its source, and what is said of a file without any."""

import dataclasses
import re
import struct
import tokenize
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .leads import STANDARD_LEADS


MICROVOLTS_PER_MILLIVOLT = 1000
# Units in small letters; the micro sign (U+00B5) and the Greek letter (U+03BC) look alike.
MILLIVOLTS_PER_UNIT = {
    **dict.fromkeys(("mv", "millivolt", "millivolts"), 1.0),
    **dict.fromkeys(("uv", "\u00b5v", "\u03bcv", "microvolt", "microvolts"), 1e-3),
    **dict.fromkeys(("v", "volt", "volts"), 1e3),
    **dict.fromkeys(("nv", "nanovolt", "nanovolts"), 1e-6),
}
# Strips of 4999 or 5001 samples deserve no remark, nor does the top of one paced spike.
NEGLIGIBLE_S, NEGLIGIBLE_SHARE = 0.1, 0.001

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


@dataclass(frozen=True)
class Account:
    """What of an input was used, and what was not.

    Attributes:
        source (`str`, *optional*):
            The file, record or row.
        leads_found (`tuple[str, ...]`):
            Its channels, as it spells them.
        leads_used (`tuple[str, ...]`):
            Standard leads that were taken.
        leads_derived (`tuple[str, ...]`):
            Limb leads that were computed from two others.
        left_out (`dict[str, str]`):
            Channels that were not taken, and why.
        seconds_found, seconds_used (`float`):
            How long the input lasts, and how much of it was used.
        start_s (`float`):
            When what was used begins, in seconds after the beginning of the input.
        sampling_rate_found, sampling_rate_used (`float`):
            In Hz.
        unit (`str`), unit_from (`str`):
            The unit of the voltages and who says so: `"file"`, `"argument"` or `"default"`.
        num_bridged_samples (`int`):
            Missing samples, of all leads together, that became straight lines.
        seconds_missing (`dict[str, float]`):
            Of each lead with longer gaps, how long it was not recorded.
        share_clipped (`float`):
            Share of the samples of all leads that were cut off at the largest voltage of the model or of a row.
        offsets_removed_mv (`dict[str, float]`):
            Leads that stood far from zero, and by how much they were moved, in millivolts.
        unusable (`dict[str, str]`):
            Leads that show no heart, and what is wrong with them, see [`add_quality`].
        remarks (`tuple[str, ...]`):
            What a reader should know besides: modified or inverted leads, suspected exchanges.
    """

    source: str | None = None
    leads_found: tuple[str, ...] = ()
    leads_used: tuple[str, ...] = ()
    leads_derived: tuple[str, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)
    seconds_found: float = 0.0
    seconds_used: float = 0.0
    start_s: float = 0.0
    sampling_rate_found: float = 0.0
    sampling_rate_used: float = 0.0
    unit: str = "mV"
    unit_from: str = "file"
    num_bridged_samples: int = 0
    seconds_missing: dict[str, float] = field(default_factory=dict)
    share_clipped: float = 0.0
    offsets_removed_mv: dict[str, float] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def losses(self) -> list[str]:
        """What was not used as it came, one phrase each; empty where the input was used whole."""
        seconds_lost = self.seconds_found - self.seconds_used
        phrases = [
            *(f"{name} left out ({reason})" for name, reason in self.left_out.items()),
            *(f"{lead} not recorded for {seconds:.2f} s" for lead, seconds in self.seconds_missing.items()),
            *(f"{lead} moved by {-offset:+.2f} mV" for lead, offset in self.offsets_removed_mv.items()),
            *(f"{lead} is {reason}" for lead, reason in self.unusable.items() if lead in self.leads_used),
            *self.remarks,
        ]
        if seconds_lost > NEGLIGIBLE_S:
            phrases.insert(0, f"{self.seconds_used:.2f} of {self.seconds_found:.2f} s used")
        if self.num_bridged_samples:
            phrases.append(f"{self.num_bridged_samples} missing samples bridged")
        if self.share_clipped >= NEGLIGIBLE_SHARE:
            phrases.append(f"{self.share_clipped:.2%} of the samples cut off")
        return phrases

    def line(self) -> str:
        """The account in one line.

        Example:
            >>> Account(source="a.csv", leads_used=("I",), left_out={"X": "none of the 12"}, seconds_found=10,
            ...         seconds_used=10, sampling_rate_found=500, sampling_rate_used=500).line()
            'a.csv: 1 lead (I), 10.00 s at 500 Hz; X left out (none of the 12)'
        """
        count = f"{len(self.leads_used)} lead{'s' if len(self.leads_used) != 1 else ''}"
        what = f"{count} ({', '.join(self.leads_used)}), {self.seconds_used:.2f} s at {self.sampling_rate_found:g} Hz"
        place = "" if self.source is None else f"{self.source}: "
        return f"{place}{'; '.join([what, *self.losses()])}"

    def to_dict(self) -> dict[str, Any]:
        """The account as JSON knows it."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }


class EcgRecording:
    """A recording of any length and rate: standard leads, voltages, where they were recorded, and the account of it.

    It keeps the voltages as its source has them, floats in millivolts or integers in microvolts, so that neither is
    rounded on its way. The other of the two is computed when it is asked for.

    Args:
        sampling_rate (`float`):
            Samples per second, in Hz.
        leads (`Sequence[str]`):
            Names of the rows, spelled as in `STANDARD_LEADS`.
        strip_mv (`np.ndarray` of shape `(num_leads, num_samples)`, *optional*):
            Voltages as floats, in millivolts; NaN where a lead was not recorded.
        microvolts (`np.ndarray` of shape `(num_leads, num_samples)`, *optional*):
            Voltages as `int16`, in microvolts, instead of `strip_mv`.
        is_recorded (`np.ndarray` of shape `(num_leads, num_samples)`, *optional*):
            With `microvolts`: false where a lead was not recorded; by default it was throughout.
        account ([`Account`], *optional*):
            What of the source this is.

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
        is_recorded: np.ndarray | None = None,
        account: Account | None = None,
    ) -> None:
        if (strip_mv is None) == (microvolts is None):
            raise TypeError("A recording takes its voltages in one unit. Pass either `strip_mv` or `microvolts`.")
        self.sampling_rate = sampling_rate
        self.leads = tuple(leads)
        self.account = account or Account()
        self._strip_mv = strip_mv
        self._microvolts = microvolts
        self._is_recorded = is_recorded

    def cut(self, first: int, stop: int) -> "EcgRecording":
        """The samples from one on and before another, in the unit of the source and with the same account."""
        parts = [
            None if each is None else each[:, first:stop]
            for each in (self._strip_mv, self._microvolts, self._is_recorded)
        ]
        kinds = dict(zip(("strip_mv", "microvolts", "is_recorded"), parts, strict=True))
        return EcgRecording(sampling_rate=self.sampling_rate, leads=self.leads, account=self.account, **kinds)

    @property
    def num_samples(self) -> int:
        """Samples of every lead."""
        voltages = self._microvolts if self._strip_mv is None else self._strip_mv
        return 0 if voltages is None else voltages.shape[1]

    @property
    def strip_mv(self) -> np.ndarray:
        """Voltages in millivolts, `(num_leads, num_samples)`: as given, or `float32` made from the microvolts.

        NaN where a lead was not recorded.
        """
        if self._strip_mv is not None:
            return self._strip_mv
        strip_mv = np.asarray(self._microvolts, np.float32) * np.float32(1 / MICROVOLTS_PER_MILLIVOLT)
        if self._is_recorded is not None:
            strip_mv[~self._is_recorded] = np.nan
        return strip_mv

    @property
    def strip(self) -> np.ndarray:
        """The voltages in millivolts, [`strip_mv`]: what every function of this package calls a strip."""
        return self.strip_mv

    @property
    def microvolts(self) -> np.ndarray:
        """Voltages in `int16` microvolts, `(num_leads, num_samples)`: as given, or rounded from the millivolts.

        Zero where a lead was not recorded.
        """
        if self._microvolts is None:
            return to_microvolts(np.nan_to_num(self.strip_mv, nan=0.0))
        return self._microvolts

    @property
    def is_recorded(self) -> np.ndarray | None:
        """Where the leads were recorded, `(num_leads, num_samples)`; `None` where all were throughout."""
        if self._strip_mv is None:
            return self._is_recorded
        is_recorded = ~np.isnan(self._strip_mv)
        return None if is_recorded.all() else is_recorded


class Options(NamedTuple):
    """What the caller says of a file that does not say it itself, and which part of it to read."""

    sampling_rate: Any
    leads: list[str] | None
    unit: str | None
    start_s: float
    max_seconds: float | None


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
            `not_recorded` lists stretches that leads lack: the lead's place, the first sample, and the one after.

    Returns:
        `EcgRecording`: Without the leads that were not recorded and without padding.

    Raises:
        ValueError: If the parts of the row do not fit together.
    """
    signal, lead_mask = np.asarray(row["signal"]), np.asarray(row["lead_mask"], dtype=bool)
    num_samples = int(row["num_samples"])
    num_leads = len(STANDARD_LEADS)
    is_row = signal.shape[:1] == lead_mask.shape == (num_leads,) and signal.ndim == 2
    if not is_row or not 0 < num_samples <= signal.shape[1]:
        raise ValueError(
            f"Record {row.get('record_id')}: `signal` has shape {signal.shape}, `lead_mask` {lead_mask.shape} and"
            f" `num_samples` is {num_samples}. A row has {num_leads} leads, and no more samples than its signal: give"
            " one of a corpus, or an array with `sampling_rate` and `leads`."
        )
    microvolts = signal[lead_mask, :num_samples].astype(np.int16, copy=False)
    leads = [lead for lead, recorded in zip(STANDARD_LEADS, lead_mask, strict=True) if recorded]
    is_recorded = None
    spans = row.get("not_recorded")
    if spans is not None and len(spans):
        is_recorded = np.ones((len(STANDARD_LEADS), num_samples), dtype=bool)
        for lead, start, stop in np.asarray(spans).tolist():
            is_recorded[lead, start:stop] = False
        is_recorded = is_recorded[lead_mask]
    account = Account(
        source=None if row.get("record_id") is None else str(row["record_id"]),
        leads_found=tuple(leads),
        leads_used=tuple(leads),
        seconds_found=num_samples / SAMPLING_RATE,
        seconds_used=num_samples / SAMPLING_RATE,
        sampling_rate_found=SAMPLING_RATE,
        sampling_rate_used=SAMPLING_RATE,
        unit="uV",
        seconds_missing=_seconds_missing(is_recorded, leads),
    )
    return EcgRecording(
        sampling_rate=SAMPLING_RATE, leads=leads, microvolts=microvolts, is_recorded=is_recorded, account=account
    )


def _seconds_missing(is_recorded: np.ndarray | None, leads: Sequence[str]) -> dict[str, float]:
    """How long each lead of a row was not recorded, of those that were not throughout."""
    if is_recorded is None:
        return {}
    counts = (~is_recorded).sum(axis=1)
    return {lead: count / SAMPLING_RATE for lead, count in zip(leads, counts.tolist(), strict=True) if count}


class NothingRecordedError(ValueError):
    """No sample of what was read can be used; what follows in the file may be."""


class DamagedFileError(ValueError):
    """What is wrong with a file; whoever asked for it adds which file it is and what to do."""


class TruncatedFileError(DamagedFileError):
    """A file that ends early: to download or to copy it again helps."""


# How libraries say so.
_ENDS_EARLY = re.compile(
    r"truncat|end of (?:the )?file|\bEOF|ended before|unexpected end|no element found|unclosed token|mmap length"
    r"|could not read bytes|cannot reshape|incomplete|is empty|no data left|file too small|eof =",
    re.IGNORECASE,
)


@contextmanager
def library_call(path: Path, *own_errors: type[Exception]) -> Iterator[None]:
    """Run one call of a library on a file; nothing else belongs inside.

    Args:
        path (`Path`):
            The file, or one that the library itself names in its error.
        own_errors (`type[Exception]`):
            What this library raises besides Python's exceptions.

    Raises:
        DamagedFileError: If the library fails on the file, however it does so; [`TruncatedFileError`] if it says that
            the file ends early.
        FileNotFoundError: If the library finds no such file.
        PermissionError: If this user may not read the file.
    """
    try:
        yield
    except (FileNotFoundError, DamagedFileError):
        raise
    except PermissionError as error:
        raise forbidden(path, error) from error
    except (*LIBRARY_ERRORS, *own_errors) as error:
        kind = (
            TruncatedFileError if isinstance(error, EOFError) or _ENDS_EARLY.search(str(error)) else DamagedFileError
        )
        raise kind(f"{type(error).__name__}: {error}") from error


def forbidden(path: str | Path, error: PermissionError) -> PermissionError:
    """The error for a file, or for the one that the system names, which this user may not read."""
    return PermissionError(
        f"{error.filename or path} cannot be read: this user lacks the permission. Change it (`chmod u+r`), or run as"
        " the file's owner."
    )
