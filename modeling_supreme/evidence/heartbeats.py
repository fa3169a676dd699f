"""Where the waves of a strip lie: from the beats that the model finds and the intervals that it measures.

No delineation by another library: the QRS complex of the usual beat is where its voltages change most over the QRS
duration that was measured; P begins one PR interval before it, and T ends one QT interval after it begins.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import torch
from torch import nn

from ..modeling_supreme import AFTER_BEAT_S, BEAT_RATE_HZ, BEFORE_BEAT_S, find_beats, find_usual_beat


EARLY_SHARE = 0.8  # of the usual RR interval: a beat that comes sooner is early. Own choice.
MOST_UNLIKE = 0.6  # of the size of the usual beat: what differs from it more is another kind of beat. Own choice.
NEAR_S = 0.15  # before and after the middle of QRS, in which it is compared and looked for
QRS_REACH_S = 0.12  # of the middle of a QRS complex from where the voltages change most
ST_S = 0.08  # the ST segment is shown from J for so long; it is measured 60 ms after J
EARLY_HALF_S = 0.08  # of an early beat, whose QRS was not measured, on both sides of its middle
U_S = 0.16  # after the end of T
P_AREA_S = 0.25  # before QRS, where P waves are looked for that are not there or not measured
USUAL_P_S = 0.11  # where the duration of P was not measured
LEAST_MEASURABLE = 0.5

Span = tuple[float, float]


@dataclass(frozen=True)
class Heartbeats:
    """The beats of a strip; times from its beginning, in seconds.

    Attributes:
        start_s, end_s (`float`):
            Of what was recorded.
        middles_s (`tuple[float, ...]`):
            The middle of each QRS complex.
        is_early, is_usual (`tuple[bool, ...]`):
            Whether each comes early, and whether it looks like the usual beat and does not.
        intervals_s (`Mapping[str, float]`):
            `qrs`, `pr`, `qt` and `p`, as they were measured; without those that were not.
    """

    start_s: float
    end_s: float
    middles_s: tuple[float, ...]
    is_early: tuple[bool, ...]
    is_usual: tuple[bool, ...]
    intervals_s: Mapping[str, float]

    def spans(self, part: str) -> list[Span]:
        """Where a part of the beats lies; what reaches beyond the strip is left out.

        Args:
            part (`str`):
                `"strip"` for all of it, `"early"` for early beats, `"pause"` for the longest RR interval; `"p"`,
                `"pr"`, `"qrs"`, `"st"`, `"t"`, `"qt"` or `"u"` of the usual beats.

        Returns:
            `list[Span]`: From the first on; empty where there are no such beats, or where QRS was not measured.
        """
        if part == "strip":
            return [(self.start_s, self.end_s)]
        if part == "pause":
            gaps = list(zip(self.middles_s, self.middles_s[1:], strict=False))
            return [max(gaps, key=lambda gap: gap[1] - gap[0])] if gaps else []
        if "qrs" not in self.intervals_s:
            return []
        flags = self.is_early if part == "early" else self.is_usual
        spans = [
            self._place(part, middle - self.intervals_s["qrs"] / 2)
            for middle, is_chosen in zip(self.middles_s, flags, strict=True)
            if is_chosen
        ]
        return [span for span in spans if span[0] >= self.start_s and span[1] <= self.end_s]

    def _place(self, part: str, onset_s: float) -> Span:
        """Where a part lies of the beat whose QRS begins here."""
        intervals = self.intervals_s
        j_s = onset_s + intervals["qrs"]
        t_end_s = onset_s + max(intervals.get("qt", 0.4), intervals["qrs"] + ST_S + 0.04)
        pr_s = intervals.get("pr")
        p_s = onset_s - (P_AREA_S if pr_s is None else pr_s)
        p_end_s = onset_s if pr_s is None else min(onset_s, p_s + intervals.get("p", USUAL_P_S))
        return {
            "p": (p_s, p_end_s),
            "pr": (p_s, onset_s),
            "qrs": (onset_s, j_s),
            "early": (onset_s + intervals["qrs"] / 2 - EARLY_HALF_S, onset_s + intervals["qrs"] / 2 + EARLY_HALF_S),
            "st": (j_s, j_s + ST_S),
            "t": (j_s + ST_S, t_end_s),
            "qt": (onset_s, t_end_s),
            "u": (t_end_s, t_end_s + U_S),
        }[part]

    def to_dict(self) -> dict[str, list[float]]:
        """The marks of the usual beats, in seconds: `p_onset_s`, `qrs_onset_s`, `qrs_end_s`, `t_end_s`; and `beat_s`.

        A list is empty where its interval was not measured.
        """
        qrs = self.spans("qrs")
        pr = self.spans("pr") if "pr" in self.intervals_s else []
        qt = self.spans("qt") if "qt" in self.intervals_s else []
        return {
            "beat_s": _round(self.middles_s),
            "p_onset_s": _round([first for first, _ in pr]),
            "qrs_onset_s": _round([first for first, _ in qrs]),
            "qrs_end_s": _round([last for _, last in qrs]),
            "t_end_s": _round([last for _, last in qt]),
        }


def _round(seconds: "list[float] | tuple[float, ...]") -> list[float]:
    return [round(each, 3) for each in seconds]


def find_heartbeats(
    strip: torch.Tensor, recorded: torch.Tensor, sampling_rate: float, measured: Mapping[str, tuple[float, float]]
) -> Heartbeats:
    """Find the beats of a strip.

    Args:
        strip (`torch.Tensor` of shape `(num_leads, num_samples)`):
            Voltages in any unit, zero where nothing was recorded.
        recorded (`torch.Tensor` of shape `(num_samples,)`):
            When any lead was recorded.
        sampling_rate (`float`):
            In Hz.
        measured (`Mapping[str, tuple[float, float]]`):
            Value and probability of being measurable, by the key of each measurement.

    Returns:
        [`Heartbeats`]
    """
    thinning = max(1, round(sampling_rate / BEAT_RATE_HZ))
    rate = sampling_rate / thinning
    strips = nn.functional.avg_pool1d(strip.float()[None], thinning)
    mask = recorded[None, ::thinning][:, : strips.shape[-1]]
    places, is_beat = find_beats(strips, mask, rate)
    window = range(-round(BEFORE_BEAT_S * rate), round(AFTER_BEAT_S * rate) + 1)
    beat, _ = find_usual_beat(strips, mask, places, is_beat, window)
    found = places[0][is_beat[0]].tolist()
    intervals = {
        name: value / 1000
        for name in ("qrs", "pr", "qt", "p")
        for value, chance in (measured.get(f"{name}_ms", (0.0, 0.0)),)
        if chance >= LEAST_MEASURABLE and value > 0
    }
    near = round(NEAR_S * rate)
    usual = beat[0, :, -window[0] - near : -window[0] + near + 1]  # (num_leads, num_near)
    shift = _middle_of_qrs(beat[0], -window[0], intervals["qrs"], rate) if "qrs" in intervals else 0
    seconds = [place / rate for place in found]
    times = recorded.nonzero()[:, 0].tolist()
    is_early = _find_early(seconds)
    is_alike = [_is_alike(strips[0], place, near, usual) for place in found]
    is_usual = [alike and not early for alike, early in zip(is_alike, is_early, strict=True)]
    return Heartbeats(
        start_s=times[0] / sampling_rate if times else 0.0,
        end_s=(times[-1] + 1) / sampling_rate if times else 0.0,
        middles_s=tuple(second + shift / rate for second in seconds),
        is_early=tuple(is_early),
        is_usual=tuple(is_usual) if any(is_usual) else tuple(not early for early in is_early),
        intervals_s=intervals,
    )


def _find_early(seconds: list[float]) -> list[bool]:
    """Whether each beat follows the last one that was not early sooner than beats of this strip do."""
    usual = median(later - earlier for earlier, later in pairwise(seconds)) if len(seconds) > 1 else 0.0
    found, last = [], -usual
    for second in seconds:
        found.append(bool(found) and second - last < EARLY_SHARE * usual)
        last = last if found[-1] else second
    return found


def _is_alike(strip: torch.Tensor, place: int, near: int, usual: torch.Tensor) -> bool:
    """Whether the QRS complex at a place looks like the usual one; one at the edge is not."""
    if place < near or place + near >= strip.shape[-1]:
        return False
    own = strip[:, place - near : place + near + 1]
    return bool(torch.linalg.vector_norm(own - usual) <= MOST_UNLIKE * torch.linalg.vector_norm(usual))


def _middle_of_qrs(beat: torch.Tensor, middle: int, qrs_s: float, rate: float) -> int:
    """Samples from the place of a beat to the middle of its QRS complex, of which the duration is known.

    The voltages of the usual beat, `(num_leads, num_samples)`, change nowhere more than within so long a stretch.
    """
    change = (beat[:, 1:] - beat[:, :-1]).square().sum(dim=0).sqrt()
    width = max(1, round(qrs_s * rate))
    reach = round(QRS_REACH_S * rate)
    sums = change.unfold(0, width, 1).sum(dim=-1)  # from each sample on
    first = max(0, middle - reach - width // 2)
    some = sums[first : middle + reach - width // 2 + 1]
    largest = (some >= some.amax() * (1 - 1e-3)).nonzero()[:, 0] + first
    return round(float(largest.float().mean()) + width / 2) - middle
