"""What the pipeline returns of long recordings: one answer per label, or how it went over time."""

from collections.abc import Iterator
from os import PathLike
from typing import Any

import numpy as np
import torch
from transformers.utils import logging

from ..pipeline_zero_shot_ecg import RECORD_ERRORS, check_labels
from .episodes import find_episodes
from .scan import BATCH_SIZE, Follow, Scan, scan
from .sources import UNNAMED
from .windows import aggregate_windows, make_plan


logger = logging.get_logger(__name__)

THRESHOLD = 0.5  # of an episode, where neither the caller nor the checkpoint says one
MEASURABLE = 0.5  # probability from which a number counts
RATE = "rate_per_min"
# What explains one strip has no meaning over many
OF_ONE_STRIP = ("return_attention", "explain")


def scan_recordings(classify: Any, recordings: Any, several: Any, **kwargs: Any) -> Any:
    """Answer for recordings of any length: what the pipeline does where `aggregate` is given.

    Args:
        classify (`ZeroShotEcgClassificationPipeline`):
            The pipeline.
        recordings (`Any`):
            One recording, as the pipeline takes it.
        several (`Any`):
            Several instead, which can be counted, or an iterator; `None` for one.
        kwargs:
            Options of the pipeline. `threshold` is the score from which an episode counts where the timeline is asked
            for, else the lowest score to return.

    Returns:
        `list[dict]` or `dict`: What the pipeline returns for a strip, and besides

        - for `aggregate="max"` `at_s`, when the window with the highest score begins, in seconds;
        - for `aggregate="timeline"` `at_s`, `timeline` (the score of each window, `None` where nothing was recorded),
          `start_s` (when each window begins), `window_s`, `stride_s`, `threshold` and `episodes`, see
          [`find_episodes`]; `score` is the highest;
        - for measurements, `timeline` (values), `timeline_sd`, `timeline_measurable`, `start_s`, `window_s` and
          `stride_s`; `value` and `sd` are the medians of the windows in which there is something to measure.

        A list or an iterator of these where `several` is one.

    Raises:
        TypeError: If an option is of a wrong kind.
        ValueError: If an option means nothing for long recordings, or a recording cannot be used.
    """
    answer = Answerer(classify, **kwargs)
    if several is None:
        return answer(recordings)
    if isinstance(several, Iterator):
        return (answer(each, f"Recording {index}") for index, each in enumerate(several))
    by_place = several.iloc if hasattr(several, "iloc") else several
    return [answer(by_place[index], f"Recording {index}") for index in range(len(several))]


