"""When things happen: P waves, conducted beats, premature beats, blocks and pacing on one time axis."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from datasets_scripts.simulator import priors
from datasets_scripts.simulator.diagnosis import Diagnosis, pick


STRIP_DURATION_S = 10.0
TIMELINE_END_S = STRIP_DURATION_S + 0.5

BeatKind = Literal["conducted", "ventricular"]
PWaveKind = Literal["sinus", "ectopic"]

EVERY_NTH_BEAT = {"ventricular bigeminy": 2, "ventricular trigeminy": 3, "atrial bigeminy": 2}


@dataclass
class Rhythm:
    """All events of a recording, in seconds from its start.

    Attributes:
        beats (`list[tuple[float, BeatKind]]`):
            QRS onsets.
        p_waves (`list[tuple[float, PWaveKind]]`):
            P wave onsets.
        num_premature (`int`):
            Premature beats that lie well within the strip.
        flutter_hz (`float` or `None`):
            Flutter waves per second.
        av_block (`str`):
            `"wenckebach"`, `"mobitz ii"` or `"2:1"` in second degree AV block, otherwise empty.
        is_ventricular_paced, is_atrial_paced (`bool`):
            Which spikes to draw.
        respiration_hz, respiration_phase (`float`):
            Breathing, which moves rate and voltage together.
    """

    beats: list[tuple[float, BeatKind]] = field(default_factory=list)
    p_waves: list[tuple[float, PWaveKind]] = field(default_factory=list)
    num_premature: int = 0
    flutter_hz: float | None = None
    av_block: str = ""
    is_ventricular_paced: bool = False
    is_atrial_paced: bool = False
    respiration_hz: float = 0.25
    respiration_phase: float = 0.0

    @property
    def rr_s(self) -> np.ndarray:
        """Intervals between successive beats of the strip, in seconds."""
        onsets = np.array([time for time, _ in self.beats if 0 <= time < STRIP_DURATION_S])
        return np.diff(onsets)

    @property
    def mean_rr_s(self) -> float:
        """Mean interval between beats, in seconds."""
        onsets = np.array([time for time, _ in self.beats])
        return float(np.mean(np.diff(onsets))) if len(onsets) > 1 else 1.0

    @property
    def ventricular_rate_per_min(self) -> float:
        """Mean rate of the ventricles over the strip."""
        return 60.0 / self.mean_rr_s


def draw_number(rng: np.random.Generator, prior: priors.Normal | priors.Range) -> float:
    """Draw from a uniform or a limited normal distribution; what falls outside the limits is drawn again."""
    if isinstance(prior, priors.Range):
        return float(rng.uniform(prior.low, prior.high))
    number = rng.normal(prior.mean, prior.sd)
    while not prior.low <= number <= prior.high:
        number = rng.normal(prior.mean, prior.sd)
    return float(number)


def draw_rate(rng: np.random.Generator, diagnosis: Diagnosis) -> float:
    """Draw the rate of the pacemaker in charge, per minute: of the atria where they have one."""
    if diagnosis.repolarization == "early repolarization" and diagnosis.rhythm == "sinus rhythm":
        return draw_number(rng, priors.EARLY_REPOLARIZATION_RATE_PER_MIN)
    return draw_number(rng, priors.RATE_PER_MIN[diagnosis.rhythm])


def draw_pr_s(rng: np.random.Generator, diagnosis: Diagnosis, rate_per_min: float) -> float:
    """Draw the PR interval, in seconds."""
    if diagnosis.conduction == "wolff-parkinson-white pattern":
        return draw_number(rng, priors.PRE_EXCITATION_PR_MS) / 1000
    if diagnosis.has_first_degree_block:
        is_fast = rate_per_min > 105
        return (
            draw_number(rng, priors.FIRST_DEGREE_PR_MS_AT_FAST_RATE if is_fast else priors.FIRST_DEGREE_PR_MS) / 1000
        )
    shortening = priors.PR_SHORTENING_IN_TACHYCARDIA_MS if rate_per_min > 100 else 0
    return max(draw_number(rng, priors.PR_MS) - shortening, priors.PR_MS.low) / 1000


def draw_cycles(rng: np.random.Generator, diagnosis: Diagnosis, rhythm: Rhythm, rate_per_min: float) -> np.ndarray:
    """Draw the intervals between successive impulses of the pacemaker in charge, in seconds."""
    mean = 60.0 / rate_per_min
    count = int(TIMELINE_END_S / mean * 1.6) + 8
    noise = rng.normal(0, 1, count)
    breathing = np.sin(2 * np.pi * rhythm.respiration_hz * mean * np.arange(count) + rhythm.respiration_phase)
    if diagnosis.rhythm == "sinus arrhythmia":
        cycles = mean * (1 + rng.uniform(0.11, 0.24) * breathing + 0.02 * noise)
    elif diagnosis.rhythm == "atrial fibrillation":
        spread = rng.uniform(0.13, 0.28)
        noise[1:] = noise[1:] - 0.15 * noise[:-1]
        cycles = mean * np.exp(spread * noise - 0.5 * spread**2)
    elif diagnosis.rhythm in ("supraventricular tachycardia", "paced rhythm"):
        cycles = mean * (1 + 0.004 * noise)
    else:
        cycles = mean * (1 + min(abs(rng.normal(0, 0.025)), 0.06) * breathing + 0.008 * noise)
    return np.maximum(cycles, priors.MIN_RR_S)


def _conduct(rng: np.random.Generator, diagnosis: Diagnosis, rhythm: Rhythm, cycles: np.ndarray, pr_s: float) -> None:
    """One-to-one conduction, with the diagnosis' premature beats."""
    is_atrial = diagnosis.ectopy.startswith("atrial")
    every_nth = EVERY_NTH_BEAT.get(diagnosis.ectopy, 0)
    probability = rng.uniform(0.08, 0.30) if diagnosis.ectopy in ("ventricular", "atrial") else 0.0
    coupling = rng.uniform(0.45, 0.80 if is_atrial else 0.72)
    time, count = -rng.uniform(0, cycles[0]), int(rng.integers(0, 3))
    for cycle in cycles:
        count += 1
        is_premature = (every_nth > 0 and count % every_nth == 0) or (probability > 0 and rng.random() < probability)
        if is_premature and is_atrial:
            time = _atrial_premature_beat(rng, rhythm, time, cycle, coupling=coupling, pr_s=pr_s)
        elif is_premature:
            time = _ventricular_premature_beat(rng, diagnosis, rhythm, time, cycle, coupling=coupling, pr_s=pr_s)
        else:
            if diagnosis.has_p_waves:
                rhythm.p_waves.append((time, "sinus"))
            rhythm.beats.append((time + pr_s, "conducted"))
            time += cycle
        if time >= TIMELINE_END_S:
            return


