"""How leads are laid out on a sheet, in the formats that cardiographs print."""

from collections.abc import Collection, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from ..leads import LIMB_LEADS, STANDARD_LEADS
from ..recordings import NEGLIGIBLE_S


LayoutName = Literal["3x4", "6x2", "12x1", "1x1"]
SPEEDS = (25.0, 50.0)  # mm/s
SHEET_S = 10.0
RHYTHM_LEADS = ("II", "V1", "V5", "I")  # the first that was recorded
PULSE_S, BESIDE_PULSE_MM = 0.2, 5.0  # the calibration pulse, and the room on either side of it
BELOW_RHYTHM_MM = 25.0


class Layout(NamedTuple):
    """A format.

    Attributes:
        rows (`tuple[tuple[str, ...], ...]`):
            The leads of each row, which follow each other in time; none in the format of one lead.
        row_height, reach (`float`):
            From one baseline to the next, and how far from its own a trace is drawn, in mm.
        name_up (`float`):
            How far above its baseline a lead's name stands, in mm.
        has_rhythm (`bool`):
            Whether one lead is drawn once more, over all of the time.
    """

    rows: tuple[tuple[str, ...], ...]
    row_height: float
    reach: float
    name_up: float
    has_rhythm: bool

    @property
    def num_rows(self) -> int:
        """With the rhythm strip."""
        return len(self.rows) + self.has_rhythm

    @property
    def column_s(self) -> float:
        """What a column shows, in seconds."""
        return SHEET_S / len(self.rows[0])

    @property
    def height(self) -> float:
        """Of the paper, in mm."""
        below = BELOW_RHYTHM_MM if self.has_rhythm else self.reach
        return self.reach + (self.num_rows - 1) * self.row_height + below

    def find_column_starts(self, duration_s: float) -> list[float]:
        """Where each column starts in a strip of a length, in seconds: of a short one, the last show its end."""
        last = max(0.0, min(duration_s, SHEET_S) - self.column_s)
        return [min(column * self.column_s, last) for column in range(len(self.rows[0]))]

    def note_duration(self, duration_s: float) -> list[str]:
        """Says which part of a strip a sheet shows, unless it is the usual one."""
        if duration_s > SHEET_S + NEGLIGIBLE_S:
            return [f"first {SHEET_S:g} s of {duration_s:.4g} s"]
        if duration_s > SHEET_S - NEGLIGIBLE_S:
            return []
        starts = ", ".join(f"{start:.3g}" for start in self.find_column_starts(duration_s))
        columns = f", columns start at {starts} s" if len(self.rows[0]) > 1 else ""
        return [f"{duration_s:.3g} s recorded{columns}"]