class Answerer:
    """Answers for one recording after the other.

    Args:
        classify (`ZeroShotEcgClassificationPipeline`):
            The pipeline.
        follow (`Callable`, *optional*):
            Shows the progress over the windows of a recording.
        kwargs:
            Options of the pipeline.
    """

    def __init__(
        self, classify: Any, *, batch_size: int | None = None, follow: Follow | None = None, **kwargs: Any
    ) -> None:
        self.classify, self.follow, self.batch_size = classify, follow, batch_size or BATCH_SIZE
        kwargs.pop("num_workers", None)
        given = classify._sanitize_parameters(**kwargs)
        defaults = (classify._preprocess_params, classify._forward_params, classify._postprocess_params)
        reading, asking, choosing = ({**usual, **own} for usual, own in zip(defaults, given, strict=True))
        refused = next((name for name in OF_ONE_STRIP if asking.pop(name, None) or choosing.pop(name, None)), None)
        if refused:
            raise ValueError(
                f"`{refused}` explains one strip, and `aggregate` answers for many. Cut out the window that `at_s`"
                " names, and ask about that alone."
            )
        self.is_measuring = bool(asking.get("is_measuring"))
        if not self.is_measuring:  # what cannot be asked is refused before anything is read
            labels = check_labels(asking.get("candidate_labels"))
            self.composition = classify._compose(labels, asking.get("composed", "auto"), asking.get("definitions"))
        extractor = classify.feature_extractor
        self.plan = make_plan(
            *(reading.pop(name, None) for name in ("aggregate", "window_s", "stride_s")),
            strip_s=extractor.num_samples / extractor.sampling_rate,
            is_measuring=self.is_measuring,
        )
        self.on_error = reading.pop("on_error", "raise")
        self.reading, self.asking, self.choosing = reading, asking, choosing

    def __call__(self, recording: Any, place: str = "") -> Any:
        """What is returned of a recording; `None` where it was skipped."""
        found = self.scan(recording, place)
        return None if found is None else self.tell(found)

    def scan(self, recording: Any, place: str = "") -> Scan | None:
        """Every window of a recording; `None` where it was skipped."""
        try:
            found = scan(
                self.classify,
                recording,
                self.plan,
                reading=self.reading,
                asking=self.asking,
                place=place,
                batch_size=self.batch_size,
                follow=self.follow,
            )
        except RECORD_ERRORS as error:
            if self.on_error == "raise":
                raise
            name = str(recording) if isinstance(recording, str | PathLike) else place or UNNAMED
            logger.warning(f"{name} was skipped: {error}")
            return None
        if found.account.losses():
            logger.warning(found.account.line())
        return found

    def tell(self, found: Scan) -> Any:
        """What is returned of the windows of a recording."""
        return self._tell_numbers(found) if self.is_measuring else self._tell_scores(found)

    def follow_rate(self, found: Scan) -> dict[str, Any] | None:
        """The heart rate over time, as `measure` returns it; `None` where the model does not measure it."""
        keys = list(getattr(self.classify.model.config, "measurements", None) or ())
        return follow_number(found, keys.index(RATE)) if RATE in keys else None

    def _tell_scores(self, found: Scan) -> list[dict[str, Any]]:
        """A dictionary for each label, best first."""
        labels = self.asking["candidate_labels"]
        scores: Any = found.scores
        is_timeline, choosing = found.plan.aggregate == "timeline", dict(self.choosing)
        threshold = choosing.pop("threshold", None) if is_timeline else None
        overall = aggregate_windows(scores, found.plan.aggregate)
        outputs = {"scores": torch.tensor(overall)[None], "account": found.account, "failure": None}
        answers = self.classify.postprocess(outputs, **choosing)
        if found.plan.aggregate == "mean":
            return answers
        for answer in answers:
            column = scores[:, labels.index(answer["label"])]
            answer["at_s"] = float(found.starts_s[np.nanargmax(column)])
            if is_timeline:
                level = self._threshold(labels.index(answer["label"]), threshold)
                answer |= {"timeline": _or_none(column), **_times(found), "threshold": level}
                answer["episodes"] = find_episodes(
                    column, found.starts_s, found.stops_s, threshold=level, window_s=found.plan.window_s
                )
        return answers

    def _threshold(self, place: int, given: float | None) -> float:
        """The score from which a label is present: as the caller says, else as the checkpoint decides."""
        decisions = getattr(self.composition, "decisions", None) or {}
        decision = decisions[place] if decisions else None
        if given is None and decision is not None:
            return float(decision.thresholds[self.choosing.get("operating_point", "youden")].threshold)
        return THRESHOLD if given is None else float(given)

    def _tell_numbers(self, found: Scan) -> dict[str, Any]:
        """A dictionary for each measurement."""
        measured: Any = found.measured
        values, spreads, measurable = measured.transpose(1, 0, 2)  # (num_windows, num_measurements) each
        is_there = measurable >= MEASURABLE
        typical = [_median(each, is_there) for each in (values, spreads)]
        overall = torch.tensor(np.stack([*typical, np.nanmean(measurable, axis=0)]))
        outputs = {"measured": overall[None], "account": found.account, "failure": None}
        answers = self.classify.postprocess(outputs, **self.choosing)
        for column, key in enumerate(self.classify.model.config.measurements):
            answer = answers[key]
            for name in ("value", "sd"):
                answer[name] = None if np.isnan(answer[name]) else answer[name]
            answer |= follow_number(found, column)
        return answers


def follow_number(found: Scan, column: int) -> dict[str, Any]:
    """One measurement over time: values, standard deviations, and probabilities of being measurable."""
    measured: Any = found.measured
    names = ("timeline", "timeline_sd", "timeline_measurable")
    return {name: _or_none(measured[:, row, column]) for row, name in enumerate(names)} | _times(found)


def _times(found: Scan) -> dict[str, Any]:
    """Where the windows lie, in seconds."""
    return {
        "start_s": found.starts_s.tolist(),
        "window_s": found.plan.window_s,
        "stride_s": found.plan.stride_s,
    }


def _median(values: np.ndarray, is_there: np.ndarray) -> np.ndarray:
    """Median of the windows in which there is something to measure, `(num_measurements,)`; NaN where in none."""
    medians = np.full(values.shape[1], np.nan, np.float32)
    for column in np.flatnonzero(is_there.any(axis=0)):
        medians[column] = np.median(values[is_there[:, column], column])
    return medians


def _or_none(values: np.ndarray) -> list[float | None]:
    """Numbers as JSON knows them."""
    return [None if value != value else value for value in values.tolist()]
