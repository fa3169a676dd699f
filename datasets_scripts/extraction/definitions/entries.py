"""From samples and corrections to definitions: which one stands, how far to trust it, and the files of both."""

import json
from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from datasets_scripts.extraction.backends.backend import Refusal
from modeling_supreme.output_files.atomic_files import replace_when_complete
from modeling_supreme.query_grammar import GRAMMAR_VERSION, findings_of

from .conditions_file import condition_key, other_names
from .corrections import Correction
from .definition_task import Draft, parse_definition
from .trial import SimulatedRecords, Trial


DEFINITIONS_FILE = "definitions.yaml"
SAMPLES_FILE = "definitions.jsonl"
# What needs a look first comes first.
FAILED, CIRCLE, DIFFERS, ALONE, UNTESTED, ABSENT, AGREES, CORRECTED, CONFIRMED = STATUSES = (
    "failed",
    "circle",
    "samples differ",
    "one sample",
    "never true",
    "no definition",
    "samples agree",
    "corrected",
    "confirmed",
)


class Entry(NamedTuple):
    """The definition of a condition and all that led to it.

    Attributes:
        condition (`str`):
            What is defined.
        expression (`str`):
            In canonical form; empty if there is none.
        source, rationale (`str`):
            Where it comes from, and why.
        is_reviewed (`bool`):
            Whether a person has confirmed it.
        status (`str`):
            One of [`STATUSES`].
        samples (`tuple[Draft, ...]`):
            What the model wrote; empty where a person had said what is right before it was asked.
        refusals (`tuple[tuple[Refusal, ...], ...]`):
            Answers that could not be taken, for each sample.
        trial (`Trial`, *optional*):
            What the samples, or the expression of a person, say of simulated records.
    """

    condition: str
    expression: str
    source: str
    rationale: str
    is_reviewed: bool
    status: str
    samples: tuple[Draft, ...]
    refusals: tuple[tuple[Refusal, ...], ...]
    trial: Trial | None

    @property
    def is_written(self) -> bool:
        """Whether the entry stands in `definitions.yaml`."""
        return bool(self.expression) and self.status != CIRCLE


def correct_entry(correction: Correction, records: SimulatedRecords) -> Entry:
    """The entry of a condition of which a person has said what is right."""
    status = CONFIRMED if correction.is_confirmed else CORRECTED
    trial = _try((correction.expression,), correction.condition, records)
    return Entry(*correction[:3], "", correction.is_confirmed, status, (), (), trial)


def draft_entry(samples: Sequence[Draft], refusals: Sequence[tuple[Refusal, ...]], records: SimulatedRecords) -> Entry:
    """The entry of a condition that a model has defined: its first usable sample, compared with the other.

    Args:
        samples (`Sequence[Draft]`):
            The samples of one condition, in their order.
        refusals (`Sequence[tuple[Refusal, ...]]`):
            Refused answers to each.
        records (`SimulatedRecords`):
            On which expressions are compared.

    Returns:
        `Entry`: Unreviewed.
    """
    condition = samples[0].condition
    usable = [sample for sample in samples if not sample.problem]
    chosen = next((sample for sample in usable if sample.expression), usable[0] if usable else samples[0])
    trial = _try([sample.expression for sample in usable], condition, records)
    status = _judge(samples, usable, trial)
    return Entry(
        condition,
        chosen.expression,
        chosen.source,
        chosen.rationale,
        False,
        status,
        tuple(samples),
        tuple(refusals),
        trial,
    )


def _try(expressions: Iterable[str], condition: str, records: SimulatedRecords) -> Trial | None:
    """Put those expressions on trial that there are."""
    parsed = [parse_definition(expression, condition) for expression in expressions if expression]
    return records.try_expressions(parsed, condition) if parsed else None


def _judge(samples: Sequence[Draft], usable: Sequence[Draft], trial: Trial | None) -> str:
    """How far samples bear each other out."""
    if not usable:
        return FAILED
    if len(usable) < len(samples):
        return ALONE
    if trial is None:
        return ABSENT
    if not all(sample.expression for sample in usable) or not trial.is_equal:
        return DIFFERS
    return AGREES if trial.is_ever_true else UNTESTED


