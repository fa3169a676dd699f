"""`supreme info` and `supreme plot`: what is in a file, without any model."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ..ecg_files import read_ecg
from ..plotting import plot_comparison, plot_strip
from ..recordings import EcgRecording
from .arguments import InfoArguments, PlotArguments, ReadingArguments


def describe_files(arguments: InfoArguments, reading: ReadingArguments) -> None:
    """Say of each file what was read and what was not."""
    for name in arguments.files:
        try:
            recording = read_ecg(name, **reading.options)
        except (OSError, ValueError, ImportError) as error:
            if reading.on_error == "raise":
                raise
            sys.stderr.write(f"{name} was left out: {error}\n")
            continue
        account = recording.account.to_dict() | {"voltages_mv": _ranges(recording)}
        told = json.dumps(account, ensure_ascii=False) if arguments.json else "\n".join(_tell(recording))
        sys.stdout.write(f"{told}\n")


def _ranges(recording: EcgRecording) -> dict[str, list[float | None]]:
    """Lowest and highest voltage of each lead, in millivolts; `None` where nothing was recorded."""
    ranges: dict[str, list[float | None]] = {}
    for lead, row in zip(recording.leads, recording.strip_mv, strict=True):
        finite = row[np.isfinite(row)]
        ranges[lead] = [round(float(each(finite)), 3) if len(finite) else None for each in (np.min, np.max)]
    return ranges


def _tell(recording: EcgRecording) -> list[str]:
    """A file, for people."""
    account: Any = recording.account
    lines = [
        str(account.source),
        f"  leads      {', '.join(account.leads_used) or 'none'} of {', '.join(account.leads_found)}",
        f"  time       {account.seconds_used:.2f} of {account.seconds_found:.2f} s at"
        f" {account.sampling_rate_found:g} Hz",
        f"  unit       {account.unit} (from the {account.unit_from})",
    ]
    if account.leads_derived:
        lines.append(f"  computed   {', '.join(account.leads_derived)}")
    lines += [f"  not used   {phrase}" for phrase in account.losses()]
    for lead, (lowest, highest) in _ranges(recording).items():
        told = "not recorded" if lowest is None else f"{lowest:+.2f} to {highest:+.2f} mV"
        lines.append(f"  {lead:11}{told}")
    return lines


def plot_file(arguments: PlotArguments, reading: ReadingArguments) -> None:
    """Draw a file, or two of them on one page."""
    names = [arguments.file, *([arguments.compare] if arguments.compare else [])]
    recordings = [read_ecg(name, **reading.options) for name in names]
    output = Path(arguments.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    form: Any = {"layout": arguments.layout, "lead": arguments.lead, "mm_per_s": arguments.speed, "path": output}
    title = Path(arguments.file).name if arguments.title is None else arguments.title
    if arguments.compare:
        plot_comparison(*recordings, titles=(title, Path(arguments.compare).name), **form)
    else:
        (recording,) = recordings
        plot_strip(
            recording.strip_mv,
            sampling_rate=recording.sampling_rate,
            leads=recording.leads,
            title=title or None,
            **form,
        )
    for recording in recordings:
        if recording.account.losses():
            sys.stderr.write(f"{recording.account.line()}\n")
    sys.stdout.write(f"{output}\n")
