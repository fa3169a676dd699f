"""The definitions as one HTML page without other files: a cardiologist reads, corrects, confirms and exports them."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from datasets_scripts.page import embed_data, key_figures, section, write_document
from modeling_supreme.output_files.atomic_files import replace_when_complete

from .entries import (
    AGREES,
    CONFIRMED,
    CORRECTED,
    FAILED,
    STATUSES,
    Entry,
    describe_entry,
    describe_status,
)


PAGE_FILE = "definitions.html"
SCRIPT_PATH = Path(__file__).with_name("definitions_page.js")
STYLE_PATH = Path(__file__).with_name("definitions_page.css")
# Of these nothing is wrong that anybody knows of.
QUIET = (AGREES, CORRECTED, CONFIRMED)


def write_page(path: Path, entries: Sequence[Entry], *, written_by: str) -> None:
    """Write `definitions.html`.

    Args:
        path (`Path`):
            The page.
        entries (`Sequence[Entry]`):
            All of them; those that need a look come first.
        written_by (`str`):
            Model and prompt.
    """
    ordered = sorted(entries, key=lambda entry: STATUSES.index(entry.status))
    parts = [
        f"<style>{STYLE_PATH.read_text(encoding='utf-8')}</style>",
        _heading(written_by),
        _key_figures(entries),
        _definitions(entries),
        embed_data("definitions-data", [_row(entry) for entry in ordered]),
        f"<script>{SCRIPT_PATH.read_text(encoding='utf-8')}</script>",
    ]
    with replace_when_complete(path) as temporary:
        write_document(temporary, title="Definitions of conditions", parts=parts)


def _heading(written_by: str) -> str:
    return (
        "<header><h1>Definitions of conditions</h1>"
        f"<p class=muted>Written by {escape(written_by)}. Read each one, correct it where it is wrong, confirm it and"
        " export the file: the next run honours it with <code>--corrections FILE</code>, and asks the model no more"
        " about what is in it.</p></header>"
    )


def _key_figures(entries: Sequence[Entry]) -> str:
    """How many of each status."""
    counts = [(sum(entry.status == status for entry in entries), status) for status in STATUSES]
    figures = [(f"{len(entries):,}", "conditions"), *((f"{count:,}", status) for count, status in counts if count)]
    return key_figures(figures, alarms=[status for count, status in counts if count and status not in QUIET])


def _definitions(entries: Sequence[Entry]) -> str:
    """The searchable list, which the script fills."""
    present = [status for status in STATUSES if any(entry.status == status for entry in entries)]
    choices = "".join(f'<option value="{status}">{status}</option>' for status in present)
    content = (
        '<div class=tools><input id=search type=search placeholder="Search conditions and expressions"'
        ' aria-label="Search conditions and expressions">'
        f'<select id=status aria-label="Which definitions"><option value="">all definitions</option>{choices}'
        "<option value=open>not confirmed here</option></select>"
        "<button type=button id=export>Export corrections</button></div>"
        "<p id=shown class=note role=status></p><div id=definitions></div>"
        "<noscript><p>The list needs JavaScript; definitions.jsonl beside this page holds the same.</p></noscript>"
    )
    note = "What needs a look comes first. An expression that you change is checked when the file is read again: a"
    note += f" mistake is told with its line and its position. {FAILED.capitalize()} ones can be written by hand."
    return section("Definitions", content, note=note)


def _row(entry: Entry) -> dict[str, Any]:
    """An entry as the script reads it."""
    return {**describe_entry(entry), "remark": describe_status(entry), "is_quiet": entry.status in QUIET}
