"""Fourth stop of a training row: which findings are learnt, and which records are left out for it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from datasets_scripts.terminology.findings import load_terminology

from .label import CorpusLabels, LabelSource
from .records import Records, iterate_columns
from .simulated_records import SimulatedRecords


class KeptRecords(NamedTuple):
    """What is left of a split.

    Attributes:
        records (`Records`):
            The records that stay, in their order.
        counts (`np.ndarray` of shape `(num_findings,)`):
            In how many of them each finding of the corpus is positive or uncertain.
    """

    records: Records
    counts: np.ndarray


def hold_out_findings(names: Sequence[str]) -> tuple[str, ...]:
    """Canonical names of findings that are to be hidden from training.

    Raises:
        ValueError: If the terminology does not know one of them.
    """
    terminology = load_terminology()
    unknown = [name for name in names if terminology.find(name) is None]
    if unknown:
        raise ValueError(
            f"`--held_out_findings` names {unknown[0]!r}, which is not in the terminology."
            " Use a name or synonym of terminology.csv."
        )
    return tuple(finding.name for finding in map(terminology.find, names) if finding is not None)


def is_hidden(finding: str, held_out: Collection[str]) -> bool:
    """Whether a finding is held out, or is a kind of one that is: who has it has the held-out finding too."""
    terminology = load_terminology()
    implied = terminology.ancestors(finding) if finding in terminology else ()
    return not {finding, *implied}.isdisjoint(held_out)


def drop_hidden(records: Records, labels: LabelSource, hidden: Sequence[bool]) -> KeptRecords:
    """Leave out records that have, or may have, a hidden finding.

    Records that stay although their name is hidden would be learned as examples against that name.

    Args:
        records (`Records`):
            Records of a split.
        labels (`LabelSource`):
            Their labels.
        hidden (`Sequence[bool]` of length `num_findings`):
            For each finding of `labels`, whether it is hidden.

    Returns:
        `KeptRecords`: Of an endless corpus, any number of records has whatever it labels.
    """
    if isinstance(records, SimulatedRecords):
        names = {finding for finding, is_out in zip(labels.findings, hidden, strict=True) if is_out}
        found = cast(CorpusLabels, labels).label_findings
        records = records.without_labels([label for label, finding in enumerate(found) if finding in names])
        return KeptRecords(records, np.full(len(labels.findings), np.inf))
    is_hidden_column = np.asarray(hidden, dtype=bool)
    stays: list[np.ndarray] = [np.zeros(0, dtype=bool)]
    counts = np.zeros(len(labels.findings), dtype=int)
    for columns in iterate_columns(records, labels.columns):
        is_present = labels.targets(columns) > 0
        stays.append(np.atleast_1d(~is_present[:, is_hidden_column].any(axis=1)))
        counts += is_present[stays[-1]].sum(axis=0)
    is_kept = np.concatenate(stays)
    return KeptRecords(records if is_kept.all() else cast(Any, records).select(np.flatnonzero(is_kept)), counts)


def trainable_findings(
    counts: Mapping[str, float], *, min_positives: int, held_out: Sequence[str] = ()
) -> tuple[str, ...]:
    """Findings with enough positive or uncertain records, held-out ones left out.

    Args:
        counts (`Mapping[str, float]`):
            Training records in which each finding is positive or uncertain: reports name some findings, such as
            ischemia, hardly ever without a hedge.
        min_positives (`int`):
            Fewest such records.
        held_out (`Sequence[str]`):
            Findings to leave out, with all that are kinds of them.

    Raises:
        ValueError: If nothing is left to train on.
    """
    kept = tuple(
        finding for finding, count in counts.items() if count >= min_positives and not is_hidden(finding, held_out)
    )
    if not kept:
        raise ValueError(
            f"None of {len(counts)} findings has {min_positives} positive or uncertain training records."
            " Lower `--min_positives` or give more records. A corpus without labels needs `--report_labels`."
        )
    return kept
