"""Lines, thresholds and errors of a few answers, by hand and beside scikit-learn."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score, roc_curve

from training_scripts.decisions.fit import (
    calibration_error,
    choose_thresholds,
    fit_conditions,
    fit_line,
    judge,
    split_patients,
)
from training_scripts.decisions.score import Scores


RNG = np.random.default_rng(1)


def draw(num_records, slope=1.0, offset=0.0, seed=0):
    """Scores, and truth whose probability is `expit(slope * logit(score) + offset)`."""
    rng = np.random.default_rng(seed)
    scores = expit(rng.normal(-1, 2, num_records))
    return scores, (rng.random(num_records) < expit(slope * logit(scores) + offset)).astype(float)


def make_scores(scores, truth, condition="atrial fibrillation"):
    """Of one condition, every record of a patient of its own."""
    patients = np.array([f"p{number}" for number in range(len(scores))])
    columns = (np.asarray(each)[:, None] for each in (np.asarray(scores, np.float32), truth))
    return Scores((condition,), ("query",), patients, *columns)


class TestLine:
    def test_many_records_say_what_it_is(self):
        slope, offset = fit_line(*draw(40_000, slope=0.6, offset=-1.5))

        assert (slope, offset) == (pytest.approx(0.6, abs=0.02), pytest.approx(-1.5, abs=0.05))

    def test_it_is_that_of_a_logistic_regression(self):
        scores, truth = draw(5000, slope=1.7, offset=0.8)
        regression = LogisticRegression(C=np.inf, tol=1e-8).fit(logit(scores)[:, None], truth)

        slope, offset = fit_line(scores, truth)

        assert slope == pytest.approx(regression.coef_[0, 0], rel=0.01)
        assert offset == pytest.approx(regression.intercept_[0], rel=0.03)

    def test_a_handful_of_records_hardly_moves_it(self):
        assert fit_line(np.array([0.5, 0.5]), np.array([0.0, 1.0])) == pytest.approx((1.0, 0.0))

    def test_records_that_are_told_apart_do_not_make_it_steep_without_end(self):
        slope, _ = fit_line(np.array([0.1] * 20 + [0.9] * 20), np.array([0.0] * 20 + [1.0] * 20))

        assert 1 < slope < 10

    def test_it_rises_even_where_answers_are_the_wrong_way_round(self):
        slope, offset = fit_line(np.array([0.9] * 50 + [0.1] * 50), np.array([0.0] * 50 + [1.0] * 50))

        assert 0 < slope < 0.2
        assert np.isfinite(offset)

    def test_certain_answers_are_finite(self):
        assert np.isfinite(fit_line(np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.0, 1.0, 0.0, 1.0]))).all()


class TestThresholds:
    def test_by_hand(self):
        probabilities = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.04, 0.03])
        truth = np.array([1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0])

        found = choose_thresholds(probabilities, truth)

        # at .6 all three are found and one of nine others is; at .8 two of three and none
        assert found["youden"] == (0.6, 1.0, pytest.approx(8 / 9))
        assert found["specificity_90"] == (0.8, pytest.approx(2 / 3), 1.0)

    @pytest.mark.parametrize("seed", range(5))
    def test_youden_is_where_scikit_learn_has_it(self, seed):
        probabilities, truth = draw(300, seed=seed)
        false_positives, sensitivity, thresholds = roc_curve(truth, probabilities, drop_intermediate=False)
        best = np.argmax(sensitivity - false_positives)

        found = choose_thresholds(probabilities, truth)["youden"]

        assert found == (thresholds[best], pytest.approx(sensitivity[best]), pytest.approx(1 - false_positives[best]))

    def test_nine_of_ten_are_called_absent(self):
        probabilities, truth = draw(1000)

        point = choose_thresholds(probabilities, truth)["specificity_90"]

        assert np.mean(probabilities[truth == 0] < point.threshold) == pytest.approx(point.specificity)
        assert 0.9 <= point.specificity < 0.9 + 2 / (truth == 0).sum()

    def test_equal_answers_are_called_alike(self):
        found = choose_thresholds(np.array([0.5] * 4 + [0.2] * 20), np.array([1, 1, 1, 0] + [0] * 20))

        assert found["youden"] == (0.5, 1.0, pytest.approx(20 / 21))

    def test_answers_that_are_all_the_same_have_none(self):
        assert choose_thresholds(np.full(20, 0.5), np.arange(20) % 2) is None

    def test_they_are_judged_on_other_records(self):
        found = judge(np.array([0.9, 0.4, 0.6, 0.1]), np.array([1, 1, 0, 0]), 0.5)

        assert found == (0.5, 0.5, 0.5)


class TestCalibrationError:
    def test_by_hand(self):
        probabilities, truth = np.array([0.2] * 50 + [0.6] * 50), np.array([0] * 45 + [1] * 5 + [1] * 40 + [0] * 10)

        # ten bins of ten; those of .2 have no positive four times and five once, those of .6 all four times and none
        expected = (4 * 0.2 + 0.3 + 4 * 0.4 + 0.6) / 10
        assert calibration_error(probabilities, truth) == pytest.approx(expected)

    def test_probabilities_have_little(self):
        assert calibration_error(*draw(80_000)) < 0.01


class TestConditions:
    def test_calibration_helps_where_answers_are_too_high(self):
        fitted, _ = fit_conditions(make_scores(*draw(6000, offset=-2.0)), records="simulated", min_positives=10)

        figures = fitted["atrial fibrillation"].describe()

        assert figures["ece_after"] < 0.02 < 0.1 < figures["ece_before"]

    def test_no_record_changes_its_rank(self):
        fitted, _ = fit_conditions(make_scores(*draw(900, slope=0.3)), records="real", min_positives=10)

        found = fitted["atrial fibrillation"]

        assert roc_auc_score(found.truth, found.after) == roc_auc_score(found.truth, found.before)

    def test_it_says_on_what(self):
        scores, truth = draw(900)
        fitted, _ = fit_conditions(make_scores(scores, truth), records="real", min_positives=10)

        decision, figures = fitted["atrial fibrillation"].decision, fitted["atrial fibrillation"].describe()

        assert (decision.records, decision.answered_by) == ("real", "query")
        assert (decision.num_records, figures["num_records"]) == (600, 300)
        assert decision.num_positives + figures["num_positives"] == truth.sum()

    def test_the_leads_it_takes_come_along(self):
        scores = make_scores(*draw(900), condition="inferior myocardial infarction")

        fitted, _ = fit_conditions(scores, records="simulated", min_positives=10)

        assert fitted["inferior myocardial infarction"].decision.leads == ("two inferior leads",)

    def test_too_few_positive_records_decide_nothing(self):
        truth = np.zeros(900)
        truth[:9] = 1

        fitted, reasons = fit_conditions(make_scores(RNG.random(900), truth), records="simulated", min_positives=10)

        assert fitted == {}
        assert reasons == {"atrial fibrillation": "9 simulated records show it, fewer than 10"}

    def test_unknown_records_do_not_count(self):
        scores, truth = draw(900)
        truth[::2] = np.nan

        fitted, _ = fit_conditions(make_scores(scores, truth), records="real", min_positives=10)

        found = fitted["atrial fibrillation"]
        assert found.decision.num_records + len(found.truth) == 450

    def test_a_patient_is_fitted_whole_or_not_at_all(self):
        patients = np.repeat([f"p{number}" for number in range(300)], 3)

        is_fitted = split_patients(patients).reshape(300, 3)

        assert (is_fitted.all(axis=1) | ~is_fitted.any(axis=1)).all()
        assert is_fitted.all(axis=1).sum() == 200
