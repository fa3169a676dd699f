"""The last line of a command that wrote something: what, and what to do next."""

import os
from collections.abc import Sequence


def closing_line(written: Sequence[str | os.PathLike], next_step: str) -> str:
    """What was written, and what to do next.

    Args:
        written (`Sequence[str | PathLike]`):
            Files or folders, at least one.
        next_step (`str`):
            What to do, as an imperative without its full stop; a command stands in backquotes.

    Example:
        >>> closing_line(["labels", "page.html"], "open page.html")
        'Wrote labels and page.html. Next: open page.html.'
    """
    *others, last = map(str, written)
    listed = f"{', '.join(others)} and {last}" if others else last
    return f"Wrote {listed}. Next: {next_step}."
