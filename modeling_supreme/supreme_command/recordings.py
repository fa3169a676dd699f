"""`supreme classify` and `supreme measure`: recordings one by one to the screen, or side by side to a table."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..command_line.closing import closing_line
from ..command_line.threads import Threads, say_threads
from ..ecg_index.sources import SourceRecord, open_source
from ..long_recordings.episodes import clock
from ..output_files.workers import work_through
from ..pipeline_zero_shot_ecg import check_labels
from .answering import Answer, Answering, Question, absolute, write_part
from .arguments import ClassifyArguments, MeasureArguments, ModelArguments, OutputArguments, ReadingArguments
from .journal import Entry, Journal, Part
from .lists import read_list
from .progress import bar
from .sheets import draw, file_name


RECORDS_PER_PART = 32  # a second or two of work, and a small file

SCORES = pa.schema(
    {
        "record": pa.string(),
        "label": pa.string(),
        "score": pa.float64(),
        "seen": pa.bool_(),
        "source": pa.string(),
        "present": pa.bool_(),  # empty with a reason where it is left open, and without one where nothing was fitted
        "reason": pa.string(),
    }
)
NUMBERS = pa.schema(
    {
        "record": pa.string(),
        "measurement": pa.string(),
        "value": pa.float64(),
        "sd": pa.float64(),
        "measurable": pa.float64(),
        "unit": pa.string(),
    }
)
VERDICTS = {True: "present", False: "absent", None: "?"}
MANY_LABELS = 1000  # that are read for seconds before the first answer
NUM_NAMED = 5  # recordings that were left out


@dataclass(frozen=True)
class Scores:
    """What findings score.

    Attributes:
        labels (`Sequence[str]`):
            The findings.
        choice (`dict`):
            Which of the answers are given, and with what.
        reading (`dict`):
            `sampling_rate`, `leads` and `unit` of files that do not say.
        plot (`str`, *optional*):
            Folder for sheets of the recordings.
    """

    labels: Sequence[str]
    choice: dict[str, Any]
    reading: dict[str, Any]
    plot: str | None = None

    def prepare(self, classify: Any) -> Answer:
        """With the pipeline of a checkpoint."""

        def answer(place: int, record: SourceRecord) -> Any:
            found = classify(record.recording, candidate_labels=self.labels, **self.choice, **self.reading)
            if self.plot:
                path = Path(self.plot) / file_name(place, record.record_id)
                draw(record.recording, path, title=record.record_id, scores=found, options=self.reading)
            return found

        return answer


@dataclass(frozen=True)
class Numbers:
    """What is measured; `reading` is of files that do not say."""

    reading: dict[str, Any]

    def prepare(self, classify: Any) -> Answer:
        """With the pipeline of a checkpoint."""
        return lambda _place, record: classify.measure(record.recording, **self.reading)


def classify_recordings(arguments: ClassifyArguments, model: ModelArguments, reading: ReadingArguments) -> None:
    """Score findings on recordings."""
    labels = list_labels_asked(arguments)
    if len(labels) >= MANY_LABELS:
        sys.stderr.write(f"{len(labels)} labels are read once, some milliseconds each, before the first answer.\n")
    names = ("threshold", "top_k", "operating_point")
    choice = {name: getattr(arguments, name) for name in names} | {"definitions": absolute(arguments.definitions)}
    choice |= {"explain": True} if arguments.explain else {}
    question = Scores(labels, choice, reading.options, absolute(arguments.plot))
    run = Run(arguments, model, reading, question, asked={"labels": labels, **choice, **reading.options})
    run.write(score_rows, SCORES, print_scores)


def measure_recordings(arguments: MeasureArguments, model: ModelArguments, reading: ReadingArguments) -> None:
    """Measure recordings."""
    run = Run(arguments, model, reading, Numbers(reading.options), asked=reading.options)
    run.write(_number_rows, NUMBERS, _print_numbers)


def list_labels_asked(arguments: ClassifyArguments) -> list[str]:
    """The findings of `--labels` or `--list`."""
    given = read_list(arguments.list) if arguments.list else arguments.labels or []
    return check_labels(given[0] if len(given) == 1 else given)


class Run:
    """What is asked of the recordings that a command line names, and where the answers go.

    Args:
        arguments ([`OutputArguments`]), model ([`ModelArguments`]), reading ([`ReadingArguments`]):
            Of the command.
        question ([`Question`]):
            What is asked of each recording.
        asked (`dict`):
            What decides about the answers besides recordings and checkpoint.
        records_per_part (`int`):
            How many are answered before they are written down.
    """

    def __init__(
        self,
        arguments: OutputArguments,
        model: ModelArguments,
        reading: ReadingArguments,
        question: Question,
        *,
        asked: dict[str, Any],
        records_per_part: int | None = None,
    ) -> None:
        source: Any = open_source(arguments.recordings)
        source = replace(source, root=source.root.resolve())  # for workers that were started in another folder
        name = absolute(model.model) or "" if Path(model.model).is_dir() else model.model
        self._arguments, self._records_per_part = arguments, records_per_part or RECORDS_PER_PART
        self._answering = Answering(source, question, name, model.loading, reading.on_error)
        self._asked = {"recordings": source.fingerprint(), "model": name, "revision": model.revision, **asked}
        self._num_records: int = source.num_records
        self._answering.prepare()  # refuses what cannot be asked

    def write(
        self, to_rows: Callable[[Entry], list[dict[str, Any]]], schema: pa.Schema, show: Callable[[Entry], None]
    ) -> None:
        """To the file that was named, else to the screen."""
        table = self._arguments.csv or self._arguments.parquet
        if table is None:
            self._print(show)
            return
        path = _check_suffix(table, ".csv" if self._arguments.csv else ".parquet")
        sys.stderr.write(
            f"{Threads(1, 'in each process, so that the table does not depend on their number').line()}\n"
        )
        journal = Journal(path, self._asked, num_records=self._num_records, records_per_part=self._records_per_part)
        with journal:
            self._work_through(journal.find_missing())
            skipped = [entry["record"] for entry in journal.entries() if entry["answers"] is None]
            num_rows = journal.finish(to_rows, schema)
        sys.stderr.write(f"{table} holds {num_rows} rows.\n")
        self._report(skipped)

    def _print(self, show: Callable[[Entry], None]) -> None:
        """Answers as they come."""
        say_threads()
        skipped = []
        for entry in self._answering.answer(0, self._num_records):
            sys.stdout.write(json.dumps(entry, ensure_ascii=False) + "\n") if self._arguments.json else show(entry)
            skipped += [entry["record"]] if entry["answers"] is None else []
        self._report(skipped)

    def _work_through(self, missing: Sequence[Part]) -> None:
        """Answer what is missing, wherever that is done."""
        progress = work_through(
            write_part,
            self._answering,
            missing,
            num_proc=min(self._arguments.num_proc, len(missing)),
            dask_scheduler=self._arguments.dask_scheduler,
            start_method="spawn",
        )
        num_missing = sum(part.stop - part.start for part in missing)
        bar("Answering")(progress, self._num_records - num_missing, self._num_records)

    def _report(self, skipped: Sequence[str]) -> None:
        """Count and name what was left out, and say what was written."""
        if skipped:
            more = "" if len(skipped) <= NUM_NAMED else f" and {len(skipped) - NUM_NAMED} more"
            sys.stderr.write(
                f"{len(skipped)} of {self._num_records} recordings were left out:"
                f" {', '.join(skipped[:NUM_NAMED])}{more}.\n"
            )
        sheets = getattr(self._arguments, "plot", None)
        written = [name for name in (self._arguments.csv, self._arguments.parquet, sheets) if name]
        if written:
            asking = "to ask more of the same recordings, read them once with `supreme index`"
            next_step = f"look at the sheets in {sheets}" if sheets else asking
            sys.stderr.write(f"{closing_line(written, next_step)}\n")


def _check_suffix(name: str, suffix: str) -> Path:
    """The path of a table, whose name says what it is."""
    path = Path(name)
    if path.suffix.lower() != suffix:
        raise ValueError(f"{path} is to be written with `--{suffix[1:]}`. Give it a name that ends in {suffix}.")
    return path


def score_rows(entry: Entry, schema: pa.Schema = SCORES) -> list[dict[str, Any]]:
    """A row for each label; of a recording that was left out, one without a score."""
    if entry["answers"] is None:
        return [dict.fromkeys(schema.names) | {"record": entry["record"]}]
    return [{"record": entry["record"], **_choose(answer, schema)} for answer in entry["answers"]]


def _number_rows(entry: Entry) -> list[dict[str, Any]]:
    """A row for each measurement; of a recording that was left out, one without a value."""
    if entry["answers"] is None:
        return [dict.fromkeys(NUMBERS.names) | {"record": entry["record"]}]
    return [
        {"record": entry["record"], "measurement": key, **_choose(answer, NUMBERS)}
        for key, answer in entry["answers"].items()
    ]


def _choose(answer: dict[str, Any], schema: pa.Schema) -> dict[str, Any]:
    """What of an answer has a column."""
    return {name: answer[name] for name in schema.names if name in answer}


def print_scores(entry: Entry) -> None:
    """A recording and its findings, for people."""
    lines = [entry["record"], *(line for answer in entry["answers"] or () for line in tell_score(answer))]
    sys.stdout.write("\n".join(lines) + "\n")


def tell_score(answer: Mapping[str, Any]) -> list[str]:
    """A finding in lines: its score, the time of the highest one, and whether it is present or why that is open."""
    when = f"at {clock(answer['at_s'])}  " if "at_s" in answer else ""
    source = "" if answer["source"] == "query" else f"   ({answer['source']})"
    verdict = f"{VERDICTS[answer['present']]:9}" if "present" in answer else ""
    lines = [f"  {answer['score']:.3f}  {when}{verdict}{answer['label']}{source}"]
    if answer.get("reason"):
        lines.append(f"         {answer['reason']}")
    evidence = answer.get("evidence", {})
    lines += [f"           {each['probability']:.2f}  {each['statement']}" for each in evidence.get("statements", ())]
    if evidence.get("by_definition") is not None:
        lines.append(f"           {evidence['by_definition']:.2f}  by its definition; its own query answers")
    return lines


def _print_numbers(entry: Entry) -> None:
    """A recording and its numbers, for people."""
    lines = [entry["record"]]
    for key, answer in (entry["answers"] or {}).items():
        number = f"{answer['value']:10.3f} ± {answer['sd']:<8.3f} {answer['unit']}"
        lines.append(f"  {key:26}{number:40}measurable {answer['measurable']:.2f}")
    sys.stdout.write("\n".join(lines) + "\n")
