"""When things happen: P waves, beats, blocks and pacing of a recording on one time axis."""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np


STRIP_DURATION_S = 10.0
TIMELINE_END_S = STRIP_DURATION_S + 0.5
# An early beat nearer to the edge lacks the interval before it or the pause after it, by which a reader knows it.
SEEN_EDGE_S = 0.3

BeatKind = Literal["conducted", "ventricular"]
PWaveKind = Literal["sinus", "ectopic", "retrograde"]


class Beat(NamedTuple):
    """One QRS complex.

    Attributes:
        time (`float`):
            QRS onset, in seconds.
        kind (`BeatKind`):
            Through the conduction system, or from the ventricular wall.
        symbol (`str`):
            The beat in the vocabulary of WFDB, see `truth.annotations.Annotation`.
        p_time (`float` or `None`):
            Onset of the P wave that was conducted, in seconds.
        focus (`int`):
            Which of the ventricular foci it comes from.
        is_early (`bool`):
            Whether it is premature.
    """

    time: float
    kind: BeatKind
    symbol: str = "N"
    p_time: float | None = None
    focus: int = 0
    is_early: bool = False

    @property
    def is_focal(self) -> bool:
        """Whether it is an early beat of a ventricular focus, with a shape of its own."""
        return self.kind == "ventricular" and self.is_early


class PWaveEvent(NamedTuple):
    """One P wave: its onset in seconds, where it comes from, and whether a QRS complex follows from it."""

    time: float
    kind: PWaveKind
    is_conducted: bool = True


@dataclass
class Rhythm:
    """All events of a recording, in seconds from its start.

    What follows from the events is computed when it is first asked for: ask once all of them are there.

    Attributes:
        beats (`list[Beat]`):
            QRS complexes in the order of their onsets.
        p_waves (`list[PWaveEvent]`):
            P waves.
        flutter_hz (`float` or `None`):
            Flutter waves per second.
        is_fibrillating (`bool`):
            Whether the atria fibrillate.
        av_block (`str`):
            `"wenckebach"`, `"mobitz ii"`, `"2:1"` or `"high degree"` in second degree AV block, otherwise empty.
        is_dissociated (`bool`):
            Whether atria and ventricles beat on their own.
        is_ventricular_paced, is_atrial_paced (`bool`):
            Which spikes to draw.
        respiration_hz, respiration_phase (`float`):
            Breathing, which moves rate and voltage together.
    """

    beats: list[Beat] = field(default_factory=list)
    p_waves: list[PWaveEvent] = field(default_factory=list)
    flutter_hz: float | None = None
    is_fibrillating: bool = False
    av_block: str = ""
    is_dissociated: bool = False
    is_ventricular_paced: bool = False
    is_atrial_paced: bool = False
    respiration_hz: float = 0.25
    respiration_phase: float = 0.0

    @cached_property
    def seen_beats(self) -> list[Beat]:
        """Beats whose onset lies within the strip."""
        return [beat for beat in self.beats if 0 <= beat.time < STRIP_DURATION_S]

    @cached_property
    def early_beats(self) -> list[Beat]:
        """Premature beats that lie well within the strip."""
        low, high = SEEN_EDGE_S, STRIP_DURATION_S - SEEN_EDGE_S
        return [beat for beat in self.beats if beat.is_early and low < beat.time < high]

    @property
    def num_premature(self) -> int:
        """Number of `early_beats`."""
        return len(self.early_beats)

    @cached_property
    def rr_s(self) -> np.ndarray:
        """Intervals between successive beats of the strip, in seconds."""
        return np.diff([beat.time for beat in self.seen_beats])

    @property
    def mean_rr_s(self) -> float:
        """Mean interval between beats of the strip, in seconds."""
        beats = self.seen_beats
        return (beats[-1].time - beats[0].time) / (len(beats) - 1) if len(beats) > 1 else STRIP_DURATION_S

    @cached_property
    def usual_rr_s(self) -> float:
        """Interval that the QT interval follows: of the beats that are not early and follow none, in seconds."""
        usual = [
            second.time - first.time
            for first, second in pairwise(self.beats)
            if not first.is_early and not second.is_early
        ]
        return sum(usual) / len(usual) if usual else self.mean_rr_s

    @property
    def ventricular_rate_per_min(self) -> float:
        """Mean rate of the ventricles over the strip."""
        return 60.0 / self.mean_rr_s

    def add_p_wave(self, time: float, kind: PWaveKind = "sinus", *, is_conducted: bool = True) -> None:
        """Add a P wave."""
        self.p_waves.append(PWaveEvent(float(time), kind, is_conducted))

    def sort(self) -> None:
        """Put beats and P waves in the order of their times."""
        self.beats.sort(key=lambda beat: beat.time)
        self.p_waves.sort(key=lambda wave: wave.time)
