"""SIGTERM as a request: a run that is told to end saves its state first."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


# What shells report of a process that SIGTERM ended; schedulers take it for "not finished", which is true
TERMINATED_EXIT_CODE = 128 + signal.SIGTERM


class StopSignal:
    """Remembers, while it is entered, whether SIGTERM has come, instead of ending the process.

    A second SIGTERM ends the process as usual.
    """

    def __init__(self) -> None:
        self.is_set = False
        self._previous: Any = None

    def __enter__(self) -> "StopSignal":
        if threading.current_thread() is threading.main_thread():  # Python allows no other thread to do this
            self._previous = signal.signal(signal.SIGTERM, self._remember)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._restore()

    def _remember(self, number: int, frame: FrameType | None) -> None:
        """Note the signal; the next one is not for us."""
        self.is_set = True
        self._restore()

    def _restore(self) -> None:
        """Give the signal back to whom it belonged."""
        if self._previous is not None:
            signal.signal(signal.SIGTERM, self._previous)
            self._previous = None
