"""`supreme classify` and `supreme measure`: recordings one by one, to the screen or to a table."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from transformers.utils import logging

from ..command_line.threads import say_threads
from ..ecg_index.encoder import load_classifier
from ..ecg_index.sources import RecordSource, SourceRecord, open_source
from ..pipeline_zero_shot_ecg import RECORD_ERRORS, check_labels
from .arguments import ClassifyArguments, MeasureArguments, ModelArguments, OutputArguments, ReadingArguments
from .journal import Entry, Journal
from .lists import read_list
from .progress import bar
from .sheets import draw, file_name


logger = logging.get_logger(__name__)

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
NUM_NAMED = 5  # recordings that were left out


def classify_recordings(arguments: ClassifyArguments, model: ModelArguments, reading: ReadingArguments) -> None:
    """Score findings on recordings."""
    given = read_list(arguments.list) if arguments.list else arguments.labels or []
    labels = check_labels(given[0] if len(given) == 1 else given)
    source, classify = open_source(arguments.recordings), load_classifier(model.model, **model.loading)
    say_threads()
    names = ("threshold", "top_k", "definitions", "operating_point")
    choice = {name: getattr(arguments, name) for name in names}
    choice |= {"explain": True} if arguments.explain else {}

    def answer(place: int, record: SourceRecord) -> Any:
        found = classify(record.recording, candidate_labels=labels, **choice, **reading.options)
        if arguments.plot:
            path = Path(arguments.plot) / file_name(place, record.record_id)
            draw(record.recording, path, title=record.record_id, scores=found, options=reading.options)
        return found

    run = Run(source, answer, reading, asked={"model": model.model, "labels": labels, **choice, **reading.options})
    run.write(arguments, _score_rows, SCORES, _print_scores)


def measure_recordings(arguments: MeasureArguments, model: ModelArguments, reading: ReadingArguments) -> None:
    """Measure recordings."""
    source, classify = open_source(arguments.recordings), load_classifier(model.model, **model.loading)
    say_threads()

    def answer(_place: int, record: SourceRecord) -> Any:
        return classify.measure(record.recording, **reading.options)

    run = Run(source, answer, reading, asked={"model": model.model, **reading.options})
    run.write(arguments, _number_rows, NUMBERS, _print_numbers)


class Run:
    """Recordings of a source, and what is answered of each."""

    def __init__(
        self,
        source: RecordSource,
        answer: Callable[[int, SourceRecord], Any],
        reading: ReadingArguments,
        *,
        asked: dict[str, Any],
    ) -> None:
        self.source, self._answer, self._reading = source, answer, reading
        self._asked = {"recordings": source.fingerprint(), **asked}
        self._skipped: list[str] = []

    def write(
        self,
        arguments: OutputArguments,
        to_rows: Callable[[Entry], list[dict[str, Any]]],
        schema: pa.Schema,
        show: Callable[[Entry], None],
    ) -> None:
        """To the file that was named, else to the screen."""
        table = arguments.csv or arguments.parquet
        if table is None:
            for entry in self._entries(set()):
                sys.stdout.write(json.dumps(entry, ensure_ascii=False) + "\n") if arguments.json else show(entry)
        else:
            journal = Journal(_check_suffix(table, ".csv" if arguments.csv else ".parquet"), self._asked)

            def work() -> Iterator[int]:
                for entry in self._entries(journal.done):
                    journal.add(entry)
                    yield 1

            bar("Answering")(work(), len(journal.done), self.source.num_records)
            self._skipped = [entry["record"] for entry in journal.entries() if entry["answers"] is None]
            num_rows = journal.finish(to_rows, schema)
            sys.stderr.write(f"{table} holds {num_rows} rows.\n")
        self._report()

    def _entries(self, done: set[str]) -> Iterator[dict[str, Any]]:
        """What is answered of every recording that is not done."""
        for place, record in enumerate(self.source.read(0, self.source.num_records)):
            if record.record_id in done:
                continue
            try:
                answers = self._answer(place, record)
            except RECORD_ERRORS as error:
                if self._reading.on_error == "raise":
                    raise
                logger.warning(f"{record.record_id} was left out: {error}")
                self._skipped.append(record.record_id)
                answers = None
            yield {"record": record.record_id, "answers": answers}

    def _report(self) -> None:
        """Count and name what was left out."""
        if self._skipped:
            more = "" if len(self._skipped) <= NUM_NAMED else f" and {len(self._skipped) - NUM_NAMED} more"
            sys.stderr.write(
                f"{len(self._skipped)} of {self.source.num_records} recordings were left out:"
                f" {', '.join(self._skipped[:NUM_NAMED])}{more}.\n"
            )


def _check_suffix(name: str, suffix: str) -> Path:
    """The path of a table, whose name says what it is."""
    path = Path(name)
    if path.suffix.lower() != suffix:
        raise ValueError(f"{path} is to be written with `--{suffix[1:]}`. Give it a name that ends in {suffix}.")
    return path


def _score_rows(entry: Entry) -> list[dict[str, Any]]:
    """A row for each label; of a recording that was left out, one without a score."""
    if entry["answers"] is None:
        return [dict.fromkeys(SCORES.names) | {"record": entry["record"]}]
    return [{"record": entry["record"], **_choose(answer, SCORES)} for answer in entry["answers"]]


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


def _print_scores(entry: Entry) -> None:
    """A recording and its findings, for people."""
    lines = [entry["record"]]
    for answer in entry["answers"] or ():
        source = "" if answer["source"] == "query" else f"   ({answer['source']})"
        verdict = f"{VERDICTS[answer['present']]:9}" if "present" in answer else ""
        lines.append(f"  {answer['score']:.3f}  {verdict}{answer['label']}{source}")
        if answer.get("reason"):
            lines.append(f"         {answer['reason']}")
        for each in answer.get("evidence", {}).get("statements", ()):
            lines.append(f"           {each['probability']:.2f}  {each['statement']}")
    sys.stdout.write("\n".join(lines) + "\n")


def _print_numbers(entry: Entry) -> None:
    """A recording and its numbers, for people."""
    lines = [entry["record"]]
    for key, answer in (entry["answers"] or {}).items():
        number = f"{answer['value']:10.3f} ± {answer['sd']:<8.3f} {answer['unit']}"
        lines.append(f"  {key:26}{number:40}measurable {answer['measurable']:.2f}")
    sys.stdout.write("\n".join(lines) + "\n")
