"""What is asked of the recordings of a source, in this process or in others, which load the checkpoint themselves."""

import json
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import torch
from transformers.utils import logging

from ..ecg_index.build import one_thread
from ..ecg_index.encoder import load_classifier
from ..ecg_index.sources import RecordSource, SourceRecord
from ..output_files.disk import told_when_refused
from ..pipeline_zero_shot_ecg import RECORD_ERRORS
from .journal import GOES_ON, Entry, Part


logger = logging.get_logger(__name__)

Answer = Callable[[int, SourceRecord], Any]


class Question(Protocol):
    """What is asked of each recording; it travels to other processes."""

    def prepare(self, classify: Any) -> Answer:
        """What answers for a recording, given its place and the recording, with the pipeline of a checkpoint."""
        ...


@dataclass(frozen=True)
class Answering:
    """What answering takes; each process loads the checkpoint for itself.

    Attributes:
        source ([`RecordSource`]):
            The recordings.
        question ([`Question`]):
            What is asked of each.
        model (`str`):
            Folder or Hub id.
        loading (`dict`):
            What [`load_classifier`] takes besides.
        on_error (`"raise"` or `"skip"`):
            Whether a recording that cannot be used ends the run.
        run (`str`):
            Of one command: a worker that outlives it loads anew, since the files of a checkpoint may have changed.
    """

    source: RecordSource
    question: Question
    model: str
    loading: dict[str, Any] = field(default_factory=dict)
    on_error: str = "raise"
    run: str = field(default_factory=lambda: uuid4().hex)

    def prepare(self) -> Answer:
        """What answers in this process; it is made once."""
        with _preparing, one_thread(torch.device("cpu")):
            if self.run not in _prepared:
                _prepared.clear()
                _prepared[self.run] = self.question.prepare(load_classifier(self.model, **self.loading))
            return _prepared[self.run]

    def answer(self, start: int, stop: int) -> Iterator[Entry]:
        """What is answered of the recordings from `start` on, before `stop`; `None` of those that are left out."""
        answer = self.prepare()
        for place, record in enumerate(self.source.read(start, stop), start=start):
            try:
                answers = answer(place, record)
            except RECORD_ERRORS as error:
                if self.on_error == "raise":
                    raise
                logger.warning(f"{record.record_id} was left out: {error}")
                answers = None
            yield {"record": record.record_id, "answers": answers}


_prepared: dict[str, Answer] = {}
_preparing = threading.Lock()  # threads of one worker of a cluster share what is loaded


def write_part(answering: Answering, part: Part) -> int:
    """Answer a part of the recordings and write it, whole or not at all; returns their number.

    With one thread, since how many there are decides about the last bits of some sums. The temporary file has a name
    of its own: a worker of a cluster may still write the part of a run that was killed.
    """
    with one_thread(torch.device("cpu")):
        lines = [f"{json.dumps(entry, ensure_ascii=False)}\n" for entry in answering.answer(part.start, part.stop)]
    unfinished = part.path.with_name(f"{part.path.name}.{uuid4().hex}")
    try:
        with told_when_refused("Answers", part.path.parent, GOES_ON):
            unfinished.write_text("".join(lines), encoding="utf-8")
            unfinished.replace(part.path)
    finally:
        unfinished.unlink(missing_ok=True)
    return part.stop - part.start


def is_worker() -> bool:
    """Whether this process was started by another one to work for it, and has no screen of its own."""
    return multiprocessing.parent_process() is not None


def absolute(path: str | None) -> str | None:
    """A path for processes that were started in another folder."""
    return None if path is None else str(Path(path).resolve())
