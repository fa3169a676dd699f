"""A run on the layout of MIMIC-IV-ECG uploads nothing of a single patient, and nothing of the machine it ran on.

A prepared corpus holds records, on purpose and in private; of the machine it holds nothing either.
"""

import json
import re
from functools import partial

import pandas as pd
import pyarrow.parquet as pq
import pytest
from helpers.servers.hub_server import run_hub, run_on_hub
from helpers.training_runs import TINY_VIT

from datasets_scripts.simulator.export.export_mimic_iv_ecg import export_mimic_iv_ecg
from datasets_scripts.terminology.findings import load_terminology


pytestmark = pytest.mark.slow

USER, HOST = "annuser", "ward7host"
CORPUS, MODEL, CLASSIFIER = "datasets/group/mimic", "models/group/zero-shot", "models/group/classifier"
# A command on a machine of that name, with an encoder that trains in no time
START = f"""
import platform, runpy, socket, sys
socket.gethostname = platform.node = lambda: "{HOST}"
from modeling_supreme import ECG_PRESETS
ECG_PRESETS["vit_tiny"] = {TINY_VIT}
command = sys.argv.pop(1)
start = runpy.run_path if command.endswith(".py") else runpy.run_module
start(command, run_name="__main__")
"""
WEIGHTS_AND_CONFIGURATION = {"model.safetensors", "config.json", "README.md"}
FIGURES = {"train_arguments.yaml", "train_results.json", "training_curves.png"}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp(USER)


@pytest.fixture(scope="module")
def mimic_dir(home):
    """Forty records of twenty people."""
    export_mimic_iv_ecg(home / "mimic", 40, seed=2)
    return home / "mimic"


@pytest.fixture(scope="module")
def repos(home, mimic_dir, text_encoder_dir):
    """What three commands upload: a corpus, a zero-shot model trained on its reports, a classifier on top of that."""
    with run_hub() as hub:
        owner = {"HOME": str(home), "USER": USER, "LOGNAME": USER}
        run = partial(run_on_hub, hub, home / "cache", "-c", START, **owner)
        reports, labels = mimic_dir / "machine_measurements.csv", home / "labels" / "labels.parquet"
        model = home / "zero-shot"
        run("datasets_scripts.extraction", "--reports", reports, "--backend", "rules", "--output_dir", labels.parent)
        corpus = ["mimic_iv_ecg", "--data_dir", mimic_dir]
        run("datasets_scripts.prepare", *corpus, "--output_dir", home / "rows", "--push_to_hub", "group/mimic")
        flags = [
            *("--dataset_name", *corpus, "--report_labels", labels, "--min_positives", 1, "--max_train_steps", 2),
            *("--per_device_train_batch_size", 4, "--checkpointing_steps", 1, "--eval_steps", 1, "--push_to_hub"),
        ]
        text = ["--text_model_name_or_path", text_encoder_dir, "--text_pooling", "mean", "--ecg_encoder", "vit_tiny"]
        run("train.py", *flags, *text, "--output_dir", model, "--hub_model_id", "group/zero-shot")
        flags += ["--objective", "classification", "--model_name_or_path", model]
        run("train.py", *flags, "--output_dir", home / "classifier", "--hub_model_id", "group/classifier")
        assert all(hub.is_private.values())
        return hub.repos


@pytest.fixture(scope="module")
def secrets(mimic_dir):
    """Ids, and every statement that is more than the names of findings, as the records have them."""
    records = pd.read_csv(mimic_dir / "record_list.csv", dtype=str)
    reports = pd.read_csv(mimic_dir / "machine_measurements.csv", dtype=str).filter(regex=r"^report_\d+$")
    names = {name for finding in load_terminology() for name in (finding.name, *finding.synonyms)}
    statements = {text for text in reports.stack() if text.lower() not in names and len(text.split()) > 2}
    return {*records["subject_id"], *records["study_id"], *records["path"], *records["ecg_time"], *statements}


def find_leaks(files, secrets):
    """Files with a secret, each with the first that it holds."""
    texts = {name: content.decode("utf-8", "replace") for name, content in files.items()}
    return [(name, secret) for name, text in texts.items() for secret in sorted(secrets) if secret in text]


def test_the_secrets_are_looked_for(repos, secrets, home):
    """The commands left files here that would have given away every one of them."""
    left = {path.name: path.read_bytes() for path in home.rglob("*") if path.suffix in (".csv", ".jsonl", ".yaml")}

    assert {secret for _, secret in find_leaks(left, {str(home), *secrets})} == {str(home), *secrets}


@pytest.mark.parametrize(
    ("repo", "own"),
    [
        (MODEL, {"processor_config.json", "tokenizer.json", "tokenizer_config.json"}),
        (CLASSIFIER, {"eval_results.json"}),
    ],
    ids=["zero-shot model", "classifier"],
)
class TestModel:
    def test_it_holds_weights_configuration_figures_and_code(self, repos, repo, own):
        names = {name for name in repos[repo] if not name.endswith(".py")}

        assert names == WEIGHTS_AND_CONFIGURATION | FIGURES | own | {"preprocessor_config.json"}

    def test_it_holds_no_id_and_no_statement_of_a_record(self, repos, repo, own, secrets):
        assert find_leaks(repos[repo], secrets) == []

    def test_it_holds_no_path_no_user_and_no_host(self, repos, repo, own, home, text_encoder_dir):
        assert find_leaks(repos[repo], {str(home), str(text_encoder_dir), "/tmp/", USER, HOST}) == []


class TestCorpus:
    def test_it_holds_rows_and_a_card(self, repos):
        kinds = {re.sub(r"-\d{5}-of-\d{5}", "", name) for name in repos[CORPUS]}

        assert kinds == {"README.md", "croissant.json", "train.parquet", "validation.parquet", "test.parquet"}

    def test_the_card_has_no_id_of_a_record(self, repos, secrets):
        described = {name: repos[CORPUS][name] for name in ("README.md", "croissant.json")}

        assert find_leaks(described, secrets) == []

    def test_no_column_and_no_footer_tells_of_the_machine(self, repos, home, tmp_path):
        contents = {name: repos[CORPUS][name] for name in ("README.md", "croissant.json")}
        for name in repos[CORPUS].keys() - contents.keys():
            (tmp_path / name).write_bytes(repos[CORPUS][name])
            table = pq.read_table(tmp_path / name)
            columns = table.drop_columns(["signal"]).to_pydict()
            contents[name] = (json.dumps(columns) + str(pq.read_metadata(tmp_path / name).metadata)).encode()

        assert find_leaks(contents, {str(home), "/tmp/", USER, HOST}) == []
