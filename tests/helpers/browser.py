"""A real browser without a screen, for tests of pages."""

import shutil
from contextlib import contextmanager

import pytest


NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
STANDS_STILL = """() => !document.querySelector(".pending")
    && document.getAnimations().every(animation => animation.playState !== "running")"""


@contextmanager
def open_browser():
    """Chromium of this machine; a test that asks for it is skipped where there is none."""
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def open_page(browser, url, **options):
    """A page of a new visitor, with `complaints` that were made on the console, and `hosts` that were asked."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.complaints, page.hosts = [], set()
    page.on("console", lambda message: page.complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: page.hosts.add(request.url.split("/")[2] if "//" in request.url else ""))
    page.goto(url)
    yield page
    context.close()


def find_barriers(page):
    """What axe-core finds to be serious or critical for people who do not see, hear or point, one line each."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page.wait_for_function(STANDS_STILL)  # what fades in is too pale until it is there
    violations = axe.Axe().run(page).response["violations"]
    return [
        f"{found['id']}: {node['target']} {node['html'][:160]}"
        for found in violations
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"]
    ]
