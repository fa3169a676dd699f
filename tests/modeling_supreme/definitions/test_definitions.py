"""An expression over measurements and findings becomes a probability; definitions are read, checked and resolved."""

import json
from math import inf, pi, sqrt

import numpy as np
import pytest
import torch
from scipy.stats import logistic, norm

from modeling_supreme.definitions import Measured, evaluate_expression, parse_definitions, read_definitions
from modeling_supreme.query_grammar import AllOf, AnyOf, Comparison, Finding, Not, Term, parse_query


KEYS = ("qrs_ms", "qt_ms", "pr_ms", "axis_deg", "num_p_waves", "p_ms", "s_mv_V1", "r_mv_V5", "r_mv_V6")
VALUES = (110.0, 390.0, 180.0, 60.0, 11.0, 100.0, 1.5, 1.8, 1.7)
SDS = (12.0, 25.0, 20.0, 15.0, 2.0, 15.0, 0.4, 0.5, 0.5)
NUM_RECORDS = 200


def measure(values=VALUES, sds=SDS, measurable=1.0, loadings=0.0):
    """One record; its errors follow one common factor with the same loading, if any."""
    present = torch.as_tensor(measurable, dtype=torch.float64).expand(len(KEYS))
    return Measured(
        KEYS,
        torch.tensor(values, dtype=torch.float64),
        torch.tensor(sds, dtype=torch.float64),
        present,
        torch.tensor([[loadings, 0.0]], dtype=torch.float64).expand(len(KEYS), 2),
    )


def chance(text, measured=None, **findings):
    """Probability of a question to one record; underscores stand for the blanks of findings."""
    named = {name.replace("_", " "): torch.tensor(value, dtype=torch.float64) for name, value in findings.items()}
    return evaluate_expression(parse_query(text), measured, named).item()


def below(limit, value, sd):
    """Probability that a logistic number lies below a limit, by SciPy."""
    return logistic.cdf(limit, loc=value, scale=sd * sqrt(3) / pi)


class TestOneComparison:
    """One measurement, any limits: the logistic distribution about its value."""

    def test_above_a_limit(self):
        assert chance("qrs_ms > 120", measure()) == pytest.approx(1 - below(120, 110, 12), abs=1e-12)

    def test_between_limits(self):
        expected = below(120, 110, 12) - below(100, 110, 12)

        assert chance("qrs_ms between 100 and 120", measure()) == pytest.approx(expected, abs=1e-12)

    def test_it_is_exact_whatever_correlates_with_it(self):
        assert chance("qrs_ms > 120", measure(loadings=0.9)) == chance("qrs_ms > 120", measure())

    def test_two_limits_of_one_measurement_are_an_interval(self):
        together = chance("qrs_ms > 100 and qrs_ms < 120", measure(loadings=0.9))

        assert together == pytest.approx(chance("qrs_ms between 100 and 120", measure()), abs=1e-12)

    def test_limits_that_exclude_each_other_are_never_true(self):
        assert chance("qrs_ms > 130 and qrs_ms < 120", measure(loadings=0.9)) == 0

    def test_a_limit_and_its_negation_are_always_true(self):
        assert chance("qrs_ms > 120 or not qrs_ms > 120", measure(loadings=0.9)) == pytest.approx(1)

    @pytest.mark.parametrize("limit", [400, 900])
    def test_what_is_rare_is_told_from_what_is_rarer(self, limit):
        expected = logistic.sf(limit, loc=110, scale=12 * sqrt(3) / pi)

        assert 0 < chance(f"qrs_ms > {limit}", measure()) == pytest.approx(expected, rel=1e-9)

    def test_a_number_without_error_is_a_step(self):
        exact = measure(sds=(0.0,) * len(KEYS))

        assert [chance(f"qrs_ms > {limit}", exact) for limit in (109, 111)] == [1, 0]


class TestNothingToMeasure:
    """No comparison is true of what is not there; a count is then 0."""

    def test_a_comparison_needs_what_it_compares(self):
        assert chance("pr_ms > 200", measure(measurable=0.4)) == pytest.approx(0.4 * (1 - below(200, 180, 20)))

    def test_its_negation_is_true_of_what_is_not_there(self):
        assert chance("not pr_ms > 200", measure(measurable=0)) == 1

    def test_a_count_of_nothing_is_0(self):
        assert chance("num_p_waves < 1", measure(measurable=0)) == 1
        assert chance("num_p_waves > 0", measure(measurable=0.3)) == pytest.approx(0.3)

    def test_p_waves_are_there_for_all_that_is_measured_of_them(self):
        one = chance("p_ms > 120", measure(measurable=0.5))

        assert chance("p waves and p_ms > 120", measure(measurable=0.5)) == pytest.approx(one)
        assert chance("no p waves and p_ms > 120", measure(measurable=0.5)) == 0


