"""HDF5 files of recordings: opened with a clear message, turned into microvolts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modeling_supreme import ecg_files
from modeling_supreme.recordings import DamagedFileError, EcgRecording, to_microvolts


def open_hdf5(path: Path) -> Any:
    """Open an HDF5 file for reading; use the result as a context, or close it.

    Raises:
        ImportError: If `h5py` is not installed.
        FileNotFoundError: If the file does not exist.
        PermissionError: If this user may not read it.
        ValueError: If it is not a readable HDF5 file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist. Complete the download.")
    try:
        return ecg_files.open_hdf5(path)
    except DamagedFileError as error:
        raise ValueError(f"{path} is not a readable HDF5 file ({error}). Download it again.") from error


def dataset_of(file: Any, name: str, *, path: Path) -> Any:
    """A dataset of an open HDF5 file, which must be there."""
    if name not in file:
        raise ValueError(f"{path} has no dataset {name!r}, only {', '.join(file) or 'none'}. Download it again.")
    return file[name]


def recording_of(strip: np.ndarray, leads: Sequence[str], sampling_rate: int, *, place: str) -> EcgRecording:
    """A strip in millivolts as a recording; leads whose every sample is zero were not connected and are left out.

    Args:
        strip (`np.ndarray` of shape `(num_leads, num_samples)`):
            Floats of any precision, in millivolts.
        leads (`Sequence[str]`):
            Names of the rows.
        sampling_rate (`int`):
            Samples per second, in Hz.
        place (`str`):
            Named in error messages: the file, and the exam within it.

    Returns:
        `EcgRecording`: The connected leads, rounded to `int16` microvolts.

    Raises:
        ValueError: If the strip has another number of leads, no recorded sample, or samples that are not finite.
    """
    if strip.ndim != 2 or strip.shape[0] != len(leads):
        raise ValueError(f"{place} has shape {strip.shape}, not {len(leads)} leads by samples. Download it again.")
    recorded = np.flatnonzero((strip != 0).any(axis=1))
    if not recorded.size:
        raise ValueError(f"{place} holds no recorded sample. Leave the record out.")
    millivolts = strip[recorded].astype(np.float64)
    missing = np.count_nonzero(~np.isfinite(millivolts))
    if missing:
        raise ValueError(f"{place} lacks {missing} of {millivolts.size} samples (not finite). Leave the record out.")
    return EcgRecording(
        microvolts=to_microvolts(millivolts),
        leads=[leads[int(row)] for row in recorded],
        sampling_rate=sampling_rate,
    )
