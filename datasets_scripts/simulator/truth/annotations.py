"""Annotations of beats and waves in the vocabulary of WFDB: where each P, QRS and T starts, peaks and ends."""

from typing import NamedTuple

from datasets_scripts.schema import SAMPLING_RATE
from datasets_scripts.simulator.recording.tracing import SPIKE_BEFORE_QRS_S, Tracing
from datasets_scripts.simulator.rhythm.timeline import Beat, Rhythm


# Which wave the brackets around it belong to. Source: ecgpuwave, field `num` of its annotations (PhysioNet).
P_WAVE, QRS_COMPLEX, T_WAVE = 0, 1, 2
BLOCK_SYMBOLS = {"left bundle branch block": "L", "right bundle branch block": "R"}
# The first that is true of a strip names its rhythm. Source: MIT-BIH Arrhythmia Database Directory, rhythm
# annotations; EAR and B3: dbnotes.c of its tools (Moody 1990).
RHYTHM_NOTES = {
    "atrial fibrillation": "(AFIB",
    "atrial flutter": "(AFL",
    "ventricular bigeminy": "(B",
    "ventricular trigeminy": "(T",
    "accelerated idioventricular rhythm": "(IVR",
    "supraventricular tachycardia": "(SVTA",
    "ectopic atrial rhythm": "(EAR",
    "atrial bigeminy": "(AB",
    "junctional rhythm": "(NOD",
    "paced rhythm": "(P",
    "second degree av block": "(BII",
    "complete av block": "(B3",
    "wolff-parkinson-white pattern": "(PREX",
    "sinus bradycardia": "(SBR",
    "non-sustained ventricular tachycardia": "(N",  # a run in sinus rhythm, of the kind that comes next
    "ventricular tachycardia": "(VT",
}


class Annotation(NamedTuple):
    """One annotation.

    Attributes:
        sample (`int`):
            Position in the strip, at its sampling rate.
        symbol (`str`):
            `"("` and `")"` for onset and offset of a wave, `"p"` and `"t"` for peaks of P and T, `"x"` for the peak
            of a P wave that is not conducted, and the beat's symbol at the peak of QRS: `N` normal, `L` and `R` bundle
            branch block, `A` atrial premature, `V` ventricular premature, `E` ventricular escape, `j` junctional
            escape, `/` paced, `^` pacing spike, `+` change of rhythm. Source: WFDB Programmer's Guide, table of
            annotation codes.
        wave (`int`):
            `P_WAVE`, `QRS_COMPLEX` or `T_WAVE`: the field `num` of WFDB.
        aux_note (`str`):
            Rhythm at `+`, as in `"(AFIB"`; otherwise empty.
    """

    sample: int
    symbol: str
    wave: int = QRS_COMPLEX
    aux_note: str = ""


def bracket(onset: float, peak: float, offset: float, *, symbol: str, wave: int, num_samples: int) -> list[Annotation]:
    """Onset, peak and offset of a wave, without those that lie outside the strip; arguments in samples.

    Example:
        >>> [tuple(mark)[:2] for mark in bracket(-4.0, 10.2, 20.0, symbol="p", wave=P_WAVE, num_samples=5000)]
        [(10, 'p'), (20, ')')]
    """
    marks = ((round(onset), "("), (round(peak), symbol), (round(offset), ")"))
    return [Annotation(sample, mark, wave) for sample, mark in marks if 0 <= sample < num_samples]


def annotate(tracing: Tracing, rhythm: Rhythm, conditions: frozenset[str]) -> tuple[Annotation, ...]:
    """Annotate every P wave, QRS complex and T wave of a strip.

    Args:
        tracing (`Tracing`):
            The strip with its templates.
        rhythm (`Rhythm`):
            When what happens.
        conditions (`frozenset[str]`):
            Names of the rhythm and of bundle branch blocks decide symbols.

    Returns:
        `tuple[Annotation, ...]`: In the order of the samples, the change of rhythm first.
    """
    num_samples = tracing.leads.shape[1]
    marks = [Annotation(0, "+", QRS_COMPLEX, _rhythm_note(conditions))]
    for time, kind, is_conducted in rhythm.p_waves:
        template = tracing.p_waves[kind]
        onset = time * SAMPLING_RATE
        peak, offset = (onset + ms * SAMPLING_RATE / 1000 for ms in (template.peak_ms, template.duration_ms))
        symbol = "p" if is_conducted else "x"
        marks += bracket(onset, peak, offset, symbol=symbol, wave=P_WAVE, num_samples=num_samples)
    for beat in rhythm.beats:
        marks += _annotate_beat(beat, tracing, conditions, num_samples=num_samples)
        if rhythm.is_ventricular_paced and SPIKE_BEFORE_QRS_S < beat.time < num_samples / SAMPLING_RATE:
            marks.append(Annotation(round((beat.time - SPIKE_BEFORE_QRS_S) * SAMPLING_RATE), "^"))
    return tuple(sorted(marks, key=lambda mark: (mark.sample, mark.symbol != "+")))


def _annotate_beat(beat: Beat, tracing: Tracing, conditions: frozenset[str], *, num_samples: int) -> list[Annotation]:
    """QRS and T of one beat."""
    template = tracing.template_of(beat)
    onset = beat.time * SAMPLING_RATE
    per_ms = SAMPLING_RATE / 1000
    end = onset + template.qrs_duration_ms * per_ms
    symbol = beat.symbol
    if symbol == "N":
        symbol = next((code for name, code in BLOCK_SYMBOLS.items() if name in conditions), "N")
    r_peak = onset + template.r_peak_ms * per_ms
    marks = bracket(onset, r_peak, end, symbol=symbol, wave=QRS_COMPLEX, num_samples=num_samples)
    t_end = onset + template.qt_ms * per_ms
    t_peak = onset + template.t_peak_ms * per_ms
    return marks + bracket(end, t_peak, t_end, symbol="t", wave=T_WAVE, num_samples=num_samples)[1:]


def _rhythm_note(conditions: frozenset[str]) -> str:
    """Name of the rhythm as WFDB writes it."""
    return next((note for name, note in RHYTHM_NOTES.items() if name in conditions), "(N")