def _atrial_premature_beat(
    rng: np.random.Generator, rhythm: Rhythm, time: float, cycle: float, *, coupling: float, pr_s: float
) -> float:
    """An early P wave that is conducted and resets the sinus node; returns the time of the next sinus impulse."""
    early = time - cycle * (1 - min(coupling * rng.uniform(1.0, 1.12), 0.86))
    rhythm.p_waves.append((early, "ectopic"))
    _add_premature(rhythm, early + pr_s * rng.uniform(0.9, 1.15), "conducted")
    return early + cycle * rng.uniform(1.0, 1.15)


def _ventricular_premature_beat(
    rng: np.random.Generator,
    diagnosis: Diagnosis,
    rhythm: Rhythm,
    time: float,
    cycle: float,
    *,
    coupling: float,
    pr_s: float,
) -> float:
    """An early wide beat; the sinus impulse due at `time` is not conducted, so that the pause is compensatory."""
    _add_premature(rhythm, time - cycle + cycle * coupling + pr_s, "ventricular")
    if diagnosis.has_p_waves and rng.random() < 0.7:  # else hidden in the QRS
        rhythm.p_waves.append((time, "sinus"))
    return time + cycle * (rng.uniform(0.7, 1.3) if diagnosis.rhythm == "atrial fibrillation" else 1.0)


def _add_premature(rhythm: Rhythm, onset: float, kind: BeatKind) -> None:
    """Note a premature beat and whether a reader would see it."""
    rhythm.beats.append((onset, kind))
    rhythm.num_premature += 0.3 < onset < STRIP_DURATION_S - 0.3