class TestAngles:
    """Angles go round: 180 degrees lie beside -179."""

    def test_an_axis_near_the_seam_lies_on_both_sides_of_it(self):
        beside = measure(values=(*VALUES[:3], 178.0, *VALUES[4:]))
        left, right = chance("axis_deg between -180 and -90", beside), chance("axis_deg between 90 and 180", beside)

        assert left == pytest.approx(1 - below(180, 178, 15), abs=1e-4)
        assert left + right == pytest.approx(1, abs=1e-4)

    def test_all_directions_together_are_certain(self):
        wide = measure(sds=(*SDS[:3], 100.0, *SDS[4:]))
        quarters = [chance(f"axis_deg between {a} and {a + 90}", wide) for a in (-180, -90, 0, 90)]

        assert sum(quarters) == pytest.approx(1, abs=1e-9)


class TestSums:
    """A weighted sum has the mean and the variance of the sum, with the correlation of its parts."""

    @pytest.mark.parametrize("loading", [0.0, 0.8])
    def test_two_voltages(self, loading):
        sd = sqrt(0.4**2 + 0.5**2 + 2 * loading**2 * 0.4 * 0.5)

        together = chance("s_mv_V1 + r_mv_V5 > 3.5", measure(loadings=loading))

        assert together == pytest.approx(1 - below(3.5, 3.3, sd), abs=1e-12)

    def test_a_difference_of_what_errs_alike_is_more_certain(self):
        sd = sqrt(0.4**2 + 0.5**2 - 2 * 0.8**2 * 0.4 * 0.5)

        apart = chance("r_mv_V5 - s_mv_V1 > 0", measure(loadings=0.8))

        assert apart == pytest.approx(1 - below(0, 0.3, sd), abs=1e-12)


class TestFindings:
    """Findings are independent of each other; what occurs twice is still one thing."""

    def test_all_of_some(self):
        assert chance('"fast" and not "wide"', fast=0.8, wide=0.25) == pytest.approx(0.6)

    def test_any_of_some(self):
        assert chance('"low st" or "side st"', low_st=0.3, side_st=0.6) == pytest.approx(1 - 0.7 * 0.4)

    def test_so_many_of_some(self):
        expected = 0.5 * 0.2 * 0.3 + 0.5 * 0.2 * 0.7 + 0.5 * 0.8 * 0.3 + 0.5 * 0.2 * 0.3

        assert chance('at least 2 of ("a", "b", "c")', a=0.5, b=0.2, c=0.3) == pytest.approx(expected)

    def test_a_finding_that_two_alternatives_share_is_counted_once(self):
        text = '("low st" and not "wide") or ("side st" and not "wide")'

        assert chance(text, low_st=0.3, side_st=0.6, wide=0.5) == pytest.approx(0.5 * (1 - 0.7 * 0.4))

    def test_neighbours_in_a_row(self):
        # Of four in a row, two side by side: by counting all 16 cases
        chances = dict(zip("abcd", (0.5, 0.2, 0.3, 0.6), strict=True))
        cases = np.array(np.meshgrid(*[[0, 1]] * 4)).reshape(4, -1).T
        weights = np.prod([np.where(cases[:, i], p, 1 - p) for i, p in enumerate(chances.values())], axis=0)
        expected = weights[(cases[:, :-1] & cases[:, 1:]).any(axis=1)].sum()

        assert chance('("a" and "b") or ("b" and "c") or ("c" and "d")', **chances) == pytest.approx(expected)

    def test_rare_alternatives_do_not_vanish(self):
        assert chance('"a" or "b"', a=1e-30, b=2e-30) == pytest.approx(3e-30)


def draw_errors(num_records, num_draws=400, seed=0):
    """Records whose measured QRS, QT and PR err together, and for each the truths that are possible.

    Returns:
        The `Measured` of the records and true values of shape `(num_records, num_draws, 3)`, whose errors have the
        logistic marginals and the correlation that the loadings say.
    """
    generator = np.random.default_rng(seed)
    loadings = np.array([[0.9, 0.0], [0.8, 0.4], [0.2, -0.9]])
    values = np.array([118.0, 400.0, 195.0]) + generator.normal(0, 1, (num_records, 3)) * [15, 30, 20]
    sds = np.array([12.0, 25.0, 20.0]) * generator.uniform(0.5, 1.5, (num_records, 3))
    factors = generator.normal(size=(num_records, num_draws, 2))
    own = np.sqrt(1 - (loadings**2).sum(axis=1))
    scores = factors @ loadings.T + own * generator.normal(size=(num_records, num_draws, 3))
    truths = values[:, None] + sds[:, None] * sqrt(3) / pi * logistic.ppf(norm.cdf(scores))
    tensors = (torch.from_numpy(part) for part in (values, sds, np.ones_like(sds), loadings))
    return Measured(("qrs_ms", "qt_ms", "pr_ms"), *tensors), truths


