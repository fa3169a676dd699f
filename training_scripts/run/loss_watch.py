"""Stops a run whose loss is no number or explodes, and says with which records."""

import json
import math
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from modeling_supreme.output_files.atomic_files import write_text


# Steps whose median loss is compared with, and how many of them are needed before anything is called an explosion
LOSS_WINDOW, MIN_LOSS_WINDOW = 100, 20
NUM_SHOWN_RECORDS = 8


class LossWatch:
    """Compares the loss of each step with those before it.

    Args:
        max_ratio (`float`):
            A loss of more than so many times the median of the steps before is an explosion; 0 lets any loss pass that
            is a number.
        path (`Path`):
            Where the records of a step that failed are listed, if its folder exists.
    """

    def __init__(self, max_ratio: float, path: Path) -> None:
        self.max_ratio, self.path = max_ratio, path
        self._recent: deque[float] = deque(maxlen=LOSS_WINDOW)

    def check(self, step: int, loss: float, record_ids: Sequence[str]) -> None:
        """Take in the loss of a step.

        Raises:
            FloatingPointError: If it is no number, or explodes.
        """
        usual = float(np.median(self._recent)) if len(self._recent) >= MIN_LOSS_WINDOW else math.inf
        has_exploded = 0 < self.max_ratio * usual < loss
        if not math.isfinite(loss) or has_exploded:
            ratio = f", {loss / usual:.0f} times that of the steps before" if has_exploded else ""
            raise FloatingPointError(
                f"The loss is {loss:g} at step {step}{ratio}. Its records are {self._list(step, loss, record_ids)}."
                " Lower `--learning_rate`, look at the records, or resume from an earlier state; `--max_loss_ratio`"
                " says what is too much."
            )
        self._recent.append(loss)

    def _list(self, step: int, loss: float, record_ids: Sequence[str]) -> str:
        """Write down all records of a step, and name the first."""
        if self.path.parent.is_dir():
            content = {"step": step, "loss": str(loss), "record_ids": list(record_ids)}
            with suppress(OSError):  # a full disk is not to hide what happened
                write_text(self.path, json.dumps(content, indent=1) + "\n")
        shown, num_more = ", ".join(record_ids[:NUM_SHOWN_RECORDS]), len(record_ids) - NUM_SHOWN_RECORDS
        return f"{shown}{f' and {num_more} more' if num_more > 0 else ''}, all in {self.path}"
