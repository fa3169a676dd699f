"""Changes to training strips that leave the diagnosis as it is: none flips a lead, a polarity or time.

What is random about a strip is drawn for its place in the optimiser step, so that a step changes its strips alike
whether one process learns from them or several.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from modeling_supreme.leads import LIMB_LEADS, STANDARD_LEADS, derive_limb_leads


# The baseline moves with the breath: 3 to 30 a minute, in Hz
WANDER_HZ = (0.05, 0.5)
# White noise is cut out of this many samples at random places: drawing it anew would cost more than the model.
NOISE_BANK_SIZE = 2**20
# Sheets of four columns (3x4) are commoner than those of two (6x2), and about one lead runs below them throughout.
TWO_COLUMNS_SHARE, RHYTHM_LEADS = 0.25, 1.0
# Leads as people record them: without a chest lead, with one (a monitor) or two, a watch, chest leads alone. Two of I,
# II and III give all limb leads.
LEAD_SETS = (
    tuple(LIMB_LEADS),
    (*LIMB_LEADS, "V1"),
    (*LIMB_LEADS, "V2"),
    (*LIMB_LEADS, "V1", "V5"),
    ("I",),
    ("II",),
    ("V1",),
    tuple(lead for lead in STANDARD_LEADS if lead not in LIMB_LEADS),
)
ALL_LEADS = -1


class StripDraws(NamedTuple):
    """What was drawn for the strips of a step; every tensor but `shift` has one row per strip.

    Attributes:
        shift (`int`):
            Samples by which all strips move.
        rate (`torch.Tensor` of shape `(step_size,)`):
            Speed at which a strip is played.
        gain (`torch.Tensor` of shape `(step_size,)`):
            Factor on all leads of a strip.
        lead_share (`torch.Tensor` of shape `(step_size, 1)`):
            Share of leads to hide.
        lead_draws (`torch.Tensor` of shape `(step_size, num_leads)`):
            A lead is hidden if this is below the share.
        wander (`torch.Tensor` of shape `(step_size, 3, num_leads)`):
            Frequency, in Hz, phase, in turns, and amplitude, in units of the signal, of each lead's baseline.
        noise_start (`torch.Tensor` of shape `(step_size, num_leads)`):
            Where in the bank of noise a lead's begins, as a share of it.
        sheet_columns (`torch.Tensor` of shape `(step_size,)`):
            Columns of the printed sheet as which a strip is shown; 1 where it is shown whole.
        is_rhythm (`torch.Tensor` of shape `(step_size, num_leads)`):
            Whether the sheet shows a lead throughout.
        lead_set (`torch.Tensor` of shape `(step_size,)`):
            Which of `LEAD_SETS` a strip is reduced to; `ALL_LEADS` where it is not.
    """

    shift: int
    rate: torch.Tensor
    gain: torch.Tensor
    lead_share: torch.Tensor
    lead_draws: torch.Tensor
    wander: torch.Tensor
    noise_start: torch.Tensor
    sheet_columns: torch.Tensor
    is_rhythm: torch.Tensor
    lead_set: torch.Tensor


@dataclass(frozen=True)
class Augmentation:
    """How much strips are changed; zero turns a change off.

    Attributes:
        leads (`Sequence[str]`):
            Names of the rows of a signal.
        sampling_rate (`float`):
            Samples per second of the signal, in Hz.
        scale_mv (`float`):
            Millivolts of one unit of the signal.
        lead_dropout (`float`):
            Largest share of leads to hide; each strip draws its own share from zero to this.
        noise_mv (`float`):
            Standard deviation of white noise, in millivolts.
        time_shift_s (`float`):
            Longest shift in time, in seconds. What leaves at the end enters at the start.
        gain (`float`):
            Largest relative change of voltage, the same for all leads, so that I + III remains II.
        baseline_wander_mv (`float`):
            Largest amplitude of a slow sine under each lead, in millivolts, as if the electrodes moved.
        rate_jitter (`float`):
            Largest relative change of speed: heart rate and intervals change by as much.
        sheet_probability (`float`):
            How often a strip is shown as a printed sheet of two or four columns, each lead for its part of the time.
        lead_set_probability (`float`):
            How often a strip is reduced to one of `LEAD_SETS`, all equally likely.
    """

    leads: Sequence[str]
    sampling_rate: float
    scale_mv: float
    lead_dropout: float = 0.0
    noise_mv: float = 0.0
    time_shift_s: float = 0.0
    gain: float = 0.0
    baseline_wander_mv: float = 0.0
    rate_jitter: float = 0.0
    sheet_probability: float = 0.0
    lead_set_probability: float = 0.0

    def draw(self, step_size: int, generator: torch.Generator) -> StripDraws:
        """Draw what happens to the strips of a step; always the same numbers, whatever is turned off."""
        num_leads = len(self.leads)

        def uniform(*shape: int) -> torch.Tensor:
            return torch.rand(*shape, generator=generator)

        shift = int(float(uniform(1)) * self.time_shift_s * self.sampling_rate)
        lead_share, lead_draws = uniform(step_size, 1) * self.lead_dropout, uniform(step_size, num_leads)
        noise_start = uniform(step_size, num_leads)
        low_hz, high_hz = WANDER_HZ
        wander = uniform(step_size, 3, num_leads)
        wander[:, 0] = low_hz + wander[:, 0] * (high_hz - low_hz)
        wander[:, 2] *= self.baseline_wander_mv / self.scale_mv
        # As likely to be doubled as to be halved
        gain = (1 + self.gain) ** (2 * uniform(step_size) - 1)
        rate = (1 + self.rate_jitter) ** (2 * uniform(step_size) - 1)
        # From numbers of their own: runs that began before there were sheets go on as they went
        generator = torch.Generator().manual_seed(generator.initial_seed() ^ 1)
        is_sheet = uniform(step_size) < self.sheet_probability
        sheet_columns = torch.where(is_sheet, torch.where(uniform(step_size) < TWO_COLUMNS_SHARE, 2, 4), 1)
        is_rhythm = uniform(step_size, num_leads) < RHYTHM_LEADS / num_leads
        is_reduced = uniform(step_size) < self.lead_set_probability
        lead_set = torch.where(is_reduced, (uniform(step_size) * len(LEAD_SETS)).long(), ALL_LEADS)
        return StripDraws(
            shift, rate, gain, lead_share, lead_draws, wander, noise_start, sheet_columns, is_rhythm, lead_set
        )

    def apply(
        self,
        signal: torch.Tensor,
        lead_mask: torch.Tensor,
        sample_mask: torch.Tensor,
        *,
        draws: StripDraws,
        positions: torch.Tensor,
        noise_bank: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Change a batch.

        Args:
            signal (`torch.Tensor` of shape `(batch_size, num_leads, num_samples)`):
                Strips as the feature extractor returns them.
            lead_mask (`torch.Tensor` of shape `(batch_size, num_leads)`):
                True for leads that were recorded.
            sample_mask (`torch.Tensor` of shape `(batch_size, num_samples)`):
                True where the strip lasts.
            draws (`StripDraws`):
                What was drawn for the step.
            positions (`torch.Tensor` of shape `(batch_size,)`):
                Place of each strip in the step.
            noise_bank (`torch.Tensor` of shape `(NOISE_BANK_SIZE,)`):
                White noise of standard deviation 1, as [`make_noise_bank`] makes it.

        Returns:
            `tuple`: `signal`, `lead_mask` and `sample_mask` of the same shapes. A strip keeps at least one lead.
        """
        drawn = {
            name: value[positions].to(signal.device)
            for name, value in draws._asdict().items()
            if isinstance(value, torch.Tensor)
        }
        if self.rate_jitter:
            signal, sample_mask = change_rate(signal, sample_mask, drawn["rate"])
        if draws.shift:
            signal, sample_mask = signal.roll(draws.shift, dims=-1), sample_mask.roll(draws.shift, dims=-1)
        if self.gain:
            signal = signal * drawn["gain"][:, None, None]
        if self.baseline_wander_mv:
            signal = signal + self._wander(drawn["wander"], signal.shape[-1])
        if self.noise_mv:
            signal = signal + self._noise(drawn["noise_start"], signal.shape[-1], noise_bank)
        if self.sheet_probability:
            is_shown = shown_on_sheet(drawn["sheet_columns"], drawn["is_rhythm"], signal.shape[-1])
            signal = signal.masked_fill(~is_shown, 0.0)
        is_kept = (drawn["lead_draws"] >= drawn["lead_share"]) & lead_mask
        if self.lead_set_probability:
            is_kept &= in_lead_set(drawn["lead_set"], self.leads)
        return signal, torch.where(is_kept.any(dim=1, keepdim=True), is_kept, lead_mask), sample_mask

    def _wander(self, wander: torch.Tensor, num_samples: int) -> torch.Tensor:
        """Baselines, `(batch_size, num_leads, num_samples)`, those of the limb leads as electrodes give them."""
        frequency_hz, phase, amplitude = (part[..., None] for part in wander.unbind(dim=1))
        seconds = torch.arange(num_samples, device=wander.device) / self.sampling_rate
        baseline = amplitude * torch.sin(2 * torch.pi * (frequency_hz * seconds + phase))
        return torch.einsum("ij,bjt->bit", torch.from_numpy(electrode_matrix(self.leads)).to(baseline), baseline)

    def _noise(self, start: torch.Tensor, num_samples: int, noise_bank: torch.Tensor) -> torch.Tensor:
        """White noise, `(batch_size, num_leads, num_samples)`."""
        windows = noise_bank.unfold(0, num_samples, 1)
        return windows[(start * len(windows)).long()] * (self.noise_mv / self.scale_mv)


