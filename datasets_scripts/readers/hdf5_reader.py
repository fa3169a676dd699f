"""HDF5 files of recordings: opened with a clear message, and admitted."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modeling_supreme import ecg_files
from modeling_supreme.admission import admit
from modeling_supreme.recordings import DamagedFileError, EcgRecording


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


def recording_of(strip: np.ndarray, leads: Sequence[str], sampling_rate: float, *, place: str) -> EcgRecording:
    """A strip in millivolts as a recording.

    Args:
        strip (`np.ndarray` of shape `(num_leads, num_samples)`):
            Floats of any precision, in millivolts.
        leads (`Sequence[str]`):
            Names of the rows.
        sampling_rate (`float`):
            Samples per second, in Hz.
        place (`str`):
            Named in error messages: the file, and the exam within it.

    Returns:
        `EcgRecording`: The leads that were connected.

    Raises:
        ValueError: If the strip has another number of leads, or no recorded sample.
    """
    if strip.ndim != 2 or strip.shape[0] != len(leads):
        raise ValueError(f"{place} has shape {strip.shape}, not {len(leads)} leads by samples. Download it again.")
    return admit(strip.astype(np.float64), names=leads, sampling_rate=sampling_rate, source=place)
