"""Files made before the code moved to the folders of its roads load after it, and work as they did."""

import json
import os
import shutil
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import datasets
import pandas as pd
import pytest
import torch
from accelerate.state import AcceleratorState, GradientState
from helpers.forked_python import run_forked
from helpers.repository import load_script
from transformers import AutoFeatureExtractor, AutoModelForSequenceClassification, pipeline

from datasets_scripts import load_corpus
from datasets_scripts.extraction.__main__ import main as extract
from modeling_supreme import STANDARD_LEADS


FIXTURES = Path(__file__).with_name("fixtures")
CORPUS = FIXTURES / "corpus"
EXPECTED = json.loads((FIXTURES / "expected.json").read_text(encoding="utf-8"))
FINDINGS = list(EXPECTED["zero_shot"][0])
# The same sums in another order, as another processor may do them
TOLERANCE = 1e-6

# As in a process without this package: the checkpoint's own code of that time runs.
FOREIGN_SCRIPT = """
import importlib.abc, json, sys

class NotInstalled(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"modeling_supreme", "datasets_scripts"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NotInstalled())
import datasets
from transformers import pipeline

checkpoint, corpus, findings = sys.argv[1:]
classify = pipeline("zero-shot-ecg-classification", model=checkpoint, trust_remote_code=True)
rows = datasets.load_dataset(corpus, split="test").with_format("numpy")
print(json.dumps(classify(list(rows), candidate_labels=json.loads(findings))))
"""


def unpack(name, folder):
    """Unpack an archive of the fixtures, which holds the folder of this name."""
    with zipfile.ZipFile(FIXTURES / f"{name}.zip") as archive:
        archive.extractall(folder)
    return folder / name


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return unpack("checkpoint", tmp_path_factory.mktemp("old"))


@pytest.fixture(scope="module")
def rows():
    """The two test records, which the models were asked about."""
    return datasets.load_dataset(str(CORPUS), split="test").with_format("numpy")


def by_label(results):
    """What the pipeline returns, as `{label: score}` of each recording."""
    return [{entry["label"]: entry["score"] for entry in result} for result in results]


def approx(expected):
    """The scores of each recording, within the tolerance."""
    return [pytest.approx(scores, abs=TOLERANCE) for scores in expected]


