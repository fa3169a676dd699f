"""Prompts: every change is a new version; the examples are right, and not taken from the yardstick."""

import json

import pytest
import yaml

from datasets_scripts.extraction.backends.answers import parse_answer
from datasets_scripts.extraction.backends.prompts import load_prompt
from datasets_scripts.extraction.backends.statement_task import FINDINGS
from datasets_scripts.extraction.readings.statements import statement_key
from datasets_scripts.terminology.findings import load_terminology


PROMPT = load_prompt("findings_v1", FINDINGS)
EXAMPLES = PROMPT.examples


def write_prompt(path, **changes):
    """The prompt of the package with other contents."""
    content = yaml.safe_load((FINDINGS.folder / "findings_v1.yaml").read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump({**content, **changes}, allow_unicode=True), encoding="utf-8")
    return str(path)


def test_the_version_is_the_name_and_a_hash_of_what_the_model_is_told(tmp_path):
    copied = load_prompt(write_prompt(tmp_path / "findings_v1.yaml"), FINDINGS)
    changed = load_prompt(write_prompt(tmp_path / "mine.yaml", system="Read."), FINDINGS)

    assert copied == PROMPT
    assert changed.version.startswith("mine-")
    assert changed.version.removeprefix("mine") != copied.version.removeprefix("findings_v1")


def test_examples_come_as_turns_of_a_conversation():
    messages = PROMPT.messages("PVCs")

    assert [message["role"] for message in messages] == ["system", *["user", "assistant"] * len(EXAMPLES), "user"]


def test_a_refusal_is_told_with_the_statement():
    content = PROMPT.messages("PVCs", refusal="It is no JSON.")[-1]["content"]

    assert content == '{"statement": "PVCs"}\n\nAn earlier answer was refused: It is no JSON. Answer again.'


@pytest.mark.parametrize(("statement", "answer"), EXAMPLES, ids=[statement for statement, _ in EXAMPLES])
def test_an_example_is_an_answer_that_would_be_accepted(statement, answer):
    names = [entity.entity for entity in parse_answer(answer, statement)]

    assert len(names) == len(json.loads(answer)["entities"])
    assert [name for name in names if name not in load_terminology()] == []


@pytest.mark.data
def test_no_example_is_an_annotated_statement(data_dir):
    lines = (data_dir / "mimic-iv-ecg" / "annotated_examples.jsonl").read_text(encoding="utf-8").splitlines()
    annotated = {statement_key(json.loads(line)["statement"]) for line in lines}

    assert annotated.isdisjoint(statement_key(statement) for statement, _ in EXAMPLES)


@pytest.mark.parametrize(
    "changes",
    [{"system": None, "examples": None}, {"examples": [{"statement": "PVCs"}]}, {"examples": ["PVCs"]}],
    ids=["empty", "no entities", "no mapping"],
)
def test_a_file_of_another_form_is_refused(tmp_path, changes):
    path = write_prompt(tmp_path / "mine.yaml", **changes)

    with pytest.raises(ValueError, match=r"mine\.yaml is no prompt: it needs the text `system`"):
        load_prompt(path, FINDINGS)


@pytest.mark.parametrize("content", [b"system: [", b"system: \xff"], ids=["no YAML", "no UTF-8"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path, content):
    (tmp_path / "mine.yaml").write_bytes(content)

    with pytest.raises(ValueError, match=r"mine\.yaml is no prompt: it needs the text `system`"):
        load_prompt(str(tmp_path / "mine.yaml"), FINDINGS)