class TestCorrelatedErrors:
    """Where errors correlate, the answers are better calibrated than the bare product of the parts."""

    QUESTIONS = {
        "qrs_ms > 120 and qt_ms > 400": lambda x: (x[..., 0] > 120) & (x[..., 1] > 400),
        "qrs_ms > 120 or qt_ms > 400": lambda x: (x[..., 0] > 120) | (x[..., 1] > 400),
        "qrs_ms > 120 and not qt_ms > 400": lambda x: (x[..., 0] > 120) & ~(x[..., 1] > 400),
        "at least 2 of (qrs_ms > 120, qt_ms > 400, pr_ms > 200)": lambda x: (x > [120, 400, 200]).sum(axis=-1) >= 2,
    }

    @pytest.mark.parametrize("text", QUESTIONS)
    def test_the_probability_is_the_share_of_truths(self, text):
        measured, truths = draw_errors(NUM_RECORDS, num_draws=4000)
        expected = self.QUESTIONS[text](truths).mean(axis=1)
        alone = measured._replace(loadings=torch.zeros_like(measured.loadings))

        ours = np.abs(evaluate_expression(parse_query(text), measured, {}).numpy() - expected)
        product = np.abs(evaluate_expression(parse_query(text), alone, {}).numpy() - expected)

        assert ours.mean() < 0.01
        assert ours.mean() < product.mean() / 4

    @pytest.mark.parametrize("text", QUESTIONS)
    def test_the_brier_score_is_better(self, text):
        measured, truths = draw_errors(20_000, num_draws=1)
        is_true = self.QUESTIONS[text](truths)[:, 0]
        alone = measured._replace(loadings=torch.zeros_like(measured.loadings))

        ours = ((evaluate_expression(parse_query(text), measured, {}).numpy() - is_true) ** 2).mean()
        product = ((evaluate_expression(parse_query(text), alone, {}).numpy() - is_true) ** 2).mean()

        assert ours < product

    def test_an_answer_does_not_depend_on_the_records_beside_it(self):
        measured, _ = draw_errors(3000)
        few = measured._replace(**{name: getattr(measured, name)[2998:] for name in ("value", "sd", "measurable")})
        question = parse_query("qrs_ms > 120 and qt_ms > 400 and pr_ms > 200")

        together = evaluate_expression(question, measured, {})

        torch.testing.assert_close(together[2998:], evaluate_expression(question, few, {}), rtol=0, atol=1e-12)

    def test_a_sum_and_one_of_its_parts_go_together(self):
        # S is 5 without error: the sum is above 7.5 whenever R is above 2.5; the product would be .17
        record = measure(values=(*VALUES[:6], 5.0, 2.4, 1.7), sds=(*SDS[:6], 0.01, 0.5, 0.5))

        both = chance("r_mv_V5 > 2.5 and s_mv_V1 + r_mv_V5 > 7.5", record)

        assert both == pytest.approx(chance("r_mv_V5 > 2.5", record), abs=0.06)

    def test_factors_that_hardly_count_change_nothing(self):
        question = "qrs_ms > 120 and qt_ms > 400"

        assert chance(question, measure(loadings=1e-9)) == pytest.approx(chance(question, measure()), abs=1e-9)

    def test_a_question_of_findings_alone_needs_no_measurement(self):
        assert chance('"fast" and not "wide"', measure(), fast=0.8, wide=0.25) == pytest.approx(0.6)

    def test_shape_and_dtype_are_those_of_the_measurements(self):
        measured, _ = draw_errors(6)
        folded = Measured(measured.keys, *(part.reshape(2, 3, 3).float() for part in measured[1:4]), measured.loadings)

        answer = evaluate_expression(parse_query("qrs_ms > 120 and qt_ms > 400"), folded, {})

        assert (answer.shape, answer.dtype) == ((2, 3), torch.float32)


