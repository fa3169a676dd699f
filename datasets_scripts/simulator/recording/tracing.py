"""A whole strip without noise: beats, atrial waves and pacing spikes laid on the time axis."""

from dataclasses import dataclass, field

import numpy as np

from datasets_scripts.schema import NUM_SAMPLES, SAMPLING_RATE
from datasets_scripts.simulator.heart.atria import (
    P_WINDOW_MS,
    PTemplate,
    draw_fibrillation_waves,
    draw_flutter_waves,
)
from datasets_scripts.simulator.heart.beat import BeatTemplate
from datasets_scripts.simulator.patient.body import NUM_INDEPENDENT
from datasets_scripts.simulator.population import priors
from datasets_scripts.simulator.population.chance import draw_number
from datasets_scripts.simulator.rhythm.timeline import Beat, PWaveKind

from .wave_templates import Setting, atrial_field, draw_foci


BEAT_VOLTAGE_SD = 0.015
P_VOLTAGE_SD = 0.06
SPIKE_SAMPLES = 2
VENTRICULAR_SPIKE_MV = (0.5, 2.0)  # in the lead that shows it best
ATRIAL_SPIKE_MV = (0.4, 1.2)
SPIKE_BEFORE_QRS_S, SPIKE_BEFORE_P_S = 0.006, 0.004
BIVENTRICULAR_SPIKE_GAP_S = 0.012
VENTRICULAR_SPIKE_VECTOR = np.array([-0.6, -1.0, 0.5])
ATRIAL_SPIKE_VECTOR = np.array([0.3, 0.6, 0.0])


@dataclass
class Tracing:
    """The parts of a noiseless strip, of which everything is known.

    Attributes:
        leads (`np.ndarray` of shape `(8, 5000)`):
            Voltages of the independent leads, in millivolts.
        beat (`BeatTemplate`):
            The beat that most of the strip is made of.
        foci (`list[BeatTemplate]`):
            Early ventricular beats.
        p_waves (`dict[PWaveKind, PTemplate]`):
            P waves by where they come from.
        factors (`np.ndarray` of shape `(8,)`):
            Factors by which the voltage was brought to the diagnosis.
    """

    leads: np.ndarray
    beat: BeatTemplate
    foci: list[BeatTemplate] = field(default_factory=list)
    p_waves: dict[PWaveKind, PTemplate] = field(default_factory=dict)
    factors: np.ndarray = field(default_factory=lambda: np.ones(NUM_INDEPENDENT))

    def template_of(self, beat: Beat) -> BeatTemplate:
        """The shape of a beat of the rhythm."""
        return self.foci[beat.focus] if beat.is_focal else self.beat


def _add(leads: np.ndarray, waveform: np.ndarray, start: int, scale: float) -> None:
    """Add a waveform to the strip from a sample on; what lies outside the strip is cut off."""
    first, last = max(start, 0), min(start + waveform.shape[1], leads.shape[1])
    if last > first:
        leads[:, first:last] += waveform[:, first - start : last - start] * np.float32(scale)


def _draw_spike(rng: np.random.Generator, voltages: np.ndarray, height_mv: tuple[float, float]) -> np.ndarray:
    """Draw the height of the pacing spikes; `voltages` of shape `(8,)` gives their share in each lead."""
    return (voltages / np.abs(voltages).max() * rng.uniform(*height_mv)).astype(np.float32)


def _add_spike(leads: np.ndarray, voltages: np.ndarray, time_s: float) -> None:
    """Add a pacing spike of 4 ms."""
    sample = round(time_s * SAMPLING_RATE)
    if 0 <= sample < leads.shape[1] - SPIKE_SAMPLES:
        leads[:, sample : sample + SPIKE_SAMPLES] += voltages[:, None]


def _add_beats(rng: np.random.Generator, tracing: Tracing, setting: Setting) -> None:
    """Lay the QRS-T complexes and the spikes before them on the strip."""
    rhythm = setting.rhythm
    swing = draw_number(rng, priors.RESPIRATORY_VOLTAGE_SHARE)
    is_paced = rhythm.is_ventricular_paced
    spike = _draw_spike(rng, setting.field @ VENTRICULAR_SPIKE_VECTOR, VENTRICULAR_SPIKE_MV) if is_paced else None
    times_s = np.array([beat.time for beat in rhythm.beats])
    breathing = np.sin(2 * np.pi * rhythm.respiration_hz * times_s + rhythm.respiration_phase)
    scales = 1 + rng.normal(0, BEAT_VOLTAGE_SD, len(times_s)) + swing * breathing
    for beat, scale in zip(rhythm.beats, scales.tolist(), strict=True):
        template = tracing.template_of(beat)
        start = round(beat.time * SAMPLING_RATE) - template.onset
        _add(tracing.leads, template.waveform, start, scale)
        if spike is not None:
            spike_s = beat.time - SPIKE_BEFORE_QRS_S
            _add_spike(tracing.leads, spike, spike_s)
            if setting.diagnosis.pacing == "biventricular":
                _add_spike(tracing.leads, spike * np.float32(0.7), spike_s - BIVENTRICULAR_SPIKE_GAP_S)


def _add_atria(rng: np.random.Generator, tracing: Tracing, setting: Setting) -> None:
    """Lay P waves, flutter waves or fibrillation waves on the strip."""
    rhythm, leads = setting.rhythm, tracing.leads
    lead_field = atrial_field(setting, tracing.factors)
    if rhythm.flutter_hz is not None:
        leads += draw_flutter_waves(rng, rhythm, lead_field, leads.shape[1])
    if rhythm.is_fibrillating:
        leads += draw_fibrillation_waves(rng, lead_field, leads.shape[1])
    is_paced = rhythm.is_atrial_paced
    spike = _draw_spike(rng, setting.field @ ATRIAL_SPIKE_VECTOR, ATRIAL_SPIKE_MV) if is_paced else None
    offset_s = P_WINDOW_MS[0] / 1000
    scales = 1 + rng.normal(0, P_VOLTAGE_SD, len(rhythm.p_waves))
    for (time, kind, _), scale in zip(rhythm.p_waves, scales.tolist(), strict=True):
        start = round((time + offset_s) * SAMPLING_RATE)
        _add(leads, tracing.p_waves[kind].waveform, start, scale)
        if spike is not None:
            _add_spike(leads, spike, time - SPIKE_BEFORE_P_S)


def lay_out(
    rng: np.random.Generator,
    setting: Setting,
    beat: BeatTemplate,
    *,
    factors: np.ndarray,
    p_waves: dict[PWaveKind, PTemplate],
) -> Tracing:
    """Lay everything on the time axis.

    Args:
        rng (`np.random.Generator`):
            Source of early beats and of what differs from beat to beat.
        setting (`Setting`):
            The diagnosis with its rhythm.
        beat (`BeatTemplate`):
            As `draw_beat` returns it.
        factors (`np.ndarray` of shape `(8,)`):
            As `draw_beat` returns them.
        p_waves (`dict[PWaveKind, PTemplate]`):
            As `draw_p_templates` returns them.

    Returns:
        `Tracing`: Noiseless voltages and their parts.
    """
    leads = np.zeros((NUM_INDEPENDENT, NUM_SAMPLES), dtype=np.float32)
    tracing = Tracing(leads, beat, draw_foci(rng, setting, beat), p_waves, factors)
    _add_beats(rng, tracing, setting)
    _add_atria(rng, tracing, setting)
    return tracing
