"""Make the notebooks of this folder from its scripts: `python examples/make_notebooks.py`.

The scripts are the source, in the percent format of jupytext. A notebook is the cells of its script after one that
installs the package, as Colab needs it, and holds no output.
"""

from pathlib import Path

import jupytext
import nbformat


EXAMPLES = Path(__file__).parent
SCRIPTS = sorted(path for path in EXAMPLES.glob("*.py") if path != Path(__file__))
INSTALLATION = """# Needed where the package is not installed, such as on Colab. Write the address of the repository:
REPOSITORY = "https://github.com/OWNER/modeling_supreme"
import importlib.util

if importlib.util.find_spec("modeling_supreme") is None:
    !git clone --quiet --depth 1 {REPOSITORY} clone
    !pip install --quiet -c clone/constraints.txt -e clone
    import sys

    sys.path.insert(0, "clone")  # an editable installation is found after a restart alone"""


def make_notebook(script: Path) -> str:
    """The notebook of a script, as the text of its file."""
    source = jupytext.read(script, fmt="py:percent")
    cells = [nbformat.v4.new_code_cell(INSTALLATION)]
    for cell in source.cells:
        make = nbformat.v4.new_markdown_cell if cell.cell_type == "markdown" else nbformat.v4.new_code_cell
        cells.append(make(cell.source))
    for place, cell in enumerate(cells):
        cell["id"] = f"cell-{place}"  # else they are drawn at random
    metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=metadata)) + "\n"


def main() -> None:
    """Write a notebook beside every script."""
    for script in SCRIPTS:
        script.with_suffix(".ipynb").write_text(make_notebook(script), encoding="utf-8")


if __name__ == "__main__":
    main()
