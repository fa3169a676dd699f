"""What a report makes of findings it does not mention: the one rule for the columns of corpora and training targets.

A report that says "sinus rhythm" says nothing about atrial flutter. Whether that means that there is none depends on
who wrote it: a cart lists all that it found, a person leaves out what nobody asked for.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Literal, get_args

import numpy as np

from datasets_scripts.terminology.findings import NORMAL_FINDING, load_terminology

from .report_findings import ReportFindings, known_ancestors


# What it means that a report does not mention a finding: that it is absent, or nothing.
Unmentioned = Literal["absent", "unknown"]


def check_unmentioned(choice: str) -> None:
    """Refuse what is no choice of [`Unmentioned`].

    Raises:
        ValueError: If it is none.
    """
    if choice not in get_args(Unmentioned):
        raise ValueError(
            f"`unmentioned` is {choice!r}. Say with {' or '.join(map(repr, get_args(Unmentioned)))} what a finding is"
            " that a report does not mention."
        )


class Verdict(IntEnum):
    """What is known of a finding from a report."""

    ABSENT = 0
    PRESENT = 1
    UNCERTAIN = 2  # the report doubts it
    UNKNOWN = 3  # the report says nothing, or there is none


class ReportJudge:
    """Says of each of some findings what a report makes of it.

    Args:
        findings (`Sequence[str]`):
            Names of the findings.
        unmentioned (`str`):
            What a finding is that a report does not mention: `"absent"`, or `"unknown"` unless the report denies it
            (see [`Denials`]).

    Raises:
        ValueError: If `unmentioned` is another word.

    Example:
        >>> judge = ReportJudge(["atrial flutter", "sinus rhythm"], unmentioned="unknown")
        >>> [Verdict(verdict).name for verdict in judge.judge(ReportFindings(("sinus rhythm",), ()))]
        ['UNKNOWN', 'PRESENT']
    """

    def __init__(self, findings: Sequence[str], *, unmentioned: Unmentioned = "absent") -> None:
        check_unmentioned(unmentioned)
        self.findings = tuple(findings)
        self._positions = {finding: position for position, finding in enumerate(self.findings)}
        self._denials = Denials(self.findings) if unmentioned == "unknown" else None

    def judge(self, stated: ReportFindings | None) -> np.ndarray:
        """The verdict on each finding.

        Args:
            stated (`ReportFindings`, *optional*):
                What the report says, of these findings and of others; `None` for a record without a report.

        Returns:
            `np.ndarray` of shape `(num_findings,)`: Values of [`Verdict`], as `int8`.
        """
        if stated is None:
            return np.full(len(self.findings), Verdict.UNKNOWN, dtype=np.int8)
        unmentioned = Verdict.ABSENT if self._denials is None else Verdict.UNKNOWN
        denied = () if self._denials is None else self._denials.find(stated)
        verdicts = np.full(len(self.findings), unmentioned, dtype=np.int8)
        # In this order: what is affirmed is not doubted, what is doubted is not denied.
        for verdict, names in (
            (Verdict.ABSENT, denied),
            (Verdict.UNCERTAIN, stated.uncertain),
            (Verdict.PRESENT, stated.positive),
        ):
            verdicts[[self._positions[name] for name in names if name in self._positions]] = verdict
        return verdicts

    def label_columns(self, stated: ReportFindings | None) -> dict[str, Any]:
        """`labels` and `label_mask` of a record of a corpus whose labels are the findings.

        Args:
            stated (`ReportFindings`, *optional*):
                What the report says; without a report all labels are unknown.

        Returns:
            `dict`: Names of the findings that are present, and for each finding whether it is known.
        """
        verdicts = self.judge(stated)
        present = np.flatnonzero(verdicts == Verdict.PRESENT)
        return {
            "labels": [self.findings[position] for position in present],
            "label_mask": np.isin(verdicts, (Verdict.PRESENT, Verdict.ABSENT)).tolist(),
        }


class Denials:
    """Says which findings a report denies, though it may not name them.

    A denied finding denies all kinds of it: without infarction there is no inferior infarction. A report that calls
    the ECG normal denies what PTB-XL's superclasses other than NORM stand for, with all kinds, unless it names them.

    Args:
        names (`Sequence[str]`):
            Findings to say it of.
    """

    def __init__(self, names: Sequence[str]) -> None:
        terminology = load_terminology()
        self._kind_of = {name: {name, *known_ancestors(name)} for name in names}
        self._abnormal = {
            finding.name
            for finding in terminology
            if finding.name != NORMAL_FINDING and any(label.startswith("superclass:") for label in finding.ptb_xl)
        }
        self._remembered: dict[tuple[tuple[str, ...], bool], frozenset[str]] = {}

    def find(self, stated: ReportFindings) -> frozenset[str]:
        """The findings that one report denies."""
        key = stated.negative, NORMAL_FINDING in stated.positive
        if key not in self._remembered:
            denied = {*stated.negative, *(self._abnormal if key[1] else ())}
            self._remembered[key] = frozenset(
                name for name, kinds in self._kind_of.items() if not denied.isdisjoint(kinds)
            )
        return self._remembered[key].difference(stated.positive, stated.uncertain)
