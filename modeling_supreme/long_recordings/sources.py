"""Any stretch of a recording of any length, without the rest of it where its kind allows that."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np

from ..admission import admit, parse_rate
from ..ecg_files import read_ecg, reads_parts
from ..feature_extraction_supreme import ARRAY_KEYS, load_recording
from ..recordings import EcgRecording, NothingRecordedError


# How much of a file is read until something of it was recorded, in seconds: then all. Ours.
PROBES_S = (10.0, 600.0, 7200.0, None)
UNNAMED = "The recording"


class LongRecording:
    """A recording of which stretches are read one by one.

    Args:
        read (`Callable[[int, int], EcgRecording]`):
            Reads the samples from one on and before another; raises [`NothingRecordedError`] where there is nothing.
        num_samples (`int`):
            Length of the whole.
        sampling_rate (`float`):
            Its rate, in Hz.
        name (`str`):
            What messages call it.
    """

    def __init__(
        self, read: Callable[[int, int], EcgRecording], *, num_samples: int, sampling_rate: float, name: str
    ) -> None:
        self.read, self.name = read, name
        self.num_samples = num_samples
        self.sampling_rate = sampling_rate

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.num_samples / self.sampling_rate


def open_recording(
    recording: Any, *, sampling_rate: Any = None, leads: Any = None, unit: str | None = None, place: str = ""
) -> LongRecording:
    """Make stretches of a recording available.

    Of WFDB, EDF, BDF, ISHNE, `.npy` and HDF5 files, and of arrays, only these get into memory, each read as any strip
    is. Other files are read whole, once, and kept as 32-bit floats.

    Args:
        recording (`Any`):
            What [`load_recording`] takes, as the others.
        sampling_rate (`float`, *optional*):
            Of arrays, and of files that do not say, in Hz.
        leads (`Sequence[str]`, *optional*):
            Of arrays, and of files that do not say.
        unit (`str`, *optional*):
            Of arrays, and of files that do not say.
        place (`str`):
            What messages call a recording without a name.

    Raises:
        What [`load_recording`] raises.
    """
    options = {"sampling_rate": sampling_rate, "leads": leads, "unit": unit}
    if isinstance(recording, str | PathLike) and reads_parts(recording):
        return _open_file(recording, options)
    cut = _cutter(recording)
    if cut is None:
        return _open_whole(load_recording(recording, **options, place=place), place)
    own_rate = recording.get("sampling_rate") if isinstance(recording, Mapping) else None
    rate = sampling_rate if own_rate is None else own_rate
    if rate is None:
        return _open_whole(load_recording(recording, **options, place=place), place)  # says what is missing
    part, num_samples = cut
    return LongRecording(
        lambda first, stop: load_recording(part(first, stop), **options, place=place),
        num_samples=num_samples,
        sampling_rate=parse_rate(rate, place=place or None),
        name=place or UNNAMED,
    )


def _open_file(path: Any, options: Mapping[str, Any]) -> LongRecording:
    """A file whose parts are read alone."""
    account = _probe(path, options).account
    rate = account.sampling_rate_found

    def read(first: int, stop: int) -> EcgRecording:
        # Half a sample less, since readers round up
        return read_ecg(path, start_s=first / rate, max_seconds=(stop - first - 0.5) / rate, **options)

    num_samples = round(account.seconds_found * rate)
    return LongRecording(read, num_samples=num_samples, sampling_rate=rate, name=account.source or str(path))


def _probe(path: Any, options: Mapping[str, Any]) -> EcgRecording:
    """The beginning of a file, as far as something was recorded."""
    for seconds in PROBES_S[:-1]:
        try:
            return read_ecg(path, max_seconds=seconds, **options)
        except NothingRecordedError:
            continue
    return read_ecg(path, max_seconds=PROBES_S[-1], **options)


def _open_whole(recording: EcgRecording, place: str) -> LongRecording:
    """A recording in memory; its stretches are judged one by one, as those of a file are."""
    rate, whole = recording.sampling_rate, recording.account
    if recording.cut(0, 1).strip_mv.dtype == np.float64:
        halved = recording.strip_mv.astype(np.float32)
        recording = EcgRecording(sampling_rate=rate, leads=recording.leads, strip_mv=halved, account=whole)
    shift = round(whole.start_s * rate)  # samples before the first that was recorded

    def read(first: int, stop: int) -> EcgRecording:
        part = recording.cut(max(0, first - shift), max(0, stop - shift))
        if not part.num_samples:
            raise NothingRecordedError(f"{whole.source or place or UNNAMED} holds no sample then.")
        admitted = admit(part.strip_mv, names=part.leads, sampling_rate=rate, source=whole.source)
        account = replace(
            whole,
            leads_used=admitted.account.leads_used,
            left_out=whole.left_out | admitted.account.left_out,
            seconds_used=admitted.account.seconds_used,
            start_s=admitted.account.start_s + first / rate,
            num_bridged_samples=admitted.account.num_bridged_samples,
            seconds_missing=admitted.account.seconds_missing,
            offsets_removed_mv=whole.offsets_removed_mv | admitted.account.offsets_removed_mv,
            remarks=(*whole.remarks, *admitted.account.remarks),
        )
        admitted.account = account
        return admitted

    num_samples = max(round(whole.seconds_found * rate), shift + recording.num_samples)
    return LongRecording(read, num_samples=num_samples, sampling_rate=rate, name=whole.source or place or UNNAMED)


def _cutter(recording: Any) -> tuple[Callable[[int, int], Any], int] | None:
    """What cuts an array, or what holds one, along time, and how long it is; `None` for other kinds."""
    if hasattr(recording, "columns") and hasattr(recording, "to_numpy"):
        return lambda first, stop: recording.iloc[first:stop], len(recording)
    if isinstance(recording, Mapping):
        key = next((key for key in ARRAY_KEYS if key in recording), "")
        if "lead_mask" in recording or not _is_array(recording.get(key)):
            return None
        return (
            lambda first, stop: {**recording, key: recording[key][..., first:stop]},
            int(recording[key].shape[-1]),
        )
    if not _is_array(recording):
        return None
    return lambda first, stop: recording[..., first:stop], int(recording.shape[-1])


def _is_array(values: Any) -> bool:
    """Whether this is an array of one or two dimensions, of NumPy, torch or another library, that can be cut."""
    return getattr(values, "ndim", 0) in (1, 2) and isinstance(getattr(values, "shape", None), Sequence)
