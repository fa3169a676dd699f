"""Annotations of beats and waves in the vocabulary of WFDB: where each P, QRS and T starts, peaks and ends."""

from typing import NamedTuple


# Which wave the brackets around it belong to. Source: ecgpuwave, field `num` of its annotations (PhysioNet).
P_WAVE, QRS_COMPLEX, T_WAVE = 0, 1, 2


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
