"""How fast and how evenly a pacemaker fires, and how long its impulses take to the ventricles."""

import numpy as np

from datasets_scripts.simulator.patient.diagnosis import Diagnosis
from datasets_scripts.simulator.population import priors
from datasets_scripts.simulator.population.chance import draw_number

from .timeline import STRIP_DURATION_S, TIMELINE_END_S, Rhythm


def draw_rate(rng: np.random.Generator, diagnosis: Diagnosis) -> float:
    """Draw the rate of the pacemaker in charge, per minute: of the atria where they have one."""
    if diagnosis.repolarization == "early repolarization" and diagnosis.rhythm == "sinus rhythm":
        return draw_number(rng, priors.EARLY_REPOLARIZATION_RATE_PER_MIN)
    response = priors.RESPONSE_RATE_PER_MIN.get(diagnosis.ventricular_response)
    return draw_number(rng, response or priors.RATE_PER_MIN[diagnosis.rhythm])


def draw_pr_s(rng: np.random.Generator, diagnosis: Diagnosis, rate_per_min: float) -> float:
    """Draw the PR interval, in seconds."""
    if diagnosis.conduction == "wolff-parkinson-white pattern":
        return draw_number(rng, priors.PRE_EXCITATION_PR_MS) / 1000
    if diagnosis.has_first_degree_block:
        is_fast = rate_per_min > priors.FIRST_DEGREE_FAST_RATE_PER_MIN
        prior = priors.FIRST_DEGREE_PR_MS_AT_FAST_RATE if is_fast else priors.FIRST_DEGREE_PR_MS
        return draw_number(rng, prior) / 1000
    shortening = priors.PR_SHORTENING_IN_TACHYCARDIA_MS if rate_per_min > 100 else 0
    return max(draw_number(rng, priors.PR_MS) - shortening, priors.PR_MS.low) / 1000


def draw_cycles(rng: np.random.Generator, diagnosis: Diagnosis, rhythm: Rhythm, rate_per_min: float) -> np.ndarray:
    """Draw the intervals between successive impulses of the pacemaker in charge, in seconds."""
    mean = 60.0 / rate_per_min
    count = int(TIMELINE_END_S / mean * 1.6) + 8
    noise = rng.normal(0, 1, count)
    breathing = np.sin(2 * np.pi * rhythm.respiration_hz * mean * np.arange(count) + rhythm.respiration_phase)
    if diagnosis.rhythm == "sinus arrhythmia":
        cycles = mean * (1 + draw_number(rng, priors.RESPIRATORY_ARRHYTHMIA_SHARE) * breathing + 0.02 * noise)
    elif diagnosis.rhythm == "atrial fibrillation":
        spread = draw_number(rng, priors.FIBRILLATION_RR_LOG_SD)
        noise[1:] = noise[1:] - 0.15 * noise[:-1]
        # Few beats: else some strips would be regular by chance.
        noise /= noise[: int(STRIP_DURATION_S / mean) + 1].std()
        cycles = mean * np.exp(spread * noise - 0.5 * spread**2)
    elif diagnosis.rhythm in priors.CLOCKWORK_RHYTHMS:
        cycles = mean * (1 + 0.004 * noise)
    else:
        share = min(abs(rng.normal(0, priors.USUAL_RESPIRATORY_SHARE_SD)), priors.USUAL_RESPIRATORY_SHARE_LIMIT)
        cycles = mean * (1 + share * breathing + 0.008 * noise)
        cycles = mean + (cycles - mean) * min(1.0, priors.USUAL_CYCLE_RANGE_S / float(np.ptp(cycles)))
    return np.maximum(cycles, priors.MIN_RR_S)


def interrupt(rng: np.random.Generator, diagnosis: Diagnosis, cycles: np.ndarray) -> np.ndarray:
    """Lengthen one interval in the middle of the strip: by any time (pause) or by whole cycles (sinoatrial block)."""
    if diagnosis.pause == "none":
        return cycles
    longer = cycles.copy()
    ends_s = np.cumsum(cycles)
    inside = np.flatnonzero((ends_s > 2.0) & (ends_s < STRIP_DURATION_S - 3.0))
    at = int(rng.choice(inside)) if len(inside) else len(cycles) // 2
    if diagnosis.pause == "sinoatrial block":
        longer[at] *= 2
    else:
        longer[at] = max(draw_number(rng, priors.SINUS_PAUSE_S), 1.7 * cycles[at])
    return longer
