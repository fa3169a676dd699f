"""Intervals and rate from annotations of waves: WFDB files beside a record, as LUDB and QTDB have them."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

from modeling_supreme.recordings import DamagedFileError, library_call


# Source: WFDB Programmer's Guide, table of annotation codes.
BEAT_SYMBOLS = frozenset("NLRBAaJSVrFejnE/fQ?")
WAVE_SYMBOLS = {"p": "P", "t": "T", "u": "U", "x": "blocked P", **dict.fromkeys(BEAT_SYMBOLS, "QRS")}
ONSET, OFFSET = "(", ")"
WAVE_KEYS = ("rate_per_min", "p_ms", "pr_ms", "qrs_ms", "qt_ms")
MS_PER_S = 1000


class Wave(NamedTuple):
    """A wave with its limits, in seconds; `None` where a limit is not annotated.

    Attributes:
        kind (`str`):
            `"P"`, `"blocked P"`, `"QRS"`, `"T"` or `"U"`.
        onset_s, peak_s, offset_s (`float`, *optional*):
            First moment, peak and last moment.
    """

    kind: str
    onset_s: float | None
    peak_s: float
    offset_s: float | None


def read_wave_measurements(
    path: Path, extensions: Sequence[str], *, start_s: float, stop_s: float
) -> dict[str, float | None]:
    """Measure a strip by the annotations beside its record.

    Args:
        path (`Path`):
            The record, without an extension.
        extensions (`Sequence[str]`):
            Of the annotation files, such as `"q1c"`; LUDB has one for each lead: `"i"`, `"ii"` ...
        start_s (`float`):
            Where the strip begins, in seconds from the start of the record.
        stop_s (`float`):
            Where it ends; what lies outside is not looked at.

    Returns:
        `dict[str, float | None]`: `rate_per_min`, `p_ms`, `pr_ms`, `qrs_ms` and `qt_ms`, of several files the median;
        `None` where no file tells.

    Raises:
        ValueError: If a file cannot be read, or nobody says at which rate it counts.
    """
    files = [path.with_name(f"{path.name}.{extension}") for extension in extensions]
    marks = [_read_marks(file, start_s=start_s, stop_s=stop_s) for file in files if file.is_file()]
    stated = [measure_waves(find_waves(each)) for each in marks]
    return {key: _median(measured[key] for measured in stated) for key in WAVE_KEYS}


def find_waves(marks: Sequence[tuple[float, str]]) -> list[Wave]:
    """Waves with the limits that stand right before and after their peaks.

    Args:
        marks (`Sequence[tuple[float, str]]`):
            Times in seconds, in their order, and symbols; those that are no part of a wave are passed over.

    Example:
        >>> find_waves([(0.10, "("), (0.15, "p"), (0.20, ")"), (0.26, "("), (0.30, "N"), (0.36, ")"), (0.60, "t")])[1:]
        [Wave(kind='QRS', onset_s=0.26, peak_s=0.3, offset_s=0.36), Wave(kind='T', onset_s=None, peak_s=0.6, ...)]
    """
    kept = [mark for mark in marks if mark[1] in WAVE_SYMBOLS or mark[1] in (ONSET, OFFSET)]
    nothing = (0.0, "")
    waves = []
    for before, (time, symbol), after in zip([nothing, *kept], kept, [*kept[1:], nothing], strict=False):
        if symbol in WAVE_SYMBOLS:
            onset = before[0] if before[1] == ONSET else None
            offset = after[0] if after[1] == OFFSET else None
            waves.append(Wave(WAVE_SYMBOLS[symbol], onset, time, offset))
    return waves


def measure_waves(waves: Sequence[Wave]) -> dict[str, float | None]:
    """Medians over the beats of a strip, and the mean rate.

    Args:
        waves (`Sequence[Wave]`):
            In the order of their peaks.

    Returns:
        `dict[str, float | None]`: PR from the last P wave before each QRS complex, QT to the first T wave behind it.

    Example:
        >>> p, qrs, t = Wave("P", 0.1, 0.15, 0.2), Wave("QRS", 0.26, 0.3, 0.36), Wave("T", None, 0.6, 0.66)
        >>> {key: value and round(value) for key, value in measure_waves([p, qrs, t]).items()}
        {'rate_per_min': None, 'p_ms': 100, 'pr_ms': 160, 'qrs_ms': 100, 'qt_ms': 400}
    """
    places = [place for place, wave in enumerate(waves) if wave.kind == "QRS"]
    intervals: dict[str, list[float | None]] = {"pr_ms": [], "qt_ms": []}
    for last, place, following in zip([-1, *places], places, [*places[1:], len(waves)], strict=False):
        qrs = waves[place]
        p_waves = [wave for wave in waves[last + 1 : place] if wave.kind == "P"]
        t_waves = [wave for wave in waves[place + 1 : following] if wave.kind == "T"]
        intervals["pr_ms"].append(_between(p_waves[-1].onset_s, qrs.onset_s) if p_waves else None)
        intervals["qt_ms"].append(_between(qrs.onset_s, t_waves[0].offset_s) if t_waves else None)
    rr_s = [second - first for first, second in pairwise(waves[place].peak_s for place in places)]
    return {
        "rate_per_min": 60 * len(rr_s) / sum(rr_s) if rr_s else None,
        "p_ms": _median(_between(wave.onset_s, wave.offset_s) for wave in waves if wave.kind == "P"),
        "pr_ms": _median(intervals["pr_ms"]),
        "qrs_ms": _median(_between(waves[place].onset_s, waves[place].offset_s) for place in places),
        "qt_ms": _median(intervals["qt_ms"]),
    }


def _read_marks(path: Path, *, start_s: float, stop_s: float) -> list[tuple[float, str]]:
    """Times and symbols of an annotation file, those within a stretch."""
    import wfdb

    try:
        with library_call(path):
            annotation = wfdb.rdann(str(path.with_suffix("")), path.suffix[1:])
    except DamagedFileError as error:
        raise ValueError(f"{path} is no readable WFDB annotation file ({error}). Copy it again.") from error
    if not annotation.fs:
        raise ValueError(
            f"{path} does not say at which rate it counts, and there is no header beside it. Put the record's header"
            " beside it."
        )
    times = [sample / annotation.fs for sample in annotation.sample.tolist()]
    return [mark for mark in zip(times, annotation.symbol or (), strict=True) if start_s <= mark[0] < stop_s]


def _between(start_s: float | None, stop_s: float | None) -> float | None:
    """Milliseconds from one moment to another; `None` where either is not known."""
    return None if start_s is None or stop_s is None else MS_PER_S * (stop_s - start_s)


def _median(values: Iterable[float | None]) -> float | None:
    """Median of what is known; `None` where nothing is."""
    known = [value for value in values if value is not None]
    return median(known) if known else None