def in_lead_set(lead_set: torch.Tensor, leads: Sequence[str]) -> torch.Tensor:
    """Which leads belong to the set of each strip.

    Args:
        lead_set (`torch.Tensor` of shape `(batch_size,)`):
            Places in `LEAD_SETS`; `ALL_LEADS` for all of them.
        leads (`Sequence[str]`):
            Names of the rows of a signal.

    Returns:
        `torch.Tensor` of shape `(batch_size, num_leads)`: True where the lead stays.

    Example:
        >>> in_lead_set(torch.tensor([LEAD_SETS.index(("II",)), ALL_LEADS]), ["I", "II", "V1"]).int().tolist()
        [[0, 1, 0], [1, 1, 1]]
    """
    table = [[lead in lead_names for lead in leads] for lead_names in LEAD_SETS]
    return torch.tensor([*table, [True] * len(leads)], device=lead_set.device)[lead_set]


def shown_on_sheet(columns: torch.Tensor, is_rhythm: torch.Tensor, num_samples: int) -> torch.Tensor:
    """When a printed sheet shows each lead: as many leads in every column, one column after the other.

    Args:
        columns (`torch.Tensor` of shape `(batch_size,)`):
            Columns of each sheet; 1 shows all leads throughout.
        is_rhythm (`torch.Tensor` of shape `(batch_size, num_leads)`):
            Leads that are shown throughout.
        num_samples (`int`):
            Length of the strips.

    Returns:
        `torch.Tensor` of shape `(batch_size, num_leads, num_samples)`: True where the lead is shown.

    Example:
        >>> shown_on_sheet(torch.tensor([2]), torch.tensor([[False, False, True]]), 4)[0].int().tolist()
        [[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]]
    """
    num_leads = is_rhythm.shape[1]
    leads, times = (torch.arange(size, device=columns.device) for size in (num_leads, num_samples))
    column_of_lead = leads * columns[:, None] // num_leads
    column_of_time = times * columns[:, None] // num_samples
    return (column_of_lead[:, :, None] == column_of_time[:, None, :]) | is_rhythm[:, :, None]


