"""Every block of code on the pages runs, on simulated records; commands are read by the parsers they are for."""

import contextlib
import os
import sys
import types

import numpy as np
import pandas as pd
import pytest
import wfdb
from helpers.pages.blocks import PAGES, check_command, is_commands, read_blocks, read_commands, run_command_line
from helpers.repository import ROOT

from modeling_supreme import STANDARD_LEADS, default_checkpoint


BLOCKS = [block for page in PAGES for block in read_blocks(page)]
PYTHON_PAGES = [page for page in PAGES if any(block.language == "python" for block in read_blocks(page))]
COMMAND_BLOCKS = [block for block in BLOCKS if is_commands(block)]
# Of blocks of Python that cannot run here, each with a reason above it
MOST_NOT_RUN = 4


def write_record(path, strip, sampling_rate=500):
    """A WFDB record of a strip in mV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    wfdb.wrsamp(
        path.name, sampling_rate, ["mV"] * len(strip), list(STANDARD_LEADS), np.asarray(strip, float).T,
        fmt=["16"] * len(strip), adc_gain=[1000] * len(strip), baseline=[0] * len(strip), write_dir=str(path.parent),
    )  # fmt: skip


@pytest.fixture(scope="session")
def strip():
    """A simulated strip of 12 leads and 10 s at 500 Hz, in mV."""
    from datasets_scripts.simulator import simulate_record

    return simulate_record(1, condition="left bundle branch block").strip


@pytest.fixture(scope="session")
def page_folder(strip, tmp_path_factory):
    """Where the code of all pages runs."""
    from datasets_scripts.simulator.__main__ import main as simulate

    folder = tmp_path_factory.mktemp("pages")
    with contextlib.chdir(folder):
        simulate(["export", "--layout", "ptb_xl", "--num_records", "30", "--output_dir", "D"])
        for name in ("path/to/recording", "folder/of/recordings/a", "folder/of/recordings/b"):
            write_record(folder / name, strip)
        for name in ("00001_hr", "00172_hr"):
            write_record(folder / "records500" / "00000" / name, strip)
        write_record(folder / "holter", np.tile(strip, 4))
        metadata = "file_name;labels;patient_id;split\na.hea;atrial fibrillation;17;train\nb.hea;none;18;test\n"
        (folder / "folder/of/recordings/metadata.csv").write_text(metadata)
        table = pd.DataFrame({"time (s)": np.arange(strip.shape[1]) / 500, "II (mV)": strip[1].round(4)})
        table.to_csv("lead_two_of_a_watch.csv", index=False)
        for name in ("runs/demo/checkpoint", "runs/ptb_xl", "runs/ptb_xl_mini"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(default_checkpoint())
        (folder / "configs").symlink_to(ROOT / "configs")
        (folder / "conditions.txt").write_text("Wellens syndrome\n")
        yield folder


@pytest.fixture(scope="session")
def classify():
    """The pipeline, loaded once for all pages that do not load it themselves."""
    from transformers import pipeline

    import modeling_supreme  # noqa: F401

    return pipeline("zero-shot-ecg-classification")


@pytest.fixture
def page_names(classify, strip):
    """What the first page defines and the others use."""
    from transformers import pipeline

    labels = ["atrial fibrillation", "qrs > 120 ms"]
    return {
        "classify": classify,
        "pipeline": pipeline,
        "strip": strip,
        "leads": list(STANDARD_LEADS),
        "labels": labels,
        "path": default_checkpoint(),
    }


@pytest.fixture
def in_page_folder(page_folder):
    """A test that runs there."""
    here = os.getcwd()  # noqa: PTH109 - a link stays a link
    os.chdir(page_folder)
    yield page_folder
    os.chdir(here)


@pytest.fixture
def page_module(page_names, monkeypatch):
    """What a page is to Python: a module, since classes ask for the one they stand in."""
    module = types.ModuleType("code_of_a_page")
    vars(module).update(page_names)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def run_code(block, module):
    """Run a block of Python behind the blocks before it."""
    exec(compile("\n" * block.line + block.code, str(block.page), "exec"), vars(module))


@pytest.mark.slow
@pytest.mark.parametrize("page", PYTHON_PAGES, ids=lambda page: page.name)
def test_the_code_of_a_page_runs(page, in_page_folder, page_module, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    for block in read_blocks(page):
        if block.language == "python" and not block.reason:
            run_code(block, page_module)
        elif block.is_run:
            for words in read_commands(block):
                run_command_line(words)


@pytest.mark.parametrize("block", COMMAND_BLOCKS, ids=str)
def test_commands_can_be_read(block, in_page_folder):
    for words in read_commands(block):
        check_command(words)


def test_few_blocks_are_not_run_and_each_says_why():
    not_run = [block for block in BLOCKS if block.language == "python" and block.reason]

    assert len(not_run) <= MOST_NOT_RUN
    assert all(" " in block.reason for block in not_run)


def test_every_block_is_of_a_kind_that_is_looked_at():
    others = {block.language for block in BLOCKS if not is_commands(block)} - {"python"}

    assert others <= {"", "text", "json", "yaml", "{toctree}", "{include}", "{messages}"}


class TestThisTest:
    """What is wrong on a page is found."""

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("supreme classify a --labels x --plto y", "There is no flag `--plto`"),
            ("python -m datasets_scripts.prepare ptb_xl --num_proc many --output_dir o", "`--num_proc` is many"),
            ("accelerate launch train.py configs/none.yaml --output_dir o", "There is no recipe"),
            ("python forget.py", "there is no script forget.py"),
            ("sudo rm", "no program that the pages know"),
            (
                "accelerate launch --config_file configs/accelerate/none.yaml train.py",
                "there is no configs/accelerate",
            ),
        ],
    )
    def test_a_wrong_command_is_found(self, line, message, in_page_folder):
        with pytest.raises((AssertionError, ValueError), match=message):
            check_command(line.split())

    def test_a_block_knows_its_remark_and_its_line(self, tmp_path):
        page = tmp_path / "page.md"
        page.write_text("# A\n\n<!-- not run: needs a GPU -->\n```python\n1 / 0\n```\n\n```python\nx = 1\n```\n")

        first, second = read_blocks(page)

        assert (first.reason, first.line, first.code) == ("needs a GPU", 4, "1 / 0\n")
        assert second.reason == ""

    def test_commands_go_over_lines_and_end_at_comments(self, tmp_path):
        page = tmp_path / "page.md"
        page.write_text(
            '```bash\nA=1 supreme classify x \\\n    --labels "a, b"  # both\ncat > f <<END\nx\nEND\n```\n'
        )

        (block,) = read_blocks(page)

        assert read_commands(block) == [["supreme", "classify", "x", "--labels", "a, b"], ["cat", ">", "f"]]
