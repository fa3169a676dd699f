"""WFDB recordings of corpora: read like any other, and held against the rate that the corpus promises."""

import os
from collections.abc import Mapping
from pathlib import Path

from modeling_supreme.recordings import EcgRecording
from modeling_supreme.wfdb_files import header_of, read_wfdb


def header_path(path: str) -> str:
    """The header beside the signal file of a record.

    Not by `Path`: `datasets` replaces the one of a builder's module by another that is a hundred times slower.

    Example:
        >>> header_path("records500/00000/00001_hr.dat")
        'records500/00000/00001_hr.hea'
    """
    return f"{os.path.splitext(path)[0]}.hea"  # noqa: PTH122


def read_wfdb_record(
    path: str | Path, *, sampling_rate: float | None, gain_corrections: Mapping[float, float] | None = None
) -> EcgRecording:
    """Read a recording of a corpus.

    Args:
        path (`str` or `Path`):
            The recording, with or without an extension, such as `records500/00000/00001_hr`.
        sampling_rate (`float`, *optional*):
            Samples per second that the corpus promises, in hertz; `None` where it promises none and the header counts.
        gain_corrections (`Mapping[float, float]`, *optional*):
            Gains that are known to be wrong in this header, and the right ones, in units per millivolt.

    Returns:
        `EcgRecording`: What [`~modeling_supreme.wfdb_files.read_wfdb`] makes of any record.

    Raises:
        FileNotFoundError: If the header or a signal file is absent.
        PermissionError: If this user may not read one of them.
        ValueError: If the files cannot be read, or the rate is another one.
    """
    try:
        recording = read_wfdb(path, gain_corrections=gain_corrections)
    except FileNotFoundError as error:
        absent = getattr(error.__cause__, "filename", None) or header_of(path)
        raise FileNotFoundError(f"{absent} does not exist. Complete the download.") from error
    stated = recording.sampling_rate
    if sampling_rate is not None and stated != sampling_rate:
        raise ValueError(
            f"{recording.account.source} states {stated:g} Hz, not {sampling_rate:g} Hz. Pass the rate of these files."
        )
    return recording
