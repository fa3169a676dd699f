"""Losses over soft, partly unknown labels."""

import torch
from torch import nn


def multilabel_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean binary cross-entropy over the labels that are known.

    Args:
        logits (`torch.Tensor` of shape `(batch_size, num_queries)`):
            One logit per strip and query.
        labels (`torch.Tensor` of shape `(batch_size, num_queries)`):
            1 present, 0 absent, in between uncertain (the value is the probability of presence), NaN unknown.

    Returns:
        `torch.Tensor`: A scalar in float32; zero, with a gradient of zero, where no label is known.

    Example:
        >>> loss = multilabel_loss(torch.zeros(1, 3), torch.tensor([[1.0, 0.5, float("nan")]]))
        >>> round(loss.item(), 4)  # ln 2, whatever the label: the logit says one half
        0.6931
    """
    is_known = ~torch.isnan(labels)
    targets = torch.where(is_known, labels, 0.0).float()
    losses = nn.functional.binary_cross_entropy_with_logits(logits.float(), targets, reduction="none")
    return (losses * is_known).sum() / is_known.sum().clamp(min=1)
