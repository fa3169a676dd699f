"""The wordings of reports: each is written for a condition, says some findings, and has its place in the report.

Every wording is a row of `report_templates.csv`. Wordings are those of carts of several makers (machine statements of
MIMIC-IV-ECG, Gow et al. 2023, PhysioNet) and of the German reports of PTB-XL (Wagner et al. 2020).
"""

import csv
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

from datasets_scripts.terminology.findings import LIST_SEPARATOR, TERRITORIES, load_terminology


TEMPLATES_PATH = Path(__file__).with_name("report_templates.csv")
UNCERTAIN_MARK = "?"  # after a name in the column `says`
Language = Literal["en", "de"]

# Walls that reports name; the others are groups of leads.
REPORTED_TERRITORIES = tuple(name for name in TERRITORIES if name not in ("limb", "precordial", "extensive"))
GERMAN_STEMS = {"high lateral": "hochlateral"}  # all others are as in English


class Template(NamedTuple):
    """One wording.

    Attributes:
        place (`str`):
            Where it stands: `rhythm`, `added` to the rhythm, `statement`, `remark`, or one of the verdicts.
        condition (`str`):
            When it is written.
        says (`tuple[tuple[str, bool], ...]`):
            Findings that it states, each with whether it is certain.
        text (`str`):
            The wording.
        names (`frozenset[str]`):
            The findings of `says`.
        is_hedged (`bool`):
            Whether it leaves any of them open.
    """

    place: str
    condition: str
    says: tuple[tuple[str, bool], ...]
    text: str
    names: frozenset[str]
    is_hedged: bool


@lru_cache(maxsize=2)
def load_templates(language: Language) -> tuple[Template, ...]:
    """All wordings of a language, those with a territory filled in for each that the terminology knows."""
    with TEMPLATES_PATH.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["language"] == language]
    terminology = load_terminology()
    templates = []
    for row in rows:
        territories = REPORTED_TERRITORIES if "{" in row["text"] else ("",)
        filled = [_fill_template(row, territory) for territory in territories]
        templates += [template for template in filled if all(name in terminology for name in template.names)]
    return tuple(templates)


def _fill_template(row: Mapping[str, str], territory: str) -> Template:
    """A row of the table for one territory."""
    places = {"territory": territory, "Territory": territory.capitalize(), "TERRITORY": territory.upper()}
    condition = row["condition"].format(**places)
    worded = {**places, "territory": GERMAN_STEMS.get(territory, territory) if row["language"] == "de" else territory}
    names = [name for name in (row["says"] or row["condition"]).format(**places).split(LIST_SEPARATOR) if name]
    says = tuple((name.rstrip(UNCERTAIN_MARK), not name.endswith(UNCERTAIN_MARK)) for name in names)
    return Template(
        place=row["place"],
        condition=condition,
        says=says,
        text=row["text"].format(**worded),
        names=frozenset(name for name, _ in says),
        is_hedged=not all(is_certain for _, is_certain in says),
    )


@lru_cache(maxsize=2)
def templates_by_condition(language: Language) -> dict[str, list[Template]]:
    """Wordings of findings by condition, in the order in which a report lists them."""
    by_condition: dict[str, list[Template]] = {}
    for template in load_templates(language):
        if template.place in ("rhythm", "added", "statement"):
            by_condition.setdefault(template.condition, []).append(template)
    return by_condition


@lru_cache(maxsize=2)
def templates_by_place(language: Language) -> dict[str, list[Template]]:
    """Wordings by where they stand."""
    by_place: dict[str, list[Template]] = {}
    for template in load_templates(language):
        by_place.setdefault(template.place, []).append(template)
    return by_place


@lru_cache(maxsize=2)
def ranks_of_conditions(language: Language) -> dict[str, int]:
    """Place of each condition in the order of a report."""
    return {condition: rank for rank, condition in enumerate(templates_by_condition(language))}
