"""`supreme plot`: any layout and speed from the shell, one file or two, and no name of a file where none is wanted."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from helpers.strips import make_strip

from modeling_supreme.command_line import CommandLineError
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.supreme_command.main import main


@pytest.fixture
def path(tmp_path):
    arrays = {"signal": make_strip(), "fs": 500, "leads": np.array(STANDARD_LEADS), "unit": "mV"}
    np.savez(tmp_path / "Jane_Doe.npz", **arrays)
    return tmp_path / "Jane_Doe.npz"


def draw(path, *words):
    """The ids of what was drawn, the size in mm, and the comments that name each text."""
    output = path.with_suffix(".svg")
    main(["plot", str(path), "--output", str(output), *words])
    root = ElementTree.parse(output).getroot()
    points = [float(size) for size in root.get("viewBox").split()[2:]]
    ids = [each.get("id") for each in root.iter() if each.get("id")]
    texts = re.findall(r"<!-- (.*?) -->", output.read_text())
    return ids, np.array(points) * 25.4 / 72, texts


def test_the_layout_and_the_speed_are_chosen(path, capsys):
    ids, size_mm, _ = draw(path, "--layout", "1x1", "--lead", "V3", "--speed", "50")

    assert [each for each in ids if each.startswith("trace")] == ["trace V3"]
    assert size_mm[0] == pytest.approx(16 + 20 + 500 + 16)
    assert capsys.readouterr().out == f"{path.with_suffix('.svg')}\n"


def test_two_files_come_on_one_page(path):
    *_, texts = draw(path, "--compare", str(path), "--layout", "1x1", "--lead", "V3")

    assert texts.count("Jane_Doe.npz") == 2


def test_an_empty_title_keeps_the_name_of_the_file_off_the_page(path):
    assert "Jane_Doe.npz" in draw(path)[2]
    assert "Jane_Doe.npz" not in draw(path, "--title", "")[2]


def test_another_speed_is_refused(path):
    with pytest.raises(CommandLineError, match=r"`--speed` is 30.*Choose one of 25, 50"):
        draw(path, "--speed", "30")
