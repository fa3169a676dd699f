"""A command that wrote something ends with what it wrote and what to do next, in one form."""

import ast

import pytest
from helpers.repository import ROOT

from modeling_supreme.command_line.closing import closing_line


# Files of the commands that write something; what else they say stands before the line
WRITERS = (
    *("datasets_scripts/prepare/__main__.py", "datasets_scripts/overlap.py", "datasets_scripts/simulator/__main__.py"),
    *("datasets_scripts/extraction/__main__.py", "datasets_scripts/extraction/agreement.py"),
    *("datasets_scripts/extraction/definitions/write.py", "evaluate.py", "evaluation_scripts/compare_labels.py"),
    *("evaluation_scripts/suites/leaderboard.py", "training_scripts/run/session.py"),
    *("training_scripts/decisions/decide.py", "training_scripts/shipping/__main__.py"),
    "modeling_supreme/supreme_command/recordings.py",
    *("modeling_supreme/supreme_command/corpus.py", "modeling_supreme/supreme_command/exports.py"),
)


def test_one_file_is_named():
    assert closing_line(["labels"], "open it") == "Wrote labels. Next: open it."


def test_several_files_are_listed():
    assert closing_line(["a", "b", "c"], "read c") == "Wrote a, b and c. Next: read c."


@pytest.mark.parametrize("name", WRITERS)
def test_every_command_that_writes_ends_with_it(name):
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))

    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert any(getattr(call.func, "id", None) == "closing_line" for call in calls)


@pytest.mark.parametrize("name", WRITERS)
def test_none_says_it_in_words_of_its_own(name):
    text = (ROOT / name).read_text(encoding="utf-8")

    assert not any(own in text for own in ('"Wrote ', '"Written to', 'f"Wrote'))
