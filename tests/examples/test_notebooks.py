"""The notebooks are what their scripts give: an installation first, then the same cells, and no output."""

import json

import pytest
from helpers.repository import ROOT


EXAMPLES = ROOT / "examples"
SCRIPTS = sorted(path for path in EXAMPLES.glob("*.py") if path.name != "make_notebooks.py")
pytest.importorskip("jupytext", reason="jupytext is not installed: notebooks are not compared with their scripts")


def load_notebook(script):
    return json.loads(script.with_suffix(".ipynb").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def make_notebook():
    from helpers.repository import load_script

    return load_script("examples/make_notebooks").make_notebook


def test_every_script_has_a_notebook_and_every_notebook_a_script():
    assert {path.stem for path in EXAMPLES.glob("*.ipynb")} == {path.stem for path in SCRIPTS}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_notebook_equals_what_its_script_gives(script, make_notebook):
    written = script.with_suffix(".ipynb").read_text(encoding="utf-8")

    assert written == make_notebook(script), "Run: python examples/make_notebooks.py"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_notebook_begins_with_the_installation_and_holds_no_output(script):
    first, *others = load_notebook(script)["cells"]

    assert "!pip install" in "".join(first["source"])
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in [first, *others])
    assert others[0]["cell_type"] == "markdown"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_an_example_is_named_on_the_page_of_the_folder(script):
    assert f"]({script.name})" in (EXAMPLES / "README.md").read_text(encoding="utf-8")
