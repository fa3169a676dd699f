"""Rhythms that are not conducted one to one from the sinus node, and the choice among all rhythms."""

import numpy as np

from datasets_scripts.simulator.patient.diagnosis import Diagnosis
from datasets_scripts.simulator.population import priors
from datasets_scripts.simulator.population.chance import Normal, Range, draw_number, pick

from .cycles import draw_cycles, draw_pr_s, draw_rate, interrupt
from .ectopy import Conduction
from .timeline import STRIP_DURATION_S, TIMELINE_END_S, Beat, Rhythm


# By this much the PR interval changes within a strip at least where atria and ventricles are dissociated.
MIN_DRIFT_S = 0.3


def _flutter(rng: np.random.Generator, rhythm: Rhythm) -> None:
    """Every second, third or fourth flutter wave is conducted, or a varying share of them."""
    rhythm.flutter_hz = draw_number(rng, priors.FLUTTER_WAVE_RATE_HZ)
    fixed_ratio = pick(rng, priors.FLUTTER_RATIO_WEIGHTS)
    time = -rng.uniform(0, 1)
    while time < TIMELINE_END_S:
        ratio = fixed_ratio or pick(rng, priors.FLUTTER_VARYING_RATIO_WEIGHTS)
        time += ratio / rhythm.flutter_hz
        rhythm.beats.append(Beat(time, "conducted"))


def _second_degree_block(rng: np.random.Generator, diagnosis: Diagnosis, rhythm: Rhythm, cycles: np.ndarray) -> None:
    """The last P waves of every group are not conducted; in Wenckebach's form the PR interval grows before that."""
    rhythm.av_block = diagnosis.av_block_type or pick(rng, priors.SECOND_DEGREE_BLOCK_WEIGHTS)
    group = {"2:1": 2, "high degree": 3}.get(rhythm.av_block, int(rng.integers(3, 6)))
    num_conducted = 1 if rhythm.av_block in ("2:1", "high degree") else group - 1
    first_pr_s = draw_number(rng, priors.DROPPED_BEAT_PR_MS) / 1000
    step_s = draw_number(rng, priors.WENCKEBACH_PR_STEP_MS) / 1000 if rhythm.av_block == "wenckebach" else 0.0
    time, position = -rng.uniform(0, cycles[0]), int(rng.integers(0, group))
    for cycle in cycles:
        is_conducted = position < num_conducted
        rhythm.add_p_wave(time, is_conducted=is_conducted)
        if is_conducted:
            # The increment of the PR interval is largest at first and becomes smaller.
            delay = first_pr_s + step_s * (position - 0.12 * position * (position - 1))
            rhythm.beats.append(Beat(time + delay, "conducted", p_time=time))
        position = (position + 1) % group
        time += cycle


def _add_own_atria(rng: np.random.Generator, rhythm: Rhythm, cycles: np.ndarray) -> None:
    """P waves without relation to the ventricles."""
    rhythm.is_dissociated = True
    for time in -rng.uniform(0, cycles[0]) + np.cumsum(cycles):
        rhythm.add_p_wave(time, is_conducted=False)


def _beat_regularly(rng: np.random.Generator, rhythm: Rhythm, cycle_s: float, beat: Beat) -> None:
    """Copies of a beat at nearly equal intervals all over the strip."""
    time = -rng.uniform(0, cycle_s)
    while time < TIMELINE_END_S:
        rhythm.beats.append(beat._replace(time=time))
        time += cycle_s * (1 + rng.normal(0, 0.005))


def _draw_unrelated_rate(rng: np.random.Generator, prior: Normal | Range, other_cycle_s: float) -> float:
    """Draw a rate per minute that keeps no step with another pacemaker: in step they would seem to conduct."""
    while True:
        rate = draw_number(rng, prior)
        longer, shorter = max(60.0 / rate, other_cycle_s), min(60.0 / rate, other_cycle_s)
        drift_s = abs(longer - shorter * round(longer / shorter))
        if drift_s * (STRIP_DURATION_S / longer - 1) >= MIN_DRIFT_S:
            return rate


def _complete_block(rng: np.random.Generator, diagnosis: Diagnosis, rhythm: Rhythm, cycles: np.ndarray) -> None:
    """Atria and ventricles each keep their own time."""
    _add_own_atria(rng, rhythm, cycles)
    is_ventricular = diagnosis.has_ventricular_escape
    prior = priors.VENTRICULAR_ESCAPE_RATE_PER_MIN if is_ventricular else priors.JUNCTIONAL_ESCAPE_RATE_PER_MIN
    rate = _draw_unrelated_rate(rng, prior, float(cycles.mean()))
    beat = Beat(0.0, "ventricular", "E") if is_ventricular else Beat(0.0, "conducted", "j")
    _beat_regularly(rng, rhythm, 60.0 / rate, beat)


def _ventricular_rhythm(rng: np.random.Generator, diagnosis: Diagnosis, rhythm: Rhythm) -> None:
    """Wide beats from one ventricular focus; the sinus node goes on or is taken over."""
    rate = draw_number(rng, priors.RATE_PER_MIN[diagnosis.rhythm])
    symbol = "V" if diagnosis.rhythm == "ventricular tachycardia" else "E"
    _beat_regularly(rng, rhythm, 60.0 / rate, Beat(0.0, "ventricular", symbol))
    if rng.random() < priors.VENTRICULAR_RHYTHM_DISSOCIATION_PROBABILITY:
        atrial_rate = _draw_unrelated_rate(rng, priors.RATE_PER_MIN["sinus rhythm"], 60.0 / rate)
        _add_own_atria(rng, rhythm, np.full(int(TIMELINE_END_S * atrial_rate / 60) + 3, 60.0 / atrial_rate))


