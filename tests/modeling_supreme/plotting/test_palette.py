"""One set of colours: nothing else in the packages names a colour, and pages know them all."""

import re

import pytest
from helpers.repository import ROOT

from datasets_scripts.page import write_document
from modeling_supreme.plotting import palette


COLOURS = {name: value for name, value in vars(palette).items() if name.isupper()}
SOURCES = [
    path
    for package in ("modeling_supreme", "datasets_scripts", "training_scripts", "evaluation_scripts")
    for path in (ROOT / package).rglob("*")
    if path.suffix in (".py", ".css", ".js") and path.name != "palette.py"
]


def test_colours_are_spelt_alike_and_differ():
    assert all(re.fullmatch(r"#[0-9a-f]{6}", value) for value in COLOURS.values())
    assert len(set(COLOURS.values())) == len(COLOURS)


def test_no_other_file_names_a_colour():
    assert [
        path.name for path in SOURCES if re.search(r"#[0-9a-f]{6}\b|#[0-9a-f]{3}\b", path.read_text("utf-8"))
    ] == []


@pytest.mark.parametrize("style", ["page.py", "extraction/checks/audit_page.css"])
def test_a_page_defines_the_colours_of_its_styles(style, tmp_path):
    write_document(tmp_path / "page.html", title="Page", parts=[])

    used = set(re.findall(r"var\((--[a-z-]+)\)", (ROOT / "datasets_scripts" / style).read_text("utf-8")))
    assert used
    assert used <= set(re.findall(r"(--[a-z-]+):", (tmp_path / "page.html").read_text("utf-8")))
