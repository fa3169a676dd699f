"""What the command does: ask for what is missing, compare both samples on simulated records, and write them."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from datasets_scripts.extraction.backends.make_backend import make_model_backend
from datasets_scripts.extraction.backends.reading_cache import CachedBackend
from modeling_supreme.command_line.closing import closing_line
from modeling_supreme.output_files.disk import told_when_refused
from modeling_supreme.output_files.folder_lock import FolderLock

from .conditions_file import ConditionList, condition_key, read_conditions
from .corrections import Correction, read_corrections
from .definition_task import NUM_SAMPLES, DefinitionTask, Draft, Question
from .definitions_page import PAGE_FILE, write_page
from .entries import (
    ALONE,
    DEFINITIONS_FILE,
    FAILED,
    SAMPLES_FILE,
    STATUSES,
    Entry,
    correct_entry,
    draft_entry,
    mark_circles,
    write_definitions,
    write_samples,
)
from .trial import SimulatedRecords


logger = logging.getLogger("datasets_scripts.extraction.definitions")

DRAFTS_FILE = "drafts.jsonl"
MAX_NAMED = 10  # repeated conditions that are named, the others are counted
Writer = CachedBackend[Question, Draft]


class Work:
    """What is to be done: conditions of which a person has said what is right, and those that are asked for.

    Args:
        conditions (`ConditionList`):
            All conditions.
        corrections (`Mapping[str, Correction]`):
            What a person has said, by `condition_key`.
    """

    def __init__(self, conditions: ConditionList, corrections: Mapping[str, Correction]) -> None:
        self.conditions = conditions
        self.corrections = corrections
        keys = set(map(condition_key, conditions.names))
        self.open = tuple(name for name in conditions.names if condition_key(name) not in corrections)
        self.idle_corrections = tuple(each.condition for key, each in corrections.items() if key not in keys)

    @property
    def questions(self) -> list[Question]:
        """What the model is asked: every sample of every open condition."""
        return [Question(name, sample) for name in self.open for sample in range(NUM_SAMPLES)]


def write_all(files: Any, writing: Any) -> None:
    """Have the definitions written, compare and write them, and say in numbers what came of it.

    Args:
        files (`DefinitionArguments`):
            What to define and where to write.
        writing (`WriterArguments`):
            Who writes.

    Raises:
        BackendError: If the model cannot write at all.
        OSError, ValueError: If a file is missing, or not what it should be.
    """
    corrections = read_corrections(files.corrections) if files.corrections else {}
    work = Work(read_conditions(files.conditions), corrections)
    task, drafts = DefinitionTask.load(writing.prompt_version), files.output_dir / DRAFTS_FILE
    report_work(work)
    if writing.dry_run:
        report_estimate(work, make_model_backend(writing, task, drafts))
        return
    remedy = "What a language model has written is kept. Make room, and repeat the command."
    with (
        logging_redirect_tqdm(),
        FolderLock(files.output_dir, "datasets_scripts.extraction.definitions"),
        told_when_refused("The definitions", files.output_dir, remedy),
    ):
        # Only now is it certain that no other run adds to the drafts on file, and pays for the same ones
        writer = make_model_backend(writing, task, drafts, show_progress=True) if work.open else None
        written = dict(writer.read(work.questions)) if writer else {}
        records = SimulatedRecords(files.num_simulated, show_progress=True)
        entries = make_entries(work, written, writer, records)
        written_by = f"{writing.model} ({writing.backend}, prompt {task.prompt_version})"
        write_definitions(files.output_dir / DEFINITIONS_FILE, entries, written_by=written_by)
        write_samples(files.output_dir / SAMPLES_FILE, entries)
        write_page(files.output_dir / PAGE_FILE, entries, written_by=written_by)
    report_entries(entries, files.output_dir)
    if writer:
        logger.info("This run took %s.", writer.cost)


def make_entries(
    work: Work, written: Mapping[Question, Draft], writer: Writer | None, records: SimulatedRecords
) -> list[Entry]:
    """The entry of each condition, in the order of the file."""
    entries = []
    for name in tqdm(work.conditions.names, desc="comparing", unit=" conditions"):
        correction = work.corrections.get(condition_key(name))
        if correction is not None:
            entries.append(correct_entry(correction._replace(condition=name), records))
            continue
        questions = [Question(name, sample) for sample in range(NUM_SAMPLES)]
        refusals = [writer.find_refusals(question) if writer else () for question in questions]
        samples = [written[question]._replace(condition=name) for question in questions]
        entries.append(draft_entry(samples, refusals, records))
    return mark_circles(entries)


def report_work(work: Work) -> None:
    """Name what is asked once though it is written twice, and corrections that change nothing."""
    for sentence in work.conditions.repeated[:MAX_NAMED]:
        logger.warning("%s, and is asked once.", sentence)
    if len(work.conditions.repeated) > MAX_NAMED:
        logger.warning("%d more conditions are repeated.", len(work.conditions.repeated) - MAX_NAMED)
    if work.idle_corrections:
        named = ", ".join(map(repr, work.idle_corrections[:MAX_NAMED]))
        logger.warning(
            "%d corrections are of conditions that are not in the file: %s.", len(work.idle_corrections), named
        )


def report_estimate(work: Work, writer: Writer) -> None:
    """Say what it would cost, without asking or writing anything."""
    logger.info(
        "%d conditions, of which corrections settle %d. Asking for %d samples of each of the others with `--backend"
        " %s`, those on file left out, would take %s.",
        len(work.conditions.names),
        len(work.conditions.names) - len(work.open),
        NUM_SAMPLES,
        writer.name,
        writer.estimate(work.questions),
    )


def report_entries(entries: Sequence[Entry], output_dir: Path) -> None:
    """Say in numbers what was written."""
    counts = {status: sum(entry.status == status for entry in entries) for status in STATUSES}
    named = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    num_written = sum(entry.is_written for entry in entries)
    logger.info("%d conditions (%s); %d have a definition.", len(entries), named, num_written)
    if counts[FAILED] + counts[ALONE]:
        logger.warning(
            "%d conditions lack a usable answer: `problem` in %s says why, and `--retry_failed` asks again.",
            counts[FAILED] + counts[ALONE],
            SAMPLES_FILE,
        )
    next_step = f"open {output_dir / PAGE_FILE}, confirm or correct, and give what it exports to `--corrections`"
    logger.info(closing_line([output_dir], next_step))
