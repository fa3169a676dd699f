"""Read the free-text reports of a corpus and write standardised findings.

    python -m datasets_scripts.extraction --reports machine_measurements.csv --backend rules --output_dir labels
    python -m datasets_scripts.extraction --reports machine_measurements.csv --backend endpoint \
        --base_url http://localhost:8000/v1 --model Qwen/Qwen3-8B --output_dir labels --dry_run

Leaves in the output folder `statements.jsonl` (each distinct statement with its findings), `labels.parquet` (the
findings of each record), `findings.csv` (the vocabulary with counts) and `report.html` (a page to check all this by).
A run that was stopped goes on where it was: what a language model has read is kept in `readings.jsonl`. No text of a
report is logged. `--push_to_hub owner/name` uploads labels.parquet with a card to a private dataset of the Hub; the
other files quote reports, and stay.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from datasets_scripts.extraction.backends.backend import Backend, BackendArguments, BackendError
from datasets_scripts.extraction.backends.make_backend import make_backend
from datasets_scripts.extraction.backends.routes import RouteArguments
from datasets_scripts.extraction.checks.audit import REPORT_FILE, write_audit
from datasets_scripts.extraction.readings.reading import Reading
from datasets_scripts.extraction.readings.standardise import StandardisationArguments
from modeling_supreme.command_line import parse_arguments, run_command
from modeling_supreme.command_line.closing import closing_line
from modeling_supreme.output_files.disk import told_when_refused
from modeling_supreme.output_files.folder_lock import FolderLock

from .corrections_file import load_corrections
from .extract import STATEMENTS_FILE, Extraction, LabelArguments, Records, count_statements, extract_labels
from .labels_file import LABELS_FILE
from .publication import PublicationArguments
from .report_tables import iterate_reports


logger = logging.getLogger("datasets_scripts.extraction")

MINUTES_TOLD = 120  # above, hours are told
# What a user of the command can set right: told in one sentence, without a traceback.
REFUSALS = (BackendError, OSError, ValueError)


@dataclass
class ExtractionArguments:
    """What to read and where to write."""

    reports: Path = field(
        metadata={"help": "CSV or Parquet file, folder written by the prepare command, or data set of the Hub."}
    )
    output_dir: Path = field(
        metadata={"help": "Folder for statements.jsonl, labels.parquet, findings.csv and report.html."}
    )
    record_id_column: str | None = field(
        default=None, metadata={"help": "Column of record identifiers, if not record_id, study_id or ecg_id."}
    )
    report_column: str | None = field(
        default=None, metadata={"help": "Column of reports, if not report_0 to report_17, statements or report."}
    )
    split: str | None = field(default=None, metadata={"help": "Split of a data set, if not all of them are read."})
    dataset_config_name: str | None = field(default=None, metadata={"help": "Configuration of a data set of the Hub."})
    corrections: Path | None = field(
        default=None,
        metadata={"help": "JSONL file of corrections that report.html exported; they hold before all else."},
    )
    max_records: int | None = field(default=None, metadata={"help": "Read the first records only."})

    def __post_init__(self) -> None:
        if self.max_records is not None and self.max_records < 1:
            raise ValueError(f"`--max_records` is {self.max_records}. Give 1 or more, or leave it out for all.")

    def read_reports(self) -> Records:
        """The records of the table, from the first one."""
        records = iterate_reports(
            self.reports,
            record_id_column=self.record_id_column,
            report_column=self.report_column,
            split=self.split,
            config_name=self.dataset_config_name,
        )
        return islice(records, self.max_records)


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the flags, read the reports, write the findings, and say in numbers what was read."""
    logging.basicConfig(format="%(message)s")
    logger.setLevel(logging.INFO)
    groups = (ExtractionArguments, BackendArguments, RouteArguments, StandardisationArguments, LabelArguments)
    parsed = parse_arguments((*groups, PublicationArguments), argv, description=__doc__)
    reports, reading, routing, standardisation, labels, publication = parsed
    if reading.dry_run:
        backend = make_backend(reading, reports.output_dir, routing=routing, show_progress=True)
        at_a_time = reading.max_concurrency if reading.backend == "endpoint" else reading.batch_size
        report_estimate(reports, backend, seconds_per_answer=routing.seconds_per_answer / at_a_time)
        return
    publication.check()
    remedy = "What a language model has read is kept. Make room, and repeat the command."
    with (
        logging_redirect_tqdm(),
        FolderLock(reports.output_dir, "datasets_scripts.extraction"),
        told_when_refused("The findings", reports.output_dir, remedy),
    ):
        # Only now is it certain that no other run adds to the readings on file, and pays for the same ones
        backend = make_backend(reading, reports.output_dir, routing=routing, show_progress=True)
        extraction = extract_labels(
            reports.read_reports,
            reports.output_dir,
            backend=backend,
            standardisation=standardisation,
            labels=labels,
            corrections=load_corrections(reports.corrections) if reports.corrections else None,
            show_progress=True,
        )
        write_audit(extraction, reports.output_dir)
    report_extraction(extraction, reports.output_dir)
    uploaded = publication.push(extraction, reports.output_dir)
    if uploaded:
        logger.info("%s now has %s.", publication.push_to_hub, ", ".join(uploaded))


def report_estimate(
    reports: ExtractionArguments, backend: Backend[str, Reading], *, seconds_per_answer: float
) -> None:
    """Say what reading would cost, without reading or writing anything, and without a model."""
    statements = count_statements(tqdm(reports.read_reports(), desc="counting statements", unit=" records"))
    cost = backend.estimate(list(statements.representatives.values()))
    logger.info(
        "%d records hold %d statements, of which %d are distinct. Reading them with `--backend %s` would take %s%s.",
        statements.num_records,
        statements.num_statements,
        len(statements.representatives),
        backend.name,
        cost,
        f", about {describe_time(cost.num_requests * seconds_per_answer)}" if cost.num_requests else "",
    )


def describe_time(seconds: float) -> str:
    """A time in the unit that suits it.

    Example:
        >>> describe_time(90), describe_time(7_200)
        ('2 minutes', '2 hours')
    """
    minutes = max(round(seconds / 60), 1)
    return f"{minutes} minutes" if minutes < MINUTES_TOLD else f"{round(minutes / 60)} hours"


def report_extraction(extraction: Extraction, output_dir: Path) -> None:
    """Say in numbers what was read."""
    statements = extraction.statements
    logger.info(
        "%d records, %d distinct statements in %d spellings, of which %d were not understood (`is_read` is false).",
        statements.num_records,
        len(statements.representatives),
        len(statements.spellings),
        extraction.num_unread,
    )
    if extraction.backend != "rules":
        logger.info("This run took %s.", extraction.cost)
    if extraction.num_failed:
        logger.warning(
            "%d statements were left to the rules: `problem` in %s says why, and `--retry_failed` asks again.",
            extraction.num_failed,
            STATEMENTS_FILE,
        )
    next_step = (
        f"open {output_dir / REPORT_FILE} to check it, then `train.py … --report_labels {output_dir}/{LABELS_FILE}`"
    )
    logger.info(closing_line([output_dir], next_step))


if __name__ == "__main__":
    run_command(main, refusals=REFUSALS)
