"""The mean over sets: each counts the same, and a patient is drawn into all sets of a corpus at once."""

import numpy as np
import pytest

from evaluation_scripts.metrics import bootstrap_auroc, nanmean_of_rows, percentile_interval
from evaluation_scripts.suites.overall import SetScores, average_sets, resample_macros


def make_set(seed, corpus="ptb_xl", num_records=80):
    generator = np.random.default_rng(seed)
    labels = (generator.random((num_records, 3)) < 0.4).astype(float)
    patients = [f"p{index // 2}" for index in range(num_records)]
    return SetScores(corpus, patients, labels + generator.normal(size=labels.shape), labels)


def test_one_set_is_resampled_as_ever():
    own = make_set(0)

    macros = resample_macros([own], num_bootstrap_samples=30, seed=5)

    alone = bootstrap_auroc(own.scores, own.labels, patient_ids=own.patient_ids, num_bootstrap_samples=30, seed=5)
    assert macros[:, 0] == pytest.approx(nanmean_of_rows(alone))


def test_two_sets_of_the_same_patients_move_together():
    own = make_set(0)

    macros = resample_macros([own, own], num_bootstrap_samples=30, seed=5)

    assert macros[:, 0].tolist() == macros[:, 1].tolist()


def test_every_set_counts_the_same():
    sets = [make_set(0), make_set(1, corpus="cpsc2018")]
    results = {
        name: {"auroc_macro": figure, "understood": None, "num_conditions": count}
        for name, figure, count in (("a", 0.6, 5), ("b", 0.8, 9))
    }

    overall = average_sets(results, sets, num_bootstrap_samples=40, seed=0)

    macros = resample_macros(sets, num_bootstrap_samples=40, seed=0)
    assert overall["auroc_macro"] == pytest.approx(0.7)
    assert overall["auroc_macro_ci95"] == percentile_interval(macros.mean(axis=1))
    assert (overall["num_sets"], overall["num_conditions"], overall["understood"]) == (2, 14, None)


def test_sets_without_a_figure_stay_out_and_verdicts_add_up():
    results = {
        "a": {"auroc_macro": 0.6, "understood": {"num_understood": 2, "num_conditions": 5}, "num_conditions": 5},
        "b": {"auroc_macro": None, "understood": {"num_understood": 1, "num_conditions": 3}, "num_conditions": 0},
    }

    overall = average_sets(results, [make_set(0), make_set(1)], num_bootstrap_samples=5, seed=0)

    assert (overall["auroc_macro"], overall["num_sets"]) == (0.6, 1)
    assert overall["understood"] == {"num_understood": 3, "num_conditions": 8}
