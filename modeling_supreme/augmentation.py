"""Changes to a training batch that leave the diagnosis as it is."""

import torch


def augment_batch(
    signal: torch.Tensor,
    lead_mask: torch.Tensor,
    sample_mask: torch.Tensor,
    *,
    lead_dropout: float,
    noise: float,
    generator: torch.Generator | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Shift strips in time, hide leads and add noise.

    Args:
        signal (`torch.Tensor` of shape `(batch_size, num_leads, num_samples)`):
            Strips as the feature extractor returns them.
        lead_mask (`torch.Tensor` of shape `(batch_size, num_leads)`):
            True for leads that were recorded.
        sample_mask (`torch.Tensor` of shape `(batch_size, num_samples)`):
            True where the strip lasts.
        lead_dropout (`float`):
            Largest share of leads to hide; each strip draws its own share from zero to this.
        noise (`float`):
            Standard deviation of white noise, in units of `signal`.
        generator (`torch.Generator`, *optional*):
            Source of randomness, on the CPU.

    Returns:
        `tuple`: `signal`, `lead_mask` and `sample_mask` of the same shapes. The whole batch is shifted by the same
        number of samples, what leaves at the end enters at the start. A strip keeps at least one lead.
    """
    batch_size, num_leads, num_samples = signal.shape
    shift = int(torch.randint(num_samples, (1,), generator=generator))
    signal, sample_mask = signal.roll(shift, dims=-1), sample_mask.roll(shift, dims=-1)
    shares = torch.rand(batch_size, 1, generator=generator) * lead_dropout
    is_kept = torch.rand(batch_size, num_leads, generator=generator) >= shares
    is_kept = is_kept.to(lead_mask.device) & lead_mask
    lead_mask = torch.where(is_kept.any(dim=1, keepdim=True), is_kept, lead_mask)
    if noise:
        signal = signal + noise * torch.randn(signal.shape, generator=generator).to(signal)
    return signal, lead_mask, sample_mask
