"""Read the free-text reports of a corpus and write standardised findings.

    python -m datasets_scripts.extraction --reports machine_measurements.csv --backend rules --output_dir labels

Leaves `statements.jsonl` (each distinct statement with its findings), `labels.parquet` (the findings of each record)
and `findings.csv` (the vocabulary with counts) in the output folder. No text of a report is logged.
"""

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from transformers import HfArgumentParser

from .labels import extract_labels, write_extraction
from .reports import count_records, iterate_reports


logger = logging.getLogger("datasets_scripts.extraction")


@dataclass
class ExtractionArguments:
    """Flags of the command."""

    reports: Path = field(
        metadata={"help": "CSV or Parquet file with a report per record, or a folder written by the prepare command."}
    )
    output_dir: Path = field(metadata={"help": "Folder for statements.jsonl, labels.parquet and findings.csv."})
    backend: Literal["rules"] = field(default="rules", metadata={"help": "Who reads a statement."})
    record_id_column: str | None = field(
        default=None, metadata={"help": "Column of record identifiers, if not record_id, study_id or ecg_id."}
    )
    report_column: str | None = field(
        default=None, metadata={"help": "Column of reports, if not report_0 to report_17, statements or report."}
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the flags, read the reports, write the findings, and say in numbers what was read."""
    logging.basicConfig(format="%(message)s")
    logger.setLevel(logging.INFO)
    (flags,) = HfArgumentParser(ExtractionArguments).parse_args_into_dataclasses(args=arguments)  # type: ignore[arg-type]
    try:
        records = iterate_reports(
            flags.reports, record_id_column=flags.record_id_column, report_column=flags.report_column
        )
        num_records = count_records(flags.reports)
        extraction = extract_labels(records, backend=flags.backend, num_records=num_records, show_progress=True)
    except (FileNotFoundError, ValueError) as error:
        logger.error("%s", error)
        sys.exit(2)
    write_extraction(extraction, flags.output_dir, backend=flags.backend)
    logger.info(
        "%d records, %d distinct statements; of %d statements no word was known (`is_read` is false). Written to %s.",
        len(extraction.labels),
        len(extraction.readings),
        extraction.num_unread,
        flags.output_dir,
    )


if __name__ == "__main__":
    main()
