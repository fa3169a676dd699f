"""What a report says as a whole: the findings of all its statements, united and freed of contradictions."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from datasets_scripts.extraction.readings.reading import CERTAINTIES, Certainty, Reading
from datasets_scripts.terminology.findings import ABNORMAL_FINDING, NORMAL_FINDING, load_terminology


class ReportFindings(NamedTuple):
    """What the report of one record says: names of findings, in alphabetical order, none under two certainties.

    Closed upward: who has a finding has all that it is a kind of.

    Attributes:
        positive (`tuple[str, ...]`):
            Findings that are there.
        uncertain (`tuple[str, ...]`):
            Findings that may be there.
        negative (`tuple[str, ...]`):
            Findings that the report says are not there.
        overruled (`tuple[str, ...]`):
            Findings that the report states with more than one certainty, of which the strongest was taken.
    """

    positive: tuple[str, ...]
    uncertain: tuple[str, ...]
    negative: tuple[str, ...] = ()
    overruled: tuple[str, ...] = ()


def known_ancestors(name: str) -> tuple[str, ...]:
    """All findings of which this one is a kind; none for a name that the terminology does not know."""
    terminology = load_terminology()
    return terminology.ancestors(name) if name in terminology else ()


def join_readings(
    readings: Iterable[Reading], *, find_ancestors: Callable[[str], Iterable[str]] = known_ancestors
) -> ReportFindings:
    """Unite the findings of the statements of one record.

    - Positive beats uncertain beats negative, whatever the order of the statements.
    - Who has a finding has all that it is a kind of: a positive finding makes its ancestors positive, even ones that
      are doubted or denied elsewhere; an uncertain one makes them uncertain where they are not positive. A negative
      finding says nothing about its ancestors.
    - `normal ecg` may stand beside other findings: reports say "sinus bradycardia, otherwise normal ECG". Beside
      `abnormal ecg` it may not: the positive one of the two makes the other one negative, and of two positive ones
      `abnormal ecg` stays.

    Args:
        readings (`Iterable[Reading]`):
            What was read from the statements of one record.
        find_ancestors (`Callable[[str], Iterable[str]]`):
            Gives the ancestors of a finding; one that gives none leaves the findings as they are stated.

    Returns:
        `ReportFindings`: The findings by certainty.

    Example:
        >>> from datasets_scripts.extraction.readings.rules import read_statement
        >>> join_readings(map(read_statement, ["Inferior infarct", "Cannot rule out anterior infarct"])).positive
        ('inferior myocardial infarction', 'myocardial infarction')
    """
    stated: dict[Certainty, set[str]] = {certainty: set() for certainty in CERTAINTIES}
    for reading in readings:
        for entity in reading.entities:
            stated[entity.certainty].add(entity.entity)
    return settle_findings(*stated.values(), find_ancestors=find_ancestors)


def settle_findings(
    positive: Iterable[str],
    uncertain: Iterable[str],
    negative: Iterable[str],
    *,
    find_ancestors: Callable[[str], Iterable[str]] = known_ancestors,
) -> ReportFindings:
    """Free the findings of a report from contradictions as `join_readings` says; settled ones stay as they are.

    Args:
        positive (`Iterable[str]`):
            Names that a statement affirms.
        uncertain (`Iterable[str]`):
            Names that a statement doubts.
        negative (`Iterable[str]`):
            Names that a statement denies.
        find_ancestors (`Callable[[str], Iterable[str]]`):
            Gives the ancestors of a finding.

    Returns:
        `ReportFindings`: The findings by certainty.
    """
    affirmed, doubted, denied = set(positive), set(uncertain), set(negative)
    overruled = (affirmed & (doubted | denied)) | (doubted & denied)
    present = _close_upward(affirmed, find_ancestors)
    possible = _close_upward(doubted, find_ancestors) - present
    absent = denied - present - possible
    for verdict, opposite in ((ABNORMAL_FINDING, NORMAL_FINDING), (NORMAL_FINDING, ABNORMAL_FINDING)):
        if verdict in present and (opposite in present or opposite in possible):
            present.discard(opposite)
            possible.discard(opposite)
            absent.add(opposite)
            overruled.add(opposite)
    return ReportFindings(*(tuple(sorted(names)) for names in (present, possible, absent, overruled)))


def _close_upward(names: Iterable[str], find_ancestors: Callable[[str], Iterable[str]]) -> set[str]:
    """The names with all their ancestors."""
    closed = set(names)
    for name in tuple(closed):
        closed.update(find_ancestors(name))
    return closed


def name_findings(reports: Iterable[ReportFindings]) -> tuple[str, ...]:
    """Names, in alphabetical order, of the findings that are positive or uncertain in any report."""
    return tuple(sorted({name for stated in set(reports) for names in stated[:2] for name in names}))
