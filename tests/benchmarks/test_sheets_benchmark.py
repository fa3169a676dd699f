"""The benchmark of sheets times every layout in every format of files."""

import json
import sys

import pytest
from helpers.repository import ROOT


@pytest.fixture
def sheets(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks" / "drawing")
    import sheets

    yield sheets
    sys.modules.pop("sheets")


def test_each_layout_is_timed_in_each_format(sheets, tmp_path):
    sheets.main(["--layouts", "1x1", "--num_turns", "1", "--output_file", str(tmp_path / "sheets.json")])

    seconds = json.loads((tmp_path / "sheets.json").read_text())["seconds"]
    assert list(seconds) == ["1x1 .png", "1x1 .pdf", "1x1 .svg"]
    assert min(seconds.values()) > 0
