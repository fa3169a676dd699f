"""Everything that the pages name: recordings, a small PTB-XL, checkpoints; and what every page begins with."""

import contextlib
import os

import numpy as np
import pandas as pd
import pytest
import wfdb
from helpers.pages.extensions import load_extension
from helpers.repository import ROOT

from modeling_supreme import STANDARD_LEADS, default_checkpoint


def write_record(path, strip, sampling_rate=500):
    """A WFDB record of a strip in mV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    wfdb.wrsamp(
        path.name, sampling_rate, ["mV"] * len(strip), list(STANDARD_LEADS), np.asarray(strip, float).T,
        fmt=["16"] * len(strip), adc_gain=[1000] * len(strip), baseline=[0] * len(strip), write_dir=str(path.parent),
    )  # fmt: skip


@pytest.fixture(scope="session")
def known():
    """All messages of the packages, read once."""
    return load_extension("messages").read_messages()


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
