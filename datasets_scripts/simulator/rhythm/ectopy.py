"""One-to-one conduction from the atria, with early beats from the atria or the ventricles among the others."""

import numpy as np

from datasets_scripts.simulator.patient.diagnosis import Diagnosis
from datasets_scripts.simulator.population import priors
from datasets_scripts.simulator.population.chance import draw_number

from .timeline import TIMELINE_END_S, Beat, PWaveKind, Rhythm


EVERY_NTH_BEAT = {
    "ventricular bigeminy": 2,
    "ventricular trigeminy": 3,
    "atrial bigeminy": 2,
    "atrial trigeminy": 3,
}


# An impulse that reaches the AV node so soon after a wide beat is not conducted.
REFRACTORY_S = 0.30


class Conduction:
    """Lays beats on the time axis, one after the other.

    Args:
        rng (`np.random.Generator`):
            Source of when early beats come.
        diagnosis (`Diagnosis`):
            Its rhythm and ectopy are used.
        rhythm (`Rhythm`):
            Receives the beats.
        pr_s (`float`):
            PR interval, in seconds.
    """

    def __init__(self, rng: np.random.Generator, diagnosis: Diagnosis, rhythm: Rhythm, pr_s: float) -> None:
        self.rng, self.diagnosis, self.rhythm, self.pr_s = rng, diagnosis, rhythm, pr_s
        self.ectopy = diagnosis.ectopy
        self.is_atrial = self.ectopy.startswith("atrial") or self.ectopy == "blocked atrial"
        self.every_nth = EVERY_NTH_BEAT.get(self.ectopy, 0)
        is_sporadic = self.ectopy != "none" and not self.every_nth
        self.probability = draw_number(rng, priors.ECTOPY_SHARE_OF_BEATS) if is_sporadic else 0.0
        self.coupling = draw_number(rng, priors.ATRIAL_COUPLING if self.is_atrial else priors.VENTRICULAR_COUPLING)
        self.p_kind: PWaveKind = "ectopic" if diagnosis.rhythm in priors.ECTOPIC_ATRIAL_RHYTHMS else "sinus"

    def run(self, cycles: np.ndarray) -> None:
        """Conduct impulses at the given intervals, in seconds, until the strip is full."""
        time, count = -self.rng.uniform(0, cycles[0]), int(self.rng.integers(0, 3))
        was_early, previous = False, None
        for cycle in cycles:
            count += 1
            is_turn = self.every_nth > 0 and count % self.every_nth == 0
            # A usual beat comes between: early beats in a row would be couplets or runs, which are drawn as such.
            is_early = is_turn or (not was_early and self.probability > 0 and self.rng.random() < self.probability)
            was_early = is_early
            if is_early:
                # Early is what comes early after the beat before, however far away the one after would be.
                time = self._early_beat(time, float(cycle) if previous is None else time - previous)
            else:
                self._usual_beat(time)
                previous = time
                time += cycle
            if time >= TIMELINE_END_S:
                return

    def _usual_beat(self, time: float) -> None:
        """A beat in its turn."""
        has_p_wave = self.diagnosis.has_p_waves
        if has_p_wave:
            self.rhythm.add_p_wave(time, self.p_kind)
        self.rhythm.beats.append(Beat(time + self.pr_s, "conducted", p_time=time if has_p_wave else None))

    def _early_beat(self, time: float, cycle: float) -> float:
        """A premature beat instead of the one due at `time`; returns the time of the next impulse."""
        if self.ectopy == "blocked atrial":
            return self._blocked_atrial_beat(time, cycle)
        if self.is_atrial:
            return self._atrial_beat(time, cycle)
        if self.ectopy == "interpolated ventricular":
            return self._interpolated_beat(time, cycle)
        return self._ventricular_beats(time, cycle)

    def _atrial_beat(self, time: float, cycle: float) -> float:
        """An early P wave that is conducted and resets the sinus node."""
        early = time - cycle * (1 - min(self.coupling * self.rng.uniform(1.0, 1.1), 0.84))
        self.rhythm.add_p_wave(early, "ectopic")
        onset = early + self.pr_s * self.rng.uniform(0.95, 1.15)
        self.rhythm.beats.append(Beat(onset, "conducted", "A", p_time=early, is_early=True))
        return early + cycle * self.rng.uniform(1.0, 1.15)

    def _blocked_atrial_beat(self, time: float, cycle: float) -> float:
        """A very early P wave, upon the T wave, that is not conducted; a pause follows."""
        early = time - cycle * (1 - self.rng.uniform(0.40, 0.48))
        self.rhythm.add_p_wave(early, "ectopic", is_conducted=False)
        return early + cycle * self.rng.uniform(1.0, 1.15)

    def _interpolated_beat(self, time: float, cycle: float) -> float:
        """An early wide beat between two sinus beats, which it does not move."""
        onset = time + self.pr_s - cycle * self.rng.uniform(0.50, 0.58)
        self.rhythm.beats.append(Beat(onset, "ventricular", "V", is_early=True))
        self._usual_beat(time)
        return time + cycle

    def _ventricular_beats(self, time: float, cycle: float) -> float:
        """One or several early wide beats; the sinus impulse due meanwhile is lost, so that the pause compensates."""
        rng = self.rng
        length = 1
        if self.ectopy == "ventricular couplets":
            length = 2
        elif self.ectopy == "ventricular run":
            length = int(rng.integers(3, 7))
        onset = time - cycle + cycle * self.coupling + self.pr_s
        interval = draw_number(rng, priors.VENTRICULAR_RUN_CYCLE_S)
        for position in range(length):
            focus = int(rng.random() < 0.5) if self.ectopy == "multifocal ventricular" else 0
            self.rhythm.beats.append(Beat(onset + position * interval, "ventricular", "V", focus=focus, is_early=True))
        last = onset + (length - 1) * interval
        if self.diagnosis.rhythm == "atrial fibrillation":
            return max(time + cycle * rng.uniform(0.7, 1.3), last + 0.45)
        # The impulse due at `time` meets ventricles that have just beaten, and so may the next ones.
        while True:
            if self.diagnosis.has_p_waves and rng.random() < priors.P_WAVE_SEEN_IN_ECTOPY_PROBABILITY:
                self.rhythm.add_p_wave(time, self.p_kind, is_conducted=False)
            time += cycle
            if time >= last - self.pr_s + REFRACTORY_S:
                return time
