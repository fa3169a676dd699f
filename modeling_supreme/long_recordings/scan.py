"""One long recording through a model: its windows in batches, the scores of each, and the account of all."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch

from ..recordings import Account, NothingRecordedError
from .accounts import Tally
from .sources import LongRecording, open_recording
from .windows import Plan, Window, lay_windows


BATCH_SIZE = 64  # windows
NUMBERS = ("scores", "measured")
Follow = Callable[[Iterator[int], int, int], None]


@dataclass(frozen=True)
class Scan:
    """What a model says of each window of a recording.

    Attributes:
        plan ([`Plan`]):
            How the windows were laid.
        starts_s (`np.ndarray`), stops_s (`np.ndarray` of shape `(num_windows,)`):
            When each begins and ends, in seconds.
        scores (`np.ndarray` of shape `(num_windows, num_labels)`, *optional*):
            Probabilities of presence, in the order of the labels, NaN where nothing was recorded; `None` where only
            measurements were asked for.
        measured (`np.ndarray` of shape `(num_windows, 3, num_measurements)`, *optional*):
            Value, standard deviation, and probability that there is something to measure, NaN where nothing was
            recorded; `None` where the model has no measurement head.
        is_used (`np.ndarray` of shape `(num_windows,)`):
            False for windows without an answer.
        account ([`Account`]):
            Of the whole recording.
    """

    plan: Plan
    starts_s: np.ndarray
    stops_s: np.ndarray
    is_used: np.ndarray
    scores: np.ndarray | None
    measured: np.ndarray | None
    account: Account


def scan(
    classify: Any,
    recording: Any,
    plan: Plan,
    *,
    reading: Mapping[str, Any],
    asking: Mapping[str, Any],
    place: str = "",
    batch_size: int = BATCH_SIZE,
    follow: Follow | None = None,
) -> Scan:
    """Send the windows of a recording through a model.

    Every window is read, checked, filtered and scaled on its own, as a recording of its length is: its scores are
    those that the pipeline gives for that stretch alone, however many windows go through the model at once.

    Args:
        classify (`ZeroShotEcgClassificationPipeline`):
            Prepares strips and holds the model.
        recording (`Any`):
            What the pipeline takes.
        plan ([`Plan`]):
            How to lay the windows.
        reading (`Mapping`):
            `sampling_rate`, `leads` and `unit`, where given.
        asking (`Mapping`):
            What `_forward` of the pipeline takes besides the strips.
        place (`str`):
            What messages call a recording without a name.
        batch_size (`int`):
            Windows at once.
        follow (`Callable`, *optional*):
            Shows the progress: gets the numbers of windows that are done as they come, 0, and the number of all.

    Raises:
        ValueError: If no window can be used, and whatever reading the recording raises.
    """
    source = open_recording(recording, **reading, place=place)
    windows = lay_windows(source.num_samples, source.sampling_rate, plan)
    tally = Tally(source.name, seconds=source.seconds, window_s=plan.window_s, stride_s=plan.stride_s)
    answers = _Answers(len(windows))

    def work() -> Iterator[int]:
        prepared = _prepare(classify, source, windows, tally)
        while group := list(islice(prepared, batch_size)):
            answers.add(classify, group, asking)
            yield len(group)

    if follow is None:
        deque(work(), maxlen=0)
    else:
        follow(work(), 0, len(windows))
    if not tally.num_used:
        raise ValueError(
            f"{source.name}: none of its {len(windows)} windows can be scored ({tally.reasons}). Leave the record out,"
            " or read it again."
        )
    bounds = np.array([(each.first, each.first + each.num_samples) for each in windows]) / source.sampling_rate
    starts_s, stops_s = np.round(bounds, 3).T
    scores, measured = (answers.numbers.get(name) for name in NUMBERS)
    return Scan(plan, starts_s, stops_s, answers.is_used, scores, measured, tally.account())


class _Prepared(NamedTuple):
    """A window, and what the model takes of it; nothing where it cannot be used."""

    place: int
    inputs: dict[str, Any] | None


def _prepare(classify: Any, source: LongRecording, windows: Sequence[Window], tally: Tally) -> Iterator[_Prepared]:
    """What the model takes of each window, one after the other."""
    for place, window in enumerate(windows):
        inputs = None
        try:
            part = source.read(window.first, window.first + window.num_samples)
        except NothingRecordedError as error:
            tally.skip(error)
        else:
            try:
                inputs = classify.prepare_inputs(part, source.name)
            except ValueError as error:  # nothing but noise, or none of the model's leads, in this window
                tally.skip(error)
            else:
                inputs = inputs if tally.add(inputs["account"], window.first / source.sampling_rate) else None
        yield _Prepared(place, inputs)


class _Answers:
    """Numbers of the windows of a recording, as they come."""

    def __init__(self, num_windows: int) -> None:
        self.is_used = np.zeros(num_windows, bool)
        self.numbers: dict[str, np.ndarray] = {}

    def add(self, classify: Any, group: Sequence[_Prepared], asking: Mapping[str, Any]) -> None:
        """Ask the model about some windows."""
        places = [each.place for each in group if each.inputs is not None]
        if not places:
            return
        inputs = _join([each.inputs for each in group if each.inputs is not None])
        outputs = classify.forward(inputs, needs_numbers=True, **asking)  # such as the heart rate
        for name in NUMBERS:
            if name in outputs:
                values = outputs[name].float().numpy()
                empty = np.full((len(self.is_used), *values.shape[1:]), np.nan, np.float32)
                self.numbers.setdefault(name, empty)[places] = values
        self.is_used[places] = True


def _join(inputs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the model takes of several strips: tensors one after the other, and lists of notes."""
    columns = {name: [each[name] for each in inputs] for name in inputs[0]}
    return {
        name: torch.cat(values) if isinstance(values[0], torch.Tensor) else values for name, values in columns.items()
    }
