"""Answers for the page: recordings are read, asked about, explained and followed over time, without any browser.

A pipeline remembers what it was last asked, so that one visitor at a time may use it. Recordings of hours have a
pipeline of their own, behind which nobody with ten seconds waits.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..composition import Composition
from ..ecg_files import read_ecg
from ..ecg_index.encoder import load_classifier
from ..feature_extraction_supreme import RESAMPLING_MARGIN_S, load_recording
from ..leads import STANDARD_LEADS
from ..long_recordings import Answerer
from ..pipeline_zero_shot_ecg import RECORD_ERRORS, check_labels
from ..recordings import Account, EcgRecording


LONG_STRIPS = 2  # of so many strips and more, windows are scored
MOST_LABEL_CHARACTERS = 300
DEFAULT_THRESHOLD = 0.5  # of what was asked in numbers
TOLD_MEASUREMENTS = ("rate_per_min", "pr_ms", "qrs_ms", "qt_ms", "qtc_ms", "axis_deg")
MEASURABLE = 0.5  # probability from which a number is told
MOST_SAMPLES = 2 * 10**8  # of a recording in memory

Follow = Callable[[int, int], None]


@dataclass(frozen=True)
class Limits:
    """What one visitor may ask of the machine.

    Attributes:
        upload_mb (`int`):
            Size of a file, in megabytes.
        answer_s (`float`):
            Time for one long recording, in seconds.
        most_labels (`int`):
            Findings asked for at once.
    """

    upload_mb: int = 200
    answer_s: float = 300.0
    most_labels: int = 200


@dataclass(frozen=True)
class Case:
    """A recording on the desk.

    Attributes:
        path (`Path`):
            Its file.
        name (`str`):
            What people call it.
        recording ([`EcgRecording`]):
            Its first strip.
        reading (`dict[str, Any]`):
            `sampling_rate`, `leads` and `unit`, where the file does not say.
        is_long (`bool`):
            Whether windows are scored.
    """

    path: Path
    name: str
    recording: EcgRecording
    reading: Mapping[str, Any] = field(default_factory=dict)
    is_long: bool = False

    @property
    def account(self) -> Account:
        """What was read of the file."""
        return self.recording.account


@dataclass(frozen=True)
class Reply:
    """What was answered about a case.

    Attributes:
        case ([`Case`]):
            The recording.
        leads (`tuple[str, ...]`):
            Those that the answer was to take, if not all.
        findings (`list[dict[str, Any]]`):
            As the pipeline returns them, best first, each with its `threshold`, and `None` where there is none.
        account ([`Account`]):
            What the model saw.
        measured (`dict[str, dict]`):
            The usual numbers, as far as there is something to measure.
        rate (`dict`, *optional*):
            Of a long recording, the heart rate over time.
    """

    case: Case
    leads: tuple[str, ...]
    findings: list[dict[str, Any]]
    account: Account
    measured: Mapping[str, Any] = field(default_factory=dict)
    rate: Mapping[str, Any] | None = None

    @property
    def is_timeline(self) -> bool:
        """Whether windows were scored."""
        return any("timeline" in finding for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """As JSON knows it; files are named without their folder."""
        return {
            "record": self.case.name,
            "leads_asked": list(self.leads) or "all",
            "answers": [
                {name: value for name, value in finding.items() if name != "account"} for finding in self.findings
            ],
            "measurements": dict(self.measured),
            "account": self.account.to_dict() | {"source": self.case.name},
            "notice": "Research only: this is no medical device.",
        }


class _Booth:
    """A pipeline that one visitor at a time may use; it is loaded when it is first needed."""

    def __init__(self, load: Callable[[], Any]) -> None:
        self._load, self._lock, self._classify = load, threading.Lock(), None

    @contextmanager
    def enter(self) -> Iterator[Any]:
        """The pipeline, once it is free."""
        with self._lock:
            if self._classify is None:
                self._classify = self._load()
            yield self._classify


class Desk:
    """Answers with one checkpoint.

    Args:
        model (`str` or pipeline):
            Folder or Hub id.
        revision (`str`, *optional*), device (`str`, *optional*):
            As [`load_classifier`] takes them.
        limits ([`Limits`]):
            What one visitor may ask.
    """

    def __init__(
        self,
        model: Any,
        *,
        revision: str | None = None,
        device: str | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits or Limits()

        def load() -> Any:
            return load_classifier(model, revision=revision, device=device)

        self._strips, self._hours = _Booth(load), _Booth(load)
        with self._strips.enter() as classify:  # what is wrong with a checkpoint is said at the start
            self.config = classify.model.config
            extractor = classify.feature_extractor
            self.strip_s = extractor.num_samples / extractor.sampling_rate

    def read_labels(self, text: str) -> list[str]:
        """The findings in a text, one a line or with commas between them.

        Raises:
            ValueError: If there is none, one is repeated or very long, or there are too many.
        """
        parts = (part.strip() for line in text.splitlines() for part in line.split(","))
        labels = check_labels([part for part in parts if part])
        long = next((label for label in labels if len(label) > MOST_LABEL_CHARACTERS), None)
        if long is not None:
            raise ValueError(
                f"The condition {long[:40]!r}… has {len(long)} characters, more than {MOST_LABEL_CHARACTERS}. Write"
                " one condition a line."
            )
        if len(labels) > self.limits.most_labels:
            raise ValueError(
                f"{len(labels)} conditions are asked for, more than the {self.limits.most_labels} of this page. Ask"
                " for fewer, or start `supreme app` with a larger `--most_labels`."
            )
        return labels

    def read(self, path: Path, name: str, **reading: Any) -> Case:
        """Read the first strip of a recording.

        Args:
            path (`Path`):
                Its file.
            name (`str`):
                What to call it.
            reading:
                `sampling_rate`, `leads` and `unit`, where the file does not say.

        Raises:
            ValueError: With the package's own words about the file, in which it is called by its name.
        """
        given = {key: value for key, value in reading.items() if value}
        with _told_without_folder(path):
            recording = load_recording(path, max_seconds=self.strip_s + RESAMPLING_MARGIN_S, **given)
        is_long = recording.account.seconds_found >= LONG_STRIPS * self.strip_s
        return Case(path, name, recording, given, is_long)

    def answer(
        self,
        case: Case,
        labels: Sequence[str],
        *,
        leads: Sequence[str] = (),
        operating_point: str = "youden",
    ) -> Reply:
        """Score findings on the first strip of a case.

        Args:
            case ([`Case`]):
                The recording.
            labels (`Sequence[str]`):
                The findings.
            leads (`Sequence[str]`, *optional*):
                The only leads that may be looked at; all by default.
            operating_point (`str`):
                From where on a finding is present.

        Raises:
            ValueError: If the recording has none of the leads, or cannot be used.
        """
        recording = take_leads(case.recording, leads, case.name)
        with _told_without_folder(case.path), self._strips.enter() as classify:
            findings = classify(
                recording, candidate_labels=list(labels), operating_point=operating_point, return_details=True
            )
            measured = classify.measure(recording) if self._measures else {}
        thresholds = self._thresholds(labels, operating_point)
        findings = [finding | {"threshold": thresholds[finding["label"]]} for finding in findings]
        return Reply(case, tuple(leads), findings, _account_of(findings), _choose_numbers(measured))

    def follow(
        self,
        case: Case,
        labels: Sequence[str],
        *,
        leads: Sequence[str] = (),
        operating_point: str = "youden",
        follow: Follow | None = None,
    ) -> Reply:
        """Score findings on the windows of a long recording.

        Args:
            case ([`Case`]):
                The recording.
            labels (`Sequence[str]`):
                The findings.
            leads (`Sequence[str]`, *optional*):
                The only leads that may be looked at.
            operating_point (`str`):
                From where on a finding is present.
            follow (`Callable`, *optional*):
                Gets the number of windows that are done, and of all.

        Raises:
            ValueError: If no window can be used, or the time is over; or if the recording is too long for some of its
                leads, which are taken from all of it in memory.
        """
        clock = _Clock(case.name, self.limits.answer_s, follow)
        with _told_without_folder(case.path), self._hours.enter() as classify:
            recording = self._load_leads(case, leads) if leads else case.path
            options = {"operating_point": operating_point, "return_details": True, **case.reading}
            scan = Answerer(
                classify, candidate_labels=list(labels), aggregate="timeline", follow=clock.watch, **options
            )
            found: Any = scan.scan(recording, case.name)
            findings, rate = scan.tell(found), scan.follow_rate(found)
        return Reply(case, tuple(leads), findings, _account_of(findings), {}, rate)

    def explain(
        self, case: Case, label: str, *, leads: Sequence[str] = (), operating_point: str = "youden", at_s: float = 0.0
    ) -> tuple[EcgRecording, dict[str, Any]]:
        """Say what carries the answer to a finding.

        Args:
            case ([`Case`]):
                The recording.
            label (`str`):
                The finding.
            leads (`Sequence[str]`, *optional*):
                The only leads that may be looked at.
            operating_point (`str`):
                From where on a finding is present.
            at_s (`float`):
                When the strip begins that is looked at, in seconds.

        Returns:
            `tuple[EcgRecording, dict]`: The strip, and the answer of the pipeline with its `evidence`.
        """
        recording = case.recording
        with _told_without_folder(case.path):
            if at_s > 0:
                recording = self._cut_window(case, at_s)
            recording = take_leads(recording, leads, case.name)
            with self._strips.enter() as classify:
                (finding,) = classify(
                    recording, candidate_labels=[label], explain=True, operating_point=operating_point
                )
        return recording, finding | {"threshold": self._thresholds([label], operating_point)[label]}

    def _load_leads(self, case: Case, leads: Sequence[str]) -> EcgRecording:
        """Some leads of all of a long recording."""
        account = case.account
        num_samples = account.seconds_found * account.sampling_rate_found * len(case.recording.leads)
        if num_samples > MOST_SAMPLES:
            raise ValueError(
                f"{case.name} lasts {account.seconds_found / 3600:.1f} hours in {len(case.recording.leads)} leads, too"
                " much to take leads away from it here. Ask with all leads, or cut the recording."
            )
        return take_leads(load_recording(case.path, **case.reading), leads, case.name)

    def _cut_window(self, case: Case, at_s: float) -> EcgRecording:
        """The strip of a long recording that begins at a time."""
        return read_ecg(case.path, start_s=at_s, max_seconds=self.strip_s, **case.reading)

    @property
    def _measures(self) -> bool:
        return bool(getattr(self.config, "measurements", None))

    def _thresholds(self, labels: Sequence[str], operating_point: str) -> dict[str, float | None]:
        """From where on each label is present; `None` where nothing is decided."""
        composition = Composition.of(self.config, list(labels))
        thresholds: dict[str, float | None] = {}
        for label, decision, answer in zip(labels, composition.decisions, composition.answers, strict=True):
            is_measured = decision is None and answer.source.startswith("measured")
            thresholds[label] = DEFAULT_THRESHOLD if is_measured else None
            if decision is not None:
                thresholds[label] = float(decision.thresholds[operating_point].threshold)
        return thresholds


class _Clock:
    """Ends what takes too long, and says how far it is."""

    def __init__(self, name: str, limit_s: float, follow: Follow | None) -> None:
        self._name, self._limit_s, self._follow = name, limit_s, follow

    def watch(self, progress: Iterator[int], done: int, count: int) -> None:
        """Let the windows of a recording be scored as long as there is time."""
        end_s = time.monotonic() + self._limit_s
        for number in progress:
            done += number
            if self._follow:
                self._follow(done, count)
            if done < count and time.monotonic() > end_s:
                raise ValueError(
                    f"{self._name}: {done} of {count} windows were scored in {self._limit_s:g} s, which is what this"
                    " page takes for one recording. Use `supreme classify --aggregate timeline`, which has no limit,"
                    " or start `supreme app` with a larger `--answer_s`."
                )


def take_leads(recording: EcgRecording, leads: Sequence[str], name: str) -> EcgRecording:
    """A recording as if no other leads had been recorded.

    Args:
        recording ([`EcgRecording`]):
            With any leads.
        leads (`Sequence[str]`):
            Those to keep; all if there are none.
        name (`str`):
            What messages call it.

    Raises:
        ValueError: If the recording has none of them.
    """
    if not leads:
        return recording
    rows = [row for row, lead in enumerate(recording.leads) if lead in leads]
    if not rows:
        raise ValueError(
            f"{name} has none of the leads {', '.join(leads)}: it has {', '.join(recording.leads)}. Choose from these."
        )
    kept = tuple(recording.leads[row] for row in rows)
    account = replace(recording.account, leads_used=kept, leads_derived=())
    return EcgRecording(
        sampling_rate=recording.sampling_rate,
        leads=kept,
        strip_mv=np.array(recording.strip_mv[rows]),
        account=account,
    )


def list_leads(recording: EcgRecording) -> list[str]:
    """The leads of a recording in the standard order."""
    return [lead for lead in STANDARD_LEADS if lead in recording.leads]


def _account_of(findings: Sequence[Mapping[str, Any]]) -> Account:
    """The account that every finding comes with, as JSON knows it."""
    told = findings[0]["account"] if findings else {}
    fields: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in told.items()}
    return Account(**fields)


def _choose_numbers(measured: Mapping[str, Any]) -> dict[str, Any]:
    """The usual measurements, where there is something to measure."""
    return {
        key: measured[key]
        for key in TOLD_MEASUREMENTS
        if key in measured and measured[key]["measurable"] >= MEASURABLE
    }


@contextmanager
def _told_without_folder(path: Path) -> Iterator[None]:
    """Let what is said about a file call it by its name: the folder is the server's."""
    try:
        yield
    except RECORD_ERRORS as error:
        raise ValueError(str(error).replace(f"{path.parent}/", "")) from error
