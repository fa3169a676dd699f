"""What the server says of itself, what a Space needs, and that examples are what the simulator makes."""

import re
import subprocess
import sys

import numpy as np
import pytest
import yaml
from helpers.repository import ROOT

from datasets_scripts.simulator.export.export_examples import EXAMPLES, make_microvolts
from modeling_supreme.browser_app import server
from modeling_supreme.browser_app.page import EXAMPLES_DIR, FOLDER, list_examples
from modeling_supreme.supreme_command.main import main


def test_the_command_loads_no_server_until_the_page_is_asked_for():
    code = "import sys, modeling_supreme.supreme_command.main as _; print('gradio' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_without_the_library_the_command_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)

    with pytest.raises(ImportError, match=r"`supreme app` takes the package `gradio`.*modeling-supreme\[app\]"):
        server._import_gradio()


@pytest.mark.parametrize("flag", ["upload_mb", "answer_s", "most_labels"])
def test_a_limit_of_nothing_is_refused(flag):
    with pytest.raises(ValueError, match=rf"`--{flag}` is 0(\.0)?. Give a number above 0"):
        main(["app", f"--{flag}", "0"])


def test_the_style_calls_colours_that_the_page_or_the_theme_defines():
    style = server._write_style(FOLDER / "page.css")

    used, own = (set(re.findall(pattern, style)) for pattern in (r"var\((--[a-z-]+)\)", r"(--[a-z-]+):#"))
    assert used - own == {"--body-text-color", "--border-color-primary", "--background-fill-secondary"}


def test_a_space_starts_the_script_of_this_repository():
    header = yaml.safe_load((ROOT / "space" / "README.md").read_text(encoding="utf-8").split("---")[1])

    assert header["sdk"] == "gradio"
    assert (ROOT / header["app_file"]).is_file()


def test_a_space_installs_what_the_package_requires_and_the_server():
    lines = (ROOT / "setup.cfg").read_text(encoding="utf-8").splitlines()
    start = lines.index("install_requires =") + 1
    required = [line.strip() for line in lines[start : lines.index("", start)]]

    listed = (ROOT / "space" / "requirements.txt").read_text(encoding="utf-8").split("\n")
    assert listed[:-2] == required
    assert listed[-2].startswith("gradio>=6")


def test_every_example_is_offered():
    assert list_examples() == sorted(EXAMPLES)


@pytest.mark.parametrize("name", ["normal_ecg", "left_bundle_branch_block"])
def test_an_example_is_what_the_simulator_makes(name):
    stored = np.load(EXAMPLES_DIR / f"{name}.npz")["signal"]

    # Other builds of NumPy round the last bit otherwise: a microvolt
    np.testing.assert_allclose(stored, make_microvolts(EXAMPLES[name]), atol=1)
