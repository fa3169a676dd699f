"""A checkpoint with its own code, where this package is not installed: it answers, and says what explaining takes."""

import json
import os

from helpers.forked_python import run_forked
from helpers.scores import TASK


ELSEWHERE = """
import json, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "modeling_supreme":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
from transformers import pipeline

task, folder, record = sys.argv[1:]
classify = pipeline(task, model=folder, trust_remote_code=True)
said = [len(classify(record, candidate_labels=["normal ecg"]))]
try:
    classify(record, candidate_labels=["normal ecg"], explain=True)
except ImportError as error:
    said.append(str(error))
print(json.dumps(said))
"""


def test_it_answers_and_does_not_explain(tiny_checkpoint_dir, ptb_xl_dir, tmp_path):
    record = ptb_xl_dir / "records500/00000/00001_hr"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    process = run_forked(
        *("-c", ELSEWHERE, TASK, tiny_checkpoint_dir, record),
        env={**environment, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"},
        cwd=tmp_path,
    )

    assert process.returncode == 0, process.stderr
    number, refusal = json.loads(process.stdout.splitlines()[-1])
    assert number == 1
    assert refusal.startswith("`explain=True` takes the package `modeling_supreme`, which is not installed here")
