"""A page served by a tiny model, and a browser that looks at it."""

import socket

import pytest
from helpers.browser import open_browser, open_page
from helpers.decisions import make_decision, set_threshold
from helpers.tiny_models import TINY_MEASUREMENTS

from modeling_supreme.browser_app.desk import Desk, Limits


LISTS = {"two rhythms": ["atrial fibrillation", "atrial flutter"]}


@pytest.fixture(scope="session")
def deciding_dir(make_checkpoint):
    """A random model that measures, calls every ECG normal, and none fibrillating."""
    decisions = {
        "normal ecg": make_decision(**set_threshold(0.0), leads=["two limb leads"], leads_reason="it has an axis"),
        "atrial fibrillation": make_decision(**set_threshold(1.0)),
    }
    return make_checkpoint(
        trained_queries=["normal ecg", "atrial fibrillation"],
        decisions=decisions,
        measurements=list(TINY_MEASUREMENTS),
    )


@pytest.fixture(scope="session")
def desk(deciding_dir):
    return Desk(str(deciding_dir), device="cpu", limits=Limits(upload_mb=2, answer_s=60, most_labels=20))


def find_free_port():
    """A port that nobody listens at; while the library looks for one, it leaves sockets open."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def server(desk):
    pytest.importorskip("gradio", reason="gradio is not installed")
    from modeling_supreme.browser_app.server import start_server

    server = start_server(desk, LISTS, port=find_free_port())
    yield server
    server.close()


@pytest.fixture(scope="session")
def browser():
    with open_browser() as browser:
        yield browser


@pytest.fixture
def visit(browser, server):
    """A page that was just opened."""
    with open_page(browser, server.url) as page:
        page.wait_for_selector("#ask")
        yield page
