"""The account of a long recording, from those of its windows."""

from collections import Counter
from dataclasses import replace
from typing import Any

from ..leads import STANDARD_LEADS
from ..recordings import Account


MAX_REMARKS, OTHERS = 8, "others"  # of windows, that are told apart


class Tally:
    """Adds up what was used of each window; what overlapping windows share is counted in shares.

    Args:
        name (`str`):
            What messages call the recording.
        seconds (`float`):
            How long the recording lasts.
        window_s (`float`), stride_s (`float`):
            Length of a window, and the time from one to the next, in seconds.
    """

    def __init__(self, name: str, *, seconds: float, window_s: float, stride_s: float) -> None:
        self.name, self.seconds, self.window_s = name, seconds, window_s
        self.num_windows = self.num_used = 0
        self._share = min(1.0, stride_s / window_s)
        self._first: Account | None = None
        self._used: set[str] = set()
        self._derived: set[str] = set()
        self._left_out: Counter[str] = Counter()
        self._why: dict[str, str] = {}
        self._missing: Counter[str] = Counter()
        self._num_bridged = self._clipped = 0.0
        self._offsets: dict[str, float] = {}
        self._unusable: Counter[str] = Counter()
        self._problems: dict[str, str] = {}
        self._remarks: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._covered_s = self._covered_until_s = 0.0

    def add(self, account: Account, start_s: float) -> bool:
        """Count a window that begins at a time, unless none of its leads shows a heart; whether it is scored."""
        unusable = getattr(account, "unusable", {})
        if account.leads_used and set(account.leads_used) <= set(unusable):
            self.skip(ValueError(f"{account.leads_used[0]} is {unusable[account.leads_used[0]]}"))
            return False
        self._unusable.update(unusable.keys())
        self._problems = {**unusable, **self._problems}
        self.num_windows += 1
        self.num_used += 1
        self._first = self._first or account
        self._used |= set(account.leads_used)
        self._derived |= set(account.leads_derived)
        self._left_out.update(account.left_out.keys())
        self._why = {**account.left_out, **self._why}
        for lead, missing_s in account.seconds_missing.items():
            self._missing[lead] += self._share * missing_s  # pyright: ignore[reportArgumentType]
        self._num_bridged += self._share * account.num_bridged_samples
        self._clipped += account.share_clipped
        for lead, offset in account.offsets_removed_mv.items():
            self._offsets[lead] = max(offset, self._offsets.get(lead, 0.0), key=abs)
        for remark in account.remarks:
            _count(self._remarks, remark)
        stop_s = start_s + account.seconds_used
        self._covered_s += stop_s - max(start_s, min(self._covered_until_s, stop_s))
        self._covered_until_s = max(self._covered_until_s, stop_s)
        return True

    def skip(self, error: Exception) -> None:
        """Count a window without a score, and why it has none."""
        self.num_windows += 1
        what_happened = str(error).partition(". ")[0].rstrip(".")
        _count(self._reasons, what_happened.removeprefix(self.name).lstrip(": "))

    @property
    def reasons(self) -> str:
        """Why windows have no score."""
        if len(self._reasons) == 1:
            return next(iter(self._reasons))
        return ", ".join(f"{reason}: {count}" for reason, count in self._reasons.most_common())

    def account(self) -> Account:
        """The account of the recording; at least one window was scored."""
        first = self._first or Account()
        left_out = {name: self._why[name] for name, count in self._left_out.items() if count == self.num_used}
        for name, count in self._left_out.items():
            if name not in left_out and name in STANDARD_LEADS:
                self._missing[name] += self._share * self.window_s * count  # pyright: ignore[reportArgumentType]
        return replace(
            first,
            leads_used=tuple(lead for lead in STANDARD_LEADS if lead in self._used),
            leads_derived=tuple(lead for lead in STANDARD_LEADS if lead in self._derived),
            left_out=left_out,
            seconds_found=self.seconds,
            seconds_used=min(self._covered_s, self.seconds),
            start_s=0.0,
            num_bridged_samples=round(self._num_bridged),
            seconds_missing={lead: round(float(seconds), 3) for lead, seconds in self._missing.items()},
            offsets_removed_mv=self._offsets,
            share_clipped=self._clipped / max(1, self.num_used),
            remarks=tuple(self._told()),
            **self._quality(first),
        )

    def _quality(self, first: Account) -> dict[str, Any]:
        """Leads that show no heart in any window, where a checkpoint has them judged."""
        unusable = {lead: self._problems[lead] for lead, count in self._unusable.items() if count == self.num_used}
        return {"unusable": unusable} if hasattr(first, "unusable") else {}

    def _told(self) -> list[str]:
        """What was remarked of windows, and how many are without a score."""
        told = [
            remark if count == self.num_windows else f"{remark} ({count} of {self.num_windows} windows)"
            for remark, count in self._remarks.most_common()
        ]
        num_skipped = self.num_windows - self.num_used
        if num_skipped:
            told.append(f"{num_skipped} of {self.num_windows} windows without a score ({self.reasons})")
        return told


def _count(counts: Counter[str], text: str) -> None:
    """Count a text; of very many different ones, the first are told apart."""
    counts[text if text in counts or len(counts) < MAX_REMARKS else OTHERS] += 1
