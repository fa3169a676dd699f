"""The benchmark of many labels asks for labels of every kind, each once."""

from itertools import islice
from types import SimpleNamespace

import pytest

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


def test_an_answer_that_is_missing_ends_the_benchmark(many_labels):
    def classify(_recording, candidate_labels):
        return [{"label": label, "score": 0.5} for label in candidate_labels[1:]]

    with pytest.raises(SystemExit, match="1 answers to 2 labels"):
        many_labels.ask_pipeline(classify, ["atrial flutter", "心房細動 ❤"])


def test_the_recording_is_one_that_the_package_brings(many_labels):
    assert many_labels.RECORDING.is_file()
