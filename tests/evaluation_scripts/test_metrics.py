"""`metrics`: point estimates are scikit-learn's, resamples are weights, and nothing undefined is averaged."""

import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pytest
from helpers.repository import ROOT
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from evaluation_scripts.metrics import (
    bootstrap_auroc,
    format_figure,
    label_matrix,
    nanmean_of_rows,
    percentile_interval,
    score_conditions,
    skipped_conditions,
    weighted_auroc,
    zero_shot_metrics,
)


NAN = float("nan")


def make_ranking(num_records=60, num_conditions=3, *, decimals=8, seed=0):
    """Scores that rank the positives of each condition a little higher; few `decimals` make ties."""
    generator = np.random.default_rng(seed)
    labels = (generator.random((num_records, num_conditions)) < 0.3).astype(float)
    labels[:2] = [[0.0], [1.0]]
    return np.round(labels + generator.normal(size=labels.shape), decimals), labels


# The positive at 0.6 beats 0.1 and 0.4, ties with 0.6 and loses to 0.9: (1 + 1 + 0.5 + 0) / 4
HAND_SCORES = np.array([[0.1], [0.4], [0.6], [0.9], [0.6]])
HAND_LABELS = np.array([[0.0], [0.0], [0.0], [0.0], [1.0]])


def test_a_tie_counts_one_half():
    result = score_conditions(HAND_SCORES, HAND_LABELS, num_bootstrap_samples=0)

    assert result.auroc.tolist() == [0.625]


def test_the_average_precision_of_a_hand_made_ranking():
    # Ranks of the positives from the top are 1 and 3: precision 1/1 and 2/3, each with half of the recall
    scores, labels = np.array([[0.9], [0.8], [0.7], [0.1]]), np.array([[1.0], [0.0], [1.0], [0.0]])

    result = score_conditions(scores, labels, num_bootstrap_samples=0)

    assert result.auprc == pytest.approx([(1 + 2 / 3) / 2])


def test_point_estimates_are_those_of_scikit_learn():
    scores, labels = make_ranking(decimals=1)

    result = score_conditions(scores, labels, num_bootstrap_samples=0)

    assert result.auroc.mean() == pytest.approx(roc_auc_score(labels, scores, average="macro"))
    assert result.auprc.mean() == pytest.approx(average_precision_score(labels, scores, average="macro"))


@pytest.mark.parametrize("decimals", [0, 1, 8], ids=["many ties", "some ties", "no ties"])
def test_a_weighted_auroc_equals_that_of_scikit_learn(decimals):
    scores, labels = make_ranking(decimals=decimals)
    weights = np.random.default_rng(1).multinomial(60, np.full(60, 1 / 60), size=20).T.astype(float)

    ours = weighted_auroc(scores[:, 0], labels[:, 0], weights)

    expected = [roc_auc_score(labels[:, 0], scores[:, 0], sample_weight=column) for column in weights.T]
    assert ours == pytest.approx(expected)


def test_a_weight_of_two_is_the_record_twice():
    scores, labels = make_ranking(num_records=20, num_conditions=1, decimals=1)
    weights = np.arange(20) % 3

    ours = weighted_auroc(scores[:, 0], labels[:, 0], weights[:, None].astype(float))

    twice = np.repeat(np.arange(20), weights)
    assert ours == pytest.approx([roc_auc_score(labels[twice, 0], scores[twice, 0])])


def test_a_weighting_without_positives_has_no_auroc():
    weights = np.array([[1.0, 1.0], [1.0, 0.0]])

    ours = weighted_auroc(np.array([0.2, 0.7]), np.array([0.0, 1.0]), weights)

    assert ours[0] == 1.0
    assert np.isnan(ours[1])


@pytest.mark.parametrize("values", [(0.0, 0.0), (1.0, 1.0), (NAN, NAN)], ids=["negatives", "positives", "unknown"])
def test_a_condition_of_one_class_is_nan_and_raises_no_warning(values):
    result = score_conditions(np.array([[0.2], [0.7]]), np.array(values)[:, None], num_bootstrap_samples=5)

    assert np.isnan(result.auroc).all()
    assert np.isnan(result.auprc).all()
    assert np.isnan(result.auroc_resamples).all()
    assert result.interval(0) is None


