"""What was learnt of one corpus, tested on another: conditions are matched by name or code of their finding."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evaluation_scripts.conditions import find_finding, identities
from evaluation_scripts.metrics import format_figure, number_or_none, score_conditions
from evaluation_scripts.protocols.label_table import LabelTable
from evaluation_scripts.suites.records import locate_table

from .fitted import ProbedSet
from .regression import Probe


def match_conditions(source: LabelTable, target: LabelTable) -> dict[int, int]:
    """Which condition of one set asks for the finding of a condition of another.

    Args:
        source ([`LabelTable`]):
            The set that was learnt.
        target ([`LabelTable`]):
            The set that is tested.

    Returns:
        `dict[int, int]`: Place of the condition in `source` by that in `target`; the first of several.
    """
    known = [identities(label, source.label_set.config_name) for label in source.corpus_labels]
    pairs = {}
    for place, label in enumerate(target.corpus_labels):
        wanted = identities(label, target.label_set.config_name)
        found = next((number for number, own in enumerate(known) if not wanted.isdisjoint(own)), None)
        if found is not None:
            pairs[place] = found
    return pairs


def transfer(
    sets: Sequence[tuple[ProbedSet, Probe]], source: str, *, num_bootstrap_samples: int, seed: int
) -> list[dict[str, Any]]:
    """Every probe on the sets of the other corpora.

    Args:
        sets (`Sequence[tuple]`):
            Sets, and what was learnt of each.
        source (`str`):
            Whose features.
        num_bootstrap_samples (`int`):
            Resamples of the intervals.
        seed (`int`):
            Seed of the resamples.

    Returns:
        `list[dict]`, one per pair of sets of different corpora: `learnt` and `tested` (their names), `auroc_macro` of
        the averaged conditions of the tested set that both have, with its interval, `auroc_macro_own` (what the probe
        of the tested set itself reaches on them), `num_conditions`, `conditions` (`label`, `learnt_label`, `finding`,
        `auroc`, `auroc_own`, `num_positives`), what could not be matched, `only_learnt` and `only_tested`, and
        `unlearnt`: conditions of the tested set whose finding the learnt set names but has no positive, or no
        negative, training record of; they have no `auroc` and are not averaged.
    """
    return [
        _transfer(learnt, tested, source, num_bootstrap_samples=num_bootstrap_samples, seed=seed)
        for learnt in sets
        for tested in sets
        if learnt[0].table.label_set.corpus != tested[0].table.label_set.corpus
    ]


def _transfer(
    learnt: tuple[ProbedSet, Probe], tested: tuple[ProbedSet, Probe], source: str, **bootstrap: int
) -> dict[str, Any]:
    """One probe on one set."""
    (origin, probe), (target, own_probe) = learnt, tested
    pairs = match_conditions(origin.table, target.table)
    columns, places = np.array(list(pairs), dtype=np.int64), np.array(list(pairs.values()), dtype=np.int64)
    features, labels = target.features[source][target.tested], target.table.labels[target.tested][:, columns]
    patients = locate_table(target.table.select(target.tested))["patient_id"].tolist()
    is_learnt = np.array([probe.regressions[place] is not None for place in places], dtype=bool)
    known = np.where(is_learnt, labels, np.nan)
    figures = score_conditions(probe.predict(features)[:, places], known, patient_ids=patients, **bootstrap)
    own = score_conditions(own_probe.predict(features)[:, columns], labels, num_bootstrap_samples=0)
    included = target.included[columns] & is_learnt
    macro = figures.macro(included)
    config_name = target.table.label_set.config_name
    return {
        "learnt": origin.table.label_set.name,
        "tested": target.table.label_set.name,
        "auroc_macro": macro["auroc_macro"],
        "auroc_macro_ci95": macro["auroc_macro_ci95"],
        "auroc_macro_own": own.macro(included)["auroc_macro"],
        "num_conditions": int((included & ~np.isnan(figures.auroc)).sum()),
        "conditions": [
            {
                "label": target.table.label_names[column],
                "learnt_label": origin.table.label_names[place],
                "finding": getattr(find_finding(target.table.corpus_labels[column], config_name), "name", None),
                "auroc": number_or_none(figures.auroc[index]),
                "auroc_own": number_or_none(own.auroc[index]),
                "num_positives": int(own.num_positives[index]),
            }
            for index, (column, place) in enumerate(pairs.items())
        ],
        "unlearnt": [target.table.label_names[column] for column in columns[~is_learnt]],
        "only_learnt": [
            name for place, name in enumerate(origin.table.label_names) if place not in set(pairs.values())
        ],
        "only_tested": [name for column, name in enumerate(target.table.label_names) if column not in pairs],
    }


def format_transfer(entries: Sequence[Mapping[str, Any]]) -> str:
    """One line per pair of sets, for people; it ends in a line break."""
    lines = ["Transfer of the linear probe (macro AUROC of the findings that both sets have)"]
    for entry in entries:
        shared = ", ".join(condition["label"] for condition in entry["conditions"])
        lines.append(
            f"{entry['learnt']} -> {entry['tested']}: {format_figure(entry['auroc_macro'])}, with its own labels"
            f" {format_figure(entry['auroc_macro_own'])}, {entry['num_conditions']} averaged of {shared or 'none'};"
            f" not matched: {len(entry['only_tested'])} of {entry['tested']}"
        )
    return "\n".join(lines) + "\n"
