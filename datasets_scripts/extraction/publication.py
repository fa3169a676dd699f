"""Extracted labels as a dataset of the Hub: the findings of every record, a card, and no text of any report."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from huggingface_hub import DatasetCardData

from modeling_supreme.command_line.hub import check_hub, upload_files

from .extract import Extraction
from .labels_file import LABELS_FILE


CARD = "README.md"
NUM_LISTED = 50  # findings on the card, those that most records show


@dataclass
class PublicationArguments:
    """Whether the labels go to the Hub."""

    push_to_hub: str | None = field(
        default=None,
        metadata={
            "help": "Dataset of the Hub to upload labels.parquet to (owner/name), private; no report goes there.",
            "metavar": "ID",
        },
    )
    hub_public: bool = field(default=False, metadata={"help": "Make the dataset on the Hub a public one."})
    hub_license: str | None = field(
        default=None,
        metadata={
            "help": "Licence by which the source lets you publish what was read from its reports, by its name on the"
            " Hub, such as cc-by-4.0; a public dataset needs it.",
            "metavar": "LICENSE",
        },
    )

    def __post_init__(self) -> None:
        for flag in ("hub_public", "hub_license"):
            if getattr(self, flag) and not self.push_to_hub:
                raise ValueError(f"`--{flag}` is for an upload. Name the dataset with `--push_to_hub`.")
        if self.hub_public and not self.hub_license:
            raise ValueError(
                "`--hub_public` would publish what was read from reports of patients, with the identifiers of their"
                " records. Name the licence by which the source allows it with `--hub_license` (cc-by-4.0, odbl, …);"
                " data that a person had to sign for must stay private: leave `--hub_public` out."
            )

    def check(self) -> None:
        """Make the repository, before hours are spent on what goes there.

        Raises:
            CommandLineError: If there is no right to write there, or it is public although nobody asked for that.
        """
        if self.push_to_hub:
            check_hub(self.push_to_hub, flag="--push_to_hub", is_public=self.hub_public, repo_type="dataset")

    def push(self, extraction: Extraction, output_dir: Path) -> list[str]:
        """Upload the labels and their card, and nothing else of the folder: the other files quote reports.

        Args:
            extraction ([`Extraction`]):
                What was read.
            output_dir (`Path`):
                Where labels.parquet is.

        Returns:
            `list[str]`: Names of the files uploaded; none where no dataset was named.

        Raises:
            UploadError: If the Hub refuses the files, or does not answer.
        """
        if not self.push_to_hub:
            return []
        card = describe_labels(extraction, self.push_to_hub, source_license=self.hub_license)
        return upload_files(
            {LABELS_FILE: output_dir / LABELS_FILE, CARD: card.encode()},
            self.push_to_hub,
            message="Upload the findings of reports",
            remedy=f"The labels are whole in {output_dir}: repeat the command, or upload {LABELS_FILE} yourself.",
            is_public=self.hub_public,
            repo_type="dataset",
        )


def describe_labels(extraction: Extraction, repo_id: str, *, source_license: str | None = None) -> str:
    """The card of labels, which quotes no report and names no record.

    Args:
        extraction ([`Extraction`]):
            What was read.
        repo_id (`str`):
            Dataset on the Hub, as owner/name.
        source_license (`str`, *optional*):
            Licence under which the source is passed on, by its name on the Hub.
    """
    header = DatasetCardData(
        license=source_license or "other",
        tags=["ecg"],
        pretty_name="Findings of ECG reports",
        configs=[{"config_name": "labels", "data_files": LABELS_FILE}],
    )
    return f"---\n{header.to_yaml()}\n---\n\n" + "\n".join(_tell(extraction, repo_id)) + "\n"


def _tell(extraction: Extraction, repo_id: str) -> Iterator[str]:
    """The card, line by line."""
    statements, findings = extraction.statements, extraction.labels.findings
    reader = f"the language model {extraction.model}" if extraction.model else "rules"
    yield "# Findings of ECG reports\n"
    yield (
        f"What the reports of {statements.num_records:,} records state, read from {len(statements.representatives):,}"
        f" distinct statements by {reader}; {extraction.num_unread:,} statements were not understood. A row holds the"
        " identifier that the source gives the record and the names of its findings, `positive`, `uncertain` and"
        " `negative`. No text of a report is here.\n"
    )
    yield f'```python\nimport datasets\n\nlabels = datasets.load_dataset("{repo_id}", split="train")\n```\n'
    yield (
        f"`hf download {repo_id} {LABELS_FILE} --repo-type dataset --local-dir labels` fetches the file, which"
        f" `train.py --report_labels labels/{LABELS_FILE}` of modeling_supreme takes.\n"
    )
    yield "| finding | positive | uncertain | negative |\n|---|---|---|---|"
    names = sorted(extraction.labels.names & extraction.kept, key=lambda name: (-findings["positive"][name], name))
    for name in names[:NUM_LISTED]:
        yield f"| {name} | " + " | ".join(f"{counts[name]:,}" for counts in findings.values()) + " |"
    if len(names) > NUM_LISTED:
        yield f"\n{len(names) - NUM_LISTED} further findings are rarer."
