"""WFDB recordings of corpora in microvolts: the rate that a corpus promises, its wrong gains, its gaps."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from modeling_supreme.recordings import MICROVOLTS_PER_MILLIVOLT, DamagedFileError, EcgRecording, to_microvolts
from modeling_supreme.wfdb_files import NOT_RECORDED, WfdbSignals, read_signals

from .gaps import bridge_gaps


FORMAT = "16"  # of every corpus

# With this many units per millivolt, 16 bits span a third of a millivolt either way: the header must be wrong. Ours.
MAX_GAIN_PER_MILLIVOLT = 100_000


def read_wfdb_record(
    path: Path,
    *,
    sampling_rate: int | None,
    only_standard_leads: bool = False,
    gain_corrections: Mapping[float, float] | None = None,
    max_gap_s: float | None = None,
) -> EcgRecording:
    """Read a recording; stored integers that are microvolts arrive unchanged.

    Args:
        path (`Path`):
            The recording without its extension, such as `records500/00000/00001_hr`.
        sampling_rate (`int`, *optional*):
            Samples per second that the corpus promises, in hertz; `None` where it promises none and the header counts.
        only_standard_leads (`bool`, defaults to `False`):
            Whether to leave out channels that are none of the 12 standard leads, such as the Frank leads of PTB.
            Otherwise they are returned too.
        gain_corrections (`Mapping[float, float]`, *optional*):
            Gains that are known to be wrong in this header, and the right ones, in units per millivolt.
        max_gap_s (`float`, *optional*):
            Longest gap, in seconds, that a straight line may bridge; a lead with a longer one counts as not recorded.
            By default a recording that lacks single samples is refused.

    Returns:
        `EcgRecording`: Without the leads of which no sample was recorded.

    Raises:
        FileNotFoundError: If the header or a signal file is absent.
        PermissionError: If this user may not read one of them.
        ValueError: If the files cannot be read, the rate is another one, or single samples are missing.
    """
    signals = _read_signals(path)
    if only_standard_leads:
        signals = signals.standard_leads()
        if not signals.names:
            raise ValueError(f"{path}.hea names none of the 12 standard leads. Correct the names of its signals.")
    if set(signals.formats) != {FORMAT}:
        stated = ", ".join(sorted(set(signals.formats)))
        raise ValueError(f"{path}.hea states signal format {stated}, not {FORMAT}. Convert the record.")
    digital = signals.digital.astype(np.int16, copy=False)  # all that format 16 holds
    rate = _checked_rate(signals.sampling_rate, sampling_rate, path=path)
    num_bridged_samples = 0
    if max_gap_s is not None:
        max_gap = round(max_gap_s * rate)
        digital, num_bridged_samples = bridge_gaps(digital, missing_value=NOT_RECORDED[FORMAT], max_gap=max_gap)
    signals = _without_lost_leads(replace(signals, digital=digital), path=path)
    return EcgRecording(
        microvolts=_microvolts(signals, gain_corrections or {}, path=path),
        leads=signals.names,
        sampling_rate=rate,
        num_bridged_samples=num_bridged_samples,
    )


def _read_signals(path: Path) -> WfdbSignals:
    """The signals of a record of one segment, or what is wrong and what to do about the download."""
    try:
        signals = read_signals(path)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error.filename} does not exist. Complete the download.") from error
    except DamagedFileError as error:
        raise ValueError(f"{path} is not a readable WFDB record ({error}). Download its files again.") from error
    if not signals.names:
        raise ValueError(f"{path}.hea lists no signal. Download the record again.")
    if "" in signals.formats:
        raise ValueError(f"{path}.hea joins several segments. Write the record as one segment.")
    return signals


def _without_lost_leads(signals: WfdbSignals, *, path: Path) -> WfdbSignals:
    """The leads that were recorded; refuses leads of which single samples are missing."""
    is_lost = signals.digital == NOT_RECORDED[FORMAT]
    filenames = ", ".join(dict.fromkeys(str(path.parent / name) for name in signals.filenames))
    if is_lost.all():
        raise ValueError(f"{filenames} holds no recorded sample. Repair the record.")
    if not is_lost.any():
        return signals
    recorded = np.flatnonzero(~is_lost.all(axis=1)).tolist()
    num_lost = is_lost[recorded].sum()
    if num_lost:
        num_samples = len(recorded) * signals.digital.shape[1]
        raise ValueError(f"{filenames} lacks {num_lost} of {num_samples} samples. Repair the record.")
    return signals.select(recorded)


def _checked_rate(stated: float, promised: int | None, *, path: Path) -> int:
    """The sampling rate, in Hz: the header's, which must be the one that the corpus promises."""
    if promised is None:
        if stated != int(stated) or stated < 1:
            raise ValueError(f"{path}.hea states {stated} Hz. Resample the record to a whole number of hertz.")
        return int(stated)
    if stated != promised:
        raise ValueError(f"{path}.hea states {stated} Hz, not {promised} Hz. Pass the rate of these files.")
    return promised


def _microvolts(signals: WfdbSignals, gain_corrections: Mapping[float, float], *, path: Path) -> np.ndarray:
    """Apply the header's gain and baseline; a gain of 1000/mV leaves the integers alone."""
    unknown = signals.unknown_unit()
    if unknown is not None:
        raise ValueError(f"{path}.hea states signals in {unknown}, not mV. Correct the unit in the header.")
    per_millivolt = np.array(signals.gains) / signals.millivolts_per_unit()
    if gain_corrections:
        per_millivolt = np.array([gain_corrections.get(gain, gain) for gain in per_millivolt.tolist()])
    if per_millivolt.max() > MAX_GAIN_PER_MILLIVOLT:
        raise ValueError(
            f"{path}.hea states a gain of {per_millivolt.max():.0f}/mV, with which 16 bits reach only"
            f" {-float(NOT_RECORDED[FORMAT]) / per_millivolt.max():.3f} mV. Correct the gain in the header."
        )
    baselines = np.array(signals.baselines)
    if (per_millivolt == MICROVOLTS_PER_MILLIVOLT).all() and not baselines.any():
        return signals.digital
    return to_microvolts((signals.digital - baselines[:, None]) / per_millivolt[:, None])
