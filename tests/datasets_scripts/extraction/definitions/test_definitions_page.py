"""`definitions.html`: one file that shows what was written, what needs a look first, and no answer as HTML."""

import html.parser
import json
import re

import pytest

from datasets_scripts.extraction.backends.backend import Refusal
from datasets_scripts.extraction.definitions.corrections import Correction
from datasets_scripts.extraction.definitions.definition_task import Draft
from datasets_scripts.extraction.definitions.definitions_page import write_page
from datasets_scripts.extraction.definitions.entries import correct_entry, draft_entry
from datasets_scripts.extraction.definitions.trial import SimulatedRecords


HOSTILE = "</script><script>alert('x')</script><img src=x onerror=alert(1)> & so on"
RECORDS = SimulatedRecords(20)


class Tags(html.parser.HTMLParser):
    """Collects the elements of a page, what they load, and their names."""

    def __init__(self):
        super().__init__()
        self.names, self.loaded, self.ids = [], [], set()

    def handle_starttag(self, tag, attributes):
        self.names.append(tag)
        self.loaded += [value for name, value in attributes if name in ("src", "href")]
        self.ids |= {value for name, value in attributes if name == "id"}


def make_entry(condition, *expressions, source="Chou", refusals=((), ())):
    """The entry of two samples."""
    samples = [
        Draft(condition, number, text or "", source, source, "", "m", "", "no answer" * (text is None))
        for number, text in enumerate(expressions)
    ]
    return draft_entry(samples, refusals, RECORDS)


def write(tmp_path, *entries):
    """The page of some entries, as text."""
    write_page(tmp_path / "definitions.html", entries, written_by=f"{HOSTILE} (endpoint)")
    return (tmp_path / "definitions.html").read_text(encoding="utf-8")


def parse(page):
    """The elements of a page."""
    tags = Tags()
    tags.feed(page)
    return tags


def read_rows(page):
    """What the script of a page is given."""
    return json.loads(
        re.search(r'<script type="application/json" id="definitions-data">(.*?)</script>', page, re.DOTALL)[1]
    )


def test_what_needs_a_look_comes_first(tmp_path):
    page = write(
        tmp_path,
        correct_entry(Correction("Q waves", "q_excess_II > 1", "Chou", True), RECORDS),
        make_entry("agreed", "rate_per_min > 60", "rate_per_min > 60"),
        make_entry("differing", "rate_per_min > 60", "rate_per_min < 60"),
        make_entry("lost", None, None),
    )

    assert [row["condition"] for row in read_rows(page)] == ["lost", "differing", "agreed", "Q waves"]
    assert [row["is_quiet"] for row in read_rows(page)] == [False, False, True, True]
    assert page.count('class="figure alarm"') == 2


def test_the_script_gets_refusals_with_their_position(tmp_path):
    refusal = Refusal(1, "wrong", "Wrong at character 8.", 8, "qrs_ms >> 3")
    page = write(tmp_path, make_entry("x", "qrs_ms > 3", "qrs_ms > 3", refusals=((refusal,), ())))

    assert read_rows(page)[0]["samples"][0]["refusals"][0]["position"] == 8


def test_nothing_that_a_model_writes_is_taken_for_html(tmp_path):
    refusal = Refusal(1, HOSTILE, HOSTILE, 0, HOSTILE)
    hostile = make_entry(HOSTILE, "rate_per_min > 60", "rate_per_min > 60", source=HOSTILE, refusals=((refusal,), ()))
    page = write(tmp_path, hostile)
    harmless = write(tmp_path, make_entry("x", "rate_per_min > 60", "rate_per_min > 60"))

    assert parse(page).names == parse(harmless).names
    assert read_rows(page)[0]["condition"] == HOSTILE
    assert "innerHTML" not in page


def test_the_page_loads_nothing(tmp_path):
    page = write(tmp_path, make_entry("x", "rate_per_min > 60", None))

    assert parse(page).loaded == []
    assert "http" not in page.replace("</", "")


@pytest.mark.parametrize("name", ["search", "status", "export", "shown", "definitions", "definitions-data"])
def test_what_the_script_looks_for_is_there(tmp_path, name):
    page = write(tmp_path, make_entry("x", "rate_per_min > 60", None))

    assert name in parse(page).ids
    assert f'"{name}"' in page.rpartition("<script>")[2]


def test_the_script_exports_what_corrections_are_read_from(tmp_path):
    script = write(tmp_path, make_entry("x", "rate_per_min > 60", None)).rpartition("<script>")[2]

    assert 'const FIELDS = ["expression", "source", "is_confirmed"];' in script
    assert "JSON.stringify({ condition, ...state })" in script
