"""`demo.py`: every step of the road, on a corpus and a training that are too small to be of use."""

import json
from pathlib import Path

import pytest
import wfdb
from helpers.forked_python import fork_instead
from PIL import Image
from transformers import AutoModel

import demo


@pytest.fixture(scope="module")
def demo_dir(tmp_path_factory):
    """What the demo leaves after a handful of training steps."""
    folder = tmp_path_factory.mktemp("demo") / "out"
    with pytest.MonkeyPatch.context() as patch:
        fork_instead(patch)
        demo.main(["--num_records", "160", "--max_train_steps", "4", "--output_dir", str(folder)])
    return folder


@pytest.mark.slow
def test_the_demo_leaves_what_the_readme_promises(demo_dir):
    left = {path.name for path in demo_dir.iterdir()}

    assert left >= {"checkpoint", "eval_results.json", "predictions.parquet", "strip.png", "README.md"}


@pytest.mark.slow
def test_the_demo_hides_three_conditions_from_training(demo_dir):
    trained = AutoModel.from_pretrained(demo_dir / "checkpoint").config.trained_queries

    (result,) = json.loads((demo_dir / "eval_results.json").read_text(encoding="utf-8"))["results"].values()

    hidden = {"right bundle branch block", "inferior myocardial infarction", "supraventricular tachycardia"}
    assert hidden.isdisjoint(trained)
    assert hidden <= {entry["query"] for entry in result["conditions"] if entry["seen"] is False}


@pytest.mark.slow
def test_the_demo_leaves_a_model_that_measures(demo_dir):
    figures = json.loads((demo_dir / "checkpoint" / "train_results.json").read_text(encoding="utf-8"))["measurements"]

    assert "qrs_ms" in AutoModel.from_pretrained(demo_dir / "checkpoint").config.measurements
    assert figures["num_fitted"] + figures["num_checked"] == 600


@pytest.mark.slow
def test_the_record_of_the_demo_is_a_wfdb_file(demo_dir):
    record = wfdb.rdrecord(str(demo_dir / "record"))

    assert (record.fs, record.sig_len, record.n_sig) == (500, 5000, 12)


@pytest.mark.slow
def test_the_picture_of_the_demo_is_a_sheet_wider_than_ten_seconds_of_paper(demo_dir):
    with Image.open(demo_dir / "strip.png") as picture:
        width_mm = picture.width / picture.info["dpi"][0] * 25.4

    assert width_mm > 250


def test_a_step_that_fails_stops_the_demo(monkeypatch):
    monkeypatch.chdir(Path(demo.__file__).parent)

    with pytest.raises(SystemExit, match="This step failed: python -c 'raise SystemExit"):
        demo.run_step("A step", "-c", "raise SystemExit(3)")
