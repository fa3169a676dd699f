"""A checkpoint keeps its pipeline, rules and readers through hands that do not have this package."""

import json
import os

import pytest
from helpers.forked_python import run_forked
from helpers.repository import ROOT
from transformers import pipeline


TASK = "zero-shot-ecg-classification"
LABELS = ["atrial fibrillation", "normal ecg"]

# As on a machine without the package: its name leads nowhere, nor does a network.
ELSEWHERE = """
import json, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("modeling_supreme", "datasets_scripts", "training_scripts"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import torch
from transformers import AutoModel, AutoProcessor, pipeline

TASK, LABELS = "zero-shot-ecg-classification", ["atrial fibrillation", "normal ecg"]
source, record, folder = sys.argv[1:4]
{steps}
classify = pipeline(TASK, model=folder, trust_remote_code=True)
scores = {{answer["label"]: answer["score"] for answer in classify(record, candidate_labels=LABELS)}}
print(json.dumps([scores, classify.model.config.definitions]))
"""
SAVE_PIPELINE = "pipeline(TASK, model=source, trust_remote_code=True).save_pretrained(folder)"
SAVE_PARTS = """
for part in (AutoModel, AutoProcessor):
    part.from_pretrained(source, trust_remote_code=True).save_pretrained(folder)
"""
SAVE_SHARDS = """
AutoModel.from_pretrained(source, trust_remote_code=True).save_pretrained(folder, max_shard_size="50KB")
AutoProcessor.from_pretrained(source, trust_remote_code=True).save_pretrained(folder)
"""
SAVE_TWICE = """
pipeline(TASK, model=source, trust_remote_code=True).save_pretrained(folder + "-once")
pipeline(TASK, model=folder + "-once", trust_remote_code=True).save_pretrained(folder)
"""
SAVE_BF16 = """
pipeline(TASK, model=source, trust_remote_code=True, dtype=torch.bfloat16).save_pretrained(folder)
"""


def run_elsewhere(steps, *, source, record, folder, home, **environment):
    """Scores and rules of what a process without this package made of a checkpoint."""
    variables = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "HF_HOME")}
    process = run_forked(
        *("-c", ELSEWHERE.format(steps=steps), source, record, folder),
        env={**variables, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1", **environment},
        cwd=folder.parent,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return json.loads(process.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def record(ptb_xl_dir):
    return ptb_xl_dir / "records500/00000/00001_hr"


@pytest.fixture(scope="module")
def scores_here(tiny_checkpoint_dir, record):
    answers = pipeline(TASK, model=str(tiny_checkpoint_dir))(record, candidate_labels=LABELS)
    return {answer["label"]: answer["score"] for answer in answers}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("steps", "tolerance"),
    [(SAVE_PIPELINE, 1e-5), (SAVE_PARTS, 1e-5), (SAVE_SHARDS, 1e-5), (SAVE_TWICE, 1e-5), (SAVE_BF16, 0.02)],
    ids=["pipeline", "parts", "shards", "twice", "bf16"],
)
def test_what_was_saved_elsewhere_answers_there(tiny_checkpoint_dir, record, scores_here, tmp_path, steps, tolerance):
    scores, _ = run_elsewhere(
        steps, source=tiny_checkpoint_dir, record=record, folder=tmp_path / "again", home=tmp_path / "home"
    )

    assert scores == pytest.approx(scores_here, abs=tolerance)


@pytest.mark.slow
def test_what_was_saved_elsewhere_answers_here(tiny_checkpoint_dir, record, scores_here, tmp_path):
    again = tmp_path / "again"
    run_elsewhere(SAVE_PARTS, source=tiny_checkpoint_dir, record=record, folder=again, home=tmp_path / "home")

    answers = pipeline(TASK, model=str(again))(record, candidate_labels=LABELS)

    assert {answer["label"]: answer["score"] for answer in answers} == pytest.approx(scores_here, abs=1e-5)


@pytest.mark.slow
def test_a_checkpoint_behind_links_is_the_checkpoint(tiny_checkpoint_dir, record, scores_here, tmp_path):
    # As the cache of the Hub keeps it: names that are links to blobs
    blobs, snapshot = tmp_path / "models--a--b" / "blobs", tmp_path / "models--a--b" / "snapshots" / "1"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for number, path in enumerate(sorted(path for path in tiny_checkpoint_dir.iterdir() if path.is_file())):
        (blobs / str(number)).write_bytes(path.read_bytes())
        (snapshot / path.name).symlink_to(blobs / str(number))

    scores, _ = run_elsewhere(
        SAVE_PIPELINE, source=snapshot, record=record, folder=tmp_path / "again", home=tmp_path / "home"
    )

    assert scores == pytest.approx(scores_here, abs=1e-5)


def test_the_readers_travel(tiny_checkpoint_dir, tmp_path):
    readers = {"admission.py", "ecg_files.py", "leads.py", "recordings.py", "signal_processing.py", "wfdb_files.py"}

    assert readers <= {path.name for path in tiny_checkpoint_dir.iterdir()}
    assert not {path.name for path in tiny_checkpoint_dir.glob("*.py")} - {
        path.name for path in (ROOT / "modeling_supreme").glob("*.py")
    }
