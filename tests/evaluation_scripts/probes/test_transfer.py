"""Transfer across corpora: conditions meet by the name or code of their finding, the others are named."""

import numpy as np
import pandas as pd
import pytest
from helpers.records.suite_records import CHAPMAN, CPSC2018, SETS

from evaluation_scripts.probes.fitted import ProbedSet
from evaluation_scripts.probes.transfer import format_transfer, match_conditions, transfer
from evaluation_scripts.protocols.label_table import LabelTable


def make_set(label_set, labels, *, seed, num_records=90):
    """A set in which feature `i` is condition `i` of `labels`, with some noise; a third tests."""
    generator = np.random.default_rng(seed)
    truth = (generator.random((num_records, len(labels))) < 0.4).astype(float)
    records = pd.DataFrame(
        {
            "record_id": [f"{label_set.corpus} {number}" for number in range(num_records)],
            "patient_id": None,
            "split": ["train", "validation", "test"] * (num_records // 3),
        }
    )
    names = tuple(label_set.merl_names.get(label, label) for label in labels)
    table = LabelTable(label_set, "merl", tuple(labels), names, records, truth)
    return table, truth + 0.1 * generator.normal(size=truth.shape)


def test_conditions_meet_by_their_finding_whatever_they_are_called():
    cpsc2018, _ = make_set(CPSC2018, ["AFIB", "VPC", "STE"], seed=0)
    rhythm, _ = make_set(SETS["ptb_xl/rhythm"], ["SR", "AFIB"], seed=1)

    assert match_conditions(cpsc2018, rhythm) == {1: 0}


@pytest.fixture(scope="module")
def transferred():
    """CPSC2018 has atrial fibrillation as its second condition, Chapman-Shaoxing-Ningbo as its first."""
    found = []
    for label_set, labels in ((CPSC2018, ["VPC", "AFIB"]), (CHAPMAN, ["AFIB", "WPW", "1AVB"])):
        table, features = make_set(label_set, labels, seed=len(labels))
        # Features of both stand for the same: atrial fibrillation first
        columns = features[:, [1, 0]] if label_set is CPSC2018 else features[:, :2]
        included = np.ones(len(labels), dtype=bool)
        own = ProbedSet(label_set.name, table, {"probe": columns}, ["test"], included)
        found.append((own, own.fit("probe")))
    return transfer(found, "probe", num_bootstrap_samples=20, seed=0)


def test_every_corpus_is_tested_by_what_the_others_taught(transferred):
    pairs = [(entry["learnt"], entry["tested"]) for entry in transferred]

    assert pairs == [(CPSC2018.name, CHAPMAN.name), (CHAPMAN.name, CPSC2018.name)]


def test_what_was_learnt_of_one_corpus_is_known_in_the_other(transferred):
    (condition,) = transferred[0]["conditions"]

    assert (condition["learnt_label"], condition["label"], condition["finding"]) == ("AFIB",) * 2 + (
        "atrial fibrillation",
    )
    assert condition["auroc"] == transferred[0]["auroc_macro"] == pytest.approx(1.0)
    assert transferred[0]["auroc_macro_own"] == pytest.approx(1.0)


def test_what_could_not_be_matched_is_named(transferred):
    assert transferred[0]["only_learnt"] == ["VPC"]
    assert transferred[0]["only_tested"] == ["WPW", "1AVB"]
    assert "not matched: 2 of chapman_shaoxing_ningbo/merl" in format_transfer(transferred)


def test_a_finding_that_the_learnt_set_names_but_has_no_record_of_is_named_and_not_averaged():
    found = []
    for label_set in (CPSC2018, CHAPMAN):
        table, features = make_set(label_set, ["AFIB", "1AVB"], seed=7)
        if label_set is CPSC2018:
            table.labels[:, 1] = 0.0
        own = ProbedSet(label_set.name, table, {"probe": features}, ["test"], np.ones(2, dtype=bool))
        found.append((own, own.fit("probe")))

    entry = transfer(found, "probe", num_bootstrap_samples=5, seed=0)[0]

    assert entry["unlearnt"] == ["1AVB"]
    assert [condition["auroc"] for condition in entry["conditions"]] == [pytest.approx(1.0), None]
    assert (entry["auroc_macro"], entry["num_conditions"]) == (pytest.approx(1.0), 1)
