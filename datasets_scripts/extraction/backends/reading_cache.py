"""Answers of a language model, kept as they arrive: what was paid for once is never asked for again.

The file is only appended to, one line per answer, as soon as there is one: a killed run asks again what was
under way, and nothing else. A line that was left unfinished is passed over.
"""

import json
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, Generic, cast

from tqdm import tqdm

from .backend import NOT_ASKED, Backend, BackendName, Refusal
from .costs import Cost
from .task import Asked, Filing, Question, Result


logger = logging.getLogger(__name__)


class CachedBackend(Generic[Question, Result]):
    """A backend that asks another one for what is not on file, and files each answer before handing it on.

    Args:
        backend (`Backend`):
            Who is asked.
        task (`Filing`):
            How the answers are kept.
        path (`Path`):
            File of the answers; made if need be.
        retry_failed (`bool`):
            Whether to ask again what there was no usable answer to.
        show_progress (`bool`):
            Whether to show a progress bar.
    """

    def __init__(
        self,
        backend: Backend[Question, Result],
        task: Filing[Question, Result],
        path: Path,
        *,
        retry_failed: bool = False,
        show_progress: bool = False,
    ) -> None:
        self.name: BackendName = backend.name
        self.model, self.prompt_version = backend.model, backend.prompt_version
        self._asked = Asked(self.name, self.model, self.prompt_version)
        self._backend = backend
        self._task = task
        self._path = path
        self._retry_failed = retry_failed
        self._show_progress = show_progress
        self._file: BinaryIO | None = None
        self._lock = threading.Lock()
        self._refusals: dict[str, tuple[Refusal, ...]] = {}
        self._results = self._load()

    @property
    def cost(self) -> Cost:
        """What was spent so far."""
        return self._backend.cost

    def estimate(self, questions: Sequence[Question]) -> Cost:
        """What it would cost to ask the questions whose answers are not on file."""
        return self._backend.estimate([alike[0] for alike in self._group_missing(questions).values()])

    def read(self, questions: Sequence[Question]) -> Iterator[tuple[Question, Result]]:
        """Each question with its answer: those on file first, then the others as they are answered.

        Questions with one key share an answer. One without a key is not asked.
        """
        missing = self._group_missing(questions)
        for question in questions:
            key = self._task.key(question)
            if key not in missing:
                yield question, self._recall(question, key)
        if not missing:
            return
        asked = [alike[0] for alike in missing.values()]
        bar = tqdm(total=len(asked), unit=f" {self._task.questions}", disable=not self._show_progress)
        with self._open() as self._file, bar, closing(cast(Any, self._backend.read(asked))) as answers:
            for question, result in answers:
                self.note_result(question, result)
                bar.update()
                for alike in missing[self._task.key(question)]:
                    yield alike, result

    def note_result(self, question: Question, result: Result) -> None:
        """Write one answer to disk, unless it is there or nobody was asked."""
        key = self._task.key(question)
        if result.problem.startswith(NOT_ASKED) or self._results.get(key) is result:
            return
        self._results[key] = result
        self._append(key, self._task.write(result))

    def note_refusal(self, question: Question, refusal: Refusal) -> None:
        """Write to disk that an answer was paid for and could not be taken."""
        key = self._task.key(question)
        self._refusals[key] = (*self._refusals.get(key, ()), refusal)
        self._append(key, {"refusal": refusal._asdict()})

    def find_refusals(self, question: Question) -> tuple[Refusal, ...]:
        """Answers to a question that could not be taken, the last one last."""
        return self._refusals.get(self._task.key(question), ())

    def _recall(self, question: Question, key: str) -> Result:
        """The answer on file; where there was none, today's stopgap."""
        result = self._results[key] if key else self._task.fall_back(question, "")
        return self._task.fall_back(question, result.problem) if result.problem else result

    def _group_missing(self, questions: Sequence[Question]) -> dict[str, list[Question]]:
        """The questions that are to be asked, by key."""
        missing: dict[str, list[Question]] = {}
        for question in questions:
            key = self._task.key(question)
            known = self._results.get(key)
            if key and (known is None or (known.problem and self._retry_failed)):
                missing.setdefault(key, []).append(question)
        return missing

    def _open(self) -> BinaryIO:
        """The file, ready to append whole lines to."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("ab+")
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")  # ends the line that a killed run left unfinished
        return file

    def _append(self, key: str, content: dict[str, Any]) -> None:
        """Write a line at once; threads that wait for the disk do so together."""
        if self._file is None:
            raise RuntimeError(f"{self._path} is not open. Note answers while questions are asked.")
        line = {"key": key, "asked": list(self._asked), **content}
        with self._lock:
            self._file.write(json.dumps(line, ensure_ascii=False).encode("utf-8") + b"\n")
            self._file.flush()
        os.fsync(self._file.fileno())

    def _load(self) -> dict[str, Result]:
        """Answers on file that this backend, model and prompt gave; none is ever replaced by a failure."""
        if not self._path.exists():
            return {}
        results: dict[str, Result] = {}
        num_broken = 0
        with self._path.open("rb") as file:
            for line in file:
                content = _parse_line(line)
                if content is None:
                    num_broken += bool(line.strip())
                elif content["asked"] == list(self._asked):
                    num_broken += not self._take(content, results)
        if num_broken:
            logger.warning("%s: passed over %d lines that a killed run left unfinished.", self._path, num_broken)
        return results

    def _take(self, content: dict[str, Any], results: dict[str, Result]) -> bool:
        """Take over what a line holds; `False` if that is not whole."""
        key = content["key"]
        if "refusal" in content:
            refusal = _read_refusal(content["refusal"])
            if refusal is not None:
                self._refusals[key] = (*self._refusals.get(key, ()), refusal)
            return refusal is not None
        result = self._task.read(content)
        if result is not None and not (result.problem and key in results):
            results[key] = result
        return result is not None


def _parse_line(line: bytes) -> dict[str, Any] | None:
    """What a line of the file holds; `None` if it is no answer to a question, or one that was not finished."""
    try:
        content = json.loads(line)
    except ValueError:
        return None
    return content if isinstance(content, dict) and {"asked", "key"} <= content.keys() else None


def _read_refusal(content: Any) -> Refusal | None:
    """A refusal as it was kept, by earlier versions without position and text; `None` if it is not whole."""
    required = set(Refusal._fields) - set(Refusal._field_defaults)
    is_whole = isinstance(content, dict) and required <= content.keys() <= set(Refusal._fields)
    return Refusal(**content) if is_whole else None
