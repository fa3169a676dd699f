"""In which words training asks for a finding, and which of them a step draws."""

from collections.abc import Sequence

import torch

from datasets_scripts.terminology.findings import load_terminology, normalize_name
from datasets_scripts.terminology.measured_findings import load_measured_findings


# Ways in which people ask; training on them keeps scores from collapsing when a query is a sentence.
QUERY_TEMPLATES = ("{}", "an ECG showing {}", "this ECG shows {}", "electrocardiogram with {}")


def query_wordings(finding: str, *, held_out: Sequence[str] = ()) -> tuple[str, ...]:
    """All the wordings in which training asks for a finding, its name first.

    Args:
        finding (`str`):
            Name of a finding.
        held_out (`Sequence[str]`):
            Findings whose names and synonyms no wording may contain.

    Returns:
        `tuple[str, ...]`: The name, its synonyms and description, and the name in sentences.

    Example:
        >>> query_wordings("atrial flutter")[-1]
        'electrocardiogram with atrial flutter'
    """
    terminology, measured = load_terminology(), load_measured_findings()
    wordings = terminology.wordings(finding) if finding in terminology else (finding,)
    if finding in measured:
        wordings = (finding, *measured[finding].wordings)
    hidden = [
        f" {normalize_name(wording)} "
        for name in held_out
        for wording in (terminology[name].name, *terminology[name].synonyms)
    ]
    allowed = [
        wording for wording in wordings[1:] if not any(phrase in f" {normalize_name(wording)} " for phrase in hidden)
    ]
    sentences = [template.format(finding) for template in QUERY_TEMPLATES[1:]]
    return tuple(dict.fromkeys([finding, *allowed, *sentences]))


class QueryWordings:
    """Embedded wordings of every finding, one of which is drawn for each training step.

    A model trained on bare names alone does not recognise the same finding in other words.

    Args:
        embeds (`torch.Tensor` of shape `(num_wordings, text_hidden_size)`):
            Embedded wordings, all wordings of a finding in a row, its name first.
        counts (`Sequence[int]`):
            Number of wordings of each finding.
        name_probability (`float`):
            How often the name is drawn rather than any other wording.
    """

    def __init__(self, embeds: torch.Tensor, counts: Sequence[int], *, name_probability: float = 0.5) -> None:
        self.embeds = embeds
        self.counts = torch.tensor(counts)
        self.starts = torch.cumsum(self.counts, 0) - self.counts
        self.name_probability = name_probability

    @property
    def names(self) -> torch.Tensor:
        """Embedded names, `(num_findings, text_hidden_size)`."""
        return self.embeds[self.starts]

    def sample(self, generator: torch.Generator | None = None) -> torch.Tensor:
        """Draw one wording of every finding, `(num_findings, text_hidden_size)`."""
        draws = torch.rand(2, len(self.counts), generator=generator)
        others = self.counts - 1
        chosen = 1 + torch.minimum((draws[1] * others).long(), (others - 1).clamp(min=0))
        uses_name = (draws[0] < self.name_probability) | (others == 0)
        return self.embeds[self.starts + torch.where(uses_name, 0, chosen)]
