"""`supreme classify` and `supreme measure` with `--aggregate`: all of a long recording, window by window."""

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..ecg_index.sources import SourceRecord
from ..long_recordings import Answerer
from ..long_recordings.episodes import clock
from ..pipeline_zero_shot_ecg import CHOOSING_OPTIONS
from ..plotting import plot_timeline
from .answering import Answer, absolute, is_worker
from .arguments import ClassifyArguments, MeasureArguments, ModelArguments, ReadingArguments, ScanArguments
from .journal import Entry
from .progress import bar
from .recordings import NUMBERS, SCORES, Run, list_labels_asked, print_scores, score_rows, tell_score
from .sheets import draw, file_name


WINDOW = [pa.field("start_s", pa.float64()), pa.field("end_s", pa.float64())]
TIMELINES = pa.schema([*list(SCORES)[:2], *WINDOW, *list(SCORES)[2:5]])
NUMBERS_OVER_TIME = pa.schema([*list(NUMBERS)[:2], *WINDOW, *list(NUMBERS)[2:]])
HIGHEST = SCORES.append(pa.field("at_s", pa.float64()))
FEW_WINDOWS = 64  # that need no progress bar


@dataclass(frozen=True)
class WindowScores:
    """What findings score on windows.

    Attributes:
        labels (`Sequence[str]`):
            The findings.
        options (`dict`):
            Of the windows, of the answers, and of files that do not say.
        reading (`dict`):
            The last of these alone.
        plot (`str`, *optional*):
            Folder for drawings of the recordings.
    """

    labels: Sequence[str]
    options: dict[str, Any]
    reading: dict[str, Any]
    plot: str | None = None

    def prepare(self, classify: Any) -> Answer:
        """With the pipeline of a checkpoint."""
        scan = Answerer(classify, candidate_labels=self.labels, follow=_follow, **self.options)

        def answer(place: int, record: SourceRecord) -> Any:
            found = scan.scan(record.recording)
            if found is None:
                return None
            answers = scan.tell(found)
            if self.plot and answers:
                self._draw(record, Path(self.plot) / file_name(place, record.record_id), answers, scan, found)
            return answers

        return answer

    def _draw(self, record: SourceRecord, path: Path, answers: Any, scan: Answerer, found: Any) -> None:
        """A timeline, or a sheet."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.options["aggregate"] == "timeline":
            plot_timeline(answers, rate=scan.follow_rate(found), title=record.record_id, path=path)
        else:
            draw(record.recording, path, title=record.record_id, scores=answers, options=self.reading)


@dataclass(frozen=True)
class WindowNumbers:
    """What is measured on windows; `options` are of these and of files that do not say."""

    options: dict[str, Any]

    def prepare(self, classify: Any) -> Answer:
        """With the pipeline of a checkpoint."""
        classify.measure([], **self.options)  # refuses a checkpoint that measures nothing
        scan = Answerer(classify, is_measuring=True, follow=_follow, **self.options)
        return lambda _place, record: scan(record.recording)


def scan_scores(
    arguments: ClassifyArguments, model: ModelArguments, reading: ReadingArguments, scanning: ScanArguments
) -> None:
    """Score findings on windows of recordings."""
    labels = list_labels_asked(arguments)
    names = (name for name in CHOOSING_OPTIONS if hasattr(arguments, name))
    asked = {**{name: getattr(arguments, name) for name in names}, **reading.options, **scanning.options}
    asked["definitions"] = absolute(arguments.definitions)
    question = WindowScores(labels, asked, reading.options, absolute(arguments.plot))
    run = Run(arguments, model, reading, question, asked={"labels": labels, **asked}, records_per_part=1)
    if scanning.aggregate == "timeline":
        run.write(_window_rows, TIMELINES, _print_episodes)
    else:
        schema = HIGHEST if scanning.aggregate == "max" else SCORES
        run.write(partial(score_rows, schema=schema), schema, print_scores)


def scan_numbers(
    arguments: MeasureArguments, model: ModelArguments, reading: ReadingArguments, scanning: ScanArguments
) -> None:
    """Measure windows of recordings."""
    asked = {**reading.options, **scanning.options}
    run = Run(arguments, model, reading, WindowNumbers(asked), asked=asked, records_per_part=1)
    run.write(_number_rows, NUMBERS_OVER_TIME, _print_numbers)


def _follow(windows: Iterator[int], num_done: int, num_windows: int) -> None:
    """A progress bar over the windows of a recording, where there are many and somebody looks."""
    if num_windows > FEW_WINDOWS and not is_worker():
        bar("Windows", unit=" window")(windows, num_done, num_windows)
    else:
        deque(windows, maxlen=0)


def _window_rows(entry: Entry) -> list[dict[str, Any]]:
    """A row for each label and window; of a recording that was left out, one without a score."""
    if entry["answers"] is None:
        return [dict.fromkeys(TIMELINES.names) | {"record": entry["record"]}]
    return [
        {"record": entry["record"], **{name: answer[name] for name in ("label", "seen", "source")}, **window}
        for answer in entry["answers"]
        for window in _windows(answer, {"score": "timeline"})
    ]


def _number_rows(entry: Entry) -> list[dict[str, Any]]:
    """A row for each measurement and window; of a recording that was left out, one without a value."""
    if entry["answers"] is None:
        return [dict.fromkeys(NUMBERS_OVER_TIME.names) | {"record": entry["record"]}]
    columns = {"value": "timeline", "sd": "timeline_sd", "measurable": "timeline_measurable"}
    return [
        {"record": entry["record"], "measurement": key, "unit": answer["unit"], **window}
        for key, answer in entry["answers"].items()
        for window in _windows(answer, columns)
    ]


def _windows(answer: dict[str, Any], columns: dict[str, str]) -> Iterator[dict[str, Any]]:
    """What an answer says of each window, under the names of columns."""
    for place, start_s in enumerate(answer["start_s"]):
        numbers = {name: answer[key][place] for name, key in columns.items()}
        yield {"start_s": start_s, "end_s": start_s + answer["window_s"], **numbers}


def _print_episodes(entry: Entry) -> None:
    """A recording, its findings and when they were there, for people."""
    lines = [entry["record"]]
    for answer in entry["answers"] or ():
        lines += tell_score(answer)
        lines += [
            f"         {clock(each['start_s'])} to {clock(each['end_s'])}, up to {each['max_score']:.3f}"
            for each in answer["episodes"]
        ]
    sys.stdout.write("\n".join(lines) + "\n")


def _print_numbers(entry: Entry) -> None:
    """A recording and its numbers, for people: the median, and how far the middle nine tenths of the windows reach."""
    lines = [entry["record"]]
    for key, answer in (entry["answers"] or {}).items():
        known = sorted(
            value
            for value, measurable in zip(answer["timeline"], answer["timeline_measurable"], strict=True)
            if value is not None and measurable >= 0.5
        )
        if not known:
            lines.append(f"  {key:26}not measurable")
            continue
        low, high = known[len(known) // 20], known[-1 - len(known) // 20]
        lines.append(f"  {key:26}{answer['value']:10.3f} {answer['unit']}   {low:.3f} to {high:.3f}")
    sys.stdout.write("\n".join(lines) + "\n")
