"""Findings read from reports beside the SCP codes that cardiologists gave the same records.

Three ways to bring a finding to codes, each more in the coders' own terms. **By its own code**, or by those of the
nearest findings of which it is a kind ("old high lateral infarction" under that of lateral infarction, "biatrial
enlargement" under two). **By definition**: as well by rows of `scp_conventions.csv` that follow from what a code says
("low voltage in the limb leads" is not LVOLT, which is low in frontal and horizontal leads). **By habit**: as well by
rows that are right for these coders alone (a machine's "P sinistrocardiale" is not taken over). A row replaces the
codes of its finding where its words stand with the finding, and where the findings `beside` it are read too; the first
row that fits is taken. No row says anything about the reading.
"""

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast, get_args

import pandas as pd

from datasets_scripts.extraction.readings.reading import NEGATIVE, POSITIVE, Certainty, strongest
from datasets_scripts.extraction.readings.rules import account_for
from datasets_scripts.extraction.readings.statements import split_report
from datasets_scripts.terminology.findings import load_terminology
from datasets_scripts.terminology.tables import LIST_SEPARATOR, read_table


CONVENTIONS_PATH = Path(__file__).with_name("scp_conventions.csv")
Basis = Literal["code", "definition", "habit"]
BASES: tuple[Basis, ...] = get_args(Basis)  # each takes the rows of those before it
CHARACTERS_BEFORE = 25  # of the words of a finding, so that "non-specific" is seen
# Below this likelihood, in percent, a coder thought a diagnosis rather absent; 0 says that none was stated.
DOUBTED_BELOW = 50


class Said(NamedTuple):
    """A finding that a report states or hedges, with its words and a few characters before them."""

    name: str
    certainty: Certainty
    words: str


@dataclass(frozen=True)
class Convention:
    """A row of the table: under which codes a finding goes in the place of its own."""

    basis: str
    finding: str
    wording: re.Pattern[str]
    beside: tuple[str, ...]
    scp_codes: tuple[str, ...]

    def fits(self, said: Said, others: Iterable[str]) -> bool:
        """Whether it speaks of this finding, in these words, beside these others."""
        is_beside = not self.beside or any(is_a(other, name) for other in others for name in self.beside)
        return is_a(said.name, self.finding) and is_beside and self.wording.search(said.words) is not None


@lru_cache(maxsize=1)
def load_conventions() -> tuple[Convention, ...]:
    """The rows of `scp_conventions.csv` in order."""
    return tuple(
        Convention(
            row["basis"],
            row["finding"],
            re.compile(row["wording"]),
            *(tuple(filter(None, row[column].split(LIST_SEPARATOR))) for column in ("beside", "scp_codes")),
        )
        for row in read_table(CONVENTIONS_PATH)
    )


def read_report(report: str) -> list[Said]:
    """What a report states for sure or with a hedge, in order, a finding as often as it is said."""
    said = []
    for statement in split_report(report):
        account = account_for(statement)
        for entity in account.reading.entities:
            if entity.certainty != NEGATIVE:
                spans = account.spans[entity.entity]
                words = " ".join(statement[max(start - CHARACTERS_BEFORE, 0) : end] for start, end in spans)
                said.append(Said(entity.entity, entity.certainty, words.lower()))
    return said


def code_report(report: str, basis: Basis = "code") -> dict[str, Certainty]:
    """The findings under whose codes what a report says would go, each with the strongest certainty of what is said.

    Args:
        report (`str`):
            Free text.
        basis (`str`):
            `"code"`, `"definition"` or `"habit"`: how far conventions count.

    Example:
        >>> [list(code_report("unspezifisches abnormes t", basis)) for basis in ("code", "definition")]
        [['t wave changes'], ['nondiagnostic t wave abnormality']]
    """
    said = read_report(report)
    coded: dict[str, Certainty] = {}
    for one in said:
        for name in _code_finding(one, {other.name for other in said if other.name != one.name}, basis):
            coded[name] = strongest(coded.get(name, NEGATIVE), one.certainty)
    return coded


def find_convention(said: Said, others: Iterable[str], basis: Basis) -> Convention | None:
    """The first row that fits, among those that count."""
    counted = BASES[1 : BASES.index(basis) + 1]
    return next((row for row in load_conventions() if row.basis in counted and row.fits(said, others)), None)


def _code_finding(said: Said, others: Iterable[str], basis: Basis) -> frozenset[str]:
    """The findings that own the codes of what is said."""
    convention = find_convention(said, others, basis)
    return name_coded(said.name) if convention is None else frozenset(map(name_code, convention.scp_codes))


@lru_cache(maxsize=10_000)
def name_coded(name: str) -> frozenset[str]:
    """The findings that own the SCP code of this one, or those of the nearest ones of which it is a kind."""
    terminology = load_terminology()
    if code := terminology[name].scp_code:
        return frozenset([name_code(code)])
    return frozenset(coded for parent in terminology[name].parents for coded in name_coded(parent))


@lru_cache(maxsize=1_000)
def name_code(scp_code: str) -> str:
    """The finding that owns an SCP code."""
    return load_terminology().find_label(scp_code, config_name="all").name


def name_codes(scp_codes: str) -> dict[str, float]:
    """Findings of the codes of a record, each with the highest likelihood it was given, in percent."""
    named: dict[str, float] = {}
    for code, likelihood in ast.literal_eval(scp_codes).items():
        named[name_code(code)] = max(likelihood, named.get(name_code(code), 0))
    return named


