"""The page in a real browser: drop a file, ask in plain words, see answers, press one to see what carries it."""

import json
import re
from contextlib import ExitStack

import numpy as np
import pytest
from helpers.browser import find_barriers, open_page
from helpers.ecg_file_writers import write_edf, write_muse_xml
from helpers.records.ptb_xl_records import write_ptb_xl_record
from helpers.strips import make_strip
from helpers.waiting import wait_for

from modeling_supreme.leads import STANDARD_LEADS


PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


def make_microvolts():
    """10 s at 500 Hz in the standard order."""
    return np.rint(make_strip() * 1000).astype(np.int16)


def write_wfdb(folder):
    write_ptb_xl_record(folder / "record", make_microvolts().T, sampling_rate=500)
    return [folder / "record.hea", folder / "record.dat"]


def write_table(folder):
    lines = ["time,I,II", *(f"{place / 500:.3f},{one},{two}" for place, (one, two) in enumerate(make_strip()[:2].T))]
    (folder / "table.csv").write_text("\n".join(lines))
    return [folder / "table.csv"]


def write_array(folder):
    np.savez(folder / "array.npz", signal=make_microvolts(), fs=500, leads=np.array(STANDARD_LEADS), unit="uV")
    return [folder / "array.npz"]


def write_with(writer, name):
    def write(folder):
        writer(folder / name, make_microvolts(), STANDARD_LEADS)
        return [folder / name]

    return write


FORMATS = {
    "wfdb": write_wfdb,
    "table": write_table,
    "array": write_array,
    "edf": write_with(write_edf, "holter.edf"),
    "muse": write_with(write_muse_xml, "muse.xml"),
}


def drop(page, paths):
    """Upload files, and wait until the page has them."""
    page.locator("input[type=file]").first.set_input_files(paths)
    page.get_by_text(paths[0].stem).first.wait_for()
    page.wait_for_function("() => !document.querySelector('.uploading')")


def ask(page, text=None):
    """Press the button, and give the rows of the table of findings."""
    if text is not None:
        page.get_by_label("In plain words").fill(text)
    page.locator("#ask").click()
    page.locator("#findings table, #status .is-error").first.wait_for()
    return page.locator("#findings tbody tr").all_inner_texts()


def name_of(row):
    """The finding of a row of the table."""
    return re.split(r"[\t\n]", row.strip())[0]


def pick(page, name="atrial fibrillation"):
    page.locator("#example").get_by_label(name, exact=True).check()


class TestMainRoad:
    @pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
    def test_a_file_of_any_format_is_answered(self, visit, tmp_path, write):
        drop(visit, write(tmp_path))

        rows = ask(visit, "normal ecg\natrial fibrillation, gout")

        assert [re.search("normal ecg|atrial fibrillation|gout", row).group() for row in rows] != []
        assert len(rows) == 3
        assert visit.complaints == []

    def test_each_answer_has_its_probability_threshold_and_verdict(self, visit):
        pick(visit)

        rows = {name_of(row): row for row in ask(visit, "normal ecg\natrial fibrillation\ngout")}

        assert re.search(r"0\.\d\d.*present from 0\.00.*present", rows["normal ecg"], re.S)
        assert re.search(r"present from 1\.00.*absent", rows["atrial fibrillation"], re.S)
        assert re.search(r"no threshold.*not understood", rows["gout"], re.S)

    def test_a_pressed_finding_shows_statements_and_the_sheet_that_they_are_marked_on(self, visit):
        pick(visit)
        ask(visit, "qrs > 120 ms\nnormal ecg")

        visit.get_by_role("button", name="Show the evidence for qrs > 120 ms").click()

        visit.locator("#evidence h3").wait_for()
        assert "qrs duration" in visit.locator("#evidence table").inner_text().lower()
        assert (
            visit.locator("#evidence img").get_attribute("alt").startswith("ECG sheet of Example: atrial fibrillation")
        )
        assert visit.evaluate("document.activeElement.textContent").startswith("qrs > 120 ms")

    def test_a_list_of_conditions_fills_the_question(self, visit):
        pick(visit)
        visit.get_by_label("two rhythms").check()
        visit.wait_for_function("() => document.querySelector('#conditions textarea').value.includes('flutter')")

        rows = ask(visit)

        assert set(map(name_of, rows)) == {"atrial fibrillation", "atrial flutter"}

    def test_what_is_shown_can_be_taken_home(self, visit, tmp_path):
        pick(visit)
        ask(visit, "normal ecg")
        starts = {}

        for kind in ("json", "png", "pdf"):
            with visit.expect_download() as download:
                visit.locator(f"#download-{kind}").click()
            download.value.save_as(tmp_path / kind)
            starts[kind] = (tmp_path / kind).read_bytes()

        assert starts["png"].startswith(b"\x89PNG")
        assert starts["pdf"].startswith(b"%PDF")
        assert json.loads(starts["json"])["answers"][0]["label"] == "normal ecg"