def test_a_record_of_unknown_label_is_left_out_for_that_condition_only():
    scores, labels = make_ranking()
    masked = labels.copy()
    masked[10:30, 1] = NAN

    result = score_conditions(scores, masked, num_bootstrap_samples=0)

    kept = np.r_[0:10, 30:60]
    assert result.auroc[1] == pytest.approx(roc_auc_score(labels[kept, 1], scores[kept, 1]))
    assert result.auroc[0] == pytest.approx(roc_auc_score(labels[:, 0], scores[:, 0]))
    assert result.num_records.tolist() == [60, 40, 60]


def test_an_unknown_label_does_not_enter_the_bootstrap_either():
    scores, labels = make_ranking(num_conditions=1)
    labels[40:] = NAN
    changed = scores.copy()
    changed[40:] = -100.0

    assert np.array_equal(bootstrap_auroc(scores, labels), bootstrap_auroc(changed, labels), equal_nan=True)


def test_auroc_depends_on_the_order_of_scores_only():
    scores, labels = make_ranking()

    raw = score_conditions(scores, labels, num_bootstrap_samples=50)
    squashed = score_conditions(1 / (1 + np.exp(-scores)), labels, num_bootstrap_samples=50)

    assert raw.auroc.tolist() == squashed.auroc.tolist()
    assert np.array_equal(raw.auroc_resamples, squashed.auroc_resamples)


def test_a_resample_of_patients_equals_scikit_learn_on_the_repeated_records():
    scores, labels = make_ranking(num_records=40, num_conditions=2, decimals=1)
    patients = np.arange(40) // 4

    ours = bootstrap_auroc(scores, labels, patient_ids=patients.tolist(), num_bootstrap_samples=3, seed=7)

    counts = np.random.default_rng(7).multinomial(10, np.full(10, 0.1), size=3)[:, patients]
    expected = [
        [roc_auc_score(labels[:, column], scores[:, column], sample_weight=row) for column in range(2)]
        for row in counts
    ]
    assert ours == pytest.approx(np.array(expected))


def test_records_of_one_patient_are_drawn_together():
    # Two patients, each with one positive scored above one negative: every resample ranks perfectly and none is empty
    scores, labels = np.array([[0.9], [0.1], [0.8], [0.2]]), np.array([[1.0], [0.0], [1.0], [0.0]])

    by_patient = bootstrap_auroc(scores, labels, patient_ids=["a", "a", "b", "b"], num_bootstrap_samples=200)
    by_record = bootstrap_auroc(scores, labels, num_bootstrap_samples=200)

    assert (by_patient == 1).all()
    assert np.isnan(by_record).any()


def test_one_patient_gives_no_interval():
    scores, labels = np.array([[0.9], [0.4], [0.6]]), np.array([[1.0], [0.0], [0.0]])

    figures = score_conditions(scores, labels, patient_ids=["a", "a", "a"])

    assert figures.auroc.tolist() == [1.0]
    assert figures.interval(0) is None


