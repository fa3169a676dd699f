"""The catalogue of the corpora that are read: one table, from which dataset cards and docs/corpora.md are made."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml

from datasets_scripts.registry import CORPORA


CATALOGUE = Path(__file__).with_name("catalogue.yaml")
HEADING = """# Corpora

What `load_corpus(name, data_dir=…)` and `python -m datasets_scripts.prepare name --data_dir …` read. No corpus is
fetched: download it from its publisher, in the layout that he gives it. `python -m datasets_scripts.prepare name
--help` explains the options of each. This page is made from `datasets_scripts/prepare/catalogue.yaml`.

Where a corpus states numbers, its rows have `measurements`. There null is a number that nobody knows, and NaN says
that it was looked for and that there is nothing to measure, such as PR in atrial fibrillation: training learns from
NaN that there is none, and nothing from null. Arrow, Parquet and `datasets` keep the two apart; a column of pandas or
NumPy makes NaN of both.

A licence marked with an asterisk was not read on the page of its publisher: read it there before you pass data on.
"""


class CorpusEntry(NamedTuple):
    """What the catalogue says of a corpus; `None` where nothing is known.

    Attributes:
        title (`str`):
            Its name in print.
        homepage (`str`, *optional*):
            Page of its publisher.
        access, size, labels, reports, splits (`str`):
            In words.
        license, license_id, license_url (`str`, *optional*):
            The licence in words, by its name on the Hub, and where its text is.
        is_confirmed (`bool`):
            Whether the licence was read at its publisher.
        citation (`str`, *optional*):
            What to cite.
        traps (`list[str]`):
            What has misled others.
    """

    title: str
    homepage: str | None
    access: str
    size: str
    license: str | None
    license_id: str | None
    license_url: str | None
    is_confirmed: bool
    labels: str
    reports: str
    splits: str
    citation: str | None
    traps: list[str]


@cache
def read_catalogue() -> Mapping[str, CorpusEntry]:
    """The entries of all corpora, by name, in the order of the table."""
    return {
        name: CorpusEntry(**entry) for name, entry in yaml.safe_load(CATALOGUE.read_text(encoding="utf-8")).items()
    }


def describe_corpus(name: str, *, labelled_corpus: str | None = None) -> CorpusEntry:
    """What the catalogue says of a corpus; of one that is labelled by its reports, what it says of the corpus itself.

    Args:
        name (`str`):
            As for `load_corpus`.
        labelled_corpus (`str`, *optional*):
            The corpus that `report_labels` labels.
    """
    known = name if name in CORPORA else labelled_corpus or name
    entry = read_catalogue().get(known)
    return entry or CorpusEntry(name, None, "", "", None, None, None, False, "", "", "", None, [])


def format_catalogue() -> str:
    """docs/corpora.md: a table of all corpora, and a section on each."""
    entries = read_catalogue()
    rows = [
        f"| `{name}` | {entry.title} | {entry.size} | {_format_license(entry)} | {entry.splits} |"
        for name, entry in entries.items()
    ]
    table = ["| name | corpus | size | licence | splits |", "|---|---|---|---|---|", *rows]
    sections = [_format_section(name, entry) for name, entry in entries.items()]
    return "\n".join([HEADING, *table, "", *sections])


def _format_section(name: str, entry: CorpusEntry) -> str:
    """All that is known of a corpus."""
    facts = {
        "publisher": f"<{entry.homepage}>" if entry.homepage else None,
        "access": entry.access,
        "size": entry.size,
        "licence": _format_license(entry),
        "labels": entry.labels,
        "reports": entry.reports,
        "splits": entry.splits,
        "to cite": entry.citation,
    }
    told = [f"- **{what}**: {value}" for what, value in facts.items() if value]
    traps = ["Traps:", "", *(f"- {trap}" for trap in entry.traps)]
    return "\n".join([f"## {entry.title} (`{name}`)", "", *told, "", *traps, ""])


def _format_license(entry: CorpusEntry) -> str:
    """The licence, marked where it is not confirmed."""
    if entry.license is None:
        return "see its publisher" if entry.homepage else "yours to say"
    return entry.license + ("" if entry.is_confirmed else " \\*")
