"""Binary cross-entropy over soft, partly unknown labels, and its variants in which some decisions weigh less."""

from typing import NamedTuple

import torch
from torch import nn


class MultilabelLoss(NamedTuple):
    """Binary cross-entropy in which some decisions weigh less than others.

    With `p` the probability of presence and `y` the label, a decision costs

        - y w (1 - p)^a log p - (1 - y) q^b log(1 - q),  q = max(p - m, 0)

    Attributes:
        positive_focus (`float`):
            The exponent `a`: present findings that are recognised weigh less.
        negative_focus (`float`):
            The exponent `b`: absent findings that are recognised weigh less.
        probability_margin (`float`):
            The shift `m`: absent findings below this probability cost nothing.
        positive_weights (`torch.Tensor` of shape `(num_queries,)`, *optional*):
            The weight `w` of each query's present findings.

    Source:
        Focal loss: Lin et al. 2017, equation 4 (`a = b`). Asymmetric loss: Ridnik et al. 2021, equations 4 to 7.
    """

    positive_focus: float = 0.0
    negative_focus: float = 0.0
    probability_margin: float = 0.0
    positive_weights: torch.Tensor | None = None

    def select(self, queries: torch.Tensor) -> "MultilabelLoss":
        """The same for some of the queries, given by their positions."""
        weights = self.positive_weights
        return self if weights is None else self._replace(positive_weights=weights[queries])

    def sum_losses(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Sum over the known labels of a batch; shapes as in `modeling_supreme.losses.multilabel_loss`.

        A sum, so that batches and processes add up to what one large batch would give.
        """
        is_known = ~torch.isnan(labels)
        targets, logits = torch.where(is_known, labels, 0.0).float(), logits.float()
        if self.positive_weights is None and not any(self[:3]):
            losses = nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        else:
            losses = targets * self._cost_of_present(logits) + (1 - targets) * self._cost_of_absent(logits)
        return (losses * is_known).sum()

    def _cost_of_present(self, logits: torch.Tensor) -> torch.Tensor:
        """What each logit costs if the finding is present."""
        costs = -nn.functional.logsigmoid(logits)
        if self.positive_focus:
            costs = costs * torch.sigmoid(-logits) ** self.positive_focus
        return costs if self.positive_weights is None else costs * self.positive_weights.to(costs)

    def _cost_of_absent(self, logits: torch.Tensor) -> torch.Tensor:
        """What each logit costs if the finding is absent."""
        if not self.probability_margin:
            costs = -nn.functional.logsigmoid(-logits)
            return costs * torch.sigmoid(logits) ** self.negative_focus if self.negative_focus else costs
        probabilities = (torch.sigmoid(logits) - self.probability_margin).clamp(min=0)
        return -torch.log1p(-probabilities) * probabilities**self.negative_focus


LOSSES = {
    "bce": MultilabelLoss(),
    "focal": MultilabelLoss(positive_focus=2.0, negative_focus=2.0),
    # The values that Ridnik et al. 2021, section 4, use throughout
    "asymmetric": MultilabelLoss(positive_focus=0.0, negative_focus=4.0, probability_margin=0.05),
}


def weigh_positives(num_positive: torch.Tensor, num_known: torch.Tensor, weighting: str) -> torch.Tensor | None:
    """How much a present finding weighs, from how rare it is.

    Args:
        num_positive (`torch.Tensor` of shape `(num_queries,)`):
            Training records in which the finding is present.
        num_known (`torch.Tensor` of shape `(num_queries,)`):
            Training records of which it is known whether the finding is present.
        weighting (`str`):
            `none`; `balanced`, absent records for each present one, so that both weigh the same in all; or `sqrt`,
            the root of that.

    Returns:
        `torch.Tensor` or `None`: At least 1.

    Example:
        >>> weigh_positives(torch.tensor([2.0, 80.0]), torch.tensor([200.0, 100.0]), "balanced")
        tensor([99.,  1.])
    """
    if weighting == "none":
        return None
    ratios = ((num_known - num_positive) / num_positive.clamp(min=1)).clamp(min=1)
    return ratios.sqrt() if weighting == "sqrt" else ratios
