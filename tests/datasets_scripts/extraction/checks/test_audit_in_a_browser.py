"""`report.html` in a real browser: a person confirms, corrects and marks, and the next run honours the export."""

import json

import pandas as pd
import pytest
from helpers.browser import open_browser, open_page

from datasets_scripts.extraction.__main__ import main


pytestmark = pytest.mark.slow
REPORTS = pd.DataFrame(
    {"record_id": ["1", "2", "3"], "report": ["Sinus rhythm", "Grimbly LVH", "<b>Storms</b> of the mind"]}
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with reports, and what the rules made of them."""
    folder = tmp_path_factory.mktemp("extraction")
    REPORTS.to_csv(folder / "reports.csv", index=False)
    main(["--reports", str(folder / "reports.csv"), "--output_dir", str(folder / "first")])
    return folder


@pytest.fixture(scope="module")
def exported(folder):
    """What the page offers for download after a person judged the three statements, and what the page said."""
    with (
        open_browser() as browser,
        open_page(browser, (folder / "first" / "report.html").as_uri(), accept_downloads=True) as page,
    ):
        row_of = {text: page.locator("#statements tbody tr", has_text=text) for text in ("Sinus", "LVH", "Storms")}
        row_of["Sinus"].get_by_role("button", name="right").click()
        row_of["Storms"].get_by_role("button", name="mark").click()
        row_of["LVH"].get_by_role("button", name="correct").click()
        row_of["LVH"].get_by_label("Certainty").select_option("uncertain")
        row_of["LVH"].get_by_role("button", name="add a finding").click()
        row_of["LVH"].get_by_label("Finding").last.fill("Sorrow of the heart")
        row_of["LVH"].get_by_role("button", name="keep").click()
        told = page.locator("#judged").inner_text()
        with page.expect_download() as download:
            page.locator("#export").click()
        download.value.save_as(folder / download.value.suggested_filename)
        shown = page.locator("#statements").inner_text()
        return {"told": told, "complaints": page.complaints, "hosts": page.hosts, "shown": shown}


def test_the_page_runs_without_an_error_asks_no_server_and_shows_markup_as_text(exported):
    assert (exported["complaints"], exported["hosts"] - {""}) == ([], set())
    assert "<b>Storms</b>" in exported["shown"]


def test_the_export_has_the_verdict_on_each_statement(folder, exported):
    lines = [json.loads(line) for line in (folder / "corrections.jsonl").read_text("utf-8").splitlines()]

    assert exported["told"].startswith("3 statements judged")
    assert {line["statement"]: (line["verdict"], line["entities"]) for line in lines} == {
        "Sinus rhythm": ("confirmed", [{"entity": "sinus rhythm", "certainty": "positive"}]),
        "Grimbly LVH": (
            "corrected",
            [
                {"entity": "left ventricular hypertrophy", "certainty": "uncertain"},
                {"entity": "sorrow of the heart", "certainty": "positive"},
            ],
        ),
        "<b>Storms</b> of the mind": ("marked", []),
    }


@pytest.mark.usefixtures("exported")
def test_the_next_run_reads_what_the_person_said_and_the_rest_as_before(folder):
    flags = ["--reports", str(folder / "reports.csv"), "--output_dir", str(folder / "second")]
    main([*flags, "--corrections", str(folder / "corrections.jsonl")])

    lines = [json.loads(line) for line in (folder / "second" / "statements.jsonl").read_text("utf-8").splitlines()]
    read = {line["statement"]: (line["backend"], line["is_read"]) for line in lines}
    found = {entity["entity"]: entity["certainty"] for line in lines for entity in line["entities"]}
    assert read == {
        "Sinus rhythm": ("person", True),
        "Grimbly LVH": ("person", True),
        "<b>Storms</b> of the mind": ("rules", False),
    }
    assert found == {
        "sinus rhythm": "positive",
        "left ventricular hypertrophy": "uncertain",
        "sorrow of the heart": "positive",
    }