_LIMBS, _CHEST = tuple(LIMB_LEADS), STANDARD_LEADS[6:]
LAYOUTS: Mapping[str, Layout] = {
    "3x4": Layout(
        (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6")), 30, 30, 12.5, True
    ),
    "6x2": Layout(tuple(zip(_LIMBS, _CHEST, strict=True)), 20, 25, 8.0, True),
    "12x1": Layout(tuple((lead,) for lead in STANDARD_LEADS), 13, 16, 5.0, False),
}


class Trace(NamedTuple):
    """What is drawn of one lead from a time on, and where it starts on the page, in mm.

    `samples` are in mV from their median, and `None` if the lead was not recorded.
    """

    lead: str
    samples: np.ndarray | None
    left: float
    baseline: float
    start_s: float = 0.0
    duration_s: float = SHEET_S
    mm_per_s: float = SPEEDS[0]

    def place_of(self, seconds: float) -> float | None:
        """Where a time of the strip is on the page, in mm; `None` where this trace does not show it."""
        shown_s = seconds - self.start_s
        return self.left + shown_s * self.mm_per_s if 0 <= shown_s <= self.duration_s else None

    @property
    def peak_mv(self) -> float:
        """Largest distance from the baseline, in mV."""
        return 0.0 if self.samples is None else float(np.nanmax(np.abs(self.samples), initial=0.0))


class Content(NamedTuple):
    """What of a strip is drawn, and in which format.

    Attributes:
        rows (`dict[str, np.ndarray]`):
            The recorded and computed leads by name, in mV.
        sampling_rate (`float`):
            In Hz.
        duration_s (`float`):
            Of the strip, in seconds.
        layout ([`Layout`]):
            The format.
        mm_per_s (`float`):
            The speed of the paper.
    """

    rows: Mapping[str, np.ndarray]
    sampling_rate: float
    duration_s: float
    layout: Layout
    mm_per_s: float

    @property
    def width(self) -> float:
        """Of the paper, in mm."""
        return self.pulse_room + SHEET_S * self.mm_per_s

    @property
    def pulse_room(self) -> float:
        """Before the traces, in mm."""
        return PULSE_S * self.mm_per_s + 2 * BESIDE_PULSE_MM

    def lay_out(self, left: float, bottom: float) -> list[Trace]:
        """The traces on paper whose corner is there, in mm; the rhythm strip is the last."""
        layout, traces = self.layout, []
        first_left, first_baseline = left + self.pulse_room, bottom + layout.height - layout.reach
        starts = layout.find_column_starts(self.duration_s)
        for row, row_leads in enumerate(layout.rows):
            for column, (lead, start_s) in enumerate(zip(row_leads, starts, strict=True)):
                x = first_left + column * layout.column_s * self.mm_per_s
                y = first_baseline - row * layout.row_height
                traces.append(self._trace(lead, x, y, start_s, layout.column_s))
        if layout.has_rhythm:
            y = first_baseline - len(layout.rows) * layout.row_height
            traces.append(self._trace(choose_rhythm_lead(self.rows), first_left, y, 0.0, SHEET_S))
        return traces

    def _trace(self, lead: str, left: float, baseline: float, start_s: float, duration_s: float) -> Trace:
        samples = _cut_out(self.rows.get(lead), self.sampling_rate, start_s, duration_s)
        return Trace(lead, samples, left, baseline, start_s, duration_s, self.mm_per_s)


def find_layout(name: str, lead: str | None, rows: Collection[str]) -> Layout:
    """A format by its name.

    Args:
        name (`str`):
            `"3x4"`, `"6x2"`, `"12x1"`, or `"1x1"` for one lead.
        lead (`str`, *optional*):
            Which one; the usual one for rhythms by default.
        rows (`Collection[str]`):
            Leads that there are.

    Raises:
        ValueError: If there is no such format, or a lead is named for a format of twelve.
    """
    if name == "1x1":
        return Layout(((lead or choose_rhythm_lead(rows),),), 30, 30, 12.5, False)
    if name not in LAYOUTS:
        raise ValueError(f"There is no layout {name!r}. Choose one of {', '.join((*LAYOUTS, '1x1'))}.")
    if lead is not None:
        raise ValueError(f"`lead` is {lead!r}, and the layout {name} shows all leads. Choose the layout 1x1.")
    return LAYOUTS[name]


def choose_rhythm_lead(rows: Collection[str]) -> str:
    """The first lead that there is of those that show rhythms well, else the first one."""
    return next((lead for lead in (*RHYTHM_LEADS, *rows) if lead in rows), RHYTHM_LEADS[0])


def check_speed(mm_per_s: Any) -> float:
    """The speed of the paper, if cardiographs have it.

    Raises:
        ValueError: If it is another one.
    """
    if mm_per_s not in SPEEDS:
        raise ValueError(f"`mm_per_s` is {mm_per_s!r}. ECG paper runs at 25 or 50 mm/s: choose one of them.")
    return float(mm_per_s)


def _cut_out(row: np.ndarray | None, sampling_rate: float, start_s: float, duration_s: float) -> np.ndarray | None:
    """A stretch of a lead with its median at zero; `None` where it holds no voltage."""
    if row is None:
        return None
    first = round(start_s * sampling_rate)
    samples = row[first : first + round(duration_s * sampling_rate)]
    samples = np.where(np.isfinite(samples), samples, np.nan)
    return None if np.isnan(samples).all() else samples - np.nanmedian(samples)
