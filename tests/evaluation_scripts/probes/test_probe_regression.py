"""A probe: a logistic regression per condition that knows nothing of the records it is tested on."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from evaluation_scripts.probes.regression import STRENGTHS, USUAL_STRENGTH, draw_share, fit_probe


TRAIN, VALIDATION, TEST = np.arange(60), np.arange(60, 80), np.arange(80, 120)


def make_records(seed=0, num_conditions=2):
    """Five features, the first of which say something about the conditions."""
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(120, 5))
    noise = generator.normal(size=(120, num_conditions))
    return features, (features[:, :num_conditions] + noise > 0.5).astype(float)


def test_it_is_scikit_learns_regression_on_scaled_features():
    features, labels = make_records()

    probe = fit_probe(features, labels, train=TRAIN)

    scaled = (features - features[TRAIN].mean(axis=0)) / features[TRAIN].std(axis=0)
    own = LogisticRegression(C=USUAL_STRENGTH).fit(scaled[TRAIN], labels[TRAIN, 1])
    assert probe.predict(features[TEST])[:, 1] == pytest.approx(own.predict_proba(scaled[TEST])[:, 1], abs=1e-6)


def test_labels_of_other_records_than_those_of_training_and_validation_change_nothing():
    features, labels = make_records()
    turned = labels.copy()
    turned[TEST] = 1 - turned[TEST]

    probes = [fit_probe(features, own, train=TRAIN, validation=VALIDATION) for own in (labels, turned)]

    assert probes[0].predict(features).tolist() == probes[1].predict(features).tolist()


def test_features_of_other_records_change_nothing_either():
    features, labels = make_records()
    moved = features.copy()
    moved[TEST] += 100

    probes = [fit_probe(own, labels, train=TRAIN, validation=VALIDATION) for own in (features, moved)]

    assert probes[0].predict(features).tolist() == probes[1].predict(features).tolist()


def test_validation_labels_choose_the_strength_and_nothing_else():
    features, labels = make_records()
    turned = labels.copy()
    turned[VALIDATION] = 1 - turned[VALIDATION]

    found = fit_probe(features, turned, train=TRAIN, validation=VALIDATION)

    alone = {strength: LogisticRegression(C=strength).fit(features[TRAIN], labels[TRAIN, 0]) for strength in STRENGTHS}
    signs = np.sign(alone[found.strength].coef_[0, 0]), np.sign(found.regressions[0].coef_[0, 0])
    assert signs[0] == signs[1] == 1


def test_of_equally_good_strengths_the_strongest_regularisation_is_taken():
    features = np.linspace(-1, 1, 120)[np.random.default_rng(0).permutation(120)][:, None]

    probe = fit_probe(features, (features > 0).astype(float), train=TRAIN, validation=VALIDATION)

    assert probe.strength == min(STRENGTHS)


def test_without_a_validation_that_can_rank_the_usual_strength_is_taken():
    features, labels = make_records()
    labels[VALIDATION] = 0.0

    assert fit_probe(features, labels, train=TRAIN, validation=VALIDATION).strength == USUAL_STRENGTH


def test_records_of_unknown_label_are_left_out():
    features, labels = make_records()
    unknown = labels.copy()
    unknown[:30, 0] = np.nan

    probe = fit_probe(features, unknown, train=TRAIN)

    scaled = (features - features[TRAIN].mean(axis=0)) / features[TRAIN].std(axis=0)
    own = LogisticRegression(C=USUAL_STRENGTH).fit(scaled[30:60], labels[30:60, 0])
    assert probe.predict(features)[:, 0] == pytest.approx(own.predict_proba(scaled)[:, 1], abs=1e-6)


def test_a_condition_without_a_positive_record_is_a_coin_and_is_named():
    features, labels = make_records()
    labels[TRAIN, 1] = 0.0

    probe = fit_probe(features, labels, train=TRAIN, validation=VALIDATION)

    assert probe.name_unlearnt(["AFIB", "WPW"]) == ["WPW"]
    assert set(probe.predict(features)[:, 1]) == {0.5}


def test_what_is_not_known_is_information_too():
    features, _ = make_records()
    labels = (np.random.default_rng(1).random((120, 1)) < 0.5).astype(float)
    features[labels[:, 0] == 1, 3] = np.nan

    scores = fit_probe(features, labels, train=TRAIN).predict(features[TEST])[:, 0]

    assert scores[labels[TEST, 0] == 1].min() > scores[labels[TEST, 0] == 0].max()


def test_a_probe_without_training_records_is_refused():
    features, labels = make_records()

    with pytest.raises(ValueError, match=r"no training record to fit a probe on\. Let the training split"):
        fit_probe(features, labels, train=np.empty(0, dtype=int))


@pytest.mark.parametrize(("percent", "count"), [(1, 2), (10, 20), (100, 200), (0.01, 1)])
def test_a_share_is_so_many_records_and_at_least_one(percent, count):
    assert len(set(draw_share(np.arange(200), percent, seed=0))) == count


def test_seeds_draw_other_records_and_the_same_seed_the_same():
    draws = [draw_share(np.arange(200), 10, seed=seed).tolist() for seed in (0, 0, 1)]

    assert draws[0] == draws[1] != draws[2]
