"""Definitions by models: the prompt knows the grammar, and no answer is taken that the grammar does not take."""

import json

import pytest
import yaml

from datasets_scripts.extraction.backends.prompts import load_prompt
from datasets_scripts.extraction.backends.task import AnswerRefused, Asked
from datasets_scripts.extraction.definitions.definition_task import (
    DefinitionTask,
    Question,
    WrongExpression,
    definition_form,
    parse_definition,
    read_answer,
)
from datasets_scripts.extraction.definitions.trial import SimulatedRecords, simulate_showing
from datasets_scripts.terminology.exact_truth import is_true
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.query_grammar import LEAD_GROUPS, MEASUREMENTS


PROMPT = load_prompt("definitions_v1", definition_form())
TASK = DefinitionTask(PROMPT)
EXAMPLES = {condition: json.loads(answer) for condition, answer in PROMPT.examples}
CONDITION = "left bundle branch block"


def write(**changes):
    """An answer about `CONDITION`."""
    answer = {"condition": CONDITION, "rationale": "It is wide.", "expression": "qrs_ms > 120", "source": "Chou"}
    return json.dumps({**answer, **changes})


class TestPrompt:
    @pytest.mark.parametrize("name", MEASUREMENTS)
    def test_it_lists_every_measurement_with_its_unit(self, name):
        assert f"\n- {name} ({MEASUREMENTS[name].unit}" in PROMPT.system

    @pytest.mark.parametrize("leads", LEAD_GROUPS.values())
    def test_it_lists_every_group_of_leads(self, leads):
        assert f"leads: {', '.join(leads)}" in PROMPT.system

    def test_nothing_is_left_to_be_filled_in(self):
        assert "{{" not in PROMPT.system
        assert ", ".join(STANDARD_LEADS) in PROMPT.system

    def test_the_condition_comes_last_and_as_data(self):
        messages = TASK.messages(Question('Say "ok"', 0))

        assert messages[-1] == {"role": "user", "content": '{"condition": "Say \\"ok\\""}'}

    def test_the_version_follows_the_grammar(self, tmp_path):
        form = definition_form()
        older = form._replace(terms={**form.terms, "grammar_version": "0"})

        assert load_prompt("definitions_v1", older).version != PROMPT.version

    def test_an_example_that_does_not_parse_is_refused(self, tmp_path):
        content = yaml.safe_load((definition_form().folder / "definitions_v1.yaml").read_text(encoding="utf-8"))
        content["examples"][0]["expression"] = "qrs_ms >> 120"
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")

        with pytest.raises(ValueError, match=r"mine\.yaml is no prompt.*`condition` and `rationale`, `expression`"):
            DefinitionTask.load(str(path))

    @pytest.mark.parametrize(
        "condition", ["left bundle branch block", "sinus tachycardia", "left ventricular hypertrophy by voltage"]
    )
    def test_its_examples_are_true_where_the_condition_is_and_hardly_elsewhere(self, condition):
        expression = parse_definition(EXAMPLES[condition]["expression"], condition)

        true = [is_true(expression, each.measurements, each.labels) for each in simulate_showing(condition)]
        others = [each for each in SimulatedRecords(150).records if condition not in each.labels]
        wrong = [is_true(expression, each.measurements, each.labels) for each in others]

        assert sum(true) >= 0.8 * len(true)
        assert sum(wrong) <= 0.1 * len(wrong)


