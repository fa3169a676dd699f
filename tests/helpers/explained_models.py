"""Models of which it is known what their answers stand on, and their measurements by hand."""

from types import SimpleNamespace

import torch

from modeling_supreme.definitions import Measured
from modeling_supreme.leads import STANDARD_LEADS


RATE, STRIDE, NUM_SAMPLES = 100, 20, 1000  # 10 s, tokens of 0.2 s


class KnownModel(torch.nn.Module):
    """Answers every query by the mean size of some leads within some seconds, and looks at some seconds.

    Args:
        leads (`Sequence[str]`), seconds (`tuple[float, float]`):
            What the logit stands on.
        looks_at (`tuple[float, float]`):
            Where all attention goes.
    """

    dtype, device = torch.float32, torch.device("cpu")

    def __init__(self, leads, seconds=(0.0, 10.0), looks_at=(0.0, 10.0), trained_queries=("fibrillation",), **config):
        super().__init__()
        self.rows = [STANDARD_LEADS.index(lead) for lead in leads]
        self.samples = slice(*(round(each * RATE) for each in seconds))
        self.tokens = slice(*(round(each * RATE / STRIDE) for each in looks_at))
        ecg_config = SimpleNamespace(leads=list(STANDARD_LEADS), sampling_rate=RATE, token_stride=STRIDE)
        self.config = SimpleNamespace(
            ecg_config=ecg_config,
            text_config=SimpleNamespace(hidden_size=4),
            **{"definitions": [], "measurements": [], "trained_queries": list(trained_queries), **config},
        )

    def get_query_embeds(self, input_ids, attention_mask):
        return torch.zeros(len(input_ids), 4)

    def forward(self, signal, lead_mask, sample_mask, recorded_mask, query_embeds, output_attentions=False):
        shown = signal.masked_fill(~(lead_mask[..., None] & recorded_mask & sample_mask[:, None]), 0.0)
        size = shown[:, self.rows, self.samples].abs().mean(dim=(1, 2)) if self.rows else torch.zeros(len(signal))
        weights = torch.zeros(len(signal), 1, len(query_embeds), NUM_SAMPLES // STRIDE)
        weights[..., self.tokens] = 1.0
        return SimpleNamespace(
            logits_per_ecg=10 * size[:, None].expand(-1, len(query_embeds)),
            cross_attentions=(weights / weights.sum(dim=-1, keepdim=True),),
            measurements=None,
        )


def make_inputs(signal):
    """A strip, `(num_leads, num_samples)`, recorded throughout, as a model takes it."""
    signal = torch.as_tensor(signal, dtype=torch.float32)[None]
    masks = {"lead_mask": signal.shape[:2], "sample_mask": signal.shape[::2], "recorded_mask": signal.shape}
    return {"signal": signal, **{name: torch.ones(shape, dtype=torch.bool) for name, shape in masks.items()}}


def make_beats_strip(early_s=()):
    """Twelve leads with a QRS of 1 and 80 ms at 0.5, 1.5, ... s, and as large ones at further times; at 100 Hz."""
    time = torch.arange(NUM_SAMPLES) / RATE
    strip = torch.zeros(NUM_SAMPLES)
    for middle in (*torch.arange(0.5, 10.0, 1.0).tolist(), *early_s):
        distance = (time - middle).abs()
        strip += torch.where(distance < 0.04, torch.cos(torch.pi * distance / 0.08), 0.0)
    return strip.expand(12, -1).clone()


def make_measured(sd=1e-3, measurable=1.0, **values):
    """Measurements of one record, `(num_measurements,)`; the errors of all are independent."""
    count = len(values)
    return Measured(
        tuple(values),
        torch.tensor(list(values.values()), dtype=torch.float64),
        torch.full((count,), sd, dtype=torch.float64),
        torch.full((count,), measurable, dtype=torch.float64),
        torch.zeros(count, 1, dtype=torch.float64),
    )