class TestCheckpoint:
    def test_it_scores_as_it_did(self, checkpoint, rows):
        classify = pipeline("zero-shot-ecg-classification", model=str(checkpoint))

        results = classify(list(rows), candidate_labels=FINDINGS)

        assert type(classify.model).__module__.startswith("modeling_supreme.")
        assert by_label(results) == approx(EXPECTED["zero_shot"])

    def test_the_code_that_it_carries_still_runs_without_this_package(self, checkpoint, tmp_path):
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HF_"))}
        done = run_forked(
            *("-c", FOREIGN_SCRIPT, checkpoint, CORPUS, json.dumps(FINDINGS)),
            cwd=tmp_path,
            env={**environment, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"},
        )

        assert done.returncode == 0, done.stderr
        assert by_label(json.loads(done.stdout)) == approx(EXPECTED["zero_shot"])

    def test_a_classifier_scores_as_it_did(self, rows, tmp_path):
        folder = unpack("classifier", tmp_path)
        model = AutoModelForSequenceClassification.from_pretrained(folder)
        extractor = AutoFeatureExtractor.from_pretrained(folder)
        strips = [row["signal"] / 1000 for row in rows]  # from microvolts

        with torch.no_grad():
            logits = model(**extractor(strips, sampling_rate=500, leads=STANDARD_LEADS, return_tensors="pt")).logits

        labels = model.config.id2label.values()
        scores = [dict(zip(labels, row, strict=True)) for row in logits.sigmoid().tolist()]
        assert scores == approx(EXPECTED["classifier"])


class TestCorpus:
    def test_it_loads_by_its_folder(self):
        corpus = load_corpus(str(CORPUS))

        record_ids = {split: rows["record_id"][:] for split, rows in corpus.items()}
        assert record_ids == {
            "train": ["1", "2", "3", "4", "5", "8"],
            "validation": ["9", "19"],
            "test": ["10", "20"],
        }

    def test_datasets_reads_the_same(self):
        ours, theirs = load_corpus(str(CORPUS)), datasets.load_dataset(str(CORPUS))

        assert theirs["train"].features == ours["train"].features
        assert theirs["train"][:] == ours["train"][:]

    def test_the_builder_has_the_columns_that_it_had(self, ptb_xl_dir):
        built = load_corpus("ptb_xl", "hierarchy", data_dir=ptb_xl_dir)

        # Later rows also say at what times a lead was not recorded
        features = {name: kind for name, kind in built["train"].features.items() if name != "not_recorded"}
        assert features == load_corpus(str(CORPUS))["train"].features


class TestTrainingState:
    @pytest.fixture
    def resumed(self, checkpoint, tmp_path, monkeypatch):
        """The old run, gone on with from its third step to its sixth and last."""
        run = unpack("run", tmp_path)
        shutil.copytree(checkpoint, tmp_path / "checkpoint")
        shutil.copytree(CORPUS, tmp_path / "corpus")
        monkeypatch.chdir(tmp_path)
        # Accelerate keeps its settings for the life of a process
        AcceleratorState._reset_state(reset_partial_state=True)
        GradientState._reset_state()
        flags = ["--dataset_name", "corpus", "--min_positives", "1", "--per_device_train_batch_size", "3"]
        flags += ["--model_name_or_path", "checkpoint", "--max_train_steps", "6", "--checkpointing_steps", "3"]
        flags += ["--eval_steps", "2", "--ema_decay", "0.9", "--gain", "0.2", "--gradient_accumulation_steps", "2"]
        load_script("train").main([*flags, "--resume_from_checkpoint", "latest", "--output_dir", "run"])
        return run

    def test_the_run_goes_on_as_it_went_then(self, resumed):
        log = [json.loads(line) for line in (resumed / "train_log.jsonl").read_text(encoding="utf-8").splitlines()]

        assert log[:3] == EXPECTED["train_log"][:3]
        assert log[3:] == [pytest.approx(line, rel=1e-5) for line in EXPECTED["train_log"][3:]]

    def test_the_strips_of_this_half_alone_are_counted(self, resumed):
        results = json.loads((resumed / "train_results.json").read_text(encoding="utf-8"))

        assert (results["num_steps"], results["num_strips"]) == (6, 18)


class RefusingServer(ThreadingHTTPServer):
    """Counts what it is asked on loopback, and answers nothing."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), RefusingHandler)
        self.num_requests = 0


class RefusingHandler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.num_requests += 1
        self.send_error(400)

    def log_message(self, *arguments):
        """Keep the output of the tests clean."""


@pytest.fixture
def server():
    with RefusingServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class TestReadings:
    @pytest.fixture
    def extracted(self, server, tmp_path):
        """A second extraction in the folder of the first: what is on disk there is all it has."""
        shutil.copy(FIXTURES / "extraction" / "readings.jsonl", tmp_path)
        reports = FIXTURES / "extraction" / "reports.csv"
        flags = ["--backend", "endpoint", "--model", "tiny", "--base_url", f"http://127.0.0.1:{server.server_port}/v1"]
        extract(["--reports", str(reports), *flags, "--output_dir", str(tmp_path)])
        return tmp_path

    def test_no_statement_is_asked_again(self, extracted, server):
        assert server.num_requests == 0

    def test_the_labels_are_those_of_then(self, extracted):
        then, now = (pd.read_parquet(folder / "labels.parquet") for folder in (FIXTURES / "extraction", extracted))

        pd.testing.assert_frame_equal(now, then)

    def test_the_statements_hold_all_that_they_held_then(self, extracted):
        then, now = (
            [json.loads(line) for line in (folder / "statements.jsonl").read_text("utf-8").splitlines()]
            for folder in (FIXTURES / "extraction", extracted)
        )

        assert [{name: line[name] for name in then[0]} for line in now] == then

    @pytest.mark.parametrize("name", ["findings.csv", "readings.jsonl"])
    def test_so_are_the_tables_beside_them(self, extracted, name):
        assert (extracted / name).read_bytes() == (FIXTURES / "extraction" / name).read_bytes()
