"""Simulated recordings as WFDB files: signals, and annotations of beats and waves."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import wfdb

from datasets_scripts.simulator.truth.annotations import Annotation


ANNOTATION_EXTENSION = "atr"


def write_recording(
    path: Path, microvolts: np.ndarray, *, sampling_rate: int, leads: Sequence[str], units_per_mv: float
) -> None:
    """Write one recording as `.hea` and `.dat`, format 16.

    Args:
        path (`Path`):
            The recording without extension; its folder is made.
        microvolts (`np.ndarray` of shape `(num_leads, num_samples)`):
            Voltages.
        sampling_rate (`int`):
            Samples per second.
        leads (`Sequence[str]`):
            Names of the rows, as the header shall list them.
        units_per_mv (`float`):
            Resolution: stored units per millivolt.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    num_leads = len(leads)
    units = np.rint(np.asarray(microvolts, np.float64) * (units_per_mv / 1000)).astype(np.int16)
    wfdb.wrsamp(
        path.name,
        fs=sampling_rate,
        units=["mV"] * num_leads,
        sig_name=list(leads),
        d_signal=np.ascontiguousarray(units.T),
        fmt=["16"] * num_leads,
        adc_gain=[float(units_per_mv)] * num_leads,
        baseline=[0] * num_leads,
        write_dir=str(path.parent),
    )


def write_annotations(path: Path, annotations: Sequence[Annotation], *, sampling_rate: int) -> None:
    """Write the annotations of a recording as `.atr` beside it; one without any gets no file.

    Args:
        path (`Path`):
            The recording without extension.
        annotations (`Sequence[Annotation]`):
            In the order of their samples.
        sampling_rate (`int`):
            Samples per second that the annotations count in.
    """
    if not annotations:
        return
    wfdb.wrann(
        path.name,
        ANNOTATION_EXTENSION,
        np.array([annotation.sample for annotation in annotations]),
        symbol=[annotation.symbol for annotation in annotations],
        num=np.array([annotation.wave for annotation in annotations]),
        aux_note=[annotation.aux_note for annotation in annotations],
        fs=sampling_rate,
        write_dir=str(path.parent),
    )
