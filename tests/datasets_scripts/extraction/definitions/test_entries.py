"""Entries: one definition per condition, and how far its two samples bear each other out."""

import json

import pytest
import yaml

from datasets_scripts.extraction.backends.backend import Refusal
from datasets_scripts.extraction.definitions.corrections import Correction
from datasets_scripts.extraction.definitions.definition_task import Draft
from datasets_scripts.extraction.definitions.entries import (
    correct_entry,
    draft_entry,
    mark_circles,
    write_definitions,
    write_samples,
)
from datasets_scripts.extraction.definitions.trial import SimulatedRecords


RECORDS = SimulatedRecords(60)
FAST = "rate_per_min > 125"
NEVER = "t_mv > 9 in at least 4 of V1, V2, V3, V4"


def make_entry(*expressions, condition="sinus tachycardia"):
    """The entry of two samples; `None` for one without a usable answer."""
    samples = [
        Draft(condition, number, text or "", "Chou", "Because.", problem="no answer" * (text is None))
        for number, text in enumerate(expressions)
    ]
    return draft_entry(samples, [()] * len(samples), RECORDS)


@pytest.mark.parametrize(
    ("expressions", "status", "expression"),
    [
        (("rate_per_min > 100", "rate_per_min > 100"), "samples agree", "rate_per_min > 100"),
        (("rate_per_min > 100", "not rate_per_min < 100"), "samples agree", "rate_per_min > 100"),
        (("rate_per_min > 100", "rate_per_min < 100"), "samples differ", "rate_per_min > 100"),
        (("rate_per_min > 100", ""), "samples differ", "rate_per_min > 100"),
        (("", "rate_per_min > 100"), "samples differ", "rate_per_min > 100"),
        (("", ""), "no definition", ""),
        ((NEVER, NEVER), "never true", NEVER),
        ((None, "rate_per_min > 100"), "one sample", "rate_per_min > 100"),
        (("rate_per_min > 100", None), "one sample", "rate_per_min > 100"),
        ((None, None), "failed", ""),
    ],
)
def test_two_samples_are_held_against_each_other(expressions, status, expression):
    entry = make_entry(*expressions)

    assert (entry.status, entry.expression, entry.is_reviewed) == (status, expression, False)


def test_a_difference_on_records_that_show_the_condition_alone_counts():
    samples = [Draft("sinus tachycardia", number, text, "Chou", "") for number, text in enumerate([FAST, NEVER])]
    one = SimulatedRecords(1)

    entry = draft_entry(samples, [(), ()], one)

    assert one.records[0].measurements["rate_per_min"] < 125
    assert (entry.trial.num_equal, entry.status) == (1, "samples differ")


@pytest.mark.parametrize(("is_confirmed", "status"), [(True, "confirmed"), (False, "corrected")])
def test_a_person_is_believed(is_confirmed, status):
    entry = correct_entry(Correction("Q waves", "q_excess_II > 1", "Chou", is_confirmed), RECORDS)

    assert (entry.status, entry.is_reviewed, entry.samples) == (status, is_confirmed, ())
    assert len(entry.trial.num_true) == 1


def test_definitions_that_need_each_other_are_left_out():
    marked = mark_circles(
        [
            make_entry(*['"bradycardia" or qrs_ms > 120'] * 2, condition="tachycardia"),
            make_entry(*['"tachycardia" or qrs_ms > 120'] * 2, condition="bradycardia"),
            make_entry(*['"tachycardia" and qrs_ms > 120'] * 2, condition="bigeminy"),
        ]
    )

    assert [entry.status for entry in marked] == ["circle", "circle", "samples agree"]
    assert [entry.is_written for entry in marked] == [False, False, True]


def read_yaml(path, *entries):
    """The file of some entries, and what YAML reads in it."""
    write_definitions(path, entries, written_by="tiny (endpoint, prompt p-1)")
    text = path.read_text(encoding="utf-8")
    return text, yaml.safe_load(text)


def test_definitions_say_who_wrote_them_and_who_did_not_confirm_them(tmp_path):
    confirmed = correct_entry(Correction("Q waves", "q_excess_II > 1", "Chou", True), RECORDS)
    text, content = read_yaml(
        tmp_path / "d.yaml", make_entry("rate_per_min > 100", "rate_per_min < 100"), make_entry(None, None), confirmed
    )

    assert content[0].pop("names") == ["STACH", "sinus tach"]  # as the terminology has them
    assert content[1].pop("names")[0] == "q wave"
    assert content == [
        {"condition": "sinus tachycardia", "expression": "rate_per_min > 100", "source": "Chou", "reviewed": False},
        {"condition": "Q waves", "expression": "q_excess_II > 1", "source": "Chou", "reviewed": True},
    ]
    assert text.startswith("# Written by tiny (endpoint, prompt p-1); grammar of queries, version 1.\n")
    assert "# The two samples differ: equally true on 0 of 60 simulated records, and on 0 of 20 that" in text


def test_without_a_definition_the_file_is_an_empty_list(tmp_path):
    assert read_yaml(tmp_path / "d.yaml", make_entry(None, None))[1] == []


def test_samples_are_kept_with_their_refusals(tmp_path):
    refusal = Refusal(1, "it does not parse at character 7", "Because at character 7.", 7, "qrs_ms >> 3")
    samples = [Draft("LVH", number, "sokolow_lyon_mv > 3.5", "Chou", "", "endpoint", "m", "p-1") for number in (0, 1)]

    write_samples(tmp_path / "d.jsonl", [draft_entry(samples, [(refusal,), ()], RECORDS)])

    line = json.loads((tmp_path / "d.jsonl").read_text(encoding="utf-8"))
    assert line["samples"][0]["refusals"] == [
        {"problem": refusal.problem, "reason": refusal.reason, "position": 7, "text": "qrs_ms >> 3"}
    ]
    assert [sample["model"] for sample in line["samples"]] == ["m", "m"]
    assert (line["reviewed"], line["trial"]["num_records"], line["grammar_version"]) == (False, 60, 1)
