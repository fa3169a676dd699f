"""`evaluate.load("metrics/multilabel_auroc")`: the arithmetic of the evaluation, from the repository or a copy."""

import shutil

import numpy as np
import pytest
from helpers.repository import ROOT

from evaluation_scripts.metrics import zero_shot_metrics


FOLDER = ROOT / "metrics" / "multilabel_auroc"
NAN = float("nan")


@pytest.fixture
def metric(load_metric):
    return load_metric(FOLDER)


def make_ranking(num_records=60, num_conditions=3, *, decimals=8, seed=0):
    """Scores that rank the positives of each condition a little higher; few `decimals` make ties."""
    generator = np.random.default_rng(seed)
    labels = (generator.random((num_records, num_conditions)) < 0.3).astype(float)
    labels[:2] = [[0.0], [1.0]]
    return np.round(labels + generator.normal(size=labels.shape), decimals), labels


def test_the_evaluate_library_loads_the_metric_from_its_folder(metric):
    scores, labels = make_ranking()

    result = metric.compute(predictions=scores, references=labels, label_names=["a", "b", "c"], seed=3)

    assert result == zero_shot_metrics(scores, labels, label_names=["a", "b", "c"], seed=3)


def test_the_loaded_metric_takes_batches_and_unknown_labels(metric):
    scores, labels = make_ranking()
    labels[5:20, 0] = NAN
    metric.add_batch(predictions=scores[:30], references=labels[:30])
    metric.add_batch(predictions=scores[30:], references=labels[30:])

    result = metric.compute(patient_ids=list(range(60)), min_positives=2, num_bootstrap_samples=10)

    assert result == zero_shot_metrics(scores, labels, min_positives=2, num_bootstrap_samples=10)


def test_the_metric_describes_itself(metric):
    assert "AUROC" in metric.description
    assert "patient_ids" in metric.inputs_description


def test_the_path_may_name_the_file(load_metric):
    result = load_metric(FOLDER / "multilabel_auroc.py").compute(predictions=[[0.1], [0.8]], references=[[0], [1]])

    assert result["auroc_macro"] == 1.0


def test_a_copy_of_the_file_elsewhere_is_loaded_too(load_metric, tmp_path):
    path = shutil.copy(FOLDER / "multilabel_auroc.py", tmp_path / "copied_auroc.py")

    result = load_metric(path).compute(predictions=[[0.1], [0.8]], references=[[0], [1]])

    assert result["auroc_macro"] == 1.0


def test_where_the_arithmetic_is_missing_the_loader_names_this_package():
    from evaluate.loading import get_imports

    assert ("library", "evaluation_scripts", "modeling-supreme", None) in get_imports(FOLDER / "multilabel_auroc.py")
