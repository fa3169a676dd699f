"""Reads a noiseless strip as a cardiologist does: waves by their voltages, events by their times.

Nothing here uses the measurements, the findings or the conditions of a record. From the record come the noiseless
voltages of the strip and of its beats, the times of QRS complexes and P waves, and where QRS and T end.
"""

from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np


SAMPLING_RATE = 500
STEP_MS = 1000 / SAMPLING_RATE
STRIP_S = 10.0
LIMB = ("I", "II", "III", "aVR", "aVL", "aVF")
CHEST = ("V1", "V2", "V3", "V4", "V5", "V6")
LEADS = LIMB + CHEST
ROW = {lead: row for row, lead in enumerate(LEADS)}
WAVE_MV = 0.03  # smallest deflection that is a wave: CSE Working Party 1985, Eur Heart J 6:815
QRS_SAMPLES = 55  # 110 ms: enough to tell two shapes of QRS apart
P_SAMPLES = 110
ALIKE = 0.9  # correlation over all leads of two waves of one shape
EDGE_S = 0.3


class Deflection(NamedTuple):
    """A part of QRS on one side of the line: its signed peak in millivolts and its duration in milliseconds."""

    peak_mv: float = 0.0
    ms: float = 0.0


def to_twelve(independent):
    """Standard leads from I, II, V1 to V6, by Einthoven's and Goldberger's definitions."""
    lead_i, lead_ii = independent[0].astype(float), independent[1].astype(float)
    limb = [lead_i, lead_ii, lead_ii - lead_i, -(lead_i + lead_ii) / 2, lead_i - lead_ii / 2, lead_ii - lead_i / 2]
    return np.concatenate([limb, independent[2:]])


def angle_deg(lead_i, lead_avf):
    """Direction in the frontal plane; the scale of aVF differs from that of I by 2 / sqrt(3)."""
    return float(np.degrees(np.arctan2(lead_avf * 2 / np.sqrt(3), lead_i)))


def split(row):
    """Parts of a lead between its zero crossings that are large enough to be waves."""
    edges = [0, *(np.flatnonzero(np.diff(np.signbit(row))) + 1).tolist(), len(row)]
    parts = [row[start:end] for start, end in pairwise(edges)]
    peaks = [float(part[np.abs(part).argmax()]) for part in parts]
    waves = [Deflection(peak, len(part) * STEP_MS) for peak, part in zip(peaks, parts, strict=True)]
    return [wave for wave in waves if abs(wave.peak_mv) >= WAVE_MV]