def _flutter(rng: np.random.Generator, rhythm: Rhythm) -> None:
    """Every second, third or fourth flutter wave is conducted, or a varying share of them."""
    rhythm.flutter_hz = rng.uniform(*priors.FLUTTER_WAVE_RATE_HZ)
    fixed_ratio = pick(rng, priors.FLUTTER_RATIO_WEIGHTS)
    time = -rng.uniform(0, 1)
    while time < TIMELINE_END_S:
        ratio = fixed_ratio or pick(rng, priors.FLUTTER_VARYING_RATIO_WEIGHTS)
        time += ratio / rhythm.flutter_hz
        rhythm.beats.append((time, "conducted"))


def _second_degree_block(rng: np.random.Generator, rhythm: Rhythm, cycles: np.ndarray) -> None:
    """The last P wave of every group is not conducted; in Wenckebach's form the PR interval grows before it."""
    group = int(rng.integers(2, 5))
    is_wenckebach = group > 2 and rng.random() < 0.6
    rhythm.av_block = "wenckebach" if is_wenckebach else "2:1" if group == 2 else "mobitz ii"
    first_pr_s = draw_number(rng, priors.DROPPED_BEAT_PR_MS) / 1000
    step_s = priors.WENCKEBACH_PR_STEP_MS / 1000 if is_wenckebach else 0.0
    time, position = -rng.uniform(0, cycles[0]), int(rng.integers(0, group))
    for cycle in cycles:
        rhythm.p_waves.append((time, "sinus"))
        if position < group - 1:
            rhythm.beats.append((time + first_pr_s + step_s * position, "conducted"))
        position = (position + 1) % group
        time += cycle


def _complete_block(rng: np.random.Generator, diagnosis: Diagnosis, rhythm: Rhythm, cycles: np.ndarray) -> None:
    """Atria and ventricles each keep their own time."""
    start = -rng.uniform(0, cycles[0])
    rhythm.p_waves = [(float(time), "sinus") for time in start + np.cumsum(cycles)]
    escape_s = 60.0 / rng.uniform(*priors.ESCAPE_RATE_PER_MIN)
    kind: BeatKind = "ventricular" if diagnosis.has_ventricular_escape else "conducted"
    time = -rng.uniform(0, escape_s)
    while time < TIMELINE_END_S:
        rhythm.beats.append((time, kind))
        time += escape_s * (1 + rng.normal(0, 0.005))


def _pace(rng: np.random.Generator, rhythm: Rhythm, cycles: np.ndarray, pr_s: float) -> None:
    """Pacing of the ventricle, the atrium or both; without atrial pacing the P waves may be missing."""
    kind = rng.random()
    rhythm.is_ventricular_paced, rhythm.is_atrial_paced = kind < 0.85, kind > 0.60
    has_p_waves = rhythm.is_atrial_paced or rng.random() < 0.6
    time = -rng.uniform(0, cycles[0])
    for cycle in cycles:
        if has_p_waves:
            rhythm.p_waves.append((time, "sinus"))
        rhythm.beats.append((time + pr_s, "conducted"))
        time += cycle


def draw_rhythm(rng: np.random.Generator, diagnosis: Diagnosis) -> Rhythm:
    """Draw the events of a recording.

    Args:
        rng (`np.random.Generator`):
            Source of all times.
        diagnosis (`Diagnosis`):
            Its rhythm, ectopy, first degree block and pre-excitation are used.

    Returns:
        `Rhythm`: From shortly before the strip to shortly after it.
    """
    rhythm = Rhythm(respiration_hz=rng.uniform(*priors.RESPIRATION_HZ), respiration_phase=rng.uniform(0, 2 * np.pi))
    if diagnosis.rhythm == "atrial flutter":
        _flutter(rng, rhythm)
        return rhythm
    rate = draw_rate(rng, diagnosis)
    cycles = draw_cycles(rng, diagnosis, rhythm, rate)
    pr_s = draw_pr_s(rng, diagnosis, rate)
    if diagnosis.rhythm == "second degree av block":
        _second_degree_block(rng, rhythm, cycles)
    elif diagnosis.rhythm == "complete av block":
        _complete_block(rng, diagnosis, rhythm, cycles)
    elif diagnosis.rhythm == "paced rhythm":
        _pace(rng, rhythm, cycles, pr_s)
    else:
        _conduct(rng, diagnosis, rhythm, cycles, pr_s)
    return rhythm
