"""Floating-point operations of a training step, and how many a card can do."""

import copy
import re
from typing import Any, cast

import torch
from steps import make_batch, make_encoder_step, make_query_step
from torch.utils.flop_counter import FlopCounterMode

from modeling_supreme import SupremeModel


# Dense bfloat16 matrix products with float32 sums, in TFLOP/s. The card's name must hold all words of the key; the key
# of most words counts. Source: NVIDIA's data sheets of H200, H100, A100, L40S and L4; where a sheet gives the figure
# for sparse matrices, half of it.
PEAK_TFLOPS = {
    "H200": 989.5,
    "H100": 989.5,
    "H100 NVL": 835.5,
    "H100 PCIe": 756.5,
    "A100": 312.0,
    "L40S": 362.0,
    "L4": 121.0,
}


def find_peak_tflops(device_name: str) -> float | None:
    """The card's peak, in TFLOP/s; None for a card that the table does not have.

    Example:
        >>> find_peak_tflops("NVIDIA H100 PCIe"), find_peak_tflops("NVIDIA A100-SXM4-80GB"), find_peak_tflops("cpu")
        (756.5, 312.0, None)
    """
    words = set(re.split(r"[\s-]+", device_name))
    known = [name for name in PEAK_TFLOPS if set(name.split()) <= words]
    return PEAK_TFLOPS[max(known, key=lambda name: len(name.split()))] if known else None


def count_flops(model: SupremeModel, *, batch_size: int, num_queries: int) -> float:
    """Floating-point operations of a training step, per strip.

    Two for each multiplication and addition in matrix products, convolutions and attention, forward and backward;
    normalisation, activations and the optimiser are left out, and nothing is counted twice that is computed twice.
    They are counted by PyTorch on tensors without content.

    Args:
        model (`SupremeModel`):
            What is trained.
        batch_size (`int`):
            Strips of a step; the projection of the queries is shared among them.
        num_queries (`int`):
            Queries asked of each; 0 for the encoder alone with one output.
    """
    shapes = copy.deepcopy(model).to(cast(Any, "meta"))
    batch = make_batch(shapes, batch_size=batch_size, num_queries=max(num_queries, 1), device="meta")
    step = make_query_step(shapes) if num_queries else make_encoder_step(shapes.ecg_model, 1)
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        step(batch)
    return counter.get_total_flops() / batch_size
