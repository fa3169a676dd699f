"""Conditions: a label asks for its finding, and is seen where training asked for the same finding in any spelling."""

import logging

import pytest
from accelerate import Accelerator

from datasets_scripts.terminology.findings import load_terminology
from evaluation_scripts.conditions import describe_conditions, word_query


def describe(label_names, trained_queries, *, config_name=None):
    Accelerator()  # accelerate's logger asks for it
    return describe_conditions(label_names, config_name=config_name, trained_queries=trained_queries)


@pytest.mark.parametrize(
    "trained", ["left bundle branch block", "Left-Bundle Branch  Block", "LBBB", "CLBBB", "164909002"]
)
def test_a_condition_is_seen_by_name_synonym_or_code(trained):
    assert [one.seen for one in describe(["CLBBB", "AFIB"], [trained])] == [True, False]


def test_a_kind_of_a_seen_condition_is_unseen():
    conditions = describe(["myocardial infarction", "inferior myocardial infarction"], ["myocardial infarction"])

    assert [one.seen for one in conditions] == [True, False]


def test_the_same_label_asks_for_another_finding_in_another_configuration():
    superclass, subclass = (
        describe(["STTC"], ["normal ecg"], config_name=name)[0] for name in ("superclass", "subclass")
    )

    assert superclass.query == "st-t changes"
    assert subclass.query == "nondiagnostic st-t changes"


def test_a_label_the_terminology_does_not_know_is_asked_for_by_its_own_name(caplog):
    with caplog.at_level(logging.WARNING):
        unknown, known = describe(["Blue Moon", "AFIB"], ["blue moon"])

    assert (unknown.query, unknown.finding, unknown.seen) == ("Blue Moon", None, True)
    assert (known.query, known.seen) == ("atrial fibrillation", False)
    assert caplog.text.count("does not know Blue Moon") == 1


@pytest.mark.parametrize(
    ("text", "query_wording", "wordings"),
    [
        ("hypertrophy", "name", ("hypertrophy",)),
        ("hypertrophy", "all", load_terminology().wordings("hypertrophy")),
        ("blue moon", "all", ("blue moon",)),
    ],
)
def test_wordings_are_those_of_the_terminology_where_it_knows_the_finding(text, query_wording, wordings):
    assert word_query(text, query_wording) == wordings


def test_a_kind_of_a_finding_that_training_named_is_unseen_and_says_so():
    (condition,) = describe_conditions(["IMI"], config_name="subclass", trained_queries=["Myocardial infarction"])

    assert (condition.seen, condition.seen_ancestor) == (False, "myocardial infarction")


def test_a_published_class_asks_for_what_the_corpus_calls_it():
    (condition,) = describe_conditions(["AF"], config_name="merl", trained_queries=None, corpus_labels=["AFL"])

    assert (condition.label, condition.query) == ("AF", "atrial flutter")