class TestMore:
    def test_fewer_leads_stand_beside_all_and_leave_open_what_they_cannot_show(self, visit):
        pick(visit)
        for lead in STANDARD_LEADS[1:]:
            visit.get_by_label(lead, exact=True).uncheck()

        (row,) = ask(visit, "normal ecg")

        assert "All leads" in visit.locator("#findings thead").inner_text()
        assert "left open" in row
        assert "this recording has I." in row

    def test_two_recordings_are_compared(self, visit):
        pick(visit)
        visit.get_by_text("Compare with a second recording").click()
        visit.locator("#other-example").get_by_label("normal ecg", exact=True).check()

        ask(visit, "normal ecg\natrial fibrillation")

        table = visit.locator("#comparison table").inner_text()
        assert "Difference" in table
        assert len(re.findall(r"[+-]0\.\d\d", table)) == 2
        assert visit.locator("#comparison img").count() == 1

    def test_a_sheet_comes_in_another_format(self, visit, tmp_path):
        pick(visit)
        visit.get_by_text("Sheet", exact=True).click()
        visit.get_by_label("12x1").check()
        visit.get_by_label("50 mm/s").check()
        ask(visit, "normal ecg")

        width = visit.locator("#picture img").evaluate("image => image.decode().then(() => image.naturalWidth)")
        assert width == pytest.approx((16 + 20 + 500 + 16) * 150 / 25.4, abs=1)

    def test_a_long_recording_becomes_a_timeline_with_episodes(self, visit):
        pick(visit, "two minutes in three leads")

        (row,) = ask(visit, "normal ecg")

        assert "highest at 0:0" in row
        assert "1 episode" in row

    def test_what_a_file_does_not_say_can_be_said(self, visit, tmp_path):
        np.save(tmp_path / "bare.npy", make_strip()[:2])
        drop(visit, [tmp_path / "bare.npy"])
        ask(visit, "normal ecg")
        refused = visit.locator("#status").inner_text()
        visit.get_by_text("For files that do not say").click()
        visit.get_by_label("Sampling rate in Hz").fill("500")
        visit.get_by_label("Leads in their order").fill("I, II")

        visit.locator("#ask").click()

        visit.locator("#findings table").wait_for()
        assert "does not state its sampling rate" in refused


class TestRefusals:
    def test_a_broken_file_is_refused_in_the_words_of_the_package(self, visit, tmp_path):
        (tmp_path / "broken.edf").write_bytes(b"0       " + b"x" * 200)
        drop(visit, [tmp_path / "broken.edf"])

        ask(visit, "normal ecg")

        told = visit.locator("#status [role=alert]").inner_text()
        assert "broken.edf" in told
        assert "Traceback" not in told
        assert "/" not in told.replace("aVR/", "")
        assert visit.complaints == []

    def test_a_question_without_a_recording_says_what_to_do(self, visit):
        ask(visit, "normal ecg")

        assert "Drop an ECG file on the page, or pick an example" in visit.locator("#status").inner_text()

    def test_a_file_that_is_too_large_is_not_taken(self, visit, tmp_path):
        (tmp_path / "large.csv").write_bytes(b"0" * 3_000_000)

        visit.locator("input[type=file]").first.set_input_files([tmp_path / "large.csv"])

        visit.get_by_text("maximum allowed size").first.wait_for()

    def test_what_a_visitor_types_is_text(self, visit):
        pick(visit)

        (row,) = ask(visit, "<img src=x onerror=alert(1)> ${alert(2)} {{value}}")

        assert name_of(row) == "<img src=x onerror=alert(1)> ${alert(2)} {{value}}"
        assert visit.locator("#findings img").count() == 0


class TestVisitors:
    def test_five_at_once_get_their_own_answers(self, browser, server):
        names = ["normal ecg", "left bundle branch block", "atrial fibrillation", "normal ecg", "atrial fibrillation"]
        with ExitStack() as stack:
            visitors = [stack.enter_context(open_page(browser, server.url)) for _ in names]
            for visitor, name in zip(visitors, names, strict=True):
                pick(visitor, name)

            for visitor in visitors:
                visitor.locator("#ask").click()

            for visitor in visitors:
                visitor.locator("#findings table").wait_for()
            told = [visitor.locator("#status").inner_text() for visitor in visitors]
            assert told == [f"Example: {name} was read." for name in names]
            assert [visitor.complaints for visitor in visitors] == [[]] * 5

    def test_what_was_dropped_is_deleted_when_the_page_is_closed(self, browser, server, tmp_path):
        with open_page(browser, server.url) as page:
            drop(page, write_array(tmp_path))
            ask(page, "normal ecg")
            held = list_files(server, "array.npz")

        assert held
        wait_for(lambda: not list_files(server, "array.*"), timeout_s=30)


class TestEverybody:
    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_nobody_is_kept_out_at_a_desk_or_on_a_phone(self, browser, server, theme):
        with open_page(browser, f"{server.url}?__theme={theme}", viewport=DESK, color_scheme=theme) as page:
            pick(page)
            ask(page, "qrs > 120 ms\nnormal ecg\ngout")
            page.locator("#findings button").first.click()
            page.locator("#evidence h3").wait_for()

            at_a_desk = find_barriers(page)
            page.set_viewport_size(PHONE)
            assert (at_a_desk, find_barriers(page)) == ([], [])
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

    def test_the_keyboard_is_enough(self, visit):
        visit.locator("#example").get_by_label("atrial fibrillation", exact=True).focus()
        visit.keyboard.press("Space")
        visit.locator("#ask").focus()
        visit.keyboard.press("Enter")
        visit.locator("#findings button").first.wait_for()

        visit.locator("#findings button").first.focus()
        visit.keyboard.press("Enter")

        visit.locator("#evidence h3").wait_for()

    def test_the_disclaimer_is_seen_wherever_the_page_stands(self, visit):
        pick(visit)
        ask(visit)

        visit.mouse.wheel(0, 10_000)

        assert visit.get_by_text("This is not a medical device").is_visible()
        box = visit.locator(".disclaimer").bounding_box()
        assert 0 <= box["y"] < 900

    def test_a_browser_asks_nobody_else(self, visit, server):
        pick(visit)
        ask(visit)

        assert visit.hosts - {""} == {server.url.split("/")[2]}
        assert visit.complaints == []


def list_files(server, pattern):
    """Files of visitors on the server."""
    return [path for path in server.visits.root.parent.rglob(pattern) if path.is_file()]