def mark_circles(entries: Sequence[Entry]) -> list[Entry]:
    """Mark definitions that refer to each other in a circle: none of them says what it means."""
    places = {condition_key(entry.condition): place for place, entry in enumerate(entries) if entry.expression}
    needs = {
        name: {other for other in findings_of(parse_definition(entries[place].expression, name)) if other in places}
        for name, place in places.items()
    }
    marked = list(entries)
    while True:
        try:
            TopologicalSorter(needs).prepare()
        except CycleError as error:
            for name in set(error.args[1]):
                del needs[name]
                marked[places[name]] = marked[places[name]]._replace(status=CIRCLE)
            needs = {name: others & needs.keys() for name, others in needs.items()}
        else:
            return marked


def write_definitions(path: Path, entries: Sequence[Entry], *, written_by: str) -> None:
    """Write `definitions.yaml`, which the pipeline takes as `definitions=`.

    Args:
        path (`Path`):
            The file.
        entries (`Sequence[Entry]`):
            Those without an expression are left out.
        written_by (`str`):
            Model and prompt, named at the head of the file.
    """
    written = [entry for entry in entries if entry.is_written]
    lines = [
        f"# Written by {written_by}; grammar of queries, version {GRAMMAR_VERSION}.",
        "# What says `reviewed: false` was confirmed by nobody.",
    ]
    for entry in written:
        stored = {
            "condition": entry.condition,
            **({"names": list(names)} if (names := other_names(entry.condition)) else {}),
            "expression": entry.expression,
            "source": entry.source,
            "reviewed": entry.is_reviewed,
        }
        remark = [] if entry.is_reviewed else [f"# {describe_status(entry)}"]
        lines += ["", *remark, yaml.safe_dump([stored], sort_keys=False, allow_unicode=True, width=100).rstrip()]
    if not written:
        lines.append("[]")
    with replace_when_complete(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def describe_status(entry: Entry) -> str:
    """How far an entry is to be trusted, in a sentence.

    Example:
        >>> describe_status(Entry("x", "", "", "", False, FAILED, (), (), None))
        'The model gave no usable answer.'
    """
    trial = entry.trial
    if entry.status == DIFFERS and trial is not None and len(trial.num_true) > 1:
        return (
            f"The two samples differ: equally true on {trial.num_equal} of {trial.num_records} simulated records"
            f"{_add_showing(trial)}."
        )
    return {
        FAILED: "The model gave no usable answer.",
        CIRCLE: "It refers to itself by way of other definitions, and is left out.",
        DIFFERS: "The two samples differ: one of them says that there is no definition.",
        ALONE: "Only one of the two samples could be used.",
        UNTESTED: "Both samples agree, and are true of no simulated record.",
        ABSENT: "By both samples, the condition cannot be seen in measurements.",
        AGREES: "Both samples agree on all simulated records.",
        CORRECTED: "A person changed it and has not confirmed it.",
        CONFIRMED: "Confirmed by a person.",
    }[entry.status]


def _add_showing(trial: Trial) -> str:
    return f", and on {trial.num_equal_showing} of {trial.num_showing} that show the condition" * bool(
        trial.num_showing
    )


def write_samples(path: Path, entries: Sequence[Entry]) -> None:
    """Write `definitions.jsonl`: one line per condition with its samples, refusals, model, prompt and trial."""
    with replace_when_complete(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for entry in entries:
            file.write(json.dumps(describe_entry(entry), ensure_ascii=False) + "\n")


def describe_entry(entry: Entry) -> dict[str, Any]:
    """An entry as JSON."""
    return {
        **{name: getattr(entry, name) for name in ("condition", "expression", "source", "rationale")},
        "reviewed": entry.is_reviewed,
        "status": entry.status,
        "samples": [
            _describe_sample(sample, refusals) for sample, refusals in zip(entry.samples, entry.refusals, strict=True)
        ],
        "trial": None if entry.trial is None else entry.trial._asdict(),
        "grammar_version": GRAMMAR_VERSION,
    }


def _describe_sample(sample: Draft, refusals: Sequence[Refusal]) -> Mapping[str, Any]:
    """A sample with the answers to it that were refused."""
    refused = [
        {name: getattr(refusal, name) for name in ("problem", "reason", "position", "text")} for refusal in refusals
    ]
    return {**sample._asdict(), "refusals": refused}