def _junctional_rhythm(rng: np.random.Generator, rhythm: Rhythm, cycles: np.ndarray) -> None:
    """Narrow beats; the atria are reached backwards before, within or after the QRS complex."""
    place = pick(rng, priors.RETROGRADE_P_WEIGHTS)
    if place == "before":
        delay_s = -draw_number(rng, priors.JUNCTIONAL_PR_MS) / 1000
    else:
        delay_s = draw_number(rng, priors.JUNCTIONAL_RP_MS) / 1000
    time = -rng.uniform(0, cycles[0])
    for cycle in cycles:
        rhythm.beats.append(Beat(time, "conducted", "j", p_time=time + delay_s if place == "before" else None))
        if place != "within":
            rhythm.add_p_wave(time + delay_s, "retrograde")
        time += cycle


def _paroxysm(rng: np.random.Generator, rhythm: Rhythm, pr_s: float) -> None:
    """A fast narrow run that starts or ends within the strip; the rest is sinus rhythm."""
    sinus_s = 60.0 / draw_number(rng, priors.RATE_PER_MIN["sinus rhythm"])
    fast_s = 60.0 / draw_number(rng, priors.RATE_PER_MIN["supraventricular tachycardia"])
    start = rng.uniform(1.5, 5.0) if rng.random() < 0.6 else -1.0
    end = start + rng.uniform(2.5, 6.0) if start < 0 or rng.random() < 0.5 else TIMELINE_END_S
    time = -rng.uniform(0, sinus_s)
    while time < TIMELINE_END_S:
        is_fast = start <= time < end
        if not is_fast:
            rhythm.add_p_wave(time)
        rhythm.beats.append(Beat(time + pr_s, "conducted", "A" if is_fast else "N", None if is_fast else time))
        time += (fast_s if is_fast else sinus_s) * (1 + rng.normal(0, 0.005))


def _pace(rng: np.random.Generator, diagnosis: Diagnosis, rhythm: Rhythm, cycles: np.ndarray, pr_s: float) -> None:
    """Pacing of the ventricle, the atrium or both; without atrial pacing the P waves may be missing."""
    rhythm.is_ventricular_paced = diagnosis.pacing != "atrial"
    rhythm.is_atrial_paced = diagnosis.pacing in ("atrial", "dual")
    has_p_waves = rhythm.is_atrial_paced or rng.random() < priors.PACED_P_WAVE_PROBABILITY
    rhythm.is_fibrillating = not has_p_waves
    time = -rng.uniform(0, cycles[0])
    for cycle in cycles:
        if has_p_waves:
            rhythm.add_p_wave(time)
        symbol = "/" if rhythm.is_ventricular_paced else "N"
        rhythm.beats.append(Beat(time + pr_s, "conducted", symbol, p_time=time if has_p_waves else None))
        time += cycle


def draw_rhythm(rng: np.random.Generator, diagnosis: Diagnosis) -> Rhythm:
    """Draw the events of a recording.

    Args:
        rng (`np.random.Generator`):
            Source of all times.
        diagnosis (`Diagnosis`):
            Its rhythm, ectopy, pauses, blocks, pacing and pre-excitation are used.

    Returns:
        `Rhythm`: From shortly before the strip to shortly after it.
    """
    rhythm = Rhythm(
        respiration_hz=draw_number(rng, priors.RESPIRATION_HZ), respiration_phase=rng.uniform(0, 2 * np.pi)
    )
    rhythm.is_fibrillating = diagnosis.rhythm == "atrial fibrillation"
    name = diagnosis.rhythm
    if name == "atrial flutter":
        _flutter(rng, rhythm)
    elif name in priors.VENTRICULAR_RHYTHMS:
        _ventricular_rhythm(rng, diagnosis, rhythm)
    else:
        _draw_from_cycles(rng, diagnosis, rhythm)
    rhythm.sort()
    return rhythm


def _draw_from_cycles(rng: np.random.Generator, diagnosis: Diagnosis, rhythm: Rhythm) -> None:
    """Rhythms of which a pacemaker with its own rate is in charge."""
    rate = draw_rate(rng, diagnosis)
    cycles = interrupt(rng, diagnosis, draw_cycles(rng, diagnosis, rhythm, rate))
    pr_s = draw_pr_s(rng, diagnosis, rate)
    name = diagnosis.rhythm
    if name == "second degree av block":
        _second_degree_block(rng, diagnosis, rhythm, cycles)
    elif name == "complete av block":
        _complete_block(rng, diagnosis, rhythm, cycles)
    elif name == "paced rhythm":
        _pace(rng, diagnosis, rhythm, cycles, pr_s)
    elif name == "junctional rhythm":
        _junctional_rhythm(rng, rhythm, cycles)
    elif name == "paroxysmal supraventricular tachycardia":
        _paroxysm(rng, rhythm, pr_s)
    else:
        Conduction(rng, diagnosis, rhythm, pr_s).run(cycles)