def make_noise_bank(device: torch.device | str = "cpu") -> torch.Tensor:
    """White noise of standard deviation 1, the same on every machine."""
    return torch.randn(NOISE_BANK_SIZE, generator=torch.Generator().manual_seed(0)).to(device)


def electrode_matrix(leads: Sequence[str]) -> np.ndarray:
    """What each lead shows of potentials that were drawn for every lead, `(num_leads, num_leads)`, float32.

    Leads I, II and V1 to V6 show their own; III, aVR, aVL and aVF follow from I and II (Einthoven, Goldberger).
    Where I and II are not both there, every lead shows its own.
    """
    matrix = np.eye(len(leads), dtype=np.float32)
    if {"I", "II"} <= set(leads):
        rows, names = derive_limb_leads(matrix[[list(leads).index("I"), list(leads).index("II")]], ("I", "II"))
        for row, name in zip(rows, names, strict=True):
            if name in leads:
                matrix[list(leads).index(name)] = row
    return matrix


def change_rate(
    signal: torch.Tensor, sample_mask: torch.Tensor, rate: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Play strips faster or slower, by linear interpolation; where a strip ends early, it is padded.

    Args:
        signal (`torch.Tensor` of shape `(batch_size, num_leads, num_samples)`):
            Strips.
        sample_mask (`torch.Tensor` of shape `(batch_size, num_samples)`):
            True where the strip lasts.
        rate (`torch.Tensor` of shape `(batch_size,)`):
            Speed; 2 makes every interval half as long.

    Returns:
        `tuple`: `signal` and `sample_mask` of the same shapes.
    """
    num_samples = signal.shape[-1]
    places = torch.arange(num_samples, device=signal.device) * rate[:, None]  # (batch_size, num_samples)
    before = places.long().clamp(max=num_samples - 1)
    after = (before + 1).clamp(max=num_samples - 1)
    lasts = sample_mask.gather(1, after) & (places <= num_samples - 1)
    shape = (-1, signal.shape[1], -1)
    first, second = (signal.gather(2, index[:, None].expand(shape)) for index in (before, after))
    played = torch.lerp(first, second, (places - before)[:, None].to(signal.dtype))
    return torch.where(lasts[:, None], played, 0.0), lasts