class TestReading:
    """Definitions come from YAML, JSON or mappings; what is wrong with one is said of it by name."""

    ENTRY = {"condition": "broad complexes", "expression": "QRS > 130 ms", "source": "Own choice"}

    @pytest.mark.parametrize("name", ["own.yaml", "own.json"])
    def test_from_a_file(self, tmp_path, name):
        (tmp_path / name).write_text(json.dumps([{**self.ENTRY, "names": ["BC"], "reviewed": True}]), encoding="utf-8")

        assert read_definitions(tmp_path / name) == [
            {
                "condition": "broad complexes",
                "names": ["BC"],
                "expression": "qrs_ms > 130",
                "source": "Own choice",
                "is_reviewed": True,
            }
        ]

    def test_expressions_by_condition_are_the_users_word(self):
        (entry,) = read_definitions({"broad complexes": "QRS > 130 ms"})

        assert (entry["is_reviewed"], entry["source"]) == (True, "Given by the user")

    def test_an_entry_is_unreviewed_unless_it_says_so(self):
        assert read_definitions([self.ENTRY])[0]["is_reviewed"] is False

    def test_what_was_read_reads_the_same(self):
        once = read_definitions({"a": "QRS > 130 ms", "b": "not a or HR 60-100"})

        assert read_definitions(once) == once

    def test_known_findings_need_no_quotation_marks(self):
        (entry,) = read_definitions({"fast flutter": "atrial flutter and HR > 120"}, ["Atrial-flutter"])

        assert entry["expression"] == '"atrial flutter" and rate_per_min > 120'

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ({"broad": "QRS > 130 bananas"}, r"'broad' in `definitions`: .*at character 10"),
            ([{**ENTRY, "source": ""}], r"Definition 0 of `definitions`, 'broad complexes': `source` is no text"),
            ([{**ENTRY, "condition": None}], r"Definition 0 .*`condition` is no text but None.*Write entries"),
            ([ENTRY, {"expression": "HR > 100"}], r"Definition 1 .*`condition`"),
            ([{**ENTRY, "names": "BC"}], r"'broad complexes': `names` is no list of names but 'BC'"),
            ([{**ENTRY, "reviewed": "yes"}], r"'broad complexes': `reviewed` is 'yes', neither true nor false"),
            ([ENTRY, {**ENTRY, "condition": "Broad-Complexes"}], r"'Broad-Complexes' .* defined twice.*'or'"),
            ([5], r"Definition 0 of `definitions`: `condition`"),
            (5, r"`definitions` is 5, no list of definitions"),
            ({"a": '"b" or QRS > 120 ms', "b": 'not "a"'}, r"'a' in `definitions` is defined by itself"),
            ({"a": '"a" and QRS > 120 ms'}, r"'a' in `definitions` is defined by itself"),
        ],
    )
    def test_what_is_wrong_is_refused_by_name(self, source, message):
        with pytest.raises(ValueError, match=message):
            read_definitions(source)

    def test_a_circle_through_a_synonym_is_found(self):
        entries = [
            {**self.ENTRY, "names": ["BC"], "expression": '"wide"'},
            {**self.ENTRY, "condition": "wide", "expression": '"bc"'},
        ]

        with pytest.raises(ValueError, match=r"'broad complexes' .* defined by itself"):
            parse_definitions(entries)

    def test_a_file_that_is_no_yaml_is_refused(self, tmp_path):
        (tmp_path / "own.yaml").write_text("a: [", encoding="utf-8")

        with pytest.raises(ValueError, match=r"own.yaml is neither YAML nor JSON(.|\n)*Write entries"):
            read_definitions(tmp_path / "own.yaml")

    def test_a_file_that_is_not_there_is_said_so(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"own.yaml"):
            read_definitions(tmp_path / "own.yaml")


def test_trees_are_evaluated_as_they_are_written_by_hand():
    tree = AnyOf((AllOf((Finding("a"), Comparison((Term("qrs_ms", 2.0),), above=240.0))), Not(Finding("b"))))
    findings = {"a": torch.tensor(0.5), "b": torch.tensor(0.9)}
    wide = 1 - below(120, 110, 12)

    answer = evaluate_expression(tree, measure(), findings).item()

    assert answer == pytest.approx(1 - (1 - 0.5 * wide) * 0.9, abs=1e-6)
    assert (tree.parts[0].parts[1].above, tree.parts[0].parts[1].below) == (240.0, inf)


class TestSumsOfCounts:
    """A count of what is not there adds nothing to a sum."""

    KEYS = ("num_early_wide", "num_early_narrow")

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("premature beats > 2", [1.0, 0.0]),
            ("premature beats < 2", [0.0, 1.0]),
            ("premature beats > 2 and early wide beats", [1.0, 0.0]),
        ],
    )
    def test_one_kind_of_beats_is_enough(self, query, expected):
        value = torch.tensor([[5.0, 1.0], [5.0, 1.0]])
        measurable = torch.tensor([[1.0, 0.0], [0.0, 0.0]])  # five wide and no narrow beats, and none at all
        measured = Measured(self.KEYS, value, torch.full((2, 2), 0.1), measurable, torch.zeros(2, 2))

        assert evaluate_expression(parse_query(query), measured, {}).tolist() == pytest.approx(expected, abs=1e-6)
