"""The field of the page of messages finds what the list in Python finds."""

import html
import shutil

import pytest
from helpers.pages.extensions import load_extension, read_all_messages
from helpers.repository import ROOT


messages = load_extension("messages")
SCRIPT = (ROOT / "docs" / "static" / "find_message.js").read_text(encoding="utf-8")
TYPED = [
    "Traceback (most recent call last):\nValueError: There is no recipe configs/a.yaml. Recipes are YAML files,\n"
    "such as those in configs/.",
    "`sampling_rate` is 0.5 Hz, outside 50 to 100000 Hz. Give the samples per second of the record's header, not kHz"
    " and not the time between samples.",
    "looks transposed",
    "nothing says this",
]


@pytest.fixture(scope="module")
def known():
    """All messages of the packages."""
    return read_all_messages()


@pytest.fixture(scope="module")
def page(known, tmp_path_factory):
    """The list in a browser, without the rest of the site."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium")
    texts = "".join(
        f'<p class="message"><code class="message-text">{html.escape(one.text)}</code></p>' for one in known
    )
    field = '<textarea id="find-message"></textarea><p id="found-messages"></p>'
    body = f'{field}<section id="in-all">{texts}</section><script>{SCRIPT}</script>'
    path = tmp_path_factory.mktemp("site") / "messages.html"
    path.write_text(f'<!doctype html><meta charset="utf-8">{body}', encoding="utf-8")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(path.as_uri())
        yield page
        browser.close()


@pytest.mark.slow
@pytest.mark.parametrize("typed", TYPED, ids=["traceback", "message", "words", "nothing"])
def test_it_shows_what_python_finds(typed, page, known):
    page.fill("#find-message", typed)

    shown = page.locator(".message:visible .message-text").all_text_contents()

    assert shown == [message.text for message in known if message in messages.find_messages(typed, known)]


@pytest.mark.slow
def test_it_shows_all_again_when_it_is_emptied(page, known):
    page.fill("#find-message", "looks transposed")
    page.fill("#find-message", "")

    assert page.locator(".message:visible").count() == len(known)
