"""Answers of a language model: taken only in the form asked for, and only if the statement says what they name."""

import json

import pytest

from datasets_scripts.extraction.backends.answers import MAX_ENTITIES, parse_answer
from datasets_scripts.extraction.backends.task import AnswerRefused


STATEMENT = "Possible LVH with PVCs"


def write(*entities, **extra):
    """An answer with these entities."""
    return json.dumps({"entities": list(entities), **extra})


def entity(name="left ventricular hypertrophy", certainty="uncertain", **extra):
    """One entity of an answer."""
    return {"entity": name, "certainty": certainty, **extra}


def test_findings_keep_the_order_of_the_answer():
    answer = write(entity(), entity("premature ventricular contraction", "positive"))

    assert parse_answer(answer, STATEMENT) == (
        ("left ventricular hypertrophy", "uncertain", "", ""),
        ("premature ventricular contraction", "positive", "", ""),
    )


def test_an_empty_list_is_an_answer():
    assert parse_answer(write(), "Lead V2 missing") == ()


def test_names_are_folded_to_lower_case_and_single_blanks():
    assert parse_answer(write(entity("  Left  Ventricular\nHypertrophy ")), STATEMENT)[0].entity == (
        "left ventricular hypertrophy"
    )


def test_a_finding_named_twice_has_the_strongest_certainty():
    answer = write(entity(certainty="negative"), entity(certainty="positive"), entity())

    assert parse_answer(answer, STATEMENT) == (("left ventricular hypertrophy", "positive", "", ""),)


def test_json_in_a_code_fence_is_read():
    assert len(parse_answer(f"```json\n{write(entity())}\n```", STATEMENT)) == 1


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("", "not JSON"),
        ("Left ventricular hypertrophy", "not JSON"),
        (write(entity())[:-3], "cut off"),
        ("[" * 100_000, "not JSON"),
        ("[]", 'not a JSON object with the one key "entities"'),
        ("null", 'not a JSON object with the one key "entities"'),
        ("{}", 'not a JSON object with the one key "entities"'),
        (write(entity(), path="/etc/passwd"), 'not a JSON object with the one key "entities"'),
        ('{"entities": {}}', "not a list"),
        (write(*[entity()] * (MAX_ENTITIES + 1)), "17 entities, more than 16"),
        (write("LVH"), "not a JSON object"),
        (write({"entity": "lvh"}), 'no "certainty"'),
        (write({"certainty": "positive"}), 'no "entity"'),
        (write(entity(snomed_ct="1")), "other keys"),
        (write(entity(name=7)), "not a text"),
        (write(entity(quote=None)), "not a text"),
        (write(entity(certainty="Positive")), "certainty is none of positive, uncertain, negative"),
        (write(entity(certainty=["positive"])), "not a text"),
        (write(entity(name=" ")), "empty or longer than 100 characters"),
        (write(entity(name="lvh " * 26)), "empty or longer than 100 characters"),
        (write(entity(quote="LVH " * 51)), "longer than 100 characters, or its quote than 200"),
        (write(entity(name="lvh\x00")), "cannot be printed"),
        ('{"entities": [{"entity": "lvh \\ud800", "certainty": "positive"}]}', "cannot be printed"),
        (write(entity(name="mitral stenosis")), "not in the statement"),
    ],
)
def test_another_answer_is_refused(answer, problem):
    with pytest.raises(AnswerRefused, match=problem):
        parse_answer(answer, STATEMENT)


def test_the_model_is_told_which_finding_was_refused_but_the_log_is_not():
    with pytest.raises(AnswerRefused, match=r"^a finding of the answer is not in the statement$") as refused:
        parse_answer(write(entity(), entity("mitral stenosis")), STATEMENT)

    assert 'The statement does not say "mitral stenosis"' in refused.value.reason


def test_a_hedge_leaves_the_name_and_must_agree_with_the_certainty():
    entity = {"quote": "Possible LVH", "entity": "possible LVH", "certainty": "uncertain"}
    (found,) = parse_answer(json.dumps({"entities": [entity]}), "Possible LVH")

    assert (found.entity, found.certainty) == ("lvh", "uncertain")
    with pytest.raises(AnswerRefused, match="contradicts its certainty") as refusal:
        parse_answer(json.dumps({"entities": [{**entity, "certainty": "positive"}]}), "Possible LVH")
    assert "Name the finding alone" in refusal.value.reason


def test_an_unknown_quote_vouches_for_one_finding():
    names = ("brugada pattern", "pericarditis")
    entities = [{"quote": "Xyzzosis", "entity": name, "certainty": "positive"} for name in names]

    assert parse_answer(json.dumps({"entities": entities[:1]}), "Xyzzosis")
    with pytest.raises(AnswerRefused, match="not in the statement"):
        parse_answer(json.dumps({"entities": entities}), "Xyzzosis")