def test_the_interval_over_patients_is_wider_when_their_records_repeat():
    scores, labels = make_ranking(num_records=50, num_conditions=1, seed=3)
    scores, labels = np.repeat(scores, 8, axis=0), np.repeat(labels, 8, axis=0)

    low, high = score_conditions(scores, labels, patient_ids=(np.arange(400) // 8).tolist()).interval(0)
    low_records, high_records = score_conditions(scores, labels).interval(0)

    assert high - low > 2 * (high_records - low_records)


def test_the_interval_agrees_with_the_standard_error_of_hanley_and_mcneil():
    # Hanley and McNeil (1982), equation 1, at an area of .760 (normal scores one deviation apart), 100 + 100 records
    generator = np.random.default_rng(5)
    labels = np.repeat([0.0, 1.0], 100)[:, None]
    scores = labels + generator.normal(size=labels.shape)
    area = roc_auc_score(labels, scores)
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    error = np.sqrt((area * (1 - area) + 99 * (q1 - area**2) + 99 * (q2 - area**2)) / 100**2)

    low, high = score_conditions(scores, labels, num_bootstrap_samples=2000).interval(0)

    assert high - low == pytest.approx(2 * norm.ppf(0.975) * error, rel=0.1)


def test_the_seed_fixes_the_resamples():
    scores, labels = make_ranking()

    first, again, other = (bootstrap_auroc(scores, labels, num_bootstrap_samples=10, seed=seed) for seed in (1, 1, 2))

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_first_resamples_do_not_depend_on_how_many_follow():
    scores, labels = make_ranking()

    few = bootstrap_auroc(scores, labels, num_bootstrap_samples=100)
    many = bootstrap_auroc(scores, labels, num_bootstrap_samples=300)

    assert np.array_equal(few, many[:100], equal_nan=True)


def test_a_condition_that_loses_its_positives_leaves_the_resample_not_the_other_way_round():
    resamples = np.array([[0.8, NAN], [0.6, 1.0], [NAN, NAN]])

    assert nanmean_of_rows(resamples)[:2].tolist() == [0.8, 0.8]
    assert percentile_interval(nanmean_of_rows(resamples)) == [0.8, 0.8]


def count_pairs(scores, labels, weights):
    """AUROC from all pairs of a positive and a negative record, counted in whole numbers."""
    positive, negative = labels == 1, labels == 0
    halves = np.sign(scores[positive][:, None] - scores[negative]).astype(int) + 1  # 2 above, 1 tied, 0 below
    pairs = weights[positive][:, None] * weights[negative]
    return (pairs * halves).sum() / (2 * pairs.sum()) if pairs.any() else NAN


@pytest.mark.parametrize("decimals", [0, 1, 8], ids=["many ties", "some ties", "no ties"])
@pytest.mark.parametrize("prevalence", [0.02, 0.5, 0.97])
def test_resamples_are_exact_to_the_last_digit(decimals, prevalence):
    generator = np.random.default_rng(4)
    labels = (generator.random((90, 2)) < prevalence).astype(float)
    scores = np.round(labels + generator.normal(size=labels.shape), decimals)
    labels[generator.random(labels.shape) < 0.1] = NAN
    patients = generator.integers(0, 40, 90)
    positions = np.unique(patients, return_index=True)[1].argsort().argsort()  # patients by their first record
    numbers = positions[np.unique(patients, return_inverse=True)[1]]

    ours = bootstrap_auroc(scores, labels, patient_ids=patients.tolist(), num_bootstrap_samples=30)

    num_patients = len(positions)
    counts = np.random.default_rng(0).multinomial(num_patients, np.full(num_patients, 1 / num_patients), size=30)
    expected = [[count_pairs(scores[:, c], labels[:, c], row[numbers]) for c in range(2)] for row in counts]
    assert np.array_equal(ours, expected, equal_nan=True)


def test_a_condition_is_resampled_the_same_in_any_company():
    scores, labels = make_ranking(num_records=100, num_conditions=150, decimals=1)

    together = bootstrap_auroc(scores, labels, num_bootstrap_samples=300)

    alone = [bootstrap_auroc(scores[:, [c]], labels[:, [c]], num_bootstrap_samples=300) for c in (0, 63, 64, 149)]
    assert np.array_equal(together[:, [0, 63, 64, 149]], np.hstack(alone), equal_nan=True)


def test_a_thousand_resamples_of_three_hundred_conditions_take_seconds():
    # A tenth of 3,000 conditions, for which a minute is promised
    scores, labels = make_ranking(num_records=5000, num_conditions=300)

    start = time.process_time()
    bootstrap_auroc(scores, labels, num_bootstrap_samples=1000)

    assert time.process_time() - start < 10


def test_more_conditions_need_no_more_memory_than_their_result():
    scores, labels = make_ranking(num_records=1000, num_conditions=640)
    peaks = []

    for num_conditions in (64, 640):
        tracemalloc.start()
        resamples = bootstrap_auroc(scores[:, :num_conditions], labels[:, :num_conditions], num_bootstrap_samples=10)
        peaks.append(tracemalloc.get_traced_memory()[1] - resamples.nbytes)
        tracemalloc.stop()

    assert peaks[1] < 1.1 * peaks[0]


def test_skipped_conditions_are_named_with_their_reason():
    labels = np.array([[1.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.0], [0.0, NAN, 1.0, 0.0]])

    assert skipped_conditions(labels, ["PACE", "WPW", "SR", "AFIB"], min_positives=2) == {
        "PACE": "1 positive record, fewer than 2",
        "WPW": "no positive record",
        "SR": "no negative record",
    }


def test_the_macro_average_is_over_conditions_with_both_classes():
    scores = np.hstack([HAND_SCORES, HAND_SCORES, HAND_SCORES])
    labels = np.hstack([HAND_LABELS, np.zeros((5, 1)), 1 - HAND_LABELS])

    result = zero_shot_metrics(scores, labels, label_names=["AFIB", "WPW", "SR"], num_bootstrap_samples=20)

    assert result["auroc_macro"] == pytest.approx((0.625 + 0.375) / 2)
    assert result["num_conditions"] == 2
    assert result["skipped_conditions"] == {"WPW": "no positive record"}
    assert result["auroc_WPW"] is None


def test_rare_conditions_are_listed_but_not_averaged_when_asked():
    scores, labels = make_ranking(num_conditions=2)
    labels[:, 0] = 0.0
    labels[:3, 0] = 1.0

    result = zero_shot_metrics(scores, labels, label_names=["rare", "common"], min_positives=5)

    assert result["auroc_macro"] == result["auroc_common"]
    assert result["auroc_rare"] == pytest.approx(roc_auc_score(labels[:, 0], scores[:, 0]))
    assert result["skipped_conditions"] == {"rare": "3 positive records, fewer than 5"}


def test_a_corpus_without_any_condition_to_score_has_no_macro_average():
    result = zero_shot_metrics(np.zeros((3, 1)), np.zeros((3, 1)), num_bootstrap_samples=5)

    assert result["auroc_macro"] is None
    assert result["auroc_macro_ci95"] is None
    assert result["auprc_macro"] is None


def test_the_macro_average_lies_in_its_interval():
    scores, labels = make_ranking(num_records=200)

    result = zero_shot_metrics(scores, labels)

    low, high = result["auroc_macro_ci95"]
    assert low < result["auroc_macro"] < high


def test_positive_indices_become_a_matrix_with_unknown_labels():
    labels = label_matrix([[1], [], [0, 1]], 2, label_masks=[[True, True], [False, True], [True, True]])

    np.testing.assert_array_equal(labels, [[0.0, 1.0], [NAN, 0.0], [1.0, 1.0]])


@pytest.mark.parametrize("index", [-1, 2])
def test_a_label_index_outside_the_labels_is_refused(index):
    with pytest.raises(ValueError, match=rf"Label index {index} in row 1 .* 2 labels.*Build the corpus again"):
        label_matrix([[0], [index]], 2)


def test_a_label_mask_of_another_width_is_refused():
    with pytest.raises(ValueError, match=r"`label_mask` has 3 values per record.*2 labels.*one value per label"):
        label_matrix([[0]], 2, label_masks=[[True, True, True]])


def test_scores_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 3\) do not match labels of shape \(2, 2\).*num_records"):
        score_conditions(np.zeros((2, 3)), np.zeros((2, 2)))


def test_a_score_that_is_not_a_number_names_its_record():
    with pytest.raises(ValueError, match=r"score of record 1 for condition 0 is not a number.*weights"):
        score_conditions(np.array([[0.1], [NAN]]), np.zeros((2, 1)))


def test_soft_labels_are_refused():
    with pytest.raises(ValueError, match=r"Labels hold the value 0.5.*round soft labels"):
        score_conditions(np.zeros((2, 1)), np.array([[0.5], [1.0]]))


def test_patient_ids_must_be_one_per_record():
    with pytest.raises(ValueError, match=r"3 patient ids for 2 records.*one patient id per record"):
        score_conditions(np.zeros((2, 1)), np.zeros((2, 1)), patient_ids=["a", "b", "c"])


def test_label_names_must_be_one_per_label():
    with pytest.raises(ValueError, match=r"1 label names for 2 labels.*one name per label"):
        zero_shot_metrics(np.zeros((2, 2)), np.zeros((2, 2)), label_names=["AFIB"])


@pytest.mark.parametrize(("value", "text"), [(0.8763, "0.876"), (1, "1.000"), (None, "undefined"), (NAN, "undefined")])
def test_a_figure_has_three_decimals_or_a_word(value, text):
    assert format_figure(value, missing="undefined") == text


def test_importing_the_arithmetic_imports_no_library_but_numpy():
    code = "import sys, evaluation_scripts.metrics; print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    loaded = set(done.stdout.split())
    assert "numpy" in loaded
    assert loaded.isdisjoint({"sklearn", "scipy", "pandas", "torch", "datasets", "evaluate"})