class StripReader:
    """What can be read off one noiseless strip."""

    def __init__(self, record):
        tracing, rhythm = record.tracing, record.rhythm
        self.age, self.sex = record.age, record.sex
        self.qrs_ms, self.qt_ms = record.qrs_duration_ms, record.qt_ms
        self.strip = to_twelve(tracing.leads)
        self.onset = tracing.beat.onset
        self.beats = [to_twelve(beat.waveform) for beat in (tracing.beat, *tracing.foci)]
        self.wave = self.beats[0][:, self.onset :]
        self.times = np.array([beat.time for beat in rhythm.beats])
        self.is_early = np.array([beat.is_early for beat in rhythm.beats])
        self.p_times = np.array([wave.time for wave in rhythm.p_waves])

    # QRS complexes on the time axis

    @cached_property
    def seen(self):
        """Times of the QRS complexes of the strip."""
        return self.times[(self.times >= 0) & (self.times < STRIP_S)]

    @cached_property
    def rr_s(self):
        return np.diff(self.seen)

    @property
    def rate(self):
        return 60 / self.rr_s.mean()

    @property
    def is_irregular(self):
        """Intervals that vary by more than a tenth."""
        return self.rr_s.std() > 0.1 * self.rr_s.mean()

    @cached_property
    def usual_rr_s(self):
        """Mean interval between beats in their turn that follow each other."""
        intervals = np.diff(self.times)[~self.is_early[1:] & ~self.is_early[:-1]]
        return float(intervals.mean()) if len(intervals) else float(self.rr_s.mean())

    def cut_qrs(self, time):
        """Slopes of the first 110 ms of a QRS complex, in all leads; nothing where the strip cuts it off.

        Slopes, because a QRS upon the T wave of an early beat is shifted.
        """
        start = round(time * SAMPLING_RATE)
        is_whole = 0 <= start <= self.strip.shape[1] - QRS_SAMPLES
        return np.diff(self.strip[:, start : start + QRS_SAMPLES]).ravel() if is_whole else None

    @cached_property
    def is_usual(self):
        """For each beat of the timeline, whether its QRS has the usual shape; those cut off count as usual."""
        usual, cuts = np.diff(self.wave[:, :QRS_SAMPLES]).ravel(), [self.cut_qrs(time) for time in self.times]
        return np.array([cut is None or np.corrcoef(cut, usual)[0, 1] > ALIKE for cut in cuts])

    @cached_property
    def is_wide_early(self):
        """For each beat of the timeline, whether it lies inside the strip and has another shape than the usual."""
        return ~self.is_usual & (self.times > EDGE_S) & (self.times < STRIP_S - EDGE_S)

    # P waves on the time axis

    @cached_property
    def seen_p(self):
        """Times of the P waves of the strip."""
        return self.p_times[(self.p_times >= 0) & (self.p_times < STRIP_S)]

    @cached_property
    def pr_ms(self):
        """From the last P wave after the usual QRS before to QRS, for every usual QRS that has one."""
        intervals = []
        for time in self.times[self.is_usual & (self.times >= 0) & (self.times < STRIP_S - 0.12)]:
            before = self.times[self.is_usual & (self.times < time - 1e-6)].max(initial=-10)
            own = self.p_times[(self.p_times > before) & (self.p_times < time)]
            intervals += [(time - own[-1]) * 1000] if len(own) else []
        return np.array(intervals)

    @property
    def mean_pr_ms(self):
        return self.pr_ms.mean() if len(self.pr_ms) else 0.0

    @property
    def pr_range_ms(self):
        return float(np.ptp(self.pr_ms)) if len(self.pr_ms) else 0.0

    @property
    def has_p_before_qrs(self):
        """Whether nine of ten usual QRS complexes have a P wave at a distance at which it may be conducted."""
        usual = self.is_usual & (self.times >= 0) & (self.times < STRIP_S - 0.12)
        return len(self.pr_ms) > 0 and (self.pr_ms < 450).sum() > 0.9 * usual.sum()

    @cached_property
    def is_followed(self):
        """For each P wave that meets no early wide beat, whether QRS follows within 600 ms, before the next P wave."""
        wide = self.times[~self.is_usual]
        alone = [t for t in self.seen_p if EDGE_S + 0.4 < t < STRIP_S - 0.6]
        alone = [t for t in alone if not ((wide > t - 0.7) & (wide < t + 0.35)).any()]
        ends = [min(t + 0.6, self.p_times[self.p_times > t + 1e-6].min(initial=99) + 0.05) for t in alone]
        found = [((self.times > t + 0.07) & (self.times < end)).any() for t, end in zip(alone, ends, strict=True)]
        return np.array(found, dtype=bool)

    @cached_property
    def _p_cuts(self):
        """The P waves of the strip, from their onsets; shape `(num_waves, 12, num_samples)`."""
        starts = [round(time * SAMPLING_RATE) for time in self.seen_p]
        last = self.strip.shape[1] - P_SAMPLES
        return np.array([self.atrial[:, start : start + P_SAMPLES] for start in starts if start <= last])

    @cached_property
    def is_usual_p(self):
        """For each whole P wave of the strip, whether it has the shape of most: the sinus if as many."""
        if not len(self._p_cuts):
            return np.zeros(0, dtype=bool)
        alike = np.atleast_2d(np.corrcoef(self._p_cuts[:, :, :50].reshape(len(self._p_cuts), -1))) > ALIKE
        area = self._p_cuts[:, :, :50].sum(axis=2)
        # Sinus P waves point down, and left where lead I is not turned over.
        is_sinus = 2.4 * (area[:, ROW["aVF"]] > 0) + 1.2 * (area[:, ROW["I"]] > 0)
        return alike[(alike.sum(axis=1) + is_sinus).argmax()]

    @cached_property
    def whole_p(self):
        """Times of the P waves that the strip does not cut off."""
        return self.seen_p[: len(self.is_usual_p)]

    @cached_property
    def pp_s(self):
        """Intervals between usual P waves with no other P wave and no wide beat between them."""
        other = np.concatenate([self.times[~self.is_usual], self.whole_p[~self.is_usual_p]])
        pairs = pairwise(self.whole_p[self.is_usual_p])
        return np.array([later - first for first, later in pairs if not ((other > first) & (other < later)).any()])

    @property
    def sinus_rate(self):
        """By `pp_s`; where there is none, by the time from an early P wave, which resets the sinus node, to the next.

        A wide early beat does not reset it: then it is the rate of the ventricles.
        """
        if len(self.pp_s):
            return 60 / self.pp_s[self.pp_s < 1.5 * np.median(self.pp_s)].mean()  # without a pause
        usual = self.whole_p[self.is_usual_p]
        resets = [usual[usual > time].min(initial=99) - time for time in self.whole_p[~self.is_usual_p]]
        return 60 / min(resets) if resets else self.rate

    @cached_property
    def is_early_p(self):
        """For each whole P wave, whether it has another shape and comes early after the one before."""
        earlier = self.p_times[self.p_times < 0].max(initial=-99)
        before = np.diff(self.whole_p, prepend=earlier)
        return ~self.is_usual_p & (before < 60 / self.sinus_rate) if len(before) else before > 0

    # The usual beat

    @cached_property
    def qrs(self):
        return self.wave[:, : int(self.qrs_ms / STEP_MS) + 1]

    @cached_property
    def deflections(self):
        return {lead: split(self.qrs[ROW[lead]]) for lead in LEADS}

    def _first_r(self, lead):
        parts = self.deflections[lead]
        return next((place for place, part in enumerate(parts) if part.peak_mv > 0), len(parts))

    def q(self, lead):
        """What is negative before R: the whole of it, with the peak of its deepest part."""
        parts = self.deflections[lead][: self._first_r(lead)]
        return Deflection(min((part.peak_mv for part in parts), default=0.0), sum(part.ms for part in parts))

    def height(self, lead):
        """Height of R, in millivolts."""
        return max(float(self.qrs[ROW[lead]].max()), 0.0)

    def depth(self, lead):
        """Depth of Q or S, whichever is larger, in millivolts."""
        return max(-float(self.qrs[ROW[lead]].min()), 0.0)

    def s_ms(self, lead):
        """How long QRS is a negative wave after R began."""
        row = self.qrs[ROW[lead]]
        start = int((row > WAVE_MV).argmax()) if (row > WAVE_MV).any() else len(row)
        return float((row[start:] < -WAVE_MV).sum() * STEP_MS)

    def second_r(self, lead):
        """Height of a positive deflection after another, as in rSR'."""
        return max([part.peak_mv for part in self.deflections[lead] if part.peak_mv > 0][1:], default=0.0)

    def late_r(self, lead):
        """Highest voltage in the last 45 % of QRS."""
        return float(self.qrs[ROW[lead], int(0.55 * self.qrs.shape[1]) :].max())

    def r_fall_ms(self, lead):
        """When R has fallen to half of its height for the last time."""
        row = self.qrs[ROW[lead]]
        return float(np.flatnonzero(row >= 0.5 * row.max())[-1] * STEP_MS) if row.max() > WAVE_MV else 0.0

    def net(self, lead):
        return float(self.qrs[ROW[lead]].sum())

    def span(self, leads):
        """Largest peak-to-peak voltage of QRS among leads, in millivolts."""
        return float(np.ptp(self.qrs[[ROW[lead] for lead in leads]], axis=1).max())

    @property
    def axis(self):
        return angle_deg(self.net("I"), self.net("aVF"))

    # ST, T, U

    def j(self, lead):
        """Level at the end of QRS, in millivolts."""
        return float(self.wave[ROW[lead], int(self.qrs_ms / STEP_MS)])

    def st(self, lead):
        """Level 60 ms after the end of QRS, or 30 ms above 120 per minute, where T has begun by then."""
        after_ms = 30 if self.usual_rr_s < 0.5 else 60
        return float(self.wave[ROW[lead], int(self.qrs_ms / STEP_MS) + int(after_ms / STEP_MS)])

    def _t_wave(self, lead):
        start_ms = self.qrs_ms + 0.3 * (self.qt_ms - self.qrs_ms)
        return self.wave[ROW[lead], int(start_ms / STEP_MS) : int((self.qt_ms + 20) / STEP_MS)]

    def t(self, lead):
        """The voltage of T that is farthest from the line, in the last two thirds of JT."""
        t_wave = self._t_wave(lead)
        return float(t_wave[np.abs(t_wave).argmax()])

    def t_lowest(self, lead):
        return float(self._t_wave(lead).min())

    def u(self, lead):
        """Highest voltage from 25 to 130 ms after T, in millivolts."""
        return float(self.wave[ROW[lead], int((self.qt_ms + 25) / STEP_MS) : int((self.qt_ms + 130) / STEP_MS)].max())

    @property
    def qtc_ms(self):
        """Bazett's correction, by the usual interval."""
        return self.qt_ms / np.sqrt(np.clip(self.usual_rr_s, 0.3, 1.5))

    @property
    def qtc_linear_ms(self):
        """Correction by 154 ms per second: Sagie et al. 1992, Am J Cardiol 70:797, which fast rates mislead less."""
        return self.qt_ms + 154 * (1 - self.usual_rr_s)

    # What is left without QRS and T

    @cached_property
    def atrial(self):
        """The strip without its QRS-T complexes: the beat that fits best is scaled to each QRS and taken away."""
        rest = self.strip.copy()
        for time in self.times:
            start = round(time * SAMPLING_RATE) - self.onset
            fits = [fit for fit in (self._fit(rest, beat, start) for beat in self.beats) if fit is not None]
            if fits:
                _, first, fitted = min(fits, key=lambda fit: fit[0])
                rest[:, first : first + fitted.shape[1]] -= fitted
        return rest

    def _fit(self, rest, beat, start):
        """How far a beat is from the strip, where it starts in it, and its scaled voltages; nothing outside of it."""
        first, last = max(start, 0), min(start + beat.shape[1], rest.shape[1])
        if last - first < 20:
            return None
        part = beat[:, first - start : last - start]
        near = slice(max(self.onset - (first - start), 0), max(self.onset - (first - start), 0) + QRS_SAMPLES)
        wanted, found = part[:, near], rest[:, first:last][:, near]
        size = np.square(wanted).sum()
        scale = np.clip((wanted * found).sum() / size, 0.8, 1.2) if size > 1e-3 else 1.0
        return np.square(found - scale * wanted).sum(), first, scale * part

    @cached_property
    def p_wave(self):
        """The median usual P wave of the strip, in all leads, from its onset; flat where there is none."""
        return np.median(self._p_cuts[self.is_usual_p], axis=0) if len(self._p_cuts) else np.zeros((12, P_SAMPLES))

    def p(self, lead):
        """Voltage of P that is farthest from the line in its first 130 ms."""
        row = self.p_wave[ROW[lead], :65]
        return float(row[np.abs(row).argmax()])

    @property
    def p_ms(self):
        """Until the voltage over all leads has nearly gone, or grows again from little."""
        size = np.sqrt(np.square(self.p_wave).sum(axis=0))
        end = int(min(P_SAMPLES - 2, max(self.mean_pr_ms - 6, 60) / STEP_MS))
        size = np.append(size[:end], 0.0)
        share = size / max(size.max(), 1e-9)
        first = int(share.argmax())
        falling = share[first:]
        is_over = (falling <= 0.06) | ((falling < 0.15) & (np.diff(falling, append=0) > 0))
        return float((first + is_over.argmax()) * STEP_MS)

    @property
    def p_axis(self):
        area = self.p_wave[:, :60].sum(axis=1)
        return angle_deg(area[ROW["I"]], area[ROW["aVF"]])

    @cached_property
    def f_wave_mv(self):
        """Root mean square of what is left in the lead that shows most of it."""
        return float(np.sqrt(np.square(self.atrial).mean(axis=1)).max())

    @cached_property
    def flutter_share(self):
        """How much of the power above 1 Hz repeats itself 228 to 348 times per minute, in the lead that shows most."""
        row = self.atrial[np.square(self.atrial).sum(axis=1).argmax()]
        power = np.square(np.abs(np.fft.rfft(row - row.mean())))  # 0.1 Hz per bin
        peak = 38 + int(power[38:59].argmax())
        return float(sum(power[k * peak - 3 : k * peak + 4].sum() for k in (1, 2, 3)) / max(power[10:].sum(), 1e-9))

    # Pacing

    @cached_property
    def spikes(self):
        """Times of deflections that are back where they came from after 4 ms."""
        step = np.diff(self.strip, axis=1)
        there, back = step[:, :-2], -step[:, 2:]
        height = np.maximum(np.minimum(there, back), np.minimum(-there, -back)).max(axis=0)
        return (np.flatnonzero(height > 0.2) + 1) / SAMPLING_RATE

    def has_spikes_before(self, events):
        """Whether nine of ten events have a spike within the 30 ms before them."""
        inner = events[(events > 0.1) & (events < STRIP_S - 0.1)]
        near = [((self.spikes > time - 0.03) & (self.spikes < time + 0.006)).any() for time in inner]
        return len(inner) > 0 and np.mean(near) >= 0.9
