"""The Hub and back by HTTP: corpora load with `datasets` alone, checkpoints with `transformers` alone."""

import json
from functools import partial

import pytest
from helpers.records.ptb_xl_records import make_microvolts
from helpers.servers.hub_server import run_hub, run_on_hub


CORPUS, MODEL, LABELS = "group/simulated-ecg", "group/supreme-tiny", "group/report-labels"


@pytest.fixture(scope="module")
def hub():
    with run_hub() as hub:
        yield hub


@pytest.fixture(scope="module")
def run(hub, tmp_path_factory):
    """Run Python in a process whose Hub is the one on loopback, with a cache of its own; returns what it prints."""
    return partial(run_on_hub, hub, tmp_path_factory.mktemp("hub_cache"))


@pytest.fixture(scope="module")
def pushed_corpus(run, ptb_xl_dir, tmp_path_factory):
    """Twenty records, prepared and pushed by the command."""
    folder = tmp_path_factory.mktemp("prepared") / "corpus"
    run(
        *("-m", "datasets_scripts.prepare", "ptb_xl", "--data_dir", ptb_xl_dir),
        *("--output_dir", folder, "--records_per_shard", 8, "--push_to_hub", CORPUS),
    )
    return folder


def test_a_corpus_is_pushed_to_a_private_dataset_without_its_report(hub, pushed_corpus):
    files = hub.repos[f"datasets/{CORPUS}"]

    assert hub.is_private[f"datasets/{CORPUS}"]
    assert sorted(path.rpartition(".")[2] for path in files) == ["json", "md"] + 4 * ["parquet"]
    assert files["README.md"] == (pushed_corpus / "README.md").read_bytes()


def test_a_pushed_corpus_loads_with_datasets_alone(run, pushed_corpus, tmp_path):
    script = (
        "import sys, json; sys.modules['datasets_scripts'] = sys.modules['modeling_supreme'] = None; import datasets;"
        f" corpus = datasets.load_dataset({CORPUS!r});"
        " print(json.dumps([corpus.num_rows, corpus['train'][0]['signal'][0][:3]]))"
    )

    num_rows, samples = json.loads(run("-c", script, cwd=tmp_path))

    assert num_rows == {"train": 14, "validation": 2, "test": 2}  # two records have no superclass
    assert samples == make_microvolts(1)[:3, 0].tolist()


@pytest.fixture(scope="module")
def extracted(run, tmp_path_factory):
    """The findings of three reports, read and pushed by the command."""
    folder = tmp_path_factory.mktemp("labels")
    table = folder / "reports.csv"
    table.write_text(
        "record_id,patient_id,report\n7,p1,Atrial fibrillation. Dr Somebody\n8,p2,Possible LVH\n9,p2,No ST elevation\n"
    )
    flags = ("--reports", table, "--backend", "rules", "--output_dir", folder / "out", "--push_to_hub", LABELS)
    run("-m", "datasets_scripts.extraction", *flags)
    return folder / "out"


def test_labels_are_pushed_to_a_private_dataset_without_a_word_of_a_report(hub, extracted):
    files = hub.repos[f"datasets/{LABELS}"]

    assert hub.is_private[f"datasets/{LABELS}"]
    assert sorted(files) == ["README.md", "labels.parquet"]
    assert (extracted / "report.html").exists()
    assert not any(word in content for content in files.values() for word in (b"Somebody", b"Possible", b"p2"))
    assert "| atrial fibrillation | 1 | 0 | 0 |" in files["README.md"].decode()


@pytest.mark.usefixtures("extracted")
def test_pushed_labels_load_with_datasets_alone(run, tmp_path):
    script = (
        "import sys, json; sys.modules['datasets_scripts'] = sys.modules['modeling_supreme'] = None; import datasets;"
        f" rows = datasets.load_dataset({LABELS!r}, split='train');"
        " print(json.dumps(rows.to_list()))"
    )

    fibrillating, hypertrophic, neither = json.loads(run("-c", script, cwd=tmp_path))

    assert [row["record_id"] for row in (fibrillating, hypertrophic, neither)] == ["7", "8", "9"]
    assert "atrial fibrillation" in fibrillating["positive"]
    assert "left ventricular hypertrophy" in hypertrophic["uncertain"]
    assert "st elevation" in neither["negative"]


@pytest.mark.usefixtures("pushed_corpus")
def test_training_finds_the_shards_of_a_pushed_corpus(run):
    script = (
        "import json; from training_scripts.data.streaming import load_shards; "
        f"splits = load_shards({CORPUS!r}); shards = splits['train']; "
        "ids = [str(name) for rows in shards.iter_columns(['record_id']) for name in rows['record_id']]; "
        "print(json.dumps([ids, len(splits['validation']), shards.shards[0].url]))"
    )

    ids, num_validation, url = json.loads(run("-c", script))

    assert (sorted(map(int, ids)), num_validation) == ([1, 2, 3, 4, 5, 7, 8, 11, 12, 13, 14, 15, 17, 18], 2)
    assert url == f"hf://datasets/{CORPUS}/train-00000-of-00002.parquet"


def test_a_pushed_checkpoint_is_a_pipeline_for_those_who_lack_the_package(run, tiny_checkpoint_dir, tmp_path):
    push = "import sys; from pathlib import Path; from training_scripts.run.upload import push_to_hub; "
    run("-c", f"{push} push_to_hub(Path(sys.argv[1]), {MODEL!r})", tiny_checkpoint_dir)
    script = (
        "import sys, json; sys.modules['datasets_scripts'] = sys.modules['modeling_supreme'] = None; import numpy;"
        " from transformers import pipeline;"
        f" classify = pipeline('zero-shot-ecg-classification', model={MODEL!r}, trust_remote_code=True);"
        " strip = numpy.sin(numpy.arange(60000) / 40).reshape(12, 5000);"
        " print(json.dumps(classify(strip, candidate_labels=['normal ecg', 'atrial fibrillation'],"
        " sampling_rate=500, leads=classify.model.config.ecg_config.leads)))"
    )

    scores = json.loads(run("-c", script, cwd=tmp_path).splitlines()[-1])

    assert sorted(score["label"] for score in scores) == ["atrial fibrillation", "normal ecg"]
    assert all(0 < score["score"] < 1 for score in scores)
