"""Prompt sets: names, descriptions, or anybody's texts, and what they lack is named."""

import json
import logging

import pytest
from accelerate import PartialState

from evaluation_scripts.arguments import EvaluationArguments
from evaluation_scripts.conditions import describe_conditions
from evaluation_scripts.prompts import read_prompts, word_conditions


LABELS, CORPUS_LABELS = ["AFIB", "CRBBB", "ISC"], ["AFIB", "CRBBB", "ISC_"]


def word(prompts):
    PartialState()  # what logs asks it which process this is
    conditions = describe_conditions(LABELS, config_name="subclass", trained_queries=None, corpus_labels=CORPUS_LABELS)
    worded = word_conditions(conditions, prompts, corpus_labels=CORPUS_LABELS, config_name="subclass")
    return {condition.label: condition.query for condition in worded}


def write_prompts(path, texts):
    path.write_text(json.dumps(texts))
    return str(path)


def test_a_file_answers_to_labels_names_and_codes(tmp_path):
    texts = {"CRBBB": "a wide terminal R wave in V1", "164889003": ["no P waves", " irregular RR intervals"]}

    assert word(write_prompts(tmp_path / "ckepe.json", texts)) == {
        "AFIB": "no P waves, irregular RR intervals",
        "CRBBB": "a wide terminal R wave in V1",
        "ISC": "myocardial ischemia",
    }


def test_the_label_goes_before_the_finding(tmp_path):
    texts = {"atrial fibrillation": "by name", "AFIB": "by label"}

    assert word(write_prompts(tmp_path / "texts.json", texts))["AFIB"] == "by label"


def test_conditions_without_a_text_are_named(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        word(write_prompts(tmp_path / "texts.json", {"AFIB": "no P waves"}))

    assert "texts.json has no text for CRBBB, ISC, which are asked for by their names" in caplog.text


def test_descriptions_say_what_a_finding_is():
    described, named = word("descriptions"), word("names")

    assert named["AFIB"] == "atrial fibrillation"
    assert described["AFIB"] != named["AFIB"]
    assert len(described["AFIB"]) > 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"AFIB": 3}', r"what stands under 'AFIB' is no text\. Write a text"),
        ('["AFIB"]', r"holds a list, not a table\. Write a text for each label"),
        ("{", r"is no JSON .*Write a table of texts"),
    ],
)
def test_a_file_that_is_no_table_of_texts_is_refused(tmp_path, text, message):
    (tmp_path / "texts.json").write_text(text)

    with pytest.raises(ValueError, match=message):
        read_prompts(tmp_path / "texts.json")


@pytest.mark.parametrize(
    ("prompts", "query_wording", "answer_by"),
    [
        ("names", "name", "name"),
        ("wordings", "all", "name"),
        ("definitions", "name", "definition"),
        (None, "name", "auto"),
    ],
)
def test_a_set_says_what_it_needs(prompts, query_wording, answer_by):
    arguments = EvaluationArguments("model", "ptb_xl", "out", prompts=prompts)

    assert (arguments.query_wording, arguments.answer_by) == (query_wording, answer_by)


def test_a_set_that_does_not_exist_and_one_that_is_contradicted_are_refused():
    with pytest.raises(ValueError, match=r"--prompts poems is no set of prompts\. Choose one of names, wordings"):
        EvaluationArguments("model", "ptb_xl", "out", prompts="poems")
    with pytest.raises(ValueError, match=r"--prompts names says how .*Leave `--query_wording` and `--answer_by`"):
        EvaluationArguments("model", "ptb_xl", "out", prompts="names", query_wording="all")
