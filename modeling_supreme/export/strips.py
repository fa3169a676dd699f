"""Strips that look like ECGs, to try a graph on: noise would show neither beats nor voltages of their size."""

import torch


# Middle of a wave from that of its QRS complex and its width, in seconds, and its height, in millivolts. Ours.
WAVES = ((-0.17, 0.025, 0.12), (-0.028, 0.009, -0.1), (0.0, 0.012, 1.0), (0.03, 0.011, -0.25), (0.28, 0.05, 0.3))
LEAST_RATE, MOST_RATE = 50.0, 130.0  # per minute
RR_VARIATION, NOISE_MV = 0.05, 0.02
UNIT_MV = 0.2  # of the model's input, where the feature extractor has its default


def draw_strips(num_strips: int, num_leads: int, num_samples: int, *, rate_hz: float, seed: int) -> torch.Tensor:
    """Strips of beats in a somewhat uneven rhythm, with noise.

    Args:
        num_strips (`int`):
            How many.
        num_leads (`int`):
            Of each.
        num_samples (`int`):
            Of each lead.
        rate_hz (`float`):
            Samples per second.
        seed (`int`):
            Decides about all of it.

    Returns:
        `torch.Tensor` of shape `(num_strips, num_leads, num_samples)`: Voltages, in units of 0.2 mV.
    """
    generator = torch.Generator().manual_seed(seed)
    seconds = torch.arange(num_samples) / rate_hz
    num_beats = int(seconds[-1] * MOST_RATE / 60) + 3
    rates = LEAST_RATE + (MOST_RATE - LEAST_RATE) * torch.rand(num_strips, 1, generator=generator)
    intervals = 60 / rates * (1 + RR_VARIATION * torch.randn(num_strips, num_beats, generator=generator))
    beats = intervals.cumsum(dim=1) - intervals[:, :1] * torch.rand(num_strips, 1, generator=generator)
    middles, widths, heights = torch.tensor(WAVES).T[:, :, None]
    since = (seconds - beats[..., None])[:, :, None]  # (num_strips, num_beats, 1, num_samples)
    waves = (heights * torch.exp(-0.5 * ((since - middles) / widths).square())).sum(dim=1)
    gains = 0.6 + 0.5 * torch.randn(num_strips, num_leads, len(WAVES), generator=generator)
    noise = NOISE_MV * torch.randn(num_strips, num_leads, num_samples, generator=generator)
    return (torch.matmul(gains, waves) + noise) / UNIT_MV