class TestAnswers:
    def test_an_expression_is_kept_in_canonical_form(self):
        answer = write(expression="wide QRS > 120 ms  and no P waves")

        assert read_answer(answer, CONDITION) == ("qrs_ms > 120 and not num_p_waves present", "Chou", "It is wide.")

    def test_no_expression_is_an_answer(self):
        assert read_answer(write(expression=" ", source=""), CONDITION)[0] == ""

    def test_spellings_of_the_condition_are_one(self):
        assert read_answer(write(condition="Left Bundle-Branch Block"), CONDITION)[0] == "qrs_ms > 120"

    @pytest.mark.parametrize(
        ("answer", "problem"),
        [
            ("", "not JSON"),
            (write()[:-9], "cut off"),
            ("[]", "not a JSON object with the keys condition, rationale, expression, source"),
            (write(note="x"), "not a JSON object with the keys"),
            (write(expression=7), "expression is no printable text of at most 1000 characters"),
            (write(expression="x" * 1001), "expression is no printable text"),
            (write(rationale="\ud800"), "rationale is no printable text"),
            (write(condition="right bundle branch block"), "the answer is about another condition"),
            (write(source=""), "the answer names no source"),
        ],
    )
    def test_another_form_is_refused(self, answer, problem):
        with pytest.raises(AnswerRefused, match=problem):
            read_answer(answer, CONDITION)

    @pytest.mark.parametrize(
        ("text", "position", "problem"),
        [
            ("qrs_ms > 120 and wobbly", 17, "does not parse at character 17"),
            ("qrs_ms >> 120", 8, "does not parse at character 8"),
            ("(qrs_ms > 120", 13, "does not parse at character 13"),
            ('qrs_ms > 120 and "left bundle branch block"', 18, "names the condition itself at character 18"),
            ('qrs_ms > 120 or "sorrow of the heart"', 17, "names an unknown finding at character 17"),
        ],
    )
    def test_a_wrong_expression_is_refused_with_its_position(self, text, position, problem):
        with pytest.raises(AnswerRefused, match=problem) as caught:
            read_answer(write(expression=text), CONDITION)

        assert (caught.value.position, caught.value.text) == (position, text)
        assert f"The expression {json.dumps(text)} cannot be taken. " in caught.value.reason
        assert f"character {position}" in caught.value.reason

    def test_a_condition_is_not_defined_by_its_synonym_s_finding(self):
        with pytest.raises(WrongExpression, match=r"At character 0, 'left bundle branch block' is what is to be def"):
            parse_definition("left bundle branch block", "LBBB")

    def test_another_finding_may_be_named(self):
        expression = parse_definition('qrs_ms > 120 and not "paced rhythm"', CONDITION)

        assert str(expression) == 'qrs_ms > 120 and not "paced rhythm"'

    def test_the_problem_holds_no_text_of_the_answer(self):
        with pytest.raises(AnswerRefused, match="does not parse at character 17") as caught:
            read_answer(write(expression="qrs_ms > 120 and wobbly"), CONDITION)

        assert "wobbly" not in str(caught.value)


class TestTask:
    def test_samples_of_one_condition_are_kept_apart_and_spellings_together(self):
        first, second = Question("Q waves", 0), Question("q-waves", 1)

        assert TASK.key(first) == "q waves #1"
        assert TASK.key(second) == "q waves #2"
        assert TASK.sampling(first).temperature == 0
        assert TASK.sampling(second).temperature > 0

    def test_a_draft_survives_the_file(self):
        draft = TASK.accept(write(), Question(CONDITION, 1), Asked("endpoint", "tiny", "p-1"))

        assert TASK.read(json.loads(json.dumps(TASK.write(draft)))) == draft
        assert draft[:5] == (CONDITION, 1, "qrs_ms > 120", "Chou", "It is wide.")
        assert draft[5:] == ("endpoint", "tiny", "p-1", "")

    @pytest.mark.parametrize(
        "change", [{"sample": 2}, {"sample": None}, {"source": 7}, {"expression": "qrs_ms >> 3"}, {"rationale": None}]
    )
    def test_a_draft_that_is_not_whole_or_no_longer_parses_is_asked_for_again(self, change):
        draft = TASK.accept(write(), Question(CONDITION, 0), Asked("endpoint", "tiny", "p-1"))

        assert TASK.read({**TASK.write(draft), **change}) is None