@lru_cache(maxsize=100_000)
def is_a(name: str, kind: str) -> bool:
    """Whether a finding is the other one or a kind of it."""
    return name == kind or kind in load_terminology().ancestors(name)


def is_kind_of(first: str, second: str) -> bool:
    """Whether the findings are the same or one is a kind of the other."""
    return is_a(first, second) or is_a(second, first)


def compare_records(records: pd.DataFrame, basis: Basis = "code") -> pd.DataFrame:
    """Every finding that a record has by its codes or by its report.

    Args:
        records (`pd.DataFrame`):
            Columns `report` and `scp_codes`.
        basis (`str`):
            As for `code_report`.

    Returns:
        `pd.DataFrame`: Columns `report`, `scp_codes`, `finding`, `side` (`"coded"` or `"read"`), `is_met`, whether the
        other side has the finding, an ancestor or a descendant of it, and `is_doubted`, whether the report only hedges
        it, or its code was given a likelihood that was stated and is under 50 %.
    """
    rows = []
    for report, codes in zip(records["report"], records["scp_codes"], strict=True):
        read = {name: certainty != POSITIVE for name, certainty in code_report(report, basis).items()}
        coded = {name: 0 < likelihood < DOUBTED_BELOW for name, likelihood in name_codes(codes).items()}
        for side, doubts, others in (("coded", coded, read), ("read", read, coded)):
            for name, is_doubted in sorted(doubts.items()):
                is_met = any(is_kind_of(name, other) for other in others)
                rows.append((report, codes, name, side, is_met, is_doubted))
    columns = ["report", "scp_codes", "finding", "side", "is_met", "is_doubted"]
    return pd.DataFrame(rows, columns=cast(Any, columns))


def describe_agreement(compared: pd.DataFrame) -> dict[str, float]:
    """Sensitivity and PPV over all findings of all records together."""
    met: Mapping[str, float] = cast(Any, compared.groupby("side")["is_met"].mean()).to_dict()
    return {"sensitivity": round(met["coded"], 4), "ppv": round(met["read"], 4)}


def describe_with_doubts(compared: pd.DataFrame) -> dict[str, Any]:
    """The agreement, and under `doubts_open` that without what one side doubts and the other one does not have."""
    return {**describe_agreement(compared), "doubts_open": describe_agreement(leave_doubts_open(compared))}


def leave_doubts_open(compared: pd.DataFrame) -> pd.DataFrame:
    """The comparison without what one side doubts and the other lacks, which cannot be held against a reader."""
    return compared.loc[compared["is_met"] | ~compared["is_doubted"]]


def tabulate_agreement(compared: pd.DataFrame) -> pd.DataFrame:
    """Agreement of each finding, the most frequent code first.

    Args:
        compared (`pd.DataFrame`):
            What `compare_records` returns.

    Returns:
        `pd.DataFrame`: Columns `finding`, `scp_code`, `num_coded`, `num_missed`, `sensitivity`, `num_read`,
        `num_added`, `ppv`, and `missed_share` and `added_share`: what the finding costs the pooled figures, as shares
        of all codes and of all that is read.
    """
    counts = compared.groupby(["finding", "side"])["is_met"].agg(["size", "sum"]).unstack(fill_value=0)
    table = pd.DataFrame(index=counts.index)
    table["scp_code"] = [load_terminology()[name].scp_code for name in table.index]
    for side, failed, share in (("coded", "num_missed", "sensitivity"), ("read", "num_added", "ppv")):
        size, met = counts["size"][side], counts["sum"][side]
        table[f"num_{side}"], table[failed], table[share] = size, size - met, (met / size).round(3)
    for side, failed in (("coded", "missed"), ("read", "added")):
        table[f"{failed}_share"] = (table[f"num_{failed}"] / table[f"num_{side}"].sum()).round(4)
    return table.sort_values(["num_coded", "num_read"], ascending=False).reset_index()


def tabulate_conventions(records: pd.DataFrame) -> pd.DataFrame:
    """What each row of the table does: how often it is used, and how often what is read is coded without and with it.

    Args:
        records (`pd.DataFrame`):
            Columns `report` and `scp_codes`.

    Returns:
        `pd.DataFrame`: Columns `basis`, `finding`, `wording`, `beside`, `scp_codes`, `num_read`, readings that the row
        speaks of; `num_met_by_code`, those whose own code is met; and `num_met`, those of which a code of the row is.
    """
    used: dict[Convention, list[int]] = {row: [0, 0, 0] for row in load_conventions()}
    for report, codes in zip(records["report"], records["scp_codes"], strict=True):
        said, coded = read_report(report), name_codes(codes)
        for one in said:
            row = find_convention(one, {other.name for other in said if other.name != one.name}, BASES[-1])
            if row is not None:
                by_code, by_row = name_coded(one.name), map(name_code, row.scp_codes)
                met = [
                    any(is_kind_of(name, other) for name in names for other in coded) for names in (by_code, by_row)
                ]
                used[row] = [count + more for count, more in zip(used[row], (1, *met), strict=True)]
    columns = ["basis", "finding", "wording", "beside", "scp_codes", "num_read", "num_met_by_code", "num_met"]
    rows = [
        (row.basis, row.finding, row.wording.pattern, "|".join(row.beside), "|".join(row.scp_codes), *counts)
        for row, counts in used.items()
    ]
    return pd.DataFrame(rows, columns=cast(Any, columns))
