"""Readings of a language model, kept as they arrive: what was paid for once is never asked for again.

`readings.jsonl` is only appended to, one line per answer, as soon as there is one: a killed run asks again what was
under way, and nothing else. A line that was left unfinished is passed over.
"""

import json
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, cast

from tqdm import tqdm

from datasets_scripts.extraction.readings.reading import Entity, Reading
from datasets_scripts.extraction.readings.rules import read_statement
from datasets_scripts.extraction.readings.statements import statement_key

from .backend import NOT_ASKED, Backend, BackendName, Refusal, fall_back
from .costs import Cost


logger = logging.getLogger(__name__)


class CachedBackend:
    """A backend that asks another one for what is not on file, and files each reading before handing it on.

    Args:
        backend (`Backend`):
            Who is asked.
        path (`Path`):
            File of the readings; made if need be.
        retry_failed (`bool`):
            Whether to ask again for statements that were left to the rules.
        show_progress (`bool`):
            Whether to show a progress bar.
    """

    def __init__(
        self, backend: Backend, path: Path, *, retry_failed: bool = False, show_progress: bool = False
    ) -> None:
        self.name: BackendName = backend.name
        self.model, self.prompt_version = backend.model, backend.prompt_version
        self._backend = backend
        self._path = path
        self._retry_failed = retry_failed
        self._show_progress = show_progress
        self._file: BinaryIO | None = None
        self._lock = threading.Lock()
        self._refusals: dict[str, Refusal] = {}
        self._readings = self._load()

    @property
    def cost(self) -> Cost:
        """What was spent so far."""
        return self._backend.cost

    def estimate(self, statements: Sequence[str]) -> Cost:
        """What it would cost to read the statements that are not on file."""
        return self._backend.estimate([spellings[0] for spellings in self._group_missing(statements).values()])

    def read(self, statements: Sequence[str]) -> Iterator[tuple[str, Reading]]:
        """Each statement with its reading: those on file first, then the others as they are answered.

        Spellings of one statement share a reading. A statement without a letter or digit is not asked about.
        """
        missing = self._group_missing(statements)
        for statement in statements:
            key = statement_key(statement)
            if key not in missing:
                yield statement, self._recall(statement, key)
        if not missing:
            return
        asked = [spellings[0] for spellings in missing.values()]
        bar = tqdm(total=len(asked), unit=" statements", disable=not self._show_progress)
        with self._open() as self._file, bar, closing(cast(Any, self._backend.read(asked))) as answers:
            for statement, reading in answers:
                key = statement_key(statement)
                self.note_reading(statement, reading)
                bar.update()
                for spelling in missing[key]:
                    yield spelling, reading

    def note_reading(self, statement: str, reading: Reading) -> None:
        """Write one reading to disk, unless it is there or nobody was asked."""
        key = statement_key(statement)
        if reading.problem.startswith(NOT_ASKED) or self._readings.get(key) is reading:
            return
        self._readings[key] = reading
        self._append(key, {**reading._asdict(), "entities": [entity._asdict() for entity in reading.entities]})

    def note_refusal(self, statement: str, refusal: Refusal) -> None:
        """Write to disk that an answer was paid for and could not be taken."""
        key = statement_key(statement)
        self._refusals[key] = refusal
        self._append(key, {"refusal": refusal._asdict()})

    def find_refusal(self, statement: str) -> Refusal | None:
        """Answers to a statement that could not be taken, if there were any."""
        return self._refusals.get(statement_key(statement))

    def _recall(self, statement: str, key: str) -> Reading:
        """The reading on file; where it was left to the rules, what they read today."""
        if not key:
            return read_statement(statement)
        reading = self._readings[key]
        return fall_back(statement, reading.problem) if reading.problem else reading

    def _group_missing(self, statements: Sequence[str]) -> dict[str, list[str]]:
        """Spellings of the statements that are to be asked about, by key."""
        missing: dict[str, list[str]] = {}
        for statement in statements:
            key = statement_key(statement)
            known = self._readings.get(key)
            if key and (known is None or (known.problem and self._retry_failed)):
                missing.setdefault(key, []).append(statement)
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
            raise RuntimeError(f"{self._path} is not open. Note answers while statements are read.")
        line = {"key": key, "asked": [self.name, self.model, self.prompt_version], **content}
        with self._lock:
            self._file.write(json.dumps(line, ensure_ascii=False).encode("utf-8") + b"\n")
            self._file.flush()
        os.fsync(self._file.fileno())

    def _load(self) -> dict[str, Reading]:
        """Readings on file that this backend, model and prompt gave; an answer is never replaced by a failure."""
        if not self._path.exists():
            return {}
        readings: dict[str, Reading] = {}
        num_broken = 0
        with self._path.open("rb") as file:
            for line in file:
                content = _parse_line(line)
                if content is None:
                    num_broken += bool(line.strip())
                    continue
                key = content["key"]
                if content["asked"] != [self.name, self.model, self.prompt_version]:
                    continue
                if "refusal" in content:
                    self._refusals[key] = Refusal(**content["refusal"])
                    continue
                reading = _read_line(content)
                if not (reading.problem and key in readings):
                    readings[key] = reading
        if num_broken:
            logger.warning("%s: passed over %d lines that a killed run left unfinished.", self._path, num_broken)
        return readings


def _parse_line(line: bytes) -> dict[str, Any] | None:
    """What a line of the file holds; `None` if it is no reading, or one that was not finished."""
    try:
        content = json.loads(line)
    except ValueError:
        return None
    if not isinstance(content, dict) or not {"asked", "key"} <= content.keys():
        return None
    if "refusal" in content:
        refusal = content["refusal"]
        return content if isinstance(refusal, dict) and refusal.keys() == set(Refusal._fields) else None
    if not set(Reading._fields) <= content.keys():
        return None
    entities = content["entities"]
    is_whole = isinstance(entities, list) and all(
        isinstance(entity, dict) and entity.keys() == set(Entity._fields) for entity in entities
    )
    return content if is_whole else None


def _read_line(content: dict[str, Any]) -> Reading:
    """The reading of a line."""
    fields = {name: content[name] for name in Reading._fields}
    return Reading(**{**fields, "entities": tuple(Entity(**entity) for entity in content["entities"])})
