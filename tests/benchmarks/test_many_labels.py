"""The benchmark of many labels asks for labels of every kind, each once."""

from itertools import islice
from types import SimpleNamespace

import pytest
from transformers import pipeline

from modeling_supreme.pipeline_zero_shot_ecg import check_labels


@pytest.fixture
def many_labels(monkeypatch):
    from helpers.repository import ROOT

    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from benchmarks.questions import many_labels

    return many_labels


def test_no_label_comes_twice_however_many_there_are(many_labels):
    config = SimpleNamespace(
        trained_queries=["Atrial Flutter"],
        definitions=[{"condition": "qt prolonged"}],
        condition_names={"atrial flutter": ["AFL", "atrial flutter"]},
    )

    labels = list(islice(many_labels.name_labels(config), 10_000))

    assert check_labels(labels) == labels
    assert {"atrial flutter", "qt prolonged", "afl"} <= set(labels)


def test_all_labels_are_answered_on_the_recording_of_the_package(many_labels, tiny_checkpoint_dir):
    classify = pipeline("zero-shot-ecg-classification", model=str(tiny_checkpoint_dir))

    figures = many_labels.ask_pipeline(classify, ["atrial fibrillation", "心房細動 ❤", "sign number 7 of nobody"])

    assert figures["megabytes"] > 10
    assert figures["again_s"] > 0
