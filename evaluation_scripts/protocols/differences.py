"""Where the two protocols differ, class by class and in numbers of records."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .label_sets import CORRECTED, MERL, SUITES, LabelSet
from .label_table import LabelTable
from .merl import read_merl_diagnoses, read_merl_table
from .read import read_suite


CHAPMAN = "chapman_shaoxing_ningbo"
QUOTED, CORPUS = "diagnose", "corpus"


@dataclass(frozen=True)
class Difference:
    """A class that MERL's table and the truth do not give to the same records.

    Args:
        set (`str`):
            Name of the set.
        label (`str`):
            The class, as MERL calls it.
        against (`str`):
            What the table is compared with: `"diagnose"`, its own column of all acronyms; or `"corpus"`, the codes of
            the records at hand.
        num_true (`int`), num_table (`int`):
            Positive records of all splits, in truth and by the table.
        num_true_test (`int`), num_table_test (`int`):
            The same of the test split.
        num_added (`int`), num_lost (`int`):
            Records that the table calls positive and are not, and the other way round.
        reason (`str`):
            Why, where it shows.
    """

    set: str
    label: str
    against: str
    num_true: int
    num_table: int
    num_true_test: int
    num_table_test: int
    num_added: int
    num_lost: int
    reason: str = ""


def find_substring_errors(label_set: LabelSet, split_dir: str | Path) -> list[Difference]:
    """Classes whose column is also 1 where the letters of the class stand within another acronym.

    Args:
        label_set ([`LabelSet`]):
            The set of Chapman-Shaoxing-Ningbo, whose tables quote the acronyms of every record.
        split_dir (`str` or `Path`):
            MERL's folder of tables.

    Returns:
        `list[Difference]`: The classes that differ, those with the most added records first.
    """
    table = read_merl_table(label_set, split_dir)
    diagnoses = read_merl_diagnoses(label_set, split_dir)["diagnoses"]
    differences = []
    for column, label in enumerate(table.label_names):
        truth = np.array([label in own for own in diagnoses])
        added = diagnoses[(table.labels[:, column] == 1) & ~truth]
        causes = sorted({other for own in added for other in own if label in other})
        reason = f"{label} stands in {', '.join(causes)}" if causes else ""
        difference = _compare(table, label, table.labels[:, column], truth, against=QUOTED, reason=reason)
        differences += [difference] if difference.num_added or difference.num_lost else []
    return sorted(differences, key=lambda difference: -difference.num_added)


def compare_with_corpus(published: LabelTable, corrected: LabelTable) -> tuple[list[Difference], dict[str, int]]:
    """What the codes of the corpus say of the same records.

    Args:
        published ([`LabelTable`]):
            Under the protocol of MERL.
        corrected ([`LabelTable`]):
            Under the corrected protocol, of the records at hand.

    Returns:
        `tuple`: The classes that differ; and counts of records: `shared`, `only_published` (of those listed, which are
        not at hand or have no label), `only_corrected` (at hand, not listed), and `other_split`.
    """
    places = pd.Series(np.arange(len(corrected.records)), index=corrected.records["record_id"])
    is_shared = published.records["record_id"].isin(places.index.tolist()).to_numpy()
    own = published.select(np.flatnonzero(is_shared))
    other = corrected.select(places.loc[own.records["record_id"].tolist()].to_numpy())
    differences = []
    for column, (label, corpus_label) in enumerate(zip(published.label_names, published.corpus_labels, strict=True)):
        truth = other.labels[:, other.label_names.index(corpus_label)] == 1
        difference = _compare(own, label, own.labels[:, column], truth, against=CORPUS)
        differences += [difference] if difference.num_added or difference.num_lost else []
    counts = {
        "shared": len(own.records),
        "only_published": int((~is_shared).sum()),
        "only_corrected": len(corrected.records) - len(own.records),
        "other_split": int((own.records["split"].to_numpy() != other.records["split"].to_numpy()).sum()),
    }
    return differences, counts


def count_signal_differences(tables: list[LabelTable]) -> list[dict[str, Any]]:
    """What of the signals the published protocol changes, with the number of records concerned.

    Args:
        tables (`list[LabelTable]`):
            The sets of a suite under the protocol of MERL.

    Returns:
        `list[dict]`: `set`, `num_records`, `num_test_records` and `what`.
    """
    notes = []
    for table in tables:
        seconds = table.label_set.merl_seconds
        if seconds is not None:
            what = f"only the first {seconds:g} s are kept, then zeros, though every recording lasts 6 s or more"
            notes.append({"set": table.label_set.name, **_count_records(table), "what": what})
    swapped = {
        "set": "all sets",
        **_count_records(*tables),
        "what": "aVL and aVF change places for a model that was trained by position on MIMIC-IV-ECG, which stores aVF"
        " first; here leads are taken by name, so that no figure has this error",
    }
    return [*notes, swapped]


def compare_protocols(suite: str, split_dir: str | Path, *, data_root: str | Path | None = None) -> dict[str, Any]:
    """All differences of the two protocols.

    Args:
        suite (`str`):
            Name of the suite.
        split_dir (`str` or `Path`):
            MERL's folder of tables.
        data_root (`str` or `Path`, *optional*):
            Folder of the corpora, whose codes are compared as well.

    Returns:
        `dict`: `labels` (a list of differences), `records` (counts by set) and `signals` (what the protocol changes).

    Raises:
        ValueError: If there is no such suite, or the tables are not those that were published.
    """
    if suite not in SUITES:
        raise ValueError(f"There is no suite {suite!r}. Choose one of {', '.join(SUITES)} with `--suite`.")
    published = read_suite(SUITES[suite], MERL, split_dir=split_dir, needs_signals=False)
    if not published.tables:
        raise ValueError(next(iter(published.missing.values())))
    present = [table.label_set for table in published.tables]
    errors = [
        error
        for label_set in present
        if label_set.corpus == CHAPMAN
        for error in find_substring_errors(label_set, split_dir)
    ]
    counts: dict[str, Any] = {}
    if data_root is not None:
        corrected = read_suite(SUITES[suite], CORRECTED, data_root=data_root).tables
        at_hand = {table.label_set.name: table for table in corrected}
        for table in published.tables:
            name = table.label_set.name
            if name in at_hand:
                found, counts[name] = compare_with_corpus(table, at_hand[name])
                errors += found
    labels = [asdict(error) for error in errors]
    return {"labels": labels, "records": counts, "signals": count_signal_differences(published.tables)}


def _count_records(*tables: LabelTable) -> dict[str, int]:
    """Different records of some tables, and of their test splits."""
    names = {record_id for table in tables for record_id in table.records["record_id"]}
    tested = {record_id for table in tables for record_id in table.of_splits(["test"]).records["record_id"]}
    return {"num_records": len(names), "num_test_records": len(tested)}


def _compare(
    table: LabelTable, label: str, column: np.ndarray, truth: np.ndarray, *, against: str, reason: str = ""
) -> Difference:
    """One class in numbers."""
    is_test, positive = (table.records["split"] == "test").to_numpy(), column == 1
    return Difference(
        set=table.label_set.name,
        label=label,
        against=against,
        num_true=int(truth.sum()),
        num_table=int(positive.sum()),
        num_true_test=int((truth & is_test).sum()),
        num_table_test=int((positive & is_test).sum()),
        num_added=int((positive & ~truth).sum()),
        num_lost=int((truth & ~positive).sum()),
        reason=reason,
    )
